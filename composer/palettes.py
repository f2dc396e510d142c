"""Palettes: which instruments play which role, and which mood a palette suits.

Convention: mood is a place on Russell's circumplex (1980), valence and arousal in -1..1; levels are factors
on the section's loudness; octaves are added to what the piano texture holds. A layer enters where the
section's density and dynamics reach its minima (doublings wait for dynamics, further roles for density).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from composer.instruments import INSTRUMENTS, Instrument
from composer.music import ROLES

Articulation = Literal["sustained", "detached"]
Voices = Literal["all", "upper", "middle", "lower"]
Percussion = Literal[
    "none", "orchestral", "timpani", "brushes", "acoustic", "electronic", "hand", "heartbeat"
]

TAG_BONUS = 0.7  # squared mood distance that a shared tag outweighs
MAX_TAG_BONUSES = 3


@dataclass(frozen=True, slots=True)
class Layer:
    """One instrument in one role.

    ``voices`` says which part of a divided pad it plays; ``pattern`` is what a percussion layer plays.
    """

    role: str
    instrument_name: str
    octaves: int = 0
    level: float = 1.0
    min_density: float = 0.0
    min_dynamics: float = 0.0
    articulation: Articulation = "sustained"
    voices: Voices = "all"
    pattern: Percussion = "none"

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"layer role {self.role!r} is not one of {', '.join(ROLES)}")
        if self.instrument_name not in INSTRUMENTS:
            raise ValueError(f"instrument {self.instrument_name!r} is not in composer.instruments")
        if (self.role == "percussion") != (self.pattern != "none"):
            raise ValueError(
                f"layer {self.instrument_name!r}: percussion, and only percussion, needs a pattern"
            )

    @property
    def instrument(self) -> Instrument:
        """The instrument that plays."""
        return INSTRUMENTS[self.instrument_name]


@dataclass(frozen=True, slots=True)
class Palette:
    """A named set of layers with its mood. ``whole_texture``: the accompaniment stays in one piece on one
    instrument, that of the ``arpeggio`` layer. ``on_request``: only its own name chooses it, no mood does.
    """

    name: str
    title: str
    valence: float
    arousal: float
    tags: frozenset[str]
    layers: tuple[Layer, ...]
    whole_texture: bool = False
    on_request: bool = False

    def __post_init__(self) -> None:
        if not (-1 <= self.valence <= 1 and -1 <= self.arousal <= 1):
            raise ValueError(f"palette {self.name}: mood ({self.valence}, {self.arousal}) is outside -1..1")
        roles = {layer.role for layer in self.layers if layer.min_density == layer.min_dynamics == 0}
        needed = {"melody", "arpeggio"} if self.whole_texture else {"melody", "pad", "bass"}
        if not needed <= roles:
            raise ValueError(f"palette {self.name} lacks an ever-present {', '.join(sorted(needed - roles))}")


def _palette(
    name: str,
    title: str,
    valence: float,
    arousal: float,
    tags: str,
    *layers: Layer,
    whole_texture: bool = False,
    on_request: bool = False,
) -> Palette:
    return Palette(name, title, valence, arousal, frozenset(tags.split()), layers, whole_texture, on_request)


_ALL = (
    _palette(
        "solo-piano",
        "Solo piano",
        0.1,
        -0.4,
        "piano intimate calm sad melancholic nostalgic romantic drama dialogue portrait indoor rain "
        "minimal documentary",
        Layer("melody", "Piano", level=1.15),
        Layer("arpeggio", "Piano", level=0.74),
        whole_texture=True,
    ),
    _palette(
        "string-orchestra",
        "String orchestra",
        -0.3,
        -0.1,
        "strings orchestra emotional drama sad melancholic tender romantic serious documentary "
        "history period grief",
        Layer("melody", "Violins I"),
        Layer("melody", "Violins II", octaves=-1, level=0.8, min_dynamics=0.65),
        Layer("counter", "Solo Cello", level=0.7, min_density=0.45),
        Layer("pad", "Violins II", level=0.75, voices="upper"),
        Layer("pad", "Violas", level=0.78, voices="middle"),
        Layer("pad", "Cellos", level=0.8, voices="lower"),
        Layer("arpeggio", "Pizzicato Strings", level=0.8, min_density=0.4, articulation="detached"),
        Layer("bass", "Double Basses", octaves=-1, level=0.85),
    ),
    _palette(
        "full-orchestra",
        "Full orchestra",
        0.45,
        0.45,
        "orchestra epic adventure fantasy grand cinematic landscape mountains aerial travel triumph "
        "nature wonder space",
        Layer("melody", "Violins I"),
        Layer("melody", "Flute", octaves=1, level=0.75, min_dynamics=0.5),
        Layer("melody", "Horns", octaves=-1, level=0.7, min_dynamics=0.75),
        Layer("counter", "Oboe", level=0.68, min_density=0.4),
        Layer("pad", "Violas", level=0.78, voices="upper"),
        Layer("pad", "Cellos", level=0.78, voices="lower"),
        Layer("pad", "Horns", level=0.66, min_density=0.3, min_dynamics=0.4, voices="middle"),
        Layer("pad", "Trombones", octaves=-1, level=0.64, min_dynamics=0.75),
        Layer("arpeggio", "Harp", level=0.85, min_density=0.2, articulation="detached"),
        Layer("bass", "Double Basses", octaves=-1, level=0.9),
        Layer("bass", "Tuba", level=0.62, min_dynamics=0.75),
        Layer("percussion", "Timpani", level=0.85, min_dynamics=0.35, pattern="timpani"),
        Layer("percussion", "Orchestral Percussion", level=0.8, min_dynamics=0.3, pattern="orchestral"),
    ),
    _palette(
        "chamber",
        "Chamber ensemble",
        0.25,
        0.0,
        "chamber light elegant comedy gentle everyday family animals quirky curious art museum "
        "garden woodwind",
        Layer("melody", "Clarinet"),
        Layer("melody", "Flute", octaves=1, level=0.78, min_dynamics=0.6),
        Layer("counter", "Bassoon", level=0.8, min_density=0.35),
        Layer("pad", "Solo Violin", level=0.68, voices="upper"),
        Layer("pad", "Solo Viola", level=0.7, voices="middle"),
        Layer("pad", "Solo Cello", level=0.75, voices="lower"),
        Layer("arpeggio", "Harp", level=0.8, min_density=0.2, articulation="detached"),
        Layer("bass", "Acoustic Bass", level=1.0, articulation="detached"),
    ),
    _palette(
        "hybrid-electronic",
        "Hybrid electronic",
        -0.1,
        0.75,
        "electronic technology sci-fi city urban night neon chase action thriller tension sport "
        "fast modern science cars",
        Layer("melody", "Synth Lead", level=0.9),
        Layer("melody", "Violins I", octaves=1, level=0.7, min_dynamics=0.6),
        Layer("pad", "Warm Pad", level=0.8),
        Layer("pad", "Low Strings", octaves=-1, level=0.7, min_dynamics=0.55, voices="lower"),
        Layer("arpeggio", "Synth Pluck", level=0.8, min_density=0.15, articulation="detached"),
        Layer("bass", "Synth Bass", level=0.95),
        Layer("percussion", "Electronic Kit", level=0.85, min_density=0.2, pattern="electronic"),
    ),
    _palette(
        "folk",
        "Folk band",
        0.65,
        0.25,
        "folk happy rural village farm country nature forest travel road people warm summer food market "
        "dance history",
        Layer("melody", "Fiddle"),
        Layer("melody", "Low Whistle", octaves=1, level=0.75, min_dynamics=0.55),
        Layer("counter", "Dulcimer", level=1.0, min_density=0.45, articulation="detached"),
        Layer("pad", "Accordion", level=0.66),
        Layer("arpeggio", "Steel Guitar", level=0.88, articulation="detached"),
        Layer("bass", "Acoustic Bass", level=0.92, articulation="detached"),
        Layer("percussion", "Hand Percussion", level=1.0, min_density=0.3, pattern="hand"),
    ),
    _palette(
        "jazz-combo",
        "Jazz combo",
        0.5,
        0.1,
        "jazz city night bar restaurant street noir comedy crime retro fashion cool party drinks",
        Layer("melody", "Tenor Sax"),
        Layer("melody", "Muted Trumpet", level=0.72, min_dynamics=0.65),
        Layer("counter", "Vibraphone", level=0.95, min_density=0.45, articulation="detached"),
        Layer("pad", "Jazz Guitar", level=0.7, articulation="detached"),
        Layer("arpeggio", "Piano", level=0.84, min_density=0.15, articulation="detached"),
        Layer("bass", "Acoustic Bass", level=1.0, articulation="detached"),
        Layer("percussion", "Brush Kit", level=1.05, min_density=0.15, pattern="brushes"),
    ),
    _palette(
        "music-box",
        "Music box",
        0.55,
        -0.65,
        "music-box children child baby toy magic magical dream fairy christmas snow lullaby cute "
        "innocent winter night",
        Layer("melody", "Music Box", octaves=1),
        Layer("melody", "Glockenspiel", octaves=2, level=0.85, min_dynamics=0.6, articulation="detached"),
        Layer("pad", "Violas", level=0.56, voices="all"),
        Layer("arpeggio", "Celesta", octaves=1, level=0.76, articulation="detached"),
        Layer("bass", "Harp", level=0.8, articulation="detached"),
    ),
    _palette(
        "choir-and-strings",
        "Choir and strings",
        -0.15,
        0.3,
        "choir religious church sacred ancient mystery awe grand solemn temple history fantasy sky "
        "ocean sea spiritual",
        Layer("melody", "Violins I"),
        Layer("melody", "Voice", level=0.85, min_dynamics=0.5),
        Layer("counter", "Horns", level=0.7, min_density=0.45),
        Layer("pad", "Choir", level=0.82),
        Layer("pad", "Violas", level=0.7, voices="upper", min_dynamics=0.35),
        Layer("pad", "Cellos", level=0.76, voices="lower"),
        Layer("arpeggio", "Harp", level=0.78, min_density=0.35, articulation="detached"),
        Layer("bass", "Double Basses", octaves=-1, level=0.88),
        Layer("percussion", "Timpani", level=0.8, min_dynamics=0.55, pattern="timpani"),
    ),
    _palette(
        "dark-ambient",
        "Dark ambient",
        -0.7,
        -0.35,
        "dark ambient mystery horror scary tension suspense fear eerie fog ruin abandoned underwater space "
        "loneliness night cold",
        Layer("melody", "Bowed Glass", level=0.85),
        Layer("melody", "Solo Cello", octaves=-1, level=0.72, min_dynamics=0.55),
        Layer("pad", "Dark Pad", level=0.85),
        Layer("pad", "Low Strings", octaves=-1, level=0.74, min_dynamics=0.3, voices="lower"),
        Layer("arpeggio", "Felt Piano", level=0.7, min_density=0.3, articulation="detached"),
        Layer("bass", "Sub Bass", octaves=-1, level=0.9),
        Layer("percussion", "Orchestral Percussion", level=0.7, min_density=0.2, pattern="heartbeat"),
    ),
    _palette(
        "acoustic-guitar",
        "Acoustic guitar",
        0.55,
        -0.25,
        "guitar acoustic happy warm home family friends beach sunset summer nature calm hopeful road "
        "garden vlog morning",
        Layer("melody", "Acoustic Guitar", level=1.05),
        Layer("melody", "Low Whistle", octaves=1, level=0.62, min_dynamics=0.65),
        Layer("pad", "Warm Pad", level=0.55),
        Layer("arpeggio", "Steel Guitar", level=0.85, articulation="detached"),
        Layer("bass", "Fretless Bass", level=0.82),
        Layer("percussion", "Hand Percussion", level=0.95, min_density=0.45, pattern="hand"),
    ),
    _palette(
        "brass-heroic",
        "Heroic brass",
        0.6,
        0.85,
        "heroic brass triumph victory military war battle fanfare sport competition parade "
        "superhero action epic power",
        Layer("melody", "Horns"),
        Layer("melody", "Trumpet", octaves=1, level=1.0, min_dynamics=0.55),
        Layer("counter", "Violins I", octaves=1, level=0.78, min_density=0.35),
        Layer("pad", "Trombones", level=0.72, voices="lower"),
        Layer("pad", "Violins II", level=0.7, voices="upper"),
        Layer("pad", "Violas", level=0.7, voices="middle"),
        Layer("arpeggio", "Cellos", octaves=-1, level=0.82, min_density=0.2, articulation="detached"),
        Layer("bass", "Double Basses", octaves=-1, level=0.9),
        Layer("bass", "Tuba", level=0.78, min_dynamics=0.5),
        Layer("percussion", "Timpani", level=0.9, min_dynamics=0.25, pattern="timpani"),
        Layer("percussion", "Orchestral Percussion", level=0.85, min_dynamics=0.25, pattern="orchestral"),
    ),
    # The style of the networks trained on pop songs: who wants them says so.
    _palette(
        "pop",
        "Pop band",
        0.4,
        0.15,
        "pop",
        Layer("melody", "Piano", level=1.1),
        Layer("melody", "Soft Lead", level=0.62, min_dynamics=0.7),
        Layer("pad", "Electric Piano", level=0.7),
        Layer("pad", "Warm Pad", level=0.5, min_dynamics=0.5),
        Layer("arpeggio", "Steel Guitar", level=0.82, min_density=0.2, articulation="detached"),
        Layer("bass", "Electric Bass", level=0.95, articulation="detached"),
        Layer("percussion", "Drum Kit", level=0.8, min_density=0.3, pattern="acoustic"),
        on_request=True,
    ),
)

PALETTES: dict[str, Palette] = {palette.name: palette for palette in _ALL}


def choose_palette(valence: float, arousal: float, tags: Sequence[str] = ()) -> str:
    """The name of the palette nearest to the mood, tags considered.

    The cost is the squared distance on the valence/arousal plane (both -1..1; values outside are clipped),
    less `TAG_BONUS` for each shared tag, at most `MAX_TAG_BONUSES` of them: one tag outweighs a moderate
    distance, three outweigh most. A tag that is a palette's own name decides; palettes on request are chosen
    in no other way. Tags are compared without case, spaces as hyphens; of equals the first in `PALETTES` wins.
    Raises ValueError on a mood that is not finite.
    """
    if not (abs(valence) < float("inf") and abs(arousal) < float("inf")):
        raise ValueError(f"mood ({valence}, {arousal}) is not finite")
    valence, arousal = min(max(valence, -1.0), 1.0), min(max(arousal, -1.0), 1.0)
    wanted = {tag.strip().lower().replace(" ", "-").replace("_", "-") for tag in tags}

    def cost(palette: Palette) -> float:
        distance = (palette.valence - valence) ** 2 + (palette.arousal - arousal) ** 2
        shared = min(len(palette.tags & wanted), MAX_TAG_BONUSES)
        return distance - TAG_BONUS * shared - (100.0 if palette.name in wanted else 0.0)

    choice = [palette for palette in PALETTES.values() if not palette.on_request or palette.name in wanted]
    return min(choice, key=cost).name
