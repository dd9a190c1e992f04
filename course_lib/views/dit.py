"""What there is to see in the two studies of the diffusion transformer: size and compute, conditioning and locality.

Both read what the studies kept; nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes

from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS, STYLE
from course_lib.studies.dit_conditioning import NETWORKS, REFERENCE, Conditioned, NetworkRun, mean_and_spread
from course_lib.studies.dit_scaling import PATCHES, SCORES, Scaling, SizeRun

COLOUR_OF_PATCH = dict(zip(PATCHES, (COLOURS["orange"], COLOURS["blue"]), strict=True))


def _against_gflops(axes: Axes, scaling: Scaling, of: Callable[[SizeRun], float], label: str) -> None:
    """A point for each run, a line through the means over seeds of each patch."""
    for patch, colour in COLOUR_OF_PATCH.items():
        runs = [run for run in scaling.runs if run.patch == patch]
        axes.scatter([run.gflops for run in runs], [of(run) for run in runs], s=22, color=colour, alpha=0.6,
                     linewidths=0)  # fmt: skip
        means = [(gflops, np.mean([of(run) for run in runs if run.gflops == gflops]))
                 for gflops in sorted({run.gflops for run in runs})]  # fmt: skip
        axes.plot(*np.transpose(means), color=colour, label=f"patch {patch}")
    axes.set_xscale("log")
    axes.set(xlabel="Gflops of one forward pass", ylabel=label)


def scaling_figure(scaling: Scaling, score: str = "mean") -> CourseFigure:
    """Held-out loss and a score of the reader against Gflops, every seed a point.

    score: one of SCORES, "mean" or "all". Raises ValueError for another.
    """
    if score not in (names := (*SCORES, "mean", "all")):
        raise ValueError(f"there is no score {score!r}; there are: {', '.join(names)}")
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 3.8, f"Held-out loss and the reader's score {score!r} of {len(scaling.runs)} DiTs "
                              "against the Gflops of one forward pass")  # fmt: skip
        left, right = figure.subplots(1, 2)
        _against_gflops(left, scaling, lambda run: run.loss, "held-out loss")
        _against_gflops(right, scaling, lambda run: run.scores[score], f"share right ({score})")
        left.legend()
    return figure


def training_figure(scaling: Scaling) -> CourseFigure:
    """Held-out loss against all operations that a training has spent until then, means over seeds; a line each size.

    A training step costs three forward passes: one, and a backward pass of about two.
    """
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 4.2, "Held-out loss of every size against the operations spent on its training")
        axes = figure.subplots()
        styles = ("-", "--", "-.", ":")
        for place, size in enumerate(sorted({run.config[:2] for run in scaling.runs})):
            for patch, colour in COLOUR_OF_PATCH.items():
                runs = [run for run in scaling.runs if run.config == (*size, patch)]
                steps = np.array([step for step, _ in runs[0].curve])
                losses = np.mean([[loss for _, loss in run.curve] for run in runs], axis=0)
                spent = 3 * runs[0].gflops * scaling.batch * steps / 1000
                axes.plot(spent, losses, styles[place % len(styles)], color=colour, marker="o", markersize=3,
                          label=f"{size[0]} x {size[1]}, patch {patch}")  # fmt: skip
        axes.set_xscale("log")
        axes.set(xlabel="Tflop of training so far", ylabel="held-out loss")
        axes.legend(ncols=2, fontsize=9)
    return figure


def scaling_rows(scaling: Scaling) -> list[dict[str, Any]]:
    """A row for each configuration, in order of Gflops: its cost, the loss (mean over seeds, lowest and highest), and
    the scores' means."""
    rows = []
    for config in dict.fromkeys(run.config for run in sorted(scaling.runs, key=lambda run: run.gflops)):
        runs = [run for run in scaling.runs if run.config == config]
        losses = [run.loss for run in runs]
        rows.append({
            "size": f"{config[0]} x {config[1]}", "patch": config[2], "parameters": runs[0].parameters,
            "gflops": runs[0].gflops, "loss": float(np.mean(losses)), "lowest": min(losses), "highest": max(losses),
            **{name: float(np.mean([run.scores[name] for run in runs])) for name in (*SCORES, "all")},
        })  # fmt: skip
    return rows


def conditioning_rows(found: Conditioned) -> list[dict[str, Any]]:
    """A row for each network: Gflops, steps, the loss with its 95 % interval over seeds, how far it is from the
    REFERENCE's under the same seed, also with its interval, and the scores' mean.

    A difference whose interval holds 0 may be luck.
    """
    rows = []
    for network in NETWORKS:
        runs = found.of(network)
        loss = mean_and_spread([run.loss for run in runs])
        row = {"network": network, "gflops": runs[0].gflops, "steps": runs[0].steps, "loss": _with_interval(loss)}
        apart = mean_and_spread(found.differences(_loss, network))
        row["more than the course's"] = "" if network == REFERENCE else _with_interval(apart, sign="+")
        row["scores"] = float(np.mean([run.scores["mean"] for run in runs]))
        row["seconds"] = float(np.mean([run.seconds for run in runs]))
        rows.append(row)
    return rows


def conditioning_figure(found: Conditioned) -> CourseFigure:
    """The held-out loss of each network: every seed a point, the mean a line."""
    with rc_context(STYLE):
        figure = CourseFigure(9.6, 3.8, f"Held-out loss of {len(NETWORKS)} networks at equal compute")
        axes = figure.subplots()
        for place, network in enumerate(NETWORKS):
            losses = [run.loss for run in found.of(network)]
            colour = COLOURS["vermilion" if network == REFERENCE else "blue"]
            axes.scatter(losses, [place] * len(losses), s=26, color=colour, alpha=0.7, linewidths=0)
            axes.plot([np.mean(losses)] * 2, [place - 0.3, place + 0.3], color=colour)
        axes.set_yticks(range(len(NETWORKS)), NETWORKS)
        axes.invert_yaxis()
        axes.set(xlabel="held-out loss at equal compute")
    return figure


def _loss(run: NetworkRun) -> float:
    return run.loss


def _with_interval(found: dict[str, float | int], sign: str = "") -> str:
    return f"{found['value']:{sign}.4f} ({found['low']:{sign}.4f} to {found['high']:{sign}.4f})"
