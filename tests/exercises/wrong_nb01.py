"""Plausible wrong answers to the exercises of notebook 01; each must hear its own reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# --- total variation


def tv_not_halved(p, q):
    return np.abs(p - q).sum()


def tv_cancels(p, q):
    return 0.5 * (p - q).sum()


def tv_is_the_largest_difference(p, q):
    return np.abs(p - q).max()


def tv_is_one_sided(p, q):
    return 0.5 * (p * np.abs(p - q)).sum()


def tv_one_for_each(p, q):
    return 0.5 * np.abs(p - q)


def tv_mean(p, q):
    return np.abs(p - q).mean()


# --- transition estimate


def estimate_whole_prior_to_each(counts, prior):
    return (counts + prior) / (counts.sum(axis=-1, keepdims=True) + counts.shape[-1] * prior)


def estimate_prior_to_everyone(counts, prior):
    return (counts + prior) / (counts.sum(axis=-1, keepdims=True) + prior)


def estimate_along_the_wrong_axis(counts, prior):
    return (counts + prior / len(counts)) / (counts.sum(axis=0, keepdims=True) + prior)


def estimate_laplace(counts, prior):
    return (counts + 1) / (counts.sum(axis=-1, keepdims=True) + counts.shape[-1])


def estimate_without_prior(counts, prior):
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)


# --- Bellman's backup


def backup_mean(transitions, rewards, values, discount):
    return (rewards + discount * transitions @ values).mean(axis=1)


def backup_discounts_the_reward(transitions, rewards, values, discount):
    return (discount * (rewards + transitions @ values)).max(axis=1)


def backup_forgets_the_discount(transitions, rewards, values, discount):
    return (rewards + transitions @ values).max(axis=1)


def backup_forgets_the_maximum(transitions, rewards, values, discount):
    return rewards + discount * transitions @ values


def backup_best_state(transitions, rewards, values, discount):
    return (rewards + discount * transitions @ values).max(axis=0)


# --- greedy policy


def greedy_value(transitions, rewards, values, discount):
    return (rewards + discount * transitions @ values).max(axis=1)


def greedy_for_now(transitions, rewards, values, discount):
    return rewards.argmax(axis=1)


def greedy_wrong_axis(transitions, rewards, values, discount):
    return (rewards + discount * transitions @ values).argmax(axis=0)


def greedy_without_reward(transitions, rewards, values, discount):
    return (transitions @ values).argmax(axis=1)


# --- Q-learning


def q_replaces(q, state, action, reward, following, rate, discount):
    better = q.copy()
    better[state, action] = reward + discount * q[following].max()
    return better


def q_own_state(q, state, action, reward, following, rate, discount):
    better = q.copy()
    better[state, action] += rate * (reward + discount * q[state].max() - q[state, action])
    return better


def q_adds_the_target(q, state, action, reward, following, rate, discount):
    better = q.copy()
    better[state, action] += rate * (reward + discount * q[following].max())
    return better


def q_in_place(q, state, action, reward, following, rate, discount):
    q[state, action] += rate * (reward + discount * q[following].max() - q[state, action])
    return q


def q_without_discount(q, state, action, reward, following, rate, discount):
    better = q.copy()
    better[state, action] += rate * (reward + q[following].max() - q[state, action])
    return better


# --- planning


def plan_most_likely(q, transitions, rewards, state, action, rate, discount):
    better = q.copy()
    following = transitions[state, action].argmax()
    better[state, action] += rate * (rewards[state, action] + discount * q[following].max() - q[state, action])
    return better


def plan_maximum_too_late(q, transitions, rewards, state, action, rate, discount):
    better = q.copy()
    target = rewards[state, action] + discount * (transitions[state, action] @ q).max()
    better[state, action] += rate * (target - q[state, action])
    return better


def plan_everywhere(q, transitions, rewards, state, action, rate, discount):
    return q + rate * (rewards + discount * transitions @ q.max(axis=1) - q)


def plan_replaces(q, transitions, rewards, state, action, rate, discount):
    better = q.copy()
    better[state, action] = rewards[state, action] + discount * transitions[state, action] @ q.max(axis=1)
    return better


# --- forgetting


def forget_nothing(counts, state, action, following, keep):
    faded = counts.copy()
    faded[state, action, following] += 1
    return faded


def forget_everywhere(counts, state, action, following, keep):
    faded = counts * keep
    faded[state, action, following] += 1
    return faded


def forget_the_new_too(counts, state, action, following, keep):
    faded = counts.copy()
    faded[state, action, following] += 1
    faded[state, action] *= keep
    return faded


def forget_what_came(counts, state, action, following, keep):
    faded = counts.copy()
    faded[state, action, following] = faded[state, action, following] * keep + 1
    return faded


def forget_in_place(counts, state, action, following, keep):
    counts[state, action] *= keep
    counts[state, action, following] += 1
    return counts


def forget_the_rest(counts, state, action, following, keep):
    faded = counts.copy()
    faded[state, action] *= 1 - keep
    faded[state, action, following] += 1
    return faded


def tv_in_place(p, q):
    p -= q
    return 0.5 * np.abs(p).sum()


def estimate_in_place(counts, prior):
    counts += prior / counts.shape[-1]
    return counts / counts.sum(axis=-1, keepdims=True)


def backup_in_place(transitions, rewards, values, discount):
    rewards += discount * transitions @ values
    return rewards.max(axis=1)


def greedy_without_discount(transitions, rewards, values, discount):
    return (rewards + transitions @ values).argmax(axis=1)


def greedy_as_floats(transitions, rewards, values, discount):
    return (rewards + discount * transitions @ values).argmax(axis=1).astype(float)


def greedy_as_a_list(transitions, rewards, values, discount):
    return [int(q.argmax()) for q in rewards + discount * transitions @ values]


def plan_sampled(q, transitions, rewards, state, action, rate, discount):
    better = q.copy()
    following = np.random.choice(len(q), p=transitions[state, action])
    better[state, action] += rate * (rewards[state, action] + discount * q[following].max() - q[state, action])
    return better


WRONG: dict[str, list[Callable[..., Any]]] = {
    "counting.total_variation": [
        tv_not_halved,
        tv_cancels,
        tv_is_the_largest_difference,
        tv_is_one_sided,
        tv_one_for_each,
        tv_mean,
        tv_in_place,
    ],
    "counting.transition_estimate": [
        estimate_prior_to_everyone,
        estimate_whole_prior_to_each,
        estimate_along_the_wrong_axis,
        estimate_laplace,
        estimate_without_prior,
        estimate_in_place,
    ],
    "mdp.bellman_backup": [
        backup_mean,
        backup_discounts_the_reward,
        backup_forgets_the_discount,
        backup_forgets_the_maximum,
        backup_best_state,
        backup_in_place,
    ],
    "mdp.greedy_policy": [
        greedy_value,
        greedy_for_now,
        greedy_wrong_axis,
        greedy_without_reward,
        greedy_without_discount,
        greedy_as_floats,
        greedy_as_a_list,
    ],
    "qlearning.update": [q_replaces, q_own_state, q_adds_the_target, q_in_place, q_without_discount],
    "dyna.planning_step": [
        plan_most_likely,
        plan_maximum_too_late,
        plan_everywhere,
        plan_replaces,
        plan_sampled,
    ],
    "counting.forgetful_update": [
        forget_nothing,
        forget_everywhere,
        forget_the_new_too,
        forget_what_came,
        forget_in_place,
        forget_the_rest,
    ],
}
