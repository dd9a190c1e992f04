"""The canvas as a reader plays it: in JupyterLab, in a browser, with keys and buttons."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.browser.lab import Lab, PlayedCanvas

pytestmark = pytest.mark.timeout(600)

# A player that shows which action it was told last: column 4 * action to 4 * action + 3 is lit, in its own colour.
COLUMNS = """\
import numpy as np
from course_lib import show

class Columns:
    def __init__(self, colour):
        self.colour, self.steps, self.caption = colour, 0, ""
    def reset(self):
        self.steps = 0
        return self.step(0)
    def step(self, action):
        self.steps += 1
        self.caption = f"step {self.steps}"
        picture = np.zeros((16, 16, 3), np.uint8)
        picture[:, 4 * action : 4 * action + 4] = self.colour
        return picture
"""
RED, BLUE, BLACK = (200, 30, 10), (10, 60, 220), (0, 0, 0)
NOTHING, LEFT, RIGHT, JUMP = 1, 5, 9, 13  # a dot in the column of each action


def played(lab: Lab, folder: Path, *cells: str) -> PlayedCanvas:
    """The canvas of a notebook of these cells, run."""
    path = folder / "canvas.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path)
    lab.open_notebook(path)
    lab.run_all()
    return lab.canvas()


def test_two_players_answer_to_keys_held_and_let_go(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS, f"show.canvas({{'one': Columns({RED}), 'two': Columns({BLUE})}})")
    assert "one" in game.root.inner_text() and "two" in game.root.inner_text()
    assert game.pixel(NOTHING, 3) == RED and not game.playing  # the first picture is there before anybody plays
    game.root.get_by_text("Click here, then use the arrow keys").wait_for()

    game.start()
    assert not game.root.get_by_text("then use the arrow keys").is_visible()
    for key, x in (("ArrowLeft", LEFT), ("ArrowRight", RIGHT), ("ArrowUp", JUMP), ("Space", JUMP)):
        with game.holding(key):
            game.wait_for_pixel(RED, x, 3)
            game.wait_for_pixel(BLUE, x, 3, player=1)
            assert game.pixel(NOTHING, 3) == BLACK
            game.wait_for_frames(5)
            assert game.pixel(x, 3) == RED  # a held key is held
        game.wait_for_pixel(RED, NOTHING, 3)
    with game.holding("ArrowLeft"), game.holding("ArrowUp"):
        game.wait_for_pixel(RED, JUMP, 3)  # of two keys the last one counts
    lab.page.screenshot(path=tmp_path / "canvas.png")
