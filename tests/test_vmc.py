"""The V-M-C agent under the contract, its dream as an environment, its controller in two worlds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from torch import Tensor

from course_lib.models.dream_env import ControllerPolicy, DreamEnv
from course_lib.models.mdnrnn import MDNRNNConfig, log_likelihood
from course_lib.models.vmc import VMC, VMCConfig, press
from course_lib.planning.lives import RealWorld, live
from course_lib.training import load_config
from course_lib.views.dreams import dream_in_stretches, latent_films
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model, to_uint8
from tests.contract_tests import check_world_model


def agent(control: str = "discrete", seed: int = 0) -> VMC:
    config: VMCConfig = load_config("vmc", "tiny").model
    small = MDNRNNConfig(latent=config.v.latent, actions=4 if control == "discrete" else 3, hidden=16, mixtures=3,
                         reward="binary" if control == "discrete" else "real")  # fmt: skip
    torch.manual_seed(seed)
    return VMC(VMCConfig(v=config.v, m=small, control=control, controllers=("dream 1.0", "real"))).eval()


@pytest.fixture(scope="module")
def model() -> VMC:
    return agent()


@pytest.fixture(scope="module")
def first() -> np.ndarray:
    return load_films("goal", split="test", count=8).frames[:, 0]


def films(model: VMC, batch: int = 3, time: int = 6) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(7)
    size = model.config.v.frame_size
    frames, kind = torch.rand(batch, time, 3, size, size, generator=g), model.capabilities.actions
    if kind.kind == "discrete":
        return frames, torch.randint(0, kind.size, (batch, time - 1), generator=g)
    return frames, torch.randn(batch, time - 1, kind.size, generator=g)


# ---------------------------------------------------------------------------------------------------- the world model


@pytest.mark.parametrize("control", ["discrete", "car"])
@torch.no_grad()
def test_it_keeps_the_contract(control: str) -> None:
    model = agent(control)
    check_world_model(model, *films(model))


@torch.no_grad()
def test_surprise_is_the_likelihood_of_what_came(model: VMC) -> None:
    frames, actions = films(model)
    surprise = model.surprise(frames, actions)
    z, _ = model.v.encode(frames.flatten(0, 1))
    z, memory = z.unflatten(0, frames.shape[:2]), model.m.begin(len(frames))
    assert bool(surprise[:, 0].isnan().all())
    for t in range(frames.shape[1] - 1):
        one_hot = torch.nn.functional.one_hot(actions[:, t], 4).float()
        said, memory = model.m.step(z[:, t], one_hot, memory)
        nats = -log_likelihood(said.mixture, z[:, t + 1]).sum(dim=-1)
        assert torch.allclose(surprise[:, t + 1], nats, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_surprise_knows_nothing_of_what_comes_later(model: VMC) -> None:
    frames, actions = films(model)
    before = model.surprise(frames, actions)
    frames[:, 4:], actions[:, 4:] = 1.0 - frames[:, 4:], 3 - actions[:, 4:]
    after = model.surprise(frames, actions)
    assert torch.allclose(before[:, 1:4], after[:, 1:4], rtol=1e-5)
    assert not torch.allclose(before[:, 4:], after[:, 4:], rtol=1e-5)


@torch.no_grad()
def test_what_the_controller_reads_is_the_memory_before_the_newest_frame(model: VMC) -> None:
    frames, actions = films(model)
    state = model.encode(frames[:, :3], actions[:, :2])
    other = model.encode(torch.cat([frames[:, :2], 1.0 - frames[:, 2:3]], dim=1), actions[:, :2])
    assert torch.equal(state.h, other.h) and not torch.equal(state.z, other.z)
    again = model.remember(model.encode(frames[:, :2], actions[:, :1]), actions[:, 1], frames[:, 2])
    for name, value in state.tensors().items():
        assert torch.allclose(value, again.tensors()[name], atol=1e-5), name


@torch.no_grad()
def test_the_untrained_twin_has_the_same_eyes_and_another_memory(model: VMC) -> None:
    twin, other = model.untrained(seed=1), model.untrained(seed=2)
    for a, b in zip(model.v.parameters(), twin.v.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(model.c.weights, twin.c.weights)
    assert not torch.equal(twin.m.mdn.weight, model.m.mdn.weight)
    assert not torch.equal(twin.m.mdn.weight, other.m.mdn.weight)


def test_v_and_m_of_different_widths_are_refused() -> None:
    config = load_config("vmc", "tiny").model
    with pytest.raises(ValueError, match="V gives 16 numbers and M reads 8"):
        VMCConfig(v=config.v, m=MDNRNNConfig(latent=8, actions=4))


def test_a_controller_is_known_by_its_world(model: VMC) -> None:
    assert model.c.of("real").shape == (4, 16 + 16 + 1)
    with pytest.raises(ValueError, match="no controller lived in 'mars'; there are: dream 1.0, real"):
        model.c.of("mars")


def test_outputs_become_keys_or_pedals() -> None:
    outputs = torch.tensor([[0.1, 0.7, 0.2, -1.0], [3.0, 0.0, 2.0, 1.0]])
    assert press(outputs, "discrete").tolist() == [1, 0]
    pedals = press(10.0 * torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), "car")
    assert float(pedals[:, 0].min()) >= -1 and float(pedals[:, 1:].min()) >= 0 and float(pedals.max()) <= 1


# ---------------------------------------------------------------------------------------------------- the dream played


def test_the_dream_keeps_gymnasiums_interface(model: VMC, first: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the checker's own style
        check_env(DreamEnv(model, first, steps=5), skip_render_check=True)
        check_env(DreamEnv(agent("car"), first, steps=5), skip_render_check=True)


def test_the_same_seed_dreams_the_same(model: VMC, first: np.ndarray) -> None:
    def dream(seed: int, temperature: float = 1.0) -> np.ndarray:
        env = DreamEnv(model, first, temperature=temperature)
        frames = [env.reset(seed=seed)[0]]
        frames += [env.step(action)[0] for action in (0, 1, 2, 3, 2, 1)]
        return np.stack(frames)

    assert np.array_equal(dream(3), dream(3))
    assert not np.array_equal(dream(3)[1:], dream(11)[1:])  # the same first frame, another dream
    assert np.array_equal(dream(3)[0], dream(11)[0]) and not np.array_equal(dream(3)[0], dream(4)[0])
    assert not np.array_equal(dream(3)[1:], dream(3, 0.1)[1:])


def test_a_dream_of_thousands_of_steps_does_not_grow(model: VMC, first: np.ndarray) -> None:
    env = DreamEnv(model, first, steps=3000)
    env.reset(seed=0)
    shapes = {name: value.shape for name, value in env.state.tensors().items()}
    rng, cut = np.random.default_rng(0), False
    for _ in range(3000):
        frame, reward, _, cut, info = env.step(int(rng.integers(4)))
        assert 0.0 <= reward <= 1.0 and np.isfinite(reward)
    assert cut and info["frame"] == 3000 and frame.shape == (32, 32, 3) and frame.dtype == np.uint8
    assert {name: value.shape for name, value in env.state.tensors().items()} == shapes
    assert all(bool(value.isfinite().all()) and not value.requires_grad for value in env.state.tensors().values())


def test_dreams_that_cannot_be_are_refused(model: VMC, first: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frames of 32 x 32"):
        DreamEnv(model, np.zeros((2, 64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="above 0"):
        DreamEnv(model, first, temperature=0.0)
    with pytest.raises(RuntimeError, match="reset"):
        DreamEnv(model, first).step(0)


# ------------------------------------------------------------------------------------------------ the controller's life


def test_a_controller_lives_the_same_life_by_both_ways(model: VMC) -> None:
    """Frame by frame as a policy, and in a batch of games as evolution has it: the same keys, the same return."""
    weights = wavering(model)
    env, policy = PlaygroundEnv(split="validation"), ControllerPolicy(model, weights)
    pressed, returned = [], []
    for seed in (4, 5, 6):
        frame, info = env.reset(seed=seed)
        pressed.append([])
        returned.append(0.0)
        for _ in range(40):
            pressed[-1].append(policy(frame, info))
            frame, reward, _, _, info = env.step(pressed[-1][-1])
            returned[-1] += reward
    world = Watched(model, split="validation")
    total = live(world, weights.expand(3, -1, -1), np.array([4, 5, 6]), steps=40)
    assert torch.stack(world.pressed, dim=1).tolist() == pressed
    assert total.tolist() == pytest.approx(returned)
    assert len({tuple(keys) for keys in pressed}) > 1, "these games should differ, or the test says little"


@torch.no_grad()
def wavering(model: VMC) -> Tensor:
    """Weights of a controller that presses now this key, now that: its outputs are near 0 where games begin."""
    weights = torch.randn(model.c.weights.shape[1:], generator=torch.Generator().manual_seed(3))
    frames = load_films("goal", split="validation", count=8).frames[:, ::8]
    state = model.encode(to_model(frames).flatten(0, 1)[:, None])
    usual = torch.cat([state.z, state.h], dim=1).mean(dim=0)
    weights[:, -1] = -weights[:, :-1] @ usual
    return weights


class Watched(RealWorld):
    """The real world, with a note of every key."""

    def begin(self, seeds: np.ndarray):
        self.pressed: list[Tensor] = []
        return super().begin(seeds)

    def step(self, actions: Tensor):
        self.pressed.append(actions)
        return super().step(actions)


def test_a_policy_forgets_when_an_episode_begins(model: VMC, first: np.ndarray) -> None:
    weights = torch.randn(model.c.weights.shape[1:], generator=torch.Generator().manual_seed(3))
    policy = ControllerPolicy(model, weights)

    def keys() -> list[int]:
        return [policy(frame, {"frame": t}) for t, frame in enumerate(first)]

    assert keys() == keys()


def test_a_policy_is_named_or_given(model: VMC, first: np.ndarray) -> None:
    assert torch.equal(ControllerPolicy(model, "real").weights, model.c.of("real"))
    assert torch.equal(ControllerPolicy(model).weights, model.c.of("dream 1.0"))
    with pytest.raises(ValueError, match="no controller lived in 'mars'"):
        ControllerPolicy(model, "mars")
    car = ControllerPolicy(agent("car"), torch.zeros(3, 33))(first[0], {"frame": 0})
    assert car.shape == (3,) and car.dtype == np.float32 and to_model(first).shape == (8, 3, 32, 32)


def test_a_film_dreamed_in_stretches_sees_two_frames_between_them() -> None:
    model = agent()
    films = load_films("goal", split="validation", count=1)
    film, keys = films.frames[0], films.actions[0]
    real = dream_in_stretches(model, film, keys, 0)
    np.testing.assert_array_equal(real, to_uint8(model.v.decode(latent_films(model, film[None])[0])))
    dreamed = dream_in_stretches(model, film, keys, 5)
    seen = np.array([t % 7 < 2 for t in range(len(film))])
    np.testing.assert_array_equal(dreamed[seen], real[seen])
    assert (dreamed[~seen] != real[~seen]).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(dream_in_stretches(model, film, keys, 5), dreamed)
    assert (dream_in_stretches(model, film, keys, 5, seed=1) != dreamed).any()
