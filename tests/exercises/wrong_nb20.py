"""Plausible wrong answers to the exercises of notebook 20: each hears its own reason."""

from __future__ import annotations

import torch


def ratios(before, after, guess, over):
    return float((before - after).pow(2).mean() / over), float((guess - after).pow(2).mean() / over)


def errors_without_variance(before, after, guess):
    return ratios(before, after, guess, 1.0)


def errors_over_the_variance_before(before, after, guess):
    return ratios(before, after, guess, before.var(dim=0, unbiased=False).mean())


def errors_from_zero(before, after, guess):
    return ratios(before, after, guess, (after**2).mean())


def errors_with_one_mean(before, after, guess):
    return ratios(before, after, guess, after.var(unbiased=False))


def errors_over_channels(before, after, guess):
    return ratios(before, after, guess, after.var(dim=1, unbiased=False).mean())


def errors_exchanged(before, after, guess):
    return ratios(guess, after, before, after.var(dim=0, unbiased=False).mean())


def errors_of_the_change_twice(before, after, guess):
    over = after.var(dim=0, unbiased=False).mean()
    return ratios(before, after, guess, over)[0], float((guess - before).pow(2).mean() / over)


def errors_unbiased(before, after, guess):
    return ratios(before, after, guess, after.var(dim=0).mean())


def grey_of(frames):
    return (frames * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)


def from_middle(frames, factor, middle):
    return (middle + factor.view(-1, 1, 1, 1) * (frames - middle)).clamp(0, 1)


def contrast_beyond(frames, factor):
    middle = grey_of(frames).mean(dim=(1, 2, 3), keepdim=True)
    return middle + factor.view(-1, 1, 1, 1) * (frames - middle)


def contrast_as_brightness(frames, factor):
    return (factor.view(-1, 1, 1, 1) * frames).clamp(0, 1)


def contrast_as_saturation(frames, factor):
    return from_middle(frames, factor, grey_of(frames))


def contrast_by_colour(frames, factor):
    return from_middle(frames, factor, frames.mean(dim=(2, 3), keepdim=True))


def contrast_of_plain_grey(frames, factor):
    return from_middle(frames, factor, frames.mean(dim=(1, 2, 3), keepdim=True))


def contrast_of_the_batch(frames, factor):
    return from_middle(frames, factor, grey_of(frames).mean())


def contrast_from_the_middle(frames, factor):
    return from_middle(frames, factor, torch.tensor(0.5))


def contrast_without_the_mean(frames, factor):
    middle = grey_of(frames).mean(dim=(1, 2, 3), keepdim=True)
    return (factor.view(-1, 1, 1, 1) * (frames - middle)).clamp(0, 1)


def contrast_of_one_more(frames, factor):
    return from_middle(frames, 1 + factor, grey_of(frames).mean(dim=(1, 2, 3), keepdim=True))


def placed(features, seen, mask_token, patches):
    found = mask_token.expand(len(features), patches, -1).clone()
    for row, (each, where) in enumerate(zip(features, seen, strict=True)):
        found[row].index_copy_(0, where, each)
    return found


def places_first(features, seen, mask_token, patches):
    empty = mask_token.expand(len(features), patches - features.shape[1], -1)
    return torch.cat([features, empty], dim=1)


def places_sorted(features, seen, mask_token, patches):
    return placed(features, seen.sort(dim=1).values, mask_token, patches)


def places_of_the_first(features, seen, mask_token, patches):
    found = mask_token.expand(len(features), patches, -1).clone()
    found[:, seen[0]] = features
    return found


def places_with_zeros(features, seen, mask_token, patches):
    return placed(features, seen, torch.zeros_like(mask_token), patches)


def places_added(features, seen, mask_token, patches):
    found = mask_token.expand(len(features), patches, -1).clone()
    return found.scatter_add(1, seen[..., None].expand_as(features), features)


def places_of_masks(features, seen, mask_token, patches):
    return mask_token.expand(len(features), patches, -1).clone()


def own_of(distance, right):
    return distance[torch.arange(len(right)), right][:, None]


def rank_for_the_right(distance, right):
    return 1 / (1 + (distance < own_of(distance, right)).sum(dim=1))


def rank_against_the_right(distance, right):
    return 1 / (distance <= own_of(distance, right)).sum(dim=1)


def middle_rank(distance, right):
    nearer, level = (distance < own_of(distance, right)).sum(dim=1), (distance == own_of(distance, right)).sum(dim=1)
    return nearer + (level + 1) / 2


def rank_itself(distance, right):
    return middle_rank(distance, right)


def rank_of_the_farthest(distance, right):
    return 1 / middle_rank(-distance, right)


def rank_counted_twice(distance, right):
    return 1 / (middle_rank(distance, right) + 1)


def rank_or_not(distance, right):
    return (distance.min(dim=1).values == own_of(distance, right)[:, 0]).float()


def rank_of_all(distance, right):
    return (1 / middle_rank(distance, right).mean()).repeat(len(right))


def sizes_of(groups):
    return groups.unique(return_counts=True)[1]


def harmonic(count):
    return float((1 / torch.arange(1, int(count) + 1)).sum())


def lots_first_draw(groups):
    return len(sizes_of(groups)) / len(groups)


def lots_by_mean_rank(groups):
    return float((2 * sizes_of(groups) / (sizes_of(groups) + 1)).sum() / len(groups))


def lots_by_group(groups):
    return sum(harmonic(m) / int(m) for m in sizes_of(groups)) / len(sizes_of(groups))


def lots_among_all(groups):
    return harmonic(len(groups)) / len(groups)


def lots_over_groups(groups):
    return sum(harmonic(m) for m in sizes_of(groups)) / len(sizes_of(groups))


def lots_all_right(groups):
    return 1.0


WRONG = {
    "iwm.two_errors": [
        errors_without_variance,
        errors_over_the_variance_before,
        errors_from_zero,
        errors_with_one_mean,
        errors_over_channels,
        errors_exchanged,
        errors_of_the_change_twice,
        errors_unbiased,
    ],
    "iwm.contrast": [
        contrast_beyond,
        contrast_as_brightness,
        contrast_as_saturation,
        contrast_by_colour,
        contrast_of_plain_grey,
        contrast_of_the_batch,
        contrast_from_the_middle,
        contrast_without_the_mean,
        contrast_of_one_more,
    ],
    "iwm.at_places": [
        places_first,
        places_sorted,
        places_of_the_first,
        places_with_zeros,
        places_added,
        places_of_masks,
    ],
    "iwm.reciprocal_rank": [
        rank_for_the_right,
        rank_against_the_right,
        rank_itself,
        rank_of_the_farthest,
        rank_counted_twice,
        rank_or_not,
        rank_of_all,
    ],
    "iwm.lots": [
        lots_first_draw,
        lots_by_mean_rank,
        lots_by_group,
        lots_among_all,
        lots_over_groups,
        lots_all_right,
    ],
}
