"""Two balls in a box, twice: in the second film one of them is taken out, or made heavier. What causes what?

The blue ball is watched. In the second film of a pair everything is as in the first, but

    taken out    the orange ball is missing from the first frame on
    apart        the same in films in which the two balls never touch: a control, for nothing else may change
    heavier      the orange ball is four times as heavy. A mass is drawn nowhere (``spec.py``), so that the two films
                 show the same frames, bit for bit, until the balls have touched
    shown        heavier as well, but the frames that are shown end only after the balls have touched

Only the blue ball's way after the shown frames counts. One frame shows no speed, so SEEN of them are shown.

``make_ball_films`` gives single films to learn from: the balls meet in three of four, in the fourth the blue one is
alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.captions import caption
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import Films
from course_lib.worlds.scenes import Body, FilmSet, Scene, film_seed, sample_scene
from course_lib.worlds.simulate import Contact, Simulation

NAME = "two_balls"
CHANGES = ("taken out", "apart", "heavier", "shown")
SEEN = 5  # frames that are shown
LATEST = 2  # frames after the shown ones by which the balls have touched, in "taken out" and "heavier"
AFTER = 3  # of the shown frames show what happens from the touch on, in "shown"
LIGHT, HEAVY = 0.5, 2.0  # masses of the orange ball; the lightest and the heaviest that films to learn from hold
WATCHED, OTHER = 1, 2  # slots of the blue and of the orange ball
BALLS = FilmSet("two balls", "two balls, blue and orange", agent=False, shapes=("ball",))
ALONE = 0.25  # of the films to learn from show the blue ball alone
FIRST, LAST = 3, 18  # frames of the others between which the balls touch
_TRIES = 10_000
_F = spec.FIELD


@dataclass(frozen=True)
class BallPairs:
    """Films of pairs. frames: uint8 (N, 2, T, H, W, 3), of which the first SEEN are shown; place: the blue ball's
    centre in units, float (N, 2, T, 2); touch: the frame of the first film that first shows the balls touching, int
    (N,), -1 where they do not."""

    frames: np.ndarray
    place: np.ndarray
    touch: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)

    def shown(self) -> np.ndarray:
        """The frames that a model sees, uint8 (N, 2, SEEN, H, W, 3)."""
        return self.frames[:, :, :SEEN]

    def shown_alike(self) -> bool:
        """Whether both films of every pair show the same, bit for bit: then nobody can dream them on differently."""
        return bool((self.shown()[:, 0] == self.shown()[:, 1]).all())

    def begun(self) -> np.ndarray:
        """How far apart the blue balls of a pair are in the last frame that is shown, units, (N, 2)."""
        return self.place[:, 1, SEEN - 1] - self.place[:, 0, SEEN - 1]

    def effect(self) -> np.ndarray:
        """How far the change moves the blue ball after the shown frames, units, (T - SEEN, N, 2): what it is apart,
        less what it was apart in the last frame that is shown."""
        apart = self.place[:, 1, SEEN:] - self.place[:, 0, SEEN:]
        return (apart - self.begun()[:, None]).swapaxes(0, 1)


def two_balls(generator: np.random.Generator) -> Scene:
    """A scene with a blue and an orange ball, at rest or in flight."""
    while len((scene := sample_scene(BALLS, generator)).bodies) < 2:
        pass
    return replace(scene, bodies=tuple(map(_painted, scene.bodies, ("blue", "orange"))))


def _painted(body: Body, colour: str) -> Body:
    red, green, blue = spec.PALETTE[colour]
    return replace(body, colour=colour, rgb=(red / 255, green / 255, blue / 255))


def changed_scene(scene: Scene, change: str) -> tuple[Scene, Scene]:
    """The two scenes of a pair. Raises ValueError for a change that there is not."""
    if change not in CHANGES:
        raise ValueError(f"there is no change {change!r}; there are: {', '.join(CHANGES)}")
    blue, orange = scene.bodies
    if change in ("taken out", "apart"):
        return scene, replace(scene, bodies=(blue,))
    return tuple(replace(scene, bodies=(blue, replace(orange, mass=mass))) for mass in (LIGHT, HEAVY))


def run_scene(scene: Scene, length: int) -> tuple[np.ndarray, list[Contact]]:
    """What happens in a scene that nobody acts in: states float32 (length, SLOTS, FIELDS), and all contacts."""
    simulation = Simulation(scene, np.random.default_rng(0))  # without a star nothing is drawn from it
    states = [simulation.state()]
    for _ in range(length - 1):
        simulation.step()
        states.append(simulation.state())
    return np.stack(states), simulation.contacts


def first_touch(contacts: list[Contact]) -> int:
    """The first frame that shows the two balls touching; -1 where they never do."""
    return next((each.frame for each in contacts if (each.first, each.second) == (WATCHED, OTHER)), -1)


def make_ball_pairs(change: str, *, split: str, count: int, length: int = SEEN + 8, size: int = 32) -> BallPairs:
    """The first pairs of a split. length: frames of a film, the shown ones included.

    Scenes are drawn until the balls touch when they should. Raises ValueError for an unknown change or split.
    """
    frames = np.empty((count, 2, length, size, size, 3), np.uint8)
    place = np.empty((count, 2, length, 2))
    touch = np.empty(count, int)
    for index in range(count):
        generator = np.random.default_rng([film_seed(split, index), 7])
        first, second, touched, states = _find_pair(change, generator, length)
        begin = touched - (SEEN - AFTER) if change == "shown" else 0
        for one, (scene, of) in enumerate(zip((first, second), states, strict=True)):
            of = of[begin : begin + length]
            frames[index, one] = draw_film(scene, of, size)
            place[index, one] = of[:, WATCHED][:, [_F["x"], _F["y"]]]
        touch[index] = touched - begin if touched >= 0 else -1
    return BallPairs(frames, place, touch)


def _find_pair(
    change: str, generator: np.random.Generator, length: int
) -> tuple[Scene, Scene, int, tuple[np.ndarray, np.ndarray]]:
    """Two scenes, the frame in which the balls of the first one touch, and what happens in both."""
    for _ in range(_TRIES):
        first, second = changed_scene(two_balls(generator), change)
        watched = 2 * length if change == "shown" else length
        states, contacts = run_scene(first, watched)
        touched = first_touch(contacts)
        good = {"apart": touched < 0, "shown": SEEN - AFTER <= touched <= length}.get(
            change, SEEN <= touched <= SEEN + LATEST
        )
        if good:
            return first, second, touched, (states, run_scene(second, watched)[0])
    raise RuntimeError(f"in {_TRIES} scenes no two balls met as they should")


@dataclass
class BallFilms(Films):
    """Films of two balls. They are no film set of ``scenes.py``: they are handed to a training run as films."""

    def for_training(self) -> BallFilms:
        """These films, once it is sure that a training run may see them. Raises ValueError where it may not."""
        if self.split != "train":
            raise ValueError(f"films of the split {self.split!r} are held out: train on split='train'")
        return self


def make_ball_films(*, split: str, count: int, length: int = 28, size: int = 32) -> BallFilms:
    """The first films of a split. Raises ValueError for an unknown split, no film, fewer than 2 frames."""
    if count < 1 or length < 2:
        raise ValueError(f"at least 1 film of at least 2 frames can be made, not {count} of {length}")
    seeds = np.array([film_seed(split, index) for index in range(count)], np.int64)
    frames = np.empty((count, length, size, size, 3), np.uint8)
    states = np.empty((count, length, spec.SLOTS, len(spec.FIELDS)), np.float32)
    contacts = []
    for index, seed in enumerate(seeds):
        generator = np.random.default_rng([seed, 9])
        scene, states[index], found = _film_to_learn_from(generator, length)
        frames[index] = draw_film(scene, states[index], size)
        contacts += [(index, each.frame, each.first, each.second, each.speed) for each in found]
    digest = hashlib.sha256(f"{NAME} {frames.shape}".encode())
    for array in (frames, states):
        digest.update(array.data)
    none = np.zeros((count, length - 1))
    return BallFilms(
        name=NAME, split=split, size=size, seeds=seeds, hash=digest.hexdigest(), frames=frames, states=states,
        actions=none.astype(np.uint8), rewards=none.astype(np.float32),
        contacts=np.array(contacts, np.float32).reshape(-1, 5), captions=[caption(s) for s in states],
        short_captions=[caption(s, descriptive=False) for s in states],
    )  # fmt: skip


def _film_to_learn_from(generator: np.random.Generator, length: int) -> tuple[Scene, np.ndarray, list[Contact]]:
    if generator.random() < ALONE:
        scene = two_balls(generator)
        scene = replace(scene, bodies=scene.bodies[:1])
        return scene, *run_scene(scene, length)
    for _ in range(_TRIES):
        scene = two_balls(generator)
        if FIRST <= first_touch(run_scene(scene, LAST + 1)[1]) <= LAST:
            break
    return scene, *run_scene(scene, length)
