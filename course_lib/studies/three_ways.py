"""One task solved three ways: Bellman's equation in a table of cells, beside gradient search and a learned policy.

The task and the test rooms are those of ``studies/reaching.py``; search by the cross-entropy method and by gradient,
and the policy, are measured there and in ``studies/agent.py``. Here the third way is measured: for each room a table is
made of what the JEPA imagines from its first frame (``planning/cells.py``), Bellman's equation is solved in it once,
and from then on keys are looked up.

    table        the cells of the JEPA
    untrained    the same in a network with fresh weights
    few          a table of a quarter of the cells and a quarter of the futures
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from course_lib.models.action_jepa import ActionJEPA, LastEmbeddings, embedding
from course_lib.models.base import untrained_twin
from course_lib.planning.cells import CellPlayer, Sampling
from course_lib.planning.rooms import play_rooms
from course_lib.studies.agent import milliseconds
from course_lib.studies.reaching import LIMIT, SEED, reached
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds.goal_pictures import GoalTask, draw_goal_tasks, goal_pictures

KEPT = DATA / "playground" / "three_ways.json"
TASKS = {"table": 100, "untrained": 50, "few": 50}
TOGETHER = 50  # tasks that are kept together
SMALL = Sampling(cells=50, futures=40)


def both_embeddings(state: LastEmbeddings) -> torch.Tensor:
    """What tells the JEPA's states apart: the last two embeddings, (B, C * D); together they hold a speed."""
    return state.s.flatten(1)


def cell_player(
    model: ActionJEPA, tasks: list[GoalTask], sampling: Sampling | None = None, seed: int = SEED
) -> CellPlayer:
    """A player who solves a table of each of these rooms."""
    return CellPlayer(model, goal_pictures(tasks), both_embeddings, embedding, sampling=sampling,
                      generator=torch.Generator().manual_seed(seed))  # fmt: skip


def play_tables(name: str, first: int) -> dict[str, Any]:
    """Frames until TOGETHER of the goals of one of TASKS, LIMIT + 1 for never, and the seconds that it took."""
    model, tasks = load_checkpoint("action_jepa").eval(), draw_goal_tasks(TOGETHER, split="test", first=first)
    model = untrained_twin(model) if name == "untrained" else model
    player, began = cell_player(model, tasks, SMALL if name == "few" else None), time.process_time()
    steps = play_rooms(player, tasks, limit=LIMIT).steps.tolist()
    whole = time.process_time() - began
    one = milliseconds({"look-up": player}, tasks[0], player.sampling.hold, 50)  # the first room's table is there
    return {"steps": steps, "seconds": whole, "milliseconds": one["look-up"]}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """All three: five minutes of one core. What is done is kept at once."""
    weights = weights_of("action_jepa")
    found = {}
    for name, count in TASKS.items():
        decided = {"weights": weights, "limit": LIMIT, "sampling": repr([Sampling(), SMALL])}
        pieces = []
        for first in range(0, count, TOGETHER):
            make = partial(play_tables, name, first)
            pieces.append(kept_piece("three_ways", f"{name}-{first}", decided | {"first": first}, make))
        steps = [step for piece in pieces for step in piece["steps"]]
        found[name] = {"steps": steps, "seconds": sum(piece["seconds"] for piece in pieces) / count,
                       "milliseconds": pieces[0]["milliseconds"]}  # fmt: skip
        report(f"{name}: {reached(steps)} of {count}, {found[name]['seconds']:.2f} s a room")
    return {"limit": LIMIT, "weights": weights, "tables": found}


@dataclass(frozen=True)
class ThreeWaysFacts:
    """What ``run`` kept, by the names of TASKS.

    steps: frames until each goal, LIMIT + 1 for never. seconds: of a room, its table and all its look-ups.
    milliseconds: of each look-up, per frame. weights: the first digits of their SHA-256.
    """

    steps: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]
    milliseconds: Mapping[str, np.ndarray]
    weights: str


def measured_three_ways() -> ThreeWaysFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> ThreeWaysFacts:
        steps = {name: np.asarray(facts["tables"][name]["steps"], dtype=int) for name in TASKS}
        for name, values in steps.items():
            if values.shape != (TASKS[name],) or not ((values >= 1) & (values <= LIMIT + 1)).all():
                raise ValueError(f"{name}: {TASKS[name]} numbers of frames from 1 to {LIMIT + 1} are expected")
        timed = {name: np.asarray(facts["tables"][name]["milliseconds"], float) for name in TASKS}
        seconds = {name: float(facts["tables"][name]["seconds"]) for name in TASKS}
        return ThreeWaysFacts(steps, seconds, timed, str(facts["weights"]))

    return read_study(KEPT, parse, "three_ways")
