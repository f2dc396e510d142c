"""Music without a picture: a cue sheet of a number of bars in one tempo and metre, whose themes come back.

Up to 16 bars are one section. Longer pieces have sections of 8 to 16 bars (whole groups of four but for the rest,
which the last one takes) in a song or rondo form: ABA, AABA, ABACA, AABACA, ABACABA, ... A new theme brings a
contrast of mood and a related key; a theme that returns brings its own mood and key back.

What is not asked for is drawn from the seed, and together: the mood first, such that it suits the style, the key,
the tempo, density and dynamics asked for; from the mood everything else, by the rules of `composer.spotting.wishes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from composer.errors import BadInput
from composer.options import MAX_BARS
from composer.palettes import PALETTES, choose_palette
from composer.spotting.cues import CueSheet, Section
from composer.spotting.metre import DEFAULT_METRE, Metre
from composer.spotting.segments import section_labels
from composer.spotting.tempo_range import MAX_BPM, MIN_BPM
from composer.spotting.wishes import (
    FASTEST_BPM,
    SLOWEST_BPM,
    home_key,
    mode_of,
    mood_to_wishes,
    related_key,
    wishes_to_arousal,
)
from composer.theory import Key
from composer.timing import Bar, TempoMap

DEFAULT_BARS = 32
FRAME_RATE = 25.0  # for timecodes only: nothing is shown
SECTION_BARS = (8, 16)
PHRASE_BARS = 4

EPISODES = "BCBD"  # between the returns of A, over and over

MOOD_DIGITS = 3  # as cue sheets write them
WIDEST_MOOD = 0.85  # of moods drawn freely
NEAR_STYLE, NEAR_WISH = 0.35, 0.1  # standard deviations of moods around a palette's, or that of a wish
OTHER_VALENCE, OTHER_AROUSAL = 0.3, (0.12, 0.3)  # a new theme lies up to, or between these, away
TEMPO_SPREAD, DENSITY_SPREAD, DYNAMICS_SPREAD = (
    0.06,
    0.08,
    0.06,
)  # standard deviations around what the mood asks for
SWAYING = {"4/4": 0.6, "3/4": 0.25, "6/8": 0.15}  # metres of music that is not driven, and how often
DRIVEN_AROUSAL = 0.3


@dataclass(frozen=True)
class FreeWishes:
    """What is asked for; None is drawn. Moods -1..1, ``density`` and ``dynamics`` 0..1, tempo in quarter notes a
    minute. Raises BadInput for what cannot be used.
    """

    style: str | None = None
    key: str | None = None
    tempo_bpm: float | None = None
    metre: str | None = None
    valence: float | None = None
    arousal: float | None = None
    density: float | None = None
    dynamics: float | None = None

    def __post_init__(self) -> None:
        limits = {
            "valence": (-1.0, 1.0),
            "arousal": (-1.0, 1.0),
            "density": (0.0, 1.0),
            "dynamics": (0.0, 1.0),
            "tempo_bpm": (MIN_BPM, MAX_BPM),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise BadInput(f"{name} {value:g} is outside {low:g} to {high:g}; choose one within")
        if self.style is not None and self.style not in PALETTES:
            raise BadInput(f"style {self.style!r} is not known; choose one of {', '.join(PALETTES)}")
        try:
            Metre.parse(self.metre or DEFAULT_METRE)
            Key.parse(self.key or "C")
        except ValueError as error:
            raise BadInput(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Theme:
    """How one theme sounds wherever it comes."""

    key: Key
    valence: float
    arousal: float
    density: float
    dynamics: float


def free_cues(
    bars: int,
    *,
    seed: int,
    wishes: FreeWishes | None = None,
    title: str = "untitled",
    tempo_map: TempoMap | None = None,
) -> CueSheet:
    """A cue sheet of exactly ``bars`` bars, in exactly the tempo (to a microsecond a beat) and the metre asked for.

    ``tempo_map``: the bars themselves, where they are known; tempo and metre are those wished for all the same.
    The same arguments give the same sheet. Raises BadInput for a number of bars outside 1 to `MAX_BARS`.
    """
    if not 1 <= bars <= MAX_BARS:
        raise BadInput(f"{bars} bars are outside 1 to {MAX_BARS}; choose a number within")
    wishes = wishes or FreeWishes()
    rng = np.random.default_rng(seed)
    valence, arousal = _mood(wishes, rng)
    style = wishes.style or choose_palette(valence, arousal)
    metre = Metre.parse(wishes.metre or _metre(style, arousal, rng))
    drawn_bpm = mood_to_wishes(valence, arousal).tempo_bpm * math.exp(TEMPO_SPREAD * rng.standard_normal())
    tempo_bpm = wishes.tempo_bpm or float(round(min(max(drawn_bpm, SLOWEST_BPM), FASTEST_BPM)))
    bar = Bar.at_bpm(tempo_bpm, metre.numerator, metre.denominator)
    tempo_map = tempo_map or TempoMap((bar,) * bars)

    form = _form(bars, rng)
    lengths = section_lengths(bars, len(form))
    themes = _themes(sorted(set(form)), wishes, valence, arousal, rng)
    edges_s = tempo_map.bar_starts_s[np.concatenate([[0], np.cumsum(lengths)])].tolist()
    sections = []
    for index, (letter, label) in enumerate(zip(form, section_labels(form), strict=True)):
        theme = themes[letter]
        sections.append(
            Section(
                start_s=edges_s[index],
                end_s=edges_s[index + 1],
                label=label,
                valence=round(theme.valence, 3),
                arousal=round(theme.arousal, 3),
                key=str(theme.key),
                tempo_bpm=tempo_bpm,
                density=round(theme.density, 3),
                dynamics=round(theme.dynamics, 3),
                style=style,
                theme=letter,
                metre=str(metre),
                reasons=_reasons(wishes),
            )
        )
    return CueSheet(
        title=title,
        duration_s=edges_s[-1],
        frame_rate=FRAME_RATE,
        start_timecode="00:00:00:00",
        sections=tuple(sections),
        hits=(),
        tempo_map=tempo_map,
        seed=seed,
        provenance={"form": "".join(form)},
    )


def section_lengths(bars: int, count: int) -> list[int]:
    """Bars of each of ``count`` sections: groups of four as even as can be, the last section takes what is left."""
    each, more = divmod(bars // PHRASE_BARS, count)
    lengths = [PHRASE_BARS * (each + (index < more)) for index in range(count)]
    return [*lengths[:-1], bars - sum(lengths[:-1])]


def _form(bars: int, rng: np.random.Generator) -> tuple[str, ...]:
    """A theme's letter for every section."""
    shortest, longest = SECTION_BARS
    fewest, most = math.ceil(bars / longest), max(bars // shortest, 1)
    if most < 3:  # too short for a theme that leaves and returns
        return ("A",) * min(fewest, most)
    counts = [count for count in range(max(fewest, 3), most + 1) if bars % (PHRASE_BARS * count) == 0]
    counts = counts or list(range(max(fewest, 3), most + 1))
    count = counts[int(rng.integers(min(len(counts), 2)))]
    opening = 1 - count % 2  # an even number of sections begins with A twice
    episodes = [
        EPISODES[index // 2 % len(EPISODES)] if index % 2 else "A" for index in range(count - opening)
    ]
    return ("A",) * opening + tuple(episodes)


def _mood(wishes: FreeWishes, rng: np.random.Generator) -> tuple[float, float]:
    """Valence and arousal of the first theme: those asked for, or such that they suit what is."""
    valence, arousal = rng.uniform(-WIDEST_MOOD, WIDEST_MOOD, 2).tolist()
    if wishes.style is not None:
        palette = PALETTES[wishes.style]
        valence = palette.valence + NEAR_STYLE * rng.standard_normal()
        arousal = palette.arousal + NEAR_STYLE * rng.standard_normal()
    near = wishes_to_arousal(wishes.tempo_bpm, wishes.density, wishes.dynamics)
    if near is not None:
        arousal = near + NEAR_WISH * rng.standard_normal()
    if wishes.key is not None:
        valence = abs(valence) if Key.parse(wishes.key).mode == "major" else -abs(valence)
    valence = _within(valence, -WIDEST_MOOD, WIDEST_MOOD) if wishes.valence is None else wishes.valence
    arousal = _within(arousal, -WIDEST_MOOD, WIDEST_MOOD) if wishes.arousal is None else wishes.arousal
    return round(valence, MOOD_DIGITS), round(arousal, MOOD_DIGITS)


def _metre(style: str, arousal: float, rng: np.random.Generator) -> str:
    drawn = str(rng.choice(list(SWAYING), p=list(SWAYING.values())))
    return DEFAULT_METRE if style == "pop" or arousal > DRIVEN_AROUSAL else drawn


def _themes(
    letters: list[str], wishes: FreeWishes, valence: float, arousal: float, rng: np.random.Generator
) -> dict[str, _Theme]:
    themes: dict[str, _Theme] = {}
    home = Key.parse(wishes.key) if wishes.key is not None else home_key(mode_of(valence), arousal, rng)
    for letter in letters:
        theme_valence, theme_arousal, key = valence, arousal, home
        if themes:
            if wishes.valence is None:
                other = _other_valence(valence, rng, keep_sign=wishes.key is not None)
                theme_valence = round(other, MOOD_DIGITS)
            if wishes.arousal is None:
                away = float(rng.uniform(*OTHER_AROUSAL) * rng.choice((-1, 1)))
                theme_arousal = arousal + away if abs(arousal + away) <= 1 else arousal - away
            if wishes.key is None:
                before = list(themes.values())[-1].key
                key = related_key(home, mode_of(theme_valence), arousal, before)
        asked = mood_to_wishes(theme_valence, theme_arousal)
        density = asked.density + DENSITY_SPREAD * rng.standard_normal()
        dynamics = asked.dynamics + DYNAMICS_SPREAD * rng.standard_normal()
        themes[letter] = _Theme(
            key,
            theme_valence,
            theme_arousal,
            _within(density, 0.05, 1.0) if wishes.density is None else wishes.density,
            _within(dynamics, 0.05, 1.0) if wishes.dynamics is None else wishes.dynamics,
        )
    return themes


def _other_valence(valence: float, rng: np.random.Generator, keep_sign: bool) -> float:
    other = _within(valence + rng.uniform(-OTHER_VALENCE, OTHER_VALENCE), -1.0, 1.0)
    return math.copysign(other, valence) if keep_sign else other


def _reasons(wishes: FreeWishes) -> dict[str, str]:
    names = ("valence", "arousal", "key", "tempo_bpm", "metre", "density", "dynamics", "style")
    return {name: "drawn" if getattr(wishes, name) is None else "asked for" for name in names}


def _within(value: float, low: float, high: float) -> float:
    return float(min(max(value, low), high))
