"""A packed decoder computes what the decoder computes, and a row comes out the same in any batch."""

from __future__ import annotations

import pytest
import torch

from composer.models.decoder import Decoder, DecoderConfig, Memory
from composer.models.packed import PIECE_BARS, PackedDecoder, PackedLinear, encode_in_pieces, fewest_rows
from composer.models.sampling import one_thread

CONFIG = DecoderConfig((9, 128, 23), (8, 40), memory=(121, 128), width=64, layers=4, heads=4)
SLOTS = 24
STEPS = 40
ROWS = 33  # more than two vectors of 16 numbers for each head: elementwise functions would show their ends


@pytest.fixture(scope="module", params=["float32", "float16"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    """With weights of full precision, and with those that a checkpoint stores."""
    torch.manual_seed(0)
    decoder = Decoder(CONFIG)
    for name, parameter in decoder.named_parameters():
        if "norm" in name or "mix" in name:  # gains of one would hide a wrong one
            torch.nn.init.normal_(parameter, 1.0 if parameter.dim() == 1 else 0.0, 0.1)
    for layer in decoder.layers:
        torch.nn.init.normal_(layer.condition.weight, std=0.1)
    if request.param == "float16":
        decoder.half().float()
    return decoder.eval()


def steps_of(rows: int) -> tuple[torch.Tensor, torch.Tensor, list, torch.Tensor]:
    """What `PackedDecoder.step` is given, for the first ``rows`` rows: previous (steps, b, attributes), conditions,
    memory in sight and which of it is visible."""
    generator = torch.Generator().manual_seed(1)

    def ids(sizes: tuple[int, ...]) -> torch.Tensor:
        columns = [torch.randint(0, size + 1, (STEPS, ROWS), generator=generator) for size in sizes]
        return torch.stack(columns, -1)[:, :rows]

    previous, conditions = ids(CONFIG.attributes), ids(CONFIG.conditions)
    shape = (ROWS, CONFIG.heads, SLOTS, CONFIG.width // CONFIG.heads)
    seen = [
        tuple(torch.randn(shape, generator=generator)[:rows].contiguous() for _ in "kv")
        if layer % 2
        else None
        for layer in range(CONFIG.layers)
    ]
    visible = torch.rand(ROWS, 1, 1, SLOTS, generator=generator)[:rows] < 0.5
    return previous, conditions, seen, visible


def run_packed(packed: PackedDecoder, rows: int) -> torch.Tensor:
    previous, conditions, seen, visible = steps_of(rows)
    head = CONFIG.width // CONFIG.heads
    states = [torch.zeros(rows, CONFIG.heads, head, head) for _ in range(CONFIG.layers)]
    found = []
    for t in range(STEPS):
        hidden = packed.heads.begin(packed.step(previous[t], conditions[t], states, seen, visible))
        for i in range(len(CONFIG.attributes)):
            found.append(packed.heads.predict(i, hidden))
            if i + 1 < len(CONFIG.attributes):
                hidden = packed.heads.advance(i, hidden, found[-1].argmax(-1))
    return torch.cat(found, -1)


@torch.no_grad()
def run_plain(decoder: Decoder, rows: int) -> torch.Tensor:
    previous, conditions, seen, visible = steps_of(rows)
    states = [layer.attention.initial_state(rows) for layer in decoder.layers]
    found = []
    for t in range(STEPS):
        condition = decoder.conditions(conditions[t])
        x = decoder.tokens(previous[t]) + condition
        for i, layer in enumerate(decoder.layers):
            x, states[i] = layer.step(x, condition, states[i], seen[i], visible)
        hidden = decoder.heads.begin(x)
        for i in range(len(CONFIG.attributes)):
            found.append(decoder.heads.predict(i, hidden))
            if i + 1 < len(CONFIG.attributes):
                hidden = decoder.heads.advance(i, hidden, found[-1].argmax(-1))
    return torch.cat(found, -1)


def test_it_computes_what_the_decoder_computes(decoder):
    assert torch.allclose(run_packed(PackedDecoder(decoder), 3), run_plain(decoder, 3), atol=2e-5)


def test_a_row_is_the_same_to_the_last_bit_in_any_batch(decoder):
    with one_thread():
        packed = PackedDecoder(decoder)
        together = run_packed(packed, ROWS)
        for rows in (rows for rows in (1, 2, 4, 5, 8, 9, 17, 32) if rows >= fewest_rows()):
            assert torch.equal(run_packed(packed, rows), together[:rows]), rows


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("stored", [torch.float32, torch.float16])
def test_packed_weights_multiply_alike(bias, stored):
    torch.manual_seed(2)
    layer = torch.nn.Linear(48, 19, bias=bias).to(stored).float()
    x = torch.randn(5, 48)
    with torch.no_grad():
        assert torch.allclose(PackedLinear(layer.weight, layer.bias)(x), layer(x), atol=1e-6)


def test_weights_that_float16_cannot_hold_are_not_rounded():
    weight = torch.tensor([[1.0, 1.0 + 2**-20], [2.0**20, 1.0]])
    assert torch.equal(
        PackedLinear(weight)(torch.tensor([[-1.0, 1.0]])), torch.tensor([[2**-20, 1.0 - 2**20]])
    )


def test_packing_leaves_the_decoder_as_it_is(decoder):
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    run_packed(PackedDecoder(decoder), 2)
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("kind", ["tokens", "features"])
@pytest.mark.parametrize("bars", [1, PIECE_BARS, 3 * PIECE_BARS + 5])
def test_a_long_memory_is_encoded_in_pieces(kind, bars):
    torch.manual_seed(3)
    sizes = {"memory": (6, 3)} if kind == "tokens" else {"features": (5, 4)}
    config = DecoderConfig((5,), (4,), width=32, layers=2, heads=2, encoder_layers=2, window=1, **sizes)
    decoder = Decoder(config).eval()
    at = torch.arange(bars).repeat_interleave(3)[None]
    if kind == "tokens":
        memory = Memory(torch.randint(0, 4, (1, 3 * bars, 2)), at)
    else:
        memory = Memory(
            features=tuple(torch.randn(1, 3 * bars, size) for size in (5, 4)), feature_bars=(at, at)
        )
    with torch.no_grad():
        whole, whole_bars = decoder.encode(memory)
        pieces, piece_bars = encode_in_pieces(decoder, memory)
    by_bar, pieces_by_bar = (torch.argsort(x[0], stable=True) for x in (whole_bars, piece_bars))
    assert torch.equal(whole_bars[:, by_bar], piece_bars[:, pieces_by_bar])
    assert torch.allclose(whole[:, by_bar], pieces[:, pieces_by_bar], atol=1e-5)


def test_a_decoder_without_memory_has_nothing_to_encode():
    decoder = Decoder(DecoderConfig((5,), (4,), width=32, layers=2, heads=2))
    assert encode_in_pieces(decoder, Memory()) == (None, None)
