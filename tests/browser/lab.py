"""Drive JupyterLab in a headless Chromium: start the server, open a notebook, run it, look at what appears.

What made this reliable: folders of its own for everything Jupyter keeps, no news prompt, all cells drawn (not only
those in sight), waiting for the kernel's first answer before running (idle is not ready), and not awaiting the command
that runs all cells.
"""

from __future__ import annotations

import ast
import json
import os
import random
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jupytext
import nbformat

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120  # seconds; a busy machine with two cores is slow, and waiting costs nothing when all goes well

BROWSER_ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


def parsed(source: str) -> ast.Module:
    """A cell's syntax tree; a line of IPython's own (%, !) is a line that does nothing."""
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell binds, and those that it reads. What a comprehension counts through is neither."""
    tree = parsed(source)
    targets = [n for c in ast.walk(tree) if isinstance(c, ast.comprehension) for n in ast.walk(c.target)]
    inner = {node.id for node in targets if isinstance(node, ast.Name)}
    bound, read = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node not in targets:
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
    return bound, read - inner


def without_claims(source: str) -> str:
    """A cell without its assertions: they are about models that were trained for longer than a test trains them."""
    lines = source.splitlines()
    for node in reversed(parsed(source).body):
        if isinstance(node, ast.Assert):
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines)


def cells_for(cells: list[Any], words: str) -> list[Any]:
    """The code cells that hold ``words``, and down to the last of them those that bind a name which they need.

    What a notebook measures and does not use again is left out: that is most of its minutes, and its own test runs it.
    """
    code = [cell for cell in cells if cell.cell_type == "code"]
    code = code[: 1 + max(i for i, cell in enumerate(code) if words in cell.source)]
    bound, read = zip(*(names(cell.source) for cell in code), strict=True)
    kept = {i for i, cell in enumerate(code) if words in cell.source}
    while True:
        needed: set[str] = set()
        for i in reversed(range(len(code))):
            if i in kept or bound[i] & needed:
                kept.add(i)
                needed |= read[i]
        there = set().union(*(bound[i] for i in kept))
        # A function may use what a later cell binds; what no cell binds is Python's own.
        late = {i for i in range(len(code)) if bound[i] & (needed - there)}
        if not late:
            return [code[i] for i in sorted(kept)]
        kept |= late


def chromium() -> str | None:
    """The browser to use: $CHROMIUM, else what is installed; None where there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    places = ["/usr/bin/chromium", "chromium", "google-chrome", "chromium-browser"]
    return next((found for place in places if (found := shutil.which(place))), None)


def browser_arguments() -> list[str]:
    """Chromium refuses its sandbox to the superuser, whom containers often are."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return BROWSER_ARGUMENTS + (["--no-sandbox"] if as_root else [])


@dataclass(frozen=True)
class Server:
    """A running JupyterLab. folder: where its notebooks lie."""

    url: str
    token: str
    folder: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server's interface answers, read as JSON; None where it answers nothing."""
        answer = _opener().open(_request(self.url, path, self.token, method), timeout=PATIENCE).read()
        return json.loads(answer) if answer else None

    def end_kernels(self) -> None:
        """End every notebook's kernel: each holds hundreds of megabytes, and one that plays films keeps a core busy."""
        for session in self.ask("api/sessions"):
            self.ask(f"api/sessions/{session['id']}", "DELETE")


