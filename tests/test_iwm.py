"""The image world model: what an action does to a picture, what the predictor may know, and what a rank counts."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures import ranks
from course_lib.exam.questions import transforms as question
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.base import fresh
from course_lib.models.iwm import IWM, IWMConfig
from course_lib.nets import transforms
from course_lib.show.figure import png_of_figure
from course_lib.studies import iwm as study
from course_lib.training import load_config, train
from course_lib.views import iwm as view
from course_lib.worlds.films import load_films

SMALL: dict[str, Any] = {"frame_size": 32, "patch": 8, "width": 16, "depth": 1, "heads": 2, "predictor_width": 16,
                         "predictor_depth": 1, "predictor_heads": 2}  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**changes: object) -> IWM:
    return fresh(IWM, IWMConfig(**(SMALL | changes)), 0).eval()


def frames(batch: int = 4) -> Tensor:
    return torch.rand(batch, 3, 32, 32, generator=seeded(1))


def action(batch: int = 1, **values: float) -> Tensor:
    row = torch.tensor([values.get(name, 0.0) for name in transforms.NAMES])
    return row.expand(batch, -1).clone()


# --- actions ---------------------------------------------------------------------------------------------------------
def test_the_action_of_zeros_changes_nothing() -> None:
    torch.testing.assert_close(transforms.transform(frames(), action(4)), frames(), atol=1e-6, rtol=0)


def test_each_change_of_colour_keeps_what_it_should() -> None:
    x = 0.3 + 0.3 * frames()
    luma = torch.tensor(transforms.LUMA)[:, None, None]

    def grey(given: Tensor) -> Tensor:
        return (given * luma).sum(dim=1)

    brighter = transforms.change_colours(x, action(4, brightness=0.5))
    torch.testing.assert_close(brighter, 1.2 * x)
    steeper = transforms.change_colours(x, action(4, contrast=0.5))
    torch.testing.assert_close(grey(steeper).mean(dim=(1, 2)), grey(x).mean(dim=(1, 2)))
    assert bool((steeper.std(dim=(2, 3)) > x.std(dim=(2, 3))).all())
    pale = transforms.change_colours(x, action(4, saturation=-1.0))
    torch.testing.assert_close(grey(pale), grey(x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(pale - grey(pale)[:, None], 0.2 * (x - grey(x)[:, None]), atol=1e-5, rtol=1e-4)
    turned = transforms.change_colours(x, action(4, hue=1.0))
    torch.testing.assert_close(grey(turned), grey(x), atol=1e-4, rtol=1e-3)
    assert float((turned - x).abs().mean()) > 0.01
    greys = x.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(transforms.change_colours(greys, action(4, hue=0.7, saturation=0.9)), greys,
                               atol=1e-5, rtol=1e-4)  # fmt: skip


def test_a_hue_that_is_turned_back_is_as_it_was() -> None:
    there, back = (transforms.turn_of(torch.tensor([turns])) for turns in (0.13, -0.13))
    torch.testing.assert_close(there @ back, torch.eye(3)[None], atol=1e-5, rtol=0)


def test_a_shift_moves_by_whole_pixels_and_repeats_the_edge() -> None:
    x = frames(1)
    moved = transforms.move(x, action(1, right=3 / transforms.REACH, down=-2 / transforms.REACH))
    assert torch.equal(moved[..., :30, 3:], x[..., 2:, :29])
    assert torch.equal(moved[..., :30, 0], x[..., 2:, 0]) and torch.equal(moved[..., 31, 3:], x[..., 31, :29])


def test_actions_are_even_and_the_shares_are_as_asked() -> None:
    drawn = transforms.draw_actions(20_000, seeded(), still=0.5, plain=0.2)
    still = (drawn[:, transforms.SHIFTS] == 0).all(dim=1)
    plain = (drawn[:, transforms.COLOURS] == 0).all(dim=1)
    assert abs(float(still.float().mean()) - 0.5) < 0.02 and abs(float(plain.float().mean()) - 0.2) < 0.02
    pixels = (transforms.REACH * drawn[~still, 4]).round()
    counts = torch.bincount((pixels + transforms.REACH).long(), minlength=17)
    assert int(counts.min()) > 0.8 * len(pixels) / 17 and float(drawn.abs().max()) <= 1.0
    with pytest.raises(ValueError, match="actions"):
        transforms.transform(frames(), action(3))


# --- the model -------------------------------------------------------------------------------------------------------
def test_nothing_of_an_unseen_patch_reaches_a_guess() -> None:
    model, x = small(), frames(2)
    seen = torch.arange(15).expand(2, -1)
    other = x.clone()
    other[:, :, 24:, 24:] = 0.0
    with torch.no_grad():
        assert torch.equal(model.predict(x, action(2), seen), model.predict(other, action(2), seen))
        assert not torch.equal(model.predict(x, action(2)), model.predict(other, action(2)))


@pytest.mark.parametrize("conditioned", [True, False])
def test_only_a_conditioned_predictor_knows_the_action(conditioned: bool) -> None:
    model = small(conditioned=conditioned)
    with torch.no_grad():
        guesses = model.predict(frames(1), torch.cat([action(hue=0.5), action(right=0.5), action()]))
    assert guesses.shape == (3, 16, 16)
    same = torch.allclose(guesses[0], guesses[1]) and torch.allclose(guesses[0], guesses[2])
    assert same is not conditioned


def test_targets_are_normalised_carry_no_gradient_and_come_from_the_slow_copy() -> None:
    model = small()
    targets = model.targets(frames())
    assert not targets.requires_grad and float(targets.mean(dim=2).abs().max()) < 1e-5
    before = copy.deepcopy(model.target_encoder.state_dict())
    model.loss({"frames": frames()}, 0, seeded())["loss"].backward()
    assert all(p.grad is None for p in model.target_encoder.parameters())
    assert all(p.grad is not None for p in model.encoder.parameters())
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in model.target_encoder.state_dict().items())
    model.after_step(0, 10)
    assert any(not torch.equal(value, before[name]) for name, value in model.target_encoder.state_dict().items())


def test_patches_are_dropped_as_often_as_asked() -> None:
    model = small(dropped=0.5)
    lengths = [model.draw_seen(3, seeded(k)).shape[1] for k in range(200)]
    assert min(lengths) == 8 and max(lengths) == 16 and 11 < np.mean(lengths) < 13
    seen = model.draw_seen(50, seeded(3))
    assert all(len(set(row)) == len(row) for row in seen.tolist()) and bool((seen.diff(dim=1) > 0).all())


def test_the_size_tiny_learns_in_seconds() -> None:
    run = train("iwm", load_config("iwm", "tiny", {"train.steps": 60}), progress="none",
                data=load_films("rich", split="train", count=40))  # fmt: skip
    losses = run.column("loss")
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


@pytest.mark.parametrize("changes", [{"still": 0.8, "plain": 0.3}, {"predictor_width": 18}])
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        IWMConfig(**(SMALL | changes))


# --- ranks -----------------------------------------------------------------------------------------------------------
def test_a_bank_has_no_entry_twice_and_changes_only_what_it_is_named_for() -> None:
    for kind in ranks.KINDS:
        bank = ranks.bank_actions(kind, seeded())
        assert len({tuple(row) for row in bank.tolist()}) == ranks.BANK
        assert bool((bank[:, transforms.COLOURS] == 0).all()) is (kind == "shift")
        assert bool((bank[:, transforms.SHIFTS] == 0).all()) is (kind == "colour")
    with pytest.raises(ValueError, match="289 shifts"):
        ranks.bank_actions("shift", seeded(), 300)
    with pytest.raises(ValueError, match="a bank is one of"):
        ranks.bank_actions("both", seeded())


def test_who_knows_has_one_who_says_the_same_draws_lots_and_who_collapsed_has_less() -> None:
    def pixels(x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)

    def knows(frame: Tensor, given: Tensor) -> Tensor:
        return pixels(transforms.transform(frame.expand(len(given), -1, -1, -1), given))

    def same(frame: Tensor, given: Tensor) -> Tensor:
        return pixels(frame).expand(len(given), -1, -1)

    few = frames(5)
    assert (ranks.ranks_by_picture(few, "all", knows, pixels, bank=64, asked=8) == 1.0).all()
    blind = ranks.ranks_by_picture(few, "colour", same, pixels, bank=64, asked=64)
    assert np.allclose(blind, ranks.expected_by_chance(64), atol=1e-6), "each entry has another of the 64 ranks"
    collapsed = ranks.ranks_by_picture(few, "all", same, lambda x: 0 * pixels(x) + 1.0, bank=64, asked=8)
    shuffled = ranks.ranks_by_picture(few, "all", knows, pixels, bank=64, asked=8, wrong=True)
    assert shuffled.max() < 0.6 and collapsed.max() < 0.6


def test_the_nearest_entry_of_a_bank_is_the_one_that_was_asked_for_by_who_knows() -> None:
    model, frame = small(), frames(1)[0]
    bank = view.changes_bank(model, frame, count=12)
    model.predict = lambda x, given: model.targets(transforms.transform(x.expand(len(given), -1, -1, -1), given))
    assert view.nearest_in_bank(model, bank, bank.actions[7])[0][0] == 7


# --- what is kept ----------------------------------------------------------------------------------------------------
def test_kept_facts_answer_for_their_weights_alone() -> None:
    kept = study.measured_transforms()
    model = small()
    sitting = Sitting(count=8, split="test")
    entrant = Entrant("iwm", {"image_world_model": model}, ["rich/train"], checkpoint=kept["weights"], films="rich")
    rows = {row.question: row for row in question.ask(entrant, sitting)}
    assert {"mrr_all", "mrr_shift", "mrr_colour", "linear_above_untrained"} <= set(rows)
    assert {"untrained", "shuffled", "unchanged", "chance"} <= set(rows["mrr_all"].controls)
    assert all(row.controls for row in rows.values())
    with pytest.raises(ExamError, match="other|weights"):
        list(question.ask(Entrant("iwm", {"image_world_model": model}, ["rich/train"], checkpoint="0" * 12), sitting))
    with pytest.raises(NotCapable):
        list(question.ask(Entrant("x", {"encoder": model.encode}, ["rich/train"]), sitting))


def test_what_the_text_says_of_the_kept_numbers() -> None:
    kept = study.measured_transforms()
    trained, controls = kept["ranks"]["trained"], kept["ranks"]
    for name in study.CONTROLS:
        assert controls[name]["all"]["high"] < trained["all"]["low"]


# --- pictures --------------------------------------------------------------------------------------------------------
def test_figures_are_drawn_at_the_ends_of_the_sliders() -> None:
    model, frame = small(), frames(1)[0]
    bank = view.changes_bank(model, frame, count=12)
    for value in (-1.0, 0.0, 1.0):
        png_of_figure(view.nearest_figure(model, bank, torch.full((6,), value), count=3))
    png_of_figure(view.questions_figure(model, bank, [0, 3], count=2))
    png_of_figure(view.actions_figure(frame))
    kept = study.measured_transforms()
    png_of_figure(view.ranks_figure(kept["ranks"], 0.024, {"all": 0.8}))
    png_of_figure(view.probes_by_depth_figure({"iwm": kept["probes"]}, ["agent_x", "screen"]))
    assert view.action_in_words(torch.zeros(6)) == "nothing changed"
    assert view.action_in_words(torch.tensor([0.5, 0, 0, 0, -0.25, 1.0])) == "brightness +0.5, 2 px left, 8 px down"
