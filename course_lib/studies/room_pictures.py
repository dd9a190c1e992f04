"""A small diffusion model that draws rooms in perspective: its pictures after few and after many steps are kept.

The rooms are those of ``worlds/perspective`` (split "train", each also in its mirror, drawn with 2 x 2 rays a pixel,
which is four times as fast). The network is the course's U-Net (``models/unet``) without a condition, on squares of 4
x 4 pixels as channels: 48 channels of 16 x 16 places. It is trained as a straight flow (``nets/diffusion``) and its
moving average is sampled. It predicts the clean picture x and not the flow u: with 48 channels of pixels through 64 of
width, noise does not fit through the network, and pictures, which are few among all arrangements of pixels, do (Li &
He, Back to Basics: Let Denoising Generative Models Denoise, 2025, arXiv 2511.13720). A first
network, of width 48, predicted u and still drew noise after 2,200 steps.

What is kept is the pictures and not the network: they are all that ``studies/perspective`` judges, and they are less to
store. One PNG without loss holds them, in rows of COLUMNS; the facts hold its hash.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from course_lib.bench import bfloat16_gains
from course_lib.files import atomic_file
from course_lib.models.base import fresh
from course_lib.models.dit import AveragedDiT, DiTConfig
from course_lib.models.unet import UNet
from course_lib.nets.chance import integers
from course_lib.nets.fit import fit
from course_lib.studies.store import DATA, read_study
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.perspective import SIZE, make_scenes, render

KEPT = DATA / "playground" / "room_pictures.json"
PICTURES = DATA / "playground" / "room_pictures.png"
COLUMNS = 20  # pictures in a row of the PNG
SQUARE = 4  # pixels on a side of what becomes the channels of one place
ROOMS, STEPS, BATCH, LEARNING_RATE = 1000, 6000, 16, 1.5e-3
KEEP = {400: 40, 1500: 40, 6000: 120}  # after how many steps, how many pictures
CONFIG = DiTConfig(channels=3 * SQUARE**2, patch=2, width=64, depth=2, heads=4, classes=1, learned_variance=False,
                   schedule="straight", target="x", times="logit-normal", dropped=0.0, ema=0.995)  # fmt: skip


def as_latents(pictures: np.ndarray) -> Tensor:
    """Pictures uint8 (N, H, W, 3) as a model's films of one group, float32 (N, 1, 48, H / 4, W / 4) from -1 to 1."""
    return F.pixel_unshuffle(to_model(pictures) * 2.0 - 1.0, SQUARE)[:, None]


def as_pictures(latents: Tensor) -> np.ndarray:
    """The way back, clipped to what a picture can show. uint8 (N, H, W, 3)."""
    return to_uint8((F.pixel_shuffle(latents[:, 0], SQUARE) + 1.0) / 2.0)


