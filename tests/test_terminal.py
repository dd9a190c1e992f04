"""What is printed survives a terminal whose encoding lacks the sign."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.imports import ROOT

# A command that prints what the exam's tables print, called the two ways: as the course does, and without its guard.
PRINTS = """
import sys
from course_lib import __main__ as course

@course.app.command()
def signs():
    print("bar \\u2265 3.0, 世界模型")
    print("\\u2264", file=sys.stderr)

sys.argv = ["course", "signs"]
"""


def run(code: str, encoding: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", PRINTS + code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, encoding="latin-1")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252:strict"])
def test_a_sign_that_the_terminal_lacks_is_printed_as_its_code(encoding: str) -> None:
    done = run("course.main()", encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == r"bar \u2265 3.0, \u4e16\u754c\u6a21\u578b" and r"\u2264" in done.stderr
    assert "UnicodeEncodeError" in run("course.app()", encoding).stderr, "without the guard it would have ended"


def test_a_terminal_that_has_the_sign_shows_it() -> None:
    done = run("course.main()", "utf-8")
    assert done.stdout.encode("latin-1").decode("utf-8").strip() == "bar ≥ 3.0, 世界模型"


@pytest.mark.parametrize("tool", [["-m", "tools.navigation", "--check"], ["tools/notebooks.py", "check", "99"]])
def test_the_tools_print_a_folder_with_any_name(tool: list[str], tmp_path) -> None:
    folder = tmp_path / "世界"
    (folder / "py").mkdir(parents=True)
    (folder / "contents.yaml").write_text("reference: {cores: 1, gflops: 1}\nparts: []\nnotebooks: []\n")
    (folder / "claims.md").write_text("")
    at = len(tool) if tool[0] == "-m" else 1
    command = [sys.executable, *tool[:at], "--folder", str(folder), *tool[at:]]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "UnicodeEncodeError" not in done.stderr, done.stderr
