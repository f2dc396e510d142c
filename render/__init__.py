"""FrameScore's renderer: from a MIDI file to audio. Knows MIDI files only, never `composer`."""

from __future__ import annotations
