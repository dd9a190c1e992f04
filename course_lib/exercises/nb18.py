"""Exercises of notebook 18, I-JEPA: blocks, contexts, targets, the slow copy, a leak, how far one must guess."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, close, need, seeded


# --- 1. the size of a block -----------------------------------------------------------------------------------------
def my_block(scale: Tensor, aspect: Tensor, rows: int, columns: int) -> Tensor:
    """Height and width in patches of blocks with a share and an aspect (h / w), within the grid.

    scale, aspect: (D,) -> int64 (D, 2), rounded, at least 1, at most the grid's own.
    """
    area = scale * rows * columns
    sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=1).round().long()
    return sides.clamp_min(1).minimum(torch.tensor([rows, columns]))


def _shares_and_aspects(seed: int) -> Inputs:
    generator = seeded(seed)
    scale = 0.002 + 0.9 * torch.rand(12, generator=generator)
    return scale, 0.3 + 2.5 * torch.rand(12, generator=generator), 9, 14


def _sides(scale: Tensor, aspect: Tensor, rows: int, columns: int, *, turned: bool = False) -> Tensor:
    area = scale * rows * columns
    high, wide = torch.sqrt(area * aspect), torch.sqrt(area / aspect)
    return torch.stack([wide, high] if turned else [high, wide], dim=1)


def _limited(sides: Tensor, rows: int, columns: int) -> Tensor:
    return torch.stack([sides[:, 0].clamp(1, rows), sides[:, 1].clamp(1, columns)], dim=1)


def _check_block(candidate: Asked) -> None:
    def right(scale: Tensor, aspect: Tensor, rows: int, columns: int) -> Tensor:
        return _limited(_sides(scale, aspect, rows, columns).round().long(), rows, columns)

    check_values(
        candidate,
        right,
        _shares_and_aspects,
        [
            (lambda s, a, r, c: _limited(_sides(s, a, r, c, turned=True).round().long(), r, c),
             "Height and width are exchanged: the aspect is height over width, so h = sqrt(area * aspect)."),
            (lambda s, a, r, c: _limited(_sides(s, a, r, c).long(), r, c),
             "The sides are cut off here, 3.9 becomes 3. Round them: smaller blocks would leave the paper's range."),
            (lambda s, a, r, c: _limited(_sides(s, a, r, c).ceil().long(), r, c),
             "The sides are rounded up here. Round them to the nearest whole number."),
            (lambda s, a, r, c: _sides(s, a, r, c).round().long(),
             "Some blocks are larger than the grid or have no patch: at least 1, at most the grid's rows and columns."),
            (lambda s, a, r, c: _sides(s, a, r, c).round().long().clamp_min(1),
             "Some blocks are larger than the grid: at most its rows, and its columns."),
            (lambda s, a, r, c: _sides(s, a, r, c).round().long().minimum(torch.tensor([r, c])),
             "A small share rounds to no patch at all: a block has at least 1."),
            (lambda s, a, r, c: _limited(torch.stack([s * r * a, s * c / a], dim=1).round().long(), r, c),
             "The share is of the area, and sides multiply to the area: a square root is missing."),
            (lambda s, a, r, c: _sides(s, a, r, c).round().long().clamp(1, max(r, c)),
             "Height and width have limits of their own here: the rows for the height, the columns for the width."),
            (lambda s, a, r, c: _sides(s, a, r, c).round().long().clamp(1, min(r, c)),
             "Height and width have limits of their own here: the rows for the height, the columns for the width."),
        ],
        "For block {place} it is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ijepa.block",
        notebook="18",
        title="The size of a block",
        difficulty=2,
        minutes=8,
        reference=my_block,
        check=_check_block,
        hints=(
            "Two unknowns, two equations: h w = scale * rows * columns and h / w = aspect. Multiply them.",
            "h = sqrt(area * aspect), w = sqrt(area / aspect); torch.stack(..., dim=1), round, limit each.",
        ),
        explanation="Sides are whole numbers, so a share between 0.15 and 0.2 is not always there to be had. The next "
        "cells count how often.",
    )
)


# --- 2. the context -------------------------------------------------------------------------------------------------
def my_context(block: Tensor, targets: Tensor) -> Tensor:
    """The patches of the context: those of its block that stand in no target. block: bool (B, N), targets: bool
    (B, M, N) -> int64 (B, K), ascending. K is that of the smallest context; longer ones keep their first K."""
    shown = block & ~targets.any(dim=1)  # (B, N)
    keep = int(shown.sum(dim=1).min())
    return torch.stack([each.nonzero().flatten()[:keep] for each in shown])


def _blocks(seed: int) -> Inputs:
    generator = seeded(seed)
    block = torch.rand(4, 24, generator=generator) < 0.85
    targets = torch.rand(4, 3, 24, generator=generator) < 0.2
    block[:, [1, 20]], targets[:, :, [1, 20]] = True, False
    return block, targets


def _firsts(shown: Tensor) -> Tensor:
    keep = int(shown.sum(dim=1).min())
    return (~shown).long().argsort(dim=1, stable=True)[:, :keep]


def _check_context(candidate: Asked) -> None:
    def lasts(shown: Tensor) -> Tensor:
        keep = int(shown.sum(dim=1).min())
        return torch.stack([each.nonzero()[:, 0][len(each.nonzero()) - keep :] for each in shown])

    def filled_up(result: object, inputs: Inputs) -> str:
        block, targets = inputs
        wanted = _firsts(block & ~targets.any(dim=1))
        if not isinstance(result, Tensor) or result.dim() != 2 or len(result) != len(wanted):
            return ""
        if result.shape[1] <= wanted.shape[1] or not close(result[:, : wanted.shape[1]], wanted):
            return ""
        return (
            f"Short contexts are filled up here, so that rows have {result.shape[1]} places. Cut the long ones: K is "
            f"the length of the smallest context, here {wanted.shape[1]}. A place that is filled up holds no patch."
        )

    check_values(
        candidate,
        lambda block, targets: _firsts(block & ~targets.any(dim=1)),
        _blocks,
        [
            (lambda block, targets: _firsts(block),
             "The targets are still in the context: who is shown the answer needs no guess."),
            (lambda block, targets: _firsts(block & ~targets.all(dim=1)),
             "Only patches that stand in all targets are taken out. One target is enough."),
            (lambda block, targets: _firsts(block & ~targets[:, 0]),
             "Only the first target is taken out. There are M of them."),
            (lambda block, targets: _firsts(~targets.any(dim=1)),
             "Patches outside the context's block are in it as well."),
            (lambda block, targets: lasts(block & ~targets.any(dim=1)),
             "A context that is longer keeps its first K patches here, not its last."),
            (lambda block, targets: _firsts(block & ~targets.any(dim=1).any(dim=0)),
             "A patch is taken out of every picture as soon as it is a target in one. Each picture has its own."),
        ],
        "At {place} it is patch {wanted}, yours is {mine}.",
        of_wrong_kind=filled_up,
    )  # fmt: skip


register(
    Exercise(
        id="ijepa.context",
        notebook="18",
        title="The context without the targets",
        difficulty=2,
        minutes=10,
        reference=my_context,
        check=_check_context,
        hints=(
            "targets.any(dim=1) says of each patch whether any target holds it. And a tensor needs rows of one length.",
            "shown = block & ~targets.any(dim=1); keep = the least of shown.sum(dim=1); nonzero() of each row, cut.",
        ),
        explanation="The library draws at random which patches a longer context loses, so that no corner of the "
        "picture is seen less often. The authors' program keeps the first ones, as you do here.",
    )
)


# --- 3. the targets -------------------------------------------------------------------------------------------------
def my_targets(features: Tensor, places: Tensor) -> Tensor:
    """What is to be guessed: the tokens at these places, each with mean 0 and variance 1 over its channels.

    features: (B, N, D), of the target encoder; places: int64 (B, M, L) -> (B, M, L, D), without a gradient.
    """
    normalised = F.layer_norm(features.detach(), features.shape[-1:])
    rows = torch.arange(len(features))[:, None, None]  # (B, 1, 1)
    return normalised[rows, places]  # (B, M, L, D)


def _features(seed: int) -> Inputs:
    generator = seeded(seed)
    features = 3.0 * torch.randn(3, 10, 6, generator=generator) + 1.0
    return features.requires_grad_(), torch.randint(10, (3, 2, 4), generator=generator)


def _check_targets(candidate: Asked) -> None:
    def at(tokens: Tensor, places: Tensor) -> Tensor:
        return torch.stack([each[where] for each, where in zip(tokens, places, strict=True)])

    def scaled(x: Tensor, axes: int | tuple[int, ...]) -> Tensor:
        mean = x.mean(dim=axes, keepdim=True)
        return (x - mean) / (x.var(dim=axes, unbiased=False, keepdim=True) + 1e-5).sqrt()

    def right(features: Tensor, places: Tensor) -> Tensor:
        return at(scaled(features.detach(), 2), places)

    check_values(
        candidate,
        right,
        _features,
        [
            (lambda f, p: at(f.detach(), p),
             "The tokens are not normalised: mean 0 and variance 1 over their D channels."),
            (lambda f, p: at(scaled(f.detach(), 1), p),
             "Normalised over the patches here. Each token by itself, over its channels."),
            (lambda f, p: at(scaled(f.detach(), (1, 2)), p),
             "Normalised over the whole picture here. Each token by itself."),
            (lambda f, p: at(scaled(f.detach(), 0), p), "Normalised over the batch here. Each token by itself."),
            (lambda f, p: at(f.detach() - f.detach().mean(dim=2, keepdim=True), p),
             "The mean is taken away, the size is left. Divide by the standard deviation as well."),
            (lambda f, p: at(F.normalize(f.detach(), dim=2), p),
             "Each token has length 1 here. It should have mean 0 and variance 1."),
            (lambda f, p: at(scaled(f.detach(), 2) * ((f.shape[2] - 1) / f.shape[2]) ** 0.5, p),
             "The standard deviation divides by D - 1 here, as torch's own does. Layer norm divides by D: "
             "correction=0."),
            (lambda f, p: scaled(f.detach(), 2)[0][p],
             "All pictures get the tokens of the first one. Each picture has its own."),
        ],
        "At {place} it is {wanted}, yours is {mine}.",
    )  # fmt: skip
    answer = candidate(*_features(0))
    need(not answer.requires_grad, "A gradient leads from your targets to the target encoder. It learns by averaging "
         "alone: detach the features.")  # fmt: skip


register(
    Exercise(
        id="ijepa.targets",
        notebook="18",
        title="What is to be guessed",
        difficulty=2,
        minutes=8,
        reference=my_targets,
        check=_check_targets,
        hints=(
            "F.layer_norm(x, x.shape[-1:]) without weights does the first half. Then one index a picture, one a place.",
            "rows = torch.arange(B)[:, None, None]; normalised[rows, places] is (B, M, L, D). And .detach().",
        ),
        explanation="The target encoder has seen the whole picture; only its output is cut. Normalised targets have a "
        "fixed size, so that nobody can make the loss small by making the features small.",
    )
)


# --- 4. the slow copy -----------------------------------------------------------------------------------------------
def my_average(slow: Tensor, fast: Tensor, step: int, of: int, first: float) -> Tensor:
    """m slow + (1 - m) fast, where m rises in a straight line from ``first`` at step 0 to 1 at step ``of``.

    slow, fast: tensors of one shape -> the same shape.
    """
    momentum = first + (1.0 - first) * step / of
    return momentum * slow + (1.0 - momentum) * fast


def _weights(seed: int) -> Inputs:
    generator = seeded(seed)
    step = int(torch.randint(1, 39, (), generator=generator))
    return torch.randn(3, 4, generator=generator), torch.randn(3, 4, generator=generator), step, 40, 0.6


def _check_average(candidate: Asked) -> None:
    def mixed(slow: Tensor, fast: Tensor, momentum: float) -> Tensor:
        return fast + momentum * (slow - fast)

    check_values(
        candidate,
        lambda slow, fast, step, of, first: mixed(slow, fast, first + (1 - first) * step / of),
        _weights,
        [
            (lambda slow, fast, step, of, first: mixed(fast, slow, first + (1 - first) * step / of),
             "The two are exchanged: m is the share of the slow one that stays."),
            (lambda slow, fast, step, of, first: mixed(slow, fast, first), "m does not rise here."),
            (lambda slow, fast, step, of, first: mixed(slow, fast, step / of),
             "m rises from 0 here. It begins at ``first``."),
            (lambda slow, fast, step, of, first: mixed(slow, fast, first + step / of),
             "m rises by 1 here, to first + 1. It has only 1 - first left to rise."),
            (lambda slow, fast, step, of, first: mixed(slow, fast, 1 - (1 - first) * step / of),
             "m falls here, from 1 to first. It rises from first to 1."),
            (lambda slow, fast, step, of, first: mixed(slow, fast, first ** (1 - step / of)),
             "The way is not straight here: m rises by the same amount in each step."),
        ],
        "At {place} it is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ijepa.average",
        notebook="18",
        title="The slow copy",
        difficulty=1,
        minutes=6,
        reference=my_average,
        check=_check_average,
        hints=(
            "A straight line from first to 1: how much is left to rise, and what share of the way is done?",
            "momentum = first + (1 - first) * step / of; momentum * slow + (1 - momentum) * fast.",
        ),
        explanation="At m = 1 the target stands still. A target that stands still cannot run away to a point, and it "
        "cannot improve either: so m is high from the start, and reaches 1 only at the end.",
    )
)


# --- 5. a leak ------------------------------------------------------------------------------------------------------
def my_leak(context: Tensor, targets: Tensor) -> Tensor:
    """Of each picture: the share of the different target patches that the context shows as well.

    context: int64 (B, K); targets: int64 (B, M, L), which may overlap one another -> float (B,).
    """
    shares = []
    for b, asked in enumerate(targets):
        shares.append(torch.isin(asked.unique(), context[b]).float().mean())
    return torch.stack(shares)


def _contexts(seed: int) -> Inputs:
    generator = seeded(seed)
    order = torch.rand(3, 16, generator=generator).argsort(dim=1)
    return order[:, :7].sort(dim=1).values, torch.randint(16, (3, 2, 5), generator=generator)


def _check_leak(candidate: Asked) -> None:
    def masks(context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        count = int(max(context.max(), targets.max())) + 1
        shown = torch.zeros(len(context), count).scatter(1, context, 1.0)
        return shown, torch.zeros(len(context), count).scatter(1, targets.flatten(1), 1.0)

    def both(context: Tensor, targets: Tensor) -> Tensor:
        shown, asked = masks(context, targets)
        return (shown * asked).sum(dim=1)

    check_values(
        candidate,
        lambda context, targets: both(context, targets) / masks(context, targets)[1].sum(dim=1),
        _contexts,
        [
            (lambda c, t: torch.stack([torch.isin(each, c[b]).float().mean() for b, each in enumerate(t)]),
             "A patch in two targets counts twice here. Count the different patches."),
            (lambda c, t: both(c, t) / c.shape[1],
             "This is the share of the context that is asked. Divide by the targets."),
            (lambda c, t: both(c, t), "This is how many there are. The share is wanted."),
            (lambda c, t: (both(c, t) > 0).float(), "Whether there is a leak is not how large it is."),
            (lambda c, t: 1.0 - both(c, t) / masks(c, t)[1].sum(dim=1), "This is the share that is *not* shown."),
            (lambda c, t: both(c, t[:, :1]) / masks(c, t[:, :1])[1].sum(dim=1), "Only the first target is looked at."),
            (lambda c, t: torch.full((len(c),), float(both(c, t).sum() / masks(c, t)[1].sum())),
             "All pictures together have one number here. Each picture has its own."),
        ],
        "For picture {place} it is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ijepa.leak",
        notebook="18",
        title="Find the leak",
        difficulty=2,
        minutes=12,
        reference=my_leak,
        check=_check_leak,
        hints=(
            "One picture at a time: which patches are asked, each once? Which of those does the context hold?",
            "different = targets[b].unique(); torch.isin(different, context[b]).float().mean(); stack over b.",
        ),
        explanation="0 for every picture is what multi-block masks promise. A leak makes the loss lower, not higher, "
        "so no curve shows it: it has to be counted.",
    )
)


# --- 6. an experiment: how far must one guess? ----------------------------------------------------------------------
def my_gap(context: Tensor, targets: Tensor, side: int) -> float:
    """The distance from a target patch to the nearest patch of its context, in patches, averaged over all.

    context: int64 (B, K); targets: int64 (B, M, L), numbers row by row of a square grid of this side. Neighbours in a
    row or column have distance 1, neighbours across a corner sqrt(2).
    """

    def places(numbers: Tensor) -> Tensor:
        return torch.stack([numbers // side, numbers % side], dim=-1).float()

    apart = torch.cdist(places(targets.flatten(1)), places(context))  # (B, M * L, K)
    return float(apart.amin(dim=2).mean())


def _grids(seed: int) -> Inputs:
    generator = seeded(seed)
    order = torch.rand(3, 35, generator=generator).argsort(dim=1)
    targets = torch.stack([order[:, 4:10], order[:, 8:14]], dim=1)  # two patches of each picture stand in both targets
    return order[:, :4].sort(dim=1).values, targets, 6


def _check_gap(candidate: Asked) -> None:
    def apart(context: Tensor, targets: Tensor, side: int) -> tuple[Tensor, Tensor]:
        asked = targets.flatten(1)
        down = (asked - asked.remainder(side))[:, :, None] - (context - context.remainder(side))[:, None]
        across = asked.remainder(side)[:, :, None] - context.remainder(side)[:, None]
        return (down / side).abs(), across.abs().float()

    def straight(context: Tensor, targets: Tensor, side: int) -> Tensor:
        down, across = apart(context, targets, side)
        return (down.square() + across.square()).sqrt()  # (B, M * L, K)

    check_values(
        candidate,
        lambda c, t, s: float(straight(c, t, s).min(dim=2).values.mean()),
        _grids,
        [
            (lambda c, t, s: float(straight(c, t, s).mean()),
             "This is the distance to all patches of the context. The nearest one is wanted."),
            (lambda c, t, s: float(straight(c, t, s).max(dim=2).values.mean()),
             "This is the farthest, not the nearest."),
            (lambda c, t, s: float(straight(c, t, s).min(dim=1).values.mean()),
             "The other way round: from each target patch to the context, not from each context patch to the targets."),
            (lambda c, t, s: float(sum(apart(c, t, s)).min(dim=2).values.mean()),
             "Rows and columns are added here. Across a corner it is sqrt(2), not 2."),
            (lambda c, t, s: float(torch.maximum(*apart(c, t, s)).min(dim=2).values.mean()),
             "The larger of rows and columns is taken here. Across a corner it is sqrt(2), not 1."),
            (lambda c, t, s: float((t.flatten(1)[:, :, None] - c[:, None]).abs().min(dim=2).values.float().mean()),
             "Numbers are subtracted here. 5 and 6 are no neighbours on a grid of side 6: go to rows and columns."),
            (lambda c, t, s: float(straight(c, t, s).square().min(dim=2).values.mean()),
             "This is the squared distance."),
            (lambda c, t, s: float(straight(c, t, s).min()),
             "This is the nearest of all pairs. Take the mean over the target patches."),
            (lambda c, t, s: float(straight(c, t[:, :1], s).min(dim=2).values.mean()),
             "Only the first target counts here."),
            (lambda c, t, s: float(torch.stack([straight(c[b : b + 1], each.unique()[None, None], s).min(dim=2).values
                                                .mean() for b, each in enumerate(t)]).mean()),
             "A patch in two targets counts once here. It is asked for in both, so it counts twice: the mean is over "
             "all M * L patches of a picture."),
        ],
        "It is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="ijepa.gap",
        notebook="18",
        title="An experiment: how far must one guess?",
        difficulty=3,
        minutes=15,
        reference=my_gap,
        check=_check_gap,
        hints=(
            "Patch n stands in row n // side and column n % side. torch.cdist gives all distances between two lists.",
            "torch.cdist(places(targets.flatten(1)), places(context)).amin(dim=2).mean(), places stacked as floats.",
        ),
        explanation="Random patches have a neighbour in sight nearly always; a copy of it is a good guess. A block "
        "hides the neighbours too.",
    )
)
