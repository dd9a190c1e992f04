"""Exercises of notebook 07, words and pictures: tokens, similarities, the two-way loss, and a fair question."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, need, seeded

PAD, START, END = range(3)


# --- 1. captions as numbers ---------------------------------------------------------------------------------------
def my_tokens(captions: list[str], number: dict[str, int], context: int) -> Tensor:
    """A start mark (1), a number for each word, an end mark (2), then padding (0). -> int64 (N, context)."""
    rows = torch.zeros(len(captions), context, dtype=torch.int64)
    for row, caption in enumerate(captions):
        tokens = [1] + [number[word] for word in caption.split()] + [2]
        rows[row, : len(tokens)] = torch.tensor(tokens)
    return rows


WORDS = ("a", "red", "blue", "ball", "box", "and", "two", "boxes")
NUMBER = {word: place + 3 for place, word in enumerate(WORDS)}


def _check_tokens(candidate: Asked) -> None:
    captions = ["a red ball", "two blue boxes and a red box", "a box"]
    for context, numbers in ((12, NUMBER), (10, {word: 40 - n for word, n in NUMBER.items()})):
        rows = [[START] + [numbers[w] for w in text.split()] + [END] for text in captions]
        wanted = torch.tensor([row + [PAD] * (context - len(row)) for row in rows])
        mine = candidate(captions, numbers, context)
        if torch.equal(mine, wanted):
            continue
        if torch.equal(mine.sort(dim=1).values, wanted.sort(dim=1).values):
            ends = (mine == END).int().argmax(dim=1).tolist()
            if ends != [len(row) - 1 for row in rows]:
                raise Wrong("The end mark stands right behind the last word, before the padding.")
            raise Wrong("The right tokens are there, in another order: start mark, words as they are said, end mark, "
                        "padding.")  # fmt: skip
        need((mine[:, 0] == START).all(), "Each row begins with the start mark, 1.")
        need((mine == END).any(dim=1).all(), "Each row needs one end mark, 2, behind its last word.")
        need(torch.equal(mine == PAD, wanted == PAD), "What stands behind the end mark is padding, 0, and only that.")
        place = (mine != wanted).nonzero()[0].tolist()
        raise Wrong(f"Token {place[1]} of caption {place[0]} is {int(mine[*place])}, and should be "
                    f"{int(wanted[*place])}: look each word up in `number`.")  # fmt: skip


register(
    Exercise(
        id="clip.tokens",
        notebook="07",
        title="Captions as numbers",
        difficulty=2,
        minutes=7,
        reference=my_tokens,
        check=_check_tokens,
        hints=(
            "Begin with a table of zeros, torch.zeros(N, context, dtype=torch.int64), and write each caption into its "
            "row.",
            "For one caption: [1] + [number[word] for word in caption.split()] + [2], put into the first places.",
        ),
        explanation="CLIP's own tokens are pieces of words, 49,408 of them, so that any text can be written. The "
        "course's captions use 28 words: a word a token is enough. The caption's vector is read off at the end mark.",
    )
)


# --- 2. a table of similarities -----------------------------------------------------------------------------------
def my_similarities(films: Tensor, captions: Tensor) -> Tensor:
    """The cosine of every film with every caption. (N, E), (M, E), of any length -> (N, M), from -1 to 1."""
    films = films / films.norm(dim=1, keepdim=True)
    captions = captions / captions.norm(dim=1, keepdim=True)
    return films @ captions.T


def _vectors(seed: int) -> Inputs:
    generator = seeded(seed)
    sizes = torch.rand(5, 1, generator=generator) * 3 + 0.5, torch.rand(7, 1, generator=generator) * 3 + 0.5
    return tuple(torch.randn(len(s), 4, generator=generator) * s for s in sizes)


def _check_similarities(candidate: Asked) -> None:
    turned = {(7, 5): "Rows are films and columns captions: (N, M). Yours is the other way round."}
    candidate.explaining(turned)(*_vectors(9))
    check_values(
        candidate,
        lambda films, captions: F.cosine_similarity(films[:, None], captions[None], dim=2),
        _vectors,
        [
            (lambda films, captions: films @ captions.T,
             "This is the product of the vectors as they are: a long vector wins whatever it points at. Divide by the "
             "lengths."),
            (lambda films, captions: F.normalize(films, dim=1) @ captions.T,
             "The captions' vectors have still their lengths; divide by those too."),
            (lambda films, captions: films @ F.normalize(captions, dim=1).T,
             "The films' vectors have still their lengths; divide by those too."),
            (lambda films, captions: F.normalize(films, dim=0) @ F.normalize(captions, dim=0).T,
             "You divide each column by its length. A vector is a row: take the norm over dim=1."),
            (lambda films, captions: films @ captions.T / films.shape[1] ** 0.5,
             "Dividing by the root of E is attention's way. Here each vector is divided by its own length."),
            (lambda films, captions: films @ captions.T / films.norm() / captions.norm(),
             "You divide by the length of the whole table. Each row has its own: norm(dim=1, keepdim=True)."),
            (lambda films, captions: -torch.cdist(films, captions),
             "This is a distance with its sign turned. The cosine is asked for: the product of vectors of length 1."),
        ],
        "The cosine of film and caption {place} is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="clip.similarities",
        notebook="07",
        title="A table of similarities",
        difficulty=2,
        minutes=5,
        reference=my_similarities,
        check=_check_similarities,
        hints=(
            "The cosine of two vectors is their product once both have length 1. How long is a row?",
            "x / x.norm(dim=1, keepdim=True) for both, then films @ captions.T.",
        ),
        explanation="Lengths are taken away so that the encoders cannot win by shouting: a caption with a long vector "
        "would be near to every film. How sharply similarities are told apart is left to the one number `scale`.",
        gradients=("films", "captions"),
    )
)


# --- 3. the two-way loss ------------------------------------------------------------------------------------------
def my_two_way_loss(similarity: Tensor, scale: float) -> Tensor:
    """Mean of the cross-entropies of rows and of columns; the right answers stand on the diagonal. (N, N) -> scalar."""
    logits = scale * similarity
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _squares(seed: int) -> Inputs:
    return torch.rand(6, 6, generator=seeded(seed)) * 2 - 1, 4.0 + seed


def _by_hand(similarity: Tensor, scale: float) -> Tensor:
    logits = scale * similarity
    sums = logits.exp().sum(dim=1).log(), logits.exp().sum(dim=0).log()
    return ((sums[0] + sums[1]) / 2 - logits.diagonal()).mean()


def _check_two_way(candidate: Asked) -> None:
    def one_way(similarity: Tensor, scale: float, *, turned: bool = False) -> Tensor:
        logits = scale * (similarity.T if turned else similarity)
        return F.cross_entropy(logits, torch.arange(len(logits)))

    one_side = "This is one half: each film looks for its caption. Each caption must look for its film too (columns)."
    check_values(
        candidate,
        _by_hand,
        _squares,
        [
            (one_way, one_side),
            (lambda similarity, scale: one_way(similarity, scale, turned=True),
             "This is one half: each caption looks for its film. Each film must look for its caption too (rows)."),
            (lambda similarity, scale: 2 * _by_hand(similarity, scale), "This is the sum of both halves; their mean is "
                                                                       "asked for."),
            (lambda similarity, scale: _by_hand(similarity, 1.0), "The scale is missing: similarities are multiplied "
                                                                 "with it before the softmax."),
            (lambda similarity, scale: _by_hand(similarity, 1 / scale), "You divide by the scale. It is one over the "
                                                                       "temperature: multiply."),
            (lambda similarity, scale: _by_hand(similarity, scale) * len(similarity),
             "This is a sum over the pairs; their mean is asked for."),
            (lambda similarity, scale: -scale * similarity.diagonal().mean(),
             "The diagonal alone is pulled up here. Nothing pushes the others down, so all vectors could become one."),
        ],
        "The loss of random similarities is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="clip.two_way_loss",
        notebook="07",
        title="Rows and columns",
        difficulty=3,
        minutes=8,
        reference=my_two_way_loss,
        check=_check_two_way,
        hints=(
            "Row i is a choice among N captions, and the right one is number i. F.cross_entropy takes logits and the "
            "numbers of the right answers.",
            "F.cross_entropy(logits, torch.arange(N)) for the rows; the same with logits.T for the columns; the mean.",
        ),
        explanation="It is the whole of CLIP's training signal (Radford et al. 2021, figure 3). A batch of N pairs "
        "makes 2 N questions with N answers each, so a larger batch asks harder questions.",
        gradients=("similarity",),
    )
)


# --- 4. captions that occur twice ---------------------------------------------------------------------------------
def my_shared_answers(tokens: Tensor) -> Tensor:
    """Which captions film i should choose, as probabilities: an equal share for every copy of its own. -> (N, N)."""
    same = (tokens[:, None, :] == tokens[None, :, :]).all(dim=2).float()  # (N, N)
    return same / same.sum(dim=1, keepdim=True)


def _some_equal(seed: int) -> Inputs:
    generator = seeded(seed)
    kinds = torch.randint(3, 9, (4, 5), generator=generator)
    kinds[1] = kinds[0]
    kinds[1, -1] = kinds[0, -1] + 1  # differs in its last word only
    return (kinds[torch.randint(4, (9,), generator=generator)],)


def _check_shared(candidate: Asked) -> None:
    def same(tokens: Tensor) -> Tensor:
        return (tokens[:, None] == tokens[None]).all(dim=2).float()

    each_word = {(9, 9, 5): "One answer for each word came out: captions are equal where all words are."}
    candidate.explaining(each_word)(*_some_equal(9))
    check_values(
        candidate,
        lambda tokens: same(tokens) / same(tokens).sum(dim=1, keepdim=True),
        _some_equal,
        [
            (lambda tokens: torch.eye(len(tokens)), "Equal captions are still mistakes for one another here: only the "
                                                    "diagonal is right."),
            (same, "Each row must add up to 1: two copies of a caption get a half each."),
            (lambda tokens: (tokens[:, None] == tokens[None]).any(dim=2).float()
             / (tokens[:, None] == tokens[None]).any(dim=2).float().sum(dim=1, keepdim=True),
             "One word in common is not enough: all words must be equal (all, not any)."),
            (lambda tokens: (tokens[:, None] == tokens[None]).float().mean(dim=2)
             / (tokens[:, None] == tokens[None]).float().mean(dim=2).sum(dim=1, keepdim=True),
             "Captions that share some words get something here. Only equal ones are right, word for word."),
            (lambda tokens: same(tokens) / len(tokens),
             "You divide by N. Divide a row by the number of equal captions in it."),
            (lambda tokens: same(tokens).softmax(dim=1),
             "A softmax leaves something for wrong captions too. Divide a row by its sum."),
            (lambda tokens: (same(tokens) - torch.eye(len(tokens)))
             / (same(tokens) - torch.eye(len(tokens))).sum(dim=1, keepdim=True).clamp_min(1),
             "A film's own caption is among the right ones: keep the diagonal."),
        ],
        "The share of caption and film {place} is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="clip.shared_answers",
        notebook="07",
        title="Captions that occur twice",
        difficulty=3,
        minutes=8,
        reference=my_shared_answers,
        check=_check_shared,
        hints=(
            "tokens[:, None] == tokens[None] compares every caption with every other, word by word: (N, N, L). When "
            "are two captions equal?",
            ".all(dim=2).float(), then divide each row by its own sum (keepdim=True).",
        ),
        explanation="F.cross_entropy takes such rows of probabilities in the place of right answers. Put them in, and "
        "the loss is the same number as before: copies of a caption have equal vectors, so it does not matter among "
        "which of them the right answer is shared out. What needs care is the question afterwards, not the training.",
    )
)


# --- 5. a fair gallery --------------------------------------------------------------------------------------------
def my_gallery(ids: np.ndarray, query: int, order: np.ndarray, k: int) -> np.ndarray:
    """The query's own item and the first k - 1 others in `order`, no caption twice. ids: int (N,) -> int (k,)."""
    chosen, seen = [query], {int(ids[query])}
    for item in order:
        if int(ids[item]) not in seen and len(chosen) < k:
            chosen.append(int(item))
            seen.add(int(ids[item]))
    return np.array(chosen)


