"""The lecture's two demands on a world model, as eight columns of a table: one row of the exam for each.

A world model must simulate what its environment does (prediction, control, planning), and it must hold structure and
causes (probing, geometry, intervention, causes, surprise). The exam has many rows for each; here one stands for a
column, chosen before anybody's answers were laid side by side: the one that a single frame cannot give (a speed, not a
place), and the one that has the strictest controls.

Where a row is asked of one school alone (a plan for a goal picture, a return), the column takes the first of its rows
that a model has, and the table names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from course_lib.exam.marks import Mark, mark, share_of_the_way
from course_lib.exam.rows import Row


@dataclass(frozen=True)
class Headline:
    """A column. rows: of the exam, the first that a model has counts. floors: the controls to beat. best: what somebody
    who knows everything would have. group: of the exam's questions. demand: of the lecture's two, 1 or 2."""

    name: str
    demand: int
    group: str
    rows: tuple[str, ...]
    floors: tuple[str, ...]
    best: float
    asks: str


HEADLINES = (
    Headline("prediction", 1, "prediction", ("dream_position_error_ratio_t10",),
             ("copy_last", "linear", "mean_frame", "untrained"), 0.0,
             "how far off is everything after ten dreamed frames, over a copy of the last frame"),
    Headline("control", 1, "control", ("action_choice_accuracy",),
             ("ignores_the_action", "shuffled_actions", "untrained"), 1.0,
             "is what it draws under a key nearer to that key's frame than to another's"),
    Headline("planning", 1, "planning", ("plan_success", "mode2_success"), ("random_keys", "untrained"), 1.0,
             "how often is a goal reached by a search through it"),
    Headline("probing", 2, "probing", ("probe_r2_agent_vx",), ("untrained", "pixels", "pca", "meaningless_task"), 1.0,
             "how well does a line through its state give the agent's speed"),
    Headline("geometry", 2, "latents", ("state_geometry_correlation",), ("pixels", "untrained"), 1.0,
             "are its states far apart where the agents are"),
    Headline("intervention", 2, "latents", ("moved_share_agent_x",), ("random", "untrained"), 1.0,
             "does the future move when the state is moved"),
    Headline("causes", 2, "latents", ("cause_share",), ("untrained", "beside_the_platform"), 1.0,
             "how much of the fall does it dream when the platform is taken away"),
    Headline("surprise", 2, "surprise", ("surprise_turned_back_accuracy",), ("pixel_difference", "untrained", "chance"),
             1.0, "is a film that turns back a surprise"),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What one model has in one column. row: its answer, or the row that says why there is none; None where it was not
    asked. mark and share as in ``exam/marks``."""

    headline: Headline
    row: Row | None
    mark: Mark | None
    share: float | None

    @property
    def text(self) -> str:
        """The value as a table shows it; n/a where the question does not apply, and - where it was not asked."""
        if self.row is None:
            return "-"
        return "n/a" if self.row.value is None else f"{self.row.value:.2f}"

    @property
    def why(self) -> str:
        """Where there is no value: the model's reason."""
        return "it was not asked" if self.row is None else "" if self.row.value is not None else self.row.note


def cells(rows: Iterable[Row], headlines: Sequence[Headline] = HEADLINES) -> dict[str, dict[str, Cell]]:
    """The table of headlines: by model, in the order of the rows, and by column."""
    by: dict[str, dict[str, Row]] = {}
    for row in rows:
        by.setdefault(row.model, {}).setdefault(row.question, row)
    return {model: {one.name: _cell(one, found) for one in headlines} for model, found in by.items()}


def _cell(headline: Headline, found: Mapping[str, Row]) -> Cell:
    row = next((found[name] for name in (*headline.rows, headline.group) if name in found), None)
    if row is None or row.value is None:
        return Cell(headline, row, None, None)
    return Cell(headline, row, mark(row, headline.floors), share_of_the_way(row, headline.floors, headline.best))
