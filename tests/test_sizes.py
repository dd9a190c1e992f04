"""The paper's tables counted: a reading counts what it says, and the course's own sizes are among the readings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_lib.exercises.nb16 import my_block_weights
from course_lib.nets.space_time import SpaceTimeTransformer
from course_lib.studies.genie_sizes import (
    PUBLISHED,
    READINGS,
    Reading,
    count,
    paper_parts,
    readings_table,
    weights_per_block,
)


@pytest.fixture(scope="module")
def parts() -> dict[str, nn.Module]:
    return paper_parts()


def small(**kind) -> nn.Module:
    stack = SpaceTimeTransformer(12, 2, 4, frames=3, places=(2, 2), positions="sincos", **kind)
    return nn.Sequential(nn.Linear(5, 12), stack)


@pytest.mark.parametrize(("hidden", "given", "attentions"), [(0.5, False, 2), (4.0, False, 1), (1.0, True, 2)])
def test_a_reading_counts_what_a_network_built_so_has(hidden: float, given: bool, attentions: int) -> None:
    temporal = "causal" if attentions == 2 else "none"
    built = small(hidden=round(hidden * 12), head_size=7 if given else None, temporal=temporal)
    asked = count(small(hidden=99), Reading(hidden, given, attentions), key=7)
    assert asked == sum(p.numel() for p in built.parameters())


def test_the_courses_own_sizes_are_readings(parts: dict[str, nn.Module]) -> None:
    own = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    half = Reading(0.5, True, 2)
    assert count(parts["tokenizer"], half) == own["tokenizer"]
    assert count(parts["dynamics"], half, key=128) == own["dynamics"]
    assert count(parts["lam"], half) == own["lam"]
    assert all(p.device == torch.device("meta") for part in parts.values() for p in part.parameters())


def test_heads_that_do_not_share_the_width_evenly_count_as_the_whole_width(parts: dict[str, nn.Module]) -> None:
    found = count(parts["dynamics"], Reading(4.0, False, 1))
    assert found == pytest.approx(my_block_weights(48, 5120, 5120, 4.0, 1), rel=0.003)


def test_the_table_is_complete_sorted_and_rounds_as_it_says(parts: dict[str, nn.Module]) -> None:
    rows = readings_table(parts)
    assert {row["reading"] for row in rows} == set(READINGS) and len(rows) == 16
    assert [row["off"] for row in rows] == sorted(row["off"] for row in rows)
    for row in rows:
        for name, number in row["counts"].items():
            assert row["gaps"][name] == pytest.approx(number / PUBLISHED[name] - 1.0)
            assert 1.0 + row["off"] >= max(number / PUBLISHED[name], PUBLISHED[name] / number) - 1e-9
        tokenizer, lam, dynamics = (row["counts"][name] for name in PUBLISHED)
        near = 150e6 <= tokenizer < 250e6 and 250e6 <= lam < 350e6 and 10.05e9 <= dynamics < 10.15e9
        assert row["rounds"] == near


def test_what_a_block_may_weigh_leads_to_the_published_count(parts: dict[str, nn.Module]) -> None:
    share = weights_per_block(parts)
    for name, stacks in {"tokenizer": ((12, 512), (20, 1024)), "lam": ((40, 1024),), "dynamics": ((48, 5120),)}.items():
        blocks = sum(layers * width**2 for layers, width in stacks)
        assert share[name] * blocks == pytest.approx(PUBLISHED[name], rel=0.02)
