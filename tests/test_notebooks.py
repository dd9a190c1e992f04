"""Every notebook keeps the course's rules, and the machine that makes notebooks does what it promises.

Running the notebooks is nbval's part: pytest collects `notebooks/*.ipynb` directly, each in a kernel of its own, and
`conftest.py` fails a cell that writes a warning.
"""

from __future__ import annotations

import ast
import base64
import functools
import io
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupytext.config import JUPYTEXT_CONFIG_FILES
from nbformat import NotebookNode
from PIL import Image

from course_lib import show
from course_lib.show.figure import FRAME, PAGE
from course_lib.show.films import HEAD
from tests.imports import ROOT
from tools import hosted, navigation
from tools import notebooks as machine

SECTIONS = (
    "Predict first",
    "Intuition",
    "Build",
    "Train live",
    "Look",
    "Play",
    "Break it",
    "Measure",
    "Exercises",
    "Which claim survives?",
)
MAY_LACK = {"00": set(SECTIONS), "01": {"Train live", "Look"}}
LONGEST_CODE_CELL = 12
TEXT_PER_CODE = 1.5

PAIRS = machine.pairs()
each_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
BUILT = [pair for pair in PAIRS if pair.notebook.exists()]
each_notebook = pytest.mark.parametrize("pair", BUILT, ids=[pair.name for pair in BUILT])


@functools.cache
def twin_of(pair: machine.Pair) -> NotebookNode:
    """The twin's cells, read once for all tests that only look at them."""
    return machine.read_twin(pair.twin)


def code_lines(source: str) -> int:
    """Lines of a cell that are neither blank nor comment nor docstring."""
    source = re.sub(r'("""|\'\'\')(?:.|\n)*?\1', "", source)
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in source.splitlines())


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def headings(notebook: NotebookNode) -> list[str]:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^## +(.*)$", text, re.MULTILINE)


def missing_sections(found: list[str], wanted: list[str]) -> list[str]:
    """Sections that no heading bears at its place in the order."""
    missing, rest = [], list(found)
    for section in wanted:
        at = next((i for i, heading in enumerate(rest) if section.lower() in heading.lower()), None)
        if at is None:
            missing.append(section)
        else:
            rest = rest[at + 1 :]
    return missing


# ------------------------------------------------------------------------------------------- each of the course's


@each_pair
def test_notebook_and_twin_are_one(pair: machine.Pair) -> None:
    assert machine.check_pair(pair) == []


@each_pair
def test_sections_stand_in_their_order(pair: machine.Pair) -> None:
    wanted = [section for section in SECTIONS if section not in MAY_LACK.get(pair.name[:2], set())]
    found = headings(twin_of(pair))
    assert missing_sections(found, wanted) == [], f"the headings are {found}"


@each_pair
def test_text_and_code_are_in_proportion(pair: machine.Pair) -> None:
    cells = [c for c in twin_of(pair).cells if not {navigation.TAG, hosted.TAG} & set(c.metadata.get("tags", []))]
    text = sum(cell.cell_type == "markdown" for cell in cells)
    code = sum(cell.cell_type == "code" for cell in cells)
    assert text >= TEXT_PER_CODE * code, f"{text} text cells for {code} code cells"


@each_pair
def test_code_cells_are_short(pair: machine.Pair) -> None:
    long = [
        f"{machine.cell_name(index, cell)} has {code_lines(cell.source)} lines"
        for index, cell in code_cells(twin_of(pair))
        if code_lines(cell.source) > LONGEST_CODE_CELL
    ]
    assert not long


SHOWN_BY_BEING_LAST = set(show.__all__) - {"FilmPlayer", "live", "probe", "use_style"}


