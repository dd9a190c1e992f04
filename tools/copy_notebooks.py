"""The reader's own copy of the notebooks, so that reading and trying never changes the course's own files.

    python -m tools.copy_notebooks update      # what `make lab` does first: bring in what is new, keep what you changed
    python -m tools.copy_notebooks news        # `make news`: what has changed since, in the course and by you
    python -m tools.copy_notebooks reset 02    # `make reset NB=02`: the course's notebook again; yours is backed up

The copy is the folder my_notebooks/ beside notebooks/ (or the one that COURSE_NOTEBOOKS names), which git ignores. It
holds a record of the hash that each file had when it was copied. So three things are told apart without git, also when
a newer zip file was unpacked over the course: what the course changed since, what the reader changed, and both. A file
that the reader changed is never written over; a notebook that was only run counts as changed, for its outputs are new.

Standard library only: `make lab` runs it before JupyterLab.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.terminal import print_any_sign

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT / "notebooks"
RECORD = ".copied.json"
BACKUPS = "backups"

# How a file of the course and the reader's copy of it stand to each other.
NEW = "new"  # not in the copy yet
SAME = "same"
COURSE_CHANGED = "changed in the course"  # the reader did not touch it: the next update renews it
READER_CHANGED = "changed by you"
BOTH_CHANGED = "changed in the course and by you"
TAKEN = "taken"  # a new file of the course has the name of a file of the reader's own
GONE = "gone"  # no longer in the course


class CopyError(Exception):
    """The copy cannot be read or written; the message says why and what to do."""


@dataclass(frozen=True)
class File:
    """One file of the course or of the copy.

    name: its path below both folders, with "/". cells: in how many cells the two notebooks differ; None where they
    are no notebooks. only_run: the reader changed no cell of it, so what differs are outputs.
    """

    name: str
    state: str
    cells: int | None = None
    only_run: bool = False

    @property
    def number(self) -> str:
        """What `make reset NB=...` calls it."""
        stem = Path(self.name).name.removesuffix(".ipynb")
        return stem[:2] if self.name.endswith(".ipynb") and stem[:2].isdigit() else self.name


def copy_folder() -> Path:
    """Where the reader's copy is: $COURSE_NOTEBOOKS, else my_notebooks/. Raises CopyError where it cannot be."""
    named = os.environ.get("COURSE_NOTEBOOKS")
    if not named:
        return ROOT / "my_notebooks"
    folder = Path(named).expanduser().absolute()
    if folder.resolve() == ROOT or folder.resolve().is_relative_to(COURSE.resolve()):
        raise CopyError(
            f"COURSE_NOTEBOOKS names {folder}, which is the course itself: name a folder for a copy of the notebooks"
        )
    return folder


# ---------------------------------------------------------------------------------------------------- reading


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _cells(data: bytes) -> list[tuple[str, str]] | None:
    """Kind and text of each cell; None where this is no notebook that can be read."""
    try:
        return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(data)["cells"]]
    except (ValueError, LookupError, TypeError):
        return None


def _cells_hash(data: bytes) -> str:
    """A hash that stays the same when a notebook is run."""
    cells = _cells(data)
    return _hash(data if cells is None else json.dumps(cells).encode())


def cells_between(one: bytes, other: bytes) -> int | None:
    """In how many cells two notebooks differ; None where one of them is no notebook."""
    a, b = _cells(one), _cells(other)
    if a is None or b is None:
        return None
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return sum(max(a1 - a0, b1 - b0) for kind, a0, a1, b0, b1 in matcher.get_opcodes() if kind != "equal")


def course_files(course: Path = COURSE) -> list[str]:
    """What is copied: the notebooks, the pages that they lead to, and their pictures."""
    found = [path for pattern in ("*.ipynb", "*.md") for path in course.glob(pattern)]
    found += (path for path in (course / "pictures").rglob("*") if path.is_file())
    names = (path.relative_to(course) for path in found)
    return sorted(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))


