"""Which latent action is a key, here? A key held against a wall does not mean what it means in free space.

A latent action says what happened between two frames. A table that sends each key to one code says that the same thing
happens wherever the key is pressed, and it does not: held against the left wall, "left" happens as nothing. So the map
asks the state as well:

    log q(c | s, k) = log p(c | s) + W[k, c] - log Z(s, k)

    c   a latent action                        s   the last frames
    k   a key that is pressed                  Z   what makes the probabilities add up to 1
    p   how often each code follows such frames, learned from films without keys
    W   what each key adds to each code, (4, codes): learned from a few labelled steps, 32 numbers for 8 codes

p is behaviour cloning through latent actions, as in ``models/cloning.py``; no key is needed for it. With W = 0 the map
answers what the films' player would have done; with large W it is a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.cloning import KEYS, Policy, PolicyConfig
from course_lib.models.genie import Genie, Seen


class KeyMap(nn.Module):
    """The last frames and a key -> log-probabilities of the latent actions.

    (B, context, 3, H, W) in [0, 1] and int64 (B,) -> (B, codes). config: of the prior p(c | s); ``answers`` are codes.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config, self.prior = config, Policy(config)
        self.weight = nn.Parameter(torch.zeros(KEYS, config.answers))  # W

    def forward(self, frames: Tensor, keys: Tensor) -> Tensor:
        """See the class."""
        return (self.prior(frames.flatten(1, 2)).log_softmax(dim=-1) + self.weight[keys]).log_softmax(dim=-1)

    def loss(self, frames: Tensor, keys: Tensor, codes: Tensor, *, decay: float = 1e-2) -> Tensor:
        """Cross-entropy of labelled steps in nats; decay: of the squared weights, since labels are few."""
        return F.nll_loss(self(frames, keys), codes) + decay * self.weight.square().mean()


@dataclass(eq=False)
class Played(State):
    """seen: what Genie carries. frames: (B, context, 3, H, W), the last ones as they are drawn."""

    seen: Seen
    frames: Tensor


class KeyedGenie:
    """Genie under the four keys: a WorldModel with discrete actions, which translates each key where it is pressed.

    Steps that were seen need no key: the latent action model says what happened in them.
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
    ) -> Played:
        """Look at films. actions: the keys; they are checked and not needed."""
        self.capabilities.check(observations, actions)
        found = self.genie.lam.infer(observations) if observations.shape[1] > 1 else None
        context = self.key_map.config.context
        early = observations[:, :1].expand(-1, max(0, context - observations.shape[1]), -1, -1, -1)
        return Played(self.genie.encode(observations, found), torch.cat([early, observations[:, -context:]], dim=1))

    def code(self, state: Played, keys: Tensor) -> Tensor:
        """The likeliest latent action of each key, here. int64 (B,) -> (B,)."""
        return self.key_map(state.frames, keys).argmax(dim=-1)

    def predict(
        self, state: Played, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Played:
        """One frame further under a key."""
        self.capabilities.actions.check(action, (len(state),))
        seen = self.genie.predict(state.seen, self.code(state, action), generator=generator)
        return Played(seen, torch.cat([state.frames[:, 1:], self.genie.decode(seen)[:, None]], dim=1))

    def decode(self, state: Played, *, generator: torch.Generator | None = None) -> Tensor:
        """What the tokenizer draws of the last frame, (B, 3, H, W); the real one before the first step."""
        return state.frames[:, -1]

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """See ``Genie.surprise``; under the latent actions that are inferred.

        The surprise at a frame knows what was done between it and the one before, not what was pressed.
        """
        self.capabilities.check(observations, actions)
        found = self.genie.lam.infer(observations) if observations.shape[1] > 1 else None
        return self.genie.surprise(observations, found)