def not_shown(source: str) -> list[str]:
    """Calls of course_lib.show whose value is thrown away, because something stands after them in the cell."""
    body = ast.parse(source).body
    calls = [n.value for n in body[:-1] if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
    names = [ast.unparse(call.func) for call in calls]
    return [name for name in names if name.removeprefix("show.") in SHOWN_BY_BEING_LAST]


@each_pair
def test_projected_code_fits_a_screen(pair: machine.Pair) -> None:
    """At 1280 x 720 a line of more than 140 signs is set in letters that the last row of a room cannot read."""
    for index, cell in code_cells(twin_of(pair)):
        if "lecture" in cell.metadata.get("tags", []):
            long = [line for line in cell.source.splitlines() if len(line) > 140]
            assert not long, f"{machine.cell_name(index, cell)}: {long[0]}"


def test_a_picture_that_is_thrown_away_is_found() -> None:
    assert not_shown("show.strips(x)\nassert y") == ["show.strips"]
    assert not_shown("a = 1\nshow.strips(x)") == [] and not_shown("display(show.grid(x))\nassert y") == []


@each_notebook
def test_no_cell_takes_a_name_that_exercises_need(pair: machine.Pair) -> None:
    """A cell that stores something as ``answer`` takes ``answer("...")`` away from every exercise below it."""
    needed, apart = {"answer", "exercise", "hint", "progress"}, (ast.FunctionDef, ast.Lambda, ast.comprehension)
    for index, cell in code_cells(twin_of(pair)):
        parts = list(ast.walk(ast.parse(cell.source)))
        inner = {id(name) for part in parts if isinstance(part, apart) for name in ast.walk(part)}
        names = [part for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
        bound = {name.id for name in names if id(name) not in inner}
        assert not bound & needed, f"cell {index} stores something as {sorted(bound & needed)}"


@each_pair
def test_whatever_is_to_be_shown_stands_last_in_its_cell(pair: machine.Pair) -> None:
    lost = {index: not_shown(cell.source) for index, cell in code_cells(twin_of(pair))}
    assert not {index: names for index, names in lost.items() if names}


@each_pair
def test_nothing_pairs_a_notebook_with_its_twin_but_the_tools(pair: machine.Pair) -> None:
    """Where metadata or a configuration pairs them, JupyterLab writes the twin when a reader saves the notebook."""
    twin = twin_of(pair)
    assert machine.pairing(twin, pair.name) == []
    assert twin.metadata.get("kernelspec", {}).get("name") == "python3"
    if pair.notebook.exists():
        assert machine.pairing(machine.read_notebook(pair.notebook), pair.name) == []


@pytest.mark.parametrize("folder", ["", "notebooks", "notebooks/py"])
def test_no_jupytext_configuration_pairs_notebooks(folder: str) -> None:
    """jupytext looks for its configuration in the notebook's folder and in those above it."""
    for name in JUPYTEXT_CONFIG_FILES:
        assert not (ROOT / folder / name).exists(), name
    assert "jupytext" not in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def test_a_pairing_is_found_and_named() -> None:
    notebook = nbformat.v4.new_notebook(metadata={"jupytext": {"formats": "ipynb,py//py:percent"}})
    (complaint,) = machine.pairing(notebook, "77_throw_away")
    assert "77_throw_away" in complaint and "tools/notebooks.py text 77" in complaint
    assert machine.pairing(nbformat.v4.new_notebook(), "77_throw_away") == []


def test_jupytext_leaves_the_twin_alone_when_a_notebook_is_saved(tmp_path: Path) -> None:
    """JupyterLab's way of saving, with jupytext's part in it: a notebook newer than its twin opens, and only it is
    written. The same notebook with `formats` in its metadata writes the twin, so the first half can fail."""
    pair = write_twin(tmp_path, TITLE, SUM)
    notebook = carried(pair)
    os.utime(pair.twin, (1, 1))
    twin = pair.twin.read_bytes()
    manager = jupytext.TextFileContentsManager(root_dir=str(tmp_path))
    for paired in (False, True):
        if paired:
            notebook.metadata["jupytext"] = {"formats": "ipynb,py//py:percent"}
            nbformat.write(notebook, pair.notebook)
            os.utime(pair.twin)
        model = manager.get(pair.notebook.name)
        manager.save({"type": "notebook", "content": model["content"]}, pair.notebook.name)
        assert (pair.twin.read_bytes() != twin or pair.twin.stat().st_mtime > 2) == paired


@each_notebook
def test_stored_outputs_are_fit_to_be_read(pair: machine.Pair) -> None:
    notebook = machine.read_notebook(pair.notebook)
    assert machine.output_problems(notebook) == []
    assert machine.size_problem(pair.notebook) == []
    assert "widgets" not in notebook.metadata
    assert any(cell.outputs for _, cell in code_cells(notebook)), "no outputs are stored; run `make notebooks`"


@each_notebook
def test_every_picture_survives_an_export(pair: machine.Pair) -> None:
    assert machine.lost_in_export(machine.read_notebook(pair.notebook)) == []


@each_notebook
def test_every_stored_picture_says_what_it_shows(pair: machine.Pair) -> None:
    """For who cannot see it: an alternative text that is more than the name of a class."""
    for index, cell in enumerate(machine.read_notebook(pair.notebook).cells):
        for output in cell.get("outputs", []):
            for mime in {"image/png", "image/gif"} & set(output.get("data", {})):
                alt = output.metadata.get(mime, {}).get("alt", "")
                assert len(alt.split()) >= 2 and not alt.startswith("<"), (machine.cell_name(index, cell), alt)


FRAMES = re.compile(r"(Film strip|Grid|Film of|\d+ frames of)")


def narrow_frames(notebook: NotebookNode) -> list[str]:
    """Stored strips, grids and films in which a frame is less than 96 dots wide, or the whole wider than the page.

    A strip and a grid store beside themselves how wide a frame of them is. A film's frame is square and as high as its
    picture, less the line of names where several play side by side.
    """
    found = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("text/plain", ""))
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if "image/png" not in output.get("data", {}) or not FRAMES.match(alt or text):
                continue
            with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as picture:
                whole, height, plays = *picture.size, getattr(picture, "n_frames", 1) > 1
            if plays:
                frame = height - (HEAD if alt.endswith("side by side") else 0)
            elif "course" in output.metadata:
                frame = output.metadata["course"]["frame"]
            else:  # pieces of frames, and strips of at most eight frames, which were always wide enough
                few = re.search(r"(\d+) (?:frames|pictures) of (\d+)x", alt)
                frame = FRAME if few and (int(few[1]) <= 8 or int(few[2]) < 32) else 0
            if frame < FRAME or whole > PAGE:
                found.append(f"{machine.cell_name(index, cell)}: frames of {frame:.0f} in {whole} dots: {alt}")
    return found


@each_notebook
def test_stored_frames_are_wide_enough_to_be_seen(pair: machine.Pair) -> None:
    assert narrow_frames(machine.read_notebook(pair.notebook)) == []


SLIDE_BOX = re.compile(r"^> .*[\u4e00-\u9fff]", re.MULTILINE)


@each_pair
def test_the_slide_under_examination_stands_in_a_box(pair: machine.Pair) -> None:
    """Its own words and our English, before the first section in every notebook that has sections."""
    texts = [cell.source for cell in twin_of(pair).cells if cell.cell_type == "markdown"]
    if pair.name[:2] != "00":
        texts = list(itertools.takewhile(lambda text: "## Predict first" not in text, texts))
    assert any(SLIDE_BOX.search(text) and re.search("[a-z]{4}", text) for text in texts)


@each_notebook
def test_the_notebook_was_run_from_top_to_bottom(pair: machine.Pair) -> None:
    counts = [cell.execution_count for _, cell in code_cells(machine.read_notebook(pair.notebook)) if cell.source]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_cell_ids_are_there_and_differ(pair: machine.Pair) -> None:
    ids = [cell.get("id") for cell in machine.read_notebook(pair.notebook).cells]
    assert all(ids) and len(set(ids)) == len(ids)


# ---------------------------------------------------------------------------------------- the rules' own yardsticks


def test_sections_out_of_order_or_absent_are_seen() -> None:
    full = [f"{number}. {section}: more" for number, section in enumerate(SECTIONS)]
    assert missing_sections(full, list(SECTIONS)) == []
    assert missing_sections([h for h in full if "Play" not in h], list(SECTIONS)) == ["Play"]
    assert missing_sections(full[::-1], list(SECTIONS)) != []


def test_code_lines_counts_code() -> None:
    assert code_lines('# a comment\n\ndef f(x):\n    """Two\n    lines."""\n    return x  # why\n') == 2


# --------------------------------------------------------------------------------------------------- the machine

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

"""

TITLE = '# %% [markdown] slideshow={"slide_type": "slide"} tags=["lecture"]\n# # A throw-away\n\n'
SUM = '# %% tags=["nbval-check-output"]\nprint(1 + 1)\n\n'
WIDGET = """\
# %% slideshow={"slide_type": "fragment"} tags=["lecture", "nbval-ignore-output"]
import ipywidgets
from IPython.display import Image, display
from PIL import Image as Picture
import io
file = io.BytesIO()
Picture.new("RGB", (8, 8), "red").save(file, "PNG")
display(ipywidgets.IntSlider(), Image(file.getvalue()))

"""
WHERE = '# %%\nimport os\nprint(os.path.basename(os.getcwd()), "OMP", os.environ["OMP_NUM_THREADS"])\n\n'


def write_twin(folder: Path, *cells: str, name: str = "77_throw_away") -> machine.Pair:
    (folder / "py").mkdir(parents=True, exist_ok=True)
    (folder / "py" / f"{name}.py").write_text(HEADER + "".join(cells))
    (pair,) = machine.pairs(folder, [name])
    return pair


def carried(pair: machine.Pair) -> NotebookNode:
    """The pair's notebook without running it, stored."""
    machine.build(pair, run_it=False)
    return machine.read_notebook(pair.notebook)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> machine.Pair:
    folder = tmp_path_factory.mktemp("a course") / "notebooks"
    pair = write_twin(folder, TITLE, SUM, WIDGET, WHERE)
    run = machine.build(pair)
    assert run.problems == [] and run.cells == 3
    assert run.seconds > 0 and run.peak_bytes > 20e6, "a Python kernel takes more than 20 MB"
    return pair


def test_build_stores_outputs_counts_and_pictures(built: machine.Pair) -> None:
    title, total, widget, where = machine.read_notebook(built.notebook).cells
    assert [cell.execution_count for cell in (total, widget, where)] == [1, 2, 3]
    assert total.outputs[0].text == "2\n"
    assert where.outputs[0].text == f"notebooks OMP {machine.READER_THREADS}\n"
    assert title.metadata.slideshow.slide_type == "slide" and title.metadata.tags == ["lecture"]


def test_a_widget_cell_stores_one_still_picture_and_no_view(built: machine.Pair) -> None:
    notebook = machine.read_notebook(built.notebook)
    data = [output.data for output in notebook.cells[2].outputs]
    assert [sorted(d) for d in data] == [["image/png", "text/plain"]]
    assert "widget-view" not in built.notebook.read_text() and "widgets" not in notebook.metadata


def test_no_time_and_no_version_of_this_machine_is_stored(built: machine.Pair) -> None:
    notebook = machine.read_notebook(built.notebook)
    assert all("execution" not in cell.metadata for cell in notebook.cells)
    assert "version" not in notebook.metadata.language_info


def test_building_again_changes_nothing(built: machine.Pair) -> None:
    before = built.notebook.read_text()
    machine.build(built, run_it=False)
    kept = machine.read_notebook(built.notebook)
    original = nbformat.reads(before, as_version=4)
    assert [cell.id for cell in kept.cells] == [cell.id for cell in original.cells]
    assert [cell.get("outputs") for cell in kept.cells] == [cell.get("outputs") for cell in original.cells]


def test_check_finds_nothing_in_a_fresh_pair(built: machine.Pair) -> None:
    assert machine.check_pair(built) == []
    assert machine.main(["--folder", str(built.notebook.parent), "check"]) == 0


def test_ids_outputs_and_order_survive_an_edit(tmp_path: Path) -> None:
    pair = write_twin(tmp_path, TITLE, SUM, WHERE)
    notebook = carried(pair)
    ids = [cell.id for cell in notebook.cells]
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="2\n")]
    notebook.cells[1].execution_count = 1
    nbformat.write(notebook, pair.notebook)

    write_twin(tmp_path, TITLE, "# %% [markdown]\n# A cell between.\n\n", SUM, WHERE.replace("OMP", "omp", 1))
    after = carried(pair)
    assert [after.cells[i].id for i in (0, 2, 3)] == ids, "known cells keep their ids, a rewritten one too"
    assert after.cells[1].id not in ids
    assert after.cells[2].outputs[0].text == "2\n" and after.cells[3].outputs == []


