"""The six modules measured: Mode-2 by gradient, Mode-1, the critic, the switch of a task, curiosity.

All of it in the shipped action-conditioned JEPA, whose Mode-2 by the cross-entropy method the study ``reaching``
measures, on the same test tasks. What has to be chosen is chosen on validation tasks.

    gradient     plans by gradient, with two relaxations of the keys; the better one on the test tasks
    mode1        a policy distilled from Mode-2 on training tasks, by watching it alone and by playing itself under its
                 eyes; the better one by validation tasks plays the test tasks
    speed        how long a key takes in both modes, in one room, from frames to keys
    critic       a planner that looks few steps ahead, without and with a critic that learned from short-term memory
    switch       up to the platform, then back to where the agent began: Mode-2 after the configurator's word and
                 without it, Mode-1, and keys at random
    curiosity    no goal is given: how many of the goals are passed by who looks for what it does not remember
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from course_lib.models.action_jepa import ActionJEPA, embedding, whole_state
from course_lib.models.base import fresh
from course_lib.planning.agent import Agent, Critic
from course_lib.planning.cem import Budget, Method, RecedingSearch, cross_entropy
from course_lib.planning.goals import GoalDistance, GoalPlanner
from course_lib.planning.gradient import gradient_search
from course_lib.planning.policy import GoalPolicy, PolicyPlayer, distil
from course_lib.planning.rooms import RoomPlayer, play_rooms
from course_lib.studies.reaching import LARGEST, LIMIT, SEED, blind_players, reached
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds.goal_pictures import GoalTask, draw_goal_tasks, goal_pictures

KEPT = DATA / "playground" / "agent.json"
TASKS, FEW = 300, 100  # test tasks, and those to choose by or that are played in several ways
LESSONS = (200, 150)  # training tasks of each round of the distillation
SCHOOLS = {"watching": len(LESSONS), "own mistakes": 1}  # rounds in which Mode-2 plays; then the pupil does
RELAXATIONS = ("softmax", "straight-through")
DESCENT = Budget(7, 8, 16)  # as many imagined steps as LARGEST: 8 beginnings and 16 steps of Adam from each
SHORT = Budget(3, 64, 2)
SHARES = (0.5, 1.0, 2.0)  # of the critic in what a future costs
TIMED = 200  # calls of each mode
PARTS = ("gradient", "mode1", "speed", "critic", "switch", "curiosity")


def generator_of(seed: int = SEED) -> torch.Generator:
    """A generator of torch in a known state."""
    return torch.Generator().manual_seed(seed)


def new_policy(model: ActionJEPA, seed: int = SEED) -> GoalPolicy:
    """A policy for this model that has learned nothing yet."""
    sizes = model.config
    features = sizes.context * sizes.latent + (sizes.context - 1) * sizes.actions
    reads = partial(whole_state, actions=sizes.actions)
    return fresh(lambda _: GoalPolicy(reads, features, sizes.latent, sizes.actions), None, seed)


def distance_cost(goal: torch.Tensor) -> GoalDistance:
    """What the planner that teaches minimises."""
    return GoalDistance(goal, embedding)


def steps_of(player: RoomPlayer, tasks: Sequence[GoalTask]) -> list[int]:
    """Frames until each goal is reached, LIMIT + 1 for never."""
    return play_rooms(player, tasks, limit=LIMIT).steps.tolist()


def agent_for(model: ActionJEPA, tasks: Sequence[GoalTask], seed: int = SEED, **more: Any) -> Agent:
    """The six modules, configured to reach these goals."""
    agent = Agent(model, embedding, rooms=len(tasks), generator=generator_of(seed), **more)
    agent.configurator.configure(goal_pictures(tasks))
    return agent


def milliseconds(
    players: Mapping[str, RoomPlayer], task: GoalTask, hold: int, count: int = TIMED
) -> dict[str, list[float]]:
    """How long each player takes for one frame's key, from frames to keys, in one room, by each of ``count`` calls.

    The players take turns, so that what else the machine does meets all of them. hold: frames that a key is held for.
    """
    frames = np.repeat(goal_pictures([task])[:, None], 6, axis=1)
    keys, which = np.zeros((1, 5), np.uint8), np.array([0])
    taken: dict[str, list[float]] = {name: [] for name in players}
    for _ in range(count):
        for name, player in players.items():
            begin = time.perf_counter()
            player(frames, keys, [], which)
            taken[name].append(1e3 * (time.perf_counter() - begin) / hold)
    return taken


def times_longer(timed: Mapping[str, np.ndarray], slow: str, fast: str) -> dict[str, float]:
    """How many times longer one takes than the other, by their medians, with a 95 % interval (bootstrap over calls)."""
    generator = np.random.default_rng(0)

    def ratios(rows: np.ndarray) -> np.ndarray:
        return np.median(timed[slow][rows], axis=-1) / np.median(timed[fast][rows], axis=-1)

    calls = len(timed[slow])
    low, high = np.quantile(ratios(generator.integers(0, calls, (2000, calls))), (0.025, 0.975))
    return {"value": float(ratios(np.arange(calls))), "low": float(low), "high": float(high)}


def goal_planner(model: ActionJEPA, tasks: Sequence[GoalTask], budget: Budget, method: Method) -> GoalPlanner:
    """Mode-2 with another budget or another way to search."""
    return GoalPlanner(model, goal_pictures(tasks), embedding, generator=generator_of(), budget=budget, method=method)


def measure_gradient(model: ActionJEPA) -> dict[str, Any]:
    """Plans by gradient."""
    asked = draw_goal_tasks(FEW, split="validation")
    methods = {name: partial(gradient_search, relaxation=name) for name in RELAXATIONS}
    chosen_by = {name: steps_of(goal_planner(model, asked, DESCENT, method), asked) for name, method in methods.items()}
    best = max(RELAXATIONS, key=lambda name: reached(chosen_by[name]))
    test = draw_goal_tasks(TASKS, split="test")
    one = {"gradient": goal_planner(model, test[:1], DESCENT, methods[best]),
           "cross-entropy": goal_planner(model, test[:1], LARGEST, cross_entropy)}  # fmt: skip
    return {"validation": chosen_by, "relaxation": best, "milliseconds": milliseconds(one, test[0], LARGEST.hold, 50),
            "steps": steps_of(goal_planner(model, test, DESCENT, methods[best]), test)}  # fmt: skip


def learned_policy(
    model: ActionJEPA, lessons: Sequence[int] = LESSONS, *, watched: int = 1,
    after: Callable[[GoalPolicy, int, float], object] | None = None,
) -> tuple[GoalPolicy, int]:  # fmt: skip
    """A policy distilled from Mode-2 on training tasks, and from how many lessons.

    lessons: tasks of each round; in the first ``watched`` of them Mode-2 plays. after: is given the policy, the lessons
    so far and the share of goals that were reached in the round.
    """
    policy = new_policy(model)
    begins = np.cumsum([0, *lessons])
    rounds = [draw_goal_tasks(n, split="train", first=int(f)) for n, f in zip(lessons, begins, strict=False)]
    learned = distil(policy, model, embedding, distance_cost, rounds, generator=generator_of(), watched=watched,
                     on_round=lambda _, count, share: after and after(policy, count, share))  # fmt: skip
    return policy, len(learned.key)


def measure_mode1(model: ActionJEPA) -> dict[str, Any]:
    """Distil in both schools, and play with the policy that does best after any of the rounds."""
    asked, test = (draw_goal_tasks(TASKS, split=split) for split in ("validation", "test"))
    rounds: list[dict[str, Any]] = []
    weights: list[dict[str, torch.Tensor]] = []
    for school, watched in SCHOOLS.items():
        began = time.process_time()

        def after(policy: GoalPolicy, count: int, share: float, school: str = school, began: float = began) -> None:
            minutes = (time.process_time() - began) / 60
            found = reached(steps_of(PolicyPlayer(model, policy, goal_pictures(asked), embedding), asked))
            rounds.append({"school": school, "lessons": count, "while_learning": share, "reached": found,
                           "minutes": minutes})  # fmt: skip
            weights.append({name: weight.clone() for name, weight in policy.state_dict().items()})

        learned_policy(model, after=after, watched=watched)
    best = max(range(len(rounds)), key=lambda i: rounds[i]["reached"])  # of equals the first
    policy, blank = new_policy(model), new_policy(model, seed=1)
    policy.load_state_dict(weights[best])
    play = {name: PolicyPlayer(model, each, goal_pictures(test), embedding)
            for name, each in (("steps", policy), ("untrained", blank))}  # fmt: skip
    down = back_down(test[:FEW])
    return {"rounds": rounds, "chosen": best, **{name: steps_of(player, test) for name, player in play.items()},
            "down": steps_of(PolicyPlayer(model, policy, goal_pictures(down), embedding), down)}  # fmt: skip


def measure_speed(model: ActionJEPA) -> dict[str, Any]:
    """Both modes in one room, in turns. What a policy has learned does not change how long it takes."""
    task = draw_goal_tasks(1, split="test")
    both = {"mode1": PolicyPlayer(model, new_policy(model), goal_pictures(task), embedding),
            "mode2": goal_planner(model, task, LARGEST, cross_entropy)}  # fmt: skip
    return {"milliseconds": milliseconds(both, task[0], LARGEST.hold)}


def back_down(tasks: Sequence[GoalTask]) -> list[GoalTask]:
    """The tasks the other way round: from the platform to where the agent began."""
    return [GoalTask(task.goal, task.room) for task in tasks]


def measure_critic(model: ActionJEPA) -> dict[str, Any]:
    """A short-sighted planner with a critic that learned from what a short-sighted planner met."""
    lessons = draw_goal_tasks(400, split="train", first=2000)
    teacher = agent_for(model, lessons, budget=SHORT)
    play_rooms(teacher, lessons, limit=LIMIT)
    critic = fresh(lambda _: Critic(model.config.latent), None, SEED)
    critic.learn(teacher.memory, steps=1500, generator=generator_of(1))
    asked, test = draw_goal_tasks(FEW, split="validation"), draw_goal_tasks(TASKS, split="test")

    def play(tasks: Sequence[GoalTask], share: float) -> list[int]:
        agent = agent_for(model, tasks, budget=SHORT, critic=critic if share else None)
        agent.cost.share = share
        return steps_of(agent, tasks)

    chosen_by = {str(share): play(asked, share) for share in SHARES}
    best = max(SHARES, key=lambda share: reached(chosen_by[str(share)]))
    return {"validation": chosen_by, "share": best, "moments": len(teacher.memory.lessons()[2]),
            "without": play(test, 0.0), "with": play(test, best)}  # fmt: skip


def measure_switch(model: ActionJEPA) -> dict[str, Any]:
    """Up, and after the configurator's word down again; every agent begins the second task where the first ends."""
    up = draw_goal_tasks(FEW, split="test")
    down = back_down(up)
    agent = agent_for(model, up)
    found = {"up": steps_of(agent, up), "not switched": steps_of(agent, down)}
    agent.configurator.configure(goal_pictures(down))
    found["switched"] = steps_of(agent, down)
    found["random keys"] = steps_of(blind_players(down)["random keys"], down)
    return found


