"""A pretended second device, for machines that have only a CPU, and what training does there.

Started in a process of its own, ``python -m tests.second_device NAME ...``, because it changes what torch and
accelerate know. Prints JSON for tests/test_devices.py.

A tensor that is "there" is a wrapper around one in ordinary memory: it says that its device is ``pretended:0``, and
every operation that meets tensors of both places is refused, as a GPU refuses it; so is float64, as Apple's GPUs
refuse it. accelerate finds the device as it would find a GPU, and generators can be made for it.

What this shows: that nothing in the course mixes the two places, or forgets a tensor in one of them. What it cannot
show: whether a real device has every kernel, its other digits, its memory, or that it works while Python goes on.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from course_lib.models.vae import VAE
from course_lib.training import Diverged, Interrupted, build, get_recipe, load_config, train
from course_lib.training.recipe import RunConfig
from course_lib.training.resume import FILE, read_state
from course_lib.views.vae import reconstruct
from course_lib.worlds.films import make_films


class _Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend("pretended", _Backend())
DEVICE = torch.device("pretended", 0)
aten = torch.ops.aten


class There(torch.Tensor):
    """A tensor on the pretended device; its numbers are in ``inner``."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> There:
        outer = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            device=DEVICE,
        )  # fmt: skip
        outer.inner = inner
        return outer

    def tolist(self) -> Any:
        """Torch reads numbers out of its own tensors only."""
        return self.inner.tolist()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation, on the device of its tensors. Raises RuntimeError where they are on two."""
    tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, There)]
    here = [tensor for tensor in tensors if not isinstance(tensor, There) and tensor.ndim]  # a number may be anywhere
    wanted = kwargs.get("device")
    if func is aten._to_copy.default:
        goes = bool(there) if wanted is None else torch.device(wanted).type == DEVICE.type
    elif func is aten.copy_.default:
        goes = isinstance(args[0], There)
    elif there and here:
        raise RuntimeError(f"expected all tensors to be on one device, and {func} met {DEVICE} and cpu")
    else:
        goes = bool(there) or (wanted is not None and torch.device(wanted).type == DEVICE.type)
    whose = {id(tensor.inner): tensor for tensor in there}
    args, kwargs = tree_map(lambda leaf: leaf.inner if isinstance(leaf, There) else leaf, (args, dict(kwargs)))
    if wanted is not None:
        kwargs["device"] = torch.device("cpu")
    result = _KERNELS.get(func, func)(*args, **kwargs)

    def wrap(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not goes:
            return leaf
        if leaf.dtype == torch.float64:
            raise TypeError(f"{DEVICE} has no float64, and {func} would make one")
        return whose[id(leaf)] if id(leaf) in whose else There(leaf)

    return tree_map(wrap, result)


def _lstm_cell(read: Tensor, kept: Tensor, cell: Tensor, *biases: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """One step of an LSTM, which torch has for GPUs alone: the new h and c, and the gates for the way back."""
    gates = read + kept + sum(bias for bias in biases if bias is not None)
    i, f, g, o = gates.chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    new = f * cell + i * g
    return o * new.tanh(), new, torch.cat([i, f, g, o], dim=1)


def _lstm_cell_back(
    to_h: Tensor | None, to_c: Tensor | None, cell: Tensor, new: Tensor, gates: Tensor, biased: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    i, f, g, o = gates.chunk(4, dim=1)
    to_h = torch.zeros_like(new) if to_h is None else to_h
    through = to_h * o * (1 - new.tanh().square()) + (0.0 if to_c is None else to_c)
    parts = [through * g * i * (1 - i), through * cell * f * (1 - f), through * i * (1 - g.square()),
             to_h * new.tanh() * o * (1 - o)]  # fmt: skip
    whole = torch.cat(parts, dim=1)
    return whole, through * f, whole.sum(dim=0) if biased else None


_KERNELS = {
    aten._thnn_fused_lstm_cell.default: _lstm_cell,
    aten._thnn_fused_lstm_cell_backward_impl.default: _lstm_cell_back,
}


def _empty(size: Any, stride: Any, dtype: Any = None, layout: Any = None, device: Any = None, **_: Any) -> There:
    return There(torch.empty_strided(size, stride, dtype=dtype))


def _copy(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    plain = [tensor.inner if isinstance(tensor, There) else tensor for tensor in (source, target)]
    plain[1].copy_(plain[0])
    return target


_library = torch.library.Library("aten", "IMPL")
_library.impl("empty_strided", _empty, "PrivateUse1")  # these two for what torch makes by itself, as in x[:, [0, 1]]
_library.impl("_copy_from", _copy, "PrivateUse1")


class Pretended(TorchDispatchMode):
    """In the block, tensors can be made on the pretended device and moved to it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Generator(torch.Generator):
    """A generator may be made for the pretended device; it draws as a CPU's does."""

    _place = torch.device("cpu")

    def __new__(cls, device: Any = "cpu") -> _Generator:
        return super().__new__(cls)

    def __init__(self, device: Any = "cpu") -> None:
        self._place = torch.device(device)

    @property
    def device(self) -> torch.device:
        return self._place


