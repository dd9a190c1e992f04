"""Exercises of notebook 20, the image world model: two errors, contrast, places, ranks, and lots among equals."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, seeded


# --- 1. two errors --------------------------------------------------------------------------------------------------
def my_two_errors(before: Tensor, after: Tensor, guess: Tensor) -> tuple[float, float]:
    """How far an encoder's answers change, and how far a predictor's guesses at them are off.

    before, after, guess: (B, D), what an encoder says of B pictures before a change and after it, and what a predictor
    expects it to say after it -> (change, error): the mean squared distance of ``before`` and of ``guess`` to
    ``after``, each over the variance of ``after``: its mean squared distance to its mean over the batch.
    """
    spread = (after - after.mean(dim=0)).square().mean()
    return float((before - after).square().mean() / spread), float((guess - after).square().mean() / spread)


def _answers_of_an_encoder(seed: int) -> Inputs:
    generator = seeded(seed)
    after = 3.0 + torch.randn(9, 4, generator=generator) * torch.tensor([0.3, 1.0, 2.0, 4.0])
    before = after + 0.5 * torch.randn(9, 4, generator=generator) + 1.0
    return before, after, after + 0.4 * torch.randn(9, 4, generator=generator)


def _check_two_errors(candidate: Asked) -> None:
    def spread(x: Tensor) -> Tensor:
        return ((x - x.sum(dim=0) / len(x)) ** 2).mean()

    def by(b: Tensor, a: Tensor, g: Tensor, over: Tensor) -> tuple[float, float]:
        return float(((b - a) ** 2).mean() / over), float(((g - a) ** 2).mean() / over)

    check_values(
        candidate,
        lambda b, a, g: by(b, a, g, spread(a)),
        _answers_of_an_encoder,
        [
            (lambda b, a, g: by(b, a, g, torch.tensor(1.0)),
             "The variance is missing: an encoder that makes all its numbers ten times smaller would look a hundred "
             "times better."),
            (lambda b, a, g: by(b, a, g, spread(b)), "The variance is that of the answers after the change."),
            (lambda b, a, g: by(b, a, g, a.square().mean()),
             "The spread is measured from 0 here. It is measured from the mean over the batch."),
            (lambda b, a, g: by(b, a, g, ((a - a.mean()) ** 2).mean()),
             "One mean for all channels is taken off here. Each channel has its own mean over the batch."),
            (lambda b, a, g: by(b, a, g, ((a - a.mean(dim=1, keepdim=True)) ** 2).mean()),
             "The mean is over the channels of a picture here. It is over the pictures of the batch."),
            (lambda b, a, g: by(b, a, g, spread(a))[::-1], "The two results are exchanged."),
            (lambda b, a, g: (by(b, a, g, spread(a))[0], float(((g - b) ** 2).mean() / spread(a))),
             "The guess is held against the answers before the change. It is a guess at those after it."),
            (lambda b, a, g: by(b, a, g, a.var(dim=0).mean()),
             "The variance divides by B - 1 here; it is a mean over the batch, which divides by B."),
        ],
        "{place} should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="iwm.two_errors",
        notebook="20",
        title="Two errors",
        difficulty=1,
        minutes=7,
        reference=my_two_errors,
        check=_check_two_errors,
        hints=(
            "Both results are a mean over all pictures and channels, over one and the same variance.",
            "spread = (after - after.mean(dim=0)).square().mean(); then (before - after).square().mean() / spread.",
        ),
        explanation="An encoder is invariant where the first number is 0. It is equivariant, for this predictor, where "
        "the second is 0. Who guesses the mean of all pictures has 1.",
    )
)


# --- 2. contrast ----------------------------------------------------------------------------------------------------
def my_contrast(frames: Tensor, factor: Tensor) -> Tensor:
    """The contrast changed: every colour away from the picture's mean grey, or towards it.

    frames: (B, 3, H, W) in [0, 1]; factor: (B,), one a picture -> (B, 3, H, W), cut off to [0, 1]. The grey of a pixel
    is 0.299 red + 0.587 green + 0.114 blue; a picture's mean grey is one number.
    """
    grey = torch.einsum("c,bchw->bhw", torch.tensor([0.299, 0.587, 0.114]), frames)
    mean = grey.mean(dim=(1, 2)).view(-1, 1, 1, 1)  # (B,) -> (B, 1, 1, 1)
    return (mean + factor.view(-1, 1, 1, 1) * (frames - mean)).clamp(0.0, 1.0)


def _frames_and_factors(seed: int) -> Inputs:
    generator = seeded(seed)
    frames = torch.rand(5, 3, 4, 6, generator=generator) * torch.tensor([1.0, 0.8, 0.5])[:, None, None]
    return frames, 0.3 + 1.6 * torch.rand(5, generator=generator)


def _check_contrast(candidate: Asked) -> None:
    def away(x: Tensor, f: Tensor, mean: Tensor) -> Tensor:
        return mean + f[:, None, None, None] * (x - mean)

    def grey(x: Tensor) -> Tensor:
        return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]

    def mean(x: Tensor) -> Tensor:
        return grey(x).sum(dim=(2, 3), keepdim=True) / (x.shape[2] * x.shape[3])

    check_values(
        candidate,
        lambda x, f: away(x, f, mean(x)).clamp(0.0, 1.0),
        _frames_and_factors,
        [
            (lambda x, f: away(x, f, mean(x)), "Some colours leave the range: cut them off to [0, 1]."),
            (lambda x, f: (f[:, None, None, None] * x).clamp(0.0, 1.0),
             "This is brightness: every colour times the factor. Contrast goes from the mean grey outwards."),
            (lambda x, f: away(x, f, grey(x)).clamp(0.0, 1.0),
             "This is saturation: each pixel away from its own grey. Contrast has one mean grey for the picture."),
            (lambda x, f: away(x, f, x.mean(dim=(2, 3), keepdim=True)).clamp(0.0, 1.0),
             "Each colour has its own mean here. The picture's mean grey is one number for all three."),
            (lambda x, f: away(x, f, x.mean(dim=(1, 2, 3), keepdim=True)).clamp(0.0, 1.0),
             "Red, green and blue count alike in this grey. Green looks brighter: 0.299, 0.587, 0.114."),
            (lambda x, f: away(x, f, grey(x).mean()).clamp(0.0, 1.0),
             "One mean for the whole batch is taken here. Each picture has its own."),
            (lambda x, f: away(x, f, torch.tensor(0.5)).clamp(0.0, 1.0),
             "The middle of the range is taken for the picture's mean grey."),
            (lambda x, f: (f[:, None, None, None] * (x - mean(x))).clamp(0.0, 1.0),
             "The mean grey was taken off and never put back."),
            (lambda x, f: away(x, 1.0 + f, mean(x)).clamp(0.0, 1.0), "A factor of 1 leaves the picture as it is."),
        ],
        "At {place} the colour should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="iwm.contrast",
        notebook="20",
        title="Contrast",
        difficulty=2,
        minutes=8,
        reference=my_contrast,
        check=_check_contrast,
        hints=(
            "First the grey of every pixel, then its mean over the picture; keep axes of length 1 so that it fits.",
            "mean + factor.view(-1, 1, 1, 1) * (frames - mean), and .clamp(0, 1) at the end.",
        ),
        explanation="Each of the four changes of colour keeps something fixed: brightness black, contrast the mean "
        "grey, saturation and hue every grey.",
    )
)


# --- 3. at their places ---------------------------------------------------------------------------------------------
def my_at_places(features: Tensor, seen: Tensor, mask_token: Tensor, patches: int) -> Tensor:
    """One token at every place of the picture: the feature where a patch was seen, the mask token elsewhere.

    features: (B, K, D), of the patches in ``seen``, int64 (B, K), in that order; mask_token: (D,) -> (B, patches, D).
    """
    tokens = mask_token.expand(len(features), patches, -1).clone()
    return tokens.scatter(1, seen[..., None].expand_as(features), features)


def _features_in_disorder(seed: int) -> Inputs:
    generator = seeded(seed)
    seen = torch.stack([torch.randperm(9, generator=generator)[:5] for _ in range(4)])
    return torch.randn(4, 5, 3, generator=generator), seen, torch.randn(3, generator=generator), 9


def _check_at_places(candidate: Asked) -> None:
    def placed(f: Tensor, seen: Tensor, token: Tensor, patches: int) -> Tensor:
        found = torch.stack([token.repeat(patches, 1) for _ in f])
        for picture, (each, where) in enumerate(zip(f, seen, strict=True)):
            found[picture, where] = each
        return found

    check_values(
        candidate,
        placed,
        _features_in_disorder,
        [
            (lambda f, s, m, n: torch.cat([f, m.expand(len(f), n - f.shape[1], -1)], dim=1),
             "The features stand first and the mask tokens after them. Each feature belongs at its own place."),
            (lambda f, s, m, n: placed(f, s.sort(dim=1).values, m, n),
             "The features are put in order of their places, but they came in the order of `seen`."),
            (lambda f, s, m, n: placed(f, s[:1].expand_as(s), m, n),
             "All pictures have the places of the first one here. Each has its own."),
            (lambda f, s, m, n: placed(f, s, torch.zeros_like(m), n),
             "Zeros stand where nothing was seen. The mask token belongs there."),
            (lambda f, s, m, n: placed(f + m, s, m, n), "The mask token was added to the features that were seen."),
            (lambda f, s, m, n: placed(m.expand_as(f), s, m, n), "There are mask tokens everywhere."),
        ],
        "At {place} it should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="iwm.at_places",
        notebook="20",
        title="Features at their places",
        difficulty=2,
        minutes=8,
        reference=my_at_places,
        check=_check_at_places,
        hints=(
            "Begin with mask tokens everywhere, (B, patches, D), then write the features over some of them.",
            "tokens.scatter(1, seen[..., None].expand_as(features), features) writes row k to place seen[k].",
        ),
        explanation="The encoder never saw the missing patches: they were left out, not blackened. The mask token is "
        "one learned vector for all of them; the position that is added afterwards says which patch is meant.",
    )
)


# --- 4. the reciprocal rank -----------------------------------------------------------------------------------------
def my_reciprocal_rank(distance: Tensor, right: Tensor) -> Tensor:
    """1 / rank of the right entry of a bank; the nearest entry has rank 1.

    distance: (Q, N), from each of Q guesses to each of N entries; right: int64 (Q,) -> (Q,). Where entries are exactly
    as far away as the right one, it has the middle of their ranks: with m of them, itself counted, and n nearer ones,
    rank n + (m + 1) / 2.
    """
    own = distance.gather(1, right[:, None])
    nearer, equal = (distance < own).sum(dim=1), (distance == own).sum(dim=1)
    return 1.0 / (nearer + (equal + 1) / 2)


def _distances_with_ties(seed: int) -> Inputs:
    generator = seeded(seed)
    distance = torch.randint(0, 6, (8, 11), generator=generator).float()
    return distance, torch.randint(0, 11, (8,), generator=generator)


def _check_reciprocal_rank(candidate: Asked) -> None:
    def counts(d: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        own = torch.stack([row[k] for row, k in zip(d, right, strict=True)])[:, None]
        return (d < own).sum(dim=1).float(), (d == own).sum(dim=1).float(), (d > own).sum(dim=1).float()

    def rank(d: Tensor, right: Tensor) -> Tensor:
        nearer, equal, _ = counts(d, right)
        return nearer + 0.5 * equal + 0.5

    def first(d: Tensor, right: Tensor) -> Tensor:
        return 1.0 / (counts(d, right)[0] + 1.0)

    def last(d: Tensor, right: Tensor) -> Tensor:
        return 1.0 / (counts(d, right)[0] + counts(d, right)[1])

    check_values(
        candidate,
        lambda d, right: rank(d, right) ** -1,
        _distances_with_ties,
        [
            (first, "Ties go to the right entry here: who says the same of everything would have rank 1."),
            (last, "Ties go against the right entry here. It has the middle of their ranks."),
            (lambda d, right: rank(d, right), "This is the rank; its reciprocal is asked for, 1 / rank."),
            (lambda d, right: rank(-d, right) ** -1, "The farthest entry has rank 1 here. It is the nearest that has."),
            (lambda d, right: 1.0 / (counts(d, right)[0] + 0.5 * counts(d, right)[1] + 1.5),
             "The right entry is counted once too often: alone at its distance and nearest it has rank 1."),
            (lambda d, right: (counts(d, right)[0] == 0).float(),
             "This is whether the right entry is the nearest. A second place counts too, one half."),
            (lambda d, right: rank(d, right)[:, None].mean(dim=1).mean().expand(len(d)) ** -1,
             "All questions have the same value here. Each guess has a rank of its own."),
        ],
        "Guess {place} has the reciprocal rank {wanted}; yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="iwm.reciprocal_rank",
        notebook="20",
        title="The reciprocal rank",
        difficulty=2,
        minutes=10,
        reference=my_reciprocal_rank,
        check=_check_reciprocal_rank,
        hints=(
            "How many entries are nearer than the right one, and how many exactly as far, itself counted?",
            "own = distance.gather(1, right[:, None]); (distance < own).sum(dim=1) and (distance == own).sum(dim=1).",
        ),
        explanation="Without the rule for ties, a predictor that says the same of all entries, or an encoder that says "
        "the same of all pictures, would have an MRR of 1: a collapse would look like perfection.",
    )
)


# --- 5. lots among equals -------------------------------------------------------------------------------------------
def my_lots(groups: Tensor) -> float:
    """The mean reciprocal rank of who finds the right group of a bank, and draws lots among its entries.

    groups: int64 (N,), the group of each entry. Each entry is the right one as often as the others. Entries of its
    group come first, in an order that is drawn: in a group of m, its rank is 1 to m, each equally often.
    """
    counts = torch.bincount(groups)
    sums = [int(m) * sum(1.0 / rank for rank in range(1, int(m) + 1)) / int(m) for m in counts if m > 0]
    return sum(sums) / len(groups)


def _groups(seed: int) -> Inputs:
    generator = seeded(seed)
    labels = torch.cat([torch.full((int(m),), 3 * k) for k, m in enumerate((1, 2, 5, 9))])
    more = torch.randint(20, 26, (6,), generator=generator)
    groups = torch.cat([labels, more])
    return (groups[torch.randperm(len(groups), generator=generator)],)


def _check_lots(candidate: Asked) -> None:
    def sizes(groups: Tensor) -> list[int]:
        return groups.unique(return_counts=True)[1].tolist()

    def harmonic(m: int) -> float:
        return sum(1.0 / rank for rank in range(1, m + 1))

    check_values(
        candidate,
        lambda g: sum(harmonic(m) for m in sizes(g)) / len(g),
        _groups,
        [
            (lambda g: len(sizes(g)) / len(g),
             "This is how often the first draw is right: 1 / m in a group of m. A second place counts one half, a "
             "third one third."),
            (lambda g: sum(m * 2.0 / (m + 1.0) for m in sizes(g)) / len(g),
             "This is 1 over the mean rank. The mean of 1 / rank is larger."),
            (lambda g: sum(harmonic(m) / m for m in sizes(g)) / len(sizes(g)),
             "Every group counts alike here. Every entry counts alike: a large group is asked for more often."),
            (lambda g: harmonic(len(g)) / len(g), "This draws lots among all entries: the groups are not used."),
            (lambda g: sum(harmonic(m) for m in sizes(g)) / len(sizes(g)),
             "The sum is over all entries, so it is divided by their number, not by that of the groups."),
            (lambda g: 1.0, "The group is found, but within it the entry is not."),
        ],
        "It should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="iwm.lots",
        notebook="20",
        title="Lots among equals",
        difficulty=3,
        minutes=15,
        reference=my_lots,
        check=_check_lots,
        hints=(
            "In a group of m the mean of 1 / rank is (1 + 1/2 + ... + 1/m) / m, and m of the N questions are about it.",
            "torch.bincount(groups) counts; add up 1 + 1/2 + ... + 1/m over the groups and divide by N.",
        ),
        explanation="The same sum with one group is chance level, 0.024 for 256 entries. With as many groups as there "
        "are entries it is 1. What a bank can show depends on what its entries differ in.",
    )
)
