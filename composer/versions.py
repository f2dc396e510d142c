"""Which packages are installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence


def package_versions(names: Sequence[str]) -> dict[str, str | None]:
    """Installed versions by distribution name; None where one is not installed."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions
