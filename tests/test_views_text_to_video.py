"""What the views of text to video promise, on films whose content is known."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.exam.measures.prompts import found_bodies
from course_lib.models.reader import Reader
from course_lib.show import probe
from course_lib.training import load_checkpoint
from course_lib.views import text_to_video as views
from tests.text_to_video import drawn_film, small_maker

ONE = "a small red ball moving left"
TWO = "a small red ball falling and a large blue box resting"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader")


def test_what_is_found_is_said_and_what_is_wrong_is_named(reader: Reader) -> None:
    found = found_bodies(reader, drawn_film(TWO))
    assert views.in_words(found) == "2: a red ball falling and a blue box resting"
    text, right = views.verdict(found, TWO)
    assert right and text.endswith("all of it is right")
    text, right = views.verdict(found, ONE)
    assert right is False and text.endswith("wrong: number, motion")
    text, right = views.verdict(found, "two red balls")
    assert right is None and "no full caption" in text
    assert views.in_words((0, [])) == "nothing"


def test_films_stand_under_their_prompts_in_the_colour_of_the_verdict(reader: Reader) -> None:
    films = np.stack([drawn_film(ONE), drawn_film(TWO)])
    figure = views.under_prompts(reader, films, [ONE, ONE], "two films")
    rows = figure.subfigs[0].subfigs
    assert all(ONE in row.get_suptitle() for row in rows)
    verdicts = [row.axes[-1].texts[0] for row in rows]
    assert [text.get_color() for text in verdicts] == [views.ALL, views.NOT_ALL]
    assert all(text.get_text().startswith("the reader finds") for text in verdicts)
    with pytest.raises(ValueError, match="2 films need as many prompts"):
        views.under_prompts(reader, films, [ONE])
    one_frame = views.under_prompts(reader, films[:, :1], [ONE, TWO])
    assert not one_frame.subfigs[0].subfigs[0].axes[-1].texts, "one frame shows no motion"


@pytest.mark.parametrize(("frames", "shown"), [(1, [0]), (5, [0, 1, 2, 3, 4]), (17, [0, 4, 8, 12, 16])])
def test_the_first_and_the_last_frame_are_always_shown(frames: int, shown: list[int]) -> None:
    assert views._evenly(frames) == shown


def test_a_widget_can_be_probed_and_an_unknown_word_is_named(reader: Reader) -> None:
    make = small_maker()

    def ask(prompt: str, guidance: float, steps: int) -> object:
        return views.film_of_prompt(make, reader, prompt, guidance=guidance, steps=steps)

    drawn = probe(ask, {"prompt": [ONE, "two red balls"], "guidance": [0.0, 6.0], "steps": [1, 2]})
    assert len(drawn) == 8 and len({each.png for each in drawn}) > 4
    with pytest.raises(ValueError, match="no word .elephant."):
        ask("a small red elephant falling", 2.0, 1)
    with pytest.raises(ValueError, match="cannot be cut"):
        views.film_of_prompt(make, reader, ONE, frames=6, steps=1)


def test_curves_are_drawn_where_the_values_are() -> None:
    answer = lambda value: {"value": value, "low": value - 0.1, "high": value + 0.1}  # noqa: E731
    names = ("colour", "shape", "number", "motion", "too_many")
    by_weight = {w: {name: answer(0.2 + 0.1 * w) for name in names} for w in (0.0, 1.0, 2.0)}
    axes = views.curves_of_guidance(by_weight).axes[0]
    assert len(axes.lines) == len(names) and axes.lines[0].get_ydata().tolist() == pytest.approx([0.2, 0.3, 0.4])
    assert views.curves_of_steps({2: by_weight[0.0], 16: by_weight[1.0]}).axes[0].get_xscale() == "log"
    kept = {"free": {"bodies": np.linspace(1.0, 0.0, 5), "number": np.ones(5)}}
    axes = views.curves_of_drift(kept, {"free": "left alone"}, 1.0).axes[0]
    assert axes.lines[0].get_xdata().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
