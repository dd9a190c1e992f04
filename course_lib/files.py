"""Writing a file so that nobody ever sees half of it, and nothing that was saved is lost."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


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
        os.chmod(temporary, 0o644)  # mkstemp's files are for their owner alone
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_parts(path: Path) -> None:
    """Remove what :func:`atomic_file` left beside ``path`` in a process that was killed while writing it."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        part.unlink(missing_ok=True)
