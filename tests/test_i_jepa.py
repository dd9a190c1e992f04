"""I-JEPA: what each encoder sees, where gradients stop, the moving average, the loss, its sizes; that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models.base import ViTConfig
from course_lib.models.i_jepa import IJEPA, IJEPAConfig
from course_lib.nets.masks import Masks
from course_lib.nets.patches import patchify
from course_lib.nets.vit import ViT
from course_lib.training import ConfigError, build, get_recipe, load_config, train
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model
from tests.test_mae import frames, repainted

SMALL = {"frame_size": 32, "patch": 4, "width": 16, "depth": 2, "heads": 2, "predictor_width": 8, "predictor_depth": 1,
         "predictor_heads": 2, "minimum": 8}  # fmt: skip
KINDS = ("multi-block", "block", "rasterised", "random")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**changes: object) -> IJEPA:
    return build(get_recipe("i_jepa"), IJEPAConfig(**{**SMALL, **changes}))  # type: ignore[return-value]


def separated(model: IJEPA) -> IJEPA:
    """A model whose two encoders differ, as after some training."""
    with torch.no_grad():
        for n, parameter in enumerate(model.encoder.parameters()):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(n)))
    return model


# --- who sees what ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_guesses_have_the_shape_of_the_targets_under_every_kind_of_mask(kind: str) -> None:
    model, x = small(masking=kind), frames()
    masks = model.draw_masks(x, seeded())
    with torch.no_grad():
        guess, target = model.predict(x, masks), model.targets(x, masks)
    assert guess.shape == target.shape == (*masks.targets.shape, 16)


def test_the_predictor_sees_nothing_of_what_is_hidden() -> None:
    """Pixels outside the context, those of the targets among them, change no guess; pixels of the context do."""
    model, x = small(), frames()
    masks = model.draw_masks(x, seeded())
    with torch.no_grad():
        guess = model.predict(x, masks)
        assert torch.equal(model.predict(repainted(x, masks.targets.flatten(1)), masks), guess)
        assert not torch.equal(model.predict(repainted(x, masks.context[:, :1]), masks), guess)


def test_gradients_of_the_loss_reach_pixels_of_the_context_and_no_other() -> None:
    model, x = separated(small()), frames().requires_grad_()
    masks = model.draw_masks(x, seeded())
    model.loss({"frames": x}, 0, seeded())["loss"].backward()  # the same masks: the same generator
    pull = patchify(x.grad, 4).abs().sum(dim=-1)  # (B, N)
    shown = torch.zeros(3, 64, dtype=torch.bool).scatter(1, masks.context, True)
    assert float(pull[~shown].max()) == 0.0 < float(pull[shown].min())


def test_no_gradient_reaches_the_target_encoder_and_every_other_parameter_has_one() -> None:
    model = separated(small())
    model.loss({"frames": frames()}, 0, seeded())["loss"].backward()
    assert all(p.grad is None and not p.requires_grad for p in model.target_encoder.parameters())
    learning = [*model.encoder.named_parameters(), *model.predictor.named_parameters()]
    assert not [name for name, p in learning if p.grad is None or float(p.grad.abs().sum()) == 0.0]


def test_a_guess_depends_on_the_place_that_is_asked_for_and_on_no_other_block() -> None:
    model, x = small(), frames()
    masks = model.draw_masks(x, seeded())
    with torch.no_grad():
        guess = model.predict(x, masks)
        alone = model.predict(x, Masks(masks.context, masks.targets[:, 1:2]))
        torch.testing.assert_close(alone, guess[:, 1:2], atol=1e-5, rtol=1e-4)
        turned = model.predict(x, Masks(masks.context.flip(1), masks.targets.flip(2)))
        torch.testing.assert_close(turned, guess.flip(2), atol=1e-5, rtol=1e-4)
    assert float(guess[0, 0].std(dim=0).min()) > 0.0, "one place, one guess"


def test_targets_are_tokens_of_the_whole_picture_each_normalised() -> None:
    model, x = separated(small()), frames()
    masks = model.draw_masks(x, seeded())
    target = model.targets(x, masks)
    torch.testing.assert_close(target.mean(dim=-1), torch.zeros(target.shape[:3]), atol=1e-5, rtol=0)
    torch.testing.assert_close(target.var(dim=-1, correction=0), torch.ones(target.shape[:3]), atol=1e-3, rtol=0)
    tokens = model.target_encoder.features(x)
    assert torch.equal(model.encode(x), tokens), "the target encoder is what is evaluated"
    by_hand = F.layer_norm(tokens[1, masks.targets[1, 2, 3]], (16,))
    torch.testing.assert_close(target[1, 2, 3], by_hand, atol=1e-5, rtol=1e-4)
    shown = repainted(x, masks.context)
    assert not torch.allclose(model.targets(shown, masks), target, atol=1e-2), "a target token has seen the context"


# --- the loss --------------------------------------------------------------------------------------------------------
def test_the_loss_is_the_smooth_l1_distance_by_hand() -> None:
    model, x = separated(small()), frames()
    masks = model.draw_masks(x, seeded())
    with torch.no_grad():
        distance = (model.predict(x, masks) - model.targets(x, masks)).abs()
        by_hand = torch.where(distance < 1.0, 0.5 * distance.square(), distance - 0.5).mean()
        found = model.loss({"frames": x}, 0, seeded())
    torch.testing.assert_close(found["loss"], by_hand)
    pooled = model.encode(x).mean(dim=1)  # (B, D)
    torch.testing.assert_close(found["deviation"], (pooled - pooled.mean(dim=0)).square().mean(dim=0).sqrt().mean())


def test_a_perfect_predictor_has_no_loss_and_a_predictor_of_nothing_has_much() -> None:
    model, x = small(), frames()

    class Answers(nn.Module):
        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

        def forward(self, features: Tensor, context: Tensor, targets: Tensor) -> Tensor:
            return self.share * model.targets(x, Masks(context, targets))

    model.predictor = Answers(1.0)
    assert model.loss({"frames": x}, 0, seeded())["loss"].item() == 0.0
    model.predictor = Answers(0.0)
    assert 0.25 < model.loss({"frames": x}, 0, seeded())["loss"].item() < 0.45


def test_equal_pictures_have_no_deviation() -> None:
    model = small()
    found = model.loss({"frames": frames(1).expand(4, -1, -1, -1)}, 0, seeded())
    assert found["deviation"].item() == pytest.approx(0.0, abs=1e-6)


# --- the moving average ----------------------------------------------------------------------------------------------
def test_the_target_encoder_follows_the_encoder_ever_more_slowly() -> None:
    model = small(momentum=0.5)
    for mine, theirs in zip(model.target_encoder.parameters(), model.encoder.parameters(), strict=True):
        assert torch.equal(mine, theirs) and mine.data_ptr() != theirs.data_ptr()
    before = [p.clone() for p in model.target_encoder.parameters()]
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter += 1.0
    model.after_step(0, 4)  # momentum 0.5
    for old, slow in zip(before, model.target_encoder.parameters(), strict=True):
        torch.testing.assert_close(slow, old + 0.5)
    model.after_step(2, 4)  # momentum 0.75: a quarter of the half that was left
    for old, slow in zip(before, model.target_encoder.parameters(), strict=True):
        torch.testing.assert_close(slow, old + 0.625)
    model.after_step(4, 4)  # beyond the last step, 1: nothing moves
    for old, slow in zip(before, model.target_encoder.parameters(), strict=True):
        torch.testing.assert_close(slow, old + 0.625)


# --- sizes and errors ------------------------------------------------------------------------------------------------
def test_the_paper_has_the_parameters_of_vit_h_14_but_for_what_the_header_lists() -> None:
    """630.8 million for the encoder and 22.4 million for the predictor, by the authors' program."""
    config = load_config("i_jepa", "paper").model
    assert config == IJEPAConfig() and config.patches == 256
    with torch.device("meta"):
        model = IJEPA(config)
    encoder, target, predictor = (
        sum(p.numel() for p in part.parameters()) for part in (model.encoder, model.target_encoder, model.predictor)
    )

    def left_out(width: int, depth: int) -> int:  # fixed positions; attention's biases
        return 256 * width + depth * 4 * width

    assert encoder == target == 630_762_240 - left_out(1280, 32)
    assert left_out(1280, 32) < 0.001 * encoder
    assert predictor == get_recipe("i_jepa").published - 630_762_240 - left_out(384, 12)


