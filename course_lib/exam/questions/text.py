"""Does it know which caption belongs to which film? Questions to a pair of encoders for captions and films.

Galleries: a caption, and 64 films with 64 different captions, of which one is its own (``measures/retrieval.py``); and
the other way round. One number a film, the share of its galleries that were right, so intervals are bootstraps over
films. Asked with both styles of captions. Controls: chance, an untrained network, captions that belong to other films.

Pairs of colour and shape that no training film shows (``spec.RESERVED_COMBINATIONS``) are asked apart, twice. In
galleries of 64 such films; and by naming: for a film of one body, which of the 18 pairs of colour and shape is it,
where all captions agree with the film in size and motion? The control of the second is the same question about pairs
that training films did show, with the same 18 answers.

Binding: for a film of two bodies, its own caption and the same one with the two colours exchanged. Who hears only which
words occur cannot tell them apart.

Reading without ever having been taught to: number, colour, shape and motion by prompts. The prompts of a class are many
captions that have it in common, and a film belongs to the class whose mean vector is nearest (Radford et al. 2021,
section 3.1.4). Accuracies are balanced over the classes, since always answering "falling" is right for most bodies. The
course's reader, which was taught all this, stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval, wilson_interval
from course_lib.exam.measures.retrieval import (
    GALLERIES,
    K,
    balanced_accuracy,
    caption_ids,
    class_vectors,
    top1_by_query,
)
from course_lib.exam.measures.words import read_states
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.base import untrained_twin
from course_lib.models.clip import TextAndFilms, caption_vectors, film_vectors
from course_lib.worlds import spec
from course_lib.worlds.captions import FRAMES, MOTIONS, SIZES, describe
from course_lib.worlds.films import Films

SET, RESERVED_SET = "bodies", "bodies-new"
TIMES_AS_MANY = 10  # films as other questions have: some words are rare
LEAST_FILMS = 250  # galleries of 64 need them
READ = 200  # films whose bodies the reader counts
FEW = 2  # galleries for each film of a control

PAIRS = tuple(product(spec.COLOURS, spec.SHAPES))
NUMBERS = tuple(str(n) for n in range(1, spec.MAX_BODIES + 1))
CLASSES = {"number": NUMBERS, "colour": spec.COLOURS, "shape": spec.SHAPES, "motion": MOTIONS}
PROMPTS = 200  # for each number of bodies


def one_body(films: Films) -> list[tuple[int, Mapping[str, str]]]:
    """The films of a single body: their places in the set, and the body's words."""
    words = [describe(states) for states in films.states[:, :FRAMES]]
    return [(i, each[0]) for i, each in enumerate(words) if len(each) == 1]


def naming_captions(words: Mapping[str, str]) -> list[str]:
    """What a film of one body could be called: its size and motion, with each of the 18 pairs of colour and shape."""
    return [f"a {words['size']} {colour} {shape} {words['motion']}" for colour, shape in PAIRS]


def exchanged(films: Films) -> list[tuple[int, str]]:
    """Films of two bodies that differ in colour and shape: their places, and their captions with colours exchanged.

    Films whose exchanged caption would hold a reserved pair are left out: no training caption said it.
    """
    found = []
    for i, states in enumerate(films.states[:, :FRAMES]):
        words = describe(states)
        if len(words) != 2 or len({w["colour"] for w in words}) < 2 or len({w["shape"] for w in words}) < 2:
            continue
        colours = (words[1]["colour"], words[0]["colour"])
        if not any((c, w["shape"]) in spec.RESERVED_COMBINATIONS for c, w in zip(colours, words, strict=True)):
            pairs = zip(colours, words, strict=True)
            found.append((i, " and ".join(f"a {w['size']} {c} {w['shape']} {w['motion']}" for c, w in pairs)))
    return found


