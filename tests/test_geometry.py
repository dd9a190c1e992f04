"""The ruler for lines and shadows: right on lines that were drawn by hand, and honest about what it does not find."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.geometry import (
    Bodies,
    auc,
    auc_interval,
    direction_errors,
    find_bodies,
    find_segments,
    fit_line,
    judge,
    line_distances,
    line_residual,
    plane_normals,
    room_frame,
    shadow_lines,
)
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.studies import perspective as study
from course_lib.studies import room_pictures
from course_lib.worlds.perspective import (
    Camera,
    geometry_of,
    intrinsics,
    make_scenes,
    render,
    render_all,
    with_bent_view,
    with_wrong_lamp,
)

COUNT = 12


@pytest.fixture(scope="module")
def scenes() -> list:
    return make_scenes(COUNT, split="validation")


@pytest.fixture(scope="module")
def pictures(scenes: list) -> np.ndarray:
    return render_all(scenes)


# ------------------------------------------------------------------------------------------------------------- lines


def half_plane(turn: float, offset: float) -> np.ndarray:
    """A picture, dark on one side of a line through (32 + offset, 32), drawn with 8 x 8 samples a pixel."""
    places = (np.arange(512) + 0.5) / 8
    x, y = np.meshgrid(places - 32 - offset, places - 32)
    light = np.where(np.cos(turn) * x + np.sin(turn) * y > 0, 200.0, 90.0)
    grey = light.reshape(64, 8, 64, 8).mean(axis=(1, 3)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("turn", [0.0, 0.4, 0.8, 1.3, 2.2])
def test_an_edge_is_found_to_a_tenth_of_a_pixel(turn: float) -> None:
    segments = find_segments(half_plane(turn, 0.3))
    assert len(segments) >= 1
    normal = np.array([np.cos(turn), np.sin(turn)])
    beside = (segments[0].reshape(2, 2) - [32.3, 32.0]) @ normal
    assert np.abs(beside).max() < 0.15 and np.hypot(*(segments[0, 2:] - segments[0, :2])) > 45


def test_total_least_squares_knows_no_direction() -> None:
    generator = np.random.default_rng(0)
    points = np.stack([np.linspace(-9, 9, 40), 0.02 * generator.normal(size=40)], axis=1)
    for turn in (0.0, 0.7, np.pi / 2, 2.0):
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        _, direction, apart = fit_line(points @ rotation.T + 5.0, np.ones(40))
        assert abs(direction @ rotation[:, 0]) > 0.9999 and apart < 0.03


def test_nothing_is_found_where_nothing_is() -> None:
    grey = np.full((64, 64, 3), 120, np.uint8)
    assert find_segments(grey).shape == (0, 4)
    assert room_frame(np.zeros((0, 4)), intrinsics(), np.random.default_rng(0)) is None
    assert np.isnan(line_residual(None, np.zeros((0, 4))))
    found = find_bodies(grey)
    assert np.isnan(found.lamp).all() and len(found.balls) == len(found.patches) == 0
    judged = judge([grey], intrinsics())
    assert np.isnan(judged.lines).all() and np.isnan(judged.shadows).all() and judged.segments[0] == 0


# -------------------------------------------------------------------------------------------------------- directions


def segments_of(camera: Camera, generator: np.random.Generator, count: int = 24) -> np.ndarray:
    """Segments of a room's axes as a camera sees them, exactly."""
    found = []
    while len(found) < count:
        start = np.array([*generator.uniform((-1.2, 0.2), (1.2, 2.0)), generator.uniform(1.8, 2.4)])
        end = start + np.array([0.8, 0.8, 2.5]) * np.eye(3)[generator.integers(3)]
        seen = camera.project(np.stack([start, end])).ravel()
        if np.hypot(*(seen[2:] - seen[:2])) > 6:
            found.append(seen)
    return np.array(found)


def test_the_directions_of_exact_segments_are_exact_whatever_else_there_is() -> None:
    generator, worst = np.random.default_rng(1), []
    for _ in range(5):
        camera = Camera((0.0, 1.3, 0.0), float(generator.uniform(-0.3, 0.3)), float(generator.uniform(-0.25, 0.05)))
        segments = segments_of(camera, generator)
        stray = generator.uniform(0, 64, (6, 4))
        frame = room_frame(np.concatenate([segments, stray]), intrinsics(), generator)
        worst.append(direction_errors(frame, camera.rotation.T).max())
    assert np.median(worst) < 1e-3, "strays do not vote"
    assert max(worst) < 1.0, "but one within two degrees of a direction pulls it a little"


