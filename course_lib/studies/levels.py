"""Two levels of prediction and planning against one, at equal numbers of predictor evaluations.

ROWS rooms of ``worlds/goal_rows.py``, four goal pictures each, LIMIT frames for each goal; a row of k goals is finished
when the first k are reached. Budgets are what a decision may imagine, in steps of a predictor, the same for everybody:

    one level          7 keys, 14 frames ahead (the planner of notebook 21)
    two levels         4 codes, 32 frames ahead; 4 keys, 8 frames ahead, to the first sub-goal
    untrained above    the same with an upper level that has learned nothing
    short              4 keys, 8 frames ahead, to the goal itself: the lower level alone
    far                14 keys, 28 frames ahead: half as many plans, twice as long

The upper level learns from FILMS training films, with each of SEEDS; everything else of a player follows from the same
seed. Nothing was chosen on test rooms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.models.base import fresh
from course_lib.models.second_level import SecondLevel, code_energies, embed_films
from course_lib.planning.cem import Budget
from course_lib.planning.levels import UNLIKELY, BudgetOfLevels, OneLevel, RowPlayer, TwoLevels, play_goal_rows
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training.checkpoints import load_checkpoint
from course_lib.worlds.goal_rows import GoalRow, draw_goal_rows, row_pictures
from course_lib.worlds.starless import make_starless

KEPT = DATA / "playground" / "levels.json"
ROWS, GOALS, LIMIT = 100, 4, 40
FILMS, SEEDS = 600, (0,)
SEARCHES = {"small": (8, 1), "middle": (16, 1)}  # plans of the one level's search, and its rounds
PLAYERS = ("one level", "two levels", "untrained above", "short", "far")


def budget_for(player: str, search: str) -> Budget | BudgetOfLevels:
    """What a player may imagine for a decision. Each has 14 times the candidates times the rounds of its search."""
    plans, rounds = SEARCHES[search]
    return {
        "one level": Budget(7, plans, rounds),
        "short": Budget(4, plans * 7 // 4, rounds),
        "far": Budget(14, plans // 2, rounds),
    }.get(player, BudgetOfLevels(Budget(4, plans * 3 // 2, rounds, hold=1), Budget(4, plans, rounds)))


def new_second_level(model: ActionJEPA, seed: int = 0) -> SecondLevel:
    """An upper level for this model that has learned nothing yet."""
    return fresh(lambda _: SecondLevel(model), None, seed).eval()


def row_player(
    player: str, search: str, model: ActionJEPA, rows: list[GoalRow], upper: SecondLevel | None = None, seed: int = 0
) -> RowPlayer:
    """One of PLAYERS with one of SEARCHES. upper: for those with two levels."""
    budget, generator, goals = budget_for(player, search), torch.Generator().manual_seed(seed), row_pictures(rows)
    if isinstance(budget, Budget):
        return OneLevel(model, goals, embedding, generator=generator, budget=budget)
    return TwoLevels(model, upper, goals, embedding, generator=generator, budget=budget)


def foresight(upper: SecondLevel, s: torch.Tensor) -> dict[str, Any]:
    """How well an upper level foresees films, (N, T, D): the smallest energy, that of the best single code, of copying,
    and how often each code is the best."""
    before, later = s[:, : -upper.frames].flatten(0, 1), s[:, upper.frames :].flatten(0, 1)
    with torch.no_grad():
        energies = code_energies(upper.every_guess(before), later)  # (B, Z)
    used = torch.bincount(energies.argmin(dim=1), minlength=upper.codes) / len(energies)
    return {"energy": float(energies.amin(dim=1).mean()), "one code": float(energies.mean(dim=0).min()),
            "copy": float((before - later).square().mean()), "used": used.tolist()}  # fmt: skip


def play_with_seed(seed: int, search: str) -> dict[str, Any]:
    """Teach an upper level and let every player play every row with one of SEARCHES."""
    model, rows = load_checkpoint("action_jepa").eval(), draw_goal_rows(ROWS, GOALS, split="test")
    upper, blank = new_second_level(model, seed), new_second_level(model, seed + 100)
    films, held_out = (embed_films(model, make_starless(split=split, count=count))
                       for split, count in (("train", FILMS), ("validation", FILMS // 10)))  # fmt: skip
    upper.learn(films, generator=torch.Generator().manual_seed(seed))
    played: dict[str, list[list[int]]] = {}
    for name in PLAYERS:
        above = {"two levels": upper, "untrained above": blank}.get(name)
        player = row_player(name, search, model, rows, above, seed)
        played[name] = play_goal_rows(player, rows, limit=LIMIT).steps.tolist()
    return {"played": played, "foresight": foresight(upper, held_out)}


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """All seeds and searches: two and a half minutes of one core. What is done is kept at once, search by search."""
    weights = weights_of("action_jepa")
    decided = {"weights": weights, "rows": ROWS, "goals": GOALS, "limit": LIMIT, "films": FILMS, "unlikely": UNLIKELY}
    found = []
    for seed in SEEDS:
        played = {}
        for search, budget in SEARCHES.items():
            piece = kept_piece("levels", f"{search}-{seed}", decided | {"seed": seed, "budget": budget},
                               partial(play_with_seed, seed, search))  # fmt: skip
            played[search] = piece["played"]
            for name, steps in piece["played"].items():
                finished = np.cumprod(np.array(steps) <= LIMIT, axis=1).sum(axis=0)
                report(f"seed {seed}, {search}, {name}: of {ROWS}, {finished.tolist()}")
        found.append({"seed": seed, "played": played, "foresight": piece["foresight"]})
    return {"limit": LIMIT, "weights": weights, "seeds": found}


@dataclass(frozen=True)
class LevelsFacts:
    """What ``run`` kept.

    steps: by search and player, int (seeds, ROWS, GOALS), frames to each goal from the one before, LIMIT + 1 for never.
    foresight: of each seed's upper level, see ``foresight``. weights: the first digits of their SHA-256.
    """

    steps: Mapping[str, Mapping[str, np.ndarray]]
    foresight: list[dict[str, Any]]
    weights: str

    def finished(self, search: str, player: str) -> np.ndarray:
        """How many rows of 1 to GOALS goals were finished, over all seeds, (GOALS,), of ``len(SEEDS) * ROWS``."""
        reached = self.steps[search][player].reshape(-1, GOALS) <= LIMIT
        return np.cumprod(reached, axis=1).sum(axis=0)


def measured_levels() -> LevelsFacts:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def steps(values: list[Any]) -> np.ndarray:
        array = np.asarray(values, dtype=int)
        if array.shape != (len(SEEDS), ROWS, GOALS) or not ((array >= 1) & (array <= LIMIT + 1)).all():
            raise ValueError(f"{len(SEEDS)} times {ROWS} rows of {GOALS} goals are expected")
        return array

    def parse(facts: dict) -> LevelsFacts:
        seeds = facts["seeds"]
        played = {search: {name: steps([each["played"][search][name] for each in seeds]) for name in PLAYERS}
                  for search in SEARCHES}  # fmt: skip
        return LevelsFacts(played, [each["foresight"] for each in seeds], str(facts["weights"]))

    return read_study(KEPT, parse, "levels")
