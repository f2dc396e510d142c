"""Colours of films with the right answer: matrix, range, depth, transparency, wide gamut, high dynamic range."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from make_video import CARD, Coding, card, clip, patches, read, textured, write_film, yuv_frame

from composer.video import hdr, scaling

FINE = {"libx264": {"crf": "6"}, "libx265": {"x265-params": "log-level=none", "crf": "6"}}
PQ, HLG = 16, 18


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p", "yuv444p10le", "yuv420p10le"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize(("codec", "extension"), [("ffv1", "mkv"), ("libx264", "mp4")])
def test_matrix_range_and_depth_are_honoured(tmp_path, matrix, full_range, pixel_format, codec, extension):
    coding = Coding(
        codec, pixel_format, matrix, full_range, transfer=1, primaries=1, options=FINE.get(codec, {})
    )
    pictures = [yuv_frame(card(), pixel_format, matrix, full_range=full_range) for _ in range(2)]
    frames, _ = read(write_film(tmp_path / f"card.{extension}", pictures, 25, coding))
    assert patches(frames[1].rgb) == pytest.approx(255 * CARD, abs=3)


@pytest.mark.parametrize(("scale", "matrix"), [(1, 6), (8, 1)])
def test_a_matrix_that_is_not_named_goes_by_the_size(tmp_path, scale, matrix):
    large = card().repeat(scale, axis=0).repeat(scale, axis=1)
    path = write_film(
        tmp_path / "card.mkv", [yuv_frame(large, "yuv444p", matrix)], 25, Coding("ffv1", "yuv444p")
    )
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).colorspace == 2
    assert patches(read(path)[0][0].rgb) == pytest.approx(255 * CARD, abs=2)


def test_a_matrix_that_ffmpeg_cannot_convert_does_not_stop_the_film(tmp_path):
    coding = Coding("libx264", "yuv444p", matrix=8)  # YCgCo
    path = write_film(tmp_path / "card.mp4", [yuv_frame(card(), "yuv444p", 6)] * 2, 25, coding)
    assert patches(read(path)[0][0].rgb) == pytest.approx(255 * CARD, abs=4)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "extension"),
    [
        ("qtrle", "argb", "mov"),
        ("png", "rgba", "mov"),
        ("ffv1", "bgra", "mkv"),
        ("prores_ks", "yuva444p10le", "mov"),
        ("libvpx", "yuva420p", "webm"),
        ("libvpx-vp9", "yuva420p", "webm"),
        ("apng", "rgba", "apng"),
    ],
)
def test_transparent_pictures_are_laid_over_black(tmp_path, codec, pixel_format, extension):
    picture = np.zeros((96, 160, 4), np.uint8)
    picture[...] = (220, 60, 40, 255)
    picture[:, 48:96, 3] = 128
    picture[:, 96:, 3] = 0
    coding = Coding(codec, pixel_format, options={"auto-alt-ref": "0", "b": "4M"} if "vpx" in codec else {})
    frames, info = read(write_film(tmp_path / f"alpha.{extension}", [picture] * 4, 25, coding))
    assert len(frames) == 4
    assert info.frame_rate == 25.0
    rgb = frames[2].rgb.astype(float)
    assert rgb[30:60, 10:38].mean((0, 1)) == pytest.approx((220, 60, 40), abs=8)
    assert rgb[30:60, 58:86].mean((0, 1)) == pytest.approx((110, 30, 20), abs=8)
    assert rgb[30:60, 106:].max() < 8


def test_a_real_transparent_film():
    frames, _ = read(clip("moviepy__transparent.webm"))
    assert len(frames) == 150
    assert 0.0 < np.mean([frame.rgb.mean() for frame in frames]) < 1.0


# ---- high dynamic range ---------------------------------------------------------------------------------------

# ITU-R BT.2087-0: linear RGB of BT.709 primaries in those of BT.2020.
BT709_IN_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def as_hdr(rgb: np.ndarray, transfer: int) -> np.ndarray:
    """SDR R'G'B' 0-1 put into an HDR signal as ITU-R BT.2408 has it: its white at 203 cd/m²."""
    nits = 203.0 * (rgb**2.4) @ BT709_IN_BT2020.T
    if transfer == PQ:
        power = (nits / 10_000.0) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1.0 + 18.6875 * power)) ** 78.84375
    display = nits / 1000.0
    luminance = display @ np.array([0.2627, 0.6780, 0.0593])
    scene = display * np.maximum(luminance, 1e-9)[..., None] ** (1.0 / 1.2 - 1.0)
    logarithm = 0.17883277 * np.log(np.maximum(12.0 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1.0 / 12.0, np.sqrt(3.0 * scene), logarithm)


def hue_degrees(rgb: np.ndarray) -> np.ndarray:
    """Angle around the grey axis."""
    across = rgb @ np.array([1.0, -0.5, -0.5])
    up = rgb @ np.array([0.0, np.sqrt(0.75), -np.sqrt(0.75)])
    return np.degrees(np.arctan2(up, across))


@pytest.mark.parametrize(("codec", "extension"), [("libx265", "mp4"), ("ffv1", "mkv")])
@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])
def test_an_sdr_picture_in_hdr_comes_back(tmp_path, transfer, codec, extension):
    pixel_format = "yuv420p10le" if codec == "libx265" else "yuv444p10le"
    coding = Coding(codec, pixel_format, 9, False, transfer, primaries=9, options=FINE.get(codec, {}))
    pictures = [yuv_frame(as_hdr(card(), transfer), pixel_format, 9) for _ in range(3)]
    frames, _ = read(write_film(tmp_path / f"hdr.{extension}", pictures, 25, coding))
    shown, meant = patches(frames[1].rgb), 255 * CARD
    assert shown == pytest.approx(meant, abs=28)  # white, the brightest, comes to 230: room for highlights
    dark = meant.max(axis=1) <= 204
    assert shown[dark] == pytest.approx(meant[dark], abs=12)
    colored = np.ptp(meant, axis=1) > 0
    turned = (hue_degrees(shown) - hue_degrees(meant) + 180.0) % 360.0 - 180.0
    assert np.abs(turned[colored]).max() < 7.0  # BT.2087 rounds its matrix to four places
    luma = np.array([0.2126, 0.7152, 0.0722])
    assert (shown @ luma).mean() == pytest.approx((meant @ luma).mean(), rel=0.08)


