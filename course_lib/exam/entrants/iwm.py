"""The image world model: an encoder of pictures and a predictor of what it says after a change that is known."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned

BARS = {"mrr_all": 0.8, "mrr_colour": 0.5, "mrr_unconditioned": 0.1}


def _iwm() -> Entrant:
    from course_lib.models.base import untrained_twin
    from course_lib.training import load_checkpoint, provenance

    model = load_checkpoint("iwm").eval()
    untrained = untrained_twin(model, seed=1)
    return Entrant("iwm", {"encoder": model.encode, "image_world_model": model}, bars=BARS, questions=["transforms"],
                   untrained={"encoder": untrained.encode, "image_world_model": untrained}, films="rich",
                   **learned(provenance("iwm")))  # fmt: skip


ENTRANTS = {"iwm": _iwm}
