"""From a MIDI file to a mastered recording in a chosen style: the engine ``diffusion``, its rungs joined.

``read_performance`` -> ``layers_of`` -> ``synthesize_files`` -> ``laid_on`` -> ``master`` -> ``write_wav``: each can be
called on its own. Sound lies in files of raw samples and is read in blocks, so a long cue needs hardly more memory than
a short one. The MIDI file is only read. Stems carry the gain of the mix but no limiter, so they sum to the mix where no
limiter was needed.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from render.audio import SAMPLE_RATE, Audio, write_wav
from render.controls import controls_of_audio
from render.errors import BadInput
from render.events import Performance, read_performance
from render.layers import Layer, layers_of
from render.mastering import PRESETS, master
from render.mel import SPEC, mel_of
from render.mood import MoodCurve
from render.painted_layer import DEFAULT_WISHES, PaintedLayer, Wishes
from render.painting import Painter
from render.pipeline import DEFAULT_LIMITS, Limits, stem_gain_db, write_stems
from render.soundfont import find_soundfont, sha256_of
from render.sounds import Mix, Sound, in_memory
from render.style_source import StyleSource
from render.styles import STYLES
from render.synth import DEFAULT_ROOM, Room, length_samples_of, synthesize_files

_SHARES = {"synthesis": 0.3, "diffusion": 0.4, "sound": 0.2}  # of the time; the rest is mastering


@dataclass(frozen=True)
class Painting:
    """What was written and how it was made. ``strengths``: what each track was painted with; ``checkpoints``: file name
    -> sha256; gains as in `render.pipeline.Rendering`."""

    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    stem_gain_db: float
    limiting_db: float
    stems: tuple[str, ...]
    strengths: dict[str, float]
    style: StyleSource
    wishes: Wishes
    device: str
    checkpoints: dict[str, str]
    soundfont: Path
    soundfont_sha256: str
    note_count: int
    warnings: tuple[str, ...]


def paint_midi(
    midi: Path,
    out: Path,
    style: StyleSource,
    painter: Painter,
    wishes: Wishes = DEFAULT_WISHES,
    *,
    stems: Path | None = None,
    picture: Path | None = None,
    soundfont: Path | None = None,
    loudness: str = "web",
    length_s: float | None = None,
    tail_s: float = 0.0,
    room: Room = DEFAULT_ROOM,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[float], None] | None = None,
) -> Painting:
    """Write the MIDI file at ``midi``, painted in ``style``, to the WAV file ``out``: stereo, 48 kHz.

    ``stems``: a folder for one WAV a track; ``picture``: a file for the spectrograms and the controls; folders that are
    missing are made. Length, loudness and errors as `render.pipeline.render_midi`. An interrupted run goes on where it
    was (`render.resume`).
    """
    if loudness not in PRESETS:
        raise ValueError(f"loudness preset {loudness!r} is not one of {', '.join(PRESETS)}")
    font = find_soundfont(soundfont)
    performance = read_performance(midi, limits.midi)
    usual = style.usual_strength if wishes.melody_from is None else 1.0  # the synthesis plays another tune
    layers = layers_of(performance, STYLES[style.carrier], wishes.strengths, usual)
    played = _played(performance, layers, by_track=stems is not None)
    frames = SPEC.frames(length_samples_of(performance, length_s, tail_s), SAMPLE_RATE)
    mood = MoodCurve.of(performance)
    moods = mood.channels(frames)
    warnings = [*performance.warnings, *mood.warnings]
    shares = _Shares(progress)
    painted = {
        index: PaintedLayer(painter, style.embedding, wishes, layer, moods, warnings.append)
        for index, layer in enumerate(layers)
        if layer.strength > 0.0
    }
    if not painted and (wishes.strengths.default != 0.0 or any(wishes.strengths.tracks.values())):
        warnings.append(
            "nothing was painted: every track has strength 0, or is drums, which the style has not"
        )
    if picture is not None and not painted:
        warnings.append(f"{picture}: no picture was written, because nothing was painted")
    with (
        tempfile.TemporaryDirectory(prefix="framescore-") as name,
        ThreadPoolExecutor(2) as pool,
        _stoppable(shares.of("synthesis")) as synthesized,
    ):
        folder = Path(name)
        font_sha256 = pool.submit(sha256_of, font)
        synthesis = pool.submit(
            synthesize_files,
            played,
            font,
            folder,
            {key: (key,) for key in played.stem_names},
            length_s=length_s,
            tail_s=tail_s,
            room=room,
            limits=limits.synth,
            progress=synthesized,
        )
        for number, coat in enumerate(painted.values()):
            coat.begin(shares.of("diffusion", number, len(painted)))  # while the synthesizer is at work
        files = synthesis.result()
        sounds: dict[str, Sound] = dict(files.sounds)
        for number, (index, coat) in enumerate(painted.items()):
            carriers = {key: sounds[key] for key in _keys_of(index, sounds) if key not in files.silent}
            if carriers:
                diffusion, sound = (
                    shares.of(stage, number, len(painted)) for stage in ("diffusion", "sound")
                )
                (folder / f"painted{index}").mkdir()
                sounds |= coat.laid_on(carriers, folder / f"painted{index}", diffusion, sound)
        mastered = master(Mix.of(sounds.values()), loudness)
        write_wav(mastered.sound, out)
        tracks = _by_track(sounds) if stems is not None else {}
        gain_db, quieter = stem_gain_db(tracks.values(), mastered.gain_db)
        if stems is not None:
            gain = 10 ** (gain_db / 20)
            write_stems({name: Mix(((sound, gain),)) for name, sound in tracks.items()}, stems)
        if picture is not None and painted:
            _make_folder(picture.parent)
            index, coat = list(painted.items())[-1]
            _draw(picture, style.name, coat, *(_mixed(each, index) for each in (sounds, files.sounds)))
    for coat in painted.values():
        coat.close()
    silent = [f"{key.split('/', 1)[1]} is silent" for key in files.silent if stems is not None]
    return Painting(
        loudness_lufs=mastered.loudness_lufs,
        true_peak_dbtp=mastered.true_peak_dbtp,
        gain_db=mastered.gain_db,
        stem_gain_db=gain_db,
        limiting_db=mastered.limiting_db,
        stems=tuple(tracks),
        strengths={part.stem: layer.strength for layer in layers for part in layer.performance.parts},
        style=style,
        wishes=wishes,
        device=str(painter.device),
        checkpoints=painter.digests,
        soundfont=font,
        soundfont_sha256=font_sha256.result(),
        note_count=performance.note_count,
        warnings=(*warnings, *silent, *mastered.warnings, *quieter),
    )


def _played(performance: Performance, layers: Sequence[Layer], *, by_track: bool) -> Performance:
    """All layers as one performance, whose stems are ``0/Violin`` for a track of layer 0, ``0/`` for all of it."""
    parts = [
        replace(part, stem=f"{index}/{part.stem if by_track else ''}")
        for index, layer in enumerate(layers)
        for part in layer.performance.parts
    ]
    return replace(performance, parts=tuple(parts))


def _keys_of(layer: int, sounds: Iterable[str]) -> list[str]:
    return [key for key in sounds if key.startswith(f"{layer}/")]


def _mixed(sounds: Mapping[str, Sound], layer: int) -> Mix:
    """The sum of a layer's sounds."""
    return Mix.of(sounds[key] for key in _keys_of(layer, sounds))


