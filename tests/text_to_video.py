"""A small text-to-video model with random weights, for tests."""

from __future__ import annotations

import torch

from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.models.dit import DiT, DiTConfig
from course_lib.models.text_to_video import TextToVideo


def small_maker() -> TextToVideo:
    torch.manual_seed(0)
    dit = DiT(DiTConfig(channels=4, patch=2, width=16, depth=1, heads=2, classes=0, learned_variance=False,
                        schedule="straight", target="u", word_attention=True))  # fmt: skip
    with torch.no_grad():
        for parameter in dit.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return TextToVideo(dit, VideoCodec(CodecConfig(widths=(8, 12), group_width=16, latent=4)))
