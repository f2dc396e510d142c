"""Speed of composing: cost of a step early and late, beside a GPT-2 of equal size, a whole cue, and both backends.

Times are processor time on one thread (a busy machine does not change them much), and what is compared takes turns in
one process. Decoders have the shipped sizes and random weights, stored as float16 and multiplied as float32 like those
of a checkpoint; GPT-2 is that of `transformers`, in float32, with its own key-value cache. A step of ours writes a beat
or a whole note (place, pitch, duration, velocity); a step of GPT-2 is one token, of which it would need four for
a note: both ratios are printed, and that for a step with float32 weights. The promise is for a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from harness import Line

from composer.accompaniment import compose_accompaniment
from composer.chords import compose_chords
from composer.errors import NotInstalled
from composer.melody import compose_melody
from composer.models.backend import BACKENDS, use_backend
from composer.models.checkpoint import load_checkpoint
from composer.models.decoder import Decoder, DecoderConfig, Memory
from composer.models.sampling import Draw, decode, one_thread, stream
from composer.orchestrate import orchestrate
from composer.pipeline import CANDIDATES, Checkpoints
from composer.spotting.cues import CueSheet, Section
from composer.timing import Bar, TempoMap
from composer.train.notes import CONFIG

BEATS_A_BAR, NOTES_A_BEAT = 4, 3
STEPS_A_BEAT = NOTES_A_BEAT + 1
STEPS_A_BAR = BEATS_A_BAR * STEPS_A_BEAT
MEMORY_A_BAR = 10  # chords and melody notes
DRAWS = (Draw(0.95), Draw(0.9), Draw(0.9), Draw(0.95))
NEAR, FAR = 1_000, 16_000
BLOCK, BLOCKS = 256, 8
MOST_GROWTH = 1.1
RACE_STEPS, RACE_BLOCK = 1_500, 50
LEAST_SPEED_UP = 1.5
CUE_S, CUE_BPM, CUE_LIMIT_S = 60.0, 96.0, 10.0
LAYER_STEPS, LAYER_TURNS = 4096, 5
CLOSE = 1e-4


def lines(work: Path) -> list[Line]:
    """All promises on speed."""
    made = constant_cost() + sixty_seconds()
    if find_spec("transformers") is None:
        print("left out, transformers is not installed: GPT-2", flush=True)
    else:
        made += against_gpt2()
    if find_spec("fast_transformers") is None:
        print("left out, pytorch-fast-transformers is not installed: backends", flush=True)
    else:
        made += backends()
    return made


class Player:
    """A `composer.models.sampling.Writer` of notes and beats at an even pace. ``after`` is called with the number of
    steps written, after each."""

    def __init__(self, config: DecoderConfig, steps: int, after: Callable[[int], None]) -> None:
        self.stream = stream(0)
        self.previous = np.zeros(len(config.attributes), np.int64)
        self._table = self.stream.integers(0, config.conditions, (64, len(config.conditions)))
        self._masks = [np.ones(size, bool) for size in config.attributes]
        self._steps, self._after, self._written = steps, after, 0

    @property
    def done(self) -> bool:
        """Whether all steps are written."""
        return self._written >= self._steps

    @property
    def bar(self) -> int:
        """Bar of the next step."""
        return self._written // STEPS_A_BAR

    @property
    def conditions(self) -> np.ndarray:
        """Conditions of the next step."""
        return self._table[self._written % len(self._table)]

    @property
    def _ends_beat(self) -> bool:
        return self._written % STEPS_A_BEAT == NOTES_A_BEAT

    def has(self, attribute: int, step: np.ndarray) -> bool:
        """A beat has a kind only."""
        return attribute == 0 or not self._ends_beat

    def allowed(self, attribute: int, step: np.ndarray) -> np.ndarray | None:
        """A mask for kind and pitch, as the grammar gives."""
        return self._masks[attribute] if attribute < 2 else None

    def given(self, attribute: int) -> int | None:
        """The pace is given."""
        return None if attribute else 0 if self._ends_beat else 1 + self._written % STEPS_A_BEAT

    def take(self, step: np.ndarray) -> None:
        """Write it down."""
        self.previous = step + 1
        self._written += 1
        self._after(self._written)


class Gpt2:
    """GPT-2 with about as many ``parameters``, sampling one token after the other."""

    def __init__(self, parameters: int, vocabulary: int) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        def make(inner: int) -> GPT2LMHeadModel:
            sizes = {"n_embd": CONFIG.width, "n_layer": 6, "n_head": CONFIG.heads, "n_inner": inner}
            return GPT2LMHeadModel(
                GPT2Config(
                    vocab_size=vocabulary,
                    n_positions=RACE_STEPS,
                    bos_token_id=None,
                    eos_token_id=None,
                    **sizes,
                )
            )

        missing = parameters - count_parameters(make(4 * CONFIG.width))
        self.network = make(4 * CONFIG.width + round(missing / (6 * (2 * CONFIG.width + 1)))).eval()
        self._generator = torch.Generator().manual_seed(1)
        self.restart()

    def restart(self) -> None:
        """Forget what was written."""
        self._past = None
        self._token = torch.zeros(1, 1, dtype=torch.int64)

    @torch.no_grad()
    def step(self) -> None:
        """One token, drawn from the whole distribution."""
        found = self.network(self._token, past_key_values=self._past, use_cache=True)
        self._past = found.past_key_values
        self._token = torch.multinomial(found.logits[:, -1].softmax(-1), 1, generator=self._generator)


def constant_cost() -> list[Line]:
    """A step late in a long piece against a step early in one, block by block."""
    decoder = random_decoder()
    early, late = NEAR + BLOCK // 2, FAR + (BLOCKS - 1) * BLOCK + BLOCK // 2
    memories = {steps: random_memory(steps) for steps in (early, late)}
    spent: dict[int, list[float]] = {NEAR: [], FAR: []}
    begun_s = 0.0

    def play(steps: int, after: Callable[[int], None]) -> None:
        decode(decoder, [Player(decoder.config, steps, after)], [memories[steps]], DRAWS, ())

    def near(written: int) -> None:
        nonlocal begun_s
        if written == NEAR - BLOCK // 2:
            begun_s = time.process_time()
        elif written == early:
            spent[NEAR].append(time.process_time() - begun_s)

    def far(written: int) -> None:
        nonlocal begun_s
        first = written - (FAR - BLOCK // 2)
        if first < 0 or first % BLOCK:
            return
        if first:
            spent[FAR].append(time.process_time() - begun_s)
            play(early, near)
        begun_s = time.process_time()

    play(late, far)
    growth = median(f / n for n, f in zip(spent[NEAR], spent[FAR], strict=True))
    each = {at: median(blocks) / BLOCK * 1e3 for at, blocks in spent.items()}
    return [
        Line(
            f"a step at {FAR:,} costs at most {MOST_GROWTH} times one at {NEAR:,}",
            f"{growth:.3f} times ({each[FAR]:.2f} and {each[NEAR]:.2f} ms, median of {BLOCKS} pairs of {BLOCK} steps)",
            growth <= MOST_GROWTH,
        )
    ]


def against_gpt2() -> list[Line]:
    """As many steps of our decoder and of GPT-2, taking turns."""
    decoder, exact = random_decoder(), random_decoder(stored=torch.float32)
    gpt2 = Gpt2(count_parameters(decoder), sum(CONFIG.attributes))
    race(decoder, gpt2, RACE_BLOCK)  # warms up
    ours_s, gpt2_s = race(decoder, gpt2, RACE_STEPS)
    faster = gpt2_s / ours_s
    exact_s, beside_s = race(exact, gpt2, RACE_STEPS)
    spelt = (4 * NOTES_A_BEAT + 1) / STEPS_A_BEAT  # tokens of GPT-2 for a step of ours
    return [
        Line(
            f"tokens/s at least {LEAST_SPEED_UP} times a GPT-2's of equal size",
            f"{faster:.2f} times ({RACE_STEPS / ours_s:.0f} and {RACE_STEPS / gpt2_s:.0f} a second; "
            f"{count_parameters(decoder) / 1e6:.2f}M and {count_parameters(gpt2.network) / 1e6:.2f}M parameters); "
            f"with float32 weights {beside_s / exact_s:.2f} times; "
            f"note for note, four tokens of GPT-2 each, {faster * spelt:.1f} times",
            faster >= LEAST_SPEED_UP,
        )
    ]


def race(decoder: Decoder, gpt2: Gpt2, steps: int) -> tuple[float, float]:
    """Processor seconds of ``steps`` steps of each, a block of one and a block of the other."""
    gpt2.restart()
    ours_s = gpt2_s = 0.0

    def take_turns(written: int) -> None:
        nonlocal ours_s, gpt2_s, begun_s
        if written % RACE_BLOCK == 0:
            paused_s = time.process_time()
            for _ in range(RACE_BLOCK):
                gpt2.step()
            ours_s, gpt2_s = ours_s + paused_s - begun_s, gpt2_s + time.process_time() - paused_s
            begun_s = time.process_time()

    player = Player(decoder.config, steps, take_turns)
    memory = random_memory(steps)
    begun_s = time.process_time()
    decode(decoder, [player], [memory], DRAWS, ())
    return ours_s, gpt2_s


def sixty_seconds() -> list[Line]:
    """All stages of a cue after a warm call, the best of one; loading is timed beside it and taken off."""
    promise = f"a {CUE_S:.0f}-second cue within {CUE_LIMIT_S:.0f} s, the best of 1"
    section = Section(0.0, CUE_S, "A", 0.4, 0.2, "C", CUE_BPM, 0.6, 0.6, "full-orchestra")
    bars = tuple(Bar.at_bpm(CUE_BPM) for _ in range(round(CUE_S * CUE_BPM / 60 / BEATS_A_BAR)))
    cues = CueSheet("cue", CUE_S, 25.0, "00:00:00:00", (section,), (), TempoMap(bars), 0)
    try:
        write_cue(cues, 0, 1)  # warms up
        spent, wall_s, steps = write_cue(cues, 1, 1)
        best, best_wall_s, _ = write_cue(cues, 1, CANDIDATES)
    except NotInstalled as error:
        return [Line(promise, str(error), False)]
    total_s = sum(spent.values()) - 2 * spent["loading"]
    best_s = sum(best.values()) - 2 * best["loading"]
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items())
    measured = f"{total_s:.1f} s for about {steps} steps ({stages}; {wall_s:.1f} s by the clock with loading)"
    measured += f"; the best of {CANDIDATES}: {best_s:.1f} s ({best_wall_s:.1f} s by the clock)"
    if find_spec("transformers") is not None:
        gpt2 = Gpt2(count_parameters(random_decoder()), sum(CONFIG.attributes))
        with one_thread(), clocked(spent, "GPT-2"):
            for step in range(steps):
                if step % RACE_STEPS == 0:
                    gpt2.restart()
                gpt2.step()
        measured += f"; as many tokens of a GPT-2 of equal size: {spent['GPT-2']:.1f} s"
    return [Line(promise, measured, total_s <= CUE_LIMIT_S)]


def write_cue(cues: CueSheet, seed: int, candidates: int) -> tuple[dict[str, float], float, int]:
    """Compose a cue: processor seconds of each stage, loading in each and once more by itself; seconds by the clock;
    steps of one candidate."""
    networks = Checkpoints.for_cues(cues)
    spent: dict[str, float] = {}
    with clocked(spent, "loading"):
        for path in (networks.chords, networks.melody, networks.accompaniment):
            load_checkpoint(path)
    begun_s = time.monotonic()
    with clocked(spent, "chords"):
        harmony = compose_chords(cues, None, seed=seed, checkpoint=networks.chords, candidates=candidates)
    with clocked(spent, "melody"):
        lead = compose_melody(harmony, cues, seed=seed, checkpoint=networks.melody, candidates=candidates)
    with clocked(spent, "accompaniment"):
        notes = compose_accompaniment(
            lead, cues, seed=seed, checkpoint=networks.accompaniment, candidates=candidates
        )
    with clocked(spent, "orchestra"):
        orchestrate(lead, notes, cues)
    wall_s = time.monotonic() - begun_s
    beats = int(cues.tempo_map.end_beats)
    return spent, wall_s, len(cues.tempo_map.bars) + 3 * beats + len(lead.melody) + len(notes)


def backends() -> list[Line]:
    """Both backends on whole sequences: the logits of a decoder, and the speed of a layer forward and back."""
    decoder = random_decoder()
    steps = 1024
    ids = [torch.randint(0, size + 1, (1, steps)) for size in CONFIG.attributes + CONFIG.conditions]
    previous, conditions = (
        torch.stack(part, -1) for part in (ids[: len(CONFIG.attributes)], ids[len(CONFIG.attributes) :])
    )
    bars = (torch.arange(steps) // STEPS_A_BAR)[None]
    memory = random_memory(steps)
    layer = decoder.layers[0].attention
    x = torch.randn(1, LAYER_STEPS, CONFIG.width)
    logits = {}
    forward: dict[str, list[float]] = {name: [] for name in BACKENDS}
    both: dict[str, list[float]] = {name: [] for name in BACKENDS}
    for turn in range(1 + LAYER_TURNS):  # the first warms up
        for name in BACKENDS:
            use_backend(decoder, name)
            if turn == 0:
                with torch.no_grad():
                    hidden = decoder.hidden(previous, conditions, bars, memory)
                    logits[name] = torch.cat([head(hidden) for head in decoder.heads.logits], -1)
            begun_s = time.process_time()
            attended = layer(x)
            forward[name].append(time.process_time() - begun_s)
            attended.square().sum().backward()
            both[name].append(time.process_time() - begun_s)
    apart = float((logits["torch"] - logits["fast-transformers"]).abs().max())
    speeds = []
    for text, spent in (("forward", forward), ("forward and back", both)):
        torch_s, fast_s = (median(spent[name][1:]) for name in BACKENDS)
        speeds.append(f"{text} {torch_s:.3f} and {fast_s:.3f} s, {torch_s / fast_s:.2f} times as fast")
    return [
        Line(
            f"fast-transformers gives torch's logits within {CLOSE}",
            f"{apart:.1e} apart; a layer over {LAYER_STEPS} steps, torch and it: {'; '.join(speeds)}",
            apart <= CLOSE,
        )
    ]


def random_decoder(stored: torch.dtype = torch.float16) -> Decoder:
    """The shipped accompaniment network's sizes, untrained."""
    torch.manual_seed(0)
    decoder = Decoder(CONFIG).eval()
    for layer in decoder.layers:
        torch.nn.init.normal_(layer.condition.weight, std=CONFIG.width**-0.5)
    return decoder.to(stored).float()


def random_memory(steps: int) -> Memory:
    """Chords and melody of a piece of so many steps."""
    bars = -(-steps // STEPS_A_BAR)
    columns = [torch.randint(0, size + 1, (1, bars * MEMORY_A_BAR)) for size in CONFIG.memory]
    return Memory(torch.stack(columns, -1), torch.arange(bars).repeat_interleave(MEMORY_A_BAR)[None])


def count_parameters(network: torch.nn.Module) -> int:
    """Parameters, shared ones once."""
    return sum(parameter.numel() for parameter in network.parameters())


@contextmanager
def clocked(spent: dict[str, float], name: str) -> Iterator[None]:
    """Note the processor time of what is done inside."""
    begun_s = time.process_time()
    yield
    spent[name] = time.process_time() - begun_s
