"""The guessing game of notebook 00 as a reader plays it: in JupyterLab, in a browser, with the buttons."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.browser.lab import REPOSITORY, Lab

pytestmark = pytest.mark.timeout(600)

TWIN = REPOSITORY / "notebooks" / "py" / "00_start_here.py"


def test_the_game_of_notebook_00_answers_to_its_buttons(lab: Lab, tmp_path: Path) -> None:
    notebook = jupytext.read(TWIN)
    place = next(i for i, cell in enumerate(notebook.cells) if "game = guess(" in cell.source)
    notebook.cells = notebook.cells[: place + 1]  # what comes after the game is run by other tests
    nbformat.write(notebook, tmp_path / "game.ipynb")
    lab.open_notebook(tmp_path / "game.ipynb")
    lab.run_all()

    game = lab.page.locator(".course-guess")
    films = lab.canvas(game)
    left, right = (game.get_by_role("button", name=f"{side} is real") for side in ("left", "right"))
    onward = game.get_by_role("button", name="next round")
    game.get_by_text("Round 1 of 6: which film comes from the simulator?").wait_for()
    assert films.names == ["left", "right"] and films.enlargement == 9  # every dot of a frame stays a square
    assert left.is_enabled() and right.is_enabled() and onward.is_disabled()

    films.wait_for_frames(3)  # the films play by themselves
    before = [films.picture(player) for player in (0, 1)]
    films.wait_for_frames(3)
    assert all(films.picture(player) != picture for player, picture in enumerate(before))

    right.click()
    game.get_by_text("Score: 1 of 1").wait_for()  # the notebook's text says that the real film of round 1 is there
    assert "Yes, the right one is real. The dream looked at two frames, then dreamed 30." in game.inner_text()
    films.wait_for_names("dream", "simulator")
    assert left.is_disabled() and right.is_disabled()
    lab.page.screenshot(path=tmp_path / "answered.png")

    onward.click()
    game.get_by_text("Round 2 of 6").wait_for()
    films.wait_for_names("left", "right")
    films.wait_for_frames(3)
    left.click()
    game.get_by_text("of 2.").wait_for()
    assert sorted(films.names) == ["dream", "simulator"] and films.error == ""
    lab.page.screenshot(path=tmp_path / "game.png")


def test_the_playground_of_notebook_00_is_played_with_the_arrow_keys(lab: Lab, tmp_path: Path) -> None:
    notebook = jupytext.read(TWIN)
    place = next(i for i, cell in enumerate(notebook.cells) if "show.canvas(" in cell.source)
    notebook.cells = notebook.cells[: place + 1]
    nbformat.write(notebook, tmp_path / "playground.ipynb")
    lab.open_notebook(tmp_path / "playground.ipynb")
    lab.run_all()
    playground = lab.canvas()
    playground.check_it_plays("ArrowRight", "ArrowLeft", "ArrowUp")
    lab.page.screenshot(path=tmp_path / "playground.png")
