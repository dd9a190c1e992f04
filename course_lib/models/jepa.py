"""A joint-embedding predictive architecture (联合嵌入预测架构, JEPA) on films, and what keeps it from collapsing.

LeCun, A Path Towards Autonomous Machine Intelligence, 2022, sections 4.3 to 4.5. The names are the paper's: an encoder
makes s_x of what has been seen and s_y of what comes next; a predictor makes a guess at s_y from s_x and z, where z is
what x does not say. Here z is the action. The energy of a pair is the guess's error,

    E(x, y, z) = | s_y - Pred(s_x, z) |^2 / D,      F(x, y) = min over z of E(x, y, z).

Minimising E alone has a perfect answer that is worthless: an encoder that maps every frame to the same point. ``cure``
says what is done about it:

- none: both encoders learn from the error;
- stop_gradient: the target s_y is taken as it is, only the guess learns (Chen & He 2021, SimSiam, arXiv 2011.10566);
- ema: the target comes from an exponential moving average of the encoder (Grill et al. 2020, BYOL, arXiv 2006.07733;
  I-JEPA, arXiv 2301.08243);
- contrastive: each guess is to find its own target among those of the batch (InfoNCE; van den Oord et al. 2018, arXiv
  1807.03748), by cosine similarity;
- vicreg, sigreg: a regulariser on all embeddings of the batch (``nets/regularisers.py``).

Departures: both branches share one encoder that sees one frame at a time, so the predictor is given the embeddings of
two frames (one says where things are, two say how fast); VICReg's weights are the paper's 25, 25 and 1, divided by 25.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, get_args

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.base import ModelConfig, PositiveInt, Sizes
from course_lib.models.clip import symmetric_loss
from course_lib.nets.ema import update_average
from course_lib.nets.gather import gather_batch
from course_lib.nets.regularisers import covariance_term, random_directions, sigreg, variance_term

Cure = Literal["none", "stop_gradient", "ema", "contrastive", "vicreg", "sigreg"]
CURES: tuple[Cure, ...] = get_args(Cure)


class JEPAConfig(ModelConfig):
    """The sizes of one JEPA, and its cure for collapse. Each convolution halves the frame."""

    frame_size: Literal[32, 64] = 32
    channels: Sizes = (16, 32, 64)
    hidden: PositiveInt = 256  # of the encoder's head, and of the predictor
    latent: Annotated[  # VICReg's covariance matrix is (D, D)
        int, Field(ge=1, le=4096, description="numbers of an embedding, D")
    ] = 64
    actions: Annotated[int, Field(ge=1, le=256, description="keys that there are")] = 4
    context: Annotated[int, Field(ge=1, le=8, description="frames that the predictor is given")] = 2
    cure: Annotated[Cure, Field(description="what is done against collapse")] = "vicreg"
    momentum: Annotated[
        float, Field(ge=0.0, le=1.0, description="of the average at the first step; it rises to 1 (cure ema)")
    ] = 0.99
    temperature: Annotated[float, Field(gt=0.0, le=100.0, description="of the similarities (contrastive)")] = 0.1
    variance: Annotated[float, Field(ge=0.0, le=1e4, description="weight of the variance (vicreg)")] = 1.0
    covariance: Annotated[float, Field(ge=0.0, le=1e4, description="weight of the covariance (vicreg)")] = 0.04
    normality: Annotated[float, Field(ge=0.0, le=1e4, description="weight of the statistic (sigreg)")] = 0.05
    slices: Annotated[int, Field(ge=1, le=4096, description="directions of a step (sigreg)")] = 64


class ConvolutionalFrameEncoder(nn.Module):
    """A frame as one embedding: convolutions of stride 2, then two linear layers. (B, 3, H, W) in [0, 1] -> (B, D)."""

    def __init__(self, config: JEPAConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in pairwise((3, *config.channels)):
            layers += [nn.Conv2d(inside, outside, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        side = config.frame_size // 2 ** len(config.channels)
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(config.channels[-1] * side**2, config.hidden), nn.ReLU(),
            nn.Linear(config.hidden, config.latent),
        )  # fmt: skip
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        return self.layers(2.0 * frames - 1.0).float()


class LatentPredictor(nn.Module):
    """The next embedding from the last ones and the actions: the last embedding, and a correction by an MLP.

    (B, C, D), int64 (B, C) -> (B, D), where the last action leads to the frame that is predicted. Instead of actions it
    takes shares of them, float (B, C, A), by which a plan can be differentiated.
    """

    def __init__(self, config: JEPAConfig) -> None:
        super().__init__()
        self.actions = config.actions
        self.layers = nn.Sequential(
            nn.Linear(config.context * (config.latent + config.actions), config.hidden), nn.ReLU(),
            nn.Linear(config.hidden, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.latent),
        )  # fmt: skip

    def forward(self, s: Tensor, actions: Tensor) -> Tensor:
        """See the class."""
        given = actions if actions.is_floating_point() else F.one_hot(actions, self.actions).to(s.dtype)  # (B, C, A)
        return s[:, -1] + self.layers(torch.cat([s, given], dim=2).flatten(1))  # (B, C, D + A) -> (B, C * (D + A))


class JEPA(nn.Module):
    """Encoder, predictor, and a target encoder where the cure is a moving average.

        jepa = JEPA(JEPAConfig(cure="vicreg"))
        s = jepa.encode(frames)                        # (B, T, 3, H, W) in [0, 1] -> (B, T, D)
        guess = jepa.predict(s[:, -2:], actions)       # int64 (B, 2) -> (B, D)
    """

    def __init__(self, config: JEPAConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.predictor = ConvolutionalFrameEncoder(config), LatentPredictor(config)
        if config.cure == "ema":
            self.target_encoder = ConvolutionalFrameEncoder(config).requires_grad_(False)
            self.target_encoder.load_state_dict(self.encoder.state_dict())

    def encode(self, frames: Tensor) -> Tensor:
        """Embeddings of frames, each by itself. (B, T, 3, H, W) in [0, 1] -> (B, T, D).

        Raises ValueError where these are no such frames.
        """
        size = self.config.frame_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size) or not frames.is_floating_point():
            raise ValueError(f"float frames (B, T, 3, {size}, {size}) wanted, got {frames.dtype} {tuple(frames.shape)}")
        return self.encoder(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])  # (B * T, D) -> (B, T, D)

    def predict(self, s: Tensor, actions: Tensor) -> Tensor:
        """A guess at the next embedding. s: (B, C, D) of the last C frames; actions: int64 (B, C), the last of which
        leads to the frame that is predicted -> (B, D)."""
        return self.predictor(s, actions)

    def energies(self, frames: Tensor, actions: Tensor) -> Tensor:
        """E(x, y, z) for every action z that could have led to the last frame. -> (B, A).

        frames: (B, C + 1, 3, H, W) in [0, 1], the last is y. actions: int64 (B, C - 1) or more, those before it.
        """
        context, count = self.config.context, self.config.actions
        s = self.encode(frames)  # (B, C + 1, D)
        before = actions[:, : context - 1, None].expand(-1, -1, count)  # (B, C - 1, A)
        tried = torch.arange(count, device=s.device).expand(len(s), 1, count)  # (B, 1, A): the last action
        every = torch.cat([before, tried], dim=1).movedim(1, 2).flatten(0, 1)  # (B, C, A) -> (B * A, C)
        guess = self.predict(s[:, :-1].repeat_interleave(count, dim=0), every)  # (B * A, D)
        return (guess.unflatten(0, (-1, count)) - s[:, -1:]).square().mean(dim=2)  # (B, A, D) -> (B, A)

    def targets(self, frames: Tensor, s: Tensor) -> Tensor:
        """What is to be predicted, s_y, as the cure has it. frames: y, (B, 3, H, W); s: its embedding (B, D)."""
        if self.config.cure == "ema":
            with torch.no_grad():
                return self.target_encoder(frames)
        return s.detach() if self.config.cure == "stop_gradient" else s

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The error of the guess with what the cure adds to it, its parts, and the embeddings' standard deviation.

        batch: ``{"frames": (B, C + 1, 3, H, W) in [0, 1], "actions": int64 (B, C)}``. step is not used. The generator
        draws SIGReg's directions. In several processes the terms over the batch see the rows of all of them.
        """
        config = self.config
        s = self.encode(batch["frames"])  # (B, C + 1, D)
        guess, target = self.predict(s[:, :-1], batch["actions"]), self.targets(batch["frames"][:, -1], s[:, -1])
        error = (guess - target).square().mean()
        every = gather_batch(s).flatten(0, 1)  # (B, C + 1, D) -> (B * (C + 1), D)
        parts = {"error": error, "deviation": every.std(dim=0).mean()}
        if config.cure == "contrastive":
            guesses, found = (F.normalize(gather_batch(each), dim=1) for each in (guess, target))
            loss = parts["contrast"] = symmetric_loss(guesses @ found.T / config.temperature)  # (B, B)
        else:
            loss, added = self.regularised(error, every, generator)
            parts |= added
        return {"loss": loss, **parts}

    def regularised(
        self, error: Tensor, every: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """An error with what VICReg or SIGReg adds to it, and the terms added; the other cures add none.

        every: all embeddings of the batch, (M, D). The generator draws SIGReg's directions.
        """
        config = self.config
        if config.cure == "vicreg":
            terms = {"variance": variance_term(every), "covariance": covariance_term(every)}
            return error + config.variance * terms["variance"] + config.covariance * terms["covariance"], terms
        if config.cure == "sigreg":
            if generator is None:
                raise ValueError("sigreg draws directions: it needs a generator")
            terms = {"normality": sigreg(every, random_directions(config.latent, config.slices, generator).to(every))}
            return error + config.normality * terms["normality"], terms
        return error, {}

    @torch.no_grad()
    def after_step(self, step: int, of: int) -> None:
        """Move the target encoder a little towards the encoder, less and less: the momentum rises to 1 as in I-JEPA."""
        if self.config.cure == "ema":
            momentum = self.config.momentum + (1.0 - self.config.momentum) * (step + 1) / of
            update_average(self.target_encoder, self.encoder, momentum)
