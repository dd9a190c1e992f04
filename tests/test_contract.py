"""The contract holds for four different fakes, and models that cheat are caught."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, Cost, LatentTable, NotCapable, State, WorldModel, imagine
from course_lib.models.fakes import BlindFake, RecurrentFake, TabularFake, TokenFake
from tests.contract_tests import ContractBroken, check_world_model

FAKES = [TabularFake, RecurrentFake, TokenFake, BlindFake]


def films(model: WorldModel, batch: int = 3, time: int = 6) -> tuple[Tensor, Tensor | None]:
    """Random observations and actions of the kind that this model reads."""
    g = torch.Generator().manual_seed(7)
    can = model.capabilities
    size = can.frame_size
    if size is None:
        observations = torch.randint(0, 6, (batch, time), generator=g)
    else:
        observations = torch.rand(batch, time, 3, *size, generator=g)
    if can.actions.kind == "none":
        return observations, None
    if can.actions.kind == "continuous":
        return observations, torch.randn(batch, time - 1, can.actions.size, generator=g)
    return observations, torch.randint(0, can.actions.size, (batch, time - 1), generator=g)


@pytest.mark.parametrize("fake", FAKES)
def test_the_four_fakes_fulfil_the_contract(fake: type) -> None:
    model = fake()
    check_world_model(model, *films(model))


class SeesTheFuture(RecurrentFake):
    def surprise(self, observations, actions=None, *, generator=None):
        values = super().surprise(observations, actions)
        values[:, 1:-1] += observations[:, 2:].mean(dim=(2, 3, 4))
        return values


class SeesTheWholeFilm(BlindFake):
    def surprise(self, observations, actions=None, *, generator=None):
        self.capabilities.check(observations, actions)
        return super().surprise(observations - observations.mean(dim=1, keepdim=True))


class WrongShape(BlindFake):
    def surprise(self, observations, actions=None, *, generator=None):
        self.capabilities.check(observations, actions)
        return super().surprise(observations)[:, 1:]


class WrongFrames(RecurrentFake):
    def decode(self, state, *, generator=None):
        return super().decode(state).movedim(1, -1)


class NothingSurprises(BlindFake):
    def surprise(self, observations, actions=None, *, generator=None):
        values = torch.zeros(observations.shape[:2])
        values[:, 0] = torch.nan
        return values


class NoNaN(BlindFake):
    def surprise(self, observations, actions=None, *, generator=None):
        return super().surprise(observations, actions).nan_to_num(0.0)


class ClaimsToDecode(BlindFake):
    def __init__(self):
        super().__init__()
        self.capabilities = Capabilities(Actions("none"), decodes=True, context=1, frame_size=(8, 8))

    def decode(self, state, *, generator=None):
        return torch.zeros(len(state), 8)


class DrawsWithoutAsking(RecurrentFake):
    def predict(self, state, action=None, *, generator=None):
        after = super().predict(state, action)
        return type(after)(after.hidden + 0.1 * torch.randn(after.hidden.shape))


class TakesAnyAction(TabularFake):
    def predict(self, state, action=None, *, generator=None):
        action = torch.zeros_like(state.place) if action is None else action % self.capabilities.actions.size
        return super().predict(state, action, generator=generator)


class Grows(TokenFake):
    def predict(self, state, action=None, *, generator=None):
        after = super().predict(state, action, generator=generator)
        return type(after)(torch.cat([state.tokens, after.tokens[:, -1:]], dim=1))


class MixesTheBatch(BlindFake):
    def encode(self, observations, actions=None, *, generator=None):
        state = super().encode(observations, actions)
        return type(state)(state.point - state.point.mean(dim=0))


@pytest.mark.parametrize(
    ("cheat", "rule"),
    [
        (SeesTheFuture, "saw what came after"),
        (SeesTheWholeFilm, "saw what came after"),
        (WrongShape, "surprise is"),
        (WrongFrames, "decode returns"),
        (NothingSurprises, "depends on that frame"),
        (NoNaN, "NaN"),
        (ClaimsToDecode, "decode returns"),
        (DrawsWithoutAsking, "do not influence one another|without a generator"),
        (TakesAnyAction, "asks for a missing one"),
        (Grows, "bounded"),
        (MixesTheBatch, "films of a batch do not influence"),
    ],
)
def test_a_model_that_breaks_one_rule_is_caught_by_that_rule(cheat: type, rule: str) -> None:
    model = cheat()
    with pytest.raises(ContractBroken, match=rule), torch.random.fork_rng():
        check_world_model(model, *films(model))


def test_something_without_the_methods_is_no_world_model() -> None:
    assert isinstance(BlindFake(), WorldModel)
    assert not isinstance(torch.nn.Linear(2, 2), WorldModel)
    with pytest.raises(ContractBroken, match="capabilities, encode"):
        check_world_model(torch.nn.Linear(2, 2), torch.rand(2, 4, 3, 8, 8), None)


@dataclass
class Inner(State):
    values: Tensor


@dataclass
class Outer(State):
    inner: Inner
    place: Tensor
    note: str = "kept"
    nothing: Tensor | None = None


def outer(batch: int = 3) -> Outer:
    return Outer(Inner(torch.arange(batch * 2.0).reshape(batch, 2).requires_grad_()), torch.arange(batch))


def test_states_can_be_indexed_repeated_detached_and_moved() -> None:
    state = outer()
    assert len(state) == 3 and set(state.tensors()) == {"inner.values", "place"}
    assert state[-1].place.tolist() == [2] and state[-1].inner.values.shape == (1, 2)
    assert state[[2, 0]].place.tolist() == [2, 0]
    assert state[state.place > 0].place.tolist() == [1, 2]
    assert state.repeat(2).place.tolist() == [0, 0, 1, 1, 2, 2]
    assert state.repeat(2).note == "kept"
    assert state.inner.values.requires_grad and not state.detach().inner.values.requires_grad
    assert state.to("meta").inner.values.is_meta and not state.inner.values.is_meta


def test_misuse_of_a_state_is_named() -> None:
    with pytest.raises(IndexError, match="row 3 of a state with 3 rows"):
        outer()[3]
    with pytest.raises(ValueError, match="at least once"):
        outer().repeat(0)
    with pytest.raises(ValueError, match="share their first axis"):
        len(Outer(Inner(torch.zeros(2, 2)), torch.zeros(3)))


def test_latent_actions_are_translated_by_the_table_that_was_given() -> None:
    table = LatentTable((0, 2, 1, 4), films="simple, train")
    real = torch.tensor([[3, 0], [1, 2]])
    assert table.to_latent(real).tolist() == [[4, 0], [2, 1]]
    with pytest.raises(ValueError, match="0 to 3"):
        table.to_latent(torch.tensor([4]))
    with pytest.raises(ValueError, match="leaves the latent actions"):
        Actions("latent", 3, table)
    with pytest.raises(ValueError, match="only latent"):
        Actions("discrete", 5, table)


def test_bad_actions_are_refused_with_what_is_wanted() -> None:
    discrete = Actions("discrete", 4)
    with pytest.raises(ValueError, match="0 to 3, got values from 2 to 4"):
        discrete.check(torch.tensor([2, 4]), (2,))
    with pytest.raises(ValueError, match="discrete actions wanted"):
        discrete.check(torch.tensor([2.0, 3.0]), (2,))
    with pytest.raises(ValueError, match=r"shape \(2, 3\) wanted"):
        Actions("continuous", 3).check(torch.zeros(2), (2,))
    with pytest.raises(NotCapable, match="takes no actions"):
        Actions("none").check(torch.tensor([0]), (1,))
    with pytest.raises(ValueError, match="size 0"):
        Actions("none", 2)


def test_bad_observations_are_refused_with_what_is_wanted() -> None:
    blind, tabular = BlindFake(), TabularFake()
    with pytest.raises(ValueError, match=r"\(B, T, 3, 8, 8\) wanted"):
        blind.encode(torch.rand(2, 3, 8, 8))
    with pytest.raises(ValueError, match="to_model"):
        blind.encode(torch.zeros(2, 4, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="integer observations"):
        tabular.encode(torch.rand(2, 4))


def test_a_cost_is_apart_from_the_model_and_a_rollout_has_the_present_first() -> None:
    model = TabularFake()

    class ReachTheLast:
        def __call__(self, states: list[State], actions: Tensor) -> Tensor:
            return -torch.stack([model.reward(state) for state in states]).sum(dim=0)

    cost = ReachTheLast()
    assert isinstance(cost, Cost)
    state = model.encode(torch.tensor([[0], [5]]))
    plans = torch.tensor([[0, 1, 2], [2, 1, 0]])
    states = imagine(model, state, plans)
    assert len(states) == 4 and states[0] is state
    assert cost(states, plans).shape == (2,) and cost(states, plans)[1] <= -1  # it starts on the last place


def test_draws_from_the_table_follow_the_table() -> None:
    model = TabularFake(places=4, actions=2, seed=3)
    count = 20_000
    state = model.encode(torch.full((count, 1), 2))
    after = model.predict(state, torch.ones(count, dtype=torch.long), generator=torch.Generator().manual_seed(0))
    share = torch.bincount(after.place, minlength=4) / count
    assert torch.allclose(share, model.table[2, 1], atol=0.02)  # five standard errors of a share are below 0.018


def test_gradients_reach_a_continuous_action() -> None:
    model = RecurrentFake()
    state = model.encode(torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    plan = torch.zeros(2, 3, 2, requires_grad=True)
    model.decode(imagine(model, state, plan)[-1]).sum().backward()
    assert bool((plan.grad.abs().sum(dim=(0, 2)) > 0).all())  # even the first action matters at the end
