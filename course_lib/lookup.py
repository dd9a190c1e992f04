"""Things that are found by their name, and the errors that say what was meant: modules by the name of their file.

Adding a recipe or an entrant means adding its file; nothing keeps a list of them. This module imports nothing of the
course, so that everything may import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType


class CourseError(Exception):
    """An error whose message says what was wrong and the way out; the command line prints it without a traceback."""


class ExamError(CourseError, RuntimeError):
    """The exam, or a study that it reads, cannot go on as asked."""


def names(package: str) -> list[str]:
    """The modules of a package by their files' names, in alphabetical order; those that begin with ``_`` are left out.

    The package itself is not imported, only what stands above it.
    """
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"there is no package {package}", name=package)
    return sorted(m.name for m in iter_modules(spec.submodule_search_locations) if not m.name.startswith("_"))


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``" (did you mean 'vae'?)"``, to stand behind a name that nobody has; empty where no name is near."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def load(package: str, name: str, *, what: str, error: type[CourseError] = CourseError) -> ModuleType:
    """The module ``name`` of a package. what: in a word what such a module holds, for the message: "model".

    Raises ``error`` with the names that there are, and the one that was probably meant.
    """
    known = names(package)
    if name not in known:
        raise error(f"there is no {what} {name!r}{did_you_mean(name, known)}; the {what}s are: {', '.join(known)}")
    return import_module(f"{package}.{name}")
