"""The device or devices that a run works on: Hugging Face accelerate, and each process's part of a batch.

With ``accelerate launch`` several processes train one model. Each draws the same global batch from the same generator
and takes its slice; a gradient is the mean over processes, and so is every reported loss. The numbers are those of one
process but for the order of a few additions. Without a GPU, two processes are started by

    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no \
        --dynamo_backend no -m course_lib train vae --size tiny

(``--cpu`` in place of ``--multi_gpu`` starts one process only, unless there is MPI.) With GPUs leave out
``ACCELERATE_USE_CPU=true``; ``--use_fsdp --fsdp_version 2`` in place of ``--multi_gpu`` cuts the weights into pieces as
well, for a model that one GPU cannot hold.

Tested: two processes on a CPU against one, by DDP with this command, and by FSDP version 2 with accelerate made to
believe that it has it there (it offers FSDP on GPUs only). Not tested: several GPUs, and mixed precision among several
processes. Under FSDP a model learns in one phase, ``after_step`` sees the weights in pieces, and the state of the run
is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import DistributedType
from torch import Tensor

from course_lib.nets.shard import Shard
from course_lib.training.config import ConfigError
from course_lib.training.recipe import Phase, RunConfig


def make_accelerator(precision: str, device: str = "auto") -> Accelerator:
    """The device of a run. device: "cpu", or "auto" for what accelerate finds.

    accelerate keeps one state for the whole process; a run with another precision or device needs a new one.
    Raises ConfigError for ways to share a model that the loop does not know, and for processes on other devices than
    the configuration's.
    """
    from accelerate.state import AcceleratorState, PartialState

    started = int(os.environ.get("WORLD_SIZE", "1"))
    cpu = device == "cpu" and started == 1  # several processes are where their launcher has put them
    if started == 1 and PartialState._shared_state and PartialState()._cpu != cpu:
        AcceleratorState._reset_state(reset_partial_state=True)
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    # A loss may leave out a parameter for a while (a head that comes in late); it then has no gradient, as alone.
    handlers = [DistributedDataParallelKwargs(find_unused_parameters=True)]
    accelerator = Accelerator(mixed_precision=precision, cpu=cpu, kwargs_handlers=handlers)
    kind = accelerator.distributed_type
    if accelerator.num_processes != started:
        raise ConfigError(
            f"the launcher started {started} processes, and accelerate found no devices for them: without a GPU set "
            "ACCELERATE_USE_CPU=true in front of accelerate launch"
        )
    if device == "cpu" and accelerator.device.type != "cpu":
        raise ConfigError(
            f"the launcher put the processes on {accelerator.device.type}, and train.device is cpu: add --set "
            "train.device=auto, or set ACCELERATE_USE_CPU=true in front of accelerate launch"
        )
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true" and kind != DistributedType.FSDP:
        raise ConfigError("accelerate shares a model by FSDP on GPUs only: leave out --use_fsdp")
    if kind in (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
        raise ConfigError(f"training shares a model by DDP or FSDP version 2, not by {kind.value}: accelerate config")
    if kind == DistributedType.FSDP and not accelerator.is_fsdp2:
        raise ConfigError("training knows FSDP version 2, not version 1: fsdp_version: 2 in accelerate's configuration")
    return accelerator


def check_shares(phase: Phase, config: RunConfig, accelerator: Accelerator) -> None:
    """Raises ConfigError where the processes cannot share the batch of a phase evenly."""
    batch, processes = config.value(phase.batch), accelerator.num_processes
    if batch is not None and batch % processes:
        raise ConfigError(
            f"{phase.batch} is {batch}, which {processes} processes cannot share evenly: make it a multiple of "
            f"{processes}, or start another number of processes"
        )


def own_rows(batch: Mapping[str, Tensor], accelerator: Accelerator) -> dict[str, Tensor]:
    """This process's slice of a global batch, on its device; every tensor has the batch first.

    Raises ConfigError for a batch that cannot be shared evenly.
    """
    here = Shard(accelerator.process_index, accelerator.num_processes)
    own = {}
    for name, tensor in batch.items():
        if len(tensor) % here.processes:
            raise ConfigError(
                f"a batch of {len(tensor)} cannot be shared evenly by {here.processes} processes ({name}): make it a "
                f"multiple of {here.processes}, or start another number of processes"
            )
        own[name] = tensor[here.rows(len(tensor))].to(accelerator.device)
    return own


def mean_over_processes(values: Tensor, accelerator: Accelerator) -> Tensor:
    """The mean of each number over the processes, the same on all of them."""
    return values if accelerator.num_processes == 1 else accelerator.reduce(values, "mean")
