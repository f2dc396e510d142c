"""What an editor did is found: in EDLs, in cue sheets and in the pictures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import picture_changes as pc
import pytest

from composer.cue_edit import edit_of_sheets
from composer.edl_edit import edit_of_edls, read_shots
from composer.errors import BadInput
from composer.picture_edit import PictureEdit, Piece, Shot, changes, joined
from composer.spotting.cues import Hit
from composer.video_edit import THUMBNAIL_PX, Watched, edit_of_films, watch

RATE = 25.0


def spans(edit: PictureEdit) -> list[tuple[float, float, float | None]]:
    return [
        (
            round(p.new_start_s, 3),
            round(p.new_end_s, 3),
            None if p.old_start_s is None else round(p.old_start_s, 3),
        )
        for p in joined(edit.pieces, 0.5 / RATE)
    ]


def shots_of(tmp_path, text: str, name: str = "cut.edl", start: str = "01:00:00:00"):
    (tmp_path / name).write_text(text)
    return read_shots(tmp_path / name, RATE, start)


def test_pieces_without_gaps_only():
    with pytest.raises(ValueError, match="a piece from"):
        PictureEdit((Piece(0, 1, 0), Piece(1.5, 2, 1)), (Shot("shot 1", 0, 2),))


def test_an_edl_is_read_with_its_dissolves_markers_black_and_stills(tmp_path):
    text = """TITLE: ONE
