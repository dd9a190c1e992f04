"""Masking and making: what is hidden, what it counts, how a frame is made, and that the action reaches it."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.models.dynamics import Dynamics, DynamicsConfig, cosine_share, falling_share

SMALL = {"codes": 11, "tokens": 9, "actions": 3, "frames": 6, "width": 16, "layers": 2, "heads": 2}


def small(**changes: object) -> Dynamics:
    torch.manual_seed(0)
    return Dynamics(DynamicsConfig(**(SMALL | changes))).eval()


def films(count: int = 4, frames: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    index = torch.randint(SMALL["codes"], (count, frames, SMALL["tokens"]), generator=chance)
    return index, torch.randint(SMALL["actions"], (count, frames - 1), generator=chance)


@pytest.mark.parametrize("action", ["added", "prepended"])
def test_nothing_is_said_from_later_frames_actions_or_from_what_is_hidden(action: str) -> None:
    model, (index, actions) = small(action=action), films()
    mask = torch.zeros_like(index, dtype=torch.bool)
    mask[:, 2] = True
    said = model(index, actions, mask)
    other, others = index.clone(), actions.clone()
    other[:, 2], other[:, 3:], others[:, 2:] = 0, 1, 0  # hidden, later, later
    torch.testing.assert_close(model(other, others, mask)[:, :3], said[:, :3], rtol=0, atol=1e-5)
    others[:, 1] = (actions[:, 1] + 1) % 3  # the action that leads to frame 2
    changed = (model(index, others, mask) - said).abs().amax(dim=(0, 2, 3))
    assert changed[0] < 1e-6 and changed[1] < 1e-6 and changed[2] > 1e-4


@pytest.mark.parametrize("action", ["added", "prepended"])
def test_frame_by_frame_equals_the_whole_film(action: str) -> None:
    model, (index, actions) = small(action=action), films()
    mask = torch.zeros_like(index, dtype=torch.bool)
    mask[:, -1, ::2] = True
    whole = model(index, actions, mask)[:, -1]
    memory = model.remember(index[:, :3], actions[:, :2])
    memory = model.add(memory, index[:, 3], actions[:, 2])
    torch.testing.assert_close(model.guess(memory, actions[:, 3], index[:, 4], mask[:, 4]), whole, rtol=0, atol=1e-5)


def test_what_is_hidden_has_the_rate_that_was_asked_for() -> None:
    model, chance = small(clean=0.0, least=0.5, tokens=64), torch.Generator().manual_seed(0)
    mask = model.hide((400, 6, 64), chance).float()
    assert mask[:, 0].sum() == 0, "the first frame is always seen"
    rates = mask[:, 1:].mean(dim=2)
    assert abs(float(rates.mean()) - 0.75) < 0.01, "evenly between a half and one"
    assert abs(float(rates.std()) - math.sqrt(1 / 48 + 0.25 * 0.75 / 64)) < 0.02
    alone = small(clean=1.0, tokens=64).hide((400, 6, 64), chance).any(dim=2)
    assert not alone[:, :-1].any() and alone[:, -1].float().mean() > 0.95, "the last frame alone"


def test_the_schedule_hides_less_and_less() -> None:
    shares = [cosine_share(step, 8) for step in range(1, 9)]
    assert shares[-1] == 0.0 and all(a > b for a, b in zip(shares, shares[1:], strict=False))
    fixed = [a - b for a, b in zip([1.0, *shares], shares, strict=False)]
    assert all(a < b for a, b in zip(fixed, fixed[1:], strict=False)), "few at first, many at the end"


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 30])
def test_a_frame_is_made_whole_and_repeats_with_its_seed(steps: int) -> None:
    model, (index, actions) = small(), films()
    memory = model.remember(index[:, :4], actions[:, :3])
    made = [model.make(memory, actions[:, 3], torch.Generator().manual_seed(s), steps=steps) for s in (1, 1, 2)]
    assert made[0].shape == (4, 9) and int(made[0].min()) >= 0 and int(made[0].max()) < 11
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])
    surest = [model.make(memory, actions[:, 3], steps=steps) for _ in range(2)]
    assert torch.equal(*surest), "without a generator nothing is drawn"


def test_one_look_at_a_known_distribution_draws_from_it() -> None:
    model = small()
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.copy_(torch.arange(11.0) / 4)
    index, actions = films(800, 2)
    memory = model.remember(index[:, :1], actions[:, :0])
    made = model.make(memory, actions[:, 0], torch.Generator().manual_seed(0), steps=1)
    share = torch.bincount(made.flatten(), minlength=11) / made.numel()
    wanted = model.out.bias.detach().softmax(dim=0)
    assert (share - wanted).abs().max() < 4 * math.sqrt(0.25 / made.numel())


def test_below_min_p_nothing_is_drawn_and_above_it_the_shares_stay() -> None:
    model = small()
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.copy_(torch.arange(11.0) / 4)
    index, actions = films(800, 2)
    memory, p = model.remember(index[:, :1], actions[:, :0]), model.out.bias.detach().softmax(dim=0)
    made = model.make(memory, actions[:, 0], torch.Generator().manual_seed(0), steps=1, min_p=0.3)
    share = torch.bincount(made.flatten(), minlength=11) / made.numel()
    kept = torch.where(p >= 0.3 * p.max(), p, 0.0)
    assert 1 < int((kept > 0).sum()) < 11 and not share[kept == 0].any()
    assert (share - kept / kept.sum()).abs().max() < 4 * math.sqrt(0.25 / made.numel())
    surest = [model.make(memory, actions[:, 0], g, steps=3, min_p=m)
              for g, m in ((None, 0.0), (torch.Generator().manual_seed(0), 1.0))]  # fmt: skip
    assert torch.equal(*surest), "at 1 only the likeliest is left"


def test_the_falling_schedule_fixes_most_at_once_and_few_together_at_the_end() -> None:
    shares = [1.0, *(falling_share(step, 4) for step in range(1, 5))]
    fixed = [a - b for a, b in zip(shares, shares[1:], strict=False)]
    assert shares[-1] == 0.0 and fixed[0] > 0.8 and all(a > b for a, b in zip(fixed, fixed[1:], strict=False))


def test_the_surest_are_kept_without_noise_and_the_frame_is_whole() -> None:
    """Every place says 0 with 70 % and 1 with 30 %: where enough zeros were drawn, no 1 is fixed in the first step."""
    model, order = small(), []
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(-30.0)
        model.out.bias[:2] = torch.tensor([0.7, 0.3]).log()
    index, actions = films(200, 2)
    memory = model.remember(index[:, :1], actions[:, :0])
    made = model.make(memory, actions[:, 0], torch.Generator().manual_seed(0), steps=4, keep="surest",
                      on_step=lambda new, mask: order.append((new.clone(), mask.clone())))  # fmt: skip
    first, hidden = order[0]
    some = (first == 0).sum(dim=1) >= 8  # films in which enough places drew the likely token to fill the first step
    assert some.any() and not (first[some] == 1)[~hidden[some]].any(), "the likely tokens are fixed first"
    assert not order[-1][1].any() and torch.equal(made, order[-1][0])


def test_it_learns_what_an_action_does() -> None:
    """A world of clocks: every place shows one of five hours, and an action turns all of them on by 0, 1 or 2."""
    model, chance = small(codes=5, width=32).train(), torch.Generator().manual_seed(0)

    def some(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        actions = torch.randint(3, (count, 3), generator=chance)
        begin = torch.randint(5, (count, 1, 9), generator=chance)
        turned = torch.cat([torch.zeros(count, 1, dtype=torch.long), actions.cumsum(dim=1)], dim=1)
        return (begin + turned[:, :, None]) % 5, actions

    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(250):
        optimiser.zero_grad()
        model.loss(*some(32), chance)["loss"].backward()
        optimiser.step()
    model.eval()
    index, actions = some(100)
    memory = model.remember(index[:, :3], actions[:, :2])
    right, wrong = (
        (model.make(memory, (actions[:, 2] + shift) % 3, steps=4) == index[:, 3]).float().mean() for shift in (0, 1)
    )
    assert right > 0.9 and wrong < 0.1, (right, wrong)


def test_bad_requests_are_named() -> None:
    model, (index, actions) = small(), films()
    memory = model.remember(index[:, :2], actions[:, :1])
    with pytest.raises(ValueError, match="at least 1 step"):
        model.make(memory, actions[:, 1], steps=0)
    with pytest.raises(ValueError, match="temperature above 0"):
        model.make(memory, actions[:, 1], temperature=0.0)
    with pytest.raises(ValueError, match="min_p from 0 to 1"):
        model.make(memory, actions[:, 1], min_p=1.5)
    with pytest.raises(ValueError, match="learned for 6 frames"):
        model(index.repeat(1, 2, 1), torch.zeros(4, 9, dtype=torch.long))
