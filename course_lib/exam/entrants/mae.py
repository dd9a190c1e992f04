"""The masked autoencoder: an encoder of single frames, and nothing that predicts."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned


def _mae() -> Entrant:
    from course_lib.training import get_recipe, load_checkpoint, provenance
    from course_lib.training.recipe import build

    model = load_checkpoint("mae")
    untrained = build(get_recipe("mae"), model.config, seed=1).eval()
    return Entrant("mae", {"encoder": model.encode}, untrained={"encoder": untrained.encode},
                   questions=["probing", "hidden"], **learned(provenance("mae")))  # fmt: skip


ENTRANTS = {"mae": _mae}
