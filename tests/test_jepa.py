"""The JEPA: shapes, who learns under which cure, energies action by action, and collapse itself in a small run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures.collapse import standard_deviation
from course_lib.models.clip import symmetric_loss
from course_lib.models.jepa import CURES, JEPA, JEPAConfig
from course_lib.nets.regularisers import covariance_term, random_directions, sigreg, variance_term
from course_lib.training import ConfigError, build, get_recipe, load_config, train
from course_lib.views.jepa import embeddings
from course_lib.worlds.films import load_films

SMALL = JEPAConfig(channels=(4, 4, 4), hidden=16, latent=6)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(cure: str, seed: int = 0, **changes: object) -> JEPA:
    return build(get_recipe("jepa"), SMALL.model_copy(update={"cure": cure, **changes}), seed)  # type: ignore[return-value]


def batch(count: int = 10, context: int = 2) -> dict[str, torch.Tensor]:
    frames = torch.rand(count, context + 1, 3, 32, 32, generator=seeded(1))
    return {"frames": frames, "actions": torch.randint(4, (count, context), generator=seeded(2))}


# ------------------------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("context", [1, 3])
def test_frames_are_encoded_one_by_one_and_the_last_embeddings_and_actions_predict(context: int) -> None:
    model, given = small("none", context=context), batch(5, context)
    s = model.encode(given["frames"])
    assert s.shape == (5, context + 1, 6)
    assert torch.allclose(s[2:3, 1:], model.encode(given["frames"][2:3, 1:]), atol=1e-5)
    guess = model.predict(s[:, :-1], given["actions"])
    assert guess.shape == (5, 6)
    other = (given["actions"] + 1) % 4
    assert not torch.allclose(guess, model.predict(s[:, :-1], other))
    with pytest.raises(ValueError, match=r"\(B, T, 3, 32, 32\) wanted"):
        model.encode(given["frames"][:, 0])


@pytest.mark.parametrize("context", [1, 2, 3])
def test_energies_are_the_error_under_each_action(context: int) -> None:
    model, given = small("none", context=context), batch(7, context)
    energies = model.energies(given["frames"], given["actions"])
    assert energies.shape == (7, 4)
    s = model.encode(given["frames"])
    for action in range(4):
        tried = given["actions"].clone()
        tried[:, -1] = action
        expected = (model.predict(s[:, :-1], tried) - s[:, -1]).square().mean(dim=1)
        assert torch.allclose(energies[:, action], expected, atol=1e-6)
    assert torch.allclose(model.energies(given["frames"], given["actions"][:, :-1]), energies), "the last is not used"


# ------------------------------------------------------------------------------------------------------------- cures


def test_each_cure_adds_what_it_says() -> None:
    given = batch()
    plain = small("none")
    s = plain.encode(given["frames"])
    guess, every = plain.predict(s[:, :-1], given["actions"]), s.flatten(0, 1)
    error = (guess - s[:, -1]).square().mean()
    cosines = torch.nn.functional.cosine_similarity(guess[:, None], s[None, :, -1], dim=2)
    expected = {
        "none": error,
        "stop_gradient": error,
        "ema": error,  # before the first step both encoders are equal
        "contrastive": symmetric_loss(cosines / 0.1),
        "vicreg": error + variance_term(every) + 0.04 * covariance_term(every),
        "sigreg": error + 0.05 * sigreg(every, random_directions(6, 64, seeded(3))),
    }
    assert set(expected) == set(CURES)
    for cure, value in expected.items():
        found = small(cure).loss(given, 0, seeded(3))
        assert torch.allclose(found["loss"], value, atol=1e-5), cure
        assert torch.allclose(found["deviation"], every.std(dim=0).mean(), atol=1e-6)
    with pytest.raises(ValueError, match="needs a generator"):
        small("sigreg").loss(given, 0, None)


def test_no_gradient_comes_through_a_target_that_is_stopped() -> None:
    """The frame that is only a target, never context, moves the weights under none, and not under the other two."""
    given = batch()
    for cure, moves in (("none", True), ("stop_gradient", False), ("ema", False)):
        model = small(cure)
        target = given["frames"][:, -1].clone().requires_grad_()
        frames = torch.cat([given["frames"][:, :-1], target[:, None]], dim=1)
        model.loss({**given, "frames": frames}, 0, seeded())["loss"].backward()
        assert (target.grad is not None and bool((target.grad != 0).any())) == moves, cure


def test_the_target_encoder_follows_the_encoder_ever_more_slowly() -> None:
    model = small("ema", momentum=0.5)
    before = [p.clone() for p in model.target_encoder.parameters()]
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter += 1.0
    model.after_step(0, 4)  # momentum 0.5 + 0.5 / 4 = 0.625
    for old, slow in zip(before, model.target_encoder.parameters(), strict=True):
        assert torch.allclose(slow, old + 0.375, atol=1e-6)
    now = [p.clone() for p in model.target_encoder.parameters()]
    model.after_step(3, 4)  # the last step: momentum 1, nothing moves
    assert all(torch.equal(a, b) for a, b in zip(now, model.target_encoder.parameters(), strict=True))
    assert not any(p.requires_grad for p in model.target_encoder.parameters())


# -------------------------------------------------------------------------------------------------------- the recipe


def test_a_constant_encoder_has_no_error_and_only_regularisers_see_it() -> None:
    """Collapse is a perfect answer to the error alone: with the last layer at 0 every embedding is the same."""
    for cure, sees in (("none", False), ("stop_gradient", False), ("vicreg", True), ("sigreg", True)):
        model = small(cure)
        with torch.no_grad():
            for layer in (model.encoder.layers[-1], model.predictor.layers[-1]):
                layer.weight.zero_()
                layer.bias.zero_()
        found = {name: value.item() for name, value in model.loss(batch(), 0, seeded()).items()}
        assert found["error"] == 0.0 == found["deviation"]
        assert (found["loss"] > 0.5) == sees, cure


def test_without_a_cure_the_deviation_falls_and_vicreg_holds_it() -> None:
    found, frames = {}, load_films("goal", split="test", count=8).frames[:, ::4]
    for cure in ("none", "vicreg"):
        config = load_config("jepa", "tiny", {"model.cure": cure})
        fresh = standard_deviation(embeddings(build(get_recipe("jepa"), config.model), frames).reshape(64, 16))
        model = train("jepa", config, progress="none").model
        found[cure] = standard_deviation(embeddings(model, frames).reshape(64, 16)) / fresh
    assert found["none"] < 0.5 and found["vicreg"] > 1.0


def test_what_cannot_be_learned_from_is_refused_before_training() -> None:
    for changes, words in (
        ({"data.films": "carracing"}, "carracing, whose actions are three numbers"),
        ({"model.actions": 5}, "the Playground has 4"),
        ({"model.channels": [4] * 6}, "each convolution halves the frame"),
    ):
        with pytest.raises(ConfigError, match=words):
            train("jepa", load_config("jepa", "tiny", changes), progress="none")
    with pytest.raises(TypeError, match="films with their actions"):
        train("jepa", "tiny", data=np.zeros((2, 4, 32, 32, 3), np.uint8), progress="none")
    with pytest.raises(ValueError, match="held|test|train"):
        train("jepa", "tiny", data=load_films("goal", split="test", count=8), progress="none")


def test_pieces_keep_frames_and_actions_together() -> None:
    """Each piece's actions are those that stand between its frames in the film."""
    recipe, config = get_recipe("jepa"), load_config("jepa", "tiny")
    films = load_films("goal", split="train", count=40)
    drawn = next(recipe.batches(recipe.load(config, None), config, seeded()))
    assert drawn["frames"].shape == (32, 3, 3, 32, 32) and drawn["actions"].shape == (32, 2)
    pixels = (drawn["frames"].movedim(2, -1) * 255).round().byte().numpy()  # (B, 3, 3, H, W) -> (B, 3, H, W, 3)
    for piece, actions in zip(pixels[:8], drawn["actions"][:8].tolist(), strict=True):
        at = [(f, t) for f in range(40) for t in range(30) if (films.frames[f, t : t + 3] == piece).all()]
        assert any(films.actions[f, t : t + 2].tolist() == actions for f, t in at)
