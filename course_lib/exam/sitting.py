"""One sitting of the exam: held-out films, the reader, what all entrants share, and the guard at the door.

Whoever asks a question gets its films from ``Sitting.films_for``, matched films from ``Sitting.quadruplets_for``, and
its episodes by ``Sitting.admit_episodes``, which refuse to score a model on what it has, or may have, learned from.
There is no other way in.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch

from course_lib.lookup import ExamError, did_you_mean
from course_lib.models.reader import Reader
from course_lib.worlds import spec
from course_lib.worlds.family import NAME as SCREENS
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.quadruplets import Quadruplets, make_quadruplets
from course_lib.worlds.scenes import FILM_SETS

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
HELD_OUT = ("test", "validation")
LEAST = 5  # films that an interval needs


class Guarded(Protocol):
    """What the guard asks of an entrant: see ``entrant.Entrant``."""

    name: str
    trained_on: Sequence[str] | None
    hashes: frozenset[str]
    films: str | None


def check_sitting(*, count: int, seed: int, films: str, probes: str, split: str) -> None:
    """Hold the arguments of a sitting against what there is, before anything is computed. Raises ExamError."""
    if split not in HELD_OUT:
        raise ExamError(
            f"the exam is held on films that nobody has learned from: split 'test' or 'validation', not {split!r}"
        )
    for name in (films, probes):
        if name not in FILM_SETS:
            raise ExamError(
                f"there is no film set {name!r}{did_you_mean(name, FILM_SETS)}; the film sets are: "
                f"{', '.join(FILM_SETS)}"
            )
    if count < LEAST:
        raise ExamError(f"an interval over films needs at least {LEAST} of them, not {count}")
    if seed < 0:
        raise ExamError(f"a seed is a whole number from 0 on, not {seed}")


class Sitting:
    """Films, draws and what several rows share, for everybody who is asked together.

    count: films for each question; episodes: games for each player. seed: of everything that is drawn (times,
    bootstraps). size: pixels of a frame. films: the set that most questions are asked on; probes: the set whose
    variables are probed (one ball, so that "the ball's speed" is one number); split: "test", or "validation" while a
    model is being built.
    Raises ExamError for arguments that cannot be kept.
    """

    def __init__(
        self, *, count: int = 100, episodes: int = 100, seed: int = 0, size: int = 32, films: str = "simple",
        probes: str = "ball", split: str = "test", reader: Reader | None = None,
    ) -> None:  # fmt: skip
        check_sitting(count=count, seed=seed, films=films, probes=probes, split=split)
        if episodes < LEAST:
            raise ExamError(f"an interval over episodes needs at least {LEAST} of them, not {episodes}")
        self.count, self.episodes, self.seed, self.size = count, episodes, seed, size
        self.set, self.probes, self.split = films, probes, split
        self._reader = reader
        self._shared: dict[Hashable, Any] = {}

    @cached_property
    def reader(self) -> Reader:
        """The course's reader, from its checkpoint unless one was given."""
        if self._reader is not None:
            return self._reader
        from course_lib.training.checkpoints import load_checkpoint

        return load_checkpoint("reader")  # type: ignore[return-value]

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make()`` gives, computed once in a sitting for all who ask under the same key.

        A key begins with the question's name; it holds all that the result depends on and that differs in a sitting.
        """
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def films_for(self, entrant: Guarded, name: str | None = None, *, split: str | None = None,
                  count: int | None = None) -> Films:  # fmt: skip
        """Held-out films that this entrant may be asked on. Raises ExamError where it may have seen them."""
        place = (name or entrant.films or self.set, split or self.split, count or self.count)
        _admit(entrant, f"{place[0]}/{place[1]}")
        films = self.once(("films", *place), lambda: load_films(place[0], split=place[1], count=place[2],
                                                                size=self.size))  # fmt: skip
        if films.hash in entrant.hashes:
            raise ExamError(f"{entrant.name} was trained on these very films ({place[0]}/{place[1]}): ask it on others")
        return films

    def admit_episodes(self, entrant: Guarded, world: str) -> str:
        """Let an entrant play held-out episodes of a world; returns "world/split" for the row.

        Raises ExamError where it may have learned from them.
        """
        return _admit(entrant, f"{world}/{self.split}")

    def quadruplets_for(self, entrant: Guarded, name: str, *, tier: str, count: int) -> Quadruplets:
        """Matched films that this entrant may be asked on. Raises ExamError where it may have seen them."""
        self.admit_episodes(entrant, SCREENS)
        made = self.once(("quadruplets", name, tier, count), lambda: make_quadruplets(
            name, split=self.split, count=count, tier=tier, size=self.size))  # fmt: skip
        if made.hash in entrant.hashes:
            raise ExamError(f"{entrant.name} was trained on these very films ({name}, {tier}): ask it on others")
        return made

    def generator(self, offset: int = 0) -> torch.Generator:
        """A generator for draws of this sitting; the same offset gives the same numbers."""
        return torch.Generator().manual_seed(1_000_003 * self.seed + offset)

    def rng(self, offset: int = 0) -> np.random.Generator:
        """The same for numpy."""
        return np.random.default_rng([self.seed, offset])


def _admit(entrant: Guarded, place: str) -> str:
    """The guard: an entrant passes only when it is certain that it did not learn from what it will be asked on."""
    if entrant.trained_on is None:
        raise ExamError(
            f"nobody knows what {entrant.name} was trained on, so it may have seen what it is asked on ({place}). Say "
            'it in its attribute trained_on, for example trained_on = ["simple/train"], or [] for nothing'
        )
    if place.partition("/")[2] not in HELD_OUT or place.partition("/")[2] not in spec.SPLITS:
        raise ExamError(f"{place} is there to learn from; the exam is held on 'test' or 'validation'")
    if place in entrant.trained_on:
        raise ExamError(f"{entrant.name} was trained on {place}, on which it would be asked: ask it on others")
    return place
