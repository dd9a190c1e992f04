"""What notebook 18 stands on: hidden is hidden, the nearest patch is drawn, rows have their controls."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.pictures import VARIABLES
from course_lib.exam.questions import pictures as question
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.nets.masks import Masks, MultiBlock, mask_statistics
from course_lib.nets.patches import patchify
from course_lib.show.figure import png_of_figure
from course_lib.studies.i_jepa import curve_of, last_step
from course_lib.views import i_jepa as view
from course_lib.worlds.frames import to_model

FRAMES = np.random.default_rng(0).integers(0, 200, (3, 32, 32, 3), dtype=np.uint8)


def masks() -> Masks:
    return MultiBlock((8, 8)).draw(3, torch.Generator().manual_seed(0))


def test_only_the_named_patches_are_shown() -> None:
    shown = view.only(FRAMES, torch.tensor([[0], [9], [63]]), 4)
    assert (shown[0, :4, :4] == FRAMES[0, :4, :4]).all() and (shown[1, 4:8, 4:8] == FRAMES[1, 4:8, 4:8]).all()
    assert (shown == view.HIDDEN).all(axis=3).sum() == 3 * (1024 - 16)


def test_a_patch_is_drawn_by_the_nearest_token_of_its_own_place() -> None:
    bank = view.Bank(torch.randn(5, 64, 8, generator=torch.Generator().manual_seed(1)),
                     patchify(to_model(np.concatenate([FRAMES, FRAMES[:2]])), 4))  # fmt: skip
    places = torch.tensor([[[3, 4]], [[60, 3]]])  # (B, M, L)
    wanted = torch.tensor([[[2, 0]], [[4, 1]]])
    drawn = view.nearest_patches(bank, bank.tokens[wanted, places] + 0.01, places)
    assert torch.equal(drawn, bank.patches[wanted, places])


def test_painting_the_true_patches_changes_nothing_and_others_only_their_place() -> None:
    given, found = masks(), patchify(to_model(FRAMES), 4)
    rows = torch.arange(3)[:, None, None]
    assert (view.with_patches(FRAMES, given.targets, found[rows, given.targets], 4) == FRAMES).all()
    black = view.with_patches(FRAMES, given.targets, torch.zeros(*given.targets.shape, 48), 4)
    outside = view.only(FRAMES, given.context, 4)
    seen = (outside != view.HIDDEN).any(axis=3)
    assert (black[seen] == FRAMES[seen]).all() and (black == 0).all(axis=3).any()


def answers(value: float) -> dict[str, Any]:
    one = {name: {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 600} for name in VARIABLES}
    size = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 200}
    return {"attentive": one, "linear": one, "deviation": size, "rank": size, "channels": 64}


KEPT = {
    "weights": "a" * 12, "others": {"mae": "b" * 12, "vae": "c" * 12}, "majority": {n: 0.5 for n in VARIABLES},
    "minutes_of_training": 30.0, "curve": [[50, 0.1, 0.2], [100, 0.2, 0.3]],
    "encoders": {n: answers(0.3) for n in ("patch", "neighbourhood", "pca", "untrained", "untrained_wide", "mae")},
    "steps": {"1200": answers(0.4), "12000": answers(0.7)},
}  # fmt: skip


def test_every_figure_can_be_drawn() -> None:
    given = masks()
    figures = [
        view.masks_figure(FRAMES, given, 4),
        view.statistics_figure({"8": mask_statistics(MultiBlock((8, 8)), 50, torch.Generator().manual_seed(0))}),
        view.drawings_figure(FRAMES, given, {"again": FRAMES}, 4),
        view.curve_figure(KEPT["curve"]),
        view.probes_figure({"one": answers(0.4)["attentive"], "two": answers(0.5)["linear"]}, VARIABLES),
        view.steps_figure({s: a["attentive"] for s, a in KEPT["steps"].items()},
                          {"untrained": answers(0.2)["attentive"]}, list(VARIABLES)[:4]),
    ]  # fmt: skip
    for figure in figures:
        assert png_of_figure(figure).startswith(b"\x89PNG")


def entrant(name: str = "i_jepa", checkpoint: str = "a" * 12) -> Entrant:
    bars = {"attentive_above_untrained": 6.0}
    return Entrant(name, {"encoder": None}, [], checkpoint=checkpoint, bars=bars)


def test_the_question_reads_rows_with_controls_and_counts_what_is_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "measured_pictures", lambda: copy.deepcopy(KEPT))
    rows = list(question.ask(entrant(), Sitting(count=5)))
    assert len(rows) == 2 * (len(VARIABLES) + 1) + 2
    named = {row.question: row for row in rows}
    assert named["attentive_r2_agent_x"].value == 0.7 and named["attentive_r2_agent_x"].controls["untrained"] == 0.3
    assert named["linear_accuracy_lamp"].controls["commonest_class"] == 0.5
    count = named["attentive_above_untrained"]
    assert count.value == len(VARIABLES) and count.passed and count.controls["mae"] == 0.0
    assert last_step(KEPT) is KEPT["steps"]["12000"]


def test_other_weights_and_other_encoders_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "measured_pictures", lambda: copy.deepcopy(KEPT))
    with pytest.raises(ExamError, match="made with the weights"):
        list(question.ask(entrant(checkpoint="0" * 12), Sitting(count=5)))
    with pytest.raises(NotCapable, match="probed i_jepa, mae"):
        list(question.ask(entrant(name="other"), Sitting(count=5)))
    assert next(iter(question.ask(entrant("mae", "b" * 12), Sitting(count=5)))).value == 0.3


def test_a_curve_averages_and_drops_what_is_left() -> None:
    rows = [{"loss": float(n), "deviation": 2.0 * n} for n in range(7)]
    assert curve_of(SimpleNamespace(rows=rows), 3) == [[3, 1.0, 2.0], [6, 4.0, 8.0]]