def test_carrying_text_keeps_outputs_counts_and_ids(built: machine.Pair, tmp_path: Path) -> None:
    pair = write_twin(tmp_path, TITLE, SUM, WIDGET, WHERE)
    shutil.copy(built.notebook, pair.notebook)
    before = machine.read_notebook(pair.notebook)
    before.metadata["jupytext"] = {"formats": "ipynb,py//py:percent"}
    nbformat.write(before, pair.notebook)

    between = "# %% [markdown]\n# A cell between.\n\n"
    write_twin(tmp_path, TITLE.replace("throw-away", "moved"), between, SUM, WIDGET, WHERE, between)
    assert machine.main(["--folder", str(tmp_path), "text"]) == 0
    after = machine.read_notebook(pair.notebook)
    assert machine.check_pair(pair) == [] and after.cells[0].source == "# A moved"
    kept = ("id", "source", "execution_count", "outputs")
    was, now = ([{k: c[k] for k in kept} for c in n.cells if c.cell_type == "code"] for n in (before, after))
    assert was == now
    assert after.cells[0].id == before.cells[0].id and len({cell.id for cell in after.cells}) == 6
    assert after.metadata == {key: value for key, value in before.metadata.items() if key != "jupytext"}

    stored = pair.notebook.read_bytes()
    assert not machine.carry_text(pair) and pair.notebook.read_bytes() == stored, "nothing to carry, nothing written"


