"""The question of ``studies/expectation`` put to other schools, taught on the same films with screens.

    latent_transformer            a transformer over what vmc-family's V sees; its memory holds a whole film
    latent_transformer-short      the same with a memory of four frames
    latent_transformer-occluded   the first once more, taught on the film set occluded instead
    film_jepa                     a JEPA with a memory: the error of its guess at the next embedding

Ten untrained networks of each stand beside it: of the transformers V is kept, of the JEPA everything is fresh. Films,
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
from course_lib.models.base import untrained_twin
from course_lib.models.latent_transformer import LatentTransformerWorld
from course_lib.models.vae import VAE
from course_lib.studies.expectation import (
    COUNT,
    FEW,
    SEEDS,
    Expected,
    Judge,
    as_expected,
    judge_of,
    measure_expectation,
)
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.latent_transformer import load_latent_transformer
from course_lib.worlds.frames import to_model
from course_lib.worlds.properties import PROPERTIES
from course_lib.worlds.quadruplets import Quadruplets, change_places

KEPT = DATA / "playground" / "expectation_schools.json"
SIZES = {"latent_transformer": "cpu", "latent_transformer-short": "cpu-short",
         "latent_transformer-occluded": "cpu-occluded"}  # fmt: skip
SCHOOLS = (*SIZES, "film_jepa")
AT_HAND = 3  # quadruplets of which it is remembered how V sees them


def schools() -> dict[str, Any]:
    """The four models, by name."""
    found: dict[str, Any] = {name: load_latent_transformer(size=size) for name, size in SIZES.items()}
    return {**found, "film_jepa": load_checkpoint("film_jepa").eval()}


class SeenOnce:
    """V's look at quadruplets, which all transformers share: each frame of A and B once, for all who judge them."""

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


def measure_schools(
    models: Mapping[str, Any], *, names: Sequence[str] = tuple(PROPERTIES), count: int = COUNT, few: int = FEW,
    seeds: int = SEEDS, report: Callable[[str], None] = print,
) -> dict[str, Any]:  # fmt: skip
    """What ``measure_expectation`` finds of these models and of so many untrained networks of each, by its name.

    The transformers among them look through the same V.
    """
    eyes = SeenOnce(next(model.v for model in models.values() if isinstance(model, LatentTransformerWorld)))

    def judge(model: Any) -> Judge:
        return eyes.judge(model) if isinstance(model, LatentTransformerWorld) else judge_of(model)

    def fresh(model: Any, seed: int) -> Any:
        return model.untrained(seed) if isinstance(model, LatentTransformerWorld) else untrained_twin(model, seed)

    judges: dict[str, tuple[Judge, int]] = {name: (judge(model), count) for name, model in models.items()}
    judges["pixel_difference"] = (lambda made: pixel_difference(made.films()), count)
    twins = {name: [judge(fresh(model, seed)) for seed in range(1, seeds + 1)] for name, model in models.items()}
    return measure_expectation(judges, twins, count=count, few=few, names=names, report=report)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody, property by property: about five minutes of one core."""
    models, weights = schools(), schools_weights()
    found: dict[str, Any] = {}
    for name in PROPERTIES:
        decided = {"weights": weights, "property": name, "count": COUNT, "few": FEW, "seeds": SEEDS}
        piece = kept_piece("expectation_schools", name, decided,
                           lambda name=name: measure_schools(models, names=[name], report=report))  # fmt: skip
        for fact, by in piece.items():
            if isinstance(by, dict):  # by tier, or by kind of untrained network, and then by property
                for key, of in by.items():
                    found.setdefault(fact, {}).setdefault(key, {}).update(of)
    return {"quadruplets": COUNT, "untrained_seeds": SEEDS, "untrained_quadruplets": FEW, "weights": weights} | found


def schools_weights() -> dict[str, str]:
    """The first digits of the SHA-256 of everybody who was asked."""
    transformers = {name: weights_of("latent_transformer", size) for name, size in SIZES.items()}
    return {**transformers, "film_jepa": weights_of("film_jepa")}


def measured_schools() -> Expected:
    """The kept facts. Raises ExamError when the file is missing or damaged."""
    return read_study(KEPT, as_expected, "expectation_schools")
