"""Question: can it be steered? What another key would have drawn is known here, so the answer can be checked.

The effect of an action is *visible* in a transition when the same state, stepped with another action, draws another
frame. Only such transitions are asked about: pressing jump in the air changes nothing, and a model is not to be blamed
for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import WorldModel
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.counterfactuals import (
    choice_accuracy,
    counterfactuals,
    next_frames,
)
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.rollout import SEEN, as_input, decodes, dream, fits, takes_actions
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.worlds.films import Films
from course_lib.worlds.frames import psnr, to_model


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows action_choice_accuracy and delta4_psnr_db."""
    model = entrant.part("model")
    films = sitting.films_for(entrant)
    fits(model, sitting.size)
    takes_actions(model)
    decodes(model)
    frames, actions = as_input(films)
    key = ("counterfactuals", films.name, films.split, len(films))
    shared = sitting.once(key, lambda: counterfactuals(films))
    visible = shared.visible.any(axis=(2, 3))  # (N, K): two keys differ there
    asked = visible.any(axis=1)  # (N,)

    def choose(who: WorldModel) -> tuple[np.ndarray, np.ndarray]:
        """Each film's share of right choices, (N,), 0 where nothing is visible; and with each key's prediction given
        to its neighbour."""
        scores = []
        for k, time in enumerate(shared.times):
            guess = next_frames(who, frames, actions, time, sitting.generator(k) if entrant.draws else None)
            real = to_model(shared.frames[:, k])
            scores.append([choice_accuracy(g, real, shared.visible[:, k]) for g in (guess, guess.roll(1, dims=1))])
        right, wrong = np.nansum(scores, axis=0) / np.maximum(visible.sum(axis=1), 1)  # (2, N)
        return right, wrong

    right, wrong = choose(model)
    controls = {"ignores_the_action": 0.5, "shuffled_actions": float(wrong[asked].mean())}
    if "model" in entrant.untrained:
        controls["untrained"] = float(choose(entrant.untrained["model"])[0][asked].mean())
    yield entrant.row(sitting, films, "action_choice_accuracy", unit="", controls=controls,
                      **mean_and_interval(right, asked=asked, seed=sitting.seed))  # fmt: skip
    yield _delta(entrant, sitting, films, frames, actions)


def _delta(
    entrant: Entrant, sitting: Sitting, films: Films, frames: Tensor, actions: Tensor, ahead: int = 4
) -> Row:  # fmt: skip
    """Delta_t PSNR (Bruce et al., Genie, arXiv 2402.15391, section 3): true actions against random ones, t = 4.

    The random ones are those of another film, not four keys with equal chances: with keys that the films press more or
    less often, a model whose brightness depends on the key would gain or lose without any knowledge.
    """

    model = entrant.part("model")

    def drawn(who: WorldModel, under: Tensor) -> np.ndarray:
        generator = sitting.generator() if entrant.draws else None
        dreamed = dream(who, frames, under, seen=SEEN, steps=ahead, generator=generator)[:, -1]
        return psnr(dreamed, frames[:, SEEN + ahead - 1]).numpy()

    def random(films_on: int) -> Tensor:
        return torch.cat([actions[:, : SEEN - 1], actions.roll(films_on, dims=0)[:, SEEN - 1 :]], dim=1)

    true, other, another = (drawn(model, under) for under in (actions, random(1), random(2)))
    gain, controls = true - other, {"shuffled_actions": float(np.mean(another - other))}
    if "model" in entrant.untrained:
        untrained = drawn(entrant.untrained["model"], actions) - drawn(entrant.untrained["model"], random(1))
        controls["untrained"] = float(np.mean(untrained))
    return entrant.row(sitting, films, f"delta{ahead}_psnr_db", unit="dB", controls=controls,
                       **mean_and_interval(gain, seed=sitting.seed))  # fmt: skip
