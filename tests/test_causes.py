"""A ball that is taken out or made heavier: what the simulator does, and what must hold whoever is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, NotCapable, State
from course_lib.exam.measures.causes import (
    counterfactual_effect,
    effect_share,
    effect_share_interval,
    effect_size,
    share_of_other_pairs,
)
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.seen_engine import SeenEngine
from course_lib.studies import causes as study
from course_lib.training import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.two_balls import (
    CHANGES,
    SEEN,
    WATCHED,
    BallPairs,
    changed_scene,
    make_ball_films,
    make_ball_pairs,
    run_scene,
    two_balls,
)
from tests.damaged import check_refused


@pytest.fixture(scope="module")
def pairs() -> dict[str, BallPairs]:
    return {change: make_ball_pairs(change, split="validation", count=12) for change in CHANGES}


# --------------------------------------------------------------------------------------------------- the simulator


def test_a_ball_that_touches_nothing_can_be_taken_out_and_nothing_else_changes(pairs: dict[str, BallPairs]) -> None:
    apart = pairs["apart"]
    assert (apart.effect() == 0.0).all() and (apart.touch == -1).all()
    assert (apart.frames[:, 0, 0] != apart.frames[:, 1, 0]).any(axis=(1, 2, 3)).all(), "something was taken out"


def test_balls_that_meet_are_on_their_own_until_then(pairs: dict[str, BallPairs]) -> None:
    for change in ("taken out", "heavier"):
        these = pairs[change]
        assert (these.touch >= SEEN).all() and (these.begun() == 0.0).all()
        for place, touch in zip(these.place, these.touch, strict=True):
            np.testing.assert_array_equal(place[0, :touch], place[1, :touch])
        assert np.median(np.linalg.norm(these.effect()[-1], axis=1)) > 1.0, "and not afterwards"


def test_a_mass_is_seen_in_no_frame_before_the_balls_touch(pairs: dict[str, BallPairs]) -> None:
    assert pairs["heavier"].shown_alike()
    assert not any(pairs[change].shown_alike() for change in ("taken out", "apart", "shown"))
    assert (pairs["shown"].touch < SEEN).all() and (np.linalg.norm(pairs["shown"].begun(), axis=1) > 0.0).any()


def test_a_heavier_ball_pushes_harder() -> None:
    """Of two balls that meet head on, without gravity's help: the light one is thrown back the farther."""
    generator, speeds = np.random.default_rng(3), []
    scene = two_balls(generator)
    blue, orange = scene.bodies
    level = {"y": 16.0, "vy": 0.0, "spin": 0.0}
    scene = replace(scene, bodies=(replace(blue, x=10.0, vx=0.0, **level), replace(orange, x=20.0, vx=-20.0, **level)))
    for one in changed_scene(scene, "heavier"):
        states, _ = run_scene(one, 6)
        speeds.append(states[-1, WATCHED, spec.FIELD["vx"]])
    assert speeds[1] < 1.5 * speeds[0] < 0.0


def test_there_are_four_changes() -> None:
    with pytest.raises(ValueError, match="no change 'painted'; there are: taken out, apart, heavier, shown"):
        changed_scene(two_balls(np.random.default_rng(0)), "painted")


def test_films_to_learn_from_show_the_touch_and_are_no_test_films() -> None:
    films = make_ball_films(split="train", count=40)
    balls = (films.contacts[:, 2:4] == (WATCHED, WATCHED + 1)).all(axis=1)
    touched = set(films.contacts[balls, 0].astype(int))
    both = set(np.flatnonzero(films.of("kind")[:, 0, WATCHED + 1] > 0))
    assert both == touched and 20 <= len(both) < 40
    assert films.for_training() is films
    with pytest.raises(ValueError, match="held out"):
        make_ball_films(split="test", count=1).for_training()


# ----------------------------------------------------------------------------------------------------- the measure


@dataclass
class At(State):
    """A film that was recognised, and how many frames of it are over, integers (B,)."""

    film: Tensor
    time: Tensor


class Replayed:
    """The simulator as a model: it recognises a film by the frames that it is shown, and replays what happened."""

    capabilities = Capabilities(Actions("none"), decodes=False, context=None, frame_size=(32, 32))

    def __init__(self, pairs: BallPairs) -> None:
        self.place = pairs.place.reshape(-1, *pairs.place.shape[2:])
        shown = pairs.shown().reshape(-1, *pairs.shown().shape[2:])
        self.known = {film.tobytes(): row for row, film in reversed([*enumerate(shown)])}

    def encode(self, observations: Tensor, actions: Tensor | None = None, *, generator: object = None) -> At:
        films = (observations * 255.0).round().to(torch.uint8).permute(0, 1, 3, 4, 2).numpy()
        rows = torch.tensor([self.known[film.tobytes()] for film in films])
        return At(rows, torch.full_like(rows, SEEN - 1))

    def predict(self, state: At, action: Tensor | None = None, *, generator: object = None) -> At:
        return At(state.film, state.time + 1)

    def read(self, state: At) -> np.ndarray:
        return self.place[state.film.numpy(), state.time.numpy()]


