"""The transformer that is played, for tests: a small one with random weights."""

from __future__ import annotations

from functools import lru_cache

import torch

from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.models.dit import DiT
from course_lib.models.dit_world import DiTWorld, DiTWorldConfig

SMALL = {"channels": 3, "patch": 2, "width": 16, "depth": 2, "heads": 2, "classes": 0, "learned_variance": False,
         "schedule": "straight", "target": "u", "context": 2, "dropped": 0.0, "window": 4, "steps": 3}  # fmt: skip
KEYS = 4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dit(**changes: object) -> DiT:
    """One whose every weight matters: a fresh one says 0 whatever it is given."""
    torch.manual_seed(0)
    model = DiT(DiTWorldConfig(**{**SMALL, **changes})).eval()
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=seeded(n)))
    return model


@lru_cache
def world(**changes: object) -> DiTWorld:
    codec = VideoCodec(CodecConfig(kind="frames", widths=(8, 8), latent=3, stem=4)).eval()
    with torch.no_grad():
        for n, parameter in enumerate(codec.parameters()):  # so that its pictures depend on its latents
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(n)))
    return DiTWorld(dit(**changes), codec)
