"""Finding and checking SoundFonts before FluidSynth sees them.

A SoundFont is a RIFF file of form ``sfbk`` with INFO, sdta and pdta lists (SoundFont 2.04 specification, sections 3-7).
Damaged ones make FluidSynth fail silently or late, so the structure is checked here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from render.errors import BadInput, NotInstalled

ENVIRONMENT_VARIABLE = "FRAMESCORE_SOUNDFONT"
REPOSITORY_FOLDER = Path(__file__).resolve().parents[1] / "soundfonts"
MAX_SOUNDFONT_BYTES = 4 * 2**30
MAX_INSTRUMENTS = 65_536
INSTALL_HINT = "run `sh soundfonts/install.sh` (Debian/Ubuntu: apt-get install fluid-soundfont-gm)"

# Best first; matched without case, as the systems spell them differently.
PREFERRED_NAMES = (
    "FluidR3_GM.sf2",
    "FluidR3_GM2-2.sf2",
    "FluidR3Mono_GM.sf3",
    "MuseScore_General.sf2",
    "MuseScore_General.sf3",
    "GeneralUser-GS.sf2",
    "GeneralUser GS.sf2",
    "default-GM.sf2",
    "default.sf2",
    "default-GM.sf3",
    "TimGM6mb.sf2",
)
SYSTEM_FOLDERS = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/usr/local/share/sounds/sf2",
    "/opt/homebrew/share/soundfonts",
    "/opt/homebrew/share/sounds/sf2",
    "/opt/homebrew/share/fluid-synth/sf2",
    "/usr/local/share/fluid-synth/sf2",
    "/opt/homebrew/opt/fluid-synth/share/fluid-synth/sf2",
    "/usr/local/opt/fluid-synth/share/fluid-synth/sf2",
    "/opt/local/share/sounds/sf2",
    "/opt/local/share/soundfonts",
    "/Library/Audio/Sounds/Banks",
)
# No General MIDI sets: what comes with Homebrew's fluid-synth, and the Roland extensions to FluidR3_GM.
_LAST_RESORTS = ("VintageDreamsWaves-v2.sf2", "FluidR3_GS.sf2")
_PRESET_HEADER_BYTES, _SAMPLE_HEADER_BYTES = 38, 46


def find_soundfont(explicit: Path | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """The SoundFont to use, checked: ``explicit``, then $FRAMESCORE_SOUNDFONT, then the best one found.

    Own files (in the repository's ``soundfonts``, ``~/.local/share/soundfonts``, ``~/.local/share/sounds/sf2``,
    ``~/Library/Audio/Sounds/Banks``) come before the system's. Raises BadInput if the file is missing or damaged,
    NotInstalled if there is none.
    """
    environment = os.environ if environment is None else environment
    named = explicit or (
        Path(environment[ENVIRONMENT_VARIABLE]) if environment.get(ENVIRONMENT_VARIABLE) else None
    )
    if named is not None:
        check_soundfont(named)
        return named
    for candidate in _candidates():
        check_soundfont(candidate)
        return candidate
    raise NotInstalled(
        f"no SoundFont was found; {INSTALL_HINT}, or name one with --soundfont or ${ENVIRONMENT_VARIABLE}"
    )


def check_soundfont(path: Path) -> None:
    """Check the structure of the file at ``path``. Raises BadInput naming the file, the cause and the remedy."""
    remedy = f"download it again, or {INSTALL_HINT}"
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise BadInput(f"{path}: not a file; name a SoundFont (.sf2 or .sf3)")
        if size > MAX_SOUNDFONT_BYTES:
            raise BadInput(f"{path}: {size / 2**30:.1f} GiB; choose a smaller SoundFont")
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF":
                raise BadInput(f"{path}: not a SoundFont (no RIFF header); name an .sf2 or .sf3 file")
            if head[8:12] == b"sfpk":
                raise BadInput(f"{path}: a packed SoundFont (sfpk); unpack it to .sf2 first")
            if head[8:12] != b"sfbk":
                raise BadInput(f"{path}: a RIFF file but no SoundFont; name an .sf2 or .sf3 file")
            lists = dict(_chunks(file, 12, size))
            is_whole = b"sdta" in lists and b"pdta" in lists
            claimed = int.from_bytes(head[4:8], "little") + 8
            if any(end > size for _, end in lists.values()) or (claimed > size + 1 and not is_whole):
                raise BadInput(f"{path}: the SoundFont is cut short ({size} bytes); {remedy}")
            if not is_whole:
                raise BadInput(f"{path}: the SoundFont lacks its samples or presets; {remedy}")
            records = dict(_chunks(file, *lists[b"pdta"]))
            if any(end > lists[b"pdta"][1] for _, end in records.values()):
                raise BadInput(f"{path}: the SoundFont's preset list is damaged; {remedy}")
            counts = [
                _record_count(records.get(b"phdr"), _PRESET_HEADER_BYTES),
                _record_count(records.get(b"shdr"), _SAMPLE_HEADER_BYTES),
            ]
            sample_bytes = max((end - start for _, (start, end) in _chunks(file, *lists[b"sdta"])), default=0)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such SoundFont; check the path, or {INSTALL_HINT}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    # The last record of each list only marks its end.
    if min(counts) < 2 or sample_bytes == 0:
        raise BadInput(f"{path}: the SoundFont holds no instruments; {remedy}")
    if max(counts) > MAX_INSTRUMENTS:
        raise BadInput(f"{path}: the SoundFont lists {max(counts)} records; {remedy}")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of the file at ``path``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _candidates() -> Iterator[Path]:
    home = Path.home()
    own = [
        REPOSITORY_FOLDER,
        home / ".local/share/soundfonts",
        home / ".local/share/sounds/sf2",
        home / "Library/Audio/Sounds/Banks",
    ]
    for folder in own:
        yield from _sorted_fonts(folder)
    system = [path for folder in SYSTEM_FOLDERS for path in _sorted_fonts(Path(folder))]
    yield from sorted(system, key=_rank)


def _sorted_fonts(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    fonts = [p for p in folder.iterdir() if p.suffix.lower() in (".sf2", ".sf3") and p.is_file()]
    return sorted(fonts, key=_rank)


def _rank(path: Path) -> tuple[int, str]:
    """Known names in order of preference, then unknown ones, then those that are no General MIDI set."""
    known = [name.lower() for name in PREFERRED_NAMES]
    name = path.name.lower()
    if name in known:
        return known.index(name), str(path)
    last = any(name == other.lower() for other in _LAST_RESORTS)
    return len(known) + last, str(path)


def _chunks(file, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Chunks between two offsets: name (a LIST gives its type), and where its contents start and end."""
    position = start
    while position + 8 <= end:
        file.seek(position)
        header = file.read(12)
        if len(header) < 8:
            return
        name, size = header[:4], int.from_bytes(header[4:8], "little")
        body = position + 8
        if name == b"LIST" and size >= 4:
            yield header[8:12], (body + 4, body + size)
        else:
            yield name, (body, body + size)
        position = body + size
        file.seek(position)
        if size & 1 and file.read(1) == b"\0":  # some writers of .sf3 leave the padding out
            position += 1


def _record_count(span: tuple[int, int] | None, record_bytes: int) -> int:
    return 0 if span is None else (span[1] - span[0]) // record_bytes
