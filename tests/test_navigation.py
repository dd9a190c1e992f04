"""Every link of the notebooks leads somewhere, in the repository and in a reader's copy, and follows a new chapter."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib.contents import Contents, Entry, load_contents
from tests.imports import ROOT
from tools import navigation
from tools import notebooks as machine

NOTEBOOKS = ROOT / "notebooks"
BUILT = [entry for entry in load_contents().notebooks if entry.built]


def links(text: str) -> list[str]:
    """Where Markdown's links and pictures lead, also those written in HTML; code and formulas are left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(([^()\s]+)\)", text) + re.findall(r"""(?:href|src)=["']([^"']+)["']""", text)


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the text of every page and of every notebook's text cells in a folder."""
    for page in sorted(folder.glob("*.md")):
        yield page.name, page.read_text(encoding="utf-8")
    for path in sorted(folder.glob("*.ipynb")):
        cells = machine.read_notebook(path).cells
        yield path.name, "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def dead(folder: Path) -> list[str]:
    """Links that lead nowhere. An anchor needs an element with that id: headings get other ids on other pages."""
    found = []
    for name, text in texts(folder):
        for target in links(text):
            if re.match(r"[a-z]+:", target):
                continue  # to the network: not looked at here
            path, _, anchor = target.partition("#")
            file = folder / path if path else folder / name
            if not file.is_file():
                found.append(f"{name} leads to {target}, which is not there")
            elif anchor and f'<a id="{anchor}"></a>' not in file.read_text(encoding="utf-8"):
                found.append(f"{name} leads to {target}, but {file.name} has no such place")
    return found


# --------------------------------------------------------------------------------------------- the course's own links


def test_the_links_are_those_that_the_tool_makes() -> None:
    assert navigation.out_of_date() == []


def test_no_link_of_a_notebook_is_dead() -> None:
    assert dead(NOTEBOOKS) == []


@pytest.mark.parametrize("entry", BUILT, ids=[entry.stem for entry in BUILT])
def test_each_notebook_leads_to_its_neighbours_the_contents_and_its_claims(entry: Entry) -> None:
    last = machine.read_notebook(NOTEBOOKS / f"{entry.stem}.ipynb").cells[-1]
    assert navigation.TAG in last.metadata.tags and last.metadata.slideshow.slide_type == "skip"
    at = BUILT.index(entry)
    neighbours = [f"{other.stem}.ipynb" for other in [*BUILT[:at][-1:], *BUILT[at + 1 :][:1]]]
    twin = (NOTEBOOKS / "py" / f"{entry.stem}.py").read_text(encoding="utf-8")
    claims = [f"claims.md#{name.lower()}" for name in navigation.examined(twin)]
    assert claims and links(last.source) == [*neighbours, "contents.md", *claims]


def test_the_contents_lead_to_every_notebook_that_is_there_and_to_no_other() -> None:
    leads = [target for target in links((NOTEBOOKS / "contents.md").read_text("utf-8")) if target.endswith(".ipynb")]
    assert leads == [f"{entry.stem}.ipynb" for entry in BUILT]


def test_each_claim_has_an_address_and_leads_to_its_notebooks() -> None:
    stems = {entry.stem for entry in BUILT}
    rows = [line for line in (NOTEBOOKS / "claims.md").read_text("utf-8").splitlines() if navigation.ROW.match(line)]
    assert len(rows) >= 45
    for row in rows:
        cells = row.split("|")
        assert f'<a id="{cells[1].strip().lower()}"></a>' in cells[2]
        named = re.findall(r"`([^`]+)`", cells[4])
        assert re.findall(r"\]\(([^()]+)\)", cells[4]) == [f"{name}.ipynb" for name in named if name in stems]


# ------------------------------------------------------------------------------------------------- the tool by itself


def contents(*states: str) -> Contents:
    rows = [(f"{number:02d}_n{number}", state) for number, state in enumerate(states)]
    entries = tuple(Entry(stem, "I", f"N{stem[:2]}", "a thing", state, None, 0.5) for stem, state in rows)
    return Contents({"I": "Part"}, entries, {})


def test_planned_neighbours_are_named_and_the_nearest_that_is_there_is_linked() -> None:
    text = navigation.cell_text("02_n2", contents("built", "planned", "built", "built"), ["C34"])
    assert "01 N01 (planned)" in text and links(text) == [
        "00_n0.ipynb",
        "03_n3.ipynb",
        "contents.md",
        "claims.md#c34",
    ]
    first = navigation.cell_text("00_n0", contents("built", "planned"), [])
    assert "begins here" in first and "01 N01 (planned)" in first and links(first) == ["contents.md"]
    assert "ends here" in navigation.cell_text("01_n1", contents("built", "built"), [])


def test_the_cell_is_made_once_and_stands_last() -> None:
    twin = "# %% [markdown]\n# # Title\n\n# %%\n1 + 1\n"
    once = navigation.with_cell(twin, "- one")
    assert once == twin + f"\n{navigation.CELL}\n# - one\n"
    assert navigation.with_cell(once, "- one") == once
    buried = once + "\n# %%\n2 + 2\n"
    assert navigation.with_cell(buried, "- two") == twin + f"\n# %%\n2 + 2\n\n{navigation.CELL}\n# - two\n"


def test_the_ledgers_addresses_are_made_once_and_follow_the_contents() -> None:
    row = "| C07 | words<br>more | source | `00_n0` (`01_n1`) | stands: `00_n0` |"
    planned = navigation.with_addresses(row, contents("built", "planned"))
    assert '<a id="c07"></a>words' in planned and "[`00_n0`](00_n0.ipynb) (`01_n1`) | stands: `00_n0` |" in planned
    both = navigation.with_addresses(planned, contents("built", "built"))
    assert "([`01_n1`](01_n1.ipynb))" in both and both.count("<a id") == 1
    assert navigation.with_addresses(both, contents("built", "planned")) == planned
    assert navigation.with_addresses("no row", contents("built")) == "no row"


def small_course(folder: Path, entries: list[Entry]) -> Path:
    """A few of the course's notebooks with their twins, the contents and the claims."""
    (folder / "py").mkdir(parents=True)
    for name in ("contents.yaml", "contents.md", "claims.md"):
        shutil.copy(NOTEBOOKS / name, folder / name)
    for entry in entries:
        shutil.copy(NOTEBOOKS / f"{entry.stem}.ipynb", folder)
        shutil.copy(NOTEBOOKS / "py" / f"{entry.stem}.py", folder / "py")
    return folder


def set_state(folder: Path, entry: Entry, was: str, becomes: str) -> None:
    lines = (folder / "contents.yaml").read_text("utf-8").splitlines(keepends=True)
    changed = [line.replace(f"state: {was}", f"state: {becomes}") if entry.stem in line else line for line in lines]
    assert changed != lines
    (folder / "contents.yaml").write_text("".join(changed), "utf-8")


def test_a_new_chapter_changes_its_neighbours_and_the_complaint_names_the_command(tmp_path: Path) -> None:
    """A chapter is taken out and put back: each time its neighbours' links follow, and at last all is as it was."""
    before, chapter, after = BUILT[:3]
    folder = small_course(tmp_path / "notebooks", [before, chapter, after])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    original = {path: path.read_bytes() for path in files}
    assert navigation.out_of_date(folder) == []
    for was, becomes in (("built", "planned"), ("planned", "built")):
        set_state(folder, chapter, was, becomes)
        stale = navigation.out_of_date(folder)
        assert all("run `make links`" in complaint for complaint in stale)
        for name in ("contents.md", "claims.md", f"py/{before.stem}.py", f"py/{after.stem}.py"):
            assert any(f"of {name} are" in complaint for complaint in stale), name
        assert navigation.main(["--folder", str(folder), "--check"]) == 1
        assert navigation.main(["--folder", str(folder)]) == 0
        assert navigation.main(["--folder", str(folder), "--check"]) == 0
        stored = machine.read_notebook(folder / f"{before.stem}.ipynb")
        assert (f"{chapter.stem}.ipynb" in links(stored.cells[-1].source)) == (becomes == "built")
    assert {path: path.read_bytes() for path in files} == original


def test_a_notebook_whose_code_changed_is_named_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_course(tmp_path / "notebooks", BUILT[:1])
    twin = folder / "py" / f"{BUILT[0].stem}.py"
    cells = twin.read_text("utf-8").partition(navigation.CELL)[0]
    twin.write_text(cells + "# %%\n1 + 1\n", "utf-8")
    stored = (folder / f"{BUILT[0].stem}.ipynb").read_bytes()
    assert navigation.main(["--folder", str(folder)]) == 1
    assert "make notebooks NB=00" in capsys.readouterr().err
    assert (folder / f"{BUILT[0].stem}.ipynb").read_bytes() == stored


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text('<a id="here"></a>')
    (tmp_path / "a.md").write_text(
        "[w](b.md) [x](b.md#here) [y](b.md#there) [z](c.md) ![p](p.png) `[q](q.md)` $[r](r.md)$ [n](https://n.org)"
    )
    assert [line.split()[3].strip(",") for line in dead(tmp_path)] == ["b.md#there", "c.md", "p.png"]
