"""OpenEWLD lead sheets (MusicXML, public domain): a melody and chord symbols, no accompaniment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from composer.tokens.frame import STYLES
from composer.train.corpora.build import Built, build_songs
from composer.train.corpora.musicxml import read_musicxml
from composer.train.corpora.openscore import line_of


def read_lead_sheet(data: bytes, number: int) -> Built:
    """Songs of a lead sheet: the first part's top line and the symbols over it."""
    piece = read_musicxml(data)
    tune = line_of(piece, int(piece.notes[:, 4].min()))
    alone = replace(piece, notes=piece.notes[tune], melody=np.ones(int(tune.sum()), bool))
    return build_songs(alone, number, STYLES.index("lead sheet"))