@pytest.mark.parametrize(
    "cells",
    [(TITLE, SUM.replace("1 + 1", "1 + 2"), WHERE), (TITLE, SUM), (TITLE, SUM, WHERE, SUM), (TITLE, WHERE, SUM)],
    ids=["changed", "removed", "added", "moved"],
)
def test_carrying_text_refuses_code(cells: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = write_twin(tmp_path, TITLE, SUM, WHERE)
    carried(pair)
    stored = pair.notebook.read_bytes()
    write_twin(tmp_path, *cells)
    assert machine.main(["--folder", str(tmp_path), "text", "77"]) == 1
    assert "make notebooks NB=77" in capsys.readouterr().err
    assert pair.notebook.read_bytes() == stored


def test_ids_do_not_depend_on_the_run(tmp_path: Path) -> None:
    first = carried(write_twin(tmp_path / "one", TITLE, SUM, SUM))
    second = carried(write_twin(tmp_path / "two", TITLE, SUM, SUM))
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert len(set(ids)) == 3, "two cells with the same text have different ids"


def test_tags_and_slides_survive_both_ways(tmp_path: Path) -> None:
    pair = write_twin(tmp_path, TITLE, SUM, WIDGET, WHERE)
    notebook = carried(pair)
    back = jupytext.reads(jupytext.writes(notebook, fmt="py:percent"), fmt="py:percent")
    assert machine.differences(back, notebook) == []
    assert back.cells[0].metadata.slideshow.slide_type == "slide"
    assert back.cells[2].metadata.tags == ["lecture", "nbval-ignore-output"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("1 + 1", "1 + 2"), r"cell 2 \(code\).*line 1 is 'print\(1 \+ 2\)'"),
        (lambda text: text.replace("A throw-away", "Another"), r"cell 1 \(markdown\)"),
        (lambda text: text.replace('"nbval-check-output"', '"optional"'), r"cell 2 \(code\).*tags"),
        (lambda text: text.replace('{"slide_type": "slide"}', '{"slide_type": "skip"}'), r"cell 1.*slideshow"),
        (lambda text: text + "# %%\nprint('more')\n", r"cell 4 \(code\).*twin only"),
        (lambda text: text[: text.rindex("# %%")], r"cell 3 \(code\).*notebook only"),
        (lambda text: text.replace("# %% tags", "# %% [raw] tags"), r"cell 2 \(raw\).*is code in the notebook"),
    ],
)
def test_check_names_the_cell_that_differs(change, told: str, tmp_path: Path, capsys) -> None:
    pair = write_twin(tmp_path, TITLE, SUM, WHERE)
    carried(pair)
    pair.twin.write_text(change(pair.twin.read_text()))
    assert machine.main(["--folder", str(tmp_path), "check"]) == 1
    assert re.search("77_throw_away: " + told, capsys.readouterr().out)


