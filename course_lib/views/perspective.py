"""What there is to look at in a room: its lines and where they lead, its shadows and their lamp, and the ruler's
verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from course_lib.exam.measures.geometry import (
    NEAR,
    Bodies,
    RoomFrame,
    find_bodies,
    find_segments,
    plane_normals,
    room_frame,
    shadow_lines,
)
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.worlds.perspective import RoomScene, intrinsics, render

AXES = ("across", "up", "away")
SHADES = (COLOURS["sky"], COLOURS["yellow"], COLOURS["vermilion"])  # of segments along them


def _picture(axes: Axes, picture: np.ndarray, title: str, margin: int = 0) -> None:
    """A picture in its own pixels, the middle of the first at 0.5."""
    high, wide = picture.shape[:2]
    axes.imshow(picture, extent=(0, wide, high, 0), interpolation="nearest")
    axes.set_xlim(-margin, wide + margin)
    axes.set_ylim(high + margin, -margin)
    axes.set_xticks([0, wide // 2, wide])
    axes.set_yticks([0, high // 2, high])
    axes.grid(visible=False)
    axes.set_title(title, fontsize=11)


def _draw_segments(axes: Axes, segments: np.ndarray, frame: RoomFrame | None) -> None:
    for number, (x1, y1, x2, y2) in enumerate(segments):
        fits = frame is not None and frame.angles[number] < NEAR
        shade = SHADES[frame.nearest[number]] if fits else "#222222"
        axes.plot([x1, x2], [y1, y2], color=shade, linewidth=2.0 if fits else 1.2, linestyle="-" if fits else ":")


def _draw_bodies(axes: Axes, found: Bodies) -> None:
    lines = shadow_lines(found)
    for ball, patch in zip(found.balls, lines.patches, strict=True):
        axes.plot(*ball, "o", markersize=4, color="white", markeredgecolor="black")
        if patch >= 0:
            end = found.lamp + (ball - found.lamp) * 3.0
            axes.plot([found.lamp[0], end[0]], [found.lamp[1], end[1]], color=COLOURS["vermilion"], linewidth=1.2)
    for patch in found.patches:
        axes.plot(*patch, "x", color="white", markersize=6, markeredgewidth=2)
    axes.plot(*found.lamp, "*", color=COLOURS["orange"], markersize=11, markeredgecolor="black")


def rooms_figure(pictures: Mapping[str, np.ndarray], *, ruled: bool = True, seed: int = 0) -> CourseFigure:
    """Pictures uint8 (64, 64, 3) by title, and below them what the ruler finds: lines along three directions in three
    colours, lines that fit none dotted, the lamp as a star, a line from it through each ball, dark patches as crosses.

    ruled: whether the second row is drawn. seed: of the ruler's draws.
    """
    columns = len(pictures)
    text = f"{columns} rooms" + ", and below each the lines and shadows that were found" * ruled
    figure = CourseFigure(2.6 * columns, 5.6 if ruled else 3.0, text)
    grid = figure.subplots(1 + ruled, columns, squeeze=False)
    for column, (title, picture) in enumerate(pictures.items()):
        _picture(grid[0, column], picture, title)
        if ruled:
            segments = find_segments(picture, seed=seed)
            frame = room_frame(segments, intrinsics(len(picture)), np.random.default_rng(seed))
            found = find_bodies(picture)
            _picture(grid[1, column], picture // 2 + 100, f"{len(segments)} lines")
            _draw_segments(grid[1, column], segments, frame)
            _draw_bodies(grid[1, column], found)
    return figure


def line_angles(segments: np.ndarray, point: Sequence[float], size: int = 64) -> np.ndarray:
    """How far each segment (S, 4) is from leading to a point of the picture, or beyond its edge, in degrees (S,)."""
    ray = np.linalg.inv(intrinsics(size)) @ np.array([*point, 1.0])
    sines = plane_normals(segments, intrinsics(size)) @ (ray / np.linalg.norm(ray))
    return np.rad2deg(np.arcsin(np.abs(sines).clip(0, 1)))


def point_figure(picture: np.ndarray, x: float, y: float, *, seed: int = 0) -> CourseFigure:
    """A vanishing point that the reader has put somewhere: rays from it, and how many pixels of lines lead to it."""
    segments = find_segments(picture, seed=seed)
    near = line_angles(segments, (x, y), len(picture)) < np.rad2deg(NEAR)
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    figure = CourseFigure(5.2, 5.2, "a room, rays from a point of it, and the lines that lead to this point")
    axes = figure.subplots()
    _picture(axes, picture // 2 + 90, f"{lengths[near].sum():.0f} of {lengths.sum():.0f} pixels of lines lead here", 6)
    for turn in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        axes.plot([x, x + 140 * np.cos(turn)], [y, y + 140 * np.sin(turn)], color="#666666", linewidth=0.5)
    for hit, (x1, y1, x2, y2) in zip(near, segments, strict=True):
        axes.plot([x1, x2], [y1, y2], color=COLOURS["vermilion"] if hit else "#222222", linewidth=2.4 if hit else 1.2)
    axes.plot(x, y, "+", color="black", markersize=16, markeredgewidth=2.5)
    return figure


def lamp_figure(scene: RoomScene, right: float, deep: float) -> CourseFigure:
    """A room whose shadows are cast from a lamp moved by metres to the right and away; the lamp in the picture
    stays.
    """
    moved = (scene.lamp[0] + right, scene.lamp[1], scene.lamp[2] + deep)
    picture = render(replace(scene, casting=moved))
    found = find_bodies(picture)
    residuals = shadow_lines(found).residuals
    verdict = (
        "no shadow is found"
        if np.isnan(residuals).all()
        else f"shadows miss their lines by {np.nanmean(residuals):.2f} pixels"
    )
    figure = CourseFigure(5.2, 5.2, f"a room with shadows of a lamp that was moved: {verdict}")
    axes = figure.subplots()
    _picture(axes, picture, verdict)
    _draw_bodies(axes, found)
    return figure


def auc_figure(rows: Sequence[Mapping[str, float | str]]) -> CourseFigure:
    """AUCs with intervals: rows with set, and for lines and shadows value, low and high under lines, lines_low ..."""
    figure = CourseFigure(8.4, 1.4 + 0.36 * len(rows), "how often a picture of each set fits worse than a real one")
    both = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(rows))[::-1]
    for axes, what, colour in zip(both, ("lines", "shadows"), ("blue", "vermilion"), strict=True):
        values, low, high = (np.array([float(row[f"{what}{end}"]) for row in rows]) for end in ("", "_low", "_high"))
        axes.axvline(0.5, color="#888888", linewidth=1.0)
        axes.hlines(places, low, high, color=COLOURS[colour], linewidth=2.0)
        axes.plot(values, places, "o", color=COLOURS[colour])
        axes.set_xlim(0.3, 1.02)
        axes.set_title(f"{what}: AUC against real rooms", fontsize=12)
        axes.set_xlabel("share of pairs in which it fits worse")
    both[0].set_yticks(places, [str(row["set"]) for row in rows])
    return figure
