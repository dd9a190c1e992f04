"""Plausible wrong answers to the exercises of notebook 13: each hears its own reason."""

from __future__ import annotations

import torch


def nearest_farthest(x, codes):
    return torch.cdist(x, codes).argmax(1)


def nearest_by_product(x, codes):
    return (x @ codes.T).argmax(1)


def nearest_by_absolute(x, codes):
    return (x[:, None] - codes[None]).abs().sum(2).argmin(1)


def nearest_distance(x, codes):
    return torch.cdist(x, codes).min(1).values


def nearest_over_vectors(x, codes):
    return torch.cdist(x, codes).argmin(0)


def through_codes(x, codes):
    return codes.detach()


def through_backwards(x, codes):
    return codes + (x - codes).detach()


def through_both(x, codes):
    return codes + x - x.detach()


def through_nothing(x, codes):
    return x


def through_half(x, codes):
    return 0.5 * x + (codes - 0.5 * x).detach()


def losses_exchanged(x, codes):
    return (x - codes.detach()).square().sum(1).mean(), (codes - x.detach()).square().sum(1).mean()


def losses_for_both(x, codes):
    both = (x - codes).square().sum(1).mean()
    return both, both


def losses_mean(x, codes):
    return (codes - x.detach()).square().mean(), (x - codes.detach()).square().mean()


def losses_length(x, codes):
    return (codes - x.detach()).norm(dim=1).mean(), (x - codes.detach()).norm(dim=1).mean()


def losses_one(x, codes):
    return (x - codes).square().sum(1).mean()


def perplexity_entropy(index, codes):
    share = torch.bincount(index, minlength=codes) / len(index)
    used = share[share > 0]
    return float(-(used * used.log()).sum())


def perplexity_bits(index, codes):
    share = torch.bincount(index, minlength=codes) / len(index)
    used = share[share > 0]
    return float(torch.exp(-(used * used.log2()).sum()))


def perplexity_nan(index, codes):
    share = torch.bincount(index, minlength=codes) / len(index)
    return float(torch.exp(-(share * share.log()).sum()))


def perplexity_alive(index, codes):
    return float(len(index.unique()))


def perplexity_sign(index, codes):
    share = torch.bincount(index, minlength=codes) / len(index)
    used = share[share > 0]
    return float(torch.exp((used * used.log()).sum()))


def digits_from_the_end(digits, levels):
    index = torch.zeros(len(digits), dtype=torch.int64)
    for d, many in enumerate(levels):
        index = index * many + digits[:, d]
    return index


def digits_added(digits, levels):
    return digits.sum(1)


def digits_of_one_base(digits, levels):
    return sum(digits[:, d] * levels[0] ** d for d in range(len(levels)))


def digits_times_own_level(digits, levels):
    return sum(digits[:, d] * (levels[d] if d else 1) for d in range(len(levels)))


def revive_in_place(codes, idle, x, drawn, after):
    codes[idle >= after] = x[drawn][idle >= after]
    return codes


def revive_later(codes, idle, x, drawn, after):
    return torch.where((idle > after)[:, None], x[drawn], codes)


def revive_the_living(codes, idle, x, drawn, after):
    return torch.where((idle < after)[:, None], x[drawn], codes)


def revive_on_one(codes, idle, x, drawn, after):
    return torch.where((idle >= after)[:, None], x[drawn[0]][None], codes)


def revive_on_the_mean(codes, idle, x, drawn, after):
    return torch.where((idle >= after)[:, None], x.mean(0)[None], codes)


def nearest_as_int32(x, codes):
    return torch.cdist(x, codes).argmin(1).int()


def nearest_by_angle(x, codes):
    return torch.nn.functional.cosine_similarity(x[:, None], codes[None], dim=2).argmax(1)


def nearest_that_cancels(x, codes):
    return (x[:, None] - codes[None]).sum(2).abs().argmin(1)


def losses_with_beta(x, codes):
    return (codes - x.detach()).square().sum(1).mean(), 0.25 * (x - codes.detach()).square().sum(1).mean()


def losses_detached(x, codes):
    both = (x - codes).square().sum(1).mean().detach()
    return both, both


def losses_as_numbers(x, codes):
    both = (x - codes).square().sum(1).mean().item()
    return both, both


def losses_each(x, codes):
    return (codes - x.detach()).square().sum(1), (x - codes.detach()).square().sum(1)


def perplexity_of_squares(index, codes):
    share = torch.bincount(index, minlength=codes) / len(index)
    return float(1 / share.square().sum())


def digits_as_floats(digits, levels):
    place, index = 1.0, torch.zeros(len(digits))
    for d, many in enumerate(levels):
        index, place = index + digits[:, d] * place, place * many
    return index


def revive_one_after_the_other(codes, idle, x, drawn, after):
    new, dead = codes.clone(), idle >= after
    new[dead] = x[drawn[: int(dead.sum())]]
    return new


def revive_after_fifty(codes, idle, x, drawn, after):
    return torch.where((idle >= 50)[:, None], x[drawn], codes)


WRONG = {
    "tokens.nearest": [
        nearest_farthest,
        nearest_by_product,
        nearest_by_absolute,
        nearest_distance,
        nearest_over_vectors,
        nearest_as_int32,
        nearest_by_angle,
        nearest_that_cancels,
    ],
    "tokens.straight_through": [through_codes, through_backwards, through_both, through_nothing, through_half],
    "tokens.two_losses": [
        losses_exchanged,
        losses_for_both,
        losses_mean,
        losses_length,
        losses_one,
        losses_with_beta,
        losses_detached,
        losses_as_numbers,
        losses_each,
    ],
    "tokens.perplexity": [
        perplexity_entropy,
        perplexity_bits,
        perplexity_nan,
        perplexity_alive,
        perplexity_sign,
        perplexity_of_squares,
    ],
    "tokens.fsq_index": [
        digits_from_the_end,
        digits_added,
        digits_of_one_base,
        digits_times_own_level,
        digits_as_floats,
    ],
    "tokens.revive": [
        revive_in_place,
        revive_later,
        revive_the_living,
        revive_on_one,
        revive_on_the_mean,
        revive_one_after_the_other,
    ],
}
