"""Bars, tracks and stages written anew: nothing else changes, wishes are heard, seams are not."""

from __future__ import annotations

import io
from dataclasses import replace

import mido
import numpy as np
import pytest

from composer.edit_commands import version_of
from composer.evaluation.pieces import piece_of_score
from composer.free import FreeWishes, free_cues
from composer.history import parent_of, versions_of
from composer.lint import lint
from composer.metrics.controls import bar_density, bar_dynamics, bar_register
from composer.metrics.piece import ACCOMPANIMENT, MELODY
from composer.midi import midi_bytes
from composer.midi_file import midi_file_bytes
from composer.midi_reader import places_of, score_of
from composer.music import PITCH_NAMES
from composer.options import WrongUsage
from composer.pipeline import compose
from composer.regenerate import Request, bars_of, regenerate, request_from, tracks_named
from composer.rewrite import Task, Wishes, rewrite
from composer.smf import parse_smf

BARS = 24


@pytest.fixture(scope="module")
def files():
    """Pieces of 24 bars by the shipped networks: piano, strings with many parts, and pop with drums."""
    found = {}
    for seed, style in enumerate(("solo-piano", "string-orchestra", "pop")):
        cues = free_cues(BARS, seed=seed, wishes=FreeWishes(style=style, metre="4/4"))
        score = compose(cues, None, seed=seed, candidates=1, by_section=False)
        found[style] = parse_smf(midi_bytes(score))
    return found


def events(file) -> list[list[tuple[int, mido.Message]]]:
    """Every track's messages at their ticks, as mido reads them."""
    tracks = []
    for track in mido.MidiFile(file=io.BytesIO(midi_file_bytes(file))).tracks:
        tick, found = 0, []
        for message in track:
            tick += message.time
            found.append((tick, message.copy(time=0)))
        tracks.append(found)
    return tracks


def is_note(message) -> bool:
    return message.type in ("note_on", "note_off")


def is_of_version(message) -> bool:
    told = message.type == "text" and message.text.startswith("version.")
    return told or message.type == "sequencer_specific"


def is_chord(message) -> bool:
    return message.type == "text" and message.text.startswith("chord=")


def notes_of(track, tpb: int) -> list[tuple[int, int, int, int]]:
    """(start, stop, pitch, velocity) in ticks."""
    sounding: dict[int, list[tuple[int, int]]] = {}
    notes = []
    for tick, message in track:
        if message.type == "note_on" and message.velocity:
            sounding.setdefault(message.note, []).append((tick, message.velocity))
        elif is_note(message) and sounding.get(message.note):
            start, velocity = sounding[message.note].pop(0)
            notes.append((start, tick, message.note, velocity))
    return sorted(notes)


def check_the_rest(old, new, places: set[tuple[int, int]], chords: set[int]) -> None:
    """Outside ``places`` (SMF track, bar), and outside the chords of some bars, both files hold the same."""
    score = score_of(old)

    def bar(tick: int) -> int:
        return score.tempo_map.bar_at(tick / old.ticks_per_beat + 1e-6)

    for index, (before, after) in enumerate(zip(events(old), events(new), strict=True)):
        others = [
            [
                (tick, message)
                for tick, message in track
                if not is_note(message)
                and not is_of_version(message)
                and not (
                    message.type == "text"
                    and message.text.startswith("chord=")
                    and ({bar(tick), bar(tick - 1)} & chords)
                )
            ]
            for track in (before, after)
        ]
        assert others[0] == others[1]
        kept = [
            [note for note in notes_of(track, old.ticks_per_beat) if (index, bar(note[0])) not in places]
            for track in (before, after)
        ]
        assert kept[0] == kept[1]
        # in the same order too, notes and all else
        order = [
            [
                (tick, message)
                for tick, message in track
                if not is_of_version(message)
                and not (is_note(message) and any((index, b) in places for b in range(BARS)))
                and not is_chord(message)
            ]
            for track in (before, after)
        ]
        assert order[0] == order[1]


def random_request(rng: np.random.Generator, file, seed: int) -> Request:
    score = score_of(file)
    first = int(rng.integers(1, BARS + 1))
    last = min(first + int(rng.integers(0, 8)), BARS)
    tracks = rng.permutation([track.name for track in score.tracks])[: int(rng.integers(1, 3))]
    return Request(
        bars=f"{first}-{last}",
        tracks=tuple(map(str, tracks)),
        stages=("chords",) if rng.random() < 0.2 else (),
        seed=seed,
        candidates=1,
    )


