"""What there is to look at in energies on a plane: landscapes, ways downhill, futures that fit and their mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from course_lib.models.mixture import GaussianMixture
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.views.denoiser import LIMIT, arrows

WIDTH = 0.6  # of the dent that each point makes in the landscape
FINE = 121  # places of a landscape in a row


def energy_of_points(places: np.ndarray, y: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """E(y) = -log of the mean Gaussian around the places: low near them. places: (N, 2), y: (M, 2) -> (M,)."""
    points = GaussianMixture.of_points(torch.as_tensor(places, dtype=torch.float32))
    return -points.log_density(torch.as_tensor(y, dtype=torch.float32), 1.0, width).numpy()


def downhill(places: np.ndarray, *, side: int = 11, steps: int = 40, width: float = WIDTH) -> np.ndarray:
    """Where balls roll in the landscape of some points, and a cross at its lowest place. (N, 2) -> (L, steps + 1, 2).

    side^2 balls begin on a grid and move by gradient descent, each step half of width^2 times the slope. The last two
    lines are the arms of the cross: at the end of the ball that lies lowest.
    """
    points = GaussianMixture.of_points(torch.tensor(places, dtype=torch.float32))
    along = torch.linspace(-LIMIT, LIMIT, side)
    y = torch.cartesian_prod(along, along)  # (side^2, 2)
    way = [y]
    for _ in range(steps):
        y = y + 0.5 * width**2 * points.score(y, 1.0, width)  # the score is minus the slope of the energy
        way.append(y)
    lines = torch.stack(way, dim=1).numpy()  # (side^2, steps + 1, 2)
    lowest = lines[int(np.argmin(energy_of_points(places, lines[:, -1], width))), -1]
    arm = np.linspace(-0.35, 0.35, steps + 1)
    cross = np.stack([np.stack([arm, 0 * arm], axis=1), np.stack([0 * arm, arm], axis=1)]) + lowest  # (2, steps + 1, 2)
    return np.concatenate([lines, cross])


def energy_and_score(mixture: GaussianMixture, levels: list[tuple[float, float]]) -> CourseFigure:
    """The energy -log p of a mixture at noise levels (alpha, sigma), with minus its slope, times sigma^2, as arrows."""
    figure = CourseFigure(3.3 * len(levels), 3.6, f"energies at {len(levels)} noise levels")
    along = torch.linspace(-LIMIT, LIMIT, FINE)
    where = torch.cartesian_prod(along, along)
    coarse = torch.linspace(-LIMIT + 0.25, LIMIT - 0.25, 10)  # the places of ``arrows``
    grid = torch.cartesian_prod(coarse, coarse).requires_grad_()
    for axes, (alpha, sigma) in zip(figure.subplots(1, len(levels), sharey=True), levels, strict=True):
        energy = -mixture.log_density(where, alpha, sigma).view(FINE, FINE).T  # rows for the second number
        axes.contourf(along, along, energy.clamp_max(float(energy.min()) + 10.0), levels=14, cmap="viridis", alpha=0.8)
        (slope,) = torch.autograd.grad(-mixture.log_density(grid, alpha, sigma).sum(), grid)
        arrows(axes, -(sigma**2) * slope, "white")
        axes.set(title=f"α = {alpha:.2f}, σ = {sigma:.2f}", xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal",
                 xlabel="first number", ylabel="second number")  # fmt: skip
        axes.label_outer()
    return figure


def futures_figure(x: np.ndarray, y: np.ndarray, energies: Mapping[str, np.ndarray]) -> CourseFigure:
    """Pairs (x, y) as dots over energies F(x, y), each given on a square grid from -1 to 1 in both.

    x, y: (N,). energies: by title, (M, M), rows for y.
    """
    figure = CourseFigure(4.2 * len(energies), 4.0, f"pairs over {len(energies)} energies")
    panels = figure.subplots(1, len(energies), sharey=True, squeeze=False)[0]
    for axes, (title, energy) in zip(panels, energies.items(), strict=True):
        along = np.linspace(-1.0, 1.0, len(energy))
        filled = axes.contourf(along, along, energy, levels=14, cmap="viridis", alpha=0.8)
        axes.scatter(x, y, s=10, color=COLOURS["vermilion"], label="pairs seen")
        axes.set(title=title, xlabel="x, what is seen", ylabel="y, what follows", xlim=(-1, 1), ylim=(-1, 1))
        axes.label_outer()
        figure.colorbar(filled, ax=axes, label="energy F(x, y)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center")
    return figure