@contextmanager
def serve(home: Path) -> Iterator[Server]:
    """Run JupyterLab in folders below ``home`` until the block ends. Raises RuntimeError with its log if it fails."""
    notebooks = home / "notebooks"
    notebooks.mkdir()
    for name, values in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "COURSE_HOME": "course",
    }
    environment = {**os.environ, **{key: str(home / folder) for key, folder in own.items()}}
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    port, token = _free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={notebooks}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    with open(home / "server.log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=home)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(url, token, process, home / "server.log")
            yield Server(url, token, notebooks)
        finally:
            process.terminate()  # the server ends its kernels
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                pass
            finally:
                if process.poll() is None:  # also when the tests are interrupted while they wait
                    process.kill()
                    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _request(url: str, path: str, token: str, method: str = "GET") -> urllib.request.Request:
    return urllib.request.Request(f"{url}/{path}", headers={"Authorization": f"token {token}"}, method=method)


def _opener() -> urllib.request.OpenerDirector:
    """Straight to this machine, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _wait_until_up(url: str, token: str, process: subprocess.Popen[bytes], log: Path) -> None:
    request = _request(url, "api/status", token)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with _opener().open(request, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")


class Lab:
    """One browser page on one server."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.server = server
        page.set_default_timeout(PATIENCE * 1000)
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))

    def open_notebook(self, path: Path) -> None:
        """Copy a notebook to the server, open it and wait until its kernel answers. The original stays untouched."""
        notebook = nbformat.read(path, as_version=4)
        # Without a kernel's name JupyterLab asks for one in a dialog and waits.
        notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"})
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None  # what is seen later was made here
        nbformat.write(notebook, self.server.folder / path.name)
        self.open(path.name)

    def open(self, name: str) -> None:
        """Open a notebook that lies on the server (its path below the server's folder) and wait for its kernel."""
        self.page.goto(f"{self.server.url}/lab/tree/{quote(name)}?token={self.server.token}&reset")
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        ready = self.page.evaluate(
            """async seconds => {
                const panel = window.jupyterapp.shell.currentWidget;
                const kernel = async () => {
                    await window.jupyterapp.restored;
                    await panel.context.ready;
                    await panel.sessionContext.ready;
                    await panel.sessionContext.session.kernel.info;
                    return true;
                };
                const late = new Promise(done => setTimeout(() => done(false), seconds * 1000));
                return await Promise.race([kernel(), late]);
            }""",
            PATIENCE,
        )
        assert ready, f"the kernel of {name} did not answer within {PATIENCE} s"

    def run_twin(self, name: str, until: str, folder: Path, seconds: float = PATIENCE) -> None:
        """Open one of the course's notebooks and run the cells that hold the words ``until``, and those they need.

        The twin is run: it has the same cells as the stored notebook, and its outputs are made here.
        """
        notebook = jupytext.read(REPOSITORY / "notebooks" / "py" / f"{name}.py")
        notebook.cells = cells_for(notebook.cells, until)
        nbformat.write(notebook, folder / f"{name}.ipynb")
        self.open_notebook(folder / f"{name}.ipynb")
        self.run_all(seconds)

    def run_all(self, seconds: float = PATIENCE) -> None:
        """Run all cells and wait until the last has finished. Raises AssertionError with the text of a failed cell."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.page.wait_for_function(
            """() => {
                const panel = window.jupyterapp.shell.currentWidget;
                const code = [...panel.content.widgets].filter(c => c.model.type === 'code').map(c => c.model);
                const written = code.filter(m => m.sharedModel.getSource().trim());
                const failed = written.some(m => m.outputs.toJSON().some(o => o.output_type === 'error'));
                const idle = panel.sessionContext.session.kernel.status === 'idle';
                return idle && (failed || written.every(m => m.executionCount !== null));
            }""",
            timeout=seconds * 1000,
        )
        errors = self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells
                .flatMap(c => c.outputs || []).filter(o => o.output_type === 'error')
                .map(o => o.traceback.slice(-2).join('\\n') || o.ename + ': ' + o.evalue)"""
        )
        assert not errors, "a cell failed:\n" + re.sub(r"\x1b\[[\d;]*m", "", "\n".join(errors))

    def save(self) -> None:
        """Save the notebook, as JupyterLab does by itself every two minutes."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")

    def change_picture(self, widget: Any, act: Any, picture: str = "img.course-picture") -> None:
        """Do something to a widget and wait until its picture (a CSS selector) is another one."""
        image = widget.locator(picture)
        before = image.get_attribute("src")
        act()
        self.page.wait_for_function(
            "([image, before]) => image.src !== before", arg=[image.element_handle(), before], timeout=PATIENCE * 1000
        )

    @property
    def cells(self) -> int:
        """How many cells the notebook has now."""
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")

    @property
    def active_cell(self) -> int:
        """The place of the cell that the notebook's shortcuts go to."""
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")

    @property
    def execution_counts(self) -> list[int | None]:
        """The number of each cell's last run."""
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.executionCount ?? null)"
        )

    def run_cell(self, place: int) -> str:
        """Run one cell and return the text of its output."""
        return self.page.evaluate(
            """async place => {
                const { content } = window.jupyterapp.shell.currentWidget;
                content.activeCellIndex = place;
                await window.jupyterapp.commands.execute('notebook:run-cell');
                const texts = content.widgets[place].model.outputs.toJSON().map(o => o.data?.['text/plain'] ?? o.text);
                return texts.flat().join('');
            }""",
            place,
        )

    def wait_until(self, holds: Callable[[], bool], otherwise: str, seconds: float = 20) -> None:
        """Wait until something holds. Raises AssertionError with ``otherwise`` when it does not come to hold."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, otherwise
            self.page.wait_for_timeout(20)

    def canvas(self, within: Any = None, number: int = 0) -> PlayedCanvas:
        """A canvas (course_lib.show.canvas), scrolled into sight. within: a part of the page; number: from 0."""
        root = (within or self.page).locator(".course-canvas-game").nth(number)
        root.wait_for()
        root.scroll_into_view_if_needed()
        return PlayedCanvas(self.page, root)


class PlayedCanvas:
    """One canvas under the hands of a test. Two lines test a chapter's canvas:

    lab.run_twin("15_dynamics", until="show.canvas(", folder=tmp_path)
    lab.canvas().check_it_plays("ArrowRight")
    """

    def __init__(self, page: Any, root: Any) -> None:
        self.page, self.root = page, root

    @property
    def frames(self) -> int:
        """Pictures drawn while it was played, since the page was opened."""
        return int(self.root.get_attribute("data-frames"))

    @property
    def fps(self) -> float:
        """Frames a second, of the last second of play."""
        return float(self.root.get_attribute("data-fps"))

    @property
    def delays(self) -> list[float]:
        """Milliseconds from a key's press until the picture that it changed was drawn, of the last 50 presses."""
        return json.loads(self.root.get_attribute("data-delays"))

    @property
    def playing(self) -> bool:
        """Whether it asks for steps."""
        return self.root.get_attribute("data-playing") == "true"

    @property
    def focused(self) -> bool:
        """Whether the keys go to it."""
        return self.root.evaluate("root => root.contains(document.activeElement)")

    @property
    def error(self) -> str:
        """The error that it shows, "" for none."""
        return self.root.locator(".course-canvas-error").text_content()

    @property
    def captions(self) -> list[str]:
        """What stands below the pictures."""
        return self.root.locator(".course-canvas-caption").all_text_contents()

    @property
    def names(self) -> list[str]:
        """What stands above the pictures."""
        return self.root.locator(".course-canvas-name").all_text_contents()

    @property
    def enlargement(self) -> float:
        """Screen dots for one dot of a picture; AssertionError where they are no squares."""
        scales = "c => [c.clientWidth / c.width, c.clientHeight / c.height]"
        wide, high = self.root.locator("canvas").first.evaluate(scales)
        assert abs(wide - high) < 0.01, f"a dot of the picture is {wide} wide and {high} high"
        return wide

    def wait_for_names(self, *names: str) -> None:
        """Wait until these stand above the pictures."""
        until = time.monotonic() + 20
        while self.names != list(names):
            assert time.monotonic() < until, f"above the pictures stand {self.names}, not {names}"
            self.page.wait_for_timeout(20)

    def button(self, name: str) -> Any:
        """One of its buttons, by what is written on it."""
        return self.root.get_by_role("button", name=name)

    def picture(self, player: int = 0) -> list[int]:
        """All values of a player's picture, RGBA, row by row, as they are on the screen's canvas."""
        return self.root.locator("canvas").nth(player).evaluate(_READ)

    def pixel(self, x: int, y: int, player: int = 0) -> tuple[int, int, int]:
        """One pixel of a player's picture, in its own dots from the top left."""
        read = "(c, [x, y]) => [...c.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)]"
        return tuple(self.root.locator("canvas").nth(player).evaluate(read, [x, y]))

    def wait_for_pixel(self, colour: tuple[int, int, int], x: int, y: int, player: int = 0) -> None:
        """Wait until a pixel has this colour. Raises AssertionError with what it has instead."""
        until = time.monotonic() + 20
        while (found := self.pixel(x, y, player)) != colour:
            assert time.monotonic() < until, f"pixel {(x, y)} of player {player} is {found}, not {colour}"
            self.page.wait_for_timeout(20)

    def wait_for_frames(self, more: int) -> None:
        """Wait until so many more pictures were drawn."""
        self.page.wait_for_function(
            "([root, frames]) => Number(root.dataset.frames) >= frames",
            arg=[self.root.element_handle(), self.frames + more],
            timeout=PATIENCE * 1000,
        )

    def start(self) -> None:
        """Click the first picture, as the hint says, and wait until frames arrive."""
        self.root.locator("canvas").first.click()
        assert self.focused and self.playing
        self.wait_for_frames(2)

    @contextmanager
    def holding(self, key: str) -> Iterator[None]:
        """Hold a key down until the block ends."""
        self.page.keyboard.down(key)
        try:
            yield
        finally:
            self.page.keyboard.up(key)

    def check_it_plays(self, *keys: str, frames: int = 10) -> None:
        """Start it, hold each key while some frames go by, and see every picture change and no error."""
        self.start()
        count = self.root.locator("canvas").count()
        for key in keys:
            before = [self.picture(player) for player in range(count)]
            with self.holding(key):
                self.wait_for_frames(frames)
                after = [self.picture(player) for player in range(count)]
            assert self.error == "", self.error
            unchanged = [player for player in range(count) if before[player] == after[player]]
            assert not unchanged, f"{key} was held for {frames} frames, and players {unchanged} show the same picture"

    def measure(self, key: str = "ArrowRight", seconds: float = 5.0, presses: int = 24) -> dict[str, float]:
        """Play with a held key, then press it again and again: frames a second, and the median delay of a press."""
        self.start()
        self.page.wait_for_timeout(1000)  # the first frames are slower, and nobody plays for one second
        with self.holding(key):
            began, before = time.perf_counter(), self.frames
            self.page.wait_for_timeout(1000 * seconds)
            fps = (self.frames - before) / (time.perf_counter() - began)
        known = len(self.delays)
        for i in range(presses):
            self.page.keyboard.down(key)
            self.page.wait_for_timeout(70 + 13 * (i % 5))  # not in step with the frames
            self.page.keyboard.up(key)
            self.page.wait_for_timeout(90 + 17 * (i % 3))
        self.page.wait_for_timeout(1000)
        delays = self.delays[known:]
        assert len(delays) >= 0.8 * presses, f"{presses} presses, of which {len(delays)} were answered"
        return {
            "fps": round(fps, 1),
            "median_delay_ms": round(statistics.median(delays), 1),
            "most_delay_ms": max(delays),
            "presses": len(delays),
            "seconds": seconds,
        }

    def press_at_random(self, seconds: float, seed: int = 0) -> dict[str, Any]:
        """Play with keys at random, held and tapped, as somebody would who only wants to see something move.

        Gives the number of frames and of presses, the delays' median, 99th percentile and largest in milliseconds, and
        the error that the canvas shows, "" for none. A game that stops ends it early.
        """
        draw, delays, presses = random.Random(seed), [], 0
        self.start()
        began, before, known = time.monotonic(), self.frames, len(self.delays)
        while time.monotonic() - began < seconds and not self.error:
            for _ in range(15):
                key = draw.choice(["ArrowLeft", "ArrowRight", "ArrowUp"])
                self.page.keyboard.down(key)
                self.page.wait_for_timeout(draw.choice([60, 120, 250, 900]))
                self.page.keyboard.up(key)
                self.page.wait_for_timeout(draw.choice([40, 90, 300]))
                presses += 1
            self.page.wait_for_timeout(600)  # the last press is answered as well
            found = self.delays
            delays += found[known:] if len(found) < KEPT else found[-15:]
            known = len(found)
        ordered = sorted(delays)
        return {
            "seconds": round(time.monotonic() - began, 1),
            "frames": self.frames - before,
            "presses": presses,
            "answered": len(delays),
            "median_delay_ms": round(statistics.median(ordered), 1),
            "p99_delay_ms": ordered[int(0.99 * (len(ordered) - 1))],
            "most_delay_ms": ordered[-1],
            "error": self.error,
        }