def places_asked(file, request: Request) -> set[tuple[int, int]]:
    score = score_of(file)
    tracks = {track for name in request.tracks for track in tracks_named(score, name)}
    return {(1 + track, bar) for track in tracks for bar in bars_of(request.bars, BARS)}  # 0 is the conductor


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_everything_else_stays(files, count):
    rng = np.random.default_rng(count)
    changed = 0
    for number in range(count):
        file = files[list(files)[number % len(files)]]
        request = random_request(rng, file, number)
        new = regenerate(file, request)
        bars = set(bars_of(request.bars, BARS))
        check_the_rest(file, new, places_asked(file, request), bars if request.stages else set())
        changed += any(a.messages != b.messages for a, b in zip(file.tracks[1:], new.tracks[1:], strict=True))
        assert midi_file_bytes(parent_of(new)) == midi_file_bytes(file)
    assert changed >= 0.9 * count


def test_the_same_request_gives_the_same_bytes(files):
    request = Request(bars="9-12", tracks=("melody",), seed=3, candidates=2)
    one, two = (midi_file_bytes(regenerate(files["pop"], request)) for _ in range(2))
    assert one == two
    other = regenerate(files["pop"], replace(request, variation=1))
    assert notes_of(events(other)[1], 480) != notes_of(events(parse_smf(one))[1], 480)


def test_new_notes_end_with_the_gap_and_do_not_collide(files):
    file = files["string-orchestra"]
    new = regenerate(file, Request(bars="5-8", seed=1, candidates=1))
    for track in events(new)[1:]:
        notes = notes_of(track, 480)
        starts = {(start, pitch) for start, _, pitch, _ in notes}
        assert len(starts) == len(notes)
        for start, stop, pitch, _ in notes:
            assert not any(start < other < stop and p == pitch for other, _, p, _ in notes)
            if 4 * 4 * 480 <= start < 8 * 4 * 480:
                assert stop <= 8 * 4 * 480


def test_what_is_kept_stays(files):
    file = files["solo-piano"]
    score = score_of(file)
    pitch = next(note.pitch for note in score.tracks[1].notes if 16 <= note.onset_beats < 20)
    name = f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"
    accompaniment = score.tracks[1].name
    request = Request(bars="5-8", seed=2, candidates=1, keep=("melody@6", f"{accompaniment}:{name}@5"))
    new = regenerate(file, request)
    check_the_rest(file, new, {(1, 4), (1, 6), (1, 7), *((2, bar) for bar in range(4, 8))}, set())
    kept = [
        note for note in notes_of(events(file)[2], 480) if note[2] == pitch and 16 * 480 <= note[0] < 20 * 480
    ]
    assert set(kept) <= set(notes_of(events(new)[2], 480))


def test_chords_are_written_anew_and_told(files):
    file = files["pop"]
    new = regenerate(file, Request(bars="9-16", stages=("chords",), seed=5, candidates=1))
    before, after = score_of(file), score_of(new)

    def chord_at(score, beat):
        return next(
            (s.chord for s in score.chords if s.onset_beats <= beat < s.onset_beats + s.duration_beats), None
        )

    beats = np.arange(0, BARS * 4)
    outside = [beat for beat in beats if not 32 <= beat < 64]
    assert all(chord_at(before, beat) == chord_at(after, beat) for beat in outside)
    assert any(chord_at(before, beat) != chord_at(after, beat) for beat in range(32, 64))


def test_another_ensemble_plays_the_bars(files):
    file = files["solo-piano"]
    new = regenerate(file, Request(bars="9-12", style="jazz-combo", seed=4, candidates=1))
    score = score_of(new)
    inside = {track.name: sum(32 <= note.onset_beats < 48 for note in track.notes) for track in score.tracks}
    assert {name for name, count in inside.items() if count} >= {"Tenor Sax (melody)", "Acoustic Bass (bass)"}
    assert not any(track.notes[0].onset_beats < 32 for track in score.tracks[2:] if track.notes)
    assert not lint(new)
    assert midi_file_bytes(parent_of(new)) == midi_file_bytes(file)
    channels = [place[1] for place in places_of(new)]
    assert len(set(channels)) == len(channels)


def test_versions_are_remembered_and_come_back(files, tmp_path):
    file = files["solo-piano"]
    first = regenerate(file, Request(bars="1-2", tracks=("melody",), seed=1, candidates=1))
    second = regenerate(first, Request(bars="3-4", wishes=Wishes(density=0.9), seed=2, candidates=1))
    assert [version.number for version in versions_of(second)] == [1, 2]
    assert versions_of(second)[0] == versions_of(first)[0]
    again = regenerate(first, request_from(versions_of(second)[1].request))
    assert midi_file_bytes(again) == midi_file_bytes(second)
    assert midi_file_bytes(version_of(second, 0, tmp_path)) == midi_file_bytes(file)
    # a DAW has dropped the events that it does not know
    tracks = [
        replace(track, messages=tuple(m for m in track.messages if m[1][:2] != b"\xff\x7f"))
        for track in second.tracks
    ]
    assert parent_of(replace(second, tracks=tuple(tracks))) is None
    assert len(versions_of(replace(second, tracks=tuple(tracks)))) == 2


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (Request(bars="25"), "bars 1 to 24"),
        (Request(bars="9-3"), "bars 1 to 24"),
        (Request(bars="nine"), "9-16"),
        (Request(tracks=("kazoo",)), "no track is called 'kazoo'"),
        (Request(stages=("coda",)), "'coda' is none of"),
        (Request(bars="5", keep=("@5",)), "nothing is left"),
        (Request(keep=("Violas:H9@3",)), "--keep is"),
        (Request(keep=("",)), "--keep is"),
        (Request(style="polka"), "no such style"),
        (Request(style="pop", tracks=("Violas",)), "leave --tracks"),
    ],
)
def test_requests_that_cannot_be(files, request_, cause):
    with pytest.raises(WrongUsage, match=cause) as caught:
        regenerate(files["string-orchestra"], request_)
    assert "\n" not in str(caught.value)


