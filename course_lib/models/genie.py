"""Genie: a world learned from films alone, and played with latent actions (交互式世界).

Bruce et al., Genie: Generative Interactive Environments, 2024 (arXiv 2402.15391), section 2. Three parts, each in a
file of its own:

    tokenizer             a frame becomes 64 whole numbers                      models/tokenizer.py
    latent action model   two frames become one of 8 actions                    models/lam.py
    dynamics              past tokens and an action become the next tokens      models/dynamics.py

Training looks at films alone: first the tokenizer learns, then the latent action model and the dynamics, which sees the
actions with a stopped gradient. In play the latent action model is thrown away, all but the numbers of its codes: the
player chooses one of 8.

Departures: the latent action model is trained before the dynamics and not beside it. No gradient goes from one to the
other in the paper either, so the dynamics here learns from actions that keep their meaning. Codes enter the dynamics
by their number, through an embedding of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities, LatentTable, State
from course_lib.models.base import ModelConfig, fresh
from course_lib.models.dynamics import Dynamics, DynamicsConfig, Keep
from course_lib.models.lam import LatentActionConfig, LatentActionModel
from course_lib.models.tokenizer import TokenizerConfig, VideoTokenizer
from course_lib.worlds.scenes import check_trainable

REAL_ACTIONS = 4  # of the Playground, for the table


class GenieConfig(ModelConfig):
    """The sizes of the three parts. steps, temperature: of making a frame, where the caller does not say."""

    tokenizer: TokenizerConfig = TokenizerConfig()
    lam: LatentActionConfig = LatentActionConfig()
    dynamics: DynamicsConfig = DynamicsConfig()
    steps: Annotated[int, Field(ge=1, le=1024, description="decoding steps of a frame")] = 8
    temperature: Annotated[float, Field(gt=0.0, le=1e6, description="of a draw")] = 1.0
    min_p: Annotated[
        float, Field(ge=0.0, le=1.0, description="share of the likeliest token's probability below which none is drawn")
    ] = 0.0
    keep: Annotated[Keep, Field(description="which guesses a decoding step keeps, see Dynamics.make")] = "random"
    table_from: Annotated[str, Field(description="films with known actions that the table of codes was read off")] = ""

    @field_validator("table_from")
    @classmethod
    def _may_be_read_off(cls, place: str) -> str:
        if place:
            name, _, split = place.partition("/")
            if split != "train":
                raise ValueError("write a film set and the split train, as in goal/train, or nothing for no table")
            check_trainable(name, split)  # an unknown set, or one that is kept for questions about generalisation
        return place

    @property
    def frame_size(self) -> int:
        """Pixels on a side, of all parts."""
        return self.tokenizer.frame_size

    @model_validator(mode="after")
    def _fits(self) -> GenieConfig:
        wanted = {"codes": self.tokenizer.number_of_codes, "tokens": self.tokenizer.tokens, "actions": self.lam.codes}
        for name, value in wanted.items():
            if getattr(self.dynamics, name) != value:
                raise ValueError(f"dynamics.{name} is {getattr(self.dynamics, name)}, the other parts have {value}")
        if self.tokenizer.frame_size != self.lam.frame_size:
            raise ValueError(f"frames of {self.tokenizer.frame_size} and of {self.lam.frame_size} pixels: choose one")
        return self


@dataclass(eq=False)
class Seen(State):
    """The last frames as tokens, (B, S, N), and the latent action that led to each, (B, S), in a bounded window."""

    tokens: Tensor
    actions: Tensor


class Genie(nn.Module):
    """The three parts as one world model.

    Its actions are latent ones. The table from the Playground's four keys to them was found by looking at films whose
    keys are known (``config.table_from``), because the exam presses keys; the model itself never saw a key.
    """

    def __init__(self, config: GenieConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer, self.lam = VideoTokenizer(config.tokenizer), LatentActionModel(config.lam)
        self.dynamics = Dynamics(config.dynamics)
        self.dynamics.register_buffer("table", torch.full((REAL_ACTIONS,), -1))  # -1: nobody has looked yet

    @property
    def capabilities(self) -> Capabilities:
        """See the contract."""
        known, size = self.dynamics.table.tolist(), self.config.tokenizer.frame_size
        table = LatentTable(tuple(known), self.config.table_from) if min(known) >= 0 else None
        return Capabilities(Actions("latent", self.config.lam.codes, table), decodes=True, frame_size=(size, size),
                            context=self.config.dynamics.frames - 1)  # fmt: skip

    def untrained(self, seed: int = 1) -> Genie:
        """The same tokens, actions and table, and a dynamics that has learned nothing."""
        twin = fresh(Genie, self.config, seed)
        twin.tokenizer.load_state_dict(self.tokenizer.state_dict())
        twin.lam.load_state_dict(self.lam.state_dict())
        twin.dynamics.table.copy_(self.dynamics.table)
        return twin.eval()

    # ------------------------------------------------------------------------------------------------- the contract

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Seen:
        """Look at films: their last frames as tokens. Nothing is drawn."""
        self.capabilities.check(observations, actions)
        index = self.tokenizer.tokens(observations)  # (B, T, N)
        led = self.dynamics.with_beginning(self._none(index) if actions is None else actions)  # (B, T)
        return self._last(Seen(index, led))

    def predict(
        self, state: Seen, action: Tensor | None = None, *, generator: torch.Generator | None = None,
        steps: int | None = None, temperature: float | None = None,
    ) -> Seen:  # fmt: skip
        """One frame further, in a few decoding steps; the likeliest tokens without a generator."""
        self.capabilities.actions.check(action, (len(state),))
        memory = self.dynamics.remember(state.tokens, state.actions[:, 1:])
        made = self.dynamics.make(memory, action, generator, steps=steps or self.config.steps,
                                  temperature=temperature or self.config.temperature,
                                  min_p=self.config.min_p, keep=self.config.keep)  # fmt: skip
        tokens = torch.cat([state.tokens, made[:, None]], dim=1)
        return self._last(Seen(tokens, torch.cat([state.actions, action.long()[:, None]], dim=1)))

    def decode(self, state: Seen, *, generator: torch.Generator | None = None) -> Tensor:
        """What the tokenizer draws of the last frame, (B, 3, H, W)."""
        return self.tokenizer.frames_of(state.tokens[:, -1:])[:, 0]

    @torch.no_grad()
    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None,
        first: int = 1,
    ) -> Tensor:  # fmt: skip
        """-log p of a frame's tokens, all hidden at once, given the frames before it, in nats; NaN before frame
        ``first``.

        Hidden at once, the tokens are predicted each by itself, so this is an upper bound of what a model that makes
        the frame bit by bit would say.
        """
        self.capabilities.check(observations, actions)
        index = self.tokenizer.tokens(observations)
        actions = self._none(index) if actions is None else actions.long()
        result = torch.full(index.shape[:2], torch.nan, device=index.device)
        hidden = torch.ones_like(index[:, 0], dtype=torch.bool)
        for t in range(first, index.shape[1]):
            oldest = max(0, t - self.config.dynamics.frames + 1)
            memory = self.dynamics.remember(index[:, oldest:t], actions[:, oldest : t - 1])
            logits = self.dynamics.guess(memory, actions[:, t - 1], index[:, t], hidden).log_softmax(dim=-1)
            result[:, t] = -logits.gather(-1, index[:, t, :, None])[..., 0].sum(dim=-1)
        return result

    def _none(self, index: Tensor) -> Tensor:
        return index.new_zeros(len(index), index.shape[1] - 1)

    def _last(self, state: Seen) -> Seen:
        """The frames that the dynamics can look back on when it makes one more; nothing led to the first of them."""
        kept = self.config.dynamics.frames - 1
        tokens, actions = state.tokens[:, -kept:], state.actions[:, -kept:].clone()
        actions[:, 0] = self.config.dynamics.actions
        return Seen(tokens, actions)

    # ------------------------------------------------------------------------------------------------------ learning

    def loss_tokenizer(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Phase 1; see ``VideoTokenizer.loss``."""
        return self.tokenizer.loss(batch, step, generator)

    def loss_lam(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Phase 2, first half; see ``LatentActionModel.loss``."""
        return self.lam.loss(batch, step, generator)

    def loss_dynamics(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Phase 2, second half. batch: tokens and the tokens that are shown, int64 (B, T, N) each, and latent actions
        int64 (B, T - 1)."""
        return self.dynamics.loss(batch["tokens"], batch["actions"], generator, batch.get("shown"))
