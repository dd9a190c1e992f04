"""Exercises of notebook 24, shadows and vanishing points: where lines meet, a line fitted to points, directions,
shadows.
"""

from __future__ import annotations

import numpy as np

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal


# --- 1. where two lines meet ------------------------------------------------------------------------------------------
def my_meeting_point(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where the lines through two segments meet. first, second: x1, y1, x2, y2, (4,) -> x and y, (2,).

    The lines go on beyond the ends of the segments. They are not parallel.
    """
    one = np.cross([first[0], first[1], 1.0], [first[2], first[3], 1.0])
    two = np.cross([second[0], second[1], 1.0], [second[2], second[3], 1.0])
    point = np.cross(one, two)
    return point[:2] / point[2]


def _two_segments(seed: int) -> Inputs:
    """Both end before they meet; one of them stands upright in every third draw."""
    generator = np.random.default_rng([2401, seed])
    meet, turns = generator.uniform(-80, 80, 2), generator.uniform(0, np.pi, 2)
    turns[1] = turns[0] + generator.uniform(0.5, 1.2)
    if seed % 3 == 0:
        turns[0] = np.pi / 2
    found = []
    for turn in turns:
        near, far = np.sort(generator.uniform(8, 60, 2))
        way = np.array([np.cos(turn), np.sin(turn)])
        found.append(np.concatenate([meet + near * way, meet + (far + 5) * way]))
    return found[0], found[1]


def _check_meeting_point(candidate: Asked) -> None:
    def solved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        a, b = first.reshape(2, 2), second.reshape(2, 2)
        steps = np.linalg.solve(np.stack([a[1] - a[0], b[0] - b[1]], axis=1), b[0] - a[0])
        return a[0] + steps[0] * (a[1] - a[0])

    def homogeneous(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        lines = [np.cross([*s[:2], 1.0], [*s[2:], 1.0]) for s in (first, second)]
        return np.cross(*lines)[:2]

    check_values(
        candidate,
        solved,
        _two_segments,
        [
            (homogeneous, "The third number is missing: a point (a, b, c) is drawn at (a / c, b / c)."),
            (lambda f, s: solved(f, s)[::-1].copy(), "x and y have changed places."),
            (lambda f, s: (f.reshape(2, 2).mean(axis=0) + s.reshape(2, 2).mean(axis=0)) / 2,
             "This is the middle between the segments. They meet where both lines, made longer, have a common point."),
            (lambda f, s: solved(f, s) - f[:2], "This is seen from the first end of the first segment: add that end."),
        ],
        "The lines meet at {wanted} (coordinate {place}), yours is {mine}.",
        infinite="Your result is not finite. One of the lines may stand upright: its slope is infinite, so do without "
        "slopes.",
        atol=1e-5,
    )  # fmt: skip


register(
    Exercise(
        id="geometry.meet",
        notebook="24",
        title="Where do two lines meet?",
        difficulty=2,
        minutes=8,
        reference=my_meeting_point,
        check=_check_meeting_point,
        hints=(
            "Write a point as (x, y, 1). The cross product of two points is the line through them, and the cross "
            "product "
            "of two lines is the point on both.",
            "line = np.cross([x1, y1, 1], [x2, y2, 1]) for each segment; point = np.cross(line1, line2); "
            "point[:2] / point[2].",
        ),
        explanation="In homogeneous coordinates a line (a, b, c) holds the points with ax + by + c = 0. A cross "
                    "product "
        "is at right angles to both its factors: once it is the line that holds both points, once the point that "
        "lies on "
        "both lines. No slope occurs, so an upright line is no special case.",
    )
)


# --- 2. a line through points -----------------------------------------------------------------------------------------
def my_line_fit(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line with the least sum of squared distances, measured at right angles to it.

    points: (N, 2), of no upright line -> its middle, the mean of the points, (2,), and its unit direction with x above
    0, (2,).
    """
    middle = points.mean(axis=0)
    direction = np.linalg.svd(points - middle)[2][0]
    return middle, direction * np.sign(direction[0])


def _points(seed: int) -> Inputs:
    """Points along a line, steep in every other draw."""
    generator = np.random.default_rng([2402, seed])
    turn = generator.uniform(1.25, 1.5) * generator.choice([-1, 1]) if seed % 2 else generator.uniform(-1.0, 1.0)
    way = np.array([np.cos(turn), np.sin(turn)])
    along, beside = generator.uniform(-12, 12, 14), generator.normal(0, 1.2, 14)
    return (generator.uniform(10, 50, 2) + along[:, None] * way + beside[:, None] * np.array([-way[1], way[0]]),)


def _check_line_fit(candidate: Asked) -> None:
    def turned(direction: np.ndarray) -> np.ndarray:
        direction = direction / np.linalg.norm(direction)
        return direction * (1.0 if direction[0] >= 0 else -1.0)

    def moments(points: np.ndarray, about: float = 1.0, which: int = 1) -> tuple[np.ndarray, np.ndarray]:
        middle = points.mean(axis=0)
        return middle, turned(np.linalg.eigh((points - about * middle).T @ (points - about * middle))[1][:, which])

    def regression(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = (points - points.mean(axis=0)).T
        return points.mean(axis=0), turned(np.array([1.0, (x * y).sum() / (x * x).sum()]))

    def of_the_ends(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return points.mean(axis=0), turned(points[-1] - points[0])

    check_values(
        candidate,
        moments,
        _points,
        [
            (regression, "This measures distances upwards, as when y is fitted to x. A steep line then comes out too "
                         "flat. Measure at right angles to the line: total least squares."),
            (lambda points: moments(points, which=0), "This is the direction across the line, in which the points "
                                                      "spread "
                                                      "least. The line runs where they spread most."),
            (lambda points: moments(points, about=0.0), "Take the mean off the points first; this is a line through "
                                                        "the "
                                                        "corner of the picture."),
            (of_the_ends, "Only two of the points count here. All of them should."),
            (lambda points: (moments(points)[0], -moments(points)[1]), "The direction should have x above 0."),
        ],
        "At {place} it is {wanted}, yours is {mine}.",
        atol=1e-5,
    )  # fmt: skip


register(
    Exercise(
        id="geometry.line",
        notebook="24",
        title="A line through edge points",
        difficulty=2,
        minutes=10,
        reference=my_line_fit,
        check=_check_line_fit,
        hints=(
            "Take the mean off. The line runs in the direction in which the points spread most: where have you met "
            "that "
            "before?",
            "np.linalg.svd(points - middle)[2][0] is the first principal direction. Turn it round where its x is "
            "below 0.",
        ),
        explanation="A line through edge points has no input and no output, so neither x nor y may be special. The "
                    "first "
        "principal direction is the line with the least squared distances; what is left, the second one, is how badly "
        "the points fit.",
    )
)


# --- 3. which lines run along a direction? ----------------------------------------------------------------------------
def my_support(normals: np.ndarray, directions: np.ndarray, lengths: np.ndarray, near: float) -> np.ndarray:
    """How many pixels of segments run along each direction: the lengths, added up, of those within an angle of it.

    normals: of the planes that the segments span with the camera, unit vectors (S, 3). directions: unit vectors (D, 3).
    lengths: (S,). near: radians; a segment is as far from a direction as the direction is from its plane -> (D,).
    """
    angles = np.arcsin(np.abs(normals @ directions.T).clip(0.0, 1.0))  # (S, D)
    return ((angles < near) * lengths[:, None]).sum(axis=0)


def _planes(seed: int) -> Inputs:
    """Planes that hold one of three directions nearly, from either side, and some that hold none."""
    generator = np.random.default_rng([2403, seed])
    directions = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    directions = np.concatenate([directions, -directions[:1]])
    held = directions[generator.integers(0, 3, 24)]
    normals = np.cross(held, generator.normal(size=(24, 3)))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    lean = np.deg2rad(generator.uniform(-4.5, 4.5, 24))[:, None]
    normals = np.cos(lean) * normals + np.sin(lean) * held
    return normals, directions, generator.uniform(9, 40, 24), float(np.deg2rad(generator.uniform(1.5, 3.0)))


def _check_support(candidate: Asked) -> None:
    def sines(normals: np.ndarray, directions: np.ndarray) -> np.ndarray:
        return np.einsum("si,di->sd", normals, directions)

    def right(n: np.ndarray, d: np.ndarray, w: np.ndarray, near: float) -> np.ndarray:
        return w @ (np.abs(sines(n, d)) < np.sin(near))

    check_values(
        candidate,
        right,
        _planes,
        [
            (lambda n, d, w, near: w @ (sines(n, d) < np.sin(near)),
             "Planes on the other side of the direction, with n . d below 0, all count here. Take the absolute value."),
            (lambda n, d, w, near: (np.abs(sines(n, d)) < np.sin(near)).sum(axis=0).astype(float),
             "Segments are counted here. Add up their lengths: a long one is measured better."),
            (lambda n, d, w, near: w @ (np.abs(sines(n, d)) > np.cos(near)),
             "These are planes whose normal points along the direction. A line along d lies in its plane, so the "
             "normal is "
             "at right angles to d."),
            (lambda n, d, w, near: w @ (np.abs(sines(n, d)) < np.rad2deg(near)),
             "near is in radians, and the sine of an angle is compared with it."),
            (lambda n, d, w, near: right(n, d, w, near) / w.sum(), "This is a share; the lengths themselves are "
                                                                   "asked for."),
            (lambda n, d, w, near: w @ (np.abs(sines(n, d)) >= np.sin(near)), "These are the segments that are far "
                                                                              "away."),
        ],
        "For direction {place} it is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="geometry.support",
        notebook="24",
        title="Which lines run along a direction?",
        difficulty=3,
        minutes=12,
        reference=my_support,
        check=_check_support,
        hints=(
            "n . d is the sine of the angle between the direction and the plane; it is 0 where the direction lies in "
            "it.",
            "angles = np.arcsin(np.abs(normals @ directions.T)), (S, D); add up lengths[:, None] where angles < near.",
        ),
        explanation="This is the vote of RANSAC: a guess is as good as what agrees with it. Segments that belong to "
        "nothing, such as the edge of a ball, do not vote against it; in a mean they would.",
    )
)


# --- 4. how far is a shadow from its line? ----------------------------------------------------------------------------
def my_line_distances(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
    """How far each dark patch is from the line through the lamp and each ball, in pixels.

    lamp: (2,). balls: (B, 2). patches: (S, 2). A shadow lies beyond its ball as the lamp sees it, by more than one
    pixel along the line; a patch that does not is given ``far`` -> (B, S).
    """
    to_ball, to_patch = balls[:, None] - lamp, patches[None] - lamp  # (B, 1, 2), (1, S, 2)
    length = np.sqrt((to_ball**2).sum(axis=2))  # (B, 1)
    beside = np.abs(to_ball[..., 0] * to_patch[..., 1] - to_ball[..., 1] * to_patch[..., 0]) / length  # (B, S)
    along = (to_ball * to_patch).sum(axis=2) / length
    return np.where(along > length + 1.0, beside, far)


def _lamp_and_balls(seed: int) -> Inputs:
    """Patches beyond the balls, between lamp and ball, and behind the lamp; two just beyond their ball."""
    generator = np.random.default_rng([2404, seed])
    lamp = generator.uniform(20, 44, 2)
    turns = generator.uniform(-2.0, 2.0, 3)
    ways = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    length = generator.uniform(8, 20, 3)
    balls = lamp + length[:, None] * ways
    side = np.stack([ways[:, 1], -ways[:, 0]], axis=1)
    beyond = lamp + (length * generator.uniform(1.3, 2.0, 3))[:, None] * ways + generator.normal(0, 2, (3, 1)) * side
    before = lamp + (length * 0.5)[:, None] * ways + generator.normal(0, 2, (3, 1)) * side
    behind = lamp - (length * 0.8)[:, None] * ways
    grazing = balls[:1] + np.array([[0.5], [1.25]]) * ways[:1]
    patches = generator.permutation(np.concatenate([beyond, before[:2], behind[:1], grazing]))
    return lamp, balls, patches, 99.0


def _check_line_distances(candidate: Asked) -> None:
    def parts(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        length = np.linalg.norm(balls - lamp, axis=1)
        ways = (balls - lamp) / length[:, None]
        along = ways @ (patches - lamp).T
        feet = lamp + along[..., None] * ways[:, None]
        return np.linalg.norm(patches - feet, axis=2), along, length[:, None]

    def right(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
        beside, along, length = parts(lamp, balls, patches)
        return np.where(along > length + 1, beside, far)

    def signed(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
        beside, along, length = parts(lamp, balls, patches)
        a, b = (balls - lamp)[:, None], (patches - lamp)[None]
        return np.where(along > length + 1, beside * np.sign(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]), far)

    def undivided(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
        beside, along, length = parts(lamp, balls, patches)
        return np.where(along > length + 1, beside * length, far)

    def of_points(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
        _, along, length = parts(lamp, balls, patches)
        return np.where(along > length + 1, np.linalg.norm(patches[None] - balls[:, None], axis=2), far)

    def from_the_lamp(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
        beside, along, _ = parts(lamp, balls, patches)
        return np.where(along > 0, beside, far)

    def grazing(lamp: np.ndarray, balls: np.ndarray, patches: np.ndarray, far: float) -> np.ndarray:
        beside, along, length = parts(lamp, balls, patches)
        return np.where(along > length, beside, far)

    check_values(
        candidate,
        right,
        _lamp_and_balls,
        [
            (lambda lamp, balls, patches, far: parts(lamp, balls, patches)[0],
             "Patches before the ball or behind the lamp count here. A shadow can only lie beyond its ball."),
            (from_the_lamp, "Patches between lamp and ball count here. A shadow lies beyond its ball, not only on "
                            "its side "
                            "of the lamp."),
            (grazing, "The patch that touches the ball's middle counts here: it should be more than one pixel beyond."),
            (undivided, "Divide by the distance from lamp to ball: this is the area of a parallelogram, not its "
                        "height."),
            (signed, "Some distances are below 0: take the absolute value."),
            (of_points, "This is the distance from the patch to the ball. The distance to the line is asked for."),
        ],
        "At {place} (ball, patch) the distance is {wanted}, yours is {mine}.",
    )  # fmt: skip
    lamp = np.array([30.0, 10.0])
    must_equal(candidate(lamp, np.array([[30.0, 20.0]]), np.array([[33.0, 40.0]]), 99.0), np.array([[3.0]]), [],
               "A patch 3 pixels beside an upright line has the distance {wanted}, yours is {mine}.")  # fmt: skip


register(
    Exercise(
        id="geometry.shadow",
        notebook="24",
        title="How far is a shadow from its line?",
        difficulty=3,
        minutes=12,
        reference=my_line_distances,
        check=_check_line_distances,
        hints=(
            "Let a lead from lamp to ball and b from lamp to patch. |a x b| is the area of a parallelogram, a . b "
            "says how "
            "far along.",
            "beside = |ax by - ay bx| / |a|; along = (a . b) / |a|; np.where(along > |a| + 1, beside, far). Shapes: "
            "balls[:, None] - lamp and patches[None] - lamp.",
        ),
        explanation="The height of a parallelogram is its area divided by its base. Which side of the ball the patch "
                    "is "
        "on decides whether it can be a shadow at all; a ruler that forgot this would take a patch on the wrong side "
        "of "
        "the lamp for a perfect one.",
    )
)


# --- 5. an experiment: the lamp is moved ------------------------------------------------------------------------------
def my_shadow_shift(lamp_height: float, ball_heights: np.ndarray, moved: float) -> np.ndarray:
    """How far a shadow on the floor moves when the lamp is moved sideways, in metres; against the lamp is below 0.

    lamp_height: above the floor. ball_heights: of the middles of balls under it, (B,). moved: of the lamp -> (B,).
    """
    return -moved * ball_heights / (lamp_height - ball_heights)


def _check_shadow_shift(candidate: Asked) -> None:
    def traced(height: float, balls: np.ndarray, moved: float) -> np.ndarray:
        share = height / (height - balls)  # of the way from lamp to ball, to the floor
        return moved + share * (0.0 - moved)

    def heights(seed: int) -> Inputs:
        generator = np.random.default_rng([2405, seed])
        height = float(generator.uniform(1.8, 2.6))
        return height, generator.uniform(0.2, 0.8, 4) * height, float(generator.uniform(0.2, 0.9))

    check_values(
        candidate,
        traced,
        heights,
        [
            (lambda h, b, m: -traced(h, b, m), "It has the wrong sign: the lamp goes to the right and the shadow to "
                                               "the left."),
            (lambda h, b, m: m - traced(h, b, m), "This is how far the lamp gets away from the shadow. The shadow's "
                                                  "own "
                                                  "shift is asked for."),
            (lambda h, b, m: -m * b / h, "Similar triangles meet in the ball: what is above it is as high as lamp "
                                         "minus "
                                         "ball, not as the lamp."),
            (lambda h, b, m: -m * (h - b) / b, "The triangles have changed places: a ball near the floor has a "
                                               "shadow that "
                                               "hardly moves."),
            (lambda h, b, m: np.full_like(b, -m), "All shadows move alike here. Look at a ball that lies on the "
                                                  "floor."),
        ],
        "The shadow of ball {place} moves by {wanted}, yours by {mine}.",
    )  # fmt: skip
    must_equal(candidate(2.0, np.array([1.0, 0.0]), 0.5), np.array([-0.5, 0.0]), [],
               "Under a lamp at 2 m that is moved by 0.5 m, the shadows of balls at 1 m and on the floor move by "
               "-0.5 and "
               "by 0 m. At {place} yours is {mine} and not {wanted}.")  # fmt: skip


register(
    Exercise(
        id="geometry.shift",
        notebook="24",
        title="Where does the shadow go?",
        difficulty=2,
        minutes=8,
        reference=my_shadow_shift,
        check=_check_shadow_shift,
        hints=(
            "Draw the ray before and after. The two rays cross in the ball, and make two similar triangles.",
            "Above the ball the triangle is lamp_height - ball_height high and `moved` wide; below it is ball_height "
            "high.",
        ),
        explanation="The ball is the pivot of a lever. A ball half as high as the lamp throws its shadow as far to "
                    "the left "
        "as the lamp goes to the right; a higher one throws it farther. So high balls are good witnesses against a "
        "wrong lamp, and a ball on the floor is none.",
    )
)
