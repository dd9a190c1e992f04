"""Which latent action is a key, here? A key held against a wall does not mean what it means in free space.

A latent action says what happened between two frames. A table that sends each key to one code says that the same thing
happens wherever the key is pressed, and it does not: held against the left wall, "left" happens as nothing. So the map
asks the state as well:

    log q(c | s, k) = min(log p(c | s), log cap) + W[k, c] - log Z(s, k)

    c   a latent action                        s   the last frames
    k   a key that is pressed                  Z   what makes the probabilities add up to 1
    p   how often each code follows such frames, learned from films without keys
    W   what each key adds to each code, (4, codes): learned from a few labelled steps, 32 numbers for 8 codes

p is behaviour cloning through latent actions, as in ``models/cloning.py``; no key is needed for it. It says what can
happen here, and also what the films' player usually did here, which is not to be asked of whoever plays now. So it is
cut off at ``cap``: what is at least as likely as that is possible, and how much likelier does not matter. With W = 0
and cap = 1 the map answers what the films' player would have done; with large W it is a table.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities
from course_lib.models.cloning import KEYS, Policy, PolicyConfig
from course_lib.models.genie import Genie, Seen


class KeyMapConfig(PolicyConfig):
    """The sizes of the prior, whose ``answers`` are codes, and where it is cut off."""

    answers: Annotated[int, Field(ge=2, description="latent actions")] = 8
    cap: Annotated[float, Field(gt=0.0, le=1.0, description="probability from which a code is simply possible")] = 0.2


class KeyMap(nn.Module):
    """The last frames and a key -> log-probabilities of the latent actions.

    (B, context, 3, H, W) in [0, 1] and int64 (B,) -> (B, codes).
    """

    def __init__(self, config: KeyMapConfig) -> None:
        super().__init__()
        self.config, self.prior = config, Policy(config)
        self.keys = nn.Embedding(KEYS, config.answers)  # W
        nn.init.zeros_(self.keys.weight)

    def forward(self, frames: Tensor, keys: Tensor) -> Tensor:
        """See the class."""
        return (self.possible(frames) + self.keys(keys)).log_softmax(dim=-1)

    def possible(self, frames: Tensor) -> Tensor:
        """min(log p(c | s), log cap). (B, context, 3, H, W) -> (B, codes)."""
        return self.prior(frames.flatten(1, 2)).log_softmax(dim=-1).clamp_max(math.log(self.config.cap))

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The prior's cross-entropy in nats, and the share of codes that it guesses. No key is looked at.

        batch: frames (B, context, 3, H, W) and codes int64 (B,). step and generator are not used.
        """
        logits = self.prior(batch["frames"].flatten(1, 2))
        right = (logits.argmax(dim=-1) == batch["codes"]).float().mean()
        return {"loss": F.cross_entropy(logits, batch["codes"]), "right": right}

    def fit_keys(self, frames: Tensor, keys: Tensor, codes: Tensor, *, decay: float = 1e-2) -> float:
        """Find W from labelled steps, the prior as it is: a convex problem. Returns their cross-entropy in nats.

        frames: (M, context, 3, H, W); keys, codes: int64 (M,). decay: of the squared weights, since labels are few.
        """
        with torch.no_grad():
            possible = self.possible(frames)  # (M, codes)
            self.keys.weight.zero_()
        optimiser = torch.optim.LBFGS([self.keys.weight], max_iter=200, line_search_fn="strong_wolfe")

        def cost() -> Tensor:
            return F.cross_entropy(possible + self.keys(keys), codes)

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = cost() + decay * self.keys.weight.square().mean()
            loss.backward()
            return loss

        with torch.enable_grad():
            optimiser.step(closure)
        optimiser.zero_grad()
        return float(cost().detach())


class KeyedGenie:
    """Genie under the four keys: a WorldModel with discrete actions, which translates each key where it is pressed.

    Its state is Genie's own; the frames that the map asks are drawn from the tokens. Steps that were seen need no key:
    the latent action model says what happened in them.
    """

    def __init__(self, genie: Genie, key_map: KeyMap) -> None:
        self.genie, self.key_map = genie, key_map

    @property
    def capabilities(self) -> Capabilities:
        """See the contract."""
        can = self.genie.capabilities
        return Capabilities(Actions("discrete", KEYS), decodes=True, frame_size=can.frame_size, context=can.context)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Seen:
        """Look at films. actions: the keys; they are checked and not needed."""
        self.capabilities.check(observations, actions)
        return self.genie.encode(observations, self._happened(observations))

    def code(self, state: Seen, keys: Tensor) -> Tensor:
        """The likeliest latent action of each key, here. int64 (B,) -> (B,)."""
        return self.key_map(self._frames(state), keys).argmax(dim=-1)

    def predict(
        self, state: Seen, action: Tensor | None = None, *, generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Seen:  # fmt: skip
        """One frame further under a key. steps: of decoding; None for the configuration's."""
        self.capabilities.actions.check(action, (len(state),))
        return self.genie.predict(state, self.code(state, action), generator=generator, steps=steps)

    def decode(self, state: Seen, *, generator: torch.Generator | None = None) -> Tensor:
        """What the tokenizer draws of the last frame, (B, 3, H, W)."""
        return self.genie.decode(state)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None,
        first: int = 1,
    ) -> Tensor:  # fmt: skip
        """See ``Genie.surprise``; under the latent actions that are inferred.

        The surprise at a frame knows what was done between it and the one before, not what was pressed.
        """
        self.capabilities.check(observations, actions)
        return self.genie.surprise(observations, self._happened(observations), first=first)

    def _happened(self, observations: Tensor) -> Tensor | None:
        """The latent action of each step, from the frames up to its end, (B, T - 1); None for single frames."""
        return self.genie.lam.infer(observations) if observations.shape[1] > 1 else None

    def _frames(self, state: Seen) -> Tensor:
        """The last frames as they are drawn, the first one again where there are too few. (B, context, 3, H, W)."""
        context = self.key_map.config.context
        tokens = state.tokens[:, -context:]
        early = tokens[:, :1].expand(-1, context - tokens.shape[1], -1)
        return self.genie.tokenizer.frames_of(torch.cat([early, tokens], dim=1))
