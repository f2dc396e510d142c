"""The networks: recurrent and chunked forms agree, cost a token is constant, memory stays in its window."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from composer.errors import BadInput, NotInstalled
from composer.models.checkpoint import card_path, load_checkpoint, save_checkpoint
from composer.models.decoder import IGNORED, Decoder, DecoderConfig, Memory
from composer.models.sampling import Draw, Stepper, guide, one_thread, pick

CONFIG = DecoderConfig((5, 9), (4, 7), memory=(6, 3), width=32, layers=4, heads=2, encoder_layers=1)


def make_decoder(seed: int = 0, config: DecoderConfig = CONFIG) -> Decoder:
    torch.manual_seed(seed)
    decoder = Decoder(config)
    for layer in decoder.layers:
        torch.nn.init.normal_(layer.condition.weight, std=0.1)
    return decoder.eval()


def make_inputs(steps: int, memory: int, bars: int, config: DecoderConfig = CONFIG):
    def ids(sizes: tuple[int, ...], length: int) -> torch.Tensor:
        return torch.stack([torch.randint(0, size + 1, (1, length)) for size in sizes], -1)

    at = torch.arange(steps) * bars // steps
    memory_at = torch.arange(memory) * bars // memory
    return (
        ids(config.attributes, steps),
        ids(config.conditions, steps),
        at[None],
        Memory(ids(config.memory, memory), memory_at[None]),
    )


@pytest.mark.parametrize("steps", [1, 127, 128, 300])
def test_one_step_at_a_time_gives_what_whole_sequences_give(steps):
    decoder = make_decoder()
    previous, conditions, bars, memory = make_inputs(steps, 60, min(steps, 20))
    with torch.no_grad():
        whole = decoder.hidden(previous, conditions, bars, memory)
    stepper = Stepper(decoder, [memory])
    stepped = [stepper.step(previous[:, t], conditions[:, t], [int(bars[0, t])])[:1] for t in range(steps)]
    assert torch.allclose(whole, torch.stack(stepped, 1), atol=2e-5)


def test_a_sequence_is_the_same_to_the_last_bit_in_any_batch():
    config = DecoderConfig((9, 128, 23, 32), (8, 40), memory=(121, 128), width=256, layers=3, heads=4)
    decoder = make_decoder(2, config)
    rows = [make_inputs(60, 20 + 8 * i, 5 + i, config) for i in range(9)]

    def decode_rows(chosen: list[int]) -> torch.Tensor:
        stepper = Stepper(decoder, [rows[i][3] for i in chosen])
        found = []
        for t in range(60):
            previous, conditions = (torch.cat([rows[i][k][:, t] for i in chosen]) for k in (0, 1))
            hidden = stepper.step(previous, conditions, [int(rows[i][2][0, t]) for i in chosen])
            found.append(stepper.heads.predict(1, stepper.heads.begin(hidden))[: len(chosen)])
        return torch.stack(found, 1)

    with one_thread(), torch.no_grad():
        together = decode_rows(list(range(9)))
        for company in ([0], [3, 0], [8, 7, 6, 5, 4], [2, 4, 6, 8, 1, 3, 5]):
            assert torch.equal(decode_rows(company), together[company])


def test_the_state_does_not_grow():
    decoder = make_decoder()
    previous, conditions, bars, memory = make_inputs(400, 60, 20)
    stepper = Stepper(decoder, [memory])
    sizes = set()
    for t in range(400):
        stepper.step(previous[:, t], conditions[:, t], [int(bars[0, t])])
        sizes.add(sum(state.numel() for state in stepper.states))
    assert len(sizes) == 1


def test_memory_outside_the_window_does_not_matter():
    config = DecoderConfig((5, 9), (4, 7), memory=(6, 3), width=32, layers=2, heads=2, encoder_layers=0)
    decoder = make_decoder(1, config)
    previous, conditions, bars, memory = make_inputs(40, 40, 20, config)
    with torch.no_grad():
        before = decoder.hidden(previous, conditions, bars, memory)
        far = (memory.bars > 11)[..., None]
        changed = Memory(torch.where(far, (memory.tokens + 1) % 4, memory.tokens), memory.bars)
        after = decoder.hidden(previous, conditions, bars, changed)
    assert torch.equal(before[:, :20], after[:, :20])  # bars 0-9 see as far as bar 10
    assert not torch.allclose(before[:, 30:], after[:, 30:])


def test_losses_count_present_attributes_only():
    decoder = make_decoder()
    hidden = torch.randn(6, 32)
    targets = torch.tensor([[0, 1], [1, IGNORED], [IGNORED, IGNORED], [4, 8], [2, IGNORED], [3, 0]])
    assert [len(loss) for loss in decoder.heads.losses(hidden, targets)] == [5, 3]


def test_the_nucleus_is_the_smallest_set_that_reaches_p():
    logits = np.log(np.array([0.05, 0.5, 0.15, 0.3]))
    uniforms = np.linspace(0.0, 1.0, 101)[:-1]

    def drawn(p: float) -> set[int]:
        return {pick(logits, Draw(p), uniform) for uniform in uniforms}

    assert drawn(0.01) == {1}
    assert drawn(0.79) == {1, 3}
    assert drawn(0.81) == {1, 2, 3}
    assert drawn(1.0) == {0, 1, 2, 3}


def test_drawing_follows_the_distribution_and_never_takes_what_is_masked():
    logits = np.array([0.0, -np.inf, np.log(3.0), -np.inf], np.float32)
    uniforms = [0.0, *np.linspace(0.005, 0.995, 100), np.nextafter(1.0, 0.0)]
    found = [pick(logits, Draw(), uniform) for uniform in uniforms]
    assert (found.count(0), found.count(2)) == (26, 76)
    assert {pick(logits, Draw(temperature=0.01), uniform) for uniform in uniforms[1:]} == {2}


def test_guidance_moves_away_from_the_unconditioned_branch():
    logits = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert guide(logits, 0.0).tolist() == [[1.0, 0.0]]
    assert guide(logits, 2.0).tolist() == [[3.0, 0.0]]


def test_config_refuses_an_unknown_key():
    with pytest.raises(TypeError):
        DecoderConfig.from_json('{"attributes": [1], "conditions": [1], "depth": 3}')


def test_checkpoint_round_trip(tmp_path):
    decoder = make_decoder()
    weights = tmp_path / "net.safetensors"
    save_checkpoint(decoder, [Draw(0.9), Draw()], weights, {"stage": "test"}, ((0.0,), (1.0,)))
    loaded = load_checkpoint(weights)
    assert loaded.card["stage"] == "test"
    assert loaded.draws == (Draw(0.9), Draw())
    for name, tensor in loaded.decoder.state_dict().items():
        assert torch.allclose(tensor, decoder.state_dict()[name], atol=1e-3), name


@pytest.mark.parametrize(
    "damage", ["truncated", "pickle", "other bytes", "card", "unknown key", "other shape"]
)
def test_damaged_checkpoints_are_refused_in_one_line(tmp_path, damage):
    weights = tmp_path / "net.safetensors"
    save_checkpoint(make_decoder(), [Draw(), Draw()], weights, {}, ((0.0,), (1.0,)))
    card = json.loads(card_path(weights).read_text())
    content = weights.read_bytes()
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "pickle":
        torch.save({"weight": torch.zeros(3)}, weights)
        content = weights.read_bytes()
    elif damage == "other bytes":
        content = content[:-4] + b"\0\1\2\3"
    weights.write_bytes(content)
    if damage in ("truncated", "pickle"):  # even where the card agrees with the damaged file
        import hashlib

        card["sha256"] = hashlib.sha256(content).hexdigest()
    elif damage == "unknown key":
        card["config"]["depth"] = 3
    elif damage == "other shape":
        card["config"]["width"] = 64
    card_path(weights).write_text("{" if damage == "card" else json.dumps(card))
    with pytest.raises(BadInput) as error:
        load_checkpoint(weights)
    assert "\n" not in str(error.value)


def test_a_missing_checkpoint_is_not_installed(tmp_path):
    with pytest.raises(NotInstalled):
        load_checkpoint(tmp_path / "none.safetensors")
