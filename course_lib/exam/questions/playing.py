"""Can it be played? How fast a frame of a world comes, and what latent actions are worth where it has them.

Genie's measure of control (Bruce et al. 2024, arXiv 2402.15391, section 3) is how much better a frame is drawn, t steps
after the last one that was seen, under the actions that the latent action model finds in the film than under others:

    Delta_t PSNR = PSNR(x_t, drawn with inferred actions) - PSNR(x_t, drawn with random actions)

Here "random" are the actions found in another film, so that the codes are as frequent as in play. The group "control"
asks the same with the four keys, through the table from keys to codes; what is lost between the two is the table's, and
that of codes which say what happened and not what was pressed.

That is asked where there are latent actions. How fast a frame is made is asked of whoever is played with the keys: it
is a clock's answer, and changes with the machine and with what else runs on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import WorldModel, imagine
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.rollout import (
    CHUNK,
    SEEN,
    as_input,
    decodes,
    draw,
    fits,
    takes_actions,
    translate,
)
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.genie import Genie
from course_lib.models.in_steps import InSteps, takes_steps
from course_lib.models.play import DreamPlayer
from course_lib.worlds import spec
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.films import Films
from course_lib.worlds.frames import psnr
from course_lib.worlds.play import EnvPlayer

AHEAD = 4  # the paper's t


@torch.no_grad()
def dream_latent(
    model: Genie, frames: Tensor, latent: Tensor, *, seen: int = SEEN, steps: int = AHEAD
) -> Tensor:
    """See ``seen`` frames, then dream on under latent actions; no key and no table.

    frames: (N, T, 3, H, W), latent: int64 (N, T - 1) -> (N, steps, 3, H, W).
    """
    drawn = []
    for start in range(0, len(frames), CHUNK):
        rows = slice(start, start + CHUNK)
        state = model.encode(frames[rows, :seen], latent[rows, : seen - 1])
        states = imagine(model, state, latent[rows, seen - 1 : seen - 1 + steps])[1:]
        drawn.append(torch.stack([draw(model, s, count=len(state), size=frames.shape[-1]) for s in states], dim=1))
    return torch.cat(drawn)


@torch.no_grad()
def infer_latent(model: Genie, frames: Tensor) -> Tensor:
    """What the latent action model finds in films. (N, T, 3, H, W) -> int64 (N, T - 1)."""
    return torch.cat([model.lam.infer(part) for part in frames.split(CHUNK)])


def with_decoding(
    model: Genie, decoding_steps: int, temperature: float = 1.0, min_p: float | None = None
) -> Genie:
    """The same weights, with another number of decoding steps, another temperature, and another min_p if one is given.

    See ``Dynamics.make``.
    """
    given = {"steps": decoding_steps, "temperature": temperature, "min_p": min_p}
    other = Genie(model.config.model_copy(update={name: value for name, value in given.items() if value is not None}))
    other.load_state_dict(model.state_dict())
    return other.eval()


InOneStep = partial(InSteps, steps=1)  # a world that makes a frame in steps, made to take one alone


def seconds_a_step(player: DreamPlayer | EnvPlayer, *, steps: int = 40, repeats: int = 8) -> np.ndarray:
    """Mean seconds of a step of play, drawing and all, in each of some stretches, (repeats,).

    Keys change, and a first stretch goes before that is not timed.
    """
    taken = np.empty(repeats + 1)
    for row in range(repeats + 1):
        begin = time.perf_counter()
        for step in range(steps):
            player.step((step // 5) % 4)
        taken[row] = (time.perf_counter() - begin) / steps
    return taken[1:]


def seconds_a_frame(model: WorldModel, film: np.ndarray, *, steps: int = 40, repeats: int = 8) -> np.ndarray:
    """The same of a world that is entered at the first frame of a film, uint8 (T, H, W, 3): the canvas's own player."""
    player = DreamPlayer(model, film[:1], generator=torch.Generator().manual_seed(0))
    return seconds_a_step(player, steps=steps, repeats=repeats)


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows latent_delta4_psnr_db and latent_psnr_db_t4 of a world with latent actions, and play_fps of every world."""
    model = entrant.part("model")
    films = sitting.films_for(entrant)
    fits(model, sitting.size)
    takes_actions(model)
    decodes(model)
    translate(model, torch.arange(len(spec.ACTIONS)))  # is there an action for each key?
    if "latent_model" in entrant.parts:
        yield from _latent(entrant, sitting, films)

    first = films.frames[0]
    taken = seconds_a_frame(model, first)
    simulator = EnvPlayer(PlaygroundEnv(size=sitting.size))
    simulator.reset()
    others = {"simulator": seconds_a_step(simulator, repeats=5)}
    if takes_steps(model):
        others["one_decoding_step"] = seconds_a_frame(InOneStep(model), first, repeats=5)
    yield entrant.row(
        sitting, films, "play_fps", unit="1/s", **mean_and_interval(1.0 / taken, seed=sitting.seed),
        controls={name: float((1.0 / seconds).mean()) for name, seconds in others.items()},
        note=f"frames of the world that is played with the keys, {torch.get_num_threads()} threads; n counts stretches "
        "of 40 frames",
    )  # fmt: skip


def _latent(entrant: Entrant, sitting: Sitting, films: Films) -> Iterator[Row]:
    model, _ = entrant.part("latent_model"), entrant.part("lam")
    frames, _ = as_input(films)
    real = frames[:, SEEN + AHEAD - 1]

    def drawn(asked: Genie, latent: Tensor) -> np.ndarray:
        return psnr(dream_latent(asked, frames, latent)[:, -1], real).numpy()

    def of_another_film(latent: Tensor, films_on: int) -> Tensor:
        return torch.cat([latent[:, : SEEN - 1], latent.roll(films_on, dims=0)[:, SEEN - 1 :]], dim=1)

    latent = infer_latent(model, frames)
    own, other, again = (drawn(model, x) for x in (latent, *(of_another_film(latent, k) for k in (1, 2))))
    bare = [drawn(entrant.untrained["latent_model"], x) for x in (latent, of_another_film(latent, 1))]
    yield entrant.row(
        sitting, films, f"latent_delta{AHEAD}_psnr_db", unit="dB", **mean_and_interval(own - other, seed=sitting.seed),
        controls={"another_films_codes": float((again - other).mean()), "untrained": float((bare[0] - bare[1]).mean())},
        note="inferred latent actions against those of another film; the paper's are random ones",
    )  # fmt: skip
    still = psnr(frames[:, SEEN - 1], real).numpy()
    yield entrant.row(
        sitting, films, f"latent_psnr_db_t{AHEAD}", unit="dB", **mean_and_interval(own, seed=sitting.seed),
        controls={"copy_last": float(still.mean()), "another_films_codes": float(other.mean()),
                  "untrained": float(bare[0].mean())},
        note=f"better than the last frame seen by {float((own - still).mean()):.1f} dB in the mean of films",
    )  # fmt: skip
