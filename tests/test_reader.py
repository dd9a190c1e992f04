"""The reader: what a cell should say, matching, following, and what the shipped one reads on held-out films."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.reader import (
    APART,
    CELL,
    GRID,
    NEAR,
    SLOTS,
    Reader,
    ReaderConfig,
    match,
    name_of_hue,
    read_film,
    turn_hues,
)
from course_lib.training import History, load_checkpoint, load_config, train
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import load_films, make_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import Scene

F = spec.FIELD


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader")


def thing(kind: str, x: float, y: float, colour: int = 0, visible: float = 1.0) -> np.ndarray:
    row = np.zeros(len(spec.FIELDS), np.float32)
    row[0], row[F["x"]], row[F["y"]], row[F["colour"]] = spec.KINDS.index(kind), x, y, colour
    row[F["visible"]], row[F["size"]] = visible, 2.5
    return row


def scene(*things: np.ndarray) -> np.ndarray:
    states = np.zeros((spec.SLOTS, len(spec.FIELDS)), np.float32)
    for slot, row in enumerate(things):
        states[slot] = row
    return states


# ------------------------------------------------------------------------------------------------------- the targets


def test_every_centre_is_claimed_by_a_cell_and_only_by_cells_near_it() -> None:
    net, rng = Reader(ReaderConfig(stem=8, widths=(8, 8, 8))), np.random.default_rng(0)
    places = rng.uniform(1.0, 31.0, (200, 2))
    states = torch.from_numpy(np.stack([scene(thing("ball", x, y)) for x, y in places]))
    claimed = net.targets(states)["claimed"]
    assert bool((claimed.flatten(1).sum(dim=1) >= 1).all())
    for frame, row, column in claimed.nonzero().tolist():
        middle = (column + 0.5) * CELL, spec.BOX - (row + 0.5) * CELL  # row 0 is on top
        assert np.hypot(middle[0] - places[frame, 0], middle[1] - places[frame, 1]) < NEAR


def test_between_two_bodies_that_touch_each_cell_belongs_to_the_nearer() -> None:
    net = Reader(ReaderConfig(stem=8, widths=(8, 8, 8)))
    states = torch.from_numpy(scene(thing("ball", 10.0, 10.0), thing("box", 13.7, 10.0)))[None]
    target = net.targets(states)
    for row, column in target["claimed"][0].nonzero().tolist():
        x = (column + 0.5) * CELL
        assert int(target["owner"][0, row, column]) == int(abs(x - 13.7) < abs(x - 10.0))


def test_what_is_mostly_hidden_is_neither_claimed_nor_denied() -> None:
    net = Reader(ReaderConfig(stem=8, widths=(8, 8, 8)))
    target = net.targets(torch.from_numpy(scene(thing("ball", 10.0, 10.0, visible=0.1)))[None])
    assert not bool(target["claimed"].any()) and bool(target["ignored"].any())


# ------------------------------------------------------------------------------------------------------------ colours


def test_turned_hues_are_rotations_that_leave_grey_alone() -> None:
    turn = turn_hues(torch.tensor([0.0, 0.7, 2.0, -1.3]))
    eye = torch.eye(3).expand(4, 3, 3)
    assert torch.allclose(turn @ turn.transpose(1, 2), eye, atol=1e-6)
    assert torch.allclose(torch.linalg.det(turn), torch.ones(4), atol=1e-6)
    assert torch.allclose(turn @ torch.full((3,), 0.4), torch.full((4, 3), 0.4), atol=1e-6)
    assert torch.allclose(turn[0], torch.eye(3), atol=1e-6)
    third = turn_hues(torch.tensor([2 * np.pi / 3], dtype=torch.float64))[0]
    red, green = torch.eye(3, dtype=torch.float64)[:2]
    assert torch.allclose(third @ red, green, atol=1e-9)  # a third of a turn makes red green


def test_the_palette_and_the_random_colours_bear_their_names_and_a_grey_has_none() -> None:
    palette = torch.tensor([spec.PALETTE[colour] for colour in spec.COLOURS]) / 255
    assert name_of_hue(palette).tolist() == list(range(len(spec.COLOURS)))
    films = make_films("rich", split="validation", count=30)
    bodies = films.states[:, 0, 1:5].reshape(-1, len(spec.FIELDS))
    bodies = bodies[bodies[:, 0] > 0]
    names = name_of_hue(torch.from_numpy(bodies[:, [F["red"], F["green"], F["blue"]]])).numpy()
    assert len(bodies) > 40 and (names == bodies[:, F["colour"]]).all()
    assert name_of_hue(torch.tensor([[0.5, 0.5, 0.5], [0.9, 0.9, 0.88]])).tolist() == [-1, -1]


# ------------------------------------------------------------------------------------------- matching and following


def test_matching_is_the_cheapest_and_makes_no_pair_out_of_reach() -> None:
    one = scene(thing("ball", 5, 5), thing("ball", 10, 5), thing("box", 20, 20, colour=2))
    other = scene(thing("ball", 9.5, 5), thing("ball", 14, 5), thing("box", 20, 21, colour=3))
    # Greedy would pair 10 with 9.5 and leave 5 with 14 (9 apart); the sum is least for 5-9.5 and 10-14.
    assert dict(match(one, other, reach=100.0)) == {0: 0, 1: 1, 2: 2}
    assert dict(match(one, other, reach=2.0)) == {1: 0, 2: 2}
    assert dict(match(one, other, reach=2.0, alike=True)) == {1: 0}  # the box has changed its colour
    assert match(scene(), other, reach=5.0) == []


def test_no_pair_is_forced_by_one_that_is_forbidden() -> None:
    one, other = scene(thing("ball", 5, 5), thing("ball", 30, 30)), scene(thing("ball", 5.5, 5))
    assert match(one, other, reach=3.0) == [(0, 0)]


class Scripted(Reader):
    """Reads what it was told to read."""

    def __init__(self, film: np.ndarray) -> None:
        super().__init__(ReaderConfig(stem=8, widths=(8, 8, 8)))
        self.film = film

    def read(self, frames: np.ndarray, **_: object) -> np.ndarray:
        return self.film


def test_a_thing_is_followed_through_a_gap_and_has_no_speed_across_it() -> None:
    film = np.zeros((5, SLOTS, len(spec.FIELDS)), np.float32)
    for t in (0, 1, 3, 4):  # not seen in frame 2
        film[t, t % 2] = thing("ball", 5.0 + t, 10.0)
    tracks = read_film(Scripted(film), film)
    assert tracks.shape[:2] == (5, 1)
    assert tracks[:, 0, 0].astype(bool).tolist() == [True, True, False, True, True]
    speed = tracks[:, 0, F["vx"]]
    assert speed[1] == pytest.approx(1.0 / spec.FRAME_SECONDS) == speed[4] and np.isnan(speed[[0, 2, 3]]).all()


# ------------------------------------------------------------------------------------------------------ the shipped one


def test_it_reads_the_same_alone_and_in_a_batch_as_bytes_and_as_floats(reader: Reader) -> None:
    films = load_films("rich", split="validation", count=2)
    whole = reader.read(films.frames[:, :6])
    assert whole.shape == (2, 6, SLOTS, len(spec.FIELDS))
    single = reader.read(films.frames[1, 3])
    np.testing.assert_allclose(single[:, [0, F["x"], F["y"]]], whole[1, 3][:, [0, F["x"], F["y"]]], atol=1e-3)
    floats = reader.read(to_model(films.frames[:, :6]))
    np.testing.assert_allclose(floats[..., :4], whole[..., :4], atol=1e-3)
    kinds = whole[..., 0]
    assert np.isnan(whole[kinds > 0][:, [F[k] for k in ("vx", "vy", "spin", "mass", "friction", "elasticity")]]).all()
    assert not whole[kinds == 0].any()


def test_no_two_readings_of_a_frame_stand_in_one_place(reader: Reader) -> None:
    read = reader.read(load_films("rich", split="validation", count=6).frames[:, ::5]).reshape(-1, SLOTS, len(F))
    for things in read:
        places = things[things[:, 0] > 0][:, 2:4]
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)[~np.eye(len(places), dtype=bool)]
        assert not len(apart) or apart.min() >= APART - 1e-4


def test_an_empty_box_holds_nothing_and_wrong_frames_are_refused(reader: Reader) -> None:
    assert not reader.read(draw_film(Scene(agent=None), np.stack([scene()] * 2))).any()
    with pytest.raises(ValueError, match=r"\(B, 3, 32, 32\) wanted"):
        reader.read(np.zeros((2, 64, 64, 3), np.uint8))


def test_it_follows_bodies_at_their_true_speed(reader: Reader) -> None:
    films = load_films("ball", split="validation", count=12)
    errors = []
    for frames, states in zip(films.frames, films.states, strict=True):
        tracks = read_film(reader, frames)
        for t in range(1, len(frames)):
            for i, j in match(states[t], tracks[t], reach=2.0, alike=True):
                step = (states[t, i, 2:4] - states[t - 1, i, 2:4]) / spec.FRAME_SECONDS
                errors.append(np.abs(tracks[t, j, [F["vx"], F["vy"]]] - step).mean())
    assert len(errors) > 0.95 * 12 * 31 * 2
    assert np.nanmedian(errors) < 2.0  # units / s: two readings that are each off by a tenth of a pixel


@pytest.fixture(scope="module")
def tiny_run() -> History:
    return train("reader", "tiny", progress="none")


def test_learning_a_tiny_reader_names_things_that_an_untrained_one_does_not(tiny_run: History) -> None:
    from course_lib.exam.questions.floor import by_film, compare

    films = load_films("simple", split="validation", count=10)
    history = tiny_run
    trained = compare(history.model, films.frames[:, ::4], films.states[:, ::4])
    untrained = compare(Reader(history.config.model).eval(), films.frames[:, ::4], films.states[:, ::4])
    found, kind, distance = (np.nanmean(by_film(trained, name)) for name in ("found", "kind_right", "distance"))
    before = np.nanmean(by_film(untrained, "kind_right"))
    print(f"found {found:.2f}, kind {kind:.2f} (untrained {before:.2f}), off by {distance:.2f} units")
    assert found > 0.9 and distance < 1.0
    assert kind > before + 0.3


def test_a_reader_learns_only_from_training_films_with_states() -> None:
    config = load_config("reader", "tiny", {"train.steps": 1, "train.warmup": 0})
    with pytest.raises(ValueError, match="held out"):
        train("reader", config, data=load_films("simple", split="validation", count=10), progress="none")
    with pytest.raises(TypeError, match="with their states"):
        train("reader", config, data=np.zeros((4, 32, 32, 3), np.uint8), progress="none")
    with pytest.raises(ValueError, match="reserved"):
        load_config("reader", "tiny", {"data.films": {"simple-new": 3}})


@pytest.mark.parametrize("size", [32, 64])
def test_frames_of_either_size_have_the_same_grid(size: int) -> None:
    net = Reader(ReaderConfig(frame_size=size, stem=8, widths=(8, 16, 8)))
    answers = net.answers(torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)))
    assert {a.shape[2:] for a in answers.values()} == {(GRID, GRID)}


def test_the_floor_counts_a_thing_that_is_not_read_as_named_wrongly() -> None:
    from course_lib.exam.questions.floor import by_film, compare, groups

    films = load_films("simple", split="validation", count=6)
    frames, states = films.frames[:, :4], films.states[:, :4]
    blind = np.zeros((*states.shape[:2], SLOTS, len(spec.FIELDS)), np.float32)
    columns = compare(Scripted(blind), frames, states)
    assert not columns["found"].any() and not columns["kind_right"].any() and np.isnan(columns["distance"]).all()
    told = blind.copy()
    told[:, :, : spec.SLOTS] = states
    told[:, :, :3, F["x"]] += 0.5
    told[:, :, spec.SLOTS] = thing("star", 16.0, 30.0)  # a claim about nothing
    columns = compare(Scripted(told), frames, states)
    assert columns["distance"] == pytest.approx(np.full(len(columns["film"]), 0.5), abs=1e-5)
    assert columns["kind_right"].all() and (columns["false"] == 4).all()  # one in each of four frames
    assert by_film(columns, "distance").shape == (6,)
    parts = groups(columns)
    assert (parts["small"].astype(int) + parts["large"] + parts["agent"] == 1).all() and parts["free"].all()
