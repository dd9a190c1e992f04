"""What there is to look at in diffusion on a line and on a plane: walks, arrows, samples, guidance.

Every function takes a distribution or a prediction, draws with a generator of its own seed, and gives back arrays or a
figure, so that the same call serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes

from course_lib.models.mixture import GaussianMixture
from course_lib.nets.diffusion import Diffusion, Predict, guided
from course_lib.nets.samplers import Step, sample, walk
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS

LIMIT = 2.6  # the plane is drawn from -LIMIT to LIMIT
PALETTE = tuple(COLOURS[name] for name in ("blue", "vermilion", "green"))  # of the classes
ARROWS = 10  # in a row of a field


def path_of(
    diffusion: Diffusion, predict: Predict, noise: torch.Tensor, *, steps: int, sampler: str | Step = "ddim",
    generator: torch.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The whole way from noise to data: times (steps + 1,) and places (steps + 1, B, d)."""
    way = list(walk(diffusion, predict, noise, steps=steps, sampler=sampler, generator=generator))
    return np.array([t for t, _ in way]), torch.stack([x for _, x in way]).numpy()


def flow_of_points(places: np.ndarray, *, count: int = 150, steps: int = 30, seed: int = 0) -> np.ndarray:
    """Where noise goes under the exact denoiser of these very points, on the straight path. (N, 2) -> (count, T, 2)."""
    diffusion = Diffusion.of("straight", "u")
    points = GaussianMixture.of_points(torch.tensor(places, dtype=torch.float32))
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    _, places = path_of(diffusion, points.predict(diffusion), noise, steps=steps)
    return places.transpose(1, 0, 2)  # (T, B, 2) -> (B, T, 2)


def _grid() -> torch.Tensor:
    along = torch.linspace(-LIMIT + 0.25, LIMIT - 0.25, ARROWS)
    return torch.cartesian_prod(along, along)  # (ARROWS^2, 2)


def _plane(axes: Axes, title: str) -> None:
    axes.set(title=title, xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal", xlabel="first number",
             ylabel="second number")  # fmt: skip


def _contours(axes: Axes, mixture: GaussianMixture, alpha: float = 1.0, sigma: float = 0.0) -> None:
    along = torch.linspace(-LIMIT, LIMIT, 90)
    where = torch.cartesian_prod(along, along)
    density = mixture.log_density(where, alpha, sigma).exp().view(90, 90).T  # contourf takes rows for the second number
    axes.contourf(along, along, density, levels=12, cmap="Greys", alpha=0.6)


def arrows(axes: Axes, vectors: torch.Tensor, colour: str, name: str = "", length: float = 1.6) -> None:
    """One arrow at each place of the grid, (ARROWS^2, 2), drawn at a third of its size; longer ones than ``length``
    are drawn that long."""
    size = vectors.norm(dim=1, keepdim=True).clamp_min(1e-9)
    drawn = (vectors * (size.clamp_max(length) / size)).numpy()
    where = _grid().numpy()
    axes.quiver(*where.T, *drawn.T, angles="xy", scale_units="xy", scale=3.0, color=colour, width=0.006, label=name)


def score_field(mixture: GaussianMixture, levels: list[tuple[float, float]]) -> CourseFigure:
    """The density at some noise levels (alpha, sigma), and the score times sigma^2 as arrows.

    By Tweedie's formula such an arrow leads to alpha times the mean of the data behind its place.
    """
    figure = CourseFigure(3.3 * len(levels), 3.6, f"scores at {len(levels)} noise levels")
    for axes, (alpha, sigma) in zip(figure.subplots(1, len(levels), sharey=True), levels, strict=True):
        _contours(axes, mixture, alpha, sigma)
        arrows(axes, sigma**2 * mixture.score(_grid(), alpha, sigma), COLOURS["blue"])
        _plane(axes, f"α = {alpha:.2f}, σ = {sigma:.2f}")
        axes.label_outer()
    return figure


