"""Do a picture's lines and shadows agree with one camera and one lamp? Measured from the pixels, without the truth.

    segments      Canny's edges, the probabilistic Hough transform, each line fitted again to sub-pixel edges by total
                  least squares. Finding edges and lines is scikit-image's.
    room_frame    the three directions, at right angles to each other, that as many segments as possible run along.
                  A segment and the middle of the camera span a plane; a line along d lies in it, so n . d = 0. That is
                  Barnard's sphere (Interpreting perspective images, 1983), under the assumption of a room built at
                  right angles (Coughlan & Yuille, Manhattan World, 1999). Found by RANSAC (Fischler & Bolles, 1981).
    bodies        the lamp (bright and compact), the balls (full of colour), and dark patches that may be shadows
    shadow_lines  how far each ball's shadow is from the line through lamp and ball. Which dark patch belongs to which
                  ball is decided by the least total distance, of patches beyond the ball as the lamp sees it. So the
                  distances come out a little too small, and as much so in every picture that is judged.

All positions are pixels, the middle of the upper left one is (0.5, 0.5). The camera's intrinsics are given; nothing
else is. What is not found is counted and not guessed: see ``Judged``.

Sarkar, Mai, Mahapatra, Lazebnik, Forsyth & Bhattad, Shadows Don't Lie and Lines Can't Bend! Generative Models don't
know Projective Geometry... for now, CVPR 2024, arXiv 2311.17138, ask the same of large models, with classifiers in
place of residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, grey_closing, label, map_coordinates
from scipy.optimize import linear_sum_assignment
from skimage.feature import canny
from skimage.transform import probabilistic_hough_line

BLUR = 1.0  # pixels, before edges are looked for
LOW, HIGH = 0.02, 0.05  # Canny's thresholds, of a brightness from 0 to 1
SHORTEST = 9  # pixels of a segment
VOTES, GAP = 8, 2  # of the Hough transform
STRAIGHT = 0.3  # pixels, root mean square, by which a segment's edge points may miss its line
NEAR = np.deg2rad(2.0)  # a segment this near to a direction runs along it
FAR = np.deg2rad(10.0)  # farther away counts as no farther
TRIES = 600  # of RANSAC
LAMP = (0.95, 0.9, 0.85, 0.8)  # a spot of the first of these levels that has one is the lamp
FEWEST = 5  # segments, or lines are not judged


# ----------------------------------------------------------------------------------------------------------- segments


def brightness(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> the luma of each pixel, float (H, W), 0 to 1."""
    return picture.astype(float) @ np.array([0.299, 0.587, 0.114]) / 255.0


