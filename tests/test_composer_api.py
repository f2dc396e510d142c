"""The public names of both packages: all there, known to type checkers, and free until used."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import composer
import render

PACKAGES = [pytest.param(package, id=package.__name__) for package in (composer, render)]
NAMES = [
    pytest.param(package, name, id=f"{package.__name__}.{name}")
    for package in (composer, render)
    for name in package.__all__
]
HEAVY = ("av", "cv2", "mido", "music21", "numpy", "open_clip", "scipy", "soundfile", "torch")


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_public_name_resolves_to_what_its_home_holds(package: ModuleType, name: str) -> None:
    if name in package._MODULES:
        assert getattr(package, name) is importlib.import_module(f"{package.__name__}.{name}")
        assert callable(getattr(getattr(package, name), name))
    else:
        home = importlib.import_module(package._HOME_OF[name])
        assert getattr(package, name) is getattr(home, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_lists_of_names_agree(package: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(package))
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {
        (statement.module, alias.name)
        for statement in typed.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    table = {(home, name) for name, home in package._HOME_OF.items()}
    modules = {(package.__name__, name) for name in package._MODULES}
    assert homes == table | modules
    assert sorted(package.__all__) == sorted(name for _, name in homes)
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_changes_its_meaning_once_a_module_of_that_name_is_imported(
    package: ModuleType,
) -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules & set(package.__all__) == package._MODULES


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error_that_names_it(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="counterpoint"):
        package.counterpoint  # noqa: B018


def test_importing_both_packages_imports_nothing_heavy() -> None:
    code = f"import sys, composer, render; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert run_python(code).strip() == "[]"


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, composer.cli; composer.cli.make_parser().format_help(); "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    assert run_python(code).strip() == "[]"


def test_a_star_import_gives_every_name() -> None:
    code = "import composer\nfrom composer import *\nprint(sorted(set(composer.__all__) - set(globals())))"
    assert run_python(code).strip() == "[]"
