"""Truths about the matched films: what hides is hidden, what is exchanged is possible elsewhere, nothing is learned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from course_lib.exam.measures.expectation import balance
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.family import EMPTY, family_stage, make_family
from course_lib.worlds.properties import FAMILY, HELD_OUT, OCTET, PROPERTIES, TIERS, draw_pair, ranges
from course_lib.worlds.quadruplets import (
    Quadruplets,
    change_places,
    equal_windows,
    make_quadruplet,
    make_quadruplets,
)
from course_lib.worlds.scenes import Body, Rect, Scene, film_seed
from course_lib.worlds.screens import FRAMES, Screen, Stage, draw_stage, simulate_stage, stage_film

F = spec.FIELD
COUNT = 5


@cache
def some(name: str, tier: str = "family", count: int = COUNT) -> Quadruplets:
    return make_quadruplets(name, split="validation", count=count, tier=tier)


def ball(**given: float) -> Body:
    usual = {"x": 6.0, "y": 4.0, "vx": 12.0, "vy": 0.0, "angle": 0.0, "spin": 0.0, "size": 2.0, "mass": 1.0,
             "friction": 0.0, "elasticity": 1.0}  # fmt: skip
    return Body("ball", "red", (1.0, 0.0, 0.0), **(usual | given))


# --- stages -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [32, 64])
def test_two_screens_are_painted_as_each_by_itself(size):
    """The left half of the picture is that of the left screen alone, the right half that of the right one."""
    left, right = Screen(6.3, 13.6, 12.4), Screen(18.2, 25.7, 10.9)
    stage = Stage(Scene(None, (ball(),)), (left, right))
    states, _ = simulate_stage(stage, 12)
    both = draw_stage(stage, states, size)
    for screen, half in ((left, slice(0, size // 2)), (right, slice(size // 2, size))):
        rect = Rect(screen.left, spec.FLOOR, screen.right, screen.top)
        alone = draw_film(replace(stage.scene, occluder=rect), states, size)
        np.testing.assert_array_equal(both[:, :, half], alone[:, :, half])


def test_a_rising_screen_hides_more_and_more_and_stays():
    stage = Stage(Scene(None), (Screen(1.0, 31.0, 12.0, rises=4),))
    states, _ = simulate_stage(stage, 8)
    frames = draw_stage(stage, states).astype(int)
    empty = draw_film(stage.scene, states).astype(int)
    covered = (np.abs(frames - empty).max(axis=-1) > 0).sum(axis=(1, 2))
    assert covered[0] == 0 and (np.diff(covered[:5]) > 0).all() and (covered[4:] == covered[4]).all()
    assert covered[4] == 30 * 10  # from the floor at 2 to 12, from wall to wall


def test_visibility_follows_every_screen():
    stage = Stage(Scene(None, (ball(),)), (Screen(9.0, 14.0, 12.0), Screen(18.0, 23.0, 12.0)))
    states, _ = simulate_stage(stage, 15)
    x, free = states[:, 1, F["x"]], states[:, 1, F["visible"]]
    behind = ((x - 2 >= 9) & (x + 2 <= 14)) | ((x - 2 >= 18) & (x + 2 <= 23))
    assert behind.any() and (np.abs(free[behind]) < 1e-6).all()
    assert (free[(x + 2 <= 9) | ((x - 2 >= 14) & (x + 2 <= 18))] == 1.0).all()


def test_stages_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="agent"):
        Stage(Scene((8.0, 4.0)))
    with pytest.raises(ValueError, match="at most two"):
        Stage(Scene(None), tuple(Screen(5.0 * i, 5.0 * i + 2, 9.0) for i in range(1, 4)))
    with pytest.raises(ValueError, match="left to right"):
        Stage(Scene(None), (Screen(18.0, 23.0, 9.0), Screen(9.0, 14.0, 9.0)))
    with pytest.raises(ValueError, match="at least 2 frames"):
        stage_film(Stage(Scene(None)), length=1)


# --- balance ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tier", ["family", "held-out"])
@pytest.mark.parametrize("name", PROPERTIES)
def test_possible_and_impossible_films_are_made_of_the_same_pieces(name, tier):
    found = balance(some(name, tier).films())
    assert set(found) == {"frames", "frames_at_times", "neighbouring_pairs"}
    assert all(equal.all() for equal in found.values())


def test_the_balance_notices_one_frame_that_is_out_of_place():
    films = some("permanence").films().copy()
    films[0, 2, 3, 5, 5] ^= 1  # a level of one pixel, in an impossible film
    films[1, 2, [3, 4]] = films[1, 2, [4, 3]]  # two frames in the wrong order: the same frames, at other times
    found = balance(films)
    assert not found["frames"][0] and found["frames"][1]
    assert not found["frames_at_times"][1] and not found["neighbouring_pairs"][1]
    assert all(equal[2:].all() for equal in found.values())


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_cut_lies_inside_frames_that_are_equal_to_the_bit(name):
    made = some(name)
    assert made.cuts.shape == (COUNT, PROPERTIES[name].cuts)
    for (a, b), cuts in zip(made.frames, made.cuts, strict=True):
        for cut in cuts:
            np.testing.assert_array_equal(a[cut - 1 : cut + 1], b[cut - 1 : cut + 1])
        assert (a[0] != b[0]).any() and (a[cuts[-1] :] != b[cuts[-1] :]).any()


@pytest.mark.parametrize("name", PROPERTIES)
def test_impossible_films_are_no_possible_ones(name):
    for possible_a, possible_b, *impossible in some(name).films():
        for film in impossible:
            assert (film != possible_a).any() and (film != possible_b).any()


def test_films_change_places_at_every_cut():
    a, b = np.arange(6), np.arange(6) + 10
    np.testing.assert_array_equal(change_places(np.stack([a, b]), (2,)), [[0, 1, 12, 13, 14, 15], [10, 11, 2, 3, 4, 5]])
    np.testing.assert_array_equal(change_places(np.stack([a, b]), (2, 4))[0], [0, 1, 12, 13, 4, 5])
    for wrong in ((0,), (6,), (4, 2)):
        with pytest.raises(ValueError, match="rising order"):
            change_places(np.stack([a, b]), wrong)


def test_windows_are_runs_of_equal_frames():
    a = np.zeros((7, 2))
    b = a.copy()
    b[[0, 3], 1] = 1.0
    assert equal_windows(a, b) == [(1, 2), (4, 6)]
    with pytest.raises(ValueError, match="shapes"):
        equal_windows(a, b[:4])


# --- what each property says --------------------------------------------------------------------------------------
def tracks(name: str, field: str) -> np.ndarray:
    return some(name).states[:, :, :, 1, F[field]]  # (N, 2, T)


def at(track: np.ndarray, name: str, which: int = 0) -> np.ndarray:
    """A track's value at the cut, (N, 2)."""
    return np.stack([rows[:, cut] for rows, cut in zip(track, some(name).cuts[:, which], strict=True)])


