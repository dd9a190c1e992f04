"""The cell at the top of a notebook: silent where the course is, and on a hosted service it brings the course there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.imports import ROOT
from tests.test_notebooks import code_lines
from tools import hosted
from tools import notebooks as machine

# Notebooks that were being written anew when the cell came; `make hosted` gives it to them. This list only shrinks.
HAVE_IT = machine.pairs()
KAGGLE = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}
NO_PIP = "import subprocess\ndef run(*words, **more): raise AssertionError(words)\nsubprocess.run = run\n"


@pytest.mark.parametrize("pair", HAVE_IT, ids=[pair.name for pair in HAVE_IT])
def test_every_notebook_begins_with_the_cell_that_the_tool_writes(pair: machine.Pair) -> None:
    assert hosted.renew(pair, hosted.cell_code(hosted.published_address()), check=True) == []


# ------------------------------------------------------------------------------------------------ what the cell does


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment without the course, as a hosted service has it; it has all other packages."""
    folder = tmp_path_factory.mktemp("service")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    (site,) = folder.glob("Lib/site-packages" if os.name == "nt" else "lib/*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run_cell(
    python: Path | str, address: str, before: str = "", after: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """The cell in a new process. address: what stands in it; variables: of the environment, beside today's."""
    strange = {"PYTHONPATH", "COURSE_ADDRESS", "KAGGLE_KERNEL_RUN_TYPE", "COURSE_CACHE"}
    environment = {name: value for name, value in os.environ.items() if name not in strange} | variables
    code = "\n".join([before, hosted.cell_code(address), after])
    call = [python, "-P", "-c", code]
    return subprocess.run(call, env=environment, capture_output=True, text=True, timeout=200)


COLAB = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"


def test_it_is_silent_where_the_course_is_and_where_no_service_is(bare: Path) -> None:
    """In a clone it does nothing even on a service; without the course and without a service it leaves that alone."""
    for python, before, variables in (
        (sys.executable, NO_PIP, {"PYTHONPATH": str(ROOT)}),
        (sys.executable, NO_PIP, {"PYTHONPATH": str(ROOT), **KAGGLE}),
        (sys.executable, NO_PIP + COLAB, {"PYTHONPATH": str(ROOT), "COURSE_ADDRESS": "git+https://example.org/x"}),
        (bare, NO_PIP, {}),
    ):
        done = run_cell(python, "git+https://example.org/course@v1", before, **variables)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("before", "variables"), [(COLAB, {}), ("", KAGGLE)], ids=["Colab", "Kaggle"])
def test_on_a_service_pip_is_asked_for_the_address_in_the_cell(bare: Path, before: str, variables: dict) -> None:
    spy = "import subprocess\nsubprocess.run = lambda words, check: print(*words[1:])\n"
    done = run_cell(bare, "git+https://example.org/course@v1", before + spy, **variables)
    assert done.stdout == "-m pip install --quiet git+https://example.org/course@v1\n", done.stderr
    done = run_cell(bare, "git+https://example.org/course@v1", spy, COURSE_ADDRESS="https://example.org/fork.whl")
    assert done.stdout.split()[-1] == "https://example.org/fork.whl", "the reader's own address wins"


def test_without_an_address_it_says_what_to_set(bare: Path) -> None:
    done = run_cell(bare, "", NO_PIP, **KAGGLE)
    assert done.returncode != 0 and "%env COURSE_ADDRESS=" in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A public address in small: a git repository with the course at its tag, of the data one file of each kind."""
    folder = tmp_path_factory.mktemp("repository")
    names = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "LICENSE-text", "notebooks/contents.yaml"]
    names += ["data/README.md", "data/playground/returns.json", "data/coinrun/test.npz"]
    names += ["data/playground/room_pictures.png"]
    names += [f"data/checkpoints/mae/{path.name}" for path in (ROOT / "data/checkpoints/mae").glob("*-cpu.*")]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "course"], ["tag", "v0.1.0"]):
        subprocess.run([*git, *words], check=True, capture_output=True, timeout=60)
    return f"git+{folder.as_uri()}@v0.1.0"


def test_on_a_service_it_brings_the_course_and_the_notebook_goes_on(bare: Path, repository: str) -> None:
    """The whole way in one process: no course, the cell, then the notebook's own imports and a checkpoint."""
    if shutil.which("git") is None:
        pytest.skip("there is no git on this machine")
    goes_on = (
        "from course_lib import places, show\nfrom course_lib.training import load_checkpoint, load_config\n"
        "print(places.CLONED, load_config('mae', 'tiny').train.steps > 0, type(load_checkpoint('mae')).__name__)"
    )
    # No network here: the packages are there already, and so is setuptools.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_COMPILE": "1"}
    offline |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    done = run_cell(bare, repository, COLAB, goes_on, **offline)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False True MAE"
    again = run_cell(bare, repository, COLAB + NO_PIP)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", ""), "the second run is silent"


# ------------------------------------------------------------------------------------------------ where it is written


def test_the_address_comes_from_the_citation_at_the_version_of_the_course(tmp_path: Path) -> None:
    citation = tmp_path / "CITATION.cff"
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("repository-code"))
    citation.write_text(plain, encoding="utf-8")
    assert hosted.published_address(citation) == ""
    citation.write_text(plain + "\nrepository-code: https://example.org/course\n", encoding="utf-8")
    assert hosted.published_address(citation) == "git+https://example.org/course@v0.1.0"


@pytest.mark.parametrize("address", ['x"; print("y', "a b", "$(touch y)", "x\ny"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(machine.NotebookError, match="repository-code"):
        hosted.cell_code(address)


def test_the_cell_is_short_and_plain_python() -> None:
    code = hosted.cell_code("git+https://example.org/course@v1")
    compile(code, "cell", "exec")
    assert code_lines(code) <= 12 and max(map(len, code.splitlines())) <= 120


def test_the_tool_changes_one_cell_and_counts_and_does_so_once(tmp_path: Path) -> None:
    first = machine.pairs()[0]
    (tmp_path / "py").mkdir()
    pair = machine.Pair(first.name, tmp_path / "py" / first.twin.name, tmp_path / first.notebook.name)
    shutil.copy(first.twin, pair.twin)
    shutil.copy(first.notebook, pair.notebook)
    assert hosted.main(["--folder", str(tmp_path)]) == 0
    before = machine.read_notebook(pair.notebook)
    assert hosted.renew(pair, hosted.cell_code("git+https://example.org/other@v2")) == [f"py/{first.name}.py",
                                                                                    f"{first.name}.ipynb"]  # fmt: skip
    assert machine.check_pair(pair) == [] and hosted.main(["--folder", str(tmp_path), "--check"]) == 1
    after = machine.read_notebook(pair.notebook)
    assert "https://example.org/other@v2" in after.cells[0].source and after.cells[0].outputs == []
    assert after.cells[1:] == before.cells[1:] and len(after.cells) == len(before.cells)
    counts = [cell.execution_count for cell in after.cells if cell.cell_type == "code" and cell.source]
    assert counts == list(range(1, len(counts) + 1))
    content = pair.notebook.read_bytes(), pair.twin.read_bytes()
    assert hosted.renew(pair, hosted.cell_code("git+https://example.org/other@v2")) == []
    assert content == (pair.notebook.read_bytes(), pair.twin.read_bytes())
    machine.build(pair, run_it=False)
    assert machine.read_notebook(pair.notebook).cells == after.cells, "a build of the twin gives the same cells"
