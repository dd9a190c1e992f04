"""A second level of prediction: where things will be some frames later, whatever keys lead there.

LeCun, A Path Towards Autonomous Machine Intelligence, 2022, section 4.6: in a hierarchical JEPA (H-JEPA) the upper
level predicts farther and says less. Its "actions" are no keys. They are a latent variable z, what the present does not
say about the later state, and what the upper level chooses becomes a goal for the lower one.

Here both levels share the encoder of an ``ActionJEPA``, which is frozen. The energy of a pair of embeddings, and how it
is trained, are those of a latent-variable model (section 4.2), z being one of CODES numbers:

    E(s_t, s_(t + K), z) = |s_(t + K) - Pred2(s_t, z)|^2 / D,      F = min over z of E.

Minimising F alone would leave codes that never win without a gradient. So the mean over all codes counts a little too
(Rupprecht et al. 2017, Learning in an Uncertain World, arXiv 1612.00197, equation 5: a relaxed "winner takes all").

Not every leap is possible everywhere. A prior p(z | s) learns which code was the best one after which state, so that a
planner can be charged for leaps that nobody makes from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.action_jepa import ActionJEPA
from course_lib.nets.fit import fit
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model

FRAMES = 8  # K, that one step of the second level leaps over
CODES = 16
STEPS, BATCH = 1200, 32
RELAX = 0.05  # how much the mean over all codes counts beside the smallest energy


@dataclass
class Later(State):
    """What the second level carries on: one embedding, (B, D)."""

    s: Tensor


@torch.no_grad()
def embed_films(first: ActionJEPA, films: Films, *, batch: int = 50) -> Tensor:
    """Every frame of films as the level below embeds it, (N, T, D)."""
    return torch.cat([first.jepa.encode(to_model(films.frames[i : i + batch])) for i in range(0, len(films), batch)])


def code_energies(guesses: Tensor, later: Tensor) -> Tensor:
    """E for every code, (B, Z). guesses: (B, Z, D), one for each code; later: what came, (B, D)."""
    return (guesses - later[:, None]).square().mean(dim=2)


def relaxed_minimum(energies: Tensor, relax: float = RELAX) -> Tensor:
    """The smallest energy of each pair, and a little of the mean over the codes. (B, Z) -> (B,)."""
    return (1.0 - relax) * energies.amin(dim=1) + relax * energies.mean(dim=1)


class SecondLevel(nn.Module):
    """A WorldModel whose step leaps over FRAMES frames, and whose action is a code. See ``course_lib/contract.py``.

    first: the level below, whose encoder gives the embeddings; it is no part of this module and learns nothing.
    """

    def __init__(self, first: ActionJEPA, *, codes: int = CODES, frames: int = FRAMES, hidden: int = 256) -> None:
        super().__init__()
        self.codes, self.frames, latent = codes, frames, first.config.latent
        self._first = (first,)  # in a tuple, so that its weights are none of this module's
        side = first.config.frame_size
        self.capabilities = Capabilities(Actions("discrete", codes), decodes=False, context=1, frame_size=(side, side))
        self.layers = nn.Sequential(nn.Linear(latent + codes, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                    nn.Linear(hidden, latent))  # fmt: skip
        self.prior = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, codes))

    def guess(self, s: Tensor, code: Tensor) -> Tensor:
        """The embedding FRAMES frames later. s: (B, D); code: int64 (B,) -> (B, D)."""
        given = F.one_hot(code, self.codes).to(s.dtype)
        return s + self.layers(torch.cat([s, given], dim=1))

    def every_guess(self, s: Tensor) -> Tensor:
        """The guess under each code. (B, D) -> (B, Z, D)."""
        code = torch.arange(self.codes, device=s.device).repeat(len(s))
        return self.guess(s.repeat_interleave(self.codes, dim=0), code).unflatten(0, (-1, self.codes))

    def loss(self, s: Tensor, later: Tensor) -> dict[str, Tensor]:
        """Of pairs of embeddings, (B, D) each: the relaxed minimum and the prior's nats, and the smallest energy."""
        energies = code_energies(self.every_guess(s), later)
        nats = F.cross_entropy(self.prior(s), energies.argmin(dim=1))
        return {"loss": relaxed_minimum(energies).mean() + nats, "energy": energies.amin(dim=1).mean(), "prior": nats}

    def unlikely(self, s: Tensor, code: Tensor) -> Tensor:
        """-log p(code | s), in nats: how unusual a leap is from here. (B, D), int64 (B,) -> (B,)."""
        return F.cross_entropy(self.prior(s), code, reduction="none")

    def learn(self, s: Tensor, *, generator: torch.Generator, steps: int = STEPS) -> list[dict[str, float]]:
        """Learn from films as embeddings, (N, T, D); returns the numbers of every step."""

        def draw(g: torch.Generator) -> tuple[Tensor, Tensor]:
            film = torch.randint(len(s), (BATCH,), generator=g)
            moment = torch.randint(s.shape[1] - self.frames, (BATCH,), generator=g)
            return s[film, moment], s[film, moment + self.frames]

        return fit(self, lambda pair: self.loss(*pair), draw, steps=steps, learning_rate=2e-3, generator=generator,
                   weight_decay=1e-4)  # fmt: skip

    # ------------------------------------------------------------------------------------------------- the contract

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Later:
        """The embedding of the last frame. The keys before it are not looked at."""
        return Later(self._first[0].jepa.encode(observations[:, -1:])[:, 0])

    def predict(
        self, state: Later, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Later:
        """One leap under a code."""
        self.capabilities.actions.check(action, (len(state),))
        return Later(self.guess(state.s, action))

    def decode(self, state: Later, *, generator: torch.Generator | None = None) -> Tensor:
        """Raises NotCapable: there is no way back."""
        raise self.capabilities.refuse_decoding("embeddings are predicted, and no loss asked for pictures")

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """The smallest energy of each frame given the one FRAMES before it, (B, T); NaN where there is none."""
        s = self._first[0].jepa.encode(observations)  # (B, T, D)
        found = s.new_full(s.shape[:2], torch.nan)
        if s.shape[1] > self.frames:
            before, after = s[:, : -self.frames].flatten(0, 1), s[:, self.frames :].flatten(0, 1)
            least = code_energies(self.every_guess(before), after).amin(dim=1)
            found[:, self.frames :] = least.unflatten(0, (len(s), -1))
        return found


def later_place(state: Later) -> Tensor:
    """The embedding of a state, (B, D): what a goal is compared with."""
    return state.s
