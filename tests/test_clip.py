"""CLIP: its loss and its encoders against known truths, its size against the paper, and that it learns."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.models.clip import (
    CLIP,
    END,
    PAD,
    START,
    VOCABULARY,
    CLIPConfig,
    matches,
    symmetric_loss,
    tokenise,
)
from course_lib.training import ConfigError, get_recipe, load_config, train
from course_lib.training.recipe import build
from course_lib.views.clip import vectors_of_captions, vectors_of_films
from course_lib.worlds import spec
from course_lib.worlds.captions import EMPTY, MOST_WORDS, WORDS
from course_lib.worlds.films import Films, make_films
from course_lib.worlds.scenes import FILM_SETS, check_trainable
from tests.imports import ROOT


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(seed: int = 0, **changes: object) -> CLIP:
    config = load_config("clip", "tiny").model
    return build(get_recipe("clip"), config.model_copy(update=changes), seed).eval()


@pytest.fixture(scope="module")
def films() -> Films:
    return make_films("bodies", split="train", count=150, length=5)


def noise(films: int = 3, frames: int = 5) -> Tensor:
    return torch.rand(films, frames, 3, 32, 32, generator=seeded(1))


CAPTIONS = ["a red ball", "two blue boxes and a green triangle", EMPTY]


# ------------------------------------------------------------------------------------------------------------- tokens


def test_every_word_of_every_caption_is_in_the_vocabulary_and_every_word_of_it_occurs(films: Films) -> None:
    said = {word for text in films.captions + films.short_captions for word in text.split()}
    assert said <= set(WORDS) and set(WORDS) - said <= {"empty", "four"}, "rare words may be missing in 150 films"
    assert len(set(VOCABULARY)) == len(VOCABULARY) == len(WORDS) + 3
    assert MOST_WORDS - 3 <= max(len(text.split()) for text in films.captions) <= MOST_WORDS


def test_tokens_say_the_caption_and_nothing_else() -> None:
    rows = tokenise(CAPTIONS, 12)
    assert rows.shape == (3, 12) and rows.dtype == torch.int64
    for row, caption in zip(rows.tolist(), CAPTIONS, strict=True):
        end = row.index(END)
        assert row[0] == START and set(row[end + 1 :]) <= {PAD}
        assert " ".join(VOCABULARY[token] for token in row[1:end]) == caption


def test_what_is_no_caption_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no word 'bal' \(did you mean 'ball'\?\)"):
        tokenise(["a red bal"], 12)
    with pytest.raises(ValueError, match="a caption of 3 words and its two marks do not fit into 4 tokens"):
        tokenise(["a red ball"], 4)


# --------------------------------------------------------------------------------------------------------------- loss


def test_the_loss_is_the_mean_of_two_cross_entropies() -> None:
    logits, right = torch.randn(6, 6, generator=seeded()), torch.arange(6)
    truth = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
    assert torch.allclose(symmetric_loss(logits), truth)
    assert torch.allclose(symmetric_loss(logits), symmetric_loss(logits.T)), "neither side is preferred"


def test_who_finds_everything_alike_pays_the_logarithm_of_the_batch() -> None:
    assert float(symmetric_loss(torch.zeros(8, 8))) == pytest.approx(math.log(8))
    assert float(symmetric_loss(torch.full((8, 8), 3.0))) == pytest.approx(math.log(8))
    assert float(symmetric_loss(100.0 * torch.eye(8))) == pytest.approx(0.0, abs=1e-6)


def test_equal_captions_may_share_the_answer_without_changing_the_loss() -> None:
    """Why nothing is done about captions that repeat: their vectors are equal, so the loss is the same number."""
    tokens = tokenise(["a red ball", "a blue box", "a red ball", "a red ball"], 8)
    same = matches(tokens)
    assert same.tolist() == [[1, 0, 1, 1], [0, 1, 0, 0], [1, 0, 1, 1], [1, 0, 1, 1]]
    model = small()
    logits = model.scale * model.encode_film(noise(4)) @ model.encode_text(tokens).T
    shares = same / same.sum(dim=1, keepdim=True)
    shared = (F.cross_entropy(logits, shares) + F.cross_entropy(logits.T, shares)) / 2
    assert shared.item() == pytest.approx(symmetric_loss(logits).item(), rel=1e-5)
    other = torch.randn(4, 4, generator=seeded())  # vectors that differ although the captions do not
    assert abs(F.cross_entropy(other, shares) - F.cross_entropy(other, torch.arange(4))) > 0.1


def test_what_is_reported_beside_the_loss() -> None:
    model, frames = small(), noise(4)
    tokens = tokenise(["a red ball", "a blue box", "a red ball", "a red ball"], 8)
    parts = model.loss({"frames": frames, "tokens": tokens}, 0, None)
    with torch.no_grad():
        logits = model.scale * model.encode_film(frames) @ model.encode_text(tokens).T
    assert parts["loss"].item() == pytest.approx(symmetric_loss(logits).item(), rel=1e-5)
    chosen = [["red", "blue", "red", "red"][k] for k in logits.argmax(dim=1).tolist()]
    right = [a == b for a, b in zip(chosen, ["red", "blue", "red", "red"], strict=True)]
    assert parts["found"].item() == pytest.approx(sum(right) / 4), "an equal caption is as good as the own one"


def test_gradients_reach_every_parameter() -> None:
    model = small()
    model.loss({"frames": noise(), "tokens": tokenise(CAPTIONS, 32)}, 0, None)["loss"].backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert silent == []


def test_the_scale_begins_at_one_over_the_temperature_and_stops_at_its_largest_value() -> None:
    model = small()
    assert model.scale.item() == pytest.approx(1 / 0.07)
    with torch.no_grad():
        model.logit_scale.fill_(9.0)
    model.after_step(0, 1)
    assert model.scale.item() == pytest.approx(100.0)
    with torch.no_grad():
        model.logit_scale.fill_(-1.0)
    model.after_step(0, 1)
    assert model.scale.item() == pytest.approx(math.exp(-1.0)), "there is no lower end"


# ----------------------------------------------------------------------------------------------------------- encoders


def test_vectors_have_length_one_and_depend_on_nothing_but_their_own_film_or_caption() -> None:
    model, frames = small(), noise()
    with torch.no_grad():
        films, texts = model.encode_film(frames), model.encode_captions(CAPTIONS)
        assert torch.allclose(films.norm(dim=1), torch.ones(3)) and torch.allclose(texts.norm(dim=1), torch.ones(3))
        assert torch.allclose(model.encode_film(frames[1:2]), films[1:2], atol=1e-6)
        assert torch.allclose(model.encode_captions(CAPTIONS[1:2]), texts[1:2], atol=1e-6)


def test_padding_changes_nothing() -> None:
    model = small()
    with torch.no_grad():
        short, long = model.encode_text(tokenise(CAPTIONS, 12)), model.encode_text(tokenise(CAPTIONS, 32))
    assert torch.allclose(short, long, atol=1e-6)


def test_the_order_of_words_is_read() -> None:
    model = small()
    with torch.no_grad():
        one, other = model.encode_captions(["a red ball and a blue box", "a blue box and a red ball"])
    assert float((one - other).norm()) > 1e-3


def test_frames_after_those_it_reads_are_not_looked_at() -> None:
    model, frames = small(), noise(frames=9)
    with torch.no_grad():
        assert torch.equal(model.encode_film(frames), model.encode_film(frames[:, :5]))
        late = frames.clone()
        late[:, 4] = 0.0
        assert not torch.equal(model.encode_film(frames), model.encode_film(late)), "the fifth one is"


@pytest.mark.parametrize("changes", [{"tubelet": 1}, {"frames": 1, "tubelet": 1}, {"frames": 10, "tubelet": 5}])
def test_other_cuts_of_films_are_encoded_too(changes: dict[str, int]) -> None:
    model = small(**changes)
    with torch.no_grad():
        assert model.encode_film(noise(frames=10)).shape == (3, 32)
        pieces = model.config.frames // model.config.tubelet
        assert model.film.features(noise(frames=model.config.frames)).shape == (3, 16 * pieces, 32)


def test_the_largest_value_of_a_channel_does_not_care_where_it_stands() -> None:
    """What ``pooling`` means, seen from outside: tokens in another order give the same vector, for both kinds."""
    for pooling in ("max", "mean"):
        model = small(pooling=pooling)
        x = torch.randn(2, 16, 32, generator=seeded(2))
        model.film.features = lambda films, x=x: x  # type: ignore[method-assign]
        one = model.encode_film(noise(2))
        model.film.features = lambda films, x=x: x.flip(1)  # type: ignore[method-assign]
        assert torch.allclose(one, model.encode_film(noise(2)), atol=1e-6)


def test_what_is_no_film_and_no_tokens_is_refused() -> None:
    model = small()
    with pytest.raises(ValueError, match=r"\(B, T, 3, 32, 32\) wanted, got torch.uint8"):
        model.encode_film(torch.zeros(2, 5, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(ValueError, match="at least 5 frames are read, these have 4"):
        model.encode_film(noise(frames=4))
    with pytest.raises(ValueError, match="at most 32"):
        model.encode_text(torch.zeros(2, 33, dtype=torch.int64))


# -------------------------------------------------------------------------------------------------------------- sizes


def test_the_paper_size_lacks_exactly_what_the_docstring_says() -> None:
    config = load_config("clip", "paper").model
    with torch.device("meta"):
        model = CLIP(config)
    count = sum(p.numel() for p in model.parameters())
    class_token, norm_before, places = 768, 2 * 768, 50 * 768
    biases = 12 * 4 * (768 + 512)  # of queries, keys, values and what comes out, in 12 blocks of each encoder
    assert count == get_recipe("clip").published - class_token - norm_before - places - biases + 768 == 151_175_937
    assert config == CLIPConfig(), "the defaults are the paper's"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model.tubelet": 2}, "tubelet is 2: 5 frames"),
        ({"model.text_heads": 3}, "text_heads is 3 and text_width is 32"),
        ({"model.largest_scale": 10}, "above largest_scale, 10"),
        ({"model.temperature": 0}, "model.temperature"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config("clip", "tiny", changes)


@pytest.mark.parametrize("changes", [{"model.vocabulary": 30}, {"model.context": 28}])
def test_a_vocabulary_or_context_that_cannot_hold_a_caption_is_refused_before_training(changes: dict) -> None:
    config, recipe = load_config("clip", "tiny", changes), get_recipe("clip")
    with pytest.raises(ConfigError, match=next(iter(changes))):
        recipe.check(config)
    recipe.check(load_config("clip", "tiny", {"model.vocabulary": 31, "model.context": 29}))


# --------------------------------------------------------------------------------------------------------------- data


def test_a_batch_holds_films_with_their_own_captions_of_one_style(films: Films) -> None:
    recipe, seen = get_recipe("clip"), set()
    config = load_config("clip", "tiny")
    data = recipe.load(config, films)
    batches = recipe.batches(data, config, seeded())
    for _ in range(12):
        batch = next(batches)
        stored = (batch["frames"] * 255).round().to(torch.uint8).movedim(2, -1).numpy()  # (B, T, H, W, 3)
        places = [int((films.frames == film).all(axis=(1, 2, 3, 4)).argmax()) for film in stored]
        texts = [" ".join(VOCABULARY[t] for t in row if t > END) for row in batch["tokens"].tolist()]
        style = [name for name, own in (("long", films.captions), ("short", films.short_captions))
                 if texts == [own[i] for i in places]]  # fmt: skip
        assert len(style) == 1
        seen |= set(style)
        assert int((batch["tokens"] != PAD).sum(dim=1).max()) == batch["tokens"].shape[1], "cut to the longest"
    assert seen == {"long", "short"}


@pytest.mark.parametrize(("share", "style"), [(0.0, "short_captions"), (1.0, "captions")])
def test_the_share_of_descriptive_captions_is_kept(films: Films, share: float, style: str) -> None:
    recipe, config = get_recipe("clip"), load_config("clip", "tiny", {"data.descriptive": share})
    batches = recipe.batches(recipe.load(config, films), config, seeded())
    rows = [row for _ in range(5) for row in next(batches)["tokens"].tolist()]
    texts = {" ".join(VOCABULARY[t] for t in row if t > END) for row in rows}
    assert texts <= set(getattr(films, style))


def test_reserved_pairs_cannot_be_learned_from(films: Films) -> None:
    assert FILM_SETS["bodies-new"].reserved
    with pytest.raises(ValueError, match="reserved"):
        check_trainable("bodies-new", "train")
    with pytest.raises(ConfigError, match="reserved"):
        load_config("clip", "tiny", {"data.films": {"bodies-new": 10}})
    reserved = {f"{colour} {shape}" for colour, shape in spec.RESERVED_COMBINATIONS}
    new = make_films("bodies-new", split="test", count=20, length=5)
    assert not any(pair in text for text in films.captions for pair in reserved)
    assert all(any(pair in text for pair in reserved) for text in new.captions)


def test_only_captioned_training_films_of_the_right_size_are_learned_from(films: Films) -> None:
    recipe, config = get_recipe("clip"), load_config("clip", "tiny")
    with pytest.raises(TypeError, match="captions are needed"):
        recipe.load(config, films.frames)
    with pytest.raises(ValueError, match="held out"):
        recipe.load(config, make_films("bodies", split="test", count=2, length=5))
    with pytest.raises(ValueError, match="at least 5 frames of 32 pixels"):
        recipe.load(config, make_films("bodies", split="train", count=2, length=3))


# ----------------------------------------------------------------------------------------------------------- learning


def test_it_learns_which_caption_belongs_to_which_film() -> None:
    """At tiny size, on films that it has not seen: nearer to the own caption than to another film's."""
    taught = make_films("bodies", split="train", count=200, length=5)
    other = make_films("bodies", split="validation", count=100, length=5)
    history = train("clip", "tiny", data=taught, progress="none")
    assert history.last("loss") < 0.75 * math.log(32)
    similarity = vectors_of_captions(history.model, other.captions) @ vectors_of_films(history.model, other.frames).T
    own, others = similarity.diagonal(), np.roll(similarity, 1, axis=0).diagonal()
    assert (own > others).mean() > 0.75
    assert 1.0 < history.last("scale") <= 100.0


def test_several_processes_give_one_loss() -> None:
    """Two processes with half of the batch each find the loss and the gradients of one with all of it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.clip_processes"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "equal" in done.stdout
