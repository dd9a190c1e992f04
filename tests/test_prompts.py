"""What is held against a prompt: real films follow their captions, others do not; the grammar goes both ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures import prompts
from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.models.text_to_video import TextToVideo
from course_lib.training import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.captions import EMPTY, MOTIONS, describe, parse_caption
from course_lib.worlds.films import Films, make_films
from tests.text_to_video import small_maker


@pytest.fixture(scope="module")
def real() -> Films:
    return make_films("bodies", split="validation", count=48, length=5)


def body(colour: str, shape: str, motion: str = "falling") -> dict[str, str]:
    return {"size": "small", "colour": colour, "shape": shape, "motion": motion}


# ---------------------------------------------------------------------------------------------------------- the grammar


def test_a_caption_is_parsed_into_what_it_was_made_of(real: Films) -> None:
    for states, text in zip(real.states, real.captions, strict=True):
        assert parse_caption(text) == describe(states)
    assert parse_caption(EMPTY) == []


@pytest.mark.parametrize("text", ["", "red ball", "a red ball", "a small red ball", "a small red ball falling and",
                                  "a small red cat falling", "two small red ball falling",
                                  "a small red ball moving up"])  # fmt: skip
def test_what_is_no_descriptive_caption_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no body of a descriptive caption"):
        parse_caption(text)


def test_prompts_are_captions_drawn_evenly() -> None:
    drawn = [parse_caption(text) for text in prompts.draw_prompts(2000, np.random.default_rng(0))]
    lengths = np.bincount([len(bodies) for bodies in drawn], minlength=5)[1:]
    assert lengths.min() > 0.2 * 2000
    moves = [words["motion"] for bodies in drawn for words in bodies]
    assert all(abs(moves.count(word) / len(moves) - 0.2) < 0.02 for word in MOTIONS)
    pairs = {(words["colour"], words["shape"]) for bodies in drawn for words in bodies}
    kept = set(spec.RESERVED_COMBINATIONS)
    assert not pairs & kept and len(pairs) == len(spec.COLOURS) * len(spec.SHAPES) - len(kept)
    new = prompts.draw_prompts(300, np.random.default_rng(0), reserved=True, bodies=(2, 2))
    assert {(words["colour"], words["shape"]) for text in new for words in parse_caption(text)} == kept
    assert {len(parse_caption(text)) for text in new} == {2}


# ------------------------------------------------------------------------------------------------------------ pairing


def test_bodies_are_paired_by_colour_and_shape_and_by_their_order_among_equals() -> None:
    red, blue, box = body("red", "ball"), body("blue", "ball"), body("red", "box")
    assert prompts.pair_bodies([red, blue], [blue, red]) == [(0, 1), (1, 0)]
    assert prompts.pair_bodies([red, red, blue], [red, blue, red]) == [(0, 0), (1, 2), (2, 1)]
    assert prompts.pair_bodies([box, red], [red]) == [(1, 0)]
    assert prompts.pair_bodies([], [red]) == [] == prompts.pair_bodies([red], [])


def test_what_is_found_is_compared_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([
        (2, [body("blue", "box"), body("red", "ball")]),  # all there, from right to left
        (1, [body("red", "ball")]),  # one is missing
        (3, [body("red", "ball"), body("blue", "box", ""), body("red", "ball")]),  # one too many, one lost its track
        (2, [body("red", "ball"), body("blue", "box")]),
    ])  # fmt: skip
    monkeypatch.setattr(prompts, "found_bodies", lambda reader, film: next(answers))
    text = "a small red ball falling and a large blue box falling"
    found = prompts.follow_prompts(None, np.zeros((4, 5, 8, 8, 3), np.uint8), [text] * 4)
    assert found.number.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert found.matched["colour"].tolist() == [1.0, 0.5, 1.0, 1.0]
    assert found.ordered["colour"].tolist() == [0.0, 0.5, 1.0, 1.0]
    assert found.matched["motion"].tolist() == [1.0, 0.5, 0.5, 1.0]
    assert found.everything.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert prompts.balanced_motion(found.motions) == pytest.approx(6 / 8)
    for frames, texts in ((np.zeros((2, 5, 8, 8, 3)), [text]), (np.zeros((1, 4, 8, 8, 3)), [text])):
        with pytest.raises(ValueError, match="one prompt for each film"):
            prompts.follow_prompts(None, frames, texts)


def test_a_balanced_score_does_not_reward_one_answer() -> None:
    motions = np.zeros((100, 5, 2))
    motions[:80, 2] = (1, 1)  # eighty fall, and are right
    motions[80:, 0] = (1, 0)  # twenty move left, and are wrong
    assert prompts.balanced_motion(motions) == 0.5
    row = prompts.balanced_motion_and_interval(motions, seed=0, draws=200)
    assert row["low"] <= row["value"] == 0.5 <= row["high"] and row["n"] == 100


# --------------------------------------------------------------------------------------------------------- real films


def test_real_films_follow_their_captions_and_not_those_of_others(real: Films) -> None:
    reader = load_checkpoint("reader")
    own = prompts.follow_prompts(reader, real.frames, real.captions)
    assert own.number.mean() > 0.95 and own.everything.mean() > 0.9
    assert prompts.balanced_motion(own.motions) > 0.9
    other = prompts.follow_prompts(reader, real.frames, real.captions[1:] + real.captions[:1])
    for name in prompts.WORDS_OF_A_BODY:
        assert own.matched[name].mean() > 0.97 and own.ordered[name].mean() > 0.97
        assert other.ordered[name].mean() < 0.65
    assert other.everything.mean() < 0.1
    empty = prompts.follow_prompts(reader, np.full_like(real.frames[:4], 240), real.captions[:4])
    assert not empty.number.any() and all(not empty.matched[name].any() for name in prompts.WORDS_OF_A_BODY)


# ------------------------------------------------------------------------------------------------------- end to end


@pytest.fixture(scope="module")
def maker() -> TextToVideo:
    return small_maker()


@pytest.mark.parametrize("frames", [1, 5, 17])
def test_a_prompt_becomes_a_film_of_any_length_the_codec_has(maker: TextToVideo, frames: int) -> None:
    made = maker.films(["a small red ball falling", ""], frames, generator=torch.Generator().manual_seed(0), steps=2)
    assert made.shape == (2, frames, 3, 32, 32) and 0.0 <= made.min() and made.max() <= 1.0


def test_a_continuation_begins_as_the_codec_draws_what_was_given(maker: TextToVideo) -> None:
    given = torch.rand(1, 5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    made = maker.continued(given, ["a small red ball falling"], 13, generator=torch.Generator().manual_seed(0), steps=2)
    with torch.no_grad():
        drawn = maker.codec.frames_of(maker.codec.latents(given))
    assert made.shape[1] == 13
    torch.testing.assert_close(made[:, :5], drawn, atol=1e-5, rtol=0.0)
    with pytest.raises(ValueError, match="no continuation of 5"):
        maker.continued(given, [""], 5, generator=torch.Generator())
    with pytest.raises(ValueError, match="cannot be cut"):
        maker.films([""], 6, generator=torch.Generator())


def test_a_dit_on_other_latents_is_refused(maker: TextToVideo) -> None:
    with pytest.raises(ValueError, match="have 4 channels, the codec's 6"):
        TextToVideo(maker.dit, VideoCodec(CodecConfig(widths=(8, 12), group_width=16, latent=6)))
