"""What an agent has in mind, as pictures: places read from embeddings, wishes, a life with a switch, the figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.models.action_jepa import ActionJEPA
from course_lib.planning.cem import Budget
from course_lib.planning.goals import perceive
from course_lib.show.figure import png_of_figure
from course_lib.studies.agent import agent_for, new_policy
from course_lib.training import load_checkpoint
from course_lib.views.agent import (
    WHERE,
    ablation_figure,
    fit_place_reader,
    imagined_places,
    plan_and_end_figure,
    plan_figure,
    plan_film,
    watch,
    wish,
)
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model
from course_lib.worlds.goal_pictures import GoalTask, draw_goal_tasks
from course_lib.worlds.starless import enter_room, make_starless


@pytest.fixture(scope="module")
def model() -> ActionJEPA:
    return load_checkpoint("action_jepa").eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def reader(model: ActionJEPA) -> nn.Module:
    return fit_place_reader(model, make_starless(split="train", count=60), steps=600)


def test_the_place_is_read_from_embeddings_of_films_that_it_never_saw(model: ActionJEPA, reader: nn.Module) -> None:
    films = make_starless(split="validation", count=20)
    with torch.no_grad():
        state = perceive(model, films.frames[:, :2], films.actions[:, :1])
        found = imagined_places(reader, [state])[:, 0]
    true = np.stack([films.of(axis)[:, 1, spec.AGENT_SLOT] for axis in ("x", "y")], axis=1)
    error = np.hypot(*(found - true).T)
    print(np.median(error))
    assert np.median(error) < 2.5 < np.median(np.hypot(*(true.mean(axis=0) - true).T))


def test_wishes_stand_on_something_in_every_room() -> None:
    for task in draw_goal_tasks(10, split="validation"):
        for where in WHERE:
            simulation = enter_room(wish(task.room, where))
            before = simulation.state()[spec.AGENT_SLOT, spec.FIELD["y"]]
            simulation.step(0)
            assert abs(simulation.state()[spec.AGENT_SLOT, spec.FIELD["y"]] - before) < 0.1
    with pytest.raises(ValueError, match="not for 'the moon'"):
        wish(task.room, "the moon")


def test_a_life_has_its_switch_and_a_plan_at_every_moment(model: ActionJEPA, reader: nn.Module) -> None:
    task: GoalTask = draw_goal_tasks(1, split="validation")[0]
    agent = agent_for(model, [task], budget=Budget(4, 16, 1))
    moments = watch(agent, task.room, {0: "platform, left", 6: "floor, right"}, reader, steps=12)
    assert [moment.time for moment in moments] == [0, 2, 4, 6, 8, 10]
    assert [moment.wanted for moment in moments] == ["platform, left"] * 3 + ["floor, right"] * 3
    assert moments[0].plan.shape == (9, 2) and moments[0].others.shape[1:] == (9, 2)
    again = watch(agent_for(model, [task], budget=Budget(4, 16, 1)), task.room, {0: "platform, left"}, reader, steps=4)
    np.testing.assert_array_equal(again[0].plan, moments[0].plan)
    figure = plan_figure(moments, task.room)
    assert "wanted: platform, left; floor, right" in figure.text and png_of_figure(figure)
    assert all(moment.end.shape == (64,) for moment in moments) and not torch.equal(moments[0].end, moments[1].end)
    beside = plan_and_end_figure(moments[0], task.room, moments[0].frame)
    assert "8 frames later" in beside.text and png_of_figure(beside)
    film = plan_film(moments, task.room, scale=4)
    assert film.shape == (6, 128, 128, 3) and film.dtype == np.uint8
    assert (film[0] != moments[0].frame.repeat(4, axis=0).repeat(4, axis=1)).any()


def test_who_only_reacts_has_no_plan(model: ActionJEPA, reader: nn.Module) -> None:
    task = draw_goal_tasks(1, split="validation")[0]
    agent = agent_for(model, [task], policy=new_policy(model))
    moments = watch(agent, task.room, {0: "floor, left"}, reader, steps=4)
    assert all(moment.plan.shape == (1, 2) for moment in moments)
    assert png_of_figure(plan_figure(moments[:1], task.room)) and len(plan_film(moments, task.room)) == 2
    assert "its embedding, drawn" in plan_and_end_figure(moments[0], task.room, moments[0].frame).text
    torch.testing.assert_close(moments[0].end, model.jepa.encode(to_model(moments[0].frame[None, None]))[0, 0].detach())


def test_bars_of_what_was_left_out_can_be_drawn() -> None:
    figure = ablation_figure({"whole": np.array([0.8, 0.9]), "no regulariser": np.array([0.2, 0.1])})
    assert "no regulariser" in figure.text and png_of_figure(figure)
