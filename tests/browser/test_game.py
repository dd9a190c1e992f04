"""Notebook 00 as a reader plays it, in JupyterLab, in a browser: the guessing game and the Playground."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.lab import Lab

pytestmark = pytest.mark.timeout(600)

def test_the_game_of_notebook_00_answers_to_its_buttons(lab: Lab, tmp_path: Path) -> None:
    lab.run_twin("00_start_here", until="game = guess(", folder=tmp_path)
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
    lab.run_twin("00_start_here", until="show.canvas(", folder=tmp_path)
    lab.canvas().check_it_plays("ArrowRight", "ArrowLeft", "ArrowUp")
    lab.page.screenshot(path=tmp_path / "playground.png")
