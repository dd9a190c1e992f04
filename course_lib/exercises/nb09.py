"""Exercises of notebook 09, video latents: groups, the past alone, windows, linear codes, what was saved, who leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, need, seeded


# --- 1. groups of frames ----------------------------------------------------------------------------------------------
def my_groups(frames: Tensor, group: int) -> Tensor:
    """The first frame alone, then groups: (B, 1 + k group, C, H, W) -> (B, 1 + k, group * C, H, W).

    The frames (or their features) are stacked as channels, the earliest first. The first frame fills its group by
    itself: it stands there ``group`` times.
    """
    still = frames[:, :1].repeat(1, group - 1, 1, 1, 1)
    padded = torch.cat([still, frames], dim=1)  # (B, (1 + k) group, C, H, W)
    return padded.unflatten(1, (-1, group)).flatten(2, 3)


def _short_films(seed: int) -> Inputs:
    generator, group = seeded(seed), (2, 3, 4)[seed % 3]
    return torch.randn(2, 1 + 2 * group, 3, 2, 5, generator=generator), group


def _padded(frames: Tensor, group: int, beginning: Tensor) -> Tensor:
    return torch.cat([beginning, frames], dim=1).unflatten(1, (-1, group)).flatten(2, 3)


def _check_groups(candidate: Asked) -> None:
    check_values(
        candidate,
        my_groups,
        _short_films,
        [
            (lambda x, g: _padded(x, g, torch.zeros_like(x[:, : g - 1])),
             "The first group begins with empty frames. A film at rest is wanted: the first frame, `group` times."),
            (lambda x, g: _padded(x[:, :0], g, torch.cat([x, x[:, -1:].repeat(1, g - 1, 1, 1, 1)], dim=1)),
             "You fill up at the end. Then the first group holds frames 0 to group - 1, and no image fits in it: fill "
             "up at the beginning, with the first frame."),
            (lambda x, g: _padded(x, g, x[:, 1:g].flip(1)),
             "The first group holds frames that come later. It may know of the first frame alone."),
            (lambda x, g: my_groups(x, g).unflatten(2, (g, -1)).transpose(2, 3).flatten(2, 3),
             "The channels stand in another order: all colours of the earliest frame first, then those of the next."),
            (lambda x, g: my_groups(x, g).unflatten(2, (g, -1)).flip(2).flatten(2, 3),
             "The frames of a group stand from late to early: the earliest comes first."),
        ],
        "At {place} (film, group, channel, row, column) {wanted} is expected, yours has {mine}.",
    )  # fmt: skip
    image = torch.randn(1, 1, 3, 2, 2, generator=seeded(9))
    must_equal(
        candidate(image, 4),
        image.repeat(1, 4, 1, 1, 1).flatten(1, 2)[:, None],
        [],
        "An image is a film of one frame, and one group: at {place} {wanted} is expected, yours has {mine}.",
    )


register(
    Exercise(
        id="codec.groups",
        notebook="09",
        title="The first frame alone, then groups",
        difficulty=2,
        minutes=10,
        reference=my_groups,
        check=_check_groups,
        hints=(
            "With group - 1 more copies of the first frame in front, the film has (1 + k) group frames. Which two axes "
            "does unflatten make of the time axis, and which two does flatten join?",
            "torch.cat([frames[:, :1].repeat(1, group - 1, 1, 1, 1), frames], dim=1), then .unflatten(1, (-1, group)) "
            "and .flatten(2, 3).",
        ),
        explanation="Three copies of the first frame are a film that does not move. So one network serves all groups, "
        "and the latents of an image are those that it has as the first frame of a film. MAGVIT-v2 pads in the same "
        "way: all padding in time stands before the first frame.",
    )
)


# --- 2. the past alone ------------------------------------------------------------------------------------------------
def my_before(x: Tensor) -> Tensor:
    """Beside each group the one before it: (B, G, C, h, w) -> (B, G, 2 C, h, w).

    The first C channels are those of the group before (zeros for the first group), the others the group's own.
    """
    before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
    return torch.cat([before, x], dim=2)


def _grids(seed: int) -> Inputs:
    return (torch.randn(2, 4, 3, 2, 2, generator=seeded(seed)),)


def _check_before(candidate: Asked) -> None:
    def after(x: Tensor) -> Tensor:
        return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)

    check_values(
        candidate,
        my_before,
        _grids,
        [
            (lambda x: torch.cat([after(x), x], dim=2),
             "Beside each group stands the one *after* it: the future would leak into the latents."),
            (lambda x: torch.cat([x.roll(1, dims=1), x], dim=2),
             "roll puts the last group beside the first: the end of the film leaks into its beginning. Zeros belong "
             "there."),
            (lambda x: torch.cat([torch.cat([x[:, :1], x[:, :-1]], dim=1), x], dim=2),
             "Beside the first group stands the first group itself; zeros are wanted."),
            (lambda x: torch.cat([x, my_before(x)[:, :, : x.shape[2]]], dim=2),
             "The two halves are exchanged: the group before comes first, then the own channels."),
            (lambda x: torch.cat([torch.zeros_like(x), x], dim=2), "The group before is zero everywhere, not only for "
                                                                   "the first group."),
        ],
        "At {place} (film, group, channel, row, column) {wanted} is expected, yours has {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="codec.before",
        notebook="09",
        title="The past alone",
        difficulty=2,
        minutes=8,
        reference=my_before,
        check=_check_before,
        hints=(
            "Shift the groups by one: all but the last, a group of zeros in front. Then join along the channels.",
            "before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1); torch.cat([before, x], dim=2).",
        ),
        explanation="A convolution over these 2 C channels is a convolution in time with kernel 2 and all of its "
        "padding in front: a causal convolution. Nothing else in the network mixes groups, so this line alone decides "
        "which way time runs.",
    )
)


# --- 3. how far a place sees ------------------------------------------------------------------------------------------
def my_receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """Width in pixels of what one place sees after these layers, each (kernel, stride), from the pixels upwards."""
    width, step = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * step  # the kernel's neighbours are `step` pixels apart
        step *= stride
    return width


def _check_window(candidate: Asked) -> None:
    cases = ([(3, 1)], [(3, 1), (3, 1)], [(2, 2), (3, 1)], [(4, 2), (3, 1), (3, 1)], [(3, 1), (4, 2), (4, 2), (3, 1)],
             [(1, 1), (5, 1), (1, 1)])  # fmt: skip
    for layers in cases:
        mine, wanted = candidate(list(layers)), my_receptive_field(layers)
        if mine == wanted:
            continue
        if mine == 1 + sum(kernel - 1 for kernel, _ in layers):
            raise Wrong(f"For {layers} a place sees {wanted} pixels. After a stride the neighbours of a kernel are "
                        "several pixels apart: count in pixels.")  # fmt: skip
        step, late = 1, 1
        for kernel, stride in layers:
            step *= stride
            late += (kernel - 1) * step
        if mine == late:
            raise Wrong("A layer's own stride moves its *outputs* apart, not the places that its kernel reads: use the "
                        "step from before this layer.")  # fmt: skip
        product = 1
        for kernel, _ in layers:
            product *= kernel
        if mine == product:
            raise Wrong("Kernels do not multiply: two kernels of 3 in a row see 5 pixels, since their windows overlap.")
        raise Wrong(f"For the layers (kernel, stride) {layers} one place sees {wanted} pixels, yours says {mine}.")


register(
    Exercise(
        id="codec.receptive_field",
        notebook="09",
        title="How far a place sees",
        difficulty=3,
        minutes=10,
        reference=my_receptive_field,
        check=_check_window,
        hints=(
            "Keep two numbers: the width that is seen so far, and how many pixels two neighbouring places are apart.",
            "Each layer adds (kernel - 1) * step to the width; after it, step is multiplied by the stride.",
        ),
        explanation="This is the receptive field, by arithmetic. It is an upper bound: pixels at its edge reach the "
        "place along one path only and hardly move it.",
    )
)


# --- 4. the best linear code ------------------------------------------------------------------------------------------
def my_linear_code(blocks: Tensor, numbers: int) -> Tensor:
    """Blocks through the best linear code of so many numbers and back, (N, P) -> (N, P): PCA in closed form."""
    mean = blocks.mean(dim=0)
    centred = blocks - mean
    _, directions = torch.linalg.eigh(centred.T @ centred)  # eigenvalues from small to large
    best = directions[:, -numbers:]  # (P, numbers)
    return centred @ best @ best.T + mean


def _blocks(seed: int) -> Inputs:
    generator = seeded(seed)
    spread = torch.tensor([3.0, 0.2, 1.5, 0.6, 2.2])[torch.randperm(5, generator=generator)]
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator))
    return torch.randn(60, 5, generator=generator) * spread @ turn + 4.0, 2 + seed % 2


def _projected(blocks: Tensor, matrix: Tensor, mean: Tensor) -> Tensor:
    return (blocks - mean) @ matrix @ matrix.T + mean


def _check_linear(candidate: Asked) -> None:
    def directions(rows: Tensor) -> Tensor:
        return torch.linalg.eigh(rows.T @ rows).eigenvectors

    check_values(
        candidate,
        my_linear_code,
        _blocks,
        [
            (lambda b, k: _projected(b, directions(b - b.mean(0))[:, :k], b.mean(0)),
             "You keep the directions in which the blocks differ *least*: eigh gives eigenvalues from small to large."),
            (lambda b, k: _projected(b, directions(b)[:, -k:], torch.zeros(b.shape[1])),
             "The mean block was not taken off: the first direction is spent on it."),
            (lambda b, k: _projected(b, directions(b - b.mean(0))[:, -k:], b.mean(0)) - b.mean(0),
             "The mean block was taken off and not put back."),
            (lambda b, k: _projected(b, torch.eye(b.shape[1])[:, :k], b.mean(0)),
             "You keep the first coordinates themselves; the directions come from the blocks' covariance."),
            (lambda b, k: _projected(b, directions(b - b.mean(0))[-k:].T, b.mean(0)),
             "Eigenvectors are the *columns* of what eigh gives."),
        ],
        "At {place} the block comes back as {wanted}, yours as {mine}.",
        rtol=1e-3,
        atol=1e-4,
    )  # fmt: skip
    blocks, _ = _blocks(7)
    whole = candidate(blocks, 5)
    need(torch.allclose(whole, blocks, atol=1e-3), "With as many numbers as a block has, it must come back as it was.")


register(
    Exercise(
        id="codec.linear_code",
        notebook="09",
        title="The best linear code",
        difficulty=3,
        minutes=12,
        reference=my_linear_code,
        check=_check_linear,
        hints=(
            "Take off the mean, make the P x P covariance, ask torch.linalg.eigh for its eigenvectors; project on the "
            "last ones and put the mean back.",
            "best = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -numbers:]; centred @ best @ best.T + mean.",
        ),
        explanation="No step of training, and no linear code has a smaller squared error on these blocks. So it is the "
        "control that every codec has to beat: what a network has beyond it comes from not being linear, and from "
        "seeing its neighbours.",
    )
)


# --- 5. what was saved ------------------------------------------------------------------------------------------------
def my_compression(frames: int, size: int, group: int, channels: int, side: int) -> float:
    """How many times fewer numbers a film's latents have than the film.

    frames: 1 + k group, each size x size pixels of 3 colours; every group, the first frame's too, becomes channels x
    side x side numbers.
    """
    groups = 1 + (frames - 1) // group
    return frames * 3 * size * size / (groups * channels * side * side)


def _check_compression(candidate: Asked) -> None:
    def films(seed: int) -> Inputs:
        generator = seeded(seed)
        k, group, size, channels, side = (
            int(torch.randint(low, high, (), generator=generator))
            for low, high in ((1, 9), (2, 6), (16, 65), (2, 17), (4, 17))
        )
        return 1 + k * group, size, group, channels, side

    check_values(
        candidate,
        my_compression,
        films,
        [
            (lambda t, s, g, c, d: 3 * g * s * s / (c * d * d),
             "That is the ratio of a full group. The first frame has a group for itself, so a whole film is compressed "
             "less."),
            (lambda t, s, g, c, d: t * 3 * s * s / (t // g * c * d * d),
             "One group is missing: besides the k full ones, the first frame has one for itself."),
            (lambda t, s, g, c, d: t * s * s / ((1 + (t - 1) // g) * c * d * d), "A pixel has three colours."),
            (lambda t, s, g, c, d: 1 / my_compression(t, s, g, c, d), "This is the share that is left. How many times "
                                                                      "fewer is its inverse."),
            (lambda t, s, g, c, d: 3 * s * s / (c * d * d), "Time is missing: a group of frames has one grid."),
        ],
        "For such a film the ratio is {wanted}, yours says {mine}.",
    )  # fmt: skip
    single = "With groups of one frame five frames are five groups, and the ratio is {wanted}; yours says {mine}."
    must_equal(candidate(5, 32, 1, 4, 8), 12.0, [], single)


register(
    Exercise(
        id="codec.compression",
        notebook="09",
        title="What was saved",
        difficulty=1,
        minutes=6,
        reference=my_compression,
        check=_check_compression,
        hints=(
            "Count the numbers of the film, and those of its 1 + k grids.",
            "frames * 3 * size**2 / ((1 + (frames - 1) // group) * channels * side**2).",
        ),
        explanation="A longer film comes nearer to the ratio of a full group and never reaches it. Ratios in papers "
        "are those of full groups.",
    )
)


# --- 6. who leaks -----------------------------------------------------------------------------------------------------
def my_earliest(encode: Callable[[Tensor], Tensor], frames: Tensor, which: int) -> int:
    """The number of the earliest group whose latents change when frame ``which`` of a film changes.

    encode: (1, T, 3, H, W) -> (1, G, C, h, w). frames: (1, T, 3, H, W) in [0, 1]. G when nothing changes.
    """
    other = frames.clone()
    other[:, which] = 1.0 - other[:, which]
    change = (encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0]  # (1, G, C, h, w) -> (G,)
    changed = torch.nonzero(change > 0).flatten()
    return int(changed[0]) if len(changed) else len(change)


def _pretend(shift: int, group: int = 4, scale: float = 1.0) -> Callable[[Tensor], Tensor]:
    """An encoder in which each group also knows the group ``shift`` further on (0: none but its own)."""

    def encode(frames: Tensor) -> Tensor:
        means = my_groups(frames, group).mean(dim=(3, 4), keepdim=True)  # (B, G, 3 group, 1, 1)
        if shift:
            means = means + 0.5 * means.roll(-shift, dims=1)
        return scale * means

    return encode


def _check_earliest(candidate: Asked) -> None:
    generator = seeded(0)
    frames = torch.rand(1, 17, 3, 4, 4, generator=generator)
    asked = [(0, 7, 2), (0, 0, 0), (0, 16, 4), (-1, 5, 2), (1, 9, 2), (2, 14, 2), (0, 1, 1)]
    for shift, which, _ in asked:
        for scale in (1.0, 1e-4):
            encode = _pretend(shift, scale=scale)
            mine, wanted = candidate(encode, frames, which), my_earliest(encode, frames, which)
            if mine == wanted:
                continue
            group = "the group that holds the frame" if wanted == (which + 3) // 4 else "an earlier one"
            if scale < 1.0:
                raise Wrong("A small change is a change: latents of another scale change by less. Compare with 0.")
            if mine == which:
                raise Wrong("That is the number of the frame. Groups are asked for: compare latents along axis 1.")
            if mine > wanted and shift > 0:
                raise Wrong(
                    f"Frame {which} changes group {wanted} here, which ends before it, and yours says {mine}. Which "
                    "groups change is for the encoder to say, not for their length."
                )
            if shift < 0 and mine > wanted:
                raise Wrong(f"Frame {which} changes groups {wanted} and {mine} here: the earliest is asked for.")
            raise Wrong(f"Frame {which} changes group {wanted} first ({group}), yours says {mine}.")
    plain = frames.clone()
    plain[:, 6], plain[:, 10] = 0.0, 1.0
    for which, colour in ((6, "black"), (10, "white")):
        if candidate(_pretend(0), plain, which) != 2 + (which > 8):
            raise Wrong(f"Frame {which} is {colour} here, and so is what you put in its place: nothing changes. Change "
                        "the frame whatever it shows, to 1 - frame for one.")  # fmt: skip
    deaf = lambda x: torch.zeros(1, 5, 2, 1, 1)  # noqa: E731
    if candidate(deaf, frames, 3) != 5:
        raise Wrong("Where nothing changes, the number of groups is the answer.")


register(
    Exercise(
        id="codec.earliest",
        notebook="09",
        title="Who leaks",
        difficulty=3,
        minutes=12,
        reference=my_earliest,
        check=_check_earliest,
        like=lambda encode, frames, which: 0,
        hints=(
            "Change one frame of a copy, encode both, and look for the first group in which any number differs.",
            "(encode(other) - encode(frames)).abs().flatten(2).amax(dim=2)[0] > 0, and the first True of it.",
        ),
        explanation="For a causal encoder the answer is the group that holds the frame, (which + group - 1) // group, "
        "whatever the weights are. One untrained network and one call find the bug that hours of training would hide: "
        "a leaking codec draws films well.",
    )
)