def samples_figure(sets: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray] | None = None) -> CourseFigure:
    """Sets of points side by side, (N, 2) each. labels: the classes of a set's points, int (N,), as colours."""
    columns = min(len(sets), 4)
    lines = -(-len(sets) // columns)
    figure = CourseFigure(2.7 * columns, 3.0 * lines, f"samples: {', '.join(sets)}")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, points) in zip(panels.flat, sets.items(), strict=False):
        colours = "#222222" if not labels or name not in labels else np.array(PALETTE)[labels[name]]
        axes.scatter(*np.asarray(points).T, s=2, c=colours, alpha=0.5, linewidths=0)
        _plane(axes, name)
        axes.label_outer()
    for axes in panels.flat[len(sets) :]:
        axes.set_axis_off()
    return figure


def points_picture(points: np.ndarray, side: int = 160) -> np.ndarray:
    """Points on the plane as a picture of dark dots, for a live display. (N, 2) -> uint8 (side, side, 3)."""
    counts, _, _ = np.histogram2d(*np.asarray(points, float).T, bins=side, range=[[-LIMIT, LIMIT]] * 2)
    grey = 255 - np.minimum(counts * 120, 225)
    return np.repeat(grey.T[::-1, :, None].astype(np.uint8), 3, axis=2)  # the second number upwards


def walks_on_a_line(
    mixture: GaussianMixture, diffusion: Diffusion, samplers: Mapping[str, str | Step], *, count: int = 24,
    steps: int = 60, seed: int = 0,
) -> CourseFigure:  # fmt: skip
    """The ways of samples from noise to a mixture in one dimension, a panel for each sampler, from the same noise."""
    figure = CourseFigure(3.2 * len(samplers), 3.0, f"walks: {', '.join(samplers)}")
    noise = torch.randn(count, 1, generator=torch.Generator().manual_seed(seed))
    for axes, (name, sampler) in zip(figure.subplots(1, len(samplers), sharey=True), samplers.items(), strict=True):
        times, places = path_of(diffusion, mixture.predict(diffusion), noise, steps=steps, sampler=sampler,
                                generator=torch.Generator().manual_seed(seed + 1))  # fmt: skip
        axes.plot(times, places[:, :, 0], color=COLOURS["blue"], linewidth=0.8, alpha=0.6)
        along = torch.linspace(-LIMIT, LIMIT, 200)[:, None]
        axes.fill_betweenx(along[:, 0], 0.0, -0.25 * mixture.log_density(along).exp(), color=COLOURS["vermilion"])
        axes.set(title=name, xlabel="time t", xlim=(1.0, -0.28))
    figure.axes[0].set_ylabel("x")
    return figure


def guidance_figure(
    diffusion: Diffusion, predictions: tuple[Predict, Predict], mixture: GaussianMixture, label: int, *, w: float,
    t: float = 0.5, count: int = 600, steps: int = 40,
) -> CourseFigure:  # fmt: skip
    """Guidance as arrows at one time, and where samples end.

    Left, at each place the way to the predicted data: without the class (grey), with it (green), guided (vermilion).
    Right, guided samples over the density of the class that was asked for. predictions: without and with the class;
    label: that class; w: the weight.
    """
    unconditional, conditional = predictions
    figure = CourseFigure(9.4, 4.4, f"guidance with w = {w:g}")
    left, right = figure.subplots(1, 2)
    where, times = _grid(), torch.full((ARROWS**2,), float(t))
    together = guided(unconditional, conditional, w)
    asked = {"without class, u": (unconditional, "#888888"), "with class, c": (conditional, COLOURS["green"]),
             "guided": (together, COLOURS["vermilion"])}  # fmt: skip
    alpha, sigma = (float(level) for level in diffusion.levels(torch.tensor(float(t)), where))
    _contours(left, mixture, alpha, sigma)
    with torch.no_grad():
        for name, (predict, colour) in asked.items():
            arrows(left, alpha * diffusion.x_of(predict(where, times), where, times) - where, colour, name)
    _plane(left, f"arrows at t = {t:.2f}")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, fontsize=9)
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    end = sample(diffusion, together, noise, steps=steps).numpy()
    _contours(right, mixture.only(label))
    right.scatter(*end.T, s=4, color=COLOURS["vermilion"], alpha=0.6, linewidths=0)
    _plane(right, f"class {label}, w = {w:g}: {count} samples")
    return figure
