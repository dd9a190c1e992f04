"""Does a diffusion transformer get better with the operations of a forward pass? Four sizes, two patches, three seeds.

Peebles & Xie (DiT, 2022, arXiv 2212.09748, section 5) train twelve models, four sizes with patches of 8, 4
and 2, and find the FID to follow the Gflops of one forward pass, not the number of weights: smaller patches make more
tokens, with the same weights. Here are eight, as small as one core can train. All see the same films in the same
order, with the same noise at the same levels: a seed decides them, whatever the network.

Two things are measured of the moving average of the weights. The *held-out loss*, on validation films, with pairs of
noise level and noise that are the same for every model. And what the reader finds in films that are made from
prompts: as many bodies as were asked for, their colours, shapes and motions.

Each run is kept when it ends, so the study can be stopped and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_lib.exam.measures.generated import summary
from course_lib.exam.measures.prompts import draw_prompts, follow_prompts
from course_lib.models.base import fresh
from course_lib.models.clip import tokenise
from course_lib.models.codec import VideoCodec
from course_lib.models.dit import AveragedDiT, DiT
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import TextToVideo
from course_lib.studies.store import DATA, kept_piece, read_study, weights_of
from course_lib.training import load_checkpoint, load_config, train
from course_lib.training.latents import code_films, codec_of
from course_lib.training.recipe import Data, RunConfig
from course_lib.training.registry import get_recipe
from course_lib.worlds.captions import FRAMES, parse_caption
from course_lib.worlds.films import code_version, load_films
from course_lib.worlds.frames import to_uint8

KEPT = DATA / "playground" / "dit_scaling.json"
SIZES = ((32, 2), (48, 3), (64, 4), (96, 4))  # width and depth
PATCHES = (2, 1)
SEEDS = (0, 1, 2)
HEAD = 16  # channels of an attention head, in every size
WORDS = 15  # tokens of the longest caption of two bodies, marks included: what operations are counted with
SCORES = ("number", "colour", "shape", "motion")
QUARTERS = 4  # times that the held-out loss is taken during a training
COMMON = {
    "model.text_depth": 1, "model.depthwise": False, "model.depthwise_time": False, "model.masked": 0.0,
    "model.ema": 0.99, "data.count": 8000, "data.most_bodies": 2, "data.even": False, "data.lengths": [5],
    "data.batch": 16,
    "train.steps": 500, "train.learning_rate": 2e-3, "train.warmup": 50, "train.final": 0.01,
}  # fmt: skip
"""What all runs share beside ``cpu-tokens``: no convolutions, whole films made from the caption alone."""


def run_config(seed: int, changes: Mapping[str, Any], common: Mapping[str, Any] = COMMON) -> RunConfig:
    """The configuration of one run: the size ``cpu-tokens``, what all runs share, and what is this run's own."""
    return load_config("dit", "cpu-tokens", {**common, **changes, "train.seed": seed})


