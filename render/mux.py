"""Film and music into one file: the picture's packets untouched, the music first, the original sound second.

Convention: the music starts with the first picture shown, wherever the file puts that on its timeline; the
distance between picture and original sound stays as it was. The result is MP4 (ISO 14496-12). Codecs for which MP4
has no name are written with QuickTime's wider table into the same structure, VP8 as ``vp08`` (VP Codec ISO Media
File Format Binding 1.0); only what neither can hold becomes ``<name>.scored.mkv``, or ``.nut``, which holds anything.
Every result is read back and compared with the source, packet by packet, before it appears under its name.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import av.stream

from render.audio import Audio, read_wav
from render.ducking import duck_under
from render.errors import BadInput, OutOfResources
from render.files import is_disk_full, replacing
from render.movie import AV_ERRORS, Movie, all_packets, cause_of, difference, open_movie, scan
from render.relabel import relabel_sample_entry
from render.soundtrack import CopiedSound, EncodedMusic, ReencodedSound, as_track

MUSIC_TITLE, ORIGINAL_TITLE = "Score", "Original sound"
MUSIC_BIT_RATE, ORIGINAL_BIT_RATE = 320_000, 192_000
_MUSIC_LEAD_S = 0.5
_MP4_SOUND = frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac"})
_MATROSKA_SOUND = _MP4_SOUND | {"vorbis", "dts", "pcm_s16le", "pcm_s24le", "truehd"}


@dataclass(frozen=True)
class MuxReport:
    """What was written: ``path`` (which may differ from the one asked for, see ``warnings``) and its tracks.

    ``music_start_s`` is where music and first picture start on the file's timeline; ``original_tracks`` says for
    each track of original sound whether it was copied or re-encoded.
    """

    path: Path
    container: str
    video_codec: str
    video_packets: int
    music_start_s: float
    original_tracks: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    """One way to write the file: FFmpeg's muxer and options, and whether VP8 is written under VP9's name first."""

    container: str
    muxer: str
    suffix: str
    options: dict[str, str]
    sound_codecs: frozenset[str]
    is_vp8: bool = False


class _Refused(Exception):
    """The container cannot hold the picture as it is."""


def mux(video: Path, music: Path, out: Path, *, duck: bool = False) -> MuxReport:
    """Write ``video`` with ``music`` as its first sound to ``out`` (``*.mp4``), atomically.

    ``duck`` lowers the music by up to 9 dB while the original sound is loud. Raises BadInput (no picture, unreadable
    video or music, folder not writable) and OutOfResources (disk full).
    """
    movie = scan(video)
    sound = as_track(read_wav(music), str(music))
    if duck:
        sound = duck_under(sound, movie)
    refusals = []
    for plan in _plans(movie):
        target = out if plan.suffix == ".mp4" else _named_otherwise(out, plan.suffix)
        try:
            with replacing(target) as partial:
                tracks, notes = _write(movie, sound, partial, plan)
                if reason := difference(movie, partial):
                    raise _Refused(reason)
        except _Refused as error:
            refusals.append(f"{plan.container}: {error}")
            continue
        return MuxReport(
            path=target,
            container=plan.container,
            video_codec=movie.codec,
            video_packets=len(movie.times),
            music_start_s=float(movie.first_picture_s - movie.origin_s),
            original_tracks=tracks,
            warnings=(*movie.warnings, *notes, *_container_warnings(movie, plan, target)),
        )
    raise BadInput(f"{video}: no container takes this video as it is ({refusals[-1]}); convert it to H.264")


def _plans(movie: Movie) -> list[_Plan]:
    options = {"strict": "unofficial", "movflags": "+faststart"}
    # VP9's frame splitting must not touch VP8 packets; without these filters ADTS sound cannot be copied.
    unfiltered = options | {"fflags": "-autobsf"}
    if movie.codec == "vp8":
        first = _Plan("mp4", "mp4", ".mp4", unfiltered, _MP4_SOUND - {"aac"}, is_vp8=True)
    else:
        first = _Plan("mp4", "mp4", ".mp4", options, _MP4_SOUND)
    quicktime = _Plan(
        "mp4 with a QuickTime codec name", "mov", ".mp4", options, _MP4_SOUND - {"opus", "flac"}
    )
    return [
        first,
        quicktime,
        _Plan("matroska", "matroska", ".mkv", {}, _MATROSKA_SOUND),
        _Plan("nut", "nut", ".nut", {}, _MATROSKA_SOUND),
    ]


def _named_otherwise(out: Path, suffix: str) -> Path:
    """``<name>.scored`` with another container's ending, beside ``out``."""
    return out.with_name(f"{out.stem.removesuffix('.scored')}.scored{suffix}")