def prompts(attribute: str, generator: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Captions for the classes of an attribute, and the class of each. Pairs that no training film shows are left out.

    Of colour, shape and motion: all descriptive captions of one body. Of number: captions of drawn bodies.
    """
    pairs = [pair for pair in PAIRS if pair not in spec.RESERVED_COMBINATIONS]
    bodies = list(product(SIZES, pairs, MOTIONS))
    if attribute == "number":
        numbers = np.repeat(np.arange(len(NUMBERS)), PROMPTS)
        drawn = [[bodies[k] for k in generator.integers(len(bodies), size=number + 1)] for number in numbers]
        return [" and ".join(map(_phrase, each)) for each in drawn], numbers
    place = {"colour": lambda b: b[1][0], "shape": lambda b: b[1][1], "motion": lambda b: b[2]}[attribute]
    return [_phrase(b) for b in bodies], np.array([CLASSES[attribute].index(place(b)) for b in bodies])


def _phrase(body: tuple[str, tuple[str, str], str]) -> str:
    size, (colour, shape), motion = body
    return f"a {size} {colour} {shape} {motion}"


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows clip_top1_of_64 and its variants, clip_pair_of_18_reserved, clip_zero_shot_number and so on, of "clip"."""
    clip, count = entrant.part("clip"), max(TIMES_AS_MANY * sitting.count, LEAST_FILMS)
    films = sitting.films_for(entrant, SET, count=count)
    new = sitting.films_for(entrant, RESERVED_SET, count=count)
    twin = untrained_twin(clip, sitting.seed) if hasattr(clip, "config") else entrant.untrained["clip"]
    seen = {name: film_vectors(part, films.frames) for name, part in (("own", clip), ("untrained", twin))}
    yield from _galleries(entrant, sitting, films, (clip, twin), seen)
    unseen = {name: film_vectors(part, new.frames) for name, part in (("own", clip), ("untrained", twin))}
    yield _reserved_gallery(entrant, sitting, (films, new), (clip, twin), (seen, unseen))
    yield _naming(entrant, sitting, (films, new), (clip, twin), (seen, unseen))
    yield _binding(entrant, sitting, films, (clip, twin), seen)
    yield from _zero_shot(entrant, sitting, films, (clip, twin), seen)


Pair = tuple[TextAndFilms, TextAndFilms]  # the entrant's, and the same untrained
Vectors = Mapping[str, np.ndarray]  # of films, by "own" and "untrained"


def _gallery(
    sitting: Sitting, pair: Pair, vectors: Vectors, captions: Sequence[str], *, by_film: bool = False
) -> tuple[np.ndarray, dict[str, float]]:
    """The share of galleries that is right for each film, (N,), and its controls."""
    texts = {name: caption_vectors(part, captions) for name, part in zip(("own", "untrained"), pair, strict=True)}
    similarity = {name: texts[name] @ vectors[name].T for name in texts}  # captions, films
    similarity["shuffled"] = np.roll(similarity["own"], len(captions) // 2, axis=0)  # another film's caption is asked
    ids = caption_ids(captions)
    scores = {
        name: top1_by_query(values.T if by_film else values, ids, generator=sitting.rng(),
                            galleries=GALLERIES if name == "own" else FEW)
        for name, values in similarity.items()
    }  # fmt: skip
    controls = {"chance": 1 / K} | {name: float(scores[name].mean()) for name in ("untrained", "shuffled")}
    return scores["own"], controls


def _galleries(entrant: Entrant, sitting: Sitting, films: Films, pair: Pair, vectors: Vectors) -> Iterator[Row]:
    for question, captions, by_film, note in (
        ("clip_top1_of_64", films.captions, False, "descriptive captions; which of 64 films is meant"),
        ("clip_top1_of_64_short", films.short_captions, False, "short captions; which of 64 films is meant"),
        ("clip_caption_top1_of_64", films.captions, True, "a film; which of 64 descriptive captions is its own"),
    ):
        score, controls = _gallery(sitting, pair, vectors, captions, by_film=by_film)
        yield entrant.row(sitting, films, question, unit="", controls=controls, note=note,
                          **mean_and_interval(score, seed=sitting.seed))  # fmt: skip


def _reserved_gallery(
    entrant: Entrant, sitting: Sitting, sets: tuple[Films, Films], pair: Pair, vectors: tuple[Vectors, Vectors]
) -> Row:
    score, controls = _gallery(sitting, pair, vectors[1], sets[1].captions)
    controls["seen_pairs"] = float(_gallery(sitting, pair, vectors[0], sets[0].captions)[0].mean())
    note = "only three pairs of colour and shape occur here, so these galleries are harder than those of seen pairs"
    return entrant.row(sitting, sets[1], "clip_top1_of_64_reserved", unit="", controls=controls, note=note,
                       **mean_and_interval(score, seed=sitting.seed))  # fmt: skip


def name_pairs(clip: TextAndFilms, films: Films, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The true and the named pair of each film of one body, as places in ``PAIRS``. -> int (M,), (M,)."""
    asked = one_body(films)
    texts = caption_vectors(clip, [text for _, words in asked for text in naming_captions(words)])
    texts = texts.reshape(len(asked), len(PAIRS), -1)  # (M * 18, E) -> (M, 18, E)
    similarity = np.einsum("mpe,me->mp", texts, vectors[[i for i, _ in asked]])
    truth = np.array([PAIRS.index((words["colour"], words["shape"])) for _, words in asked])
    return truth, similarity.argmax(axis=1)


def _naming(
    entrant: Entrant, sitting: Sitting, sets: tuple[Films, Films], pair: Pair, vectors: tuple[Vectors, Vectors]
) -> Row:
    truth, named = name_pairs(pair[0], sets[1], vectors[1]["own"])
    blank = name_pairs(pair[1], sets[1], vectors[1]["untrained"])
    known = name_pairs(pair[0], sets[0], vectors[0]["own"])
    controls = {"chance": 1 / len(PAIRS), "one_answer": np.bincount(truth).max() / len(truth),
                "untrained": float((blank[0] == blank[1]).mean()),
                "seen_pairs": float((known[0] == known[1]).mean())}  # fmt: skip
    shapes = len(spec.SHAPES)
    colour, shape = (truth // shapes == named // shapes).mean(), (truth % shapes == named % shapes).mean()
    note = f"films of one body; the colour is right in {colour:.0%}, the shape in {shape:.0%}"
    right = truth == named
    low, high = wilson_interval(int(right.sum()), len(right))
    return entrant.row(sitting, sets[1], "clip_pair_of_18_reserved", unit="", controls=controls, note=note,
                       value=float(right.mean()), low=low, high=high, n=len(right))  # fmt: skip


def bound(clip: TextAndFilms, films: Films, vectors: np.ndarray) -> np.ndarray:
    """Whether each film of ``exchanged`` is nearer to its own caption than to the other, bool (M,)."""
    asked = exchanged(films)
    places = [i for i, _ in asked]
    own = caption_vectors(clip, [films.captions[i] for i in places])
    other = caption_vectors(clip, [text for _, text in asked])
    return ((own - other) * vectors[places]).sum(axis=1) > 1e-5  # nearer than rounding is a tie, and no answer


def _binding(entrant: Entrant, sitting: Sitting, films: Films, pair: Pair, vectors: Vectors) -> Row:
    right = bound(pair[0], films, vectors["own"])
    controls = {"chance": 0.5, "untrained": float(bound(pair[1], films, vectors["untrained"]).mean())}
    note = "two bodies; the own caption against the same with the two colours exchanged"
    low, high = wilson_interval(int(right.sum()), len(right))
    return entrant.row(sitting, films, "clip_binding_of_2", unit="", controls=controls, note=note,
                       value=float(right.mean()), low=low, high=high, n=len(right))  # fmt: skip


def _zero_shot(entrant: Entrant, sitting: Sitting, films: Films, pair: Pair, vectors: Vectors) -> Iterator[Row]:
    words = [describe(states) for states in films.states[:, :FRAMES]]
    single = [i for i, each in enumerate(words) if len(each) == 1]
    read = sitting.once(("text", "read", films.name, films.split, len(films)), lambda: _read(sitting, films, single))
    for attribute, names in CLASSES.items():
        number = attribute == "number"
        asked = np.arange(len(films)) if number else np.array(single)
        truth = np.array([len(words[i]) - 1 if number else names.index(words[i][0][attribute]) for i in asked])
        right = {}
        for name, part in zip(("own", "untrained"), pair, strict=True):
            texts, classes = prompts(attribute, sitting.rng())
            found = vectors[name][asked] @ class_vectors(caption_vectors(part, texts), classes).T  # (M, C)
            right[name] = found.argmax(axis=1) == truth
        answers = {name: balanced_accuracy(each, truth, generator=sitting.rng()) for name, each in right.items()}
        controls = {"one_answer": 1 / len(np.unique(truth)), "untrained": answers["untrained"]["value"]}
        counted = truth[: len(read[attribute])]
        controls["reader"] = balanced_accuracy(read[attribute] == counted, counted, generator=sitting.rng())["value"]
        common = np.bincount(truth).max() / len(truth)
        note = f"balanced over {len(np.unique(truth))} words; plain {right['own'].mean():.2f}, always one {common:.2f}"
        yield entrant.row(sitting, films, f"clip_zero_shot_{attribute}", unit="", controls=controls, note=note,
                          **answers["own"])  # fmt: skip


def _read(sitting: Sitting, films: Films, single: list[int]) -> dict[str, np.ndarray]:
    """What the reader says: the number of bodies of the first ``READ`` films, the words of all films of one body.

    -1 where it says none of the words.
    """
    states = read_states(sitting.reader, films.frames[:READ])
    many = [describe(each) for each in states]
    one = [describe(each) for each in read_states(sitting.reader, films.frames[single])]
    found = {"number": np.array([len(each) - 1 for each in many])}
    for attribute in ("colour", "shape", "motion"):
        found[attribute] = np.array([CLASSES[attribute].index(each[0][attribute]) if each else -1 for each in one])
    return found
