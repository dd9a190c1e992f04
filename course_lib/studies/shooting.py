"""Can a film model be the simulator in which somebody plans? Random shooting in the world of the DiT that is played.

The task is that of the Playground: get to the star. The player sees frames; the course's reader says where the star is
in the frame that is there, and where the agent is in the frames that the model draws for each of 32 plans of 12 keys.
A plan costs how near to the star it comes, and a little of how far from it it stays; of the cheapest one the first four
keys are pressed in the real room, and it is planned again. The same rooms are played with keys without a plan, and by
the scripted oracle, who sees the exact state.

A star counts as reached when the simulator pays for it, within LIMIT frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import State, WorldModel
from course_lib.exam.measures.frames import MISSED
from course_lib.exam.measures.seeking import things_seen
from course_lib.models.reader import Reader
from course_lib.planning.shooting import shoot
from course_lib.studies.store import DATA, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.training.dit_world import load_dit_world
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import begin, wander
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.oracle import oracle_action
from course_lib.worlds.scenes import film_seed
from course_lib.worlds.simulate import Simulation

KEPT = DATA / "playground" / "shooting.json"
TASKS, LIMIT = 20, 40
CANDIDATES, HORIZON, HOLD = 32, 12, 4  # plans, keys in each, frames that a key is held
CARRIED = 4  # keys of a plan that are pressed before the next plan
STAYS = 0.05  # how much the mean distance counts beside the smallest one
SEED = 0
PLAYERS = ("planned", "random keys", "oracle")

Press = Callable[[np.ndarray, np.ndarray, Simulation], Sequence[int]]  # frames, keys so far, room -> the next keys


class StarCost:
    """How near to a star each imagined future comes, in units, as the reader sees it in what the model draws.

    star: its place, (2,). An agent that is not found counts as MISSED away.
    """

    def __init__(self, model: WorldModel, reader: Reader, star: np.ndarray) -> None:
        self.model, self.reader, self.star = model, reader, star

    def __call__(self, states: Sequence[State], actions: Tensor) -> Tensor:
        """The smallest distance of each future, and STAYS of its mean, (B,)."""
        frames = np.stack([to_uint8(self.model.decode(state)) for state in states[1:]], axis=1)  # (B, H, h, w, 3)
        agent, _ = things_seen(self.reader, frames)  # (B, H, 2)
        distance = np.linalg.norm(agent - self.star, axis=-1)
        distance = np.where(np.isnan(distance), MISSED, distance)
        return torch.from_numpy(distance.min(axis=1) + STAYS * distance.mean(axis=1))


def planner(model: WorldModel, reader: Reader, generator: torch.Generator, *, candidates: int = CANDIDATES) -> Press:
    """A player who plans in a model. Where no star is seen it waits."""

    @torch.no_grad()
    def press(frames: np.ndarray, keys: np.ndarray, room: Simulation) -> Sequence[int]:
        _, star = things_seen(reader, frames[-1:])
        if np.isnan(star).any():
            return [0] * CARRIED
        actions = torch.from_numpy(keys.astype(np.int64))[None] if len(keys) else None
        state = model.encode(to_model(frames)[None], actions)
        plan = shoot(model, state, StarCost(model, reader, star[0]), generator=generator, candidates=candidates,
                     horizon=HORIZON, hold=HOLD)  # fmt: skip
        return plan.actions[:CARRIED].tolist()

    return press


def frames_to_star(press: Press, task: int, *, split: str = "test", size: int = 32, limit: int = LIMIT) -> int:
    """After how many frames a player reaches the first star of a room; limit + 1 where it does not. task: the room."""
    room = begin("goal", film_seed(split, task))
    frames, keys, waiting = [draw_film(room.scene, room.state()[None], size)[0]], [], []
    for step in range(1, limit + 1):
        if not waiting:
            waiting = list(press(np.stack(frames), np.array(keys, np.uint8), room))
        keys.append(waiting.pop(0))
        if room.step(keys[-1]) > 0:
            return step
        frames.append(draw_film(room.scene, room.state()[None], size)[0])
    return limit + 1


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Play every room three times: about four minutes of one core, nearly all of it the planner's."""
    world = load_dit_world()
    without_plan = np.random.default_rng(SEED)
    players: dict[str, Press] = {
        "planned": planner(world, load_checkpoint("reader"), torch.Generator().manual_seed(SEED)),
        "random keys": lambda frames, keys, room: wander(LIMIT, without_plan).tolist(),
        "oracle": lambda frames, keys, room: [oracle_action(room)],
    }  # fmt: skip
    found: dict[str, list[int]] = {}
    for name, press in players.items():
        found[name] = [frames_to_star(press, task) for task in range(TASKS)]
        report(f"{name}: {sum(frames <= LIMIT for frames in found[name])} of {TASKS} stars, {found[name]}")
    return {"limit": LIMIT, "candidates": CANDIDATES, "weights": weights_of("dit_world"),
            "frames": found}  # fmt: skip


@dataclass(frozen=True)
class Reached:
    """What ``run`` kept. frames: by player the frames to the star in each room, limit + 1 for never. weights: of the
    world, the first digits of their SHA-256."""

    frames: Mapping[str, np.ndarray]
    limit: int
    weights: str

    def share(self, player: str) -> float:
        """Of the stars that a player reached."""
        return float((self.frames[player] <= self.limit).mean())


def measured_shooting() -> Reached:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> Reached:
        limit, frames = int(facts["limit"]), {}
        for name in PLAYERS:
            frames[name] = np.asarray(facts["frames"][name], dtype=int)
            if frames[name].shape != (TASKS,) or not ((frames[name] >= 1) & (frames[name] <= limit + 1)).all():
                raise ValueError(f"{TASKS} numbers of frames from 1 to {limit + 1} are expected for {name!r}")
        return Reached(frames, limit, str(facts["weights"]))

    return read_study(KEPT, parse, "shooting")