def test_what_is_exchanged_is_a_body_a_colour_a_shape():
    there = tracks("permanence", "kind") > 0
    assert there[:, 0].all() and not there[:, 1].any()
    colours, shapes = tracks("colour", "colour"), tracks("shape", "kind")
    assert (colours[:, 0] != colours[:, 1]).all() and (shapes[:, 0] != shapes[:, 1]).all()
    for name in ("colour", "shape"):  # and the two move alike
        np.testing.assert_allclose(tracks(name, "x")[:, 0], tracks(name, "x")[:, 1], atol=0.02)
        assert (tracks(name, "kind")[:, 0] == tracks(name, "kind")[:, 1]).all() == (name == "colour")


def test_without_a_wall_it_passes_and_with_a_wall_it_comes_back():
    """One octet: the same ball, the same screen, and the wall alone differs."""
    passes, bounces = some("inertia"), some("solidity")
    for without, having in zip(passes.stages, bounces.stages, strict=True):
        for one, other in zip(without, having, strict=True):
            assert replace(other, scene=replace(other.scene, platforms=())) == one
            wall = other.scene.platforms[0]
            assert wall.top > other.screens[0].top + 4.0
    for name, sign in (("inertia", 1), ("solidity", -1)):
        vx = tracks(name, "vx")
        out = np.stack([rows[:, cut + 3] for rows, cut in zip(vx, some(name).cuts[:, 0], strict=True)])
        np.testing.assert_allclose(out, sign * vx[:, :, 0], rtol=0.02)  # as fast as it came


