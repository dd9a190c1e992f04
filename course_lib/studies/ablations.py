"""What of the agent does reaching goal pictures take? Each part is left out in turn, in short trainings.

Every network is trained for STEPS steps of the recipe of size cpu, a fifth of the checkpoint's, on the same films, with
each of SEEDS. A single seed says little: differences of some points between two of them are usual. What is done is kept
at once, so a study that was interrupted goes on. What is left out of the training:

    whole                  nothing
    no regulariser         no variance and no covariance term: nothing but the inverse dynamics model speaks up against
                           collapse
    no inverse dynamics    nobody asks which key was pressed
    context of one frame   the predictor is told where things are and not how fast they move

and of the planner, in the networks of "whole": other costs, and smaller budgets. All play the same TASKS test tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib.planning.cem import Budget
from course_lib.planning.goals import Weights
from course_lib.studies.reaching import COSTS, GREEDY, LARGEST, LIMIT, budget_name, reached, steps_planned
from course_lib.studies.store import DATA, kept_piece, read_study
from course_lib.training import load_config, train
from course_lib.worlds.goal_pictures import draw_goal_tasks
from course_lib.worlds.starless import make_starless

KEPT = DATA / "playground" / "ablations.json"
STEPS, TASKS, SEEDS = 500, 60, (0, 1, 2)
TRAININGS: dict[str, dict[str, Any]] = {
    "whole": {},
    "no regulariser": {"model.cure": "none"},
    "no inverse dynamics": {"model.inverse": 0.0},
    "context of one frame": {"model.context": 1},
}
USUAL = "nearest and mean"
PLANNERS: dict[str, tuple[Weights, Budget]] = {
    **{f"cost: {name}": (weights, LARGEST) for name, weights in COSTS.items() if name != USUAL},
    **{f"budget: {budget_name(budget)}": (COSTS[USUAL], budget)
       for budget in (Budget(7, 32, 1), Budget(7, 16, 1), Budget(3, 64, 2), GREEDY)},
}  # fmt: skip
VARIANTS = (*TRAININGS, *PLANNERS)


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train four networks and plan in them: about eight minutes of one core. What is done is kept at once."""
    tasks = draw_goal_tasks(TASKS, split="test")
    films = make_starless(split="train", count=3000)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
    for seed in SEEDS:
        for name, changes in TRAININGS.items():
            config = load_config("action_jepa", "cpu", {**changes, "train.steps": STEPS, "train.seed": seed})

            def train_and_plan(name: str = name, config: Any = config) -> dict[str, Any]:
                history = train("action_jepa", config, data=films, progress="none")
                model = history.model.eval()
                trained = {part: history.last(part) for part in ("error", "deviation", "named")}
                planners = {name: (COSTS[USUAL], LARGEST)} | (PLANNERS if name == "whole" else {})
                steps = {each: steps_planned(model, tasks, budget=budget, weights=weights)
                         for each, (weights, budget) in planners.items()}  # fmt: skip
                return {"steps": steps, "trained": trained}

            decided = {"config": config.model_dump(mode="json"), "films": films.hash, "tasks": TASKS, "limit": LIMIT,
                       "planned": list(PLANNERS) if name == "whole" else [name]}  # fmt: skip
            piece = kept_piece("ablations", f"{name.replace(' ', '-')}-{seed}", decided, train_and_plan)
            for each, steps in piece["steps"].items():
                found[each].append({"seed": seed, "steps": steps, **(piece["trained"] if each == name else {})})
                report(f"seed {seed}, {each}: {reached(steps)} of {TASKS}")
    return {"limit": LIMIT, "training_steps": STEPS, "variants": found}


@dataclass(frozen=True)
class AblationFacts:
    """What ``run`` kept, by the name of what was left out.

    shares: of the goals reached, by each seed, (S,). deviations: of the embeddings at the end of the training, (S,),
    for what was left out of the training.
    """

    shares: Mapping[str, np.ndarray]
    deviations: Mapping[str, np.ndarray]


def measured_ablations() -> AblationFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> AblationFacts:
        shares, deviations = {}, {}
        for name in VARIANTS:
            rows = facts["variants"][name]
            if {row["seed"] for row in rows} != set(SEEDS) or any(len(row["steps"]) != TASKS for row in rows):
                raise ValueError(f"{name}: {TASKS} numbers of frames by each of {len(SEEDS)} seeds are expected")
            shares[name] = np.array([reached(row["steps"]) / TASKS for row in rows])
            if name in TRAININGS:
                deviations[name] = np.array([float(row["deviation"]) for row in rows])
        return AblationFacts(shares, deviations)

    return read_study(KEPT, parse, "ablations")
