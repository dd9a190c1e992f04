"""Are goal pictures reached by planning in the action-conditioned JEPA, and what of the planner does it take?

The task is that of ``worlds/goal_pictures.py``: from the floor to where the picture has the agent, on the platform.
Everybody plays the same fresh test tasks, for LIMIT frames each:

    planned              Mode-2: the cross-entropy method in the JEPA's embeddings (``planning/goals.py``)
    untrained            the same planner in the same network with fresh weights
    latent greedy        no plan: the key that leads nearest to the goal's embedding at once
    random keys          the player of the training films
    straight             runs to the place's x; it sees the exact state, as the next two do
    straight, jumping    the same, and jumps whenever it stands below
    oracle               the scripted player of ``worlds/oracle.py``

What a plan costs and how hard is searched are chosen on validation tasks: first the cost, at the largest budget, then
the budget; the most successful, of equals the cheapest. All of them are measured on the test tasks as well, and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.intervals import wilson_interval
from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.models.base import untrained_twin
from course_lib.planning.cem import Budget
from course_lib.planning.goals import GoalPlanner, Weights
from course_lib.planning.rooms import RoomPlayer, play_rooms
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds.films import wander
from course_lib.worlds.goal_pictures import GoalTask, draw_goal_tasks, goal_pictures
from course_lib.worlds.oracle import oracle_action
from course_lib.worlds.simulate import Simulation

KEPT = DATA / "playground" / "reaching.json"
TASKS, LIMIT, SEED = 300, 40, 0
SPLITS = ("validation", "test")
COSTS = {
    "nearest and mean": Weights(),
    "nearest": Weights(mean=0.0),
    "mean": Weights(nearest=0.0, mean=1.0),
    "last": Weights(nearest=0.0, mean=0.0, last=1.0),
}
BUDGETS = (
    Budget(7, 64, 2), Budget(7, 64, 1), Budget(7, 32, 1), Budget(7, 16, 1), Budget(5, 64, 2), Budget(3, 64, 2),
)  # fmt: skip
LARGEST = BUDGETS[0]
GREEDY = Budget(chunks=1, candidates=64, rounds=1)  # as good as certain to try every key
STEP = 1.0  # units to the left or right that the straight line does not care about
PLAYERS = ("planned", "untrained", "latent greedy", "random keys", "straight", "straight, jumping", "oracle")


class BlindPlayer:
    """A player who presses key after key by what it sees of the simulation, or of nothing.

    press: task, room and the number of the task -> a key.
    """

    blind = True

    def __init__(self, tasks: Sequence[GoalTask], press: Callable[[GoalTask, Simulation, int], int]) -> None:
        self.tasks, self.press = tasks, press

    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """See ``RoomPlayer``: one key each, (M, 1)."""
        return np.array([[self.press(self.tasks[i], room, i)] for i, room in zip(which, rooms, strict=True)])


def straight_key(task: GoalTask, room: Simulation, *, jumps: bool) -> int:
    """The key of who runs straight to the goal, and where it may jumps as soon as it stands below it."""
    (x, y), (goal_x, goal_y) = room.slots[0].position, task.place
    if jumps and goal_y > y + STEP and room.grounded():
        return 3
    return 0 if abs(goal_x - x) < STEP else 1 + int(goal_x > x)


def oracle_key(task: GoalTask, room: Simulation) -> int:
    """The scripted oracle's key: the goal's place is its star for a moment."""
    room.star = task.place
    try:
        return oracle_action(room)
    finally:
        room.star = None


def blind_players(tasks: Sequence[GoalTask], seed: int = SEED) -> dict[str, RoomPlayer]:
    """Those who plan nothing, by name."""
    drawn = np.stack([wander(LIMIT, np.random.default_rng([seed, i])) for i in range(len(tasks))])  # (N, LIMIT)
    return {
        "random keys": BlindPlayer(tasks, lambda task, room, i: int(drawn[i, room.frame])),
        "straight": BlindPlayer(tasks, lambda task, room, i: straight_key(task, room, jumps=False)),
        "straight, jumping": BlindPlayer(tasks, lambda task, room, i: straight_key(task, room, jumps=True)),
        "oracle": BlindPlayer(tasks, lambda task, room, i: oracle_key(task, room)),
    }


def steps_planned(
    model: ActionJEPA, tasks: Sequence[GoalTask], *, budget: Budget = LARGEST, weights: Weights | None = None,
    seed: int = SEED,
) -> list[int]:  # fmt: skip
    """Frames until each goal is reached by planning in a model, LIMIT + 1 for never."""
    player = GoalPlanner(model, goal_pictures(tasks, model.config.frame_size), embedding, budget=budget,
                         weights=weights, generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return play_rooms(player, tasks, limit=LIMIT, size=model.config.frame_size).steps.tolist()


def reached(steps: Sequence[int]) -> int:
    """How many goals were reached."""
    return sum(step <= LIMIT for step in steps)


def budget_name(budget: Budget) -> str:
    """As the tables have it: "7 chunks, 64 x 2"."""
    return f"{budget.chunks} chunks, {budget.candidates} x {budget.rounds}"


def chosen(steps: Mapping[str, Sequence[int]], expense: Mapping[str, int] | None = None) -> str:
    """The most successful; of equals the cheapest, and without an expense the first."""
    return max(steps, key=lambda name: (reached(steps[name]), -(expense or {}).get(name, 0)))


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Choose on validation tasks and play the test tasks: ten minutes of one core."""
    model = load_checkpoint("action_jepa").eval()
    tasks = {split: draw_goal_tasks(TASKS, split=split) for split in SPLITS}
    test = tasks["test"]
    found: dict[str, dict[str, dict[str, list[int]]]] = {"costs": {}, "budgets": {}}

    def kept(group: str, name: str, weights: Weights, budget: Budget) -> None:
        both = {split: steps_planned(model, tasks[split], budget=budget, weights=weights) for split in SPLITS}
        found[group][name] = both
        report(f"{group}, {name}: of {TASKS}, " + ", ".join(f"{reached(both[split])} ({split})" for split in both))

    for name, weights in COSTS.items():
        kept("costs", name, weights, LARGEST)
    cost = chosen({name: both["validation"] for name, both in found["costs"].items()})
    budgets = {budget_name(budget): budget for budget in BUDGETS}
    found["budgets"][budget_name(LARGEST)] = found["costs"][cost]  # they were chosen among at this budget
    for name, budget in budgets.items():
        if budget != LARGEST:
            kept("budgets", name, COSTS[cost], budget)
    best = chosen({name: both["validation"] for name, both in found["budgets"].items()},
                  {name: budget.evaluations for name, budget in budgets.items()})  # fmt: skip
    report(f"chosen on validation tasks: cost {cost}, budget {best}")
    players = {"planned": found["budgets"][best]["test"],
               "untrained": steps_planned(untrained_twin(model), test, budget=budgets[best], weights=COSTS[cost]),
               "latent greedy": steps_planned(model, test, budget=GREEDY, weights=COSTS["last"])}  # fmt: skip
    for name, player in blind_players(test).items():
        players[name] = play_rooms(player, test, limit=LIMIT).steps.tolist()
    for name in PLAYERS:
        low, high = wilson_interval(reached(players[name]), TASKS)
        report(f"{name}: {reached(players[name])} of {TASKS} ({low:.3f} to {high:.3f})")
    return {"limit": LIMIT, "weights": weights_of("action_jepa"), "cost": cost, "budget": asdict(budgets[best]),
            "players": players, **found}  # fmt: skip


