"""What there is to look at in an I-JEPA: masks on pictures, predictions drawn by real patches, probes by steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.models.i_jepa import IJEPA, normalised_tokens
from course_lib.models.token_decoder import TokenDecoder
from course_lib.nets.masks import Masks, MaskStatistics
from course_lib.nets.patches import patchify, unpatchify
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.worlds.frames import to_model, to_uint8

HIDDEN = 205  # the grey of a patch that is not shown
INKS = ("blue", "orange", "green", "vermilion", "purple", "sky")  # of encoders, in the order in which they are given


def only(frames: np.ndarray, places: Tensor, patch: int) -> np.ndarray:
    """Frames of which only some patches are shown, the rest grey. uint8 (B, H, W, 3), int64 (B, K) -> as the first."""
    side = frames.shape[1] // patch
    shown = torch.zeros(len(frames), side * side, dtype=torch.bool).scatter(1, places, value=True)
    dots = shown.view(-1, side, side).numpy().repeat(patch, axis=1).repeat(patch, axis=2)[..., None]  # (B, H, W, 1)
    return np.where(dots, frames, np.uint8(HIDDEN))


def masks_figure(frames: np.ndarray, masks: Masks, patch: int) -> CourseFigure:
    """One row a picture: whole, its context, and each of its target blocks. frames: uint8 (B, H, W, 3)."""
    columns = 2 + masks.targets.shape[1]
    words = f"pictures with their context and {columns - 2} targets"
    figure = CourseFigure(1.55 * columns, 1.75 * len(frames) + 0.2, words)
    panels = figure.subplots(len(frames), columns, squeeze=False)
    kinds = [frames, only(frames, masks.context, patch)]
    kinds += [only(frames, masks.targets[:, i], patch) for i in range(columns - 2)]
    kept = masks.context.shape[1]
    names = ["picture", f"context, {kept} patches", *(f"target {i + 1}" for i in range(columns - 2))]
    for row in range(len(frames)):
        for axes, pictures, name in zip(panels[row], kinds, names, strict=True):
            framed_picture(axes, pictures[row], name if row == 0 else "", patch)
    return figure


def framed_picture(axes: Any, picture: np.ndarray, title: str, patch: int | None = None) -> None:
    """A picture without axes, with the lines between its patches."""
    axes.imshow(picture, interpolation="nearest")
    if patch:
        for line in range(patch, picture.shape[0], patch):
            axes.axhline(line - 0.5, color="white", linewidth=0.4)
            axes.axvline(line - 0.5, color="white", linewidth=0.4)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)


def statistics_figure(found: Mapping[str, MaskStatistics]) -> CourseFigure:
    """What rounding does to the targets' share and aspect and to the context block, one column of panels a grid."""
    figure = CourseFigure(4.6 * len(found), 5.0, f"shares and aspects of target blocks: {', '.join(found)}")
    panels = figure.subplots(2, len(found), squeeze=False)
    for column, (name, each) in zip(panels.T, found.items(), strict=True):
        kinds = (("scale", "share of the grid", each.masking.target_scale),
                 ("aspect", "height over width", each.masking.target_aspect))  # fmt: skip
        for axes, (kind, label, (low, high)) in zip(column, kinds, strict=True):
            values, counts = np.unique(np.round(getattr(each, kind), 4), return_counts=True)
            axes.axvspan(low, high, color=COLOURS["sky"], alpha=0.25, label="asked for, evenly")
            shares = counts / counts.sum()
            axes.bar(values, shares, width=(high - low) / 40, color=COLOURS["blue"], label="after rounding")
            axes.set(xlabel=label, ylabel="share of draws")
        column[0].set_title(name)
        column[0].legend(fontsize=8)
    return figure


class Bank(NamedTuple):
    """Real patches to draw with. tokens: (P, N, D), normalised over D as targets are; patches: (P, N, 3 p p)."""

    tokens: Tensor
    patches: Tensor


@torch.no_grad()
def bank_of(model: IJEPA, frames: np.ndarray) -> Bank:
    """What the target encoder says of every patch of these frames, uint8 (P, H, W, 3), and the patches themselves."""
    given = to_model(frames)
    parts = [model.encode(part) for part in given.split(128)]
    return Bank(normalised_tokens(torch.cat(parts)), patchify(given, model.config.patch))


@torch.no_grad()
def nearest_patches(bank: Bank, guesses: Tensor, places: Tensor) -> Tensor:
    """For each guess the pixels of the bank's patch, at the same place, whose token is nearest.

    guesses: (B, M, L, D), places: int64 (B, M, L) -> (B, M, L, 3 p p).
    """
    drawn = torch.empty(*places.shape, bank.patches.shape[2])
    for place in places.unique().tolist():
        here = places == place
        nearest = torch.cdist(guesses[here], bank.tokens[:, place]).argmin(dim=1)
        drawn[here] = bank.patches[nearest, place]
    return drawn


@torch.no_grad()
def drawn_patches(decoder: TokenDecoder, guesses: Tensor, places: Tensor, generator: torch.Generator) -> Tensor:
    """For each guess a patch that a diffusion model draws of it. (B, M, L, D), int64 (B, M, L) -> (B, M, L, 3 p p)."""
    drawn = decoder.draw(guesses.flatten(0, 2), places.flatten(), generator=generator)
    return drawn.view(*places.shape, -1)