def _check_gallery(candidate: Asked) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        ids = rng.integers(12, size=40)
        order, query, k = rng.permutation(40), int(rng.integers(40)), (4, 5, 6, 8)[seed]
        twin = next(i for i in order if ids[i] == ids[query] and i != query)
        order = np.concatenate([[twin], order[order != twin]])  # the first in line has the query's own caption
        mine = candidate.explaining({(k - 1,): "One item is missing: the query's own stands among the k, first."})(
            ids, query, order, k
        )
        if np.array_equal(mine, ids[my_gallery(ids, query, order, k)]):
            raise Wrong("These are the captions (ids) of the right items. The items are asked for: their places in "
                        "`ids`, as they stand in `order`.")  # fmt: skip
        if query not in mine:
            raise Wrong("The query's own item must be in the gallery, or nobody could find it.")
        if mine[0] != query:
            raise Wrong("The query's own item stands first; the others follow in the order that is given.")
        if len(set(mine.tolist())) < k:
            raise Wrong("An item stands in the gallery twice.")
        if (ids[mine[1:]] == ids[query]).any():
            raise Wrong("An item with the query's own caption is among the others: nobody can tell the two apart.")
        if len(set(ids[mine].tolist())) < k:
            raise Wrong("Two of the others have the same caption. That is no harm to the query, but then the gallery "
                        "has fewer than k different captions, and chance is no longer 1 / k.")  # fmt: skip
        must_equal(mine, my_gallery(ids, query, order, k), [],
                   "Take the others in the order that is given, the first of each caption: place {place} should be "
                   "{wanted}, yours is {mine}.")  # fmt: skip


