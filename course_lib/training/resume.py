"""The state of an unfinished run in one file, from which it goes on as if it had never stopped, bit for bit.

``resume.safetensors`` holds the model's state dict, the optimiser's state, the states of both generators (batches and
draws) and the numbers of every step so far. Its metadata, JSON, says which run it is and where it stands; a SHA-256
over all of this is kept with it, so that a flipped bit is noticed. There is no pickle: reading it can run no code.

A file goes on only where it fits: the same format, model, configuration, data and phases. Everything else is refused
with the difference and the way out.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import Tensor, nn
from torch.nn import functional

from course_lib.files import atomic_file
from course_lib.lookup import CourseError

FORMAT = 1  # raised when the layout of the file changes; older files are refused with a message
FILE = "resume.safetensors"
ANEW = "begin anew, without --resume (in Python: resume=False)"


class ResumeError(CourseError, RuntimeError):
    """A run cannot go on from its file; the message names the file, what is wrong with it and the way out."""


@dataclass(frozen=True)
class State:
    """What a file holds: facts about the run, and its tensors by name."""

    facts: dict[str, Any]
    tensors: dict[str, Tensor]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors under ``name/``, by the rest of their names."""
        return {key.partition("/")[2]: value for key, value in self.tensors.items() if key.startswith(f"{name}/")}


# ------------------------------------------------------------------------------------------------------- on disk


def write_state(path: Path, state: State) -> None:
    """Write the file whole or leave the old one. Raises OSError where the disk cannot take it."""
    tensors = _apart(state.tensors)
    text = json.dumps(state.facts)
    content = pack(tensors, {"facts": text, "sha256": _digest(text, tensors)})
    with atomic_file(path) as file:
        file.write(content)


def read_state(path: Path) -> State:
    """Read the file and hold it against its checksum. Raises ResumeError when it is missing or damaged."""
    try:
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        text, digest = header["facts"], header["sha256"]
        facts, tensors = json.loads(text), unpack(content)
        if not isinstance(facts, dict):
            raise ValueError("its facts are not a table")
    except FileNotFoundError:
        raise ResumeError(f"there is no {path} to go on from") from None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, SafetensorError) as error:
        raise ResumeError(_damaged(path, f"{type(error).__name__}: {error}")) from None
    if _digest(text, tensors) != digest:
        raise ResumeError(_damaged(path, "its checksum does not match its content"))
    if facts.get("format") != FORMAT:
        raise ResumeError(
            f"{path} has format {facts.get('format')}, this course reads format {FORMAT}. Go on with the version of "
            f"the course that wrote it, or {ANEW}"
        )
    return State(facts, tensors)


def _damaged(path: Path, reason: str) -> str:
    return f"{path} is damaged or is no resume file ({reason}). Put an undamaged copy in its place, or {ANEW}"


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each in memory of its own: the format refuses tensors that share some, as tied weights do."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return result


# --------------------------------------------------------------------------------------------- the numbers so far


class Table:
    """The rows of a History as numbers: float64 (rows, columns), with NaN where a row lacks a column.

    A number may be NaN itself, so a second table, uint8, says which are there. A phase is its place among ``phases``.
    The rows of earlier saves stay packed: a save costs what has been added since, however long the run is.
    """

    def __init__(self, phases: Sequence[str]) -> None:
        self.place = {name: index for index, name in enumerate(phases)}
        self.columns: list[str] = []
        self._count = 0
        self._pieces: list[tuple[Tensor, Tensor]] = []

    def tensors(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """``history/values`` and ``history/present`` of all rows; they may only have grown since the last call."""
        new, self._count = rows[self._count :], len(rows)
        self.columns += [name for name in dict.fromkeys(key for row in new for key in row) if name not in self.columns]
        values = [[self._number(name, row.get(name, math.nan)) for name in self.columns] for row in new]
        present = [[name in row for name in self.columns] for row in new]
        size = (len(new), len(self.columns))
        piece = torch.tensor(values, dtype=torch.float64), torch.tensor(present, dtype=torch.uint8)
        self._pieces.append((piece[0].reshape(size), piece[1].reshape(size)))
        return {
            "history/values": torch.cat([self._widened(piece, math.nan) for piece, _ in self._pieces]),
            "history/present": torch.cat([self._widened(piece, 0) for _, piece in self._pieces]),
        }

    def _number(self, name: str, value: Any) -> float:
        return self.place[value] if name == "phase" else value

    def _widened(self, piece: Tensor, filling: float) -> Tensor:
        """A piece from before the newest columns came, (rows, fewer) -> (rows, columns)."""
        return functional.pad(piece, (0, len(self.columns) - piece.shape[1]), value=filling)


def unpack_rows(columns: Sequence[str], tables: Mapping[str, Tensor], phases: Sequence[str]) -> list[dict[str, Any]]:
    """The rows again; see :class:`Table`. tables: ``values`` and ``present``."""
    kinds = {"step": int, "phase": lambda value: phases[int(value)]}
    return [
        {c: kinds.get(c, float)(value) for c, value, there in zip(columns, row, mask, strict=True) if there}
        for row, mask in zip(tables["values"].tolist(), tables["present"].tolist(), strict=True)
    ]


# --------------------------------------------------------------------------------------------- does it fit the run


def check_fits(path: Path, facts: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Hold the facts of a file against those of the run that is to go on. Raises ResumeError with every difference."""
    differences = [
        f"{name} was {facts.get(key)!r}, now it is {now[key]!r}"
        for key, name in (("model", "the model"), ("size", "the size"), ("device", "the kind of device"))
        if facts.get(key) != now[key]
    ]
    then = _flat(facts.get("configuration"))
    here = _flat(now["configuration"])
    differences += [
        f"{key} was {then.get(key, 'not there')!r}, now it is {here.get(key, 'not there')!r}"
        for key in sorted({*then, *here})
        if then.get(key) != here.get(key)
    ]
    if facts.get("data") != now["data"]:
        differences.append(f"the data are others (SHA-256 {facts.get('data')!s:.12} then, {now['data']!s:.12} now)")
    if facts.get("phases") != now["phases"]:
        differences.append(f"the phases were {facts.get('phases')}, now they are {now['phases']}")
    if differences:
        raise ResumeError(
            f"{path} belongs to another run: {'; '.join(differences)}. Go on with what it was saved with, or {ANEW}"
        )


def _flat(groups: Any) -> dict[str, Any]:
    groups = groups if isinstance(groups, dict) else {}
    return {f"{group}.{key}": value for group, values in groups.items() for key, value in dict(values).items()}


def fill(path: Path, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put weights and buffers into the model. Raises ResumeError that names what does not fit; then nothing changed."""
    own = {key: (value.dtype, tuple(value.shape)) for key, value in module.state_dict().items()}
    found = {key: (value.dtype, tuple(value.shape)) for key, value in tensors.items()}
    wrong = [key for key in {**own, **found} if own.get(key) != found.get(key)]
    if wrong:
        key = wrong[0]
        raise ResumeError(
            f"{path} does not fit the model: {key} is {own.get(key, 'not there')} in the model, "
            f"{found.get(key, 'not there')} in the file. Go on with the code that wrote it, or {ANEW}"
        )
    module.load_state_dict(dict(tensors))
