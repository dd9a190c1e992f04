"""Measurements that take minutes are kept in data/playground for the notebooks; tools/ measures them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from course_lib.exam.room import ExamError

FOLDER = Path(__file__).resolve().parents[2] / "data" / "playground"
T = TypeVar("T")


def read_kept(path: Path, parse: Callable[[Any], T], tool: str) -> T:
    """What ``parse`` makes of the JSON in a file of kept measurements. tool: the module that measures them again.

    Raises ExamError where the file is missing, is no JSON, or parse finds something wrong or lacking (any ValueError,
    KeyError, TypeError or AttributeError); the message names the file and the way out.
    """
    way_out = f"get it back from git, or run: python -m {tool}"
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ExamError(f"there is no {path}; {way_out}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExamError(f"{path} does not hold the measurements that it should ({error!r}); {way_out}") from None
