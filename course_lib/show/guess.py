"""A game for the eye: two films side by side, one real and one dreamed (or possible and impossible). Which is which?

``Guess`` holds the rules and can be played in a test without a browser; ``guess`` puts buttons around it.
Like everything in ``show`` it takes arrays: who made the films, and how, is not its business.
"""

from __future__ import annotations

import html
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike

from course_lib.show import check
from course_lib.show.canvas import FilmPlayer, canvas
from course_lib.show.figure import png_of_figure, release
from course_lib.show.pictures import strips

Side = Literal["left", "right"]
REST_SECONDS = 0.7  # the last frame stays a moment, so that the eye sees where the film begins again


@dataclass(frozen=True)
class Words:
    """What the two kinds of films are called above the canvas, what is asked, what the one looked for is, and what
    stands for the game where there are no pictures."""

    names: tuple[str, str] = ("simulator", "dream")
    question: str = "which film comes from the simulator?"
    right: str = "real"
    films: str = "one real and one dreamed"


REAL_OR_DREAMED = Words()


class Guess:
    """The rules. A round shows two films; the player says on which side the real one is; then both are named.

    real, dreamed: uint8 ``(N, T, H, W, 3)``, N rounds. notes: one sentence a round that is told with the answer.
    seed: decides the side of the real film in each round, as a fair coin would. words: for other kinds of films.
    Raises ValueError when the two sets do not fit each other.
    """

    def __init__(
        self, real: ArrayLike, dreamed: ArrayLike, notes: Sequence[str] | None = None, *, seed: int = 0,
        words: Words = REAL_OR_DREAMED,
    ) -> None:  # fmt: skip
        self.real, self.dreamed = (np.asarray(films) for films in (real, dreamed))
        if self.real.shape != self.dreamed.shape or self.real.ndim != 5:
            raise ValueError(
                "real and dreamed films need one shape (N, T, H, W, 3); "
                f"these are {self.real.shape} and {self.dreamed.shape}"
            )
        for name, films in (("real", self.real), ("dreamed", self.dreamed)):
            check.film(films[0], name)
        if notes is not None and len(notes) != len(self.real):
            raise ValueError(f"{len(self.real)} rounds need {len(self.real)} notes, not {len(notes)}")
        self.words = words
        self.notes = list(notes) if notes is not None else [""] * len(self.real)
        self.real_side: list[Side] = [
            "left" if coin else "right" for coin in np.random.default_rng(seed).integers(0, 2, len(self.real))
        ]
        self.answers: list[Side] = []
        self.revealed = False

    @property
    def rounds(self) -> int:
        """How many rounds there are."""
        return len(self.real)

    @property
    def round(self) -> int:
        """The round that is shown, from 0."""
        return len(self.answers) - self.revealed

    @property
    def score(self) -> int:
        """Rounds in which the real film was found."""
        return sum(answer == side for answer, side in zip(self.answers, self.real_side, strict=False))

    @property
    def finished(self) -> bool:
        """Whether the last round has been answered."""
        return len(self.answers) == self.rounds

    def films(self, number: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The film on the left and the film on the right, uint8 ``(T, H, W, 3)``, of a round (from 0; else of this)."""
        number = self.round if number is None else number
        pair = (self.real[number], self.dreamed[number])
        return pair if self.real_side[number] == "left" else (pair[1], pair[0])

    def names(self) -> tuple[str, str]:
        """What stands above the two films: sides before the answer, the truth after it."""
        if not self.revealed:
            return "left", "right"
        return self.words.names if self.real_side[self.round] == "left" else self.words.names[::-1]

    def answer(self, side: Side) -> bool:
        """Say that the film on this side is real; True when it is. Raises ValueError out of turn."""
        if side not in ("left", "right"):
            raise ValueError(f'the real film is on the "left" or on the "right", not {side!r}')
        if self.revealed or self.finished:
            raise ValueError("this round is answered already; go on to the next one, or begin again")
        self.answers.append(side)
        self.revealed = True
        return side == self.real_side[self.round]

    def next(self) -> None:
        """Go on to the next round; after the last one, begin again. Raises ValueError before an answer."""
        if not self.revealed:
            raise ValueError(f"answer this round first: which side is {self.words.right}?")
        if self.finished:
            self.answers = []
        self.revealed = False

    def message(self) -> str:
        """One line for the player: where the game stands."""
        if not self.revealed:
            return f"Round {self.round + 1} of {self.rounds}: {self.words.question}"
        right = self.answers[-1] == self.real_side[self.round]
        side, note = self.real_side[self.round], self.notes[self.round]
        text = f"{'Yes' if right else 'No'}, the {side} one is {self.words.right}. {note}"
        played = len(self.answers)
        end = " That was the last round." if self.finished else ""
        return f"{text.rstrip()} Score: {self.score} of {played}.{end}"


def still(game: Guess, every: int = 4) -> bytes:
    """A PNG for the page without a kernel: frames of the first round and of the last, without the answers.

    Rounds get harder, or easier, as a game goes on; the first and the last one together let a reader see it.
    every: show each every-th frame.
    """
    rows = {}
    for number in sorted({0, game.rounds - 1}):
        for side, film in zip(("left", "right"), game.films(number), strict=True):
            rows[f"round {number + 1}, {side}"] = film
    figure = strips(rows, every=every)
    png = png_of_figure(figure)
    release(figure)
    return png


class GuessBox(widgets.VBox):
    """The widget that ``guess`` returns: a ``message``, a ``canvas``, the buttons ``left``, ``right`` and ``onward``.

    The films go on playing when the answer names them, so that the eye can look for what it missed.
    """

    def __init__(self, game: Guess, fps: float, scale: int) -> None:
        self.game = game
        self.rest = round(REST_SECONDS * fps)
        self.left, self.right = (
            widgets.Button(description=f"{side} is {game.words.right}", tooltip=f"The {side} one is {game.words.right}")
            for side in ("left", "right")
        )
        self.onward = widgets.Button(description="next round", tooltip="Go on to the next round")
        self.message = widgets.HTML()
        self.canvas = canvas(self._players(), fps=fps, scale=scale, autoplay=True)
        self.left.on_click(lambda _: self.act(lambda: game.answer("left")))
        self.right.on_click(lambda _: self.act(lambda: game.answer("right")))
        self.onward.on_click(lambda _: self.act(self._next))
        self._draw()
        self._still = still(game)
        super().__init__([self.message, self.canvas, widgets.HBox([self.left, self.right, self.onward])])
        self.add_class("course-guess")

    def act(self, move: Any) -> None:
        """Make a move of the game and draw it; an error is shown to the reader, never lost."""
        try:
            move()
            self._draw()
        except Exception as error:
            self.message.value = f"<pre>{html.escape(''.join(traceback.format_exception(error)))}</pre>"

    def _next(self) -> None:
        self.game.next()
        self.canvas.show(self._players())

    def _players(self) -> dict[str, FilmPlayer]:
        films = zip(self.game.names(), self.game.films(), strict=True)
        return {name: FilmPlayer(film, self.rest) for name, film in films}

    def _draw(self) -> None:
        self.canvas.names = list(self.game.names())
        self.message.value = f'<div role="status">{html.escape(self.game.message())}</div>'
        self.left.disabled = self.right.disabled = self.game.revealed
        self.onward.disabled = not self.game.revealed
        self.onward.description = "play again" if self.game.finished else "next round"

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        """The widget, and beside it ``still``: what a page without a kernel shows."""
        bundle = super()._repr_mimebundle_(**keywords)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        text = f"Game: {self.game.rounds} rounds of two films, {self.game.words.films}"
        return {**data, "text/plain": text, "image/png": self._still}


def guess(
    real: ArrayLike,
    dreamed: ArrayLike,
    notes: Sequence[str] | None = None,
    *,
    seed: int = 0,
    fps: float = 10,
    scale: int = 9,
    words: Words = REAL_OR_DREAMED,
) -> GuessBox:
    """Let the reader tell real films from dreamed ones, round after round, with the score.

    real, dreamed: uint8 ``(N, T, H, W, 3)``. notes: one sentence a round, told with the answer. seed: who stands where.
    words: for other kinds of films than real and dreamed ones.
    """
    return GuessBox(Guess(real, dreamed, notes, seed=seed, words=words), fps, scale)