def test_a_shelf_holds_the_ball_and_where_there_is_none_it_falls():
    y = tracks("gravity", "y")
    shelf = np.array([a.scene.platforms[0].top for a, _ in some("gravity").stages])
    size = tracks("gravity", "size")[:, 0, 0]
    np.testing.assert_allclose(y[:, 0, -1], shelf + size, atol=0.3)
    np.testing.assert_allclose(y[:, 1, -1], spec.FLOOR + size, atol=0.6)
    assert (y[:, 0, -1] + size > np.array([a.screens[0].top for a, _ in some("gravity").stages]) + 2.0).all()  # in view


def test_a_ball_rises_nearly_as_high_as_it_came_from():
    y = tracks("energy", "y")
    for rows, cut in zip(y, some("energy").cuts[:, 0], strict=True):
        floor = spec.FLOOR + 2.3
        before, after = rows[:, :cut].max(axis=1) - floor, rows[:, cut:].max(axis=1) - floor
        assert (after < before * 1.02).all() and (after > before * 0.75).all()
        assert before[0] > after[1] + 5.0  # so the exchanged film gains what cannot be gained, and loses too much


def test_a_body_goes_behind_one_screen_and_then_behind_the_other():
    x = tracks("continuity_gap", "x")
    for which in (0, 1):
        for (stage, _), place, direction in zip(some("continuity_gap").stages, at(x, "continuity_gap", which)[:, 0],
                                                tracks("continuity_gap", "vx")[:, 0, 0], strict=True):  # fmt: skip
            screen = stage.screens[which if direction > 0 else 1 - which]
            assert screen.left < place < screen.right
    places = at(tracks("continuity_jump", "x"), "continuity_jump")
    np.testing.assert_allclose(places.sum(axis=1), spec.BOX, atol=0.1)  # mirror images: behind the two screens
    assert (np.abs(places[:, 0] - places[:, 1]) > 8.0).all()


def test_bodies_begin_in_full_view_and_nothing_turns():
    """What is as tall as a ball or a box is seen whole beside or above every screen; a dropped ball almost."""
    for name in PROPERTIES:
        for pair in some(name).stages:
            for stage in pair:
                for body, screen in ((b, s) for b in stage.scene.bodies for s in stage.screens):
                    top = screen.tops(1)[0]
                    beside = max(screen.left - body.x, body.x - screen.right) - body.size
                    assert max(beside, body.y - body.size - top) > (-0.5 if name == "energy" else -1e-6), name
        x, size = tracks(name, "x"), tracks(name, "size")
        there = tracks(name, "kind") > 0
        inside = (x - size > spec.WALL - 0.4) & (x + size < spec.BOX - spec.WALL + 0.4)  # it meets a wall between steps
        assert (inside | ~there).all()
        assert np.abs(tracks(name, "angle")).max() < 0.02


# --- seeds, tiers, what is held out -------------------------------------------------------------------------------
def test_a_seed_makes_the_same_quadruplet_and_another_seed_another():
    one, again = (make_quadruplets("gravity", split="test", count=2) for _ in range(2))
    assert one.hash == again.hash and (one.frames == again.frames).all()
    assert one.hash != make_quadruplets("gravity", split="validation", count=2).hash
    assert (one.frames[:1] == make_quadruplets("gravity", split="test", count=1).frames).all()  # more begin with fewer


