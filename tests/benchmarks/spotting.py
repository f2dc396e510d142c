"""Whether spotting is right: scenes of made films, curves against motion, mood against tempo and dynamics.

Conventions: a boundary is found where one lies within `NEAR_S` of the true one; recall and precision are over all
films together. Themes are judged by pairs of sections: of one theme or not, as their places are. Tempo and velocities
of the written music are read from its MIDI file by mido alone. A section shorter than `LEAST_SECTION_S` is a bar or
less, whose tempo its length decides: it is left out.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import mido
import numpy as np
from clips import varies, watched
from harness import Line
from midi_clock import read_clock

sys.path.append(str(Path(__file__).resolve().parents[1]))
from made_films import Shot, made_film

from composer.midi import write_midi
from composer.pipeline import compose
from composer.spotting.affect import affect_curve, rgb_difference_at
from composer.spotting.cues import CueSheet, Section
from composer.spotting.segments import segment_film
from composer.spotting.spot import spot
from composer.spotting.tempo_solver import TINY_S
from composer.video.features import VideoFeatures

NEAR_S = 1.5
LEAST_SECTION_S = TINY_S
FILMS = 12  # of each kind
MOOD_FILMS, WRITTEN_FILMS = 20, 4
# Scenes, mean length of a scene and of a shot in s, views a place, how far views differ.
KINDS = (
    (4, 20, 3, 5, 0.25),
    (4, 20, 1.5, 5, 0.25),
    (6, 40, 4, 5, 0.4),
    (6, 40, 2, 6, 0.4),
    (20, 90, 4, 6, 0.3),
)
JOINED_FILMS, JOINED_CLIPS, JOINED_LEAST_S, JOINED_SCENE_S = 40, (3, 7), 8.0, 20.0
FAST_SHOTS_S = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
FEATURE_SCENES, FEATURE_LIMIT_S = 80, 2.0
NEEDED_SCENES, NEEDED_THEMES, MOST_SPLITS = 0.9, 0.95, 0.1
NEEDED_SHEET_R, NEEDED_DENSITY_R, NEEDED_R = 0.8, 0.9, 0.7
COLOR = ("color_histograms", "brightness", "saturation", "warmth")


@dataclass(frozen=True)
class Made:
    """A made film and its truth: where scenes change, and the place of each scene."""

    features: VideoFeatures
    changes_s: tuple[float, ...]
    places: tuple[int, ...]


def lines(work: Path) -> list[Line]:
    """Made films everywhere; real clips where the shared data is."""
    clips = [features for features in watched() if features.duration_s >= LEAST_SECTION_S]
    made = [_mood_film(number) for number in range(MOOD_FILMS)]
    return [
        *_scenes(),
        _montages(),
        _feature_film(),
        *([*_joined_scenes(clips), _density(clips)] if clips else []),
        *_sheet_moods([*clips, *made]),
        *_written_moods([*clips, *made[:WRITTEN_FILMS]], work),
    ]


def _scenes() -> list[Line]:
    rng = np.random.default_rng(1)
    films = [_scene_film(rng, *kind, number=number) for kind in KINDS for number in range(FILMS)]
    return _found(films, "made films")


def _joined_scenes(clips: list[VideoFeatures]) -> list[Line]:
    """Films joined of halves of real clips, none beside its other half: the second one is a return."""
    whole = [clip for clip in clips if clip.duration_s >= JOINED_LEAST_S and not clip.cut_times_s.size]
    rng = np.random.default_rng(4)
    return _found([_joined_film(rng, whole) for _ in range(JOINED_FILMS)], "joined real clips")


def _found(films: list[Made], what: str) -> list[Line]:
    found = hit = true = right = pairs = 0
    for film in films:
        sections = segment_film(film.features, affect_curve(film.features))
        starts_s = np.array([section.start_s for section in sections[1:]])
        hit += sum(bool(np.abs(starts_s - t).min(initial=np.inf) <= NEAR_S) for t in film.changes_s)
        true += len(film.changes_s)
        found += len(starts_s)
        middles_s = [(section.start_s + section.end_s) / 2 for section in sections]
        places = [film.places[int(np.searchsorted(film.changes_s, t))] for t in middles_s]
        for (one, here), (other, there) in combinations(zip(sections, places, strict=True), 2):
            pairs += 1
            right += (one.theme == other.theme) == (here == there)
    return [
        Line(
            f"scenes of {what} found and no others, >= {NEEDED_SCENES:.0%}",
            f"recall {hit / true:.1%}, precision {hit / found:.1%} of {true} changes in {len(films)} films",
            min(hit / true, hit / found) >= NEEDED_SCENES,
        ),
        Line(
            f"a place of {what} has its theme, others have not, >= {NEEDED_THEMES:.0%}",
            f"{right / pairs:.1%} of {pairs} pairs of sections",
            right / pairs >= NEEDED_THEMES,
        ),
    ]


def _montages() -> Line:
    """Films in which every shot is somewhere else: no section should begin."""
    rng = np.random.default_rng(2)
    splits, minutes = 0, 0.0
    for shot_s in FAST_SHOTS_S:
        for number in range(FILMS):
            places = rng.permutation(900)[: int(60 / shot_s)]
            shots = [Shot(shot_s * rng.uniform(0.7, 1.3), int(place)) for place in places]
            features = made_film(shots, clip=bool(number % 2), seed=number)
            splits += len(segment_film(features, affect_curve(features))) - 1
            minutes += features.duration_s / 60
    return Line(
        f"montages of shots of {FAST_SHOTS_S[0]:g}-{FAST_SHOTS_S[-1]:g} s split, <= {MOST_SPLITS:g} a minute",
        f"{splits / minutes:.2f} a minute, {len(FAST_SHOTS_S) * FILMS} films",
        splits / minutes <= MOST_SPLITS,
    )


def _feature_film() -> Line:
    film = _scene_film(np.random.default_rng(3), FEATURE_SCENES, 90, 4, 6, 0.3, number=1)
    started_s = time.process_time()
    sections = segment_film(film.features, affect_curve(film.features))
    took_s = time.process_time() - started_s
    hours = film.features.duration_s / 3600
    return Line(
        f"sections of a film of 2 hours in {FEATURE_LIMIT_S:g} s",
        f"{took_s:.1f} s for {len(sections)} sections of {FEATURE_SCENES} scenes in {hours:.1f} h",
        took_s <= FEATURE_LIMIT_S,
    )


def _density(clips: list[VideoFeatures]) -> Line:
    """Pearson's r of the sheet's density and the picture's motion, bar by bar, of every clip whose motion varies."""
    rs = {}
    for features in clips:
        cues = spot(features, seed=1)
        times_s = np.arange(0.05, features.duration_s, 0.1)
        bar = np.searchsorted(cues.tempo_map.bar_starts_s, times_s, side="right")
        motion = rgb_difference_at(features, times_s)
        density = np.array([_section_at(cues, time_s).density_at(time_s) for time_s in times_s])
        of_motion, of_density = (
            np.array([values[bar == b].mean() for b in np.unique(bar)]) for values in (motion, density)
        )
        if varies(of_motion):
            rs[features.source] = float(np.corrcoef(of_motion, of_density)[0, 1])
    least = min(rs, key=lambda name: rs[name])
    return Line(
        f"the sheet's density follows motion in every clip, r >= {NEEDED_DENSITY_R}",
        f"mean {np.mean(list(rs.values())):.2f}, least {rs[least]:.2f} ({least}), {len(rs)} clips",
        rs[least] >= NEEDED_DENSITY_R,
    )


