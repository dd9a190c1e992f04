"""States that are moved, parts that are exchanged, causes that are taken away: what must hold whatever a model does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.measures.interventions import DIRECTIONS, direction_of, flat_state, followed, futures, put_back
from course_lib.exam.measures.probes import fit_ridge
from course_lib.exam.measures.rollout import as_input, translate
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.action_jepa import LastEmbeddings
from course_lib.studies import latents as study
from course_lib.training import load_checkpoint
from course_lib.training.dit_world import load_dit_world
from course_lib.worlds import spec
from course_lib.worlds.films import load_films
from course_lib.worlds.taken_away import make_pairs
from tests.damaged import check_refused

# ---------------------------------------------------------------------------------------------------- moving a state


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    """States of four numbers, the first two with the variable in them, the last one always the same."""
    rng = np.random.default_rng(0)
    y = rng.normal(3.0, 2.0, 200)
    x = np.stack([y + rng.normal(0, 1.0, 200), 0.5 * y, rng.normal(0, 1.0, 200), np.full(200, 7.0)], axis=1)
    return x, y


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_what_never_changes_is_left_alone(kind: str, sample: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = sample
    probe = fit_ridge(x, y[:, None], 1e-6)
    assert direction_of(kind, probe, x, y, np.random.default_rng(1))[3] == 0.0


def test_the_probes_direction_is_the_shortest_that_moves_its_reading_by_one(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = sample
    probe, rng = fit_ridge(x, y[:, None], 1e-6), np.random.default_rng(2)
    way = direction_of("probe", probe, x, y, rng)
    np.testing.assert_allclose(probe(x + way)[:, 0] - probe(x)[:, 0], 1.0, atol=1e-9)
    used = probe.scale < np.inf
    for _ in range(20):  # any other change with the same reading is longer
        other = rng.normal(size=4) * used
        other = other / (probe(x[:1] + other) - probe(x[:1]))[0, 0]
        assert np.linalg.norm((other / probe.scale)[used]) >= np.linalg.norm((way / probe.scale)[used]) - 1e-9


def test_together_is_the_slope_of_each_number_and_random_is_as_long(sample: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = sample
    probe, rng = fit_ridge(x, y[:, None], 1e-6), np.random.default_rng(3)
    together = direction_of("together", probe, x, y, rng)
    slopes = [np.polyfit(y, column, 1)[0] for column in x.T]
    np.testing.assert_allclose(together, slopes, atol=1e-9)
    drawn = direction_of("random", probe, x, y, rng)
    lengths = [np.linalg.norm((way / probe.scale)[:3]) for way in (together, drawn)]
    assert lengths[0] == pytest.approx(lengths[1])
    with pytest.raises(ValueError, match="no direction 'up'; there are: probe, together, random"):
        direction_of("up", probe, x, y, rng)


def test_a_copy_that_nobody_uses_is_read_and_moves_nothing() -> None:
    """The toy of notebook 25, larger: the probe takes the exact copy, the future is drawn at the other one."""
    rng = np.random.default_rng(4)
    place = rng.uniform(0, 30, 300)
    x = np.stack([place + rng.normal(0, 2.0, 300), place], axis=1)  # used, and exact
    probe = fit_ridge(x, place[:, None], 1e-9)
    future = {kind: direction_of(kind, probe, x, place, rng)[0] for kind in ("probe", "together")}
    assert abs(future["probe"]) < 0.01 and future["together"] == pytest.approx(1.0, abs=0.1)


def test_a_state_comes_back_number_for_number_and_its_whole_numbers_stay() -> None:
    state = LastEmbeddings(torch.randn(3, 2, 4), torch.tensor([[1], [2], [3]]))
    numbers = flat_state(state)
    assert numbers.shape == (3, 8)
    same = put_back(state, numbers)
    assert torch.equal(same.s, state.s) and torch.equal(same.actions, state.actions)
    moved = put_back(state, numbers + 1.0)
    torch.testing.assert_close(moved.s, state.s + 1.0)
    with pytest.raises(ValueError, match=r"has the numbers \(3, 8\), these are \(3, 7\)"):
        put_back(state, numbers[:, 1:])


def test_tokens_cannot_be_moved() -> None:
    genie = load_checkpoint("genie").eval()
    films = load_films("goal", split="test", count=2)
    frames, actions = as_input(films)
    with torch.no_grad():
        state = genie.encode(frames[:, :4], translate(genie, actions[:, :3]))
    with pytest.raises(NotCapable, match="whole numbers"):
        flat_state(state)


def test_followed_is_the_share_of_the_way() -> None:
    own, other = np.zeros((4, 2)), np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.3, 0.3]])
    mixed = np.array([[4.0, 0.0], [2.0, 9.0], [-1.0, 0.0], [0.3, 0.3]])
    found = followed(mixed, own, other)
    np.testing.assert_allclose(found[:3], [1.0, 0.5, -0.25])
    assert np.isnan(found[3]), "two futures in one place decide nothing"


# -------------------------------------------------------------------------------------------------- taking a cause away


def test_the_platform_holds_who_stands_on_it_and_nobody_else() -> None:
    standing = make_pairs(split="test", count=20, standing=True, length=9)
    beside = make_pairs(split="test", count=20, standing=False, length=9)
    assert (standing.effect()[:, -1, 1] < -3.0).all() and (standing.effect()[:, :, 0] == 0.0).all()
    assert (beside.effect() == 0.0).all()
    np.testing.assert_allclose(standing.agent[:, 0, :, 1], standing.agent[:, 0, :1, 1].repeat(9, 1), atol=0.2)
    for pairs in (standing, beside):
        assert (pairs.frames[:, 0, 0] != pairs.frames[:, 1, 0]).any(axis=(1, 2, 3)).all(), "something was taken away"
        assert (pairs.agent[:, 0, 0] == pairs.agent[:, 1, 0]).all(), "and the agent stays where it was"


def test_a_lost_agent_counts_as_no_effect() -> None:
    assert study.caused_share(np.array([-6.0, np.nan]), np.array([-6.0, -6.0])) == 0.5


# ---------------------------------------------------------------------------------------------------------- measuring


def test_the_film_model_takes_the_place_from_its_newest_frame() -> None:
    """In the shipped model: the future of a state with another film's newest frame is the other film's."""
    world, reader = load_dit_world(), load_checkpoint("reader")
    films = load_films("goal", split="validation", count=6)
    read = study.place_reader("dit_world", world, reader, films)
    found = np.array(study.measure_exchanged(world, read, films), dtype=float)
    assert np.nanmedian(found[0]) > 0.9


def test_a_probe_of_noise_holds_nothing() -> None:
    films = load_films("goal", split="validation", count=30), load_films("goal", split="test", count=20)
    drawn = np.random.default_rng(5)
    found = study.measure_probes(
        {"noise": lambda frames, actions: drawn.normal(size=(len(frames), 20)), "place": _place(films)}, *films
    )
    for variable in ("agent_x", "agent_y"):
        assert found["noise"][variable]["value"] < 0.2 and found["place"][variable]["value"] > 0.999
        assert found["place"][variable]["meaningless_task"] < 0.9


def _place(films: tuple) -> Callable[[torch.Tensor, torch.Tensor], np.ndarray]:
    by_count = {len(each): each for each in films}

    def features(frames: torch.Tensor, actions: torch.Tensor) -> np.ndarray:
        at = frames.shape[1] - 1
        return by_count[len(frames)].states[:, at, spec.AGENT_SLOT, :6].astype(float)

    return features


def test_futures_are_those_of_one_action_after_the_other() -> None:
    jepa = load_checkpoint("action_jepa").eval()
    films = load_films("goal", split="validation", count=3)
    frames, actions = as_input(films)
    with torch.no_grad():
        state = jepa.encode(frames[:, :4], actions[:, :3])
        found = futures(jepa, state, 3, lambda one: one.s[:, -1].numpy(), action=1)
        for t in range(3):
            state = jepa.predict(state, torch.ones(3, dtype=torch.long))
            np.testing.assert_allclose(found[t], state.s[:, -1].numpy(), atol=1e-6)


# ------------------------------------------------------------------------------------------------------------- kept


def test_the_rows_are_the_studys_and_belong_to_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    sitting, facts = Sitting(count=5, episodes=5), study.measured_latents()
    assert dict(facts.weights) == study.shipped_weights()
    report = examine([get_entrant(name) for name in ("dit_world", "genie-table", "perfect")], sitting,
                     questions=["latents"], failures="raise")  # fmt: skip
    row = report["dit_world", "cause_share"]
    own, true = facts.causes["dit_world"]["trained"]["standing"][-1], facts.caused["standing"][-1]
    assert row.value == study.caused_share(own, true) and row.n == study.PAIRS
    assert row.low > max(row.controls.values()), "it falls, and only where the platform held it"
    moved = report["dit_world", "moved_share_agent_x"]
    assert set(moved.controls) == {"probe", "random", "untrained"}
    assert "moved_share_agent_x" not in {one.question for one in report.rows if one.model == "genie-table"}
    assert any(one.model == "perfect" and one.value is None for one in report.rows)


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.exam.questions.latents.check_weights", _refuse)
    report = examine([get_entrant("genie-table")], Sitting(count=5, episodes=5), questions=["latents"])
    assert report.failed or all(row.value is None for row in report.rows)


def _refuse(kept: str, present: str | None, name: str) -> None:
    from course_lib.lookup import ExamError

    assert name == "latents" and kept == present
    raise ExamError("other weights")


@pytest.mark.parametrize("harm", [
    lambda facts: facts.pop("moved"),
    lambda facts: facts["causes"]["vmc"]["trained"]["standing"].pop(),
    lambda facts: facts["exchanged"]["dit_world"][0].pop(),
    lambda facts: facts["probes"]["vmc"]["trained"].popitem()[1].clear() or facts["probes"]["vmc"].pop("untrained"),
    lambda facts: facts["weights"].pop("genie-table"),
    lambda facts: facts["caused"].__setitem__("beside", "nothing"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_latents, harm, "course_lib study latents", tmp_path, monkeypatch)
