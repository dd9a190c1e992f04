"""The game's rules, played without a browser, and the widget around them, pressed as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from course_lib.show.guess import Guess, Words, guess, still

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "py" / "00_start_here.py"


def films(rounds: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Real films are bright, dreamed ones dark, so that a test can tell them apart."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 50, (2, rounds, 4, 8, 8, 3), dtype=np.uint8)
    return noise[0] + np.uint8(200), noise[1]


def where_the_bright_film_is(game: Guess) -> str:
    left, right = game.films()
    return "left" if left.mean() > right.mean() else "right"


@pytest.fixture
def game() -> Guess:
    real, dreamed = films()
    return Guess(real, dreamed, [f"note {i}" for i in range(5)], seed=1)


def test_a_player_who_sees_the_difference_wins_every_round(game: Guess) -> None:
    for played in range(5):
        assert not game.finished and game.round == played
        assert game.answer(where_the_bright_film_is(game)) is True
        assert game.score == played + 1
        if played < 4:
            game.next()
    assert game.finished and "Score: 5 of 5" in game.message() and "last round" in game.message()


def test_a_player_who_is_always_wrong_scores_nothing(game: Guess) -> None:
    for _ in range(5):
        wrong = {"left": "right", "right": "left"}[where_the_bright_film_is(game)]
        assert game.answer(wrong) is False
        game.next()
    assert game.score == 0 and game.round == 0 and not game.finished  # after the last round it begins again


def test_always_pressing_the_same_side_is_a_coin_toss() -> None:
    real, dreamed = films(1)
    many = Guess(real.repeat(400, 0), dreamed.repeat(400, 0), seed=3)
    share = np.mean([side == "left" for side in many.real_side])
    assert 0.4 < share < 0.6  # four standard deviations of a fair coin


def test_the_sides_depend_on_the_seed_alone() -> None:
    sides = [Guess(*films(), seed=seed).real_side for seed in (1, 1, 2, 3, 4)]
    assert sides[0] == sides[1] and len({tuple(side) for side in sides}) > 1


def test_nothing_tells_the_answer_before_it_is_given(game: Guess) -> None:
    assert game.names() == ("left", "right")
    assert "real" not in game.message() and "note" not in game.message()
    game.answer("left")
    assert sorted(game.names()) == ["dream", "simulator"]
    assert game.names().index("simulator") == ("left", "right").index(game.real_side[0])
    assert "note 0" in game.message() and game.message().startswith(("Yes", "No"))


def test_moves_out_of_turn_are_refused(game: Guess) -> None:
    with pytest.raises(ValueError, match="answer this round first"):
        game.next()
    with pytest.raises(ValueError, match='"left" or on the "right"'):
        game.answer("up")
    game.answer("left")
    with pytest.raises(ValueError, match="answered already"):
        game.answer("right")


def test_films_that_do_not_fit_are_refused() -> None:
    real, dreamed = films()
    with pytest.raises(ValueError, match="one shape"):
        Guess(real, dreamed[:3])
    with pytest.raises(ValueError, match="5 rounds need 5 notes, not 2"):
        Guess(real, dreamed, ["a", "b"])
    with pytest.raises(TypeError, match="uint8"):
        Guess(real / 255, dreamed / 255)


def test_the_widget_plays_a_whole_game_by_its_buttons() -> None:
    box = guess(*films(3), scale=2)
    pictures = []
    for played in range(3):
        assert box.onward.disabled and not box.left.disabled
        assert box.canvas.names == ["left", "right"]
        left, right = (frame.mean() for frame in box.canvas.frames)
        assert ("left" if left > right else "right") == where_the_bright_film_is(box.game)
        pictures.append(box.canvas.frames[0].tobytes())
        button = box.left if left > right else box.right
        button.click()
        assert box.left.disabled and box.right.disabled and not box.onward.disabled
        assert f"Score: {played + 1} of {played + 1}" in box.message.value
        assert box.canvas.names == (["simulator", "dream"] if left > right else ["dream", "simulator"])
        assert box.onward.description == ("play again" if played == 2 else "next round")
        box.onward.click()
    assert len(set(pictures)) == 3
    assert box.game.score == 0 and "Round 1 of 3" in box.message.value and box.canvas.names == ["left", "right"]


def test_the_films_play_in_step_and_go_on_when_they_are_named() -> None:
    real, dreamed = films(2)
    box = guess(real, dreamed, fps=10)
    left, right = box.game.films()
    assert box.canvas.settings["autoplay"] and box.canvas.settings["fps"] == 10
    for t in (1, 2):
        assert all((shown == film[t]).all() for shown, film in zip(box.canvas.step(0), (left, right), strict=True))
    box.left.click()
    assert all((shown == film[3]).all() for shown, film in zip(box.canvas.step(0), (left, right), strict=True))
    box.onward.click()
    assert all((shown == film[0]).all() for shown, film in zip(box.canvas.frames, box.game.films(), strict=True))


def test_an_error_behind_a_button_is_shown_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    box = guess(*films(2), scale=1)

    def broken(side: str) -> bool:
        raise RuntimeError("the <dice> fell off the table")

    monkeypatch.setattr(box.game, "answer", broken)
    box.left.click()
    assert "the &lt;dice&gt; fell off the table" in box.message.value


def test_the_stored_picture_is_small_and_shows_no_answer() -> None:
    box = guess(*films(2))
    bundle = box._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG") and len(bundle["image/png"]) < 150_000
    assert bundle["text/plain"] == "Game: 2 rounds of two films, one real and one dreamed"
    box.left.click()
    assert box._repr_mimebundle_()["image/png"] == bundle["image/png"] == still(box.game)


@pytest.mark.parametrize(("changed", "seen"), [(0, True), (1, False), (2, True)])
def test_the_stored_picture_shows_the_first_round_and_the_last(changed: int, seen: bool) -> None:
    real, dreamed = films(3)
    before = still(Guess(real, dreamed))
    dreamed[changed] = 255 - dreamed[changed]
    assert (still(Guess(real, dreamed)) != before) is seen


def test_other_films_have_other_words() -> None:
    words = Words(("possible", "impossible"), "which film is possible?", "possible")
    game = Guess(*films(1), ["why."], seed=1, words=words)
    assert "which film is possible?" in game.message() and game.names() == ("left", "right")
    game.answer(game.real_side[0])
    assert game.message().startswith(f"Yes, the {game.real_side[0]} one is possible. why.")
    assert game.names()[("left", "right").index(game.real_side[0])] == "possible"
    box = guess(*films(1), words=words)
    assert (box.left.description, box.right.description) == ("left is possible", "right is possible")


def test_a_game_of_one_round_has_a_stored_picture_too() -> None:
    assert still(Guess(*films(1))).startswith(b"\x89PNG")


def test_the_notebook_says_rightly_where_the_real_films_of_its_stored_picture_stand() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "the simulator's films are the ones on the right, in both rounds" in text
    seed = re.search(r"guess\(real, dreamed, notes, seed=(\d+)\)", text)
    stretches = re.search(r"stretches = \[([\d, ]+)\]", text)
    assert seed and stretches
    game = Guess(*films(len(stretches[1].split(","))), seed=int(seed[1]))
    assert game.real_side[0] == game.real_side[-1] == "right"
