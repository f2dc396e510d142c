"""What was seen of a film, as the file beside its cue sheet: exact to read, refused where damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from composer.errors import BadInput
from composer.tokens.picture import POOLED_BINS, SEMANTIC_WIDTH, PictureTrack

Arrays = dict[str, np.ndarray]


def arrays() -> Arrays:
    rng = np.random.default_rng(3)
    light = np.array([[0.0, 1.0, -1.0], [1.0, 0.0, 1.0], [0.5, 0.5, 0.0]], np.float16)
    return {
        "duration_s": np.float64(3.0),
        "color_times_s": np.array([0.0, 1.0, 2.0]),
        "light": light,
        "chroma": rng.random((3, 3 * POOLED_BINS**2)).astype(np.float16),
        "motion_times_s": np.array([0.2, 0.4]),
        "motion": np.array([0.0, 80.0], np.float16),
        "semantic_times_s": np.array([0.5]),
        "semantic": np.full((1, SEMANTIC_WIDTH), 0.1, np.float16),
    }


def test_what_is_saved_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "c.picture.npz"
    whole = arrays()
    PictureTrack(float(whole.pop("duration_s")), **whole).save(path)
    again = PictureTrack.load(path)
    assert again.duration_s == 3.0
    for name, array in whole.items():
        assert np.array_equal(getattr(again, name), array)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("duration_s", lambda value: -value),
        ("duration_s", lambda value: value * 0),
        ("duration_s", lambda value: value * np.inf),
        ("duration_s", lambda value: value + 1j),
        ("duration_s", lambda value: np.array("3.0")),
        ("duration_s", lambda value: np.array([3.0])),
        ("color_times_s", lambda times: times[::-1]),
        ("color_times_s", lambda times: times[:2]),
        ("color_times_s", lambda times: times - 1),
        ("color_times_s", lambda times: times * np.nan),
        ("motion_times_s", lambda times: times[None]),
        ("motion_times_s", lambda times: times[0]),
        ("light", lambda light: light + 0.5),
        ("light", lambda light: light - 0.5),
        ("light", lambda light: light.astype(complex)),
        ("light", lambda light: light.astype(str)),
        ("chroma", lambda chroma: -chroma),
        ("chroma", lambda chroma: chroma[:, 1:]),
        ("chroma", lambda chroma: chroma > 0.5),
        ("motion", lambda motion: motion - 1),
        ("motion", lambda motion: motion * np.inf),
        ("semantic", lambda semantic: -semantic),
        ("semantic", lambda semantic: semantic.astype("datetime64[s]")),
    ],
)
def test_damaged_files_are_refused_with_what_to_do(
    tmp_path: Path, name: str, damage: Callable[[np.ndarray], np.ndarray]
) -> None:
    path = tmp_path / "c.picture.npz"
    whole = arrays()
    with np.errstate(invalid="ignore"):
        np.savez(path, **{**whole, name: damage(whole[name])})
    with pytest.raises(BadInput, match=r"no film gives|shape|ascend|duration_s is") as caught:
        PictureTrack.load(path)
    assert str(caught.value).startswith(f"{path}: not what was seen of a film")
    assert "remove it" in str(caught.value)
    assert "\n" not in str(caught.value)
