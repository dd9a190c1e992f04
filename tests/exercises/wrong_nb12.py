"""Plausible wrong answers to the exercises of notebook 12: each hears its own reason."""

from __future__ import annotations

import math

import numpy as np
import torch


def reshape_alone(x, mix):
    b, t, n, d = x.shape
    return mix(x.reshape(b * n, t, d)).reshape(b, t, n, d)


def forgets_the_way_back(x, mix):
    b, t, n, d = x.shape
    return mix(x.transpose(1, 2).reshape(b * n, t, d)).reshape(b, n, t, d)


def back_by_reshape(x, mix):
    b, t, n, d = x.shape
    return mix(x.transpose(1, 2).reshape(b * n, t, d)).reshape(b, t, n, d)


def along_space(x, mix):
    b, t, n, d = x.shape
    return mix(x.reshape(b * t, n, d)).reshape(b, t, n, d)


def _parts(frames, places):
    token = torch.arange(frames * places)
    return token // places, token % places


def sees_the_future(frames, places):
    f, p = _parts(frames, places)
    return f[:, None] == f, p[:, None] == p


def backwards(frames, places):
    f, p = _parts(frames, places)
    return f[:, None] == f, (p[:, None] == p) & (f[:, None] <= f)


def not_itself(frames, places):
    f, p = _parts(frames, places)
    return f[:, None] == f, (p[:, None] == p) & (f[:, None] > f)


def place_by_place(frames, places):
    token = torch.arange(frames * places)
    f, p = token % frames, token // frames
    return f[:, None] == f, (p[:, None] == p) & (f[:, None] >= f)


def causal_over_everything(frames, places):
    f, _ = _parts(frames, places)
    return f[:, None] == f, f[:, None] >= f


def exchanged(frames, places):
    f, p = _parts(frames, places)
    return (p[:, None] == p) & (f[:, None] >= f), f[:, None] == f


def ratio_not_share(share, places, width):
    return share * (8 * width + places)


def without_space(share, places, width):
    return share / (1 - share) * 8 * width


def without_feed_forward(share, places, width):
    return share / (1 - share) * (4 * width + places)


def of_attention_alone(share, places, width):
    return share / (1 - share) * places


def twice(share, places, width):
    return 2 * share / (1 - share) * (8 * width + places)


def height_of_the_line(frames, seconds):
    return np.polyfit(np.log(frames), np.log(seconds), 1)[1]


def without_logarithms(frames, seconds):
    return np.polyfit(frames, seconds, 1)[0]


def only_the_ends(frames, seconds):
    return math.log(seconds[-1] / seconds[0]) / math.log(frames[-1] / frames[0])


def axes_exchanged(frames, seconds):
    return np.polyfit(np.log(seconds), np.log(frames), 1)[0]


def mixed_logarithms(frames, seconds):
    return np.polyfit(np.log2(frames), np.log(seconds), 1)[0]


def _mix(q, keys, values, scale, axis=1):
    weights = (torch.einsum("ntd,nd->nt", keys, q) * scale).softmax(axis)
    return torch.einsum("nt,ntd->nd", weights, values)


def _longer(k, v, keys, values):
    return torch.cat([keys, k[:, None]], 1), torch.cat([values, v[:, None]], 1)


def without_the_root(q, k, v, keys, values):
    keys, values = _longer(k, v, keys, values)
    return _mix(q, keys, values, 1.0), keys, values


def softmax_over_places(q, k, v, keys, values):
    keys, values = _longer(k, v, keys, values)
    return _mix(q, keys, values, q.shape[-1] ** -0.5, axis=0), keys, values


def looks_at_the_old_only(q, k, v, keys, values):
    return _mix(q, keys, values, q.shape[-1] ** -0.5), *_longer(k, v, keys, values)


def put_in_front(q, k, v, keys, values):
    keys, values = torch.cat([k[:, None], keys], 1), torch.cat([v[:, None], values], 1)
    return _mix(q, keys, values, q.shape[-1] ** -0.5), keys, values


def forgets_to_remember(q, k, v, keys, values):
    longer_keys, longer_values = _longer(k, v, keys, values)
    return _mix(q, longer_keys, longer_values, q.shape[-1] ** -0.5), keys, values


def along_the_films(x, mix):
    b, t, n, d = x.shape
    return mix(x.permute(1, 2, 0, 3).reshape(t * n, b, d)).reshape(t, n, b, d).permute(2, 0, 1, 3)


def never_mixes(x, mix):
    return x


def along_time_detached(x, mix):
    b, t, n, d = x.shape
    return mix(x.detach().transpose(1, 2).reshape(b * n, t, d)).reshape(b, n, t, d).transpose(1, 2)


def masks_as_numbers(frames, places):
    f, p = _parts(frames, places)
    return (f[:, None] == f).float(), ((p[:, None] == p) & (f[:, None] >= f)).float()


def rounded_up(share, places, width):
    return math.ceil(share / (1 - share) * (8 * width + places))


def mean_of_slopes(frames, seconds):
    return float(np.mean(np.diff(np.log(seconds)) / np.diff(np.log(frames))))


def the_whole_line(frames, seconds):
    return np.polyfit(np.log(frames), np.log(seconds), 1)


def keys_and_values_exchanged(q, k, v, keys, values):
    keys, values = _longer(k, v, keys, values)
    return _mix(q, keys, values, q.shape[-1] ** -0.5), values, keys


def divided_by_d(q, k, v, keys, values):
    keys, values = _longer(k, v, keys, values)
    return _mix(q, keys, values, 1 / q.shape[-1]), keys, values


WRONG = {
    "spacetime.along_time": [
        reshape_alone,
        forgets_the_way_back,
        back_by_reshape,
        along_space,
        along_the_films,
        never_mixes,
        along_time_detached,
    ],
    "spacetime.masks": [
        sees_the_future,
        backwards,
        not_itself,
        place_by_place,
        causal_over_everything,
        exchanged,
        masks_as_numbers,
    ],
    "spacetime.frames_at_share": [
        ratio_not_share,
        without_space,
        without_feed_forward,
        of_attention_alone,
        twice,
        rounded_up,
    ],
    "spacetime.exponent": [
        height_of_the_line,
        without_logarithms,
        only_the_ends,
        axes_exchanged,
        mixed_logarithms,
        mean_of_slopes,
        the_whole_line,
    ],
    "spacetime.one_more": [
        without_the_root,
        softmax_over_places,
        looks_at_the_old_only,
        put_in_front,
        forgets_to_remember,
        keys_and_values_exchanged,
        divided_by_d,
    ],
}
