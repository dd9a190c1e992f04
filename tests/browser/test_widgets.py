"""The widget pattern as a reader meets it: in JupyterLab, in a browser, moved by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from tests.browser.lab import REPOSITORY, Lab, cells_for, without_claims

pytestmark = pytest.mark.timeout(600)

SMALL = """\
import numpy as np
from course_lib import show

def ground(level, colour):
    if level > 9:
        raise ValueError("level must be at most 9, there is no sky above it")
    picture = np.full((32, 32, 3), 255, np.uint8)
    picture[31 - level:, :, 0 if colour == "red" else 2] = 90
    return picture

show.explore(ground, level=(0, 10), colour=["red", "blue"])"""


def _written(path: Path, *cells: str) -> Path:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path)
    return path


def test_a_slider_moved_by_key_changes_the_picture_and_an_error_is_shown(lab: Lab, tmp_path: Path) -> None:
    lab.open_notebook(_written(tmp_path / "slider.ipynb", SMALL))
    lab.run_all()
    widget = lab.page.locator(".course-explore")
    widget.locator("img.course-picture").wait_for()
    assert lab.page.locator(".jp-OutputArea-output img").count() == 1  # the still picture does not stand there twice

    shown_width = widget.locator("img.course-picture").evaluate("image => image.width / image.naturalWidth")
    assert shown_width == 1  # not stretched: every dot of a frame stays a square
    spoken = widget.get_by_role("status")  # for who cannot see the picture
    assert spoken.inner_text() == "Picture drawn for level 5, colour red"

    handle = widget.get_by_role("slider")
    lab.change_picture(widget, lambda: handle.press("ArrowRight"))
    lab.change_picture(widget, lambda: widget.locator("select").select_option("blue"))
    assert spoken.inner_text() == "Picture drawn for level 6, colour blue"

    handle.press("End")
    error = widget.locator(".course-error").get_by_text("there is no sky above it").first
    error.wait_for()
    assert "ValueError" in widget.locator(".course-error").inner_text()
    assert not widget.locator("img.course-picture").is_visible()

    handle.press("Home")
    error.wait_for(state="detached")
    widget.locator("img.course-picture").wait_for(state="visible")


def test_a_page_without_a_kernel_shows_the_still_picture(lab: Lab, tmp_path: Path) -> None:
    # What is stored: the picture, and no view of a widget that no longer lives.
    from course_lib import show

    scope: dict[str, Any] = {}
    exec(SMALL.rsplit("\n\n", 1)[0], scope)
    bundle = show.explore(scope["ground"], level=(0, 9), colour=["red"])._repr_mimebundle_()
    bundle.pop("application/vnd.jupyter.widget-view+json")
    output = nbformat.v4.output_from_msg(
        {"header": {"msg_type": "display_data"}, "content": {"data": _as_stored(bundle), "metadata": {}}}
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    nbformat.write(notebook, lab.server.folder / "stored.ipynb")
    lab.page.goto(f"{lab.server.url}/lab/tree/stored.ipynb?token={lab.server.token}&reset")
    lab.page.locator(".jp-OutputArea-output img").wait_for()


def _as_stored(bundle: dict[str, Any]) -> dict[str, Any]:
    import base64

    return {kind: base64.b64encode(v).decode() if isinstance(v, bytes) else v for kind, v in bundle.items()}


TWINS = [
    twin
    for twin in sorted((REPOSITORY / "notebooks" / "py").glob("[0-9][0-9]_*.py"))
    if "show.explore(" in twin.read_text(encoding="utf-8")
]


@pytest.mark.skipif(not TWINS, reason="no notebook has a widget yet")
@pytest.mark.parametrize("twin", TWINS, ids=lambda t: t.stem)
def test_every_widget_of_a_notebook_answers(lab: Lab, tmp_path: Path, twin: Path) -> None:
    notebook = jupytext.read(twin)  # the twin holds the same cells as the stored notebook, and outputs are not needed
    notebook.cells = cells_for(notebook.cells, "show.explore(")
    for cell in notebook.cells:  # what is asked here is whether the widgets answer: ten steps of training will do
        for setting, value in (("steps", 10), ("warmup", 1)):
            cell.source = re.sub(rf'("train\.{setting}"): \d+', rf"\1: {value}", cell.source)
        cell.source = without_claims(re.sub(r"(\bsteps(?:: int)? ?= ?)\d{3,}", r"\g<1>30", cell.source))
    nbformat.write(notebook, tmp_path / f"{twin.stem}.ipynb")
    lab.open_notebook(tmp_path / f"{twin.stem}.ipynb")
    lab.run_all(seconds=400)
    widgets = lab.page.locator(".course-explore")
    widgets.first.wait_for()
    for i in range(widgets.count()):
        widget = widgets.nth(i)
        widget.scroll_into_view_if_needed()
        lab.change_picture(widget, lambda widget=widget: _touch(widget))
        assert widget.locator(".course-error").inner_text().strip() == ""


def _touch(widget: Any) -> None:
    """Move the widget's first slider to its end (or its beginning), or take its last choice, or tick its box."""
    if widget.get_by_role("slider").count():
        handle = widget.get_by_role("slider").first
        at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        handle.press("Home" if at_end else "End")
    elif widget.locator("select").count():
        menu = widget.locator("select").first
        last = menu.locator("option").count() - 1
        menu.select_option(index=0 if menu.evaluate("e => e.selectedIndex") == last else last)
    else:
        widget.locator("input[type=checkbox]").first.click()
