"""What a JEPA imagines, drawn by the frame decoder, and how near such drawings come, beside their controls.

The JEPA predicts embeddings and draws nothing. What stands here serves for looking alone: no planner and no question of
the exam sees a drawing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import imagine
from course_lib.exam.measures.long_play import agent_place
from course_lib.models.action_jepa import ActionJEPA, LastEmbeddings, embedding
from course_lib.models.frame_decoder import DiffusionFrameDecoder
from course_lib.models.reader import Reader
from course_lib.planning.goals import perceive
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.scenes import Scene
from course_lib.worlds.starless import play_keys_in


@torch.no_grad()
def imagined_film(
    model: ActionJEPA, decoder: DiffusionFrameDecoder, state: LastEmbeddings, keys: Tensor, *,
    generator: torch.Generator,
) -> np.ndarray:  # fmt: skip
    """What one state, and those that follow it under some keys, look like. keys: int64 (H,) -> uint8 (H + 1, H, W, 3).

    Each frame is drawn from its embedding alone: nothing joins them but what the embeddings say.
    """
    states = imagine(model, state, keys[None])  # H + 1 of one row each
    return to_uint8(decoder.draw(torch.cat([embedding(each) for each in states]), generator=generator))


def played_film(room: Scene, keys: Tensor, size: int = 32) -> np.ndarray:
    """What really comes of the same keys from a room's first frame on. int64 (H,) -> uint8 (H + 1, H, W, 3)."""
    return draw_film(room, play_keys_in(room, keys.numpy()), size)


@torch.no_grad()
def compared_drawings(
    model: ActionJEPA, decoder: DiffusionFrameDecoder, films: Films, mean: np.ndarray, *, seen: int, ahead: int,
    seed: int = 0, steps: int = 5,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Frame ``seen + ahead - 1`` of every film in several ways, by name, uint8 (N, H, W, 3).

    seen: frames that the model sees before it imagines ``ahead`` more under the keys that were pressed. mean: the mean
    of training frames, (H, W, 3). steps: of the decoder's sampler. All drawings begin from the same noise, so they
    differ by their embedding alone. "another film" is the true embedding of another film's frame, the control of a
    decoder that draws good frames of no matter what; "predicted, other keys" is imagined under another film's keys.
    """
    moment = seen + ahead - 1
    keys = torch.from_numpy(films.actions[:, seen - 1 : moment].astype(np.int64))
    state = perceive(model, films.frames[:, :seen], films.actions[:, : seen - 1])
    true = model.jepa.encode(to_model(films.frames[:, [moment]]))[:, 0]  # (N, D)
    given = {"true embedding": true, "predicted embedding": embedding(imagine(model, state, keys)[-1]),
             "predicted, other keys": embedding(imagine(model, state, keys.roll(1, dims=0))[-1]),
             "another film": true.roll(1, dims=0)}  # fmt: skip
    drawn = {name: to_uint8(decoder.draw(s, generator=torch.Generator().manual_seed(seed), steps=steps))
             for name, s in given.items()}  # fmt: skip
    size = films.frames.shape[2:]
    return {"real frame": films.frames[:, moment], **drawn, "last frame seen": films.frames[:, seen - 1],
            "mean frame": np.broadcast_to(np.rint(mean).astype(np.uint8), (len(films), *size))}  # fmt: skip


class JudgedDrawings(NamedTuple):
    """How far drawings are from the real frames, (N,) each.

    error: squared, of a pixel's colours in [0, 1], mean over the frame. away: from where the reader finds the agent in
    the drawing to where it really is, units; the side of the room where it finds none.
    """

    error: np.ndarray
    away: np.ndarray


def judge_drawings(drawn: np.ndarray, films: Films, moment: int, reader: Reader) -> JudgedDrawings:
    """Drawings uint8 (N, H, W, 3) against one frame of each film."""
    error = ((drawn / 255.0 - films.frames[:, moment] / 255.0) ** 2).mean(axis=(1, 2, 3))
    true = np.stack([films.of(axis)[:, moment, spec.AGENT_SLOT] for axis in ("x", "y")], axis=1)
    away = np.hypot(*(agent_place(reader, drawn) - true).T)
    return JudgedDrawings(error, np.where(np.isnan(away), spec.BOX, away))
