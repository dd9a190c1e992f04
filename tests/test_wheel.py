"""The wheel is the whole course: installed into an empty environment, it reads what a clone reads, offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

import course_lib
from course_lib import places
from tests.imports import ROOT
from tests.test_environment import PROJECT
from tests.test_offline import CLOSED

NOT_READ = {"data/coinrun/record.py", "data/coinrun/requirements.txt"}  # made the films, with a Python of their own
LARGEST = 100_000_000  # bytes that PyPI takes in one file
INSIDE = "course_lib/carried/"


def course_files(*folders: str) -> set[str]:
    """The files of a clone that git would keep, by their paths."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    names = {path.relative_to(ROOT).as_posix() for path in found}
    plain = {name for name in names if not any(part.startswith((".", "__py")) for part in name.split("/"))}
    return {name for name in plain if not name.endswith(".tar.gz")}  # the reader's own photographs


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build needs, with the wheel in its folder `dist`: a build writes beside its source."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-text",
                 "requirements.lock", "CITATION.cff"):  # fmt: skip
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", folder / "data", copy_function=os.symlink)
    (folder / "notebooks").mkdir()
    shutil.copy(places.CONTENTS, folder / "notebooks")
    hook = "from setuptools.build_meta import build_wheel; build_wheel('dist')"  # what pip calls, without its network
    done = subprocess.run([sys.executable, "-c", hook], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    (file,) = (source / "dist").glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with the wheel in it; other packages are looked up in this one."""
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    call = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet"]
    subprocess.run([*call, "--no-index", "--no-deps", "--no-compile", wheel], check=True, timeout=300)
    (site,) = folder.glob("Lib/site-packages" if os.name == "nt" else "lib/*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python: Path, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """A command of the installed course, begun in a folder that is not the course's."""
    strange = ("PYTHONPATH", "COURSE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA")
    environment = {name: value for name, value in os.environ.items() if name not in strange}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run([python, *words], cwd=home, env=environment, capture_output=True, text=True, timeout=300)


def test_the_wheel_holds_the_library_and_all_that_it_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if not name.endswith("/")}
    assert course_files("course_lib") <= held, "a file of the library is left out"
    wanted = {INSIDE + name for name in course_files("data") - NOT_READ} | {f"{INSIDE}notebooks/contents.yaml"}
    assert {name for name in held if name.startswith(INSIDE)} == wanted
    assert any(name.endswith(".safetensors") for name in wanted)
    assert not {name for name in held if not name.startswith(("course_lib/", "course_lib-"))}, "it litters"
    assert wheel.stat().st_size < LARGEST
    for page in ("README.md", "Makefile"):
        (printed,) = re.findall(r"whl\W+about (\d+) MB", (ROOT / page).read_text(encoding="utf-8"))
        assert wheel.stat().st_size / 1e6 == pytest.approx(float(printed), rel=0.12), f"{page} prints another size"


def test_an_archive_of_the_source_makes_the_same_wheel(source: Path) -> None:
    """`python -m build` makes the wheel from the archive of the source, which must hold what the wheel carries."""
    listed = set((source / "course_lib.egg-info" / "SOURCES.txt").read_text().split("\n"))
    wanted = course_files("data", "course_lib") | {"notebooks/contents.yaml", "setup.py", "pyproject.toml"}
    assert wanted <= listed, sorted(wanted - listed)[:5]


READS = """
import course_lib
from pathlib import Path
from course_lib.contents import load_contents
from course_lib.training import load_checkpoint, load_config
from course_lib.training.checkpoints import code_version
from course_lib.worlds import carracing, coinrun
from course_lib.worlds.films import cache_folder
from course_lib.worlds.oracle import reference_returns
print(Path(course_lib.__file__).parts[-3])
print(len(load_contents().notebooks))
print(load_config("vae", "tiny").train.steps > 0)
print(type(load_checkpoint("i_jepa")).__name__)
print(code_version()["commit"])
print(cache_folder())
print(reference_returns()["episodes"] > 0)
print([(folder / "test.npz").is_file() for folder in (carracing.FOLDER, coinrun.FOLDER)])
"""


def test_the_installed_course_reads_what_a_clone_reads(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "-c", CLOSED + READS, home=tmp_path)
    assert done.returncode == 0, done.stderr
    contents = yaml.safe_load(places.CONTENTS.read_text(encoding="utf-8"))
    lines = done.stdout.splitlines()
    assert lines[:5] == ["site-packages", str(len(contents["notebooks"])), "True", "IJEPA", "unknown"]
    assert Path(lines[5]).is_relative_to(tmp_path), "films are kept in the user's own folder, not beside the library"
    assert lines[6:] == ["True", "[True, True]"]


def test_the_installed_course_has_its_command_line(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "-m", "course_lib", "params", "vae", "--size", "tiny", home=tmp_path)
    assert done.returncode == 0 and "vae" in done.stdout, done.stderr


def test_a_checkpoint_that_was_lost_names_the_way_out(installed: Path, tmp_path: Path) -> None:
    (weights,) = installed.parents[1].rglob("carried/data/checkpoints/mae/*-cpu.safetensors")
    content = weights.read_bytes()
    weights.unlink()
    code = "from course_lib.training import load_checkpoint; load_checkpoint('mae')"
    try:
        done = run(installed, "-c", code, home=tmp_path)
    finally:
        weights.write_bytes(content)
    assert done.returncode != 0 and "--force-reinstall" in done.stderr and "git" not in done.stderr.splitlines()[-1]
    assert "python -m course_lib train mae --size cpu" in done.stderr


def test_a_clone_reads_its_own_files() -> None:
    assert places.CLONED and places.ROOT == ROOT and places.DATA == ROOT / "data"


def test_the_version_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert course_lib.__version__ == PROJECT["version"] == str(citation["version"])
