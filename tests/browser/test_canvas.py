"""The canvas as a reader plays it: in JupyterLab, in a browser, with keys and buttons."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from course_lib.exam.questions.playing import seconds_a_frame
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films
from tests.browser.lab import GENIE, Lab, PlayedCanvas, measure_pace

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
    named = lab.page.get_by_role("application", name="A game, played with the keys: ArrowLeft left, ArrowRight right")
    assert named.count() == 1 and named.get_attribute("tabindex") == "0"
    assert [game.root.get_by_role("img", name=f"Picture: {name}").count() for name in ("one", "two")] == [1, 1]

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


def test_the_buttons_on_the_screen_are_keys(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS, f"show.canvas(Columns({RED}), actions={{1: 'west', 2: 'east', 3: 'hop'}})")
    game.button("west").hover()
    lab.page.mouse.down()
    game.wait_for_pixel(RED, LEFT, 3)  # it starts the game as well
    game.wait_for_frames(5)
    assert game.pixel(LEFT, 3) == RED and game.focused
    lab.page.mouse.up()
    game.wait_for_pixel(RED, NOTHING, 3)
    game.button("hop").hover()
    lab.page.mouse.down()
    game.wait_for_pixel(RED, JUMP, 3)
    lab.page.mouse.move(5, 5)  # the pointer may leave the button; letting go counts anywhere
    lab.page.mouse.up()
    game.wait_for_pixel(RED, NOTHING, 3)

    game.button("Pause").click()
    assert not game.playing
    lab.page.keyboard.press("ArrowRight")  # a key goes on where Pause stopped
    game.wait_for_frames(3)
    steps = int(game.captions[0].removeprefix("step "))
    assert steps > 10
    game.button("Reset").click()
    lab.page.wait_for_function(f"() => document.querySelector('.course-canvas-caption').textContent.slice(5) < {steps}")


def test_a_short_press_between_two_frames_is_not_lost(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS, f"show.canvas(Columns({RED}), fps=2)")
    game.start()
    for key, x in (("ArrowLeft", LEFT), ("ArrowRight", RIGHT)):
        lab.page.keyboard.press(key)  # down and up at once
        game.wait_for_pixel(RED, x, 3)


def test_the_notebook_keeps_its_shortcuts(lab: Lab, tmp_path: Path) -> None:
    """In the notebook's command mode "b" makes a cell below and the arrows go from cell to cell."""
    game = played(lab, tmp_path, COLUMNS, f"show.canvas(Columns({RED}), keys={{'b': 1, 'ArrowUp': 3}})", "1 + 1")
    game.start()
    cells, active = lab.cells, lab.active_cell
    with game.holding("b"):
        game.wait_for_pixel(RED, LEFT, 3)
    with game.holding("ArrowUp"):
        game.wait_for_pixel(RED, JUMP, 3)
    assert (lab.cells, lab.active_cell) == (cells, active), "keys of the game go to the game"

    counts = lab.execution_counts
    lab.page.keyboard.press("Shift+Enter")  # not a key of the game: the notebook runs the cell
    lab.wait_until(lambda: lab.execution_counts != counts, "Shift+Enter did not reach the notebook")
    lab.page.keyboard.press("Escape")
    assert not lab.canvas().playing and not lab.canvas().focused
    lab.page.keyboard.press("ArrowUp")
    lab.wait_until(lambda: lab.active_cell == active, "ArrowUp did not reach the notebook")
    lab.page.keyboard.press("b")
    lab.wait_until(lambda: lab.cells == cells + 1, "b did not reach the notebook")


def test_who_looks_away_lets_go_of_the_keys_and_the_game_waits(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS, f"show.canvas(Columns({RED}))", "'elsewhere'")
    game.start()
    lab.page.keyboard.down("ArrowLeft")
    game.wait_for_pixel(RED, LEFT, 3)
    lab.page.locator(".jp-OutputArea-output").get_by_text("elsewhere").click()
    assert not game.playing and not game.focused
    game.root.get_by_text("Paused: click here").wait_for()
    lab.page.wait_for_timeout(300)  # what was asked before is answered
    frames = game.frames
    lab.page.wait_for_timeout(500)
    assert game.frames == frames
    lab.page.keyboard.up("ArrowLeft")
    game.start()
    game.wait_for_pixel(RED, NOTHING, 3)


