"""A MIDI file as a performance: validated events in seconds, one part for every track and channel.

Convention: time is in seconds from the start of the file (the first frame of the picture); tempo changes count
wherever they stand. A note that is never released is released at the end. Parts that share a MIDI channel stay
independent when each sets its own program (so a score may have more than sixteen instruments); otherwise controllers
and programs of the channel reach all its parts, as they would on a real instrument. Format 2 tracks are played one
after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from render import smf
from render.errors import BadInput

DRUM_CHANNEL = 9
ROLE = "role="
DEFAULT_TEMPO_US = 500_000
MIN_TEMPO_US, MAX_TEMPO_US = 10_000, 10_000_000  # 6000 to 6 quarter notes a minute; outside is damage
_MODE_CONTROLLERS = frozenset(
    {122, 124, 125, 126, 127}
)  # local, omni, mono, poly: would re-wire the synthesizer


@dataclass(frozen=True, slots=True)
class MidiLimits:
    """Caps on what is accepted from a MIDI file."""

    max_bytes: int = 32 * 2**20
    max_tracks: int = 512
    max_messages: int = 2_000_000
    max_parts: int = 256
    max_duration_s: float = 3 * 3600.0


@dataclass(frozen=True)
class Part:
    """One instrument: the events of one track on one MIDI channel, in order of time.

    ``stem`` names the group the part is rendered with; ``role`` is what the file says it plays (a text event such as
    ``role=melody``), or empty. Columns have shape (events,): ``time_s`` float64, ``status`` uint8 (upper nibble, see
    `render.smf`), ``data1`` and ``data2`` uint8 0-127.
    """

    stem: str
    channel: int
    time_s: np.ndarray
    status: np.ndarray
    data1: np.ndarray
    data2: np.ndarray
    role: str = ""

    @property
    def is_drums(self) -> bool:
        """Whether the part plays a drum kit (MIDI channel 10)."""
        return self.channel == DRUM_CHANNEL

    @property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``status``, ``data1`` and ``data2``."""
        return self.status, self.data1, self.data2

    @property
    def note_count(self) -> int:
        """How many notes begin."""
        return int(np.count_nonzero(self.status == smf.NOTE_ON))


@dataclass(frozen=True, slots=True)
class MarkerEvent:
    """A marker, cue point or text event in the file."""

    time_s: float
    text: str


