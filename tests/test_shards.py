"""Several processes train as one does: the same noise for the same row, the same losses, the same weights."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from course_lib.nets import chance
from course_lib.nets.gather import gather_batch
from course_lib.nets.shard import Shard, shard, sharded
from course_lib.training import get_recipe, load_config, train
from course_lib.training.recipe import build
from tests.imports import ROOT
from tests.small_run import run


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------------------- in one process


@pytest.mark.parametrize(
    ("draw", "plain"),
    [
        (lambda shape, g: chance.normal(shape, g), lambda shape, g: torch.randn(shape, generator=g)),
        (lambda shape, g: chance.uniform(shape, g), lambda shape, g: torch.rand(shape, generator=g)),
        (lambda shape, g: chance.integers(9, shape, g), lambda shape, g: torch.randint(9, shape, generator=g)),
    ],
)
def test_a_row_has_its_numbers_whoever_holds_it(draw: Any, plain: Any) -> None:
    alone, expected = seeded(), plain((12, 5), seeded())
    assert torch.equal(draw((12, 5), alone), expected)
    parts, states = [], []
    for rank in range(4):
        generator = seeded()
        with sharded(rank, 4):
            parts.append(draw((3, 5), generator))
        states.append(generator.get_state())
    assert torch.equal(torch.cat(parts), expected)
    assert all(torch.equal(state, alone.get_state()) for state in states), "the processes' generators part ways"


def test_the_slices_cover_the_batch_and_end_with_the_block() -> None:
    taken = [row for rank in range(3) for row in range(12)[Shard(rank, 3).rows(12)]]
    assert taken == list(range(12))
    with pytest.raises(ValueError, match="10 rows cannot be cut into 3"):
        Shard(0, 3).rows(10)
    with pytest.raises(RuntimeError, match="inside"), sharded(1, 2):
        assert shard() == Shard(1, 2)
        raise RuntimeError("inside")
    assert shard() == Shard(0, 1)
    with pytest.raises(ValueError, match="no process 2 among 2"), sharded(2, 2):
        pass
    x = torch.ones(3)
    assert gather_batch(x) is x


# ------------------------------------------------------------------------------------------------- in two processes


def launch(*words: str, cwd: Path, cpu: bool = True) -> subprocess.CompletedProcess[str]:
    """The documented command, at a port that is free."""
    options = "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    call = [str(Path(sys.executable).with_name("accelerate")), "launch", *options.split(), "--main_process_port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"ACCELERATE_USE_CPU": "true"} if cpu else {})}
    return subprocess.run([*call, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def farthest(one: list[dict[str, Any]], two: list[dict[str, Any]], name: str) -> float:
    """The largest relative difference of a number over the steps that have it."""
    assert [row["step"] for row in one] == [row["step"] for row in two]
    pairs = [(float(a[name]), float(b[name])) for a, b in zip(one, two, strict=True) if a.get(name) not in (None, "")]
    assert pairs
    return max(abs(a - b) / abs(a) for a, b in pairs)


def log_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def test_noise_contrast_and_variance_see_the_global_batch(tmp_path: Path) -> None:
    done = launch("tests.two_processes", str(tmp_path), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"found-{rank}.json").read_text()) for rank in range(2))
    assert first["outcome"] == second["outcome"]
    alone = run(tmp_path / "alone")
    differences = {name: farthest(alone.rows, first["rows"], name) for name in ("loss", "contrast", "gradient_norm")}
    print(differences)
    assert differences["loss"] < 1e-5 and differences["contrast"] < 1e-5 and differences["gradient_norm"] < 1e-4
    assert all(math.isnan(row["never"]) for row in first["rows"] if row["phase"] == "head")
    weights = load_file(tmp_path / "whole.safetensors")
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-5, msg=name)
    # one log, with as many rows as one process writes
    assert farthest(log_of(tmp_path / "whole"), log_of(tmp_path / "alone"), "loss") < 1e-5
    # Ctrl-C in one of them stops both after the same step; going on is bit for bit there too
    assert first["stopped"] == second["stopped"] in (13, 14)
    assert first["resumed"] == second["resumed"] == first["outcome"]
    assert "data.batch is 7, which 2 processes cannot share evenly" in first["uneven"]
    assert "make it a multiple of 2" in second["uneven"]


def test_a_slice_of_the_losses_would_be_noticed() -> None:
    """The control of the test above: what half a batch alone gives is far from what the whole one gives."""
    from tests.small_run import config

    whole, half = run(given=config(steps=2)), run(given=config(steps=2, batch=4))
    assert farthest(whole.rows, half.rows, "contrast") > 1e-2


def test_the_vae_by_the_command_in_two_processes(tmp_path: Path) -> None:
    settings = ["train.steps=40", "data.count=4", "train.log_every=1"]
    words = ["train", "vae", "--size", "tiny", *[w for s in settings for w in ("--set", s)]]
    done = launch("course_lib", *words, "--out", "two", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("stored ") == 1 and done.stdout.count("step 40 of 40") == 1, "each process speaks"
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["log.csv", "vae-tiny.json", "vae-tiny.safetensors"]
    call = [sys.executable, "-m", "course_lib", *words, "--out", "one"]
    subprocess.run(call, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=120,
                   capture_output=True)  # fmt: skip
    one, two = log_of(tmp_path / "one"), log_of(tmp_path / "two")
    difference = farthest(one, two, "loss")
    weights = [load_file(tmp_path / place / "vae-tiny.safetensors") for place in ("one", "two")]
    apart = max(float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0])
    print(f"losses differ by {difference:.1e} of themselves, weights by {apart:.1e}")
    assert 0.0 < difference < 1e-5, "exactly the same: was there only one process?"
    assert apart < 1e-4
    assert len(one) == 40 and np.isfinite([float(row["kl"]) for row in two]).all()


def test_fsdp_2_gives_the_losses_and_the_whole_weights(tmp_path: Path) -> None:
    done = launch("tests.fsdp_processes", str(tmp_path), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["sharded"] == [True] * 20
    config = load_config("vae", "tiny", {"train.steps": 20, "data.count": 4})
    alone = train("vae", config, model=build(get_recipe("vae"), config.model, seed=7), progress="none")
    np.testing.assert_allclose(found["losses"], alone.column("loss"), rtol=1e-5)
    weights = load_file(tmp_path / "weights.safetensors")
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert "small learns in 2 phases" in found["phases"] and "cannot go on" in found["resume"]
    assert "is not kept" in done.stderr and not (tmp_path / "kept").exists()


def test_processes_that_would_share_nothing_are_refused(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("with GPUs the processes find devices")
    done = launch("course_lib", "train", "vae", "--size", "tiny", "--out", "two", cwd=tmp_path, cpu=False)
    assert done.returncode != 0 and "set ACCELERATE_USE_CPU=true" in done.stderr
    assert not list(tmp_path.rglob("*.safetensors"))
