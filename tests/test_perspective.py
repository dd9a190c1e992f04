"""Rooms in perspective: what their truth says is what their pictures show, and a broken rule breaks nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from course_lib.worlds.perspective import (
    SHADE,
    Camera,
    RoomScene,
    draw_scene,
    floor_contacts,
    geometry_of,
    intrinsics,
    make_scenes,
    render,
    render_with_depth,
    shadow_outlines,
    vanishing_point,
    with_bent_view,
    with_wrong_lamp,
)

COUNT = 6


@pytest.fixture(scope="module")
def scenes() -> list[RoomScene]:
    return make_scenes(COUNT, split="validation")


def test_a_scene_is_made_again_from_its_seed_and_splits_share_none(scenes: list[RoomScene]) -> None:
    assert make_scenes(2, split="validation", first=1) == scenes[1:3]
    assert make_scenes(1, split="train") != make_scenes(1, split="test") != scenes[:1]
    with pytest.raises(ValueError, match="no split"):
        make_scenes(1, split="holiday")


def test_a_camera_turns_and_projects_as_it_says() -> None:
    straight = Camera((0.0, 1.0, 0.0))
    np.testing.assert_allclose(straight.rotation, np.diag([1.0, -1.0, 1.0]))
    np.testing.assert_allclose(straight.project(np.array([0.0, 1.0, 5.0])), [32.0, 32.0])
    turned = Camera((0.0, 1.0, 0.0), yaw=0.2, pitch=0.1)
    np.testing.assert_allclose(turned.rotation @ turned.rotation.T, np.eye(3), atol=1e-12)
    ahead = np.array([np.sin(0.2) * np.cos(0.1), 1.0 + np.sin(0.1), np.cos(0.2) * np.cos(0.1)])
    np.testing.assert_allclose(turned.project(ahead), [32.0, 32.0], atol=1e-9)
    assert np.isnan(straight.project(np.array([0.0, 1.0, -1.0]))).all(), "behind the camera"
    left = intrinsics() @ np.array([-np.tan(np.deg2rad(37.5)), 0.0, 1.0])
    np.testing.assert_allclose(left[:2], [0.0, 32.0], atol=1e-9)


def test_parallel_lines_meet_where_the_truth_says(scenes: list[RoomScene]) -> None:
    for scene in scenes:
        truth = geometry_of(scene)
        for axis in range(3):
            far = np.array(scene.camera.position) + np.array([0.3, 0.2, 0.1]) + 1e6 * np.eye(3)[axis]
            far = far if truth.directions[axis, 2] > 0 else 2 * np.array(scene.camera.position) - far
            np.testing.assert_allclose(scene.camera.project(far), truth.vanishing[axis], rtol=1e-3, atol=0.05)
    assert np.isnan(vanishing_point(np.array([1.0, 0.0, 0.0]))).all(), "parallel to the picture"


def test_lamp_ball_and_contact_lie_on_a_line(scenes: list[RoomScene]) -> None:
    for scene in scenes:
        truth = geometry_of(scene)
        for ball, contact in zip(truth.balls, truth.contacts, strict=True):
            a, b = ball - truth.lamp, contact - truth.lamp
            assert abs(a[0] * b[1] - a[1] * b[0]) < 1e-6
        ends = floor_contacts(scene.lamp, np.array([ball.centre for ball in scene.balls]))
        assert np.allclose(ends[:, 1], 0.0) and 2 <= len(ends) <= 3


def test_the_picture_shows_what_the_truth_says(scenes: list[RoomScene]) -> None:
    """Lamp, balls and shadows are seen where they should be, and the depth of the middle of a ball is its own."""
    for scene in scenes[:3]:
        picture, depth = render_with_depth(scene)
        truth = geometry_of(scene)
        assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8 and depth.shape == (64, 64)
        x, y = np.floor(truth.lamp).astype(int)
        assert picture[y - 1 : y + 2, x - 1 : x + 2].min(axis=2).max() > 150
        for ball, place in zip(scene.balls, truth.balls, strict=True):
            x, y = np.floor(place).astype(int)
            assert np.ptp(picture[y, x].astype(int)) > 80, "full of colour"
            away = (np.array(ball.centre) - scene.camera.position) @ scene.camera.rotation[2]
            assert abs(depth[y, x] - away) < 1.5 * ball.radius
        bright = render(replace(scene, casting=(scene.lamp[0], 1e6, scene.lamp[2])))
        for place in truth.contacts:
            x, y = np.floor(place).astype(int)
            assert picture[y, x].mean() < (SHADE + 0.12) * bright[y, x].mean() or bright[y, x].mean() < 90


def test_shadows_lie_whole_on_the_floor_and_in_view(scenes: list[RoomScene]) -> None:
    for scene in scenes:
        outlines = shadow_outlines(scene.lamp, scene.balls)
        seen = scene.camera.project(outlines)
        assert ((seen > 1) & (seen < 63)).all() and np.allclose(outlines[..., 1], 0.0)
        assert (np.abs(outlines[..., 0]) < scene.half).all() and (outlines[..., 2] < scene.depth).all()


def test_a_wrong_lamp_moves_the_shadows_and_nothing_else(scenes: list[RoomScene]) -> None:
    generator = np.random.default_rng(0)
    wrong = next(other for scene in scenes if (other := with_wrong_lamp(scene, generator)) is not None)
    right = replace(wrong, casting=None)
    assert np.linalg.norm(np.subtract(wrong.casting, wrong.lamp)) >= 0.6
    before, after = geometry_of(right), geometry_of(wrong)
    np.testing.assert_array_equal(before.balls, after.balls)
    np.testing.assert_array_equal(before.vanishing, after.vanishing)
    assert np.linalg.norm(before.contacts - after.contacts, axis=1).max() > 2
    changed = (render(right) != render(wrong)).any(axis=2)
    assert 0.0 < changed.mean() < 0.4


def test_two_cameras_agree_in_the_middle_of_the_picture_alone(scenes: list[RoomScene]) -> None:
    bent = with_bent_view(scenes[0], np.random.default_rng(0))
    assert 12 <= np.rad2deg(abs(bent.bend)) <= 20
    one, other = render(scenes[0]).astype(int), render(bent).astype(int)
    apart = np.abs(one - other).mean(axis=(0, 2))
    assert apart[[31, 32]].mean() < 0.5 * apart[:16].mean()


def test_draws_follow_their_generator() -> None:
    assert draw_scene(np.random.default_rng(5)) == draw_scene(np.random.default_rng(5))
