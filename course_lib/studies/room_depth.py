"""Does the small diffusion model of rooms hold how far away things are? Its features are probed, layer by layer.

The network is that of ``studies/room_pictures``, trained again by its recipe, since its weights are not kept with the
course. A picture of a new room is noised to a level, the network is asked to denoise it, and the features that leave
each of its layers are read at 16 x 16 places. A linear probe (Chen, Viégas & Wattenberg, Beyond Surface Statistics,
2023, arXiv 2306.05720, section 4, do this to Stable Diffusion) reads off them how far away along the optical axis what
stands at a place is, in metres, as the mean over its 4 x 4 pixels.

All rooms resemble each other: their far wall is in the middle. So what is asked for is the depth less the mean depth at
that place of the picture over the rooms to fit to. Who knows only where a place is has an R2 of 0.

Beside it: the network as it begins, the trained one with the numbers of each of its tensors in another order, and the
pixels of a place and of its eight neighbours, with the same noise and without. Neighbours see a twentieth of a picture,
where the network sees all of it: so there is also a line from all pixels of a clean picture to the depth at every
place, with weights of its own for each place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from course_lib.exam.measures.linear_probes import LinearProbes, Rows
from course_lib.exam.measures.pictures import neighbourhoods, with_places
from course_lib.exam.measures.probes import ProbeFit, control_task, r2, r2_interval
from course_lib.models.base import fresh
from course_lib.models.dit import AveragedDiT
from course_lib.models.unet import UNet
from course_lib.nets.chance import normal
from course_lib.studies.room_pictures import (
    BATCH,
    CONFIG,
    KEEP,
    LEARNING_RATE,
    ROOMS,
    SQUARE,
    STEPS,
    as_latents,
    draw_rooms,
    kept_room_pictures,
    rooms_to_learn,
    train_room_network,
)
from course_lib.studies.store import DATA, kept_piece, read_study
from course_lib.training.checkpoints import code_version
from course_lib.worlds.films import cache_folder
from course_lib.worlds.frames import to_model
from course_lib.worlds.perspective import SIZE, make_scenes, render_with_depth

KEPT = DATA / "playground" / "room_depth.json"
AFTER = max(KEEP)  # steps of training after which it is probed
FIT, SCORE = 200, 100  # rooms to fit probes to, and to score them on
LEVELS = (0.1, 0.4, 0.7, 0.9)  # of the noise; 1 is noise alone
LAYERS = ("down 1", "down 2", "coarse 1", "coarse 2", "up 1", "up 2")  # in the order in which a picture passes them
NETWORKS = ("trained", "shuffled", "untrained")
SIDE = SIZE // SQUARE  # places on a side
SEED = 0


# ------------------------------------------------------------------------------------------------------- the network


def _decided() -> dict[str, Any]:
    return {"config": CONFIG.model_dump(mode="json"), "rooms": ROOMS, "steps": STEPS, "batch": BATCH,
            "learning_rate": LEARNING_RATE, "precision": kept_room_pictures().precision}  # fmt: skip


class _Enough(Exception):
    """As many steps as were wanted have been taken."""


def trained_again(report: Callable[[str], None] = print, after: int = AFTER) -> tuple[UNet, dict[str, Any]]:
    """The network of ``room_pictures`` after so many of its steps and how it was trained; from the cache where it was
    trained before. Weights are written at KEEP's steps, so that a run that was stopped has left some."""
    decided = _decided()
    key = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]
    folder, begin, losses = cache_folder().parent / "studies" / "room_depth", time.process_time(), list[float]()

    def on_step(step: int, row: Mapping[str, float], model: AveragedDiT) -> None:
        losses.append(row["loss"])
        minutes = (time.process_time() - begin) / 60
        if step % 250 == 0:
            report(f"step {step}: loss {np.mean(losses[-100:]):.4f}, {minutes:.1f} minutes of the processor")
        if step in KEEP or step == after:
            facts = {"steps": step, "processor_minutes": round(minutes, 1),
                     "loss": round(float(np.mean(losses[-100:])), 4), **code_version()}  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
            weights = {name: each.contiguous() for name, each in model.average.state_dict().items()}
            save_file(weights, folder / f"network-{key}-{step}.safetensors", metadata={"facts": json.dumps(facts)})
        if step == after:
            raise _Enough

    path = folder / f"network-{key}-{after}.safetensors"
    if not path.exists():
        with contextlib.suppress(_Enough):
            train_room_network(rooms_to_learn(ROOMS), steps=STEPS, batch=BATCH, seed=SEED,
                               half=decided["precision"] == "bf16", on_step=on_step)  # fmt: skip
    network = fresh(UNet, CONFIG, SEED)
    network.load_state_dict(load_file(path))
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    return network.eval(), facts | {"sha256": _digest(path), "precision": decided["precision"]}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@torch.no_grad()
def away_from_the_kept(network: UNet, count: int = 20, after: int = AFTER) -> float:
    """How far the pictures that this network draws are from the kept ones, which the same recipe drew: the mean
    difference of a colour, from 0 to 255."""
    kept = kept_room_pictures().pictures[after][:count]
    drawn = draw_rooms(network, count, torch.Generator().manual_seed(1))
    return float(np.abs(drawn.astype(float) - kept).mean())


