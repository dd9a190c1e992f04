"""What there is to look at in a world that is played: a frame as it is made, each latent action held, what each does.

Every function takes stored frames (uint8) and gives back pictures (uint8) or arrays, so that the same call serves a
figure, a widget's callback and a test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.contract import State, imagine
from course_lib.models.genie import Genie, Seen
from course_lib.worlds.frames import to_model, to_uint8

GAP = 2  # white pixels between pictures

HIDDEN = 128  # grey of a patch that is not known yet

DARK = 0.36  # the agent is darker than this, walls and all things else are lighter


def _check(model: Genie, film: np.ndarray, frame: int, code: int = 0) -> None:
    if not 0 <= frame < len(film):
        raise IndexError(f"frame {frame} does not exist; the film has {len(film)}, counted from 0")
    if not 0 <= code < model.config.lam.codes:
        raise IndexError(f"latent action {code} does not exist; there are {model.config.lam.codes}, counted from 0")


@torch.no_grad()
def _seen(model: Genie, film: np.ndarray, frame: int) -> Seen:
    """The model's state after a frame of a film, with the latent actions that it finds in the film."""
    x = to_model(film[: frame + 1])[None]  # (1, S, 3, H, W)
    return model.encode(x, model.lam.infer(x) if frame else None)


def _drawn(model: Genie, state: State, plan: Tensor) -> NDArray[np.uint8]:
    """A state and what follows from it under a plan, (B, S), as pictures: (B, S + 1, H, W, 3)."""
    return np.stack([to_uint8(model.decode(s)) for s in imagine(model, state, plan)], axis=1)


@torch.no_grad()
def making(
    model: Genie, film: np.ndarray, frame: int, code: int, *, decoding_steps: int = 6, temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> NDArray[np.uint8]:  # fmt: skip
    """A frame as it is made: after each decoding step what is known, grey patches where nothing is. (steps, H, W, 3).

    The last picture is the frame. Raises IndexError for a frame or code that does not exist.
    """
    _check(model, film, frame, code)
    state, pictures = _seen(model, film, frame), []

    def look(index: Tensor, mask: Tensor) -> None:
        picture = to_uint8(model.tokenizer.frames_of(index[:, None])[0, 0])  # (H, W, 3)
        side = model.config.tokenizer.patch
        grid = mask[0].reshape(picture.shape[0] // side, -1)  # (N,) -> (h, w)
        picture[grid.repeat_interleave(side, 0).repeat_interleave(side, 1).numpy()] = HIDDEN
        pictures.append(picture)

    memory = model.dynamics.remember(state.tokens, state.actions[:, 1:])
    action = torch.tensor([code])
    model.dynamics.make(memory, action, generator, steps=decoding_steps, temperature=temperature, on_step=look,
                        min_p=model.config.min_p, keep=model.config.keep)  # fmt: skip
    return np.stack(pictures)


@torch.no_grad()
def each_code_held(model: Genie, film: np.ndarray, frame: int, steps: int = 8) -> NDArray[np.uint8]:
    """The film goes on under each latent action, held for some steps. uint8 (codes, steps + 1, H, W, 3).

    The first picture is what the tokenizer makes of the film's frame. Raises IndexError for a frame that does not
    exist.
    """
    _check(model, film, frame)
    codes = model.config.lam.codes
    state = _seen(model, film, frame).repeat(codes)
    plan = torch.arange(codes)[:, None].expand(-1, steps)  # (codes, steps)
    return _drawn(model, state, plan)


@torch.no_grad()
def follow(model: Genie, film: np.ndarray, frame: int, plan: Sequence[int]) -> NDArray[np.uint8]:
    """The film goes on under a plan of latent actions. uint8 (len(plan) + 1, H, W, 3), the film's frame first.

    Raises IndexError for a frame or a latent action that does not exist.
    """
    for code in plan:
        _check(model, film, frame, code)
    return _drawn(model, _seen(model, film, frame), torch.tensor([list(plan)]))[0]


def dark_place(frames: np.ndarray) -> NDArray[np.float64]:
    """Where the agent is, by its darkness alone: uint8 (..., H, W, 3) -> pixels to the right and up, (..., 2).

    NaN where nothing is dark enough.
    """
    light = frames.astype(float).mean(axis=-1) / 255.0  # (..., H, W)
    weight = np.clip((DARK - light) / 0.1, 0.0, 1.0)
    total = weight.sum(axis=(-2, -1))
    right, up = np.arange(frames.shape[-2]) + 0.5, frames.shape[-3] - np.arange(frames.shape[-3]) - 0.5
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (weight.sum(axis=-2) @ right) / total, (weight.sum(axis=-1) @ up) / total
    return np.where(total[..., None] > 0.5, np.stack([x, y], axis=-1), np.nan)


def what_codes_do(model: Genie, films: np.ndarray, frame: int, steps: int = 3) -> NDArray[np.float64]:
    """How far the agent goes in the dream under each latent action held: mean pixels to the right and up, (codes, 2).

    films: uint8 (N, T, H, W, 3); every film is entered at ``frame``. No key is looked at.
    """
    moves = [dark_place(each_code_held(model, film, frame, steps)[:, [0, -1]]) for film in films]  # (codes, 2, 2) each
    moves = np.stack(moves)
    return np.nanmean(moves[:, :, 1] - moves[:, :, 0], axis=0)


def table_by_eye(moves: np.ndarray) -> dict[int, int]:
    """For each of the four keys (nothing, left, right, jump) the latent action that looks like it. moves: (codes, 2).

    Left and right are those that go farthest to their side, jump the one that rises most of the others, nothing the
    one that moves least of those that are left.
    """
    left, right = int(moves[:, 0].argmin()), int(moves[:, 0].argmax())
    rise = moves[:, 1].copy()
    rise[[left, right]] = -np.inf
    jump = int(rise.argmax())
    far = np.hypot(moves[:, 0], moves[:, 1])
    far[[left, right, jump]] = np.inf
    return {0: int(far.argmin()), 1: left, 2: right, 3: jump}


@torch.no_grad()
def try_step(
    model: Genie, film: np.ndarray, frame: int, code: int, decoding_steps: int = 6, temperature: float = 1.0,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Choose a frame, a latent action, the decoding steps and the temperature, and see the frame that is made.

    Returns the frame, the four frames that follow under the held action, and the film's own next one (the last again,
    where the film ends), side by side: uint8 (H, 6 W + 5 GAP, 3). Raises IndexError for what does not exist.
    """
    _check(model, film, frame, code)
    state, generator = _seen(model, film, frame), torch.Generator().manual_seed(seed)
    pictures = [film[frame]]
    for _ in range(4):
        state = model.predict(
            state, torch.tensor([code]), generator=generator, steps=decoding_steps, temperature=temperature
        )
        pictures.append(to_uint8(model.decode(state)[0]))
    pictures.append(film[min(frame + 1, len(film) - 1)])
    gap = np.full((film.shape[1], GAP, 3), 255, np.uint8)
    return np.concatenate([x for p in pictures for x in (p, gap)][:-1], axis=1)
