"""Text to video for tests: a small model with random weights, and one that draws exactly what its prompts ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.models.dit import DiT, DiTConfig
from course_lib.models.text_to_video import TextToVideo
from course_lib.worlds import spec
from course_lib.worlds.captions import parse_caption
from course_lib.worlds.draw import draw_film
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import Scene

STEPS = {"moving left": (-0.5, 0.0), "moving right": (0.5, 0.0), "falling": (0.0, -0.5), "flying up": (0.0, 0.5),
         "resting": (0.0, 0.0)}  # fmt: skip


def _random_parts() -> tuple[DiT, VideoCodec]:
    torch.manual_seed(0)
    dit = DiT(DiTConfig(channels=4, patch=2, width=16, depth=1, heads=2, classes=0, learned_variance=False,
                        schedule="straight", target="u", word_attention=True))  # fmt: skip
    with torch.no_grad():
        for parameter in dit.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return dit, VideoCodec(CodecConfig(widths=(8, 12), group_width=16, latent=4))


def small_maker() -> TextToVideo:
    """A small network with random weights."""
    return TextToVideo(*_random_parts())


def drawn_film(prompt: str, frames: int = 5) -> np.ndarray:
    """A film that shows what a descriptive caption says, bodies from left to right. -> uint8 (frames, 32, 32, 3)."""
    bodies, F = parse_caption(prompt), spec.FIELD
    states = np.zeros((frames, spec.SLOTS, len(spec.FIELDS)), np.float32)
    for k, body in enumerate(bodies):
        step, time = STEPS[body["motion"]], np.arange(frames)
        row = states[:, 1 + k]
        row[:, F["kind"]] = spec.KINDS.index(body["shape"])
        row[:, F["colour"]] = spec.COLOURS.index(body["colour"])
        row[:, F["x"]] = 2.0 + 28.0 * (k + 0.5) / len(bodies) + step[0] * time
        row[:, F["y"]] = (11.0, 22.0)[k % 2] + step[1] * time
        row[:, F["size"]] = {"small": 2.4, "large": 3.0}[body["size"]]
        row[:, F["visible"]] = 1.0
        row[:, F["red"] : F["blue"] + 1] = np.array(spec.PALETTE[body["colour"]]) / 255
    return draw_film(Scene(agent=None), states, 32)


class Draughtsman(TextToVideo):
    """Draws exactly what is asked for; without guidance something else, and without a prompt nothing."""

    def __init__(self, most_bodies: int = spec.MAX_BODIES) -> None:
        super().__init__(*_random_parts(), most_bodies=most_bodies)

    def films(self, prompts: Sequence[str], frames: int = 5, *, w: float = 2.0, **_: object) -> Tensor:
        shown = {0.0: ["an empty box"] * len(prompts), 1.0: ["a small red ball falling"] * len(prompts)}.get(w, prompts)
        return torch.stack([to_model(drawn_film(text, frames)) for text in shown])
