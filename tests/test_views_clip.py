"""What the views of CLIP promise, on an untrained one: their truths do not depend on training."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.models.base import fresh
from course_lib.models.clip import CLIP
from course_lib.show import probe
from course_lib.training import load_config
from course_lib.views.clip import (
    NOBODY,
    captioned,
    nearest_films,
    sentence,
    similarity_map,
    vectors_of_captions,
    vectors_of_films,
)
from course_lib.worlds.captions import MOTIONS, SIZES
from course_lib.worlds.films import Films, make_films


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return fresh(CLIP, load_config("clip", "tiny").model, 0).eval()


@pytest.fixture(scope="module")
def films() -> Films:
    return make_films("bodies", split="validation", count=8, length=5)


def test_vectors_are_the_models_own_whatever_the_size_of_a_chunk(clip, films, monkeypatch) -> None:
    whole = vectors_of_films(clip, films.frames)
    monkeypatch.setattr("course_lib.models.clip.CHUNK", 3)
    np.testing.assert_allclose(vectors_of_films(clip, films.frames), whole, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1.0, atol=1e-5)
    assert vectors_of_captions(clip, films.captions).shape == whole.shape


def test_a_sentence_is_the_caption_that_the_world_would_say() -> None:
    one, two = ("small", "red", "ball", "falling"), ("large", "blue", "box", "moving left")
    assert sentence(one) == "a small red ball falling"
    assert sentence(one, two) == "a small red ball falling and a large blue box moving left"
    assert sentence(two, ("small", NOBODY, "ball", "falling")) == sentence(two)
    with pytest.raises(ValueError, match="at least one body"):
        sentence(("small", NOBODY, "ball", "falling"))


def test_the_nearest_films_are_in_order_and_can_be_probed_at_the_extremes(clip, films) -> None:
    vectors = vectors_of_films(clip, films.frames)
    similarity = np.sort(vectors @ vectors_of_captions(clip, ["a red ball"])[0])[::-1]
    figure = nearest_films(clip, vectors, films.frames, "a red ball", films.captions, count=4)
    shown = [float(axes.get_title(loc="center").split()[1]) for axes in figure.axes[:4]]
    np.testing.assert_allclose(shown, similarity[:4], atol=0.006)
    asked = lambda size, motion: nearest_films(clip, vectors, films.frames, sentence((size, "red", "ball", motion)))  # noqa: E731
    assert len(probe(asked, {"size": SIZES, "motion": MOTIONS})) == 10


def test_pictures_need_as_many_captions_as_films(clip, films) -> None:
    with pytest.raises(ValueError, match="as many rows and columns"):
        similarity_map(np.zeros((3, 8)), films.frames, films.captions)
    with pytest.raises(ValueError, match="8 films need as many captions"):
        captioned(films.frames, films.short_captions, films.captions[:3])
    assert "3 films" in captioned(films.frames[:3], films.short_captions[:3], films.captions[:3]).text
    assert "8 captions" in similarity_map(np.eye(8), films.frames, films.captions).text