def edge_points(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canny's edge pixels: the map bool (H, W), their places to sub-pixels (N, 2), and the gradient's strength (N,).

    A place is moved along the gradient to the top of the parabola through three values of its strength, at most half a
    pixel.
    """
    grey = brightness(picture)
    edges = canny(grey, sigma=BLUR, low_threshold=LOW, high_threshold=HIGH)
    dy, dx = gaussian_filter(grey, BLUR, order=(1, 0)), gaussian_filter(grey, BLUR, order=(0, 1))
    strength = np.hypot(dx, dy)
    rows, columns = np.nonzero(edges)
    top = strength[rows, columns]
    along = np.stack([dy[rows, columns], dx[rows, columns]]) / np.maximum(top, 1e-12)
    after, before = (map_coordinates(strength, np.stack([rows, columns]) + sign * along, order=1, mode="nearest")
                     for sign in (1, -1))  # fmt: skip
    bend = before - 2 * top + after
    move = np.where(bend < -1e-9, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0.0).clip(-0.5, 0.5)
    places = np.stack([columns + move * along[1], rows + move * along[0]], axis=1) + 0.5
    return edges, places, top


def fit_line(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Total least squares: middle (2,), unit direction (2,), and the weighted root mean square distance of the points.

    points: (N, 2). weights: (N,), positive. The line minimises the distances at right angles to it, so that no
    direction is special, as it would be where y is fitted to x.
    """
    middle = np.average(points, axis=0, weights=weights)
    spread = (points - middle).T @ ((points - middle) * weights[:, None]) / weights.sum()
    values, vectors = np.linalg.eigh(spread)
    return middle, vectors[:, 1], float(np.sqrt(max(values[0], 0.0)))


def find_segments(picture: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Straight edges of a picture uint8 (H, W, 3), the longest first: x and y of both ends, (S, 4).

    seed: of the Hough transform, which tries edge points in random order.
    """
    edges, points, strength = edge_points(picture)
    found: list[np.ndarray] = []
    rough = probabilistic_hough_line(edges, threshold=VOTES, line_length=SHORTEST, line_gap=GAP,
                                     theta=np.linspace(-np.pi / 2, np.pi / 2, 240, endpoint=False),
                                     rng=np.random.default_rng(seed))  # fmt: skip
    for ends in sorted(rough, key=lambda pair: -np.hypot(*np.subtract(*pair))):
        first, last = np.array(ends, float) + 0.5
        for reach in (1.3, 0.8):  # twice: near the rough line, then near the fitted one
            direction = (last - first) / np.linalg.norm(last - first)
            offset = points - first
            beside = np.abs(offset @ np.array([-direction[1], direction[0]])) < reach
            along = offset @ direction
            mine = beside & (along > -0.5) & (along < np.linalg.norm(last - first) + 0.5)
            if mine.sum() < SHORTEST - 1:
                break
            middle, direction, apart = fit_line(points[mine], strength[mine])
            along = (points[mine] - middle) @ direction
            first, last = middle + along.min() * direction, middle + along.max() * direction
        else:
            if apart < STRAIGHT and along.max() - along.min() >= SHORTEST - 1:
                found.append(np.array([*first, *last]))
    found.sort(key=lambda s: -np.hypot(s[2] - s[0], s[3] - s[1]))
    kept: list[np.ndarray] = []
    for each in found:
        if not any(_lies_on(each, longer) for longer in kept):
            kept.append(each)
    return np.array(kept).reshape(-1, 4)


def _lies_on(segment: np.ndarray, longer: np.ndarray) -> bool:
    """Whether both ends of a segment are within 1.5 pixels of a longer one, which it may outreach by 2."""
    first, last = longer[:2], longer[2:]
    length = np.linalg.norm(last - first)
    direction = (last - first) / length
    offset = segment.reshape(2, 2) - first
    beside, along = np.abs(offset @ np.array([-direction[1], direction[0]])), offset @ direction
    return bool((beside < 1.5).all() and (along > -2).all() and (along < length + 2).all())


# --------------------------------------------------------------------------------------------------------- directions


def plane_normals(segments: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Of each segment (S, 4) the unit normal of the plane that it spans with the middle of the camera, (S, 3).

    A line of the room along d is seen as part of this segment only if the normal is at right angles to d.
    """
    ends = np.concatenate([segments.reshape(-1, 2, 2), np.ones((len(segments), 2, 1))], axis=2)
    rays = ends @ np.linalg.inv(intrinsics).T  # (S, 2, 3)
    normals = np.cross(rays[:, 0], rays[:, 1])
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


class RoomFrame(NamedTuple):
    """What the segments say. directions: unit vectors, (3, 3): to the right, upwards, away, in the camera's frame.
    angles: of each segment to the nearest of them, radians (S,). nearest: which one, integers (S,). support: how many
    segments run along each, integers (3,)."""

    directions: np.ndarray
    angles: np.ndarray
    nearest: np.ndarray
    support: np.ndarray


def room_frame(segments: np.ndarray, intrinsics: np.ndarray, generator: np.random.Generator) -> RoomFrame | None:
    """The three directions at right angles that the segments (S, 4) run along; None where there are too few segments.

    RANSAC: two segments fix a direction, n1 x n2, a third one a second direction at right angles to it. Of TRIES such
    guesses the one with the most length of segments near it is kept, and turned until it fits its segments best.
    """
    if len(segments) < FEWEST:
        return None
    normals = plane_normals(segments, intrinsics)
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    chosen = generator.permuted(np.tile(np.arange(len(segments)), (TRIES, 1)), axis=1)[:, :3]
    first = np.cross(normals[chosen[:, 0]], normals[chosen[:, 1]])
    second = np.cross(first, normals[chosen[:, 2]])
    good = (np.linalg.norm(first, axis=1) > 0.03) & (np.linalg.norm(second, axis=1) > 0.003)
    if not good.any():
        return None
    first, second = (each[good] / np.linalg.norm(each[good], axis=1, keepdims=True) for each in (first, second))
    frames = np.stack([first, second, np.cross(first, second)], axis=1)  # (T, 3, 3), a direction a row
    off = np.abs(np.einsum("tdi,si->tds", frames, normals)).min(axis=1)  # (T, S), the sine of the angle
    votes = (lengths * (1.0 - (off / np.sin(NEAR)) ** 2).clip(0.0)).sum(axis=1)
    frame = frames[votes.argmax()]
    for _ in range(5):  # a small turn w moves d by w x d: n . d + w . (d x n) = 0, for all segments near d
        sines = normals @ frame.T
        nearest = np.abs(sines).argmin(axis=1)
        off = sines[np.arange(len(normals)), nearest]
        weights = lengths * (np.abs(off) < np.sin(NEAR))
        turn = np.linalg.lstsq(np.cross(frame[nearest], normals) * weights[:, None], -off * weights, rcond=None)[0]
        frame = np.linalg.svd(frame + np.cross(turn, frame))
        frame = frame[0] @ frame[2]
    frame = _named(frame)
    sines = np.abs(normals @ frame.T)
    nearest, angles = sines.argmin(axis=1), np.arcsin(sines.min(axis=1).clip(0, 1))
    return RoomFrame(frame, angles, nearest, np.bincount(nearest[angles < NEAR], minlength=3))


def _named(frame: np.ndarray) -> np.ndarray:
    """The directions in the order right, up, away, and with these signs: nearest to a camera that looks straight."""
    straight = np.diag([1.0, -1.0, 1.0])
    fits = {order: np.abs((frame[list(order)] * straight).sum(axis=1)).sum() for order in permutations(range(3))}
    frame = frame[list(max(fits, key=fits.__getitem__))]
    signs = np.sign((frame * straight).sum(axis=1))
    return frame * np.where(signs == 0, 1.0, signs)[:, None]


def direction_errors(frame: RoomFrame, directions: np.ndarray) -> np.ndarray:
    """The angle in degrees between each direction found and the true one, (3,); signs do not count.

    NaN for a direction that no two segments run along: it then follows from the other two.
    """
    cosines = np.abs((frame.directions * directions).sum(axis=1)).clip(0, 1)
    return np.where(frame.support >= 2, np.rad2deg(np.arccos(cosines)), np.nan)


def line_residual(frame: RoomFrame | None, segments: np.ndarray) -> float:
    """How badly the segments fit three directions: the mean angle by length, in degrees, each at most FAR; NaN
    without.
    """
    if frame is None:
        return float("nan")
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    return float(np.rad2deg(np.average(np.minimum(frame.angles, FAR), weights=lengths)))


# ------------------------------------------------------------------------------------------------------------ shadows


class Bodies(NamedTuple):
    """What was found: the lamp (2,), NaN where there is none; balls (B, 2); dark patches that may be shadows (S, 2)."""

    lamp: np.ndarray
    balls: np.ndarray
    patches: np.ndarray


def _grown(mask: np.ndarray) -> np.ndarray:
    """A mask and the pixels around it, bool (H, W)."""
    wide = np.pad(mask, 1)
    return np.any([wide[r : r + mask.shape[0], c : c + mask.shape[1]] for r in range(3) for c in range(3)], axis=0)


def _centres(mask: np.ndarray, weights: np.ndarray, least: int, most: int) -> np.ndarray:
    """The weighted middles of connected patches with so many pixels that do not touch the picture's edge. (N, 2)."""
    numbers, count = label(mask, structure=np.ones((3, 3)))
    found = []
    for number in range(1, count + 1):
        patch = numbers == number
        rows, columns = np.nonzero(patch)
        inside = (
            rows.min() > 0 and columns.min() > 0 and rows.max() < len(mask) - 1 and columns.max() < mask.shape[1] - 1
        )
        around = _grown(patch) * weights
        if least <= len(rows) <= most and inside and around.sum() > 0 and _is_compact(rows, columns):
            down, right = np.indices(mask.shape)
            found.append([(around * right).sum() / around.sum() + 0.5, (around * down).sum() / around.sum() + 0.5])
    return np.array(found).reshape(-1, 2)


def _is_compact(rows: np.ndarray, columns: np.ndarray) -> bool:
    """Whether pixels fill the ellipse that has their second moments to at least 80 %."""
    spread = np.cov(np.stack([rows, columns]), ddof=0) if len(rows) > 1 else np.zeros((2, 2))
    return len(rows) > 0.8 * 4 * np.pi * np.sqrt(np.linalg.det(spread + np.eye(2) / 12))


def find_bodies(picture: np.ndarray) -> Bodies:
    """Lamp, balls and dark patches of a picture uint8 (H, W, 3), each the middle of its pixels, weighted by
    coverage.
    """
    values = picture.astype(float) / 255.0
    value, least = values.max(axis=2), values.min(axis=2)
    colour = (value - least) / np.maximum(value, 1e-6)  # saturation
    balls = _centres((colour > 0.5) & (value > 0.3), ((colour - 0.25) / 0.5).clip(0, 1), 6, 250)
    shine = values[..., :2].min(axis=2)
    lamp = np.full(2, np.nan)
    for level in LAMP:  # the brightest compact spot
        spots = _centres(shine > level, ((shine - level + 0.15) / 0.2).clip(0, 1), 1, 30)
        if len(spots):
            lamp = spots[int(np.argmax([shine[int(y), int(x)] for x, y in spots]))]
            break
    around = np.where(_grown(colour > 0.35), 0.0, value)  # balls are no background
    background = grey_closing(around, size=(15, 1))
    darker = 1.0 - value / np.maximum(background, 1e-6)
    dark = (darker > 0.4) & ~_grown(colour > 0.35)
    return Bodies(lamp, balls, _centres(dark, ((darker - 0.15) / 0.4).clip(0, 1), 6, 300))


class ShadowLines(NamedTuple):
    """residuals: of each ball how far its patch is from the line through lamp and ball, in pixels (B,); NaN without a
    patch. patches: the patch of each ball, integers (B,), -1 for none."""

    residuals: np.ndarray
    patches: np.ndarray


def line_distances(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """How far each patch (S, 2) is from the line through the lamp (2,) and each ball (B, 2). Pixels, (B, S).

    Infinite for a patch that is not beyond the ball as the lamp sees it: no shadow can be there.
    """
    to_ball, to_patch = balls[:, None] - lamp, patches[None] - lamp  # (B, 1, 2), (1, S, 2)
    length = np.linalg.norm(to_ball, axis=-1)
    beside = np.abs(to_ball[..., 0] * to_patch[..., 1] - to_ball[..., 1] * to_patch[..., 0]) / length
    beyond = (to_ball * to_patch).sum(axis=-1) / length
    return np.where(beyond > length + 1.0, beside, np.inf)


def shadow_lines(found: Bodies) -> ShadowLines:
    """Give every ball at most one patch and every patch at most one ball, with the least total distance."""
    residuals, chosen = np.full(len(found.balls), np.nan), np.full(len(found.balls), -1)
    if len(found.balls) and len(found.patches) and np.isfinite(found.lamp).all():
        distances = line_distances(found.lamp, found.balls, found.patches)
        for ball, patch in zip(*linear_sum_assignment(np.where(np.isfinite(distances), distances, 1e4)), strict=True):
            if np.isfinite(distances[ball, patch]):
                residuals[ball], chosen[ball] = distances[ball, patch], patch
    return ShadowLines(residuals, chosen)


# ------------------------------------------------------------------------------------------------------ many pictures


@dataclass(frozen=True)
class Judged:
    """Of each picture, (N,): how badly its lines fit one room, in degrees, and its shadows one lamp, in pixels, NaN
    where it could not be said; how many segments, balls and shadows were found, and whether a lamp was."""

    lines: np.ndarray
    shadows: np.ndarray
    segments: np.ndarray
    balls: np.ndarray
    matched: np.ndarray
    lamps: np.ndarray


def judge(pictures: Sequence[np.ndarray] | np.ndarray, intrinsics: np.ndarray, *, seed: int = 0) -> Judged:
    """Judge pictures uint8 (N, H, W, 3) by their pixels and the camera's intrinsics alone. seed: of Hough and
    RANSAC.
    """
    rows = []
    for number, picture in enumerate(pictures):
        segments = find_segments(picture, seed=seed)
        frame = room_frame(segments, intrinsics, np.random.default_rng([seed, number]))
        found = find_bodies(picture)
        lines = shadow_lines(found)
        matched = np.isfinite(lines.residuals)
        mean = float(lines.residuals[matched].mean()) if matched.any() else float("nan")
        rows.append((line_residual(frame, segments), mean, len(segments), len(found.balls), int(matched.sum()),
                     bool(np.isfinite(found.lamp).all())))  # fmt: skip
    return Judged(*(np.array(column) for column in zip(*rows, strict=True)))


def auc(real: np.ndarray, others: np.ndarray) -> float:
    """The chance that one of the others has a larger residual than a real picture, ties half; NaN are left out.

    The area under the ROC curve. (N,), (M,) -> a number; NaN where one side has nothing.
    """
    a, b = (np.asarray(each, float)[np.isfinite(each)] for each in (real, others))
    if not len(a) or not len(b):
        return float("nan")
    return float(((b[:, None] > a).mean() + (b[:, None] >= a).mean()) / 2)


def auc_interval(
    real: np.ndarray, others: np.ndarray, generator: np.random.Generator, *, draws: int = 1000,
    score: Callable[[np.ndarray, np.ndarray], float] = auc,
) -> tuple[float, float, float]:  # fmt: skip
    """The AUC and its 95 % interval, by drawing pictures of both sides again with replacement."""
    a, b = (np.asarray(each, float)[np.isfinite(each)] for each in (real, others))
    again = [score(generator.choice(a, len(a)), generator.choice(b, len(b))) for _ in range(draws)]
    return score(a, b), *(float(q) for q in np.quantile(again, (0.025, 0.975)))
