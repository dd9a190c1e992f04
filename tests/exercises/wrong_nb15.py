"""Plausible wrong answers to the exercises of notebook 15: each hears its own reason."""

from __future__ import annotations

import math

import torch


def left_evenly(step, steps, tokens):
    return int(tokens * (1 - step / steps))


def left_by_sine(step, steps, tokens):
    return int(tokens * (1 - math.sin(math.pi / 2 * step / steps)))


def left_not_whole(step, steps, tokens):
    return math.cos(math.pi / 2 * step / steps) * tokens


def left_of_half_a_turn(step, steps, tokens):
    return int(abs(math.cos(math.pi * step / steps)) * tokens)


def left_rounded_up(step, steps, tokens):
    return math.ceil(math.cos(math.pi / 2 * step / steps) * tokens - 1e-9)


def hide_the_first(shape, least, generator):
    b, t, n = shape
    rate = least + (1 - least) * torch.rand(b, t, 1, generator=generator)
    return torch.rand(b, t, n, generator=generator) < rate


def hide_one_rate_a_film(shape, least, generator):
    b, t, n = shape
    mask = torch.rand(b, t, n, generator=generator) < least + (1 - least) * torch.rand(b, 1, 1, generator=generator)
    mask[:, 0] = False
    return mask


def hide_one_rate(shape, least, generator):
    mask = torch.rand(*shape, generator=generator) < (1 + least) / 2
    mask[:, 0] = False
    return mask


def hide_the_others(shape, least, generator):
    b, t, n = shape
    rate = least + (1 - least) * torch.rand(b, t, 1, generator=generator)
    mask = torch.rand(b, t, n, generator=generator) >= rate
    mask[:, 0] = False
    return mask


def hide_without_least(shape, least, generator):
    b, t, n = shape
    mask = torch.rand(b, t, n, generator=generator) < torch.rand(b, t, 1, generator=generator)
    mask[:, 0] = False
    return mask


def hide_as_numbers(shape, least, generator):
    return hide_the_others(shape, least, generator).float()


def hide_with_another_generator(shape, least, generator):
    b, t, n = shape
    mask = torch.rand(b, t, n) < least + (1 - least) * torch.rand(b, t, 1)
    mask[:, 0] = False
    return mask


def again_the_surest(sure, mask, left):
    order = sure.masked_fill(~mask, -torch.inf).argsort(dim=1, descending=True)
    return torch.zeros_like(mask).scatter(1, order[:, :left], True)


def again_the_known_too(sure, mask, left):
    return torch.zeros_like(mask).scatter(1, sure.argsort(dim=1)[:, :left], True)


def again_one_too_many(sure, mask, left):
    order = sure.masked_fill(~mask, torch.inf).argsort(dim=1)
    return torch.zeros_like(mask).scatter(1, order[:, : left + 1], True) & mask


def again_over_the_batch(sure, mask, left):
    order = sure.masked_fill(~mask, torch.inf).mean(dim=0).argsort()
    new = torch.zeros_like(mask)
    new[:, order[:left]] = True
    return new


def again_in_place(sure, mask, left):
    sure[~mask] = torch.inf
    return torch.zeros_like(mask).scatter(1, sure.argsort(dim=1)[:, :left], True)


def _psnr(drawn, real):
    return -10.0 * (drawn - real).square().mean(dim=(1, 2, 3)).log10()


def delta_turned(inferred, random, real):
    return (_psnr(random, real) - _psnr(inferred, real)).mean()


def delta_of_all_films(inferred, random, real):
    return -10.0 * ((inferred - real).square().mean().log10() - (random - real).square().mean().log10())


def delta_twice(inferred, random, real):
    return 2.0 * (_psnr(inferred, real) - _psnr(random, real)).mean()


def delta_each(inferred, random, real):
    return _psnr(inferred, real) - _psnr(random, real)


def delta_natural(inferred, random, real):
    return (_psnr(inferred, real) - _psnr(random, real)).mean() * math.log(10)


def delta_without_ten(inferred, random, real):
    return (_psnr(inferred, real) - _psnr(random, real)).mean() / 10.0


def _left(step, steps, tokens):
    return int(math.cos(math.pi / 2 * step / steps) * tokens + 1e-9)


def make_at_once(guess, tokens, steps):
    return guess(torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)).argmax(-1)


