"""Pictures of broken expectations: what was foreseen, what a short memory knows, and figures that can be drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures.expectation import accuracy, scores
from course_lib.exam.measures.surprises import quadruplet_surprises
from course_lib.training import load_checkpoint
from course_lib.views.expectation import (
    foreseen,
    forgetful_surprises,
    memory_figure,
    schools_figure,
    score_figure,
    surprise_figure,
)
from course_lib.worlds.quadruplets import Quadruplets, make_quadruplets

COUNT = 6


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return load_checkpoint("vmc", size="cpu-family")


@pytest.fixture(scope="module")
def made() -> Quadruplets:
    return make_quadruplets("permanence", split="validation", count=COUNT)


def test_what_is_foreseen_comes_from_the_past_alone(model, made) -> None:
    film, other = made.frames[0]  # equal in their windows, different before and after
    expected = foreseen(model, film)
    assert expected.shape == film.shape and expected.dtype == np.uint8
    changed = film.copy()
    changed[10:] = other[10:]
    np.testing.assert_array_equal(foreseen(model, changed)[:11], expected[:11])
    error = np.square(expected[1:].astype(float) - film[1:]).mean()
    assert error < np.square(film[1:].astype(float) - film[:-1]).mean(), "nearer than the frame before"


def test_a_long_memory_is_the_model_and_a_short_one_cannot_know(model, made) -> None:
    films = made.films()
    whole = quadruplet_surprises(model, films)
    np.testing.assert_allclose(forgetful_surprises(model, films, films.shape[2]), whole)
    almost = forgetful_surprises(model, films, films.shape[2] - 2)
    np.testing.assert_allclose(almost[..., 1:26], whole[..., 1:26], rtol=1e-3, atol=1e-2)
    short = int(made.hidden.min()) // 2  # from the cut on it reaches no frame from before the window
    assert (scores(forgetful_surprises(model, films, short), made.cuts) == 0.5).all(), "the same past in both films"
    with pytest.raises(ValueError, match="not 0 frames"):
        forgetful_surprises(model, films, 0)


def test_figures_can_be_drawn(model, made) -> None:
    surprise = quadruplet_surprises(model, made.films())
    row = {"property": "permanence", **accuracy(scores(surprise, made.cuts))}
    figures = [
        surprise_figure(surprise[0], made.cuts[0], (6, 14)),
        score_figure({"model": [row], "other": [row]}),
        score_figure({"model": [row]}),
        schools_figure({"one": surprise[0], "two": surprise[1]}, made.cuts[0], (6, 14), {"one": "nats", "two": "bits"}),
        memory_figure({"permanence": {1: 0.5, 12: 1.0}}, {"permanence": (6, 10)}),
    ]
    assert all(figure.axes for figure in figures)
