"""The training room: configuration and its errors, the schedule, the loop, checkpoints and their provenance."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from course_lib.models.base import ModelConfig, Strict
from course_lib.models.vae import VAE, psnr
from course_lib.training import (
    CheckpointError,
    ConfigError,
    Diverged,
    RunConfig,
    checkpoints,
    get_recipe,
    load_checkpoint,
    load_config,
    provenance,
    recipe_names,
    save_checkpoint,
    train,
)
from course_lib.training.config import sizes
from course_lib.training.progress import Progress
from course_lib.training.recipe import Data, Phase, Recipe, TrainConfig
from course_lib.training.registry import UnknownModel
from course_lib.training.schedule import learning_rate
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

# ------------------------------------------------------------------------------------------------- a model for tests


class LineConfig(ModelConfig):
    bad_step: int = -1


class Line(nn.Module):
    """Learns y = 3 x + 1 with two numbers; counts its updates; breaks on request."""

    def __init__(self, config: LineConfig) -> None:
        super().__init__()
        self.config = config
        self.slope, self.offset = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.register_buffer("updates", torch.zeros(()))

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        noise = 0.01 * torch.randn(batch["x"].shape, generator=generator)
        error = self.slope(batch["x"]) + self.offset(torch.ones_like(batch["x"])) - (3 * batch["x"] + 1) + noise
        loss = error.square().mean()
        return {"loss": loss / 0.0 if step == self.config.bad_step else loss, "size": error.abs().mean()}

    def other_loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {"loss": self.offset.weight.square().sum(), "offset": self.offset.weight.sum()}

    def after_step(self, step: int, of: int) -> None:
        self.updates += 1


def xs(data: Data, config: RunConfig, generator: torch.Generator):
    while True:
        yield {"x": torch.randn(16, 1, generator=generator)}


def line_recipe(**changes: Any) -> Recipe:
    nothing = Data({"x": np.zeros(1)}, "random numbers", "0" * 64)
    given = {
        "name": "line",
        "model_config": LineConfig,
        "data_config": Strict,
        "train_config": TrainConfig,
        "build": Line,
        "load": lambda config, data: nothing,
        "batches": xs,
        "ship": ("tiny",),
    }
    return Recipe(**{**given, **changes})


def line_config(steps: int = 30, bad_step: int = -1, **settings: Any) -> RunConfig:
    return RunConfig[LineConfig, Strict, TrainConfig](
        model=LineConfig(bad_step=bad_step),
        data=Strict(),
        train=TrainConfig(**{"steps": steps, "learning_rate": 0.1, **settings}),
        name="line",
        size="tiny",
    )


def run(recipe: Recipe | None = None, config: RunConfig | None = None, **options: Any):
    return train(recipe or line_recipe(), config or line_config(), progress="none", **options)


# ------------------------------------------------------------------------------------------------------ configuration


@pytest.mark.parametrize("name", recipe_names())
def test_every_model_comes_in_four_sizes_that_can_be_built(name: str) -> None:
    paper = ["paper"] if get_recipe(name).paper else []  # an instrument of the course's own has none
    assert [size for size in sizes(name) if "-" not in size] == ["tiny", "cpu", "gpu", *paper]
    for size in sizes(name):
        config = load_config(name, size)
        assert (config.name, config.size) == (name, size)
        with torch.device("meta"):
            assert sum(p.numel() for p in get_recipe(name).build(config.model).parameters()) > 0


def test_the_paper_configuration_of_the_vae_is_the_paper() -> None:
    with torch.device("meta"):
        total = sum(p.numel() for p in VAE(load_config("vae", "paper").model).parameters())
    assert total == get_recipe("vae").published == 4_348_547


def test_overrides_reach_the_configuration_as_text_or_as_values() -> None:
    text = load_config("vae", "tiny", ["train.steps=7", "train.learning_rate=1e-4", "model.encoder_channels=[8, 8, 8]"])
    assert (text.train.steps, text.train.learning_rate) == (7, 1e-4)
    assert text.model.encoder_channels == (8, 8, 8)
    assert load_config("vae", "tiny", {"train.steps": 7}).train.steps == 7
    assert load_config("vae", "tiny").train.steps != 7


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.step=3", ["--set train.step", "no key", "did you mean train.steps?", "train.seed"]),
        ("steps=3", ["did you mean train.steps?"]),
        ("model=3", ["model is a group", "model.latent"]),
        ("train.steps.more=3", ["no key train.steps.more"]),
        ("train.steps=fast", ["train.steps is 'fast'", "a whole number at least 1"]),
        ("train.steps=2.5", ["train.steps is 2.5", "a whole number"]),
        ("train.steps=true", ["train.steps is True", "a whole number"]),
        ("train.learning_rate=0", ["train.learning_rate is 0", "above 0 and at most 1"]),
        ("train.learning_rate=.nan", ["train.learning_rate is nan", "a number"]),
        ("train.precision=half", ["'half'", "one of 'no', 'bf16'"]),
        ("model.frame_size=48", ["model.frame_size is 48", "one of 32, 64"]),
        ("model.encoder_channels=[8, x, 8]", ["model.encoder_channels[1] is 'x'", "each entry a whole number"]),
        ("model.padding=0", ["--set model.padding", "decoder's widths"]),
        ("data.films=complicated", ["data.films is 'complicated'", "the film sets are"]),
        ("data.films=simple-fast", ["data.films is 'simple-fast'", "reserved"]),
        ("oops", ["write it as key=value"]),
        ("train.steps=[1", ["not a value that YAML understands"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("vae", "tiny", [override])
    for word in words:
        assert word in str(caught.value)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("vae", "tiny", ["train.steps=0", "data.count=-1"])
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: {steps: 5, learning_rate: 0.1, speed: 3}\nmodel: {}\ndata: {}\n", ["no key train.speed"]),
        ("train: {learning_rate: 0.1}\nmodel: {}\ndata: {}\n", ["train.steps is missing", "a whole number at least 1"]),
        ("model: {}\ndata: {}\n", ["the group 'train' is missing"]),
        ("train: {steps: 5, steps: 6}\n", ["not valid YAML", "'steps' stands here twice"]),
        ("train: [1, 2\n", ["not valid YAML"]),
        ("trian: {steps: 5}\n", ["no group 'trian'", "model, data, train"]),
        ("", ["must hold the groups"]),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config("vae", file=path)
    for word in ["wrong.yaml", *words]:
        assert word in str(caught.value)


def test_unknown_models_and_sizes_are_answered_with_what_there_is() -> None:
    with pytest.raises(UnknownModel, match="did you mean 'vae'.*the models are: .*vae"):
        get_recipe("vea")
    with pytest.raises(ConfigError, match="comes in: tiny, cpu.* gpu.* paper"):
        load_config("vae", "huge")


# ------------------------------------------------------------------------------------------------------------ schedule


def test_the_learning_rate_rises_to_its_peak_and_falls_to_its_end() -> None:
    rates = [learning_rate(s, steps=100, peak=2.0, warmup=10, final=0.1) for s in range(100)]
    assert rates[9] == max(rates) == 2.0
    assert np.allclose(np.diff(rates[:10]), 0.2)  # a straight line up
    assert all(a > b for a, b in zip(rates[10:], rates[11:], strict=False))  # strictly down
    assert rates[-1] == pytest.approx(0.2)
    middle = learning_rate(10 + 45, steps=101, peak=2.0, warmup=10, final=0.0)
    assert middle == pytest.approx(1.0)  # half way down the cosine is half the peak


def test_a_schedule_of_one_step_runs_at_its_peak() -> None:
    assert learning_rate(0, steps=1, peak=0.5) == 0.5
    assert learning_rate(0, steps=1, peak=0.5, warmup=1) == 0.5


# ---------------------------------------------------------------------------------------------------------------- loop


def test_it_learns_and_reports_every_step() -> None:
    seen = []
    history = run(config=line_config(200), on_step=lambda step, parts: seen.append((step, parts)))
    assert [step for step, _ in seen] == list(range(1, 201))
    assert all(set(parts) == {"loss", "size"} for _, parts in seen)
    assert history.model.slope.weight.item() == pytest.approx(3.0, abs=0.05)
    assert history.last("loss", 20) < 0.01 * history.column("loss")[0]
    assert history.model.updates.item() == 200 and not history.model.training
    with pytest.raises(KeyError, match="the names are: .*gradient_norm"):
        history.column("accuracy")


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    weights = [torch.cat([p.flatten() for p in run(config=line_config(seed=s)).model.parameters()]) for s in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert torch.equal(before[0], torch.get_rng_state()) and np.array_equal(before[1], np.random.get_state()[1])


def test_a_phase_trains_its_own_parameters_and_nothing_else() -> None:
    snapshots: list[tuple[float, float]] = []

    def phases(model: Line, config: RunConfig) -> list[Phase]:
        return [
            Phase("slope", 5, list(model.slope.parameters())),
            Phase("offset", 7, list(model.offset.parameters()), loss="other_loss"),
        ]

    model = Line(LineConfig())
    start = model.slope.weight.item(), model.offset.weight.item()
    history = run(
        line_recipe(phases=phases),
        line_config(weight_decay=0.5),
        model=model,
        on_step=lambda step, parts: snapshots.append((model.slope.weight.item(), model.offset.weight.item())),
    )
    assert len(snapshots) == 12 and [row["phase"] for row in history.rows] == ["slope"] * 5 + ["offset"] * 7
    assert all(offset == start[1] for _, offset in snapshots[:5]) and snapshots[4][0] != start[0]
    assert all(slope == snapshots[4][0] for slope, _ in snapshots[5:]) and snapshots[-1][1] != start[1]
    assert all(parameter.requires_grad for parameter in model.parameters())  # as it was before
    assert history.column("offset") and len(history.column("size")) == 5


def test_parameters_that_were_frozen_before_stay_frozen_after() -> None:
    model = Line(LineConfig())
    model.offset.weight.requires_grad_(False)
    run(line_recipe(phases=lambda m, c: [Phase("slope", 2, list(m.slope.parameters()))]), model=model)
    assert not model.offset.weight.requires_grad and model.slope.weight.requires_grad


def test_long_gradients_are_clipped() -> None:
    def largest_step(clip: float) -> float:
        model = Line(LineConfig())
        nn.init.zeros_(model.slope.weight)
        history = run(config=line_config(1, clip=clip), model=model)
        assert history.column("gradient_norm")[0] > 1.0  # the length before clipping is what is reported
        return abs(model.slope.weight.item())

    # AdamW's first step has the learning rate's length whatever the gradient's, until the gradient nears its epsilon
    assert largest_step(1e-9) < 0.5 * largest_step(1.0)


def test_training_that_diverges_stops_and_says_where() -> None:
    model = Line(LineConfig(bad_step=4))
    reached = []
    with pytest.raises(Diverged, match=r"the loss became inf at step 5 \(phase 'train'.*lower train.learning_rate"):
        run(config=line_config(bad_step=4), model=model, on_step=lambda step, parts: reached.append(step))
    assert reached == [1, 2, 3, 4]
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_a_model_without_a_loss_and_a_phase_without_parameters_are_named() -> None:
    with pytest.raises(ValueError, match="must hold 'loss'"):
        run(line_recipe(phases=lambda m, c: [Phase("p", 1, list(m.parameters()), loss="no_loss")], build=NoLoss))
    with pytest.raises(ValueError, match="phase 'empty' has no parameters"):
        run(line_recipe(phases=lambda m, c: [Phase("empty", 1, [])]))


class NoLoss(Line):
    def no_loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {"error": self.slope.weight.sum()}


def test_the_log_is_a_table_even_when_phases_name_other_losses(tmp_path: Path) -> None:
    def phases(model: Line, config: RunConfig) -> list[Phase]:
        parameters = list(model.offset.parameters())
        return [Phase("a", 4, parameters), Phase("b", 4, parameters, loss="other_loss")]

    history = run(line_recipe(phases=phases), line_config(log_every=2), log=tmp_path / "deep" / "log.csv")
    with (tmp_path / "deep" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 4, 6, 8]
    assert all(float(row["loss"]) == history.rows[int(row["step"]) - 1]["loss"] for row in rows)
    assert rows[0]["offset"] == "" and rows[-1]["offset"] != "" and rows[-1]["size"] == ""


def test_progress_in_a_log_file_is_sparse_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progress("vae", 250, "plain")
    for step in range(1, 251):
        bar.update(step, {"loss": 1.5})
    bar.close()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and lines[-1].startswith("vae: step 250 of 250") and "loss 1.5" in lines[-1]


def test_progress_in_a_terminal_is_a_bar_and_none_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("terminal", "none"):
        bar = Progress("vae", 3, kind)
        for step in range(1, 4):
            bar.update(step, {"loss": 1.5})
        bar.close()
        printed = capsys.readouterr()
        assert printed.out == "" and ("3/3" in printed.err) == (kind == "terminal")


# --------------------------------------------------------------------------------------------------------- checkpoints


def stored(folder: Path) -> tuple[Recipe, nn.Module]:
    recipe = line_recipe()
    history = run(recipe)
    save_checkpoint(history.model, recipe, "tiny", about=history.about(), folder=folder)
    return recipe, history.model


def test_what_is_loaded_is_what_was_stored(tmp_path: Path) -> None:
    recipe, model = stored(tmp_path)
    loaded = load_checkpoint(recipe, size="tiny", folder=tmp_path)
    assert not loaded.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))
    assert loaded.updates.item() == 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line-tiny.json", "line-tiny.safetensors"]


def test_parts_are_stored_apart_and_loaded_apart(tmp_path: Path) -> None:
    recipe = line_recipe(parts={"slope": lambda m: m.slope, "offset": lambda m: m.offset})
    history = run(recipe)
    files = save_checkpoint(history.model, recipe, "tiny", about=history.about(), folder=tmp_path)
    assert [file.name for file in files] == ["slope-tiny.safetensors", "offset-tiny.safetensors"]
    whole = load_checkpoint(recipe, size="tiny", folder=tmp_path)
    slope = load_checkpoint(recipe, size="tiny", part="slope", folder=tmp_path)
    assert torch.equal(whole.slope.weight, history.model.slope.weight) and torch.equal(slope.weight, whole.slope.weight)
    with pytest.raises(CheckpointError, match="its parts are: slope, offset"):
        load_checkpoint(recipe, size="tiny", part="head", folder=tmp_path)


def test_the_provenance_says_what_made_the_weights(tmp_path: Path) -> None:
    recipe, _ = stored(tmp_path)
    facts = provenance(recipe, size="tiny", folder=tmp_path)
    assert facts["configuration"]["train"]["steps"] == facts["steps"] == 30
    assert facts["data"] == {"what": "random numbers", "sha256": "0" * 64}
    assert facts["seed"] == 0 and facts["torch"] == torch.__version__ and facts["minutes"] >= 0
    assert len(facts["sha256"]) == 64 and len(facts["commit"]) in (len("unknown"), 40)
    assert 0 < facts["last_100_steps"]["loss"] < 100


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda w, j: w.unlink(), "there is no .*safetensors"),
        (lambda w, j: j.unlink(), "there is no .*json"),
        (lambda w, j: w.write_bytes(w.read_bytes()[:-4]), "safetensors is cut short"),
        (lambda w, j: w.write_bytes(w.read_bytes()[:-1] + b"\x7f"), "another SHA-256"),
        (lambda w, j: j.write_text("{half"), "cannot be read as JSON"),
        (lambda w, j: j.write_text("{}"), "lacks bytes, configuration, sha256"),
        (lambda w, j: j.write_text(j.read_text().replace('"bad_step"', '"worse_step"')), "does not know"),
    ],
)
def test_a_damaged_checkpoint_is_named_with_the_way_out(tmp_path: Path, damage: Any, words: str) -> None:
    recipe, _ = stored(tmp_path)
    damage(tmp_path / "line-tiny.safetensors", tmp_path / "line-tiny.json")
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint(recipe, size="tiny", folder=tmp_path)
    assert str(tmp_path) in str(caught.value) and "python -m course_lib train line" in str(caught.value)


def test_weights_that_do_not_fit_the_model_are_named(tmp_path: Path) -> None:
    recipe, _ = stored(tmp_path)

    def wider(config: LineConfig) -> nn.Module:
        model = Line(config)
        model.slope = nn.Linear(2, 1, bias=False)
        return model

    with pytest.raises(CheckpointError, match=r"slope.weight is \(1, 2\) in the model, \(1, 1\) in the file"):
        load_checkpoint(line_recipe(build=wider), size="tiny", folder=tmp_path)


def test_a_missing_checkpoint_of_the_course_points_at_make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path)
    with pytest.raises(CheckpointError, match="make checkpoints"):
        load_checkpoint("vae", size="cpu")
    with pytest.raises(CheckpointError, match="With the course come only: cpu"):
        load_checkpoint("vae", size="gpu")


def test_a_file_too_large_for_the_course_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(checkpoints, "LARGEST", 10)
    history = run()
    with pytest.raises(CheckpointError, match="at most"):
        save_checkpoint(history.model, line_recipe(), "tiny", about=history.about())
    assert not list(tmp_path.rglob("*.safetensors"))


def test_large_weights_lie_in_several_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(checkpoints, "LARGEST", 64 * 1024 + 2)  # two bytes of tensors a file
    recipe, history = line_recipe(half=frozenset({("line", "tiny")})), run()
    files = save_checkpoint(history.model, recipe, "tiny", about=history.about())
    assert len(files) > 1 and files[1].name == "line-tiny-2.safetensors"
    loaded = load_checkpoint(recipe, size="tiny")
    for (name, mine), theirs in zip(loaded.named_parameters(), history.model.parameters(), strict=True):
        assert mine.dtype == torch.float32 and torch.equal(mine, theirs.half().float()), name
    files[1].write_bytes(files[1].read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="line-tiny-2.safetensors is cut short"):
        load_checkpoint(recipe, size="tiny")
    files[1].unlink()
    with pytest.raises(CheckpointError, match="there is no .*line-tiny-2.safetensors"):
        load_checkpoint(recipe, size="tiny")


@pytest.mark.parametrize("more", [3, [{"file": "x"}], [{"file": "../x", "bytes": 1, "sha256": "0"}]])
def test_a_damaged_list_of_files_is_named(tmp_path: Path, more: Any) -> None:
    recipe, _ = stored(tmp_path)
    record = tmp_path / "line-tiny.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"more": more}))
    with pytest.raises(CheckpointError, match="further file"):
        load_checkpoint(recipe, size="tiny", folder=tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    checkpoints.write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("course_lib.files.os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            checkpoints.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    checkpoints.write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o044


@pytest.mark.parametrize(("name", "size"), [(name, size) for name in recipe_names() for size in get_recipe(name).ship])
def test_a_checkpoint_of_the_course_is_whole_and_made_by_its_configuration(name: str, size: str) -> None:
    load_checkpoint(name, size=size)
    for part in get_recipe(name).part_names():
        weights, _ = checkpoints.paths(name, size, part)
        facts, now = provenance(name, size=size, part=part), load_config(name, size)
        for file in [weights, *(weights.with_name(piece["file"]) for piece in facts.get("more", []))]:
            assert file.stat().st_size <= checkpoints.LARGEST
        # Read as a configuration is: a key that is younger than the checkpoint has the value that it had without it.
        made_by = type(now).model_validate_json(json.dumps(facts["configuration"]))
        for group in ("model", "data", "train"):
            assert getattr(made_by, group).model_dump() == getattr(now, group).model_dump(), "changed: make checkpoints"


# ----------------------------------------------------------------------------------------------------------------- VAE


def test_the_vae_takes_frames_that_the_caller_brings() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 32, 32, 3), dtype=np.uint8)
    history = train("vae", load_config("vae", "tiny", {"train.steps": 2}), data=frames, progress="none")
    assert history.data.description == "12 frames given by the caller" and len(history.data.sha256) == 64
    other = train("vae", load_config("vae", "tiny", {"train.steps": 1}), data=frames[::-1], progress="none")
    assert other.data.sha256 != history.data.sha256
    with pytest.raises(ValueError, match=r"\(..., 32, 32, 3\), these have \(12, 64, 64, 3\)"):
        train("vae", "tiny", data=np.zeros((12, 64, 64, 3), np.uint8), progress="none")
    with pytest.raises(TypeError, match="uint8"):
        train("vae", "tiny", data=np.zeros((12, 32, 32, 3)), progress="none")


def test_learning_the_tiny_vae_beats_the_mean_frame_on_films_it_never_saw() -> None:
    held_out = to_model(load_films("simple", split="validation", count=10).frames).flatten(0, 1)
    start = time.process_time()
    history = train("vae", "tiny", progress="none")
    seconds = time.process_time() - start
    seen = torch.from_numpy(history.data.arrays["frames"]).float().mean(dim=0).movedim(-1, 0) / 255.0
    with torch.no_grad():
        output = history.model(held_out)
    control = psnr(held_out, seen.expand_as(held_out)).mean().item()
    result = psnr(held_out, output.frames).mean().item()
    print(f"VAE {result:.1f} dB, the mean frame {control:.1f} dB, {history.last('kl'):.1f} nats, {seconds:.0f} s")
    assert result > control + 1.0
    assert history.last("kl") > 5.0
    assert seconds < 30.0 * torch.get_num_threads()


def test_films_that_are_held_out_are_refused_as_data() -> None:
    from course_lib.worlds.films import make_films

    config = load_config("vae", "tiny", {"train.steps": 2, "train.warmup": 0})
    history = train("vae", config, data=make_films("ball", split="train", count=2), progress="none")
    assert "'ball', train" in history.about()["data"]["what"]
    for name, split in (("simple", "test"), ("simple-fast", "test")):
        with pytest.raises(ValueError, match="train on"):
            train("vae", config, data=make_films(name, split=split, count=2), progress="none")
