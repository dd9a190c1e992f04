"""A second device: who trains where, and that the model is back when it is asked. On a pretended one: this machine may
have none. See tests/second_device.py for what that can show and what it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from course_lib.training import load_config, recipe_names
from course_lib.training.config import sizes
from tests.imports import ROOT


def there(*names: str) -> dict[str, Any]:
    call = [sys.executable, "-m", "tests.second_device", *names]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return there("mixing", "notebook", "asked", "ends")


def test_the_pretended_device_refuses_what_a_real_one_refuses(found: dict[str, Any]) -> None:
    refused = found["mixing"]["refused"]
    assert len(refused) == 3 and "pretended:0 and cpu" in refused[0] and "float64" in refused[2]
    assert found["mixing"]["accepted"] == [1, 2]


def test_what_a_notebook_trains_stays_where_its_pictures_ask_it(found: dict[str, Any]) -> None:
    """accelerate finds a GPU, and a live picture and a view ask the model with frames on the CPU."""
    assert found["notebook"] == {"device": "cpu", "during": ["cpu", "cpu"], "after": ["cpu"]}


def test_a_model_that_was_trained_on_a_gpu_is_back_when_it_is_asked(found: dict[str, Any]) -> None:
    assert found["asked"] == {"device": "pretended:0", "after": ["cpu"], "drawn": [2, 32, 32, 3]}


def test_however_a_run_on_a_gpu_ends_the_model_is_back_and_its_state_goes_on(found: dict[str, Any]) -> None:
    ends = found["ends"]
    assert ends["stopped"] == ends["diverged"] == ["cpu"]
    assert ends["kept on"] == "pretended" and ends["goes on"]


@pytest.fixture(scope="module")
def recipes() -> dict[str, Any]:
    return there(*recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_no_phase_of_a_recipe_mixes_two_devices(name: str, recipes: dict[str, Any]) -> None:
    ran = recipes[name]
    assert ran["device"] == "pretended:0" and ran["during"] == ["pretended"] and ran["after"] == ["cpu"]
    np.testing.assert_allclose(*ran["losses"], rtol=1e-4)


def test_only_the_sizes_for_a_gpu_ask_for_one() -> None:
    """So that what a notebook trains gives the digits that it shows, on every machine."""
    for name in recipe_names():
        for size in sizes(name):
            wanted = "auto" if size.partition("-")[0] == "gpu" else "cpu"
            assert load_config(name, size).train.device == wanted, f"{name} {size}"
