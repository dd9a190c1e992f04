"""I-JEPA (图像联合嵌入预测架构): from a part of a picture, what an encoder says about other parts is predicted.

Assran et al., Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture, 2023 (arXiv
2301.08243), section 3 and appendix A. The names are the paper's, f for encoders and g for the predictor:

    1. masks are drawn: a context block and four target blocks (``nets/masks.py``)
    2. the target encoder f' sees the whole picture; of its *output*, the tokens that stand in a target are kept, each
       normalised over its channels: s_y. No gradient goes this way
    3. the context encoder f sees the patches of the context only: s_x
    4. for each target block the predictor g is given s_x and a mask token with its position at every patch of the
       block, and answers there: a guess at s_y
    5. the loss is the smooth L1 distance of guess and target (the program's; the paper writes the squared distance)
    6. after each step f' = m f' + (1 - m) f, where m rises from 0.996 to 1 in a straight line

Masks are taken at the output of the target encoder, not at its input: a target token has seen the whole picture, so
what is to be guessed is what a place means in its picture. No pixel is ever drawn. After training f' is what is
evaluated, as in the paper; predictor and context encoder are not used any more. ``encode`` is what the exam probes.

Both encoders are ``nets/vit.py`` with the keys of ``ViTConfig``, as the masked autoencoder's is.

Departures from the paper and its program (facebookresearch/ijepa): no biases in attention; positions are no parameters
(the program counts them, though they are fixed there too) and say the row in the first half of the channels, where the
program says the column; PyTorch's own initialisation, where the program draws normal numbers of deviation 0.02, cut
off, and makes the deeper blocks' smaller; no crops of the pictures, since places are asked for afterwards; no weight
decay on the mask token. The departures of the masks stand in ``nets/masks.py``. ``official_ijepa.py`` loads published
encoders, with all that is different about them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.base import Layers, PositiveInt, ViTConfig, check_heads
from course_lib.nets.attention import Block
from course_lib.nets.ema import rising_momentum, update_average, with_average
from course_lib.nets.gather import gather_batch
from course_lib.nets.masks import Masking, Masks, MultiBlock, RandomPatches, Rasterised, SingleBlock
from course_lib.nets.patches import sincos_2d
from course_lib.nets.vit import ViT

Momentum = Annotated[
    float, Field(ge=0.0, le=1.0, description="of the target encoder at the first step; it rises to 1")
]


def normalised_tokens(features: Tensor) -> Tensor:
    """What a JEPA is to guess: each token with mean 0 and variance 1 over its channels. (..., D) -> the same, float."""
    return F.layer_norm(features.float(), features.shape[-1:])


def batch_deviation(features: Tensor) -> Tensor:
    """The standard deviation over the batch, of all processes, of features (B, N, D) averaged over N; mean over D."""
    return gather_batch(features.float().mean(dim=1)).std(dim=0, correction=0).mean()


class PredictorConfig(ViTConfig):
    """The sizes of an encoder with a narrow predictor beside it. The default is the paper's predictor of ViT-H."""

    width: PositiveInt = 1280
    depth: Layers = 32
    predictor_width: PositiveInt = 384
    predictor_depth: Layers = 12
    predictor_heads: PositiveInt = 16
    momentum: Momentum = 0.996

    @model_validator(mode="after")
    def _predictor_fits(self) -> PredictorConfig:
        check_heads("predictor_heads", self.predictor_heads, "predictor_width", self.predictor_width, waves=True)
        return self


