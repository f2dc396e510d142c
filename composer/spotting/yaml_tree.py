"""Hostile YAML to a small tree with line numbers.

Only what a cue sheet needs: mappings, lists and scalars, read from the parser's stream of events. No tags,
anchors or aliases (so no bombs and no objects), no duplicate keys, and caps on size, depth and count. The
typed readers turn scalars into values or into a `BadInput` that names file, line, what and remedy.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import yaml

from composer.errors import BadInput
from composer.hostile import read_utf8

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 8
MAX_NODES = 1_000_000

Word = TypeVar("Word", bound=str)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same events, ten times as fast
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Node:
    """A value at ``line`` of ``path``: a dict of nodes by key, a list of nodes, or a scalar's text.

    ``quoted``: the scalar stood in quotes (or as a block), so that it is text whatever it looks like. ``key_line``:
    where its key stands, in a mapping.
    """

    path: Path
    line: int
    value: dict[str, Node] | list[Node] | str
    quoted: bool = False
    key_line: int = 0

    def fail(self, what: str) -> NoReturn:
        """Raise the BadInput that says ``what`` is wrong at this line."""
        raise BadInput(f"{self.path}:{self.line}: {what}")


def read_tree(
    path: Path,
    what: str = "cue sheet",
    if_empty: str = "write a cue sheet with 'framescore spot VIDEO -o FILE'",
) -> Node:
    """The file as a tree. Raises BadInput where it cannot be read or is not the plain YAML of a cue sheet, or of
    ``what`` else it is to be; ``if_empty`` is the remedy for a file with nothing in it."""
    text = read_utf8(path, MAX_BYTES, what)
    try:
        events = _checked(path, text, what, if_empty)
        next(events)  # the first value's own event comes next
        root = _node(path, events, next(events))
        for _ in events:  # to the end, so that what follows is checked too
            pass
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else f"{path}"
        what = getattr(error, "problem", None) or "characters that YAML does not allow"
        raise BadInput(f"{where}: not YAML ({what}); mend this line") from error
    return root


def mapping(node: Node, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Node]:
    """The node's entries, where it is a mapping with all ``required`` keys and no unknown ones."""
    if not isinstance(node.value, dict):
        node.fail(f"expected a mapping with {', '.join(required or optional)}")
    for key, child in node.value.items():
        if key not in required and key not in optional:
            known = ", ".join(required + optional)
            raise BadInput(
                f"{child.path}:{child.key_line}: unknown key {key[:40]!r};{_meant(key, required + optional)} "
                f"known here: {known}"
            )
    for key in required:
        if key not in node.value:
            node.fail(f"{key} is missing; add it")
    return node.value


def items(node: Node, what: str, at_most: int) -> list[Node]:
    """The node's items, where it is a list of no more than ``at_most``."""
    if not isinstance(node.value, list):
        node.fail(f"{what} must be a list")
    if len(node.value) > at_most:
        node.fail(f"{len(node.value)} {what} are too many; keep at most {at_most}")
    return node.value


def number(node: Node, name: str, low: float, high: float) -> float:
    """A finite number from ``low`` to ``high``."""
    text = node.value
    if not isinstance(text, str) or node.quoted or not _NUMBER.fullmatch(text):
        node.fail(f"{name} must be a number{_shown(node)}")
    value = float(text)
    if not (math.isfinite(value) and low <= value <= high):
        node.fail(f"{name} is {text}; it must be {low:g} to {high:g}")
    return value


def integer(node: Node, name: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    text = node.value
    if not isinstance(text, str) or node.quoted or not re.fullmatch(r"[-+]?\d{1,19}", text):
        node.fail(f"{name} must be a whole number{_shown(node)}")
    if not low <= int(text) <= high:
        node.fail(f"{name} is {text}; it must be {low} to {high}")
    return int(text)


def choice(node: Node, name: str, known: tuple[Word, ...]) -> Word:
    """One of the ``known`` words."""
    word = next((word for word in known if word == node.value), None)
    if word is None:
        given = node.value if isinstance(node.value, str) else "more than one word"
        node.fail(f"{name} is {given[:40]!r};{_meant(given, known)} it must be one of {', '.join(known)}")
    return word


def flag(node: Node, name: str) -> bool:
    """``true`` or ``false``."""
    if node.quoted or node.value not in ("true", "false"):
        node.fail(f"{name} must be true or false{_shown(node)}")
    return node.value == "true"


def text(node: Node, name: str, at_most: int = 4096) -> str:
    """A line of text."""
    if not isinstance(node.value, str):
        node.fail(f"{name} must be text")
    if len(node.value) > at_most:
        node.fail(f"{name} has {len(node.value)} characters; keep it to {at_most}")
    return node.value


def quote(value: str) -> str:
    """``value`` as a double-quoted YAML scalar on one line, that reads back exactly.

    Halves of surrogate pairs, which undecodable file names bring, are no characters to YAML: they become U+FFFD.
    """
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    if character.isprintable() and code < 0x10000:
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _meant(word: str, known: tuple[str, ...]) -> str:
    """A question, where ``word`` looks like a slip for a known one."""
    near = difflib.get_close_matches(word[:40], known, 1)
    return f" did you mean {near[0]}?" if near else ""


def _shown(node: Node) -> str:
    if not isinstance(node.value, str):
        return ""
    return f", not {node.value[:40]!r}" + (" in quotes" if node.quoted else "")


def _checked(path: Path, text: str, what: str, if_empty: str) -> Iterator[yaml.Event]:
    """The events of one document between its start and end, each within the caps."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        line, tag = _line(event), getattr(event, "tag", None)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadInput(f"{path}:{line}: a second document; keep one {what} in a file")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadInput(
                f"{path}:{line}: anchors and aliases (& and *) are not allowed; write the value out"
            )
        elif tag is not None:
            raise BadInput(f"{path}:{line}: tags such as {tag[:40]!r} are not allowed; remove it")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise BadInput(f"{path}:{line}: nested too deep or too long for a {what}; remove what is here")
        if isinstance(event, yaml.DocumentStartEvent | yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event
    if not documents:
        raise BadInput(f"{path}: empty; {if_empty}")


def _node(path: Path, events: Iterator[yaml.Event], event: yaml.Event, key_line: int = 0) -> Node:
    line = _line(event)
    if isinstance(event, yaml.ScalarEvent):
        return Node(path, line, event.value, bool(event.style), key_line)
    if isinstance(event, yaml.SequenceStartEvent):
        entries = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            entries.append(_node(path, events, event))
        return Node(path, line, entries, key_line=key_line)
    pairs: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise BadInput(f"{path}:{_line(event)}: a key must be a plain word; mend this line")
        if event.value in pairs:
            raise BadInput(f"{path}:{_line(event)}: {event.value[:40]!r} stands twice; remove one")
        pairs[event.value] = _node(path, events, next(events), _line(event))
    return Node(path, line, pairs, key_line=key_line)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1
