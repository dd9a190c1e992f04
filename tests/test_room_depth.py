"""The depth of rooms, and a probe of it: what must hold whatever a network has learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.base import fresh
from course_lib.models.unet import UNet
from course_lib.studies import room_depth as study
from course_lib.studies.room_pictures import CONFIG
from course_lib.worlds.perspective import make_scenes
from tests.damaged import check_refused


@pytest.fixture(scope="module")
def rooms() -> tuple[study.DepthRooms, study.DepthRooms]:
    return study.depth_rooms(12, split="validation"), study.depth_rooms(6, split="test")


@pytest.fixture(scope="module")
def network() -> UNet:
    return fresh(UNet, CONFIG, 1).eval()


def test_depth_lies_between_the_camera_and_the_far_wall(rooms: tuple) -> None:
    for scene, depth in zip(make_scenes(6, split="test"), rooms[1].depth, strict=True):
        assert depth.shape == (study.SIDE**2,) and (depth > 0.5).all()
        corners = np.array([[x, y, scene.depth] for x in (-scene.half, scene.half) for y in (0.0, scene.height)])
        ahead = (corners - scene.camera.position) @ scene.camera.rotation[2]
        assert depth.max() <= ahead.max() + 1e-3, "nothing stands behind the far corners"


def test_who_knows_only_where_a_place_is_has_nothing(rooms: tuple) -> None:
    places = np.broadcast_to(np.eye(study.SIDE**2), (12, study.SIDE**2, study.SIDE**2))
    found = study.probe_depth(places, places[:6], rooms)
    assert abs(found["value"]) < 0.1


def test_who_knows_the_depth_has_all(rooms: tuple) -> None:
    mean = rooms[0].depth.mean(axis=0)
    found = study.probe_depth(*((each.depth - mean)[..., None] for each in rooms), rooms)
    assert found["value"] > 0.999 and found["low"] > 0.999


def test_whole_pictures_are_read_with_weights_of_their_own_for_each_place(rooms: tuple) -> None:
    """Of pictures that it was fitted to, the line knows more than of others."""
    own, other = study.probe_whole_pictures((rooms[0], rooms[0])), study.probe_whole_pictures(rooms)
    assert own["value"] > other["value"]
    assert other["low"] <= other["value"] <= other["high"] <= 1.0


def test_every_layer_is_seen_and_a_coarse_place_stands_for_four(network: UNet, rooms: tuple) -> None:
    noisy = study.noised_rooms(network, rooms[1], 0.4, 0)
    found = study.layer_features(network, noisy, 0.4, batch=4)
    assert tuple(found) == study.LAYERS
    for name, x in found.items():
        assert x.shape == (6, 256, 128 if name.startswith("coarse") else 64)
    grid = found["coarse 2"].reshape(6, 16, 16, -1)
    np.testing.assert_array_equal(grid[:, ::2, ::2], grid[:, 1::2, 1::2])
    assert not any(module._forward_hooks for module in network.modules()), "no hook is left behind"


def test_shuffled_weights_are_the_same_numbers(network: UNet) -> None:
    other = study.shuffled_weights(network)
    for (name, one), two in zip(network.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values), name
    assert any(not torch.equal(one, two) for one, two in
               zip(network.state_dict().values(), other.state_dict().values(), strict=True))  # fmt: skip


def test_the_rows_are_the_studys() -> None:
    facts = study.measured_room_depth()
    report = examine([get_entrant(name) for name in ("room-pictures", "perfect")], Sitting(count=5),
                     questions=["depth"], failures="raise")  # fmt: skip
    row, layers = report["room-pictures", "probe_r2_depth_at_40"], facts.layers["trained"]["0.4"]
    assert row.value == max(found["value"] for found in layers.values()) and row.n == facts.rooms[1]
    assert set(row.controls) == {"untrained", "shuffled_weights", "pixels", "clean_pixels", "whole_picture",
                                 "meaningless_task"}  # fmt: skip
    assert any(one.model == "perfect" and one.value is None for one in report.rows)


@pytest.mark.parametrize("harm", [
    lambda facts: facts.pop("network"),
    lambda facts: facts["layers"]["shuffled"].pop("0.9"),
    lambda facts: facts["layers"]["trained"]["0.1"].pop(study.LAYERS[0]),
    lambda facts: facts["pixels"]["clean"].__setitem__("low", "nothing"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_room_depth, harm, "course_lib study room_depth", tmp_path, monkeypatch)
