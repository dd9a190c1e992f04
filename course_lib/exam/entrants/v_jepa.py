"""V-JEPA: an encoder of short films, with a predictor of what it says of the hidden part of them."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant, learned

BARS = {"attentive_r2_agent_vx": 0.81, "attentive_velocities_above_untrained": 4.0, "went_back": 0.9}


def _v_jepa() -> Entrant:
    from course_lib.models.base import untrained_twin
    from course_lib.training import load_checkpoint, provenance

    model = load_checkpoint("v_jepa").eval()
    return Entrant("v_jepa", {"film_encoder": model}, untrained={"film_encoder": untrained_twin(model, seed=1)},
                   bars=BARS, questions=["motion", "hidden"], films="rich", probes="ball",
                   **learned(provenance("v_jepa")))  # fmt: skip


ENTRANTS = {"v_jepa": _v_jepa}