def shuffled_weights(network: UNet, seed: int = 1) -> UNet:
    """The same network with the numbers of each of its tensors in another order."""
    generator = torch.Generator().manual_seed(seed)
    other = fresh(UNet, network.config, SEED)
    other.load_state_dict({
        name: value.flatten()[torch.randperm(value.numel(), generator=generator)].view_as(value)
        for name, value in network.state_dict().items()
    })  # fmt: skip
    return other.eval()


# ------------------------------------------------------------------------------------------------ features and rooms


@dataclass(frozen=True)
class DepthRooms:
    """Rooms with their depth. pictures: uint8 (N, 64, 64, 3); depth: metres, at each place, (N, 256)."""

    pictures: np.ndarray
    depth: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)


def depth_rooms(count: int, *, split: str) -> DepthRooms:
    """The first rooms of a split, drawn as those that the network learned from were."""
    drawn = [render_with_depth(scene, samples=2) for scene in make_scenes(count, split=split)]
    depth = np.stack([each.reshape(SIDE, SQUARE, SIDE, SQUARE).mean(axis=(1, 3)) for _, each in drawn])
    return DepthRooms(np.stack([picture for picture, _ in drawn]), depth.reshape(count, -1).astype(np.float64))


def noised_rooms(network: UNet, rooms: DepthRooms, level: float, seed: int) -> Tensor:
    """The rooms as the network is shown them, (N, 1, 48, 16, 16). seed: of the noise."""
    z = as_latents(rooms.pictures)
    noise = normal(z.shape, torch.Generator().manual_seed(seed))
    return network.diffusion.noised(z, noise, torch.full((len(z),), level))


@torch.no_grad()
def layer_features(network: UNet, noisy: Tensor, level: float, batch: int = 50) -> dict[str, np.ndarray]:
    """What leaves each layer at each place, float32 (N, 256, C). A coarse place stands for the four in it."""
    modules = dict(zip(LAYERS, (*network.down, network.before, network.after, *network.up), strict=True))
    found: dict[str, list[Tensor]] = {name: [] for name in modules}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, given, made: found[name].append(made)

    hooks = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        for some in noisy.split(batch):
            network(some, torch.full((len(some),), level))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: _places(torch.cat(parts)).numpy() for name, parts in found.items()}


def _places(x: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, 256, C)."""
    return x.repeat_interleave(SIDE // x.shape[-1], 2).repeat_interleave(SIDE // x.shape[-1], 3).flatten(2).mT


def pixels_around(pictures: Tensor) -> np.ndarray:
    """The pixels of each place and of one place's width around it, with where it is. (N, 3, 64, 64) -> (N, 256, D)."""
    return with_places(neighbourhoods(pictures, SQUARE, SQUARE)).numpy()


def probe_depth(fit: np.ndarray, score: np.ndarray, rooms: tuple[DepthRooms, DepthRooms]) -> dict[str, float]:
    """R2 of the depth less its mean at that place of the picture. fit, score: features (N, 256, D) of the rooms."""
    mean = rooms[0].depth.mean(axis=0)
    rows = [Rows(x.reshape(-1, x.shape[-1]).astype(np.float64), np.repeat(np.arange(len(x)), x.shape[1]))
            for x in (fit, score)]  # fmt: skip
    found = LinearProbes(*rows).scores(*((each.depth - mean).ravel() for each in rooms), seed=SEED)
    return {name: round(value, 4) for name, value in found.items()}


def probe_whole_pictures(rooms: tuple[DepthRooms, DepthRooms]) -> dict[str, float]:
    """The same score of a line from whole pictures to the depth at every place, each place with its own weights."""
    fit, score = rooms
    x = [to_model(each.pictures).flatten(1).double().numpy() for each in rooms]
    mean, numbers = fit.depth.mean(axis=0), np.arange(len(fit))
    probes = ProbeFit(x[0], numbers)
    y, guess = score.depth - mean, probes(fit.depth - mean)(x[1])
    of = np.repeat(np.arange(len(score)), y.shape[1])
    low, high = r2_interval(y.ravel(), guess.ravel(), of, np.random.default_rng([SEED, 1]))
    both = np.concatenate([(fit.depth - mean).ravel(), y.ravel()])
    task = control_task(both, np.random.default_rng([SEED, 2])).reshape(-1, y.shape[1])
    known, asked = task[: len(fit)], task[len(fit) :]
    meaningless = r2(asked.ravel(), probes(known)(x[1]).ravel())
    return {"value": round(r2(y.ravel(), guess.ravel()), 4), "low": round(low, 4), "high": round(high, 4),
            "meaningless_task": round(meaningless, 4)}  # fmt: skip


