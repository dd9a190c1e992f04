"""The trained parts of text to video, put together: the DiT's moving average, and the codec that it learned with."""

from __future__ import annotations

from pathlib import Path

from course_lib.models.text_to_video import TextToVideo
from course_lib.training.checkpoints import load_checkpoint, provenance


def load_text_to_video(*, size: str = "cpu", folder: Path | None = None) -> TextToVideo:
    """What ``train("dit", size)`` made. folder: of the DiT's checkpoint, where it is not the course's own.

    Raises CheckpointError where a checkpoint is missing or damaged.
    """
    data = provenance("dit", size=size, folder=folder)["configuration"]["data"]
    dit = load_checkpoint("dit", size=size, folder=folder).average
    return TextToVideo(dit, load_checkpoint("codec", size=data["codec"]), most_bodies=data["most_bodies"])
