"""The masked autoencoder: what is masked, what the encoder sees, what the loss counts; its sizes; that it learns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.exam.entrant import Entrant
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.base import ViTConfig
from course_lib.models.mae import MAE, MAEConfig, random_masking
from course_lib.nets.patches import patchify, unpatchify
from course_lib.nets.shard import sharded
from course_lib.nets.vit import ViT
from course_lib.training import get_recipe, load_config, train
from course_lib.training.recipe import build
from course_lib.views.mae import HIDDEN, mask_and_draw
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

SMALL = {"frame_size": 32, "patch": 4, "width": 16, "depth": 2, "heads": 2, "decoder_width": 8, "decoder_depth": 1,
         "decoder_heads": 2}  # fmt: skip
KINDS = {"normalised": MAEConfig(**SMALL), "pixels": MAEConfig(normalised_targets=False, **SMALL)}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(kind: str = "normalised", **changes: object) -> MAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MAE(KINDS[kind].model_copy(update=changes))


def frames(batch: int = 3) -> Tensor:
    return torch.rand(batch, 3, 32, 32, generator=seeded(1))


def repainted(x: Tensor, places: Tensor) -> Tensor:
    """The same pictures with other pixels in some patches. places: (B, M)."""
    patches = patchify(x, 4)
    other = torch.rand(patches.shape, generator=seeded(7))
    chosen = torch.zeros(patches.shape[:2], dtype=torch.bool).scatter(1, places, True)
    return unpatchify(torch.where(chosen[..., None], other, patches), 4, 32)


# --- masking ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("ratio", "masked"), [(0.75, 48), (0.5, 32), (0.9, 58), (0.25, 16)])
def test_every_picture_has_the_same_share_of_its_patches_masked(ratio: float, masked: int) -> None:
    config = MAEConfig(mask_ratio=ratio, **SMALL)
    found = random_masking(50, config.patches, config.visible, seeded())
    assert found.masked.shape == (50, masked) and found.visible.shape == (50, 64 - masked)
    everything = torch.cat([found.visible, found.masked], dim=1).sort(dim=1).values
    assert torch.equal(everything, torch.arange(64).expand(50, 64)), "each patch is visible or masked, once"


def test_every_patch_is_masked_equally_often_and_independently_of_its_neighbour() -> None:
    count = 20_000
    masked = random_masking(count, 64, 16, seeded()).masked
    hidden = torch.zeros(count, 64).scatter(1, masked, 1.0)
    error = (0.75 * 0.25 / count) ** 0.5  # standard deviation of a share
    assert float((hidden.mean(dim=0) - 0.75).abs().max()) < 5 * error
    pairs = (hidden[:, :-1] * hidden[:, 1:]).mean(dim=0)
    assert float((pairs - 0.75 * 47 / 63).abs().max()) < 5 * (0.25 / count) ** 0.5


def test_the_same_generator_gives_the_same_mask_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (random_masking(4, 64, 16, seeded(seed)).masked for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


# --- what is seen, what counts ---------------------------------------------------------------------------------------
def test_the_encoder_sees_no_masked_pixel() -> None:
    model, x = small(), frames()
    visible, masked = random_masking(3, 64, 16, seeded())
    with torch.no_grad():
        features = model.encode(x, visible)
        assert features.shape == (3, 16, 16)
        assert torch.equal(model.encode(repainted(x, masked), visible), features)
        assert not torch.equal(model.encode(repainted(x, visible[:, :1]), visible), features)


def test_a_feature_belongs_to_its_patch_and_depends_on_who_else_is_visible() -> None:
    model, x = small(), frames()
    visible, _ = random_masking(3, 64, 16, seeded())
    with torch.no_grad():
        features = model.encode(x, visible)
        torch.testing.assert_close(model.encode(x, visible.flip(1)), features.flip(1), atol=1e-5, rtol=1e-4)
        everything = model.encode(x)
        assert everything.shape == (3, 64, 16)
        order = torch.arange(64).expand(3, 64)
        torch.testing.assert_close(model.encode(x, order), everything, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(everything.take_along_dim(visible[..., None], dim=1), features, atol=1e-2)


def test_a_film_is_encoded_frame_by_frame() -> None:
    model, film = small(), torch.rand(2, 5, 3, 32, 32, generator=seeded(2))
    with torch.no_grad():
        features = model.encode(film)
        assert features.shape == (2, 5, 64, 16)
        torch.testing.assert_close(features[:, 3], model.encode(film[:, 3]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_ignores_what_the_decoder_draws_at_visible_places(kind: str) -> None:
    model, x = small(kind), frames()
    outputs: list[Tensor] = []

    def keep(module: torch.nn.Module, given: object, drawn: Tensor) -> None:
        drawn.retain_grad()
        outputs.append(drawn)

    model.to_pixels.register_forward_hook(keep)
    model.loss({"frames": x}, 0, seeded())["loss"].backward()
    visible, masked = random_masking(3, 64, 16, seeded())  # the mask that the loss drew
    pull = outputs[0].grad.abs().sum(dim=-1)  # (B, N)
    assert float(pull.take_along_dim(visible, dim=1).max()) == 0.0
    assert float(pull.take_along_dim(masked, dim=1).min()) > 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_squared_error_of_masked_pixels(kind: str) -> None:
    model, x = small(kind), frames()
    visible, masked = random_masking(3, 64, 16, seeded())
    with torch.no_grad():
        drawn = model.decode(model.encode(x, visible), visible)
        by_hand = []
        for picture in range(3):
            for place in masked[picture].tolist():
                row, column = 4 * (place // 8), 4 * (place % 8)
                patch = x[picture, :, row : row + 4, column : column + 4].flatten()
                if kind == "normalised":
                    patch = (patch - patch.mean()) / patch.std()
                by_hand.append((drawn[picture, place] - patch).square().mean())
        assert model.loss({"frames": x}, 0, seeded())["loss"].item() == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_normalised_targets_have_no_mean_and_one_deviation_and_forget_brightness_and_contrast() -> None:
    model, x = small(), frames()
    targets = model.targets(x)
    torch.testing.assert_close(targets.mean(dim=-1), torch.zeros(3, 64), atol=1e-5, rtol=0)
    torch.testing.assert_close(targets.std(dim=-1), torch.ones(3, 64), atol=1e-3, rtol=0)
    torch.testing.assert_close(model.targets(0.3 + 0.5 * x), targets, atol=1e-3, rtol=0)
    plain = torch.full((1, 3, 32, 32), 0.4)
    assert torch.equal(model.targets(plain).round(decimals=2), torch.zeros(1, 64, 48)), "one colour is no pattern"
    assert torch.equal(small("pixels").targets(x), patchify(x, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: str) -> None:
    model = small(kind)
    model.loss({"frames": frames()}, 0, seeded())["loss"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0.0]
    assert not without


def test_a_batch_of_two_is_each_picture_alone() -> None:
    """With the masks that the two rows have in the global batch, as when two processes share it."""
    model, x = small(), frames(2)
    with torch.no_grad():
        together, alone = model.loss({"frames": x}, 0, seeded())["loss"].item(), []
        both = model.reconstruct(x, seeded())
        for rank in range(2):
            with sharded(rank, 2):
                alone.append(model.loss({"frames": x[rank : rank + 1]}, 0, seeded())["loss"].item())
                single = model.reconstruct(x[rank : rank + 1], seeded())
            assert torch.equal(single.masked[0], both.masked[rank])
            torch.testing.assert_close(single.frames[0], both.frames[rank], atol=1e-5, rtol=0)
    assert together == pytest.approx(np.mean(alone), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reconstruction_keeps_what_was_visible(kind: str) -> None:
    model, x = small(kind), frames()
    with torch.no_grad():
        found = model.reconstruct(x, seeded())
    assert found.frames.shape == x.shape and found.masked.shape == (3, 64) and (found.masked.sum(dim=1) == 48).all()
    assert 0.0 <= float(found.frames.min()) and float(found.frames.max()) <= 1.0
    same = (patchify(found.frames, 4) == patchify(x, 4)).all(dim=-1)
    assert torch.equal(same, ~found.masked), "visible patches as they were, every other drawn"


def test_pictures_to_look_at_show_what_the_encoder_saw() -> None:
    given = load_films("simple", split="validation", count=2).frames[:, 0]
    masked, drawn = mask_and_draw(small("pixels"), given, seeded())
    assert masked.shape == drawn.shape == given.shape and masked.dtype == drawn.dtype == np.uint8
    grey = (masked == HIDDEN).all(axis=-1) & (given != HIDDEN).any(axis=-1)
    assert grey.mean() == pytest.approx(0.75)
    assert np.array_equal(masked[~grey], given[~grey]) and np.array_equal(drawn[~grey], given[~grey])


# --- sizes and errors ------------------------------------------------------------------------------------------------
def test_the_paper_has_the_parameters_of_vit_l_16_but_for_what_the_header_lists() -> None:
    """303.3 million for the encoder without its head, 329.5 million with the decoder, by the paper's program."""
    config = load_config("mae", "paper").model
    assert config == MAEConfig() and (config.patches, config.visible) == (196, 49)
    with torch.device("meta"):
        model = MAE(config)
    encoder = sum(p.numel() for p in model.encoder.parameters())
    decoder = sum(p.numel() for p in model.parameters()) - encoder

    def left_out(width: int, depth: int) -> int:  # fixed positions with a place for the class token; attention's biases
        return 197 * width + depth * 4 * width

    gap = left_out(1024, 24) + 1024  # and the class token itself
    assert encoder + gap == 303_301_632 and gap == 301_056 < 0.001 * encoder
    assert decoder + left_out(512, 8) == 26_240_256
    assert get_recipe("mae").published == 303_301_632 + 26_240_256


