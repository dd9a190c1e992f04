"""What the views of notebook 17 promise: balls that end in minima, clouds at one scale, numbers that follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures.collapse import collapse_intervals, effective_rank, standard_deviation
from course_lib.models.jepa import JEPAConfig
from course_lib.models.mixture import known_mixture
from course_lib.show import points, probe
from course_lib.training import build, get_recipe
from course_lib.views.energy import downhill, energy_and_score, energy_of_points, futures_figure
from course_lib.views.jepa import (
    cloud_picture,
    clouds_figure,
    embeddings,
    main_axes,
    reshaped_figure,
    spectra_figure,
    two_numbers_figure,
)

CLOUD = np.random.default_rng(0).standard_normal((200, 6)) * np.array([2.0, 1.0, 1.0, 0.5, 0.2, 0.1])


def titles(figure) -> list[str]:
    return [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]


def test_the_energy_is_low_at_points_and_lowest_where_they_crowd() -> None:
    places = np.array([[-1.5, 0.0], [1.5, 0.1], [1.6, -0.1]])
    low = energy_of_points(places, np.array([[1.55, 0.0], [-1.5, 0.0], [0.0, 2.5]]))
    assert low[0] < low[1] < low[2]


def test_balls_never_roll_uphill_and_end_where_it_is_flat() -> None:
    places = np.array([[-1.4, 0.6], [0.9, 1.2], [0.5, -1.3]])
    lines = downhill(places)
    assert lines.shape == (121 + 2, 41, 2)
    energies = np.stack([energy_of_points(places, lines[:-2, t]) for t in range(41)])
    assert (np.diff(energies, axis=0) < 1e-5).all() and (energies[-1] < energies[0] + 1e-5).all()
    near = np.linalg.norm(lines[:-2, -1, None] - places, axis=2).min(axis=1)
    assert np.quantile(near, 0.9) < 0.25, "the dents of points that lie apart"
    cross = lines[-2:].mean(axis=1)
    assert np.allclose(cross[0], cross[1], atol=1e-5)
    assert energy_of_points(places, cross)[0] == pytest.approx(energies[-1].min(), abs=1e-3)


@pytest.mark.parametrize(("gap", "together"), [(1.0, True), (1.4, False)])
def test_two_dents_are_one_up_to_a_gap_of_two_widths(gap: float, together: bool) -> None:
    """Two equal Gaussians of width w have one peak up to a distance of 2 w = 1.2."""
    places = np.array([[-gap / 2, 0.0], [gap / 2, 0.0]])
    ends = downhill(places, steps=300)[:-2, -1]
    assert (np.abs(ends[:, 0]).max() < 0.05) == together


def test_the_plane_can_be_dragged_anywhere() -> None:
    for places in (np.zeros((3, 2)), np.full((2, 2), 3.0), np.array([[-3.0, 3.0], [3.0, -3.0]])):
        points(places, downhill)


def test_figures_have_titles_and_units() -> None:
    levels = [(0.95, 0.31), (0.2, 0.98)]
    assert titles(energy_and_score(known_mixture("plane"), levels)) == ["α = 0.95, σ = 0.31", "α = 0.20, σ = 0.98"]
    grid = np.zeros((9, 9)) + np.linspace(0, 1, 9)
    figure = futures_figure(np.zeros(4), np.ones(4), {"one": grid, "two": grid.T})
    assert titles(figure)[:2] == ["one", "two"] and figure.axes[0].get_xlabel() == "x, what is seen"
    clouds = {name: CLOUD for name in "abcde"}
    assert titles(clouds_figure(clouds))[:5] == list("abcde")
    assert titles(spectra_figure(clouds)) == ["with their size", "as shares"]
    rows = [{"model": name, **collapse_intervals(CLOUD.reshape(20, 10, 6))} for name in "ab"]
    assert titles(two_numbers_figure(rows, 6)) == ["how large?", "how many directions?"]


def test_a_cloud_keeps_its_size_and_turns_to_its_widest_directions() -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))
    flat = main_axes(CLOUD @ turned + 5.0)
    assert flat.std(axis=0) == pytest.approx(CLOUD.std(axis=0)[:2], rel=0.1)
    wide, narrow = (np.count_nonzero(cloud_picture(size * CLOUD)[:, :, 0] < 255) for size in (1.0, 0.001))
    assert narrow <= 4 < 100 < wide, "a collapsed cloud is a dot, on a corner of four pixels"


def test_the_two_numbers_follow_what_is_done_to_a_cloud() -> None:
    def draw(scale: float, flat: int):
        return reshaped_figure(CLOUD, scale, flat)

    assert len(probe(draw, {"scale": [0.01, 2.0], "flat": [0, 5]})) == 4
    plain, less = titles(reshaped_figure(CLOUD, 0.01))[0], titles(reshaped_figure(CLOUD, 1.0, 4))[0]
    assert f"rank {effective_rank(CLOUD):.1f}" in plain
    assert f"deviation {0.01 * standard_deviation(CLOUD):.3f}" in plain
    assert float(less.split()[-1]) < 2.1, "two directions are left"


def test_embeddings_are_those_of_the_model() -> None:
    model = build(get_recipe("jepa"), JEPAConfig(channels=(4, 4, 4), hidden=8, latent=5))
    frames = np.random.default_rng(0).integers(0, 256, (35, 2, 32, 32, 3), np.uint8)
    found = embeddings(model, frames)
    assert found.shape == (35, 2, 5)
    one = model.encode(torch.from_numpy(frames[33:34]).movedim(-1, 2) / 255).detach().numpy()
    np.testing.assert_allclose(found[33:34], one, atol=1e-5)
