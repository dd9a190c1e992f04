"""`make lab`: the reader's copy, this environment's kernel, and a home that cannot be written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.imports import ROOT
from tools import lab

TRAP = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Somebody else's", "language": "python"}


def kernel_trap(folder: Path) -> Path:
    """A data folder of Jupyter's with another kernel that is called python3."""
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps(TRAP))
    return folder


def test_lab_opens_the_readers_copy_and_hides_the_courses_own(tmp_path: Path) -> None:
    command = lab.lab_command(["--no-browser"])
    assert "--LabApp.default_url=/lab/tree/my_notebooks/00_start_here.ipynb" in command
    assert "--ServerApp.root_dir=." in command and command[-1] == "--no-browser"
    assert any("hide_globs" in word and "'notebooks'" in word for word in command)
    elsewhere = lab.lab_command([], tmp_path / "my copy")
    assert f"--ServerApp.root_dir={tmp_path / 'my copy'}" in elsewhere
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in elsewhere


def test_the_readers_settings_do_not_change_what_runs() -> None:
    given = {"PYTHONPATH": "/else", "PYTHONHOME": "/else", "JUPYTER_PATH": "/else", "A": "b"}
    environment, notes = lab.lab_environment(given)
    assert not {"PYTHONPATH", "PYTHONHOME"} & environment.keys() and environment["A"] == "b"
    assert [note.split()[0] for note in notes] == ["PYTHONPATH", "PYTHONHOME"]
    own, other = environment["JUPYTER_PATH"].split(os.pathsep)
    assert own.startswith(sys.prefix) and other == "/else"
    assert given["PYTHONPATH"] == "/else", "what was given is not changed"
    assert lab.lab_environment({})[1] == [], "nothing mended, nothing said"


def test_a_home_that_cannot_be_written_is_replaced_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/dev/null/home")
    given = {"HOME": "/dev/null/home", "JUPYTER_CONFIG_DIR": "/mine"}
    environment, (note,) = lab.lab_environment(given, spare=tmp_path / "spare")
    assert "/dev/null/home" in note and str(tmp_path / "spare") in note
    assert environment["JUPYTER_CONFIG_DIR"] == "/mine", "what the reader chose stays"
    assert all(Path(environment[name]).is_relative_to(tmp_path / "spare") for name in lab.HOMES.keys() - given.keys())
    environment, (note,) = lab.lab_environment(given, spare=Path("/dev/null/spare"))
    assert lab.can_write(Path(environment["COURSE_HOME"]).parent), "where the course cannot be written either"


def test_a_kernel_of_the_same_name_does_not_win(tmp_path: Path) -> None:
    given = {**os.environ, "JUPYTER_PATH": str(kernel_trap(tmp_path / "trap"))}
    code = "from jupyter_client.kernelspec import get_kernel_spec as find; print(find('python3').argv[0])"
    found = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60).stdout.strip()
        for env in (given, lab.lab_environment(given)[0])
    ]
    assert found[0] == "/bin/false", "the trap works on those who do not look"
    assert "python" in found[1]


def test_without_jupyterlab_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    assert lab.main() == 1
    assert "make lab" in capsys.readouterr().err


def test_lab_starts_in_hostile_surroundings_serves_the_copy_and_ends_cleanly(tmp_path: Path) -> None:
    """The real command: a home that cannot be written, a PYTHONPATH that breaks numpy, another kernel `python3`."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "numpy.py").write_text("raise ImportError('the wrong numpy')")
    (tmp_path / "path" / "jupyterlab.py").write_text("raise ImportError('the wrong jupyterlab')")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in lab.HOMES},
        "HOME": "/dev/null/home",
        "PYTHONPATH": str(tmp_path / "path"),
        "JUPYTER_PATH": str(kernel_trap(tmp_path / "trap")),
        "COURSE_NOTEBOOKS": str(tmp_path / "my copy"),
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        command = [sys.executable, str(ROOT / "tools" / "lab.py"), "--no-browser", "--ServerApp.port_retries=100"]
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, env=environment, **streams)
    try:
        deadline = time.monotonic() + 100
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/lab\S*\?token=\w+", log.read_text("utf-8"))):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.2)
        address, token = found[0].split("/lab"), found[0].rpartition("=")[2]
        assert address[1].startswith("/tree/00_start_here.ipynb")

        def ask(path: str) -> dict:
            with urllib.request.urlopen(f"{address[0]}/api/{path}?token={token}", timeout=30) as answer:
                return json.load(answer)

        names = {entry["name"] for entry in ask("contents")["content"]}
        assert {"00_start_here.ipynb", "claims.md", "contents.md", "pictures"} <= names
        assert "python" in ask("kernelspecs")["kernelspecs"]["python3"]["spec"]["argv"][0]
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
    text = log.read_text("utf-8")
    assert status == 0 and "Traceback" not in text, text
    for words in ("Your own copy of the notebooks is in", "PYTHONPATH is set", "/dev/null/home cannot be written"):
        assert words in text, text
