"""FrameScore's composer: from a video to an editable score."""

from __future__ import annotations

__version__ = "0.1.0"
