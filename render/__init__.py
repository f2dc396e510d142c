"""FrameScore's renderer: from a MIDI file to audio. Knows MIDI files only, never `composer`.

    import render

    rendering = render.render_midi(Path("score.mid"))
    render.write_wav(rendering.mix, Path("score.wav"))

A name is imported when it is first asked for (PEP 562), so importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "Audio",
    "BadInput",
    "Limits",
    "MuxReport",
    "NotInstalled",
    "OutOfResources",
    "RenderError",
    "Rendering",
    "Room",
    "find_soundfont",
    "mux",
    "read_wav",
    "render_midi",
    "write_stems",
    "write_wav",
]

# Module -> the names it gives to this package.
_HOMES: dict[str, tuple[str, ...]] = {
    "render.audio": ("Audio", "read_wav", "write_wav"),
    "render.errors": ("BadInput", "NotInstalled", "OutOfResources", "RenderError"),
    "render.mux": ("MuxReport",),
    "render.pipeline": ("Limits", "Rendering", "render_midi", "write_stems"),
    "render.soundfont": ("find_soundfont",),
    "render.synth": ("Room",),
}
# A module named as its function stays the module, whoever imports it first: `render.mux.mux`.
_MODULES = frozenset({"mux"})
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    from render import mux
    from render.audio import Audio, read_wav, write_wav
    from render.errors import BadInput, NotInstalled, OutOfResources, RenderError
    from render.mux import MuxReport
    from render.pipeline import Limits, Rendering, render_midi, write_stems
    from render.soundfont import find_soundfont
    from render.synth import Room
else:

    def __getattr__(name: str) -> object:
        """The public name ``name``, imported from its home. Raises AttributeError for any other name."""
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
