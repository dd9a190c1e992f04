"""Exercises of notebook 01: counting a world, Bellman's equation, learning with a model and without one.

Each check asks for properties first, because a property that fails says what is wrong; then for the values.
"""

from __future__ import annotations

import numpy as np

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, need
from course_lib.models.tabular import action_values


def _mdp(seed: int, states: int = 5, actions: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random world: transitions (S, A, S), expected rewards (S, A), some values (S,)."""
    generator = np.random.default_rng(seed)
    transitions = generator.dirichlet(np.full(states, 0.5), size=(states, actions))
    return transitions, generator.normal(size=(states, actions)), 3.0 * generator.normal(size=states)


# ------------------------------------------------------------------------------------------------ 1: total variation


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Half the sum of |p - q| over the outcomes. p, q: (S,) probabilities -> a number from 0 to 1."""
    return float(0.5 * np.abs(p - q).sum())


def _check_total_variation(candidate: Asked) -> None:
    generator = np.random.default_rng(101)
    each = "You return one difference for each outcome. One number is asked for: add the differences up."
    for outcomes in (6, 3, 9):
        p, q = generator.dirichlet(np.ones(outcomes), size=2)
        distance = candidate.explaining({(outcomes,): each})
        there, back, none = distance(p, q), distance(q, p), distance(p, p)
        need(close(none, 0.0), f"The distance from a distribution to itself is 0, yours is {none:.3g}.")
        need(
            not close(there, 0.0),
            "Two different distributions have the distance 0: positive and negative differences cancel. "
            "Take the absolute value of each before you add.",
        )
        need(close(there, back), "The distance from p to q is not the one from q to p: take absolute values.")
        gap = np.abs(p - q)
        must_equal(
            there,
            0.5 * gap.sum(),
            [
                (gap.sum(), "Twice too large: the factor one half is missing. What one of them has too much, the other "
                            "has too little, and the sum counts it twice."),
                (gap.mean(), "You average the differences, so the result shrinks with the number of outcomes. Add them "
                             "up, then halve."),
                (gap.max(), "This is the largest difference at a single outcome. All of them count: add them up, then "
                            "halve."),
            ],
            f"For p = {p.round(3)}, q = {q.round(3)} the distance is {{wanted}}, yours is {{mine}}. Is it the sum of "
            "absolute differences, halved?",
        )  # fmt: skip
    furthest = candidate(np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    need(close(furthest, 1.0), f"Distributions that share no outcome have the distance 1, yours is {furthest:.4g}.")


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


def _counts(seed: int) -> Inputs:
    """Counts with one pair that was never tried, and the strength of a prior."""
    states, actions, prior = ((6, 3, 0.4), (4, 2, 1.0), (3, 5, 2.0))[seed % 3]
    counts = np.random.default_rng(102 + seed).poisson(3.0, size=(states, actions, states)).astype(float)
    counts[0, 0] = 0.0
    return counts, prior


def _check_transition_estimate(candidate: Asked) -> None:
    for seed in range(3):
        counts, prior = _counts(seed)
        states = len(counts)
        given = candidate.explaining(infinite="A pair that was never tried is divided by 0. The prior prevents that: "
                                              "prior / S to each next state.")(counts, prior)  # fmt: skip
        totals = given.sum(axis=-1)
        if not close(totals, np.ones_like(totals)):
            sums = [given.sum(axis=0), given.sum(axis=1), given.sum()]
            need(
                not any(close(each, np.ones_like(each)) for each in sums),
                "Your numbers sum to 1 along the wrong axis. For each s and a the sum over s' (the last axis) is 1.",
            )
            wrong_total = (counts.sum(-1) + prior * states) / (counts.sum(-1) + prior)
            need(
                not close(totals, wrong_total),
                "The prior is spread over all next states, prior / S to each. You gave the whole of it to every one, "
                "so the probabilities sum to more than 1.",
            )
            raise Wrong(
                f"For each s and a the probabilities sum to 1. Yours sum to {totals.min():.3g} to {totals.max():.3g}."
            )
        need(
            close(given[0, 0], np.full(states, 1.0 / states)),
            f"For a pair that was never tried only the prior speaks: 1 / S = {1 / states:.3g} for every next state. "
            f"Yours are {given[0, 0].min():.3g} to {given[0, 0].max():.3g}.",
        )
    check_values(
        candidate,
        transition_estimate,
        _counts,
        [
            (lambda counts, prior: (counts + prior) / (counts.sum(-1, keepdims=True) + len(counts) * prior),
             "You give every next state the whole prior, S times too much. It is prior / S to each, prior in all."),
            (lambda counts, prior: (counts + 1.0) / (counts.sum(-1, keepdims=True) + len(counts)),
             "You add 1 to every count (Laplace's rule). Here the prior has a strength: prior / S is added to each."),
        ],
        "Each row is a distribution, but not the right one: at {place} the probability is {wanted}, yours is {mine}.",
    )  # fmt: skip


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


def _worlds(seed: int) -> Inputs:
    """A world, values of its states, and a discount that matters."""
    states, actions = ((12, 3), (9, 6), (15, 4))[seed % 3]
    return *_mdp(103 + seed, states, actions), (0.9, 0.5, 0.7)[seed % 3]


def _check_bellman_backup(candidate: Asked) -> None:
    for seed in range(3):
        transitions, rewards, values, discount = _worlds(seed)
        states, actions = rewards.shape
        backup = candidate.explaining({
            rewards.shape: "You return one number for each action, (S, A). A backup keeps the best of them: a maximum "
                           "over actions.",
            (actions,): "You took the best state for each action. Keep the best action for each state: the maximum "
                        "along axis 1.",
        })  # fmt: skip
        given = backup(transitions, rewards, values, discount)
        q = action_values(transitions, rewards, values, discount)
        need(
            not close(given, q.mean(axis=1)),
            "You average over the actions. That is the value of acting at random; an optimal agent takes the best.",
        )
        need(not close(given, q.min(axis=1)), "You keep the worst action. An optimal agent takes the best.")
        need(
            close(backup(transitions, rewards, np.zeros(states), discount), rewards.max(axis=1)),
            "When nothing that follows is worth anything, the new value is the best immediate reward. Yours is not: "
            "is the reward discounted too, or left out? The discount belongs to what follows.",
        )
        rise = backup(transitions, rewards, values + 1.0, discount) - given
        need(
            close(rise, np.full(states, discount)),
            f"Raise every old value by 1 and every new one rises by the discount, {discount}. "
            f"Yours rise by {rise.min():.4g} to {rise.max():.4g}: look at the factor before the sum over s'.",
        )
        must_equal(
            given,
            q.max(axis=1),
            [],
            "The sum over s' runs along the last axis of the transitions: p(s' | s, a) times v(s'). "
            "At {place} the new value is {wanted}, yours is {mine}.",
        )
    shortsighted = (*_mdp(113), 0.0)
    must_equal(
        candidate(*shortsighted),
        shortsighted[1].max(axis=1),
        [],
        "With discount 0 only the reward of now counts: at {place} the new value is {wanted}, yours is {mine}.",
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


def _check_greedy_policy(candidate: Asked) -> None:
    for states, actions in ((6, 3), (3, 5)):
        policy = candidate.explaining({
            (states, actions): "You return a table (S, A). A policy is one action for each state.",
            (actions,): f"You chose a state for each action: {actions} numbers. Look for the best along the actions, "
                        "axis 1.",
        }, mistake=lambda result: (
            "You return how much the best action is worth. Asked for is which action it is: argmax, not max."
            if np.asarray(result).dtype.kind == "f" and not close(result, np.round(result)) else ""
        ))  # fmt: skip
        policy(*_mdp(104, states, actions), 0.9)
    check_values(
        candidate,
        greedy_policy,
        _worlds,
        [
            (lambda p, r, v, gamma: r.argmax(axis=1),
             "You look at the immediate reward alone. A greedy policy also counts what the next state is worth."),
            (lambda p, r, v, gamma: (p @ v).argmax(axis=1),
             "You look at what follows alone. The reward of the step itself counts too."),
            (lambda p, r, v, gamma: action_values(p, r, v, 1.0).argmax(axis=1),
             "The discount changes nothing in yours: it is left out, or taken of the reward as well. What follows "
             "counts `discount` times, the reward of now in full."),
            (lambda p, r, v, gamma: action_values(p, r, v, 0.9).argmax(axis=1) if gamma != 0.9 else None,
             "Use the discount that is passed in; it is not always 0.9."),
            (lambda p, r, v, gamma: action_values(p, r, v, gamma).argmin(axis=1),
             "You choose the worst action of each state: argmax, not argmin."),
        ],
        "In state {place} the best action is {wanted}, yours is {mine}: add the reward and the discounted value of "
        "what follows, then take the argmax over the actions.",
        rounds=6,
    )  # fmt: skip


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


def _check_q_update(candidate: Asked) -> None:
    generator = np.random.default_rng(105)
    for states, actions in ((5, 3), (4, 6), (6, 2)):
        q = generator.normal(size=(states, actions))
        state, following = generator.choice(states, size=2, replace=False).tolist()
        action, reward = int(generator.integers(actions)), float(generator.normal())
        rate, discount = (float(x) for x in generator.uniform(0.2, 0.8, size=2))
        given = candidate(q, state, action, reward, following, rate, discount)
        moved = np.argwhere(~np.isclose(given, q))
        need(len(moved) > 0, "Nothing in your table has changed: the entry of (s, a) should move.")
        need(
            len(moved) == 1 and tuple(moved[0]) == (state, action),
            f"Only the entry of (s, a) = ({state}, {action}) may move: nothing was learned about the others. "
            f"Yours moves {[tuple(m.tolist()) for m in moved]}.",
        )
        new, old = float(given[state, action]), float(q[state, action])
        target = reward + discount * q[following].max()

        def towards(goal: float, old: float = old, rate: float = rate) -> float:
            return old + rate * (goal - old)

        must_equal(
            new,
            towards(target),
            [
                (target, "You replace the old value by the target. One step can be luck: move only the fraction `rate` "
                         "towards it."),
                (old + rate * target, "You add the target itself. What is added is the error: the target minus the old "
                                      "value."),
                (towards(reward + discount * q[state].max()),
                 "The maximum is taken over the state that was left. What can still be collected starts in the next "
                 "one."),
                (towards(reward + q[following].max()),
                 "What follows is not discounted: multiply the best value of the next state by the discount."),
                (towards(reward + discount * q[following].mean()),
                 "You average over the actions of the next state. Q-learning takes the best one there."),
                (towards(reward), "Only the reward counts in your target: the discounted best of the next state is "
                                  "missing."),
            ],
            f"The target is reward + discount * max q(s', .) = {target:.4g}, the old value {old:.4g}; with rate "
            f"{rate:.4g} the new value is {{wanted}}, yours is {{mine}}.",
        )  # fmt: skip


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


def _check_planning_step(candidate: Asked) -> None:
    drawn, likeliest = 0, 0  # how often the target was that of one next state, and of the likeliest one
    for seed in range(8):
        states, actions = ((5, 3), (4, 6), (6, 2))[seed % 3]
        transitions, rewards, _ = _mdp(106 + seed, states, actions)
        transitions = 0.5 * transitions + 0.5 / states  # no next state is out of the question
        generator = np.random.default_rng(seed)
        q = generator.normal(size=(states, actions))
        state, action = int(generator.integers(states)), int(generator.integers(actions))
        rate, discount = (float(x) for x in generator.uniform(0.3, 0.8, size=2))
        given = candidate(q, transitions, rewards, state, action, rate, discount)
        moved = np.argwhere(~np.isclose(given, q))
        need(
            len(moved) == 1 and tuple(moved[0]) == (state, action),
            f"A planning step corrects one remembered pair, here ({state}, {action}); yours moves {len(moved)}.",
        )
        new, old = float(given[state, action]), float(q[state, action])
        p, reward = transitions[state, action], float(rewards[state, action])

        def towards(goal: float, old: float = old, rate: float = rate) -> float:
            return old + rate * (goal - old)

        each = [towards(reward + discount * best) for best in q.max(axis=1)]  # if this one next state were certain
        fits = [close(new, value) for value in each]
        if any(fits):  # judged at the end: one draw may have fallen on the likeliest state
            drawn, likeliest = drawn + 1, likeliest + fits[int(p.argmax())]
            continue
        wanted = float(reward + discount * p @ q.max(axis=1))
        must_equal(
            new,
            towards(wanted),
            [
                (towards(reward + discount * float((p @ q).max())),
                 "The maximum comes too late. In each next state the agent will see where it is and then choose: first "
                 "the best action of every state, then the average over the states."),
                (towards(reward + discount * float(p @ q.mean(axis=1))),
                 "You average over the actions of the next states. The agent will take the best one there."),
                (wanted, "You replace the old value by the target. Move only the fraction `rate` towards it, as after "
                         "a real step."),
                (towards(reward + float(p @ q.max(axis=1))), "What follows is not discounted."),
            ],
            "The target is r(s, a) + discount * sum over s' of p(s' | s, a) max q(s', .) = "
            f"{wanted:.4g}; from {old:.4g} with rate {rate:.4g} the value moves to {{wanted}}, yours to {{mine}}.",
        )  # fmt: skip
    if drawn:
        raise Wrong(
            "You look only at the most likely next state. The model holds several possible: weigh each by its "
            "probability."
            if drawn == likeliest else
            "You draw one next state from the model, as Dyna-Q does. Here an expected update is asked for: the average "
            "over all next states, each weighed by its probability."
        )  # fmt: skip


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


def _step_counts(seed: int) -> Inputs:
    """Counts, a pair, what came of it, and how much is kept."""
    generator = np.random.default_rng(107 + seed)
    states, actions, keep = ((5, 3, 0.9), (4, 6, 0.6), (6, 2, 0.3))[seed % 3]
    counts = generator.poisson(4.0, size=(states, actions, states)) + 1.0
    return (counts, *(int(generator.integers(n)) for n in (states, actions, states)), keep)


def _check_forgetful_update(candidate: Asked) -> None:
    for seed in range(3):
        counts, state, action, following, keep = _step_counts(seed)
        elsewhere = np.ones(counts.shape[:2], dtype=bool)
        elsewhere[state, action] = False
        given = candidate(counts, state, action, following, keep)
        need(
            close(given[elsewhere], counts[elsewhere]),
            "Other pairs have changed too. Only (s, a) was tried again, so only its counts may fade: nothing new is "
            "known about the rest.",
        )
        old, one = counts[state, action], np.eye(len(counts))[following]
        must_equal(
            given[state, action],
            old * keep + one,
            [
                (old + one, f"Nothing is forgotten: with keep = {keep} the old counts of (s, a) are multiplied by it."),
                ((old + one) * keep,
                 "The new step fades too: it is counted before the multiplication. Fade first, then add one."),
                (np.where(one > 0, old * keep + 1.0, old),
                 "Only the outcome that came has faded. It is the others that must be forgotten as well: the whole row "
                 "of (s, a)."),
                (old * (1.0 - keep) + one,
                 "You keep the part that should be forgotten: the factor is keep, not 1 - keep."),
                (old * keep, "The new step is not counted: add 1 at the state that followed."),
            ],
            f"With keep = {keep} the counts {old.astype(int)} and a step to state {following} give {{wanted}} at "
            "{place}, yours is {mine}.",
        )  # fmt: skip
    counts, state, action, following, _ = _step_counts(0)
    for_ever = candidate(counts, state, action, following, 1.0)
    need(close(for_ever.sum(), counts.sum() + 1.0), "With keep = 1 nothing fades, and one step more is counted.")


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