def with_patches(frames: np.ndarray, places: Tensor, patches: Tensor, patch: int) -> np.ndarray:
    """Frames with some of their patches exchanged, a later target over an earlier one.

    frames: uint8 (B, H, W, 3); places: int64 (B, M, L); patches: (B, M, L, 3 p p) -> uint8 (B, H, W, 3).
    """
    cut = patchify(to_model(frames), patch)
    for target in range(places.shape[1]):
        cut = cut.scatter(1, places[:, target, :, None].expand(-1, -1, cut.shape[2]), patches[:, target])
    return to_uint8(unpatchify(cut, patch, frames.shape[1]))


def drawings_figure(frames: np.ndarray, masks: Masks, drawn: Mapping[str, np.ndarray], patch: int) -> CourseFigure:
    """One row a picture: whole, the context, and what was drawn in the targets, by name. uint8 (B, H, W, 3) each."""
    kinds = {"picture": frames, "context": only(frames, masks.context, patch), **drawn}
    figure = CourseFigure(1.75 * len(kinds), 1.8 * len(frames) + 0.2, f"pictures: {', '.join(kinds)}")
    panels = figure.subplots(len(frames), len(kinds), squeeze=False)
    for row in range(len(frames)):
        for axes, (name, pictures) in zip(panels[row], kinds.items(), strict=True):
            framed_picture(axes, pictures[row], name if row == 0 else "")
    return figure


def curve_figure(curve: Sequence[Sequence[float]]) -> CourseFigure:
    """Loss (left) and deviation (right) of a training. curve: rows of steps done, loss, deviation."""
    steps, loss, deviation = np.array(curve).T
    figure = CourseFigure(9.0, 2.9, "loss and deviation during training")
    for axes, values, name in zip(figure.subplots(1, 2), (loss, deviation), ("loss", "deviation"), strict=True):
        axes.plot(steps, values)
        axes.set(xlabel="step", ylabel=name, ylim=(0, None))
    return figure


def probes_figure(answers: Mapping[str, Mapping[str, Any]], variables: Mapping[str, Any]) -> CourseFigure:
    """Every variable with its interval, R2 of numbers (left) and share of right answers (right), encoders side by side.

    answers: by encoder, by variable ``{value, low, high}``. variables: as ``measures/pictures.VARIABLES``.
    """
    figure = CourseFigure(9.6, 5.2, f"probes of {', '.join(answers)}")
    kinds = ([n for n, v in variables.items() if not v.classes], [n for n, v in variables.items() if v.classes])
    titles = "R² of numbers", "share of right classes"
    for axes, names, title in zip(figure.subplots(1, 2), kinds, titles, strict=True):
        probe_panel(axes, answers, names, title)
    figure.axes[1].legend(fontsize=8, loc="center left")  # no class is guessed as badly as that
    return figure


def probe_panel(axes: Any, answers: Mapping[str, Mapping[str, Any]], names: Sequence[str], title: str) -> None:
    """Some variables with their intervals, one under the other, encoders side by side. answers: as above."""
    for place, (encoder, scores) in enumerate(answers.items()):
        value, low, high = (np.array([scores[name][key] for name in names]) for key in ("value", "low", "high"))
        height = np.arange(len(names)) + 0.16 * (place - (len(answers) - 1) / 2)
        axes.errorbar(np.maximum(value, -0.1), height, xerr=np.maximum([value - low, high - value], 0), fmt="o",
                      markersize=4, capsize=0, color=COLOURS[INKS[place]], label=encoder)  # fmt: skip
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set(title=title, xlim=(-0.1, 1.02))
    axes.invert_yaxis()


def steps_figure(
    steps: Mapping[str, Mapping[str, Any]], levels: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> CourseFigure:
    """How much of some variables a probe reads after so many steps of training, with its interval.

    steps: by number of steps, by variable ``{value, low, high}``. levels: horizontal lines by name, the same.
    """
    columns = 3
    rows = -(-len(names) // columns)
    figure = CourseFigure(9.6, 2.35 * rows + 0.3, f"probes against training steps: {', '.join(names)}")
    panels = figure.subplots(rows, columns, squeeze=False)
    done = sorted(steps, key=int)
    place = np.arange(len(done))
    for axes, name in zip(panels.flat, names, strict=False):
        value, low, high = (np.array([steps[step][name][key] for step in done]) for key in ("value", "low", "high"))
        axes.plot(place, value, "o-", color=COLOURS["blue"], markersize=4)
        axes.fill_between(place, low, high, color=COLOURS["blue"], alpha=0.2)
        for ink, style, (level, scores) in zip(INKS[1:], ("--", ":", "-."), levels.items(), strict=False):
            axes.axhline(scores[name]["value"], color=COLOURS[ink], linestyle=style, label=level)
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set(xticks=place, xticklabels=done)
        axes.tick_params(labelsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("steps")
    panels[0, 0].legend(fontsize=8)
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    return figure
