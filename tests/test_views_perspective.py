"""Figures of rooms: what the reader drags changes what is said, and every extreme can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.exam.measures.geometry import find_segments
from course_lib.show.widgets import probe
from course_lib.views.perspective import auc_figure, lamp_figure, line_angles, point_figure, rooms_figure
from course_lib.worlds.perspective import RoomScene, geometry_of, make_scenes, render


@pytest.fixture(scope="module")
def scene() -> RoomScene:
    return make_scenes(1, split="validation")[0]


def test_lines_lead_to_their_vanishing_point_and_to_no_other(scene: RoomScene) -> None:
    segments, truth = find_segments(render(scene)), geometry_of(scene)
    hits = [(line_angles(segments, point) < 2).sum() for point in (*truth.vanishing, (5.0, 60.0))]
    assert min(hits[:3]) >= 3 and hits[3] <= 1


def test_a_vanishing_point_can_be_dragged_everywhere(scene: RoomScene) -> None:
    picture = render(scene)
    ends = {"x": [-60.0, 124.0], "y": [-60.0, 124.0]}
    assert len(probe(lambda x, y: point_figure(picture, x, y), ends)) == 4
    there = point_figure(picture, *geometry_of(scene).vanishing[2]).axes[0].get_title()
    nowhere = point_figure(picture, 5.0, 60.0).axes[0].get_title()
    assert int(there.split()[0]) > int(nowhere.split()[0])


def test_a_lamp_can_be_dragged_and_is_found_out_sideways_but_not_in_depth(scene: RoomScene) -> None:
    def said(right: float, deep: float) -> float:
        return float(lamp_figure(scene, right, deep).axes[0].get_title().split()[-2])

    assert said(0.0, 0.0) < 0.5 and said(0.0, 0.6) < 1.0, "it stays in the plane of camera, lamp and ball"
    assert min(said(-0.4, 0.0), said(0.4, 0.0)) > 2.0


def test_rooms_and_aucs_can_be_drawn(scene: RoomScene) -> None:
    picture = render(scene)
    assert len(rooms_figure({"a": picture, "b": picture[:, ::-1]}).axes) == 4
    assert len(rooms_figure({"nothing": np.full((64, 64, 3), 90, np.uint8)}).axes) == 2
    assert len(rooms_figure({"a": picture}, ruled=False).axes) == 1
    row = {"set": "blurred", **{f"{what}{end}": 0.5 for what in ("lines", "shadows") for end in ("", "_low", "_high")}}
    assert len(auc_figure([row, row]).axes) == 2
