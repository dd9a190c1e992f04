"""The six modules: they run the planner, key for key, and another task needs the configurator alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.action_jepa import ActionJEPA, embedding
from course_lib.planning.agent import Agent, Critic, Met, ShortTermMemory
from course_lib.planning.cem import Budget
from course_lib.planning.goals import GoalPlanner
from course_lib.planning.rooms import play_rooms
from course_lib.training import load_checkpoint
from course_lib.worlds.goal_pictures import GoalTask, draw_goal_tasks, goal_pictures

FEW = Budget(chunks=7, candidates=32, rounds=1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def model() -> ActionJEPA:
    return load_checkpoint("action_jepa").eval()  # type: ignore[return-value]


def agent_for(model: ActionJEPA, tasks: list[GoalTask], **more: object) -> Agent:
    agent = Agent(model, embedding, rooms=len(tasks), generator=seeded(), **more)  # type: ignore[arg-type]
    agent.configurator.configure(goal_pictures(tasks))
    return agent


def test_the_six_modules_play_as_the_planner_does(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(8, split="validation")
    planner = GoalPlanner(model, goal_pictures(tasks), embedding, generator=seeded(), budget=FEW)
    expected = play_rooms(planner, tasks)
    found = play_rooms(agent_for(model, tasks, budget=FEW), tasks)
    np.testing.assert_array_equal(found.steps, expected.steps)


def test_the_configurator_switches_the_goal_and_no_weight_changes(model: ActionJEPA) -> None:
    """Up to the platform, then down to where it began. An agent that was not switched stays where it wanted to be."""
    up = draw_goal_tasks(24, split="validation", first=200)
    down = [GoalTask(task.goal, task.room) for task in up]
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    agent = agent_for(model, up)
    there = play_rooms(agent, up).reached
    unswitched = play_rooms(agent, down, limit=25).reached
    agent.configurator.configure(goal_pictures(down))
    back = play_rooms(agent, down, limit=25).reached
    print(there.mean(), unswitched.mean(), back.mean())
    assert there.mean() >= 0.85 and back.mean() >= 0.85 and unswitched.mean() <= 0.4
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_without_a_task_it_says_so(model: ActionJEPA) -> None:
    agent = Agent(model, embedding, rooms=1, generator=seeded())
    with pytest.raises(ValueError, match="no task yet"):
        agent(np.zeros((1, 1, 32, 32, 3), np.uint8), np.zeros((1, 0), np.uint8), [], np.array([0]))


def test_memory_knows_what_was_still_to_come_and_forgets_the_oldest() -> None:
    memory, s = ShortTermMemory(size=3), torch.arange(8.0).view(4, 2, 1)
    with pytest.raises(ValueError, match="memory is empty"):
        memory.lessons()
    for which, costs, embeddings in (([0, 1], [9.0, 9.0], s[0]), ([0, 1], [5.0, 7.0], s[1]),
                                     ([0, 1], [2.0, 8.0], s[2]), ([1], [6.0], s[3, :1])):  # fmt: skip
        memory.keep(Met(torch.tensor(which), embeddings, torch.zeros_like(embeddings), torch.tensor(costs)))
    found, _, to_come = memory.lessons()
    assert found.flatten().tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert to_come.tolist() == [2.0, 6.0, 2.0, 6.0, 6.0]


def test_a_critic_learns_from_memory_to_foresee_the_cost_in_other_rooms(model: ActionJEPA) -> None:
    """Of an agent that plans one chunk ahead, and so comes near in some rooms and gets stuck in others."""
    memories = []
    for first, count in ((1000, 300), (2000, 60)):
        tasks = draw_goal_tasks(count, split="validation", first=first)
        agent = agent_for(model, tasks, budget=Budget(chunks=1, candidates=16, rounds=1))
        play_rooms(agent, tasks, limit=20)
        memories.append(agent.memory)
    critic = Critic(model.config.latent)
    critic.learn(memories[0], generator=seeded(1))
    s, goal, to_come = memories[1].lessons()
    with torch.no_grad():
        error = (critic(s, goal) - to_come).square().mean()
    now = ((s - goal).norm(dim=1) - to_come).square().mean()
    print(error, now, to_come.var())
    assert error < 0.9 * to_come.var() and error < now, "it knows more than the mean, and than the present distance"


def test_a_critic_is_asked_at_the_end_of_every_future(model: ActionJEPA) -> None:
    tasks = draw_goal_tasks(2, split="validation")
    plain, with_critic = agent_for(model, tasks), agent_for(model, tasks, critic=Critic(model.config.latent))
    frames = goal_pictures(tasks)[:, None]
    state, which = plain.perception(frames, np.zeros((2, 0), np.uint8)), torch.arange(2)
    states, actions = [state.repeat(3)] * 3, torch.zeros(6, 2, dtype=torch.int64)
    with torch.no_grad():
        base, more = (a.cost.ahead(which)(states, actions) for a in (plain, with_critic))
        goal = plain.cost.intrinsic.goal.repeat_interleave(3, dim=0)
        torch.testing.assert_close(more - base, with_critic.cost.critic(embedding(states[-1]), goal))