register(
    Exercise(
        id="clip.gallery",
        notebook="07",
        title="A fair gallery",
        difficulty=3,
        minutes=10,
        reference=my_gallery,
        check=_check_gallery,
        hints=(
            "Walk through `order` and keep a set of the captions (ids) that are in the gallery already.",
            "chosen = [query], seen = {ids[query]}; an item is taken when its id is not in seen and fewer than k are "
            "chosen.",
        ),
        explanation="With equal captions in a gallery a perfect model loses every second time, and the figure tells "
        "how often captions repeat, not how good the model is. `exam/measures/retrieval.py` draws galleries so.",
    )
)


# --- 6. a planted bug: one vector for a word ------------------------------------------------------------------------
def my_class_vectors(prompts: Tensor, classes: Tensor) -> Tensor:
    """One vector of length 1 for each class, from all its prompts. (P, E) of length 1, int64 (P,) -> (C, E)."""
    means = torch.stack([prompts[classes == c].mean(dim=0) for c in range(int(classes.max()) + 1)])  # (C, E)
    return means / means.norm(dim=1, keepdim=True)


def _prompts(seed: int) -> Inputs:
    generator = seeded(seed)
    classes = torch.tensor([0, 2, 1, 0, 2, 2, 0, 0, 1, 0])
    return F.normalize(torch.randn(10, 4, generator=generator), dim=1), classes