def size_changes(width: int, depth: int, patch: int) -> dict[str, Any]:
    """One size of the transformer, as changes of a configuration."""
    return {"model.width": width, "model.depth": depth, "model.heads": width // HEAD, "model.patch": patch}


# ---------------------------------------------------------------------------------------------- what a network costs


def forward_flops(dit: DiT, shape: tuple[int, ...], words: int = WORDS) -> int:
    """Operations of one forward pass for one film: a multiplication and an addition are two.

    shape: of its latents, (G, C, h, w). words: tokens of its caption; a DiT on classes has one class. Counted by torch
    from the shapes; element-wise operations are left out. The paper's Gflops count a multiplication with its addition
    as one, so they are half of these. On the device "meta" nothing is computed.
    """
    device = dit.x_embedder.weight.device
    x_t, t = torch.zeros(1, *shape, device=device), torch.full((1,), 0.5, device=device)
    count = () if dit.config.classes else (words,)
    condition = torch.full((1, *count), 1, dtype=torch.int64, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        dit(x_t, t, condition)
    return counter.get_total_flops()


# -------------------------------------------------------------------------------------------------- what is measured


class HeldOut(NamedTuple):
    """Films that no model learned from, with a noise level and a noise for each: the same for every model.

    Films stand as often as there are levels, one after another. levels: they are shares of equal weight under the
    levels of training (logit-normal), one drawn within each.
    """

    latents: Tensor  # (N, G, C, h, w)
    tokens: Tensor  # int64 (N, L)
    t: Tensor  # (N,)
    epsilon: Tensor  # (N, G, C, h, w)


def draw_held_out(latents: Tensor, tokens: Tensor, levels: int, generator: torch.Generator) -> HeldOut:
    """Levels and noise for films. latents: (M, G, C, h, w); tokens: int64 (M, L) -> N = M * levels."""
    latents, tokens = latents.repeat_interleave(levels, dim=0), tokens.repeat_interleave(levels, dim=0)
    place = torch.arange(levels).repeat(len(latents) // levels)
    share = (place + torch.rand(len(latents), generator=generator)) / levels  # even over each part of (0, 1)
    t = torch.special.ndtri(share.double().clamp(1e-6, 1 - 1e-6)).sigmoid().float()
    return HeldOut(latents, tokens, t, torch.randn(latents.shape, generator=generator))


@torch.no_grad()
def held_out_loss(dit: DiT, held: HeldOut, batch: int = 64) -> float:
    """The mean squared error of the prediction. For 0 it is the noise's variance, 1, plus the latents' mean square."""
    total = 0.0
    for z, tokens, t, epsilon in zip(*(part.split(batch) for part in held), strict=True):
        x_t, target = dit.diffusion.noised(z, epsilon, t), dit.diffusion.target_of(z, epsilon, t)
        drawn = dit(x_t, t, tokens)[:, :, : dit.config.channels]
        total += float((drawn - target).square().flatten(1).mean(dim=1).sum())
    return total / len(held.t)


@dataclass
class Material:
    """What the runs of a study learn from and are measured on, made when the first of them asks for it.

    config: any of the runs', they share their data. films: validation films that are looked through for the held-out
    loss; levels: noise levels of each. prompts: of one or two bodies. steps: of sampling.
    """

    config: RunConfig
    films: int = 256
    levels: int = 4
    prompts: int = 48
    steps: int = 8
    w: float = 2.0

    @cached_property
    def data(self) -> Data:
        """Training films as latents with their captions."""
        return get_recipe("dit").load(self.config, None)

    @cached_property
    def codec(self) -> VideoCodec:
        """The codec that the configuration names."""
        return codec_of(self.config)

    @cached_property
    def reader(self) -> Reader:
        """The course's reader."""
        return load_checkpoint("reader")

    @cached_property
    def held(self) -> HeldOut:
        """Validation films of as few bodies as the training films."""
        data = self.config.data
        films = load_films(data.films, split="validation", count=self.films, length=FRAMES)
        few = [n for n, text in enumerate(films.captions) if len(parse_caption(text)) <= data.most_bodies]
        latents = code_films(self.codec, films.frames[few, : max(data.lengths)])
        tokens = tokenise([films.captions[n] for n in few], self.config.model.context)[:, :WORDS]
        return draw_held_out(latents, tokens, self.levels, torch.Generator().manual_seed(0))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of a film's latents, (G, C, h, w)."""
        config = self.codec.config
        return config.groups(max(self.config.data.lengths)), config.latent, config.side, config.side

    def scores(self, dit: DiT) -> dict[str, float]:
        """What the reader finds in films made from prompts, shares by SCORES, ``all`` of a film, and the ``mean`` of
        SCORES. Motion is balanced over the five motions."""
        prompts = draw_prompts(self.prompts, np.random.default_rng(0), bodies=(1, self.config.data.most_bodies))
        make = TextToVideo(dit, self.codec)
        generator = torch.Generator().manual_seed(0)
        films = make.films(prompts, max(self.config.data.lengths), generator=generator, w=self.w, steps=self.steps)
        found = summary(follow_prompts(self.reader, to_uint8(films), prompts))
        shares = {name: found[name] for name in SCORES}
        shares |= {"mean": np.mean(list(shares.values())), "all": found["everything"]}
        return {name: round(float(share), 4) for name, share in shares.items()}

    def decides(self) -> dict[str, Any]:
        """What measurements follow from, beside the configuration."""
        numbers = {name: getattr(self, name) for name in ("films", "levels", "prompts", "steps", "w")}
        return {**numbers, "codec": weights_of("codec", self.config.data.codec), "reader": weights_of("reader"),
                "world": code_version()}  # fmt: skip


def train_and_measure(
    config: RunConfig, material: Material, make: Callable[..., DiT] = DiT, quarters: int = QUARTERS
) -> dict[str, Any]:
    """Train one network and say what it costs and what it can do.

    gflops: of one forward pass for one film. parameters. films: it has learned from. curve: rows of steps done and the
    held-out loss then, the last one ``loss``. scores: see ``Material``. seconds: of processor time, the training alone.
    """
    model = fresh(lambda sizes: AveragedDiT(sizes, make), config.model, config.train.seed)
    measured, steps, curve = 0.0, config.train.steps, []
    stops = {max(1, round(steps * quarter / quarters)) for quarter in range(1, quarters + 1)}

    def measure(step: int, losses: dict[str, float]) -> None:
        nonlocal measured
        if step in stops:
            begin = time.process_time()
            curve.append([step, held_out_loss(model.average, material.held)])
            measured += time.process_time() - begin

    data = material.data
    begin = time.process_time()
    train("dit", config, measure, data=data, model=model, progress="none")
    seconds = time.process_time() - begin - measured
    return {
        "gflops": forward_flops(model.network, material.shape) / 1e9,
        "parameters": sum(each.numel() for each in model.network.parameters()),
        "films": len(data.arrays["tokens"]), "steps": steps, "curve": curve, "loss": curve[-1][1],
        "scores": material.scores(model.average), "seconds": round(seconds, 1),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------- the study


def run(
    report: Callable[[str], None] = print, common: Mapping[str, Any] = COMMON,
    sizes: Sequence[tuple[int, int]] = SIZES, **material: int,
) -> dict[str, Any]:  # fmt: skip
    """Train all that are not kept yet: three quarters of an hour of one core. common, sizes, material: for tests."""
    first = run_config(0, {}, common)
    held_by, runs = Material(first, **material), []
    for seed, (width, depth), patch in product(SEEDS, sizes, PATCHES):
        config = run_config(seed, size_changes(width, depth, patch), common)
        name = f"{width}x{depth}-patch{patch}-seed{seed}"
        decided_by = {**config.model_dump(mode="json"), **held_by.decides()}
        found = kept_piece("dit_scaling", name, decided_by, lambda c=config: train_and_measure(c, held_by))
        runs.append({"width": width, "depth": depth, "patch": patch, "seed": seed, **found})
        report(f"{name}: {found['gflops']:.3f} Gflops, held-out loss {found['loss']:.4f}, "
               f"scores {found['scores']['mean']:.3f}, {found['seconds']:.0f} s")  # fmt: skip
    return {"codec": weights_of("codec"), "films": runs[0]["films"], "batch": first.data.batch,
            "steps": first.train.steps, "prompts": held_by.prompts, "runs": runs}  # fmt: skip


# ------------------------------------------------------------------------------------------------- what it has found


@dataclass(frozen=True)
class SizeRun:
    """One training. gflops: of one forward pass for one film. loss: held-out. scores: shares by SCORES, mean, all."""

    width: int
    depth: int
    patch: int
    seed: int
    gflops: float
    parameters: int
    loss: float
    curve: tuple[tuple[int, float], ...]
    scores: Mapping[str, float]
    seconds: float

    @property
    def config(self) -> tuple[int, int, int]:
        """Width, depth and patch: what does not differ between seeds."""
        return self.width, self.depth, self.patch


@dataclass(frozen=True)
class Scaling:
    """What ``run`` kept. codec: the first digits of its weights' hash. films: that each run has learned from, ``batch``
    of them in each of ``steps``."""

    runs: tuple[SizeRun, ...]
    codec: str
    films: int
    batch: int
    steps: int
    prompts: int

    def grid(self, of: Callable[[SizeRun], float]) -> np.ndarray:
        """A number of every run: configurations, in order of their Gflops, by seeds."""
        configs = sorted({run.config: run.gflops for run in self.runs}.items(), key=lambda pair: pair[1])
        values = {(run.config, run.seed): of(run) for run in self.runs}
        return np.array([[values[config, seed] for seed in SEEDS] for config, _ in configs])


def measured_scaling() -> Scaling:
    """The kept facts. Raises ExamError when the file is missing or damaged."""

    def parse(facts: dict) -> Scaling:
        runs = []
        for row in facts["runs"]:
            scores = {name: float(row["scores"][name]) for name in (*SCORES, "mean", "all")}
            curve = tuple((int(step), float(loss)) for step, loss in row["curve"])
            if not (row["loss"] > 0 and row["gflops"] > 0 and all(0 <= share <= 1 for share in scores.values())):
                raise ValueError(f"the run {row['width']} x {row['depth']} has an impossible number")
            runs.append(SizeRun(*(int(row[name]) for name in ("width", "depth", "patch", "seed")),
                                float(row["gflops"]), int(row["parameters"]), float(row["loss"]), curve, scores,
                                float(row["seconds"])))  # fmt: skip
        wanted = {(*size, patch, seed) for size, patch, seed in product(SIZES, PATCHES, SEEDS)}
        if {(*run.config, run.seed) for run in runs} != wanted or len(runs) != len(wanted):
            raise ValueError(f"{len(wanted)} runs are expected, one of each size, patch and seed")
        return Scaling(tuple(runs), str(facts["codec"]), int(facts["films"]), int(facts["batch"]),
                       int(facts["steps"]), int(facts["prompts"]))  # fmt: skip

    return read_study(KEPT, parse, "dit_scaling")


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's: the correlation of ranks, equal values sharing theirs; NaN where all x or all y are equal."""
    ranks = np.stack([rankdata(np.ravel(each)) for each in (x, y)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return float("nan")
    return float(np.corrcoef(ranks)[0, 1])


def correlation_and_interval(x: np.ndarray, y: np.ndarray, *, seed: int = 0, draws: int = 2000) -> dict[str, Any]:
    """value, low, high and n of the rank correlation over all runs, with a 95 % bootstrap interval.

    x, y: (configurations, seeds). Runs are not independent: those of one configuration are alike, and those of one seed
    have seen the same batches. So configurations are drawn with replacement, and seeds as well, each for all; that is
    wider than drawing single runs. Draws in which all values are equal have no correlation and are left out.
    Raises ValueError where the values themselves are all equal: they have no order.
    """
    if np.isnan(value := rank_correlation(x, y)):
        raise ValueError(f"all {np.size(y)} runs have the same value, so there is no order to compare")
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        rows, columns = (rng.integers(n, size=n) for n in x.shape)
        found.append(rank_correlation(x[np.ix_(rows, columns)], y[np.ix_(rows, columns)]))
    low, high = np.nanquantile(found, (0.025, 0.975))
    return {"value": value, "low": float(low), "high": float(high), "n": x.size}
