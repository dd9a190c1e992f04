"""After the install nothing reaches for the network: the library runs with every way out closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.imports import ROOT
from tools import lab

# Closes the network inside a process, before anything else is imported. A connection to this machine stays open:
# Jupyter's kernels talk to their server that way.
CLOSED = '''
import socket

def _inside(address):
    host = address[0] if isinstance(address, tuple) else address
    return not isinstance(address, tuple) or str(host) in ("localhost", "::1", "") or str(host).startswith("127.")

def _guard(name):
    original = getattr(socket.socket, name)
    def guarded(self, address, *rest):
        if not _inside(address):
            raise RuntimeError(f"reached for the network: {address}")
        return original(self, address, *rest)
    setattr(socket.socket, name, guarded)

for _name in ("connect", "connect_ex"):
    _guard(_name)

_lookup = socket.getaddrinfo
def _guarded_lookup(host, *rest, **more):
    if not _inside((host or "",)):
        raise RuntimeError(f"reached for the network: {host}")
    return _lookup(host, *rest, **more)
socket.getaddrinfo = _guarded_lookup
'''

EVERY_MODULE = '''
import importlib, pkgutil
import course_lib
names = [m.name for m in pkgutil.walk_packages(course_lib.__path__, "course_lib.", onerror=lambda name: None)]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names), "modules")
'''

A_FILM = '''
from course_lib.worlds.films import load_films
films = load_films("simple", split="validation", count=4, size=32)
print(films.frames.shape, films.frames.dtype)
'''


def run_offline(code: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COURSE_CACHE": str(cache), "COURSE_HOME": str(cache)}
    command = [sys.executable, "-c", CLOSED + code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)


def test_the_closed_network_is_closed(tmp_path: Path) -> None:
    """The other tests here would pass for nothing if the guard let requests through."""
    for code in (
        "import urllib.request; urllib.request.urlopen('https://example.org', timeout=5)",
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)",
    ):
        done = run_offline(code, tmp_path)
        assert done.returncode != 0 and "reached for the network" in done.stderr
    done = run_offline("import socket; s = socket.socket(); print(s.connect_ex(('127.0.0.1', 9)))", tmp_path)
    assert done.returncode == 0, done.stderr


def test_every_module_imports_offline(tmp_path: Path) -> None:
    done = run_offline(EVERY_MODULE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 20


def test_films_are_made_offline(tmp_path: Path) -> None:
    done = run_offline(A_FILM, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(4, ") and "uint8" in done.stdout


def test_the_lab_listens_here_only_and_asks_nobody_for_news() -> None:
    command = lab.lab_command(["--no-browser"])
    assert "--ServerApp.ip=127.0.0.1" in command
    assert not any("token" in word.lower() or "password" in word.lower() for word in command), "Jupyter's token stays"
    assert "--LabApp.news_url=None" in command
    assert "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate" in command
    assert command[-1] == "--no-browser"
