"""Plausible wrong answers to the exercises of notebook 24: each hears its own reason."""

from __future__ import annotations

import numpy as np

from course_lib.exercises.nb24 import my_line_distances, my_line_fit, my_meeting_point, my_shadow_shift, my_support


def meet_without_dividing(first, second):
    lines = [np.cross([*s[:2], 1.0], [*s[2:], 1.0]) for s in (first, second)]
    return np.cross(*lines)[:2]


def meet_with_x_and_y_exchanged(first, second):
    return my_meeting_point(first, second)[::-1].copy()


def meet_in_the_middle(first, second):
    return (first[:2] + first[2:] + second[:2] + second[2:]) / 4


def meet_seen_from_an_end(first, second):
    return my_meeting_point(first, second) - first[:2]


def meet_by_slopes(first, second):
    (a, b), (c, d) = ((s[3] - s[1]) / (s[2] - s[0]) for s in (first, second)), (first[1], second[1])
    x = (c - a * first[0] - d + b * second[0]) / (b - a)
    return np.array([x, a * (x - first[0]) + c])


def line_by_regression(points):
    slope = np.polyfit(*points.T, 1)[0]
    direction = np.array([1.0, slope]) / np.hypot(1.0, slope)
    return points.mean(axis=0), direction


def line_across(points):
    middle = points.mean(axis=0)
    direction = np.linalg.svd(points - middle)[2][1]
    return middle, direction * (1.0 if direction[0] >= 0 else -1.0)


def line_from_the_corner(points):
    direction = np.linalg.svd(points)[2][0]
    return points.mean(axis=0), direction * (1.0 if direction[0] >= 0 else -1.0)


def line_of_the_ends(points):
    direction = (points[-1] - points[0]) / np.linalg.norm(points[-1] - points[0])
    return points.mean(axis=0), direction * (1.0 if direction[0] >= 0 else -1.0)


def line_backwards(points):
    middle, direction = my_line_fit(points)
    return middle, -direction


def support_of_one_side(normals, directions, lengths, near):
    return ((np.arcsin(normals @ directions.T) < near) * lengths[:, None]).sum(axis=0)


def support_in_numbers(normals, directions, lengths, near):
    return my_support(normals, directions, np.ones_like(lengths), near)


def support_of_parallel_planes(normals, directions, lengths, near):
    return ((np.arccos(np.abs(normals @ directions.T).clip(0, 1)) < near) * lengths[:, None]).sum(axis=0)


def support_in_degrees(normals, directions, lengths, near):
    return my_support(normals, directions, lengths, np.rad2deg(near))


def support_as_a_share(normals, directions, lengths, near):
    return my_support(normals, directions, lengths, near) / lengths.sum()


def support_of_the_far(normals, directions, lengths, near):
    return lengths.sum() - my_support(normals, directions, lengths, near)


def _beside(lamp, balls, patches):
    a, b = balls[:, None] - lamp, patches[None] - lamp
    return a, b, a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], np.linalg.norm(a, axis=2)


def distances_of_all(lamp, balls, patches, far):
    _, _, area, length = _beside(lamp, balls, patches)
    return np.abs(area) / length


def distances_beyond_the_lamp(lamp, balls, patches, far):
    a, b, area, length = _beside(lamp, balls, patches)
    return np.where((a * b).sum(axis=2) > 0, np.abs(area) / length, far)


def distances_that_graze(lamp, balls, patches, far):
    a, b, area, length = _beside(lamp, balls, patches)
    return np.where((a * b).sum(axis=2) / length > length, np.abs(area) / length, far)


def distances_as_areas(lamp, balls, patches, far):
    found = my_line_distances(lamp, balls, patches, -1.0)
    return np.where(found < 0, far, found * np.linalg.norm(balls - lamp, axis=1)[:, None])


def distances_with_signs(lamp, balls, patches, far):
    a, b, area, length = _beside(lamp, balls, patches)
    return np.where((a * b).sum(axis=2) / length > length + 1, area / length, far)


def distances_to_the_ball(lamp, balls, patches, far):
    a, b, _, length = _beside(lamp, balls, patches)
    return np.where((a * b).sum(axis=2) / length > length + 1, np.linalg.norm(b - a, axis=2), far)


def shift_with_the_lamp(lamp_height, ball_heights, moved):
    return -my_shadow_shift(lamp_height, ball_heights, moved)


def shift_from_the_lamp(lamp_height, ball_heights, moved):
    return moved - my_shadow_shift(lamp_height, ball_heights, moved)


def shift_by_the_lamps_height(lamp_height, ball_heights, moved):
    return -moved * ball_heights / lamp_height


def shift_upside_down(lamp_height, ball_heights, moved):
    return -moved * (lamp_height - ball_heights) / ball_heights


def shift_of_all_alike(lamp_height, ball_heights, moved):
    return np.full_like(ball_heights, -moved)


WRONG = {
    "geometry.meet": [
        meet_without_dividing,
        meet_with_x_and_y_exchanged,
        meet_in_the_middle,
        meet_seen_from_an_end,
        meet_by_slopes,
    ],
    "geometry.line": [line_by_regression, line_across, line_from_the_corner, line_of_the_ends, line_backwards],
    "geometry.support": [
        support_of_one_side,
        support_in_numbers,
        support_of_parallel_planes,
        support_in_degrees,
        support_as_a_share,
        support_of_the_far,
    ],
    "geometry.shadow": [
        distances_of_all,
        distances_beyond_the_lamp,
        distances_that_graze,
        distances_as_areas,
        distances_with_signs,
        distances_to_the_ball,
    ],
    "geometry.shift": [
        shift_with_the_lamp,
        shift_from_the_lamp,
        shift_by_the_lamps_height,
        shift_upside_down,
        shift_of_all_alike,
    ],
}
