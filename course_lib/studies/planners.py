"""The same planner in the models of four schools: who can be planned in, and by what distance?

TASKS rooms of ``worlds/goal_pictures.py``, the same for all; plans of 12 frames (3 keys, each held for 4), 32 plans
in one round, of the cheapest plan 8 frames are pressed, then it is planned again, until LIMIT. The code is that of
``planning/goals.py`` for every model; what differs is how near an imagined future is to the goal's picture:

    own state    the Euclidean distance of what the model itself carries of its last frame: the JEPA's embedding, V's z,
                 the transformer's latents, the codes of Genie's tokens
    read place   the distance of the agent's places that the course's reader finds in what the model draws of both, in
                 units; not asked of the JEPA, which draws nothing

The rooms have no star. The JEPA learned from such films, the others from films with a star ("goal"); each row says so.
The transformer takes DIT_STEPS sampling steps for a frame and Genie GENIE_STEPS decoding steps, fewer than they are
played with, because a plan takes 384 frames. Keys at random and the oracle, which sees the exact state, are controls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import State, WorldModel
from course_lib.exam.measures.long_play import agent_place
from course_lib.models.action_jepa import embedding
from course_lib.models.in_steps import InSteps
from course_lib.models.keyed import Keyed
from course_lib.models.reader import Reader
from course_lib.planning.cem import Budget, cross_entropy, imagine_shared
from course_lib.planning.goals import Embed, GoalPlanner
from course_lib.planning.rooms import play_rooms
from course_lib.studies.reaching import blind_players, reached
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.dit_world import load_dit_world
from course_lib.worlds.frames import to_uint8
from course_lib.worlds.goal_pictures import draw_goal_tasks, goal_pictures

KEPT = DATA / "playground" / "planners.json"
TASKS, LIMIT, SEED = 20, 40, 0
TOGETHER = 5  # tasks that are kept together
BUDGET, PRESSED = Budget(chunks=3, candidates=32, rounds=1, hold=4), 2
DIT_STEPS, GENIE_STEPS = 2, 1
FAR = -100.0  # where an agent that the reader does not find is taken to be, units: farther than anything in the room
MODELS = ("action_jepa", "vmc", "dit_world", "genie")
FILMS = {"action_jepa": "starless", "vmc": "goal", "dit_world": "goal, agent", "genie": "goal, agent"}
PARTS = {"action_jepa": None, "vmc": "m", "dit_world": None, "genie": "dynamics"}
OWN, READ = "own state", "read place"
ROWS = (*((model, OWN) for model in MODELS), *((model, READ) for model in MODELS if model != "action_jepa"))
CONTROLS = ("random keys", "oracle")


def planner_model(name: str) -> WorldModel:
    """One of MODELS, so that it takes the Playground's keys."""
    if name == "dit_world":
        return InSteps(load_dit_world(), DIT_STEPS)  # type: ignore[return-value]
    model = load_checkpoint(name).eval()
    return Keyed(model, steps=GENIE_STEPS) if name == "genie" else model


def own_state(name: str, model: WorldModel) -> Embed:
    """What a model carries of its last frame, (B, D)."""
    return {
        "action_jepa": embedding,
        "vmc": lambda state: state.z,
        "dit_world": lambda state: state.latents[:, -1].flatten(1),
        "genie": lambda state: model.model.tokenizer.quantiser.look_up(state.tokens[:, -1]).flatten(1),
    }[name]


def read_place(model: WorldModel, reader: Reader) -> Embed:
    """Where the reader finds the agent in what the model draws, units (B, 2); FAR away where it finds none."""

    def place(state: State) -> Tensor:
        found = agent_place(reader, to_uint8(model.decode(state)))
        return torch.from_numpy(np.nan_to_num(found, nan=FAR)).float()

    return place


def play_by_planning(name: str, by: str, first: int, count: int) -> dict[str, Any]:
    """Frames until each goal, LIMIT + 1 for never, of some tasks of a row, the plans, and the seconds they took."""
    model, asked = planner_model(name), draw_goal_tasks(count, split="test", first=first)
    embed = own_state(name, model) if by == OWN else read_place(model, load_checkpoint("reader").eval())
    steps, plans, began = [], 0, time.process_time()
    for task in asked:  # one room after the other: a slow model is asked for 32 futures at most at a time
        player = GoalPlanner(model, goal_pictures([task]), embed, budget=BUDGET, pressed=PRESSED,
                             method=partial(cross_entropy, roll=imagine_shared),
                             generator=torch.Generator().manual_seed(SEED))  # fmt: skip
        steps += play_rooms(player, [task], limit=LIMIT).steps.tolist()
        plans += -(-min(steps[-1], LIMIT) // (PRESSED * BUDGET.hold))
    return {"steps": steps, "plans": plans, "seconds": time.process_time() - began}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Seven rows and the controls: a quarter of an hour of one core. What is done is kept, TOGETHER tasks at a time."""
    found: list[dict[str, Any]] = []
    for name, by in ROWS:
        weights = weights_of(name, part=PARTS[name])
        decided = {"weights": weights, "tasks": TOGETHER, "limit": LIMIT, "pressed": PRESSED, "by": by,
                   "budget": repr(BUDGET), "steps": {"dit_world": DIT_STEPS, "genie": GENIE_STEPS}.get(name)}
        pieces = []
        for first in range(0, TASKS, TOGETHER):
            make = partial(play_by_planning, name, by, first, TOGETHER)
            what = f"{name}-{by.replace(' ', '-')}-{first}"
            pieces.append(kept_piece("planners", what, decided | {"first": first}, make))
        steps = [step for piece in pieces for step in piece["steps"]]
        seconds = sum(piece["seconds"] for piece in pieces) / sum(piece["plans"] for piece in pieces)
        found.append({"model": name, "by": by, "films": FILMS[name], "weights": weights, "steps": steps,
                      "seconds": seconds})  # fmt: skip
        report(f"{name}, {by}: {reached(steps)} of {TASKS}, {seconds:.2f} s a plan")
    test = draw_goal_tasks(TASKS, split="test")
    blind = blind_players(test)
    controls = {name: play_rooms(blind[name], test, limit=LIMIT).steps.tolist() for name in CONTROLS}
    return {"limit": LIMIT, "rows": found, "controls": controls}


@dataclass(frozen=True)
class PlannedIn:
    """A row that ``run`` kept. steps: frames until each goal, (TASKS,), LIMIT + 1 for never; seconds: of a plan."""

    model: str
    by: str
    films: str
    weights: str
    steps: np.ndarray
    seconds: float


@dataclass(frozen=True)
class PlannersFacts:
    """What ``run`` kept. controls: steps by name."""

    rows: tuple[PlannedIn, ...]
    controls: Mapping[str, np.ndarray]


def measured_planners() -> PlannersFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def steps(values: Any) -> np.ndarray:
        array = np.asarray(values, dtype=int)
        if array.shape != (TASKS,) or not ((array >= 1) & (array <= LIMIT + 1)).all():
            raise ValueError(f"{TASKS} numbers of frames from 1 to {LIMIT + 1} are expected")
        return array

    def parse(facts: dict) -> PlannersFacts:
        rows = tuple(PlannedIn(**{**row, "steps": steps(row["steps"])}) for row in facts["rows"])
        if tuple((row.model, row.by) for row in rows) != ROWS:
            raise ValueError("a row is missing")
        return PlannersFacts(rows, {name: steps(facts["controls"][name]) for name in CONTROLS})

    return read_study(KEPT, parse, "planners")
