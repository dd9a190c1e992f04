"""A film's past in a transformer, on V's latents: the contract, where memory ends, the loss, learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.contract import NotCapable
from course_lib.models.base import fresh
from course_lib.models.latent_transformer import LatentTransformer, LatentTransformerConfig, LatentTransformerWorld
from course_lib.models.mdnrnn import as_mixture, log_likelihood
from course_lib.models.vae import VAE
from course_lib.nets.past import PastTransformer
from course_lib.training import ConfigError, get_recipe, load_checkpoint, load_config, save_checkpoint, train
from course_lib.training.data import random_places
from course_lib.training.latent_transformer import load_latent_transformer
from tests.contract_tests import check_world_model
from tests.possible_films import check_learns_from_possible_films


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def world(context: int) -> LatentTransformerWorld:
    v = fresh(VAE, load_config("vmc", "tiny").model.v, 1)
    dynamics = LatentTransformerConfig(latent=16, context=context, width=8, layers=2, heads=2, mixtures=2)
    return LatentTransformerWorld(v, fresh(LatentTransformer, dynamics, 2)).eval()


@torch.no_grad()
@pytest.mark.parametrize("context", [1, 3, 9])
def test_it_fulfils_the_contract(context: int) -> None:
    check_world_model(world(context), torch.rand(3, 6, 3, 32, 32, generator=seeded()), None)


def test_it_draws_what_it_dreams_and_takes_the_v_that_fits() -> None:
    frames, model = torch.rand(2, 2, 3, 32, 32, generator=seeded()), world(3)
    assert model.decode(model.predict(model.encode(frames))).shape == (2, 3, 32, 32)
    with pytest.raises(NotCapable, match="takes no actions"):
        model.surprise(frames, torch.zeros(2, 1, dtype=torch.long))
    with pytest.raises(ValueError, match="V gives 16 numbers"):
        LatentTransformerWorld(model.v, LatentTransformer(LatentTransformerConfig(latent=8, width=8, heads=2)))


# --------------------------------------------------------------------------------------------------- where memory ends


@pytest.mark.parametrize("context", [1, 2, 4, 7, 12])
def test_memory_ends_after_so_many_frames_however_many_layers_there_are(context: int) -> None:
    """By the gradient: what follows from frame t depends on each of frames t - K + 1 to t, and on no other."""
    net = fresh(lambda k: PastTransformer(3, 2, width=8, layers=3, heads=2, context=k), context, 1)
    x = torch.randn(1, 9, 3, generator=seeded(), requires_grad=True)
    y = net(x)
    for t in range(9):
        (slope,) = torch.autograd.grad(y[0, t].sum(), x, retain_graph=True)
        felt = slope[0].abs().sum(dim=1) > 0
        assert felt.nonzero()[:, 0].tolist() == list(range(max(0, t - context + 1), t + 1))


def test_a_window_of_a_longer_film_is_what_the_network_says_of_it_alone() -> None:
    net = fresh(lambda k: PastTransformer(3, 2, width=8, layers=2, heads=2, context=k), 4, 1)
    x = torch.randn(2, 7, 3, generator=seeded())
    torch.testing.assert_close(net(x)[:, 6], net(x[:, 3:])[:, 3])
    torch.testing.assert_close(net(x)[:, :4], net(x[:, :4]))


# ------------------------------------------------------------------------------------------------------------ learning


def test_the_loss_on_latents_is_the_mixtures_surprise_at_what_came() -> None:
    model = world(5).dynamics
    mu = torch.randn(3, 6, 16, generator=seeded())
    found = model.loss({"mu": mu, "logvar": torch.full_like(mu, -30.0)}, 0, seeded())["loss"]  # no doubt in V
    numbers = model.past(mu[:, :-1])
    by_hand = -log_likelihood(as_mixture(numbers, 16, 2), mu[:, 1:]).sum(dim=-1).mean()
    torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-4)
    logits, means, _ = numbers.unflatten(-1, (3, 16, 2)).unbind(dim=-3)
    mixture = as_mixture(numbers, 16, 2)
    torch.testing.assert_close(mixture.log_weights.exp().sum(dim=-1), torch.ones(3, 5, 16))
    assert torch.equal(mixture.means, means) and torch.equal(mixture.log_weights.argmax(-1), logits.argmax(-1))


def test_it_learns_from_possible_films_alone() -> None:
    check_learns_from_possible_films("latent_transformer")


def test_pieces_begin_anywhere_and_are_neighbours() -> None:
    which, when = random_places(np.zeros((5, 28)), 5, 400, seeded())
    assert which.shape == (400, 1) and when.shape == (400, 5) and (np.diff(when, axis=1) == 1).all()
    assert set(which[:, 0]) == set(range(5)) and set(when[:, 0]) == set(range(24))
    with pytest.raises(ConfigError, match="V has 32"):
        get_recipe("latent_transformer").check(load_config("latent_transformer", "tiny", {"model.latent": 16}))
    with pytest.raises(ConfigError, match="model.context is 28"):
        get_recipe("latent_transformer").check(load_config("latent_transformer", "tiny", {"model.context": 28}))


def test_what_was_stored_comes_back_with_the_v_that_it_looked_through(tmp_path) -> None:
    recipe = get_recipe("latent_transformer")
    history = train(recipe, load_config("latent_transformer", "tiny", {"train.steps": 1, "data.count": 2}),
                    progress="none")  # fmt: skip
    save_checkpoint(history.model, recipe, "tiny", about=history.about(), folder=tmp_path)
    model = load_latent_transformer(size="tiny", folder=tmp_path)
    own, other = (dict(net.named_parameters()) for net in (model.dynamics, history.model))
    assert all(torch.equal(own[name], other[name]) for name in own)
    v = load_checkpoint("vmc", size="cpu-family").v
    assert all(torch.equal(a, b) for a, b in zip(model.v.parameters(), v.parameters(), strict=True))
    twin: nn.Module = model.untrained(3)
    assert twin.v is model.v and not torch.equal(twin.dynamics.past.position, model.dynamics.past.position)
