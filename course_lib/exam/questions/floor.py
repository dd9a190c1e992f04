"""The floor: how wrong is the reader itself, on real films that it has not seen?

No figure that was read off a picture can be finer than this. It is stated for each variable, on each film set, by size
of body and by how much of it a screen hides. Kinds and colours count over all things that can be seen (a thing that was
not found was not named rightly); distances, sizes and angles over those that were found, with the share missed beside
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.rows import Row
from course_lib.exam.sitting import LEAST, Sitting
from course_lib.models.reader import BODY_KINDS, READABLE, Reader, match
from course_lib.worlds import spec

REACH = 2.0  # units: a reading farther from a thing than this is not a reading of it

SETS = ("simple", "rich", "occluded", "goal", "simple-new", "simple-fast", "simple-heavy")

EVERY = 2  # every second frame of a film is read

TIMES_AS_MANY = 4  # films as other questions have: what every other figure stands on should be the surest

_F = spec.FIELD


def compare(reader: Reader, frames: np.ndarray, states: np.ndarray) -> dict[str, np.ndarray]:
    """Every thing that could be seen in these films beside what was read of it.

    frames: uint8 (N, T, H, W, 3); states: (N, T, SLOTS, FIELDS). Returns columns of M things: film, kind, size,
    visible (the truth); found, distance (units), kind_right, colour_right, size_error (units), angle_error (degrees, up
    to the shape's symmetry, NaN for a ball), facing_right, visible_error; NaN where it does not apply. The column
    "false" stands apart, (N,): readings of nothing in each film.
    """
    read = reader.read(frames)  # (N, T, 8, FIELDS)
    rows: list[dict[str, float]] = []
    false = np.zeros(len(frames))
    for n, t in np.ndindex(*states.shape[:2]):
        truth, things = states[n, t], read[n, t]
        pairs = dict(match(truth, things, reach=REACH))
        false[n] += np.count_nonzero(things[:, 0]) - len(pairs)
        for slot in np.flatnonzero((truth[:, 0] > 0) & (truth[:, _F["visible"]] >= READABLE)):
            rows.append({"film": n} | _one(truth[slot], things[pairs[slot]] if slot in pairs else None))
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return columns | {"false": false}


def _one(truth: np.ndarray, read: np.ndarray | None) -> dict[str, float]:
    kind, body = int(truth[0]), int(truth[0]) in BODY_KINDS
    row = {"kind": kind, "size": truth[_F["size"]], "visible": truth[_F["visible"]], "found": float(read is not None)}
    row |= {"kind_right": 0.0, "colour_right": 0.0 if body else np.nan, "distance": np.nan, "size_error": np.nan,
            "angle_error": np.nan, "facing_right": np.nan, "visible_error": np.nan}  # fmt: skip
    if read is None:
        return row
    row["kind_right"] = float(read[0] == kind)
    row["distance"] = np.hypot(read[_F["x"]] - truth[_F["x"]], read[_F["y"]] - truth[_F["y"]])
    row["size_error"] = abs(read[_F["size"]] - truth[_F["size"]])
    row["visible_error"] = abs(read[_F["visible"]] - truth[_F["visible"]])
    if body:
        row["colour_right"] = float(read[_F["colour"]] == truth[_F["colour"]])
    if spec.KINDS[kind] in ("box", "triangle") and read[0] == kind:
        fold = 4 if spec.KINDS[kind] == "box" else 3
        turn = (read[_F["angle"]] - truth[_F["angle"]]) * fold
        row["angle_error"] = np.degrees(abs(np.arctan2(np.sin(turn), np.cos(turn))) / fold)
    if kind == spec.KINDS.index("agent"):
        row["facing_right"] = float(read[_F["facing"]] == truth[_F["facing"]])
    return row


WORST = {"distance": REACH, "size_error": spec.SIZE[1] - spec.SIZE[0], "visible_error": 1.0, "angle_error": 60.0,
         "facing_right": 0.0}  # fmt: skip
"""What counts for a film in which nothing of the kind was found: not to find must not pay."""


def by_film(columns: Mapping[str, np.ndarray], name: str, where: np.ndarray | None = None) -> np.ndarray:
    """The mean of a column in each film, NaN for films without such a thing in truth. where: which things count.

    Distances and the like are known of things that were found; a film with none of them gets ``WORST``.
    """
    values, films = columns[name].astype(float), columns["film"].astype(int)
    true = applies(columns, name) if where is None else where & applies(columns, name)
    counts = true & ~np.isnan(values)
    total = np.bincount(films[counts], values[counts], minlength=len(columns["false"]))
    number = np.bincount(films[counts], minlength=len(columns["false"]))
    there = np.bincount(films[true], minlength=len(columns["false"])) > 0
    return np.where(number > 0, total / np.maximum(number, 1), np.where(there, WORST.get(name, np.nan), np.nan))


def applies(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Which things have what a column is about, in truth, (M,): a ball has no angle, and only the agent looks ahead."""
    kinds = {"angle_error": ("box", "triangle"), "facing_right": ("agent",), "colour_right": BODY_KINDS}.get(name)
    if kinds is None:
        return np.ones(len(columns["kind"]), bool)
    return np.isin(columns["kind"], [spec.KINDS.index(k) if isinstance(k, str) else k for k in kinds])


def groups(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Which things are small or large, and which are free, partly hidden or mostly hidden by a screen; agents apart."""
    body = np.isin(columns["kind"], BODY_KINDS)
    small, visible = columns["size"] < sum(spec.SIZE) / 2, columns["visible"]
    return {
        "small": body & small, "large": body & ~small, "agent": columns["kind"] == spec.KINDS.index("agent"),
        "free": visible > 0.99, "hidden_to_half": (visible <= 0.99) & (visible >= 0.5), "hidden_more": visible < 0.5,
    }  # fmt: skip


def ask(entrant: Entrant, sitting: Sitting, sets: Sequence[str] = SETS) -> Iterator[Row]:
    """The reader's own rows on film sets: reader_position_error and so on, and by group on simple and rich."""
    reader = entrant.part("reader")
    for name in sets:
        films = sitting.films_for(entrant, name, count=TIMES_AS_MANY * sitting.count)
        frames, states = films.frames[:, ::EVERY], films.states[:, ::EVERY]
        columns = compare(reader, frames, states)
        yield from _rows(entrant, sitting, films, columns)
        if name in ("simple", "rich"):
            for group, where in groups(columns).items():
                if len(np.unique(columns["film"][where])) >= LEAST:
                    yield _position(entrant, sitting, films, columns, f"reader_position_error_{group}", where)
                    yield _missed(entrant, sitting, films, columns, f"reader_missed_{group}", where)


def _rows(entrant: Entrant, sitting: Sitting, films, columns: Mapping[str, np.ndarray]) -> Iterator[Row]:  # noqa: ANN001
    yield _position(entrant, sitting, films, columns, "reader_position_error", None)
    yield _missed(entrant, sitting, films, columns, "reader_missed", None)
    wrong = columns["false"] / (columns["found"].size / len(films))
    yield entrant.row(sitting, films, "reader_false", unit="a thing", direction="lower", controls={"sees_nothing": 0.0},
                      **mean_and_interval(wrong, seed=sitting.seed))  # fmt: skip
    bars = {"kind": 0.98, "colour": 0.98} if films.name == "simple" else {}
    for name, truth in (("kind", columns["kind"]), ("colour", None), ("facing", None)):
        values = by_film(columns, f"{name}_right")
        asked = _asked(columns, f"{name}_right")
        if np.count_nonzero(asked) < LEAST:
            continue
        majority = _majority(truth) if truth is not None else _majority_of(films, name)
        yield entrant.row(sitting, films, f"reader_accuracy_{name}", unit="", bar=bars.get(name),
                          controls={"majority": majority},
                          **mean_and_interval(values, asked=asked, seed=sitting.seed))  # fmt: skip
    for name, unit, spread in (("size", "units", _spread(columns["size"])), ("angle", "degrees", None),
                               ("visible", "", _spread(columns["visible"]))):  # fmt: skip
        values, asked = by_film(columns, f"{name}_error"), _asked(columns, f"{name}_error")
        if np.count_nonzero(asked) < LEAST:
            continue
        # An angle that is only known up to a quarter turn is off by 22.5 degrees on average when it is guessed.
        control = {"guess": 22.5} if name == "angle" else {"median": spread}
        yield entrant.row(sitting, films, f"reader_{name}_error", unit=unit, direction="lower", controls=control,
                          **mean_and_interval(values, asked=asked, seed=sitting.seed))  # fmt: skip


def _position(entrant, sitting, films, columns, question, where) -> Row:  # noqa: ANN001
    values = by_film(columns, "distance", where)
    x, y = (films.states[:, ::EVERY, :5, _F[k]][films.states[:, ::EVERY, :5, 0] > 0] for k in ("x", "y"))
    middle = float(np.hypot(x - x.mean(), y - y.mean()).mean())
    bar = 0.5 if (films.name, question) == ("simple", "reader_position_error") else None
    answer = mean_and_interval(values, asked=_asked(columns, "distance", where), seed=sitting.seed)
    return entrant.row(sitting, films, question, unit="pixels of 32", direction="lower", bar=bar,
                       controls={"middle_of_all": middle}, **answer)  # fmt: skip


def _missed(entrant, sitting, films, columns, question, where) -> Row:  # noqa: ANN001
    asked = _asked(columns, "found", where)
    answer = mean_and_interval(1.0 - by_film(columns, "found", where), asked=asked, seed=sitting.seed)
    return entrant.row(sitting, films, question, unit="", direction="lower", controls={"sees_nothing": 1.0},
                       **answer)  # fmt: skip


def _asked(columns: Mapping[str, np.ndarray], name: str, where: np.ndarray | None = None) -> np.ndarray:
    """The films that have in truth what is asked about, (N,)."""
    true = applies(columns, name) if where is None else where & applies(columns, name)
    return np.bincount(columns["film"].astype(int)[true], minlength=len(columns["false"])) > 0


def _majority(values: np.ndarray) -> float:
    return float(np.unique(values, return_counts=True)[1].max() / len(values))


def _majority_of(films, name: str) -> float:  # noqa: ANN001
    values = films.of(name)[:, ::EVERY]
    kinds = films.of("kind")[:, ::EVERY]
    return _majority(values[np.isin(kinds, BODY_KINDS) if name == "colour" else kinds == spec.KINDS.index("agent")])


def _spread(values: np.ndarray) -> float:
    return float(np.abs(values - np.median(values)).mean())
