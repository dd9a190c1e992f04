"""The shipped CoinRun films are whole, apart, and what their card says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from course_lib.worlds import coinrun
from course_lib.worlds.coinrun import BUTTONS, load_coinrun
from course_lib.worlds.recording import RecordingError


def test_the_shipped_films_are_what_the_card_says() -> None:
    card = (coinrun.FOLDER / "README.md").read_text(encoding="utf-8")
    size = 0
    for split in coinrun.SPLITS:
        films = load_coinrun(split)
        assert f"{films.frames.shape[0]:,}" in card and re.search(rf"{split}\s+{films.fingerprint()}", card)
        assert films.frames.shape[1:] == (64, 64, 3) and set(films.actions.tolist()) == set(range(len(BUTTONS)))
        size += (coinrun.FOLDER / f"{split}.npz").stat().st_size
    assert size <= 12e6


def test_the_levels_of_the_splits_are_apart() -> None:
    train, test = load_coinrun("train"), load_coinrun("test")
    first = {film[0].tobytes() for film, _, _ in train}
    # The seeds differ, and so do the pictures, but for the few first frames that look alike in every level of a theme.
    again = np.mean([film[0].tobytes() in first for film, _, _ in test])
    assert train.info["seed"] + len(train) <= test.info["seed"] and again < 0.2


def test_running_right_scrolls_the_picture_to_the_left() -> None:
    """The actions belong to the frames: after "right" the picture moves one way, after "left" the other."""
    moved: dict[str, list[int]] = {"left": [], "right": []}
    for film, actions, _ in load_coinrun("test"):
        for t, action in enumerate(actions[1:], start=1):
            name = BUTTONS[action]
            if name in moved and BUTTONS[actions[t - 1]] == name:
                before, after = film[t].astype(int), film[t + 1].astype(int)
                errors = {s: np.abs(before[:, 6 + s : 58 + s] - after[:, 6:58]).mean() for s in range(-6, 7)}
                moved[name].append(min(errors, key=errors.get))
    assert np.mean(moved["right"]) > 1 > -1 > np.mean(moved["left"])


def test_another_split_or_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no split 'validation'"):
        load_coinrun("validation")
    monkeypatch.setattr(coinrun, "FOLDER", tmp_path)
    with pytest.raises(RecordingError, match="requirements.txt"):
        load_coinrun("train")