KEPT = 50  # delays that the canvas keeps, as in canvas.js
_READ = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"

PLAYGROUND = """\
from course_lib import show
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.play import EnvPlayer

pace = show.canvas(EnvPlayer(PlaygroundEnv(), seed=3))
pace"""

DREAM = """\
from course_lib import show
from course_lib.models.dream_env import DreamEnv
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films
from course_lib.worlds.play import EnvPlayer

first = load_films("goal", split="validation", count=4).frames[:, 0]
pace = show.canvas(EnvPlayer(DreamEnv(load_checkpoint("vmc"), first), seed=3))
pace"""


GENIE = """\
from course_lib import show
from course_lib.models.play import DreamPlayer
from course_lib.training import load_checkpoint
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.play import EnvPlayer

real = EnvPlayer(PlaygroundEnv(split="test"), seed=3)
dream = DreamPlayer(load_checkpoint("genie"), real.reset()[None])
pace = show.canvas({"dream": dream, "Playground": real}, fps=30)
pace"""


def measure_pace(
    lab: Lab, folder: Path, seconds: float = 5.0, game: str = PLAYGROUND, *, at_random: bool = False
) -> dict[str, Any]:
    """Play a game at 32 pixels as fast as a canvas goes: see ``PlayedCanvas.measure``, or ``press_at_random``.

    game: a cell that shows it.
    """
    path = folder / "pace.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in (game, "pace.measured")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    lab.open_notebook(path)
    lab.run_all()
    return lab.canvas().press_at_random(seconds) if at_random else lab.canvas().measure(seconds=seconds)
