"""Convolutions that several models share: identities at the start, who sees whom among the groups, one U-Net around."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from course_lib.nets.convolutions import AdaptiveResidual, ResidualStem


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(layer: torch.nn.Module) -> torch.nn.Module:
    """Every weight matters: fresh layers end in zeros."""
    with torch.no_grad():
        for n, parameter in enumerate(layer.parameters()):
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=seeded(n)))
    return layer


def inputs(films: int = 2, groups: int = 4) -> tuple[Tensor, Tensor]:
    rows = films * groups
    return torch.randn(rows, 8, 3, 5, generator=seeded(1)), torch.randn(rows, 6, generator=seeded(2))


@pytest.mark.parametrize("temporal", [False, True])
def test_a_fresh_residual_block_is_the_identity_and_a_fresh_stem_says_0(temporal: bool) -> None:
    x, c = inputs()
    assert torch.equal(AdaptiveResidual(8, 8, 6, temporal=temporal)(x, c, 4), x)
    stem, latents = ResidualStem(3, 8, 5, blocks=2, width=6, temporal=temporal), torch.randn(2, 4, 3, 4, 4)
    features, found = stem.take_in(latents, c.unflatten(0, (2, 4)))
    assert torch.equal(stem.draw_out(features, found, c.unflatten(0, (2, 4))), torch.zeros(2, 4, 5, 4, 4))


def test_a_group_hears_its_neighbours_in_its_own_film_and_no_other() -> None:
    """By gradients: one block reaches one group to either side, at each place."""
    x, c = inputs()
    for temporal, reach in ((False, 0), (True, 1)):
        block = moved(AdaptiveResidual(8, 8, 6, temporal=temporal))
        for now in range(4):
            x.requires_grad_().grad = None
            block(x, c, 4)[now].square().sum().backward()
            seen = x.grad.abs().amax(dim=(1, 2, 3)) > 0
            wanted = [abs(group - now) <= reach for group in range(4)] + [False] * 4  # the second film not at all
            assert seen.tolist() == wanted


def test_with_both_neighbours_the_temporal_part_is_a_convolution_over_time() -> None:
    """h + W [before, after] is torch's Conv1d over groups with a middle of ones on the diagonal."""
    block, c = moved(AdaptiveResidual(8, 8, 6, temporal=True)), torch.zeros(4, 6)
    x = torch.randn(4, 8, 1, 1, generator=seeded())
    heard: list[Tensor] = []
    block.norm2.register_forward_pre_hook(lambda layer, args: heard.append(args[0]))
    block(x, c, 4)
    h = block.conv1(torch.nn.functional.silu(block.norm1(x)))[:, :, 0, 0]  # (G, C)
    before, after = block.time.weight[:, :, 0, 0].chunk(2, dim=1)  # (C, C) each
    kernel = torch.stack([before, torch.eye(8), after], dim=2)  # (C, C, 3)
    by_torch = torch.nn.functional.conv1d(h.T[None], kernel, block.time.bias, padding=1)[0].T
    torch.testing.assert_close(heard[0][:, :, 0, 0], by_torch, atol=1e-5, rtol=1e-5)


def test_films_of_a_batch_keep_to_themselves_and_one_condition_serves_all_groups() -> None:
    stem = moved(ResidualStem(3, 8, 5, blocks=2, width=6)).eval()
    latents, c = torch.randn(3, 4, 3, 4, 6, generator=seeded()), torch.randn(3, 1, 6, generator=seeded(1))

    def through(films: Tensor, c: Tensor) -> Tensor:
        features, found = stem.take_in(films, c)
        assert features.shape == (*films.shape[:2], 8, *films.shape[3:]) and len(found) == 2
        return stem.draw_out(features, found, c)

    whole = through(latents, c)
    assert whole.shape == (3, 4, 5, 4, 6)
    torch.testing.assert_close(through(latents[1:2], c[1:2]), whole[1:2], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(through(latents, c.expand(3, 4, 6)), whole, atol=1e-6, rtol=1e-6)
    other = through(latents, c.flip(0))
    assert (other - whole).abs().amax(dim=(1, 2, 3, 4))[[0, 2]].min() > 1e-3, "the condition counts"


def test_mixed_precision_gives_finite_gradients_close_to_those_of_float32() -> None:
    """In bfloat16 another kernel computes, and one of torch's for Conv3d gave no numbers on a CPU."""
    c, gradients = inputs()[1], {}
    x = torch.randn(8, 32, 4, 4, generator=seeded())  # of one channel a group a norm would take the bias away
    for mixed in (False, True):
        torch.manual_seed(0)
        block = moved(AdaptiveResidual(32, 32, 6, temporal=True))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            y = block(x, c, 4)
        y.float().square().mean().backward()
        gradients[mixed] = torch.cat([parameter.grad.flatten() for parameter in block.parameters()])
    assert torch.isfinite(gradients[True]).all()
    apart = (gradients[True] - gradients[False]).norm() / gradients[False].norm()
    assert apart < 0.05, "bfloat16 has eight bits"