@pytest.mark.parametrize("size", ["tiny", "cpu", "gpu", "paper"])
def test_the_encoders_are_the_vision_transformer_that_others_share(size: str) -> None:
    config = load_config("i_jepa", size).model
    shared = ViTConfig(**config.model_dump(include=set(ViTConfig.model_fields)))
    with torch.device("meta"):
        own = IJEPA(config)
        other = ViT(shared.frame_size, shared.patch, shared.width, shared.depth, shared.heads).state_dict()
    for encoder in (own.encoder, own.target_encoder):
        assert {n: v.shape for n, v in encoder.state_dict().items()} == {n: v.shape for n, v in other.items()}


def test_the_encoder_of_size_cpu_is_the_masked_autoencoders_and_learns_from_the_same_films() -> None:
    own, mae = (load_config(name, "cpu") for name in ("i_jepa", "mae"))
    assert all(getattr(own.model, key) == getattr(mae.model, key) for key in ViTConfig.model_fields)
    assert (own.data.films, own.data.count) == (mae.data.films, mae.data.count)


def test_the_paper_size_has_the_papers_schedule() -> None:
    config = load_config("i_jepa", "paper")
    assert (config.train.weight_decay, config.train.final_weight_decay, config.model.momentum) == (0.04, 0.4, 0.996)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model.predictor_width": 10}, "predictor_width is 10"),
        ({"model.predictor_heads": 3}, "predictor_heads is 3"),
        ({"model.minimum": 60}, "model.minimum, .* do not go together: 4 targets of .* fewer than 60 of 64"),
        ({"model.minimum": 65}, "minimum 65.* the grid has 64"),
        ({"model.patch": 32, "model.masking": "rasterised"}, "1 x 1 patches: .* no four equal quadrants"),
        ({"model.patch": 32, "model.masking": "random"}, "leaves no context"),
        ({"data.films": "carracing"}, "carracing"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_training(changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        train("i_jepa", load_config("i_jepa", "tiny", changes), progress="none")


def test_frames_of_the_wrong_kind_are_named() -> None:
    with pytest.raises(ValueError, match=r"float frames in \[0, 1\] wanted, got torch.uint8"):
        small().encode(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"\(..., 3, 32, 32\) wanted, got \(2, 32, 32, 3\)"):
        small().encode(torch.zeros(2, 32, 32, 3))


# --- learning --------------------------------------------------------------------------------------------------------
@torch.no_grad()
def errors_on_new_films(model: IJEPA) -> tuple[float, float]:
    """Its own error, and that of the best constant guess: the mean target of these very pictures."""
    x = to_model(load_films("rich", split="validation", count=12).frames[:, ::8]).flatten(0, 1)
    masks = model.draw_masks(x, seeded(3))
    targets = model.targets(x, masks)
    constant = targets.flatten(0, 2).mean(dim=0).expand_as(targets)
    return tuple(F.smooth_l1_loss(guess, targets).item() for guess in (model.predict(x, masks), constant))


def test_learning_the_tiny_one_beats_a_constant_guess_on_new_films() -> None:
    model = train("i_jepa", "tiny", progress="none").model
    own, constant = errors_on_new_films(model)
    print(f"own {own:.4f}, constant {constant:.4f}")
    assert own < 0.8 * constant
    assert constant > 0.02, "targets that are all alike are guessed by a constant: a collapse"
