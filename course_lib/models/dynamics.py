"""Genie's dynamics model: from the tokens of past frames and a latent action to the tokens of the next frame.

Bruce et al., Genie, 2024 (arXiv 2402.15391), section 2, "Dynamics model"; MaskGIT: Chang et al. 2022 (arXiv
2202.04200), sections 3.1 and 3.2. A decoder-only space-time transformer with a vocabulary of K codes and one sign more,
the mask:

    training   some tokens of the later frames are hidden, and the model says which they were; only those count
    making     the next frame begins all hidden; in each of S steps every hidden token is guessed, the guesses of which
               the model is surest are kept, and the rest is hidden again

A frame of 64 tokens is made in S decoding steps instead of 64. In step s of S a share cos(pi/2 * s / S) stays hidden:
few tokens are fixed at first, when little is known, and many at the end.

The latent action enters as a vector that is added to every token of the frame that it leads to ("added", the paper), or
as one more token in front of that frame ("prepended", as jasmine reports it to be essential on CoinRun).

Departures, all in the configuration: each frame of a film has its own rate of hiding, and some films show their past
whole (``clean``), because a small model in a short training otherwise seldom sees the past that it has in play.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt, check_heads, check_hidden
from course_lib.nets import chance
from course_lib.nets.space_time import Memory, SpaceTimeTransformer

Keep = Literal["random", "surest"]


class DynamicsConfig(ModelConfig):
    """The sizes of one dynamics model. codes: of the tokenizer; tokens: of a frame; actions: latent ones."""

    codes: Annotated[int, Field(ge=2, le=65_536)] = 512
    tokens: PositiveInt = 64
    actions: PositiveInt = 8
    frames: Annotated[
        int, Field(ge=2, le=1024, description="the most that it looks back on, the next one included")
    ] = 16
    width: PositiveInt = 128
    layers: Layers = 4
    heads: PositiveInt = 4
    head_size: Annotated[
        int | None, Field(ge=1, le=1024, description="channels of a key; null for width / heads")
    ] = None
    hidden: Annotated[float, Field(gt=0.0, le=64.0, description="inside the feed-forward, in widths")] = 4.0
    action: Annotated[Literal["added", "prepended"], Field(description="how an action enters")] = "added"
    least: Annotated[float, Field(ge=0.0, lt=1.0, description="the smallest share that is hidden in training")] = 0.5
    clean: Annotated[float, Field(ge=0.0, le=1.0, description="share of the films whose past is shown whole")] = 0.5

    @model_validator(mode="after")
    def _fits(self) -> DynamicsConfig:
        if self.head_size is None:
            check_heads("heads", self.heads, "width", self.width)
        check_hidden(self.hidden, self.width)
        return self


def cosine_share(step: int, steps: int) -> float:
    """The share of tokens that is still hidden after step 1, 2, ... steps of making a frame: cos(pi/2 * step / steps).

    MaskGIT, section 3.2: concave, so that few tokens are fixed early. 0 after the last step.
    """
    return math.cos(0.5 * math.pi * step / steps) if step < steps else 0.0


def falling_share(step: int, steps: int) -> float:
    """The same for a world in which nearly all of a frame is certain: 0.4^(step + 1), 0 after the last step.

    Most tokens are known at once, and the few that are left agree with each other because few are fixed together.
    """
    return 0.4 ** (step + 1) if step < steps else 0.0


class Dynamics(nn.Module):
    """Tokens of frames 0 to t and the actions between them -> logits for the tokens of frame t + 1.

        dynamics = Dynamics(DynamicsConfig())
        logits = dynamics(index, actions, mask)           # (B, T, N), (B, T - 1), (B, T, N) -> (B, T, N, K)
        past = dynamics.remember(index, actions)          # a film so far
        frame = dynamics.make(past, action, generator)    # the next frame's tokens, (B, N)
    """

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.codes + 1, config.width)  # the last one is the mask
        self.act = nn.Embedding(config.actions + 1, config.width)  # the last one leads to a film's first frame
        # Not the usual 0.02: what the first blocks add would drown so small a vector, and a small model in a short
        # training then takes hundreds of steps to notice its input.
        nn.init.normal_(self.token.weight, std=0.5)
        nn.init.normal_(self.act.weight, std=0.5)
        self.stack = SpaceTimeTransformer(
            config.width, config.layers, config.heads, frames=config.frames,
            places=config.tokens + (config.action == "prepended"), hidden=round(config.hidden * config.width),
            head_size=config.head_size,
        )  # fmt: skip
        self.out = nn.Linear(config.width, config.codes)

    # ------------------------------------------------------------------------------------------------------ one pass

    def embed(self, index: Tensor, actions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens as vectors, with the action that led to each frame. (B, S, N), (B, S), (B, S, N) -> (B, S, N', D).

        actions: ``config.actions`` for "a film begins here". N' is N, or N + 1 with a prepended action.
        """
        shown = index if mask is None else index.masked_fill(mask, self.config.codes)
        x, action = self.token(shown), self.act(actions)[:, :, None]  # (B, S, N, D), (B, S, 1, D)
        return x + action if self.config.action == "added" else torch.cat([action, x], dim=2)

    def read(self, y: Tensor) -> Tensor:
        """What the stack answers as logits, (B, S, N', D) -> (B, S, N, K)."""
        return self.out(y[:, :, -self.config.tokens :]).float()

    def forward(self, index: Tensor, actions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits for every token of a film. index: (B, T, N), actions: (B, T - 1), mask: (B, T, N) of hidden tokens."""
        return self.read(self.stack(self.embed(index, self.with_beginning(actions), mask)))

    def with_beginning(self, actions: Tensor) -> Tensor:
        """The action that led to each frame, (B, T - 1) -> (B, T): nothing led to the first."""
        return F.pad(actions.long(), (1, 0), value=self.config.actions)

    # ------------------------------------------------------------------------------------------------------ learning

    def hide(self, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
        """Draw what is hidden, and asked for, in films of tokens: booleans (B, T, N). The first frame never is.

        Every frame has a rate drawn evenly between ``least`` and 1, each of its tokens is hidden with that
        probability. In a share ``clean`` of the films the last frame alone is hidden: so it is in play.
        """
        b, t, n = shape
        rate = self.config.least + (1.0 - self.config.least) * chance.uniform((b, t, 1), generator)
        mask = chance.uniform(shape, generator) < rate
        mask[:, 0] = False
        alone = chance.uniform((b, 1, 1), generator) < self.config.clean
        last = torch.arange(t, device=mask.device)[None, :, None] == t - 1
        return mask & (last | ~alone)

    def loss(
        self, index: Tensor, actions: Tensor, generator: torch.Generator, shown: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Cross-entropy of the hidden tokens in nats, and the share of them that is guessed.

        index: (B, T, N), actions: (B, T - 1). shown: what the model is shown instead of ``index``, (B, T, N), where the
        past has mistakes in it (``models/corruption.py``); what is asked for stays ``index``.
        """
        mask = self.hide(tuple(index.shape), generator)
        logits = self(index if shown is None else shown, actions, mask)[mask]  # (M, K)
        wanted = index[mask]
        right = (logits.argmax(dim=-1) == wanted).float().mean()
        return {"loss": F.cross_entropy(logits, wanted), "right": right}

    # ------------------------------------------------------------------------------------------------------- playing

    def remember(self, index: Tensor, actions: Tensor) -> Memory:
        """The memory of a film so far. index: (B, S, N), actions: (B, S - 1); S below ``frames``."""
        return self.stack.extend(self.embed(index, self.with_beginning(actions)))[1]

    def add(self, memory: Memory, index: Tensor, action: Tensor) -> Memory:
        """The memory with one frame more. index: (B, N), action: (B,)."""
        return self.stack.extend(self.embed(index[:, None], action.long()[:, None]), memory)[1]

    def guess(self, memory: Memory, action: Tensor, index: Tensor, mask: Tensor) -> Tensor:
        """Logits for the next frame, of which some tokens are known. index, mask: (B, N) -> (B, N, K)."""
        x = self.embed(index[:, None], action.long()[:, None], mask[:, None])
        return self.read(self.stack.extend(x, memory)[0])[:, 0]

    @torch.no_grad()
    def make(
        self, memory: Memory, action: Tensor, generator: torch.Generator | None = None, *, steps: int = 8,
        temperature: float = 1.0, min_p: float = 0.0, keep: Keep = "random",
        on_step: Callable[[Tensor, Tensor], object] | None = None,
    ) -> Tensor:  # fmt: skip
        """The tokens of the next frame in ``steps`` decoding steps, (B, N). action: (B,).

        on_step: called after each look with the tokens and with the mask of those that are still hidden, (B, N) each.

        Without a generator each token is the likeliest one, with one it is drawn at the temperature. min_p: a token is
        not drawn whose probability is less than this share of the likeliest one's (min-p sampling, Nguyen et al. 2024,
        arXiv 2407.01082): hundreds of unlikely tokens are together likely enough to spoil a frame in every few.

        keep: which guesses are kept, always by the probability of what was drawn. "random": with Gumbel noise that
        cools down where there is a generator, and as many as ``cosine_share`` leaves (MaskGIT's program). "surest":
        without noise, and as many as ``falling_share`` leaves, a departure. Raises ValueError for fewer than one step,
        a temperature not above 0, or a share outside 0 to 1.
        """
        if steps < 1 or not temperature > 0 or not 0 <= min_p <= 1:
            raise ValueError(
                f"a frame needs at least 1 step, a temperature above 0 and min_p from 0 to 1, not {steps}, "
                f"{temperature}, {min_p}"
            )
        count = self.config.tokens
        index = torch.zeros(len(action), count, dtype=torch.long, device=action.device)
        mask = torch.ones_like(index, dtype=torch.bool)
        for step in range(1, steps + 1):
            logits = self.guess(memory, action, index, mask)
            if generator is None:
                drawn = logits.argmax(dim=-1)
            else:
                heated = logits / temperature  # (B, N, K)
                least = heated.amax(dim=-1, keepdim=True) + math.log(max(min_p, 1e-30))
                noisy = heated + chance.gumbel(logits.shape, generator)
                drawn = noisy.masked_fill(heated < least, -torch.inf).argmax(dim=-1)
            index = torch.where(mask, drawn, index)
            sure = logits.log_softmax(dim=-1).gather(-1, index[..., None])[..., 0]  # (B, N)
            if generator is not None and keep == "random":
                sure = sure + temperature * (1.0 - step / steps) * chance.gumbel(sure.shape, generator)
            sure = sure.masked_fill(~mask, torch.inf)  # what is known stays known
            share = cosine_share(step, steps) if keep == "random" else falling_share(step, steps)
            left = min(int(share * count), count - step)  # at least one more is known each time
            mask = torch.zeros_like(mask).scatter(1, sure.argsort(dim=1)[:, : max(left, 0)], True)
            if on_step is not None:
                on_step(index, mask)
        return index
