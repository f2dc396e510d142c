"""From a MIDI file to mastered audio and stems: the rungs of the renderer, joined.

``read_performance`` -> ``synthesize`` -> ``master`` -> ``write_wav`` / ``write_stems`` -> ``mux``: each can be called
on its own. Stems carry the same gain as the mix but no limiter, so they sum to the mix where no limiter was needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from render.audio import SAMPLE_RATE, Audio, write_wav
from render.errors import BadInput
from render.events import MidiLimits, read_performance
from render.mastering import PRESETS, master
from render.soundfont import find_soundfont, sha256_of
from render.sounds import Sound, peak_of
from render.synth import DEFAULT_ROOM, MIX, Room, SynthLimits, synthesize

_STEM_HEADROOM = 0.999


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on the MIDI file and on the synthesizer's process."""

    midi: MidiLimits = field(default_factory=MidiLimits)
    synth: SynthLimits = field(default_factory=SynthLimits)


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Rendering:
    """Mastered mix, stems by track name, and what was reached.

    ``stem_gain_db`` is the gain on the stems and ``limiting_db`` the most that the mix's limiter took away: at 0 the
    stems sum to the mix.
    """

    mix: Audio
    stems: dict[str, Audio]
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    stem_gain_db: float
    limiting_db: float
    soundfont: Path
    soundfont_sha256: str
    note_count: int
    warnings: tuple[str, ...]


def render_midi(
    midi: Path,
    *,
    soundfont: Path | None = None,
    loudness: str = "web",
    stems: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    length_s: float | None = None,
    tail_s: float = 0.0,
    sample_rate: int = SAMPLE_RATE,
    room: Room = DEFAULT_ROOM,
    progress: Callable[[float], None] | None = None,
) -> Rendering:
    """Render the MIDI file at ``midi`` with FluidSynth and bring it to the ``loudness`` preset.

    The sound lasts ``length_s`` (default: to the end of the file) plus ``tail_s`` seconds. Raises BadInput,
    NotInstalled or OutOfResources, whose message is one line that names cause and remedy, and ValueError for an unknown
    preset.
    """
    if loudness not in PRESETS:
        raise ValueError(f"loudness preset {loudness!r} is not one of {', '.join(PRESETS)}")
    font = find_soundfont(soundfont)
    performance = read_performance(midi, limits.midi)
    synthesis = synthesize(
        performance,
        font,
        length_s=length_s,
        tail_s=tail_s,
        stems=stems,
        sample_rate=sample_rate,
        room=room,
        limits=limits.synth,
        progress=progress,
    )
    raw = synthesis.audio if stems else {}
    mastered = master(sum_of(list(raw.values())) if stems else synthesis.audio[MIX], loudness)
    gain_db, quieter = stem_gain_db(raw.values(), mastered.gain_db)
    warnings = [*performance.warnings, *synthesis.warnings, *mastered.warnings, *quieter]
    stem_gain = 10 ** (gain_db / 20)
    return Rendering(
        mix=mastered.audio,
        stems={
            name: Audio(stem.samples * np.float32(stem_gain), stem.sample_rate) for name, stem in raw.items()
        },
        loudness_lufs=mastered.loudness_lufs,
        true_peak_dbtp=mastered.true_peak_dbtp,
        gain_db=mastered.gain_db,
        stem_gain_db=gain_db,
        limiting_db=mastered.limiting_db,
        soundfont=font,
        soundfont_sha256=sha256_of(font),
        note_count=performance.note_count,
        warnings=tuple(warnings),
    )


def stem_gain_db(stems: Iterable[Sound], mix_gain_db: float) -> tuple[float, tuple[str, ...]]:
    """The gain of the stems of a mix with this gain, and a warning where they must be quieter not to clip."""
    loudest = max(map(peak_of, stems), default=0.0)
    if loudest * 10 ** (mix_gain_db / 20) <= _STEM_HEADROOM:
        return mix_gain_db, ()
    warning = "the stems are quieter than the mix, because one of them would have clipped"
    return float(20 * np.log10(_STEM_HEADROOM / loudest)), (warning,)


def sum_of(parts: list[Audio]) -> Audio:
    """Sample by sample sum of ``parts``, which must agree in shape and sample rate. Raises ValueError."""
    if not parts or any(p.samples.shape != parts[0].samples.shape for p in parts):
        raise ValueError("needs at least one part, and parts of one shape")
    total = parts[0].samples.copy()
    for part in parts[1:]:
        total += part.samples
    return Audio(total, parts[0].sample_rate)


def write_stems(stems: Mapping[str, Sound], folder: Path) -> tuple[Path, ...]:
    """Write every stem as ``NN name.wav`` (24-bit) into ``folder``, which is made if missing. Returns the paths.

    Raises BadInput when the folder cannot be made, and what `write_wav` raises.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be made ({error.strerror}); choose another folder") from None
    paths = []
    for number, (name, stem) in enumerate(stems.items(), start=1):
        safe = re.sub(r"[^A-Za-z0-9 _()+-]", "_", name).strip()[:60] or "stem"
        path = folder / f"{number:02d} {safe}.wav"
        write_wav(stem, path)
        paths.append(path)
    return tuple(paths)
