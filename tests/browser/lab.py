"""Drive JupyterLab in a headless Chromium: start the server, open a notebook, run it, look at what appears.

What made this reliable: folders of its own for everything Jupyter keeps, no news prompt, all cells drawn (not only
those in sight), waiting for the kernel's first answer before running (idle is not ready), and not awaiting the command
that runs all cells.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def _wait_until_up(url: str, token: str, process: subprocess.Popen[bytes], log: Path) -> None:
    request = urllib.request.Request(f"{url}/api/status", headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(request, timeout=5):
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
        self.page.goto(f"{self.server.url}/lab/tree/{path.name}?token={self.server.token}&reset")
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
        assert ready, f"the kernel of {path.name} did not answer within {PATIENCE} s"

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

    def change_picture(self, widget: Any, act: Any, picture: str = "img.course-picture") -> None:
        """Do something to a widget and wait until its picture (a CSS selector) is another one."""
        image = widget.locator(picture)
        before = image.get_attribute("src")
        act()
        self.page.wait_for_function(
            "([image, before]) => image.src !== before", arg=[image.element_handle(), before], timeout=PATIENCE * 1000
        )
