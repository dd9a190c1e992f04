"""How fast is each building block on this machine, beside what the machine can do at all?

Seconds say little about code: they change with the machine. So each block's arithmetic is set against a product of two
1024 x 1024 matrices, measured in the same run on the same threads, which is about the best that float32 can reach.

    FLOPs   floating-point operations of one training step, forward and backward, counted by torch from the shapes that
            really occur: a product of (m, k) and (k, n) has 2 m k n, a convolution 2 * outputs * inputs of each output,
            attention two such products; the backward pass has twice those of the forward one. Additions, normalisations
            and activations are left out. For a network of linear layers that is 6 FLOPs a parameter and row.
    share   (FLOPs / seconds of a step) / (FLOPs a second of the matrix product)
    bf16    seconds of a step / seconds of the same step under bfloat16 autocast (mixed precision): above 1, train with
            ``train.precision=bf16``, and compare the first learning curve with that of float32

Processors with AVX512-BF16 or AMX multiply bfloat16 faster than float32; others have no instruction for it and are many
times slower. So a small product is tried in both first, and where it does not gain, no block is asked.

A low share is not a fault by itself: a block that moves much memory for little arithmetic cannot have a high one. It is
a fault when it falls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_lib.lookup import CourseError
from course_lib.machine import measure_gflops


class UnknownBlock(CourseError, ValueError):
    """No building block of this name is measured; the message lists those that are."""


Step = Callable[[], Tensor]  # computes a loss; the bench calls backward on it


@dataclass(frozen=True)
class Block:
    """A building block at work. about: its sizes, in words. make: builds it and returns one training step's loss.

    flops: of a step, by formula; None where torch counts them.
    """

    about: str
    make: Callable[[torch.Generator], Step]
    flops: Callable[[], int] | None = None


def _linear(generator: torch.Generator) -> Step:
    layer, x = nn.Linear(512, 512), torch.randn(4096, 512, generator=generator, requires_grad=True)
    return lambda: layer(x).square().mean()


def _convolution(generator: torch.Generator) -> Step:
    layer = nn.Conv2d(64, 64, 3, padding=1)
    x = torch.randn(64, 64, 16, 16, generator=generator, requires_grad=True)
    return lambda: layer(x).square().mean()


def _attention(generator: torch.Generator) -> Step:
    shape = (128, 4, 64, 32)  # films * frames, heads, tokens, width of a head
    q, k, v = (torch.randn(shape, generator=generator, requires_grad=True) for _ in range(3))
    return lambda: F.scaled_dot_product_attention(q, k, v).square().mean()


def _space_time(generator: torch.Generator) -> Step:
    from course_lib.nets.space_time import SpaceTimeTransformer

    stack = SpaceTimeTransformer(128, 4, 4, frames=16, places=64)
    x = torch.randn(8, 16, 64, 128, generator=generator)  # (films, frames, tokens, width)
    return lambda: stack(x).square().mean()


def _space_time_flops() -> int:
    """6 a weight of the linear layers and token, what the two attentions compare and mix left out."""
    width, layers, tokens = 128, 4, 8 * 16 * 64
    return 6 * layers * (8 + 8) * width * width * tokens  # two attentions of 4 * width^2, a feed-forward layer of 8


def _training_step(name: str, batch_of: Callable[..., dict[str, Tensor]]) -> Callable[[torch.Generator], Step]:
    """One step of a model's own training at size cpu, on numbers that only have the right shapes."""

    def make(generator: torch.Generator) -> Step:
        from course_lib.training import get_recipe, load_config
        from course_lib.training.recipe import build

        config = load_config(name, "cpu")
        model = build(get_recipe(name), config.model)
        batch = batch_of(config, generator)
        return lambda: model.loss(batch, 0, generator)["loss"]

    return make