def make_overwriting(guess, tokens, steps):
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, index = guess(index, mask).softmax(-1).max(-1)
        order = sure.masked_fill(~mask, torch.inf).argsort()
        mask = torch.zeros_like(mask)
        mask[order[: _left(step, steps, tokens)]] = True
    return index


def make_evenly(guess, tokens, steps):
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, drawn = guess(index, mask).softmax(-1).max(-1)
        index = torch.where(mask, drawn, index)
        order = sure.masked_fill(~mask, torch.inf).argsort()
        mask = torch.zeros_like(mask)
        mask[order[: int(tokens * (1 - step / steps))]] = True
    return index


def make_surest_hidden(guess, tokens, steps):
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, drawn = guess(index, mask).softmax(-1).max(-1)
        index = torch.where(mask, drawn, index)
        order = sure.masked_fill(~mask, -torch.inf).argsort(descending=True)
        mask = torch.zeros_like(mask)
        mask[order[: _left(step, steps, tokens)]] = True
    return index


def make_hiding_the_known(guess, tokens, steps):
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, drawn = guess(index, mask).softmax(-1).max(-1)
        index = torch.where(mask, drawn, index)
        mask = torch.zeros_like(mask)
        mask[sure.argsort()[: _left(step, steps, tokens)]] = True
    return index


def left_rounded(step, steps, tokens):
    return round(math.cos(math.pi / 2 * step / steps) * tokens)


def hide_with_one_seed_for_all(shape, least, generator):
    b, t, n = shape
    own = torch.Generator().manual_seed(0)
    mask = torch.rand(b, t, n, generator=own) < least + (1 - least) * torch.rand(b, t, 1, generator=own)
    mask[:, 0] = False
    return mask


def hide_whole_frames(shape, least, generator):
    b, t, n = shape
    rate = least + (1 - least) * torch.rand(b, t, 1, generator=generator)
    mask = (torch.rand(b, t, 1, generator=generator) < rate).expand(b, t, n).clone()
    mask[:, 0] = False
    return mask


def again_by_threshold(sure, mask, left):
    if left == 0:
        return torch.zeros_like(mask)
    guesses = sure.masked_fill(~mask, torch.inf)
    return mask & (guesses <= guesses.sort(dim=1).values[:, left - 1 : left])


def delta_median(inferred, random, real):
    return (_psnr(inferred, real) - _psnr(random, real)).median()


def delta_as_a_number(inferred, random, real):
    return float((_psnr(inferred, real) - _psnr(random, real)).mean())


def make_by_logits(guess, tokens, steps):
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, drawn = guess(index, mask).max(-1)
        index = torch.where(mask, drawn, index)
        order = sure.masked_fill(~mask, torch.inf).argsort()
        mask = torch.zeros_like(mask)
        mask[order[: _left(step, steps, tokens)]] = True
    return index


def make_of_floats(guess, tokens, steps):
    return guess(torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)).max(-1).values


def make_in_a_batch(guess, tokens, steps):
    return guess(torch.zeros(1, tokens, dtype=torch.long), torch.ones(1, tokens, dtype=torch.bool)).argmax(-1)[0]


WRONG = {
    "play.tokens_left": [
        left_evenly,
        left_by_sine,
        left_not_whole,
        left_of_half_a_turn,
        left_rounded_up,
        left_rounded,
    ],
    "play.hide": [
        hide_the_first,
        hide_one_rate_a_film,
        hide_one_rate,
        hide_the_others,
        hide_without_least,
        hide_as_numbers,
        hide_with_another_generator,
        hide_with_one_seed_for_all,
        hide_whole_frames,
    ],
    "play.hide_again": [
        again_the_surest,
        again_the_known_too,
        again_one_too_many,
        again_over_the_batch,
        again_in_place,
        again_by_threshold,
    ],
    "play.delta_psnr": [
        delta_turned,
        delta_of_all_films,
        delta_twice,
        delta_each,
        delta_natural,
        delta_without_ten,
        delta_median,
        delta_as_a_number,
    ],
    "play.make_frame": [
        make_at_once,
        make_overwriting,
        make_evenly,
        make_surest_hidden,
        make_hiding_the_known,
        make_by_logits,
        make_of_floats,
        make_in_a_batch,
    ],
}