def _container_warnings(movie: Movie, plan: _Plan, target: Path) -> list[str]:
    if plan.suffix != ".mp4":
        return [
            f"MP4 cannot hold {movie.codec} video as it is, so {target.name} was written ({plan.container})"
        ]
    warnings = []
    if plan.muxer == "mov":
        warnings.append(f"{movie.codec} in an .mp4 file plays in VLC and FFmpeg, but not in every player")
    if movie.has_alpha:
        warnings.append("MP4 cannot hold the video's transparency; the picture is opaque in the new file")
    return warnings


def _write(movie: Movie, sound: Audio, target: Path, plan: _Plan) -> tuple[tuple[str, ...], list[str]]:
    """Write one file by ``plan``; what became of the original sound, and warnings. Raises _Refused."""
    try:
        with ExitStack() as stack:
            source = stack.enter_context(open_movie(movie.path))
            sink = stack.enter_context(av.open(str(target), "w", format=plan.muxer, options=plan.options))
            tracks = _copy(movie, source, sink, sound, plan)
        if plan.is_vp8:
            relabel_sample_entry(target, b"vp09", b"vp08")
    except AV_ERRORS as error:
        if is_disk_full(error):
            raise OutOfResources(f"{target.parent}: the disk is full; free some space") from None
        raise _Refused(cause_of(error)) from None
    damaged = sum(track.damaged_packets for track in tracks if isinstance(track, ReencodedSound))
    notes = [f"{damaged} damaged packets of the original sound were skipped"] if damaged else []
    return tuple(track.description for track in tracks), notes


def _copy(movie: Movie, source, sink, sound: Audio, plan: _Plan) -> list[CopiedSound | ReencodedSound]:
    """Copy the picture, encode the music, copy or encode the original sound, in order of time."""
    picture = _picture_stream(sink, source.streams[movie.stream_index], plan)
    start_s = movie.first_picture_s - movie.origin_s
    music = EncodedMusic(sink, MUSIC_TITLE, sound, start_s, MUSIC_BIT_RATE)
    music.stream.disposition = av.stream.Disposition.default
    tracks = _original_tracks(source, sink, plan)
    times = iter(movie.times)
    for packet in all_packets(source):
        index = packet.stream.index
        if index == movie.stream_index:
            offset = round(movie.origin_s / packet.time_base)
            time = next(times)
            packet.pts, packet.dts = time.pts - offset, time.dts - offset
            music.until(float(packet.dts * packet.time_base) + _MUSIC_LEAD_S)
            packet.stream = picture
            sink.mux(packet)
        elif index in tracks:
            tracks[index].take(packet, movie.origin_s)
    music.finish()
    for track in tracks.values():
        track.finish()
    return list(tracks.values())


def _picture_stream(sink, template, plan: _Plan):
    if plan.is_vp8:
        stream = sink.add_stream("libvpx-vp9", rate=template.average_rate or 25)
        stream.width, stream.height, stream.pix_fmt = template.width, template.height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = template.time_base
        if template.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = template.sample_aspect_ratio
    else:
        stream = sink.add_stream_from_template(template, opaque=True)
    stream.disposition = av.stream.Disposition.default
    return stream


def _original_tracks(source, sink, plan: _Plan) -> dict[int, CopiedSound | ReencodedSound]:
    """A track for every usable sound stream of the source, by its index there."""
    tracks: dict[int, CopiedSound | ReencodedSound] = {}
    for stream in source.streams.audio:
        context = stream.codec_context
        if context is None or context.sample_rate <= 0:
            continue
        title = ORIGINAL_TITLE if not tracks else f"{ORIGINAL_TITLE} {len(tracks) + 1}"
        if context.codec.canonical_name in plan.sound_codecs:
            tracks[stream.index] = CopiedSound(sink, stream, title)
        else:
            tracks[stream.index] = ReencodedSound(sink, stream, title, ORIGINAL_BIT_RATE)
        tracks[stream.index].stream.disposition = av.stream.Disposition(0)
    return tracks
