"""Plausible wrong answers to the exercises of notebook 06: each hears its own reason."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from course_lib.nets.patches import patchify


def _logits(q, k):
    return q @ k.T / math.sqrt(q.shape[-1])


def weights_without_division(q, k, mask):
    return (q @ k.T).masked_fill(~mask, -torch.inf).softmax(-1)


def weights_divided_by_d(q, k, mask):
    return (q @ k.T / q.shape[-1]).masked_fill(~mask, -torch.inf).softmax(-1)


def weights_over_queries(q, k, mask):
    return _logits(q, k).masked_fill(~mask, -torch.inf).softmax(0)


def weights_without_mask(q, k, mask):
    return _logits(q, k).softmax(-1)


def weights_masked_late(q, k, mask):
    return _logits(q, k).softmax(-1) * mask


def weights_masked_with_zero(q, k, mask):
    return (_logits(q, k) * mask).softmax(-1)


def weights_as_sigmoids(q, k, mask):
    return _logits(q, k).masked_fill(~mask, -torch.inf).sigmoid()


def window_both_sides(tokens, reach):
    n, m = torch.arange(tokens)[:, None], torch.arange(tokens)[None, :]
    return (n - m).abs() < reach


def window_one_too_far(tokens, reach):
    n, m = torch.arange(tokens)[:, None], torch.arange(tokens)[None, :]
    return (m <= n) & (m >= n - reach)


def window_without_end(tokens, reach):
    return torch.ones(tokens, tokens, dtype=torch.bool).tril()


def window_without_itself(tokens, reach):
    n, m = torch.arange(tokens)[:, None], torch.arange(tokens)[None, :]
    return (m < n) & (m >= n - reach)


def window_forward(tokens, reach):
    n, m = torch.arange(tokens)[:, None], torch.arange(tokens)[None, :]
    return (m >= n) & (m < n + reach)


def window_of_numbers(tokens, reach):
    return torch.ones(tokens, tokens).tril().triu(1 - reach)


def cut_by_reshape(frames, patch):
    b, c, h, w = frames.shape
    return frames.reshape(b, (h // patch) * (w // patch), c * patch * patch)


def _squares(frames, patch):
    b, c, h, w = frames.shape
    return frames.reshape(b, c, h // patch, patch, w // patch, patch)  # B, C, rows, P, columns, P


def cut_column_by_column(frames, patch):
    return _squares(frames, patch).permute(0, 4, 2, 1, 3, 5).flatten(3).flatten(1, 2)


def cut_colours_last(frames, patch):
    return _squares(frames, patch).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def cut_mirrored(frames, patch):
    return _squares(frames, patch).permute(0, 2, 4, 1, 5, 3).flatten(3).flatten(1, 2)


def cut_without_moving(frames, patch):
    b, c, h, w = frames.shape
    return frames.unfold(2, patch, patch).unfold(3, patch, patch).reshape(b, -1, c * patch * patch)


def cost_without_the_way_out(tokens, width):
    return 3 * tokens * width**2 + 2 * tokens**2 * width


def cost_of_logits_alone(tokens, width):
    return 4 * tokens * width**2 + tokens**2 * width


def cost_of_matrices(tokens, width):
    return 4 * tokens * width**2


def cost_of_pairs(tokens, width):
    return 2 * tokens**2 * width


def cost_as_a_float(tokens, width):
    return 4.0 * tokens * width**2 + 2 * tokens**2 * width


def cost_with_additions(tokens, width):
    return 8 * tokens * width**2 + 4 * tokens**2 * width


def leak_in_the_last(layer, x):
    """Asks the last token alone, which has no later one."""
    return False


def leak_of_the_first(layer, x):
    moved = x.clone()
    moved[1:] += 1.0
    return not torch.allclose(layer(moved)[0], layer(x)[0])


def leak_of_the_last_input(layer, x):
    moved = x.clone()
    moved[-1] += 1.0
    return not torch.allclose(layer(moved)[:-1], layer(x)[:-1], atol=1e-6)


def leak_by_any_change(layer, x):
    moved = x.clone()
    moved[-1] += 1.0
    return not torch.allclose(layer(moved), layer(x))


def leak_as_a_tensor(layer, x):
    moved = x.clone()
    moved[-1] += 1.0
    return (layer(moved)[:-1] != layer(x)[:-1]).any()


def weights_mask_turned(q, k, mask):
    return _logits(q, k).masked_fill(mask, -1e9).softmax(-1)


def weights_of_distances(q, k, mask):
    return (-_logits(q, k)).masked_fill(~mask, -torch.inf).softmax(-1)


def weights_detached(q, k, mask):
    return _logits(q, k).masked_fill(~mask, -torch.inf).softmax(-1).detach()


def window_capped(tokens, reach):
    n, m = torch.arange(tokens)[:, None], torch.arange(tokens)[None, :]
    return (m <= n) & (m > n - min(reach, 3))


def cut_with_the_librarys_own(frames, patch):
    return patchify(frames, patch)


def cut_with_unfold(frames, patch):
    return F.unfold(frames, patch, stride=patch).transpose(1, 2)


def cut_with_a_loop(frames, patch):
    rows, columns = frames.shape[2] // patch, frames.shape[3] // patch
    return torch.stack(
        [
            frames[:, :, patch * r : patch * (r + 1), patch * c : patch * (c + 1)].flatten(1)
            for r in range(rows)
            for c in range(columns)
        ],
        dim=1,
    )


def leak_in_place(layer, x):
    before = layer(x)
    x[-1] += 1.0
    return not torch.allclose(layer(x)[:-1], before[:-1], atol=1e-6)


def weights_mask_turned_to_infinity(q, k, mask):
    return _logits(q, k).masked_fill(mask, -torch.inf).softmax(-1)


def leak_in_the_sum_of_answers(layer, x):
    x = x.clone().requires_grad_()
    out = layer(x)
    slopes = [torch.autograd.grad(out[n].sum(), x, retain_graph=True)[0][n + 1 :] for n in range(len(x) - 1)]
    return any(bool((slope != 0).any()) for slope in slopes)


WRONG = {
    "attention.weights": [
        weights_without_division,
        weights_divided_by_d,
        weights_over_queries,
        weights_without_mask,
        weights_masked_late,
        weights_masked_with_zero,
        weights_as_sigmoids,
        weights_mask_turned,
        weights_of_distances,
        weights_detached,
        weights_mask_turned_to_infinity,
    ],
    "attention.window": [
        window_both_sides,
        window_one_too_far,
        window_without_end,
        window_without_itself,
        window_forward,
        window_of_numbers,
        window_capped,
    ],
    "attention.cut": [
        cut_by_reshape,
        cut_column_by_column,
        cut_colours_last,
        cut_mirrored,
        cut_without_moving,
        cut_with_the_librarys_own,
        cut_with_unfold,
        cut_with_a_loop,
    ],
    "attention.multiplications": [
        cost_without_the_way_out,
        cost_of_logits_alone,
        cost_of_matrices,
        cost_of_pairs,
        cost_as_a_float,
        cost_with_additions,
    ],
    "attention.looks_ahead": [
        leak_in_the_last,
        leak_of_the_first,
        leak_of_the_last_input,
        leak_by_any_change,
        leak_as_a_tensor,
        leak_in_place,
        leak_in_the_sum_of_answers,
    ],
}
