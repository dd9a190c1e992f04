"""Masks: blocks within the paper's ranges, contexts that hold nothing of a target, one size a batch, one generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.nets.masks import (
    Masking,
    Masks,
    MultiBlock,
    RandomPatches,
    Rasterised,
    SingleBlock,
    mask_statistics,
)
from course_lib.nets.shard import sharded

GRIDS = [(14, 14), (8, 8), (8, 12)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kinds(grid: tuple[int, int]) -> dict[str, Masking]:
    return {"multi-block": MultiBlock(grid), "block": SingleBlock(grid), "random": RandomPatches(grid),
            "rasterised": Rasterised(grid)}  # fmt: skip


def sides(block: Tensor, columns: int) -> tuple[int, int]:
    """Height and width of a rectangle of patches; it fails where they make none."""
    rows, across = (block // columns).unique(), (block % columns).unique()
    expected = {r * columns + c for r in range(int(rows[0]), int(rows[-1]) + 1)
                for c in range(int(across[0]), int(across[-1]) + 1)}  # fmt: skip
    assert expected == set(block.tolist()) and len(block) == len(expected), "a full rectangle, each patch once"
    return len(rows), len(across)


# --- every kind of mask ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["multi-block", "block", "random", "rasterised"])
@pytest.mark.parametrize("grid", GRIDS)
def test_no_patch_of_a_context_stands_in_a_target_and_none_is_named_twice(grid: tuple[int, int], kind: str) -> None:
    generator, masking = seeded(), kinds(grid)[kind]
    for _ in range(20):
        found = masking.draw(12, generator)
        assert found.context.dtype == found.targets.dtype == torch.int64
        for context, targets in zip(found.context, found.targets, strict=True):
            assert not set(context.tolist()) & set(targets.flatten().tolist())
            assert len(set(context.tolist())) == len(context)
            assert all(len(set(block.tolist())) == len(block) for block in targets)
            assert torch.equal(context, context.sort().values) and 0 <= int(context[0])
        assert int(max(found.context.max(), found.targets.max())) < grid[0] * grid[1]


@pytest.mark.parametrize("kind", ["multi-block", "block", "random", "rasterised"])
def test_all_draws_come_from_the_generator(kind: str) -> None:
    masking, before = kinds((8, 8))[kind], torch.get_rng_state()
    first, again, other = (masking.draw(6, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.context, again.context) and torch.equal(first.targets, again.targets)
    assert first.targets.shape != other.targets.shape or not torch.equal(first.targets, other.targets)
    assert torch.equal(before, torch.get_rng_state()), "the global state is as it was"


@pytest.mark.parametrize("kind", ["multi-block", "block", "random", "rasterised"])
def test_two_processes_draw_the_masks_of_one(kind: str) -> None:
    masking = kinds((8, 8))[kind]
    whole, parts = masking.draw(6, seeded()), []
    for rank in range(2):
        with sharded(rank, 2):
            parts.append(masking.draw(3, seeded()))
    for one, both in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(one, torch.cat(list(both)))


# --- multi-block -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("grid", GRIDS)
def test_targets_are_four_rectangles_of_one_size_a_batch_within_the_range_but_for_rounding(
    grid: tuple[int, int],
) -> None:
    generator, patches = seeded(), grid[0] * grid[1]
    sizes = set()
    for _ in range(20):
        found = MultiBlock(grid).draw(8, generator)
        assert found.targets.shape[:2] == (8, 4)
        ((height, width),) = {sides(block, grid[1]) for blocks in found.targets for block in blocks}
        sizes.add((height, width))
        # a side is off by at most a half where it is rounded; none is ever that wrong in both without the other's help
        assert (height - 0.5) * (width - 0.5) <= 0.2 * patches and (height + 0.5) * (width + 0.5) >= 0.15 * patches
        assert (height - 0.5) / (width + 0.5) <= 1.5 and (height + 0.5) / (width - 0.5) >= 0.75
    assert len(sizes) > 1, "another batch, another size"


def test_pictures_of_a_batch_have_their_own_places_and_every_place_is_as_likely() -> None:
    grid, count = (8, 8), 6000
    masking = MultiBlock(grid, targets=1, target_scale=(0.14, 0.14), target_aspect=(1.0, 1.0))  # 3 x 3: 36 places
    first = masking.draw(count, seeded()).targets[:, 0, 0]
    found, counts = first.unique(return_counts=True)
    assert len(found) == 36 and set((found // 8).tolist()) == set((found % 8).tolist()) == set(range(6))
    error = (1 / 36 * 35 / 36 / count) ** 0.5
    assert float((counts / count - 1 / 36).abs().max()) < 5 * error


@pytest.mark.parametrize("minimum", [1, 10, 20])
def test_every_context_of_a_batch_has_the_same_number_of_patches_and_at_least_the_minimum(minimum: int) -> None:
    generator = seeded()
    for _ in range(30):
        assert MultiBlock((8, 8), minimum=minimum).draw(16, generator).context.shape[1] >= minimum


def test_where_contexts_are_cut_no_row_of_the_picture_is_preferred() -> None:
    """The program drops the lowest patches; here the share of patches is the same above and below."""
    generator, rows = seeded(), torch.zeros(14)
    for _ in range(60):
        rows += (MultiBlock((14, 14)).draw(32, generator).context // 14).flatten().bincount(minlength=14)
    upper, lower = rows[:7].sum(), rows[7:].sum()
    assert abs(float(upper / (upper + lower)) - 0.5) < 0.02


def test_a_context_that_never_comes_about_is_an_error_that_names_the_way_out() -> None:
    with pytest.raises(ValueError, match="fewer than 60 of 64, 5 times in a row.*smaller minimum"):
        MultiBlock((8, 8), minimum=60, tries=5).draw(4, seeded())
    for changes, words in (
        ({"minimum": 65}, "minimum is 65, and the grid has 64"),
        ({"targets": 0}, "a target"),
        ({"target_scale": (0.3, 0.2)}, "target_scale"),
        ({"context_scale": (0.9, 1.1)}, "context_scale"),
    ):
        with pytest.raises(ValueError, match=words):
            MultiBlock((8, 8), **changes)


# --- statistics ------------------------------------------------------------------------------------------------------
def test_on_the_papers_grid_the_asked_ranges_are_filled_evenly_and_rounding_moves_them_little() -> None:
    found = mask_statistics(MultiBlock((14, 14)), 4000, seeded())
    for values, (low, high) in ((found.scale_asked, (0.15, 0.2)), (found.aspect_asked, (0.75, 1.5)),
                                (found.context_asked, (0.85, 1.0))):  # fmt: skip
        assert low <= values.min() and values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.01 * (high - low) * 3)
        counts = np.histogram(values, bins=10, range=(low, high))[0]
        assert np.abs(counts / 400 - 1).max() < 0.3
    assert abs(np.corrcoef(found.scale_asked, found.aspect_asked)[0, 1]) < 0.06, "drawn apart from each other"
    assert found.scale.mean() == pytest.approx(0.175, abs=0.004)
    assert np.abs(found.scale - found.scale_asked).max() < 0.04
    assert sum(found.size_shares().values()) == pytest.approx(1.0)
    assert 0.4 < found.context.mean() < 0.52 and found.covered.mean() + found.context.mean() <= 1.0
    cut = MultiBlock((14, 14)).draw(64, seeded()).context.shape[1] / 196
    assert 0.2 < cut < 0.35, "a batch's contexts are as small as its smallest"


def test_a_smaller_grid_rounds_more() -> None:
    """Both grids are asked the same; what comes out lies outside of the paper's ranges more often on the small one."""
    paper, small = (mask_statistics(MultiBlock((side, side)), 4000, seeded()) for side in (14, 8))
    assert np.array_equal(paper.scale_asked, small.scale_asked)
    assert small.outside()["scale"] > paper.outside()["scale"]
    assert len(small.size_shares()) < len(paper.size_shares())
    assert set(small.size_shares()) <= {(3, 3), (3, 4), (4, 3), (4, 4)}
    assert np.abs(small.scale - small.scale_asked).mean() > np.abs(paper.scale - paper.scale_asked).mean()


