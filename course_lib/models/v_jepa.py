"""V-JEPA (视频联合嵌入预测架构): from a part of a film, what an encoder says about the hidden parts is predicted.

Bardes et al., Revisiting Feature Prediction for Learning Visual Representations from Video, 2024 (arXiv 2404.08471),
section 3. It is I-JEPA (``i_jepa.py``) on films, with four differences:

    1. a token is a *tubelet*: 2 frames of a patch (``nets/film_vit.py``), and all tokens of a film attend to each other
    2. what is hidden is hidden in all frames (``nets/tubes.py``). Each film is shown twice in a step, once with many
       small blocks hidden (short-range) and once with few large ones (long-range); the target encoder sees it once
    3. the predictor is asked for all that is hidden at once
    4. the loss is the L1 distance, whose best guess is the median

Everything else is I-JEPA's: no gradient into the targets, each token normalised over its channels, the target encoder
as a slow copy whose momentum rises (from 0.998) to 1. After training the target encoder is what is evaluated. No key
that was pressed is ever given.

``surprise`` asks the predictor about the future: of every window of frames the past tubelets are shown whole, and the
last one is to be guessed. Its error is the surprise (Garrido et al., Intuitive physics understanding emerges from
self-supervised pretraining on natural videos, 2025, arXiv 2502.11831); nothing later than the frame is used.

Departures from the paper and its program (facebookresearch/jepa): those of ``i_jepa.py`` and ``nets/tubes.py``; one
mask token for both kinds of masks, where the program learns one each; a clip of 8 frames, all one after another, where
the paper takes 16, every fourth; no crops; the third kind of mask, future, is the course's own and is off by default.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities
from course_lib.models.i_jepa import (
    IJEPA,
    MaskedPredictor,
    Momentum,
    PredictorConfig,
    batch_deviation,
    normalised_tokens,
)
from course_lib.nets.ema import with_average
from course_lib.nets.film_vit import FilmViT, film_places
from course_lib.nets.masks import Masking, Masks
from course_lib.nets.tubes import FutureMasks, TubeMasks, future_masks

Kind = Literal["short", "long", "future"]
BLOCKS = {"short": (8, 0.15), "long": (2, 0.7)}  # how many, and the share of the picture that each covers


class VJEPAConfig(PredictorConfig):
    """The sizes of one V-JEPA, and its masks. The default is the paper's largest at 224 pixels: ViT-H/16."""

    length: Annotated[int, Field(ge=2, le=32, description="frames of a clip")] = 16
    frames_each: Annotated[int, Field(ge=1, le=16, description="frames of a tubelet")] = 2
    masks: Annotated[
        tuple[Kind, ...], Field(strict=False, min_length=1, description="kinds of masks that each clip is shown with")
    ] = ("short", "long")
    momentum: Momentum = 0.998

    @property
    def times(self) -> int:
        """Tubelets one after another."""
        return self.length // self.frames_each

    def masking(self, kind: Kind) -> Masking:
        """What draws masks of a kind. Raises ValueError where they do not fit the grid."""
        if kind == "future":
            return FutureMasks(self.patches, self.times)
        side, (blocks, scale) = self.frame_size // self.patch, BLOCKS[kind]
        return TubeMasks((side, side), self.times, blocks, scale)

    @model_validator(mode="after")
    def _tubelets_fit(self) -> VJEPAConfig:
        if self.length % self.frames_each:
            raise ValueError(f"length is {self.length} and frames_each {self.frames_each}: tubelets fill the clip")
        if self.times < 2:
            raise ValueError(f"length {self.length} is one tubelet of {self.frames_each} frames, and two are needed")
        for kind in self.masks:
            self.masking(kind)
        return self


class VJEPA(nn.Module):
    """Context encoder, target encoder and predictor.

        model = VJEPA(VJEPAConfig())
        losses = model.loss({"frames": x}, 0, torch.Generator().manual_seed(0))  # x: (B, 16, 3, 224, 224) in [0, 1]
        features = model.encode(x)                                              # (B, 8 * 196, 1280)
    """

    def __init__(self, config: VJEPAConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.target_encoder = with_average(lambda: FilmViT(
            config.frame_size, config.patch, config.length, config.frames_each, config.width, config.depth, config.heads
        ))  # fmt: skip
        places = film_places(config.times, config.frame_size // config.patch, config.predictor_width)
        self.predictor = MaskedPredictor(config, places)
        self.maskings = {kind: config.masking(kind) for kind in config.masks}
        self.capabilities = Capabilities(Actions("none"), decodes=False, context=config.length,
                                         frame_size=(config.frame_size,) * 2)  # fmt: skip

    encode = IJEPA.encode  # what the target encoder says of every tubelet: (..., T, 3, H, W) -> (..., T / Q * N, D)
    after_step = IJEPA.after_step  # the target encoder follows, less and less
    predict = IJEPA.predict  # guesses at the target tokens: (B, T, 3, H, W), masks -> (B, 1, L, D)

    @torch.no_grad()
    def targets(self, frames: Tensor) -> Tensor:
        """What is to be guessed: tokens of the target encoder, each with mean 0 and variance 1 over its channels.

        (B, T, 3, H, W) -> (B, T / Q * N, D), without a gradient.
        """
        return normalised_tokens(self.encode(frames))

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The L1 distance between guesses and targets, averaged over the kinds of masks and given for each kind, and
        the deviation of the target encoder's features as in I-JEPA.

        batch: ``{"frames": (B, T, 3, H, W) in [0, 1]}``. step is not used. Guesses of 0 everywhere have a loss of 0.8
        where channels are normal: targets have variance 1.
        """
        frames = batch["frames"]
        with torch.no_grad():
            features = self.encode(frames)
            targets, deviation = normalised_tokens(features), batch_deviation(features)
        parts = {}
        for kind, masking in self.maskings.items():
            masks = Masks(*(part.to(frames.device) for part in masking.draw(len(frames), generator)))
            asked = targets.take_along_dim(masks.targets[:, 0, :, None], dim=1)  # (B, L, D)
            parts[kind] = (self.predict(frames, masks)[:, 0] - asked).abs().mean()
        return {"loss": torch.stack(list(parts.values())).mean(), **parts, "deviation": deviation}

    @torch.no_grad()
    def expected(self, frames: Tensor) -> Tensor:
        """A guess at the last tubelet of clips, from all earlier ones, and its error at each patch.

        (B, T, 3, H, W), T at least two tubelets and at most a clip -> (B, N).
        """
        times = frames.shape[1] // self.config.frames_each
        masks = future_masks(self.config.patches, times, times - 1, len(frames))
        masks = Masks(*(part.to(frames.device) for part in masks))
        guess = self.predict(frames, masks)[:, 0]  # (B, N, D)
        return (guess - self.targets(frames)[:, -self.config.patches :]).abs().mean(dim=-1)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """The error of the guess at the tubelet that ends with each frame, (B, T, 3, H, W) -> (B, T).

        It is averaged over the patches. The clip that ends with the frame is as long as can be; NaN where it has not
        two whole tubelets. actions: None; the model takes none.
        """
        self.capabilities.check(observations, actions)
        each = self.config.frames_each
        result = torch.full(observations.shape[:2], torch.nan, device=observations.device)
        for t in range(2 * each - 1, observations.shape[1]):
            length = min(self.config.length, (t + 1) // each * each)
            result[:, t] = self.expected(observations[:, t + 1 - length : t + 1]).mean(dim=1)
        return result
