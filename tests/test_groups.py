"""Parameter groups: who decays and who does not, along a ramp, and a run with groups that goes on bit for bit."""

from __future__ import annotations

import math
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_lib.training import Interrupted, ResumeError, build, get_recipe, load_config, recipe_names
from course_lib.training.recipe import Group, Phase, RunConfig, decay_groups
from course_lib.training.resume import FILE, State, read_state, write_state
from course_lib.training.schedule import learning_rate, weight_decay
from tests import small_run
from tests.small_run import Small, config, outcome


class Still(Small):
    """A loss that asks for nothing: only weight decay moves anything. It notes what after_step is called with."""

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {"loss": 0.0 * sum(parameter.sum() for parameter in self.parameters())}

    def after_step(self, step: int, of: int) -> None:
        self.called = [*getattr(self, "called", []), (step, of)]


def grouped(model: Small, given: RunConfig) -> list[Phase]:
    body = decay_groups(model.encoder)
    return [
        Phase("body", given.train.steps, [*body, Group([model.late], decays=False)]),
        Phase("head", given.train.steps // 2, list(model.head.parameters()), loss="head_loss"),
    ]


with_groups = replace(small_run.recipe, phases=grouped)


def run(recipe: Any, folder: Path | None = None, given: RunConfig | None = None, **options: Any) -> Any:
    return small_run.train(recipe, given or config(), progress="none", keep=folder, **options)


# ------------------------------------------------------------------------------------------------------- who decays


@pytest.mark.parametrize("name", recipe_names())
def test_all_that_learns_in_every_model_is_in_one_group_and_only_matrices_decay(name: str) -> None:
    with torch.device("meta"):
        model = get_recipe(name).build(load_config(name, "tiny").model)
    groups = decay_groups(model)
    listed = [id(parameter) for group in groups for parameter in group.parameters]
    assert sorted(listed) == sorted(id(parameter) for parameter in model.parameters() if parameter.requires_grad)
    decaying = {id(parameter) for group in groups if group.decays for parameter in group.parameters}
    for part in model.modules():
        for kind, parameter in part.named_parameters(recurse=False):
            if not parameter.requires_grad:  # a moving average learns nothing, and stands in no group
                continue
            multiplied = isinstance(part, nn.Linear | nn.modules.conv._ConvNd | nn.LSTM) and "bias" not in kind
            assert (id(parameter) in decaying) == multiplied, f"{kind} of {type(part).__name__}"


def test_positions_embeddings_norms_and_biases_do_not_decay() -> None:
    model = build(get_recipe("genie"), load_config("genie", "tiny").model).dynamics
    rest = {id(p) for group in decay_groups(model) if not group.decays for p in group.parameters}
    for parameter in (model.token.weight, model.stack.place, model.stack.moment, model.out.bias,
                      model.stack.norm.weight, model.stack.blocks[0].space.norm_q.weight):  # fmt: skip
        assert id(parameter) in rest
    assert id(model.out.weight) not in rest


def test_tied_weights_are_in_the_group_of_the_first_who_has_them() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert [len(group.parameters) for group in decay_groups(model, model[1])] == [1, 2]


@pytest.mark.parametrize("final", [None, 0.0, 0.4])
def test_decay_is_what_the_schedule_says_and_spares_who_is_exempt(final: float | None) -> None:
    """Without a gradient, AdamW multiplies by (1 - learning rate * decay): the product over all steps is known."""
    given = config(steps=20, weight_decay=0.1, final_weight_decay=final)
    model = Still(given.model)
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    recipe = replace(small_run.recipe, build=Still, phases=lambda m, c: [Phase("p", 20, decay_groups(m))])
    run(recipe, None, given, model=model)
    assert model.called == [(step, 20) for step in range(20)]
    rates = [learning_rate(step, steps=20, peak=0.02, warmup=3) for step in range(20)]
    decays = [weight_decay(step, steps=20, first=0.1, last=final) for step in range(20)]
    share = math.prod(1.0 - rate * decay for rate, decay in zip(rates, decays, strict=True))
    assert share < 0.99
    for name, value in model.named_parameters():
        expected = start[name] * (share if name.endswith("weight") else 1.0)
        torch.testing.assert_close(value.detach(), expected, rtol=1e-5, atol=0.0)


def test_the_ramp_begins_and_ends_where_it_says_and_goes_one_way() -> None:
    values = [weight_decay(step, steps=101, first=0.04, last=0.4) for step in range(101)]
    assert values[0] == 0.04 and values[-1] == pytest.approx(0.4) and values == sorted(values)
    assert values[50] == pytest.approx(0.22)  # half a cosine is half way in the middle
    assert weight_decay(0, steps=1, first=0.04, last=0.4) == 0.04
    assert {weight_decay(step, steps=9, first=0.04) for step in range(9)} == {0.04}


# ------------------------------------------------------------------------------------------------------- the length


class Teacher(Small):
    """A moving average whose rate rises from 0.9 to 1 over the phase, as a JEPA's target encoder has it."""

    def after_step(self, step: int, of: int) -> None:
        keep = 0.9 + 0.1 * (step + 1) / of
        self.average.lerp_(self.encoder[2].weight.detach(), 1.0 - keep)
        self.updates += 1


def test_a_moving_average_can_come_to_rest_at_the_end_of_each_phase() -> None:
    averages: list[Tensor] = []
    model = Teacher(config().model)
    run(replace(small_run.recipe, build=Teacher), model=model,
        on_step=lambda step, parts: averages.append(model.average.clone()))  # fmt: skip
    moved = [(b - a).norm().item() for a, b in zip(averages, averages[1:], strict=False)]
    assert moved[0] > 0.0 and moved[38] == 0.0, "the last step of the phase of 40 keeps all of the average"
    assert moved[39] > 0.0 and moved[-1] == 0.0, "and so does that of the next phase, of 20"


# --------------------------------------------------------------------------------------------- as before, and going on


def test_one_group_of_all_is_what_a_plain_list_is() -> None:
    def phases(model: Small, given: RunConfig) -> list[Phase]:
        return [replace(phase, parameters=[Group(list(phase.parameters))]) for phase in small_run.phases(model, given)]

    assert outcome(run(replace(small_run.recipe, phases=phases))) == outcome(small_run.run())


@pytest.mark.parametrize("step", [1, 17, 40, 53])
def test_a_run_with_groups_and_a_ramp_goes_on_bit_for_bit(tmp_path: Path, step: int) -> None:
    given = config(weight_decay=0.1, final_weight_decay=0.5)
    whole = outcome(run(with_groups, None, given))
    assert whole != outcome(run(with_groups)), "the ramp changes nothing, so nothing is shown"

    def stop(done: int, parts: dict[str, float]) -> None:
        if done == step:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        run(with_groups, tmp_path, given, on_step=stop)
    assert outcome(run(with_groups, tmp_path, given, resume=True)) == whole


def test_a_state_with_other_groups_is_refused(tmp_path: Path) -> None:
    def stop(done: int, parts: dict[str, float]) -> None:
        if done == 5:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        run(with_groups, tmp_path, on_step=stop)
    with pytest.raises(ResumeError, match="phases were"):
        run(small_run.recipe, tmp_path, resume=True)


def test_a_state_from_before_a_key_came_goes_on(tmp_path: Path) -> None:
    """A key that has come since stands for how it was without it, as in a checkpoint's provenance."""

    def stop(done: int, parts: dict[str, float]) -> None:
        if done == 9:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        small_run.run(tmp_path, on_step=stop)
    state = read_state(tmp_path / FILE)
    facts = {**state.facts, "configuration": {**state.facts["configuration"]}}
    facts["configuration"]["train"] = dict(facts["configuration"]["train"])
    del facts["configuration"]["train"]["final_weight_decay"]
    write_state(tmp_path / FILE, State(facts, state.tensors))
    assert outcome(small_run.run(tmp_path, resume=True)) == outcome(small_run.run())


# ------------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (lambda m: [], "phase 'second' has no parameters"),
        (lambda m: [Group([])], "phase 'second' has no parameters"),
        (lambda m: [m.late, Group([m.head.bias])], "put all of them into groups"),
        (lambda m: [m.late, m.late], "holds a parameter twice"),
        (lambda m: [Group([m.late]), Group([m.late], decays=False)], "holds a parameter twice"),
    ],
)
def test_a_phase_that_cannot_learn_is_named_before_the_first_step_of_any(parameters: Any, words: str) -> None:
    def phases(model: Small, given: RunConfig) -> list[Phase]:
        return [Phase("first", 3, list(model.encoder.parameters())), Phase("second", 3, parameters(model))]

    reached: list[int] = []
    with pytest.raises(ValueError, match=words):
        run(replace(small_run.recipe, phases=phases), on_step=lambda step, parts: reached.append(step))
    assert not reached