@pytest.mark.parametrize("kind", FAMILY)
def test_held_out_ranges_lie_outside_the_family(kind):
    assert set(HELD_OUT[kind]) == set(TIERS[1:])
    for changed in HELD_OUT[kind].values():
        for key, (low, high) in changed.items():
            assert low < high and (high < FAMILY[kind][key][0] or low > FAMILY[kind][key][1]), key


def test_the_held_out_tier_draws_from_all_four_and_says_which():
    made = some("colour", "held-out", 8)
    assert sorted(set(made.tiers)) == sorted(TIERS[1:])
    family = ranges("colour")
    for tier, stages, states in zip(made.tiers, made.stages, made.states, strict=True):
        speed, screen = abs(float(states[0, 0, 1, F["vx"]])), stages[0].screens[0]
        inside = {
            "speed": family["speed"][0] <= speed <= family["speed"][1],
            "width": family["width"][0] <= screen.right - screen.left <= family["width"][1],
        }
        assert inside == {"speed": tier in ("narrow", "wide"), "width": tier in ("slow", "fast")}


def test_no_body_begins_at_a_reserved_speed():
    fastest = [span["speed"][1] for kind in HELD_OUT.values() for span in kind.values() if "speed" in span]
    assert max(fastest) <= spec.RESERVED_SPEED[0]


def test_no_training_run_meets_a_quadruplet():
    with pytest.raises(ValueError, match="make_family"):
        make_quadruplets("permanence", split="train", count=1)
    for split in ("validation", "test"):
        with pytest.raises(ValueError, match="held out"):
            make_family(split=split, count=1).for_training()
    films = make_family(split="train", count=6)
    assert films.for_training() is films and films.frames.shape == (6, FRAMES, 32, 32, 3)
    assert films.hash == make_family(split="train", count=6).hash and set(films.seeds) == set(range(6))


def test_the_family_holds_every_property_empty_films_and_no_reserved_pair():
    drawn = [family_stage(film_seed("train", i)) for i in range(1500)]
    assert {name for name, _ in drawn} == set(PROPERTIES)
    bodies = [body for _, stage in drawn for body in stage.scene.bodies]
    assert {(b.colour, b.shape) for b in bodies}.isdisjoint(spec.RESERVED_COMBINATIONS)
    assert {b.colour for b in bodies} == set(spec.COLOURS) and {b.shape for b in bodies} == {"ball", "box"}
    assert np.mean([not stage.scene.bodies for _, stage in drawn]) == pytest.approx(EMPTY, abs=0.03)
    sideways = [abs(b.vx) for b in bodies if b.vx]
    assert 9.5 <= min(sideways) and max(sideways) <= 14.0
    widths = {round(s.right - s.left, 3) for _, stage in drawn for s in stage.screens if len(stage.screens) == 1}
    assert all(14.0 <= w <= 15.0 or w == 30.0 for w in widths)


def test_quadruplets_hold_no_reserved_pair_either():
    for name in PROPERTIES:
        for i in range(150):
            for stage in draw_pair(name, np.random.default_rng(i)):
                for body in stage.scene.bodies:
                    assert (body.colour, body.shape) not in spec.RESERVED_COMBINATIONS


def test_errors_name_what_was_wrong():
    with pytest.raises(ValueError, match="did you mean 'gravity'"):
        make_quadruplet("gravitiy", 0)
    with pytest.raises(ValueError, match="did you mean 'wide'"):
        make_quadruplet("gravity", 0, tier="wider")
    with pytest.raises(ValueError, match="count"):
        make_quadruplets("gravity", split="test", count=0)
    with pytest.raises(ValueError, match="count"):
        make_family(split="train", count=0)
    assert set(OCTET) <= set(PROPERTIES)
