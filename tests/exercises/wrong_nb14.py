"""Plausible wrong answers to the exercises of notebook 14: each hears its own reason."""

from __future__ import annotations

import numpy as np
import torch


def _errors(x, y, maps):
    return (torch.einsum("bn,knm->bkm", x, maps) - y[:, None]).square().sum(-1)


def which_worst(x, y, maps):
    return _errors(x, y, maps).argmax(1)


def which_for_each_code(x, y, maps):
    return _errors(x, y, maps).argmin(0)


def which_error(x, y, maps):
    return _errors(x, y, maps).min(1).values


def which_other_side(x, y, maps):
    return (torch.einsum("bm,knm->bkn", x, maps) - y[:, None]).square().sum(-1).argmin(1)


def which_backwards(x, y, maps):
    return _errors(y, x, maps).argmin(1)


def which_without_square(x, y, maps):
    return (torch.einsum("bn,knm->bkm", x, maps) - y[:, None]).sum(-1).argmin(1)


def _mask(before, after):
    return ((after - before).abs().amax(1, keepdim=True) > 0.02).float()


def error_not_divided(drawn, before, after, extra=20.0):
    return ((1 + extra * _mask(before, after)) * (drawn - after).square()).mean()


def error_unweighted(drawn, before, after, extra=20.0):
    return (drawn - after).square().mean()


def error_mask_turned(drawn, before, after, extra=20.0):
    w = 1 + extra * (1 - _mask(before, after))
    return (w * (drawn - after).square()).mean() / w.mean()


def error_always_twenty(drawn, before, after, extra=20.0):
    w = 1 + 20.0 * _mask(before, after)
    return (w * (drawn - after).square()).mean() / w.mean()


def error_only_extra(drawn, before, after, extra=20.0):
    w = torch.where(_mask(before, after) > 0, extra, 1.0)
    return (w * (drawn - after).square()).mean() / w.mean()


def error_by_colour(drawn, before, after, extra=20.0):
    w = 1 + extra * ((after - before).abs() > 0.02).float()
    return (w * (drawn - after).square()).mean() / w.mean()


def error_absolute(drawn, before, after, extra=20.0):
    w = 1 + extra * _mask(before, after)
    return (w * (drawn - after).abs()).mean() / w.mean()


def error_only_where_moved(drawn, before, after, extra=20.0):
    w = _mask(before, after)
    return (w * (drawn - after).square()).mean() / w.mean()


def table_argmax(counts):
    return counts.argmax(axis=1)


def table_by_key(counts):
    return counts.argmax(axis=0)


def table_majority(counts):
    return np.full(len(counts), counts.sum(axis=0).argmax())


def table_rarest(counts):
    return counts.argmin(axis=1)


def table_in_place(counts):
    counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return counts.argmax(axis=1)


def _h(c):
    p = c[c > 0] / c.sum()
    return float(-(p * np.log(p)).sum())


def _parts(counts):
    a, b, c = _h(counts.sum(1)), _h(counts.sum(0)), _h(counts.ravel())
    return a, b, a + b - c


def nmi_not_divided(counts):
    a, b, mutual = _parts(counts)
    return mutual


def nmi_by_sum(counts):
    a, b, mutual = _parts(counts)
    return mutual / (a + b) if a + b else 0.0


def nmi_geometric(counts):
    a, b, mutual = _parts(counts)
    return mutual / np.sqrt(a * b) if a * b else 0.0


def nmi_by_larger(counts):
    a, b, mutual = _parts(counts)
    return mutual / max(a, b) if max(a, b) else 0.0


def nmi_with_zeros(counts):
    def h(c):
        p = c / c.sum()
        return -(p * np.log(p)).sum()

    a, b, c = h(counts.sum(1)), h(counts.sum(0)), h(counts.ravel())
    return (a + b - c) / ((a + b) / 2)


def nmi_divides_by_zero(counts):
    a, b, mutual = _parts(counts)
    return np.float64(mutual) / np.float64((a + b) / 2)


def which_as_int32(x, y, maps):
    return _errors(x, y, maps).argmin(1).int()


def _by(moved):
    def error(drawn, before, after, extra=20.0):
        w = 1 + extra * moved(after - before).float()
        return (w * (drawn - after).square()).mean() / w.mean()

    return error


error_mean_of_colours = _by(lambda change: change.abs().mean(1, keepdim=True) > 0.02)
error_mean_of_colours.__name__ = "error_mean_of_colours"
error_sum_of_colours = _by(lambda change: change.abs().sum(1, keepdim=True) > 0.02)
error_sum_of_colours.__name__ = "error_sum_of_colours"
error_only_brighter = _by(lambda change: change.amax(1, keepdim=True) > 0.02)
error_only_brighter.__name__ = "error_only_brighter"
error_at_the_threshold = _by(lambda change: change.abs().amax(1, keepdim=True) >= 0.02)
error_at_the_threshold.__name__ = "error_at_the_threshold"


def error_detached(drawn, before, after, extra=20.0):
    w = 1 + extra * _mask(before, after)
    return ((w * (drawn - after).square()).mean() / w.mean()).detach()


def error_as_a_number(drawn, before, after, extra=20.0):
    w = 1 + extra * _mask(before, after)
    return float((w * (drawn - after).square()).mean() / w.mean())


def table_as_floats(counts):
    return np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), counts.sum(axis=0).argmax()).astype(float)


def table_empty_is_none(counts):
    return np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), -1)


def table_by_share(counts):
    share = (counts / counts.sum(axis=0)).argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, share, counts.sum(axis=0).argmax())


def nmi_by_smaller(counts):
    a, b, mutual = _parts(counts)
    return mutual / min(a, b) if min(a, b) else 0.0


def nmi_negative(counts):
    a, b, mutual = _parts(counts)
    return -2 * mutual / (a + b) if a + b else 0.0


WRONG = {
    "lam.which_code": [
        which_worst,
        which_for_each_code,
        which_error,
        which_other_side,
        which_backwards,
        which_without_square,
        which_as_int32,
    ],
    "lam.weighted_error": [
        error_not_divided,
        error_unweighted,
        error_mask_turned,
        error_always_twenty,
        error_only_extra,
        error_by_colour,
        error_absolute,
        error_only_where_moved,
        error_mean_of_colours,
        error_sum_of_colours,
        error_only_brighter,
        error_at_the_threshold,
        error_detached,
        error_as_a_number,
    ],
    "lam.code_table": [
        table_argmax,
        table_by_key,
        table_majority,
        table_rarest,
        table_in_place,
        table_as_floats,
        table_empty_is_none,
        table_by_share,
    ],
    "lam.nmi": [
        nmi_not_divided,
        nmi_by_sum,
        nmi_geometric,
        nmi_by_larger,
        nmi_with_zeros,
        nmi_divides_by_zero,
        nmi_by_smaller,
        nmi_negative,
    ],
}