class IJEPAConfig(PredictorConfig):
    """The sizes of one I-JEPA, and its masks. The default is the paper's largest at 224 pixels: ViT-H/14."""

    patch: Annotated[int, Field(ge=1, le=224, description="side of a patch in pixels")] = 14
    masking: Annotated[
        Literal["multi-block", "block", "rasterised", "random"], Field(description="the paper's masks, or an ablation")
    ] = "multi-block"
    targets: Annotated[int, Field(ge=1, le=16, description="target blocks of a picture (multi-block)")] = 4
    minimum: Annotated[int, Field(ge=1, le=4096, description="patches that a context keeps (multi-block)")] = 10

    def masks(self) -> Masking:
        """What draws the masks. Raises ValueError, naming the keys, where these masks do not fit the grid."""
        grid = (self.frame_size // self.patch,) * 2
        try:
            if self.masking == "multi-block":
                return MultiBlock(grid, self.targets, minimum=self.minimum)
            return {"block": SingleBlock, "random": RandomPatches, "rasterised": Rasterised}[self.masking](grid)
        except ValueError as error:
            raise ValueError(
                f"masking is {self.masking}, targets {self.targets} and minimum {self.minimum}, on frame_size / patch "
                f"= {grid[0]} x {grid[1]} patches: {error}"
            ) from None


class MaskedPredictor(nn.Module):
    """g: a small ViT that is given the context's features and the places that it is asked for.

    Features (B, K, D), their places int64 (B, K), target places int64 (B, M, L) -> (B, M, L, D). Each of the M blocks
    is predicted by itself: no block sees the mask tokens of another. places: what says where each place is, (N,
    predictor_width).
    """

    def __init__(self, config: PredictorConfig, places: Tensor) -> None:
        super().__init__()
        width = config.predictor_width
        self.to_predictor = nn.Linear(config.width, width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(width))
        self.register_buffer("places", places, persistent=False)
        self.blocks = nn.ModuleList(Block(width, config.predictor_heads) for _ in range(config.predictor_depth))
        self.norm = nn.LayerNorm(width)
        self.to_encoder = nn.Linear(width, config.width)

    def forward(self, features: Tensor, context: Tensor, targets: Tensor) -> Tensor:
        """See the class."""
        blocks = targets.shape[1]
        known = self.to_predictor(features)
        known = known + self.places[context].to(known)  # (B, K, width)
        asked = (self.mask_token + self.places[targets]).to(known)  # (B, M, L, width)
        known = known[:, None].expand(-1, blocks, -1, -1)  # (B, M, K, width)
        x = torch.cat([known, asked], dim=2).flatten(0, 1)  # (B * M, K + L, width)
        for block in self.blocks:
            x = block(x)
        guess = self.to_encoder(self.norm(x[:, context.shape[1] :]))  # (B * M, L, D)
        return guess.unflatten(0, (-1, blocks)).float()  # float also where mixed precision computes in bfloat16


class IJEPA(nn.Module):
    """Context encoder, target encoder and predictor.

        model = IJEPA(IJEPAConfig())
        losses = model.loss({"frames": x}, 0, torch.Generator().manual_seed(0))  # x: (B, 3, 224, 224) in [0, 1]
        features = model.encode(x)                                              # (B, 256, 1280)
    """

    def __init__(self, config: IJEPAConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.target_encoder = with_average(
            lambda: ViT(config.frame_size, config.patch, config.width, config.depth, config.heads)
        )
        places = sincos_2d(config.frame_size // config.patch, config.predictor_width)
        self.predictor = MaskedPredictor(config, places)
        self.masking = config.masks()

    def encode(self, frames: Tensor) -> Tensor:
        """What the target encoder says of every patch, before any pooling. Floats (..., 3, H, W) in [0, 1] ->
        (..., N, D).

        Raises ValueError where these are no such frames.
        """
        if not frames.is_floating_point():
            raise ValueError(f"float frames in [0, 1] wanted, got {frames.dtype}; worlds/frames.py converts")
        return self.target_encoder.features(frames)

    def draw_masks(self, frames: Tensor, generator: torch.Generator) -> Masks:
        """Masks for a batch of frames (B, 3, H, W), as training draws them."""
        return Masks(*(part.to(frames.device) for part in self.masking.draw(len(frames), generator)))

    def predict(self, frames: Tensor, masks: Masks) -> Tensor:
        """Guesses at the target tokens, from the patches of the context alone. (B, 3, H, W) -> (B, M, L, D)."""
        return self.predictor(self.encoder.features(frames, masks.context), *masks)

    @torch.no_grad()
    def targets(self, frames: Tensor, masks: Masks) -> Tensor:
        """What is to be guessed: tokens of the target encoder, each with mean 0 and variance 1 over its channels.

        (B, 3, H, W) -> (B, M, L, D), without a gradient.
        """
        return self._chosen(self.encode(frames), masks)

    def _chosen(self, features: Tensor, masks: Masks) -> Tensor:
        asked = masks.targets.flatten(1)[..., None]
        found = normalised_tokens(features).take_along_dim(asked, dim=1)  # (B, N, D) -> (B, M * L, D)
        return found.unflatten(1, masks.targets.shape[1:])

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The smooth L1 distance between guesses and targets, and what shows a collapse.

        batch: ``{"frames": (B, 3, H, W) in [0, 1]}``. step is not used. ``deviation`` is the standard deviation over
        the batch of the target encoder's features, averaged over a picture's patches before, and over channels after.
        Guesses of 0 everywhere have a loss of about 0.3 to 0.4: targets have variance 1.
        """
        frames = batch["frames"]
        masks = self.draw_masks(frames, generator)
        with torch.no_grad():
            features = self.encode(frames)
            targets = self._chosen(features, masks)
            deviation = batch_deviation(features)
        return {"loss": F.smooth_l1_loss(self.predict(frames, masks), targets), "deviation": deviation}

    @torch.no_grad()
    def after_step(self, step: int, of: int) -> None:
        """Move the target encoder a little towards the context encoder, less and less."""
        update_average(self.target_encoder, self.encoder, rising_momentum(step, of, self.config.momentum))