def _sheet_moods(films: list[VideoFeatures]) -> list[Line]:
    rows = []
    for features in films:
        cues = spot(features, seed=1)
        beats = cues.tempo_map
        for section in _lasting(cues):
            length_s = section.end_s - section.start_s
            bpm = (beats.beats(section.end_s) - beats.beats(section.start_s)) * 60 / length_s
            rows.append((section.arousal, bpm, section.dynamics))
    return _against_arousal(np.array(rows), "solved tempo", "dynamics on the sheet", NEEDED_SHEET_R)


def _written_moods(films: list[VideoFeatures], work: Path) -> list[Line]:
    rows = []
    for features in films:
        cues = spot(features, seed=1)
        if not _lasting(cues):
            continue
        path = work / "spotted.mid"
        write_midi(compose(cues, features, seed=1, candidates=1), path)
        clock = read_clock(path)
        onsets_s, velocities = _notes(path)
        for section in _lasting(cues):
            lines_s = clock.lines_s[:-1]
            bars = (lines_s > section.start_s - 0.01) & (lines_s < section.end_s - 0.01)
            notes = (onsets_s >= section.start_s) & (onsets_s < section.end_s)
            if bars.any() and notes.any():
                rows.append((section.arousal, clock.bpm[bars].mean(), velocities[notes].mean()))
    return _against_arousal(np.array(rows), "tempo of the MIDI", "mean velocity of the MIDI", NEEDED_R)


def _against_arousal(rows: np.ndarray, tempo: str, loudness: str, needed: float) -> list[Line]:
    """Lines of rows (sections, 3): arousal, tempo, loudness."""
    drawn = []
    for column, name in ((1, tempo), (2, loudness)):
        r = float(np.corrcoef(rows[:, 0], rows[:, column])[0, 1])
        drawn.append(
            Line(f"arousal and {name}, r >= {needed}", f"r {r:.2f}, {len(rows)} sections", r >= needed)
        )
    return drawn