def _frames(config, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ANN001
    side = config.model.frame_size
    return {"frames": torch.rand(config.data.batch, 3, side, side, generator=generator)}


def _frames_and_states(config, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ANN001
    from course_lib.worlds.films import make_film
    from course_lib.worlds.scenes import film_seed

    states = torch.from_numpy(make_film("simple", film_seed("train", 0)).states)  # (T, SLOTS, FIELDS)
    rows = torch.randint(len(states), (config.data.batch,), generator=generator)
    return _frames(config, generator) | {"states": states[rows]}


def _films_and_captions(config, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ANN001
    side, model = config.model.frame_size, config.model
    films = torch.rand(config.data.batch, model.frames, 3, side, side, generator=generator)
    words = (config.data.batch, model.context)
    return {"frames": films, "tokens": torch.randint(1, model.vocabulary, words, generator=generator)}


def _films_with_foreground(config, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ANN001
    side, shape = config.model.frame_size, (config.data.batch, config.data.length)
    front = torch.rand(*shape, side, side, generator=generator) < 0.1
    return {"frames": torch.rand(*shape, 3, side, side, generator=generator), "foreground": front}


BLOCKS: Mapping[str, Block] = {
    "linear": Block("4,096 rows, 512 to 512", _linear),
    "convolution": Block("64 pictures of 16 x 16, 64 to 64 channels, 3 x 3", _convolution),
    "attention": Block("128 x 64 tokens, 4 heads of width 32, without its projections", _attention),
    "space-time": Block(
        "4 blocks of width 128, 4 heads; 8 films x 16 frames x 64 tokens; 6 FLOPs a weight and token",
        _space_time,
        _space_time_flops,
    ),
    "VAE": Block("training step of size cpu, 64 frames of 32 x 32", _training_step("vae", _frames)),
    "reader": Block("training step of size cpu, 64 frames of 32 x 32", _training_step("reader", _frames_and_states)),
    "CLIP": Block(
        "training step of size cpu, 96 films of 5 frames with captions", _training_step("clip", _films_and_captions)
    ),
    "video codec": Block(
        "training step of size cpu, 4 films of 5 frames", _training_step("codec", _films_with_foreground)
    ),
}
"""What is measured. A chapter that adds a block to ``nets`` adds a line here."""


def count_flops(step: Step) -> int:
    """Operations of one step, forward and backward."""
    # torch counts attention only as two products, not as the fused kernel that a processor would choose
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        step().backward()
    return counter.get_total_flops()


def seconds_of(step: Step, seconds: float) -> float:
    """The median time of a step, forward and backward, over about so many seconds and at least five steps."""
    step().backward()  # the first call also allocates
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        step().backward()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def bfloat16_gains() -> bool:
    """Whether this processor multiplies small matrices faster in bfloat16 than in float32."""
    fast, usual = (measure_gflops(0.05, dtype, side=256) for dtype in (torch.bfloat16, torch.float32))
    return fast > usual


def in_bfloat16(step: Step) -> Step:
    """The same step under autocast, as ``train.precision=bf16`` runs it."""

    def mixed() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return step()

    return mixed


def measure(names: list[str] | None = None, *, seconds: float = 2.0) -> list[dict[str, str | float | int | None]]:
    """Rows block, about, gflop (a step), milliseconds, gflops (a second), share (of the matrix product), bf16, threads.

    bf16: how many times faster a step is in mixed precision; None where this processor's own product is not.
    Raises UnknownBlock with the names of those that there are.
    """
    unknown = [name for name in names or [] if name not in BLOCKS]
    if unknown:
        raise UnknownBlock(f"there is no block {unknown[0]!r}; the blocks are: {', '.join(BLOCKS)}")
    rows, gains = [], bfloat16_gains()
    for name in names or BLOCKS:
        step = BLOCKS[name].make(torch.Generator().manual_seed(0))
        flops = BLOCKS[name].flops() if BLOCKS[name].flops else count_flops(step)
        best = measure_gflops(seconds / 4)  # beside each block, so that a machine that slows down slows both
        took = seconds_of(step, seconds)
        rows.append({
            "block": name, "about": BLOCKS[name].about, "gflop": flops / 1e9, "milliseconds": 1e3 * took,
            "gflops": flops / took / 1e9, "matmul_gflops": best, "share": flops / took / 1e9 / best,
            "bf16": took / seconds_of(in_bfloat16(step), seconds) if gains else None,
            "threads": torch.get_num_threads(),
        })  # fmt: skip
    return rows
