"""A recording gives back exactly what was put in, and says clearly when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course_lib.worlds.carracing import WanderingDriver, load_carracing
from course_lib.worlds.recording import Recording, RecordingError, area_resize, record


class Counter:
    """A tiny environment whose picture shows the step: every pixel of frame t is t, the reward of step t is t."""

    render_mode = None
    spec = None

    def __init__(self, length: int = 7, height: int = 6, width: int = 8, terminates: bool = True) -> None:
        self.length, self.shape, self.terminates = length, (height, width, 3), terminates

    def reset(self, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        self.seed, self.t, self.actions = seed, 0, []
        return self.look(), {}

    def look(self) -> np.ndarray:
        return np.full(self.shape, (self.t + 10 * (self.seed % 10)) % 256, np.uint8)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.t += 1
        self.actions.append(action)
        over = self.t >= self.length
        return self.look(), float(self.t), over and self.terminates, over and not self.terminates, {}


def draw(frame: np.ndarray, generator: np.random.Generator) -> int:
    """A policy that throws a die."""
    return int(generator.integers(0, 100))


@pytest.fixture
def small() -> Recording:
    """Three episodes of unequal length with random contents."""
    generator = np.random.default_rng(0)
    lengths = np.array([4, 1, 6])
    return Recording(
        frames=generator.integers(0, 256, (11, 5, 7, 3), dtype=np.uint8),
        lengths=lengths,
        actions=generator.normal(size=(8, 2)).astype(np.float32),
        rewards=generator.normal(size=8).astype(np.float32),
        terminated=np.array([True, False, False]),
        truncated=np.array([False, True, False]),
        info={"env": "made up", "seed": 3, "crop": [0, 1, 2, 3]},
    )


def test_round_trip_is_exact(small: Recording, tmp_path: Path) -> None:
    back = Recording.load(small.save(tmp_path / "deep" / "small.npz"))
    for name in ("frames", "lengths", "actions", "rewards", "terminated", "truncated"):
        left, right = getattr(small, name), getattr(back, name)
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=name)
    assert back.info == small.info
    assert back.fingerprint() == small.fingerprint()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["small.npz"], "a temporary file was left behind"


def test_saving_twice_gives_the_same_bytes(small: Recording, tmp_path: Path) -> None:
    assert small.save(tmp_path / "a.npz").read_bytes() == small.save(tmp_path / "b.npz").read_bytes()


def test_a_failed_save_leaves_the_old_file_alone(
    small: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small.save(tmp_path / "small.npz")
    before = path.read_bytes()

    def full_disk(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="no space"):
        small.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.npz"]


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"no recording at .*nothing\.npz; to get it, type make"):
        Recording.load(tmp_path / "nothing.npz", way_out="type make")


@pytest.mark.parametrize("damage", ["cut in half", "one byte flipped", "empty", "text", "last bytes missing"])
def test_damage_is_noticed_and_named(small: Recording, tmp_path: Path, damage: str) -> None:
    path = small.save(tmp_path / "small.npz")
    data = bytearray(path.read_bytes())
    if damage == "cut in half":
        data = data[: len(data) // 2]
    elif damage == "one byte flipped":
        data[len(data) // 4] ^= 0xFF
    elif damage == "empty":
        data = bytearray()
    elif damage == "text":
        data = bytearray(b"version https://git-lfs.github.com/spec/v1\n")
    else:
        data = data[:-10]
    path.write_bytes(bytes(data))
    with pytest.raises(RecordingError, match=r"small\.npz is damaged.*delete it, then record it again"):
        Recording.load(path)


def test_another_format_is_refused(small: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.worlds.recording.FORMAT", 99)
    path = small.save(tmp_path / "new.npz")
    monkeypatch.undo()
    with pytest.raises(RecordingError, match=r"new\.npz has format 99, this course reads format 1"):
        Recording.load(path)


def test_parts_that_do_not_fit_are_refused(small: Recording, tmp_path: Path) -> None:
    whole = {name: getattr(small, name) for name in ("lengths", "actions", "rewards", "terminated", "truncated")}
    path, info = tmp_path / "odd.npz", np.array('{"format": 1}')
    np.savez(path, frames=small.frames[:-1], info=info, **whole)
    with pytest.raises(RecordingError, match=r"odd\.npz does not fit together: lengths add up to 11"):
        Recording.load(path)
    np.savez(path, frames=small.frames.astype(np.float32), info=info, **whole)
    with pytest.raises(RecordingError, match="must be uint8"):
        Recording.load(path)
    np.savez(path, frames=small.frames, info=info, lengths=small.lengths)
    with pytest.raises(RecordingError, match="lacks actions, rewards"):
        Recording.load(path)


def test_pickled_contents_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "pickle.npz"
    np.savez(path, frames=np.array([{"a": 1}], dtype=object), info=np.array('{"format": 1}'))
    with pytest.raises(RecordingError, match="pickle"):
        Recording.load(path)


def test_episodes_and_their_actions_line_up(small: Recording) -> None:
    joined = [small.episode(index) for index in range(len(small))]
    assert [len(frames) for frames, _, _ in joined] == [4, 1, 6]
    assert [len(actions) for _, actions, _ in joined] == [3, 0, 5]
    np.testing.assert_array_equal(np.concatenate([frames for frames, _, _ in joined]), small.frames)
    np.testing.assert_array_equal(np.concatenate([actions for _, actions, _ in joined]), small.actions)
    np.testing.assert_array_equal(small.episode(-1)[2], small.rewards[-5:])
    with pytest.raises(IndexError, match="episode 3"):
        small.episode(3)


def test_films_never_cross_from_one_episode_into_the_next() -> None:
    recording = record(Counter(), 3, draw, seed=0, size=None, max_frames=100)
    frames, actions = recording.films(3, stride=1)
    assert frames.shape[:2] == (3 * 6, 3) and actions.shape[:2] == (3 * 6, 2)  # 8 frames hold six films of three
    steps = np.diff(frames[:, :, 0, 0, 0].astype(int), axis=1)
    assert (steps == 1).all()  # inside an episode the picture counts on by one
    with pytest.raises(ValueError, match="no episode has 9 frames; the longest has 8"):
        recording.films(9)


def test_the_recorder_keeps_every_step_with_its_action_and_reward() -> None:
    env = Counter(length=7)
    recording = record(env, 2, draw, seed=4, size=None, max_frames=100)
    assert list(recording.lengths) == [8, 8]
    np.testing.assert_array_equal(recording.frames[:8, 0, 0, 0], 40 + np.arange(8))
    np.testing.assert_array_equal(recording.frames[8:, 0, 0, 0], 50 + np.arange(8))
    np.testing.assert_array_equal(recording.episode(0)[2], np.arange(1, 8))
    np.testing.assert_array_equal(recording.episode(1)[1], env.actions)
    assert recording.terminated.all() and not recording.truncated.any()
    assert not record(Counter(terminates=False), 1, draw, seed=0, max_frames=9, size=2).terminated.any()


def test_every_holds_the_action_and_adds_the_rewards() -> None:
    env = Counter(length=6)
    recording = record(env, 1, draw, seed=0, size=None, every=3, max_frames=100)
    np.testing.assert_array_equal(recording.frames[:, 0, 0, 0], [0, 3, 6])
    np.testing.assert_array_equal(recording.rewards, [1 + 2 + 3, 4 + 5 + 6])
    np.testing.assert_array_equal(np.repeat(recording.actions, 3), env.actions)


def test_skip_limits_and_crop() -> None:
    recording = record(Counter(20), 5, draw, seed=0, size=None, skip=4, max_frames=10, frames_per_episode=4)
    assert list(recording.lengths) == [4, 4, 2]
    np.testing.assert_array_equal(recording.frames[:4, 0, 0, 0], [4, 5, 6, 7])
    assert not recording.terminated.any() and not recording.truncated.any()  # the recorder stopped them
    assert record(Counter(), 1, draw, seed=0, size=None, max_frames=3, crop=(1, 4, 2, 7)).frames.shape == (3, 3, 5, 3)
    with pytest.raises(ValueError, match="skip fewer"):
        record(Counter(5), 1, draw, seed=0, skip=5, max_frames=10)


def test_the_same_seed_gives_the_same_recording_and_another_does_not() -> None:
    one, two, other = (record(Counter(), 3, draw, seed=seed, size=4, max_frames=50) for seed in (5, 5, 6))
    assert one.fingerprint() == two.fingerprint() != other.fingerprint()


def test_an_environment_without_pixels_is_named() -> None:
    class Blind(Counter):
        def look(self) -> np.ndarray:
            return np.zeros(4, np.float32)

    with pytest.raises(ValueError, match="Blind shows no pixels.*rgb_array"):
        record(Blind(), 1, draw, seed=0, max_frames=5)


def test_a_rendered_picture_is_recorded_when_the_observation_is_none() -> None:
    class Rendered(Counter):
        render_mode = "rgb_array"

        def look(self) -> np.ndarray:
            return np.zeros(4, np.float32)

        def render(self) -> np.ndarray:
            return np.full((4, 4, 3), self.t, np.uint8)

    recording = record(Rendered(3), 1, draw, seed=0, size=2, max_frames=9)
    np.testing.assert_array_equal(recording.frames[:, 0, 0, 0], [0, 1, 2, 3])


@pytest.mark.parametrize("setting", [{"episodes": 0}, {"every": 0}, {"max_frames": 1}, {"skip": -1}])
def test_senseless_counts_are_refused(setting: dict[str, int]) -> None:
    settings = {"episodes": 1, "max_frames": 9, **setting}
    with pytest.raises(ValueError, match=next(iter(setting))):
        record(Counter(), policy=draw, seed=0, **settings)


def test_resize_by_a_whole_factor_is_the_mean_of_blocks() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 12, 8, 3), dtype=np.uint8)
    blocks = frames.reshape(3, 6, 2, 4, 2, 3).astype(float).mean(axis=(2, 4))
    assert np.abs(area_resize(frames, (6, 4)) - blocks).max() <= 0.5
    np.testing.assert_array_equal(area_resize(frames, (12, 8)), frames)


def test_resize_by_a_broken_factor_shares_pixels_exactly() -> None:
    column = np.zeros((1, 3, 3), np.uint8)
    column[0, :, :] = np.array([30, 60, 90])[:, None]
    # Three pixels into two: each new one covers one and a half old ones.
    expected = [(30 + 60 / 2) / 1.5, (60 / 2 + 90) / 1.5]
    np.testing.assert_allclose(area_resize(column, (1, 2))[0, :, 0], expected)


def test_resize_keeps_the_mean_and_a_flat_picture() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (84, 96, 3), dtype=np.uint8)
    assert abs(area_resize(frames, 64).mean() - frames.mean()) < 0.2
    assert (area_resize(np.full((84, 96, 3), 77, np.uint8), 64) == 77).all()
    with pytest.raises(ValueError, match="only shrinks"):
        area_resize(frames, 128)


def test_the_driver_steers_towards_the_road() -> None:
    driver, generator = WanderingDriver(), np.random.default_rng(0)
    grass = np.zeros((96, 96, 3), np.uint8)
    grass[..., 1] = 200
    left, right = grass.copy(), grass.copy()
    left[:, 10:30], right[:, 66:86] = 105, 105
    driver.reset(generator)
    driver.skill, driver.restless = 1.0, 0.0
    turns = [float(driver(frame, generator)[0]) for frame in (left, grass, right)]
    assert turns[0] < -0.3 and turns[1] == 0.0 and turns[2] > 0.3
    actions = []
    for episode in range(20):
        generator = np.random.default_rng(episode)
        driver.reset(generator)
        actions += [driver(right, generator) for _ in range(20)]
    actions = np.stack(actions)
    assert actions.dtype == np.float32 and actions.shape == (400, 3)
    assert (actions >= [-1, 0, 0]).all() and (actions <= 1).all()


def test_the_shipped_carracing_films_are_whole_and_apart() -> None:
    train, test = load_carracing("train"), load_carracing("test")
    for recording in (train, test):
        assert recording.frames.shape[1:] == (64, 64, 3)
        assert recording.actions.shape[1:] == (3,) and recording.actions.dtype == np.float32
        assert recording.info["env"] == "CarRacing-v3"
        green = recording.frames[..., 1] > recording.frames[..., 0].astype(int) + 30
        share = green.mean(axis=(1, 2))  # of each frame: grass
        assert share.min() < 0.6 and share.max() > 0.95, "both road and open grass are seen"
        assert np.std(recording.actions[:, 0]) > 0.1
    assert len(train.frames) >= 3000
    seeds = [set(range(r.info["seed"], r.info["seed"] + len(r))) for r in (train, test)]
    assert not seeds[0] & seeds[1], "a track of the test films was driven in training"
    first = {frame.tobytes() for frame in train.frames}
    assert not any(frame.tobytes() in first for frame in test.frames[:: len(test.frames) // 50])


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match="train, test"):
        load_carracing("validation")
