"""A past with mistakes in it: where they are, how many, and that what is asked for stays true."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from course_lib.models.corruption import corrupt_past

FILMS, LENGTH, SIDE = 400, 4, 8
TRUE = torch.zeros(FILMS, LENGTH, SIDE**2, dtype=torch.long)
OTHERS = torch.ones(5, 9, SIDE**2, dtype=torch.int16)  # a token from another film shows itself as 1


def corrupted(scattered: float, pieces: float, seed: int = 0) -> Tensor:
    return corrupt_past(TRUE, OTHERS, torch.Generator().manual_seed(seed), scattered=scattered, pieces=pieces)


def test_without_mistakes_the_past_is_the_past() -> None:
    assert torch.equal(corrupted(0.0, 0.0), TRUE)


def test_what_is_asked_for_stays_true_and_the_films_stay_as_they_are() -> None:
    shown = corrupted(1.0, 1.0)
    assert shown.dtype == TRUE.dtype and not shown[:, -1].any() and not TRUE.any()
    assert all(shown[:, t].any() for t in range(LENGTH - 1)), "every frame of the past may be wrong"


def test_each_film_has_its_own_share_evenly_below_the_largest() -> None:
    share = corrupted(0.4, 0.0)[:, :-1].float().mean(dim=(1, 2))  # (FILMS,)
    assert share.mean().item() == pytest.approx(0.2, abs=0.02)
    assert share.min() < 0.03 and 0.33 < share.max() < 0.5
    assert (share < 0.1).float().mean().item() == pytest.approx(0.25, abs=0.07)


def test_a_piece_is_a_rectangle_that_stays_from_some_moment_on() -> None:
    shown = corrupted(0.0, 0.5)[:, :-1].unflatten(2, (SIDE, SIDE)).bool()  # (FILMS, 3, 8, 8)
    hit = shown.flatten(1).any(dim=1)
    assert hit.float().mean().item() == pytest.approx(0.5, abs=0.08)
    for film in shown[hit]:
        last = film[-1]
        rows, columns = last.any(dim=1), last.any(dim=0)
        assert torch.equal(last, rows[:, None] & columns[None]), "a rectangle"
        assert rows.sum() <= 5 and columns.sum() <= 5
        begun = [bool(frame.any()) for frame in film]
        assert begun == sorted(begun) and all(torch.equal(frame, last) for frame in film if frame.any())
    first = shown[hit][:, 0].flatten(1).any(dim=1).float().mean().item()
    assert first == pytest.approx(1 / 3, abs=0.1), "and each moment of the past is as likely to be the first"


def test_the_same_generator_makes_the_same_mistakes() -> None:
    assert torch.equal(corrupted(0.5, 0.5, seed=3), corrupted(0.5, 0.5, seed=3))
    assert not torch.equal(corrupted(0.5, 0.5, seed=3), corrupted(0.5, 0.5, seed=4))


def test_frames_that_are_no_squares_and_films_that_are_too_short_are_refused() -> None:
    g = torch.Generator()
    with pytest.raises(ValueError, match="square frames"):
        corrupt_past(TRUE[:, :, :60], OTHERS[:, :, :60], g, scattered=0.1, pieces=0.1)
    with pytest.raises(ValueError, match="at least as long"):
        corrupt_past(TRUE, OTHERS[:, :3], g, scattered=0.1, pieces=0.1)
