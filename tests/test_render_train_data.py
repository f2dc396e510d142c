"""Takes: drawn from a seed, split by number, made once, and read back as they were measured."""

import mido
import numpy as np
import pytest

from render.controls import CONTROL_CHANNELS
from render.errors import BadInput, NotInstalled
from render.mel import SPEC
from render.models.codec import PATCH
from render.soundfont import find_soundfont
from render.styles import STYLES
from render.train import data
from render.train.dataset import Takes


def write_piece(path, pitches, *, role=""):
    """A scale in eighth notes, with a mood."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = file.add_track("Melody")
    track.append(mido.MetaMessage("text", text="mood=0.50,-0.25"))
    track.append(mido.Message("program_change", program=0))
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    file.save(path)


@pytest.fixture
def pieces(tmp_path):
    folder = tmp_path / "midi"
    folder.mkdir()
    for number in (1, 5, 10):
        write_piece(folder / f"pop909-{number:03d}.mid", list(range(60, 84)) * 2)
    write_piece(folder / "composed-harp-2.mid", [60, 64, 67] * 20)
    return folder


def test_names_decide_corpus_style_and_split(pieces):
    found = {piece.path.name: piece for piece in data.list_pieces(pieces)}
    assert found["composed-harp-2.mid"].corpus == "composed"
    assert found["composed-harp-2.mid"].written_for == "harp"
    assert found["pop909-001.mid"].written_for == ""
    splits = [found[f"pop909-{number:03d}.mid"].split for number in (1, 5, 10)]
    assert splits == ["training", "tuning", "held-out"]
    (pieces / "pop909-010.mid").unlink()
    with pytest.raises(BadInput, match="no held-out pieces"):
        data.list_pieces(pieces)


def test_takes_are_drawn_from_the_seed_and_stay_in_their_split(pieces):
    listed = data.list_pieces(pieces)
    durations = dict.fromkeys((piece.path.name for piece in listed), 18.0)
    takes = [data.draw("training", n, 3, ["A", "B"], listed, durations) for n in range(len(STYLES))]
    assert takes[4] == data.draw("training", 4, 3, ["A", "B"], listed, durations)
    assert takes[4] != data.draw("training", 4, 4, ["A", "B"], listed, durations)
    assert [take.style for take in takes] == list(STYLES)
    assert {part.piece for take in takes for part in take.excerpts} == {
        "pop909-001.mid",
        "composed-harp-2.mid",
    }
    turns = [data.draw("training", n * len(STYLES), 3, ["A", "B"], listed, durations) for n in range(4)]
    assert [take.line_up for take in turns] == [f"solo-piano/{end}" for end in ("A/0", "B/0", "A/1", "B/1")]


def test_a_take_is_made_and_read_back(pieces, tmp_path):
    try:
        font = find_soundfont(None)
    except NotInstalled as reason:
        pytest.skip(str(reason))
    part = data.Excerpt("pop909-001.mid", 2.0, 6.0, 1.1, 3, 0.9, 0.05)
    recipe = data.Recipe("training", 0, 0, "harp", font.stem, 0, data.Room(), (part, part))
    length_s = data.make_take(recipe, pieces, font, tmp_path)
    assert length_s == pytest.approx(2 * (6.6 + data.GAP_S))
    (take,) = Takes(tmp_path, "training").takes
    assert take.recipe.excerpts == recipe.excerpts
    assert take.frames == pytest.approx(length_s * 50, abs=4)
    assert take.mood[:, 10] == pytest.approx([0.5, -0.25, 1.0], abs=1e-3)
    heard, written = take.heard(0, 300), take.written(0, 300)
    assert heard.measured
    assert not heard.present[3:].any()
    assert written.present.all()
    active = written.dynamics_db > -30
    assert np.mean(heard.melody[active] == written.melody[active]) > 0.7
    assert abs(np.mean((heard.dynamics_db - written.dynamics_db)[active])) < 2
    batch = Takes(tmp_path, "training").crop(np.random.default_rng(0), 64, 3)
    assert batch.mel.shape == (3, 128, 64)
    assert batch.heard.shape == batch.mixed.shape == (3, CONTROL_CHANNELS, 64)
    assert batch.mood.shape == (3, 3, 16)
    again, *_ = data.play(take.recipe, pieces, font)
    assert again.duration_s == length_s


def test_the_mood_keeps_in_step_over_many_excerpts(pieces):
    part = data.Excerpt("pop909-001.mid", 2.0, 2.05, 1.0, 0, 1.0, 0.0)
    recipe = data.Recipe("training", 0, 0, "harp", "A", 0, data.Room(), (part,) * 10)
    performance, mood = data.performance_of(recipe, pieces)
    assert mood.shape[1] == pytest.approx(performance.end_s * SPEC.frame_hz / PATCH, abs=1)


def test_a_folder_without_takes_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"render\.train\.data"):
        Takes(tmp_path, "tuning")
