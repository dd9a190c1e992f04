"""The course's table of contents, read from notebooks/contents.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from course_lib.places import CONTENTS as PATH


@dataclass(frozen=True)
class Entry:
    """One notebook. seconds: measured on the reference machine, None where not measured; compute: see contents.yaml."""

    stem: str
    part: str
    title: str
    builds: str
    state: str
    seconds: float | None
    compute: float

    @property
    def number(self) -> str:
        """Its two digits."""
        return self.stem[:2]

    @property
    def built(self) -> bool:
        """Whether the notebook is there."""
        return self.state == "built"


@dataclass(frozen=True)
class Contents:
    """parts: title by Roman number, in order; reference: cores and GFLOP/s of the reference machine."""

    parts: dict[str, str]
    notebooks: tuple[Entry, ...]
    reference: dict[str, float]


def markdown_table(contents: Contents, folder: str = "") -> str:
    """The table of contents in Markdown, with the measured minutes of the notebooks that are there.

    folder: where the notebooks lie, seen from the page that shows the table ("notebooks/" from README.md).
    """
    lines = ["| | notebook | you build | minutes |", "|---|---|---|---|"]
    for number, title in contents.parts.items():
        lines.append(f"| **{number}** | **{title}** | | |")
        for entry in (e for e in contents.notebooks if e.part == number):
            name = f"[{entry.title}]({folder}{entry.stem}.ipynb)" if entry.built else entry.title
            minutes = f"{entry.seconds / 60:.1f}" if entry.built and entry.seconds else "planned"
            lines.append(f"| {entry.number} | {name} | {entry.builds} | {minutes} |")
    return "\n".join(lines)


def load_contents(path: Path = PATH) -> Contents:
    """Read the table of contents. Raises ValueError that names the file and the line of thought that went wrong."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts = {part["number"]: part["title"] for part in raw["parts"]}
        entries = tuple(Entry(**row) for row in raw["notebooks"])
        reference = {name: float(raw["reference"][name]) for name in ("cores", "gflops")}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"the table of contents {path} cannot be read: {type(error).__name__}: {error}") from error
    lost = [entry.stem for entry in entries if entry.part not in parts]
    if lost:
        raise ValueError(f"{path}: no such part as that of {', '.join(lost)}")
    return Contents(parts, entries, reference)
