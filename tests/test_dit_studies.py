"""The two studies of the diffusion transformer: what they count, that they compare like with like, and what they kept.

On small networks and a few made-up latents, so that a run takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from course_lib.exam.entrant import Entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.base import fresh
from course_lib.models.clip import tokenise
from course_lib.models.dit import AveragedDiT, DiT, DiTConfig
from course_lib.models.unet import UNet
from course_lib.studies import dit_conditioning, dit_scaling, store
from course_lib.studies.dit_conditioning import NETWORKS, REFERENCE, equal_steps, mean_and_spread, measured_conditioning
from course_lib.studies.dit_scaling import (
    COMMON,
    PATCHES,
    SIZES,
    Material,
    correlation_and_interval,
    draw_held_out,
    forward_flops,
    held_out_loss,
    measured_scaling,
    rank_correlation,
    run_config,
    size_changes,
    train_and_measure,
    weights_of,
)
from course_lib.studies.store import StudyError, kept_piece
from course_lib.training.recipe import Data
from course_lib.training.recipes import dit as recipe_file
from tests.damaged import check_refused

QUICK = {**COMMON, "data.count": 60, "data.batch": 8, "train.steps": 6, "train.warmup": 2}
FEW = {"films": 24, "levels": 2, "prompts": 6, "steps": 2}
SHAPE = (2, 12, 8, 8)
CAPTIONS = ["a small red ball falling", "a large blue box resting and a small red ball moving left"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def config_of(width: int = 32, depth: int = 2, patch: int = 2, **changes: object) -> DiTConfig:
    more = {f"model.{name}": value for name, value in changes.items()}
    return run_config(0, {**size_changes(width, depth, patch), **more}).model


# ---------------------------------------------------------------------------------------------------- operations


@pytest.mark.parametrize(("name", "sizes", "gflops"), [
    ("S/2", (384, 12, 6, 2), 6.06), ("S/8", (384, 12, 6, 8), 0.36), ("B/2", (768, 12, 12, 2), 23.01),
    ("XL/2", (1152, 28, 16, 2), 118.64), ("XL/4", (1152, 28, 16, 4), 29.05),
])  # fmt: skip
def test_the_papers_gflops_are_half_of_these_operations(name: str, sizes: tuple[int, ...], gflops: float) -> None:
    """Peebles & Xie 2022, table 4: a multiplication and its addition are one there."""
    width, depth, heads, patch = sizes
    with torch.device("meta"):
        dit = DiT(DiTConfig(width=width, depth=depth, heads=heads, patch=patch))
    assert forward_flops(dit, (1, 4, 32, 32)) / 2e9 == pytest.approx(gflops, rel=0.01), name


def test_operations_against_the_formula_written_out() -> None:
    config, words = config_of(32, 3, 2, conditioning="adaLN-Zero", word_attention=True), 15
    tokens, width, channels = 2 * 16, config.width, 12 * 4
    linear = lambda rows, inputs, outputs: 2 * rows * inputs * outputs  # noqa: E731
    attention = lambda queries, keys: 2 * 2 * queries * keys * width  # noqa: E731
    block = (
        linear(tokens, width, 4 * width) + attention(tokens, tokens) + 2 * linear(tokens, width, 4 * width)
        + 2 * linear(tokens, width, width) + linear(words, width, 2 * width) + attention(tokens, words)
        + linear(1, width, 6 * width)
    )  # fmt: skip
    reader = linear(words, width, 4 * width) + attention(words, words) + 2 * linear(words, width, 4 * width)
    ends = linear(tokens, channels, width) + linear(tokens, width, channels) + linear(1, width, 2 * width)
    time = linear(1, 256, width) + linear(1, width, width)
    assert forward_flops(DiT(config), SHAPE, words) == 3 * block + reader + ends + time


def test_smaller_patches_cost_more_with_about_the_same_weights() -> None:
    fine, coarse = (DiT(config_of(patch=patch)) for patch in (1, 2))
    assert forward_flops(fine, SHAPE) > 3 * forward_flops(coarse, SHAPE)
    weights = [sum(p.numel() for p in dit.parameters()) for dit in (fine, coarse)]
    assert weights[0] == pytest.approx(weights[1], rel=0.1)


def test_no_two_configurations_of_the_study_cost_the_same() -> None:
    costs = [forward_flops(DiT(run_config(0, size_changes(*size, patch)).model), SHAPE)
             for size in SIZES for patch in PATCHES]  # fmt: skip
    assert len(set(costs)) == len(costs) == 8 and max(costs) > 20 * min(costs)


def test_steps_at_equal_compute_come_to_the_same_operations() -> None:
    flops = {"cheap": 100, REFERENCE: 250, "dear": 1000}
    steps = equal_steps(flops, 600)
    assert steps[REFERENCE] == 600 and steps["cheap"] == 1500 and steps["dear"] == 150
    spent = [flops[name] * steps[name] for name in flops]
    assert max(spent) - min(spent) <= max(flops.values())


# ------------------------------------------------------------------------------------------------ rank correlation


def test_rank_correlation_is_scipys_and_knows_its_extremes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = rng.integers(5, size=20), rng.normal(size=20)  # with equal values
        assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    x = np.arange(8.0)
    assert rank_correlation(x, np.exp(-x)) == pytest.approx(-1.0) and rank_correlation(x, x**3) == pytest.approx(1.0)
    assert np.isnan(rank_correlation(x, np.ones(8)))


def test_the_interval_holds_the_value_and_is_wider_where_sizes_differ_less() -> None:
    rng = np.random.default_rng(0)
    gflops = np.repeat(2.0 ** np.arange(8)[:, None], 3, axis=1)
    clear = -np.log(gflops) + 0.01 * rng.normal(size=gflops.shape)
    vague = -np.log(gflops) + 3.0 * rng.normal(size=gflops.shape)
    one, other = (correlation_and_interval(gflops, y, draws=300) for y in (clear, vague))
    assert one["low"] <= one["value"] <= one["high"] < -0.9 and one["n"] == 24
    assert other["high"] - other["low"] > one["high"] - one["low"]
    with pytest.raises(ValueError, match="all 24 runs have the same value"):
        correlation_and_interval(gflops, np.zeros((8, 3)))


def test_numbers_without_a_relation_have_an_interval_with_0_in_it() -> None:
    gflops = np.repeat(np.arange(8.0)[:, None], 3, axis=1)
    inside = 0
    for seed in range(20):
        # the noise belongs to the configuration: 24 runs are not 24 independent ones
        noise = np.random.default_rng(seed).normal(size=(8, 1)) + np.zeros((8, 3))
        found = correlation_and_interval(gflops, noise, draws=200)
        inside += found["low"] <= 0 <= found["high"]
    assert inside >= 17


def test_three_seeds_make_an_interval_by_students_t() -> None:
    found = mean_and_spread([1.0, 2.0, 3.0])
    assert found["value"] == 2.0 and found["high"] == pytest.approx(2.0 + 4.302653 / 3**0.5)
    with pytest.raises(ValueError, match="at least two"):
        mean_and_spread([1.0])


# ----------------------------------------------------------------------------------------------- like against like


def made_up(count: int = 40) -> Data:
    tokens = tokenise([CAPTIONS[n % 2] for n in range(count)], 32)
    latents = torch.randn(count, *SHAPE, generator=seeded())
    latents[::2, :, 0] += 2.0  # the two captions' films differ
    return Data({"latents": latents.numpy(), "tokens": tokens.numpy()}, "made up", "0")


def test_all_sizes_see_the_same_films_noise_and_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches each network in training, recorded: to the bit the same, with one seed; other films with another."""
    seen: dict[str, list[Tensor]] = {}

    def training(name: str, width: int, patch: int, seed: int, make: Callable[..., DiT] = DiT) -> None:
        class Recorded(make):
            def forward(
                self, x_t: Tensor, t: Tensor, condition: Tensor | None = None, actions: Tensor | None = None
            ) -> Tensor:
                seen.setdefault(name, []).extend([x_t.detach().clone(), t.clone(), condition.clone()])
                return super().forward(x_t, t, condition, actions)

        config = run_config(seed, size_changes(width, 1, patch), {**QUICK, "train.steps": 3})
        model = AveragedDiT(config.model, Recorded)
        dit_scaling.train("dit", config, data=made_up(), model=model, progress="none")

    training("narrow", 16, 2, 0)
    training("wide", 48, 1, 0)
    training("U-Net", 16, 2, 0, UNet)
    training("other seed", 16, 2, 1)
    assert len(seen["narrow"]) == 9
    for name in ("wide", "U-Net"):
        assert all(torch.equal(a, b) for a, b in zip(seen["narrow"], seen[name], strict=True)), name
    assert not torch.equal(seen["narrow"][0], seen["other seed"][0])


