"""The reader's copy of the notebooks: made once, kept over updates, and never a line of the reader's lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT
from tests.test_navigation import dead
from tools import copy_notebooks as tool

NAMES = ["00_first", "01_second", "02_third"]


def notebook(*sources: str, outputs: int = 0) -> bytes:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": [s], "execution_count": outputs or None, "outputs": [outputs]}
        for s in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tmp_path / "course" / "notebooks"
    (folder / "pictures").mkdir(parents=True)
    (folder / "py").mkdir()
    for name in NAMES:
        (folder / f"{name}.ipynb").write_bytes(notebook(name, "1 + 1"))
        (folder / "py" / f"{name}.py").write_text("1 + 1")
    (folder / "claims.md").write_text("claims")
    (folder / "contents.yaml").write_text("notebooks: []")
    (folder / "pictures" / "film.gif").write_bytes(b"GIF")
    return folder


@pytest.fixture
def copy(course: Path) -> Path:
    """A copy that has been made."""
    folder = course.parent / "my_notebooks"
    assert any("my_notebooks" in line for line in tool.update(course, folder))
    return folder


def states(course: Path, copy: Path) -> dict[str, str]:
    return {file.name: file.state for file in tool.compare(course, copy)}


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# ------------------------------------------------------------------------------------------------- making and keeping


def test_the_copy_holds_what_a_reader_opens_and_the_course_is_untouched(course: Path) -> None:
    before, copy = everything(course), course.parent / "mine"
    tool.update(course, copy)
    assert everything(course) == before
    held = everything(copy)
    held.pop(tool.RECORD)
    assert held == {name: data for name, data in before.items() if not name.startswith("py/") and name[-4:] != "yaml"}


def test_an_update_without_news_writes_nothing_and_says_nothing(course: Path, copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert tool.update(course, copy) == []
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


@pytest.mark.parametrize(
    ("upstream", "mine", "state", "kept"),
    [
        (None, None, tool.SAME, None),
        (notebook("new"), None, tool.COURSE_CHANGED, "upstream"),
        (None, notebook("my own"), tool.READER_CHANGED, "mine"),
        (None, notebook(NAMES[0], "1 + 1", outputs=3), tool.READER_CHANGED, "mine"),
        (notebook("new"), notebook("my own"), tool.BOTH_CHANGED, "mine"),
        (notebook("new"), notebook(NAMES[0], "1 + 1", outputs=3), tool.BOTH_CHANGED, "mine"),
        (notebook("new"), notebook("new"), tool.SAME, "mine"),
        (notebook("new"), b"no notebook any more", tool.BOTH_CHANGED, "mine"),
    ],
)
def test_what_the_reader_changed_is_kept_and_the_rest_is_renewed(
    upstream: bytes | None, mine: bytes | None, state: str, kept: str | None, course: Path, copy: Path
) -> None:
    name = f"{NAMES[0]}.ipynb"
    for folder, data in ((course, upstream), (copy, mine)):
        if data is not None:
            (folder / name).write_bytes(data)
    assert states(course, copy)[name] == state
    expected = {"upstream": upstream, "mine": mine, None: notebook(NAMES[0], "1 + 1")}[kept]
    for _ in range(2):
        tool.update(course, copy)
        assert (copy / name).read_bytes() == expected


def test_what_the_reader_changed_is_kept_over_many_updates(course: Path, copy: Path) -> None:
    name = f"{NAMES[1]}.ipynb"
    (copy / name).write_bytes(notebook("my own"))
    for number in range(3):
        (course / name).write_bytes(notebook(f"version {number}"))
        assert any(name in line and "kept" in line for line in tool.update(course, copy))
        assert (copy / name).read_bytes() == notebook("my own")


def test_a_new_chapter_and_a_deleted_copy_arrive_by_themselves(course: Path, copy: Path) -> None:
    (course / "03_new.ipynb").write_bytes(notebook("new"))
    (copy / "01_second.ipynb").unlink()
    said = tool.update(course, copy)
    assert [line.split()[0] for line in said] == ["01_second.ipynb", "03_new.ipynb"]
    assert set(states(course, copy).values()) == {tool.SAME}


def test_a_file_of_the_readers_own_is_never_written_over(course: Path, copy: Path) -> None:
    (copy / "03_new.ipynb").write_bytes(notebook("my own experiment"))
    (copy / "notes.md").write_text("mine")
    (course / "03_new.ipynb").write_bytes(notebook("new"))
    (line,) = tool.update(course, copy)
    assert "03_new.ipynb" in line and "make reset NB=03" in line
    assert (copy / "03_new.ipynb").read_bytes() == notebook("my own experiment")
    assert (copy / "notes.md").read_text() == "mine"


def test_a_notebook_that_left_the_course_stays_with_the_reader(course: Path, copy: Path) -> None:
    (course / "02_third.ipynb").unlink()
    tool.update(course, copy)
    assert (copy / "02_third.ipynb").exists()
    assert any("02_third.ipynb is no longer in the course" in line for line in tool.news(course, copy))


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": {"00_first.ipynb": 3}}', None])
def test_without_its_record_nothing_is_written_over(damage: str | None, course: Path, copy: Path) -> None:
    if damage is None:
        (copy / tool.RECORD).unlink()
    else:
        (copy / tool.RECORD).write_text(damage)
    (copy / "00_first.ipynb").write_bytes(notebook("my own"))
    (course / "01_second.ipynb").write_bytes(notebook("new"))
    tool.update(course, copy)
    assert (copy / "00_first.ipynb").read_bytes() == notebook("my own")
    assert (copy / "02_third.ipynb").read_bytes() == (course / "02_third.ipynb").read_bytes()


# --------------------------------------------------------------------------------------------------------------- news


def test_news_tells_all_four_apart_and_changes_nothing(course: Path, copy: Path) -> None:
    (course / "03_new.ipynb").write_bytes(notebook("new"))
    (course / "00_first.ipynb").write_bytes(notebook(NAMES[0], "2 + 2", "more"))
    (copy / "01_second.ipynb").write_bytes(notebook("mine", "1 + 1"))
    (course / "02_third.ipynb").write_bytes(notebook("upstream", "1 + 1"))
    (copy / "02_third.ipynb").write_bytes(notebook(NAMES[2], "1 + 1", outputs=1))
    before = everything(copy)
    said = tool.news(course, copy)
    assert everything(copy) == before
    for words in (
        ("03_new.ipynb", "is new", "make lab"),
        ("00_first.ipynb", "changed in the course in 2 cells", "you did not change yours"),
        ("01_second.ipynb", "changed by you in 1 cell", "kept"),
        ("02_third.ipynb", "changed in the course", "run by you", "make reset NB=02"),
        ("2 of 6 files",),
    ):
        assert any(all(word in line for word in words) for line in said), words


def test_news_before_the_first_copy_says_how_to_make_it(course: Path) -> None:
    (line,) = tool.news(course, course.parent / "mine")
    assert "make lab" in line


# -------------------------------------------------------------------------------------------------------------- reset


def test_reset_takes_one_notebook_and_keeps_the_readers_beside(course: Path, copy: Path) -> None:
    for name in NAMES:
        (copy / f"{name}.ipynb").write_bytes(notebook("mine", name))
    (line,) = tool.reset(["1"], course, copy)
    assert (copy / "01_second.ipynb").read_bytes() == (course / "01_second.ipynb").read_bytes()
    assert (copy / line.split("my_notebooks/")[1]).read_bytes() == notebook("mine", "01_second")
    assert (copy / "00_first.ipynb").read_bytes() == notebook("mine", "00_first")


def test_reset_takes_all_and_no_second_backup_replaces_the_first(course: Path, copy: Path) -> None:
    for number in range(3):
        (copy / "00_first.ipynb").write_bytes(notebook(f"mine {number}"))
        tool.reset([], course, copy)
        assert set(states(course, copy).values()) == {tool.SAME}
    kept = {path.read_bytes() for path in (copy / tool.BACKUPS).iterdir()}
    assert kept == {notebook(f"mine {number}") for number in range(3)}
    assert "Nothing to reset" in tool.reset([], course, copy)[0]


def test_reset_of_a_name_that_is_not_there_touches_nothing(course: Path, copy: Path) -> None:
    (copy / "00_first.ipynb").write_bytes(notebook("mine"))
    before = everything(copy)
    with pytest.raises(tool.CopyError, match="no notebook '7'.*00, 01, 02"):
        tool.reset(["0", "7"], course, copy)
    assert everything(copy) == before


# ------------------------------------------------------------------------------------------------------ damaged places


@pytest.mark.parametrize("number", range(12))
def test_a_full_disk_loses_nothing_and_the_next_update_goes_on(
    number: int, course: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at each file in turn, while a notebook is reset that the reader changed."""
    (copy / "00_first.ipynb").write_bytes(notebook("mine"))
    (course / "01_second.ipynb").write_bytes(notebook("new"))
    calls, fsync = [], os.fsync

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    try:
        tool.reset([], course, copy)
    except tool.CopyError as error:
        assert "No space left" in str(error) and "COURSE_NOTEBOOKS" in str(error)
    assert notebook("mine") in everything(copy).values()
    assert not [name for name in everything(copy) if name.endswith(".part")]
    monkeypatch.setattr(os, "fsync", fsync)
    tool.update(course, copy)
    assert (copy / "01_second.ipynb").read_bytes() == notebook("new")
    assert notebook("mine") in everything(copy).values()


