"""Plausible wrong answers to the exercises of notebook 21: each hears its own reason."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def cost_with_the_present(distances):
    return distances.min(dim=1).values + 0.05 * distances.mean(dim=1)


def cost_of_the_nearest_alone(distances):
    return distances[:, 1:].min(dim=1).values


def cost_of_the_mean_alone(distances):
    return 0.05 * distances[:, 1:].mean(dim=1)


def cost_of_a_heavy_mean(distances):
    return distances[:, 1:].min(dim=1).values + distances[:, 1:].mean(dim=1)


def cost_of_the_end(distances):
    return distances[:, -1] + 0.05 * distances[:, 1:].mean(dim=1)


def cost_of_the_sum(distances):
    return distances[:, 1:].min(dim=1).values + 0.05 * distances[:, 1:].sum(dim=1)


def cost_of_the_farthest(distances):
    return distances[:, 1:].max(dim=1).values + 0.05 * distances[:, 1:].mean(dim=1)


def shares(keys, actions):
    return F.one_hot(keys, actions).float().mean(dim=0)


def beliefs_of_the_dearest(beliefs, keys, costs, elites):
    best = keys[costs.argsort(descending=True)[:elites]]
    return beliefs + 0.9 * (shares(best, beliefs.shape[1]) - beliefs)


def beliefs_of_all(beliefs, keys, costs, elites):
    return beliefs + 0.9 * (shares(keys, beliefs.shape[1]) - beliefs)


def beliefs_without_smoothing(beliefs, keys, costs, elites):
    return shares(keys[costs.argsort()[:elites]], beliefs.shape[1])


def beliefs_that_hardly_move(beliefs, keys, costs, elites):
    return 0.9 * beliefs + 0.1 * shares(keys[costs.argsort()[:elites]], beliefs.shape[1])


def beliefs_of_all_places(beliefs, keys, costs, elites):
    found = shares(keys[costs.argsort()[:elites]], beliefs.shape[1]).mean(dim=0)
    return beliefs + 0.9 * (found - beliefs)


def beliefs_of_the_best(beliefs, keys, costs, elites):
    return beliefs + 0.9 * (F.one_hot(keys[costs.argmin()], beliefs.shape[1]).float() - beliefs)


def even(beliefs):
    return torch.full_like(beliefs[:1], 1.0 / beliefs.shape[1])


def carried_backwards(beliefs, explore):
    return (1 - explore) * torch.cat([even(beliefs), beliefs[:-1]]) + explore * even(beliefs)


def carried_nowhere(beliefs, explore):
    return (1 - explore) * beliefs + explore * even(beliefs)


def carried_with_an_old_end(beliefs, explore):
    return (1 - explore) * torch.cat([beliefs[1:], beliefs[-1:]]) + explore * even(beliefs)


def carried_in_a_circle(beliefs, explore):
    return (1 - explore) * beliefs.roll(-1, 0) + explore * even(beliefs)


def carried_without_exploring(beliefs, explore):
    return torch.cat([beliefs[1:], even(beliefs)])


def carried_with_shares_exchanged(beliefs, explore):
    return explore * torch.cat([beliefs[1:], even(beliefs)]) + (1 - explore) * even(beliefs)


def relaxed_to_shares(logits):
    return logits.softmax(dim=1)


def relaxed_over_places(logits):
    return logits.softmax(dim=0)


def relaxed_twice(logits):
    return F.one_hot(logits.argmax(dim=1), logits.shape[1]).float() + logits.softmax(dim=1)


def relaxed_to_the_least(logits):
    return F.one_hot(logits.argmin(dim=1), logits.shape[1]).float()


def relaxed_by_key(logits):
    return F.one_hot(logits.argmax(dim=0), logits.shape[0]).float().T


def relaxed_without_a_gradient(logits):
    return F.one_hot(logits.argmax(dim=1), logits.shape[1]).float()


def relaxed_without_a_softmax(logits):
    return F.one_hot(logits.argmax(dim=1), logits.shape[1]).float() + logits - logits.detach()


def rooms(costs, lengths, function):
    result = torch.zeros_like(costs)
    for m, length in enumerate(lengths.tolist()):
        for t in range(length):
            result[m, t] = function(costs[m, :length], t)
    return result


def to_come_with_filling(costs, lengths):
    least = costs.flip(1).cummin(dim=1).values.flip(1)
    return torch.where(torch.arange(costs.shape[1]) < lengths[:, None], least, 0.0)


def to_come_so_far(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c[: t + 1].min())


def to_come_on_average(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c[t:].mean())


def to_come_added_up(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c[t:].sum())


def to_come_last(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c[-1])


def to_come_ever(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c.min())


def to_come_now(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c[t])


def to_come_later(costs, lengths):
    return rooms(costs, lengths, lambda c, t: c[min(t + 1, len(c) - 1) :].min())


def to_come_the_same_everywhere(costs, lengths):
    met = torch.arange(costs.shape[1]) < lengths[:, None]
    return costs.masked_fill(~met, torch.inf).amin(dim=1, keepdim=True).repeat(1, costs.shape[1])


def to_come_the_same_with_filling(costs, lengths):
    return costs.amin(dim=1, keepdim=True) * (torch.arange(costs.shape[1]) < lengths[:, None])


def to_come_infinite(costs, lengths):
    met = torch.arange(costs.shape[1]) < lengths[:, None]
    return costs.masked_fill(~met, torch.inf).flip(1).cummin(dim=1).values.flip(1)


def speedup_blind(encode, step, policy, chunks, hold, rounds):
    return rounds * chunks * hold * step / policy


def speedup_of_a_blind_policy(encode, step, policy, chunks, hold, rounds):
    return (encode + rounds * chunks * hold * step) / policy


def speedup_of_a_blind_planner(encode, step, policy, chunks, hold, rounds):
    return rounds * chunks * hold * step / (encode + policy)


def speedup_without_holding(encode, step, policy, chunks, hold, rounds):
    return (encode + rounds * chunks * step) / (encode + policy)


def speedup_of_one_round(encode, step, policy, chunks, hold, rounds):
    return (encode + chunks * hold * step) / (encode + policy)


def speedup_per_frame(encode, step, policy, chunks, hold, rounds):
    return (encode + rounds * chunks * hold * step) / (encode + policy) / hold


def speedup_upside_down(encode, step, policy, chunks, hold, rounds):
    return (encode + policy) / (encode + rounds * chunks * hold * step)


def speedup_encoding_each_step(encode, step, policy, chunks, hold, rounds):
    return rounds * chunks * hold * (encode + step) / (encode + policy)


WRONG = {
    "ami.cost": [cost_with_the_present, cost_of_the_nearest_alone, cost_of_the_mean_alone, cost_of_a_heavy_mean,
                 cost_of_the_end, cost_of_the_sum, cost_of_the_farthest],
    "ami.beliefs": [beliefs_of_the_dearest, beliefs_of_all, beliefs_without_smoothing, beliefs_that_hardly_move,
                    beliefs_of_all_places, beliefs_of_the_best],
    "ami.carried": [carried_backwards, carried_nowhere, carried_with_an_old_end, carried_in_a_circle,
                    carried_without_exploring, carried_with_shares_exchanged],
    "ami.relaxed": [relaxed_to_shares, relaxed_over_places, relaxed_twice, relaxed_to_the_least, relaxed_by_key,
                    relaxed_without_a_gradient, relaxed_without_a_softmax],
    "ami.to_come": [to_come_with_filling, to_come_so_far, to_come_on_average, to_come_added_up, to_come_last,
                    to_come_ever, to_come_the_same_everywhere, to_come_the_same_with_filling, to_come_now,
                    to_come_later, to_come_infinite],
    "ami.speedup": [speedup_blind, speedup_of_a_blind_policy, speedup_of_a_blind_planner, speedup_without_holding,
                    speedup_of_one_round, speedup_per_frame, speedup_upside_down, speedup_encoding_each_step],
}  # fmt: skip