def test_a_normal_is_at_right_angles_to_what_it_shows() -> None:
    camera = Camera((0.0, 1.3, 0.0), 0.2, -0.1)
    ends = np.array([[0.5, 0.2, 3.0], [0.5, 0.2, 4.0]])
    normal = plane_normals(camera.project(ends).reshape(1, 4), intrinsics())[0]
    assert abs(normal @ camera.rotation.T[2]) < 1e-9 and np.isclose(np.linalg.norm(normal), 1.0)


def test_a_direction_that_no_line_runs_along_is_not_claimed() -> None:
    camera, generator = Camera((0.0, 1.3, 0.0), 0.1, -0.1), np.random.default_rng(2)
    segments = segments_of(camera, generator, 60)
    away = np.abs(plane_normals(segments, intrinsics()) @ camera.rotation.T[2]) < 1e-6
    up = np.abs(plane_normals(segments, intrinsics()) @ camera.rotation.T[1]) < 1e-6
    frame = room_frame(segments[(away | up)], intrinsics(), generator)
    errors = direction_errors(frame, camera.rotation.T)
    assert np.isnan(errors[0]) and errors[1:].max() < 0.2


# ----------------------------------------------------------------------------------------------------------- shadows


def test_lamp_balls_and_shadows_are_found_where_they_are(scenes: list, pictures: np.ndarray) -> None:
    for scene, picture in zip(scenes, pictures, strict=True):
        truth, found = geometry_of(scene), find_bodies(picture)
        assert np.linalg.norm(found.lamp - truth.lamp) < 0.6
        assert len(found.balls) == len(truth.balls)
        assert np.linalg.norm(truth.balls[:, None] - found.balls, axis=-1).min(axis=1).max() < 0.6


def test_patches_are_dealt_out_once_and_only_beyond_the_ball() -> None:
    lamp = np.array([32.0, 5.0])
    balls, patches = np.array([[22.0, 20.0], [40.0, 20.0]]), np.array([[48.0, 35.5], [36.0, 12.0], [12.5, 35.0]])
    found = shadow_lines(Bodies(lamp, balls, patches))
    assert found.patches.tolist() == [2, 0] and np.isfinite(found.residuals).all()
    assert np.isinf(line_distances(lamp, balls, patches)[:, 1]).all(), "between lamp and ball"
    alone = shadow_lines(Bodies(lamp, balls, patches[:1]))
    assert (alone.patches >= 0).sum() == 1 and np.isnan(alone.residuals).sum() == 1
    assert np.isnan(shadow_lines(Bodies(np.full(2, np.nan), balls, patches)).residuals).all()


# ------------------------------------------------------------------------------------------------------ many pictures


def test_each_residual_marks_down_its_own_mistake_and_no_spoiled_picture(scenes: list, pictures: np.ndarray) -> None:
    generator = np.random.default_rng(3)
    wrong = render_all([w for scene in scenes if (w := with_wrong_lamp(scene, generator)) is not None])
    bent = render_all([with_bent_view(scene, generator) for scene in scenes])
    real, lamp, cameras, soft = (judge(x, intrinsics()) for x in (pictures, wrong, bent, study.blurred(pictures)))
    assert np.nanmedian(real.shadows) < 0.6 and np.nanmedian(real.lines) < 1.5
    assert auc(real.shadows, lamp.shadows) > 0.9 > 0.75 > auc(real.lines, lamp.lines)
    assert auc(real.lines, cameras.lines) > 0.75 > auc(real.lines, soft.lines)


def test_judging_again_gives_the_same_numbers(pictures: np.ndarray) -> None:
    one, other = (judge(pictures[:3], intrinsics()) for _ in range(2))
    np.testing.assert_array_equal(one.lines, other.lines)
    np.testing.assert_array_equal(one.shadows, other.shadows)


def test_the_auc_counts_ties_half_and_leaves_out_what_was_not_measured() -> None:
    real, others = np.array([1.0, 2.0, np.nan]), np.array([2.0, 3.0, np.nan])
    assert auc(real, others) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert np.isnan(auc(real, np.array([np.nan]))) and auc(others, others) == 0.5
    many = np.random.default_rng(0).normal(size=(2, 100))
    value, low, high = auc_interval(many[0], many[1] + 1.0, np.random.default_rng(1))
    assert low < value < high and 0.6 < low


# ------------------------------------------------------------------------------------------------------ study and exam


