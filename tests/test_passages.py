"""A clock behind a screen: bodies whose time away is known, and dreams that are right, too slow, or never end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.measures import rollout
from course_lib.exam.measures.passages import TURNING, Passages, body_seen, frames_away, passages, redrawn
from course_lib.models.action_jepa import ActionJEPA, ActionJEPAConfig
from course_lib.models.base import fresh
from course_lib.models.extrapolate import Extrapolation
from course_lib.worlds.frames import to_model
from course_lib.worlds.quadruplets import Quadruplets, make_quadruplets


@pytest.fixture(scope="module")
def made() -> Quadruplets:
    return make_quadruplets("permanence", split="validation", count=5)


def first_hidden(made: Quadruplets) -> np.ndarray:
    return made.cuts[:, 0] - made.hidden // 2


def test_the_time_away_is_counted_from_the_frame_in_which_it_is_gone() -> None:
    body = np.zeros((4, 12))
    body[:, :3] = 10.0
    body[0, 8:], body[1, 3 + TURNING :], body[2, 7:] = 10.0, 10.0, 2.0
    body[:, 3] = 9.0  # what is still seen while it goes is not its return
    found = frames_away(body, np.full(4, 3), np.full(4, 3.0))
    np.testing.assert_array_equal(found, [5.0, TURNING, np.nan, np.nan])


def test_a_body_is_what_differs_from_the_empty_film() -> None:
    frames = torch.zeros(1, 2, 3, 4, 4)
    frames[0, 1, :, 1, 1] = torch.tensor([0.5, 0.25, 0.25])
    np.testing.assert_allclose(body_seen(frames, torch.zeros_like(frames)), [[0.0, 1.0]])


def test_ratios_are_of_speeds() -> None:
    found = Passages(np.array([8.0, 9.0]), np.array([8.0, 8.0]), np.array([4.0, np.nan]))
    np.testing.assert_array_equal(found.speed_ratio, [2.0, np.nan])
    np.testing.assert_array_equal(found.clock, [1.0, 1.125])


def test_a_dream_at_half_the_speed_has_a_ratio_of_a_half(made: Quadruplets, monkeypatch: pytest.MonkeyPatch) -> None:
    films, first, copies = made.frames, first_hidden(made), Extrapolation(rate=0.0)
    right = to_model(films[:, 0])

    def at(speed: float) -> Passages:
        def dreamed(model: object, frames: torch.Tensor, keys: torch.Tensor, *, seen: int, steps: int) -> torch.Tensor:
            rows = [next(i for i in range(5) if torch.equal(right[i], film)) for film in frames]
            times = seen - 1 + (speed * torch.arange(1, steps + 1)).long()
            return right[rows][:, times.clamp_max(right.shape[1] - 1)]

        monkeypatch.setattr(rollout, "dream", dreamed)
        return passages(copies, films, first)

    truth = at(1.0)
    np.testing.assert_array_equal(truth.speed_ratio, np.ones(5))
    np.testing.assert_array_equal(truth.clock, np.ones(5))
    assert ((truth.true >= made.hidden) & (truth.true <= made.hidden + 4)).all()
    np.testing.assert_allclose(at(0.5).speed_ratio, 0.5, atol=0.06)
    monkeypatch.undo()
    copied = passages(copies, films, first)
    assert np.isnan(copied.dreamed).all() and np.isfinite(copied.redrawn).all(), "who copies never sees it again"


def test_who_cannot_draw_says_so(made: Quadruplets) -> None:
    jepa = fresh(ActionJEPA, ActionJEPAConfig(channels=(4, 4, 4), hidden=16, latent=6), 1)
    with pytest.raises(NotCapable, match="no way back"):
        redrawn(jepa, torch.rand(1, 2, 3, 32, 32))
