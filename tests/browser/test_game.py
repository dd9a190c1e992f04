"""The guessing game of notebook 00 as a reader plays it: in JupyterLab, in a browser, with the buttons."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.browser.lab import REPOSITORY, Lab

pytestmark = pytest.mark.timeout(600)

TWIN = REPOSITORY / "notebooks" / "py" / "00_start_here.py"
PICTURE = "img.course-guess-picture"


def test_the_game_of_notebook_00_answers_to_its_buttons(lab: Lab, tmp_path: Path) -> None:
    notebook = jupytext.read(TWIN)
    place = next(i for i, cell in enumerate(notebook.cells) if "game = guess(" in cell.source)
    notebook.cells = notebook.cells[: place + 1]  # what comes after the game is run by other tests
    nbformat.write(notebook, tmp_path / "game.ipynb")
    lab.open_notebook(tmp_path / "game.ipynb")
    lab.run_all()

    game = lab.page.locator(".course-guess")
    game.scroll_into_view_if_needed()
    left, right = (game.get_by_role("button", name=f"{side} is real") for side in ("left", "right"))
    onward = game.get_by_role("button", name="next round")
    game.get_by_text("Round 1 of 6: which film comes from the simulator?").wait_for()
    game.locator(PICTURE).wait_for()
    stretched = "image => image.decode().then(() => image.width / image.naturalWidth)"
    assert game.locator(PICTURE).evaluate(stretched) == 1  # every dot of a frame stays a square
    assert left.is_enabled() and right.is_enabled() and onward.is_disabled()

    lab.change_picture(game, right.click, PICTURE)  # the names above the films are told
    game.get_by_text("Score: 1 of 1").wait_for()  # the notebook's text says that the real film of round 1 is there
    assert "Yes, the right one is real. The dream looked at two frames, then dreamed 30." in game.inner_text()
    assert left.is_disabled() and right.is_disabled()

    lab.change_picture(game, onward.click, PICTURE)  # other films
    game.get_by_text("Round 2 of 6").wait_for()
    lab.change_picture(game, left.click, PICTURE)
    game.get_by_text("of 2.").wait_for()
    lab.page.screenshot(path=tmp_path / "game.png")
