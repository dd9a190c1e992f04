"""FSDP version 2 on CPUs, started by ``accelerate launch ... -m tests.fsdp_processes FOLDER``.

accelerate offers FSDP on GPUs only. Torch has it on CPUs as well, and what the loop calls is the same, so here
accelerate's state is told after its birth that it shards.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from accelerate import FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from course_lib.training import ConfigError, ResumeError, load_config, loop, train
from tests import small_run

plain = loop.make_accelerator


def sharding(precision: str, device: str) -> Any:
    accelerator = plain(precision, device)
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, reshard_after_forward=True, auto_wrap_policy="no_wrap", state_dict_type="FULL_STATE_DICT"
    )
    AcceleratorState._shared_state["fsdp_plugin"] = plugin
    for state in (AcceleratorState, PartialState):
        state._shared_state["distributed_type"] = DistributedType.FSDP
    assert accelerator.is_fsdp2
    return accelerator


def main(folder: Path) -> None:
    loop.make_accelerator = sharding
    config = load_config("vae", "tiny", {"train.steps": 20, "data.count": 4})
    seen: list[bool] = []  # whether the weights were in pieces while it learned

    def look(step: int, parts: dict[str, float]) -> None:
        seen.append(all(isinstance(parameter, DTensor) for parameter in model.parameters()))

    from course_lib.training.recipe import build
    from course_lib.training.registry import get_recipe

    model = build(get_recipe("vae"), config.model, seed=7)
    history = train("vae", config, look, progress="none", model=model, keep=folder / "kept")
    found: dict[str, Any] = {"losses": history.column("loss"), "sharded": seen}
    for name, call in (
        ("phases", lambda: small_run.run()),
        ("resume", lambda: train("vae", config, progress="none", keep=folder / "kept", resume=True)),
    ):
        try:
            call()
        except (ConfigError, ResumeError) as error:
            found[name] = str(error)
    if os.environ["RANK"] == "0":
        save_file(history.model.state_dict(), folder / "weights.safetensors")
        (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