def measure_curiosity(model: ActionJEPA) -> dict[str, Any]:
    """Nobody says what is wanted: how many goal pictures does it pass by all the same?"""
    tasks = draw_goal_tasks(FEW, split="test")
    curious, aimless = agent_for(model, tasks), agent_for(model, tasks)
    curious.configurator.explore()
    any_plan_will_do = Budget(7, 1, 1)
    aimless.actor.search = RecedingSearch(len(tasks), generator=generator_of(), budget=any_plan_will_do)
    return {"curious": steps_of(curious, tasks), "any plan": steps_of(aimless, tasks),
            "random keys": steps_of(blind_players(tasks)["random keys"], tasks)}  # fmt: skip


MEASURES = {"gradient": measure_gradient, "mode1": measure_mode1, "speed": measure_speed, "critic": measure_critic,
            "switch": measure_switch, "curiosity": measure_curiosity}  # fmt: skip


def measured_part(name: str, report: Callable[[str], None] = print) -> dict[str, Any]:
    """One part of the study, or what it found before (``store.kept_piece``)."""
    weights = weights_of("action_jepa")
    decided = {"weights": weights, "tasks": TASKS, "few": FEW, "limit": LIMIT, "part": name}
    decided |= {"lessons": LESSONS} if name == "mode1" else {}
    found = kept_piece("agent", name, decided, lambda: MEASURES[name](load_checkpoint("action_jepa").eval()))
    for what, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], int):
            report(f"{name}, {what}: {reached(value)} of {len(value)}")
        elif isinstance(value, int | float | str):
            report(f"{name}, {what}: {value}")
    return found


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """All parts, one after the other: about a quarter of an hour of one core."""
    return {"limit": LIMIT, "weights": weights_of("action_jepa"),
            **{name: measured_part(name, report) for name in PARTS}}  # fmt: skip


