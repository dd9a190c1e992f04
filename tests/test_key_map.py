"""Keys and latent actions: what is learned from films without keys, and what 200 labels add to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.exam.measures.long_play import play_keys, play_simulator
from course_lib.models.genie import Genie
from course_lib.models.key_map import KeyedGenie, KeyMap, KeyMapConfig
from course_lib.training import ConfigError, get_recipe, load_checkpoint, load_config, train
from course_lib.training.recipe import build
from course_lib.training.recipes.key_map import before_steps
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

TIMES = (40, 90, 140, 190)


@pytest.fixture(scope="module")
def pressed_in_play() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Each of the four keys, pressed in the same states of games that are played: the two frames before, the key, and
    the latent action that the course's model finds in what follows."""
    rooms = 8
    films = load_films("goal", split="test", count=rooms)
    game = play_simulator("goal", films.seeds, play_keys(rooms, 200, np.random.default_rng(1)), tries=TIMES)
    lam, frames, keys, codes = load_checkpoint("lam").eval(), [], [], []
    for moment, time in enumerate(TIMES):
        past = game.frames[:, time - 2 : time]  # (rooms, 2, H, W, 3)
        for key in range(4):
            step = np.concatenate([past, game.tried[:, moment, key, :1]], axis=1)
            with torch.no_grad():
                codes.append(lam.infer(to_model(step))[:, -1])
            frames.append(to_model(past))
            keys.append(torch.full((rooms,), key))
    return torch.cat(frames), torch.cat(keys), torch.cat(codes)


@torch.no_grad()
def test_the_shipped_map_knows_better_than_a_table_what_a_key_does_where_it_is_pressed(pressed_in_play: tuple) -> None:
    frames, keys, codes = pressed_in_play
    chosen, genie = load_checkpoint("key_map").eval(), load_checkpoint("genie")
    by_map = chosen(frames, keys).argmax(dim=1) == codes
    by_table = genie.capabilities.actions.table.to_latent(keys) == codes
    bare = KeyMap(chosen.config).eval()
    bare.keys.load_state_dict(chosen.keys.state_dict())
    untrained = bare(frames, keys).argmax(dim=1) == codes
    assert by_map.float().mean() > max(by_table.float().mean(), untrained.float().mean()) + 0.1


@torch.no_grad()
def test_held_against_a_wall_left_is_not_the_code_for_going_left(pressed_in_play: tuple) -> None:
    """In the open "left" is the table's code; at the left wall the map says that something else will happen."""
    frames, keys, codes = pressed_in_play
    chosen, table = load_checkpoint("key_map").eval(), load_checkpoint("genie").capabilities.actions.table
    left = int(table.to_latent(torch.tensor([1])))
    held = (keys == 1) & (codes != left)
    assert held.sum() >= 3, "somebody stands at the wall, or flies"
    said = chosen(frames[held], keys[held]).argmax(dim=1)
    assert (said != left).float().mean() > 0.5


def test_training_learns_the_prior_without_keys_and_the_keys_from_labels() -> None:
    history = train("key_map", "tiny", progress="none")
    losses = [row["loss"] for row in history.rows]
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) - 0.2
    assert not history.model.keys.weight.any(), "no key was looked at so far"
    told: list[str] = []
    facts = get_recipe("key_map").finish(history.model, load_config("key_map", "tiny"), None, None, told.append)
    assert facts["key_map"]["labelled_steps"] == 100 and told
    assert facts["key_map"]["nats_a_labelled_step"] < losses[-1] - 0.3, "the keys tell more than the frames alone"


def test_a_latent_action_model_with_other_codes_is_named_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match="model.answers is 6.*has 8"):
        train("key_map", load_config("key_map", "tiny", {"model.answers": 6}), progress="none")


def test_the_frames_before_a_step_are_the_last_ones_and_the_first_again_at_the_beginning() -> None:
    films = np.arange(2 * 4, dtype=np.uint8).reshape(2, 4, 1, 1, 1).repeat(3, axis=-1)
    seen = before_steps(films, np.array([0, 1]), np.array([0, 2]), 2)
    assert (seen[:, :, 0, 0, 0] * 255).round().tolist() == [[0, 0], [5, 6]]


def test_a_map_that_asks_the_frame_needs_no_table() -> None:
    """Genie's table may be missing: it was found with keys, and so was the map."""
    recipe = get_recipe("genie")
    model: Genie = build(recipe, load_config("genie", "tiny", {"model.table_from": ""}).model).eval()
    size, codes = model.config.frame_size, model.config.lam.codes
    keyed = KeyedGenie(model, KeyMap(KeyMapConfig(frame_size=size, answers=codes, width=8, hidden=8)).eval())
    with torch.no_grad():
        state = keyed.predict(keyed.encode(torch.rand(2, 1, 3, size, size)), torch.tensor([1, 3]))
    assert len(state) == 2 and model.capabilities.actions.table is None
