"""doctor: every check judges rightly and says how to mend what is missing."""

from __future__ import annotations

import json
from pathlib import Path

from composer import doctor
from composer.output import sha256_of


def test_an_old_python_is_refused() -> None:
    assert doctor.check_python((3, 11, 0)).is_fine
    old = doctor.check_python((3, 10, 9))
    assert not old.is_fine
    assert old.remedy


def test_packages_are_looked_up_by_requirement_and_extras_are_left_out() -> None:
    checks = doctor.check_packages(
        ["numpy>=1", "no-such-thing-at-all>=2; python_version>='3'", "x; extra == 'dev'"]
    )
    assert [(check.name, check.is_fine) for check in checks] == [
        ("numpy", True),
        ("no-such-thing-at-all", False),
    ]
    assert "pip install 'no-such-thing-at-all'" in checks[1].remedy


def test_a_second_owner_of_an_import_name_is_found() -> None:
    ours = {"composer": ["framescore", "framescore"], "render": ["framescore"], "numpy": ["numpy"]}
    assert doctor.foreign_owners(ours) == ()
    (sentence,) = doctor.foreign_owners({**ours, "render": ["framescore", "render"]})
    assert "`render`" in sentence


def test_a_checkpoint_must_be_the_one_its_card_describes(tmp_path: Path) -> None:
    path = tmp_path / "chords.safetensors"
    assert not doctor.judge_checkpoint("chords", path).is_fine
    path.write_bytes(b"weights")
    assert "chords.json is missing" in doctor.judge_checkpoint("chords", path).detail
    card = tmp_path / "chords.json"
    for text in ("[]", "no json", "{}", json.dumps({"sha256": "0" * 64})):
        card.write_text(text)
        check = doctor.judge_checkpoint("chords", path)
        assert not check.is_fine
        assert "chords.safetensors" in check.remedy
    card.write_text(json.dumps({"sha256": sha256_of(path)}))
    assert doctor.judge_checkpoint("chords", path).is_fine
