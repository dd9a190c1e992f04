"""Cloning through latent actions: words, labels and players, the rows of the exam, CoinRun's gap, Atari's message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exam.entrant import Entrant
from course_lib.exam.questions import cloning
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.base import fresh
from course_lib.models.cloning import (
    KEYS,
    Player,
    Policy,
    PolicyConfig,
    draw_labels,
    first_code,
    key_shares,
    key_table,
    name_steps,
    to_words,
)
from course_lib.models.lam import LatentActionConfig, LatentActionModel
from course_lib.planning.games import play_together
from course_lib.show import probe
from course_lib.studies.cloning import LABELS, Clones, clone, label_tables, measured_returns
from course_lib.studies.coinrun import action_gap, by_level, halve, pieces
from course_lib.training.checkpoints import provenance
from course_lib.views.cloning import key_chances, what_it_presses, with_bars
from course_lib.worlds import atari, spec
from course_lib.worlds.coinrun import load_coinrun
from course_lib.worlds.expert import film_expert
from course_lib.worlds.oracle import oracle_action, play
from course_lib.worlds.recording import Recording, area_resize


@pytest.fixture(scope="module")
def expert() -> Recording:
    return film_expert(3)


@pytest.fixture(scope="module")
def lam() -> LatentActionModel:
    return fresh(LatentActionModel, LatentActionConfig(width=8, layers=1, decoder_width=8, decoder_layers=1), 0).eval()


def small(answers: int = KEYS, seed: int = 0) -> Policy:
    return fresh(Policy, PolicyConfig(answers=answers, width=8, hidden=16), seed).eval()


# --- films and words --------------------------------------------------------------------------------------------------
def test_the_expert_plays_whole_training_episodes_as_the_scale_knows_it(expert: Recording) -> None:
    films, keys = expert.films(spec.EPISODE_STEPS + 1)
    assert films.shape == (3, 129, 32, 32, 3) and keys.shape == (3, 128)
    assert set(np.unique(keys)) <= set(range(KEYS))
    scores = expert.rewards.reshape(3, 128).sum(axis=1)
    policy = play(lambda frame, info: oracle_action(info["env"].simulation), episodes=3, split="train",
                  first_seed=100_000)  # fmt: skip
    np.testing.assert_array_equal(scores, policy)


def test_words_are_codes_read_together(lam: LatentActionModel, expert: Recording) -> None:
    films = expert.films(129)[0][:2, :12]
    one, two, three = (name_steps(lam, films, length=k) for k in (1, 2, 3))
    assert one.shape == (2, 11) and two.shape == (2, 10) and three.shape == (2, 9)
    np.testing.assert_array_equal(two, one[:, :-1] * 8 + one[:, 1:])
    np.testing.assert_array_equal(three // 64, one[:, :-2])
    np.testing.assert_array_equal(to_words(one, 8, 2), two)


def test_what_the_encoder_says_of_a_step_does_not_depend_on_the_film_around_it(
    lam: LatentActionModel, expert: Recording
) -> None:
    films = expert.films(129)[0][:2, :12]
    np.testing.assert_array_equal(name_steps(lam, films[:1]), name_steps(lam, films)[:1])


# --- labels -----------------------------------------------------------------------------------------------------------
def test_labels_are_drawn_once_each_and_from_all_steps() -> None:
    film, time = draw_labels((3, 5), 15, np.random.default_rng(0))
    assert len({(f, t) for f, t in zip(film.tolist(), time.tolist(), strict=True)}) == 15
    assert film.max() == 2 and time.max() == 4
    with pytest.raises(ValueError):
        draw_labels((3, 5), 16, np.random.default_rng(0))


def test_shares_follow_the_labels_and_fall_back_on_shorter_words() -> None:
    word, key = np.array([0, 0, 0, 9, 9, 63]), np.array([1, 1, 1, 2, 2, 3])
    share = key_shares(word, key, codes=8, length=2)
    assert share.shape == (64, KEYS)
    np.testing.assert_allclose(share.sum(axis=1), 1.0)
    assert share[0].argmax() == 1 and share[9].argmax() == 2 and share[63].argmax() == 3
    assert share[5].argmax() == 1, "never labelled: as its first code"
    np.testing.assert_allclose(share[40], share[30], err_msg="neither word nor first code was ever labelled")
    many = key_shares(np.repeat(word, 1000), np.repeat(key, 1000), codes=8, length=2)
    assert many[0, 1] > 0.999
    np.testing.assert_array_equal(key_table(share).sum(axis=1), 1.0)
    np.testing.assert_array_equal(key_table(np.stack([share, share]))[1], key_table(share))


def test_first_code_adds_up_over_what_follows() -> None:
    words = torch.rand(3, 64).softmax(dim=1)
    np.testing.assert_allclose(first_code(words, 8)[:, 2], words[:, 16:24].sum(dim=1), rtol=1e-5)


# --- cloning and playing ----------------------------------------------------------------------------------------------
def test_a_clone_learns_what_it_is_told_and_ignores_what_nobody_named(expert: Recording) -> None:
    films, keys = expert.films(129)
    config = PolicyConfig(width=16, hidden=32)
    state = torch.random.get_rng_state()
    which = np.repeat(np.arange(3), 128).reshape(3, 128)  # which of three films it is: where the platforms are
    learned = clone(films, which, config, steps=400, batch=32)  # falls to below a fiftieth, whatever the seed
    assert torch.equal(state, torch.random.get_rng_state()), "the global random state stays as it was"
    assert np.mean(learned.losses[-20:]) < 0.5 * np.mean(learned.losses[:20])
    again = clone(films, which, config, steps=400, batch=32)
    assert again.losses == learned.losses, "the same seed, the same clone"
    half = keys.copy()
    half[:, 64:] = -1
    told = clone(films, half, config, steps=20, batch=16)
    other = keys.copy()
    other[:, 64:] = -5
    assert told.losses == clone(films, other, config, steps=20, batch=16).losses
    seen = []
    clone(films, keys, config, steps=3, on_step=lambda step, parts: seen.append((step, sorted(parts))))
    assert seen == [(k, ["loss", "right"]) for k in (1, 2, 3)]


def test_a_player_adds_up_words_that_mean_the_same_key() -> None:
    policy, frames = small(64), torch.rand(2, 2, 3, 32, 32)
    table = np.zeros((64, KEYS))
    table[:, 2] = 1.0
    torch.testing.assert_close(Player(policy, table).keys(frames), torch.eye(KEYS)[[2, 2]])
    each = np.stack([table, np.roll(table, 1, axis=1)])
    torch.testing.assert_close(Player(policy, each).keys(frames), torch.eye(KEYS)[[2, 3]])
    share = np.random.default_rng(0).dirichlet(np.ones(KEYS), 8)
    flat, single = Player(policy, share.repeat(8, axis=0), power=1.0), Player(policy, share, codes=8, power=1.0)
    torch.testing.assert_close(flat.keys(frames), single.keys(frames))
    sharp = Player(policy, share, codes=8, power=2.0).keys(frames)
    torch.testing.assert_close(sharp, flat.keys(frames) ** 2 / (flat.keys(frames) ** 2).sum(dim=1, keepdim=True))


def test_games_are_played_together_as_the_environment_plays_them() -> None:
    """One key held: the same stars as one after the other in the gymnasium environment."""
    policy, table = small(), np.zeros((KEYS, KEYS))
    table[:, 2] = 1.0
    game = play_together(Player(policy, table), episodes=3, split="validation", keep=2)
    assert game.rewards.shape == game.keys.shape == (3, 128) and game.frames.shape == (2, 129, 32, 32, 3)
    assert (game.keys == 2).all()
    np.testing.assert_array_equal(game.returns, play(lambda frame, info: 2, episodes=3, split="validation"))
    one = play_together(Player(policy, np.eye(KEYS)), episodes=2, steps=10)
    np.testing.assert_array_equal(one.keys, play_together(Player(policy, np.eye(KEYS)), episodes=2, steps=10).keys)


def test_the_first_frame_stands_for_what_was_not() -> None:
    policy = small()
    table = np.eye(KEYS)
    game = play_together(Player(policy, table, power=20.0), episodes=1, steps=3, keep=1)
    assert key_chances(Player(policy, table, power=20.0), game.frames[0], 0).argmax() == game.keys[0, 0]
    assert key_chances(Player(policy, table, power=20.0), game.frames[0], 2).argmax() == game.keys[0, 2]


# --- views ------------------------------------------------------------------------------------------------------------
def test_the_bars_can_be_probed_at_their_extremes(expert: Recording) -> None:
    film, player = expert.films(129)[0][0], Player(small(), np.eye(KEYS))
    tried = probe(lambda frame: what_it_presses(player, film, frame), {"frame": [0, 128]})
    assert len(tried) == 2
    picture = what_it_presses(player, film, 5, pressed=3)
    assert picture.shape == (32, 32 + 4 * 10 + 2, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:, :32], film[5])
    full = with_bars(film[0], np.array([0.0, 1.0, 0.0, 0.0]))
    assert (full[0, 32 + 2 + 10] != 255).any() and (full[0, 32 + 2] == 255).all()
    assert key_chances(player, film, 0).sum() == pytest.approx(1.0, abs=1e-5)
    for frame in (-1, 129):
        with pytest.raises(IndexError, match=f"frame {frame}"):
            what_it_presses(player, film, frame)


# --- the exam ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def clones(expert: Recording) -> Clones:
    films, keys = expert.films(129)
    words = np.random.default_rng(0).integers(0, 64, (3, 127))  # as a model says them that uses all of its codes
    return Clones(small(64), small(), films, words, keys.astype(np.int64), 8, 2)


def test_every_game_has_its_own_labels_and_the_same_ones_at_every_length(clones: Clones) -> None:
    tables = label_tables(clones, 50, 3)
    assert tables.shape == (3, 64, KEYS) and (tables[0] != tables[1]).any(), "other labels"
    np.testing.assert_array_equal(tables, label_tables(clones, 50, 3))
    assert label_tables(clones, 50, 3, length=1).shape == (3, 8, KEYS)


def test_the_exam_gives_four_rows_with_their_controls(
    lam: LatentActionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"keys": 1.0, "untrained": -0.1, "labels alone": 0.0} | {
        f"{what} {labels}": value for labels in LABELS for what, value in (("words", 0.9), ("codes", 0.7))
    }
    found = {name: value + np.linspace(-0.1, 0.1, 20) for name, value in scores.items()}
    monkeypatch.setattr("course_lib.exam.questions.cloning.measured_returns", lambda: (found, "weights"))
    entrant = Entrant("genie", {"lam": lam}, ["simple/train"], bars={"clone_return_200": 0.9}, checkpoint="weights")
    rows = list(cloning.ask(entrant, Sitting(count=5)))
    assert [row.question for row in rows] == ["oracle_clone_return", *(f"clone_return_{k}" for k in LABELS)]
    assert rows[3].value == pytest.approx(0.9) and rows[3].bar == 0.9 and rows[3].n == 20
    assert set(rows[3].controls) == {"random", "single_codes", "labels_alone", "untrained"}
    assert all(row.controls for row in rows) and rows[0].split == "goal/test"
    other = Entrant("other", {"lam": lam}, ["simple/train"], checkpoint="others")
    with pytest.raises(ExamError, match="made with the weights weights, and these are others.*study cloning"):
        list(cloning.ask(other, Sitting(count=5)))


def test_the_stored_returns_hold_every_player_and_a_damaged_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, checkpoint = measured_returns()
    assert {"keys", "labels alone", "untrained"} | {f"words {k}" for k in LABELS} <= set(found)
    assert checkpoint == provenance("lam")["sha256"][:12], "measured with another latent action model"
    for name, text in (("broken", "{"), ("few", '{"checkpoint": "x", "returns": {"keys": [1.0]}}')):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr("course_lib.studies.cloning.KEPT", tmp_path / name)
        with pytest.raises(ExamError, match="study cloning"):
            measured_returns()
    monkeypatch.setattr("course_lib.studies.cloning.KEPT", tmp_path / "none")
    with pytest.raises(ExamError, match="there is no"):
        measured_returns()


def test_nobody_is_asked_who_may_have_seen_the_episodes(lam: LatentActionModel) -> None:
    for trained_on in (None, ["goal/test"]):
        with pytest.raises(ExamError, match="trained on|may have seen"):
            list(cloning.ask(Entrant("known", {"lam": lam}, trained_on), Sitting(count=5)))


# --- CoinRun and Atari ------------------------------------------------------------------------------------------------
def test_coinrun_is_halved_by_means_and_cut_within_levels() -> None:
    recording = load_coinrun("test")
    films = pieces(recording, 8)
    assert films.frames.shape[1:] == (8, 32, 32, 3) and films.buttons.shape[1] == 7
    assert len(films.level) == len(films.frames) == len(films.buttons) and films.level.max() < len(recording)
    first = np.flatnonzero(films.level == 3)[0]
    begin = int(recording.lengths[:3].sum())
    np.testing.assert_array_equal(films.frames[first, 0], halve(recording.frames[begin]))
    far = np.abs(halve(recording.frames[:4]).astype(int) - area_resize(recording.frames[:4], 32))
    assert far.max() <= 1
    np.testing.assert_array_equal(by_level(np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0])), [1.0, 0.0, 5.0])


def test_an_untrained_model_has_no_gap_on_coinrun(lam: LatentActionModel) -> None:
    films = pieces(load_coinrun("test"), 8)
    few = type(films)(films.frames[:60], films.buttons[:60], films.level[:60])
    rows = {row["question"]: row for row in action_gap(lam, few)}
    assert set(rows) == {"gap in dB", "NMI, nine buttons", "NMI, left or right", "NMI, jump or down"}
    assert abs(rows["gap in dB"]["value"]) < 0.3
    assert all(row["low"] <= row["value"] <= row["high"] and row["controls"] for row in rows.values())


def test_without_ale_py_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(atari, "import_module", missing)
    with pytest.raises(atari.AtariMissing, match="pip install ale-py"):
        atari.record_atari("Breakout")
    player, chance = atari.Holding(5), np.random.default_rng(0)
    pressed = [player(np.zeros((2, 2, 3), np.uint8), chance) for _ in range(100)]
    assert set(pressed) == set(range(5)) and np.mean(np.diff(pressed) == 0) > 0.5
