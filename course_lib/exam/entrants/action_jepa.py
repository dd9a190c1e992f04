"""The JEPA that is told the actions, with the planner that reaches goal pictures in it."""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant, learned

ASKED = ("prediction", "control", "planning", "probing", "surprise", "reaching", "agent", "latents",
         "causes", "hidden")
BARS = {
    "mode2_success": 0.95, "random_success": 0.2, "straight_success": 0.5, "straight_jumping_success": 0.5,
    "mode1_success": 0.85, "mode1_speedup": 10.0,
}  # fmt: skip


def _action_jepa() -> Entrant:
    from course_lib.models.action_jepa import embedding
    from course_lib.models.base import untrained_twin
    from course_lib.planning.goals import GoalPlanner
    from course_lib.training.checkpoints import load_checkpoint, provenance

    model = load_checkpoint("action_jepa").eval()
    parts = {"model": model, "planner": partial(GoalPlanner, model, embed=embedding)}
    return Entrant(
        "action_jepa", parts, untrained={"model": untrained_twin(model)}, questions=[*ASKED], bars=BARS, films="goal",
        probes="goal", **learned(provenance("action_jepa")),
    )  # fmt: skip


ENTRANTS = {"action_jepa": _action_jepa}
