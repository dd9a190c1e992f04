"""The trained parts of the latent transformer, put together: the V that it learned to look through, and itself."""

from __future__ import annotations

from pathlib import Path

from course_lib.models.latent_transformer import LatentTransformerWorld
from course_lib.training.checkpoints import load_checkpoint, provenance


def load_latent_transformer(*, size: str = "cpu", folder: Path | None = None) -> LatentTransformerWorld:
    """What ``train("latent_transformer", size)`` made. folder: of its checkpoint, where it is not the course's own.

    Raises CheckpointError where a checkpoint is missing or damaged.
    """
    eyes = provenance("latent_transformer", size=size, folder=folder)["configuration"]["data"]["eyes"]
    dynamics = load_checkpoint("latent_transformer", size=size, folder=folder)
    return LatentTransformerWorld(load_checkpoint("vmc", size=eyes).v, dynamics).eval()
