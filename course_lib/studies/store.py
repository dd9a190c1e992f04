"""Studies that take minutes keep what they found in data/, for the exam and the notebooks to read.

A study is a file of this folder with ``run(report) -> facts``, and ``KEPT``, the file that its facts are kept in (None
where they are only printed). ``python -m course_lib study NAME`` runs it and writes them down with their provenance.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import torch

from course_lib.files import atomic_file
from course_lib.lookup import CourseError, ExamError, load, names
from course_lib.places import DATA as DATA  # the studies take it from here
from course_lib.places import GET_BACK
from course_lib.training.checkpoints import code_version, provenance
from course_lib.worlds.films import cache_folder

STUDIES = "course_lib.studies"
T = TypeVar("T")


class StudyError(CourseError, ValueError):
    """There is no such study; the message lists those that there are."""


def study_names() -> list[str]:
    """All studies, by the names of their files."""
    return [name for name in names(STUDIES) if name != "store"]


def get_study(name: str) -> ModuleType:
    """One of them. Raises StudyError for a name that none has."""
    return load(STUDIES, name if name != "store" else "", what="study", error=StudyError)


def run_study(name: str, report: Callable[[str], None] = print) -> dict[str, Any]:
    """Run a study and keep its facts, with the commit, the versions and the minutes that made them; returns them all.

    report: is given lines while it runs.
    """
    study, begin = get_study(name), time.perf_counter()
    facts = study.run(report)
    minutes = round((time.perf_counter() - begin) / 60, 1)
    facts = {"study": name, **code_version(), "torch": torch.__version__, "minutes": minutes} | facts
    if study.KEPT is not None:
        with atomic_file(study.KEPT) as file:
            file.write((json.dumps(facts, indent=1) + "\n").encode())
    return facts


def kept_piece(
    study: str, name: str, decided_by: Mapping[str, Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """What ``make`` finds in one run of a long study, or what it found before: a study that was stopped goes on.

    decided_by: all that the run follows from, its configuration and data, as JSON takes it; with another value it is
    another run. It does not hold the program: who changes a network removes the study's folder in the cache. What was
    found is written at once, with the commit that found it, to ``$COURSE_CACHE/studies/<study>/<name>-<hash>.json``.
    Raises StudyError where that file is damaged; the message names it and the way out.
    """
    key = hashlib.sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:12]
    path = cache_folder().parent / "studies" / study / f"{name}-{key}.json"
    if path.exists():
        try:
            piece = json.loads(path.read_text(encoding="utf-8"))
            if piece["sha256"] != _digest(piece["facts"]):
                raise ValueError("its checksum does not match")
            return {**piece["facts"], "commit": piece["commit"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"{path} is damaged ({error!r}): remove it and run python -m course_lib study {study} again, which "
                "makes this one run anew and keeps the others"
            ) from None
    facts = json.loads(json.dumps(make()))  # as it will be read, so that the first call and the next give the same
    piece = {"decided_by": decided_by, **code_version(), "sha256": _digest(facts), "facts": facts}
    with atomic_file(path) as file:
        file.write((json.dumps(piece) + "\n").encode())
    return {**facts, "commit": piece["commit"]}


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def read_study(path: Path, parse: Callable[[Any], T], study: str) -> T:
    """What ``parse`` makes of the JSON in a file of kept facts. study: the one that finds them again.

    Raises ExamError where the file is missing, is no JSON, or parse finds something wrong or lacking (any ValueError,
    KeyError, TypeError or AttributeError); the message names the file and the way out.
    """
    way_out = f"{GET_BACK}, or run: python -m course_lib study {study}"
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ExamError(f"there is no {path}; {way_out}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExamError(f"{path} does not hold the facts that it should ({error!r}); {way_out}") from None


def weights_of(name: str, size: str = "cpu", part: str | None = None) -> str:
    """The first digits of the SHA-256 of a checkpoint, as rows and kept facts name it."""
    return provenance(name, size=size, part=part)["sha256"][:12]


def check_weights(kept: str, present: str | None, study: str) -> None:
    """Refuse facts that belong to other weights, each named by the first digits of its SHA-256. Raises ExamError."""
    if kept != present:
        raise ExamError(
            f"the study {study!r} was made with the weights {kept}, and these are {present}; run: "
            f"python -m course_lib study {study}"
        )
