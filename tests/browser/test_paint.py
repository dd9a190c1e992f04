"""Painting as a reader does it: in JupyterLab, in a browser, with the mouse and with the keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.lab import Lab

pytestmark = pytest.mark.timeout(600)

EASEL = """\
import numpy as np
from course_lib import show
easel = show.painter(np.full((16, 16, 3), 255, np.uint8), {"red": (200, 30, 10), "blue": (10, 60, 220)})
easel"""
COUNT = "[int((easel.frame == colour).all(axis=-1).sum()) for colour in ((200, 30, 10), (10, 60, 220))]"
RED, BLUE = (200, 30, 10), (10, 60, 220)


class Easel:
    """The painter of a notebook of these cells, run. Its picture has 16 x 16 dots."""

    def __init__(self, lab: Lab, folder: Path, *cells: str) -> None:
        path = folder / "paint.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path)
        lab.open_notebook(path)
        lab.run_all()
        self.page, self.root = lab.page, lab.page.locator(".course-painter .course-painter-root")
        self.picture = self.root.get_by_role("application")
        self.picture.wait_for()

    def button(self, name: str) -> Any:
        return self.root.get_by_role("button", name=name)

    def at(self, x: int, y: int) -> tuple[float, float]:
        """Where a dot is on the screen."""
        self.picture.scroll_into_view_if_needed()
        box = self.picture.bounding_box()
        return box["x"] + (x + 0.5) * box["width"] / 16, box["y"] + (y + 0.5) * box["height"] / 16

    def click(self, x: int, y: int) -> None:
        self.page.mouse.click(*self.at(x, y))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def dots(self, colour: tuple[int, int, int]) -> list[tuple[int, int]]:
        """The dots (x, y) that have this colour on the screen, row by row."""
        rgba = self.picture.evaluate("c => [...c.getContext('2d').getImageData(0, 0, 16, 16).data]")
        return [(k % 16, k // 16) for k in range(256) if tuple(rgba[4 * k : 4 * k + 3]) == colour]

    @property
    def said(self) -> str:
        """What a screen reader was told last."""
        return self.root.locator(".course-painter-status").text_content()

    @property
    def error(self) -> str:
        return self.root.get_by_role("alert", include_hidden=True).text_content()


def test_a_stroke_reaches_the_kernel_and_the_picture(lab: Lab, tmp_path: Path) -> None:
    easel = Easel(lab, tmp_path, EASEL, COUNT)
    mouse = lab.page.mouse
    assert easel.picture.bounding_box()["width"] == 384
    mouse.move(*easel.at(4, 4))
    mouse.down()
    for x in range(5, 9):
        mouse.move(*easel.at(x, 4))
    mouse.up()
    easel.button("blue").click()
    easel.button("brush 1").click()
    easel.click(12, 12)
    lab.wait_until(lambda: "[21, 1]" in lab.run_cell(1), "the strokes never reached the kernel")
    lab.page.screenshot(path=tmp_path / "paint.png")
    assert easel.dots(BLUE) == [(12, 12)]


def test_strokes_are_undone_and_so_is_clear(lab: Lab, tmp_path: Path) -> None:
    easel = Easel(lab, tmp_path, EASEL, COUNT)
    easel.click(4, 4)
    easel.button("brush 1").click()
    for k in range(30):
        easel.click(k % 16, 10 + k // 16)
    assert len(easel.dots(RED)) == 9 + 30
    easel.click(0, 10)  # nothing changes: nothing to undo
    easel.press(*30 * ["Control+z"])
    assert len(easel.dots(RED)) == 9

    easel.button("Clear").click()
    assert easel.dots(RED) == []
    lab.wait_until(lambda: "[0, 0]" in lab.run_cell(1), "the kernel's picture is not cleared")
    easel.button("Undo").click()
    assert len(easel.dots(RED)) == 9
    lab.wait_until(lambda: "[9, 0]" in lab.run_cell(1), "undo never reached the kernel")
    easel.button("Undo").focus()
    easel.press("Control+z")  # a button of the painter has the focus: that is the painter's too
    assert easel.dots(RED) == [] and easel.said == "undone"
    easel.press("Control+z")
    assert easel.said == "nothing to undo"


def test_the_keys_alone_paint_and_leave_the_notebook_its_own(lab: Lab, tmp_path: Path) -> None:
    easel = Easel(lab, tmp_path, EASEL, COUNT)
    cursor, cells = easel.root.locator(".course-painter-cursor"), lab.cells
    assert not cursor.is_visible()
    easel.button("brush 1").press("Space")
    assert easel.button("brush 1").get_attribute("aria-pressed") == "true"
    easel.picture.focus()
    assert cursor.is_visible() and easel.said == "column 1, row 1, another colour"
    active = lab.active_cell

    easel.press("2", "ArrowRight", "ArrowRight", "Shift+ArrowDown", "ArrowUp", "Space")
    assert easel.dots(BLUE) == [(2, 4)] and easel.said == "column 3, row 5, blue"
    easel.press("1", "Shift+ArrowRight", "Enter")
    assert easel.dots(RED) == [(7, 4)] and easel.said == "column 8, row 5, red"
    pressed = [easel.button(name).get_attribute("aria-pressed") for name in ("red", "blue")]
    assert pressed == ["true", "false"]
    box, (x, y) = cursor.bounding_box(), easel.at(7, 4)
    assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx((x, y), abs=0.6)
    lab.page.screenshot(path=tmp_path / "keys.png")

    easel.press("9")
    assert easel.said == "there are 2 colours"
    easel.press("Control+z", "Shift+ArrowLeft", "Shift+ArrowLeft")  # the cursor stays in the picture
    assert easel.dots(RED) == [] and easel.said == "column 1, row 5, another colour"
    assert (lab.cells, lab.active_cell) == (cells, active), "keys of the painter go to the painter"
    lab.wait_until(lambda: "[0, 1]" in lab.run_cell(1), "what the keys painted never reached the kernel")
    easel.picture.focus()
    easel.press("b")  # not a key of the painter: the notebook makes a cell below
    lab.wait_until(lambda: lab.cells == cells + 1, "b did not reach the notebook")


ENTERED = """\
import numpy as np
from course_lib import show