@pytest.mark.parametrize("size", ["tiny", "cpu", "gpu", "paper"])
def test_the_encoder_is_the_vision_transformer_that_others_share(size: str) -> None:
    config = load_config("mae", size).model
    shared = ViTConfig(**config.model_dump(include=set(ViTConfig.model_fields)))
    with torch.device("meta"):
        own = MAE(config).encoder.state_dict()
        other = ViT(shared.frame_size, shared.patch, shared.width, shared.depth, shared.heads).state_dict()
    assert {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in other.items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patch": 5}, "patches of 5"),
        ({"width": 18}, "width is 18"),
        ({"width": 20, "heads": 3}, "heads is 3"),
        ({"decoder_width": 10}, "decoder_width is 10"),
        ({"decoder_heads": 3}, "decoder_heads is 3"),
        ({"mask_ratio": 0.999}, "of 64 patches 0 would be visible"),
        ({"mask_ratio": 0.001}, "of 64 patches 64 would be visible"),
        ({"patch": 32}, "of 1 patches 0"),
    ],
)
def test_a_configuration_that_does_not_fit_is_named(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MAEConfig(**{**SMALL, **changes})


def test_frames_of_the_wrong_kind_are_named() -> None:
    with pytest.raises(ValueError, match=r"float frames in \[0, 1\] wanted, got torch.uint8"):
        small().encode(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"\(..., 3, 32, 32\) wanted, got \(2, 32, 32, 3\)"):
        small().encode(torch.zeros(2, 32, 32, 3))


# --- the exam --------------------------------------------------------------------------------------------------------
def test_an_encoder_that_gives_the_pixels_of_each_patch_is_probed_as_the_pixels_are() -> None:
    """The control pixels are the same numbers in another order, and a ridge does not see the order."""
    entrant = Entrant("patches", {"encoder": lambda film: patchify(film, 4)}, [])
    report = examine([entrant], Sitting(count=8), questions=["probing"], failures="raise")
    rows = [row for row in report.rows if row.question.startswith("probe_r2")]
    assert len(rows) == 9
    for row in rows:
        assert row.value == pytest.approx(row.controls["pixels"], abs=1e-4) and row.note == ""


def test_the_exam_says_that_the_shipped_one_has_learned_from_other_films_than_it_is_probed_on() -> None:
    report = examine([get_entrant("mae")], Sitting(count=10), questions=["probing"], failures="raise")
    assert len(report.rows) == 19
    for row in report.rows:
        assert row.note == "learned from rich, probed on ball" and "untrained" in row.controls
    assert report["mae", "probe_r2_ball_x"].value > report["mae", "probe_r2_ball_x"].controls["meaningless_task"]
    without = examine([get_entrant("mae")], Sitting(count=10), questions=["prediction"])
    assert [row.note for row in without.rows] == ["it comes without a world model"]


# --- learning --------------------------------------------------------------------------------------------------------
def batches() -> Iterator[Tensor]:
    films = to_model(load_films("rich", split="validation", count=12).frames[:, ::4]).flatten(0, 1)
    return iter(films.split(24))


@torch.no_grad()
def error_on_new_films(model: MAE) -> float:
    generator = seeded(3)
    return float(np.mean([model.loss({"frames": x}, 0, generator)["loss"].item() for x in batches()]))


@torch.no_grad()
def error_of_the_mean_patch(model: MAE) -> float:
    """What it costs to draw at every place what stands there in training films on the average."""
    known = to_model(load_films("rich", split="train", count=40).frames[:, ::4]).flatten(0, 1)
    mean, generator = model.targets(known).mean(dim=0), seeded(3)  # (N, 3 * P * P)
    errors = []
    for x in batches():
        masked = random_masking(len(x), 64, model.config.visible, generator).masked
        errors.append(model.masked_error(mean.expand(len(x), -1, -1), x, masked).mean().item())
    return float(np.mean(errors))


def test_learning_the_tiny_one_beats_the_mean_patch_and_itself_untrained() -> None:
    history = train("mae", "tiny", progress="none")
    learned, mean = error_on_new_films(history.model), error_of_the_mean_patch(history.model)
    untrained = error_on_new_films(build(get_recipe("mae"), load_config("mae", "tiny").model, seed=1).eval())
    print(f"trained {learned:.3f}, mean patch {mean:.3f}, untrained {untrained:.3f}")
    assert learned < 0.8 * mean and learned < 0.5 * untrained


# --- noise in place of masks -----------------------------------------------------------------------------------------
def noisy(**changes: object) -> MAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MAE(MAEConfig(corruption="noise", normalised_targets=False, **SMALL, **changes))


def test_a_denoising_autoencoder_sees_every_patch_and_draws_every_patch() -> None:
    model, x = noisy(noise=0.2), frames()
    assert model.config.visible == model.config.patches
    spread = float((model.noised(x, seeded(3)) - x).std())
    assert abs(spread - 0.2) < 0.01, "Gaussian noise of the configured deviation"
    pulled = x.clone().requires_grad_()
    model.loss({"frames": pulled}, 0, seeded(3))["loss"].backward()
    assert bool((patchify(pulled.grad, 4).abs().sum(dim=-1) > 0).all()), "no patch is left out of input and target"
    with pytest.raises(ValueError, match="hides no patch"):
        model.reconstruct(x, seeded())


def test_denoising_is_learned_beyond_a_copy_and_the_mean_of_the_films() -> None:
    films, noise = load_films("rich", split="train", count=8), 0.2
    changes = {"model.corruption": "noise", "model.noise": noise, "model.normalised_targets": False,
               "train.steps": 120, "train.warmup": 5, "train.learning_rate": 3e-3}  # fmt: skip
    history = train("mae", load_config("mae", "tiny", changes), data=films, progress="none")
    x = to_model(films.frames[:, 0])
    with torch.no_grad():
        error = float(history.model.loss({"frames": x}, 0, seeded(5))["loss"])
    mean = float((x - x.mean(dim=(0, 2, 3), keepdim=True)).square().mean())
    assert error < 0.8 * min(mean, noise**2), (error, mean, noise**2)
