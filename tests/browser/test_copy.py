"""Reading changes nothing that git tracks, and an update loses nothing: neither the reader's work nor the course's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from tests.browser.lab import REPOSITORY, Lab
from tools import copy_notebooks

FIRST = "00_start_here.ipynb"


def git(*words: str, at: Path) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    name = ["-c", "user.name=Course", "-c", "user.email=course@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *name, *words], cwd=at, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(path: Path, *sources: str) -> None:
    """A small notebook that has been run, as the course stores them."""
    cells = [nbformat.v4.new_markdown_cell("# Start here\n\nThe claim: [C01](claims.md#c01)", id="text")]
    for number, source in enumerate(sources, start=1):
        output = nbformat.v4.new_output("stream", text="stored\n")
        cells.append(nbformat.v4.new_code_cell(source, execution_count=number, outputs=[output], id=f"code-{number}"))
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def printed(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")
def test_a_course_that_is_read_in_the_browser_stays_clean_and_can_be_updated(lab: Lab, tmp_path: Path) -> None:
    """The course's author and its reader, with a small notebook in the place of 00.

    The reader opens the copy, runs all of it and saves: git sees nothing. The author changes the notebook and adds a
    chapter: the pull goes through, the reader's outputs are there, the new text and the new chapter are there.
    """
    author = tmp_path / "author"
    (author / "notebooks").mkdir(parents=True)
    shutil.copy(REPOSITORY / ".gitignore", author)
    write(author / "notebooks" / FIRST, "print('run by', 'the reader')")
    (author / "notebooks" / "claims.md").write_text('<a id="c01"></a>a claim\n')
    git("init", "--initial-branch=main", at=author)
    git("add", "--all", at=author)
    git("commit", "--message=The first notebook", at=author)
    reader = lab.server.folder / "reader"
    git("clone", "--quiet", str(author), str(reader), at=tmp_path)

    course, copy = reader / "notebooks", reader / "my_notebooks"
    tracked = (course / FIRST).read_bytes()
    copy_notebooks.update(course, copy)
    lab.open(f"reader/my_notebooks/{FIRST}")
    lab.run_all()
    lab.save()
    assert printed(copy / FIRST) == "run by the reader\n"
    assert (course / FIRST).read_bytes() == tracked and git("status", "--porcelain", at=reader) == ""

    write(author / "notebooks" / FIRST, "print('changed by', 'the author')")
    write(author / "notebooks" / "01_next.ipynb", "print('a new chapter')")
    git("add", "--all", at=author)
    git("commit", "--message=A new chapter, and the first one changed", at=author)
    git("pull", "--ff-only", "--quiet", at=reader)
    news = copy_notebooks.news(course, copy)
    assert any("00_start_here" in line and "run by you" in line and "kept" in line for line in news), news
    copy_notebooks.update(course, copy)
    assert printed(copy / FIRST) == "run by the reader\n", "what the reader did is kept"
    assert "changed by" in (course / FIRST).read_text("utf-8")
    assert "a new chapter" in (copy / "01_next.ipynb").read_text("utf-8")
    assert git("status", "--porcelain", at=reader) == ""

    (line,) = copy_notebooks.reset(["00"], course, copy)
    assert (copy / FIRST).read_bytes() == (course / FIRST).read_bytes()
    assert printed(copy / line.split("my_notebooks/")[1]) == "run by the reader\n"
