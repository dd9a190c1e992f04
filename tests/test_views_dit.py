"""What the views of the two studies promise, on made-up runs: every run is drawn, means and differences are right."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.studies.dit_conditioning import NETWORKS, REFERENCE, Conditioned, NetworkRun
from course_lib.studies.dit_scaling import PATCHES, SCORES, SEEDS, SIZES, Scaling, SizeRun
from course_lib.views.dit import (
    conditioning_figure,
    conditioning_rows,
    scaling_figure,
    scaling_rows,
    training_figure,
)


def made_up_scaling() -> Scaling:
    runs = []
    for seed in SEEDS:
        for width, depth in SIZES:
            for patch in PATCHES:
                gflops = width * depth / patch**2 / 1000
                loss = 1.0 / (1.0 + gflops) + 0.01 * seed
                scores = dict.fromkeys((*SCORES, "mean", "all"), 0.1 * seed)
                curve = ((5, 2 * loss), (10, loss))
                runs.append(SizeRun(width, depth, patch, seed, gflops, width, loss, curve, scores, 1.0))
    return Scaling(tuple(runs), "codec", 100, 16, 10, 8)


def made_up_networks() -> Conditioned:
    runs = [NetworkRun(name, seed, 0.02, 10, 5, 0.5 + 0.1 * place + 0.01 * seed,
                       dict.fromkeys((*SCORES, "mean", "all"), 0.3), 2.0)
            for place, name in enumerate(NETWORKS) for seed in SEEDS]  # fmt: skip
    return Conditioned(tuple(runs), "codec", 100, 16, 8)


def test_every_run_is_a_point_on_a_logarithmic_axis() -> None:
    figure = scaling_figure(made_up_scaling(), "colour")
    left, right = figure.axes
    for axes in (left, right):
        assert axes.get_xscale() == "log" and len(axes.lines) == len(PATCHES)
        assert sum(len(points.get_offsets()) for points in axes.collections) == len(SIZES) * len(PATCHES) * len(SEEDS)
    means = left.lines[0].get_ydata()
    assert len(means) == len(SIZES) and (np.diff(means) < 0).all()
    with pytest.raises(ValueError, match="no score 'beauty'.*number, colour"):
        scaling_figure(made_up_scaling(), "beauty")


def test_a_training_costs_three_passes_a_film() -> None:
    scaling = made_up_scaling()
    figure = training_figure(scaling)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert len(lines) == len(SIZES) * len(PATCHES)
    spent = lines["96 x 4, patch 1"].get_xdata()
    np.testing.assert_allclose(spent, 3 * 96 * 4 / 1000 * 16 * np.array([5, 10]) / 1000)


def test_rows_stand_in_order_of_gflops_with_the_mean_between_the_extremes() -> None:
    rows = scaling_rows(made_up_scaling())
    assert len(rows) == len(SIZES) * len(PATCHES)
    assert [row["gflops"] for row in rows] == sorted(row["gflops"] for row in rows)
    assert all(row["lowest"] < row["loss"] < row["highest"] for row in rows)


def test_networks_are_compared_under_the_same_seed() -> None:
    found = made_up_networks()
    rows = {row["network"]: row for row in conditioning_rows(found)}
    assert list(rows) == list(NETWORKS) and rows[REFERENCE]["more than the course's"] == ""
    # the seeds' own differences fall out: every difference is the same
    assert rows["U-Net"]["more than the course's"] == "+0.3000 (+0.3000 to +0.3000)"
    assert rows["in-context"]["more than the course's"].startswith("-0.4000")
    with pytest.raises(KeyError, match="in-context, cross-attention"):
        found.of("magic")
    figure = conditioning_figure(found)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(NETWORKS)
