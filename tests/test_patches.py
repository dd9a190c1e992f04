"""Patches: cutting and putting together again, positions, and the vision transformer made of them."""

from __future__ import annotations

import pytest
import torch

from course_lib.nets.patches import patchify, side_of, sincos, sincos_2d, unpatchify
from course_lib.nets.vit import ViT


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("lead", [(), (2,), (2, 5)])
@pytest.mark.parametrize(("height", "width", "patch"), [(8, 8, 2), (8, 12, 4), (6, 6, 6), (4, 4, 1)])
def test_pictures_come_back_exactly(lead: tuple[int, ...], height: int, width: int, patch: int) -> None:
    frames = draw(*lead, 3, height, width)
    tokens = patchify(frames, patch)
    assert tokens.shape == (*lead, height * width // patch**2, 3 * patch**2)
    assert torch.equal(unpatchify(tokens, patch, (height, width)), frames)


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("frames_each", "patch"), [(2, 4), (4, 2), (8, 8), (1, 4)])
def test_films_come_back_exactly(lead: tuple[int, ...], frames_each: int, patch: int) -> None:
    film = draw(*lead, 8, 3, 8, 8)
    tokens = patchify(film, patch, frames_each)
    assert tokens.shape == (*lead, 8 // frames_each, (8 // patch) ** 2, frames_each * 3 * patch**2)
    assert torch.equal(unpatchify(tokens, patch, 8, frames_each), film)


def test_a_token_is_its_square_of_the_picture_row_by_row() -> None:
    frame = draw(3, 8, 12)
    tokens = patchify(frame, 4)
    for row in range(2):
        for column in range(3):
            square = frame[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert torch.equal(tokens[3 * row + column], square.flatten())


def test_a_tubelet_is_its_square_of_each_of_its_frames_in_time_order() -> None:
    film = draw(6, 3, 8, 8)
    tokens = patchify(film, 4, 3)
    assert torch.equal(tokens[1, 2], film[3:6, :, 4:8, 0:4].flatten())


def test_gradients_go_through_the_cut() -> None:
    film = draw(4, 3, 8, 8).requires_grad_()
    unpatchify(patchify(film, 2, 2), 2, 8, 2).square().sum().backward()
    torch.testing.assert_close(film.grad, 2 * film.detach())


def test_inner_products_of_positions_depend_on_their_distance_alone() -> None:
    table = sincos(20, 32)
    products = table @ table.T
    for apart in range(20):
        diagonal = products.diagonal(apart)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=0)
    torch.testing.assert_close(products.diagonal(), torch.full((20,), 16.0))
    assert (products.argmax(1) == torch.arange(20)).all()


def test_inner_products_on_a_grid_are_the_sum_of_both_directions() -> None:
    rows, columns, width = 3, 5, 16
    grid = sincos_2d((rows, columns), width).view(rows, columns, width)
    down, across = sincos(rows, width // 2), sincos(columns, width // 2)
    products = torch.einsum("abc,dec->abde", grid, grid)
    expected = (down @ down.T)[:, None, :, None] + (across @ across.T)[None, :, None, :]
    torch.testing.assert_close(products, expected)
    assert len({tuple(place.tolist()) for place in grid.view(-1, width)}) == rows * columns, "no two places are alike"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: patchify(draw(3, 8, 9), 4), "8 x 9 cannot be cut"),
        (lambda: patchify(draw(8, 8), 4), r"end in \(C, H, W\)"),
        (lambda: patchify(draw(3, 8, 8), 0), "at least 1 pixel"),
        (lambda: patchify(draw(5, 3, 8, 8), 4, 2), "pieces of 2 frames"),
        (lambda: patchify(draw(3, 8, 8), 4, 2), "pieces of 2 frames"),
        (lambda: unpatchify(draw(3, 48), 4, 8), "3 patches of 4 do not make"),
        (lambda: unpatchify(draw(4, 47), 4, 8), "whole channels"),
        (lambda: unpatchify(draw(2, 4, 48), 4, 8, 2), "whole channels"),
        (lambda: unpatchify(draw(49, 48), 4, 30), "was ever cut"),
        (lambda: sincos(4, 7), "even"),
        (lambda: sincos_2d(4, 10), "multiple of 4"),
        (lambda: side_of(12), "no square"),
        (lambda: ViT(30, 4, 16, 1, 2, 6), "cannot be cut"),
        (lambda: ViT(8, 4, 16, 1, 2, 6)(draw(2, 3, 12, 12)), "wanted"),
    ],
)
def test_what_cannot_be_cut_is_named(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


# --- the vision transformer ------------------------------------------------------------------------------------------


def shuffled(frames: torch.Tensor, order: torch.Tensor, patch: int) -> torch.Tensor:
    return unpatchify(patchify(frames, patch)[..., order, :], patch, frames.shape[-1])


def test_a_vit_answers_at_every_patch_and_says_who_looked_where() -> None:
    torch.manual_seed(0)
    vit, frames = ViT(8, 2, 16, 3, 2, 6), draw(5, 3, 8, 8).sigmoid()
    assert vit(frames).shape == (5, 16, 6)
    looks = vit.weights(frames)
    assert [tuple(w.shape) for w in looks] == [(5, 2, 16, 16)] * 3
    for weights in looks:
        torch.testing.assert_close(weights.sum(-1), torch.ones(5, 2, 16))


def test_only_positions_tell_a_picture_from_its_jigsaw() -> None:
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    frames = draw(2, 3, 8, 8).sigmoid()
    torch.manual_seed(0)
    blind, sighted = ViT(8, 2, 16, 2, 2, 6, positions=False), ViT(8, 2, 16, 2, 2, 6)
    torch.testing.assert_close(blind(shuffled(frames, order, 2)), blind(frames)[:, order], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(sighted(shuffled(frames, order, 2)), sighted(frames)[:, order], atol=1e-2)


def test_positions_are_no_part_of_the_weights_on_disk() -> None:
    blind, sighted = ViT(8, 2, 16, 1, 2, 6, positions=False), ViT(8, 2, 16, 1, 2, 6)
    blind.load_state_dict(sighted.state_dict())
    assert not blind.places.any() and sighted.places.any()


def test_a_vit_learns_what_one_patch_must_ask_of_another() -> None:
    """One white patch in the picture: is it left of me or right of me? Answered by attention and positions together."""
    torch.manual_seed(0)
    vit = ViT(8, 2, 16, 1, 2, 2)
    optimiser = torch.optim.Adam(vit.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(120):
        place = torch.randint(16, (32,), generator=generator)
        frames = unpatchify(torch.eye(16)[place][..., None].expand(-1, -1, 12), 2, 8)  # (32, 3, 8, 8)
        left = (place[:, None] % 4 < torch.arange(16) % 4).long()  # (32, 16)
        loss = torch.nn.functional.cross_entropy(vit(frames).flatten(0, 1), left.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1, "log 2 is what one has without looking"