def test_held_out_levels_are_those_of_training_and_fixed() -> None:
    data = made_up(400)
    latents, tokens = (torch.from_numpy(data.arrays[name]) for name in ("latents", "tokens"))
    held = draw_held_out(latents, tokens, 4, seeded())
    again = draw_held_out(latents, tokens, 4, seeded())
    assert all(torch.equal(a, b) for a, b in zip(held, again, strict=True)) and len(held.t) == 1600
    level = torch.special.logit(held.t.double())
    assert float(level.mean()) == pytest.approx(0.0, abs=0.05) and float(level.std()) == pytest.approx(1.0, abs=0.05)
    quarters = torch.bucketize(level.view(400, 4), torch.tensor([-0.6745, 0.0, 0.6745], dtype=torch.float64))
    assert torch.equal(quarters, torch.arange(4).expand(400, 4)), "each film once in each quarter of the levels"


def test_a_network_that_says_0_has_the_mean_square_of_the_target() -> None:
    latents, tokens = torch.randn(6, *SHAPE, generator=seeded()), tokenise(CAPTIONS * 3, 32)
    held = draw_held_out(latents, tokens, 2, seeded(1))
    wanted = float((held.epsilon - held.latents).square().mean())  # the target u of the straight path
    assert held_out_loss(DiT(config_of()), held) == pytest.approx(wanted, rel=1e-5)
    assert held_out_loss(DiT(config_of()), held, batch=5) == pytest.approx(wanted, rel=1e-5)


