"""Bounds: what a configuration lets through, the code can do. Every key of every model is tried at its ends.

The keys, their kinds and their ends are read off pydantic's fields, so a new key is tried without a line here. At each
end the configuration is refused in a sentence that names the key, or the model can be built (on torch's device "meta",
which holds no numbers) and, where it is small enough, takes a step of every phase.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import torch
from pydantic.fields import FieldInfo

from course_lib.training import ConfigError, Diverged, get_recipe, load_config, recipe_names, train
from course_lib.training.config import keys_of
from course_lib.training.recipe import Data, RunConfig, build
from course_lib.worlds.films import Films, make_films

LARGE = 3_000_000  # parameters; a model with more is built on "meta" alone
HUGE = {int: 2**62, float: 1e300}  # where a key names no upper end


def ends(annotation: Any, metadata: list[Any], value: Any) -> Iterator[Any]:
    """The values at the ends of a key's range. value: what it has now, for the shape of lists and tables."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [m for item in more for m in (item.metadata if isinstance(item, FieldInfo) else [item])]
        yield from ends(inner, metadata + flat, value)
    elif get_origin(annotation) in (Union, UnionType):
        for option in get_args(annotation):
            yield from ends(option, metadata, value)
    elif get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif annotation is type(None):
        yield None
    elif annotation is bool:
        yield from (False, True)
    elif annotation is str:
        yield from ("", "nothing/of the kind", "x" * 10_000)
    elif get_origin(annotation) is tuple:
        yield []
        inner = get_args(annotation)[0]
        for end in ends(inner, [], None):
            yield [end] * len(value)
            yield [*value[:-1], end]
        yield [*value, *value]
    elif get_origin(annotation) is dict:
        yield {}
        for end in ends(get_args(annotation)[1], [], None):
            yield dict.fromkeys(value, end)
        yield {"nothing of the kind": 1}
    else:
        yield from numbers(annotation, metadata)


def numbers(kind: type, metadata: list[Any]) -> Iterator[float]:
    """Both ends of a number's range."""
    limit = {name: getattr(m, name) for m in metadata for name in ("ge", "gt", "le", "lt") if hasattr(m, name)}
    step = next((m.multiple_of for m in metadata if hasattr(m, "multiple_of")), 1)
    if kind is int:
        yield math.ceil(limit.get("ge", limit.get("gt", -HUGE[int] - 1) + 1) / step) * step
        yield math.floor(limit.get("le", limit.get("lt", HUGE[int] + 1) - 1) // step) * step
    else:
        yield limit.get("ge", math.nextafter(limit.get("gt", -HUGE[float]), math.inf))
        yield limit.get("le", math.nextafter(limit.get("lt", HUGE[float]), -math.inf))


VARIANTS: dict[str, list[dict[str, Any]]] = {  # other bases to start from, where a key counts for one kind alone
    "tokenizer": [{"model.kind": "space_time"}, {"model.quantiser": "fsq", "model.levels": [4, 4], "model.latent": 2}],
    "lam": [{"model.encoder": "space_time", "model.decoder": "space_time", "model.width": 32}],
}


def keys(name: str) -> dict[str, FieldInfo]:
    recipe = get_recipe(name)
    return keys_of(RunConfig[recipe.model_config, recipe.data_config, recipe.train_config])


def groups(name: str) -> list[str]:
    return sorted({key.rpartition(".")[0] for key in keys(name)})


STARTS = [
    (name, given, group)
    for name in recipe_names()
    for given in [{}, *VARIANTS.get(name, [])]
    for group in groups(name)
    if not given or group == "model"
]


def cases(name: str, given: dict[str, Any], group: str) -> list[tuple[str, Any]]:
    config, found = load_config(name, "tiny", given), []
    for key, info in keys(name).items():
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part)
        if key.rpartition(".")[0] == group:
            found += [(key, end) for end in ends(info.annotation, list(info.metadata), value)]
    return found


@lru_cache
def films(size: int) -> Films:
    return make_films("goal", split="train", count=2, size=size)


def data_for(config: RunConfig) -> Any:
    model = config.model
    sizes = (getattr(model, "frame_size", 0), getattr(getattr(model, "v", None), "frame_size", 0))
    seen = hasattr(config.data, "films")  # through a kept model of 32 pixels: a codec, I-JEPA
    size = next((s for s in sizes if s), 32 if seen or {"codec", "eyes"} & {*dict(config.data)} else None)
    return None if size is None else films(size)  # who learns from no frames draws its own points


def try_out(name: str, given: dict[str, Any], key: str, end: Any) -> str:
    """What became of it: "refused", "built" or "stepped"."""
    recipe = get_recipe(name)
    try:
        config = load_config(name, "tiny", {**given, key: end})
        if recipe.check is not None:
            recipe.check(config)
    except ConfigError as error:
        assert key.rpartition(".")[2] in str(error), f"the key is not named: {error}"
        assert len(str(error)) < 30_000
        return "refused"
    with torch.device("meta"):
        model = recipe.build(config.model)
    if sum(p.numel() for p in model.parameters()) > LARGE:
        return "built"
    for count in [k for k in ("data.batch", "data.film_batch", "train.film_batch") if config.value(k)]:
        config = config.with_value(count, min(2, config.value(count)))
    if key.startswith("train."):
        for steps in ("train.steps", "train.steps_v", "train.steps_tokenizer", "train.steps_lam"):
            if config.value(steps):
                config = config.with_value(steps, 1)
        if config.train.device == "auto" or config.train.memory_gib:
            return "built"
        try:
            train(recipe, config, data=data_for(config), progress="none")
        except Diverged:
            pass
        return "stepped"
    model, generator = build(recipe, config.model), torch.Generator().manual_seed(0)
    data: Data = recipe.load(config, data_for(config))
    model.train()
    for phase in recipe.phases(model, config):
        own = phase.batches
        batch = next(recipe.batches(data, config, generator) if own is None else own(model, data, config, generator))
        getattr(model, phase.loss)(batch, 0, generator)["loss"].backward()
    return "stepped"


@pytest.mark.parametrize(("name", "given", "group"), STARTS, ids=[f"{n} {'*' * bool(v)}{g}" for n, v, g in STARTS])
def test_what_a_configuration_lets_through_can_be_done(name: str, given: dict[str, Any], group: str) -> None:
    became: dict[str, int] = {}
    wrong = []
    for key, end in cases(name, given, group):
        try:
            result = try_out(name, given, key, end)
            became[result] = became.get(result, 0) + 1
        except Exception as error:
            wrong.append(f"{key} = {end!r:.60}: {type(error).__name__}: {error!s:.200}")
    print(name, group, became)
    assert not wrong, "\n".join(wrong)
    assert became.get("stepped", 0) > 0, "nothing was small enough to be tried"
