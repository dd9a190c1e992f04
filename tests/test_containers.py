"""Dockerfile and Binder's folder: what they name exists, the versions are the lock's, and their commands run here.

No image is built, for that takes a network and a daemon. The image's folder is made as the file says, from what COPY
brings and nothing else, and setup and start are run in it; only downloads are replaced by the packages that are here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.imports import ROOT
from tests.test_environment import PROJECT, READER, locked
from tools import lab, setup_env

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BINDER = ROOT / "binder"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def steps() -> list[tuple[str, str]]:
    """The file's instructions, each with its words: comments dropped, continued lines joined."""
    plain = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", "", plain).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def all_of(instruction: str) -> list[str]:
    return [words for name, words in steps() if name == instruction]


def copies() -> list[tuple[list[str], str]]:
    """Sources and target of each COPY."""
    words = [[word for word in line.split() if not word.startswith("--")] for line in all_of("COPY")]
    return [(list_[:-1], list_[-1]) for list_ in words]


def ignored(name: str) -> bool:
    """Whether .dockerignore keeps a path out of what COPY sees."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    parts = name.split("/")
    paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    return any(fnmatch(path, pattern) or fnmatch(f"/{path}", pattern.replace("**/", "*/", 1))
               for pattern in patterns for path in paths)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ Dockerfile


def test_the_file_knows_only_instructions_that_there_are_and_begins_with_its_base() -> None:
    known = {"FROM", "RUN", "USER", "WORKDIR", "COPY", "ARG", "ENV", "VOLUME", "EXPOSE", "CMD"}
    names = [name for name, _ in steps()]
    assert set(names) <= known and names[0] == "FROM" and names[-1] == "CMD"
    base = re.fullmatch(r"python:(3\.\d+)-slim", all_of("FROM")[0])
    assert base and SpecifierSet(PROJECT["requires-python"]).contains(f"{base[1]}.0")


def test_everything_that_is_copied_is_there_and_let_through() -> None:
    sources = [source for group, _ in copies() for source in group]
    assert {"course_lib", "tools", "data", "notebooks", "requirements.lock", "pyproject.toml"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists() and not ignored(source), source
    for name in (".venv/bin/python", ".git/HEAD", "course_lib/__pycache__/a.pyc", "my_notebooks/a.ipynb", "dist/a.whl"):
        assert ignored(name), f"{name} would be sent to Docker"
    data = [path.relative_to(ROOT).as_posix() for path in (ROOT / "data").rglob("*.*") if path.suffix != ".gz"]
    assert not [name for name in data if ignored(name)]


def test_nobody_is_root_when_the_course_runs() -> None:
    (user,) = all_of("USER")
    assert f"useradd --create-home --uid 1000 {user}" in all_of("RUN")[0]
    names = [name for name, _ in steps()]
    assert names.index("USER") < min(names.index("COPY"), names.index("CMD"))
    owners = re.findall(r"--chown=(\S+)", DOCKERFILE)
    assert owners == [f"{user}:{user}"] * len(all_of("COPY")), "the reader may write what is the reader's"
    (made,) = re.findall(rf"install --directory --owner={user} --group={user} (.*)", all_of("RUN")[0])
    assert made.split() == all_of("WORKDIR") + all_of("VOLUME")
    kept = dict(pair.split("=") for pair in all_of("ENV")[0].split())
    assert set(kept) == {"COURSE_NOTEBOOKS", "COURSE_HOME"}
    assert all(Path(path).is_relative_to(all_of("VOLUME")[0]) for path in kept.values()), "a new container forgets it"


def test_the_port_is_the_same_everywhere_and_published_to_this_machine_only() -> None:
    (port,) = all_of("EXPOSE")
    command = json.loads(all_of("CMD")[0])
    assert f"--ServerApp.port={port}" in command
    published = re.findall(r"--publish ([\d.:]+\d)", DOCKERFILE + README)
    assert len(published) >= 2 and set(published) == {f"127.0.0.1:{port}:{port}"}
    assert sum(word.startswith("--ServerApp.ip=") for word in lab.lab_command(command[2:])) == 1
    assert not any("token" in word or "password" in word for word in command), "Jupyter's token stays"


# What takes the place of the downloads: the packages of this environment, seen from the new one.
SETUP = """
import shutil, sys
from pathlib import Path
from tools import setup_env
make, others = setup_env.make_venv, sys.argv[1]
def make_venv():
    make()
    (site,) = setup_env.VENV.glob("lib/*/site-packages")
    for old in site.glob("setuptools*"):  # Python 3.11 brings one that is too old for pyproject.toml
        shutil.rmtree(old)
    (site / "others.pth").write_text(others + "\\n")
