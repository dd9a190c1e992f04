"""Mode-1: a policy learns what Mode-2 does, and plays; curiosity; the study that measures both, and its exam."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.planning.agent import Curiosity, Met, ShortTermMemory
from course_lib.planning.cem import Budget
from course_lib.planning.policy import Lessons, PolicyPlayer, distil, fit_policy
from course_lib.planning.rooms import play_rooms
from course_lib.studies import ablations
from course_lib.studies import agent as study
from course_lib.training import load_checkpoint
from course_lib.worlds.goal_pictures import draw_goal_tasks, goal_pictures


@pytest.fixture(scope="module")
def model() -> ActionJEPA:
    return load_checkpoint("action_jepa").eval()  # type: ignore[return-value]


# ---------------------------------------------------------------------------------------------------------- Mode-1


def test_a_policy_learns_the_keys_of_its_lessons(model: ActionJEPA) -> None:
    generator = study.generator_of(3)
    policy = study.new_policy(model)
    features = policy.layers[0].in_features - model.config.latent
    seen, goal = torch.randn(512, features, generator=generator), torch.randn(512, 64, generator=generator)
    lessons = Lessons(seen, goal, seen[:, :4].argmax(dim=1))
    fit_policy(policy, lessons, generator=generator, steps=300)
    with torch.no_grad():
        assert (policy(seen, goal).argmax(dim=1) == lessons.key).float().mean() > 0.9


def test_a_few_lessons_are_enough_to_beat_the_policy_before_them(model: ActionJEPA) -> None:
    """The second round is the pupil's own: its lessons are of the states that it comes to."""
    policy, rounds = study.new_policy(model), []
    tasks = [draw_goal_tasks(30, split="train", first=first) for first in (0, 30)]
    learned = distil(policy, model, embedding, study.distance_cost, tasks, generator=study.generator_of(),
                     on_round=lambda *numbers: rounds.append(numbers))  # fmt: skip
    assert [number for number, _, _ in rounds] == [0, 1] and rounds[1][1] == len(learned.key)
    assert rounds[0][2] > rounds[1][2], "Mode-2 plays the first round, a beginner the second"
    asked = draw_goal_tasks(40, split="validation", first=7000)
    share = {name: play_rooms(PolicyPlayer(model, each, goal_pictures(asked), embedding), asked).reached.mean()
             for name, each in (("taught", policy), ("blank", study.new_policy(model, 1)))}  # fmt: skip
    print(share)
    assert share["taught"] > share["blank"] + 0.15


def test_an_agent_with_a_policy_reacts_and_still_remembers(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(5, split="validation")
    policy = study.new_policy(model)
    agent = study.agent_for(model, tasks, policy=policy)
    player = PolicyPlayer(model, policy, goal_pictures(tasks), embedding)
    np.testing.assert_array_equal(play_rooms(agent, tasks, limit=8).steps, play_rooms(player, tasks, limit=8).steps)
    assert len(agent.memory.moments) == 4, "a cost is remembered at each chunk of two frames"
    agent.actor.policy = None
    with pytest.raises(ValueError, match="no policy yet"):
        agent.actor.react(None, None)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- curiosity


def test_what_is_remembered_is_not_new() -> None:
    memory, s = ShortTermMemory(), torch.tensor([[[0.0], [0.0]], [[1.0], [5.0]]])
    curious = Curiosity(lambda state: state, memory)
    which = torch.tensor([0, 1])
    assert curious.now(s[0], which).tolist() == [0.0, 0.0]
    for now in s:
        memory.keep(Met(which, now, now, torch.zeros(2)))
    assert curious.now(torch.tensor([[1.0], [9.0]]), which).tolist() == [0.0, -4.0]
    states = [torch.zeros(4, 1), torch.tensor([[2.0], [1.0], [5.0], [7.0]])]
    assert curious.ahead(which)(states, torch.zeros(4, 1)).tolist() == [-1.0, 0.0, 0.0, -2.0]
    assert curious.ahead(torch.tensor([1]))(states, torch.zeros(4, 1)).tolist() == [-2.0, -1.0, 0.0, -2.0]
    with pytest.raises(ValueError, match="not all met"):
        memory.of(torch.tensor([7]))


def test_the_configurator_makes_it_curious_and_wanting_again(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(3, split="validation")
    agent = study.agent_for(model, tasks, budget=Budget(3, 8, 1))
    agent.configurator.explore()
    play_rooms(agent, tasks, limit=6)
    costs = torch.stack([met.cost for met in agent.memory.moments])
    assert (costs[0] == 0).all() and (costs[1:] < 0).any()
    agent.configurator.configure(goal_pictures(tasks))
    assert not agent.memory.moments and agent.cost.intrinsic.goal.shape == (3, 64)


# ------------------------------------------------------------------------------------------------------- the studies


def facts() -> dict:
    played = {part: {name: [9] * count for name, count in names.items()} for part, names in study.PLAYED.items()}
    played["speed"] = {}
    for part in ("gradient", "speed"):
        played[part]["milliseconds"] = {"mode1": [1.0, 1.0], "mode2": [12.0, 14.0]}
    played["mode1"] |= {"rounds": [{"lessons": 5, "reached": 3}], "chosen": 0}
    played["gradient"]["relaxation"], played["critic"]["share"] = "softmax", 1.0
    return {"limit": study.LIMIT, "weights": "abc", **played}


def test_kept_facts_are_read_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "agent.json")
    study.KEPT.write_text(json.dumps(facts()))
    found = study.measured_agent()
    assert study.times_longer(found.milliseconds["speed"], "mode2", "mode1")["value"] == 13.0
    assert (found.steps["switch"]["up"] == 9).all()


@pytest.mark.parametrize("harm", [
    lambda found: found["mode1"].pop("steps"),
    lambda found: found["switch"].__setitem__("up", [9] * 3),
    lambda found: found["critic"].__setitem__("with", [0] * 300),
    lambda found: found["gradient"].pop("milliseconds"),
    lambda found: found.__setitem__("limit", 3),
])  # fmt: skip
def test_damaged_facts_are_named(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmed = facts()
    harm(harmed)
    monkeypatch.setattr(study, "KEPT", tmp_path / "agent.json")
    study.KEPT.write_text(json.dumps(harmed))
    with pytest.raises(ExamError, match="does not hold the facts.*course_lib study agent"):
        study.measured_agent()


def test_the_kept_ablations_have_every_seed_of_every_variant() -> None:
    found = ablations.measured_ablations()
    assert set(found.shares) == set(ablations.VARIANTS) and set(found.deviations) == set(ablations.TRAININGS)
    assert all(values.shape == (len(ablations.SEEDS),) for values in found.shares.values())


def test_the_rows_are_the_studys(model: ActionJEPA) -> None:
    report = examine([get_entrant("action_jepa")], Sitting(count=5, episodes=5), questions=["agent"], failures="raise")
    found = study.measured_agent()
    row = report["action_jepa", "mode1_success"]
    assert row.value == study.reached(found.steps["mode1"]["steps"].tolist()) / 300 and row.bar == 0.85
    faster = report["action_jepa", "mode1_speedup"]
    assert faster.value == study.times_longer(found.milliseconds["speed"], "mode2", "mode1")["value"]
    assert faster.bar == 10.0 and faster.low <= faster.value <= faster.high
