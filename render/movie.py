"""A video file as packets: what a stream copy needs to know, and the proof that a copy is one.

Convention: times are presentation timestamps in the stream's time base. The first picture is the first that a
decoder shows: at or after the first key frame, and not cut away by an edit list. Broken decoding timestamps are
rebuilt from the presentation times, which stay as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import av.stream

from render.errors import BadInput

# Containers that may hold a film; playlists, which open other files and addresses, are left out on purpose.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,live_flv,mpeg,mpegts,mpegvideo,ogg,asf,gif,apng,mxf,gxf,"
    "nut,rm,dv,h264,hevc,vvc,m4v,ivf,obu,av1,vc1,wtv,swf,mjpeg,yuv4mpegpipe,cavsvideo,h263,h261,bink,smk,nsv,"
    "amv,pva,roq"
)
_ARBITRARY_ORIGIN = frozenset({"mpegts", "mpeg"})  # their clocks start anywhere
_MAX_PACKETS = 4_000_000
_OBU_TEMPORAL_DELIMITER = b"\x12\x00"

# PyAV raises more than its own errors on damaged files.
AV_ERRORS = (
    av.error.FFmpegError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """Presentation and decoding timestamps of one packet, ticks of the stream's time base."""

    pts: int
    dts: int


@dataclass(frozen=True)
class Movie:
    """A scanned video file. ``times`` are those of the picture's packets, repaired, in order of decoding.

    ``origin_s`` is the file's own zero, ``first_picture_s`` where the first picture is shown.
    """

    path: Path
    stream_index: int
    codec: str
    times: tuple[PacketTimes, ...]
    origin_s: Fraction
    first_picture_s: Fraction
    has_alpha: bool
    warnings: tuple[str, ...]


def open_movie(path: Path):
    """The file at ``path`` as a PyAV container (local files only). Raises what PyAV raises, see `AV_ERRORS`."""
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    return av.open(f"file:{path.resolve()}", metadata_errors="replace", options=options)


def scan(path: Path) -> Movie:
    """Read the packets of the file at ``path`` once, without decoding. Raises BadInput."""
    if not path.is_file():
        raise BadInput(f"{path}: no such video file; check the path")
    try:
        with open_movie(path) as source:
            return _scan(path, source)
    except AV_ERRORS as error:
        raise BadInput(f"{path}: cannot be read as a video ({cause_of(error)}); export it again") from None


def picture_packets(source, stream_index: int) -> Iterator[av.Packet]:
    """The picture's packets that hold data; ends where a damaged container ends."""
    return _until_damage(source.demux(source.streams[stream_index]))


def all_packets(source) -> Iterator[av.Packet]:
    """Packets with data of picture and sound, in file order; ends where a damaged container ends."""
    wanted = [*source.streams.video, *source.streams.audio]
    return _until_damage(source.demux([stream for stream in wanted if stream.codec_context is not None]))


def difference(movie: Movie, copy: Path) -> str:
    """What differs between the picture's packets in ``movie`` and those in ``copy``; empty if they are identical.

    H.264 and HEVC are compared by NAL units (their framing differs between containers), AV1 without temporal
    delimiters, which MP4 forbids.
    """
    try:
        with open_movie(movie.path) as source, open_movie(copy) as target:
            stream = next((s for s in target.streams.video if s.codec_context is not None), None)
            if stream is None:
                return "no picture could be read back"
            name = stream.codec_context.codec.canonical_name
            if name != movie.codec:
                return f"reads back as {name} instead of {movie.codec}"
            pairs = itertools.zip_longest(
                picture_packets(source, movie.stream_index), picture_packets(target, stream.index)
            )
            for number, (ours, theirs) in enumerate(pairs):
                if ours is None or theirs is None:
                    return f"{number} packets in common, but more in one of the files"
                if not _same(bytes(ours), bytes(theirs), movie.codec):
                    return f"packet {number} differs"
    except AV_ERRORS as error:
        return f"cannot be read back ({cause_of(error)})"
    return ""


