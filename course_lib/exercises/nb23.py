"""Exercises of notebook 23, violation of expectation: the cut, the score, an engine in the head, the memory's reach."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, seeded

TOLERANCE = 1e-5


# --- 1. the cut -----------------------------------------------------------------------------------------------------
def my_exchange_frame(first: Tensor, second: Tensor) -> int:
    """Where two films may be exchanged: in the first run of at least two frames that are equal in every number.

    A run from frame f to frame l is cut at f + (l - f + 1) // 2. first, second: uint8 (T, H, W, 3) -> int.
    """
    same = [*(first == second).flatten(1).all(dim=1).tolist(), False]
    begin = next(t for t, two in enumerate(pairwise(same)) if all(two))
    length = same[begin:].index(False)
    return begin + length // 2


def _runs(same: Tensor) -> list[tuple[int, int]]:
    """The runs of True in bool (T,), as (first, last)."""
    marks = torch.cat([torch.tensor([False]), same, torch.tensor([False])]).int().diff()
    return list(zip(marks.eq(1).nonzero()[:, 0].tolist(), (marks.eq(-1).nonzero()[:, 0] - 1).tolist(), strict=True))


def _two_films(seed: int) -> Inputs:
    """Equal alone at frame 2; then in a run of even length, after which they differ by one level in one number; then
    in a longer run."""
    generator = seeded(seed)
    length, begin = 4 + 2 * (seed % 2), 5 + seed % 3
    first = torch.randint(1, 255, (begin + 2 * length + 9, 2, 3, 3), dtype=torch.uint8, generator=generator)
    second = torch.randint(1, 255, first.shape, dtype=torch.uint8, generator=generator)
    second[:, 0, 0, 0] = first[:, 0, 0, 0]  # no frame differs everywhere
    end = begin + length - 1
    second[2], second[begin : end + 3] = first[2], first[begin : end + 3]
    second[end + 1 : end + 3, 1, 2, 0] += 1
    second[end + 5 : end + 7 + length] = first[end + 5 : end + 7 + length]
    return first, second


def _check_cut(candidate: Asked) -> None:
    def runs(first: Tensor, second: Tensor, off: float = 0.0) -> list[tuple[int, int]]:
        apart = (first.int() - second.int()).abs().flatten(1)
        return [run for run in _runs(apart.float().mean(dim=1) <= off) if run[1] > run[0]]

    def middle(run: tuple[int, int]) -> int:
        return run[0] + (run[1] - run[0] + 1) // 2

    check_values(
        candidate,
        lambda a, b: middle(runs(a, b)[0]),
        _two_films,
        [
            (lambda a, b: runs(a, b)[0][0],
             "This is the first frame of the run, where only the frame itself is known to be equal. Take the middle "
             "of the run."),
            (lambda a, b: runs(a, b)[0][1] + 1,
             "Here the films differ already: whoever compares this frame with the one before would see the exchange."),
            (lambda a, b: sum(runs(a, b)[0]) // 2,
             "This is one frame too early: the middle of a run is f + (l - f + 1) // 2."),
            (lambda a, b: 2, "Frame 2 is equal alone. A run has at least two frames."),
            (lambda a, b: middle(max(runs(a, b), key=lambda run: run[1] - run[0])),
             "This is the middle of the longest run. The first one is asked for: later the films may meet again."),
            (lambda a, b: middle(runs(a, b, 1.0)[0]),
             "Frames that differ by one level in one number count as equal here. Equal means equal in every number."),
            (lambda a, b: len(a) // 2,
             "This takes frames as equal that agree in some number. All numbers of a frame have to agree."),
        ],
        "The cut is at frame {wanted}, yours is at {mine}.",
    )  # fmt: skip
    first = torch.arange(9, dtype=torch.uint8)[:, None, None, None].expand(9, 2, 2, 3).clone()
    second = first.clone()
    second[:3] += 1
    must_equal(candidate(first, second), 6, [], "Films that are equal from frame 3 to their end, frame 8, are cut at "
                                                "frame {wanted}; yours is at {mine}.")  # fmt: skip


register(
    Exercise(
        id="voe.cut",
        notebook="23",
        title="Where may two films be exchanged?",
        difficulty=2,
        minutes=8,
        reference=my_exchange_frame,
        check=_check_cut,
        hints=(
            "First one truth for each frame: are all its numbers equal? Then look for the first place with two in a "
            "row.",
            "same = (first == second).flatten(1).all(dim=1); find the first t with same[t] and same[t + 1], then go on "
            "to the end of the run.",
        ),
        explanation="In the middle of such a run the frame before the cut and the frame after it are the same in both "
        "films. So no pair of neighbours comes into being that one of the possible films does not have at this very "
        "moment.",
    )
)


# --- 2. the score ---------------------------------------------------------------------------------------------------
def my_scores(surprise: Tensor, cuts: Tensor) -> Tensor:
    """How often the impossible film surprises more, of the two pairs of each quadruplet; a tie is half right.

    surprise: (N, 4, T), films A, B, AB, BA, NaN at frame 0; cuts: int64 (N,) -> float (N,). From its cut on BA shows
    the frames of A, and AB those of B; what is compared is the mean surprise from the cut on. Two means are tied when
    they differ by at most 1e-5 of the larger one.
    """
    scored = torch.arange(surprise.shape[2]) >= cuts[:, None]  # (N, T)
    means = (surprise.nan_to_num() * scored[:, None]).sum(dim=2) / scored.sum(dim=1, keepdim=True)  # (N, 4)
    possible, impossible = means[:, :2], means[:, [3, 2]]
    tied = (possible - impossible).abs() <= TOLERANCE * torch.maximum(possible.abs(), impossible.abs())
    return torch.where(tied, 0.5, (impossible > possible).float()).mean(dim=1)


def _surprises(seed: int) -> Inputs:
    """Thirty quadruplets: in some of them films of one ending are equally surprising but for rounding."""
    generator = seeded(seed)
    surprise = 5.0 + 2.0 * torch.rand(30, 4, 9, generator=generator, dtype=torch.float64)
    cuts = torch.randint(2, 7, (30,), generator=generator)
    for n in range(0, 30, 3):
        rounding = 1.0 + 1e-7 * (1 if n % 2 else -1)
        surprise[n, 3, cuts[n] :] = surprise[n, 0, cuts[n] :] * rounding
        if n % 2:
            surprise[n, 2, cuts[n] :] = surprise[n, 1, cuts[n] :]
    surprise[0, :, cuts[0] :] = 0.0  # nothing surprises: that is a tie as well
    surprise[..., 0] = torch.nan
    return surprise, cuts


def _check_scores(candidate: Asked) -> None:
    def means(surprise: Tensor, cuts: Tensor, early: int = 0) -> Tensor:
        rows = zip(surprise, cuts.tolist(), strict=True)
        return torch.stack([four[:, max(cut - early, 1) :].mean(dim=1) for four, cut in rows])

    def highest(surprise: Tensor, cuts: Tensor) -> Tensor:
        return torch.stack([four[:, cut:].amax(dim=1) for four, cut in zip(surprise, cuts.tolist(), strict=True)])

    def decided(values: Tensor, pairs: tuple[tuple[int, int], ...] = ((0, 3), (1, 2)), tie: float | None = 0.5,
                tolerance: float = TOLERANCE) -> Tensor:  # fmt: skip
        found = []
        for possible, impossible in pairs:
            p, i = values[:, possible], values[:, impossible]
            near = (p - i).abs() <= tolerance * torch.maximum(p.abs(), i.abs())
            found.append(torch.where(near, tie, (i > p).double()))
        return torch.stack(found).mean(dim=0)

    with_nan = "Your result has nan in it: frame 0 has no surprise, nothing came before it."
    one_beginning = (
        "You compare films with the same beginning, A with AB. Compare those that show the same frames from the cut "
        "on: A shares its ending with BA. (Then mind the cut and the ties.)"
    )
    check_values(
        candidate,
        lambda s, c: decided(means(s, c)),
        _surprises,
        [
            (lambda s, c: decided(means(s, c), ((0, 2), (1, 3))),
             "You compare films with the same beginning, A with AB. Compare those that show the same frames from the "
             "cut on: A shares its ending with BA."),
            *((lambda s, c, tie=tie: decided(means(s, c), ((0, 2), (1, 3)), tie=tie), one_beginning)
              for tie in (0.0, 1.0)),
            (lambda s, c: decided(means(s, c, 9), ((0, 2), (1, 3))), one_beginning),
            (lambda s, c: decided(means(s, c), tie=0.0, tolerance=0.0),
             "No tie is foreseen here. Two means that differ by at most 1e-5 of the larger one are tied, and a tie is "
             "half right."),
            (lambda s, c: decided(means(s, torch.ones_like(c))),
             "The mean is taken over the whole film. Before the cut the two films of a pair show different things: "
             "begin at the cut."),
            (lambda s, c: decided(means(s, c, 1)), "This begins one frame before the cut."),
            (lambda s, c: decided(highest(s, c)),
             "The maximum is compared here; the mean is asked for."),
            (lambda s, c: decided(means(s, c), tolerance=0.0),
             "Rounding decides here: in some pairs the two differ in the seventh digit. Within 1e-5 of the larger one "
             "they are tied."),
            (lambda s, c: decided(means(s, c), tie=0.0), "A tie counts as wrong here. It is half right."),
            (lambda s, c: decided(means(s, c), tie=1.0), "A tie counts as right here. It is half right."),
            (lambda s, c: 1.0 - decided(means(s, c)),
             "This asks how often the possible film surprises more. The impossible one should."),
            (lambda s, c: 2.0 * decided(means(s, c)), "The two pairs are added up; their mean is asked for."),
            (lambda s, c: decided(means(s, c), ((0, 3),)), "Only A and BA are compared. B and AB are a pair as well."),
            (lambda s, c: decided(torch.stack([means(s, c)[:, :2].sum(dim=1), means(s, c)[:, 2:].sum(dim=1)], dim=1),
                                  ((0, 1),)),
             "Both possible films are added up before they are compared. Compare pair by pair: one strong surprise "
             "would hide the other pair."),
        ],
        "The score of quadruplet {place} is {wanted}, yours is {mine}.",
        infinite=with_nan,
        of_wrong_kind=lambda result, _: with_nan if isinstance(result, Tensor) and result.isnan().any() else "",
    )  # fmt: skip


register(
    Exercise(
        id="voe.scores",
        notebook="23",
        title="The same frames after two beginnings",
        difficulty=3,
        minutes=12,
        reference=my_scores,
        check=_check_scores,
        hints=(
            "Which two films show the same frames from the cut on? One of them is possible, the other is not.",
            "mean surprise from the cut on, (N, 4); compare film 3 with film 0 and film 2 with film 1; 1, 0 or, within "
            "the tolerance, 0.5; the mean of the two.",
        ),
        explanation="The frames that are scored are the same in both films of a pair. What they look like, how much "
        "moves in them, how hard they are to draw: all of it falls out. Only what came before can decide.",
    )
)


# --- 3. an engine in the head ---------------------------------------------------------------------------------------
def my_engine_surprise(squared: Tensor) -> Tensor:
    """-log of the mean over S imagined futures of exp(-squared / 2); finite also where all of them are far off.

    squared: squared distances of the frames that came from those that were imagined, (S, T) -> (T,).
    """
    return torch.log(torch.tensor(float(len(squared)))) - torch.logsumexp(-squared / 2.0, dim=0)


def _distances(seed: int) -> Inputs:
    generator = seeded(seed)
    squared = 6.0 * torch.rand(5, 6, generator=generator)
    squared[:, 4] += 700.0  # exp of it rounds to 0
    return (squared,)


def _check_engine(candidate: Asked) -> None:
    def nats(squared: Tensor, share: float = 0.5, add: float | None = None) -> Tensor:
        logs = -share * squared.double()
        top = logs.amax(dim=0)
        whole = top + (logs - top).exp().sum(dim=0).log()
        return torch.log(torch.tensor(len(squared), dtype=torch.float64)) - whole if add is None else add - whole

    check_values(
        candidate,
        nats,
        _distances,
        [
            (lambda squared: squared.mean(dim=0) / 2,
             "This is the mean of the runs' surprises. Then one wild run spoils it; the mean belongs inside the "
             "logarithm, so that one run that foresaw it is enough."),
            (lambda squared: squared.amin(dim=0) / 2,
             "Only the best run counts here. A future that one run in a hundred foresees is less expected than one "
             "that all foresee."),
            (lambda squared: nats(squared, add=0.0),
             "exp is added up over the runs, not averaged: more runs would make everything less surprising."),
            (lambda squared: nats(squared, 1.0), "The squared distance is divided by 2."),
            (lambda squared: -nats(squared), "The sign is turned round: what is likely is not surprising."),
        ],
        "At frame {place} the surprise is {wanted}, yours is {mine}.",
        infinite="Your result is not finite. Where all runs are far off, exp(-squared / 2) rounds to 0, and log 0 is "
        "infinite: stay among logarithms, with torch.logsumexp.",
    )  # fmt: skip
    one = torch.tensor([[4.0, 0.0]])
    must_equal(candidate(one), torch.tensor([2.0, 0.0]), [], "With a single run it is {wanted}, yours is {mine}.")


register(
    Exercise(
        id="voe.engine",
        notebook="23",
        title="Surprise of an engine in the head",
        difficulty=2,
        minutes=8,
        reference=my_engine_surprise,
        check=_check_engine,
        hints=(
            "The mean over S runs is their sum divided by S; its logarithm is the logarithm of the sum minus log S.",
            "log(S) - torch.logsumexp(-squared / 2, dim=0).",
        ),
        explanation="A mixture of S Gaussians, one around each imagined frame, up to a constant. It is the form of "
        "surprise that M has too: several futures, each with its share.",
    )
)


# --- 4. an experiment: how far does a memory reach? -----------------------------------------------------------------
def my_reach(first: int, last: int, memories: Tensor, frames: int) -> Tensor:
    """In how many frames after a hidden window does a memory still hold a frame from before it?

    The window holds frames first to last, both included; the film has frames 0 to frames - 1. When frame t is judged, a
    memory of k holds the frames t - k to t - 1. memories: int64 (K,), each at least 1 -> int64 (K,).
    """
    after = torch.arange(last + 1, frames)
    return (after[None] - memories[:, None] < first).sum(dim=1)


def _check_reach(candidate: Asked) -> None:
    def limited(first: int, last: int, memories: Tensor, frames: int, more: int = 0) -> Tensor:
        return (torch.minimum(torch.tensor(frames), first + memories + more) - (last + 1)).clamp(min=0)

    def windows(seed: int) -> Inputs:
        generator = seeded(seed)
        first, hidden = 4 + seed % 4, 2 + seed % 5
        memories = torch.randperm(26, generator=generator)[:9] + 1
        memories[:3] = torch.tensor([1, hidden + 2, 27])
        return first, first + hidden - 1, memories, 18 + seed % 3

    check_values(
        candidate,
        limited,
        windows,
        [
            (lambda start, end, m, n: limited(start, end, m, n, 1),
             "This is one too many: the frame at the beginning of the window is hidden already, so t - k has to be "
             "before it."),
            (lambda start, end, m, n: limited(start, end, m, n, -1),
             "This is one too few: when frame t is judged, a memory of k holds frame t - k as well."),
            (lambda start, end, m, n: torch.minimum(torch.tensor(n), start + m) - (end + 1),
             "There is a number below 0: a memory that ends inside the window reaches from no frame."),
            (lambda start, end, m, n: (start + m - (end + 1)).clamp(min=0),
             "The film ends at some point: only its own frames count."),
            (lambda start, end, m, n: torch.minimum(torch.tensor(n), start + m) - start,
             "The hidden frames are counted as well. Only frames after the window can show what was hidden."),
            (lambda start, end, m, n: (m > end - start + 1).long(),
             "This says whether a memory reaches at all. In how many frames does it?"),
        ],
        "For memory {place} it is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="voe.reach",
        notebook="23",
        title="How far does a memory reach?",
        difficulty=2,
        minutes=10,
        reference=my_reach,
        check=_check_reach,
        hints=(
            "Take one frame t after the window. What is the earliest frame that a memory of k still holds?",
            "Count the t from last + 1 to frames - 1 with t - k < first, for each k.",
        ),
        explanation="A window of n frames needs a memory of n + 1 frames at least, and then the first frame after the "
        "window is the only one that is judged with the right past. Below that nobody can know what comes out, "
        "whatever was learned.",
    )
)