def test_places_must_exist(files):
    score = score_of(files["pop"])
    for places in (frozenset(), frozenset({(0, BARS)}), frozenset({(99, 0)})):
        with pytest.raises(ValueError, match="must lie in"):
            rewrite(score, Task(places, seed=0))


def wished(rng: np.random.Generator) -> Wishes:
    """Wishes within what the networks learnt, as `composer.train.measure controls` asks for."""
    return Wishes(
        density=rng.uniform(0.1, 0.8), dynamics=rng.uniform(0.1, 0.9), register=int(rng.integers(50, 71))
    )


@pytest.mark.slow
def test_wishes_are_obeyed_as_in_whole_pieces(files):
    """Bar density r >= .85, dynamics r >= .9, register r >= .8, the thresholds of whole pieces."""
    rng = np.random.default_rng(0)
    asked, found = [], []
    for number in range(40):
        wishes = wished(rng)
        first = int(rng.integers(0, BARS - 4))
        request = Request(
            f"{first + 1}-{first + 4}", ("accompaniment",), wishes=wishes, seed=number, candidates=2
        )
        piece, _ = piece_of_score(score_of(regenerate(files["solo-piano"], request)))
        texture = replace(piece, part=np.where(piece.part == ACCOMPANIMENT, piece.part, 2))
        bars = slice(first, first + 4)
        found.append(
            [np.nanmean(measure(texture)[bars]) for measure in (bar_density, bar_dynamics, bar_register)]
        )
        asked.append([wishes.density, wishes.dynamics, wishes.register])
    r = [np.corrcoef(np.array(asked)[:, i], np.array(found)[:, i])[0, 1] for i in range(3)]
    print("density, dynamics, register r:", np.round(r, 3))
    assert (np.array(r) >= (0.85, 0.9, 0.8)).all()


@pytest.mark.slow
def test_seams_are_like_any_bar_line(files):
    """The tune's interval over a seam, and how often the chord changes there, lie within what bar lines of the same
    pieces show (5th to 95th percentile of means over as many bar lines drawn by chance)."""
    rng = np.random.default_rng(1)
    seams, usual, changes, usual_changes = [], [], [], []
    for number in range(45):
        file = files[list(files)[number % 3]]
        before = score_of(file)
        first = int(rng.integers(1, BARS - 5))
        new = score_of(
            regenerate(
                file,
                Request(
                    f"{first + 1}-{first + 4}",
                    (),
                    ("chords", "melody", "accompaniment"),
                    seed=number,
                    candidates=2,
                ),
            )
        )
        for score, into, changed in ((new, seams, changes), (before, usual, usual_changes)):
            lines = (first, first + 4) if score is new else range(1, BARS)
            into += [step for line in lines if (step := step_over(score, 4.0 * line)) is not None]
            changed += [chord_changes(score, 4.0 * line) for line in lines]
    for name, at_seams, at_lines in (("interval", seams, usual), ("chord changes", changes, usual_changes)):
        means = [rng.choice(at_lines, len(at_seams)).mean() for _ in range(2000)]
        low, high = np.percentile(means, [2.5, 97.5])
        print(
            name,
            "at seams",
            round(float(np.mean(at_seams)), 3),
            "at bar lines",
            round(low, 3),
            round(high, 3),
        )
        assert np.mean(at_seams) <= high
    assert np.max(np.abs(seams)) <= max(12, np.max(np.abs(usual)))


def step_over(score, beat: float) -> float | None:
    """Semitones between the last note of the tune before a beat and the first from it on, where both are near."""
    piece, _ = piece_of_score(score)
    tune = piece.part == MELODY
    onset, pitch = piece.onset_beats[tune], piece.pitch[tune]
    before, after = onset < beat - 1e-6, onset >= beat - 1e-6
    if not before.any() or not after.any() or beat - onset[before].max() > 4 or onset[after].min() - beat > 4:
        return None
    return float(abs(pitch[before][onset[before].argmax()] - pitch[after][onset[after].argmin()]))


def chord_changes(score, beat: float) -> float:
    return float(any(abs(span.onset_beats - beat) < 1e-6 for span in score.chords))