@dataclass(frozen=True)
class ReachingFacts:
    """What ``run`` kept: frames until each goal, LIMIT + 1 for never.

    players: by name, (TASKS,), on test tasks. costs, budgets: by name, {"validation": (TASKS,), "test": (TASKS,)}.
    cost, budget: what was chosen on validation tasks. weights: the first digits of their SHA-256.
    """

    players: Mapping[str, np.ndarray]
    costs: Mapping[str, Mapping[str, np.ndarray]]
    budgets: Mapping[str, Mapping[str, np.ndarray]]
    cost: str
    budget: Budget
    weights: str


def measured_reaching() -> ReachingFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def steps(values: Sequence[int]) -> np.ndarray:
        array = np.asarray(values, dtype=int)
        if array.shape != (TASKS,) or not ((array >= 1) & (array <= LIMIT + 1)).all():
            raise ValueError(f"{TASKS} numbers of frames from 1 to {LIMIT + 1} are expected")
        return array

    def both(group: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
        return {name: {split: steps(values[split]) for split in SPLITS} for name, values in group.items()}

    def parse(facts: dict) -> ReachingFacts:
        if facts["limit"] != LIMIT or facts["cost"] not in COSTS:
            raise ValueError(f"a limit of {LIMIT} frames and a cost among {', '.join(COSTS)} are expected")
        players = {name: steps(facts["players"][name]) for name in PLAYERS}
        return ReachingFacts(players, both(facts["costs"]), both(facts["budgets"]), facts["cost"],
                             Budget(**facts["budget"]), str(facts["weights"]))  # fmt: skip

    return read_study(KEPT, parse, "reaching")