# -------------------------------------------------------------------------------------------------- piece by piece


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pieces go to another place than the course's cache."""
    monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / "films")
    return tmp_path / "studies"


def test_a_piece_is_made_once_and_another_configuration_is_another_piece(own_cache: Path) -> None:
    made = []

    def make() -> dict:
        made.append(0)
        return {"loss": 0.25, "curve": [(1, 0.5)]}

    first = kept_piece("some", "run", {"steps": 3}, make)
    assert first["loss"] == 0.25 and first["curve"] == [[1, 0.5]] and "commit" in first
    assert kept_piece("some", "run", {"steps": 3}, make) == first and len(made) == 1
    kept_piece("some", "run", {"steps": 4}, make)
    assert len(made) == 2 and len(list((own_cache / "some").iterdir())) == 2


@pytest.mark.parametrize("harm", [
    lambda text: text[:-20], lambda text: text.replace("0.25", "0.15"), lambda text: "{}", lambda text: "[1]",
])  # fmt: skip
def test_a_damaged_piece_is_named_with_the_way_out(harm: Callable[[str], str], own_cache: Path) -> None:
    kept_piece("some", "run", {}, lambda: {"loss": 0.25})
    (path,) = (own_cache / "some").iterdir()
    path.write_text(harm(path.read_text()))
    with pytest.raises(StudyError, match=r"run-\w+.json is damaged .*remove it.*study some"):
        kept_piece("some", "run", {}, lambda: {"loss": 0.25})


def test_a_run_that_breaks_off_leaves_no_piece(own_cache: Path) -> None:
    with pytest.raises(RuntimeError):
        kept_piece("some", "run", {}, lambda: (_ for _ in ()).throw(RuntimeError("off")))
    assert not list(own_cache.rglob("*.json"))


