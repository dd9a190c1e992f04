"""Machine-made wrong answers: every one fails, unless it is the same answer written in another way (then: why)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from course_lib.exercises.core import Exercise, all_exercises
from tests.exercises.mutants import passed_by

MEAN = "a sum over a fixed number of places and their mean are smallest (or above 0) at the same time"
SHARES = "an entropy takes shares, and those of means are those of sums"

NO_TIES = "no angle or distance is exactly the limit"
SYMMETRIC = "equal captions are equal both ways, and have the same number of copies"

ALL_ALIKE = "all four films of a quadruplet have one factor more, and only their order counts"
EQUIVALENT: dict[str, dict[str, str]] = {
    "geometry.support": {
        "return ((angles < near) * lengths[:, None]).sum(axis=0)"
        "  ->  return ((angles <= near) * lengths[:, None]).sum(axis=0)": NO_TIES,
        "angles = np.arcsin(np.abs(normals @ directions.T).clip(0.0, 1.0))"
        "  ->  angles = np.arcsin(np.abs(normals @ directions.T).clip(0.0, 1.5))": "rounding never passes 1 there",
    },
    "geometry.shadow": {
        "return np.where(along > length + 1.0, beside, far)"
        "  ->  return np.where(along >= length + 1.0, beside, far)": NO_TIES,
    },
    "voe.scores": {
        "means = (surprise.nan_to_num() * scored[:, None]).sum(dim=2) / scored.sum(dim=1, keepdim=True)"
        "  ->  means = (surprise.nan_to_num() * scored[:, None]).sum(dim=2) * scored.sum(dim=1, keepdim=True)":
            ALL_ALIKE,
        "means = (surprise.nan_to_num() * scored[:, None]).sum(dim=2) / scored.sum(dim=1, keepdim=True)"
        "  ->  means = (surprise.nan_to_num() * scored[:, None]).mean(dim=2) / scored.sum(dim=1, keepdim=True)":
            ALL_ALIKE,
        "return torch.where(tied, 0.5, (impossible > possible).float()).mean(dim=1)"
        "  ->  return torch.where(tied, 0.5, (impossible >= possible).float()).mean(dim=1)": "equal means are tied",
    },
    "clip.shared_answers": {
        "return same / same.sum(dim=1, keepdim=True)  ->  return same / same.sum(dim=1, keepdim=False)": SYMMETRIC,
        "return same / same.sum(dim=1, keepdim=True)  ->  return same / same.sum(dim=0, keepdim=True)": SYMMETRIC,
    },
    "clip.class_vectors": {
        "means = torch.stack([prompts[classes == c].mean(dim=0) for c in range(int(classes.max()) + 1)])"
        "  ->  means = torch.stack([prompts[classes == c].sum(dim=0) for c in range(int(classes.max()) + 1)])":
            "a sum and a mean point the same way",
    },
    "counting.transition_estimate": {
        "states = counts.shape[-1]  ->  states = counts.shape[-0]": "counts are (S, A, S)",
    },
    "ask.interval": {
        "2000  ->  2001": "nobody could tell 2,000 resamples from 2,001",
        "2000  ->  1999": "nobody could tell 2,000 resamples from 1,999",
    },
    "ask.meaningless_task": {"the negative": "random numbers around 0 are as random with the other sign"},
    "ask.missing_control": {
        "return errors(np.roll(actions, 1, axis=0)) - errors(actions)"
        "  ->  return errors(np.roll(actions, 2, axis=0)) - errors(actions)": "any other film will do",
    },
    "ask.intervened": {"range(error.shape[1])  ->  range(error.shape[2])": "error is (N, 4, 4)"},
    "attention.looks_ahead": {
        "gradient, = torch.autograd.grad(out[n].square().sum(), x, retain_graph=True)"
        "  ->  gradient, = torch.autograd.grad(out[n].square().mean(), x, retain_graph=True)": "0 is 0 in both",
        "x = x.detach().clone().requires_grad_()  ->  x = x.clone().clone().requires_grad_()": "one copy more",
    },
    "tokens.nearest": {
        "distances = (x[:, None, :] - codes[None, :, :]).square().sum(dim=2)"
        "  ->  distances = (x[:, None, :] - codes[None, :, :]).square().mean(dim=2)": MEAN,
    },
    "lam.which_code": {
        "return (drawn - y[:, None]).square().sum(dim=-1).argmin(dim=1)"
        "  ->  return (drawn - y[:, None]).square().mean(dim=-1).argmin(dim=1)": MEAN,
    },
    "lam.code_table": {
        "return np.where(counts.sum(axis=1) > 0, table, counts.sum(axis=0).argmax())"
        "  ->  return np.where(counts.mean(axis=1) > 0, table, counts.sum(axis=0).argmax())": MEAN,
        "return np.where(counts.sum(axis=1) > 0, table, counts.sum(axis=0).argmax())"
        "  ->  return np.where(counts.sum(axis=1) > 0, table, counts.mean(axis=0).argmax())": MEAN,
    },
    "lam.nmi": {
        "return (code + key - both) / mean if mean > 1e-12 else 0.0"
        "  ->  return (code + key - both) / mean if mean >= 1e-12 else 0.0": "entropies are 0 or far above 1e-12",
        "return (code + key - both) / mean if mean > 1e-12 else 0.0"
        "  ->  return (code + key - both) / mean if mean > 1.5e-12 else 0.0": "entropies are 0 or far above 1e-12",
        "code, key, both = (entropy(counts.sum(axis=1)), entropy(counts.sum(axis=0)), entropy(counts.ravel()))"
        "  ->  code, key, both = (entropy(counts.mean(axis=1)), entropy(counts.sum(axis=0)), entropy(counts.ravel()))":
            SHARES,
        "code, key, both = (entropy(counts.sum(axis=1)), entropy(counts.sum(axis=0)), entropy(counts.ravel()))"
        "  ->  code, key, both = (entropy(counts.sum(axis=1)), entropy(counts.mean(axis=0)), entropy(counts.ravel()))":
            SHARES,
    },
    "codec.earliest": {
        "other[:, which] = 1.0 - other[:, which]  ->  other[:, which] = 1.0 + other[:, which]": "it changes as well",
        "other[:, which] = 1.0 - other[:, which]  ->  other[:, which] = 1.5 - other[:, which]": "it changes as well",
        "change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]"
        "  ->  change = (encode(other) - encode(frames)).abs().flatten(3).amax(dim=2)[0]": "the group stays in front",
        "change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]"
        "  ->  change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[-1]": "there is one film",
    },
    "dit.mixes_films": {
        "x_new[others], t_new[others] = (1.0 - x[others], 1.0 - t[others])"
        "  ->  x_new[others], t_new[others] = (1.5 - x[others], 1.0 - t[others])": "it changes as well",
        "x_new[others], t_new[others] = (1.0 - x[others], 1.0 - t[others])"
        "  ->  x_new[others], t_new[others] = (1.0 - x[others], 1.5 - t[others])": "it changes as well",
        "x_new[others], t_new[others] = (1.0 - x[others], 1.0 - t[others])"
        "  ->  x_new[others], t_new[others] = (1.0 + x[others], 1.0 - t[others])": "it changes as well",
        "x_new[others], t_new[others] = (1.0 - x[others], 1.0 - t[others])"
        "  ->  x_new[others], t_new[others] = (1.0 - x[others], 1.0 + t[others])": "it changes as well",
        "not torch.allclose(network(x_new, t_new)[film], before[film], rtol=0.0, atol=1e-06)"
        "  ->  not torch.allclose(network(x_new, t_new)[film], before[film], rtol=0.0, atol=1.5e-06)":
            "it only has to be above rounding and below what is looked for",
    },
    "play.tokens_left": {
        "return int(math.cos(math.pi / 2 * step / steps) * tokens + 1e-09)"
        "  ->  return int(math.cos(math.pi / 2 * step / steps) * tokens + 1.5000000000000002e-09)":
            "it only has to be above the rounding of a cosine",
    },
    "play.hide": {
        "mask = torch.rand(films, frames, tokens, generator=generator) < rate"
        "  ->  mask = torch.rand(films, frames, tokens, generator=generator) <= rate": "equal with probability 0",
    },
    "play.delta_psnr": {
        "return -10.0 * (drawn - real).square().mean(dim=(1, 2, 3)).log10()"
        "  ->  return -10.0 * (drawn - real).square().sum(dim=(1, 2, 3)).log10()": "the constant cancels in the gap",
    },
    "play.make_frame": {
        "mask = my_hide_again(sure[None], mask[None], my_tokens_left(step, steps, tokens))[0]"
        "  ->  mask = my_hide_again(sure[None], mask[None], my_tokens_left(step, steps, tokens))[-1]": "one row",
    },
}  # fmt: skip


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda e: e.id)
def test_every_mutant_fails(exercise: Exercise) -> None:
    made, passed = passed_by(exercise)
    assert made > 5
    assert _plain(passed) == _plain(EQUIVALENT.get(exercise.id, {}))


def _plain(changes: Iterable[str]) -> set[str]:
    """Without brackets and spaces, which not every Python writes in the same places."""
    return {re.sub(r"[() ]", "", change) for change in changes}
