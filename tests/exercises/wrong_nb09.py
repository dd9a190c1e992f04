"""Plausible wrong answers to the exercises of notebook 09: each hears its own reason."""

from __future__ import annotations

import torch


def _joined(frames, group):
    return frames.unflatten(1, (-1, group)).flatten(2, 3)


def groups_after_nothing(frames, group):
    return _joined(torch.cat([torch.zeros_like(frames[:, : group - 1]), frames], dim=1), group)


def groups_filled_at_the_end(frames, group):
    return _joined(torch.cat([frames, frames[:, -1:].repeat(1, group - 1, 1, 1, 1)], dim=1), group)


def groups_mirrored(frames, group):
    return _joined(torch.cat([frames[:, 1:group].flip(1), frames], dim=1), group)


def groups_colour_by_colour(frames, group):
    padded = torch.cat([frames[:, :1].repeat(1, group - 1, 1, 1, 1), frames], dim=1)
    return padded.unflatten(1, (-1, group)).transpose(2, 3).flatten(2, 3)


def groups_not_joined(frames, group):
    padded = torch.cat([frames[:, :1].repeat(1, group - 1, 1, 1, 1), frames], dim=1)
    return padded.unflatten(1, (-1, group))


def _beside(before, x):
    return torch.cat([before, x], dim=2)


def before_is_after(x):
    return _beside(torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1), x)


def before_by_roll(x):
    return _beside(x.roll(1, dims=1), x)


def before_repeats_the_first(x):
    return _beside(torch.cat([x[:, :1], x[:, :-1]], dim=1), x)


def before_comes_second(x):
    return torch.cat([x, torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)], dim=2)


def before_in_place(x):
    x[:, 1:] = x[:, :-1].clone()
    x[:, 0] = 0.0
    return torch.cat([x, x], dim=2)


def window_without_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def window_strided_too_early(layers):
    width, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        width += (kernel - 1) * step
    return width


def window_multiplied(layers):
    product = 1
    for kernel, _ in layers:
        product *= kernel
    return product


def window_one_too_many(layers):
    width, step = 2, 1
    for kernel, stride in layers:
        width += (kernel - 1) * step
        step *= stride
    return width


def linear_least(blocks, numbers):
    mean = blocks.mean(dim=0)
    best = torch.linalg.eigh((blocks - mean).T @ (blocks - mean)).eigenvectors[:, :numbers]
    return (blocks - mean) @ best @ best.T + mean


def linear_not_centred(blocks, numbers):
    best = torch.linalg.eigh(blocks.T @ blocks).eigenvectors[:, -numbers:]
    return blocks @ best @ best.T


def linear_without_its_mean(blocks, numbers):
    centred = blocks - blocks.mean(dim=0)
    best = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -numbers:]
    return centred @ best @ best.T


def linear_codes_alone(blocks, numbers):
    centred = blocks - blocks.mean(dim=0)
    return centred @ torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -numbers:]


def linear_by_rows(blocks, numbers):
    centred = blocks - blocks.mean(dim=0)
    best = torch.linalg.eigh(centred.T @ centred).eigenvectors[-numbers:]
    return centred @ best.T @ best + blocks.mean(dim=0)


def compression_of_a_group(frames, size, group, channels, side):
    return 3 * group * size * size / (channels * side * side)


def compression_without_the_first(frames, size, group, channels, side):
    return frames * 3 * size * size / (frames // group * channels * side * side)


def compression_in_grey(frames, size, group, channels, side):
    return frames * size * size / ((1 + (frames - 1) // group) * channels * side * side)


def compression_upside_down(frames, size, group, channels, side):
    return (1 + (frames - 1) // group) * channels * side * side / (frames * 3 * size * size)


def earliest_frame(encode, frames, which):
    return which


def earliest_by_formula(encode, frames, which):
    return (which + 3) // 4


def earliest_if_large(encode, frames, which):
    other = frames.clone()
    other[:, which] = 1.0 - other[:, which]
    change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]
    found = torch.nonzero(change > 1e-2).flatten()
    return int(found[0]) if len(found) else len(change)


def earliest_is_the_latest(encode, frames, which):
    other = frames.clone()
    other[:, which] = 1.0 - other[:, which]
    change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]
    found = torch.nonzero(change > 0).flatten()
    return int(found[-1]) if len(found) else len(change)


def earliest_in_place(encode, frames, which):
    before = encode(frames)
    frames[:, which] = 1.0 - frames[:, which]
    change = (encode(frames) - before).abs().flatten(2).amax(dim=2)[0]
    found = torch.nonzero(change > 0).flatten()
    return int(found[0]) if len(found) else len(change)


def earliest_after_black(encode, frames, which):
    other = frames.clone()
    other[:, which] = 0.0
    change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]
    found = torch.nonzero(change > 0).flatten()
    return int(found[0]) if len(found) else len(change)


def earliest_after_white(encode, frames, which):
    other = frames.clone()
    other[:, which] = 1.0
    change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]
    found = torch.nonzero(change > 0).flatten()
    return int(found[0]) if len(found) else len(change)


WRONG = {
    "codec.groups": [groups_after_nothing, groups_filled_at_the_end, groups_mirrored, groups_colour_by_colour,
                     groups_not_joined],
    "codec.before": [before_is_after, before_by_roll, before_repeats_the_first, before_comes_second, before_in_place],
    "codec.receptive_field": [window_without_strides, window_strided_too_early, window_multiplied, window_one_too_many],
    "codec.linear_code": [linear_least, linear_not_centred, linear_without_its_mean, linear_codes_alone,
                          linear_by_rows],
    "codec.compression": [compression_of_a_group, compression_without_the_first, compression_in_grey,
                          compression_upside_down],
    "codec.earliest": [earliest_frame, earliest_by_formula, earliest_if_large, earliest_is_the_latest,
                       earliest_in_place, earliest_after_black, earliest_after_white],
}  # fmt: skip
