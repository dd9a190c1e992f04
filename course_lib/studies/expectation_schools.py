"""The question of ``studies/expectation`` put to a transformer: with a long and a short memory, and of other films.

    latent_transformer            a transformer over what vmc-family's V sees; its memory holds a whole film
    latent_transformer-short      the same with a memory of four frames
    latent_transformer-occluded   the first once more, taught on the film set occluded instead

Ten untrained networks stand beside the first two, V kept; those of the first are the third's as well. Films,
quadruplets and score are those of the other study. Each property is kept in the cache as soon as it has been asked
about, and the study goes on there when it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.expectation import pixel_difference
from course_lib.models.latent_transformer import LatentTransformerWorld
from course_lib.models.vae import VAE
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
from course_lib.training.latent_transformer import load_latent_transformer
from course_lib.worlds.frames import to_model
from course_lib.worlds.properties import PROPERTIES
from course_lib.worlds.quadruplets import Quadruplets, change_places

KEPT = DATA / "playground" / "expectation_schools.json"
SIZES = {"latent_transformer": "cpu", "latent_transformer-short": "cpu-short",
         "latent_transformer-occluded": "cpu-occluded"}  # fmt: skip
SCHOOLS = tuple(SIZES)
ASKED = {"latent_transformer-occluded": (50, 0)}  # quadruplets and untrained networks, where they are fewer
AT_HAND = 3  # quadruplets of which it is remembered how V sees them


class SeenOnce:
    """V's look at quadruplets: each frame of A and B once, for all who judge them."""

    def __init__(self, v: VAE) -> None:
        self.v, self.seen = v, dict[str, Tensor]()

    @torch.no_grad()
    def __call__(self, made: Quadruplets) -> Tensor:
        """The mean of V's z in the films A, B, AB and BA, (N, 4, T, Z)."""
        if made.hash not in self.seen:
            while len(self.seen) >= AT_HAND:
                self.seen.pop(next(iter(self.seen)))
            two = np.stack([[self.v.encode(to_model(film))[0].numpy() for film in pair] for pair in made.frames])
            joined = [change_places(pair, tuple(cuts)) for pair, cuts in zip(two, made.cuts, strict=True)]
            self.seen[made.hash] = torch.from_numpy(np.concatenate([two, np.stack(joined)], axis=1))
        return self.seen[made.hash]

    def judge(self, model: LatentTransformerWorld) -> Judge:
        """A transformer that looks through this V, as a judge."""

        @torch.no_grad()
        def found(made: Quadruplets) -> np.ndarray:
            z = self(made)
            return model.surprise_at(z.flatten(0, 1)).double().numpy().reshape(z.shape[:3])

        return found


def measure_school(
    name: str, model: LatentTransformerWorld, eyes: SeenOnce, *, names: Sequence[str], count: int = COUNT,
    few: int = FEW, seeds: int = SEEDS, report: Callable[[str], None] = print,
) -> dict[str, Any]:  # fmt: skip
    """What ``measure_expectation`` finds of one of them, and of so many untrained networks like it, by its name.

    eyes: the look at quadruplets through V, which all of them share. names: of properties.
    """
    judges: dict[str, tuple[Judge, int]] = {
        name: (eyes.judge(model), count), "pixel_difference": (lambda made: pixel_difference(made.films()), count)
    }  # fmt: skip
    twins = {name: [eyes.judge(model.untrained(seed)) for seed in range(1, seeds + 1)]} if seeds else {}
    return measure_expectation(judges, twins, count=count, few=few, names=names, report=report)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody, property by property: about five minutes of one core."""
    models = {name: load_latent_transformer(size=size) for name, size in SIZES.items()}
    weights = schools_weights()
    eyes = SeenOnce(models["latent_transformer"].v)
    found: dict[str, Any] = {}
    for prop in PROPERTIES:
        for name, model in models.items():
            count, seeds = ASKED.get(name, (COUNT, SEEDS))
            decided = {"weights": weights[name], "property": prop, "count": count, "few": FEW, "seeds": seeds}

            def measure(
                name: str = name, model: LatentTransformerWorld = model, prop: str = prop, count: int = count,
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
    return {name: weights_of("latent_transformer", size) for name, size in SIZES.items()}


def measured_schools() -> Expected:
    """The kept facts. Raises ExamError when the file is missing or damaged."""
    return read_study(KEPT, as_expected, "expectation_schools")
