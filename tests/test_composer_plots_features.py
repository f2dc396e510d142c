"""The picture of the features: every reading there is has its row, nothing overlaps, any length of film fits."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from composer.errors import BadInput
from composer.plots.features import COLUMNS, _pooled, features_figure, plot_features
from composer.plots.style import TIME_STEPS_S, clock, plain_style
from composer.video.features import PALETTE_COLORS, VideoFeatures
from composer.video.likeness import blocks_of


def seen(duration_s: float, *, with_clip: bool = False, cuts: int = 5) -> VideoFeatures:
    """A film of anything: every reading varies."""
    rng = np.random.default_rng(3)
    color_s, motion_s = np.arange(0, duration_s, 0.5), np.arange(0, duration_s, 0.2)
    patch_s = np.arange(0, duration_s, 0.04)
    semantic_s = np.arange(0, duration_s if with_clip else 0.0, 1.0)
    prompts = sum(len(block) for block in blocks_of())
    beats_s = np.sort(rng.uniform(0, duration_s, max(int(duration_s / 3), 1)))
    wave = 0.5 + 0.5 * np.sin(np.linspace(0, 9, len(color_s)))
    return VideoFeatures(
        source="the film $x^2$.mp4",
        sha256="ab" * 32,
        duration_s=duration_s,
        frame_count=max(round(duration_s * 25), 1),
        frame_rate=25.0,
        width=1280,
        height=720,
        start_timecode="00:00:00:00",
        has_audio=True,
        cut_times_s=np.sort(rng.uniform(0, duration_s, cuts)),
        cut_strengths=rng.uniform(0.2, 1, cuts),
        color_times_s=color_s,
        color_histograms=np.full((len(color_s), 3, 2, 2), 1 / 12),
        brightness=wave,
        saturation=wave[::-1],
        warmth=2 * wave - 1,
        motion_times_s=motion_s,
        rgb_difference=rng.gamma(1.0, 9.0, len(motion_s)),
        saliency=rng.gamma(1.0, 0.01, len(motion_s)),
        speed=rng.gamma(1.0, 0.05, len(motion_s)),
        visual_beats_s=beats_s,
        visual_beat_strengths=rng.uniform(0, 1, len(beats_s)),
        patch_times_s=patch_s,
        patch_dissimilarity=rng.gamma(1.0, 0.05, len(patch_s)),
        patch_source="pixels",
        semantic_times_s=semantic_s,
        semantic_tokens=np.ones((len(semantic_s), 4)),
        semantic_scores=rng.dirichlet(np.full(prompts, 0.1), len(semantic_s))
        if with_clip
        else np.zeros((0, 0)),
        semantic_model="ViT-B-32" if with_clip else "",
        palettes=rng.uniform(0, 1, (len(color_s), PALETTE_COLORS, 3)),
        palette_shares=np.tile([0.4, 0.3, 0.15, 0.1, 0.05], (len(color_s), 1)),
        flash_times_s=np.array([0.3 * duration_s]),
        fade_starts_s=np.array([0.6 * duration_s]),
        fade_ends_s=np.array([0.65 * duration_s]),
    )


def figure_of(features: VideoFeatures) -> Figure:
    with plain_style():
        figure = features_figure(features)
        FigureCanvasAgg(figure).draw()
    return figure


def names(figure: Figure) -> list[str]:
    return [" ".join(axes.get_ylabel().split()) for axes in figure.axes]


def boxes(figure: Figure) -> dict[str, Bbox]:
    """Where each text, each row and each legend stands, in pixels."""
    found = {f"text {text.get_text()[:9]}": text.get_window_extent() for text in figure.texts}
    for axes in figure.axes:
        name = " ".join(axes.get_ylabel().split())
        found[f"row {name}"] = axes.get_window_extent()
        found[f"name {name}"] = axes.yaxis.label.get_window_extent()
        if (legend := axes.get_legend()) is not None:
            found[f"legend {name}"] = legend.get_window_extent()
        low, high = sorted(axes.get_ylim())
        for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
            if label.get_text() and low <= place <= high:  # others are not drawn
                found[f"tick {name} {label.get_text()}"] = label.get_window_extent()
    return found


@pytest.mark.parametrize("duration_s", [1.0, 65.0, 7200.0])
@pytest.mark.parametrize("with_clip", [False, True])
def test_nothing_overlaps_or_is_cut_off(duration_s: float, with_clip: bool) -> None:
    figure = figure_of(seen(duration_s, with_clip=with_clip, cuts=max(round(duration_s / 3), 2)))
    placed = boxes(figure)
    width, height = figure.canvas.get_width_height()
    for name, box in placed.items():
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= width, name
        assert box.y1 <= height, name
    for (one, a), (other, b) in combinations(placed.items(), 2):
        assert not a.overlaps(b.padded(-0.5)), (one, other)
    for axes in figure.axes:
        assert axes.get_xlim() == (0.0, duration_s)
    last = figure.axes[-1]
    ticks = zip(last.get_xticks(), last.get_xticklabels(), strict=True)
    labels = [label.get_window_extent() for place, label in ticks if 0 <= place <= duration_s]
    assert len(labels) > 2
    assert all(not a.overlaps(b) for a, b in combinations(labels, 2))


def test_rows_are_those_that_there_is_something_for() -> None:
    film = seen(20.0, with_clip=True)
    everything = [
        "palette",
        "cuts",
        "light and colour",
        "change of picture",
        "speed",
        "saliency",
        "patches",
        "mood",
    ]
    assert names(figure_of(film)) == [*everything, "looks like (the darker the more)"]
    assert names(figure_of(seen(20.0))) == everything
    none = np.zeros(0)
    bare = replace(
        seen(20.0, cuts=0), flash_times_s=none, fade_starts_s=none, fade_ends_s=none, palette_shares=none, speed=none,
        patch_times_s=none, patch_dissimilarity=none,
    )  # fmt: skip
    assert names(figure_of(bare)) == ["light and colour", "change of picture", "saliency", "mood"]


def test_a_film_of_one_picture_is_drawn(tmp_path: Path) -> None:
    plot_features(replace(seen(0.04, cuts=0), flash_times_s=np.zeros(0)), tmp_path / "still.png")
    assert (tmp_path / "still.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_three_kinds_of_file_the_same_bytes_each_time(tmp_path: Path, suffix: str, start: bytes) -> None:
    one, again = tmp_path / f"one.{suffix}", tmp_path / f"again.{suffix}"
    plot_features(seen(30.0, with_clip=True), one)
    plot_features(seen(30.0, with_clip=True), again)
    assert one.read_bytes().startswith(start)
    assert one.read_bytes() == again.read_bytes()


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        plot_features(seen(1.0), tmp_path)


def test_long_films_are_pooled_with_their_peaks() -> None:
    times_s = np.arange(0, 7200, 0.04)
    values = np.zeros(len(times_s))
    values[90_001] = 7.0
    pooled_s, peaks = _pooled(times_s, values, 7200.0, peaks=True)
    assert len(pooled_s) == len(peaks) <= COLUMNS
    assert peaks.max() == 7.0
    assert abs(pooled_s[peaks.argmax()] - times_s[90_001]) <= 7200 / COLUMNS
    _, means = _pooled(times_s, np.ones((len(times_s), 2)), 7200.0)
    assert np.allclose(means, 1.0)
    short = np.arange(10.0)
    assert _pooled(short, short, 10.0)[1] is short


def test_clock() -> None:
    assert clock(65.0, 5.0, 70.0) == "1:05"
    assert clock(1.5, 0.5, 2.0) == "0:01.5"
    assert clock(3605.0, 600.0, 7200.0) == "1:00:05"
    assert clock(59.9999, 5.0, 70.0) == "1:00"
    assert list(TIME_STEPS_S) == sorted(TIME_STEPS_S)
