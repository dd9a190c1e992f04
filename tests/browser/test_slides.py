"""The decks in Chromium at 1280 x 720: nothing leaves a screen, nothing lies on something else, nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib import show
from course_lib.worlds.films import load_films
from tools import slides
from tools.notebooks import FOLDER, pairs

# Boxes of a screen that do not lie within it, that cover each other, or that show letters too small to read.
PROBLEMS = """screen => {
    const found = [], main = screen.querySelector("main"), room = main.getBoundingClientRect();
    const head = screen.querySelector("header").getBoundingClientRect();
    const foot = screen.querySelector("footer").getBoundingClientRect();
    const named = part => part.tagName + " " + (part.textContent || part.alt || "").slice(0, 60);
    for (const part of main.querySelectorAll("*")) {
        if (part.closest("svg") && part.tagName !== "svg") continue;
        const box = part.getBoundingClientRect();
        if (box.left < 40 || box.right > 1240 || box.top < head.bottom || box.bottom > foot.top + 7)
            found.push(`${named(part)} leaves the screen: ${JSON.stringify(box)}`);
        if (["PRE", "DIV", "TD"].includes(part.tagName) && part.scrollWidth > part.clientWidth + 1)
            found.push(`${named(part)} is wider than its place`);
        if (["P", "LI", "PRE", "TD"].includes(part.tagName) && parseFloat(getComputedStyle(part).fontSize) < 13)
            found.push(`${named(part)} is set in ${getComputedStyle(part).fontSize}`);
    }
    const blocks = [...main.querySelectorAll(":scope > *, .column > *, .text > *, img, table")];
    for (const one of blocks) for (const other of blocks) {
        if (one === other || one.contains(other) || other.contains(one)) continue;
        const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 1) found.push(`${named(one)} and ${named(other)} cover each other`);
    }
    for (const image of main.querySelectorAll("img")) {
        const box = image.getBoundingClientRect();
        if (!image.complete || !image.naturalWidth) found.push("a picture is not there");
        const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
        if (scale < 0.5) found.push(`a picture is drawn at ${scale.toFixed(2)} of its size`);
    }
    const title = screen.querySelector("h1").getBoundingClientRect();
    if (title.width === 0 || title.bottom > room.top) found.push("the title is not where it belongs");
    return found;
}"""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    yield context.new_page()
    context.close()


def open_deck(page: Any, path: Path) -> list[str]:
    """Open a deck; all addresses that it asks for are put into the list that comes back."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    return asked


@pytest.mark.parametrize("number", ["14", "04", "23", "25"])
def test_nothing_leaves_a_screen_and_nothing_is_fetched(page: Any, tmp_path: Path, number: str) -> None:
    path = slides.make_deck(pairs(FOLDER, [number])[0], tmp_path)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    asked = open_deck(page, path)
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    screens = page.locator(".screen")
    problems = {i + 1: found for i in range(screens.count()) if (found := screens.nth(i).evaluate(PROBLEMS))}
    assert not problems, problems
    assert errors == [] and {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert [url for url in asked if url.startswith("file:")] == [path.as_uri()]


def test_a_screen_that_is_too_full_is_found(page: Any, tmp_path: Path) -> None:
    """The check above can fail: text that no letters make fit, and two things in one place."""
    path = slides.make_deck(pairs(FOLDER, ["14"])[0], tmp_path)
    open_deck(page, path)
    screen = page.locator(".screen").nth(3)
    assert screen.evaluate(PROBLEMS) == []
    screen.evaluate("s => s.querySelector('.text').insertAdjacentHTML('beforeend', '<p>more</p>'.repeat(30))")
    assert any("leaves the screen" in found for found in screen.evaluate(PROBLEMS))
    other = page.locator(".screen").nth(4)
    other.evaluate("s => { s.querySelector('.text').style.marginBottom = '-80px'; }")
    assert any("cover each other" in found for found in other.evaluate(PROBLEMS))


def test_keys_turn_the_screens_and_the_speaker_has_notes_of_the_same_screen(page: Any, tmp_path: Path) -> None:
    path = slides.make_deck(pairs(FOLDER, ["14"])[0], tmp_path)
    open_deck(page, path)

    def seen() -> list[str]:
        visible = "s => getComputedStyle(s).visibility === 'visible'"
        return page.evaluate(f"[...document.querySelectorAll('.screen')].filter({visible}).map(s => s.id)")

    assert seen() == ["s1"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    assert seen() == ["s3"]
    page.keyboard.press("ArrowLeft")
    assert seen() == ["s2"] and page.url.endswith("#2")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    notes = popup.value
    assert "Lecture plan (45 minutes)" in notes.locator("body").inner_text()
    assert "2 of" in notes.locator("#place").inner_text()
    page.keyboard.press("End")
    last = page.locator(".screen").count()
    assert seen() == [f"s{last}"] and f"{last} of {last}" in notes.locator("#place").inner_text()
    notes.keyboard.press("Home")
    assert seen() == ["s1"], "the keys work in the speaker's window, too"


def test_a_deck_fills_another_window(page: Any, tmp_path: Path) -> None:
    path = slides.make_deck(pairs(FOLDER, ["14"])[0], tmp_path)
    page.set_viewport_size({"width": 1920, "height": 1200})
    open_deck(page, path)
    box = page.locator("#s1").bounding_box()
    assert abs(box["width"] - 1920) < 1 and abs(box["height"] - 1080) < 1 and abs(box["y"] - 60) < 1


def test_a_film_moves(page: Any, tmp_path: Path) -> None:
    frames = load_films("simple", split="test", count=1).frames[0]
    data = {"image/png": base64.b64encode(show.gif(frames).data).decode()}
    code = nbformat.v4.new_code_cell("film", outputs=[nbformat.v4.new_output("display_data", data=data)])
    cells = [nbformat.v4.new_markdown_cell("# 99 A film\n\nIt moves."), code]
    for cell in cells:
        cell.metadata["tags"] = ["lecture"]
    path = tmp_path / "film.html"
    path.write_text(slides.page(nbformat.v4.new_notebook(cells=cells), "99_film"), encoding="utf-8")
    open_deck(page, path)
    page.keyboard.press("ArrowRight")
    film = page.locator(".screen.now img.film")
    pictures = set()
    for _ in range(6):
        pictures.add(film.screenshot())
        page.wait_for_timeout(250)
    assert len(pictures) >= 3, "the same picture again and again: the film stands still"