@pytest.mark.parametrize("change", ["taken out", "shown"])
def test_the_simulator_as_a_model_has_the_whole_effect(change: str, pairs: dict[str, BallPairs]) -> None:
    model, these = Replayed(pairs[change]), pairs[change]
    found = counterfactual_effect(model, these.shown(), model.read, 8, these.begun())
    np.testing.assert_allclose(found, these.effect(), atol=1e-12)
    assert effect_share(found[-1], these.effect()[-1]) == pytest.approx(1.0)
    assert effect_share_interval(found[-1], these.effect()[-1], np.random.default_rng(0)) == pytest.approx((1.0, 1.0))
    assert abs(share_of_other_pairs(found[-1], these.effect()[-1])) < 0.5


def test_nobody_who_sees_frames_alone_knows_the_heavier_ball(pairs: dict[str, BallPairs]) -> None:
    """Even the simulator, where it has to recognise the film: the two look the same."""
    model, these = Replayed(pairs["heavier"]), pairs["heavier"]
    found = counterfactual_effect(model, these.shown(), model.read, 8, these.begun())
    assert (found == 0.0).all() and effect_share(found[-1], these.effect()[-1]) == 0.0
    assert effect_share_interval(found[-1], these.effect()[-1], np.random.default_rng(0)) == (0.0, 0.0)


def test_two_equal_films_have_no_effect_in_any_dream(pairs: dict[str, BallPairs]) -> None:
    these = pairs["taken out"]
    model, same = Replayed(these), these.shown()[:, [0, 0]]
    assert (counterfactual_effect(model, same, model.read, 8) == 0.0).all()
    with pytest.raises(ValueError, match="pairs of films"):
        counterfactual_effect(model, same[:, 0], model.read, 8)


def test_a_share_is_a_slope() -> None:
    true = np.array([[2.0, 0.0], [0.0, 4.0], [-1.0, 1.0]])
    assert effect_share(0.5 * true, true) == pytest.approx(0.5) and effect_share(-true, true) == -1.0
    across = true[:, ::-1] * [1, -1]  # as far, at right angles
    assert effect_share(across, true) == 0.0 and effect_size(across) == effect_size(true)
    lost = true.copy()
    lost[1] = np.nan
    assert effect_share(lost, true) == pytest.approx(6.0 / 22.0), "what is not found has not moved"
    rolled = [effect_share(np.roll(true, turn, axis=0), true) for turn in (1, 2)]
    assert share_of_other_pairs(true, true) == pytest.approx(np.mean(rolled))
    with pytest.raises(ValueError, match="nothing changes in the simulator"):
        effect_share(true, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="as many pairs"):
        effect_share(true[:2], true)


# ------------------------------------------------------------------------------------------------- the yardstick


def test_an_engine_that_sees_the_shown_frames_foresees_the_effect_but_of_no_mass(pairs: dict[str, BallPairs]) -> None:
    engine = SeenEngine(load_checkpoint("reader"))
    shares = {}
    for change in ("taken out", "heavier"):
        these = pairs[change]
        found = counterfactual_effect(engine, these.shown(), lambda state: state.now(0), 8, these.begun())
        shares[change] = effect_share(found[-1], these.effect()[-1])
    assert shares["taken out"] > 0.6 and shares["heavier"] == 0.0
    with pytest.raises(ValueError, match="one frame shows no speed"):
        engine.encode(torch.zeros(1, 1, 3, 32, 32))
    with pytest.raises(NotCapable, match="draws nothing"):
        engine.decode(engine.encode(torch.zeros(1, 2, 3, 32, 32)))


# ------------------------------------------------------------------------------------------------------------- kept


def test_what_is_kept_belongs_to_the_shipped_weights_and_the_truth_to_the_pairs() -> None:
    facts = study.measured_causes()
    assert {name: facts.weights[name] for name in study.ASKED} == study.causes_weights()
    assert facts.same_frames == {change: change == "heavier" for change in CHANGES}
    again = make_ball_pairs("taken out", split="test", count=3, length=SEEN + study.STEPS)
    np.testing.assert_allclose(facts.true["taken out"][:3], again.effect()[-1], atol=1e-3)
    for name, by in facts.by.items():
        for who, changes in by.items():
            if "heavier" in changes:
                found = changes["heavier"]
                assert (found.share, found.low, found.high) == (0.0, 0.0, 0.0), f"{name}, {who}: nobody can know"


def test_the_rows_are_the_studys() -> None:
    facts = study.measured_causes()
    report = examine([get_entrant(name) for name in ("film_jepa", "genie-table", "perfect")], Sitting(count=5),
                     questions=["causes"], failures="raise")  # fmt: skip
    row, found = report["film_jepa", "cause_share_taken_out"], facts.by["film_jepa"]["trained"]["taken out"]
    assert (row.value, row.low, row.high, row.n) == (found.share, found.low, found.high, study.PAIRS)
    assert set(row.controls) == {"untrained", "other_pairs"}
    asked = {one.question for one in report.rows if one.model == "genie-table"}
    assert asked == {"cause_share_taken_out"}, "it cannot draw a ball"
    assert any(one.model == "perfect" and one.value is None for one in report.rows)


@pytest.mark.parametrize("harm", [
    lambda facts: facts.pop("true"),
    lambda facts: facts["true"]["taken out"].pop(),
    lambda facts: facts["found"]["film_jepa"]["trained"].pop("taken out"),
    lambda facts: facts["found"]["vmc"]["untrained"]["taken out"]["last"].pop(),
    lambda facts: facts["weights"].pop("dit-film"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_causes, harm, "course_lib study causes", tmp_path, monkeypatch)