def _by_track(sounds: Mapping[str, Sound]) -> dict[str, Sound]:
    """The sound of every track, from whatever layers it is in."""
    found: dict[str, list[Sound]] = {}
    for key, sound in sounds.items():
        found.setdefault(key.split("/", 1)[1], []).append(sound)
    return {name: Mix.of(parts) for name, parts in found.items()}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be made ({error.strerror}); choose another folder") from None


def _draw(path: Path, title: str, layer: PaintedLayer, painted: Sound, carrier: Sound) -> None:
    """Controls, synthesis and result of a layer."""
    from render.plots import Heard, picture

    heard = []
    for sound in (painted, carrier):
        audio = Audio(in_memory(sound) * np.float32(10 ** (layer.gain_db / 20)), sound.sample_rate)
        heard.append(Heard(mel_of(audio), controls_of_audio(audio)))
    picture(path, title, layer.controls, *heard)


@contextmanager
def _stoppable(report: Callable[[float], None]) -> Iterator[Callable[[float], None]]:
    """``report`` for work on another thread, which it ends once this block has been left by an error or Ctrl-C."""
    stopped = threading.Event()

    def report_or_stop(share: float) -> None:
        if stopped.is_set():
            raise CancelledError
        report(share)

    try:
        yield report_or_stop
    except BaseException:
        stopped.set()
        raise


class _Shares:
    """Adds the shares done of stages that may run side by side up to one."""

    def __init__(self, progress: Callable[[float], None] | None) -> None:
        self._progress = progress
        self._done = dict.fromkeys(_SHARES, 0.0)  # no stage is added later: two threads report

    def of(self, stage: str, number: int = 0, count: int = 1) -> Callable[[float], None]:
        """Takes the share done of run ``number`` of ``count`` of a stage."""

        def report(share: float) -> None:
            self._done[stage] = (number + share) / count
            if self._progress is not None:
                self._progress(sum(_SHARES[name] * done for name, done in self._done.items()))

        return report