def _check_class_vectors(candidate: Asked) -> None:
    def sums(prompts: Tensor, classes: Tensor) -> Tensor:
        return torch.zeros(3, prompts.shape[1]).index_add(0, classes, prompts)

    counts = torch.tensor([5.0, 2.0, 3.0])[:, None]
    each_prompt = {(10, 4): "One vector for each prompt came out; one for each class is asked for."}
    candidate.explaining(each_prompt)(*_prompts(9))
    check_values(
        candidate,
        lambda prompts, classes: F.normalize(sums(prompts, classes), dim=1),
        _prompts,
        [
            (sums, "Here a class with more prompts has a longer vector, and wins more often. This is the bug of the "
                   "cell above, still there."),
            (lambda prompts, classes: sums(prompts, classes) / counts,
             "The number of prompts has no say any more, but the length has: a class whose prompts agree has a longer "
             "mean. Make each vector length 1."),
            (lambda prompts, classes: F.normalize(sums(prompts, classes), dim=0),
             "You divide each column by its length. A vector is a row: dim=1."),
            (lambda prompts, classes: prompts[[0, 2, 1]],
             "This is the first prompt of each class; all of them are to be used."),
            (lambda prompts, classes: F.normalize(sums(prompts, classes), dim=1, p=1),
             "The numbers' absolute values add up to 1 here; the length, the root of the sum of squares, is to be 1."),
        ],
        "Class and number {place} should be {wanted}, yours is {mine}.",
    )  # fmt: skip
    lengths = candidate(*_prompts(99)).norm(dim=1)
    need(close(lengths, torch.ones(3)), "Each class's vector has length 1.")
    prompts, classes = _prompts(5)
    classes = torch.tensor([4, 2, 1, 0, 3, 2, 3, 3, 1, 0])
    three = {(3, 4): "Here `classes` holds five classes, and your function gives three vectors: count the classes."}
    wanted = F.normalize(torch.zeros(5, 4).index_add(0, classes, prompts), dim=1)
    must_equal(candidate.explaining(three)(prompts, classes), wanted, [],
               "With five classes {place} should be {wanted}, yours is {mine}.")  # fmt: skip


register(
    Exercise(
        id="clip.class_vectors",
        notebook="07",
        title="A planted bug: one vector for a word",
        difficulty=3,
        minutes=8,
        reference=my_class_vectors,
        check=_check_class_vectors,
        hints=(
            "A film goes to the class with the largest product. What does a class gain when its vector is longer?",
            "The mean of prompts[classes == c] over dim=0 for each class, stacked; then divide each row by its length.",
        ),
        explanation="Products compare directions only between vectors of one length. The paper calls the mean over "
        "prompts an ensemble (section 3.1.4); its program, too, makes the mean length 1 again.",
        gradients=("prompts",),
    )
)
