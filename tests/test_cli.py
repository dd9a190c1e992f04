"""The command line: what it answers, and what it says when asked wrongly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, cli, cli_process


def test_help_explains_and_does_not_load_torch() -> None:
    code = (
        "import sys\nsys.path.insert(0, sys.argv.pop(1))\nfrom course_lib.__main__ import app\n"
        "try:\n    app(['train', '--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert 'torch' not in sys.modules, 'asking for help loaded torch'"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for word in ("--size", "--set", "--out", "--ship", "--resume", "accelerate launch", "tiny", "Example"):
        assert word in done.stdout
    listed = cli_process("--help").stdout
    assert "train" in listed and "params" in listed and "checkpoints" in listed


def test_params_counts_the_paper() -> None:
    done = cli("params", "vae", "--size", "paper")
    counted = json.loads(done.stdout)
    assert counted["total"] == counted["published"] == sum(counted["parts"].values()) == 4_348_547
    assert counted["model"] == "vae" and counted["size"] == "paper"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "vea"], "did you mean 'vae'"),
        (["params", "vae", "--size", "huge"], "it comes in: tiny, cpu"),
        (["train", "vae", "--size", "tiny", "--set", "train.steps=fast"], "a whole number at least 1"),
        (["train", "vae", "--size", "paper"], "for counting"),
        (["train", "vae", "--size", "tiny", "--ship"], "not tiny"),
        (["train", "vae", "--ship", "--set", "train.steps=3"], "configuration file alone"),
    ],
)
def test_what_cannot_be_done_is_explained_without_a_traceback(words: list[str], message: str) -> None:
    done = cli(*words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_an_error_ends_the_process_with_its_message_alone() -> None:
    done = cli_process("train", "vea")
    assert done.returncode == 2 and not done.stdout
    assert "did you mean 'vae'" in done.stderr and "Traceback" not in done.stderr


def test_train_stores_weights_provenance_and_log_in_runs(tmp_path: Path) -> None:
    done = cli("train", "vae", "--size", "tiny", "--set", "train.steps=3", "--set", "data.count=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "vae-tiny"
    assert sorted(file.name for file in folder.iterdir()) == ["log.csv", "vae-tiny.json", "vae-tiny.safetensors"]
    facts = json.loads((folder / "vae-tiny.json").read_text())
    assert facts["steps"] == 3 and facts["configuration"]["data"]["count"] == 2
    assert "3 steps" in done.stdout


def test_train_that_diverges_ends_with_the_step_and_stores_nothing(tmp_path: Path) -> None:
    settings = ["train.steps=50", "train.learning_rate=1.0", "train.clip=1e9", "train.warmup=0", "data.count=2"]
    words = [word for setting in settings for word in ("--set", setting)]
    done = cli("train", "vae", "--size", "tiny", "--out", "here", *words, cwd=tmp_path)
    assert done.returncode == 2 and "at step" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.safetensors"))