def draw_rooms(
    network: UNet, count: int, generator: torch.Generator, *, steps: int = 40, size: int = SIZE
) -> np.ndarray:
    """Pictures that a network makes of noise, uint8 (count, size, size, 3)."""
    shape = (1, size // SQUARE, size // SQUARE)
    some = [min(20, count - begin) for begin in range(0, count, 20)]
    made = [
        network.generate(network.nothing(n), shape, generator=generator, steps=steps, sampler="euler") for n in some
    ]
    return as_pictures(torch.cat(made))


def train_room_network(
    rooms: np.ndarray, *, steps: int, batch: int, config: DiTConfig = CONFIG, seed: int = 0, half: bool = False,
    on_step: Callable[[int, dict[str, float], AveragedDiT], object] | None = None,
) -> tuple[AveragedDiT, list[float]]:  # fmt: skip
    """Train on pictures uint8 (N, H, W, 3); the network with its moving average, and all losses.

    half: whether the network computes in bfloat16 while it learns. on_step: called after each step with how many are
    done, its numbers and the network.
    """
    model, data = fresh(lambda c: AveragedDiT(c, UNet), config, seed), as_latents(rooms)
    generator = torch.Generator().manual_seed(seed)

    def pick(generator: torch.Generator) -> dict[str, Tensor]:
        chosen = data[integers(len(data), (batch,), generator)]
        return {"latents": chosen}

    def loss(given: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            return model.loss(given, 0, generator)

    def follow(step: int, row: dict[str, float]) -> None:
        model.after_step(step, steps)
        if on_step is not None:
            on_step(step, row, model)

    rows = fit(model, loss, pick, steps=steps, learning_rate=LEARNING_RATE, generator=generator, on_step=follow)
    return model, [row["loss"] for row in rows]


def train_and_draw(
    rooms: np.ndarray, keep: Mapping[int, int], *, steps: int, batch: int, config: DiTConfig = CONFIG, seed: int = 0,
    half: bool = False, report: Callable[[str], None] = print,
) -> tuple[dict[int, np.ndarray], list[float]]:  # fmt: skip
    """Train on pictures uint8 (N, H, W, 3); the pictures drawn after each of the steps in ``keep``, and all losses.

    half: whether the network computes in bfloat16 while it learns.
    """
    drawn: dict[int, np.ndarray] = {}

    def on_step(step: int, row: dict[str, float], model: AveragedDiT) -> None:
        if step in keep:
            drawn[step] = draw_rooms(
                model.average.eval(), keep[step], torch.Generator().manual_seed(1), size=rooms.shape[1]
            )
            report(f"step {step}: loss {row['loss']:.3f}, {keep[step]} pictures drawn")

    _, losses = train_room_network(rooms, steps=steps, batch=batch, config=config, seed=seed, half=half,
                                   on_step=on_step)  # fmt: skip
    return drawn, losses


def rooms_to_learn(count: int) -> np.ndarray:
    """So many rooms of the split "train", and after them the mirror of each, uint8 (2 * count, 64, 64, 3)."""
    rooms = np.stack([render(scene, samples=2) for scene in make_scenes(count, split="train")])
    return np.concatenate([rooms, rooms[:, :, ::-1]])


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train, and keep the pictures: about half an hour of one core."""
    begin = time.process_time()
    rooms = rooms_to_learn(ROOMS)
    report(f"{len(rooms)} rooms drawn in {time.process_time() - begin:.0f} s of the processor")
    begin = time.process_time()
    half = bfloat16_gains()
    drawn, losses = train_and_draw(rooms, KEEP, steps=STEPS, batch=BATCH, half=half, report=report)
    seconds = time.process_time() - begin
    every = np.concatenate(list(drawn.values()))
    weights = sum(parameter.numel() for parameter in fresh(UNet, CONFIG, 0).parameters())
    sheet = every.reshape(-1, COLUMNS, SIZE, SIZE, 3).swapaxes(1, 2).reshape(-1, COLUMNS * SIZE, 3)
    with atomic_file(PICTURES) as file:
        Image.fromarray(sheet).save(file, format="PNG", optimize=True)
    return {
        "rooms": len(rooms),
        "batch": BATCH,
        "precision": "bf16" if half else "no",
        "parameters": weights,
        "processor_minutes": round(seconds / 60, 1),
        "loss": round(float(np.mean(losses[-100:])), 4),
        "keep": {str(step): len(pictures) for step, pictures in drawn.items()},
        "sha256": _digest(every),
    }


def _digest(pictures: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pictures).tobytes()).hexdigest()


@dataclass(frozen=True)
class RoomPictures:
    """What ``run`` kept. pictures: by the steps of training, in order, uint8 (N, 64, 64, 3). digest: of all of them.
    precision: that the network was trained in, "bf16" or "no"."""

    pictures: Mapping[int, np.ndarray]
    digest: str
    parameters: int
    processor_minutes: float
    loss: float
    rooms: int
    batch: int
    precision: str = "no"


def kept_room_pictures() -> RoomPictures:
    """The kept pictures. Raises ExamError when a file is missing or damaged, or the two are not of one run."""

    def parse(facts: dict[str, Any]) -> RoomPictures:
        with Image.open(PICTURES) as image:
            sheet = np.asarray(image.convert("RGB"))
        every = sheet.reshape(-1, SIZE, COLUMNS, SIZE, 3).swapaxes(1, 2).reshape(-1, SIZE, SIZE, 3)
        if _digest(every) != facts["sha256"]:
            raise ValueError(f"{PICTURES.name} holds other pictures than this run made")
        counts = {int(step): int(count) for step, count in facts["keep"].items()}
        if sum(counts.values()) != len(every):
            raise ValueError("the pictures are not as many as the steps say")
        parts = np.split(every, np.cumsum(list(counts.values()))[:-1])
        return RoomPictures(dict(zip(counts, parts, strict=True)), facts["sha256"], int(facts["parameters"]),
                            float(facts["processor_minutes"]), float(facts["loss"]), int(facts["rooms"]),
                            int(facts["batch"]), str(facts["precision"]))  # fmt: skip

    return read_study(KEPT, parse, "room_pictures")
