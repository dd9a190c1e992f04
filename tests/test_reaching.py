"""Reaching goal pictures: the cost of a future, the players and their rooms, the kept study, and the exam's rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.models.base import untrained_twin
from course_lib.models.fakes import RecurrentFake
from course_lib.planning.cem import Budget
from course_lib.planning.goals import GoalDistance, GoalPlanner, Weights, perceive
from course_lib.planning.rooms import play_rooms
from course_lib.studies import reaching as study
from course_lib.training import load_checkpoint
from course_lib.views.action_jepa import distances_to_goal, way_figure
from course_lib.worlds.frames import to_model
from course_lib.worlds.goal_pictures import draw_goal_tasks, goal_pictures
from tests.damaged import check_refused


@pytest.fixture(scope="module")
def model() -> ActionJEPA:
    return load_checkpoint("action_jepa").eval()  # type: ignore[return-value]


# ------------------------------------------------------------------------------------------------------- the cost


def test_a_future_costs_what_its_distances_say() -> None:
    """Two goals, two futures of each; an embedding on a line is its own place."""
    goal = torch.tensor([[0.0], [10.0]])
    paths = torch.tensor([[9.0, 3.0, 1.0, 4.0], [9.0, 5.0, 5.0, 5.0], [9.0, 9.0, 10.0, 12.0], [9.0, 4.0, 4.0, 4.0]])
    states, actions = list(paths.T[:, :, None]), torch.zeros(4, 3)

    def cost(**weights: float) -> list[float]:
        return GoalDistance(goal, lambda state: state, Weights(**weights))(states, actions).tolist()

    assert cost(nearest=1, mean=0, last=0) == [1.0, 5.0, 0.0, 6.0], "the present is not counted"
    assert cost(nearest=0, mean=0, last=1) == [4.0, 5.0, 2.0, 6.0]
    assert cost(nearest=0, mean=1, last=0) == pytest.approx([8 / 3, 5.0, 1.0, 6.0])
    assert cost(nearest=1, mean=0.05, last=0) == pytest.approx([1 + 0.4 / 3, 5.25, 0.05, 6.3])


def test_no_more_than_the_context_is_shown(model: ActionJEPA) -> None:
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (2, 6, 32, 32, 3), dtype=np.uint8)
    keys = generator.integers(0, 4, (2, 5)).astype(np.uint8)
    with torch.no_grad():
        state = perceive(model, frames, keys)
        whole = model.encode(to_model(frames), torch.from_numpy(keys.astype(int)))
    torch.testing.assert_close(state.s, whole.s)
    assert torch.equal(state.actions, whole.actions)


def test_who_takes_no_keys_cannot_be_the_planner() -> None:
    with pytest.raises(NotCapable, match="presses numbered keys"):
        GoalPlanner(RecurrentFake(size=32), np.zeros((1, 32, 32, 3), np.uint8), embedding, generator=torch.Generator())


# ------------------------------------------------------------------------------------------------------- the rooms


def test_the_oracle_gets_there_and_who_runs_straight_without_jumping_does_not() -> None:
    tasks = draw_goal_tasks(25, split="validation")
    found = {name: play_rooms(player, tasks) for name, player in study.blind_players(tasks).items()}
    assert found["oracle"].reached.mean() >= 0.95
    assert not found["straight"].reached.any(), "what is on the platform is not reached from below"
    assert found["random keys"].reached.mean() < found["oracle"].reached.mean()
    again = play_rooms(study.blind_players(tasks)["random keys"], tasks)
    np.testing.assert_array_equal(again.steps, found["random keys"].steps)


def test_rooms_are_played_as_if_each_were_alone() -> None:
    tasks = draw_goal_tasks(6, split="validation")
    together = play_rooms(study.blind_players(tasks)["oracle"], tasks).steps
    alone = [int(play_rooms(study.blind_players([task])["oracle"], [task]).steps[0]) for task in tasks]
    assert together.tolist() == alone


def test_a_film_ends_where_the_goal_is_reached() -> None:
    tasks = draw_goal_tasks(3, split="validation")
    oracle = study.BlindPlayer(tasks, lambda task, room, i: study.oracle_key(task, room))
    oracle.blind = False
    found = play_rooms(oracle, tasks, keep=2)
    assert len(found.films) == 2
    for film, steps in zip(found.films, found.steps, strict=False):
        assert film.shape == (steps + 1, 32, 32, 3)
    never = play_rooms(study.BlindPlayer(tasks, lambda task, room, i: 0), tasks, limit=4)
    assert never.steps.tolist() == [5, 5, 5] and not never.reached.any()


def test_planning_reaches_what_neither_greed_nor_an_untrained_network_does(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(24, split="validation", first=5000)
    found = {
        "planned": study.steps_planned(model, tasks),
        "untrained": study.steps_planned(untrained_twin(model), tasks),
        "greedy": study.steps_planned(model, tasks, budget=study.GREEDY, weights=study.COSTS["last"]),
    }
    share = {name: study.reached(steps) / len(tasks) for name, steps in found.items()}
    print(share)
    assert share["planned"] >= 0.85 and max(share["untrained"], share["greedy"]) <= 0.5


def test_the_same_planner_plans_in_the_agent_that_dreams() -> None:
    """By the contract alone, with the distance in that model's own latents. How well it does is not asked here."""
    tasks, dreamer = draw_goal_tasks(3, split="validation"), load_checkpoint("vmc").eval()
    player = GoalPlanner(dreamer, goal_pictures(tasks), lambda state: state.z, budget=Budget(3, 8, 1),
                         generator=torch.Generator().manual_seed(0))  # fmt: skip
    found = play_rooms(player, tasks, limit=4)
    assert found.steps.shape == (3,) and player.search.beliefs.shape == (3, 3, 4)


