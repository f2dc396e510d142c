"""``framescore doctor``: what is installed, what is missing, and the command that mends it.

Every check is a small function that looks and judges; nothing is downloaded and nothing is changed.
"""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import json
import platform
import re
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from composer import __version__
from composer.errors import NotInstalled
from composer.output import sha256_of
from composer.pipeline import COLLECTIONS, FOLDER, STAGES
from composer.terminal import Console

DISTRIBUTION = "framescore"
OUR_NAMES = ("composer", "render")
MIN_PYTHON = (3, 11)
OWN_ENVIRONMENT = "python3 -m venv .venv && .venv/bin/pip install framescore"
NETWORKS = ("codec", "base", "branch", "style_encoder")
NETWORKS_FOLDER = Path(__file__).resolve().parents[1] / "render" / "checkpoints"
INSTALL_SOUND = "sh soundfonts/install.sh"


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``remedy`` is a command; an ``optional`` thing may be missing."""

    name: str
    is_fine: bool
    detail: str
    remedy: str = ""
    optional: bool = False


def doctor(options: Namespace, console: Console) -> int:
    """Print every check; 0 when everything needed is there, else 4."""
    checks = (
        check_python(),
        *check_packages(),
        check_owners(),
        check_fluidsynth(),
        check_soundfont(),
        *(
            judge_checkpoint(f"{stage} network, {collection}", FOLDER / f"{stage}-{collection}.safetensors")
            for collection in COLLECTIONS
            for stage in STAGES[:3]
        ),
        *(judge_network(name) for name in NETWORKS),
        check_clip_weights(),
        check_device(options.device),
        Check("ffmpeg", True, "not needed: PyAV brings its own"),
    )
    for check in checks:
        mark = "ok" if check.is_fine else ("--" if check.optional else "MISSING")
        console.say(
            f"{mark:>7}  {check.name}: {check.detail}" + (f"\n{'':9}{check.remedy}" if check.remedy else "")
        )
    is_fine = all(check.is_fine or check.optional for check in checks)
    console.result(
        {"version": __version__, "is_fine": is_fine, "checks": [asdict(check) for check in checks]}
    )
    return 0 if is_fine else NotInstalled.exit_code


def check_python(version: Sequence[int] = sys.version_info[:3]) -> Check:
    """Python is new enough."""
    text = ".".join(str(part) for part in version)
    is_fine = tuple(version[:2]) >= MIN_PYTHON
    remedy = "" if is_fine else "sudo apt-get install python3.11 (macOS: brew install python@3.12)"
    return Check("python", is_fine, f"{text} on {platform.system()} {platform.machine()}", remedy)


def check_packages(requirements: Sequence[str] | None = None) -> tuple[Check, ...]:
    """Every required distribution is installed."""
    if requirements is None:
        try:
            requirements = importlib.metadata.requires(DISTRIBUTION) or ()
        except importlib.metadata.PackageNotFoundError:
            return (Check(DISTRIBUTION, False, "not installed as a package", "pip install -e ."),)
    return tuple(_check_package(text) for text in requirements if "extra ==" not in text)


def _check_package(requirement: str) -> Check:
    name = (re.match(r"[\w.-]+", requirement) or [requirement])[0]
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(
            name, False, f"not installed (needed: {requirement})", f"{sys.executable} -m pip install '{name}'"
        )


def check_owners() -> Check:
    """Nobody else has installed a package under our import names."""
    owners = foreign_owners()
    return Check(
        "import names", not owners, "; ".join(owners) or "ours alone", OWN_ENVIRONMENT if owners else ""
    )


def foreign_owners(distributions: Mapping[str, Sequence[str]] | None = None) -> tuple[str, ...]:
    """One sentence for each of our import names under which another distribution has files too."""
    if distributions is None:
        distributions = importlib.metadata.packages_distributions()
    others = {name: sorted(set(distributions.get(name, ())) - {DISTRIBUTION}) for name in OUR_NAMES}
    return tuple(
        f"{', '.join(owners)} also owns the import name `{name}`; run framescore in an environment of its own"
        for name, owners in others.items()
        if owners
    )


def check_fluidsynth() -> Check:
    """The FluidSynth library can be found."""
    found = ctypes.util.find_library("fluidsynth")
    places = [
        Path(root) / "lib/libfluidsynth.dylib" for root in ("/opt/homebrew", "/usr/local", "/opt/local")
    ]
    library = found or next((str(place) for place in places if place.exists()), None)
    return Check(
        "FluidSynth", library is not None, library or "no library found", "" if library else INSTALL_SOUND
    )


def check_soundfont() -> Check:
    """A General MIDI SoundFont can be found."""
    from render.errors import RenderError
    from render.soundfont import find_soundfont

    try:
        return Check("SoundFont", True, str(find_soundfont(None)))
    except RenderError as error:
        return Check("SoundFont", False, str(error), INSTALL_SOUND)


def judge_checkpoint(name: str, path: Path) -> Check:
    """Compare a checkpoint with the SHA-256 in the model card beside it."""
    remedy = f"git checkout -- composer/checkpoints/{path.name}"
    card = path.with_suffix(".json")
    if not path.is_file() or not card.is_file():
        missing = path.name if not path.is_file() else card.name
        return Check(name, False, f"{missing} is missing", remedy)
    try:
        expected = json.loads(card.read_text(encoding="utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError):
        return Check(name, False, f"{card.name} is not a model card", remedy)
    digest = sha256_of(path)
    if digest != expected:
        return Check(name, False, f"{path.name} is not what its card says ({digest[:12]})", remedy)
    return Check(name, True, f"{path.name}, sha256 {digest[:12]}")


def judge_network(name: str, folder: Path = NETWORKS_FOLDER) -> Check:
    """Compare every file of a network of the renderer with the SHA-256 in its model card."""
    title, remedy = f"painting network, {name}", "git checkout -- render/checkpoints"
    card = folder / f"{name}.json"
    if not card.is_file():
        return Check(
            title, False, f"{card.name} is missing; --engine synth does without", remedy, optional=True
        )
    try:
        files = json.loads(card.read_text(encoding="utf-8"))["files"]
        wrong = [file for file, digest in files.items() if _digest(folder / Path(file).name) != digest]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Check(title, False, f"{card.name} is not a model card", remedy)
    if wrong:
        return Check(title, False, f"{', '.join(wrong)}: missing, or not what {card.name} says", remedy)
    return Check(title, True, ", ".join(files))


def _digest(path: Path) -> str:
    return sha256_of(path) if path.is_file() else ""


def check_clip_weights() -> Check:
    """CLIP weights lie in the hub's folder; without them colour and motion decide."""
    cache = _hub_folder()
    found = sorted(cache.glob("models--*CLIP*")) + sorted(cache.glob("models--*clip*"))
    if found:
        return Check("CLIP weights", True, ", ".join(path.name.removeprefix("models--") for path in found))
    return Check(
        "CLIP weights",
        False,
        "none yet: fetched at first use, or named with --clip-weights; else colour and motion decide",
        optional=True,
    )


def check_device(device: str) -> Check:
    """Which device the networks run on."""
    return Check(
        "device", device != "cuda", "cpu" if device != "cuda" else "this release composes on the CPU only"
    )


def _hub_folder() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)
