"""Questions about play: what their numbers must be for models whose answers are known, and what the shipped says."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.rollout import dream
from course_lib.exam.questions import control, cost, playing
from course_lib.exam.questions.cost import cost_of_frames, joint_block
from course_lib.exam.questions.playing import InOneStep, dream_latent, infer_latent, seconds_a_frame, takes_steps
from course_lib.exam.registry import get_entrant
from course_lib.exam.sitting import Sitting
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.genie import Genie
from course_lib.models.key_map import KeyedGenie, KeyMap, KeyMapConfig
from course_lib.nets.space_time import SpaceTimeBlock
from course_lib.training import get_recipe, load_config
from course_lib.training.recipe import build
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

TABLE = (0, 3, 1, 5)


@pytest.fixture(scope="module")
def model() -> Genie:
    recipe = get_recipe("genie")
    model = build(recipe, load_config(recipe, "tiny").model).eval()
    model.dynamics.table.copy_(torch.tensor(TABLE))
    return model


def test_dreaming_under_latent_actions_is_dreaming_under_the_keys_that_the_table_gives(model: Genie) -> None:
    films = load_films("goal", split="validation", count=3)
    frames, keys = to_model(films.frames), torch.from_numpy(films.actions.astype(np.int64))
    latent = torch.tensor(TABLE)[keys]
    mine = dream_latent(model, frames, latent, seen=4, steps=3)
    torch.testing.assert_close(mine, dream(model, frames, keys, seen=4, steps=3))
    assert infer_latent(model, frames).shape == latent.shape


def test_the_questions_about_play_have_their_controls(model: Genie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "seconds_a_frame", partial(seconds_a_frame, steps=4))
    parts = {"model": model, "latent_model": model, "lam": model.lam, "block": lambda width: SpaceTimeBlock(width, 2)}
    entrant = Entrant("tiny", parts, [], untrained={"latent_model": model.untrained()}, films="goal")
    sitting = Sitting(count=6, split="validation")
    rows = {row.question: row for row in (*playing.ask(entrant, sitting), *cost.ask(entrant, sitting))}
    assert set(rows) == {"latent_delta4_psnr_db", "latent_psnr_db_t4", "play_fps", "time_exponent"}
    gain, fps, exponent = (rows[q] for q in ("latent_delta4_psnr_db", "play_fps", "time_exponent"))
    assert {"another_films_codes", "untrained"} <= set(gain.controls) and "joint" in exponent.controls
    assert 0 < fps.low <= fps.value <= fps.high and exponent.direction == "lower"
    assert set(fps.controls) == {"simulator", "one_decoding_step"} and fps.controls["simulator"] > fps.value


def test_who_has_real_keys_is_asked_how_fast_it_is_and_nothing_about_latent_actions(
    model: Genie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "seconds_a_frame", partial(seconds_a_frame, steps=4))
    sitting = Sitting(count=5, split="validation")
    asked = {"still": Extrapolation(rate=0.0, actions=4), "keyed": KeyedGenie(model, KeyMap(KeyMapConfig()).eval())}
    for name, world in asked.items():
        (row,) = playing.ask(Entrant(name, {"model": world}, [], films="goal"), sitting)
        assert row.question == "play_fps" and row.value > 0
        assert ("one_decoding_step" in row.controls) == (name == "keyed") == takes_steps(world)
    with pytest.raises(NotCapable, match="takes no actions"):
        list(playing.ask(Entrant("film", {"model": Extrapolation()}, [], films="goal"), sitting))
    with pytest.raises(NotCapable, match="comes without a"):
        list(playing.ask(Entrant("nobody", {}, [], films="goal"), sitting))


def test_one_step_is_one_step_and_a_world_without_steps_is_refused(model: Genie) -> None:
    film = to_model(load_films("goal", split="validation", count=1).frames[:, :3])
    keys, one = torch.tensor([1]), InOneStep(model)
    state = one.encode(film, model.lam.infer(film))
    made = one.predict(state, keys)
    assert torch.equal(made.tokens, model.predict(state, keys, steps=1).tokens)
    assert torch.equal(one.decode(made), model.decode(made)) and one.capabilities == model.capabilities
    with pytest.raises(TypeError, match="makes a frame at once"):
        InOneStep(Extrapolation())


def test_a_player_takes_time_and_costs_grow_with_the_frames(model: Genie) -> None:
    taken = seconds_a_frame(model, load_films("goal", split="validation", count=1).frames[0], steps=3, repeats=2)
    assert taken.shape == (2,) and (taken > 0).all()
    assert cost_of_frames(SpaceTimeBlock(64, 2), joint=False)(3, 5)().shape == (4, 3, 5, 64)
    assert cost_of_frames(joint_block(64), joint=True)(3, 5)().shape == (4, 15, 64)


def test_a_genie_without_a_table_is_not_asked_about_keys() -> None:
    recipe = get_recipe("genie")
    bare = build(recipe, load_config(recipe, "tiny").model).eval()
    films = load_films("goal", split="validation", count=2)
    with pytest.raises(NotCapable, match="without a table"):
        dream(bare, to_model(films.frames), torch.from_numpy(films.actions.astype(np.int64)), seen=4, steps=1)


@pytest.fixture(scope="module")
def shipped() -> tuple[Entrant, Sitting]:
    return get_entrant("genie"), Sitting(count=12)


def test_the_shipped_genie_is_steered(shipped: tuple[Entrant, Sitting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "counterfactuals", partial(control.counterfactuals, times=(6, 18)))  # two of four
    rows = {row.question: row for row in control.ask(*shipped)}
    chosen, delta = rows["action_choice_accuracy"], rows["delta4_psnr_db"]
    print([(row.question, row.value, row.low, row.high) for row in rows.values()])
    assert chosen.low > 0.5 + 0.1, "it does not ignore the action"
    assert delta.low > max(0.3, *delta.controls.values())


def test_the_shipped_genie_is_played(shipped: tuple[Entrant, Sitting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "seconds_a_frame", partial(seconds_a_frame, steps=2))  # the browser test asks the pace
    rows = {row.question: row for row in playing.ask(*shipped)}
    gain, drawn = rows["latent_delta4_psnr_db"], rows["latent_psnr_db_t4"]
    print([(row.question, row.value, row.low, row.high) for row in rows.values()])
    assert gain.low > max(0.5, *gain.controls.values()) and drawn.value > drawn.controls["copy_last"]
