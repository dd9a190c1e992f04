"""Painting as a reader does it: in JupyterLab, in a browser, with the mouse."""

from __future__ import annotations

from pathlib import Path

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


def test_a_stroke_reaches_the_kernel_and_the_picture(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "paint.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (EASEL, COUNT)]), path)
    lab.open_notebook(path)
    lab.run_all()
    easel = lab.page.locator(".course-painter canvas")
    easel.wait_for()
    easel.scroll_into_view_if_needed()
    dot = 384 // 16
    mouse, box = lab.page.mouse, easel.bounding_box()
    at = lambda x, y: (box["x"] + (x + 0.5) * dot, box["y"] + (y + 0.5) * dot)  # noqa: E731
    mouse.move(*at(4, 4))
    mouse.down()
    for x in range(5, 9):
        mouse.move(*at(x, 4))
    mouse.up()
    lab.page.locator(".course-painter").get_by_role("button", name="blue").click()
    lab.page.locator(".course-painter").get_by_role("button", name="brush 1").click()
    mouse.click(*at(12, 12))
    lab.wait_until(lambda: "[21, 1]" in lab.run_cell(1), "the strokes never reached the kernel")
    lab.page.screenshot(path=tmp_path / "paint.png")
    colour = easel.evaluate("c => Array.from(c.getContext('2d').getImageData(12, 12, 1, 1).data).slice(0, 3)")
    assert colour == [10, 60, 220]
