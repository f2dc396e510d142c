"""Shared runs of melody: found in any key and tempo, never across two melodies, exactly as long as they are."""

from __future__ import annotations

from pathlib import Path

import metric_cases
import numpy as np
import pytest

from composer.errors import BadInput
from composer.metrics import TooLittleMusic, novelty


def melody(seed: int, notes: int = 40, *, transposed: int = 0) -> np.ndarray:
    onset, duration, pitch = np.array(metric_cases.tune(seed, notes)).T
    return novelty.melody_symbols(onset, duration, pitch.astype(int) + transposed)


def brute_longest(one: np.ndarray, other: np.ndarray) -> int:
    best = 0
    for i in range(len(one)):
        for j in range(len(other)):
            n = 0
            while i + n < len(one) and j + n < len(other) and one[i + n, 1] == other[j + n, 1]:
                if n and one[i + n, 0] != other[j + n, 0]:
                    break
                n += 1
            best = max(best, n)
    return best


def test_a_melody_is_intervals_and_durations_its_chords_their_highest_note() -> None:
    onset = np.array([1.0, 0.0, 0.0, 2.0])
    symbols = novelty.melody_symbols(onset, np.array([1.0, 1.0, 1.0, 0.5]), np.array([62, 60, 48, 65]))
    assert symbols[:, 0].tolist() == [0, 2, 3]
    assert symbols[0, 1] == symbols[1, 1] != symbols[2, 1]


def test_a_copy_in_another_key_is_found_and_a_changed_note_ends_the_run() -> None:
    known = novelty.KnownMelodies([melody(1), melody(2)])
    assert novelty.shares_run(melody(1, transposed=5), known)
    assert novelty.longest_shared_run(melody(1, transposed=-3), known) == 40
    changed = melody(1).copy()
    changed[20, 0] += 1  # note 20 is reached by another interval: runs of notes 0-19 and 20-39 stay
    assert novelty.longest_shared_run(changed, known) == 20
    changed[10, 1] += 1  # another duration breaks the first of them
    assert novelty.longest_shared_run(changed[:20], known) == max(10, brute_longest(changed[:20], melody(1)))


@pytest.mark.parametrize("seed", range(6))
def test_the_longest_run_is_that_of_comparing_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    few = [np.stack([rng.integers(0, 2, 30), rng.integers(0, 2, 30)], 1).astype(np.int16) for _ in range(4)]
    known = novelty.KnownMelodies(few[1:])
    expected = max(brute_longest(few[0], other) for other in few[1:])
    assert novelty.longest_shared_run(few[0], known) == expected
    for length in range(1, 16):
        assert novelty.shares_run(few[0], known, length) == (length <= expected)


def test_no_run_goes_from_one_melody_into_the_next() -> None:
    whole = melody(3)
    cut = novelty.KnownMelodies([whole[:12], whole[12:24], whole[24:]])
    assert novelty.longest_shared_run(whole, cut) == 16
    assert len(cut.runs(13)) == 4  # all of them in the last melody


def test_the_rate_counts_pieces() -> None:
    known = novelty.KnownMelodies([melody(1)])
    pieces = [melody(1)[5:30], melody(7), melody(8), melody(1)[:15]]
    assert novelty.sharing_rate(pieces, known) == 0.25
    assert novelty.sharing_rate(pieces, known, length=15) == 0.5


def test_hashes_of_different_runs_differ() -> None:
    rng = np.random.default_rng(0)
    symbols = np.stack([rng.integers(-12, 13, 50_000), rng.integers(0, 23, 50_000)], 1)
    assert len(np.unique(novelty.run_hashes(symbols, 16))) == 50_000 - 15
    assert len(novelty.run_hashes(symbols[:10], 16)) == 0


def test_melodies_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "known.npz"
    novelty.KnownMelodies([melody(1), melody(2, 17)]).save(path)
    known = novelty.KnownMelodies.load(path)
    assert known.count == 2
    assert np.array_equal(known.runs(16), novelty.KnownMelodies([melody(1), melody(2, 17)]).runs(16))
    np.savez(path, symbols=np.zeros((3, 2), np.int16), lengths=np.array([4]))
    with pytest.raises(BadInput, match="damaged"):
        novelty.KnownMelodies.load(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(BadInput, match="cannot be read"):
        novelty.KnownMelodies.load(path)


def test_nothing_known_and_no_melody() -> None:
    nothing = novelty.KnownMelodies([])
    assert not novelty.shares_run(melody(1), nothing)
    assert novelty.longest_shared_run(melody(1), nothing) == 0
    with pytest.raises(TooLittleMusic):
        novelty.longest_shared_run(melody(1)[:0], nothing)
    with pytest.raises(TooLittleMusic):
        novelty.sharing_rate([], nothing)
    with pytest.raises(ValueError, match="run of 0"):
        novelty.shares_run(melody(1), nothing, 0)