@dataclass(frozen=True)
class AgentFacts:
    """What ``run`` kept: by part and by name the frames until each goal, LIMIT + 1 for never.

    milliseconds: for a frame's key, by part and by name, of each call. rounds: of the distillation. chosen: which
    of them, relaxation, share: what was chosen on validation tasks. weights: the first digits of their SHA-256.
    """

    steps: Mapping[str, Mapping[str, np.ndarray]]
    milliseconds: Mapping[str, Mapping[str, np.ndarray]]
    rounds: Sequence[Mapping[str, Any]]
    chosen: int
    relaxation: str
    share: float
    weights: str


PLAYED = {
    "gradient": {"steps": TASKS}, "mode1": {"steps": TASKS, "untrained": TASKS, "down": FEW},
    "critic": {"without": TASKS, "with": TASKS},
    "switch": {"up": FEW, "not switched": FEW, "switched": FEW, "random keys": FEW},
    "curiosity": {"curious": FEW, "any plan": FEW, "random keys": FEW},
}  # fmt: skip


def measured_agent() -> AgentFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def steps(values: Sequence[int], count: int) -> np.ndarray:
        array = np.asarray(values, dtype=int)
        if array.shape != (count,) or not ((array >= 1) & (array <= LIMIT + 1)).all():
            raise ValueError(f"{count} numbers of frames from 1 to {LIMIT + 1} are expected")
        return array

    def parse(facts: dict) -> AgentFacts:
        if facts["limit"] != LIMIT:
            raise ValueError(f"a limit of {LIMIT} frames is expected")
        played = {part: {name: steps(facts[part][name], count) for name, count in names.items()}
                  for part, names in PLAYED.items()}  # fmt: skip
        timed = {part: {name: np.asarray(values, float) for name, values in facts[part]["milliseconds"].items()}
                 for part in ("gradient", "speed")}  # fmt: skip
        return AgentFacts(
            played, timed, facts["mode1"]["rounds"], int(facts["mode1"]["chosen"]),
            str(facts["gradient"]["relaxation"]), float(facts["critic"]["share"]), str(facts["weights"]),
        )  # fmt: skip

    return read_study(KEPT, parse, "agent")
