"""CIFAR-10: 60,000 photographs of ten kinds of things, 32 x 32 pixels, read from a copy that the reader has.

Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. The course does not come with them and never
downloads them; data/photographs (see the card there) says where a copy goes and what it must be. What is read is the
archive of the *binary* version as its author publishes it: plain numbers, no pickled objects, so that reading it can
never run code. It is read where it lies and not unpacked.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib.lookup import CourseError
from course_lib.places import DATA

FOLDER = DATA / "photographs"
ARCHIVE = "cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
SIDE = 32  # pixels
KINDS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILES = {"train": tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test": ("test_batch.bin",)}
ROW = 1 + 3 * SIDE * SIDE  # bytes of a photograph: its kind, then all of red, all of green, all of blue, row by row


class PhotographsError(CourseError, ValueError):
    """There are no photographs, or not those that are meant; the message names the file and the way out."""


@dataclass(frozen=True)
class Photographs:
    """Photographs with what they show. frames: uint8 (N, 32, 32, 3); kinds: int64 (N,), places in ``KINDS``."""

    frames: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        """How many there are."""
        return len(self.frames)


def photographs_archive() -> Path:
    """The archive that is read: ``$COURSE_PHOTOGRAPHS``, the file or the folder that it is in, else data/photographs.

    Raises PhotographsError where it is not there.
    """
    place = Path(os.environ.get("COURSE_PHOTOGRAPHS") or FOLDER).expanduser()
    path = place / ARCHIVE if place.is_dir() else place
    if not path.is_file():
        raise PhotographsError(
            f"there is no {path}. The photographs do not come with the course and nothing downloads them: put "
            f"{ARCHIVE} (CIFAR-10, binary version) into {FOLDER}, or let the environment variable COURSE_PHOTOGRAPHS "
            "name it; data/photographs/README.md says where to find it"
        )
    return path


def load_photographs(split: str = "train") -> Photographs:
    """The 50,000 photographs to learn from ("train") or the 10,000 to be asked about ("test"), from the reader's copy.

    Takes two seconds, most of it for the checksum. Raises ValueError for another split; PhotographsError where there is
    no copy, where the file is another one (by its SHA-256), or where it cannot be read.
    """
    if split not in FILES:
        raise ValueError(f"the photographs have the splits {', '.join(FILES)}; there is no split {split!r}")
    path = photographs_archive()
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise PhotographsError(
                f"{path} is not the published archive: its SHA-256 is another one than {SHA256}. A download that broke "
                "off, or the version for Python or Matlab? Fetch the binary version again"
            )
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            members = {Path(member.name).name: member for member in archive if member.isfile()}
            rows = np.concatenate([_rows(archive, members, name) for name in FILES[split]])
    except (OSError, tarfile.TarError, EOFError, KeyError) as error:
        raise PhotographsError(f"{path} cannot be read ({type(error).__name__}: {error})") from None
    frames = rows[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)  # (N, 3 * 1024) -> (N, 32, 32, 3)
    return Photographs(np.ascontiguousarray(frames), rows[:, 0].astype(np.int64))


def _rows(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str) -> np.ndarray:
    """One file of the archive, uint8 (N, 3073)."""
    file = archive.extractfile(members[name])
    content = np.frombuffer(file.read() if file else b"", np.uint8)
    if len(content) == 0 or len(content) % ROW:
        raise tarfile.TarError(f"{name} has {len(content)} bytes, no multiple of {ROW}")
    rows = content.reshape(-1, ROW)
    if rows[:, 0].max() >= len(KINDS):
        raise tarfile.TarError(f"{name} names a kind {rows[:, 0].max()}, there are {len(KINDS)}")
    return rows
