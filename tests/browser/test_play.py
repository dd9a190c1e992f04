"""`make play` in Chromium: the page comes within seconds, and each kind of piece is played."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.browser.lab import PATIENCE, REPOSITORY, PlayedCanvas

SECONDS = 15.0  # of processor time from the command to a game that moves; on an idle machine it is the time as well


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command as a reader starts it, and the address that it prints."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tools.play", "--no-browser"]
    with open(tmp_path_factory.mktemp("play") / "log", "w") as log:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=pipe, stderr=log, text=True)
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    yield page
    context.close()


def opened(page: Any, address: str, key: str) -> Any:
    """The part of the page that a piece has, when it is ready."""
    page.goto(f"{address}#{key}")
    piece = page.locator(f"#{key}[data-ready]")
    piece.wait_for()
    return piece


def test_a_game_moves_within_seconds_and_nothing_is_fetched_from_elsewhere(served: Any, page: Any) -> None:
    address, process = served
    began, asked = time.monotonic(), []
    page.on("request", lambda request: asked.append(request.url))
    piece = opened(page, address, "playground")
    game = PlayedCanvas(page, piece.locator(".course-canvas-game").first)
    game.check_it_plays("ArrowRight", "ArrowLeft")
    used = psutil.Process(process.pid).cpu_times()
    print(f"{time.monotonic() - began:.1f} s, {used.user + used.system:.1f} s of processor time")
    assert used.user + used.system < SECONDS
    assert all(url.startswith((address, "blob:", "data:")) for url in asked), asked


def test_genie_is_played_beside_the_playground(served: Any, page: Any) -> None:
    piece = opened(page, served[0], "genie")
    game = PlayedCanvas(page, piece.locator(".course-canvas-game").first)
    game.check_it_plays("ArrowRight")
    assert game.names == ["dream", "Playground"]
    game.button("Pause").click()
    assert not game.playing


def test_a_painted_room_is_entered(served: Any, page: Any) -> None:
    piece = opened(page, served[0], "painter")
    game = PlayedCanvas(page, piece.locator(".course-canvas-game").first)
    before = game.picture(1)
    again = "([c, was]) => String(c.getContext('2d').getImageData(0, 0, c.width, c.height).data) !== was"
    piece.locator("canvas").first.click(position={"x": 190, "y": 100})
    piece.get_by_role("button", name="Enter this room").click()
    shown = game.root.locator("canvas").nth(1).element_handle()
    page.wait_for_function(again, arg=[shown, ",".join(map(str, before))])
    game.start()
    assert game.error == ""


def test_a_slider_draws_another_picture_and_a_wrong_word_is_named(served: Any, page: Any) -> None:
    piece = opened(page, served[0], "latent-numbers")
    image = piece.locator("img.course-picture")
    before = image.get_attribute("src")
    slider = piece.locator("input[type=range]").nth(1)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("([i, before]) => i.src !== before", arg=[image.element_handle(), before])
    assert float(piece.locator("output").nth(1).inner_text()) == 2.25
    piece = opened(page, served[0], "prompt")
    piece.locator("input[type=text]").fill("a small red elephant falling")
    page.keyboard.press("Enter")
    piece.get_by_text("elephant").first.wait_for()


def test_a_dragged_point_moves_the_lines(served: Any, page: Any) -> None:
    piece = opened(page, served[0], "energy")
    plane = piece.locator(".course-points-plane g").first
    before = plane.inner_html()
    piece.locator("circle.course-points-point").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.wait_for_function("([g, before]) => g.innerHTML !== before", arg=[plane.element_handle(), before])


def test_a_piece_that_was_opened_stays_as_it_is(served: Any, page: Any) -> None:
    opened(page, served[0], "playground")
    page.get_by_role("button", name="Drag the energy").click()
    page.locator("#energy[data-ready]").wait_for()
    assert page.locator("#playground").is_hidden() and page.locator("#energy").is_visible()
    page.get_by_role("button", name="The Playground").click()
    assert page.locator("#playground").is_visible() and page.locator("section.piece").count() == 2
