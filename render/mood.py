"""The film's mood over time, as it stands in the MIDI file: what the network is told of the whole film.

Convention: text events ``mood=VALENCE,AROUSAL`` (-1..1 each, Russell's circumplex, 1980), such as ``mood=0.32,-0.15``,
each in force from its time on. `composer` writes them from bar to bar; a person may edit, add or delete them in a DAW.
The mood travels and the fused film feature it was heard beside does not: two numbers mean the same in every file,
whether a film, a person or an estimate from music alone gave them, and they outlive the model that saw the film.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from render.events import Performance

PREFIX = "mood="
CHANNELS = ("valence", "arousal", "present")
RAMP_S = 1.0  # how long a change takes, about its time; less where the next change is nearer


@dataclass(frozen=True)
class MoodCurve:
    """``valence`` and ``arousal`` -1..1 from each of ``times_s`` (rising) on, (n,) float64 each; empty where no mood is
    known. ``warnings``: one line where events were ignored.
    """

    times_s: np.ndarray
    valence: np.ndarray
    arousal: np.ndarray
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, performance: Performance) -> MoodCurve:
        """The mood that the text events of a MIDI file give; of several at one time the last. Malformed ones are
        ignored."""
        points: dict[float, tuple[float, float]] = {}
        ignored: list[str] = []
        for event in performance.texts:
            if event.text.startswith(PREFIX):
                mood = _parse(event.text.removeprefix(PREFIX))
                if mood is None:
                    ignored.append(event.text)
                else:
                    points[event.time_s] = mood
        warnings: tuple[str, ...] = ()
        if ignored:
            warnings = (
                f"{len(ignored)} mood events were ignored, such as {ignored[0][:40]!r}; "
                f"write {PREFIX}VALENCE,AROUSAL with numbers from -1 to 1",
            )
        values = np.array(list(points.values()), np.float64).reshape(-1, 2)
        return cls(np.array(list(points), np.float64), values[:, 0], values[:, 1], warnings)

    def channels(self, frames: int, frame_hz: float = 50.0) -> np.ndarray:
        """`CHANNELS` at frame centres i / ``frame_hz`` s, (3, frames) float32: changes take `RAMP_S`, the last mood
        holds to the end, and before the first one all three are 0.
        """
        out = np.zeros((len(CHANNELS), frames), np.float32)
        if not self.times_s.size:
            return out
        at_s = np.arange(frames) / frame_hz
        gaps = np.diff(self.times_s)
        half = np.minimum(RAMP_S, np.minimum(np.append(gaps, np.inf)[1:], gaps)) / 2
        corners_s = np.concatenate([self.times_s[1:] - half, self.times_s[1:] + half])
        order = np.argsort(corners_s, kind="stable")
        for row, values in zip(out, (self.valence, self.arousal), strict=False):
            ends = np.concatenate([values[:-1], values[1:]])
            row[:] = np.interp(at_s, corners_s[order], ends[order]) if gaps.size else values[0]
        out[2] = 1.0
        out[:, at_s < self.times_s[0] - 0.5 / frame_hz] = 0.0
        return out


def _parse(text: str) -> tuple[float, float] | None:
    """Valence and arousal, None where they are no two numbers from -1 to 1."""
    try:
        valence, arousal = map(float, text.split(","))
    except ValueError:
        return None
    return (valence, arousal) if -1 <= valence <= 1 and -1 <= arousal <= 1 else None