def _record(copy: Path) -> dict[str, dict[str, str]]:
    """The hashes at the time of copying, by file. An unreadable record counts as none: then nothing is written over."""
    try:
        files = json.loads((copy / RECORD).read_text(encoding="utf-8"))["files"]
        return {name: {"bytes": str(at["bytes"]), "cells": str(at["cells"])} for name, at in files.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _read(path: Path) -> bytes | None:
    """A file's content; None where there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CopyError(f"{path} cannot be read ({error.strerror or error})") from error


def compare(course: Path, copy: Path) -> list[File]:
    """How each file stands, in the order of names. Changes nothing."""
    record = _record(copy)
    names = course_files(course)
    gone = sorted(name for name in record.keys() - set(names) if (copy / name).exists())
    return [_compare(name, course, copy, record.get(name)) for name in names] + [File(name, GONE) for name in gone]


def _compare(name: str, course: Path, copy: Path, at: dict[str, str] | None) -> File:
    source, mine = _read(course / name), _read(copy / name)
    if source is None or mine is None:
        return File(name, NEW)
    if mine == source:
        return File(name, SAME)
    cells = cells_between(mine, source)
    if at is None:
        return File(name, TAKEN, cells)
    if _hash(mine) == at["bytes"]:
        return File(name, COURSE_CHANGED, cells)
    state = READER_CHANGED if _hash(source) == at["bytes"] else BOTH_CHANGED
    return File(name, state, cells, only_run=_cells_hash(mine) == at["cells"])


# ---------------------------------------------------------------------------------------------------- writing


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(half, 0o644)
            os.replace(half, path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CopyError(
            f"{path} cannot be written ({error.strerror or error}). Make room or mend the folder's rights, or set "
            "COURSE_NOTEBOOKS to another folder for your copy of the notebooks."
        ) from error


def _take(names: Sequence[str], course: Path, copy: Path) -> None:
    """Copy files of the course, and record each as it is copied: an interruption leaves nothing that looks changed."""
    record = _record(copy)
    for name in names:
        source = _read(course / name)
        if source is None:
            raise CopyError(f"{course / name} vanished while it was copied: run the command again")
        if _read(copy / name) != source:
            _write(copy / name, source)
        at = {"bytes": _hash(source), "cells": _cells_hash(source)}
        if record.get(name) != at:
            record[name] = at
            content = {"version": 1, "files": dict(sorted(record.items()))}
            _write(copy / RECORD, json.dumps(content, indent=1).encode())


def update(course: Path = COURSE, copy: Path | None = None) -> list[str]:
    """Bring what is new into the copy, renew what the reader did not touch, keep the rest. Returns what to say of it.

    Raises CopyError when the copy cannot be written; the reader's files are whole then, too.
    """
    copy = copy or copy_folder()
    first = not copy.exists()
    files = compare(course, copy)
    _take([file.name for file in files if file.state in (NEW, SAME, COURSE_CHANGED)], course, copy)
    if first:
        return [f"Your own copy of the notebooks is in {_shown(copy)}: change there what you like."]
    done = {NEW: "is new", COURSE_CHANGED: "was renewed; you had not changed it"}
    lines = [f"{file.name} {done[file.state]}" for file in files if file.state in done]
    return lines + [_line(file) for file in files if file.state in (BOTH_CHANGED, TAKEN)]


def _shown(folder: Path) -> str:
    """A folder's name as a reader types it."""
    return f"{folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}{os.sep}"


def _line(file: File) -> str:
    """What `make news` says of a file."""
    many = "" if file.cells is None else f" in {file.cells} cell{'s' * (file.cells != 1)}"
    back = f"`make reset NB={file.number}` takes the course's and keeps yours in {BACKUPS}/"
    if file.state == NEW:
        return f"{file.name} is new: the next `make lab` brings it"
    if file.state == COURSE_CHANGED:
        return f"{file.name} has changed in the course{many}: you did not change yours, the next `make lab` renews it"
    if file.state == READER_CHANGED:
        return f"{file.name} was {'run by you' if file.only_run else f'changed by you{many}'}: kept"
    if file.state == BOTH_CHANGED:
        yours = "run by you" if file.only_run else "changed by you"
        return f"{file.name} has changed in the course and was {yours}, they differ{many}: yours is kept; {back}"
    if file.state == TAKEN:
        return f"{file.name} is in the course, and your folder holds another file of that name: yours is kept; {back}"
    if file.state == GONE:
        return f"{file.name} is no longer in the course: yours is kept"
    return f"{file.name} is as in the course"


def news(course: Path = COURSE, copy: Path | None = None) -> list[str]:
    """What is new, changed in the course, changed by the reader, or both. Changes nothing."""
    copy = copy or copy_folder()
    if not copy.exists():
        return [f"There is no copy of the notebooks yet: `make lab` makes it in {_shown(copy)}."]
    files = compare(course, copy)
    same = sum(file.state == SAME for file in files)
    order = (NEW, COURSE_CHANGED, BOTH_CHANGED, TAKEN, READER_CHANGED, GONE)
    lines = [_line(file) for state in order for file in files if file.state == state]
    return lines + [f"{same} of {len(files)} files are as in the course"]


def reset(wanted: Sequence[str] = (), course: Path = COURSE, copy: Path | None = None) -> list[str]:
    """Put the course's files in the place of the reader's. What the reader changed is kept in backups/ first.

    wanted: numbers ("02") or names ("02_seeing", "claims.md"); all when none is given. Raises CopyError for a name
    that the course has not, before anything is written.
    """
    copy = copy or copy_folder()
    files = [file for file in compare(course, copy) if file.state != GONE]
    if wanted:
        chosen = [_named(files, wish) for wish in wanted]
        files = [file for file in files if any(file in found for found in chosen)]
    lines = []
    for file in files:
        if file.state in (READER_CHANGED, BOTH_CHANGED, TAKEN):
            backup = _back_up(copy, file.name)
            lines.append(f"{file.name} is the course's again; yours is kept as {_shown(copy)}{backup}")
        elif file.state != SAME:
            lines.append(f"{file.name} is the course's newest")
        _take([file.name], course, copy)
    return lines or ["Nothing to reset: what you named is as in the course."]


def _named(files: Sequence[File], wish: str) -> list[File]:
    stem = wish.removesuffix(".ipynb")
    found = [
        file
        for file in files
        if file.name in (wish, f"{stem}.ipynb") or (file.name.endswith(".ipynb") and file.number == stem.zfill(2))
    ]
    if not found:
        raise CopyError(f"the course has no notebook '{wish}'; it has: {', '.join(file.number for file in files)}")
    return found


def _back_up(copy: Path, name: str) -> str:
    """Keep the reader's file under a name of its own; returns that name, below the copy."""
    data = (copy / name).read_bytes()
    path = Path(name)
    day = time.strftime("%Y-%m-%d")
    for number in range(1, 10_000):
        backup = Path(BACKUPS) / path.parent / f"{path.stem}.{day}{f'-{number}' * (number > 1)}{path.suffix}"
        there = _read(copy / backup)
        if there is None:
            _write(copy / backup, data)
        if there in (None, data):
            return backup.as_posix()
    raise CopyError(f"{copy / BACKUPS} holds too many backups of {name} from today: clear it out")


# ---------------------------------------------------------------------------------------------------- commands


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status (0: all well)."""
    parser = argparse.ArgumentParser(description="Your own copy of the course's notebooks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("update", help="bring in what is new, keep what you changed")
    commands.add_parser("news", help="what has changed since, in the course and by you")
    again = commands.add_parser("reset", help="take the course's notebooks; yours are kept in backups/")
    again.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names; all when none is given")
    options = parser.parse_args(arguments)
    try:
        if options.command == "reset":
            lines = reset(options.notebooks)
        else:
            lines = update() if options.command == "update" else news()
    except CopyError as error:
        print(error, file=sys.stderr)
        return 1
    for line in lines:
        print(line)
    return 0


if __name__ == "__main__":
    print_any_sign()
    sys.exit(main())
