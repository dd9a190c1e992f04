"""What the views of diffusion promise: walks that end in data, arrows and pictures at every extreme of the widgets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.mixture import known_mixture
from course_lib.nets.diffusion import Diffusion
from course_lib.show import probe
from course_lib.views.denoiser import (
    flow_of_points,
    guidance_figure,
    path_of,
    points_picture,
    samples_figure,
    score_field,
    walks_on_a_line,
)

PLANE, STRAIGHT = known_mixture("plane"), Diffusion.of("straight", "u")


def test_the_flow_ends_in_the_points_and_begins_in_noise() -> None:
    places = np.array([[-1.0, 0.5], [1.2, -0.3], [0.0, 1.5]])
    lines = flow_of_points(places, count=300, steps=60)
    assert lines.shape == (300, 61, 2)
    distance = np.linalg.norm(lines[:, -1, None] - places, axis=2).min(axis=1)  # (300, 3) -> (300,)
    assert np.quantile(distance, 0.95) < 0.01
    assert lines[:, 0].std() == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(lines[:, 0], flow_of_points(places + 0.5, count=300, steps=60)[:, 0])
    assert np.isfinite(flow_of_points(np.zeros((2, 2)))).all(), "two points in one place"


def test_a_path_has_a_place_for_every_time() -> None:
    times, places = path_of(STRAIGHT, PLANE.predict(STRAIGHT), torch.zeros(5, 2), steps=4)
    assert times.tolist() == [1.0, 0.75, 0.5, 0.25, 0.0] and places.shape == (5, 5, 2)


def test_guidance_can_be_probed_at_its_extremes() -> None:
    without = PLANE.predict(STRAIGHT)

    def draw(label: int, w: float, t: float):
        given = PLANE.only(label).predict(STRAIGHT)
        return guidance_figure(STRAIGHT, (without, given), PLANE, label, w=w, t=t, count=50, steps=5)

    assert len(probe(draw, {"label": [0, 2], "w": [0.0, 10.0], "t": [0.02, 1.0]})) == 8


def test_a_picture_of_points_is_dark_where_they_are() -> None:
    picture = points_picture(np.array([[2.0, 2.0], [9.0, 9.0]]), side=60)
    assert picture.shape == (60, 60, 3) and picture.dtype == np.uint8
    row, column = np.argwhere(picture[:, :, 0] < 255)[0]
    assert row < 30 < column, "upwards and to the right"
    assert np.count_nonzero(picture[:, :, 0] < 255) == 1, "what lies outside is not drawn"


def test_figures_have_a_titled_panel_for_everything() -> None:
    field = score_field(PLANE, [(1.0, 0.3), (0.5, 0.8)])
    assert [axes.get_title(loc="left") or axes.get_title() for axes in field.axes] == ["α = 1.00, σ = 0.30",
                                                                                     "α = 0.50, σ = 0.80"]  # fmt: skip
    x, labels = PLANE.sample(50, torch.Generator().manual_seed(0))
    sets = {name: x.numpy() for name in ("a", "b", "c", "d", "e")}
    shown = samples_figure(sets, {"a": labels.numpy()})
    assert [axes.get_title(loc="left") or axes.get_title() for axes in shown.axes[:5]] == list(sets)
    line = known_mixture("line")
    samplers = {"DDIM": "ddim", "ancestral": "ancestral"}
    walks = walks_on_a_line(line, Diffusion.of("cosine", "v"), samplers, count=5, steps=5)
    assert len(walks.axes) == 2 and walks.axes[0].get_ylabel() == "x"
