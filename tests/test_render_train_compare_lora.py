import json
from dataclasses import asdict

import numpy as np
import pytest
from random_painter import random_painter

from render.controls import CLASSES, ROLL_ROWS
from render.models.lora import AdapterConfig
from render.synth import Room
from render.train.adapt import Learning
from render.train.compare_lora import (
    ADAPTED,
    EMBEDDED,
    TRUE,
    WHOLE,
    Cost,
    Heard,
    compare_lora,
    lines,
    music_of,
)
from render.train.data import Recipe
from render.train.dataset import Takes
from render.train.style_classifier import StyleClassifier

STYLE = "harp"
FRAMES = 5000


@pytest.fixture
def data(tmp_path):
    """Takes of 100 s of noise: one to tune on, two held out."""
    rng = np.random.default_rng(0)
    embeddings = {}
    for split, number in (("tuning", 0), ("held-out", 0), ("held-out", 1)):
        recipe = Recipe(split, number, 0, STYLE, "font", 0, Room(), ())
        classes = rng.integers(0, 12, FRAMES).astype(np.int8)
        chroma = (np.arange(CLASSES)[:, None] == classes).astype(np.uint8) * 255
        level = rng.normal(-20, 5, FRAMES).astype(np.float16)
        np.savez(
            tmp_path / f"{recipe.name}.npz", mel=rng.normal(-6, 1, (128, FRAMES)).astype(np.float16),
            melody=classes, chroma=chroma, dynamics_db=level, written_melody=classes, written_chroma=chroma,
            written_dynamics_db=level, onsets=np.zeros(FRAMES, np.uint8),
            roll=np.zeros((ROLL_ROWS, FRAMES), np.uint8), mood=np.zeros((3, FRAMES // 4), np.float16),
            recipe=json.dumps(asdict(recipe)),
        )  # fmt: skip
        embeddings[recipe.name] = rng.normal(size=(20, 128)).astype(np.float32)
    np.savez(tmp_path / "embeddings.npz", **embeddings)
    return tmp_path


def test_what_is_learnt_is_not_what_is_tested(data):
    takes = [*Takes(data, "tuning").takes, *Takes(data, "held-out").takes]
    recordings, clips = music_of(STYLE, takes, 4)
    assert sum(each.frames for each in recordings) == 180 * 50
    assert len(clips) == 4
    learnt = np.concatenate([each.mel for each in recordings], axis=1)
    for clip in clips:
        assert not (learnt[:, :, None] == clip.mel.log[:, :1, None]).all(axis=0).any()
    with pytest.raises(ValueError, match="too few takes"):
        music_of(STYLE, takes[:2], 4)


def test_the_comparison_says_what_holds(data):
    takes = [*Takes(data, "tuning").takes, *Takes(data, "held-out").takes]
    _, clips = music_of(STYLE, takes, 3)
    right = [Heard(clip, clip.controls, 0) for clip in clips]
    wrong = [Heard(clip, clip.controls, 1) for clip in clips]
    sounds = {ADAPTED: right, EMBEDDED: wrong, WHOLE: right, TRUE: right}
    costs = {EMBEDDED: Cost(0, 0, 0), ADAPTED: Cost(10, 0.1, 2.0), WHOLE: Cost(100, 1.0, 4.0)}
    found = lines(sounds, costs, [STYLE, "choir"], np.random.default_rng(0))
    assert [line.holds for line in found] == [True, True, True, True, True, None]
    assert found[-1].figure.value == 1.0
    assert found[-1].beside[EMBEDDED].value == 0.0
    costs[ADAPTED] = Cost(30, 0.3, 3.0)
    found = lines(sounds, costs, [STYLE, "choir"], np.random.default_rng(0))
    assert [line.holds for line in found[:2]] == [False, False]


@pytest.mark.slow
def test_every_way_is_learnt_and_measured(data):
    judge = StyleClassifier([STYLE, "choir"], (4, 4)).eval()
    learning = Learning(0.01, batch=2, adapter=AdapterConfig(2))
    report = compare_lora(data, random_painter(), judge, [STYLE], learning, 1)
    text = report.as_text()
    for words in ("parameters that LoRA trains", "melody accuracy that LoRA loses", "true rendering"):
        assert words in text
