"""Configuration of a training run: a YAML file for each model and size, checked strictly, explained when wrong.

A file is ``course_lib/configs/<model>/<size>.yaml`` with three groups: ``model`` (the network), ``data`` (what it
learns from) and ``train`` (how). Nothing is guessed: an unknown key, a wrong type or a value out of range is an error
that names the file, the key, the value and what is allowed. ``--set train.steps=300`` goes through the same checks.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from course_lib.lookup import CourseError
from course_lib.places import CLONED, GET_BACK, LIBRARY
from course_lib.training.recipe import Recipe, RunConfig
from course_lib.training.registry import get_recipe

CONFIGS = LIBRARY / "configs"
GROUPS = ("model", "data", "train")


class ConfigError(CourseError, ValueError):
    """A configuration cannot be used; the message has one line for each thing that is wrong with it."""


def check_same_sizes(kept: str, sizes: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse a model that does not fit a kept one which it learns from. sizes: key -> the model's own, the kept one's.

    kept: what the message calls that one. Raises ConfigError.
    """
    for key, (mine, there) in sizes.items():
        if mine != there:
            raise ConfigError(f"model.{key} is {mine}, and the course's {kept} has {there}: set the same")


def sizes(name: str) -> list[str]:
    """The sizes in which a model comes, the smallest first; a variant such as cpu-rich stands behind its cpu."""
    order = ["tiny", "cpu", "gpu", "paper"]

    def place(size: str) -> tuple[int, str]:
        base = size.partition("-")[0]
        return order.index(base) if base in order else len(order), size

    return sorted((path.stem for path in (CONFIGS / name).glob("*.yaml")), key=place)


def load_config(
    name: str | Recipe,
    size: str = "cpu",
    overrides: Mapping[str, Any] | Iterable[str] = (),
    *,
    file: Path | None = None,
) -> RunConfig:
    """Read and check the configuration of a model in a size.

    overrides: ``{"train.steps": 300}`` or ``["train.steps=300"]``, dotted keys, values written as in YAML.
    file: read this one instead of the course's own.
    Raises UnknownModel, or ConfigError with everything that is wrong and what is allowed instead.
    """
    recipe = get_recipe(name)
    path = file or CONFIGS / recipe.name / f"{size}.yaml"
    if not path.is_file():
        if file is not None:
            raise ConfigError(f"there is no configuration file {path}. {_way_out(path)}")
        raise ConfigError(f"{recipe.name} does not come in size {size!r}; it comes in: {', '.join(sizes(recipe.name))}")
    values = _read(path)
    kind = RunConfig[recipe.model_config, recipe.data_config, recipe.train_config]  # type: ignore[name-defined]
    sources = _override(values, overrides, kind)
    try:
        config = kind.model_validate(values)
    except ValidationError as error:
        lines = [_explain(problem, kind, sources, _short(path)) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None
    return config.model_copy(update={"name": recipe.name, "size": size})


# --------------------------------------------------------------------------------------------------- reading YAML


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, and the same key twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, Hashable) for key in keys):
            return super().construct_mapping(node, deep)  # which says what is wrong with such a key
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            where = node.start_mark
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice.pop()!r} stands here twice", where)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # a SafeLoader: it makes plain values only
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{_short(path)} is not valid YAML: {error}. {_way_out(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_short(path)} cannot be read as text ({error}). {_way_out(path)}") from None
    if not isinstance(values, dict) or not all(isinstance(group, dict) for group in values.values()):
        wanted = f"must hold the groups {', '.join(GROUPS)}, each with its keys"
        raise ConfigError(f"{_short(path)} {wanted}. {_way_out(path)}")
    odd = [key for group in values.values() for key in group if not isinstance(key, str)]
    if odd:
        raise ConfigError(f"{_short(path)}: the key {odd[0]!r} is no word. {_way_out(path)}")
    unknown = [key for key in values if key not in GROUPS]
    if unknown:
        raise ConfigError(f"{_short(path)}: there is no group {unknown[0]!r}; the groups are {', '.join(GROUPS)}")
    return values


def _way_out(path: Path) -> str:
    if path.is_relative_to(CONFIGS):
        return f"{GET_BACK.capitalize()}: git checkout -- {_short(path)}" if CLONED else f"{GET_BACK.capitalize()}"
    return f"Write it like one of the course's own, in {_short(CONFIGS)}"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(CONFIGS.parents[1]))
    except ValueError:
        return str(path)


# ---------------------------------------------------------------------------------------------------- overriding


def _override(values: dict[str, Any], overrides: Mapping[str, Any] | Iterable[str], kind: type[BaseModel]) -> set[str]:
    """Put overrides into the values; returns their dotted keys, so that an error can name its source."""
    if isinstance(overrides, str):
        overrides = [overrides]
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(_split, overrides)
    sources = set()
    for key, value in pairs:
        *groups, last = key.split(".")
        group = _group(kind, groups)
        if not groups or group is None or last not in group.model_fields:
            raise ConfigError(_unknown(f"--set {key}", key, kind))
        place = values
        for name in groups:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise ConfigError(f"--set {key}: {name} is {place!r} in the file, and must be a group of keys")
        place[last] = value
        sources.add(key)
    return sources


