"""Files of a user's own prompts: both formats, and one line of what is wrong where."""

from __future__ import annotations

import pytest

from composer.errors import BadInput
from composer.video.prompts import PROMPTS, Prompt
from composer.video.user_prompts import MAX_PROMPTS, read_prompts

LIGHTHOUSE = Prompt("a lighthouse in a storm", "scene", -0.3, 0.4, ("sea", "tension"))
GLOW = Prompt("a picture with glowing edges", "lighting", 0.2, 0.0, ())
YAML = """\
# mine
- text: a lighthouse in a storm
  category: scene
  valence: -0.3
  arousal: 0.4
  tags: [sea, tension]
- {text: a picture with glowing edges, category: lighting, valence: 0.2, arousal: 0}
"""
CSV = """\
text,category,valence,arousal,tags
a lighthouse in a storm,scene,-0.3,0.4,sea tension

"a picture with glowing edges",lighting,.2,0,
"""


@pytest.mark.parametrize(
    ("name", "content"), [("mine.yaml", YAML), ("mine.csv", CSV), ("MINE.CSV", "\ufeff" + CSV)]
)
def test_both_formats_say_the_same(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_prompts(tmp_path / name) == (LIGHTHOUSE, GLOW)


@pytest.mark.parametrize(
    ("name", "content", "line", "what"),
    [
        ("a.yaml", YAML.replace("scene", "weather"), 3, "category"),
        ("a.yaml", YAML.replace("-0.3", "-1.3"), 4, "valence is -1.3"),
        ("a.yaml", YAML.replace("0.4", "high"), 5, "arousal must be a number"),
        ("a.yaml", YAML.replace("tags", "tag"), 6, "unknown key"),
        ("a.yaml", YAML.replace("text: a lighthouse in a storm", "text: ''"), 2, "text is empty"),
        ("a.yaml", YAML.replace("a picture with glowing edges", "a lighthouse in a storm"), 7, "in line 2 already"),
        ("a.yaml", YAML.replace("a lighthouse in a storm", PROMPTS[0].text), 2, "in the bank already"),
        ("a.yaml", "text: x", 1, "must be a list"),
        ("a.yaml", "- !!python/object:os.system {}", 1, "tags such as"),
        ("a.csv", CSV.replace("scene", "weather"), 2, "category"),
        ("a.csv", CSV.replace("0.4", "nan"), 2, "arousal must be a number"),
        ("a.csv", CSV.replace("lighting,", "lighting,,"), 4, "6 cells, not 5"),
        ("a.csv", CSV.replace("valence", "pleasure"), 1, "first row"),
        ("a.csv", CSV.replace('edges"', 'edges" x'), 4, "not CSV"),
        ("a.csv", "text,category,valence,arousal\n" + "\n".join(f"p{i},scene,0,0" for i in range(600)), 502, "many"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path, name, content, line, what):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput) as caught:
        read_prompts(tmp_path / name)
    assert f"{name}:{line}: " in str(caught.value)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"text,category\n\xe9")
    (tmp_path / "large.csv").write_bytes(b"x" * (1 << 21))
    (tmp_path / "empty.csv").write_text("text,category,valence,arousal\n")
    (tmp_path / "empty.yaml").write_text("[]")
    (tmp_path / "nothing.yaml").write_text("")
    for name, what in {
        "latin.csv": "UTF-8", "large.csv": "larger", "empty.csv": "no prompts", "empty.yaml": "no prompts",
        "nothing.yaml": "write at least one", "missing.csv": "cannot be read", "missing.yaml": "cannot be read",
    }.items():  # fmt: skip
        with pytest.raises(BadInput, match=what):
            read_prompts(tmp_path / name)
    assert MAX_PROMPTS >= 200
