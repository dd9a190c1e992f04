"""Notebook 22: a room as a table of cells, a second level, rows of goals, and one planner for any model."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable, WorldModel, imagine
from course_lib.exercises.nb22 import my_finished
from course_lib.lookup import ExamError
from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.models.fakes import BlindFake, TokenFake
from course_lib.models.keyed import Keyed
from course_lib.models.second_level import SecondLevel, embed_films
from course_lib.planning.cells import Sampling, best_keys, group_states, imagine_cells, transition_shares
from course_lib.planning.cem import Budget, RecedingSearch, carry_on, imagine_shared
from course_lib.planning.goals import GoalPlanner, perceive
from course_lib.planning.levels import OneLevel, first_subgoal, play_goal_rows
from course_lib.planning.rooms import play_rooms
from course_lib.studies import levels, planners, three_ways
from course_lib.training import load_checkpoint
from course_lib.worlds.goal_pictures import draw_goal_tasks, goal_pictures
from course_lib.worlds.goal_rows import draw_goal_rows, row_pictures
from course_lib.worlds.starless import make_starless


@pytest.fixture(scope="module")
def model() -> ActionJEPA:
    return load_checkpoint("action_jepa").eval()  # type: ignore[return-value]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -------------------------------------------------------------------------------------------------------- the search


def test_futures_that_begin_alike_are_imagined_once_and_are_the_same(model: ActionJEPA) -> None:
    pictures = goal_pictures(draw_goal_tasks(2, split="validation"))
    state = perceive(model, pictures[:, None], np.zeros((2, 0), np.uint8))
    plans = torch.randint(0, 4, (24, 3), generator=seeded()).repeat_interleave(2, dim=1)
    asked: list[int] = []

    class Counted:
        capabilities = model.capabilities

        def predict(self, state, action, *, generator=None):  # noqa: ANN001, ANN202
            asked.append(len(state))
            return model.predict(state, action)

    with torch.no_grad():
        whole = imagine(model, state.repeat(12), plans)
        shared = imagine_shared(Counted(), state.repeat(12), plans)  # type: ignore[arg-type]
    assert all(torch.allclose(a.s, b.s, atol=1e-5) for a, b in zip(whole, shared, strict=True))
    assert asked[0] <= 8 and asked[1] <= 8 and sum(asked) < plans.numel()


def test_several_chunks_are_pressed_and_the_beliefs_move_on_as_far(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(1, split="validation")
    state = perceive(model, goal_pictures(tasks)[:, None], np.zeros((1, 0), np.uint8))
    search = RecedingSearch(1, generator=seeded(), budget=Budget(3, 8, 1, hold=4), pressed=2)
    keys = search(model, state, lambda states, actions: actions.float().sum(dim=1))
    assert keys.shape == (1, 8) and torch.equal(keys, search.last.actions[:, :8])
    assert torch.equal(search.beliefs, carry_on(carry_on(search.last.beliefs)))


def test_keys_for_a_model_of_latent_actions() -> None:
    inner = TokenFake()
    keyed = Keyed(inner)
    frames = torch.rand(2, 2, 3, *inner.capabilities.frame_size)
    table = inner.capabilities.actions.table
    assert keyed.capabilities.actions.kind == "discrete"
    assert keyed.capabilities.actions.size == len(table.latent_of_real)
    keys = torch.arange(2)
    before = torch.zeros(2, 1, dtype=torch.int64)
    state = keyed.predict(keyed.encode(frames, before), keys)
    own = inner.predict(inner.encode(frames, table.to_latent(before)), table.to_latent(keys))
    assert all(torch.equal(a, b) for a, b in zip(state.tensors().values(), own.tensors().values(), strict=True))
    assert isinstance(keyed, WorldModel)
    with pytest.raises(NotCapable, match="no table"):
        Keyed(BlindFake())


# ------------------------------------------------------------------------------------------------------------- cells


def test_groups_are_those_of_well_parted_clouds() -> None:
    clouds = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]).repeat_interleave(20, dim=0)
    seen = clouds + 0.1 * torch.randn(60, 2, generator=seeded())
    centres, group = group_states(seen, 12, generator=seeded(1))
    assert torch.equal(group, torch.cdist(seen, centres).argmin(dim=1))
    assert (seen - centres[group]).norm(dim=1).max() < 1.0


def test_what_was_never_tried_stays() -> None:
    counts = torch.zeros(3, 2, 3)
    counts[0, 1, 2] = 4.0
    counts[2, 0] = torch.tensor([1.0, 3.0, 0.0])
    table = transition_shares(counts)
    assert torch.equal(table.sum(dim=2), torch.ones(3, 2, dtype=torch.float64))
    assert table[0, 1, 2] == 1.0 and table[1, 0, 1] == 1.0 and table[2, 0, 1] == 0.75


def test_a_table_of_a_room_leads_to_its_goal(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(12, split="validation", first=900)
    taught = play_rooms(three_ways.cell_player(model, tasks, Sampling(120, 96, 8, 2, 2)), tasks).reached.mean()
    blank = play_rooms(three_ways.cell_player(ActionJEPA(model.config).eval(), tasks, Sampling(40, 32, 4, 2, 1)), tasks)
    print(taught, blank.reached.mean())
    assert taught > blank.reached.mean() + 0.2


def test_the_table_counts_every_chunk(model: ActionJEPA) -> None:
    picture = goal_pictures(draw_goal_tasks(1, split="validation"))
    state = perceive(model, picture[:, None], np.zeros((1, 0), np.uint8))
    sampling = Sampling(cells=30, futures=20, chunks=5, hold=2, times=2)
    cells = imagine_cells(model, state, three_ways.both_embeddings, embedding, generator=seeded(), sampling=sampling)
    assert cells.counts.sum() == 20 * 5 * 2 and sampling.evaluations == 400
    policy, values = best_keys(cells, cells.places[3])
    assert policy.shape == values.shape == (30,) and values.max() > 0.0
    with pytest.raises(ValueError, match="at least 1"):
        Sampling(cells=0)


# -------------------------------------------------------------------------------------------------------- two levels


def test_the_upper_level_learns_many_futures_and_how_likely_they_are(model: ActionJEPA) -> None:
    s = embed_films(model, make_starless(split="train", count=40))
    upper = levels.new_second_level(model)
    before = levels.foresight(upper, s)
    upper.learn(s, generator=seeded(), steps=150)
    after = levels.foresight(upper, s)
    assert after["energy"] < 0.5 * before["energy"] and after["energy"] < 0.8 * after["one code"] < after["copy"]
    assert sum(share > 0.01 for share in after["used"]) >= 8
    with torch.no_grad():
        nats = torch.stack([upper.unlikely(s[0, :5], torch.full((5,), code)) for code in range(upper.codes)])
    assert torch.allclose(nats.neg().exp().sum(dim=0), torch.ones(5), atol=1e-5)


def test_the_upper_level_keeps_the_contract(model: ActionJEPA) -> None:
    upper = levels.new_second_level(model)
    assert isinstance(upper, WorldModel) and not any("jepa" in name for name, _ in upper.named_parameters())
    frames = torch.rand(2, 12, 3, 32, 32)
    with torch.no_grad():
        state = upper.encode(frames)
        assert torch.allclose(state.s, model.jepa.encode(frames)[:, -1], atol=1e-4)
        surprise = upper.surprise(frames)
        changed = frames.clone()
        changed[:, 10:] = 0.0
        assert torch.allclose(surprise[:, 8:10], upper.surprise(changed)[:, 8:10], atol=1e-4)
    assert surprise[:, :8].isnan().all() and surprise[:, 8:].isfinite().all()
    with pytest.raises(NotCapable):
        upper.decode(state)
    with pytest.raises(ValueError, match="actions are 0 to 15"):
        upper.predict(state, torch.tensor([0, 16]))


def test_the_goal_is_its_own_sub_goal_where_one_leap_is_enough() -> None:
    way = torch.tensor([[[0.0], [1.0], [5.0]], [[0.0], [4.0], [9.0]]])
    assert first_subgoal(way, torch.tensor([[5.0], [5.0]])).tolist() == [[1.0], [5.0]]


@pytest.mark.parametrize(("search", "player"), [*product(levels.SEARCHES, levels.PLAYERS)])
def test_everybody_may_imagine_as_much(search: str, player: str) -> None:
    plans, rounds = levels.SEARCHES[search]
    assert levels.budget_for(player, search).evaluations == 14 * plans * rounds


def test_rows_begin_as_shorter_ones_do() -> None:
    long, short = draw_goal_rows(3, 4, split="validation"), draw_goal_rows(3, 1, split="validation")
    tasks = draw_goal_tasks(3, split="validation")
    assert [row.goals[0] for row in long] == [row.goals[0] for row in short] == [task.goal for task in tasks]
    heights = np.array([[goal.agent[1] for goal in row.goals] for row in long])
    assert (heights[:, [0, 2]] > heights[:, [1, 3]]).all() and row_pictures(long).shape == (3, 4, 32, 32, 3)
    with pytest.raises(ValueError, match="at least 1 goal"):
        draw_goal_rows(1, 0)


def test_a_row_of_one_goal_is_played_as_the_task_is(model: ActionJEPA) -> None:
    """With a memory of two frames both loops show the model the same; only the next goals are new."""
    tasks, rows = draw_goal_tasks(8, split="validation"), draw_goal_rows(8, 1, split="validation")
    budget = Budget(5, 16, 1)
    alone = GoalPlanner(model, goal_pictures(tasks), embedding, generator=seeded(), budget=budget)
    row = OneLevel(model, row_pictures(rows), embedding, generator=seeded(), budget=budget)
    steps, found = play_rooms(alone, tasks).steps, play_goal_rows(row, rows)
    assert found.steps.shape == (8, 1) and found.decisions >= 8
    assert (found.steps[:, 0] == steps).mean() > 0.7 and abs(found.reached.mean() - (steps <= 40).mean()) < 0.3


def test_two_levels_play_and_say_what_they_want(model: ActionJEPA) -> None:
    rows = draw_goal_rows(2, 2, split="validation")
    player = levels.row_player("two levels", "small", model, rows, levels.new_second_level(model))
    found = play_goal_rows(player, rows, limit=6)
    assert found.steps.shape == (2, 2) and (found.steps[:, 1][found.steps[:, 0] > 6] == 7).all()
    assert player.subgoal.shape[1] == 64 and player.foreseen.shape[1:] == (5, 64)


def test_a_new_goal_begins_with_even_beliefs(model: ActionJEPA) -> None:
    rows = draw_goal_rows(2, 2, split="validation")
    player = OneLevel(model, row_pictures(rows), embedding, generator=seeded(), budget=Budget(4, 8, 1))
    frames, keys = row_pictures(rows)[:, :1], np.zeros((2, 0), np.uint8)
    begun: list[torch.Tensor] = []
    method = player.search.method
    player.search.method = lambda *args, **more: begun.append(more["beliefs"].clone()) or method(*args, **more)
    for wanted in ([0, 0], [0, 1]):
        player(frames, keys, [], np.arange(2), np.array(wanted))
    even = torch.full((4, 4), 0.25)
    assert not torch.allclose(begun[1][0], even) and torch.allclose(begun[1][1], even)


# ------------------------------------------------------------------------------------------------------- the studies


def level_facts() -> dict:
    steps = [[9, 12, levels.LIMIT + 1, levels.LIMIT + 1]] * levels.ROWS
    played = {search: dict.fromkeys(levels.PLAYERS, steps) for search in levels.SEARCHES}
    return {"weights": "abc", "seeds": [{"played": played, "foresight": {}} for _ in levels.SEEDS]}


def planner_facts() -> dict:
    rows = [{"model": model, "by": by, "films": "goal", "weights": "abc", "steps": [7] * planners.TASKS, "seconds": 1.0}
            for model, by in planners.ROWS]  # fmt: skip
    return {"rows": rows, "controls": {name: [41] * planners.TASKS for name in planners.CONTROLS}}


def table_facts() -> dict:
    return {"weights": "abc", "tables": {name: {"steps": [7] * count, "seconds": 0.5, "milliseconds": [1.0]}
                                         for name, count in three_ways.TASKS.items()}}  # fmt: skip


STUDIES: list[tuple[ModuleType, Callable[[], dict], Callable[[], object], Callable[[dict], object]]] = [
    (levels, level_facts, lambda: levels.measured_levels(), lambda found: found["seeds"].pop()),
    (planners, planner_facts, lambda: planners.measured_planners(), lambda found: found["rows"].pop()),
    (three_ways, table_facts, lambda: three_ways.measured_three_ways(), lambda found: found["tables"].pop("few")),
]


@pytest.mark.parametrize(("study", "facts", "read", "harm"), STUDIES)
def test_kept_facts_are_read_or_refused(
    study: ModuleType, facts: Callable[[], dict], read: Callable[[], object], harm: Callable[[dict], object],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(study, "KEPT", tmp_path / "facts.json")
    study.KEPT.write_text(json.dumps(facts()))
    read()
    harmed = facts()
    harm(harmed)
    study.KEPT.write_text(json.dumps(harmed))
    with pytest.raises(ExamError, match="does not hold the facts"):
        read()


def test_rows_are_counted_as_the_exercise_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "KEPT", tmp_path / "facts.json")
    levels.KEPT.write_text(json.dumps(level_facts()))
    found = levels.measured_levels()
    steps = torch.from_numpy(found.steps["small"]["far"].reshape(-1, levels.GOALS))
    assert my_finished(steps, levels.LIMIT).tolist() == found.finished("small", "far").tolist()
    assert found.finished("small", "far").tolist()[1:3] == [levels.ROWS * len(levels.SEEDS), 0]


def test_second_levels_of_one_seed_are_equal(model: ActionJEPA) -> None:
    one, other = levels.new_second_level(model, 3), levels.new_second_level(model, 3)
    assert isinstance(one, SecondLevel)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
