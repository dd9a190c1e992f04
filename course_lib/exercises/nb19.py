"""Exercises of notebook 19, V-JEPA: tubelets, a tube's context, the loss, past and future, and films that go back."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, seeded


# --- 1. tubelets ----------------------------------------------------------------------------------------------------
def my_tubelets(film: Tensor, frames_each: int, patch: int) -> Tensor:
    """A grey film cut into tubelets, each laid flat.

    film: (T, H, W) -> (T / frames_each, H / patch * W / patch, frames_each * patch * patch): time after time, the
    patches of a picture row by row, in a tubelet frame after frame and each row by row.
    """
    times, height, width = film.shape
    cut = film.view(times // frames_each, frames_each, height // patch, patch, width // patch, patch)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def _films(seed: int) -> Inputs:
    return torch.randn(6, 4, 8, generator=seeded(seed)), 3, 2


def _check_tubelets(candidate: Asked) -> None:
    def cut(film: Tensor, frames: int, patch: int, order: str = "thwfpq") -> Tensor:
        t, h, w = (n // by for n, by in zip(film.shape, (frames, patch, patch), strict=True))
        parts = film.reshape(t, frames, h, patch, w, patch)
        return torch.einsum(f"tfhpwq->{order}", parts).reshape(t, h * w, -1)

    def leaping(film: Tensor, frames: int, patch: int) -> Tensor:
        steps = film.shape[0] // frames
        return cut(film.reshape(frames, steps, *film.shape[1:]).transpose(0, 1).reshape(film.shape), frames, patch)

    check_values(
        candidate,
        cut,
        _films,
        [
            (lambda f, q, p: f.reshape(f.shape[0] // q, -1, q * p * p),
             "A reshape alone cuts rows of pixels, not squares. Give each direction two axes, then permute."),
            (lambda f, q, p: cut(f, q, p, "twhfpq"), "The patches go column by column. They go row by row."),
            (lambda f, q, p: cut(f, q, p, "thwpqf"),
             "In a tubelet the frames change fastest here. Frame after frame is wanted."),
            (lambda f, q, p: cut(f, q, p, "thwfqp"), "The pixels of a patch go column by column. They go row by row."),
            (leaping, "A tubelet holds frames that are far apart here. Its frames follow each other."),
        ],
        "At {place} there should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="vjepa.tubelets",
        notebook="19",
        title="Tubelets",
        difficulty=2,
        minutes=10,
        reference=my_tubelets,
        check=_check_tubelets,
        hints=(
            "Give each of the three directions two axes: which piece, and where in the piece. Then bring the three "
            "'which piece' to the front.",
            "film.view(T // q, q, H // p, p, W // p, p).permute(0, 2, 4, 1, 3, 5), then flatten(3) and flatten(1, 2).",
        ),
        explanation="A token of two frames can hold a difference: the linear layer behind it may subtract one frame "
        "from the other. A token of one frame cannot.",
    )
)


# --- 2. what a tube leaves ------------------------------------------------------------------------------------------
def my_tube_context(blocks: Tensor, times: int) -> Tensor:
    """The tubelets that are shown: those of patches in no block, at all times.

    blocks: bool (M, N), M blocks on the N patches of a picture -> int64 (times * K,), ascending. Tubelet t * N + n is
    patch n at time t.
    """
    shown = (~blocks.any(dim=0)).nonzero().flatten()  # (K,)
    return torch.cat([shown + blocks.shape[1] * t for t in range(times)])


def _blocks(seed: int) -> Inputs:
    blocks = torch.rand(3, 12, generator=seeded(seed)) < 0.3
    blocks[:, seed % 12] = False  # something is shown
    blocks[0, (seed + 5) % 12], blocks[1, (seed + 7) % 12] = True, True  # no block is all
    blocks[1, (seed + 5) % 12] = False
    return blocks, 3


def _check_context(candidate: Asked) -> None:
    def shown(hidden: Tensor, times: int) -> Tensor:
        return torch.tensor([t * len(hidden) + n for t in range(times) for n in range(len(hidden)) if not hidden[n]])

    check_values(
        candidate,
        lambda b, times: shown(b.sum(dim=0) > 0, times),
        _blocks,
        [
            (lambda b, times: shown(b.sum(dim=0) == 0, times), "These are the tubelets that are hidden."),
            (lambda b, times: shown(b.sum(dim=0) == len(b), times),
             "A patch counts as hidden only where all blocks cover it. One block is enough."),
            (lambda b, times: shown(b[0], times), "Only the first block hides anything here."),
            (lambda b, times: shown(b.sum(dim=0) > 0, 1), "Only the first time is there. A tube goes through all."),
            (lambda b, times: shown(b.sum(dim=0) > 0, 1).repeat(times),
             "The same numbers stand there several times. At time t each is larger by t times the patches."),
            (lambda b, times: shown(b.sum(dim=0) > 0, times).view(times, -1).T.flatten(),
             "Patch after patch: the numbers do not ascend. Time after time is wanted."),
        ],
        "Number {place} should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="vjepa.context",
        notebook="19",
        title="What a tube leaves",
        difficulty=2,
        minutes=8,
        reference=my_tube_context,
        check=_check_context,
        hints=(
            "First the patches of one picture that stand in no block, then the same at every time.",
            "shown = (~blocks.any(dim=0)).nonzero().flatten(); at time t the numbers are shown + N * t.",
        ),
        explanation="Were a patch hidden at one time only, the same patch a moment before would answer for it: in "
        "films most things stay where they are.",
    )
)


# --- 3. the loss ----------------------------------------------------------------------------------------------------
def my_vjepa_loss(guess: Tensor, features: Tensor, places: Tensor) -> Tensor:
    """The mean absolute distance of guesses to targets, which carry no gradient.

    features: (B, N, D), of the target encoder; each token is normalised over its channels to mean 0 and variance 1
    (F.layer_norm). places: int64 (B, L), the tokens that are asked for; guess: (B, L, D) -> a number.
    """
    targets = torch.nn.functional.layer_norm(features.detach(), features.shape[-1:])  # (B, N, D)
    return (guess - targets.take_along_dim(places[..., None], dim=1)).abs().mean()


def _guesses(seed: int) -> Inputs:
    generator = seeded(seed)
    features = 2.0 + 3.0 * torch.randn(3, 7, 5, generator=generator)
    places = torch.stack([torch.randperm(7, generator=generator)[:4] for _ in range(3)])
    return torch.randn(3, 4, 5, generator=generator), features, places


def _check_loss(candidate: Asked) -> None:
    def normal(x: Tensor, axes: tuple[int, ...] = (2,)) -> Tensor:
        return (x - x.mean(dim=axes, keepdim=True)) / x.std(dim=axes, keepdim=True, correction=0).clamp_min(1e-6)

    def asked(x: Tensor, places: Tensor) -> Tensor:
        return torch.stack([one[where] for one, where in zip(x, places, strict=True)])

    check_values(
        candidate,
        lambda g, f, p: (g - asked(normal(f), p)).abs().mean(),
        _guesses,
        [
            (lambda g, f, p: (g - asked(f, p)).abs().mean(),
             "The targets are not normalised. Without that, an encoder makes the loss small by making its numbers so."),
            (lambda g, f, p: (g - asked(normal(f), p)).square().mean(),
             "This is the squared distance, which I-JEPA's paper writes. V-JEPA takes the absolute one."),
            (lambda g, f, p: (g - asked(normal(f, (1,)), p)).abs().mean(),
             "Normalised over the tokens here. Each token is normalised over its own channels."),
            (lambda g, f, p: (g - asked(normal(f, (0, 1)), p)).abs().mean(),
             "Normalised over the tokens here. Each token is normalised over its own channels."),
            (lambda g, f, p: (g - asked(normal(f, (0, 1, 2)), p)).abs().mean(),
             "One mean and one variance for the whole batch here. Each token has its own."),
            (lambda g, f, p: (g - asked(normal(f, (1, 2)), p)).abs().mean(),
             "One mean and one variance for all tokens of a film here. Each token has its own."),
            (lambda g, f, p: (g - asked(normal(f) * ((f.shape[2] - 1) / f.shape[2]) ** 0.5, p)).abs().mean(),
             "The standard deviation divides by D - 1 here, as torch's own does. Layer norm divides by D: "
             "correction=0."),
            (lambda g, f, p: (g - normal(f)[:, : p.shape[1]]).abs().mean(),
             "The first tokens are taken. Those at `places` are asked for."),
            (lambda g, f, p: (g - asked(normal(f), p)).abs().sum(), "This is the sum; the mean is asked for."),
            (lambda g, f, p: (normal(g) - asked(normal(f), p)).abs().mean(),
             "The guess was normalised too. It has to hit the target as it is."),
        ],
        "It should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="vjepa.loss",
        notebook="19",
        title="The loss",
        difficulty=2,
        minutes=8,
        reference=my_vjepa_loss,
        check=_check_loss,
        hints=(
            "Three steps: detach and normalise the features, take the tokens at the places, average |difference|.",
            "F.layer_norm(features.detach(), (D,)).take_along_dim(places[..., None], dim=1).",
        ),
        explanation="The best guess under the absolute distance is the median of what may come, under the squared one "
        "the mean. The authors found the absolute one steadier.",
        gradients=("guess", "features"),
    )
)


# --- 4. past and future ---------------------------------------------------------------------------------------------
def my_past_and_future(patches: int, times: int, seen: int) -> tuple[Tensor, Tensor]:
    """The tubelets that are shown and those that are asked for, when the first ``seen`` of ``times`` are the past.

    -> int64 (seen * patches,) and ((times - seen) * patches,), ascending. Tubelet t * patches + n is patch n at time t.
    """
    return torch.arange(seen * patches), torch.arange(seen * patches, times * patches)


def _times(seed: int) -> Inputs:
    return 3 + seed % 5, 5 + seed % 3, 1 + seed % 4


def _check_past_and_future(candidate: Asked) -> None:
    def parted(n: int, times: int, seen: int) -> tuple[Tensor, Tensor]:
        whole = torch.arange(n * times)
        return whole[whole < seen * n], whole[whole >= seen * n]

    check_values(
        candidate,
        parted,
        _times,
        [
            (lambda n, times, seen: parted(n, times, seen)[::-1], "Past and future are exchanged."),
            (lambda n, times, seen: (torch.arange(seen), torch.arange(seen, times)),
             "These are times. Each time has as many tubelets as a picture has patches."),
            (lambda n, times, seen: (torch.arange(seen * n), torch.arange(seen * n, (seen + 1) * n)),
             "Only the next tubelet of each place is asked for. All later ones are."),
            (lambda n, times, seen: (torch.arange(seen * n), torch.arange((times - seen) * n)),
             "The future begins where the past ends, not with number 0."),
            (lambda n, times, seen: parted(n, times, times - seen), "The past has `seen` times; here the future has."),
        ],
        "{place} should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="vjepa.past_and_future",
        notebook="19",
        title="Past and future",
        difficulty=1,
        minutes=5,
        reference=my_past_and_future,
        check=_check_past_and_future,
        hints=(
            "Tubelets are numbered time after time, so the past is the first numbers.",
            "torch.arange(seen * patches), and torch.arange(seen * patches, times * patches).",
        ),
        explanation="With these numbers as context and targets the predictor is asked about the future. What lies "
        "between its guess and what comes is the surprise.",
    )
)


# --- 5. films that go back ------------------------------------------------------------------------------------------
def my_more_surprised(on: Tensor, back: Tensor, differs: Tensor) -> Tensor:
    """Of each film: how often going back surprised more than going on, of the moments at which the two differ.

    on, back: surprises (N, K), at K moments of N films; differs: bool (N, K), True at least once in each film -> (N,).
    Equal surprises count one half.
    """
    right = (back > on).float() + 0.5 * (back == on).float()
    return (right * differs).sum(dim=1) / differs.sum(dim=1)


def _surprises(seed: int) -> Inputs:
    generator = seeded(seed)
    on, back = torch.randint(0, 4, (2, 8, 5), generator=generator).float()
    differs = torch.rand(8, 5, generator=generator) < 0.6
    differs[:, seed % 5] = True
    return on, back, differs


def _check_more_surprised(candidate: Asked) -> None:
    def share(right: Tensor, differs: Tensor) -> Tensor:
        return torch.stack([r[d].mean() for r, d in zip(right, differs, strict=True)])

    def right(on: Tensor, back: Tensor, tie: float = 0.5) -> Tensor:
        return torch.where(on == back, tie, (on < back).float())

    check_values(
        candidate,
        lambda on, back, d: share(right(on, back), d),
        _surprises,
        [
            (lambda on, back, d: share(right(back, on), d), "This counts how often going on surprised more."),
            (lambda on, back, d: share(right(on, back, 0.0), d),
             "Ties count as wrong here. They count one half: who is never surprised by anything has chance level."),
            (lambda on, back, d: share(right(on, back, 1.0), d),
             "Ties count as right here. Who is never surprised by anything would be perfect."),
            (lambda on, back, d: right(on, back).mean(dim=1),
             "Moments at which the two films are the same count too. Nobody can be right there."),
            (lambda on, back, d: (right(on, back) * d).mean(dim=1),
             "Divided by all moments. Divide by those at which the two differ."),
            (lambda on, back, d: right(on, back)[d].mean().expand(len(on)),
             "All films have one value here. Each film has its own."),
        ],
        "Film {place} has {wanted}; yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="vjepa.more_surprised",
        notebook="19",
        title="Films that go back",
        difficulty=2,
        minutes=8,
        reference=my_more_surprised,
        check=_check_more_surprised,
        hints=(
            "One number for each moment: 1, 0.5 or 0. Then a mean over the moments at which the films differ.",
            "right = (back > on).float() + 0.5 * (back == on).float(), then (right * differs).sum(dim=1) over "
            "differs.sum(dim=1).",
        ),
        explanation="One value a film, because moments of one film are not independent: the interval is drawn over "
        "films.",
    )
)
