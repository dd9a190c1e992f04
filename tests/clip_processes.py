"""CLIP's loss in two processes beside that of one, started by ``python -m tests.clip_processes``; prints "equal"."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, distributed, multiprocessing

from course_lib.models.clip import CLIP, tokenise
from course_lib.nets.shard import sharded
from course_lib.training import get_recipe, load_config
from course_lib.training.recipe import build

CAPTIONS = ["a red ball", "a blue box", "a red ball", "two orange balls"]  # equal ones stand in different halves


def model_and_batch() -> tuple[CLIP, dict[str, Tensor]]:
    model = build(get_recipe("clip"), load_config("clip", "tiny").model)
    frames = torch.rand(4, 5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return model, {"frames": frames, "tokens": tokenise(CAPTIONS, 12)}


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model, batch = model_and_batch()
    with sharded(rank, 2):
        parts = model.loss({name: tensor[2 * rank : 2 * rank + 2] for name, tensor in batch.items()}, 0, None)
        parts["loss"].backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    for gradient in gradients.values():  # what DistributedDataParallel does
        distributed.all_reduce(gradient)
        gradient /= 2
    torch.save({"loss": parts["loss"].detach(), "gradients": gradients}, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(worker, (folder,), nprocs=2)
        found = [torch.load(Path(folder) / f"{rank}.pt") for rank in range(2)]
    model, batch = model_and_batch()
    loss = model.loss(batch, 0, None)["loss"]
    loss.backward()
    for each in found:
        torch.testing.assert_close(each["loss"], loss.detach(), rtol=1e-5, atol=1e-6)
        for name, p in model.named_parameters():
            torch.testing.assert_close(each["gradients"][name], p.grad, rtol=1e-3, atol=1e-6, msg=name)
    half = model.loss({name: tensor[:2] for name, tensor in batch.items()}, 0, None)["loss"]
    print("equal" if abs(float(half) - float(loss)) > 1e-2 else "half a batch gives the same: nothing was shown")
    return 0


if __name__ == "__main__":
    sys.exit(main())
