"""Exercises of notebook 01: counting a world, Bellman's equation, learning with a model and without one.

Each check asks for properties first, because a property that fails says what is wrong; then for the values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.models.tabular import action_values


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise Wrong(message)


def _array(result: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The result as an array of this shape, or a Wrong that names the shape it has."""
    array = np.asarray(result, dtype=float)
    if array.shape != shape:
        raise Wrong(f"{what} should have the shape {shape}, yours has {array.shape}.")
    if not np.isfinite(array).all():
        raise Wrong(f"{what} holds values that are not finite (inf or nan): is something divided by zero?")
    return array


def _same(one: Any, two: Any) -> bool:
    return bool(np.allclose(one, two, rtol=1e-6, atol=1e-8))


def _mdp(generator: np.random.Generator, states: int = 5, actions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A random world: transitions (S, A, S), expected rewards (S, A)."""
    transitions = generator.dirichlet(np.full(states, 0.5), size=(states, actions))
    return transitions, generator.normal(size=(states, actions))


# ------------------------------------------------------------------------------------------------ 1: total variation


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Half the sum of |p - q| over the outcomes. p, q: (S,) probabilities -> a number from 0 to 1."""
    return float(0.5 * np.abs(p - q).sum())


def _check_total_variation(candidate: Any) -> None:
    generator = np.random.default_rng(101)
    one, other = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    for _ in range(10):
        p, q = generator.dirichlet(np.ones(6), size=2)
        _need(
            np.shape(candidate(p, q)) != p.shape,
            "You return one difference for each outcome. One number is asked for: add the differences up.",
        )
        given = [float(_array(candidate(*pair), (), "The distance")) for pair in ((p, q), (q, p), (p, p))]
        _need(_same(given[2], 0.0), f"The distance from a distribution to itself is 0, yours is {given[2]:.3g}.")
        _need(
            not _same(given[0], 0.0),
            "Two different distributions have the distance 0: positive and negative differences cancel. "
            "Take the absolute value of each before you add.",
        )
        _need(_same(given[0], given[1]), "The distance from p to q is not the one from q to p: take absolute values.")
    _need(
        not _same(given[0], np.abs(p - q).mean()),
        "You average the differences, so the result shrinks with the number of outcomes. Add them up, then halve.",
    )
    furthest = float(candidate(one, other))
    _need(
        not _same(furthest, 2.0),
        "Two distributions that share no outcome have the distance 1, yours is 2: the factor one half is missing. "
        "What one of them has too much, the other has too little, and the sum counts it twice.",
    )
    _need(_same(furthest, 1.0), f"Distributions that share no outcome have the distance 1, yours is {furthest:.3g}.")
    for _ in range(10):
        p, q = generator.dirichlet(np.ones(4), size=2)
        wanted = total_variation(p, q)
        _need(
            _same(candidate(p, q), wanted),
            f"Right at the extremes, wrong between: for p = {p.round(2)}, q = {q.round(2)} the distance is "
            f"{wanted:.3f}, yours is {float(candidate(p, q)):.3f}. Is it the sum of absolute differences, halved?",
        )


register(
    Exercise(
        id="counting.total_variation",
        notebook="01",
        title="How wrong is a prediction?",
        difficulty=1,
        minutes=4,
        reference=total_variation,
        check=_check_total_variation,
        hints=(
            "Two predictions are compared outcome by outcome: how much more, or less, does p give than q?",
            "np.abs(p - q) holds the differences without their sign. Add them, then halve the sum.",
        ),
        explanation=(
            "Both distributions sum to 1, so whatever p gives more to some outcomes it gives less to others: the sum "
            "of |p - q| counts every misplaced bit of probability twice. Half of it is the probability that has to be "
            "moved to turn p into q. It is also the largest difference between the two on any yes-no question, and "
            "so it bounds how wrong a plan made with p can be about one step of a world that follows q."
        ),
    )
)


# ------------------------------------------------------------------------------------- 2: from counts to probabilities


def transition_estimate(counts: np.ndarray, prior: float) -> np.ndarray:
    """Turn counts into probabilities. counts: (S, A, S); prior: imaginary visits a pair -> (S, A, S)."""
    states = counts.shape[-1]
    visits = counts.sum(axis=-1, keepdims=True)  # (S, A, 1)
    return (counts + prior / states) / (visits + prior)


def _check_transition_estimate(candidate: Any) -> None:
    generator = np.random.default_rng(102)
    for states, actions, prior in ((6, 3, 0.1), (4, 2, 1.0), (3, 3, 3.0)):
        counts = generator.poisson(3.0, size=(states, actions, states)).astype(float)
        counts[0, 0] = 0.0  # a pair that was never tried
        before = counts.copy()
        given = _array(candidate(counts, prior), counts.shape, "The estimate")
        _need(np.array_equal(counts, before), "Your function changes the counts it was given: work on a new array.")
        totals = given.sum(axis=-1)
        if not _same(totals, 1.0):
            _need(
                not _same(given.sum(axis=0), 1.0) and not _same(given.sum(axis=1), 1.0) and not _same(given.sum(), 1.0),
                "Your numbers sum to 1 along the wrong axis. For each s and a the sum over s' (the last axis) is 1.",
            )
            wrong_total = (counts.sum(-1) + prior * states) / (counts.sum(-1) + prior)
            _need(
                not _same(totals, wrong_total),
                "The prior is spread over all next states, prior / S to each. You gave the whole of it to every one, "
                "so the probabilities sum to more than 1.",
            )
            raise Wrong(
                f"For each s and a the probabilities sum to 1. Yours sum to {totals.min():.3g} to {totals.max():.3g}."
            )
        _need(
            _same(given[0, 0], 1.0 / states),
            f"For a pair that was never tried only the prior speaks: 1 / S = {1 / states:.3g} for every next state. "
            f"Yours are {given[0, 0].min():.3g} to {given[0, 0].max():.3g}.",
        )
        _need(
            not _same(given, (counts + prior) / (counts.sum(-1, keepdims=True) + states * prior)),
            "You give every next state the whole prior, S times too much. It is prior / S to each, prior in all.",
        )
        laplace = (counts + 1.0) / (counts.sum(-1, keepdims=True) + states)
        _need(
            prior == states or not _same(given, laplace),
            "You add 1 to every count (Laplace's rule). Here the prior has a strength: prior / S is added to each.",
        )
        wanted = transition_estimate(counts, prior)
        _need(
            _same(given, wanted),
            f"Each row is a distribution, but not this one: with prior {prior} and counts {before[-1, -1].astype(int)} "
            f"the probabilities are {wanted[-1, -1].round(3)}, yours are {given[-1, -1].round(3)}.",
        )


register(
    Exercise(
        id="counting.transition_estimate",
        notebook="01",
        title="From counts to probabilities",
        difficulty=2,
        minutes=6,
        reference=transition_estimate,
        check=_check_transition_estimate,
        hints=(
            "Before any data each of the S next states has the same share of the prior. Add it to the counts, "
            "then divide so that each row sums to 1.",
            "The numerator is counts + prior / S. The denominator is the row's visits + prior, where "
            "visits = counts.sum(axis=-1, keepdims=True) keeps an axis of length 1 for the division.",
        ),
        explanation=(
            "This is the mean of a Dirichlet posterior whose S parameters are all prior / S. It is an average of two "
            "opinions: the observed frequencies with weight n / (n + prior), and 'anywhere' with weight "
            "prior / (n + prior). The more often a pair was tried, the less the prior matters; where nothing was "
            "tried it is all there is. That is an assumption about the unseen, and it stands in the open."
        ),
    )
)


# ------------------------------------------------------------------------------------------------ 3: Bellman's backup


def bellman_backup(transitions: np.ndarray, rewards: np.ndarray, values: np.ndarray, discount: float) -> np.ndarray:
    """One sweep of Bellman's optimality equation. (S, A, S), (S, A), (S,), gamma -> new values (S,)."""
    q = rewards + discount * transitions @ values  # (S, A)
    return q.max(axis=1)


def _check_bellman_backup(candidate: Any) -> None:
    generator = np.random.default_rng(103)
    for discount in (0.9, 0.5, 0.0):
        transitions, rewards = _mdp(generator)
        values = generator.normal(size=5)
        q = action_values(transitions, rewards, values, discount)
        given = np.asarray(candidate(transitions, rewards, values, discount), dtype=float)
        _need(
            given.shape != (5, 3),
            "You return one number for each action, (S, A). A backup keeps the best of them: a maximum over actions.",
        )
        _need(
            given.shape != (3,),
            "You took the best state for each action. Keep the best action for each state: the maximum along axis 1.",
        )
        given = _array(given, (5,), "The new values")
        _need(
            not _same(given, q.mean(axis=1)),
            "You average over the actions. That is the value of acting at random; an optimal agent takes the best.",
        )
        _need(not _same(given, q.min(axis=1)), "You keep the worst action. An optimal agent takes the best.")
        at_zero = _array(candidate(transitions, rewards, np.zeros(5), discount), (5,), "The new values")
        _need(
            _same(at_zero, rewards.max(axis=1)),
            "When nothing that follows is worth anything, the new value is the best immediate reward. Yours is not: "
            "is the reward discounted too, or left out? The discount belongs to what follows.",
        )
        raised = _array(candidate(transitions, rewards, values + 1.0, discount), (5,), "The new values")
        rise = raised - given
        _need(
            _same(rise, discount),
            f"Raise every old value by 1 and every new one rises by the discount, {discount}. "
            f"Yours rise by {rise.min():.3g} to {rise.max():.3g}: look at the factor before the sum over s'.",
        )
        _need(
            _same(given, q.max(axis=1)),
            "The sum over s' runs along the last axis of the transitions: p(s' | s, a) times v(s'). "
            f"In state 0 the new value is {q.max(axis=1)[0]:.3f}, yours is {given[0]:.3f}.",
        )


register(
    Exercise(
        id="mdp.bellman_backup",
        notebook="01",
        title="One sweep of Bellman's equation",
        difficulty=2,
        minutes=6,
        reference=bellman_backup,
        check=_check_bellman_backup,
        hints=(
            "First work out what every action in every state is worth, a table (S, A); then keep the best of a row.",
            "transitions @ values sums p(s' | s, a) v(s') over s' and has the shape (S, A). "
            "Multiply it by the discount, add the rewards, and take .max(axis=1).",
        ),
        explanation=(
            "v(s) = max over a of [ r(s, a) + gamma * sum over s' of p(s' | s, a) v(s') ]: Sutton & Barto, (4.10). "
            "The discount stands before what follows, never before the reward of now. Because of it two different "
            "guesses for v come closer by the factor gamma in each sweep: repeat it and every guess ends in the same "
            "place, the optimal values."
        ),
    )
)


# ------------------------------------------------------------------------------------------------ 4: the greedy policy


def greedy_policy(transitions: np.ndarray, rewards: np.ndarray, values: np.ndarray, discount: float) -> np.ndarray:
    """The action that looks best one step ahead. (S, A, S), (S, A), (S,), gamma -> integers (S,)."""
    return (rewards + discount * transitions @ values).argmax(axis=1)


def _check_greedy_policy(candidate: Any) -> None:
    generator = np.random.default_rng(104)
    for states, actions in ((6, 3), (3, 5), (5, 4)):
        transitions, rewards = _mdp(generator, states, actions)
        values = 3.0 * generator.normal(size=states)
        q = action_values(transitions, rewards, values, 0.9)
        given = np.asarray(candidate(transitions, rewards, values, 0.9))
        _need(given.shape != (states, actions), "You return a table (S, A). A policy is one action for each state.")
        _need(
            not (given.shape == (actions,) and actions != states),
            f"You chose a state for each action: {actions} numbers. Look for the best along the actions, axis 1.",
        )
        given = _array(given, (states,), "The policy")
        _need(
            not _same(given, q.max(axis=1)),
            "You return how much the best action is worth. Asked for is which action it is: argmax, not max.",
        )
        whole = _same(given, np.round(given)) and (given >= 0).all() and (given < actions).all()
        _need(whole, f"A policy holds action numbers from 0 to {actions - 1}; yours holds {given.round(2)}.")
        _need(
            not np.array_equal(given, rewards.argmax(axis=1)),
            "You look at the immediate reward alone. A greedy policy also counts what the next state is worth.",
        )
        _need(
            not np.array_equal(given, (transitions @ values).argmax(axis=1)),
            "You look at what follows alone. The reward of the step itself counts too.",
        )
        _need(
            np.array_equal(given, q.argmax(axis=1)),
            f"With discount 0.9 the best actions are {q.argmax(axis=1)}, yours are {given.astype(int)}: "
            "add the reward and the discounted value of what follows, then take the argmax over the actions.",
        )


register(
    Exercise(
        id="mdp.greedy_policy",
        notebook="01",
        title="From values to a policy",
        difficulty=2,
        minutes=5,
        reference=greedy_policy,
        check=_check_greedy_policy,
        hints=(
            "Values alone do not say what to do: the model has to look one step ahead with every action.",
            "Make the same (S, A) table as for a backup, and ask for the position of the largest entry in each row.",
        ),
        explanation=(
            "A value says how good a state is, a policy says what to do in it. Between the two stands the model: "
            "without p(s' | s, a) nobody could tell which action leads to the good states. An agent without a model "
            "has to store q(s, a) instead, one number for each action, which is what Q-learning does."
        ),
    )
)


# -------------------------------------------------------------------------------------------- 5: learning from one step


def q_update(
    q: np.ndarray, state: int, action: int, reward: float, following: int, rate: float, discount: float
) -> np.ndarray:
    """Q-learning after one real step s, a, r, s'. q: (S, A) -> the corrected table (S, A), a new array."""
    better = q.copy()
    target = reward + discount * q[following].max()
    better[state, action] += rate * (target - q[state, action])
    return better


def _check_q_update(candidate: Any) -> None:
    generator = np.random.default_rng(105)
    for _ in range(6):
        q = generator.normal(size=(5, 3))
        state, following = generator.choice(5, size=2, replace=False).tolist()
        action, reward = int(generator.integers(3)), float(generator.normal())
        rate, discount = 0.3, 0.9
        before = q.copy()
        given = _array(candidate(q, state, action, reward, following, rate, discount), (5, 3), "The table")
        _need(np.array_equal(q, before), "Your function changes the table that it was given: begin with q.copy().")
        moved = np.argwhere(~np.isclose(given, before))
        _need(len(moved) > 0, "Nothing in your table has changed: the entry of (s, a) should move.")
        _need(
            len(moved) == 1 and tuple(moved[0]) == (state, action),
            f"Only the entry of (s, a) = ({state}, {action}) may move: nothing was learned about the others. "
            f"Yours moves {[tuple(m.tolist()) for m in moved]}.",
        )
        new, old = given[state, action], before[state, action]
        target = reward + discount * before[following].max()
        _need(
            not _same(new, target),
            "You replace the old value by the target. One step can be luck: move only the fraction `rate` towards it.",
        )
        _need(
            not _same(new, old + rate * target),
            "You add the target itself. What is added is the error: the target minus the old value.",
        )
        own = reward + discount * before[state].max()
        _need(
            not _same(new, old + rate * (own - old)),
            "The maximum is taken over the state that was left. What can still be collected starts in the next one.",
        )
        _need(
            not _same(new, old + rate * (reward + before[following].max() - old)),
            "What follows is not discounted: multiply the best value of the next state by the discount.",
        )
        wanted = old + rate * (target - old)
        _need(
            _same(new, wanted),
            f"The target is reward + discount * max q(s', .) = {target:.3f}, the old value {old:.3f}; with rate {rate} "
            f"the new value is {wanted:.3f}, yours is {new:.3f}.",
        )


register(
    Exercise(
        id="qlearning.update",
        notebook="01",
        title="Learn from one real step",
        difficulty=3,
        minutes=8,
        reference=q_update,
        check=_check_q_update,
        hints=(
            "Compare what you believed, q(s, a), with what you now have reason to believe: the reward that came, plus "
            "the discounted best of the state in which you arrived.",
            "target = reward + discount * q[following].max(); then move q[state, action] by rate * (target - old), "
            "in a copy of q.",
        ),
        explanation=(
            "Sutton & Barto, (6.8). The line is Bellman's backup with the sum over s' replaced by the one s' that "
            "happened. One draw is a noisy stand-in for the mean, so the value only moves a part of the way; over many "
            "steps the noise averages out. No model is needed, and the price is real steps."
        ),
    )
)


# ------------------------------------------------------------------------------------------------- 6: one imagined step


def planning_step(
    q: np.ndarray,
    transitions: np.ndarray,
    rewards: np.ndarray,
    state: int,
    action: int,
    rate: float,
    discount: float,
) -> np.ndarray:
    """One planning step of Dyna: the model answers instead of the world. q: (S, A) -> a new table (S, A)."""
    best = q.max(axis=1)  # (S,) what each state is worth
    target = rewards[state, action] + discount * transitions[state, action] @ best
    better = q.copy()
    better[state, action] += rate * (target - q[state, action])
    return better


def _check_planning_step(candidate: Any) -> None:
    generator = np.random.default_rng(106)
    for _ in range(6):
        transitions, rewards = _mdp(generator)
        q = generator.normal(size=(5, 3))
        state, action = int(generator.integers(5)), int(generator.integers(3))
        rate, discount = 0.4, 0.9
        before = q.copy()
        given = _array(candidate(q, transitions, rewards, state, action, rate, discount), (5, 3), "The table")
        _need(np.array_equal(q, before), "Your function changes the table that it was given: begin with q.copy().")
        moved = np.argwhere(~np.isclose(given, before))
        _need(
            len(moved) == 1 and tuple(moved[0]) == (state, action),
            f"A planning step corrects one remembered pair, here ({state}, {action}); yours moves {len(moved)}.",
        )
        new, old, p = given[state, action], before[state, action], transitions[state, action]

        def moves_to(target: float, old: float = old, new: float = new, rate: float = rate) -> bool:
            return _same(new, old + rate * (target - old))

        reward = rewards[state, action]
        _need(
            not moves_to(reward + discount * before[p.argmax()].max()),
            "You look only at the most likely next state. The model holds several possible: weigh each by its "
            "probability.",
        )
        _need(
            not moves_to(reward + discount * (p @ before).max()),
            "The maximum comes too late. In each next state the agent will see where it is and then choose: first the "
            "best action of every state, then the average over the states.",
        )
        _need(
            not moves_to(reward + discount * p @ before.mean(axis=1)),
            "You average over the actions of the next states. The agent will take the best one there.",
        )
        wanted = reward + discount * p @ before.max(axis=1)
        _need(
            not _same(new, wanted),
            "You replace the old value by the target. Move only the fraction `rate` towards it, as after a real step.",
        )
        _need(
            moves_to(float(wanted)),
            f"The target is r(s, a) + discount * sum over s' of p(s' | s, a) max q(s', .) = {wanted:.3f}; from "
            f"{old:.3f} with rate {rate} the value moves to {old + rate * (wanted - old):.3f}, yours to {new:.3f}.",
        )


register(
    Exercise(
        id="dyna.planning_step",
        notebook="01",
        title="Learn from one imagined step",
        difficulty=4,
        minutes=10,
        reference=planning_step,
        check=_check_planning_step,
        hints=(
            "It is the update of Q-learning, but the model answers instead of the world: take its expected reward, and "
            "instead of one next state the average over all of them.",
            "best = q.max(axis=1) is what each state is worth. The target is rewards[state, action] + discount * "
            "(transitions[state, action] @ best). Then move the entry by rate * (target - old), in a copy.",
        ),
        explanation=(
            "An expected update (Sutton & Barto, section 8.5) inside Dyna (section 8.2). The maximum stands inside the "
            "average, because the agent chooses after it has seen where it came to. Nothing in the line says whether "
            "the model is right: planning with a wrong model is just as confident."
        ),
    )
)


# ---------------------------------------------------------------------------------------------- 7: a model that forgets


def forgetful_update(counts: np.ndarray, state: int, action: int, following: int, keep: float) -> np.ndarray:
    """Fade the counts of (s, a) by the factor ``keep``, then count s'. counts: (S, A, S) -> a new array (S, A, S)."""
    faded = counts.copy()
    faded[state, action] *= keep
    faded[state, action, following] += 1.0
    return faded


def _check_forgetful_update(candidate: Any) -> None:
    generator = np.random.default_rng(107)
    for keep in (0.9, 0.6, 1.0):
        counts = generator.poisson(4.0, size=(5, 3, 5)) + 1.0
        state, action, following = int(generator.integers(5)), int(generator.integers(3)), int(generator.integers(5))
        before = counts.copy()
        given = _array(candidate(counts, state, action, following, keep), counts.shape, "The counts")
        _need(np.array_equal(counts, before), "Your function changes the counts that it was given: work on a copy.")
        elsewhere = np.ones((5, 3), dtype=bool)
        elsewhere[state, action] = False
        _need(
            _same(given[elsewhere], before[elsewhere]),
            "Other pairs have changed too. Only (s, a) was tried again, so only its counts may fade: nothing new is "
            "known about the rest.",
        )
        row, old = given[state, action], before[state, action]
        one = np.eye(5)[following]
        wanted = old * keep + one
        _need(
            keep == 1.0 or not _same(row, old + one),
            f"Nothing is forgotten: with keep = {keep} the old counts of (s, a) are multiplied by it.",
        )
        _need(
            keep == 1.0 or not _same(row, (old + one) * keep),
            "The new step fades too: it is counted before the multiplication. Fade first, then add one.",
        )
        _need(
            keep == 1.0 or not _same(row, np.where(one > 0, old * keep + 1.0, old)),
            "Only the outcome that came has faded. It is the others that must be forgotten as well: the whole row of "
            "(s, a).",
        )
        _need(
            keep == 1.0 or not _same(row, old * (1.0 - keep) + one),
            "You keep the part that should be forgotten: the factor is keep, not 1 - keep.",
        )
        _need(
            _same(row, wanted),
            f"With keep = {keep} the counts {old.astype(int)} and a step to state {following} give "
            f"{wanted.round(2)}, yours are {row.round(2)}.",
        )


register(
    Exercise(
        id="counting.forgetful_update",
        notebook="01",
        title="A model that forgets",
        difficulty=3,
        minutes=8,
        reference=forgetful_update,
        check=_check_forgetful_update,
        hints=(
            "Two things happen to one row of the table, counts[state, action], and in this order: what is old becomes "
            "lighter, and what is new is added with its full weight.",
            "In a copy: multiply the row counts[state, action] by keep, then add 1 at [state, action, following].",
        ),
        explanation=(
            "A step that lies k tries back has the weight keep ** k, so all of them together never weigh more than "
            "1 + keep + keep ** 2 + ... = 1 / (1 - keep): with 0.9 the model remembers ten tries, with 0.99 a hundred. "
            "An agent that has always lived with such a memory changes its mind after about 0.7 / (1 - keep) contrary "
            "tries, however long it has lived. "
            "The price: with a memory of m tries the probabilities keep an error of about 1 / sqrt(m), for ever."
        ),
    )
)
