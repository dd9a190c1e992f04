"""The question of ``studies/expectation`` put to other schools, which learned from the same films.

    latent_transformer            a transformer over what vmc-family's V sees; its memory holds a whole film
    latent_transformer-short      the same with a memory of four frames
    latent_transformer-occluded   the first once more, taught on the film set occluded instead
    vmc-occluded                  vmc-family's M, behind the same V, taught on the film set occluded as well
    dit_world-family              a diffusion transformer in M's place, which makes a frame at a time, without keys
    film_jepa                     a JEPA with a memory, without actions: no V and no pictures

Ten untrained networks stand beside those that learned from the family, V kept where there is one; those of the first
are the third's as well, and vmc-occluded has those of vmc-family (``fresh_m`` of the other study). Films, quadruplets
and score are those of the other study. Each property is kept in the cache as soon as it has been asked about, and the
study goes on there when it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.expectation import pixel_difference
from course_lib.models.base import untrained_twin
from course_lib.models.dit_world import DiTWorld
from course_lib.models.film_jepa import FilmJEPA
from course_lib.models.latent_transformer import LatentTransformerWorld
from course_lib.models.vae import VAE
from course_lib.models.vmc import VMC
from course_lib.studies.expectation import (
    COUNT,
    FEW,
    SEEDS,
    Expected,
    Judge,
    as_expected,
    measure_expectation,
)
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.dit_world import load_dit_world
from course_lib.training.latent_transformer import load_latent_transformer
from course_lib.worlds.frames import to_model
from course_lib.worlds.properties import PROPERTIES
from course_lib.worlds.quadruplets import Quadruplets, change_places

KEPT = DATA / "playground" / "expectation_schools.json"
CHECKPOINTS = {  # of each: model, size, and the part that has learned
    "latent_transformer": ("latent_transformer", "cpu", None),
    "latent_transformer-short": ("latent_transformer", "cpu-short", None),
    "latent_transformer-occluded": ("latent_transformer", "cpu-occluded", None),
    "vmc-occluded": ("vmc", "cpu-occluded", "m"),
    "dit_world-family": ("dit_world", "cpu-family", None),
    "film_jepa": ("film_jepa", "cpu", None),
}
SCHOOLS = tuple(CHECKPOINTS)
# quadruplets and untrained networks, where they are fewer. A fresh diffusion transformer guesses 0 whatever its seed.
ASKED = {"latent_transformer-occluded": (50, 0), "vmc-occluded": (25, 0), "dit_world-family": (25, 1),
         "film_jepa": (50, SEEDS)}  # fmt: skip
AT_HAND = 3  # quadruplets of which it is remembered how they are seen

School = LatentTransformerWorld | VMC | DiTWorld | FilmJEPA


class SeenOnce:
    """An encoder's look at quadruplets: each frame of A and B once, for all who judge them.

    look: one film, (T, 3, H, W) in [0, 1] -> what is seen of each frame by itself, (T, Z).
    """

    def __init__(self, look: Callable[[Tensor], Tensor]) -> None:
        self.look, self.seen = look, dict[str, Tensor]()

    @torch.no_grad()
    def __call__(self, made: Quadruplets) -> Tensor:
        """What is seen in the films A, B, AB and BA, (N, 4, T, Z)."""
        if made.hash not in self.seen:
            while len(self.seen) >= AT_HAND:
                self.seen.pop(next(iter(self.seen)))
            two = np.stack([[self.look(to_model(film)).numpy() for film in pair] for pair in made.frames])
            joined = [change_places(pair, tuple(cuts)) for pair, cuts in zip(two, made.cuts, strict=True)]
            self.seen[made.hash] = torch.from_numpy(np.concatenate([two, np.stack(joined)], axis=1))
        return self.seen[made.hash]

    def judge(self, surprise_at: Callable[[Tensor], Tensor]) -> Judge:
        """Somebody who looks in this way, as a judge. surprise_at: (B, T, Z) -> (B, T), NaN at frame 0."""

        @torch.no_grad()
        def found(made: Quadruplets) -> np.ndarray:
            z = self(made)
            return surprise_at(z.flatten(0, 1)).double().numpy().reshape(z.shape[:3])

        return found


def eyes_of(v: VAE) -> SeenOnce:
    """A V's look: the mean of its z."""
    return SeenOnce(lambda film: v.encode(film)[0])