def test_the_way_is_drawn_with_its_goal_and_its_end_is_near_it(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(2, split="validation")
    goals = goal_pictures(tasks)
    player = GoalPlanner(model, goals, embedding, generator=torch.Generator().manual_seed(0))
    found = play_rooms(player, tasks, keep=2)
    for film, goal in zip(found.films, goals, strict=True):
        way = distances_to_goal(model, film, goal)
        assert way.shape == (len(film),) and way[-1] < 0.7 * way[0]
        assert "Grid of" in way_figure(film, goal).text
    still = np.repeat(goals[:1], 3, axis=0)
    np.testing.assert_allclose(distances_to_goal(model, still, goals[0]), 0.0, atol=1e-4)


# ------------------------------------------------------------------------------------------------------- the study


def test_the_most_successful_is_chosen_and_of_equals_the_cheapest() -> None:
    steps = {"dear": [3, 4, 41], "cheap": [9, 9, 41], "weak": [1, 41, 41]}
    assert study.chosen(steps, {"dear": 100, "cheap": 10, "weak": 1}) == "cheap"
    assert study.chosen(steps) == "dear"


def facts() -> dict:
    steps = [12] * 290 + [study.LIMIT + 1] * 10
    both = {split: steps for split in study.SPLITS}
    return {"limit": study.LIMIT, "weights": "abc", "cost": "nearest", "players": {n: steps for n in study.PLAYERS},
            "budget": {"chunks": 7, "candidates": 32, "rounds": 2, "hold": 2},
            "costs": {name: both for name in study.COSTS}, "budgets": {"7 chunks, 32 x 2": both}}  # fmt: skip


def test_kept_facts_are_read_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "reaching.json")
    with pytest.raises(ExamError, match="study reaching"):
        study.measured_reaching()
    study.KEPT.write_text(json.dumps(facts()))
    found = study.measured_reaching()
    assert found.budget == Budget(7, 32, 2) and study.reached(found.players["oracle"].tolist()) == 290


@pytest.mark.parametrize("harm", [
    lambda found: found["players"].pop("oracle"),
    lambda found: found["players"].__setitem__("planned", [12] * 299),
    lambda found: found["players"].__setitem__("planned", [0] * 300),
    lambda found: found["costs"]["mean"].pop("test"),
    lambda found: found.__setitem__("cost", "guessed"),
    lambda found: found["budget"].__setitem__("rounds", 0),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = "does not hold the facts.*course_lib study reaching"
    check_refused(study, study.measured_reaching, harm, match, tmp_path, monkeypatch, facts())


# ------------------------------------------------------------------------------------------------------- the exam


def test_the_rows_are_the_studys_and_every_other_player_is_a_control() -> None:
    report = examine([get_entrant("action_jepa")], Sitting(count=5, episodes=5), failures="raise")
    found = study.measured_reaching()
    row = report["action_jepa", "mode2_success"]
    assert row.value == study.reached(found.players["planned"].tolist()) / 300 and row.n == 300
    assert set(row.controls) == {"untrained", "latent_greedy", "random_keys", "straight", "straight_jumping", "oracle"}
    assert row.value > max(value for name, value in row.controls.items() if name != "oracle")
    assert report["action_jepa", "random_success"].direction == "lower"
    assert row.split == "starless/test" and row.bar == 0.95


def test_who_learned_from_the_tasks_rooms_or_has_other_weights_is_refused() -> None:
    for entrant, words in (
        (Entrant("cheat", {"planner": None}, ["starless/test"]), "trained on starless/test"),
        (Entrant("other", {"planner": None}, [], checkpoint="something"), "study 'reaching' was made with the weights"),
    ):
        with pytest.raises(ExamError, match=words):
            examine([entrant], Sitting(count=5, episodes=5), questions=["reaching"], failures="raise")
    report = examine([Entrant("no planner", {"model": None}, [])], Sitting(count=5, episodes=5), questions=["reaching"])
    assert [row.status for row in report.rows] == ["not applicable"]
    early = examine([Entrant("early", {"planner": None}, [])], Sitting(count=5, episodes=5, split="validation"),
                    questions=["reaching"])  # fmt: skip
    assert [row.status for row in early.rows] == ["not applicable"]
