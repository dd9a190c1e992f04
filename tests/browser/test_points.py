"""Points as a reader drags them: in JupyterLab, in a browser, with the mouse and with the keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.lab import Lab

pytestmark = pytest.mark.timeout(600)

PLANE = """\
import numpy as np
from course_lib import show
def spokes(places):
    if (places[:, 0] > 0.9).any():
        raise ValueError("a point has left the plane on the right")
    return np.stack([np.zeros_like(places), places], axis=1)  # (L, 2, 2): from the middle to each point
plane = show.points([[-0.5, 0.0], [0.5, 0.5]], spokes, limit=1.0)
plane"""
PLACES = "import json; json.dumps(np.round(plane.places, 3).tolist())"


class Plane:
    """The widget of a notebook of these cells, run."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        path = folder / "points.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (PLANE, PLACES)]), path)
        lab.open_notebook(path)
        lab.run_all()
        self.lab, self.page = lab, lab.page
        self.root = lab.page.locator(".course-points .course-points-root")
        self.root.locator("circle.course-points-point").first.wait_for()

    def places(self) -> list[list[float]]:
        """Where the kernel has the points."""
        return json.loads(self.lab.run_cell(1).strip().strip("'\""))

    def point(self, i: int) -> Any:
        return self.root.locator("circle.course-points-point").nth(i)

    def middle(self, i: int) -> tuple[float, float]:
        self.point(i).scroll_into_view_if_needed()
        box = self.point(i).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_dragged_point_reaches_the_kernel_and_its_line_follows(lab: Lab, tmp_path: Path) -> None:
    plane = Plane(lab, tmp_path)
    x, y = plane.middle(0)
    side = plane.root.locator("svg.course-points-plane").bounding_box()["width"]  # the plane is 2 units wide
    line = plane.root.locator("svg g").first
    before = line.inner_html()
    plane.page.mouse.move(x, y)
    plane.page.mouse.down()
    for k in range(1, 6):
        plane.page.mouse.move(x + k * side / 20, y - k * side / 40)  # in all half a unit to the right, a quarter up
    plane.page.mouse.up()
    plane.page.mouse.move(x, y)  # let go: the point stays
    lab.wait_until(lambda: abs(plane.places()[0][0]) < 0.02 and abs(plane.places()[0][1] - 0.25) < 0.02,
                   "the dragged point never reached the kernel")  # fmt: skip
    assert plane.places()[1] == [0.5, 0.5]
    assert line.inner_html() != before
    lab.page.screenshot(path=tmp_path / "points.png")


def test_the_keys_alone_move_a_point_an_error_is_shown_and_reset_brings_it_back(lab: Lab, tmp_path: Path) -> None:
    plane = Plane(lab, tmp_path)
    plane.point(1).focus()
    plane.page.keyboard.press("ArrowDown")
    lab.wait_until(lambda: plane.places()[1] == [0.5, 0.46], "the key never reached the kernel")
    error = plane.root.get_by_role("alert", include_hidden=True)
    plane.point(1).focus()
    for _ in range(3):
        plane.page.keyboard.press("Shift+ArrowRight")  # 0.2 units each: out of the part that has lines
    lab.wait_until(lambda: "has left the plane" in error.text_content(), "the error is not shown")
    plane.root.get_by_role("button", name="Reset").click()
    lab.wait_until(lambda: plane.places() == [[-0.5, 0.0], [0.5, 0.5]], "Reset does not reach the kernel")
    lab.wait_until(lambda: error.text_content() == "", "the error stays after the points came back")
