"""A JEPA that is told the actions, and can be planned in: a world model without a picture in it.

Encoder and predictor are those of ``models/jepa.py``. Three things make a model to plan in of them:

- the predictor is unrolled: from the first C embeddings of a piece it goes on by itself, guess after guess, under the
  actions that were played, and its error counts at every step (as in V-JEPA 2-AC, arXiv 2506.09985, whose rollout loss
  has two steps; here it has eight);
- an inverse dynamics model (IDM) guesses from two neighbouring embeddings which action lay between them, so that an
  embedding must hold what actions change (Pathak et al. 2017, arXiv 1705.05363; EB-JEPA has the same term);
- a cure for collapse, by default VICReg on all embeddings of the batch. Nothing is stopped, and there is no average.

    loss = mean over k of |guess_k - s_(C + k)|^2 / D + variance + covariance + IDM's cross-entropy in nats

A state is the last C embeddings and the actions between them. The model has no decoder: no loss ever asked it for a
picture, so what it leaves out cannot be drawn, and it says so (``NotCapable``). What its embeddings hold can be looked
at through ``models/frame_decoder.py``, a diffusion model that was trained apart, on embeddings of real frames, and that
no plan and no score ever sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.jepa import JEPA, JEPAConfig
from course_lib.nets.gather import gather_batch

STANDING = 0  # the action that is taken to have been before the first frame: no-op


class ActionJEPAConfig(JEPAConfig):
    """The sizes of a JEPA, and how it is taught to be planned in."""

    cure: Annotated[
        Literal["none", "stop_gradient", "ema", "vicreg", "sigreg"], Field(description="what is done against collapse")
    ] = "vicreg"
    unroll: Annotated[int, Field(ge=1, le=64, description="steps that the predictor goes on by itself")] = 8
    inverse: Annotated[float, Field(ge=0.0, le=1e4, description="weight of the inverse dynamics model")] = 1.0


@dataclass
class LastEmbeddings(State):
    """What an action-conditioned JEPA carries on: the last C embeddings, the oldest first, and what lay between."""

    s: Tensor  # (B, C, D)
    actions: Tensor  # int64 (B, C - 1); under a relaxation shares of them, (B, C - 1, A)


class ActionJEPA(nn.Module):
    """A WorldModel that predicts embeddings under actions. See ``course_lib/contract.py``.

        model = ActionJEPA(ActionJEPAConfig())
        state = model.encode(frames, actions)               # (B, T, 3, H, W), (B, T - 1)
        state = model.predict(state, action)                # int64 (B,)
        embedding(state)                                    # (B, D)
    """

    def __init__(self, config: ActionJEPAConfig) -> None:
        super().__init__()
        self.config, self.jepa = config, JEPA(config)
        self.inverse = nn.Sequential(
            nn.Linear(2 * config.latent, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.actions)
        )

    @property
    def capabilities(self) -> Capabilities:
        """See the contract."""
        side = self.config.frame_size
        return Capabilities(Actions("discrete", self.config.actions), decodes=False, context=self.config.context,
                            frame_size=(side, side), relaxation="shares of the keys")  # fmt: skip

    # ------------------------------------------------------------------------------------------------- the contract

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LastEmbeddings:
        """Perception: the embeddings of the last C frames. Before the first frame the agent is taken to have stood."""
        self.capabilities.check(observations, actions)
        context = self.config.context
        s, past = self._from_standing(self.jepa.encode(observations[:, -context:]), actions)
        return LastEmbeddings(s[:, -context:], past[:, past.shape[1] - (context - 1) :])

    def predict(
        self, state: LastEmbeddings, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LastEmbeddings:
        """Imagination: the predictor's guess becomes the newest embedding."""
        self.capabilities.actions.check(action, (len(state),))
        actions = torch.cat([state.actions, action[:, None].long()], dim=1)  # (B, C)
        guess = self.jepa.predict(state.s, actions)  # (B, D)
        return LastEmbeddings(torch.cat([state.s[:, 1:], guess[:, None]], dim=1), actions[:, 1:])

    def predict_relaxed(self, state: LastEmbeddings, shares: Tensor) -> LastEmbeddings:
        """Imagination under shares of the actions, (B, A), by which it can be differentiated."""
        past = state.actions
        past = past if past.is_floating_point() else F.one_hot(past, self.config.actions).to(shares.dtype)
        actions = torch.cat([past, shares[:, None]], dim=1)  # (B, C, A)
        guess = self.jepa.predict(state.s, actions)  # (B, D)
        return LastEmbeddings(torch.cat([state.s[:, 1:], guess[:, None]], dim=1), actions[:, 1:])

    def decode(self, state: LastEmbeddings, *, generator: torch.Generator | None = None) -> Tensor:
        """Raises NotCapable: there is no way back."""
        raise self.capabilities.refuse_decoding("a JEPA predicts embeddings, and no loss asked for pictures")

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """How far the guess at each frame is from its embedding, squared, mean over the D numbers. (B, T)."""
        self.capabilities.check(observations, actions)
        found = observations.new_full(observations.shape[:2], torch.nan)
        if observations.shape[1] < 2:
            return found
        context = self.config.context
        s, past = self._from_standing(self.jepa.encode(observations), actions)  # (B, C - 1 + T, D), (B, C - 2 + T)
        seen = s.unfold(1, context, 1)[:, :-1].movedim(3, 2)  # (B, T, D, C) -> (B, T - 1, C, D)
        done = past.unfold(1, context, 1)  # (B, T - 1, C)
        guess = self.jepa.predict(seen.flatten(0, 1), done.flatten(0, 1)).unflatten(0, seen.shape[:2])
        found[:, 1:] = (guess - s[:, context:]).square().mean(dim=2)  # (B, T - 1, D)
        return found

    def _from_standing(self, s: Tensor, actions: Tensor | None) -> tuple[Tensor, Tensor]:
        """As if the agent had stood for C - 1 frames before the first: embeddings and actions with that in front."""
        early = self.config.context - 1
        past = torch.full((len(s), early), STANDING, device=s.device)
        return (torch.cat([s[:, :1].expand(-1, early, -1), s], dim=1),
                past if actions is None else torch.cat([past, actions.long()], dim=1))  # fmt: skip

    # ------------------------------------------------------------------------------------------------------ learning

    def unroll(self, s: Tensor, actions: Tensor) -> Tensor:
        """Go on from C embeddings, guess after guess. s: (B, C, D); actions: int64 (B, C - 1 + K) -> (B, K, D)."""
        context = self.config.context
        known = list(s.unbind(dim=1))
        for step in range(actions.shape[1] - context + 1):
            last = torch.stack(known[-context:], dim=1)  # (B, C, D)
            known.append(self.jepa.predict(last, actions[:, step : step + context]))
        return torch.stack(known[context:], dim=1)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The error over the unrolled steps with what the cure and the inverse dynamics model add, and the parts.

        batch: ``{"frames": (B, C + K, 3, H, W) in [0, 1], "actions": int64 (B, C - 1 + K)}``. step is not used. The
        generator draws SIGReg's directions. "named" is the share of actions that the IDM guesses.
        """
        context, actions = self.config.context, batch["actions"]
        s = self.jepa.encode(batch["frames"])  # (B, C + K, D)
        later = s[:, context:].flatten(0, 1)  # (B * K, D)
        targets = self.jepa.targets(batch["frames"][:, context:].flatten(0, 1), later)
        error = (self.unroll(s[:, :context], actions).flatten(0, 1) - targets).square().mean()
        every = gather_batch(s).flatten(0, 1)  # (B * (C + K), D)
        loss, added = self.jepa.regularised(error, every, generator)
        logits = self.inverse(torch.cat([s[:, :-1], s[:, 1:]], dim=2)).flatten(0, 1)  # (B * (C + K - 1), A)
        inverse = F.cross_entropy(logits, actions.flatten())
        named = (logits.argmax(dim=1) == actions.flatten()).float().mean()
        return {"loss": loss + self.config.inverse * inverse, "error": error, "inverse": inverse, "named": named,
                "deviation": every.std(dim=0).mean(), **added}  # fmt: skip

    def after_step(self, step: int, of: int) -> None:
        """Move the target encoder where the cure is a moving average; see ``JEPA.after_step``."""
        self.jepa.after_step(step, of)


def whole_state(state: LastEmbeddings, actions: int = 4) -> Tensor:
    """All that a state holds in one row: its embeddings and the keys between them, (B, C * D + (C - 1) * A).

    actions: how many keys there are, A.
    """
    return torch.cat([state.s.flatten(1), F.one_hot(state.actions, actions).flatten(1).to(state.s.dtype)], dim=1)


def embedding(state: LastEmbeddings) -> Tensor:
    """The newest embedding of a state, (B, D): what a goal is compared with."""
    return state.s[:, -1]
