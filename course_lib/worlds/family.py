"""The family: possible films with screens, from which a model may learn what goes on behind them.

They are the A and B of ``properties.py`` (never the exchanged films), of all properties alike, drawn from the family's
own ranges and the training seeds; and some are empty: a screen, and nothing comes. Without these an empty box would
be a surprise by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from course_lib.worlds.captions import caption
from course_lib.worlds.films import Films
from course_lib.worlds.properties import PROPERTIES, draw_pair
from course_lib.worlds.scenes import film_seed
from course_lib.worlds.screens import FRAMES, Stage, stage_film

NAME = "screens"
EMPTY = 0.12  # of the films
_STREAM = len(PROPERTIES)  # another source of numbers than any property's quadruplets have


@dataclass
class FamilyFilms(Films):
    """Films of the family. They are no film set: they are handed to a training run as films."""

    def for_training(self) -> FamilyFilms:
        """These films, once it is sure that a training run may see them. Raises ValueError where it may not."""
        if self.split != "train":
            raise ValueError(f"films of the split {self.split!r} are held out: train on split='train'")
        return self


def family_stage(seed: int) -> tuple[str, Stage]:
    """The property and the stage of a seed's film: a possible film of the family, or an empty one."""
    generator = np.random.default_rng([seed, _STREAM])
    name = str(generator.choice(list(PROPERTIES)))
    pair = draw_pair(name, generator)
    if generator.random() < EMPTY:
        return name, pair[0].without_bodies()
    return name, next(pair[i] for i in (int(generator.integers(2)), 0) if pair[i].scene.bodies)


def make_family(*, split: str, count: int, size: int = 32, length: int = FRAMES) -> FamilyFilms:
    """The first ``count`` films of the family in a split: what a model learns from (split "train"), or is watched on.

    Raises ValueError for an unknown split, no film, or fewer than 2 frames.
    """
    if count < 1:
        raise ValueError(f"count is at least 1, not {count}")
    seeds = [film_seed(split, index) for index in range(count)]
    films = [stage_film(family_stage(seed)[1], length=length, size=size, seed=seed) for seed in seeds]
    frames, states = np.stack([f.frames for f in films]), np.stack([f.states for f in films])
    digest = hashlib.sha256(f"{NAME} {frames.shape}".encode())
    for array in (frames, states):
        digest.update(array.data)
    return FamilyFilms(
        name=NAME, split=split, size=size, frames=frames, actions=np.stack([f.actions for f in films]),
        rewards=np.stack([f.rewards for f in films]), states=states,
        contacts=np.concatenate([np.insert(f.contacts, 0, i, axis=1) for i, f in enumerate(films)]),
        captions=[caption(s) for s in states], short_captions=[caption(s, descriptive=False) for s in states],
        seeds=np.array(seeds, np.int64), hash=digest.hexdigest(),
    )  # fmt: skip
