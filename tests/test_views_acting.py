"""What the views of a controller promise, with an agent that has learned nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.dream_env import DreamEnv
from course_lib.models.vmc import VMC
from course_lib.planning.controller import real_returns
from course_lib.show import canvas, probe
from course_lib.training import get_recipe, load_config
from course_lib.training.recipe import build
from course_lib.views.acting import ControllerPlayer, both_lives, dream_life, first_frame, real_life
from course_lib.views.vae import reconstruct
from course_lib.worlds.env import PlaygroundEnv


@pytest.fixture(scope="module")
def model() -> VMC:
    agent = build(get_recipe("vmc"), load_config("vmc", "tiny").model).eval()
    agent.c.weights += torch.randn(agent.c.weights.shape, generator=torch.Generator().manual_seed(3))
    return agent


def test_a_real_life_is_the_game_itself(model: VMC) -> None:
    weights = model.c.of("dream 1.0")
    life = real_life(model, weights, 5, split="validation", steps=128)
    assert life.stars == real_returns(model, weights, episodes=1, split="validation", first=5)[0]
    np.testing.assert_array_equal(life.frames[0], first_frame(5, split="validation"))
    np.testing.assert_array_equal(life.drawn[:4], reconstruct(model.v, life.frames[:4]))
    env = PlaygroundEnv(split="validation")
    env.reset(seed=5)
    for t, action in enumerate(life.actions[:20]):
        frame, reward, *_ = env.step(int(action))
        np.testing.assert_array_equal(frame, life.frames[t + 1])
        assert reward == life.rewards[t]


def test_a_dreamed_life_begins_with_the_real_frame_as_v_sees_it(model: VMC) -> None:
    frame, weights = first_frame(2, split="validation"), model.c.of("dream 1.0")
    life, again = (dream_life(model, weights, frame, steps=10, seed=4) for _ in range(2))
    np.testing.assert_array_equal(life.drawn[:1], reconstruct(model.v, frame[None]))
    np.testing.assert_array_equal(life.frames, life.drawn)
    np.testing.assert_array_equal(life.frames, again.frames)
    np.testing.assert_array_equal(life.rewards, life.expected)
    assert len(life.frames) == 11 and len(life.actions) == 10


def test_the_widget_can_be_played_at_its_extremes(model: VMC) -> None:
    def look(episode: int, temperature: float, steps: int):
        return both_lives(model, "dream 1.0", episode, temperature=temperature, steps=steps)

    assert len(probe(look, {"episode": [0, 99], "temperature": [0.1, 2.0], "steps": [8, 24]})) == 8
    with pytest.raises(ValueError, match="no controller lived in 'heaven'"):
        both_lives(model, "heaven", 0)


@pytest.mark.parametrize("world", ["dream", "real"])
def test_a_controller_plays_by_itself_whatever_key_is_pressed(model: VMC, world: str) -> None:
    def player() -> ControllerPlayer:
        first = first_frame(0, split="validation")[None]
        env = DreamEnv(model, first, steps=12) if world == "dream" else PlaygroundEnv(split="validation")
        return ControllerPlayer(model, model.c.of("dream 1.0"), env, seed=5)

    one, two = player(), player()
    np.testing.assert_array_equal(one.reset(), two.reset())
    for key in (0, 1, 2, 3, 0, 3):
        np.testing.assert_array_equal(one.step(0), two.step(key))
    assert one.caption.startswith("episode") and "presses" in one.caption
    shown = canvas({"the controller": one})
    shown.step(1)
    if world == "real":
        life = real_life(model, model.c.of("dream 1.0"), 5, split="validation", steps=6)
        two.reset()
        for frame in life.frames[1:]:
            np.testing.assert_array_equal(two.step(), frame)


def test_the_next_episode_begins_by_itself(model: VMC) -> None:
    env = DreamEnv(model, first_frame(0, split="validation")[None], steps=3)
    player = ControllerPlayer(model, model.c.of("dream 1.0"), env)
    player.reset()
    episodes = []
    for _ in range(9):
        player.step()
        episodes.append(player.episode)
    assert max(episodes) >= 2 and episodes == sorted(episodes)
    player.reset()
    assert player.episode == 0 and player.score == 0.0