def test_a_study_that_is_called_again_trains_nothing(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    monkeypatch.setattr(dit_scaling, "SEEDS", (0, 1))
    monkeypatch.setattr(recipe_file, "load", lambda config, given: made_up())
    monkeypatch.setattr(Material, "data", property(lambda self: made_up()))
    real = dit_scaling.train_and_measure
    monkeypatch.setattr(dit_scaling, "train_and_measure", lambda *a, **k: (trained.append(0), real(*a, **k))[1])
    first = dit_scaling.run(lambda line: None, QUICK, sizes=((16, 1),), **FEW)
    assert len(trained) == len(first["runs"]) == 4
    monkeypatch.setattr(Material, "data", property(lambda self: pytest.fail("no film is needed any more")))
    assert dit_scaling.run(lambda line: None, QUICK, sizes=((16, 1),), **FEW) == first and len(trained) == 4
    row = first["runs"][0]
    assert [step for step, _ in row["curve"]] == [2, 3, 4, 6] and row["curve"][-1][1] == row["loss"]
    assert set(row["scores"]) == {"number", "colour", "shape", "motion", "mean", "all"}


@pytest.mark.parametrize("network", ["in-context", "words, stem", "U-Net"])
def test_every_kind_of_network_can_be_measured(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Material, "data", property(lambda self: made_up()))
    known = NETWORKS[network]
    config = run_config(0, {**dit_conditioning.SIZE, **known.changes, "train.steps": 2}, QUICK)
    found = train_and_measure(config, Material(config, **FEW), known.make)
    assert found["loss"] > 0 and found["gflops"] > 0 and found["steps"] == 2


def test_the_networks_are_of_about_the_same_size() -> None:
    models = {name: run_config(0, {**dit_conditioning.SIZE, **each.changes}).model for name, each in NETWORKS.items()}
    cost = {name: forward_flops(fresh(NETWORKS[name].make, model, 0), SHAPE) for name, model in models.items()}
    assert max(cost.values()) < 2.5 * min(cost.values()), cost


# ------------------------------------------------------------------------------------------------------- the U-Net


def unet(**changes: object) -> UNet:
    """One whose every weight matters: a fresh one says 0."""
    model = fresh(UNet, config_of(16, 1, 2, heads=2, **changes), 0).eval()
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(n)))
    return model


def test_a_fresh_unet_says_0_and_takes_films_of_other_lengths_and_shapes() -> None:
    x, t, tokens = torch.randn(2, 2, 12, 8, 8), torch.tensor([0.2, 0.7]), tokenise(CAPTIONS, 32)
    assert torch.equal(fresh(UNet, config_of(16, 1, 2, heads=2), 0)(x, t, tokens), torch.zeros_like(x))
    for shape in ((2, 1, 12, 4, 6), (2, 5, 12, 2, 2)):
        x = torch.randn(shape)
        assert unet()(x, t, tokens).shape == x.shape
        assert unet()(x, t[:, None].expand(shape[:2]), tokens).shape == x.shape
    assert unet().generate(tokens, (2, 8, 8), generator=seeded(), steps=2, w=2.0).shape == (2, 2, 12, 8, 8)


def test_level_caption_groups_and_only_the_own_film_count() -> None:
    model, x, t, tokens = unet(), torch.randn(2, 2, 12, 4, 4), torch.tensor([0.2, 0.7]), tokenise(CAPTIONS, 32)
    out = model(x, t, tokens)
    for other in (model(x, t.flip(0), tokens), model(x, t, tokens.flip(0)), model(x, t)):
        assert (out - other).abs().amax(dim=(2, 3, 4)).min() > 1e-4, "in every group"
    moved = x.clone()
    moved[:, 1] += 1.0
    assert (model(moved, t, tokens) - out).abs().amax(dim=(2, 3, 4))[:, 0].min() > 1e-4, "groups see each other"
    torch.testing.assert_close(model(x[1:], t[1:], tokens[1:]), out[1:], atol=1e-5, rtol=0.0)
    with pytest.raises(ValueError, match="cannot be cut"):
        model(torch.randn(2, 2, 12, 5, 4), t, tokens)


