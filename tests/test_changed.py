"""What a change touches is found by imports, by names and by folders, the nearest first; limits of time and memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT
from tools import changed

FILES = {
    "course_lib/__init__.py": "",
    "course_lib/low.py": "X = 1",
    "course_lib/show/__init__.py": "from course_lib.show.films import gif",
    "course_lib/show/films.py": "def gif(): ...",
    "course_lib/show/paint.py": "SCRIPT = 'paint.js'",
    "course_lib/show/paint.js": "1",
    "course_lib/middle.py": "from course_lib.low import X",
    "course_lib/recipes/__init__.py": "",
    "course_lib/recipes/vae.py": "from course_lib import low",
    "course_lib/registry.py": "import importlib\nget = lambda n: importlib.import_module(f'course_lib.recipes.{n}')",
    "course_lib/configs/vae/tiny.yaml": "x: 1",
    "conftest.py": "",
    "tools/tool.py": "from course_lib import middle",
    "tests/help.py": "from . import nothing",
    "tests/test_low.py": "from course_lib.low import X",
    "tests/test_middle.py": "from course_lib import middle",
    "tests/test_tool.py": "from tools.tool import middle",
    "tests/test_show.py": "from course_lib import show\nfrom tests import help",
    "tests/test_paint.py": "import course_lib.show.paint",
    "tests/test_recipes.py": "from course_lib.registry import get\nget('vae')",
    "tests/test_all.py": "for file in walk('course_lib'): ...",
    "tests/test_alone.py": "import os",
    "notebooks/contents.yaml": "notebooks: [{stem: 00_a, seconds: 30}, {stem: 01_b, seconds: null}]",
    "notebooks/py/00_a.py": "%magic\nfrom course_lib import show",
    "notebooks/00_a.ipynb": "{}",
    "notebooks/py/01_b.py": "from course_lib import middle",
    "notebooks/01_b.ipynb": "{}",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "tests"),
    [
        ("tests/test_alone.py", {"test_alone.py": 0}),
        ("tests/help.py", {"test_show.py": 1}),
        ("course_lib/middle.py", {"test_middle.py": 1, "01_b.ipynb": 1, "test_tool.py": 2, "test_all.py": 2}),
        # What a package hands on is as near as the package.
        ("course_lib/show/films.py", {"test_show.py": 1, "00_a.ipynb": 1, "test_paint.py": 1, "test_all.py": 2}),
        # No Python: by the script's name, by the nearest folder that somebody names.
        ("course_lib/show/paint.js", {"test_paint.py": 2, "test_all.py": 2}),
        ("course_lib/configs/vae/tiny.yaml", {"test_recipes.py": 1, "test_all.py": 2}),
        # A module that is loaded by its name.
        ("course_lib/recipes/vae.py", {"test_recipes.py": 2, "test_all.py": 2}),
        # One that is gone, but still imported.
        ("course_lib/nothing.py", {"test_all.py": 2}),
        ("tests/nothing.py", {"test_show.py": 2}),
        ("notebooks/py/01_b.py", {"01_b.ipynb": 0}),
        ("README.md", {}),
    ],
)
def test_what_a_change_touches(change: str, tests: dict[str, int], tree: Path) -> None:
    found = changed.touched([change], tree)
    assert {os.path.basename(test.test): test.distance for test in found} == tests
    assert [test.distance for test in found] == sorted(tests.values()), "the nearest come first"
    assert all(test.chain[0] == change and test.chain[-1] == test.test for test in found)


def test_a_low_file_reaches_everybody_above_it_and_nobody_else(tree: Path) -> None:
    found = {os.path.basename(test.test) for test in changed.touched(["course_lib/low.py"], tree)}
    above = {"test_low.py", "test_middle.py", "test_tool.py", "test_recipes.py", "test_all.py", "01_b.ipynb"}
    assert found == above


def test_the_reason_is_the_chain_of_imports(tree: Path) -> None:
    (tool,) = (t for t in changed.touched(["course_lib/low.py"], tree) if t.test == "tests/test_tool.py")
    assert tool.why == "uses tools/tool.py, which uses course_lib/middle.py, which uses course_lib/low.py"
    (itself,) = changed.touched(["tests/test_alone.py"], tree)
    assert itself.why == "changed"


def test_the_budget_takes_the_nearest_and_names_what_is_left_out(tree: Path) -> None:
    (tree / ".cache").mkdir()
    (tree / ".cache" / "test-seconds.json").write_text(
        '{"tests/test_middle.py::a": 30.0, "tests/test_middle.py::b": 20, "tests/test_tool.py::c": 20}'
    )
    tests = changed.touched(["course_lib/middle.py"], tree)
    assert {test.test: test.seconds for test in tests}["tests/test_middle.py"] == 50
    chosen, left = changed.within(tests, minutes=1.2)
    assert {t.test for t in chosen} == {"tests/test_middle.py", "notebooks/01_b.ipynb"}
    said = changed.report("main", ["course_lib/middle.py"], chosen, left)
    assert any("left out" in line and "tests/test_tool.py" in line and "make test" in line for line in said)
    assert any("every test" in line for line in changed.report("main", ["conftest.py"], [], []))
    changed_itself = changed.touched(["tests/test_middle.py"], tree)
    assert changed.within(changed_itself, minutes=0) == (changed_itself, []), "what itself changed always runs"


def git(*words: str, at: Path) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    name = ["-c", "user.name=Course", "-c", "user.email=course@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *words], cwd=at, env=environment, capture_output=True, check=True, timeout=60)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")
def test_what_changed_is_what_differs_from_main(tree: Path) -> None:
    with pytest.raises(changed.ChangedError, match="git"):
        changed.base_commit(tree)
    (tree / ".gitignore").write_text("ignored.py\n")
    git("init", "--initial-branch=main", at=tree)
    git("add", "--all", at=tree)
    git("commit", "--message=a", at=tree)
    assert changed.changed_files(changed.base_commit(tree)[0], tree) == []
    (tree / "course_lib" / "low.py").write_text("X = 2")
    (tree / "tests" / "test_new.py").write_text("")
    (tree / "ignored.py").write_text("")
    assert changed.changed_files(changed.base_commit(tree)[0], tree) == ["course_lib/low.py", "tests/test_new.py"]
    git("switch", "--create", "chapter", at=tree)
    git("add", "--all", at=tree)
    git("commit", "--message=b", at=tree)
    (tree / "course_lib" / "middle.py").unlink()
    base, words = changed.base_commit(tree)
    assert "main" in words
    assert changed.changed_files(base, tree) == ["course_lib/low.py", "course_lib/middle.py", "tests/test_new.py"]
    found = {test.test for test in changed.touched(["course_lib/middle.py"], tree)}
    assert {"tests/test_middle.py", "notebooks/01_b.ipynb"} <= found, "a file that is gone touches those who import it"


def test_the_courses_own_graph_reaches_what_it_must() -> None:
    """Real files, each with a test or notebook that a change of it must not miss."""
    for change, test in (
        ("course_lib/show/canvas.js", "tests/test_canvas.py"),
        ("course_lib/show/films.py", "tests/test_export.py"),
        ("course_lib/models/vae.py", "notebooks/02_seeing.ipynb"),
        ("course_lib/configs/vae/tiny.yaml", "tests/test_cli.py"),
        ("tools/copy_notebooks.py", "tests/browser/test_copy.py"),
        ("notebooks/claims.md", "tests/test_claims.py"),
        ("Makefile", "tests/test_environment.py"),
    ):
        assert test in {found.test for found in changed.touched([change])}, f"{change} touches {test}"


def test_the_command_says_what_it_would_run() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    command = [sys.executable, "-m", "tools.changed", "HEAD", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "files changed since HEAD" in done.stdout, done.stderr
    done = subprocess.run([*command[:-2], "no-such-commit"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "no-such-commit" in done.stderr and "Traceback" not in done.stderr