@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])
def test_highlights_stay_apart_from_white_and_in_order(tmp_path, transfer):
    """Greys from 1 to 1000 cd/m²: brighter is never shown darker, and what lies above SDR white is not all one."""
    nits = np.array([1, 10, 50, 100, 203, 300, 450, 1000], float)
    codes = as_hdr(np.repeat(((nits / 203.0) ** (1 / 2.4))[:, None], 3, axis=1), transfer)
    coding = Coding("ffv1", "yuv444p10le", 9, False, transfer, primaries=9)
    path = write_film(tmp_path / "greys.mkv", [yuv_frame(card(codes), "yuv444p10le", 9)], 25, coding)
    shown = patches(read(path)[0][0].rgb)
    assert np.ptp(shown, axis=1).max() <= 2  # grey stays grey
    assert (np.diff(shown[:, 1]) > 0).all()
    assert shown[-1, 1] >= 253
    assert 220 <= shown[4, 1] <= 240


def test_wide_gamut_without_hdr_keeps_its_colours(tmp_path):
    colors = (CARD**2.4 @ BT709_IN_BT2020.T) ** (1 / 2.4)
    coding = Coding("ffv1", "yuv444p10le", 9, False, 14, primaries=9)  # BT.2020, 10 bits, SDR
    path = write_film(tmp_path / "wide.mkv", [yuv_frame(card(colors), "yuv444p10le", 9)], 25, coding)
    assert patches(read(path)[0][0].rgb) == pytest.approx(255 * CARD, abs=8)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p10le", "bgr0"])
@pytest.mark.parametrize("named", [True, False])
def test_an_sdr_film_is_left_alone_byte_for_byte(tmp_path, monkeypatch, named, pixel_format):
    """No step of HDR is taken, and what FFmpeg converts comes as it gives it."""
    monkeypatch.setattr(hdr, "to_sdr", lambda *_: pytest.fail("an SDR picture was mapped"))
    coding = Coding("ffv1", pixel_format, *((6, False, 6, 6) if named and pixel_format != "bgr0" else ()))
    pictures = [textured(seed, 320, 240) for seed in range(3)]
    path = write_film(tmp_path / "sdr.mkv", pictures, 25, coding)
    frames, _ = read(path)
    scaler = VideoReformatter()
    with av.open(str(path)) as container:
        plainly = [
            scaler.reformat(picture, 160, 120, "rgb24", interpolation=scaling.SMALL_METHOD).to_ndarray()
            for picture in container.decode(video=0)
        ]
    for frame, expected in zip(frames, plainly, strict=True):
        if pixel_format == "yuv420p":  # read from its planes
            assert np.abs(frame.rgb.astype(int) - expected).mean() < 3.0
        else:
            assert np.array_equal(frame.rgb, expected)


def test_a_real_hdr_film_is_not_washed_out():
    path = clip("ExoPlayer__dolbyVision-hdr.MOV")
    frames, _ = read(path)
    scaler = VideoReformatter()
    with av.open(str(path)) as container:
        flat = scaler.reformat(next(container.decode(video=0)), 160, 90, "rgb24").to_ndarray().astype(float)
    shown = frames[0].rgb.astype(float)
    assert (
        np.ptp(shown, axis=2).mean() > np.ptp(flat, axis=2).mean()
    )  # more colour than the signal read as SDR
    assert 40 < shown.mean() < 215


def test_a_real_10_bit_film():
    frames, info = read(clip("torchcodec__h264_10bits.mp4"))
    assert (len(frames), info.frame_rate) == (30, 30.0)
    assert 100 < frames[0].rgb.mean() < 140
