"""Whoever learns from films with screens: that it learns, and what it refuses to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.training import get_recipe, load_config, train
from course_lib.worlds.family import make_family


def check_learns_from_possible_films(name: str) -> None:
    """Forty steps of a recipe's size tiny lower its loss; held-out films are refused, and so are bare frames."""
    films, recipe = make_family(split="train", count=16), get_recipe(name)
    config = load_config(name, "tiny", {"train.steps": 40})
    history = train(recipe, config, data=films, progress="none")
    begin, end = (np.mean([row["loss"] for row in rows]) for rows in (history.rows[:5], history.rows[-5:]))
    assert end < 0.9 * begin
    for split in ("validation", "test"):
        with pytest.raises(ValueError, match="held out"):
            recipe.load(config, make_family(split=split, count=2))
    with pytest.raises(TypeError, match="from films"):
        recipe.load(config, films.frames)
