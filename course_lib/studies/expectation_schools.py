"""The question of ``studies/expectation`` put to the other schools, each taught on the same films with screens.

    vmc-occluded               V and M of the same sizes and steps as vmc-family, taught on the film set occluded
    latent_transformer         a transformer over what vmc-family's V sees; its memory holds a whole film
    latent_transformer-short   the same with a memory of four frames
    film_jepa                  a JEPA with a memory: the error of its guess at the next embedding

Ten untrained networks of each stand beside it: of the first three V is kept and what reads its latents is fresh, of
the JEPA all of it is. Films, quadruplets and score are those of the other study. Each property is kept in the cache as
soon as it is asked about, and the study goes on there when it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_lib.exam.measures.expectation import pixel_difference
from course_lib.models.base import untrained_twin
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
from course_lib.worlds.properties import PROPERTIES

KEPT = DATA / "playground" / "expectation_schools.json"
SCHOOLS = ("vmc-occluded", "latent_transformer", "latent_transformer-short", "film_jepa")


def schools() -> dict[str, Any]:
    """The four models, by name."""
    return {
        "vmc-occluded": load_checkpoint("vmc", size="cpu-occluded"),
        "latent_transformer": load_latent_transformer(),
        "latent_transformer-short": load_latent_transformer(size="cpu-short"),
        "film_jepa": load_checkpoint("film_jepa").eval(),
    }


def measure_schools(
    models: Mapping[str, Any], *, names: Sequence[str] = tuple(PROPERTIES), count: int = COUNT, few: int = FEW,
    seeds: int = SEEDS, report: Callable[[str], None] = print,
) -> dict[str, Any]:  # fmt: skip
    """What ``measure_expectation`` finds of these models and of so many untrained networks of each, by its name."""
    judges: dict[str, tuple[Judge, int]] = {name: (judge_of(model), count) for name, model in models.items()}
    judges["pixel_difference"] = (lambda made: pixel_difference(made.films()), count)
    twins = {name: [judge_of(_untrained(model, seed)) for seed in range(1, seeds + 1)]
             for name, model in models.items()}  # fmt: skip
    return measure_expectation(judges, twins, count=count, few=few, names=names, report=report)


def _untrained(model: Any, seed: int) -> Any:
    return model.untrained(seed) if hasattr(model, "untrained") else untrained_twin(model, seed)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Ask everybody, property by property: about fifteen minutes of one core."""
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
    """The first digits of the SHA-256 of everybody who was asked: of a V-M, M's."""
    return {"vmc-occluded": weights_of("vmc", "cpu-occluded", "m"),
            "latent_transformer": weights_of("latent_transformer"),
            "latent_transformer-short": weights_of("latent_transformer", "cpu-short"),
            "film_jepa": weights_of("film_jepa")}  # fmt: skip


def measured_schools() -> Expected:
    """The kept facts. Raises ExamError when the file is missing or damaged."""
    return read_study(KEPT, as_expected, "expectation_schools")