def _swap(one: Tensor, other: Tensor) -> None:
    """As torch.utils.swap_tensors, and also where a graph still holds one of them, which does not hinder a GPU."""
    one.__class__, other.__class__ = other.__class__, one.__class__
    one.__dict__, other.__dict__ = other.__dict__, one.__dict__
    torch._C._swap_tensor_impl(one, other)


torch.utils.swap_tensors = _swap
torch.Generator = _Generator
torch.__future__.set_swap_module_params_on_conversion(True)  # a parameter that moves stays the same object, as on a GPU
PartialState.default_device = property(lambda self: DEVICE)


# ---------------------------------------------------------------------------------------------------- what is tried


def settings(name: str, device: str, **more: Any) -> RunConfig:
    few = {"train.steps": 2, "train.warmup": 0, "train.device": device}
    own = {"vmc": {"train.steps_v": 2}, "genie": {"train.steps_tokenizer": 1, "train.steps_lam": 1}}
    return load_config(name, "tiny", {**few, **own.get(name, {}), **more})


def places(model: torch.nn.Module) -> list[str]:
    return sorted({tensor.device.type for tensor in [*model.parameters(), *model.buffers()]})


def mixing() -> dict[str, Any]:
    """The control: what is mixed is refused."""
    refused = []
    layer, x = torch.nn.Linear(2, 2).to(DEVICE), torch.ones(1, 2)
    for attempt in (lambda: layer(x), lambda: x + x.to(DEVICE), lambda: x.to(DEVICE).double()):
        try:
            attempt()
        except (RuntimeError, TypeError) as error:
            refused.append(str(error))
    return {"refused": refused, "accepted": list(layer(x.to(DEVICE)).cpu().shape)}


def notebook() -> dict[str, Any]:
    """A configuration that asks for no GPU, with a live picture: it asks the model with frames on the CPU."""
    seen: list[str] = []
    config = load_config("vae", "tiny", {"train.steps": 2, "train.warmup": 0})
    live, films = VAE(config.model), make_films("simple", split="train", count=2)

    def look(step: int, parts: dict[str, float]) -> None:
        seen.extend(places(live))
        assert reconstruct(live, films.frames[0, :2]).shape == (2, 32, 32, 3)

    history = train("vae", config, look, data=films, model=live, progress="none")
    return {"device": history.device, "during": seen, "after": places(live)}


def asked() -> dict[str, Any]:
    """A configuration that asks for a GPU; afterwards the model is asked with frames on the CPU."""
    films = make_films("simple", split="train", count=2)
    history = train("vae", settings("vae", "auto"), data=films, progress="none")
    drawn = reconstruct(history.model, films.frames[0, :2])
    return {"device": history.device, "after": places(history.model), "drawn": list(drawn.shape)}


def ends() -> dict[str, Any]:
    """However a run ends, the model is back; and its state goes on there to what it would have been."""
    films, found = make_films("simple", split="train", count=2), {}

    def stop(step: int, parts: dict[str, float]) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    explosive = {"train.learning_rate": 1.0, "train.clip": 1e9, "train.steps": 60, "model.sigma": 1e-6}
    for name, on_step, change in (("stopped", stop, {"train.steps": 3}), ("diverged", None, explosive)):
        config = settings("vae", "auto", **change)
        model = build(get_recipe("vae"), config.model, seed=5)
        with tempfile.TemporaryDirectory() as folder:
            try:
                train("vae", config, on_step, data=films, model=model, progress="none", keep=Path(folder))
                found[name] = ["nothing was raised"]
            except (Interrupted, Diverged):
                found[name] = places(model)
            if on_step is not None:
                found["kept on"] = read_state(Path(folder) / FILE).facts["device"]
                again = train("vae", config, data=films, progress="none", keep=Path(folder), resume=True)
                model = build(get_recipe("vae"), config.model, seed=5)
                whole = train("vae", config, data=films, model=model, progress="none")
                pairs = zip(again.model.parameters(), whole.model.parameters(), strict=True)
                found["goes on"] = len(again.rows) == 3 and all(torch.equal(a, b) for a, b in pairs)
    return found


def recipe(name: str) -> dict[str, Any]:
    """Every phase of a recipe on both devices: where the model was, and the losses."""
    moved, losses, model = [], [], None
    learns_from_films = hasattr(settings(name, "cpu").data, "films")  # the others draw their own points
    films = make_films("goal", split="train", count=2) if learns_from_films else None

    def watch(step: int, parts: dict[str, float]) -> None:
        moved.extend(places(model))

    for device in ("cpu", "auto"):
        config = settings(name, device)
        model, moved = build(get_recipe(name), config.model, seed=5), []
        history = train(name, config, watch, data=films, model=model, progress="none")
        losses.append(history.column("loss"))
    return {"device": history.device, "during": sorted(set(moved)), "after": places(model), "losses": losses}


if __name__ == "__main__":
    with Pretended():
        calls = {f.__name__: f for f in (mixing, notebook, asked, ends)}
        found = {name: calls[name]() if name in calls else recipe(name) for name in sys.argv[1:]}
    json.dump(found, sys.stdout)
