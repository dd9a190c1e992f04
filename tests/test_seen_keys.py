"""How much of a key can be seen: the encoders that are taught keys, and the facts that are kept of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.lookup import ExamError
from course_lib.models.base import fresh
from course_lib.models.lam import LatentActionConfig
from course_lib.studies import seen_keys
from course_lib.studies.seen_keys import KeyReader, measured_ceilings, named, share_right, teach
from course_lib.worlds.films import load_films

SMALL = LatentActionConfig(width=16, layers=1, latent=8)


def test_taught_the_keys_an_encoder_names_them_on_films_it_has_not_seen() -> None:
    train, test = load_films("agent", split="train", count=60), load_films("agent", split="validation", count=20)
    reader = fresh(KeyReader, SMALL, 0)
    everything = np.ones(test.actions[:, 1:].shape, bool)
    keys = test.actions[:, 1:].astype(np.int64)
    before = share_right(named(reader, test.frames)[:, 1:], keys, everything)["value"]
    teach(reader, [train], steps=250)
    after = share_right(named(reader, test.frames)[:, 1:], keys, everything)
    most_frequent = max(np.bincount(keys.ravel()) / keys.size)
    assert after["low"] > max(before, most_frequent) + 0.1


def test_only_an_encoder_with_a_later_frame_sees_what_a_step_led_to() -> None:
    x = torch.rand(1, 5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[:, 3] = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for later in (False, True):
        reader = fresh(lambda c, later=later: KeyReader(c, later=later), SMALL, 0).eval()
        with torch.no_grad():
            changed = (reader(x) - reader(other)).abs().amax(dim=(0, 2)) > 1e-6  # of the steps 0 to 3
        assert changed.tolist() == [False, later, True, True]


def test_a_share_counts_only_what_is_asked() -> None:
    keys = np.array([[1, 2, 3]] * 6)
    asked = np.array([[True, True, False]] * 6)
    assert share_right(np.array([[1, 0, 0]] * 6), keys, asked)["value"] == 0.5


def test_the_kept_ceilings_are_above_the_shipped_codes_and_damage_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured_ceilings()
    for name in ("goal", "simple"):
        assert found.value("convolutions", name, "visible") > 0.85 > found.value("space_time", name, "visible")
    assert found.value("convolutions", "rich", "visible") is None
    monkeypatch.setattr(seen_keys, "KEPT", tmp_path / "seen_keys.json")
    for content in ("{", json.dumps({"encoders": {"convolutions": {}}})):
        seen_keys.KEPT.write_text(content)
        with pytest.raises(ExamError, match=r"seen_keys.json.*study seen_keys"):
            measured_ceilings()