def cause_of(error: BaseException) -> str:
    """One short line for an error of PyAV."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:160]


def nal_units(packet: bytes) -> list[bytes]:
    """The NAL units of an H.264 or HEVC packet, in Annex B framing or with four-byte lengths."""
    if packet[:3] == b"\x00\x00\x01" or packet[:4] == b"\x00\x00\x00\x01":
        return [unit.rstrip(b"\x00") for unit in packet.split(b"\x00\x00\x01")[1:]]
    units, position = [], 0
    while position + 4 <= len(packet):
        size = int.from_bytes(packet[position : position + 4], "big")
        units.append(packet[position + 4 : position + 4 + size].rstrip(b"\x00"))
        position += 4 + size
    return units


def _scan(path: Path, source) -> Movie:
    stills = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    videos = [s for s in source.streams.video if not s.disposition & stills and s.codec_context is not None]
    if not videos:
        raise BadInput(f"{path}: has no video stream; give a file with moving pictures, not only sound")
    stream = videos[0]
    raw: list[tuple[int | None, int | None, int]] = []
    shown: list[tuple[bool, bool]] = []
    for packet in picture_packets(source, stream.index):
        if len(raw) >= _MAX_PACKETS:
            raise BadInput(f"{path}: more than {_MAX_PACKETS} pictures; cut it into parts")
        raw.append((packet.pts, packet.dts, packet.duration or 0))
        shown.append((packet.is_keyframe, not packet.is_discard))
    if not raw or stream.time_base is None:
        raise BadInput(f"{path}: holds no pictures; it is empty or cut off, export it again")
    warnings = []
    times, repaired = _repaired(raw, _tick_step(stream))
    if repaired:
        warnings.append(
            "broken decoding timestamps of the video were rebuilt; its picture times are unchanged"
        )
    left_out = len(source.streams.subtitles)
    if left_out:
        warnings.append(f"{left_out} subtitle tracks were left out")
    if len(videos) > 1:
        warnings.append(f"{len(videos) - 1} further video tracks were left out")
    first_s = _first_picture(times, shown) * stream.time_base
    origin_s = Fraction(0)
    if (
        any(name in _ARBITRARY_ORIGIN for name in source.format.name.split(","))
        and source.start_time is not None
    ):
        origin_s = Fraction(source.start_time, av.time_base)
    return Movie(
        path=path,
        stream_index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        times=tuple(times),
        origin_s=min(origin_s, first_s),
        first_picture_s=first_s,
        has_alpha=stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1",
        warnings=tuple(warnings),
    )


def _until_damage(packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    while True:
        try:
            packet = next(packets, None)
        except AV_ERRORS:
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def _tick_step(stream) -> int:
    """A picture's length in ticks, for packets that give no time at all."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return max(1, round(1 / (rate * stream.time_base)))


def _repaired(raw: list[tuple[int | None, int | None, int]], step: int) -> tuple[list[PacketTimes], bool]:
    """Valid timestamps (decoding times rise and are never after presentation), and whether they had to change."""
    shown, previous = [], -step
    for pts, dts, duration in raw:
        time = pts if pts is not None else dts if dts is not None else previous + step
        shown.append(time)
        previous = time if duration <= 0 else time + duration - step
    decoded = [dts for _, dts, _ in raw if dts is not None]
    rising = all(a < b for a, b in itertools.pairwise(decoded))
    if rising and len(decoded) == len(shown) and all(d <= p for d, p in zip(decoded, shown, strict=True)):
        return [PacketTimes(p, d) for p, d in zip(shown, decoded, strict=True)], False
    rebuilt: list[int] = []
    for time in sorted(shown):
        rebuilt.append(time if not rebuilt else max(time, rebuilt[-1] + 1))
    delay = max(0, *(d - p for d, p in zip(rebuilt, shown, strict=True)))
    return [PacketTimes(p, d - delay) for p, d in zip(shown, rebuilt, strict=True)], True


def _first_picture(times: list[PacketTimes], shown: list[tuple[bool, bool]]) -> int:
    key = next((i for i, (is_key, _) in enumerate(shown) if is_key), 0)
    visible = [
        t.pts
        for t, (_, kept) in zip(times[key:], shown[key:], strict=True)
        if kept and t.pts >= times[key].pts
    ]
    return min(visible, default=times[0].pts)


def _same(ours: bytes, theirs: bytes, codec: str) -> bool:
    if ours == theirs:
        return True
    if codec in ("h264", "hevc"):
        return nal_units(ours) == nal_units(theirs)
    if codec == "av1":
        return ours.removeprefix(_OBU_TEMPORAL_DELIMITER) == theirs.removeprefix(_OBU_TEMPORAL_DELIMITER)
    return False