def command(*words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "tools.copy_notebooks", *words]
    return subprocess.run(run, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "place", ["/dev/null/mine", __file__, str(ROOT), str(ROOT / "notebooks"), str(ROOT / "notebooks" / "mine")]
)
def test_a_place_that_cannot_be_is_refused_in_a_sentence(place: str) -> None:
    done = command("update", COURSE_NOTEBOOKS=place)
    assert done.returncode == 1 and place in done.stderr and "Traceback" not in done.stderr
    assert "COURSE_NOTEBOOKS" in done.stderr


# ------------------------------------------------------------------------------------------------- the course's own


def test_the_courses_own_copy_has_no_dead_link_and_follows_by_command(tmp_path: Path) -> None:
    mine = tmp_path / "somewhere else"
    done = command("update", COURSE_NOTEBOOKS=str(mine))
    assert done.returncode == 0 and str(mine) in done.stdout, done.stderr
    assert dead(mine) == []
    assert (mine / "pictures").is_dir() and (mine / "00_start_here.ipynb").exists() and not (mine / "py").exists()
    assert "as in the course" in command("news", COURSE_NOTEBOOKS=str(mine)).stdout
    (mine / "00_start_here.ipynb").write_bytes(notebook("mine"))
    assert "backups/" in command("reset", "00", COURSE_NOTEBOOKS=str(mine)).stdout
    assert "other" in command("news", COURSE_NOTEBOOKS=str(mine / "other")).stdout


def test_git_ignores_the_copy() -> None:
    lines = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert f"{tool.copy_folder().name}/" in lines