class Still:
    def __init__(self, room):
        self.room = room
    def step(self, action=0):
        return self.room

def enter(room):
    if not (room == (200, 30, 10)).all(axis=-1).any():
        raise ValueError("there is no <red> in this room")
    game.show(Still(room))

game = show.canvas(Still(np.zeros((16, 16, 3), np.uint8)))
easel = show.painter(np.full((16, 16, 3), 255, np.uint8), {"red": (200, 30, 10), "blue": (10, 60, 220)}, enter=enter)
display(game, easel)"""


def test_a_canvas_begins_in_what_was_painted_without_another_cell_being_run(lab: Lab, tmp_path: Path) -> None:
    easel = Easel(lab, tmp_path, ENTERED, COUNT)
    game, counts = lab.canvas(), lab.execution_counts
    easel.button("brush 1").click()
    easel.button("blue").click()
    easel.click(3, 3)
    easel.button("Enter this room").click()
    lab.wait_until(lambda: easel.error != "", "no error is shown")
    assert "ValueError: there is no <red> in this room" in easel.error and "what you painted is kept" in easel.error
    assert game.pixel(3, 3) == (0, 0, 0) and easel.dots(BLUE) == [(3, 3)]

    easel.press("1")
    for x in (2, 6, 10):  # faster than the kernel: the last strokes wait in the browser while the first is on its way
        easel.click(x, 8)
    easel.button("Enter this room").click()
    game.wait_for_pixel(RED, 10, 8)
    assert [game.pixel(x, y) for x, y in ((2, 8), (6, 8), (3, 3))] == [RED, RED, BLUE]
    lab.wait_until(lambda: easel.error == "", "the error stays after a success")
    assert lab.execution_counts == counts
    assert len(easel.dots(RED)) == 3
    lab.page.screenshot(path=tmp_path / "entered.png")
    lab.wait_until(lambda: "[3, 1]" in lab.run_cell(1), "the strokes never reached the kernel")