def test_an_edit_of_the_twin_wins_over_a_newer_notebook(tmp_path: Path) -> None:
    """The trap of `jupytext --sync`, where the newest file wins."""
    pair = write_twin(tmp_path, TITLE, SUM)
    carried(pair)
    write_twin(tmp_path, TITLE, SUM.replace("1 + 1", "2 + 2"))
    pair.notebook.touch()
    twin = pair.twin.read_text()
    assert carried(pair).cells[1].source == "print(2 + 2)"
    assert pair.twin.read_text() == twin


def test_a_missing_half_is_named(tmp_path: Path) -> None:
    pair = write_twin(tmp_path, TITLE)
    assert "no notebook yet" in machine.check_pair(pair)[0]
    carried(pair)
    pair.twin.unlink()
    assert "no twin" in machine.check_pair(pair)[0]
    with pytest.raises(machine.NotebookError, match="no notebook '42'.*77_throw_away"):
        machine.pairs(tmp_path, ["42"])


def picture_output(size: int) -> NotebookNode:
    return nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(bytes(size)).decode()})


def test_oversized_pictures_and_notebooks_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = write_twin(tmp_path, TITLE, SUM)
    notebook = carried(pair)
    notebook.cells[1].outputs = [picture_output(machine.PICTURE_BYTES)]
    assert machine.output_problems(notebook) == []
    notebook.cells[1].outputs = [picture_output(machine.PICTURE_BYTES + 1)]
    (problem,) = machine.output_problems(notebook)
    assert problem.startswith("cell 2 (code): print(1 + 1) stores 150 KB of image/png")

    before = pair.notebook.read_text()
    monkeypatch.setattr(machine, "NOTEBOOK_BYTES", 100)
    with pytest.raises(machine.NotebookError, match="the limit is"):
        machine.build(pair, run_it=False)
    assert pair.notebook.read_text() == before, "a refused notebook is not written"


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("import warnings\nwarnings.warn('mind the gap')", r"cell 3.*error stream.*\n?.*mind the gap"),
        ("1 / 0", r"cell 3.*failed(.|\n)*ZeroDivisionError"),
        ("import ipywidgets\nipywidgets.IntSlider()", r"cell 3.*no still picture"),
        ("from IPython.display import Image\nImage(b'GIF89a', format='gif')", r"cell 3.*image/gif alone.*exported"),
        ("import os\nos._exit(1)", r"cell 3.*failed(.|\n)*[Dd]ied"),
        ("import time\ntime.sleep(60)", r"cell 3.*took more than 3 s"),
    ],
    ids=["warning", "error", "bare widget", "film lost in export", "dead kernel", "too slow"],
)
def test_what_goes_wrong_in_a_cell_is_told_with_its_name(
    cell: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = write_twin(tmp_path, TITLE, SUM, f"# %%\n{cell}\n")
    if "sleep" in cell:
        monkeypatch.setattr(machine, "CELL_TIMEOUT", 3)
    with pytest.raises(machine.NotebookError, match=told):
        machine.build(pair)
    assert not pair.notebook.exists()


def test_course_prints_a_table_and_fails_over_its_limits(
    built: machine.Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = built.notebook.read_bytes()
    command = ["--folder", str(built.notebook.parent), "course", "77"]
    assert machine.main(command) == 0
    table = capsys.readouterr().out
    assert re.search(r"77_throw_away +0\.\d\d +0\.\d\d +3  passed", table)
    monkeypatch.setattr(machine, "COURSE_SECONDS", 0.0)
    monkeypatch.setattr(machine, "COURSE_BYTES", 1)
    assert machine.main(command) == 1
    table = capsys.readouterr().out
    assert "FAILED" in table and "s, the limit is" in table and "GiB, the limit is" in table
    assert built.notebook.read_bytes() == before, "stored notebooks stay as they are"


def test_nbval_fails_what_must_fail(built: machine.Pair, tmp_path: Path) -> None:
    """The course's own pytest settings: a good cell passes, a changed checked output and a warning do not."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("pyproject.toml", "conftest.py", "tests/processor_time.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    notebook = machine.read_notebook(built.notebook)
    notebook.cells[1].outputs[0].text = "3\n"
    notebook.cells.append(nbformat.v4.new_code_cell("import warnings; warnings.warn('mind the gap')"))
    nbformat.write(notebook, tmp_path / "notebooks" / "77_throw_away.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "notebooks"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "2 failed, 2 passed" in done.stdout, done.stdout
    assert "Cell outputs differ" in done.stdout and "mind the gap" in done.stdout