FCM: NON-DROP FRAME
001  AX V C        00:00:10:00 00:00:14:00 01:00:01:00 01:00:05:00
* FROM CLIP NAME: A.MOV
002  AX V C        00:00:14:00 00:00:14:00 01:00:05:00 01:00:05:00
002  AX V D 010    00:01:00:00 00:01:05:00 01:00:05:00 01:00:10:00
* FROM CLIP NAME: A.MOV
* TO CLIP NAME: B.MOV
003  AX A C        00:00:00:00 00:00:10:00 01:00:00:00 01:00:10:00
004  AX V C        00:00:20:00 00:00:20:01 01:00:10:00 01:00:12:00
* FROM CLIP NAME: STILL.PNG
005  AX V C        00:00:00:00 00:00:00:01 01:00:11:00 01:00:11:01
note |C:ResolveColorRed |M:slam |D:1
006  BL V C        00:00:00:00 00:00:01:00 01:00:12:00 01:00:13:00
"""
    shots = shots_of(tmp_path, text)
    assert [(s.source[1], s.record_in_s, s.record_out_s) for s in shots] == [
        ("", 0.0, 1.0),
        ("A.MOV", 1.0, 5.0),
        ("B.MOV", 5.0, 10.0),
        ("STILL.PNG", 10.0, 12.0),
        ("", 12.0, 13.0),
    ]
    assert shots[0].source[0] == shots[-1].source[0] == "black"
    assert edit_of_edls(shots, shots, 0.04).kept_s == pytest.approx(13.0)
    assert changes(edit_of_edls(shots, shots, 0.04)) == []


def event(number: int, reel: str, source: tuple[float, float], record: tuple[float, float]) -> str:
    times = [pc.frame_label(round(t * RATE), RATE) for t in (*source, *(3600 + t for t in record))]
    return f"{number:03d}  {reel} V     C        {' '.join(times)}\n"


def test_a_shot_cut_in_two_and_a_cut_that_is_gone(tmp_path):
    old = shots_of(tmp_path, event(1, "ONE", (10, 20), (0, 10)) + event(2, "TWO", (5, 15), (10, 20)))
    split = (
        event(1, "ONE", (10, 14), (0, 4))
        + event(2, "THREE", (0, 2), (4, 6))
        + event(3, "ONE", (14, 20), (6, 12))
        + event(4, "TWO", (5, 15), (12, 22))
    )
    new = shots_of(tmp_path, split)
    there, back = edit_of_edls(old, new, 0.04), edit_of_edls(new, old, 0.04)
    assert spans(there) == [(0, 4, 0), (4, 6, None), (6, 22, 4)]
    assert spans(back) == [(0, 4, 0), (4, 20, 6)]
    assert "shot 2 (00:04.0-00:06.0) removed" in changes(back)


def test_another_speed_is_another_picture(tmp_path):
    old = shots_of(tmp_path, event(1, "ONE", (10, 20), (0, 10)))
    fast = shots_of(tmp_path, event(1, "ONE", (10, 20), (0, 5)))
    assert edit_of_edls(old, fast, 0.04).kept_s == 0
    assert edit_of_edls(fast, fast, 0.04).kept_s == pytest.approx(5.0)


def test_a_list_that_counts_from_elsewhere_begins_with_its_first_event(tmp_path):
    shots = shots_of(tmp_path, event(1, "ONE", (10, 20), (0, 10)), start="00:00:00:00")
    assert (shots[0].record_in_s, shots[-1].record_out_s) == (0.0, 10.0)


@pytest.mark.parametrize(
    "text", ["", "time,label\n1,a\n", "TITLE: X\n", event(1, "A", (0, 1), (0, 1)).replace(":24", ":77")]
)
def test_a_damaged_edl_is_refused(tmp_path, text):
    text = text.replace("01:00:01:00", "01:00:01:99") if "V     C" in text else text
    with pytest.raises(BadInput, match=r"cut\.edl"):
        shots_of(tmp_path, text)


def test_sheets_are_matched_by_sections_and_hits():
    old = pc.old_sheet()
    order = [(3, 0, 0), (0, 20, 0), (2, 0, -30), (None, 50, 0), (4, 0, 40)]
    edit = edit_of_sheets(old, pc.new_sheet(old, order))
    assert spans(edit) == [
        (0, 11.6, 27.0),
        (11.6, 20.0, 0.8),
        (20.0, 28.6, 18.4),
        (28.6, 31.8, None),
        (31.8, 39.6, 38.6),
    ]
    told = changes(edit)
    assert "section B (00:09.2-00:18.4) removed" in told
    assert "section A (00:00.0-00:09.2) moved 11.60 s later, shortened by 0.80 s at its start" in told
    assert "section C (00:18.4-00:27.0) moved 1.60 s later, lengthened by 1.20 s at its end" in told
    assert "00:29.8-00:31.8 inserted (2.00 s)" in told


def test_a_hit_that_moved_cuts_the_picture_at_it():
    old = pc.old_sheet()
    hits = tuple(replace(hit, time_s=hit.time_s + 0.4) if hit.label == "turn" else hit for hit in old.hits)
    edit = edit_of_sheets(old, replace(old, hits=hits))
    assert spans(edit) == [(0, 9.2, 0), (9.2, 9.6, None), (9.6, 18.4, 9.2), (18.4, 48.0, 18.4)]
    nudged = tuple(replace(hit, time_s=hit.time_s + 0.01) for hit in old.hits)
    assert spans(edit_of_sheets(old, replace(old, hits=nudged)))[0][1:] == (pytest.approx(48.0, abs=0.02), 0)
    more = (*old.hits, Hit(15.0, "new one", required=True))
    assert spans(edit_of_sheets(old, replace(old, hits=more))) == [(0, 48.0, 0)]


def made_film(order: list[tuple[int, int, int]], seed: int = 0) -> Watched:
    """(shot, first frame, last frame) in order: pictures that drift slowly inside a shot, coded with some noise."""
    rows, cuts = [], []
    width = 3 * THUMBNAIL_PX**2
    for shot, first, last in order:
        rng = np.random.default_rng(shot)
        base, drift = rng.uniform(30, 220, width), rng.normal(0, 0.5, width)
        rows += [base + drift * frame for frame in range(first, last)]
        cuts.append(len(rows) / RATE)
    noise = np.random.default_rng(1000 + seed).normal(0, 0.4, (len(rows), width))
    pictures = np.clip(np.array(rows) + noise, 0, 255).round().astype(np.uint8)
    times_s = np.arange(len(rows)) / RATE
    return Watched(
        "film", "0" * 64, len(rows) / RATE, RATE, "00:00:00:00", times_s, pictures, tuple(cuts[:-1])
    )


@pytest.mark.parametrize("seed", range(8))
def test_films_are_aligned_to_the_frame(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(60, 200, 6)
    old = [(shot, 0, int(length)) for shot, length in enumerate(lengths)]
    new = [(shot, int(rng.integers(0, 25)), last - int(rng.integers(0, 25))) for shot, _, last in old]
    new.pop(int(rng.integers(1, 5)))
    new.insert(2, (100 + seed, 0, int(rng.integers(30, 80))))
    one, other = new[0], new[-1]
    new = [other, *new[1:-1], one] if seed % 2 else new
    starts = np.concatenate([[0], np.cumsum(lengths)])
    expected, now = [], 0
    for shot, first, last in new:
        expected.append((now, None if shot >= 100 else int(starts[shot]) + first))
        now += last - first
    edit = edit_of_films(made_film(old), made_film(new, seed + 1))
    found = [
        (round(p.new_start_s * RATE), None if p.old_start_s is None else round(p.old_start_s * RATE))
        for p in joined(edit.pieces)
    ]
    assert found == expected
    assert edit.new_duration_s == pytest.approx(now / RATE)


def test_new_picture_without_a_cut_makes_a_shot_longer():
    old, new = made_film([(0, 0, 100), (1, 50, 150)]), made_film([(0, 0, 100), (1, 20, 150)], 1)
    assert changes(edit_of_films(old, new)) == ["shot 2 (00:04.0-00:08.0) lengthened by 1.20 s at its start"]


def test_too_long_films_are_refused():
    short = made_film([(0, 0, 100)])
    long = replace(short, duration_s=4 * 3600.0)
    with pytest.raises(BadInput, match="--old-edl"):
        edit_of_films(long, long)


@pytest.mark.slow
def test_a_real_film_is_aligned_after_it_was_coded_again(tmp_path):
    from composer.video.animatic import draw_animatic

    draw_animatic(tmp_path / "old.mp4", 20.0)
    with av.open(str(tmp_path / "old.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    kept = [*range(0, 80), *range(100, 330), *range(420, 500), *range(330, 420)]
    with av.open(str(tmp_path / "new.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"preset": "superfast", "crf": "30"}
        for number, index in enumerate(kept):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frames[index][::2, ::2]), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    edit = edit_of_films(watch(tmp_path / "old.mp4"), watch(tmp_path / "new.mp4"))
    expected = [(0, 3.2, 0), (3.2, 12.4, 4.0), (12.4, 15.6, 16.8), (15.6, 19.2, 13.2)]
    assert np.allclose(spans(edit), expected, atol=0.08)