# --------------------------------------------------------------------------------------------------------- the study


def run(report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train again and probe: twenty-five minutes of one core. What was done before is not done again."""
    network, facts = trained_again(report)
    drawn = away_from_the_kept(network)
    report(f"trained for {facts['steps']} steps, {facts['processor_minutes']} minutes; a colour of its pictures is "
           f"{drawn:.2f} of 255 away from the kept ones")  # fmt: skip
    about = {"weights": facts["sha256"], "rooms": [FIT, SCORE], "seed": SEED}
    networks = dict(zip(NETWORKS, (network, shuffled_weights(network), fresh(UNet, CONFIG, SEED + 1).eval()),
                        strict=True))  # fmt: skip
    rooms = depth_rooms(FIT, split="validation"), depth_rooms(SCORE, split="test")
    layers: dict[str, Any] = {name: {} for name in networks}
    pixels = {"clean": kept_piece("room_depth", "pixels-clean", {**about, "of": "pixels"}, lambda: _pixels(rooms)),
              "whole": kept_piece("room_depth", "whole-pictures", about, lambda: probe_whole_pictures(rooms))}
    report(f"whole pictures: R2 {pixels['whole']['value']:.2f}")
    for level in LEVELS:
        noisy = [noised_rooms(network, each, level, seed) for seed, each in enumerate(rooms, start=10)]
        for name, one in networks.items():
            layers[name][f"{level}"] = kept_piece(
                "room_depth", f"{name}-{level}", {**about, "network": name, "level": level},
                lambda one=one, noisy=noisy, level=level: _layers(one, noisy, level, rooms),
            )  # fmt: skip
            best = max(LAYERS, key=lambda layer: layers[name][f"{level}"][layer]["value"])
            report(f"{name}, noise {level}: R2 {layers[name][f'{level}'][best]['value']:.2f} in {best}")
        pixels[f"{level}"] = kept_piece("room_depth", f"pixels-{level}", {**about, "of": "pixels", "level": level},
                                        lambda noisy=noisy: _pixels(rooms, noisy))  # fmt: skip
    for one in (*(part for by in layers.values() for part in by.values()), *pixels.values()):
        one.pop("commit")
    return {"network": facts, "pictures": kept_room_pictures().digest[:12], "away_from_the_kept": round(drawn, 3),
            "rooms": [FIT, SCORE], "layers": layers, "pixels": pixels}  # fmt: skip


def _layers(network: UNet, noisy: Sequence[Tensor], level: float, rooms: tuple[DepthRooms, DepthRooms]) -> dict:
    fit, score = (layer_features(network, each, level) for each in noisy)
    return {name: probe_depth(fit[name], score[name], rooms) for name in LAYERS}


def _pixels(rooms: tuple[DepthRooms, DepthRooms], noisy: Sequence[Tensor] = ()) -> dict[str, float]:
    shown = [to_model(each.pictures) for each in rooms]
    if noisy:
        shown = [(torch.nn.functional.pixel_shuffle(z[:, 0], SQUARE) + 1.0) / 2.0 for z in noisy]
    return probe_depth(*(pixels_around(each) for each in shown), rooms)


@dataclass(frozen=True)
class RoomDepth:
    """What ``run`` kept. layers: by network, noise level and layer, pixels: by noise level, "clean" or "whole":
    {"value", "low", "high", "meaningless_task"}. away: see ``away_from_the_kept``; pictures: the first digits of the
    kept ones' digest. steps, minutes: of the training. rooms: to fit, to score."""

    layers: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]
    pixels: Mapping[str, Mapping[str, float]]
    away: float
    pictures: str
    steps: int
    minutes: float
    rooms: tuple[int, int]


def measured_room_depth() -> RoomDepth:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def check(scores: Mapping[str, float]) -> None:
        if not all(np.isfinite(float(scores[name])) for name in ("value", "low", "high", "meaningless_task")):
            raise ValueError("a score is no finite number")

    def parse(facts: dict[str, Any]) -> RoomDepth:
        for name in NETWORKS:
            for level in LEVELS:
                for layer in LAYERS:
                    check(facts["layers"][name][f"{level}"][layer])
        for level in ("clean", "whole", *map(str, LEVELS)):
            check(facts["pixels"][level])
        return RoomDepth(facts["layers"], facts["pixels"], float(facts["away_from_the_kept"]), str(facts["pictures"]),
                         int(facts["network"]["steps"]),
                         float(facts["network"]["processor_minutes"]),
                         (int(facts["rooms"][0]), int(facts["rooms"][1])))  # fmt: skip

    return read_study(KEPT, parse, "room_depth")
