"""The claims ledger, the table of contents and the notebooks' last sections must tell the same story."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
VERDICTS = ("stands", "corrected", "partly", "cannot be tested here", "open until notebook")


@dataclass(frozen=True)
class Claim:
    """One row of the ledger."""

    id: str
    slide: str
    sources: str
    notebooks: tuple[str, ...]
    verdict: str

    @property
    def owner(self) -> str:
        """The stem of the notebook that answers for the verdict: the first one named."""
        return self.notebooks[0]


def read_claims(text: str) -> list[Claim]:
    """Parse every table row that begins with an id; a row with a wrong number of cells is an error."""
    claims = []
    for line in text.splitlines():
        if not re.match(r"\|\s*C\d", line):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        assert len(cells) == 5, f"a row of the ledger has five cells, this one has {len(cells)}: {line[:80]}"
        claims.append(Claim(cells[0], cells[1], cells[2], tuple(re.findall(r"`([^`]+)`", cells[3])), cells[4]))
    return claims


def examined(source: str) -> list[str]:
    """The ids after the last "Claims examined here:" of a notebook's text."""
    matches = re.findall(r"Claims examined here:\s*((?:C\d+[,\s#]*)+)", source)
    return re.findall(r"C\d+", matches[-1]) if matches else []


CONTENTS = yaml.safe_load((NOTEBOOKS / "contents.yaml").read_text(encoding="utf-8"))
STEMS = [row["stem"] for row in CONTENTS["notebooks"]]
BUILT = [row["stem"] for row in CONTENTS["notebooks"] if row["state"] == "built"]
CLAIMS = read_claims((NOTEBOOKS / "claims.md").read_text(encoding="utf-8"))
BY_ID = {claim.id: claim for claim in CLAIMS}


def twin(stem: str) -> Path:
    return NOTEBOOKS / "py" / f"{stem}.py"


def test_contents_lists_27_notebooks_in_order_and_in_known_parts() -> None:
    assert [stem[:2] for stem in STEMS] == [f"{number:02d}" for number in range(27)]
    parts = [part["number"] for part in CONTENTS["parts"]]
    order = [parts.index(row["part"]) for row in CONTENTS["notebooks"]]
    assert order == sorted(order)
    for row in CONTENTS["notebooks"]:
        assert row["state"] in ("built", "planned"), row
        assert row["seconds"] is None or 0 < row["seconds"] <= 120, row
        assert 0 <= row["compute"] <= 1, row


def test_a_notebook_that_is_there_is_called_built_and_the_other_way_round() -> None:
    there = {path.stem for path in (NOTEBOOKS / "py").glob("[0-9][0-9]_*.py")}
    assert there == set(BUILT), "set the state in notebooks/contents.yaml"


def test_ids_are_unique_and_consecutive() -> None:
    assert [claim.id for claim in CLAIMS] == [f"C{number:02d}" for number in range(1, len(CLAIMS) + 1)]
    assert len(CLAIMS) >= 45


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_is_complete(claim: Claim) -> None:
    assert "<br>" in claim.slide, "the slide's words and the English, with <br> between"
    assert claim.sources
    assert claim.notebooks, "names no notebook"
    assert set(claim.notebooks) <= set(STEMS), f"not in contents.yaml: {set(claim.notebooks) - set(STEMS)}"
    assert claim.verdict.startswith(VERDICTS), f"begin the verdict with one of {VERDICTS}"
    if claim.verdict.startswith("open until notebook"):
        number = re.match(r"open until notebook (\d\d)", claim.verdict)
        assert number and claim.owner.startswith(number[1]), "an open claim waits for its own notebook"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_cross_references_inside_the_ledger_exist(claim: Claim) -> None:
    for cell in (claim.sources, claim.verdict):
        assert set(re.findall(r"\bC\d+\b", cell)) <= set(BY_ID)


def test_every_claim_that_a_built_notebook_owns_has_its_verdict() -> None:
    waiting = [claim.id for claim in CLAIMS if claim.owner in BUILT and claim.verdict.startswith("open")]
    assert not waiting, f"their notebooks are built: {waiting}"


@pytest.mark.parametrize("stem", BUILT)
def test_a_built_notebook_names_its_claims_and_they_name_it(stem: str) -> None:
    source = twin(stem).read_text(encoding="utf-8")
    assert "Which claim survives?" in source
    named = examined(source[source.rindex("Which claim survives?") :])
    assert named, "the last section ends with 'Claims examined here: C01, ...'"
    assert set(named) <= set(BY_ID), f"not in the ledger: {set(named) - set(BY_ID)}"
    for name in named:
        assert stem in BY_ID[name].notebooks, f"{name} does not point back to {stem}"
    owned = {claim.id for claim in CLAIMS if claim.owner == stem}
    assert owned <= set(named), f"{stem} owns {sorted(owned - set(named))} and does not name them"


def test_the_parser_notices_a_broken_row() -> None:
    with pytest.raises(AssertionError, match="five cells"):
        read_claims("| C01 | a<br>b | c | `00_start_here` |")
    assert examined("## Which claim survives?\n#\n# Claims examined here: C01,\n# C07\n") == ["C01", "C07"]