def test_a_unet_learns_in_seconds_what_0_does_not_know() -> None:
    """Two films that a caption tells apart, with a little noise."""
    config = run_config(0, {**size_changes(16, 1, 2), "train.steps": 60, "train.learning_rate": 5e-3},
                        {**QUICK, "model.ema": 0.9})  # fmt: skip
    data, films = made_up(), torch.randn(2, *SHAPE, generator=seeded(1))
    latents = films.repeat(20, 1, 1, 1, 1) + 0.1 * torch.from_numpy(data.arrays["latents"])
    data = Data({**data.arrays, "latents": latents.numpy()}, "two films", "0")
    model = AveragedDiT(config.model, UNet)
    held = draw_held_out(latents, torch.from_numpy(data.arrays["tokens"]), 2, seeded(2))
    before = held_out_loss(model.average, held)  # it says 0
    dit_scaling.train("dit", config, data=data, model=model, progress="none")
    after = held_out_loss(model.average, held)
    assert after < 0.75 * before
    shuffled = held._replace(tokens=held.tokens.roll(2, dims=0))  # the other film's caption
    assert held_out_loss(model.average, shuffled) > after


# ------------------------------------------------------------------------------------------------- what was kept


def test_no_kept_facts_are_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for study, measured in ((dit_scaling, dit_scaling.measured_scaling),
                            (dit_conditioning, dit_conditioning.measured_conditioning)):  # fmt: skip
        monkeypatch.setattr(study, "KEPT", tmp_path / "none.json")
        with pytest.raises(ExamError, match=f"study {study.__name__.rpartition('.')[2]}"):
            measured()
def test_the_kept_runs_belong_to_the_shipped_codec_and_are_what_the_exam_says() -> None:
    kept = measured_scaling()
    codec = weights_of("codec")
    assert kept.codec == codec, "run: python -m course_lib study dit_scaling"
    assert measured_conditioning().codec == codec, "run: python -m course_lib study dit_conditioning"
    for run in kept.runs:  # counted again
        assert run.gflops == forward_flops(DiT(run_config(0, size_changes(*run.config)).model), SHAPE) / 1e9
    dit = Entrant("dit", {"dit": None}, [], checkpoints={"codec": codec}, bars={"scaling_loss_rank_correlation": 0.0})
    rows = {row.question: row for row in examine([dit], Sitting(count=5), questions=["scaling"]).rows}
    row = rows["scaling_loss_rank_correlation"]
    found = spearmanr([run.gflops for run in kept.runs], [run.loss for run in kept.runs]).statistic
    assert row.value == pytest.approx(found) and row.n == 24 and row.bar == 0.0
    assert row.passed == (row.high <= 0.0) and set(row.controls) == {"dealt_out", "parameters"}
    other = Entrant("other", {"dit": None}, [], checkpoints={"codec": "0" * 12})
    report = examine([other], Sitting(count=5), questions=["scaling"])
    assert [row.status for row in report.rows] == ["refused"] and "study dit_scaling" in report.rows[0].note


def test_equal_compute_was_equal() -> None:
    kept = measured_conditioning()
    spent = {name: kept.of(name)[0].gflops * kept.of(name)[0].steps for name in NETWORKS}
    assert max(spent.values()) < 1.01 * min(spent.values())


@pytest.mark.parametrize("harm", [
    lambda facts: facts["runs"].pop(),
    lambda facts: facts["runs"].append(facts["runs"][0]),
    lambda facts: facts["runs"][3]["scores"].__setitem__("all", 1.5),
    lambda facts: facts["runs"][3].__setitem__("loss", float("nan")),
    lambda facts: facts["runs"][0].pop("gflops"),
    lambda facts: facts.pop("codec"),
])  # fmt: skip
@pytest.mark.parametrize("study", [dit_scaling, dit_conditioning])
def test_damaged_facts_are_named_with_the_way_out(
    study: ModuleType, harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = measured_scaling if study is dit_scaling else measured_conditioning
    name = study.__name__.rpartition(".")[2]
    check_refused(study, read, harm, f"{study.KEPT.name}.*study {name}", tmp_path, monkeypatch)
