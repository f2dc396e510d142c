"""Structureness: made repetitions of known length, and the path families behind them by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from composer.metrics import TooLittleMusic, structure


def chroma_of(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(12, 0.3), frames)


def measured(chroma: np.ndarray, frame_s: float = 0.5, bar: int = 4) -> tuple[float, float, float]:
    frames = len(chroma)
    return structure.structureness(chroma, np.arange(frames + 1) * frame_s, np.arange(0, frames, bar))


def brute_fitness(similarity: np.ndarray, start: int, length: int) -> float:
    """The fitness of one segment, every family of places tried."""
    frames = len(similarity)
    places = range(frames - length + 1)
    scores = [sum(similarity[t + k, start + k] for k in range(length)) for t in places]
    best = (0.0, 0)

    def extend(after: int, score: float, count: int) -> None:
        nonlocal best
        if score > best[0] + 1e-9:
            best = (score, count)
        for t in range(after, frames - length + 1):
            extend(t + length, score + scores[t], count + 1)

    extend(0, 0.0, 0)
    score, count = best
    gained, covered = (score - length) / (count * length), (count - 1) * length / frames
    return max(0.0, 2 * gained * covered / (gained + covered)) if gained > 0 and covered > 0 else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_fitness_is_that_of_the_best_family_of_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    half = rng.uniform(-2, 1, (12, 12)).round(2)
    similarity = np.minimum(half, half.T).astype(np.float32)
    similarity[6:, :6] = similarity[:6, 6:] = np.where(
        np.eye(6) > 0, 0.9, -2.0
    )  # the second half is the first
    np.fill_diagonal(similarity, 1.0)
    plot = structure.scape_plot(similarity, np.arange(0, 12, 3))
    assert plot.lengths.tolist() == [1, 2, 3, 4, 5, 6]
    for i, length in enumerate(plot.lengths):
        for j, start in enumerate(plot.starts):
            expected = brute_fitness(similarity, start, length) if start + length <= 12 else 0.0
            assert plot.fitness[i, j] == pytest.approx(expected, abs=1e-5), (length, start)


def test_a_perfect_repeat_has_the_fitness_of_the_formula() -> None:
    # One segment, twice, nothing else alike: gained 1/2, covered 1/2.
    similarity = np.full((20, 20), -2.0, np.float32)
    similarity[np.arange(10), np.arange(10, 20)] = similarity[np.arange(10, 20), np.arange(10)] = 1.0
    np.fill_diagonal(similarity, 1.0)
    plot = structure.scape_plot(similarity, np.array([0, 5, 10]))
    assert plot.fitness[9, 0] == pytest.approx(0.5)
    times_s = np.arange(21) * 1.0
    assert structure.structureness_indicator(plot, times_s, (10.0, 10.0)) == pytest.approx(0.5)
    assert structure.structureness_indicator(plot, times_s, (11.0, np.inf)) == 0.0


def test_repetition_shows_at_its_own_scale() -> None:
    eight_s = np.tile(chroma_of(16, 1), (8, 1))  # 16 frames of half a second, eight times
    free = chroma_of(128, 2)
    assert min(measured(eight_s)) > 0.6 > max(measured(free)) + 0.2
    once = np.concatenate(
        [chroma_of(64, 3)] * 2
    )  # half of the piece comes back: long structure, hardly short
    short, _, long = measured(once)
    assert long > short


def test_a_repeat_in_another_key_is_a_repeat() -> None:
    part = chroma_of(64, 4)
    shifted = np.concatenate([part, np.roll(part, 5, axis=1)])
    assert measured(shifted) == pytest.approx(measured(np.concatenate([part, part])), abs=0.05)
    assert measured(np.roll(shifted, 3, axis=1)) == pytest.approx(measured(shifted), abs=1e-3)


def test_shuffling_takes_structure_away() -> None:
    song = np.concatenate([chroma_of(32, s) for s in (1, 2, 1, 2, 3, 2)])
    shuffled = song[np.random.default_rng(0).permutation(len(song))]
    assert all(a > b for a, b in zip(measured(song), measured(shuffled), strict=True))


def test_short_and_monotonous_and_very_long_music() -> None:
    assert measured(chroma_of(4, 5)) == (0.0, 0.0, 0.0)  # two seconds
    assert measured(chroma_of(1, 5)) == (0.0, 0.0, 0.0)
    drone = np.zeros((40, 12))
    drone[:, 0] = 1.0
    assert all(0.5 < value <= 1 for value in measured(drone)[:1])
    long = np.tile(chroma_of(32, 6), (40, 1))
    assert len(long) > 2 * structure.MAX_FRAMES
    assert measured(long) == pytest.approx(measured(long[: len(long) // 3]), abs=0.05)


def test_silence_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(TooLittleMusic):
        measured(np.zeros((40, 12)))
    with pytest.raises(TooLittleMusic):
        measured(np.zeros((0, 12)))
    with pytest.raises(ValueError, match="borders"):
        structure.structureness(chroma_of(8, 0), np.arange(8), np.array([0]))
