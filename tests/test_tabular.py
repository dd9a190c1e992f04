"""The printed world, the model that counts it, and the two agents: what must be true of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.contract import PredictsReward, imagine
from course_lib.exam.measures.intervals import ratio_interval
from course_lib.models.counting import (
    CountModel,
    ShuffledCountModel,
    UntrainedCountModel,
    random_life,
    transition_error,
)
from course_lib.models.dyna import (
    Habits,
    choose,
    constant,
    dyna,
    q_learning,
    share_of_optimal,
    shrinking,
    steps_to_optimal,
)
from course_lib.models.tabular import (
    MOVED_DOOR,
    Room,
    action_values,
    grid_room,
    policy_value,
    value_iteration,
)
from tests.contract_tests import check_world_model

DISCOUNT = 0.95
HABITS = Habits(shrinking(0.3), exploration=0.2, discount=DISCOUNT, initial=0.3)


@pytest.fixture(scope="module")
def room() -> Room:
    return grid_room()


def _random_mdp(generator: np.random.Generator, states: int = 7, actions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    return generator.dirichlet(np.full(states, 0.4), (states, actions)), generator.normal(size=(states, actions))


# ------------------------------------------------------------------------------------------------------------ the room


def test_every_row_of_the_room_is_a_distribution(room: Room) -> None:
    assert room.transitions.shape == (43, 4, 43)
    assert (room.transitions >= 0).all()
    np.testing.assert_allclose(room.transitions.sum(axis=-1), 1.0)


def test_moves_walls_slips_and_the_way_back() -> None:
    room = grid_room("S.G\n...", slip=0.2)
    right = room.transitions[0, 1]
    assert right[1] == pytest.approx(0.8)  # as intended
    assert right[0] == pytest.approx(0.1)  # slipped up, into the outer wall
    assert right[3] == pytest.approx(0.1)  # slipped down
    assert (room.transitions[room.goal, :, room.start] == 1.0).all()
    assert room.rewards[1, 1] == pytest.approx(0.8)  # the goal is reached unless the foot slips


def test_step_draws_from_the_printed_probabilities(room: Room) -> None:
    generator = np.random.default_rng(0)
    arrived = np.bincount([room.step(11, 2, generator)[0] for _ in range(4000)], minlength=43) / 4000
    np.testing.assert_allclose(arrived, room.transitions[11, 2], atol=4 * 0.5 / 4000**0.5)
    rewards = {room.step(s, a, generator) for s, a in ((room.goal - 1, 1), (room.goal + 2, 0)) for _ in range(200)}
    assert {reward for following, reward in rewards if following == room.goal} == {1.0}
    assert {reward for following, reward in rewards if following != room.goal} == {0.0}


def test_a_moved_door_leaves_all_other_numbers(room: Room) -> None:
    """What was learned in one room must mean the same in the other: only the door itself is somewhere else."""
    moved = grid_room(MOVED_DOOR, numbered_as=room)
    (changed,) = np.flatnonzero((moved.cells != room.cells).any(axis=1))
    assert room.cells[changed].tolist() == [1, 5] and moved.cells[changed].tolist() == [4, 5]
    assert (moved.start, moved.goal) == (room.start, room.goal)
    np.testing.assert_allclose(moved.transitions.sum(axis=-1), 1.0)
    beside = {int(s) for s in np.flatnonzero(room.transitions[:, :, changed].any(axis=1))}
    beside |= {int(s) for s in np.flatnonzero(moved.transitions[:, :, changed].any(axis=1))}
    untouched = [s for s in range(43) if s not in beside]
    assert len(untouched) >= 36
    assert np.array_equal(moved.transitions[untouched], room.transitions[untouched])
    with pytest.raises(ValueError, match="43 cells"):
        grid_room("S.G", numbered_as=room)


@pytest.mark.parametrize("drawing", ["S.", "SG\n.", "SSG", "SxG"])
def test_a_bad_drawing_is_refused(drawing: str) -> None:
    with pytest.raises(ValueError, match="drawing"):
        grid_room(drawing)


def test_a_slip_is_a_probability() -> None:
    with pytest.raises(ValueError, match=r"slip.*1\.5"):
        grid_room(slip=1.5)


# --------------------------------------------------------------------------------------------------- Bellman's equation


def test_value_iteration_satisfies_bellmans_equation_within_its_bound(room: Room) -> None:
    solution = value_iteration(room.transitions, room.rewards, DISCOUNT, tolerance=1e-4)
    q = action_values(room.transitions, room.rewards, solution.values, DISCOUNT)
    assert np.abs(q.max(axis=1) - solution.values).max() <= 1e-4
    exact = value_iteration(room.transitions, room.rewards, DISCOUNT, tolerance=1e-12).values
    assert np.abs(solution.values - exact).max() <= solution.bound <= 1e-4


def test_no_policy_beats_the_optimal_values() -> None:
    generator = np.random.default_rng(1)
    transitions, rewards = _random_mdp(generator)
    solution = value_iteration(transitions, rewards, 0.9, tolerance=1e-10)
    for _ in range(50):
        policy = generator.integers(3, size=7)
        assert (policy_value(transitions, rewards, policy, 0.9) <= solution.values + 1e-9).all()
    np.testing.assert_allclose(policy_value(transitions, rewards, solution.policy, 0.9), solution.values, atol=1e-9)


def test_a_backup_is_a_contraction() -> None:
    generator = np.random.default_rng(2)
    transitions, rewards = _random_mdp(generator)
    for _ in range(20):
        one, two = generator.normal(size=(2, 7)) * 10
        backed = [action_values(transitions, rewards, v, 0.9).max(axis=1) for v in (one, two)]
        assert np.abs(backed[0] - backed[1]).max() <= 0.9 * np.abs(one - two).max() + 1e-12


def test_policy_value_of_probabilities_is_the_mean_over_lives() -> None:
    """A uniformly random policy on a two-cell world, where the value can be worked out by hand."""
    room = grid_room("SG", slip=0.0)
    uniform = np.full((2, 4), 0.25)
    # v(S) = 1/4 (1 + g v(G)) + 3/4 g v(S), v(G) = g v(S)
    g = 0.9
    start = 0.25 / (1 - 0.75 * g - 0.25 * g * g)
    np.testing.assert_allclose(policy_value(room.transitions, room.rewards, uniform, g), [start, g * start])


@pytest.mark.parametrize("discount", [1.0, 1.2, -0.1])
def test_without_a_discount_there_is_no_bound(room: Room, discount: float) -> None:
    with pytest.raises(ValueError, match="discount"):
        value_iteration(room.transitions, room.rewards, discount)


# ------------------------------------------------------------------------------------------------------------- counting


def test_counts_give_a_distribution_and_the_prior_is_what_it_says() -> None:
    model = CountModel(4, 2, prior=1.0)
    np.testing.assert_allclose(model.probabilities(0, 0), 0.25)  # never tried: anywhere
    for following in (1, 1, 2):
        model.update(0, 1, 0.5, following)
    np.testing.assert_allclose(model.probabilities(0, 1), np.array([0.25, 2.25, 1.25, 0.25]) / 4.0)
    np.testing.assert_allclose(model.transitions[0, 1], model.probabilities(0, 1))
    np.testing.assert_allclose(model.transitions.sum(axis=-1), 1.0)
    assert model.rewards[0, 1] == model.expected_reward(0, 1) == 0.5
    np.testing.assert_allclose(model.paid, model.reward_sums.sum(axis=-1))
    assert model.expected_reward(0, 0) == 0.0


def test_a_model_needs_a_prior() -> None:
    with pytest.raises(ValueError, match="prior"):
        CountModel(3, 2, prior=0.0)


def test_counting_converges_to_the_truth_like_one_over_root_n() -> None:
    room = grid_room("S..\n..G", slip=0.3)
    generator = np.random.default_rng(3)
    errors = []
    for steps in (2_000, 32_000):
        means = []
        for _ in range(8):
            model = CountModel(6, 4, prior=0.1)
            random_life(model, room, steps, generator)
            means.append(transition_error(model, room.transitions).mean())
        errors.append(np.mean(means))
    assert errors[1] < 0.02
    assert 3.0 < errors[0] / errors[1] < 5.3  # sixteen times the data, a quarter of the error


def test_the_controls_learn_what_they_should_not_know(room: Room) -> None:
    errors = {}
    for name, model in {
        "counting": CountModel(43, 4),
        "shuffled": ShuffledCountModel(43, 4, generator=np.random.default_rng(4)),
        "untrained": UntrainedCountModel(43, 4),
    }.items():
        random_life(model, room, 10_000, np.random.default_rng(5))
        errors[name] = transition_error(model, room.transitions).mean()
    assert errors["counting"] < 0.2 < 0.4 < errors["shuffled"] < errors["untrained"]


def test_the_counting_model_keeps_the_contract(room: Room) -> None:
    model = CountModel(43, 4)
    generator = np.random.default_rng(6)
    random_life(model, room, 3000, generator)
    films, actions = np.zeros((3, 6), dtype=int), generator.integers(4, size=(3, 5))
    for film, chosen in zip(films, actions, strict=True):  # lives as they happen: surprise tells them from leaps
        for t, action in enumerate(chosen):
            film[t + 1] = room.step(film[t], action, generator)[0]
    check_world_model(model, torch.from_numpy(films), torch.from_numpy(actions))
    assert isinstance(model, PredictsReward)


def test_what_the_model_imagines_and_what_surprises_it() -> None:
    room = grid_room("S.G", slip=0.0)
    model = CountModel(3, 4)
    random_life(model, room, 400, np.random.default_rng(7))
    right = torch.tensor([[1, 1, 0]])
    states = imagine(model, model.encode(torch.tensor([[0]])), right)
    assert [int(s.state) for s in states] == [0, 1, 2, 0]  # to the goal, and back to the start
    assert [float(model.reward(s)) for s in states] == [0.0, 0.0, 1.0, 0.0]
    seen = model.surprise(torch.tensor([[0, 1, 2], [0, 2, 2]]), torch.tensor([[1, 1], [1, 1]]))
    assert seen[0, 1] < 0.1 < 3.0 < seen[1, 1]  # a leap over a cell has never happened
    assert seen.isnan()[:, 0].all()


def test_a_state_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 2"):
        CountModel(3, 2).encode(torch.tensor([[5]]))


# --------------------------------------------------------------------------------------------------------------- agents


def test_one_step_of_q_learning_is_the_formula() -> None:
    """With two cells and no slip, the first steps of a life can be worked out by hand."""
    room = grid_room("SG", slip=0.0)
    habits = Habits(constant(0.5), exploration=1.0, discount=0.9, initial=0.2)
    life = q_learning(room, 1, habits, np.random.default_rng(8))
    ((state, action),) = np.argwhere(life.visits == 1)
    assert state == room.start
    reward = float(action == 1)
    assert life.q[state, action] == pytest.approx(0.2 + 0.5 * (reward + 0.9 * 0.2 - 0.2))
    untouched = life.visits == 0
    assert (life.q[untouched] == 0.2).all()


def test_q_learning_finds_the_optimal_values_of_a_tiny_world() -> None:
    room = grid_room("S..\n..G", slip=0.1)
    life = q_learning(room, 60_000, Habits(shrinking(0.7), exploration=0.5, discount=0.8), np.random.default_rng(9))
    solution = value_iteration(room.transitions, room.rewards, 0.8)
    np.testing.assert_allclose(life.q.max(axis=1), solution.values, atol=0.05)


def test_dyna_without_planning_is_q_learning_to_the_bit(room: Room) -> None:
    lives = [
        q_learning(room, 2000, HABITS, np.random.default_rng(10)),
        dyna(room, 2000, HABITS, np.random.default_rng(10), planning_steps=0),
    ]
    assert np.array_equal(lives[0].q, lives[1].q)
    assert np.array_equal(lives[0].policies, lives[1].policies)
    assert np.array_equal(lives[0].visits, lives[1].visits)
    assert lives[0].state == lives[1].state


def test_a_life_can_be_continued(room: Room) -> None:
    model = CountModel(43, 4)
    first = dyna(room, 300, HABITS, np.random.default_rng(11), model=model)
    second = dyna(room, 200, HABITS, np.random.default_rng(12), model=model, before=first)
    assert second.visits.sum() == model.visits.sum() == 500
    assert np.array_equal(second.visits, model.visits)


def test_choices_are_greedy_but_for_exploration() -> None:
    generator = np.random.default_rng(13)
    assert {choose(np.array([0.0, 2.0, 1.0]), 0.0, generator) for _ in range(50)} == {1}
    assert {choose(np.array([1.0, 2.0, 2.0]), 0.0, generator) for _ in range(100)} == {1, 2}
    chosen = np.bincount([choose(np.array([0.0, 1.0]), 0.5, generator) for _ in range(4000)]) / 4000
    assert chosen[0] == pytest.approx(0.25, abs=0.03)


def test_dyna_needs_a_fifth_of_the_real_steps_of_q_learning(room: Room) -> None:
    """The bar of notebook 01 with fewer seeds (the notebook has 24 and a sweep for fair settings)."""
    needed: dict[str, list[int]] = {"q": [], "dyna": [], "shuffled": []}
    for seed in range(8):
        lives = {
            "q": q_learning(room, 8000, HABITS, np.random.default_rng(seed)),
            "dyna": dyna(room, 2500, HABITS, np.random.default_rng(100 + seed)),
        }
        control = ShuffledCountModel(43, 4, generator=np.random.default_rng(seed))
        lives["shuffled"] = dyna(room, 8000, HABITS, np.random.default_rng(200 + seed), model=control)
        for name, life in lives.items():
            share = share_of_optimal(life, room, DISCOUNT)
            assert share.max() <= 1.0 + 1e-9
            needed[name].append(steps_to_optimal(share, life.every))
    low, high = ratio_interval(needed["dyna"], needed["q"], generator=np.random.default_rng(0))
    assert high < 0.33
    assert np.mean(needed["dyna"]) / np.mean(needed["q"]) <= 0.2
    assert np.mean(needed["q"]) < 8000 and min(needed["shuffled"]) == 8000  # a bad model is worse than none


def test_a_moved_door_makes_the_model_stale(room: Room) -> None:
    """Planned in a model of yesterday's room, the way is as good as the best there and worthless today."""
    model = CountModel(43, 4)
    random_life(model, room, 30_000, np.random.default_rng(14))
    plan = value_iteration(model.transitions, model.rewards, DISCOUNT).policy
    moved = grid_room(MOVED_DOOR, numbered_as=room)
    worth = []
    for world in (room, moved):
        best = value_iteration(world.transitions, world.rewards, DISCOUNT).values[world.start]
        worth.append(policy_value(world.transitions, world.rewards, plan, DISCOUNT)[world.start] / best)
    assert worth[0] > 0.97
    assert worth[1] < 0.5


def test_steps_to_optimal_wants_the_policy_to_stay() -> None:
    share = np.array([0.2, 0.99, 0.5, 0.97, 0.98, 0.99, 1.0, 0.1])
    assert steps_to_optimal(share, 100, stays=200) == 400  # the first visit at 200 does not last
    assert steps_to_optimal(share, 100, stays=0) == 200
    assert steps_to_optimal(share, 100, stays=500) == 800  # never: the full length
    assert steps_to_optimal(share, 100, stays=5000) == 800


@pytest.mark.parametrize("change", [{"planning_steps": -1}, {"planning": "wishful"}])
def test_dyna_refuses_what_it_cannot_do(room: Room, change: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        dyna(room, 10, HABITS, np.random.default_rng(0), **change)


@pytest.mark.parametrize("change", [{"discount": 1.0}, {"exploration": 1.5}])
def test_habits_are_checked(change: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Habits(constant(0.1), **change)
