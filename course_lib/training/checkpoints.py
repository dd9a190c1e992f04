"""Weights on disk with their provenance: what made them, and whether they are still what was made.

A checkpoint is two files, ``<part>-<size>.safetensors`` with the weights and ``<part>-<size>.json`` beside it, which
says which commit, configuration, data, seed, steps and minutes made them. Those that come with the course lie in
``data/checkpoints/<model>/``. Both are written atomically: a file is either the old one or the new one, never half.
Weights that come with the course and fill more than one file of 8 MiB lie in several, ``<part>-<size>-2.safetensors``
and so on; the provenance lists them.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import Tensor, nn

from course_lib.files import atomic_file, check_writable
from course_lib.lookup import CourseError
from course_lib.places import CLONED, DATA, GET_BACK, ROOT
from course_lib.training.recipe import Recipe, build
from course_lib.training.registry import get_recipe

CHECKPOINTS = DATA / "checkpoints"
LARGEST = 8 * 1024 * 1024  # bytes of a file that comes with the course


class CheckpointError(CourseError, RuntimeError):
    """A checkpoint cannot be used; the message names the file, what is wrong with it and the way out."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or none of it; see :func:`course_lib.files.atomic_file`."""
    with atomic_file(path) as file:
        file.write(content)


def paths(name: str, size: str, part: str, folder: Path | None = None) -> tuple[Path, Path]:
    """Where the weights and their provenance lie; folder: another place than the course's own checkpoints."""
    base = (folder or CHECKPOINTS / name) / f"{part}-{size}"
    return base.with_name(base.name + ".safetensors"), base.with_name(base.name + ".json")


def check_places(name: str | Recipe, size: str, folder: Path | None = None) -> None:
    """Find out before a training whether its weights can be stored; see :func:`save_checkpoint`. Raises CannotWrite."""
    recipe = get_recipe(name)
    for part in recipe.part_names():
        for path in paths(recipe.name, size, part, folder):
            check_writable(path)


def save_checkpoint(
    model: nn.Module, name: str | Recipe, size: str, *, about: dict[str, Any], folder: Path | None = None
) -> list[Path]:
    """Store a model's parts, each with its provenance; returns the files of weights.

    about: what made the weights (configuration, data, seed, steps, minutes ...); :meth:`History.about` gives it. The
    commit, the torch version, the count of parameters and the hash of the weights are added here.
    folder: where to; without one, among the checkpoints that come with the course.
    Raises CheckpointError for a file too large to come with the course.
    """
    recipe = get_recipe(name)
    written = []
    for part in recipe.part_names():
        weights, record = paths(recipe.name, size, part, folder)
        state = recipe.part(model, part).state_dict()
        tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
        if (part, size) in recipe.half:
            tensors = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
        contents = [pack(piece) for piece in _pieces(tensors, LARGEST if folder is None else sys.maxsize)]
        names = [weights, *(_further(weights, number) for number in range(2, len(contents) + 1))]
        if folder is None and max(map(len, contents)) > LARGEST:
            raise CheckpointError(
                f"{weights} would hold {max(map(len, contents)) / 2**20:.1f} MiB in one tensor; a file that comes with "
                f"the course has at most {LARGEST / 2**20:.0f}: store it in a folder of your own"
            )
        facts = {
            "model": recipe.name,
            "size": size,
            "part": part,
            **about,
            **code_version(),
            "torch": torch.__version__,
            "parameters": sum(value.numel() for value in tensors.values()),
            **_fingerprint(contents[0]),
        }
        if len(contents) > 1:
            more = zip(names[1:], contents[1:], strict=True)
            facts["more"] = [{"file": path.name, **_fingerprint(content)} for path, content in more]
        # The record is on its way to the disk before the weights take their place: where there is no room for both, the
        # old pair stays as it is, rather than new weights beside an old record.
        with atomic_file(record) as beside:
            beside.write((json.dumps(facts, indent=2) + "\n").encode())
            beside.flush()
            for path, content in zip(names, contents, strict=True):
                write_atomically(path, content)
        written += names
    return written


def _pieces(tensors: dict[str, Tensor], most: int) -> list[dict[str, Tensor]]:
    """Tensors in their order, in groups of at most so many bytes with some room for a file's header."""
    pieces: list[dict[str, Tensor]] = [{}]
    room = most - 64 * 1024
    for key, value in tensors.items():
        held = sum(other.numel() * other.element_size() for other in pieces[-1].values())
        if pieces[-1] and held + value.numel() * value.element_size() > room:
            pieces.append({})
        pieces[-1][key] = value
    return pieces