def test_statistics_are_those_of_what_training_draws() -> None:
    masking, generator, sizes, covered = MultiBlock((8, 8)), seeded(1), [], []
    for _ in range(400):
        targets = masking.draw(2, generator).targets
        sizes.append(targets.shape[2] / 64)
        covered += [len(blocks.unique()) / 64 for blocks in targets]
    found = mask_statistics(masking, 4000, seeded())
    assert np.mean(sizes) == pytest.approx(found.scale.mean(), abs=0.004)
    assert np.mean(covered) == pytest.approx(found.covered.mean(), abs=0.012)


# --- the ablations ---------------------------------------------------------------------------------------------------
def test_the_ablations_are_what_they_are_called() -> None:
    block = SingleBlock((14, 14)).draw(8, seeded())
    height, width = sides(block.targets[0, 0], 14)
    assert block.targets.shape[1] == 1 and height * width == pytest.approx(0.6 * 196, abs=10)
    assert block.context.shape[1] == 196 - height * width, "all the rest is context"
    random = RandomPatches((14, 14)).draw(8, seeded())
    assert random.targets.shape == (8, 1, 118) and random.context.shape == (8, 78)
    quadrants = Rasterised((14, 14)).draw(40, seeded())
    assert quadrants.targets.shape == (40, 3, 49) and quadrants.context.shape == (40, 49)
    assert all(sides(part, 14) == (7, 7) for part in [*quadrants.context, *quadrants.targets[0]])
    assert len(quadrants.context[:, 0].unique()) == 4, "each quadrant is the context of some picture"


def test_what_does_not_fit_the_grid_is_named() -> None:
    for make, words in (
        (lambda: SingleBlock((4, 4), scale=1.0), "can leave no context"),
        (lambda: RandomPatches((2, 2), share=0.9), "leaves no context"),
        (lambda: Rasterised((7, 8)), "no four equal quadrants"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


def test_masks_can_be_unpacked() -> None:
    context, targets = Masks(*MultiBlock((8, 8)).draw(2, seeded()))
    assert context.ndim == 2 and targets.ndim == 3