BREAKS = """
class Breaks(Columns):
    def step(self, action):
        if action == 3:
            raise ValueError("there is no <sky> here to jump into")
        return super().step(action)
"""


def test_an_error_is_shown_and_stops_the_game_until_a_reset(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS + BREAKS, f"show.canvas(Breaks({RED}))")
    game.start()
    lab.page.keyboard.press("ArrowUp")
    lab.wait_until(lambda: game.error != "", "no error is shown")
    assert "ValueError: there is no <sky> here to jump into" in game.error and "Press Reset" in game.error
    assert not game.playing and game.button("Start").is_disabled()
    frames = game.frames
    lab.page.keyboard.press("ArrowLeft")
    lab.page.wait_for_timeout(300)
    assert game.frames == frames, "only a reset helps"
    game.button("Reset").click()
    lab.wait_until(lambda: game.error == "", "the error stays after a reset")
    with game.holding("ArrowLeft"):
        game.wait_for_pixel(RED, LEFT, 3)


def test_displayed_twice_it_is_one_game_at_one_pace(lab: Lab, tmp_path: Path) -> None:
    made = f"player = Columns({RED})\ngame = show.canvas(player)\ngame"
    game = played(lab, tmp_path, COLUMNS, made, "game", "player.steps")
    other = lab.canvas(number=1)
    game.start()
    before, clock = int(lab.run_cell(3)), time.perf_counter()
    game.start()
    with game.holding("ArrowLeft"):
        other.wait_for_pixel(RED, LEFT, 3)
        lab.page.wait_for_timeout(1500)
        # read one after the other, while the game goes on: the second display lies between two looks at the first
        before_it, of_other, after_it = game.frames, other.frames, game.frames
        assert before_it - 3 <= of_other <= after_it + 3 and other.playing
    steps = int(lab.run_cell(3)) - before
    assert steps <= 30 * (time.perf_counter() - clock) + 5, "two displays ask twice"


FILM = """
class Counted(show.FilmPlayer):
    asked = 0
    def step(self, action):
        Counted.asked += 1
        return super().step(action)

film = np.zeros((10, 16, 16, 3), np.uint8)
for t in range(10):
    film[t, :, t] = 255
"""


def test_a_film_plays_by_itself_while_it_is_in_sight_and_stops_when_it_is_gone(lab: Lab, tmp_path: Path) -> None:
    far = "print('down\\n' * 200)"
    film = played(lab, tmp_path, COLUMNS + FILM, "show.canvas(Counted(film), autoplay=True)", far, "Counted.asked")
    film.wait_for_frames(12)  # once round, without a click
    for t in (3, 7):
        film.wait_for_pixel((255, 255, 255), t, 5)
    assert not film.root.get_by_text("Click here").is_visible() and film.root.get_attribute("tabindex") is None

    lab.page.locator(".jp-Cell").last.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(500)
    frames = film.frames
    lab.page.wait_for_timeout(500)
    assert film.frames == frames
    film.root.scroll_into_view_if_needed()
    film.wait_for_frames(5)

    lab.page.evaluate(
        """async () => {
            const { content } = window.jupyterapp.shell.currentWidget;
            content.activeCellIndex = 1;
            await window.jupyterapp.commands.execute('notebook:clear-cell-output');
        }"""
    )
    film.root.wait_for(state="detached")
    lab.page.wait_for_timeout(300)
    asked = lab.run_cell(3)
    lab.page.wait_for_timeout(500)
    assert lab.run_cell(3) == asked, "a film that is gone still asks for frames"


