"""Films that M dreams, and what it says of the next moment: for figures, a widget's callback and tests.

Frames go in as stored (uint8) and come back as stored. A dream begins with real frames, which V sees, and then nothing
real is looked at any more: only the keys come from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from course_lib.models.mdnrnn import Memory, Mixture, draw
from course_lib.models.vae import reparameterise
from course_lib.models.vmc import VMC
from course_lib.show.figure import CourseFigure
from course_lib.show.pictures import strips
from course_lib.worlds.frames import to_model, to_uint8

Choose = Callable[[Mixture], Tensor]


def at_temperature(temperature: float, seed: int = 0) -> Choose:
    """A way to choose the next z: a draw from the mixture at a temperature."""
    generator = torch.Generator().manual_seed(seed)
    return lambda mixture: draw(mixture, generator, temperature)


@torch.no_grad()
def dream_films(
    model: VMC, seen: np.ndarray, actions: np.ndarray, choose: Choose | None = None, *,
    decode: Sequence[int] | None = None,
) -> np.ndarray:  # fmt: skip
    """Dream N films at once: V sees the first frames, then M goes on under the given actions.

    seen: uint8 (N, S, H, W, 3), S at least 1. actions: whole numbers (N, S - 1 + steps), those between the seen frames
    first. choose: from a mixture (N, Z, K) to the next z (N, Z); a draw at temperature 1 without it.
    decode: which of the dreamed steps to draw, counted from 1; all of them without it.
    Returns the dreamed frames, uint8 (N, steps or len(decode), H, W, 3). Raises ValueError for too few actions.
    """
    past, keys = seen.shape[1] - 1, torch.from_numpy(np.asarray(actions)).long()
    if keys.shape[1] <= past:
        raise ValueError(f"{past + 1} frames were seen, so a dream needs more than {past} actions, not {keys.shape[1]}")
    choose = at_temperature(1.0) if choose is None else choose
    state = model.encode(to_model(seen), keys[:, :past] if past else None)
    drawn = _go_on(model, state.z, Memory(state.h, state.c), keys[:, past:], choose, decode)
    return np.stack(drawn, axis=1) if drawn else seen[:, :0]


@torch.no_grad()
def dreams_from(
    model: VMC, films: np.ndarray, actions: np.ndarray, moments: Sequence[tuple[int, int]], steps: int,
    choose: Choose | None = None,
) -> np.ndarray:  # fmt: skip
    """Dreams that begin inside long films: V and M follow film n up to its frame t, for each moment (n, t).

    films: uint8 (N, T, H, W, 3); actions: whole numbers (N, T - 1). Returns uint8 (len(moments), steps, H, W, 3).
    Raises ValueError for no moment, or one with fewer than ``steps`` actions after it.
    """
    if not moments or max(t for _, t in moments) + steps > actions.shape[1]:
        raise ValueError(f"a dream of {steps} steps needs as many actions after each of its moments")
    pressed, z = torch.from_numpy(np.asarray(actions)).long(), latent_films(model, films)
    vectors, memory = one_hot(pressed, model.config.m.actions).float(), model.m.begin(len(films))
    start: dict[tuple[int, int], tuple[Tensor, ...]] = {}
    for t in range(max(t for _, t in moments) + 1):
        start |= {(n, t): (z[n, t], memory.h[n], memory.c[n]) for n in {n for n, when in moments if when == t}}
        _, memory = model.m.step(z[:, t], vectors[:, t], memory)
    z, h, c = (torch.stack(part) for part in zip(*(start[moment] for moment in moments), strict=True))
    keys = torch.stack([pressed[n, t : t + steps] for n, t in moments])  # (M, steps)
    choose = at_temperature(1.0) if choose is None else choose
    return np.stack(_go_on(model, z, Memory(h, c), keys, choose, None), axis=1)


def _go_on(
    model: VMC, z: Tensor, memory: Memory, actions: Tensor, choose: Choose, decode: Sequence[int] | None
) -> list[np.ndarray]:
    """The dreamed frames of some steps, each uint8 (N, H, W, 3)."""
    drawn = []
    for step, action in enumerate(actions.unbind(dim=1), start=1):
        predicted, memory = model.m.step(z, one_hot(action, model.config.m.actions).float(), memory)
        z = choose(predicted.mixture)
        if decode is None or step in decode:
            drawn.append(to_uint8(model.v.decode(z)))
    return drawn


@torch.no_grad()
def dream_in_stretches(model: VMC, film: np.ndarray, actions: np.ndarray, horizon: int, *, seed: int = 0) -> np.ndarray:
    """A film in which M sees two frames, dreams ``horizon`` of them, sees two again, and so on, all as V draws them.

    film: uint8 (T, H, W, 3); actions: whole numbers (T - 1,). horizon 0 is the real film as V draws it: whoever is to
    tell the two apart shall not do it by V's blur. seed: of M's draws. Returns uint8 (T, H, W, 3).
    """
    real, keys = latent_films(model, film[None])[0], torch.from_numpy(np.asarray(actions)).long()
    choose, memory = at_temperature(1.0, seed), model.m.begin(1)
    shown = [real[:1]]
    for t, action in enumerate(keys, start=1):
        predicted, memory = model.m.step(shown[-1], one_hot(action[None], model.config.m.actions).float(), memory)
        seen = t % (horizon + 2) < 2
        shown.append(real[t : t + 1] if seen else choose(predicted.mixture))
    return to_uint8(model.v.decode(torch.cat(shown)))


def one_dream(model: VMC, seen: np.ndarray, actions: np.ndarray, choose: Choose | None = None) -> np.ndarray:
    """One film: the seen frames, uint8 (S, H, W, 3), and what M dreams after them. -> (S + steps, H, W, 3)."""
    return np.concatenate([seen, dream_films(model, seen[None], np.asarray(actions)[None], choose)[0]])


def temperatures(
    model: VMC, seen: np.ndarray, actions: np.ndarray, taus: Sequence[float], seed: int = 0
) -> dict[str, np.ndarray]:
    """The same beginning and the same keys, dreamed once at each temperature: ``{"τ = 0.1": film, ...}``."""
    return {f"τ = {tau:g}": one_dream(model, seen, actions, at_temperature(tau, seed)) for tau in dict.fromkeys(taus)}


def temperature_strips(
    model: VMC, film: np.ndarray, actions: np.ndarray, taus: Sequence[float], seed: int = 0, every: int = 3
) -> CourseFigure:
    """The real film, and below it the dreams of its first frame at several temperatures. film: uint8 (T, H, W, 3)."""
    return strips({"real": film} | temperatures(model, film[:1], actions, taus, seed), every=every)


@torch.no_grad()
def latent_films(model: VMC, frames: np.ndarray, generator: torch.Generator | None = None) -> Tensor:
    """What V makes of films: z of every frame, (N, T, Z); its mean, or a draw where there is a generator.

    frames: uint8 (N, T, H, W, 3).
    """
    pairs = [model.v.encode(to_model(film)) for film in frames]
    mu, logvar = (torch.stack(part) for part in zip(*pairs, strict=True))
    return reparameterise(mu, logvar, generator)


@torch.no_grad()
def predicted_mixtures(model: VMC, z: Tensor, actions: np.ndarray) -> Mixture:
    """What M predicts of every next moment of real films, given the truth until then (teacher forcing).

    z: (N, T, Z), see ``latent_films``; actions: whole numbers (N, T - 1). Returns the mixtures of z[:, 1:], each
    (N, T - 1, Z, K).
    """
    keys = one_hot(torch.from_numpy(np.asarray(actions)).long(), model.config.m.actions).float()
    return model.m.film(z[:, :-1], keys).mixture
