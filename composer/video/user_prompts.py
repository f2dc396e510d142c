"""A user's own prompts, from a YAML or CSV file: what else a picture may be compared with.

YAML is a list of entries such as ``{text: a lighthouse in a storm, category: scene, valence: -0.3, arousal: 0.4,
tags: [sea, tension]}``. CSV has a first row that names the same columns, tags separated by spaces. Tags may be left
out. Files are hostile until parsed: see `composer.spotting.yaml_tree`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from composer.errors import BadInput
from composer.hostile import read_utf8
from composer.spotting.yaml_tree import Node, items, mapping, number, read_tree, text
from composer.video.prompts import AESTHETIC_CATEGORIES, BANK, CATEGORIES, Prompt

REQUIRED, OPTIONAL = ("text", "category", "valence", "arousal"), ("tags",)
MAX_PROMPTS = 500
MAX_TAGS = 20
MAX_TEXT = 300  # characters; CLIP reads 77 tokens
MAX_CSV_BYTES = 1 << 20


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a file, in its order: CSV where its name ends in .csv, else YAML.

    Raises BadInput, with the line, where the file is missing or an entry is wrong, stands twice or stands in the bank.
    """
    entries = _csv_entries(path) if path.suffix.lower() == ".csv" else _yaml_entries(path)
    known = {prompt.text: "in the bank" for prompt in BANK}
    prompts: list[Prompt] = []
    for entry in entries:
        prompt = _prompt(entry)
        if prompt.text in known:
            entry.fail(f"the prompt {prompt.text!r} stands {known[prompt.text]} already; remove it")
        known[prompt.text] = f"in line {entry.line}"
        prompts.append(prompt)
    if not prompts:
        raise BadInput(f"{path}: has no prompts; write at least one, with {', '.join(REQUIRED)}")
    return tuple(prompts)


def _prompt(entry: Node) -> Prompt:
    found = mapping(entry, REQUIRED, OPTIONAL)
    sentence = " ".join(text(found["text"], "text", MAX_TEXT).split())
    if not sentence:
        found["text"].fail("text is empty; write what is to be seen")
    category = text(found["category"], "category").strip()
    if category not in CATEGORIES + AESTHETIC_CATEGORIES:
        known = ", ".join(CATEGORIES + AESTHETIC_CATEGORIES)
        found["category"].fail(f"category is {category[:40]!r}; it must be one of {known}")
    valence, arousal = (number(found[name], name, -1.0, 1.0) for name in ("valence", "arousal"))
    tags: tuple[str, ...] = ()
    if "tags" in found:
        tags = tuple(text(tag, "a tag", MAX_TEXT).strip() for tag in items(found["tags"], "tags", MAX_TAGS))
    return Prompt(sentence, category, valence, arousal, tags)


def _yaml_entries(path: Path) -> list[Node]:
    root = read_tree(path, "list of prompts", "write at least one, see the manual of --prompts")
    return items(root, "prompts", MAX_PROMPTS)


def _csv_entries(path: Path) -> Iterator[Node]:
    """Rows as the nodes that the same file in YAML would give."""
    content = read_utf8(path, MAX_CSV_BYTES, "list of prompts")
    rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if len(set(header)) != len(header) or not set(REQUIRED) <= set(header) <= set(REQUIRED + OPTIONAL):
            raise BadInput(
                f"{path}:1: the first row must name the columns {', '.join(REQUIRED)} and may name tags"
            )
        filled = (row for row in rows if any(cell.strip() for cell in row))
        for count, row in enumerate(filled):
            line = rows.line_num
            if count >= MAX_PROMPTS:
                raise BadInput(f"{path}:{line}: more than {MAX_PROMPTS} prompts are too many; remove some")
            if len(row) != len(header):
                raise BadInput(f"{path}:{line}: has {len(row)} cells, not {len(header)}; mend this row")
            cells: dict[str, Node] = {
                name: Node(path, line, cell.strip()) for name, cell in zip(header, row, strict=True)
            }
            if "tags" in cells:
                tags = row[header.index("tags")].split()
                cells["tags"] = Node(path, line, [Node(path, line, tag) for tag in tags])
            yield Node(path, line, cells)
    except csv.Error as error:
        raise BadInput(f"{path}:{rows.line_num}: not CSV ({error}); mend this line") from error