setup_env.make_venv = make_venv
setup_env.install_cpu_torch = lambda: None
pip = setup_env.installer
setup_env.installer = lambda: [*pip(), "--no-index", "--no-deps", "--no-build-isolation"]
raise SystemExit(setup_env.main())
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /course of the image, made by the file's own steps in their order."""
    folder = tmp_path_factory.mktemp("image") / "course"
    folder.mkdir()
    ran = 0
    waiting = copies()
    for name, words in steps():
        if name == "COPY":
            sources, target = waiting.pop(0)
            for source in sources:
                if (ROOT / source).is_dir():
                    skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
                    link = os.symlink if source == "data" else shutil.copy2
                    shutil.copytree(ROOT / source, folder / target, ignore=skip, copy_function=link)
                else:
                    shutil.copy(ROOT / source, folder / target)
        if name == "RUN" and "setup_env" in words:
            assert words.endswith("python tools/setup_env.py")
            environment = {**os.environ, "COURSE_GPU": "0", "PYTHONPATH": str(folder)}
            call = [sys.executable, "-P", "-c", SETUP, sysconfig.get_path("purelib")]
            done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
            ran += 1
    assert ran == 1 and not waiting
    return folder


@pytest.mark.skipif(os.name == "nt", reason="the image is a Linux one")
def test_what_is_copied_is_enough_to_set_up_and_start(image: Path, tmp_path: Path) -> None:
    """The file's CMD, with another port: it serves a copy of the notebooks, and the course there finds its files."""
    command = json.loads(all_of("CMD")[0])
    command[-1] = "--ServerApp.port=0"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COURSE_CACHE")}
    environment |= {"HOME": str(tmp_path), "COURSE_NOTEBOOKS": str(tmp_path / "my_notebooks")}
    log = tmp_path / "log"
    with log.open("wb") as out:
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, cwd=image, env=environment, **streams)
    try:
        deadline = time.monotonic() + 100
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*\?token=(\w+)", log.read_text("utf-8"))):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.2)
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/api/contents?token={found[2]}", timeout=30) as answer:
            names = {entry["name"] for entry in json.load(answer)["content"]}
        assert {"00_start_here.ipynb", "claims.md"} <= names
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    code = "from course_lib import places; print(places.DATA, (places.DATA / 'checkpoints').is_dir())"
    done = subprocess.run([command[0], "-c", code], cwd=image, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [str(image / "data"), "True"], done.stderr


# --------------------------------------------------------------------------------------------------------- Binder


def test_binder_installs_the_locked_versions_and_the_course() -> None:
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    options = dict(line.split() for line in lines if line.startswith("--"))
    assert (BINDER / options["--constraint"]).resolve() == ROOT / "requirements.lock"
    assert options["--editable"] == "." and options["--extra-index-url"] == setup_env.PYTORCH_CPU_INDEX
    assert [line for line in lines if not line.startswith("--")] == [f"torch=={locked()['torch']}+cpu"]
    assert set(READER) <= set(locked()), "the constraint holds every package that the course asks for"


def test_binders_python_is_one_that_the_course_can_use() -> None:
    runtime = (BINDER / "runtime.txt").read_text(encoding="utf-8")
    assert re.fullmatch(r"python-3\.\d+\n", runtime), "as repo2docker reads it"
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{runtime.strip().removeprefix('python-')}.0")


def test_binder_knows_no_other_file() -> None:
    """repo2docker reads files by their names; one that it does not know would be silently ignored."""
    assert {path.name for path in BINDER.iterdir()} == {"requirements.txt", "runtime.txt", "postBuild"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_binders_last_step_runs_and_fails_where_the_course_is_not_whole(tmp_path: Path) -> None:
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK), "repo2docker runs it by its name"
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and done.stdout.endswith(" notebooks\n"), done.stderr
    shutil.copytree(ROOT / "course_lib", tmp_path / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    environment["PYTHONPATH"] = str(tmp_path)
    done = subprocess.run([script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0 and "reader" in done.stderr
