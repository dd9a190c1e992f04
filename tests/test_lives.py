"""Lives: the real world is the Playground itself, games of a batch are alone, and evolution finds something in both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures.intervals import bootstrap_interval
from course_lib.models.dream_env import ControllerPolicy
from course_lib.models.vmc import VMC, Dream
from course_lib.planning.controller import (
    ControllerTraining,
    as_weights,
    dream_returns,
    real_returns,
    train_controller,
)
from course_lib.planning.lives import DreamWorld, RealWorld, beginnings, live, returns_of
from course_lib.training import get_recipe, load_config
from course_lib.training.recipe import build
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.oracle import play


@pytest.fixture(scope="module")
def model() -> VMC:
    return build(get_recipe("vmc"), load_config("vmc", "tiny").model).eval()


@pytest.fixture(scope="module")
def first() -> torch.Tensor:
    return to_model(load_films("goal", split="train", count=12, length=2).frames[:, 0])


def controllers(model: VMC, count: int, seed: int = 0) -> torch.Tensor:
    shape = (count, *model.c.weights.shape[1:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_real_world_is_the_playground(model: VMC) -> None:
    weights = controllers(model, 3)
    by_world = np.stack([real_returns(model, w, episodes=4, split="validation", first=7) for w in weights])
    by_env = [play(ControllerPolicy(model, w), episodes=4, split="validation", first_seed=7) for w in weights]
    np.testing.assert_array_equal(by_world, np.stack(by_env))
    assert by_world.std() > 0, "three controllers that do the same would prove little"


def test_games_of_a_real_batch_do_not_influence_one_another(model: VMC) -> None:
    world, weights = RealWorld(model, split="validation"), controllers(model, 6)
    seeds = np.array([3, 3, 3, 8, 9, 3])
    together = live(world, weights, seeds, steps=40)
    others = live(world, torch.cat([weights[:1], controllers(model, 5, seed=1)]), seeds, steps=40)
    assert together[0] == others[0]
    alone = torch.cat([live(world, weights[i : i + 1], seeds[i : i + 1], steps=40) for i in range(6)])
    assert torch.equal(together, alone)


def test_candidates_play_the_same_games(model: VMC) -> None:
    flat = controllers(model, 3).flatten(1).numpy().astype(float)
    world, seeds = RealWorld(model, split="validation"), np.array([2, 11])
    found = returns_of(world, flat, 4, seeds, steps=40)
    wanted = [live(world, as_weights(model, f).expand(2, -1, -1), seeds, steps=40).mean() for f in flat]
    np.testing.assert_allclose(found, np.array(wanted))
    twins = returns_of(world, np.stack([flat[0], flat[0]]), 4, seeds, steps=40)
    assert twins[0] == twins[1]


def test_the_same_seeds_dream_the_same(model: VMC, first: torch.Tensor) -> None:
    weights, seeds = controllers(model, 5), np.arange(5)
    one, two = (live(DreamWorld(model, first), weights, seeds, steps=20) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, live(DreamWorld(model, first), weights, seeds + 1, steps=20))
    assert not torch.equal(one, live(DreamWorld(model, first, temperature=0.1), weights, seeds, steps=20))


def test_the_reward_of_a_dream_is_what_m_expects(model: VMC, first: torch.Tensor) -> None:
    world = DreamWorld(model, first)
    state = world.begin(np.arange(4))
    assert torch.equal(state.reward, torch.zeros(4)), "nothing has been done yet"
    for action in (1, 3, 2):
        actions = torch.full((4,), action)
        told = torch.nn.functional.one_hot(actions, 4).float()
        with torch.no_grad():
            said, _ = model.m.step(state.z, told, type(model.m.begin(1))(state.h, state.c))
        state, rewards = world.step(actions)
        torch.testing.assert_close(rewards, said.reward.sigmoid())
        assert ((rewards > 0) & (rewards < 1)).all(), "an expectation of something that is 0 or 1"


def test_dreams_begin_where_v_and_m_stood_in_the_films(model: VMC) -> None:
    films = load_films("goal", split="train", count=3, length=6)
    starts = beginnings(model, films.frames, films.actions)
    assert len(starts) == 3 * 5
    places = []
    for pictures, actions in zip(films.frames, films.actions, strict=True):
        film = to_model(pictures)
        for t in range(5):
            with torch.no_grad():
                stood = model.encode(film[None, : t + 1], torch.from_numpy(actions[None, :t]).long() if t else None)
            pairs = ((starts.z, stood.z), (starts.h, stood.h), (starts.c, stood.c))
            away = sum((here - there).abs().sum(1) for here, there in pairs)
            assert away.min() < 1e-3
            places.append(int(away.argmin()))
    assert sorted(places) == list(range(15)) and places != sorted(places), "each once, and not film after film"
    again, other = (beginnings(model, films.frames, films.actions, seed=seed) for seed in (0, 1))
    assert torch.equal(again.z, starts.z) and not torch.equal(other.z, starts.z)


class Scripted:
    """A model whose dreams pay what a table says, (steps, games)."""

    def __init__(self, table: list[list[float]]) -> None:
        self.table = torch.tensor(table)

    def predict(self, state: Dream, actions: torch.Tensor, **_: object) -> Dream:
        step = int(state.z[0, 0])
        return Dream(state.z + 1, state.h, state.c, self.table[step], state.over)


def paid(**settings: object) -> torch.Tensor:
    """What four games are paid in three steps, (3, 4). The first: no star, a star, another. Then: a star at once; small
    doubts only; a doubt, then a star in the last step."""
    model = Scripted([[0.1, 0.9, 0.5, 0.4], [0.8, 0.9, 0.5, 0.0], [0.7, 0.9, 0.5, 1.0]])
    start = Dream(*(torch.zeros(4, 1) for _ in range(3)), *(torch.zeros(4) for _ in range(2)))
    world = DreamWorld(model, start, **settings)
    world.begin(np.arange(4))
    return torch.stack([world.step(torch.zeros(4, dtype=torch.long))[1] for _ in range(3)])


def test_a_dream_counts_up_to_its_first_star_and_a_doubt_is_none() -> None:
    counted = paid(until_reward=True, discount=0.5)
    torch.testing.assert_close(counted, torch.tensor([[0.0, 1, 0, 0], [0.5, 0, 0, 0], [0.0, 0, 0, 0.25]]))
    torch.testing.assert_close(paid(until_reward=True).sum(0), torch.tensor([1.0, 1, 0, 1]))


def test_a_plain_dream_pays_every_expectation() -> None:
    torch.testing.assert_close(paid()[:, 0], torch.tensor([0.1, 0.8, 0.7]))
    torch.testing.assert_close(paid(discount=0.5)[:, 1], torch.tensor([0.9, 0.45, 0.225]))


def test_a_dream_of_two_thousand_steps_does_not_grow(model: VMC, first: torch.Tensor) -> None:
    world, weights = DreamWorld(model, first), controllers(model, 64)
    state = world.begin(np.arange(64))
    sizes = {name: tuple(value.shape) for name, value in vars(state).items()}
    for _ in range(2000):
        state, rewards = world.step(model.press(state, weights))
    assert {name: tuple(value.shape) for name, value in vars(state).items()} == sizes
    for value in vars(state).values():
        assert value.grad_fn is None and torch.isfinite(value).all()
        assert value.untyped_storage().nbytes() <= 16 * value.numel() * value.element_size(), "no hidden history"
    assert rewards.shape == (64,)


def test_evolution_finds_something_in_a_real_world(model: VMC) -> None:
    """At tiny size and with eyes and memory that have learned nothing: what it finds is on other episodes still there.
    Standing still is the control."""
    settings = ControllerTraining(population=12, lives=2, generations=14, steps=64)
    found = train_controller(model, RealWorld(model), settings)
    weights = as_weights(model, found.mean)
    episodes = {"split": "validation", "episodes": 40}
    gain = real_returns(model, weights, **episodes) - real_returns(model, 0 * weights, **episodes)
    low, _ = bootstrap_interval(gain, generator=np.random.default_rng(0))
    assert low > 0, f"stars more than by standing still: {gain.mean():.2f}, at least {low:.2f}"


def test_evolution_finds_something_in_a_dream(model: VMC, first: torch.Tensor) -> None:
    """Even the dream of an M that has learned nothing can be exploited: a dreamed return alone proves nothing."""
    settings = ControllerTraining(population=10, lives=2, generations=15, steps=40)
    weights = as_weights(model, train_controller(model, DreamWorld(model, first), settings).mean)
    asked = {"temperature": 1.0, "episodes": 24, "seed": 900}
    dreamed, still = (dream_returns(model, w, first, **asked) for w in (weights, 0 * weights))
    low, _ = bootstrap_interval(dreamed - still, generator=np.random.default_rng(0))
    assert low > 0