def test_the_kept_study_reaches_its_bars_and_the_exam_reads_it() -> None:
    kept = study.measured_perspective()
    away = kept.errors[:, 2]
    assert len(away) == study.COUNT and np.nanmedian(away) < 1.0 and np.nanmedian(kept.judged["real"].shadows) < 1.0
    asked = [get_entrant("rooms")]
    report = examine(asked, Sitting(), questions=["geometry"], failures="raise")
    assert report["rooms", "geometry_direction_away"].value == pytest.approx(np.nanmedian(away))
    assert report["rooms", "geometry_direction_away"].passed and report["rooms", "geometry_shadow_residual"].passed
    broken = report["rooms", "geometry_shadows_auc_wrong_lamp"]
    assert broken.low > 0.9 and broken.controls["blurred"] < 0.65


def test_pictures_of_ones_own_are_judged(pictures: np.ndarray) -> None:
    own = Entrant("own", {"room_pictures": pictures[:6]}, [])
    report = examine([own], Sitting(), questions=["geometry"], failures="raise")
    assert 0.0 <= report["own", "geometry_shadows_auc_drawn"].value <= 1.0
    small = Entrant("small", {"room_pictures": pictures[:, ::2, ::2]}, [])
    rows = examine([small], Sitting(), questions=["geometry"], failures="raise").rows
    assert all(row.value is None and "64" in row.note for row in rows)
    seen = Entrant("seen", {"room_pictures": pictures}, ["rooms/test"])
    rows = examine([seen], Sitting(), questions=["geometry"]).rows
    assert all(row.status == "refused" for row in rows)


def test_facts_that_are_damaged_or_of_other_pictures_are_refused(tmp_path: Path, monkeypatch) -> None:
    facts = json.loads(study.KEPT.read_text())
    for change in ({"generated": "0" * 12}, {"rooms": 3}, {"judged": {"real": facts["judged"]["real"]}}):
        path = tmp_path / "perspective.json"
        path.write_text(json.dumps(facts | change))
        monkeypatch.setattr(study, "KEPT", path)
        with pytest.raises(ExamError, match="study perspective"):
            study.measured_perspective()


def test_the_study_judges_a_few_rooms(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "films"))
    drawn = room_pictures.RoomPictures({9: render_all(make_scenes(2, split="train"))}, "1" * 64, 1, 0.1, 0.3, 10, 2)
    monkeypatch.setattr(study, "_generated", lambda: drawn)
    found = json.loads(json.dumps(study.run(lambda line: None, count=6, fewer=3)))
    assert len(found["judged"]["real"]["lines"]) == 6 and len(found["judged"]["noisy"]["lines"]) == 3
    assert len(found["truth"]["directions"]) == 6 and len(found["judged"]["after 9 steps"]["lines"]) == 2


# ------------------------------------------------------------------------------------------------- the small generator


def test_latents_and_pictures_are_each_others_inverse(pictures: np.ndarray) -> None:
    latents = room_pictures.as_latents(pictures[:2])
    assert latents.shape == (2, 1, 48, 16, 16)
    np.testing.assert_array_equal(room_pictures.as_pictures(latents), pictures[:2])


def test_the_generator_learns_and_draws(pictures: np.ndarray) -> None:
    config = room_pictures.CONFIG.model_copy(update={"width": 16, "depth": 1})
    drawn, losses = room_pictures.train_and_draw(pictures[:4, ::2, ::2], {20: 2}, steps=20, batch=4, config=config,
                                                 report=lambda line: None)  # fmt: skip
    assert drawn[20].shape == (2, 32, 32, 3) and np.mean(losses[-5:]) < np.mean(losses[:5])


def test_pictures_are_kept_with_their_facts_and_refused_when_they_are_others(tmp_path: Path, monkeypatch) -> None:
    made = {5: np.zeros((20, 64, 64, 3), np.uint8), 9: np.full((20, 64, 64, 3), 7, np.uint8)}
    monkeypatch.setattr(room_pictures, "KEPT", tmp_path / "room_pictures.json")
    monkeypatch.setattr(room_pictures, "PICTURES", tmp_path / "room_pictures.png")
    monkeypatch.setattr(room_pictures, "ROOMS", 1)
    monkeypatch.setattr(room_pictures, "train_and_draw", lambda *given, **more: (made, [0.5, 0.3]))
    facts = room_pictures.run(lambda line: None)
    room_pictures.KEPT.write_text(json.dumps(facts))
    kept = room_pictures.kept_room_pictures()
    assert list(kept.pictures) == [5, 9] and (kept.pictures[9] == 7).all() and kept.rooms == 2
    room_pictures.KEPT.write_text(json.dumps(facts | {"sha256": "0" * 64}))
    with pytest.raises(ExamError, match="study room_pictures"):
        room_pictures.kept_room_pictures()


def test_a_room_can_be_drawn_with_fewer_rays(scenes: list) -> None:
    assert np.abs(render(scenes[0], samples=2).astype(int) - render(scenes[0])).mean() < 3
