"""Plausible wrong answers to the exercises of notebook 11: each hears its own reason."""

from __future__ import annotations

import math

import numpy as np
import torch


def known_in_part(given, frames, group):
    known = [0 in given] + [any(t in given for t in range(first, first + group)) for first in range(1, frames, group)]
    return torch.tensor(known)


def known_at_the_beginning(given, frames, group):
    known = [0 in given] + [all(t in given for t in range(first, first + group)) for first in range(1, frames, group)]
    return torch.tensor(known).int().cumprod(dim=0).bool()


def known_without_the_first(given, frames, group):
    return torch.tensor([all(t in given for t in range(first, first + group)) for first in range(0, frames, group)])


def known_as_numbers(given, frames, group):
    known = [0 in given] + [all(t in given for t in range(first, first + group)) for first in range(1, frames, group)]
    return torch.tensor(known).float()


def unknown(given, frames, group):
    known = [0 in given] + [all(t in given for t in range(first, first + group)) for first in range(1, frames, group)]
    return ~torch.tensor(known)


def _put(known, latents, x_t):
    return torch.where(known[:, None, None, None], latents, x_t)


def shown_as_noisy(x_t, t, known, latents):
    return _put(known, latents, x_t), t[:, None].repeat(1, len(known))


def shown_without_putting_in(x_t, t, known, latents):
    return x_t, torch.where(known, 0.0, t[:, None])


def shown_exchanged(x_t, t, known, latents):
    return _put(~known, latents, x_t), torch.where(known, t[:, None], 0.0)


def shown_at_level_one(x_t, t, known, latents):
    return _put(known, latents, x_t), torch.where(known, 1.0, t[:, None])


def shown_in_place(x_t, t, known, latents):
    x_t[:, known] = latents[:, known]
    return x_t, torch.where(known, 0.0, t[:, None])


def shown_one_level(x_t, t, known, latents):
    return _put(known, latents, x_t), t


def windows_side_by_side(frames, window, keep):
    return math.ceil(frames / window)


def windows_all_alike(frames, window, keep):
    return math.ceil(frames / (window - keep))


def windows_rounded_down(frames, window, keep):
    return 1 + max(0, (frames - window) // (window - keep))


def windows_as_a_fraction(frames, window, keep):
    return 1 + (frames - window) / (window - keep)


def colours_too_kind(asked, found):
    return sum(colour in found for colour in asked) / len(asked)


def colours_from_left_to_right(asked, found):
    return sum(a == b for a, b in zip(asked, found, strict=False)) / len(asked)


def colours_as_sets(asked, found):
    return len(set(asked) & set(found)) / len(asked)


def colours_of_the_found(asked, found):
    left, right = list(found), 0
    for colour in asked:
        if colour in left:
            left.remove(colour)
            right += 1
    return right / max(len(found), 1)


def colours_in_place(asked, found):
    right = 0
    for colour in asked:
        if colour in found:
            found.remove(colour)
            right += 1
    return right / len(asked)


def balanced_not(asked, right):
    return float(right.sum() / asked.sum())


def balanced_over_all_five(asked, right):
    total, hits = asked.sum(axis=0), right.sum(axis=0)
    return float(np.divide(hits, total, out=np.zeros(5), where=total > 0).mean())


def balanced_over_films(asked, right):
    return float((right.sum(axis=1) / asked.sum(axis=1)).mean())


def balanced_film_by_film(asked, right):
    there = asked > 0
    return float((right[there] / asked[there]).mean())


def windows_without_the_first(frames, window, keep):
    return max(1, math.ceil((frames - window) / (window - keep)))


def windows_of_no_short_film(frames, window, keep):
    return 1 + math.ceil((frames - window) / (window - keep))


def windows_with_one_more(frames, window, keep):
    return 2 + max(0, math.ceil((frames - window) / (window - keep)))


WRONG = {
    "film.known": [known_in_part, known_at_the_beginning, known_without_the_first, known_as_numbers, unknown],
    "film.shown": [shown_as_noisy, shown_without_putting_in, shown_exchanged, shown_at_level_one, shown_in_place,
                   shown_one_level],
    "film.windows": [windows_side_by_side, windows_all_alike, windows_rounded_down, windows_as_a_fraction,
                     windows_without_the_first, windows_of_no_short_film, windows_with_one_more],
    "film.colours_right": [colours_too_kind, colours_from_left_to_right, colours_as_sets, colours_of_the_found,
                           colours_in_place],
    "film.balanced": [balanced_not, balanced_over_all_five, balanced_over_films, balanced_film_by_film],
}  # fmt: skip