def _split(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: write it as key=value, for example --set train.steps=300")
    try:
        return key.strip(), yaml.load(value, Loader=_Loader)
    except yaml.YAMLError:
        raise ConfigError(f"--set {text}: {value!r} is not a value that YAML understands") from None


# ------------------------------------------------------------------------------------------------ explaining errors


def _group(kind: type[BaseModel], names: Iterable[str]) -> type[BaseModel] | None:
    """The group under these names, such as model, tokenizer; None where there is none."""
    for name in names:
        info = kind.model_fields.get(name)
        if info is None or not _is_group(info.annotation):
            return None
        kind = info.annotation  # type: ignore[assignment]
    return kind


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def keys_of(kind: type[BaseModel], before: str = "") -> dict[str, FieldInfo]:
    """Every key that can be set, dotted, with its field: ``train.steps``, ``model.tokenizer.width``."""
    found = {}
    for name, info in kind.model_fields.items():
        if not before and name not in GROUPS:
            continue  # name and size say where a configuration came from
        if _is_group(info.annotation):
            found |= keys_of(info.annotation, f"{before}{name}.")  # type: ignore[arg-type]
        else:
            found[before + name] = info
    return found


def _unknown(source: str, key: str, kind: type[BaseModel]) -> str:
    keys = list(keys_of(kind))
    below = [k for k in keys if k.startswith(f"{key}.")]
    if below:
        return f"{source}: {key} is a group of keys, set one of them: {', '.join(below)}"
    last = key.rpartition(".")[2]
    close = [k for k in keys if k.rpartition(".")[2] == last] or get_close_matches(key, keys, n=1)
    close = close or get_close_matches(f"train.{key}", keys, n=1)
    meant = f"; did you mean {close[0]}?" if close else ";"
    groups = key.split(".")[:-1]
    listed: list[str] = []
    while groups and not listed:  # the keys beside the one that was meant, as near as there are any
        listed = [k for k in keys if k.startswith(".".join(groups) + ".")]
        groups.pop()
    return f"{source}: there is no key {key}{meant} Keys: {', '.join(listed or keys)}"


def _explain(problem: Any, kind: type[BaseModel], sources: set[str], path: str) -> str:
    """One error of pydantic as a sentence: where, which key, which value, what is allowed."""
    loc = [str(part) for part in problem["loc"]]
    names = loc[:1]  # of the key, without what stands inside its value
    while len(names) < len(loc) and _group(kind, names) is not None:
        names.append(loc[len(names)])
    key = ".".join(names)
    source = next((f"--set {k}" for k in sources if key == k or key.startswith(f"{k}.")), path)
    if problem["type"] == "extra_forbidden":
        return _unknown(source, key, kind)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing" and len(loc) == 1:
        return f"{source}: the group {key!r} is missing"
    if _group(kind, names) is not None and problem["type"] == "value_error":  # each value is fine, but they do not fit
        also = "".join(f" (with --set {k})" for k in sorted(sources) if k.startswith(f"{key}."))
        return f"{source}{also}: in {key}, {message}"
    info = _group(kind, names[:-1]).model_fields[names[-1]]  # type: ignore[union-attr]
    if problem["type"] == "missing":
        return f"{source}: {key} is missing; allowed: {allowed(info)}"
    where = key + "".join(f"[{part}]" for part in loc[len(names) :] if part != "[key]")
    reason = f" ({message})" if problem["type"] == "value_error" else ""
    return f"{source}: {where} is {problem['input']!r}{reason}; allowed: {allowed(info)}"


def allowed(info: FieldInfo) -> str:
    """What a key may be set to, in words: "a number above 0 and at most 1 (at its peak)"."""
    text = _kind(info.annotation, list(info.metadata))
    return f"{text} ({info.description})" if info.description else text


def _kind(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        for item in more:
            metadata = metadata + (list(item.metadata) if isinstance(item, FieldInfo) else [item])
        return _kind(inner, metadata)
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(map(repr, get_args(annotation)))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_kind(o, [] if o is type(None) else metadata) for o in get_args(annotation))
    if get_origin(annotation) in (tuple, list):
        return f"a list, each entry {_kind(get_args(annotation)[0], [])}"
    if _is_group(annotation):
        return f"a group of the keys {', '.join(annotation.model_fields)}"
    if get_origin(annotation) is dict:
        return f"names, each with {_kind(get_args(annotation)[1], [])}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    bounds = [
        f"{word} {getattr(item, attribute):g}"
        for item in metadata
        for attribute, word in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))
        if getattr(item, attribute, None) is not None
    ]
    bounds += [f"a multiple of {item.multiple_of}" for item in metadata if getattr(item, "multiple_of", None)]
    return " ".join([names.get(annotation, str(annotation)), " and ".join(bounds)]).strip()