def test_in_a_narrow_column_every_dot_stays_a_square(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS, f"show.canvas({{'one': Columns({RED}), 'two': Columns({BLUE})}})")
    assert game.enlargement == 20  # 320 dots for 16
    lab.page.set_viewport_size({"width": 820, "height": 700})
    lab.wait_until(lambda: game.enlargement < 20, "it does not fit itself to the page")
    assert game.enlargement == int(game.enlargement) > 1
    edge = "e => e.getBoundingClientRect().right"
    assert game.root.evaluate(edge) <= game.root.locator("..").evaluate(edge), "it is cut off at the right"


SLOW = """
import time

class Slow(Columns):
    def step(self, action):
        time.sleep(0.1)
        return super().step(action)
"""


def test_a_slow_player_makes_the_play_slower_and_not_later(lab: Lab, tmp_path: Path) -> None:
    """Ten steps a second are possible, thirty are wanted: asked blindly, a key pressed after 3 s is 6 s late."""
    game = played(lab, tmp_path, COLUMNS + SLOW, f"show.canvas(Slow({RED}))")
    game.start()
    lab.page.wait_for_timeout(3000)
    with game.holding("ArrowLeft"):
        game.wait_for_pixel(RED, LEFT, 3)
    assert game.fps < 11
    assert game.delays[-1] < 1500, "three questions of 0.1 s, one's own, and a busy machine"


STALLS = """
class Stalls(Slow):
    def step(self, action):
        if action == 3:
            time.sleep(4)
        return super().step(action)
"""


def test_a_long_silence_is_told_and_the_play_goes_on_after_it(lab: Lab, tmp_path: Path) -> None:
    game = played(lab, tmp_path, COLUMNS + SLOW + STALLS, f"show.canvas(Stalls({RED}))")
    game.start()
    lab.page.keyboard.press("ArrowUp")
    game.root.get_by_text("the kernel is busy").wait_for()
    game.wait_for_frames(10)
    assert game.error == "" and game.playing


def test_the_playground_is_played_at_a_good_pace(lab: Lab, tmp_path: Path) -> None:
    """`python -m tools.measure_canvas` measures the same: 30 frames a second and a delay of 50 ms on two idle cores.

    Here the bounds are far wider, because another test process, and whatever it starts, runs at the same time: with
    four busy processes on two cores it was 20 frames a second and 100 ms. When a browser, a server and a kernel start
    next door it is slower for some seconds, so a slow measurement is taken once more.
    """
    measured = measure_pace(lab, tmp_path)
    print(measured)
    if measured["fps"] < 12 or measured["median_delay_ms"] > 300:
        lab.page.wait_for_timeout(10_000)
        measured = lab.canvas().measure()
        print("once more:", measured)
    told = ast.literal_eval(lab.run_cell(1))  # what the browser told the kernel
    assert set(told) == {"fps", "delay_ms", "delays_ms", "frames"} and told["frames"] > 100
    assert measured["fps"] >= 12
    assert measured["median_delay_ms"] <= 300


def test_keys_at_random_never_stop_two_players(lab: Lab, tmp_path: Path) -> None:
    """Half a minute here; ``python -m tools.measure_canvas --minutes 10`` is the long run, on an idle machine."""
    found = measure_pace(lab, tmp_path, 25.0, GENIE, at_random=True)
    print(found)
    assert found["error"] == "" and found["answered"] > 0
    assert found["frames"] > 40, "it goes on"


def test_the_world_that_genie_dreams_is_played_beside_the_simulator(lab: Lab, tmp_path: Path) -> None:
    """15 frames a second is the chapter's bar on two cores; here half of them belong to another test.

    On a processor on which the model alone makes fewer than 20 frames a second, what is asked is that the canvas and
    the browser leave it two fifths of them.
    """
    measured = measure_pace(lab, tmp_path, game=GENIE)
    film = load_films("goal", split="validation", count=1).frames[0]
    alone = float(1.0 / np.median(seconds_a_frame(load_checkpoint("genie"), film, steps=10, repeats=3)))
    print(f"{measured['fps']} frames a second of {alone:.0f}, a key shows after {measured['median_delay_ms']} ms")
    assert measured["fps"] >= min(8.0, 0.4 * alone)
    lab.page.screenshot(path=tmp_path / "genie.png")