def _further(weights: Path, number: int) -> Path:
    return weights.with_name(f"{weights.stem}-{number}{weights.suffix}")


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def provenance(
    name: str | Recipe, *, size: str = "cpu", part: str | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """What made a checkpoint: its JSON file as a dict. Raises CheckpointError when it is missing or unreadable."""
    recipe = get_recipe(name)
    _, record = paths(recipe.name, size, part or recipe.part_names()[0], folder)
    try:
        facts = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"there is no {record}. {_way_out(recipe, size, folder)}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{record} cannot be read as JSON ({error}). {_way_out(recipe, size, folder)}") from None
    except OSError as error:
        raise CheckpointError(f"{record} cannot be read ({error}). {_way_out(recipe, size, folder)}") from None
    missing = {"sha256", "bytes", "configuration"} - set(facts) if isinstance(facts, dict) else {"everything"}
    if missing:
        raise CheckpointError(f"{record} lacks {', '.join(sorted(missing))}. {_way_out(recipe, size, folder)}")
    for key, kind in (("sha256", str), ("bytes", int), ("configuration", dict)):
        if not isinstance(facts[key], kind):
            raise CheckpointError(f"{record} has {facts[key]!r} for {key}. {_way_out(recipe, size, folder)}")
    return facts


def load_checkpoint(
    name: str | Recipe, *, size: str = "cpu", part: str | None = None, folder: Path | None = None
) -> nn.Module:
    """A trained model in evaluation mode, built as its provenance says, or one part of it.

    Raises CheckpointError when a file is missing, cut short, changed since it was made, or does not fit the model.
    """
    recipe = get_recipe(name)
    if part is not None and part not in recipe.part_names():
        raise CheckpointError(f"{recipe.name} has no part {part!r}; its parts are: {', '.join(recipe.part_names())}")
    wanted = [part] if part else recipe.part_names()
    records = {item: provenance(recipe, size=size, part=item, folder=folder) for item in wanted}
    try:
        settings = json.dumps(records[wanted[0]]["configuration"]["model"])
        model = build(recipe, recipe.model_config.model_validate_json(settings))
    except (ValidationError, KeyError, TypeError) as error:
        _, record = paths(recipe.name, size, wanted[0], folder)
        raise CheckpointError(
            f"{record} holds a configuration that this version of {recipe.name} does not know: {error}. "
            f"{_way_out(recipe, size, folder)}"
        ) from None
    for item in wanted:
        weights, record = paths(recipe.name, size, item, folder)
        way_out = _way_out(recipe, size, folder)
        tensors = _read(weights, records[item], way_out)
        for piece in _listed(records[item], record, way_out):
            tensors |= _read(weights.with_name(piece["file"]), piece, way_out)
        _fill(recipe.part(model, item), tensors, weights, way_out)
    return (recipe.part(model, part) if part else model).eval()


def _listed(facts: dict[str, Any], record: Path, way_out: str) -> list[dict[str, Any]]:
    """The further files of a checkpoint as its provenance lists them. Raises CheckpointError for no such list."""
    kinds = {"file": str, "bytes": int, "sha256": str}
    pieces = facts.get("more", [])
    for piece in pieces if isinstance(pieces, list) else [pieces]:
        if not isinstance(piece, dict) or any(not isinstance(piece.get(key), kind) for key, kind in kinds.items()):
            raise CheckpointError(f"{record} lists {piece!r} as a further file of weights. {way_out}")
        if Path(piece["file"]).name != piece["file"]:
            raise CheckpointError(f"{record} lists a further file outside its folder: {piece['file']!r}. {way_out}")
    return pieces


def _read(path: Path, facts: dict[str, Any], way_out: str) -> dict[str, Tensor]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"there is no {path}. {way_out}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}). {way_out}") from None
    if len(content) < facts["bytes"]:
        raise CheckpointError(f"{path} is cut short: {len(content)} of {facts['bytes']} bytes. {way_out}")
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise CheckpointError(f"{path} is not the file that its provenance describes (another SHA-256). {way_out}")
    try:
        return unpack(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({error}). {way_out}") from None


def _fill(module: nn.Module, tensors: dict[str, Tensor], path: Path, way_out: str) -> None:
    own = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    for key in [*own, *tensors]:
        here, there = own.get(key, "no such tensor"), tuple(tensors[key].shape) if key in tensors else "no such tensor"
        if here != there:
            raise CheckpointError(f"{path} does not fit: {key} is {here} in the model, {there} in the file. {way_out}")
    module.load_state_dict(tensors)


def _way_out(recipe: Recipe, size: str, folder: Path | None) -> str:
    command = f"python -m course_lib train {recipe.name} --size {size}"
    if folder is not None:
        return f"Make it again: {command} --out {folder}"
    if size not in recipe.ship:
        return f"With the course come only: {', '.join(recipe.ship)}. Make this one and give its folder: {command}"
    again = f"make checkpoints (or: {command} --ship)" if CLONED else f"{command} --ship"
    return f"{GET_BACK.capitalize()}, or make it again: {again}"


def code_version() -> dict[str, Any]:
    """The commit of the code, and whether the library had been changed since; unknown where there is no clone."""

    def git(*words: str) -> str:
        call = ["git", "-C", str(ROOT), *words]
        return subprocess.run(call, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        if not CLONED:  # whatever repository the installed library lies in, it is not the course's
            raise OSError
        return {"commit": git("rev-parse", "HEAD"), "changed_since": bool(git("status", "--porcelain", "course_lib"))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": "unknown", "changed_since": None}
