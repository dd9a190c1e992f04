"""What a learner has solved, kept in one small JSON file between sessions.

The file lies in the folder named by the environment variable COURSE_HOME, else in the user's data folder.
In automatic runs (pytest or CI, without COURSE_HOME) nothing is kept, so that a test never changes a learner's record.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from course_lib.files import atomic_file
from course_lib.places import user_folder

FILE = "progress.json"
VERSION = 1
STATES = ("tried", "solved")


def folder() -> Path | None:
    """Where the record is kept; None where nothing is to be kept."""
    if os.environ.get("COURSE_HOME"):
        return Path(os.environ["COURSE_HOME"]).expanduser()
    if os.environ.get("CI") or "PYTEST_CURRENT_TEST" in os.environ:
        return None
    return user_folder("data")


class Record:
    """States of exercises, ``{"topic.name": "tried" | "solved"}``. A solved exercise stays solved.

    ``notes`` gathers what the reader should know: a damaged file, a folder that cannot be written. A disk never
    stops a notebook.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._session: dict[str, str] = {}
        self._reported_unwritable = False

    def states(self) -> dict[str, str]:
        """What is on disk together with what this session did."""
        merged = self._read()
        for exercise_id, state in self._session.items():
            if merged.get(exercise_id) != "solved":
                merged[exercise_id] = state
        return merged

    def mark(self, exercise_id: str, state: str) -> None:
        """Note that an exercise was tried or solved, and keep it."""
        if state not in STATES:
            raise ValueError(f"a state is one of {', '.join(STATES)}, not {state!r}")
        if self._session.get(exercise_id) != "solved":
            self._session[exercise_id] = state
        self._write(self.states())

    def take_notes(self) -> list[str]:
        """The notes since the last call."""
        notes, self.notes = self.notes, []
        return notes

    def _read(self) -> dict[str, str]:
        home = folder()
        if home is None:
            return {}
        path = home / FILE
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            kept = stored["exercises"]
            if stored.get("version", VERSION) != VERSION:
                raise ValueError("another version")
            if not all(isinstance(key, str) and value in STATES for key, value in kept.items()):
                raise ValueError("unknown states")
            return dict(kept)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._unwritable(error)
            return {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._set_aside(path)
            return {}

    def _set_aside(self, path: Path) -> None:
        aside = next(p for n in range(1, 10_000) if not (p := path.with_name(f"progress.damaged-{n}.json")).exists())
        try:
            os.replace(path, aside)
        except OSError as error:
            self._unwritable(error)
            return
        self.notes.append(f"The record of your progress was damaged. It is kept as {aside.name}; a new one begins.")

    def _write(self, states: dict[str, str]) -> None:
        home = folder()
        if home is None:
            return
        text = json.dumps({"version": VERSION, "exercises": dict(sorted(states.items()))}, indent=1)
        try:
            with atomic_file(home / FILE) as file:
                file.write(text.encode())
        except OSError as error:
            self._unwritable(error)

    def _unwritable(self, error: OSError) -> None:
        if not self._reported_unwritable:
            self._reported_unwritable = True
            reason = error.strerror or type(error).__name__
            self.notes.append(
                f"Your progress counts in this session but cannot be kept ({reason}). "
                "Set COURSE_HOME to a folder that you may write to."
            )
