"""Plausible wrong answers to the exercises of notebook 19: each hears its own reason."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def axes(film, frames_each, patch):
    times, height, width = film.shape
    return film.view(times // frames_each, frames_each, height // patch, patch, width // patch, patch)


def tubelets_by_reshape(film, frames_each, patch):
    return film.reshape(film.shape[0] // frames_each, -1, frames_each * patch * patch)


def tubelets_by_column(film, frames_each, patch):
    return axes(film, frames_each, patch).permute(0, 4, 2, 1, 3, 5).flatten(3).flatten(1, 2)


def tubelets_with_frames_last(film, frames_each, patch):
    return axes(film, frames_each, patch).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def tubelets_with_columns_first(film, frames_each, patch):
    return axes(film, frames_each, patch).permute(0, 2, 4, 1, 5, 3).flatten(3).flatten(1, 2)


def tubelets_that_leap(film, frames_each, patch):
    steps = film.shape[0] // frames_each
    order = torch.arange(film.shape[0]).view(frames_each, steps).T.flatten()
    return axes(film[order], frames_each, patch).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def numbers(shown, times):
    places = shown.nonzero()[:, 0]
    return (places + len(shown) * torch.arange(times)[:, None]).flatten()


def context_of_the_hidden(blocks, times):
    return numbers(blocks.any(dim=0), times)


def context_of_all_blocks(blocks, times):
    return numbers(~blocks.all(dim=0), times)


def context_of_the_first(blocks, times):
    return numbers(~blocks[0], times)


def context_at_one_time(blocks, times):
    return numbers(~blocks.any(dim=0), 1)


def context_repeated(blocks, times):
    return numbers(~blocks.any(dim=0), 1).repeat(times)


def context_by_patch(blocks, times):
    return numbers(~blocks.any(dim=0), times).view(times, -1).T.flatten()


def chosen(targets, places):
    return targets.gather(1, places[..., None].expand(-1, -1, targets.shape[2]))


def loss_of_raw_targets(guess, features, places):
    return (guess - chosen(features.detach(), places)).abs().mean()


def loss_squared(guess, features, places):
    return F.mse_loss(guess, chosen(F.layer_norm(features.detach(), features.shape[-1:]), places))


def loss_over_tokens(guess, features, places):
    centred = features.detach() - features.detach().mean(dim=1, keepdim=True)
    return F.l1_loss(guess, chosen(centred / centred.std(dim=1, keepdim=True, correction=0), places))


def loss_of_the_batch(guess, features, places):
    whole = features.detach()
    return F.l1_loss(guess, chosen((whole - whole.mean()) / whole.std(correction=0), places))


def loss_of_each_film(guess, features, places):
    return F.l1_loss(guess, chosen(F.layer_norm(features.detach(), features.shape[1:]), places))


def loss_by_an_unbiased_deviation(guess, features, places):
    centred = features.detach() - features.detach().mean(dim=2, keepdim=True)
    return F.l1_loss(guess, chosen(centred / centred.std(dim=2, keepdim=True), places))


def loss_of_the_first(guess, features, places):
    return F.l1_loss(guess, F.layer_norm(features.detach(), features.shape[-1:])[:, : guess.shape[1]])


def loss_summed(guess, features, places):
    targets = chosen(F.layer_norm(features.detach(), features.shape[-1:]), places)
    return F.l1_loss(guess, targets, reduction="sum")


def loss_of_normal_guesses(guess, features, places):
    targets = chosen(F.layer_norm(features.detach(), features.shape[-1:]), places)
    return F.l1_loss(F.layer_norm(guess, guess.shape[-1:]), targets)


def parts_exchanged(patches, times, seen):
    return torch.arange(seen * patches, times * patches), torch.arange(seen * patches)


def parts_of_times(patches, times, seen):
    return torch.arange(seen), torch.arange(seen, times)


def parts_of_one_step(patches, times, seen):
    return torch.arange(seen * patches), seen * patches + torch.arange(patches)


def parts_from_zero(patches, times, seen):
    return torch.arange(seen * patches), torch.arange((times - seen) * patches)


def parts_counted_back(patches, times, seen):
    whole = torch.arange(patches * times)
    return whole[: (times - seen) * patches], whole[(times - seen) * patches :]


def won(on, back, tie):
    return (back > on).float() + tie * (back == on)


def surprised_by_going_on(on, back, differs):
    return (won(back, on, 0.5) * differs).sum(dim=1) / differs.sum(dim=1)


def surprised_without_ties(on, back, differs):
    return (won(on, back, 0.0) * differs).sum(dim=1) / differs.sum(dim=1)


def surprised_by_ties(on, back, differs):
    return (won(on, back, 1.0) * differs).sum(dim=1) / differs.sum(dim=1)


def surprised_always(on, back, differs):
    return won(on, back, 0.5).mean(dim=1)


def surprised_over_all(on, back, differs):
    return (won(on, back, 0.5) * differs).sum(dim=1) / differs.shape[1]


def surprised_together(on, back, differs):
    return ((won(on, back, 0.5) * differs).sum() / differs.sum()).repeat(len(on))


WRONG = {
    "vjepa.tubelets": [
        tubelets_by_reshape,
        tubelets_by_column,
        tubelets_with_frames_last,
        tubelets_with_columns_first,
        tubelets_that_leap,
    ],
    "vjepa.context": [
        context_of_the_hidden,
        context_of_all_blocks,
        context_of_the_first,
        context_at_one_time,
        context_repeated,
        context_by_patch,
    ],
    "vjepa.loss": [
        loss_of_raw_targets,
        loss_squared,
        loss_over_tokens,
        loss_of_the_batch,
        loss_of_each_film,
        loss_by_an_unbiased_deviation,
        loss_of_the_first,
        loss_summed,
        loss_of_normal_guesses,
    ],
    "vjepa.past_and_future": [
        parts_exchanged,
        parts_of_times,
        parts_of_one_step,
        parts_from_zero,
        parts_counted_back,
    ],
    "vjepa.more_surprised": [
        surprised_by_going_on,
        surprised_without_ties,
        surprised_by_ties,
        surprised_always,
        surprised_over_all,
        surprised_together,
    ],
}
