"""The action-conditioned JEPA: the contract, its loss step by step, and what a small run of it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib.contract import NotCapable, imagine
from course_lib.models.action_jepa import ActionJEPA, ActionJEPAConfig, embedding
from course_lib.models.base import untrained_twin
from course_lib.nets.regularisers import covariance_term, variance_term
from course_lib.training import ConfigError, build, get_recipe, load_config, train
from course_lib.worlds.frames import to_model
from course_lib.worlds.starless import StarlessFilms, make_starless
from tests.contract_tests import check_world_model

SMALL = ActionJEPAConfig(channels=(4, 4, 4), hidden=16, latent=6, unroll=3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**changes: object) -> ActionJEPA:
    return build(get_recipe("action_jepa"), SMALL.model_copy(update=changes))  # type: ignore[return-value]


def films(batch: int = 3, time: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    frames = torch.rand(batch, time, 3, 32, 32, generator=seeded(1))
    return frames, torch.randint(4, (batch, time - 1), generator=seeded(2))


@pytest.mark.parametrize("context", [1, 2, 3])
def test_it_fulfils_the_contract(context: int) -> None:
    check_world_model(small(context=context), *films())


def test_it_has_no_decoder_and_says_so() -> None:
    model = small()
    assert not model.capabilities.decodes
    with pytest.raises(NotCapable, match="no loss asked for pictures"):
        model.decode(model.encode(films()[0][:, :1]))


def test_before_the_first_frame_the_agent_is_taken_to_have_stood() -> None:
    model, (frames, _) = small(context=3), films()
    one = model.encode(frames[:, :1])
    standing = model.encode(frames[:, :1].expand(-1, 3, -1, -1, -1), torch.zeros(3, 2, dtype=torch.int64))
    torch.testing.assert_close(one.s, standing.s)
    assert torch.equal(one.actions, standing.actions)


@pytest.mark.parametrize("context", [1, 2])
def test_the_unrolled_predictor_imagines_what_the_contract_does(context: int) -> None:
    model, (frames, actions) = small(context=context), films(time=7)
    s = model.jepa.encode(frames)
    guesses = model.unroll(s[:, :context], actions)  # (3, 7 - context, 6)
    states = imagine(model, model.encode(frames[:, :context], actions[:, : context - 1]), actions[:, context - 1 :])
    torch.testing.assert_close(guesses, torch.stack([embedding(state) for state in states[1:]], dim=1))


def test_the_loss_is_the_sum_that_it_says() -> None:
    model, (frames, actions) = small(), films(batch=8, time=5)
    found = model.loss({"frames": frames, "actions": actions}, 0, seeded())
    s = model.jepa.encode(frames)
    error = torch.stack([
        (guess - s[:, 2 + k]).square().mean() for k, guess in enumerate(model.unroll(s[:, :2], actions).unbind(dim=1))
    ]).mean()  # fmt: skip
    pairs = model.inverse(torch.cat([s[:, :-1], s[:, 1:]], dim=2))
    inverse = F.cross_entropy(pairs.reshape(-1, 4), actions.reshape(-1))
    every = s.reshape(-1, 6)
    torch.testing.assert_close(found["error"], error)
    torch.testing.assert_close(found["inverse"], inverse)
    expected = error + variance_term(every) + 0.04 * covariance_term(every) + inverse
    torch.testing.assert_close(found["loss"], expected)


MOVES = {"vicreg": True, "none": True, "stop_gradient": False, "ema": False}


@pytest.mark.parametrize(("cure", "moves"), MOVES.items())
def test_no_gradient_of_the_error_comes_through_a_stopped_target(cure: str, moves: bool) -> None:
    """The last frame is only a target here; the inverse dynamics model, which sees every frame, is switched off."""
    model, (frames, actions) = small(cure=cure, inverse=0.0, unroll=1, variance=0.0, covariance=0.0), films(time=3)
    target = frames[:, -1].clone().requires_grad_()
    seen = torch.cat([frames[:, :-1], target[:, None]], dim=1)
    model.loss({"frames": seen, "actions": actions}, 0, seeded())["loss"].backward()
    assert (target.grad is not None and bool((target.grad != 0).any())) == moves


# ------------------------------------------------------------------------------------------------------- it learns


@pytest.fixture(scope="module")
def tiny() -> ActionJEPA:
    return train("action_jepa", "tiny", progress="none").model.eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def held_out() -> StarlessFilms:
    return make_starless(split="validation", count=40)


@torch.no_grad()
def rollout_error(model: ActionJEPA, films: StarlessFilms, *, steps: int = 8, shuffled: bool = False) -> float:
    """Mean squared error of an imagined embedding ``steps`` frames ahead, over that of "nothing changes"."""
    frames = to_model(films.frames[:, : 2 + steps])
    actions = torch.from_numpy(films.actions[:, : 1 + steps].astype(int))
    state = model.encode(frames[:, :2], actions[:, :1])
    played = actions[:, 1:].roll(1, dims=0) if shuffled else actions[:, 1:]
    truth = model.jepa.encode(frames)[:, -1]
    guess = embedding(imagine(model, state, played)[-1])
    return float((guess - truth).square().mean() / (embedding(state) - truth).square().mean())


def test_eight_steps_ahead_it_beats_nothing_changes_and_needs_the_actions(
    tiny: ActionJEPA, held_out: StarlessFilms
) -> None:
    found = rollout_error(tiny, held_out)
    print(found, rollout_error(tiny, held_out, shuffled=True), rollout_error(untrained_twin(tiny), held_out))
    assert found < 0.8 < 1.0 < rollout_error(untrained_twin(tiny), held_out)
    assert found < rollout_error(tiny, held_out, shuffled=True)


def test_two_embeddings_name_the_key_between_them(tiny: ActionJEPA, held_out: StarlessFilms) -> None:
    actions = torch.from_numpy(held_out.actions.astype(int))
    with torch.no_grad():
        s = tiny.jepa.encode(to_model(held_out.frames))
        named = tiny.inverse(torch.cat([s[:, :-1], s[:, 1:]], dim=2)).argmax(dim=2) == actions
    majority = actions.flatten().bincount().max() / actions.numel()
    print(named.float().mean(), majority)
    assert named.float().mean() > majority + 0.05


# ------------------------------------------------------------------------------------------------------- the recipe


def test_pieces_keep_frames_and_keys_together() -> None:
    recipe, config = get_recipe("action_jepa"), load_config("action_jepa", "tiny", {"data.count": 12})
    given = make_starless(split="train", count=12)
    drawn = next(recipe.batches(recipe.load(config, given), config, seeded()))
    assert drawn["frames"].shape == (32, 6, 3, 32, 32) and drawn["actions"].shape == (32, 5)
    pixels = (drawn["frames"].movedim(2, -1) * 255).round().byte().numpy()
    for piece, actions in zip(pixels[:6], drawn["actions"][:6].tolist(), strict=True):
        at = [(f, t) for f in range(12) for t in range(43) if (given.frames[f, t : t + 6] == piece).all()]
        assert any(given.actions[f, t : t + 5].tolist() == actions for f, t in at)


def test_what_cannot_be_learned_from_is_refused_before_training() -> None:
    for changes, words in (
        ({"model.actions": 5}, "the Playground has 4"),
        ({"model.channels": [4] * 6}, "each convolution halves the frame"),
        ({"model.unroll": 60}, "pieces of 62 frames; a film has 48"),
    ):
        with pytest.raises(ConfigError, match=words):
            train("action_jepa", load_config("action_jepa", "tiny", changes), progress="none")
    with pytest.raises(TypeError, match="films with their actions"):
        train("action_jepa", "tiny", data=np.zeros((2, 8, 32, 32, 3), np.uint8), progress="none")
    with pytest.raises(ValueError, match="held out"):
        train("action_jepa", "tiny", data=make_starless(split="test", count=2), progress="none")
    with pytest.raises(ConfigError, match="contrastive"):
        load_config("action_jepa", "tiny", {"model.cure": "contrastive"})
