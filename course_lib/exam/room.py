"""The examination room: held-out films, the reader, the controls that all entrants share, and the guard at the door.

Whoever asks a question gets its films from ``Room.films_for``, which refuses to score a model on films that it has, or
may have, learned from. That is the one place.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.entrants import Entrant
from course_lib.models.reader import Reader
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import FILM_SETS

CHUNK = 64  # films that are dreamed at once: enough for speed, and little memory


class ExamError(RuntimeError):
    """A model cannot be examined like this; the message says why and what would help."""


class Room:
    """One sitting of the exam.

    count: films for each question. seed: of everything that is drawn (times, bootstraps). size: pixels of a frame.
    films: the set that most questions are asked on; probes: the set whose variables are probed (one ball, so that "the
    ball's speed" is one number); split: "test", or "validation" while a model is being built.
    """

    def __init__(
        self, *, count: int = 100, seed: int = 0, size: int = 32, films: str = "simple", probes: str = "ball",
        split: str = "test", reader: Reader | None = None,
    ) -> None:  # fmt: skip
        if split == "train":
            raise ExamError("the exam is held on films that nobody has learned from: split 'test' or 'validation'")
        for name in (films, probes):
            if name not in FILM_SETS:
                raise ExamError(f"there is no film set {name!r}; the film sets are: {', '.join(FILM_SETS)}")
        if count < 5:
            raise ExamError(f"an interval over films needs at least 5 of them, not {count}")
        self.count, self.seed, self.size, self.set, self.probes, self.split = count, seed, size, films, probes, split
        self._reader = reader
        self._films: dict[tuple[str, str, int], Films] = {}
        self.kept: dict[str, np.ndarray] = {}  # what several rows share, computed once

    @cached_property
    def reader(self) -> Reader:
        """The course's reader, from its checkpoint unless one was given."""
        if self._reader is not None:
            return self._reader
        from course_lib.training.checkpoints import load_checkpoint

        return load_checkpoint("reader")  # type: ignore[return-value]

    def films_for(self, entrant: Entrant, name: str | None = None, *, split: str | None = None,
                  count: int | None = None) -> Films:  # fmt: skip
        """Held-out films that this entrant may be asked on. Raises ExamError where it may have seen them."""
        key = (name or entrant.films or self.set, split or self.split, count or self.count)
        if key not in self._films:
            self._films[key] = load_films(key[0], split=key[1], count=key[2], size=self.size)
        films = self._films[key]
        admit(entrant, films)
        return films

    def generator(self, offset: int = 0) -> torch.Generator:
        """A generator for draws of this sitting; the same offset gives the same numbers."""
        return torch.Generator().manual_seed(1_000_003 * self.seed + offset)

    def rng(self, offset: int = 0) -> np.random.Generator:
        """The same for numpy."""
        return np.random.default_rng([self.seed, offset])


def admit(entrant: Entrant, films: Films) -> None:
    """Let an entrant see films only when it is certain that it did not learn from them. Raises ExamError."""
    place = f"{films.name}/{films.split}"
    if entrant.trained_on is None:
        raise ExamError(
            f"nobody knows what {entrant.name} was trained on, so it may have seen these films ({place}). Say it in "
            'its attribute trained_on, for example trained_on = ["simple/train"], or [] for nothing'
        )
    if films.split == "train":
        raise ExamError(f"{place} are films to learn from; the exam is held on 'test' or 'validation'")
    if place in entrant.trained_on or films.hash in entrant.hashes:
        raise ExamError(f"{entrant.name} was trained on these very films ({place}): ask it on others")
    unknown = [name for name in entrant.trained_on if name.count("/") != 1]
    if unknown:
        raise ExamError(f"{entrant.name} was trained on {unknown[0]!r}; write a set and a split, as in 'simple/train'")


def as_input(films: Films, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """Films as a model reads them: frames (N, T, 3, H, W) and actions, integers (N, T - 1)."""
    return to_model(films.frames[rows]), torch.from_numpy(films.actions[rows]).long()
