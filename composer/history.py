"""The versions of a score, kept in its MIDI file: what each was made from, how, and what it was before.

A version is a text event on the first track, ``version.3=`` and JSON: the sha256 of the file it was made from, the
request, the seed and the networks. What the change took away stands beside it in a sequencer-specific event, from
which the file it was made from comes back to the last bit. A DAW that drops such events, or an edit made in one, leaves
the list of versions readable, but then earlier ones are only to be had where their files are.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from composer.midi_file import midi_file_bytes
from composer.smf import META, MidiFile, MidiTrack
from composer.splice import with_texts

_SEQUENCER_SPECIFIC = bytes((META, 0x7F))
_OWNER = b"\x7dframescore"  # 7D: for research and private use (MIDI 1.0, manufacturer IDs)
_TEXT = re.compile(r"version\.(\d{1,4})=(\{.*\})", re.DOTALL)
MAX_UNDO_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Version:
    """A version and how it came to be: ``number`` from 1, sha256 of its ``parent``, and ``request`` as it was asked."""

    number: int
    parent: str
    request: dict[str, Any]


def digest_of(file: MidiFile) -> str:
    """SHA-256 of a file's music, however its bytes are spelt."""
    return hashlib.sha256(midi_file_bytes(file)).hexdigest()


def versions_of(file: MidiFile) -> tuple[Version, ...]:
    """The versions that a file tells of, oldest first; what is damaged is left out."""
    found = {}
    for event in file.tracks[0].metas:
        match = _TEXT.fullmatch(event.data.decode("utf-8", "replace")) if event.kind == 0x01 else None
        if match:
            try:
                told = json.loads(match[2])
                number = int(match[1])
                found[number] = Version(number, str(told["parent"]), dict(told["request"]))
            except (ValueError, KeyError, TypeError):
                continue
    return tuple(found[number] for number in sorted(found))


def line_of(version: Version) -> str:
    """A version on one line: what was asked for, from what."""
    asked = version.request
    if "bars" not in asked:
        return (
            f"version {version.number}, from {version.parent[:12]}: a new picture; seed {asked.get('seed')}"
        )
    parts = [f"bars {asked.get('bars') or 'all'}"]
    parts += [f"{name} {', '.join(asked[name])}" for name in ("tracks", "stages", "keep") if asked.get(name)]
    parts += [f"{name} {asked[name]}" for name in ("style", "chords") if asked.get(name)]
    parts += [f"{name} {value}" for name, value in (asked.get("wishes") or {}).items() if value is not None]
    parts += [f"seed {asked.get('seed')}"] + [f"variation {n + 1}" for n in (asked.get("variation"),) if n]
    return f"version {version.number}, from {version.parent[:12]}: {'; '.join(parts)}"


def with_version(parent: MidiFile, child: MidiFile, request: Mapping[str, Any]) -> MidiFile:
    """``child``, made from ``parent`` by ``request``, with a version that says so and can be undone."""
    number = 1 + max((version.number for version in versions_of(parent)), default=0)
    told = json.dumps({"parent": digest_of(parent), "request": dict(request)}, sort_keys=True)
    child = with_texts(child, lambda tick, text: False, [(0, f"version.{number}={told}")])
    pairs = zip(parent.tracks, child.tracks, strict=False)  # a change may add tracks at the end
    tracks = [_difference(*pair) for pair in pairs]
    undo = _packed({"number": number, "kind": parent.kind, "tracks": tracks})
    first = child.tracks[0]
    messages = (*first.messages, (first.end_tick, _SEQUENCER_SPECIFIC + _OWNER + undo))
    return replace(child, tracks=(MidiTrack(messages, first.end_tick), *child.tracks[1:]))


def parent_of(file: MidiFile) -> MidiFile | None:
    """The file that the newest version was made from; None where the file does not hold it, or was edited since."""
    versions = versions_of(file)
    if not versions:
        return None
    newest = versions[-1]
    first = file.tracks[0]
    for place, (_, data) in enumerate(first.messages):
        told = _unpacked(data)
        if told is None or told.get("number") != newest.number:
            continue
        plain = MidiTrack((*first.messages[:place], *first.messages[place + 1 :]), first.end_tick)
        try:
            pairs = zip((plain, *file.tracks[1:]), told["tracks"], strict=False)
            tracks = tuple(_undone(*pair) for pair in pairs)
        except (ValueError, KeyError, TypeError, IndexError):
            return None
        parent = replace(file, kind=int(told.get("kind", file.kind)), tracks=tracks)
        return parent if digest_of(parent) == newest.parent else None
    return None


def _difference(parent: MidiTrack, child: MidiTrack) -> dict[str, Any]:
    """How to come back from ``child``: on the ticks where they differ, the places of its messages and the parent's
    messages with their places."""
    old, new = _by_tick(parent), _by_tick(child)
    differing = [tick for tick in sorted({*old, *new}) if _datas(old, tick) != _datas(new, tick)]
    return {
        "added": [place for tick in differing for place, _ in new.get(tick, ())],
        "lacking": [(place, tick, data.hex()) for tick in differing for place, data in old.get(tick, ())],
        "end": parent.end_tick,
    }


def _by_tick(track: MidiTrack) -> dict[int, list[tuple[int, bytes]]]:
    """Tick -> its messages, each with its place in the track."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for place, (tick, data) in enumerate(track.messages):
        found.setdefault(tick, []).append((place, data))
    return found


def _datas(by_tick: dict[int, list[tuple[int, bytes]]], tick: int) -> list[bytes]:
    return [data for _, data in by_tick.get(tick, ())]


def _undone(child: MidiTrack, told: dict[str, Any]) -> MidiTrack:
    added = set(told["added"])
    messages = [message for place, message in enumerate(child.messages) if place not in added]
    for place, tick, data in told["lacking"]:
        messages.insert(int(place), (int(tick), bytes.fromhex(data)))
    return MidiTrack(tuple(messages), int(told["end"]))


def _packed(told: dict[str, Any]) -> bytes:
    """JSON, deflated, in bytes of seven bits: some programs allow no others in a meta event."""
    return base64.b85encode(zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 9))


def _unpacked(data: bytes) -> dict[str, Any] | None:
    head = _SEQUENCER_SPECIFIC + _OWNER
    if not data.startswith(head):
        return None
    try:
        unpacker = zlib.decompressobj()
        told = json.loads(unpacker.decompress(base64.b85decode(data[len(head) :]), MAX_UNDO_BYTES))
    except (ValueError, zlib.error, RecursionError):
        return None
    return told if isinstance(told, dict) else None
