"""The JEPA with a memory and without actions, taught on the films with screens."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned


def _film_jepa() -> Entrant:
    from course_lib.models.base import untrained_twin
    from course_lib.training.checkpoints import load_checkpoint, provenance

    model = load_checkpoint("film_jepa").eval()
    return Entrant("film_jepa", {"model": model}, untrained={"model": untrained_twin(model)},
                   questions=["expectation", "causes", "hidden"], **learned(provenance("film_jepa")))  # fmt: skip


ENTRANTS = {"film_jepa": _film_jepa}
