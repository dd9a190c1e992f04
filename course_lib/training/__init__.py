"""One training loop for every model, with its configuration, its schedule and its checkpoints.

>>> from course_lib.training import load_checkpoint, load_config, train
>>> history = train("vae", load_config("vae", "cpu", {"train.steps": 300}))
>>> model = load_checkpoint("vae", size="cpu")

What is named here is imported when it is first used, so that asking the command line for help does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.training.checkpoints import CheckpointError, load_checkpoint, provenance, save_checkpoint
    from course_lib.training.config import ConfigError, load_config
    from course_lib.training.history import History
    from course_lib.training.interrupts import Interrupted
    from course_lib.training.keeper import discard
    from course_lib.training.loop import Diverged, train
    from course_lib.training.recipe import Recipe, RunConfig, build
    from course_lib.training.registry import get_recipe, recipe_names
    from course_lib.training.resume import ResumeError

_HOME = {
    "checkpoints": ("CheckpointError", "load_checkpoint", "provenance", "save_checkpoint"),
    "config": ("ConfigError", "load_config"),
    "history": ("History",),
    "interrupts": ("Interrupted",),
    "keeper": ("discard",),
    "loop": ("Diverged", "train"),
    "recipe": ("Recipe", "RunConfig", "build"),
    "registry": ("get_recipe", "recipe_names"),
    "resume": ("ResumeError",),
}

__all__ = [
    "CheckpointError",
    "ConfigError",
    "Diverged",
    "History",
    "Interrupted",
    "Recipe",
    "ResumeError",
    "RunConfig",
    "build",
    "discard",
    "get_recipe",
    "load_checkpoint",
    "load_config",
    "provenance",
    "recipe_names",
    "save_checkpoint",
    "train",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