@dataclass(frozen=True)
class Performance:
    """Everything a renderer needs of a MIDI file. ``end_s`` is where the last track ends; ``texts`` are the text events
    that say ``name=value``, in order of time (`render.mood`)."""

    parts: tuple[Part, ...]
    markers: tuple[MarkerEvent, ...]
    end_s: float
    warnings: tuple[str, ...]
    texts: tuple[MarkerEvent, ...] = ()

    @property
    def note_count(self) -> int:
        """How many notes begin, over all parts."""
        return sum(part.note_count for part in self.parts)

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Names of the stems, in order of the tracks."""
        return tuple(dict.fromkeys(part.stem for part in self.parts))


def read_performance(path: Path, limits: MidiLimits = MidiLimits()) -> Performance:
    """Read and validate the MIDI file at ``path``. Raises BadInput (unreadable, no notes, over a limit)."""
    label = path.name
    try:
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from None
    if len(data) > limits.max_bytes:
        raise BadInput(f"{label}: larger than {limits.max_bytes // 2**20} MB; split the file")
    raw = smf.parse(data, label, max_tracks=limits.max_tracks, max_messages=limits.max_messages)
    warnings = list(raw.warnings)
    groups = [[track] for track in raw.tracks] if raw.format == 2 else [list(raw.tracks)]
    parts: list[Part] = []
    markers: list[MarkerEvent] = []
    texts: list[MarkerEvent] = []
    offset_s = 0.0
    names = _stem_names(raw)
    first = 0
    for tracks in groups:
        clock = _Clock.of(raw, tracks, warnings)
        length_s = _length_s(tracks, clock, limits.max_duration_s - offset_s, label, warnings)
        parts += _parts(
            tracks, names[first : first + len(tracks)], clock, offset_s, length_s, raw.format == 0
        )
        markers += _marked(tracks, (smf.META_MARKER, smf.META_CUE), clock, offset_s)
        texts += [text for text in _marked(tracks, (smf.META_TEXT,), clock, offset_s) if "=" in text.text]
        offset_s += length_s
        first += len(tracks)
    if not parts:
        raise BadInput(f"{label}: holds no notes; nothing can be rendered, give it a file with notes")
    if len(parts) > limits.max_parts:
        raise BadInput(
            f"{label}: {len(parts)} parts with notes, more than {limits.max_parts}; split the file"
        )
    return Performance(
        parts=tuple(parts),
        markers=tuple(sorted(markers, key=lambda m: m.time_s)),
        end_s=offset_s,
        warnings=tuple(warnings),
        texts=tuple(sorted(texts, key=lambda m: m.time_s)),
    )


@dataclass(frozen=True)
class _Clock:
    """Ticks to seconds: breakpoints in ticks, their times in seconds, and seconds a tick from each on."""

    ticks: np.ndarray
    times_s: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, raw: smf.RawFile, tracks: list[smf.RawTrack], warnings: list[str]) -> _Clock:
        if raw.ticks_per_s > 0:
            return cls(np.zeros(1), np.zeros(1), np.array([1.0 / raw.ticks_per_s]))
        tempi = {0: DEFAULT_TEMPO_US}
        changes = [meta for track in tracks for meta in track.metas if meta.kind == smf.META_TEMPO]
        refused = 0
        for meta in sorted(changes, key=lambda m: m.tick):
            tempo_us = int.from_bytes(meta.data[:3], "big") if len(meta.data) >= 3 else 0
            if MIN_TEMPO_US <= tempo_us <= MAX_TEMPO_US:
                tempi[meta.tick] = tempo_us
            else:
                refused += 1
        if refused:
            warnings.append(f"{refused} impossible tempo changes were ignored")
        ticks = np.array(sorted(tempi), dtype=np.float64)
        rates = np.array([tempi[int(t)] for t in ticks]) / 1e6 / raw.ticks_per_beat
        times_s = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * rates[:-1])])
        return cls(ticks, times_s, rates)

    def seconds(self, ticks: np.ndarray) -> np.ndarray:
        index = np.searchsorted(self.ticks, ticks, side="right") - 1
        return self.times_s[index] + (ticks - self.ticks[index]) * self.rates[index]


def _length_s(
    tracks: list[smf.RawTrack], clock: _Clock, limit_s: float, label: str, warnings: list[str]
) -> float:
    """Where the last track ends; a damaged end far beyond the notes is replaced by the last message."""
    ends = clock.seconds(np.array([track.end_tick for track in tracks], dtype=np.float64))
    end_s = float(ends.max())
    if end_s <= limit_s:
        return end_s
    last_ticks = [track.messages[-1].tick for track in tracks if track.messages]
    last_s = float(clock.seconds(np.array([max(last_ticks, default=0)], dtype=np.float64))[0])
    if last_s > limit_s:
        raise BadInput(
            f"{label}: lasts {last_s / 3600:.1f} h, more than the limit; shorten or split the file"
        )
    warnings.append(f"an end {end_s / 3600:.1f} h after the start was moved to the last message")
    return last_s


def _stem_names(raw: smf.RawFile) -> list[str]:
    """A unique name for every track."""
    names: list[str] = []
    for number, track in enumerate(raw.tracks, start=1):
        given = next((m.data for m in track.metas if m.kind == smf.META_NAME), b"")
        name = _text(given) or f"Track {number}"
        copies = 2
        unique = name
        while unique in names:
            unique = f"{name} ({copies})"
            copies += 1
        names.append(unique)
    return names


def _parts(
    tracks: list[smf.RawTrack],
    names: list[str],
    clock: _Clock,
    offset_s: float,
    length_s: float,
    one_stem_a_channel: bool,
) -> list[Part]:
    by_track = [_by_channel(track) for track in tracks]
    ports = [next((m.data[0] for m in t.metas if m.kind == smf.META_PORT and m.data), 0) for t in tracks]
    owners: dict[tuple[int, int], list[int]] = {}
    for index, channels in enumerate(by_track):
        for channel in channels:
            owners.setdefault((ports[index], channel), []).append(index)
    parts = []
    for index, channels in enumerate(by_track):
        for channel, own in sorted(channels.items()):
            if not any(m.status == smf.NOTE_ON for m in own):
                continue
            sharing = owners[ports[index], channel]
            if not all(_sets_program(by_track[i][channel]) for i in sharing):
                others = [m for i in sharing if i != index for m in by_track[i][channel] if not _is_note(m)]
                own = sorted(others + own, key=lambda m: m.tick)
            stem = f"Channel {channel + 1}" if one_stem_a_channel else names[index]
            part = _part(stem, channel, own, clock, offset_s, length_s)
            parts.append(replace(part, role=_role(tracks[index])))
    return parts


def _role(track: smf.RawTrack) -> str:
    texts = (_text(meta.data) for meta in track.metas if meta.kind == smf.META_TEXT)
    return next((text.removeprefix(ROLE) for text in texts if text.startswith(ROLE)), "")


def _by_channel(track: smf.RawTrack) -> dict[int, list[smf.Message]]:
    """The usable messages of a track by channel; a note-on with velocity 0 becomes a note-off."""
    channels: dict[int, list[smf.Message]] = {}
    for message in track.messages:
        if message.status == smf.CONTROL and message.data1 in _MODE_CONTROLLERS:
            continue
        if message.status == smf.NOTE_ON and message.data2 == 0:
            message = smf.Message(message.tick, smf.NOTE_OFF, message.channel, message.data1, 0)
        channels.setdefault(message.channel, []).append(message)
    return channels


def _is_note(message: smf.Message) -> bool:
    return message.status in (smf.NOTE_ON, smf.NOTE_OFF, smf.KEY_PRESSURE)


def _sets_program(messages: list[smf.Message]) -> bool:
    """Whether a program comes before the first note, or there is no note at all to be played."""
    for message in messages:
        if message.status == smf.PROGRAM:
            return True
        if message.status == smf.NOTE_ON:
            return False
    return False


def _part(
    stem: str, channel: int, messages: list[smf.Message], clock: _Clock, offset_s: float, length_s: float
) -> Part:
    columns = np.array([(m.tick, m.status, m.data1, m.data2) for m in messages], dtype=np.int64)
    time_s = np.minimum(clock.seconds(columns[:, 0].astype(np.float64)), length_s) + offset_s
    sounding = np.zeros(128, dtype=bool)
    for _, status, pitch, _ in columns:
        if status in (smf.NOTE_ON, smf.NOTE_OFF):
            sounding[pitch] = status == smf.NOTE_ON
    stuck = np.flatnonzero(sounding)
    end = np.stack([np.full_like(stuck, smf.NOTE_OFF), stuck, np.zeros_like(stuck)], axis=1)
    rows = np.concatenate([columns[:, 1:], end]).astype(np.uint8)
    times = np.concatenate([time_s, np.full(len(stuck), offset_s + length_s)])
    return Part(stem, channel, times, rows[:, 0], rows[:, 1], rows[:, 2])


def _marked(
    tracks: list[smf.RawTrack], kinds: tuple[int, ...], clock: _Clock, offset_s: float
) -> list[MarkerEvent]:
    metas = [m for t in tracks for m in t.metas if m.kind in kinds]
    times = clock.seconds(np.array([m.tick for m in metas], dtype=np.float64)) + offset_s
    return [MarkerEvent(float(time_s), _text(meta.data)) for time_s, meta in zip(times, metas, strict=True)]


def _text(data: bytes) -> str:
    """Text of a meta event: UTF-8 where it is, Latin-1 otherwise, without control characters."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(c for c in text if c.isprintable()).strip()