def surprise_behind(model: LatentTransformerWorld | VMC | DiTWorld, z: Tensor) -> Tensor:
    """The surprise at films as V has seen them, no key being pressed. (B, T, Z) -> (B, T)."""
    if isinstance(model, DiTWorld):
        return model.surprise_at(z[..., None, None])
    if isinstance(model, VMC):
        return model.surprise_at(z, torch.zeros(z.shape[0], z.shape[1] - 1, dtype=torch.long))
    return model.surprise_at(z)


def judge_and_twins(model: School, eyes: SeenOnce, seeds: int) -> tuple[Judge, list[Judge]]:
    """One of the schools as a judge, and so many untrained networks like it. eyes: of the V that those with a V share;
    a JEPA has its own, and so has each untrained one."""
    numbers = range(1, seeds + 1)
    if isinstance(model, FilmJEPA):
        own = (model, *(untrained_twin(model, seed) for seed in numbers))
        judges = [SeenOnce(one.encoder).judge(one.surprise_at) for one in own]
    else:
        judges = [eyes.judge(partial(surprise_behind, one)) for one in (model, *map(model.untrained, numbers))]
    return judges[0], judges[1:]


def measure_school(
    name: str, model: School, eyes: SeenOnce, *, names: Sequence[str],
    count: int = COUNT, few: int = FEW, seeds: int = SEEDS, report: Callable[[str], None] = print,
) -> dict[str, Any]:  # fmt: skip
    """What ``measure_expectation`` finds of one of them, and of so many untrained networks like it, by its name.

    eyes: see ``judge_and_twins``. names: of properties.
    """
    judge, twins = judge_and_twins(model, eyes, seeds)
    judges: dict[str, tuple[Judge, int]] = {
        name: (judge, count), "pixel_difference": (lambda made: pixel_difference(made.films()), count)
    }  # fmt: skip
    return measure_expectation(judges, {name: twins} if twins else {}, count=count, few=few, names=names, report=report)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody, property by property: about five minutes of one core."""
    models = load_schools()
    weights = schools_weights()
    eyes = eyes_of(models["latent_transformer"].v)
    found: dict[str, Any] = {}
    for prop in PROPERTIES:
        for name, model in models.items():
            count, seeds = ASKED.get(name, (COUNT, SEEDS))
            decided = {"weights": weights[name], "property": prop, "count": count, "few": FEW, "seeds": seeds}

            def measure(
                name: str = name, model: Any = model, prop: str = prop, count: int = count,
                seeds: int = seeds,
            ) -> dict[str, Any]:  # fmt: skip
                return measure_school(name, model, eyes, names=[prop], count=count, seeds=seeds, report=report)

            join(found, kept_piece("expectation_schools", f"{name}-{prop}", decided, measure))
    return {"quadruplets": COUNT, "untrained_seeds": SEEDS, "untrained_quadruplets": FEW, "weights": weights} | found


def join(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Put what was found of one school and property with what was found of others; where both say something of the
    films themselves, the first stands, who was asked about most of them."""
    for key, value in part.items():
        if isinstance(value, Mapping):
            join(whole.setdefault(key, {}), value)
        elif key != "commit":  # of the piece
            whole.setdefault(key, value)


def schools_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everybody who was asked."""
    return {name: weights_of(model, size, part) for name, (model, size, part) in CHECKPOINTS.items()}


def load_schools() -> dict[str, School]:
    """All of them, by name. Raises CheckpointError where one is missing or damaged."""
    loaders = {"latent_transformer": load_latent_transformer, "dit_world": load_dit_world}
    found = {}
    for name, (model, size, _) in CHECKPOINTS.items():
        found[name] = loaders[model](size=size) if model in loaders else load_checkpoint(model, size=size).eval()
    return found


def measured_schools() -> Expected:
    """The kept facts. Raises ExamError when the file is missing or damaged."""
    return read_study(KEPT, as_expected, "expectation_schools")
