"""The drawn film."""

from __future__ import annotations

import pytest

from composer.errors import BadInput
from composer.video.analyze import analyze
from composer.video.animatic import cut_times_s, draw_animatic, main


def test_animatic_has_its_cuts_and_is_the_same_each_time(tmp_path):
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    draw_animatic(first, 3.0)
    draw_animatic(second, 3.0)
    assert first.read_bytes() == second.read_bytes()
    features = analyze(first)
    assert (features.width, features.height, features.frame_rate) == (1280, 720, 25.0)
    assert features.duration_s == pytest.approx(3.0, abs=0.001)
    assert features.cut_times_s == pytest.approx(cut_times_s(3.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_impossible_wishes_are_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="duration_s"):
        draw_animatic(tmp_path / "a.mp4", 0.0)
    with pytest.raises(BadInput, match="another folder"):
        draw_animatic(tmp_path / "none" / "a.mp4")
    assert main([str(tmp_path / "none" / "a.mp4")]) == 3
    assert capsys.readouterr().err.count("\n") == 1
