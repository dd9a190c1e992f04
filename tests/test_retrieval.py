"""Galleries, balanced accuracies and the exam's questions about captions: truths on inputs that are understood."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.retrieval import (
    balanced_accuracy,
    caption_ids,
    class_vectors,
    gallery,
    top1_by_query,
)
from course_lib.exam.measures.words import read_states
from course_lib.exam.questions import text as question
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.training import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.captions import caption, describe
from course_lib.worlds.films import load_films


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ----------------------------------------------------------------------------------------------------------- measures


def test_a_gallery_holds_the_own_item_and_as_many_captions_as_items() -> None:
    ids = rng().integers(20, size=100)
    for query in range(30):
        order = rng(query).permutation(100)
        items = gallery(ids, query, order, 12)
        assert items[0] == query and len(set(ids[items])) == len(items) == 12
        places = [int(np.flatnonzero(order == item)[0]) for item in items[1:]]
        assert places == sorted(places), "in the order that was given"


def test_who_knows_everything_finds_everything_and_who_knows_nothing_is_at_chance() -> None:
    ids = np.arange(80)
    assert top1_by_query(np.eye(80), ids, generator=rng(), k=10, galleries=3).tolist() == [1.0] * 80
    nothing = top1_by_query(np.zeros((80, 80)), ids, generator=rng(), k=10, galleries=3)
    assert nothing.tolist() == pytest.approx([0.1] * 80), "a tie of all is chance, to the digit"
    noise = top1_by_query(rng(1).normal(size=(80, 80)), ids, generator=rng(), k=10, galleries=50)
    assert noise.mean() == pytest.approx(0.1, abs=0.02)


def test_equal_captions_harm_nobody() -> None:
    """Two films of one caption look alike to a perfect model; galleries never ask it to tell them apart."""
    ids = np.repeat(np.arange(30), 3)
    similarity = (ids[:, None] == ids[None]).astype(float)
    assert top1_by_query(similarity, ids, generator=rng(), k=20, galleries=5).min() == 1.0


def test_a_gallery_that_cannot_be_filled_is_refused() -> None:
    with pytest.raises(ValueError, match="a gallery of 5 needs as many different captions, at least 2; here are 3"):
        top1_by_query(np.eye(6), np.array([0, 0, 1, 1, 2, 2]), generator=rng(), k=5)
    with pytest.raises(ValueError, match="need similarities 6 x 6"):
        top1_by_query(np.eye(5), np.arange(6), generator=rng(), k=3)


def test_one_answer_for_everything_has_one_over_the_classes() -> None:
    classes = np.array([0] * 90 + [1] * 8 + [2] * 2)
    found = balanced_accuracy(classes == 0, classes, generator=rng())
    assert found["value"] == pytest.approx(1 / 3) and found["n"] == 100
    assert found["low"] <= 1 / 3 < found["high"]
    perfect = balanced_accuracy(np.ones(100, bool), classes, generator=rng())
    assert perfect["value"] == perfect["high"] == 1.0 and 0.6 < perfect["low"] < 0.95, "two films of a class say little"
    with pytest.raises(ValueError, match="no example"):
        balanced_accuracy(np.zeros(0, bool), np.zeros(0), generator=rng())


def test_the_interval_of_a_balanced_accuracy_holds_the_truth_as_often_as_it_says() -> None:
    draw, truth, inside = rng(3), np.array([0.9, 0.6, 0.3]), 0
    classes = np.repeat([0, 1, 2], [120, 40, 15])
    for _ in range(300):
        found = balanced_accuracy(draw.random(len(classes)) < truth[classes], classes, generator=draw)
        inside += found["low"] <= truth.mean() <= found["high"]
    assert 0.91 < inside / 300 < 0.985


def test_the_vector_of_a_class_does_not_gain_by_many_prompts() -> None:
    prompts = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    vectors = class_vectors(prompts, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(vectors, [[1.0, 0.0], [0.0, 1.0]])


def test_equal_captions_have_equal_numbers() -> None:
    assert caption_ids(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]


# ---------------------------------------------------------------------------------------------------------- questions


def test_the_reader_says_of_real_films_what_their_captions_say() -> None:
    films = load_films("bodies", split="validation", count=30)
    read = read_states(load_checkpoint("reader"), films.frames)
    same = [caption(states, descriptive=False) == text for states, text in zip(read, films.short_captions, strict=True)]
    assert np.mean(same) > 0.85
    motions = [(a["motion"], b["motion"]) for states, truth in zip(read, films.states, strict=True)
               for a, b in zip(describe(states), describe(truth), strict=False)]  # fmt: skip
    assert np.mean([a == b for a, b in motions]) > 0.85


def test_prompts_hold_no_reserved_pair_and_belong_to_their_classes() -> None:
    reserved = [f"{colour} {shape}" for colour, shape in spec.RESERVED_COMBINATIONS]
    for attribute, names in question.CLASSES.items():
        texts, classes = question.prompts(attribute, rng())
        assert len(texts) == len(classes) and set(classes.tolist()) == set(range(len(names)))
        assert not any(pair in text for text in texts for pair in reserved)
        for text, c in zip(texts, classes, strict=True):
            assert text.count(" and ") == c if attribute == "number" else names[c] in text


def test_exchanged_captions_have_the_words_of_the_own_one_in_another_order() -> None:
    films = load_films("bodies", split="validation", count=300)
    asked = question.exchanged(films)
    assert len(asked) > 10
    for i, other in asked:
        assert other != films.captions[i] and sorted(other.split()) == sorted(films.captions[i].split())


class Informed:
    """An encoder of films that was told their captions: a vector for every word and place in the sentence."""

    def __init__(self, bag: bool = False) -> None:
        self.bag = bag
        self.known: dict[bytes, str] = {}

    def learn(self, name: str, split: str, count: int) -> None:
        films = load_films(name, split=split, count=count)
        for film, text in zip(films.frames, films.captions, strict=True):
            self.known[film[:5].tobytes()] = text

    def encode_captions(self, captions: list[str]) -> torch.Tensor:
        rows = torch.zeros(len(captions), 4096)
        for row, text in zip(rows, captions, strict=True):
            for place, word in enumerate(text.split()):
                key = word if self.bag else f"{place} {word}"
                row += torch.randn(4096, generator=torch.Generator().manual_seed(hash_of(key)))
        return torch.nn.functional.normalize(rows, dim=1)

    def encode_film(self, films: torch.Tensor) -> torch.Tensor:
        stored = (films * 255).round().to(torch.uint8).movedim(2, -1).numpy()
        return self.encode_captions([self.known[film.tobytes()] for film in stored])


def hash_of(word: str) -> int:
    return zlib.crc32(word.encode())


def test_whoever_knows_the_captions_passes_and_a_bag_of_words_cannot_bind() -> None:
    sitting = Sitting(count=5)
    scores = {}
    for name, bag in (("order", False), ("bag", True)):
        informed, blank = Informed(bag), Informed(bag)
        for each in ("bodies", "bodies-new"):
            informed.learn(each, "test", question.LEAST_FILMS)
        blank.known = dict(zip(informed.known, list(informed.known.values())[::-1], strict=True))
        entrant = Entrant(name, {"clip": informed}, [], untrained={"clip": blank})
        report = examine([entrant], sitting, questions=["text"], failures="raise")
        scores[name] = {row.question: row for row in report.rows}
    ordered, bag = scores["order"], scores["bag"]
    assert ordered["clip_top1_of_64"].value == 1.0 and ordered["clip_caption_top1_of_64"].value == 1.0
    assert ordered["clip_pair_of_18_reserved"].value == 1.0 and ordered["clip_binding_of_2"].value == 1.0
    assert ordered["clip_top1_of_64"].controls["shuffled"] < 0.1
    assert bag["clip_binding_of_2"].value == 0.0, "equal vectors are a tie, and a tie is no answer"
    assert ordered["clip_zero_shot_colour"].value > 0.9 and ordered["clip_zero_shot_number"].value > 0.9
    assert all(row.controls for row in ordered.values())


def test_who_has_no_encoders_is_not_asked() -> None:
    (row,) = examine([get_entrant("copy-last")], Sitting(count=5), questions=["text"]).rows
    assert row.status == "not applicable" and "captions and films" in row.note


def test_the_shipped_model_finds_films_and_its_controls_do_not() -> None:
    report = examine([get_entrant("clip")], Sitting(count=5), questions=["text"], failures="raise")
    row = report["clip", "clip_top1_of_64"]
    assert row.bar == 0.9 and row.value > 0.85 and row.n == question.LEAST_FILMS
    assert all(row.controls[name] < 0.06 for name in ("untrained", "shuffled")) and row.controls["chance"] == 1 / 64
    reserved = report["clip", "clip_pair_of_18_reserved"]
    assert reserved.value < reserved.controls["seen_pairs"], "pairs that were never seen together are harder"
    assert all(report["clip", f"clip_zero_shot_{name}"].controls["reader"] > 0.9 for name in question.CLASSES)
    for attribute in ("number", "colour", "shape"):  # it never learned motion, and the row says so
        read = report["clip", f"clip_zero_shot_{attribute}"]
        assert read.low > read.controls["one_answer"]
    assert all(row.checkpoint and row.minutes for row in report.rows)
