"""The training loop: accelerate runs the plain recipe; runs go on after a kill; processes stop together."""

from __future__ import annotations

import copy
import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from composer.errors import NotInstalled
from composer.models.decoder import Decoder
from composer.train import loop, notes
from composer.train.examples import collate, crop, note_example
from composer.train.song import Song, save_songs

TICK_S = 0.05  # of the pretended clock, which moves at every look
CONFIG = loop.tiny(notes.CONFIGS["melody"])
needs_accelerate = pytest.mark.skipif(
    importlib.util.find_spec("accelerate") is None, reason="accelerate is not installed"
)


def make_song(number: int, bars: int = 6) -> Song:
    """A broken chord over held thirds in C major, another one for every number."""
    rng = np.random.default_rng(number)
    rows = []
    for pulse in range(4 * bars):
        rows.append((pulse, 0, 0, 60 + rng.choice([0, 4, 7, 12]), 7, 20))
        rows += [(pulse, 0, 1, pitch, 7, 16) for pitch in (48, 52)]
    ones = np.ones(bars, np.int16)
    return Song(
        notes=np.array(rows, np.int16), chords=np.zeros(4 * bars, np.int16), bar_beats=4 * ones, compound=0 * ones,
        bpm=np.full(bars, 100, np.float32), phrase_left=np.arange(bars, dtype=np.int16)[::-1] % 4, cadence=0 * ones,
        meta=np.array([number, 0, 0, 0, 0], np.int32),
    )  # fmt: skip


def examples(numbers) -> list:
    return [note_example(make_song(number), 0) for number in numbers]


@pytest.fixture
def clock(monkeypatch):
    """Processor time that moves on by `TICK_S` whenever it is read."""
    now = [0.0]

    def read() -> float:
        now[0] += TICK_S
        return now[0]

    monkeypatch.setattr(time, "process_time", read)
    return now


def train(run: Path, steps: int, seed: int = 3) -> loop.Progress:
    """So many steps of the pretended clock."""
    plan = loop.Plan((steps - 0.5) * TICK_S / 60, batch=2, steps=32, seed=seed)
    return loop.train(CONFIG, plan, run, examples(range(1, 5)), examples([15, 25]), notes.prepare)


