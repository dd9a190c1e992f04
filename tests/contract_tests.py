"""Tests for any implementation of the contract: `check_world_model(model, observations, actions)`.

Every model of the course is put through this function by its own tests, and so is a model that a learner brings.
Each rule is a function of its own with one reason to fail; the message names the rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.contract import (
    Actions,
    NotCapable,
    PredictsReward,
    PredictsTermination,
    State,
    WorldModel,
    imagine,
)


class ContractBroken(AssertionError):
    """A model says it is a WorldModel and is not; the message names the broken rule."""


def require(condition: bool, rule: str) -> None:
    """Raise ContractBroken with the rule when the condition does not hold."""
    if not condition:
        raise ContractBroken(rule)


def check_world_model(
    model: WorldModel, observations: Tensor, actions: Tensor | None, *, tolerance: float = 1e-4
) -> None:
    """Put a model through every rule of the contract; raises ContractBroken at the first one it breaks.

    observations: at least 2 films of at least 4 frames, (B, T, 3, H, W) or integers (B, T); the films must differ.
    actions: (B, T - 1) or (B, T - 1, d), None for a model that takes none. tolerance: relative and absolute, for sums
    that the batch size may reorder.
    """
    require(observations.shape[0] >= 2 and observations.shape[1] >= 4, "give this test 2 films of 4 frames or more")
    require(isinstance(model, WorldModel), "a WorldModel has capabilities, encode, predict, decode and surprise")
    before = torch.get_rng_state()
    for rule in (_states, _steps, _bounded, _draws, _capable, _actions, _surprise, _causal):
        rule(model, observations, actions, tolerance)
    require(torch.equal(before, torch.get_rng_state()), "chance comes from the generator, never from the global state")


# ------------------------------------------------------------------------------------------------------------- helpers


def _same(left: State, right: State, tolerance: float) -> bool:
    a, b = left.tensors(), right.tensors()
    return a.keys() == b.keys() and all(_close(a[name], b[name], tolerance) for name in a)


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    if a.shape != b.shape:
        return False
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance, equal_nan=True)


def _seeded(seed: int, like: Tensor) -> torch.Generator:
    return torch.Generator(device=like.device).manual_seed(seed)


def _first(actions: Tensor | None, count: int) -> Tensor | None:
    """The actions between the first `count` frames."""
    return None if actions is None or count < 2 else actions[:, : count - 1]


def _one_step(model: WorldModel, observations: Tensor, actions: Tensor | None) -> tuple[State, Tensor | None]:
    """The state after the last frame and one action to go on with."""
    return model.encode(observations, actions), None if actions is None else actions[:, -1]


def _refuses(call: Callable[[], object], errors: tuple[type[Exception], ...], rule: str, word: str) -> None:
    try:
        call()
    except errors as error:
        require(word in str(error).lower(), f"{rule}, and the message says so: {word!r} is not in {str(error)!r}")
        return
    raise ContractBroken(rule)


def _other(observations: Tensor) -> Tensor:
    """Observations unlike these: negative pictures, or the integers in reverse order."""
    if observations.is_floating_point():
        return 1.0 - observations
    return observations.max() - observations


# --------------------------------------------------------------------------------------------------------------- rules


def _states(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    batch = len(observations)
    state = model.encode(observations, actions)
    require(isinstance(state, State), f"encode returns a State, not {type(state).__name__}")
    require(len(state.tensors()) > 0, "a State holds at least one tensor")
    require(len(state) == batch, f"a State has the batch first: {batch} films gave {len(state)} rows")
    alone = model.encode(observations[1:2], None if actions is None else actions[1:2])
    require(_same(state[1], alone, tolerance), "films of a batch do not influence one another: state[1] is film 1")
    require(_same(state[[1, 0]][1], state[0], 0.0), "a State can be indexed by a list of rows")
    repeated = state.repeat(3)
    require(len(repeated) == 3 * batch, "repeat(3) makes three rows of each")
    require(_same(repeated[3:6], state[1].repeat(3), 0.0), "repeat keeps copies of one row together")
    require(not any(t.requires_grad for t in state.detach().tensors().values()), "detach cuts the graph")
    require(_same(state.detach(), state, 0.0), "detach keeps the values")
    require(all(t.device.type == "meta" for t in state.to("meta").tensors().values()), "to(device) moves every tensor")
    single = model.encode(observations[:, :1])
    require(len(single) == batch, "a single frame is enough to encode, without an action")


def _steps(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    state, action = _one_step(model, observations, actions)
    kept = state.map(torch.clone)
    after = model.predict(state, action)
    require(type(after) is type(state), f"predict returns the same kind of State, not {type(after).__name__}")
    require(len(after) == len(state), f"predict keeps the batch: {len(state)} rows became {len(after)}")
    require(_same(kept, state, 0.0), "predict leaves the state that it was given as it was")
    one = model.predict(state[1], None if action is None else action[1:2])
    require(_same(after[1], one, tolerance), "rows of a batch do not influence one another in predict")
    many = model.predict(state.repeat(2), None if action is None else action.repeat_interleave(2, dim=0))
    require(_same(many, after.repeat(2), tolerance), "a repeated state has repeated futures")


def _bounded(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    state, action = _one_step(model, observations, actions)
    window = model.capabilities.context or 1
    plan = window + 2 if action is None else torch.stack([action] * (window + 2), dim=1)
    shapes = [{name: t.shape for name, t in s.tensors().items()} for s in imagine(model, state, plan)]
    require(shapes[-1] == shapes[-2], f"a State is bounded: beyond its context it must not grow, {shapes[-2:]}")


def _draws(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    state, action = _one_step(model, observations, actions)
    first = model.predict(state, action, generator=_seeded(1, observations))
    again = model.predict(state, action, generator=_seeded(1, observations))
    require(_same(first, again, 0.0), "the same seed gives the same draw")
    require(
        _same(model.predict(state, action), model.predict(state, action), 0.0),
        "without a generator nothing is drawn: two calls agree",
    )
    encoded = [model.encode(observations, actions, generator=_seeded(1, observations)) for _ in range(2)]
    require(_same(encoded[0], encoded[1], 0.0), "the same seed encodes to the same state")


def _capable(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    can = model.capabilities
    state = model.encode(observations, actions)
    if can.decodes:
        frames = model.decode(state)
        wanted = (len(state),) if can.frame_size is None else (len(state), 3, *can.frame_size)
        require(tuple(frames.shape) == wanted, f"decode returns {wanted}, this returned {tuple(frames.shape)}")
        if can.frame_size is not None:
            inside = bool(torch.isfinite(frames).all()) and float(frames.min()) >= 0.0 and float(frames.max()) <= 1.0
            require(inside, "decoded frames are finite and in [0, 1]")
    else:
        _refuses(lambda: model.decode(state), (NotCapable,), "a model that cannot decode raises NotCapable", "decode")
    if can.rewards:
        require(isinstance(model, PredictsReward), "capabilities.rewards promises a method reward(state)")
        require(model.reward(state).shape == (len(state),), "reward(state) returns one number a row, (B,)")
    if can.termination:
        require(isinstance(model, PredictsTermination), "capabilities.termination promises a method termination(state)")
        ended = model.termination(state)
        require(ended.shape == (len(state),), "termination(state) returns one number a row, (B,)")
        require(bool(((ended >= 0) & (ended <= 1)).all()), "termination(state) returns probabilities in [0, 1]")
    if can.actions.kind == "latent":
        require(can.actions.table is not None, "latent actions come with the table from real ones that was given")
        require(bool(can.actions.table.films), "the table says from which films it was made")


def _actions(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    kind: Actions = model.capabilities.actions
    batch, time = observations.shape[:2]
    require((actions is None) == (kind.kind == "none"), f"this test needs actions that fit the model: {kind}")
    state = model.encode(observations, actions)
    if actions is None:
        some = torch.zeros(batch, time - 1, dtype=torch.long)
        rule = "a model that takes no actions refuses one with NotCapable"
        _refuses(lambda: model.predict(state, some[:, 0]), (NotCapable,), rule, "action")
        _refuses(lambda: model.encode(observations, some), (NotCapable,), rule, "action")
        return
    _refuses(lambda: model.predict(state), (ValueError,), "a model that takes actions asks for a missing one", "action")
    longer = torch.cat([actions, actions[:, :1]], dim=1)
    rule = "T frames have T - 1 actions, and other numbers are refused"
    _refuses(lambda: model.encode(observations, longer), (ValueError,), rule, "action")
    _refuses(lambda: model.surprise(observations, longer), (ValueError,), rule, "action")
    if kind.kind != "continuous":
        wrong = torch.full_like(actions[:, -1], kind.size)
        _refuses(lambda: model.predict(state, wrong), (ValueError,), "an action out of range is refused", "action")


def _surprise(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    batch, time = observations.shape[:2]
    values = model.surprise(observations, actions)
    require(tuple(values.shape) == (batch, time), f"surprise is ({batch}, {time}), this is {tuple(values.shape)}")
    require(bool(values[:, 0].isnan().all()), "surprise at frame 0 is NaN: nothing came before it")
    require(bool(values[:, 1:].isfinite().all()), "surprise from frame 1 on is finite")
    alone = model.surprise(observations[1:2], None if actions is None else actions[1:2])
    require(_close(values[1:2], alone, tolerance), "films of a batch do not influence one another in surprise")
    if "first" in inspect.signature(model.surprise).parameters:  # optional: whoever needs a pass for every frame
        late = model.surprise(observations, actions, first=time - 1)  # type: ignore[call-arg]
        require(bool(late[:, :-1].isnan().all()), "nothing is said of the frames before the first that is wanted")
        require(_close(late[:, -1:], values[:, -1:], tolerance), "surprise does not depend on which frames are wanted")
    changed = observations.clone()
    changed[:, -1] = _other(observations)[:, -1]
    moved = model.surprise(changed, actions)[:, -1] - values[:, -1]
    require(bool((moved.abs() > tolerance).any()), "surprise at a frame depends on that frame")


def _causal(model: WorldModel, observations: Tensor, actions: Tensor | None, tolerance: float) -> None:
    values = model.surprise(observations, actions)
    time = observations.shape[1]
    for t in range(time - 1):
        changed = observations.clone()
        changed[:, t + 1 :] = _other(observations)[:, t + 1 :]
        turned = None if actions is None else actions.clone()
        if turned is not None:
            turned[:, t:] = turned[:, t:].flip(0)  # the actions after frame t, taken from another film
        seen = model.surprise(changed, turned)[:, : t + 1]
        require(_close(seen, values[:, : t + 1], tolerance), f"the surprise up to frame {t} saw what came after it")
        short = model.surprise(observations[:, : t + 1], _first(actions, t + 1))
        require(_close(short, values[:, : t + 1], tolerance), f"the surprise up to frame {t} needs no later frame")
