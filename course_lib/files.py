"""Writing a file so that nobody ever sees half of it, and nothing that was saved is lost."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from course_lib.lookup import CourseError


class CannotWrite(CourseError, OSError):
    """A file cannot be put where it should go; the message names the place and what stands in the way."""


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new file beside ``path``, which takes its place when the block ends well and vanishes when it does not.

        with atomic_file(path) as file:
            file.write(content)

    The folder is made where it is missing; the content is forced to disk before the file is renamed, so after a power
    cut the path holds the old content or the new, never a part. Raises OSError when the disk cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # a stick, a share or a mounted disk may know no permissions, and needs none
            os.chmod(temporary, 0o644)  # mkstemp's files are for their owner alone
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Find out now whether :func:`atomic_file` could write this file, rather than after hours of work.

    The folder is made where it is missing, and a file is written into it and taken away again; what stands at the path
    is left as it is. Raises CannotWrite.
    """
    try:
        if path.is_dir():
            raise CannotWrite(f"{path} is a folder, and a file of that name is to be written: move it away")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part") as file:
            file.write(b"?")
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(f"nothing can be written into the folder {path.parent} ({error})") from None


def remove_parts(path: Path) -> None:
    """Remove what :func:`atomic_file` left beside ``path`` in a process that was killed while writing it."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        part.unlink(missing_ok=True)
