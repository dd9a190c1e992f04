"""Plausible wrong answers to the exercises of notebook 18: each hears its own reason."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def sides_of(scale, aspect, rows, columns):
    area = scale * rows * columns
    return (area * aspect).sqrt(), (area / aspect).sqrt()


def limited(high, wide, rows, columns):
    return torch.stack([high.long().clamp(1, rows), wide.long().clamp(1, columns)], dim=1)


def block_turned(scale, aspect, rows, columns):
    high, wide = sides_of(scale, aspect, rows, columns)
    return limited(wide.round(), high.round(), rows, columns)


def block_cut_off(scale, aspect, rows, columns):
    return limited(*sides_of(scale, aspect, rows, columns), rows, columns)


def block_rounded_up(scale, aspect, rows, columns):
    high, wide = sides_of(scale, aspect, rows, columns)
    return limited(high.ceil(), wide.ceil(), rows, columns)


def block_without_limits(scale, aspect, rows, columns):
    return torch.stack(sides_of(scale, aspect, rows, columns), dim=1).round().long()


def block_too_large(scale, aspect, rows, columns):
    return block_without_limits(scale, aspect, rows, columns).clamp_min(1)


def block_of_nothing(scale, aspect, rows, columns):
    return block_without_limits(scale, aspect, rows, columns).minimum(torch.tensor([rows, columns]))


def block_without_root(scale, aspect, rows, columns):
    return limited((scale * rows * aspect).round(), (scale * columns / aspect).round(), rows, columns)


def block_with_one_limit(scale, aspect, rows, columns):
    return block_without_limits(scale, aspect, rows, columns).clamp(1, max(rows, columns))


def firsts(shown):
    keep = int(shown.sum(dim=1).min())
    return torch.stack([each.nonzero()[:keep, 0] for each in shown])


def context_with_targets(block, targets):
    return firsts(block)


def context_without_what_all_hold(block, targets):
    return firsts(block & ~targets.all(dim=1))


def context_without_the_first_target(block, targets):
    return firsts(block & ~targets[:, 0])


def context_beyond_its_block(block, targets):
    return firsts(~targets.any(dim=1))


def context_of_the_last(block, targets):
    shown = block & ~targets.any(dim=1)
    keep = int(shown.sum(dim=1).min())
    return torch.stack([each.nonzero()[-keep:, 0] for each in shown])


def context_without_everybodys_targets(block, targets):
    return firsts(block & ~targets.flatten(0, 1).any(dim=0))


def context_filled_up(block, targets):
    shown = [each.nonzero()[:, 0] for each in block & ~targets.any(dim=1)]
    return torch.nn.utils.rnn.pad_sequence(shown, batch_first=True, padding_value=-1)


def at(tokens, places):
    return torch.stack([each[where] for each, where in zip(tokens, places, strict=True)])


def standardised(x, axes):
    return (x - x.mean(dim=axes, keepdim=True)) / (x.var(dim=axes, unbiased=False, keepdim=True) + 1e-5).sqrt()


def targets_as_they_are(features, places):
    return at(features.detach(), places)


def targets_by_an_unbiased_deviation(features, places):
    features = features.detach()
    return at((features - features.mean(dim=2, keepdim=True)) / features.std(dim=2, keepdim=True), places)


def targets_over_patches(features, places):
    return at(standardised(features.detach(), 1), places)


def targets_over_the_picture(features, places):
    return at(standardised(features.detach(), (1, 2)), places)


def targets_over_the_batch(features, places):
    return at(standardised(features.detach(), 0), places)


def targets_centred(features, places):
    return at(features.detach() - features.detach().mean(dim=2, keepdim=True), places)


def targets_of_length_one(features, places):
    return at(F.normalize(features.detach(), dim=2), places)


def targets_of_the_first_picture(features, places):
    return F.layer_norm(features.detach(), features.shape[-1:])[0][places]


def targets_with_a_gradient(features, places):
    return at(F.layer_norm(features, features.shape[-1:]), places)


def average_exchanged(slow, fast, step, of, first):
    momentum = first + (1 - first) * step / of
    return momentum * fast + (1 - momentum) * slow


def average_without_rise(slow, fast, step, of, first):
    return first * slow + (1 - first) * fast


def average_from_zero(slow, fast, step, of, first):
    return step / of * slow + (1 - step / of) * fast


def average_beyond_one(slow, fast, step, of, first):
    momentum = first + step / of
    return momentum * slow + (1 - momentum) * fast


def average_falling(slow, fast, step, of, first):
    momentum = 1 - (1 - first) * step / of
    return momentum * slow + (1 - momentum) * fast


def average_bent(slow, fast, step, of, first):
    momentum = first ** (1 - step / of)
    return momentum * slow + (1 - momentum) * fast


def leak_counted_twice(context, targets):
    return torch.stack([torch.isin(t, c).float().mean() for c, t in zip(context, targets, strict=True)])


def how_many(context, targets):
    return torch.stack([torch.isin(t.unique(), c).float().sum() for c, t in zip(context, targets, strict=True)])


def leak_of_the_context(context, targets):
    return how_many(context, targets) / context.shape[1]


def leak_counted(context, targets):
    return how_many(context, targets)


def leak_or_not(context, targets):
    return (how_many(context, targets) > 0).float()


def asked(targets):
    return torch.tensor([float(len(t.unique())) for t in targets])


def leak_of_what_is_hidden(context, targets):
    return 1 - how_many(context, targets) / asked(targets)


def leak_of_the_first_target(context, targets):
    return how_many(context, targets[:, :1]) / asked(targets[:, :1])


def leak_of_all_together(context, targets):
    return (how_many(context, targets).sum() / asked(targets).sum()).expand(len(context)).clone()


def straight(context, targets, side):
    down = (targets.flatten(1) // side)[:, :, None] - (context // side)[:, None]
    across = (targets.flatten(1) % side)[:, :, None] - (context % side)[:, None]
    return (down**2 + across**2).float().sqrt()


def by_axes(context, targets, side):
    down = (targets.flatten(1) // side)[:, :, None] - (context // side)[:, None]
    return down.abs(), ((targets.flatten(1) % side)[:, :, None] - (context % side)[:, None]).abs()


def gap_to_all(context, targets, side):
    return float(straight(context, targets, side).mean())


def gap_to_the_farthest(context, targets, side):
    return float(straight(context, targets, side).amax(dim=2).mean())


def gap_the_other_way(context, targets, side):
    return float(straight(context, targets, side).amin(dim=1).mean())


def gap_round_the_corner(context, targets, side):
    return float(sum(by_axes(context, targets, side)).amin(dim=2).float().mean())


def gap_of_a_king(context, targets, side):
    return float(torch.maximum(*by_axes(context, targets, side)).amin(dim=2).float().mean())


def gap_of_numbers(context, targets, side):
    return float((targets.flatten(1)[:, :, None] - context[:, None]).abs().amin(dim=2).float().mean())


def gap_squared(context, targets, side):
    return float((straight(context, targets, side).amin(dim=2) ** 2).mean())


def gap_least(context, targets, side):
    return float(straight(context, targets, side).min())


def gap_of_the_first_target(context, targets, side):
    return float(straight(context, targets[:, :1], side).amin(dim=2).mean())


def gap_of_distinct_patches(context, targets, side):
    rows = zip(context, targets, strict=True)
    return float(torch.cat([straight(c[None], t.unique()[None, None], side)[0].amin(dim=1) for c, t in rows]).mean())


WRONG = {
    "ijepa.block": [
        block_turned,
        block_cut_off,
        block_rounded_up,
        block_without_limits,
        block_too_large,
        block_of_nothing,
        block_without_root,
        block_with_one_limit,
    ],
    "ijepa.context": [
        context_with_targets,
        context_without_what_all_hold,
        context_without_the_first_target,
        context_beyond_its_block,
        context_of_the_last,
        context_without_everybodys_targets,
        context_filled_up,
    ],
    "ijepa.targets": [
        targets_as_they_are,
        targets_over_patches,
        targets_over_the_picture,
        targets_over_the_batch,
        targets_centred,
        targets_of_length_one,
        targets_of_the_first_picture,
        targets_with_a_gradient,
        targets_by_an_unbiased_deviation,
    ],
    "ijepa.average": [
        average_exchanged,
        average_without_rise,
        average_from_zero,
        average_beyond_one,
        average_falling,
        average_bent,
    ],
    "ijepa.leak": [
        leak_counted_twice,
        leak_of_the_context,
        leak_counted,
        leak_or_not,
        leak_of_what_is_hidden,
        leak_of_the_first_target,
        leak_of_all_together,
    ],
    "ijepa.gap": [
        gap_to_all,
        gap_to_the_farthest,
        gap_the_other_way,
        gap_round_the_corner,
        gap_of_a_king,
        gap_of_numbers,
        gap_squared,
        gap_least,
        gap_of_the_first_target,
        gap_of_distinct_patches,
    ],
}
