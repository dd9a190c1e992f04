"""Random shooting: with enough plans it finds the cheapest one, it knows only the contract, and it gets to the star."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable, imagine
from course_lib.exam.measures.frames import MISSED
from course_lib.exam.measures.intervals import wilson_interval
from course_lib.lookup import ExamError
from course_lib.models.fakes import BlindFake, RecurrentFake, TabularFake
from course_lib.models.yardsticks import PerfectModel
from course_lib.planning.shooting import random_plans, shoot
from course_lib.studies import shooting as study
from course_lib.studies.store import check_weights, weights_of
from course_lib.training import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.oracle import oracle_action


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def reward_missed(model: TabularFake):  # noqa: ANN201
    return lambda states, actions: -torch.stack([model.reward(state) for state in states]).sum(dim=0)


def test_plans_hold_their_actions_and_all_actions_come_up() -> None:
    plans = random_plans(4, 200, 7, generator=seeded(), hold=3)
    assert plans.shape == (200, 7) and set(plans.flatten().tolist()) == {0, 1, 2, 3}
    assert (plans[:, :3] == plans[:, :1]).all() and (plans[:, 3:6] == plans[:, 3:4]).all()
    assert torch.equal(plans, random_plans(4, 200, 7, generator=seeded(), hold=3))
    with pytest.raises(ValueError, match="at least 1, not 4, 0, 7, 3"):
        random_plans(4, 0, 7, generator=seeded(), hold=3)


def test_with_many_plans_it_finds_the_best_of_all_and_with_one_it_does_not() -> None:
    model = TabularFake(places=5, actions=3, seed=2)
    cost, size, horizon = reward_missed(model), 3, 3
    every = torch.tensor(list(product(range(size), repeat=horizon)))
    few = []
    for place in range(5):
        state = model.encode(torch.tensor([[place]]))
        least = float(cost(imagine(model, state.repeat(len(every)), every), every).min())
        found = shoot(model, state, cost, generator=seeded(place), candidates=600, horizon=horizon, hold=1)
        assert found.cost == pytest.approx(least) == float(found.costs.min()) and found.costs.shape == (600,)
        again = imagine(model, state, found.actions[None])
        assert float(cost(again, found.actions[None])) == pytest.approx(found.cost)
        one = shoot(model, state, cost, generator=seeded(place), candidates=1, horizon=horizon, hold=1)
        few.append(one.cost - least)
    assert min(few) >= -1e-6 and max(few) > 0.0


def test_the_state_stays_and_what_cannot_be_planned_in_is_named() -> None:
    model = TabularFake()
    state = model.encode(torch.tensor([[1]]))
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    shoot(model, state, reward_missed(model), generator=seeded(), candidates=4, horizon=2)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.tensors().items())
    with pytest.raises(ValueError, match="one state is planned from, this one has 3 rows"):
        shoot(model, state.repeat(3), reward_missed(model), generator=seeded())
    frames = torch.rand(1, 2, 3, 8, 8, generator=seeded())
    for other, given in ((BlindFake(), None), (RecurrentFake(), torch.zeros(1, 1, 2))):
        with pytest.raises(NotCapable, match="numbered actions, and this model takes"):
            shoot(other, other.encode(frames, given), lambda states, actions: actions, generator=seeded())


# ------------------------------------------------------------------------------------------------- the study of it


def test_a_plan_costs_what_the_reader_sees_of_its_way_to_the_star() -> None:
    films, reader = load_films("goal", split="validation", count=2, length=9), load_checkpoint("reader")
    truth = films.states[:, :, spec.AGENT_SLOT, [spec.FIELD["x"], spec.FIELD["y"]]]  # (2, 9, 2)
    star = np.array([16.0, 9.0])

    class Shown:
        def decode(self, state):
            return to_model(films.frames[:, state])

    cost = study.StarCost(Shown(), reader, star)(range(9), torch.zeros(2, 8))  # a state is the number of a frame here
    distance = np.linalg.norm(truth[:, 1:] - star, axis=-1)
    expected = distance.min(axis=1) + study.STAYS * distance.mean(axis=1)
    np.testing.assert_allclose(cost.numpy(), expected, atol=0.5)
    nobody = study.StarCost(Shown(), reader, np.array([np.nan, np.nan]))(range(9), torch.zeros(2, 8))
    np.testing.assert_allclose(nobody.numpy(), (1 + study.STAYS) * MISSED)


def test_who_knows_the_world_reaches_the_star_and_who_waits_does_not() -> None:
    oracle = [study.frames_to_star(lambda f, k, room: [oracle_action(room)], task) for task in range(3)]
    assert max(oracle) <= study.LIMIT
    assert study.frames_to_star(lambda f, k, room: [0], 0, limit=5) == 6
    press = study.planner(PerfectModel(sets=("goal",)), load_checkpoint("reader"), seeded(), candidates=16)
    near = int(np.argmin(oracle))
    planned = study.frames_to_star(press, near)
    print(oracle, planned)
    assert planned <= oracle[near] + 12


def test_kept_facts_that_are_missing_or_damaged_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "shooting.json")
    with pytest.raises(ExamError, match="study shooting"):
        study.measured_shooting()
    facts = {"limit": 40, "weights": "abc", "frames": {name: [7] * 10 + [41] * 10 for name in study.PLAYERS}}
    study.KEPT.write_text(json.dumps(facts))
    found = study.measured_shooting()
    assert found.share("planned") == 0.5 and found.weights == "abc"
    for damage in ({"frames": {**facts["frames"], "oracle": [0] * 20}}, {"frames": {}}):
        study.KEPT.write_text(json.dumps(facts | damage))
        with pytest.raises(ExamError, match="does not hold the facts"):
            study.measured_shooting()


def test_what_was_measured_says_that_planning_in_the_film_model_reaches_more_stars_than_no_plan() -> None:
    found = study.measured_shooting()
    check_weights(found.weights, weights_of("dit_world"), "shooting")
    reached = {who: int((found.frames[who] <= found.limit).sum()) for who in study.PLAYERS}
    bounds = {who: wilson_interval(count, study.TASKS) for who, count in reached.items()}
    print(reached, bounds)
    assert bounds["planned"][0] > bounds["random keys"][1]
    assert reached["random keys"] < reached["planned"] <= reached["oracle"]
