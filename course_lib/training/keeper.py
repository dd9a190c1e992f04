"""Keeps the state of a running training in its folder, so that it can go on after whatever ends the process."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from pydantic import ValidationError

from course_lib.files import remove_parts
from course_lib.training.history import History
from course_lib.training.recipe import Phase
from course_lib.training.resume import (
    ANEW,
    FILE,
    FORMAT,
    ResumeError,
    State,
    Table,
    check_fits,
    fill,
    read_state,
    unpack_rows,
    write_state,
)


def discard(folder: Path) -> None:
    """Remove the state of a run from its folder: for when its weights are stored."""
    (folder / FILE).unlink(missing_ok=True)
    remove_parts(folder / FILE)


def _outline(phase: Phase) -> list[Any]:
    """What of a phase must be the same for a run to go on. Groups order the optimiser's state, so they count too."""
    groups = phase.groups()
    return [phase.name, phase.steps, *([[len(group.parameters) for group in groups]] if len(groups) > 1 else [])]


class Keeper:
    """The resume file of one run.

    folder: where it lies; None keeps nothing, and every method is then free of effect.
    generators: the run's generators by name.
    phase: the phase in which the run goes on. saved: the steps that the file holds, None for none.
    """

    def __init__(
        self,
        folder: Path | None,
        history: History,
        phases: Sequence[Phase],
        generators: Mapping[str, torch.Generator],
        accelerator: Accelerator,
    ) -> None:
        self.path = folder / FILE if folder is not None else None
        self.history, self.phases, self.generators, self.accelerator = history, phases, generators, accelerator
        self.phase, self.saved = 0, None
        self._state: State | None = None  # what was read, until its phase has begun
        self._start, self._before = time.monotonic(), 0.0
        self._table = Table([phase.name for phase in phases])
        self._warned = False

    def begin(self, resume: bool) -> None:
        """Take up the state that is there, if that is asked for; otherwise say what will happen to it."""
        if self.path is None:
            return
        if self.accelerator.distributed_type == DistributedType.FSDP:
            if resume:
                raise ResumeError(f"a run under FSDP is not kept and cannot go on: use DDP, or {ANEW}")
            self._say("Under FSDP the state of the run is not kept: a run that is stopped begins anew.")
            self.path = None
            return
        if resume and self.path.exists():
            self._take_up(read_state(self.path))
        elif resume:
            self._say(f"There is no {self.path} to go on from: the run begins with its first step.")
        elif self.path.exists():
            self._say(f"{self.path} holds an unfinished run; this one begins anew and replaces it. --resume goes on.")
        if self.accelerator.is_main_process:
            remove_parts(self.path)
        self.accelerator.wait_for_everyone()  # all have read before one writes

    def enter(self, index: int, optimiser: Any) -> int:
        """The step at which phase ``index`` goes on, with the optimiser's state put back; 0 for a fresh phase."""
        state, self._state = self._state, None
        if state is None:
            return 0
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        found: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in state.group("optimiser").items():
            place, _, key = name.partition("/")
            if int(place) >= len(parameters) or (value.ndim and value.shape != parameters[int(place)].shape):
                raise ResumeError(f"{self.path} does not fit the optimiser ({name}): {ANEW}")
            found.setdefault(int(place), {})[key] = value
        optimiser.load_state_dict({"state": found, "param_groups": optimiser.state_dict()["param_groups"]})
        return state.facts["step_in_phase"]

    def after(self, index: int, step: int, optimiser: Any, *, last: bool, now: bool) -> None:
        """Save where it is time: every so many steps, at the end of the run (last: of its phase), or ``now``."""
        if self.path is None:
            return
        end = last and index == len(self.phases) - 1
        if now or end or len(self.history.rows) % self.history.config.train.save_every == 0:
            if self.accelerator.is_main_process:
                self._save(index, step, optimiser)
            # Processes end together: a launcher stops all the others as soon as one of them has ended.
            self.accelerator.wait_for_everyone()

    def minutes(self) -> float:
        """Minutes of training so far, those before the resume included."""
        return self._before + (time.monotonic() - self._start) / 60.0

    def what_is_saved(self) -> str:
        """One line for people: what is saved and where."""
        if self.saved is None:
            return f"no state of this run is saved in {self.path}"
        return f"the state after step {self.saved} is saved in {self.path}"

    def _facts(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        config = self.history.config
        return {
            "model": config.name,
            "size": config.size,
            "configuration": config.model_dump(mode="json", include={"model", "data", "train"}),
            "data": self.history.data.sha256,
            "phases": [_outline(phase) for phase in self.phases],
            "device": self.accelerator.device.type,
        }

    def _grown(self, then: Any) -> Any:
        """A saved configuration with the keys that have come since, whose defaults are how it was without them."""
        try:
            grown = type(self.history.config).model_validate_json(json.dumps(then))
        except (ValidationError, TypeError, ValueError):
            return then  # the comparison says what does not fit
        return grown.model_dump(mode="json", include={"model", "data", "train"})

    def _take_up(self, state: State) -> None:
        facts, names = state.facts, [phase.name for phase in self.phases]
        check_fits(self.path, {**facts, "configuration": self._grown(facts.get("configuration"))}, self._facts())
        fill(self.path, self.history.model, state.group("model"))
        try:
            for name, generator in self.generators.items():
                generator.set_state(state.tensors[f"chance/{name}"])
            self.history.rows += unpack_rows(facts["columns"], state.group("history"), names)
            self.phase, self.saved, self._before = facts["phase"], facts["step"], facts["minutes"]
        except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:  # whole, but not what we write
            raise ResumeError(f"{self.path} lacks or distorts a part of the state ({error!r}): {ANEW}") from None
        self._state = state
        if facts.get("torch") != torch.__version__:
            self._say(
                f"{self.path} was written with torch {facts.get('torch')}; with {torch.__version__} the last digits of "
                "the weights may differ from those of an uninterrupted run."
            )
        self._say(f"Going on after step {self.saved}.")

    def _save(self, index: int, step: int, optimiser: Any) -> None:
        tables = self._table.tensors(self.history.rows)
        tensors = {f"model/{key}": value for key, value in self.history.model.state_dict().items()}
        for place, values in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{place}/{key}": value for key, value in values.items()}
        tensors |= {f"chance/{name}": generator.get_state() for name, generator in self.generators.items()}
        facts = {
            "format": FORMAT,
            "step": len(self.history.rows),
            "phase": index,
            "step_in_phase": step,
            "minutes": self.minutes(),
            "torch": torch.__version__,
            "columns": self._table.columns,
            **self._facts(),
        }
        try:
            write_state(self.path, State(facts, tensors | tables))
            self.saved = facts["step"]
        except OSError as error:
            if not self._warned:
                self._warned = True
                self._say(
                    f"The state of the run could not be saved ({error}); training goes on, and {self.what_is_saved()}. "
                    "Make room: it is tried again at the next save."
                )

    def _say(self, text: str) -> None:
        if self.accelerator.is_main_process:
            print(text, file=sys.stderr, flush=True)
