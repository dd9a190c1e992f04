"""What another key would have drawn: each film is replayed from its seed, and another key is pressed.

The effect of an action is *visible* in a transition when the same state, stepped with another action, draws another
frame. Only such transitions are asked about: pressing jump in the air changes nothing, and a model is not to be blamed
for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.measures.information import KEYS
from course_lib.exam.measures.rollout import CHUNK, draw, translate
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import Films, begin

TIMES = (6, 12, 18, 24)  # frames of a film after which the four keys are tried



@dataclass(frozen=True)
class Counterfactuals:
    """What each of the four keys would have drawn after frame ``times[k]`` of each film.

    frames: uint8 (N, K, 4, H, W, 3). visible: bool (N, K, 4, 4), whether two keys draw different frames.
    """

    times: tuple[int, ...]
    frames: np.ndarray
    visible: np.ndarray


def pressed(films: Films, film: int, time: int, key: int) -> np.ndarray:
    """What would have been drawn, had this key been pressed after frame ``time`` of a film, uint8 (H, W, 3).

    The film is replayed from its seed, because a copied simulation diverges.
    """
    simulation = begin(films.name, int(films.seeds[film]))
    for action in films.actions[film, :time]:
        simulation.step(int(action))
    simulation.step(key)
    return draw_film(simulation.scene, simulation.state()[None], films.frames.shape[-2])[0]


def counterfactuals(films: Films, times: tuple[int, ...] = TIMES) -> Counterfactuals:
    """Replay each film up to each time, once for each key, and press it.

    A film is replayed from its seed, because a copied simulation diverges. Raises ValueError for a time after which the
    film has no action left.
    """
    if not times or min(times) < 0 or max(times) >= films.actions.shape[1]:
        raise ValueError(f"films of {films.frames.shape[1]} frames have actions after frames 0 to "
                         f"{films.actions.shape[1] - 1}, not after {times}")  # fmt: skip
    size = films.frames.shape[-2]
    frames = np.empty((len(films), len(times), KEYS, size, size, 3), np.uint8)
    for (n, k, key), _ in np.ndenumerate(frames[..., 0, 0, 0]):
        frames[n, k, key] = pressed(films, n, times[k], key)
    flat = frames.reshape(*frames.shape[:3], -1)
    visible = (flat[:, :, :, None] != flat[:, :, None]).any(axis=-1)  # (N, K, 4, 4)
    return Counterfactuals(times, frames, visible)


def visible_steps(films: Films) -> np.ndarray:
    """Whether the key of a step can be told from its frame: each *other* key would have drawn another one.

    Stricter than a pair of keys that differ: left pressed in flight changes the frame, yet where it draws the same as
    no key, nobody who sees the film can know that it was pressed. Returns bool (N, T - 1). About a tenth of a second a
    film, because each step is replayed from the film's seed.
    """
    alone = np.ones(films.actions.shape, bool)
    for (n, t), key in np.ndenumerate(films.actions):
        for other in set(range(KEYS)) - {int(key)}:
            if np.array_equal(pressed(films, n, t, other), films.frames[n, t + 1]):
                alone[n, t] = False
                break
    return alone


@torch.no_grad()
def next_frames(model, frames: Tensor, actions: Tensor, time: int, generator: torch.Generator | None) -> Tensor:  # noqa: ANN001
    """The model's frame after frame ``time`` for each of the four keys, (N, 4, 3, H, W)."""
    translated = translate(model, actions)
    keys = translate(model, torch.arange(KEYS))
    out = []
    for start in range(0, len(frames), CHUNK):
        rows = slice(start, start + CHUNK)
        past = translated[rows, :time] if time else None
        state = model.encode(frames[rows, : time + 1], past, generator=generator)
        after = model.predict(state.repeat(KEYS), keys.repeat(len(state)), generator=generator)
        drawn = draw(model, after, count=KEYS * len(state), size=frames.shape[-1], generator=generator)
        out.append(drawn.unflatten(0, (len(state), KEYS)))
    return torch.cat(out)


def choice_accuracy(predicted: Tensor, real: Tensor, visible: np.ndarray) -> np.ndarray:
    """For each pair of keys that draw different frames: is the prediction under a key nearer to that key's frame?

    predicted, real: (N, 4, 3, H, W); visible: (N, 4, 4). Returns (N,), the share of right answers, NaN for a film
    without a visible pair. A model that ignores its action gives one picture for both keys of a pair; it is right about
    one of them and wrong about the other, so it scores exactly one half, whatever it draws.
    """
    error = (predicted[:, :, None] - real[:, None]).square().mean(dim=(3, 4, 5)).numpy()  # (N, pressed key, drawn key)
    right, asked = np.zeros(len(error)), np.zeros(len(error))
    for a, b in combinations(range(KEYS), 2):
        for pressed_key, other in ((a, b), (b, a)):
            gain = error[:, pressed_key, other] - error[:, pressed_key, pressed_key]
            right += visible[:, a, b] * np.where(gain > 0, 1.0, np.where(gain == 0, 0.5, 0.0))
            asked += visible[:, a, b]
    return np.where(asked > 0, right / np.maximum(asked, 1), np.nan)
