"""The cross-entropy method: with enough plans it finds the cheapest, and rounds are worth more than plans at once."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from course_lib.contract import NotCapable, imagine
from course_lib.models.fakes import BlindFake, RecurrentFake, TabularFake
from course_lib.planning.cem import Budget, carry_on, cross_entropy
from tests.test_shooting import reward_missed, seeded


def least_costs(model: TabularFake, places: int, horizon: int, hold: int) -> torch.Tensor:
    """The cost of the best of all plans from each place, (places,)."""
    every = torch.tensor(list(product(range(model.capabilities.actions.size), repeat=horizon)))
    every = every.repeat_interleave(hold, dim=1)
    cost = reward_missed(model)
    state = model.encode(torch.arange(places)[:, None])
    found = cost(imagine(model, state.repeat(len(every)), every.repeat(places, 1)), every.repeat(places, 1))
    return found.unflatten(0, (places, -1)).amin(dim=1)


@pytest.mark.parametrize("hold", [1, 2])
def test_with_many_plans_every_row_gets_its_own_best(hold: int) -> None:
    model = TabularFake(places=5, actions=3, seed=2)
    state, budget = model.encode(torch.arange(5)[:, None]), Budget(chunks=3, candidates=400, rounds=2, hold=hold)
    found = cross_entropy(model, state, reward_missed(model), generator=seeded(), budget=budget)
    assert found.actions.shape == (5, 3 * hold) and found.beliefs.shape == (5, 3, 3)
    torch.testing.assert_close(found.cost, least_costs(model, 5, 3, hold))
    again = reward_missed(model)(imagine(model, state, found.actions), found.actions)
    torch.testing.assert_close(again, found.cost, msg="the cost that it names is that of its plan")
    kept = found.actions.unflatten(1, (3, hold))
    assert (kept == kept[:, :, :1]).all(), "a key is held"


def test_four_rounds_are_worth_more_than_as_many_plans_at_once() -> None:
    """Both imagine 192 plans, of 12 keys that are to be those of a lock; the cost is how many are wrong."""
    model, lock = TabularFake(actions=4), torch.randint(4, (12,), generator=seeded(9))
    state = model.encode(torch.zeros(60, 1, dtype=torch.int64))
    found = {rounds: cross_entropy(model, state, lambda states, actions: (actions != lock).sum(dim=1).float(),
                                   generator=seeded(3), budget=Budget(12, 192 // rounds, rounds, 1)).cost
             for rounds in (1, 4)}  # fmt: skip
    gain = found[1] - found[4]
    assert gain.mean() > 2.0 and gain.min() >= 0.0


def test_a_warm_start_finds_at_least_as_good_a_plan_with_few_candidates() -> None:
    model = TabularFake(places=12, actions=4, seed=5)
    state, cost = model.encode(torch.arange(12)[:, None].repeat(20, 1)), reward_missed(model)
    long = cross_entropy(model, state, cost, generator=seeded(), budget=Budget(6, 200, 4, 1))
    few = Budget(6, 8, 1, 1)
    cold = cross_entropy(model, state, cost, generator=seeded(1), budget=few)
    warm = cross_entropy(model, state, cost, generator=seeded(1), budget=few, beliefs=long.beliefs)
    gain = cold.cost - warm.cost
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5


def test_beliefs_move_on_and_leave_room() -> None:
    beliefs = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]])
    torch.testing.assert_close(carry_on(beliefs, explore=0.2), torch.tensor([[[0.1, 0.9], [0.5, 0.5], [0.5, 0.5]]]))
    torch.testing.assert_close(carry_on(torch.rand(3, 4, 5).softmax(2)).sum(dim=2), torch.ones(3, 4))


def test_the_same_generator_gives_the_same_plan_and_the_state_stays() -> None:
    model = TabularFake()
    state = model.encode(torch.tensor([[1], [0]]))
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    first, second = (cross_entropy(model, state, reward_missed(model), generator=seeded(4), budget=Budget(2, 4, 2, 1))
                     for _ in range(2))  # fmt: skip
    assert torch.equal(first.actions, second.actions)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.tensors().items())


def test_what_cannot_be_planned_is_named() -> None:
    frames = torch.rand(1, 2, 3, 8, 8, generator=seeded())
    for other, given in ((BlindFake(), None), (RecurrentFake(), torch.zeros(1, 1, 2))):
        with pytest.raises(NotCapable, match="numbered actions, and this model takes"):
            cross_entropy(other, other.encode(frames, given), lambda states, actions: actions, generator=seeded())
    with pytest.raises(ValueError, match="at least 1"):
        Budget(chunks=0)
    assert Budget(7, 64, 2, 2).evaluations == 7 * 2 * 64 * 2
