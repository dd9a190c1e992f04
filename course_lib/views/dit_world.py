"""What there is to look at in a film model that is played: a frame as noise leaves it, each key held, and the real room
beside the dream of it under the same keys.

Films and keys come from ``worlds.films.load_films``; pictures are uint8 (..., H, W, 3), so that the same call serves a
figure, a widget's callback and a test. With the keyboard the world is played by ``models.play.DreamPlayer`` on the
course's canvas:

    show.canvas(enter(world, films, 0, 3), fps=10)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import rc_context
from numpy.typing import NDArray

from course_lib.contract import imagine
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.models.dit_world import DiTWorld, Window
from course_lib.models.play import DreamPlayer
from course_lib.nets.samplers import walk
from course_lib.show.figure import CourseFigure
from course_lib.show.pictures import strips
from course_lib.show.style import COLOURS, STYLE
from course_lib.studies.imitation import TEACHERS, WHO, Imitated
from course_lib.worlds import spec
from course_lib.worlds.films import Films, make_film
from course_lib.worlds.frames import to_model, to_uint8


def _seen(films: Films, row: int, frame: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """A film up to a frame as the model is given it, (1, T, 3, H, W) and (1, T - 1)."""
    if not 0 <= row < len(films) or not 0 <= frame < films.frames.shape[1]:
        raise IndexError(f"there is no frame {frame} of film {row}: {len(films)} films of {films.frames.shape[1]} "
                         "frames, counted from 0")  # fmt: skip
    keys = torch.from_numpy(films.actions[row : row + 1, :frame].astype(np.int64)) if frame else None
    return to_model(films.frames[row : row + 1, : frame + 1]), keys


def _check_keys(plan: Sequence[int]) -> None:
    wrong = [key for key in plan if not 0 <= key < len(spec.ACTIONS)]
    if wrong:
        raise IndexError(f"there is no key {wrong[0]}; the keys are 0 to {len(spec.ACTIONS) - 1}: "
                         f"{', '.join(spec.ACTIONS)}")  # fmt: skip


def enter(world: DiTWorld, films: Films, row: int, frame: int, seed: int = 0) -> DreamPlayer:
    """A player for the canvas who enters the world after a frame of a film. seed: of the noise that is drawn.

    Raises IndexError for a frame that does not exist.
    """
    frames, keys = _seen(films, row, frame)
    return DreamPlayer(world, frames, keys, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def dream_under(
    world: DiTWorld, films: Films, row: int, frame: int, plan: Sequence[Sequence[int]]
) -> NDArray[np.uint8]:
    """What the world draws after a frame of a film under each of some plans. (plans, steps + 1, H, W, 3).

    The first picture is what the codec makes of the film's frame. Raises IndexError for a frame or a key that does not
    exist.
    """
    for keys in plan:
        _check_keys(keys)
    state = world.encode(*_seen(films, row, frame)).repeat(len(plan))
    states = imagine(world, state, torch.tensor([list(keys) for keys in plan]))
    return np.stack([to_uint8(world.decode(each)) for each in states], axis=1)


def keys_held(world: DiTWorld, films: Films, row: int, frame: int, steps: int = 8) -> NDArray[np.uint8]:
    """The film goes on under each of the four keys, held for some steps. (4, steps + 1, H, W, 3)."""
    return dream_under(world, films, row, frame, [[key] * steps for key in range(len(spec.ACTIONS))])


def real_under(films: Films, row: int, frame: int, plan: Sequence[int]) -> NDArray[np.uint8]:
    """What the Playground itself draws after a frame of a film under a plan. (steps + 1, H, W, 3).

    The film is made again from its seed. Raises IndexError for a frame or a key that does not exist.
    """
    _seen(films, row, frame)
    _check_keys(plan)
    keys = np.concatenate([films.actions[row, :frame], np.asarray(plan, np.uint8)])
    film = make_film(films.name, int(films.seeds[row]), actions=keys, length=len(keys) + 1, size=films.size)
    return film.frames[frame:]


def room_and_dream(world: DiTWorld, films: Films, row: int, frame: int, plan: Sequence[int]) -> CourseFigure:
    """The real room and the dream of it under the same keys, one below the other."""
    return strips({"the Playground": real_under(films, row, frame, plan),
                   "the film model": dream_under(world, films, row, frame, [plan])[0]})  # fmt: skip


@torch.no_grad()
def frame_from_noise(
    world: DiTWorld, films: Films, row: int, frame: int, key: int, *, steps: int = 4, seed: int = 0
) -> NDArray[np.uint8]:
    """A frame as it is made: what the codec draws of the noise, and after each sampling step. (steps + 1, H, W, 3).

    seed: of the noise. Raises IndexError for a frame or a key that does not exist.
    """
    _check_keys([key])
    state = world.encode(*_seen(films, row, frame))
    past, pressed = world.remember(state.latents, state.actions), torch.tensor([key])
    noise = torch.randn(1, *state.latents.shape[2:], generator=torch.Generator().manual_seed(seed))
    ways = walk(world.dit.diffusion, lambda x, t: world.guess(x, t, pressed, past), noise, steps=steps)
    return np.stack([to_uint8(world.decode(Window(x[:, None], pressed[:, None], frame)))[0] for _, x in ways])


def try_key(
    world: DiTWorld, films: Films, row: int = 0, frame: int = 3, key: int = 2, sampling_steps: int = 4, seed: int = 0
) -> CourseFigure:
    """Choose a film, a frame in it, a key and the sampling steps, and see the next frame come out of noise.

    Below it the same frame in the Playground. Raises IndexError for what does not exist.
    """
    made = frame_from_noise(world, films, row, frame, key, steps=sampling_steps, seed=seed)
    real = real_under(films, row, frame, [key])
    still = np.concatenate([np.full((len(made) - 1, *real.shape[1:]), 255, np.uint8), real[1:]])
    return strips({"out of noise": made, f"the Playground, {spec.ACTIONS[key]}": still})


def imitated_figure(found: Imitated) -> CourseFigure:
    """How often the star is touched in the dreams of both teachers' films, and in the teachers' own films: means of
    rooms with their 95 % intervals. found: see ``studies/imitation``."""
    marks = {who: mean_and_interval(found.touches[who], seed=0) for who in WHO}
    text = ", ".join(f"{who} {mark['value']:.1f}" for who, mark in marks.items())
    with rc_context(STYLE):
        figure = CourseFigure(7.2, 3.0, f"Touches of the star in {found.frames} frames: {text}")
        axes = figure.subplots()
        for place, (who, mark) in enumerate(marks.items()):
            colour = COLOURS["blue"] if who in TEACHERS else COLOURS["orange"]
            axes.barh(place, mark["value"], color=colour)
            axes.plot([mark["low"], mark["high"]], [place, place], color="black", lw=1.5)
        axes.set_yticks(range(len(marks)), [f"dream: {who}" if who in TEACHERS else who for who in marks])
        axes.invert_yaxis()
        axes.set_xlabel(f"touches of the star in {found.frames} frames, mean of rooms")
    return figure
