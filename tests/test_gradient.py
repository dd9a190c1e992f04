"""Plans by gradient: both relaxations find cheap plans, a gradient goes through the keys, and who has none says so."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from course_lib.contract import NotCapable, PredictsRelaxed, imagine
from course_lib.models.action_jepa import ActionJEPA, ActionJEPAConfig, embedding, whole_state
from course_lib.models.base import fresh
from course_lib.models.fakes import TabularFake
from course_lib.planning.cem import Budget, RecedingSearch
from course_lib.planning.goals import GoalDistance
from course_lib.planning.gradient import gradient_search, imagine_relaxed
from tests.test_shooting import seeded


@pytest.fixture(scope="module")
def model() -> ActionJEPA:
    config = ActionJEPAConfig(channels=(8, 8), hidden=32, latent=8, context=3)
    return fresh(ActionJEPA, config, 1).eval()


def a_state(model: ActionJEPA, rows: int = 2):
    frames = torch.rand(rows, 4, 3, 32, 32, generator=seeded(2))
    with torch.no_grad():
        return model.encode(frames, torch.randint(4, (rows, 3), generator=seeded(3)))


def test_shares_that_are_one_key_are_that_key(model: ActionJEPA) -> None:
    state, keys = a_state(model), torch.randint(4, (2, 5), generator=seeded(4))
    with torch.no_grad():
        pressed = imagine(model, state, keys)
        relaxed = imagine_relaxed(model, state, torch.nn.functional.one_hot(keys, 4).float())
    for one, other in zip(pressed, relaxed, strict=True):
        torch.testing.assert_close(one.s, other.s)
    assert isinstance(model, PredictsRelaxed) and model.capabilities.relaxation


@pytest.mark.parametrize("relaxation", ["softmax", "straight-through"])
def test_a_search_by_gradient_is_better_than_as_many_random_plans(model: ActionJEPA, relaxation: str) -> None:
    state = a_state(model, 12)
    with torch.no_grad():
        far = torch.randint(4, (12, 6), generator=seeded(5))
        goal = embedding(imagine(model, state, far)[-1])  # it can be reached
    cost = GoalDistance(goal, embedding)
    budget = Budget(chunks=6, candidates=4, rounds=20, hold=1)
    found = gradient_search(model, state, cost, generator=seeded(), budget=budget, relaxation=relaxation)
    assert found.actions.shape == (12, 6) and found.beliefs.shape == (12, 6, 4)
    torch.testing.assert_close(found.beliefs.sum(dim=2), torch.ones(12, 6))
    with torch.no_grad():
        again = cost(imagine(model, state, found.actions), found.actions)
        random = torch.randint(4, (12 * 80, 6), generator=seeded(6))
        others = cost(imagine(model, state.repeat(80), random), random).unflatten(0, (12, 80)).amin(dim=1)
    torch.testing.assert_close(again, found.cost, msg="the cost that it names is that of its plan")
    print(found.cost.mean(), others.mean())
    assert found.cost.mean() <= 1.02 * others.mean()
    assert all(weight.grad is None for weight in model.parameters()), "no weight learns while it plans"


def test_a_receding_search_takes_it_and_holds_the_keys(model: ActionJEPA) -> None:
    state = a_state(model)
    search = RecedingSearch(2, generator=seeded(), budget=Budget(3, 2, 3, 2), method=partial(gradient_search))
    cost = GoalDistance(embedding(state), embedding)
    with torch.no_grad():
        keys = search(model, state, cost)
    assert keys.shape == (2, 2) and torch.equal(keys[:, 0], keys[:, 1])
    assert search.last is not None and search.last.actions.shape == (2, 6)


def test_who_has_no_relaxation_says_so(model: ActionJEPA) -> None:
    fake = TabularFake()
    with pytest.raises(NotCapable, match="declares none"):
        gradient_search(fake, fake.encode(torch.zeros(1, 1, dtype=torch.int64)), lambda s, a: a, generator=seeded())
    with pytest.raises(ValueError, match="softmax or straight-through"):
        gradient_search(model, a_state(model), lambda s, a: a, generator=seeded(), relaxation="magic")  # type: ignore[arg-type]


def test_a_whole_state_is_one_row_of_numbers(model: ActionJEPA) -> None:
    state = a_state(model)
    row = whole_state(state)
    assert row.shape == (2, 3 * 8 + 2 * 4)
    torch.testing.assert_close(row[:, :24], state.s.flatten(1))
    assert torch.equal(row[:, 24:].unflatten(1, (2, 4)).argmax(dim=2), state.actions)