def states(run: Path) -> dict:
    return torch.load(run / "state.pt", weights_only=True)


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def plain_recipe(steps: int, seed: int = 3) -> tuple[Decoder, Decoder]:
    """The recipe in a few lines without accelerate: the network after ``steps`` steps and its average."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    decoder = Decoder(CONFIG)
    average = copy.deepcopy(decoder)
    training = examples(range(1, 5))
    groups = [
        {"params": [p for p in decoder.parameters() if p.dim() >= 2], "weight_decay": 0.05},
        {"params": [p for p in decoder.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    lengths = np.array([len(example.targets) for example in training], float)
    for step in range(steps):
        chosen = rng.choice(len(training), 2, p=lengths / lengths.sum())
        parts = [notes.prepare(crop(training[i], 32, CONFIG.window, rng), rng) for i in chosen]
        batch = collate(parts)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * loop.schedule(step, step / (steps - 0.5))
        with torch.autocast("cpu", torch.bfloat16):
            hidden = decoder.hidden(batch.previous, batch.conditions, batch.bars, batch.memory)
            nats = sum(part.sum() for part in decoder.heads.losses(hidden.flatten(0, 1), batch.targets))
        optimizer.zero_grad()
        (nats / (batch.targets[:, 0] >= 0).sum()).backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            decay = min(loop.EMA_DECAY, (1 + step) / (10 + step))
            for kept, new in zip(average.parameters(), decoder.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
    return decoder, average


@needs_accelerate
def test_one_process_follows_the_plain_recipe(tmp_path, clock):
    progress = train(tmp_path, 12)
    assert progress.step == 12
    decoder, average = plain_recipe(12)
    state = states(tmp_path)
    for name, value in decoder.state_dict().items():
        assert torch.allclose(state["model"][name], value, atol=1e-5), name
    for name, value in average.state_dict().items():
        assert torch.allclose(state["average"][name], value, atol=1e-5), name
    best, _ = loop.load_average(tmp_path)
    assert_same(best.state_dict(), state["average"])


@needs_accelerate
def test_a_seed_gives_one_network(tmp_path, clock):
    train(tmp_path / "one", 5)
    clock[0] = 0.0
    train(tmp_path / "again", 5)
    clock[0] = 0.0
    train(tmp_path / "other", 5, seed=4)
    assert_same(states(tmp_path / "one")["model"], states(tmp_path / "again")["model"])
    assert not torch.equal(*(states(tmp_path / n)["model"]["tokens.table"] for n in ("one", "other")))


@needs_accelerate
def test_a_run_begun_without_accelerate_goes_on(tmp_path, clock, capsys):
    """``state.pt`` and ``run.json`` as they were written before several processes could train."""
    decoder, average = plain_recipe(4)
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in decoder.parameters() if keep(p)], "weight_decay": decay}
         for keep, decay in ((lambda p: p.dim() >= 2, 0.05), (lambda p: p.dim() < 2, 0.0))]
    )  # fmt: skip
    content = {
        "model": decoder.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save({**content, "step": 4, "tokens": 99, "seconds": 4 * TICK_S}, tmp_path / "state.pt")
    progress = train(tmp_path, 6)
    assert "goes on from step 4" in capsys.readouterr().err
    assert progress.step == 6
    assert progress.tokens > 99
    told = loop.read_run(tmp_path)
    old_plan = {k: v for k, v in told["plan"].items() if k != "pairs"}
    (tmp_path / "run.json").write_text(json.dumps({"config": told["config"], "plan": old_plan}))
    assert loop.Plan(**loop.read_run(tmp_path)["plan"]).pairs == ""
    assert loop.load_average(tmp_path)[1].step == 6


@needs_accelerate
def test_a_finished_run_is_left_as_it_is(tmp_path, clock):
    train(tmp_path, 3)
    before = (tmp_path / "state.pt").read_bytes()
    assert train(tmp_path, 3).step == 3
    assert (tmp_path / "state.pt").read_bytes() == before


def test_the_remedy_is_told_where_accelerate_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(NotInstalled, match=r"framescore\[train\]"):
        loop.start(loop.Plan(1, 1, 32))


@needs_accelerate
@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(NotInstalled, match="--device cpu"):
        loop.start(loop.Plan(1, 1, 32, device="cuda"))


@needs_accelerate
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_learns_as_the_processor_does(tmp_path):
    """In a process of its own: accelerate keeps to one kind of device in a process."""
    save_songs([make_song(number) for number in range(1, 21)], tmp_path / "songs.npz")
    words = [sys.executable, "-m", "composer.train.melody", tmp_path / "songs.npz", "-o", tmp_path / "run"]
    options = ["--tiny", "--minutes", "0.2", "--steps", "32", "--device", "cuda"]
    subprocess.run([*map(str, words), *options], check=True, timeout=300)
    curve = rows(tmp_path / "run", "training")
    assert curve[-1][-1] < curve[0][-1]


def rows(run: Path, kind: str) -> list[list[float]]:
    """The rows of one kind in a loss curve, without the kind."""
    with (run / "losses.csv").open() as file:
        return [[float(value) for value in row[1:]] for row in csv.reader(file) if row[0] == kind]


WORKER = """
import os, pathlib
from composer.train import loop, notes
pathlib.Path("pid" + os.environ["RANK"]).write_text(str(os.getpid()))
loop.SAVE_EVERY_S = 0.5
end = loop.train
def train(*args):
    progress = end(*args)
    print(f"ends at step {progress.step} after {progress.seconds:.6f} s", flush=True)
loop.train = train
notes.main("melody")
"""


def launch(folder: Path, minutes: float, log: Path) -> subprocess.Popen:
    """Two processes of one thread that train the tiny melody network."""
    (folder / "worker.py").write_text(WORKER)
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", "worker.py",
             "songs.npz", "-o", "run", "--tiny", "--minutes", str(minutes), "--steps", "32", "--device", "cpu"],
            cwd=folder, stdout=file, stderr=file,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(loop.__file__).parents[2])},
        )  # fmt: skip


@needs_accelerate
@pytest.mark.slow
def test_two_processes_stop_together_and_go_on_after_a_kill(tmp_path):
    save_songs([make_song(number) for number in range(1, 21)], tmp_path / "songs.npz")
    first = launch(tmp_path, 60, tmp_path / "first.log")
    best = tmp_path / "run" / "best.pt"
    until = time.monotonic() + 400
    while not best.exists() and first.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    os.kill(int((tmp_path / "pid0").read_text()), signal.SIGKILL)
    assert first.wait(100) != 0  # the other process ends as well
    saved = states(tmp_path / "run")
    second = launch(tmp_path, (saved["seconds"] + 2) / 60, tmp_path / "second.log")
    code = second.wait(400)
    told = (tmp_path / "second.log").read_text()
    assert code == 0, told
    assert told.count(f"goes on from step {saved['step']}") == 1  # one process speaks
    ends = [line for line in told.splitlines() if line.startswith("ends")]
    assert len(ends) == 2
    assert ends[0] == ends[1]
    assert loop.read_run(tmp_path / "run")["processes"] == 2
    after = states(tmp_path / "run")
    assert after["step"] > saved["step"]
    assert after["tokens"] > saved["tokens"]
    assert len(rows(tmp_path / "run", "tuning")) >= 2
