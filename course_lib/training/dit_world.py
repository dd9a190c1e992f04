"""The trained parts of the transformer that is played, put together: its moving average and the codec of frames."""

from __future__ import annotations

from pathlib import Path

from course_lib.models.dit_world import DiTWorld
from course_lib.training.checkpoints import load_checkpoint, provenance
from course_lib.training.latents import find_codec


def load_dit_world(*, size: str = "cpu", folder: Path | None = None) -> DiTWorld:
    """What ``train("dit_world", size)`` made. folder: of its checkpoint, where it is not the course's own.

    Raises CheckpointError where a checkpoint is missing or damaged.
    """
    codec = provenance("dit_world", size=size, folder=folder)["configuration"]["data"]["codec"]
    dit = load_checkpoint("dit_world", size=size, folder=folder).average
    return DiTWorld(dit, find_codec(codec))
