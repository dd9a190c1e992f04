"""The image world model (IWM, 图像世界模型): what will an encoder say of a picture after a change that is known?

Garrido et al., Learning and Leveraging World Models in Visual Representation Learning, 2024 (arXiv 2403.00504),
section 3. It is I-JEPA's architecture, asked for more than missing parts: source and target are two versions of one
picture, and the predictor is given the action that leads from one to the other.

    1. a picture x is the source; an action a (``nets/transforms.py``: four changes of colour and a shift) makes the
       target, T_a x
    2. the target encoder f' sees the whole target; each token, normalised over its channels, is to be guessed
    3. the context encoder f sees a part of the source's patches
    4. the predictor g is given what f says, a mask token where nothing was seen, and the action; it answers at every
       place. Without conditioning (条件) it does not know the action and can only guess an average
    5. the loss is the smooth L1 distance of guess and target, and f' follows f as in I-JEPA

An encoder whose answer does not change with a is *invariant* (不变); one whose answer changes in a way that g can
compute from a is *equivariant* (等变).

Departures from the paper: the source is the clean picture in training too, and the target is the changed one; there the
source is changed further than the target, with blur, grey and solarisation among the changes, and the clean picture is
the source only when the predictor is asked. The shift is the course's own. The predictor
answers at all places, not at masked ones only; source and mask tokens stand at their places once, as in a masked
autoencoder's decoder. The action goes into every token by an MLP over the token and the action, and not into mask
tokens alone (their "feature conditioning"; their "sequence conditioning" gives it as tokens of its own). Masks are
patches drawn at random.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.base import Layers, PositiveInt
from course_lib.models.i_jepa import IJEPA, PredictorConfig, batch_deviation, normalised_tokens
from course_lib.nets import chance
from course_lib.nets.attention import Block
from course_lib.nets.ema import with_average
from course_lib.nets.patches import sincos_2d
from course_lib.nets.transforms import NAMES, draw_actions, transform
from course_lib.nets.vit import ViT


class IWMConfig(PredictorConfig):
    """The sizes of one image world model. The default is the paper's equivariant one: ViT-B/16, predictor 18 x 384."""

    width: PositiveInt = 768
    depth: Layers = 12
    heads: PositiveInt = 12
    predictor_depth: Layers = 18
    predictor_heads: PositiveInt = 12
    conditioned: Annotated[bool, Field(description="whether the predictor is given the action")] = True
    dropped: Annotated[float, Field(ge=0.0, lt=1.0, description="largest share of the source that is not seen")] = 0.4
    still: Annotated[float, Field(ge=0.0, le=1.0, description="share of the actions without a shift")] = 0.5
    plain: Annotated[float, Field(ge=0.0, le=1.0, description="share of them without a change of colour")] = 0.1

    @model_validator(mode="after")
    def _shares_fit(self) -> IWMConfig:
        if self.still + self.plain > 1.0:
            raise ValueError(f"still is {self.still:g} and plain {self.plain:g}: shares of one whole")
        return self


class ActionPredictor(nn.Module):
    """g: a small ViT that is given the features of what was seen, and the action.

    Features (B, K, D), their places int64 (B, K), actions (B, 6) -> guesses at every place (B, N, D).
    """

    def __init__(self, config: IWMConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.conditioned = config.conditioned
        self.to_predictor = nn.Linear(config.width, width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(width))
        self.register_buffer("places", sincos_2d(config.frame_size // config.patch, width), persistent=False)
        self.action = nn.Linear(len(NAMES), 2 * width)
        self.mix = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.blocks = nn.ModuleList(Block(width, config.predictor_heads) for _ in range(config.predictor_depth))
        self.norm = nn.LayerNorm(width)
        self.to_encoder = nn.Linear(width, config.width)

    def forward(self, features: Tensor, seen: Tensor, action: Tensor) -> Tensor:
        """See the class."""
        known = self.to_predictor(features)  # (B, K, width)
        x = self.mask_token.to(known).expand(len(known), len(self.places), -1)
        x = x.scatter(1, seen[..., None].expand(-1, -1, known.shape[2]), known) + self.places  # (B, N, width)
        given = self.action(action if self.conditioned else torch.zeros_like(action))  # (B, 2 width)
        x = x + self.mix[2](self.mix[1](self.mix[0](x) + given[:, None]))
        for block in self.blocks:
            x = block(x)
        return self.to_encoder(self.norm(x)).float()


class IWM(nn.Module):
    """Context encoder, target encoder and predictor.

        model = IWM(IWMConfig())
        guess = model.predict(x, action)              # x: (B, 3, 224, 224) in [0, 1], action: (B, 6) in [-1, 1]
        target = model.targets(transform(x, action))  # (B, 196, 768) both: what the guess is held against
    """

    def __init__(self, config: IWMConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.target_encoder = with_average(
            lambda: ViT(config.frame_size, config.patch, config.width, config.depth, config.heads)
        )
        self.predictor = ActionPredictor(config)

    encode = IJEPA.encode  # what the target encoder says of every patch: (..., 3, H, W) -> (..., N, D)
    after_step = IJEPA.after_step  # the target encoder follows, less and less

    def predict(self, frames: Tensor, action: Tensor, seen: Tensor | None = None) -> Tensor:
        """Guesses at ``targets`` of the changed frames. (B, 3, H, W), (B, 6) -> (B, N, D).

        seen: int64 (B, K), the patches of the source that are seen; None for all of them. One picture with many
        actions is encoded once: frames (1, 3, H, W) go with any number of actions.
        """
        if seen is None:
            seen = torch.arange(self.config.patches, device=frames.device).expand(len(frames), -1)
        features = self.encoder.features(frames, seen)
        if len(frames) == 1:
            features, seen = features.expand(len(action), -1, -1), seen.expand(len(action), -1)
        return self.predictor(features, seen, action)

    @torch.no_grad()
    def targets(self, frames: Tensor) -> Tensor:
        """What is to be guessed: the target encoder's tokens of changed frames, each with mean 0 and variance 1 over
        its channels. (B, 3, H, W) -> (B, N, D), without a gradient."""
        return normalised_tokens(self.encode(frames))

    def draw_seen(self, batch: int, generator: torch.Generator) -> Tensor:
        """Which patches of the source are seen, int64 (B, K), ascending: K is drawn once for the batch, the patches
        for each picture."""
        patches = self.config.patches
        share = self.config.dropped * float(torch.rand((), generator=generator))
        keep = max(1, round(patches * (1.0 - share)))
        noise = chance.uniform((batch, patches), generator)
        return noise.argsort(dim=1)[:, :keep].sort(dim=1).values

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The smooth L1 distance between guesses and targets, and the deviation of the features, as in I-JEPA.

        batch: ``{"frames": (B, 3, H, W) in [0, 1]}``. step is not used.
        """
        frames = batch["frames"]
        action = draw_actions(len(frames), generator, still=self.config.still, plain=self.config.plain).to(frames)
        seen = self.draw_seen(len(frames), generator).to(frames.device)
        with torch.no_grad():
            features = self.encode(transform(frames, action))
            targets, deviation = normalised_tokens(features), batch_deviation(features)
        return {"loss": F.smooth_l1_loss(self.predict(frames, action, seen), targets), "deviation": deviation}