def _notes(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Onsets in s and velocities of all pitched notes of a MIDI file: (notes,) each."""
    now_s, found = 0.0, []
    for message in mido.MidiFile(path):
        now_s += message.time
        if message.type == "note_on" and message.velocity and message.channel != 9:
            found.append((now_s, message.velocity))
    onsets_s, velocities = np.array(found, float).reshape(-1, 2).T
    return onsets_s, velocities


def _scene_film(
    rng: np.random.Generator,
    scenes: int,
    scene_s: float,
    shot_s: float,
    views: int,
    view_change: float,
    *,
    number: int,
) -> Made:
    pool = rng.permutation(500)[: max(3, scenes * 2 // 3)]
    shots: list[Shot] = []
    changes_s: list[float] = []
    places: list[int] = []
    for _ in range(scenes):
        place = int(rng.choice([other for other in pool if not places or other != places[-1]]))
        places.append(place)
        left_s, view = scene_s * rng.uniform(0.6, 1.4), -1
        while left_s > 0.5:
            length_s = max(min(left_s, shot_s * rng.lognormal(0, 0.4)), 0.4)
            left_s -= length_s
            other = int(rng.integers(views - 1))
            view = other + (other >= view >= 0)
            shots.append(Shot(length_s, place, view, movement=6 * rng.lognormal(0, 0.3)))
        changes_s.append(sum(shot.length_s for shot in shots))
    features = made_film(shots, clip=bool(number % 2), seed=number, view_change=view_change)
    return Made(features, tuple(changes_s[:-1]), tuple(places))


def _joined_film(rng: np.random.Generator, clips: list[VideoFeatures]) -> Made:
    """Scenes of `JOINED_SCENE_S` or a little more, each half a clip, shown again until it is so long."""
    chosen = rng.permutation(len(clips))[: rng.integers(*JOINED_CLIPS)]
    halves = [(int(clip), half) for clip in chosen for half in (0, 1)]
    while any(one[0] == other[0] for one, other in pairwise(halves)):
        halves = [halves[index] for index in rng.permutation(len(halves))]
    pieces: list[tuple[VideoFeatures, float, float]] = []
    changes_s: list[float] = []
    for clip, half in halves:
        length_s = clips[clip].duration_s / 2
        times = int(np.ceil(JOINED_SCENE_S / length_s))
        pieces += [(clips[clip], half * length_s, length_s)] * times
        changes_s.append((changes_s[-1] if changes_s else 0.0) + times * length_s)
    return Made(_join(pieces), tuple(changes_s[:-1]), tuple(clip for clip, _ in halves))


def _join(pieces: list[tuple[VideoFeatures, float, float]]) -> VideoFeatures:
    """Pieces of films (film, start and length in s) one after the other, with a cut between."""
    color: dict[str, list[np.ndarray]] = {name: [] for name in COLOR}
    difference, color_s, motion_s, cuts_s = [], [], [], []
    now_s = 0.0
    for film, start_s, length_s in pieces:
        seen = (film.color_times_s >= start_s) & (film.color_times_s < start_s + length_s)
        moved = (film.motion_times_s >= start_s) & (film.motion_times_s < start_s + length_s)
        color_s.append(film.color_times_s[seen] - start_s + now_s)
        motion_s.append(film.motion_times_s[moved] - start_s + now_s)
        difference.append(film.rgb_difference[moved])
        for name, rows in color.items():
            rows.append(getattr(film, name)[seen])
        now_s += length_s
        cuts_s.append(now_s)
    return made_film(
        [Shot(now_s, 0)],
        color_times_s=np.concatenate(color_s),
        motion_times_s=np.concatenate(motion_s),
        rgb_difference=np.concatenate(difference),
        saliency=np.zeros(sum(map(len, motion_s))),
        cut_times_s=np.array(cuts_s[:-1]),
        cut_strengths=np.ones(len(cuts_s) - 1),
        **{name: np.concatenate(rows) for name, rows in color.items()},
    )


def _mood_film(number: int) -> VideoFeatures:
    """Three scenes of 20 s, each with its own pace, movement and light."""
    rng = np.random.default_rng(100 + number)
    shots = []
    for scene in range(3):
        pace_s, movement = rng.choice([1.5, 3.0, 6.0, 20.0]), float(rng.lognormal(np.log(8), 0.9))
        count = round(20 / pace_s)
        shots += [Shot(20 / count, 10 * number + scene, view, movement) for view in range(count)]
    return made_film(shots, seed=number)


def _lasting(cues: CueSheet) -> list[Section]:
    """The sections with music that are long enough to have a tempo."""
    return [s for s in cues.sections if not s.silent and s.end_s - s.start_s >= LEAST_SECTION_S]


def _section_at(cues: CueSheet, time_s: float) -> Section:
    return next((section for section in cues.sections if time_s < section.end_s), cues.sections[-1])
