"""Quantisers: the nearest code is the nearest, gradients pass straight through, and dead codes come back to life."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from course_lib.nets.quantise import FSQ, VectorQuantiser, nearest, straight_through, usage


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vectors(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


def quantiser(codes: int = 7, width: int = 3, **options: object) -> VectorQuantiser:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VectorQuantiser(codes, width, **options)


# --- the nearest code ---------------------------------------------------------------------------------------------
def test_the_nearest_code_is_the_nearest_by_brute_force() -> None:
    x, codes = vectors(4, 5, 3), vectors(7, 3, seed=1)
    index = nearest(x, codes)
    for place in [(b, n) for b in range(4) for n in range(5)]:
        distances = [math.dist(x[place].tolist(), code.tolist()) for code in codes]
        assert int(index[place]) == distances.index(min(distances))


def test_a_code_is_its_own_nearest_code_and_stays_itself() -> None:
    vq = quantiser().eval()
    answer = vq(vq.codebook.detach()[None])
    assert answer.index.tolist() == [list(range(7))]
    assert torch.allclose(answer.codes[0], vq.codebook)
    assert float(answer.commitment.detach()) == pytest.approx(0.0, abs=1e-10)
    assert torch.equal(vq.look_up(answer.index), vq.codebook[None])


def test_cosine_codes_do_not_care_how_long_a_vector_is() -> None:
    vq = quantiser(cosine=True).eval()
    x = vectors(2, 6, 3)
    length = torch.rand(2, 6, 1, generator=seeded(2)) * 9 + 0.1
    assert torch.equal(vq(x).index, vq(x * length).index)
    assert torch.allclose(vq(x).codes.norm(dim=-1), torch.ones(2, 6), atol=1e-6)
    similarity = torch.nn.functional.cosine_similarity(x[..., None, :], vq.codebook, dim=-1)
    assert torch.equal(vq(x).index, similarity.argmax(dim=-1))


# --- gradients ----------------------------------------------------------------------------------------------------
def test_the_gradient_passes_straight_through() -> None:
    x, weights = vectors(5, 3).requires_grad_(), vectors(5, 3, seed=1)
    vq = quantiser().eval()
    (vq(x).codes * weights).sum().backward()
    assert torch.equal(x.grad, weights), "as if the quantiser were not there"
    assert vq.codebook.grad is None
    y = vectors(4).requires_grad_()
    straight_through(y, y.detach().round()).sum().backward()
    assert torch.equal(y.grad, torch.ones(4))


def test_commitment_moves_the_encoder_only_and_the_codebook_loss_the_codes_only() -> None:
    vq, x = quantiser(), vectors(2, 5, 3).requires_grad_()
    vq(x).commitment.backward()
    assert float(x.grad.abs().sum()) > 0 and vq.codebook.grad is None
    vq, x = quantiser(), vectors(2, 5, 3).requires_grad_()
    vq(x).codebook.backward()
    assert x.grad is None and float(vq.codebook.grad.abs().sum()) > 0


def test_both_losses_are_the_squared_distance_to_the_chosen_code() -> None:
    vq, x = quantiser().eval(), vectors(2, 5, 3)
    answer = vq(x)
    truth = (x - vq.look_up(answer.index)).square().sum(dim=-1).mean()
    torch.testing.assert_close(answer.commitment, truth)
    torch.testing.assert_close(answer.codebook, truth)


def test_a_step_down_the_codebook_loss_moves_a_code_to_the_mean_of_those_who_chose_it() -> None:
    vq, x = quantiser(codes=2), torch.tensor([[5.0, 0.0, 0.0], [7.0, 0.0, 0.0]])
    with torch.no_grad():
        vq.codebook.copy_(torch.tensor([[5.0, 1.0, 0.0], [-9.0, 0.0, 0.0]]))
    optimiser = torch.optim.SGD([vq.codebook], lr=0.3)
    for _ in range(200):
        optimiser.zero_grad()
        vq(x).codebook.backward()
        optimiser.step()
    assert torch.allclose(vq.codebook[0], x.mean(dim=0), atol=1e-3)
    assert vq.codebook[1].tolist() == [-9.0, 0.0, 0.0], "nobody chose it, so nothing moved it"


def test_moving_averages_come_to_the_same_place_without_a_gradient() -> None:
    vq, x = quantiser(codes=2, decay=0.9), torch.tensor([[5.0, 0.0, 0.0], [7.0, 0.0, 0.0]])
    vq.codebook.copy_(torch.tensor([[5.0, 1.0, 0.0], [-9.0, 0.0, 0.0]]))
    vq.told.copy_(vq.codebook)
    assert not list(vq.parameters())
    for _ in range(300):
        answer = vq(x)
    assert torch.allclose(vq.codebook[0], x.mean(dim=0), atol=1e-3)
    assert torch.allclose(vq.codebook[1], torch.tensor([-9.0, 0.0, 0.0]), atol=1e-3)
    assert float(answer.codebook.detach()) == 0.0


# --- codes that nobody chooses -------------------------------------------------------------------------------------
def test_a_dead_code_is_revived_where_the_vectors_are() -> None:
    for options in ({}, {"decay": 0.9}):
        vq, x = quantiser(codes=16, reset_after=5, **options), vectors(1, 64, 3) + 50.0
        vq.idle.zero_()
        before = vq.codebook.detach().clone()
        for _ in range(5):
            vq(x, seeded())
        assert usage(vq.eval()(x).index, 16).alive <= 2 / 16, "far from every vector, so hardly one is chosen"
        vq.train()(x, seeded())
        assert usage(vq.eval()(x).index, 16).alive > 0.5
        assert int((vq.codebook == before).all(dim=1).sum()) <= 2
        assert not torch.equal(vq.codebook, before)


def test_a_revived_code_is_one_of_the_vectors_and_a_draw_of_the_generator_alone() -> None:
    x = vectors(1, 64, 3)
    books = []
    for seed in (1, 1, 2):
        vq, before = quantiser(reset_after=3), torch.get_rng_state()
        vq(x, seeded(seed))  # a fresh codebook is dead as a whole
        assert torch.equal(before, torch.get_rng_state())
        books.append(vq.codebook.detach())
    assert torch.equal(books[0], books[1]) and not torch.equal(books[0], books[2])
    for code in books[0]:
        assert (x[0] == code).all(dim=1).any()


def test_far_draws_what_has_no_code_yet() -> None:
    x = torch.zeros(1, 500, 3)
    x[0, 499] = 9.0  # one vector of five hundred, and the only one that is drawn badly
    for far, found in ((True, True), (False, False)):
        vq = quantiser(codes=4, reset_after=5, far=far)
        with torch.no_grad():
            vq.codebook.zero_()
        vq.idle.copy_(torch.tensor([0, 5, 5, 5]))
        vq(x, seeded())
        assert bool((vq.codebook == 9.0).any()) is found


def test_codes_that_are_chosen_stay_and_nothing_is_revived_without_a_generator_or_in_evaluation() -> None:
    vq, x = quantiser(codes=4, reset_after=1), vectors(1, 4, 3)
    with torch.no_grad():
        vq.codebook.copy_(x[0])
    vq.idle.zero_()
    for _ in range(5):
        vq(x, seeded())
    assert torch.equal(vq.codebook, x[0]) and vq.idle.tolist() == [0, 0, 0, 0]
    lonely = quantiser(reset_after=1)
    before = lonely.codebook.detach().clone()
    lonely(x)
    lonely.eval()(x, seeded())
    assert torch.equal(lonely.codebook, before)


def test_a_codebook_goes_on_from_its_stored_state() -> None:
    for options in ({}, {"decay": 0.9}, {"cosine": True}):
        one, other = (quantiser(reset_after=2, **options) for _ in range(2))
        for seed in range(4):
            one(vectors(2, 3, 3, seed=seed), seeded(seed))
        other.load_state_dict(one.state_dict())
        for vq in (one, other):
            for seed in range(4, 8):
                vq(vectors(2, 3, 3, seed=seed), seeded(seed))
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name


def test_usage_of_even_lonely_and_uneven_codes() -> None:
    assert usage(torch.arange(8).repeat(3), 8)[:2] == pytest.approx((1.0, 8.0))
    assert usage(torch.zeros(5, dtype=torch.int64), 8)[:2] == pytest.approx((1 / 8, 1.0))
    uneven = usage(torch.tensor([0, 0, 0, 1]), 4)
    assert uneven.alive == 0.5 and uneven.counts.tolist() == [3, 1, 0, 0]
    assert uneven.perplexity == pytest.approx(math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)))
    with pytest.raises(ValueError, match="nothing to count"):
        usage(torch.zeros(0, dtype=torch.int64), 4)


# --- finite scalars ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("levels", [(8, 8, 8), (8, 5, 5, 5), (3,), (2, 2), (4, 4, 4, 4, 4)])
def test_fsq_counts_its_codes_and_goes_round_from_index_to_code_and_back(levels: tuple[int, ...]) -> None:
    fsq = FSQ(levels)
    assert fsq.codes == math.prod(levels)
    every = torch.arange(fsq.codes)
    codes = fsq.look_up(every)
    assert codes.shape == (fsq.codes, len(levels)) and len(codes.unique(dim=0)) == fsq.codes
    assert torch.equal(fsq.index_of(codes), every)
    assert float(codes.min()) >= -1.0 and float(codes.max()) <= 1.0


@pytest.mark.parametrize("levels", [(8, 8, 8), (5, 5), (2, 3), (8, 5, 5, 5)])
def test_every_code_of_fsq_can_be_reached_and_no_other(levels: tuple[int, ...]) -> None:
    fsq = FSQ(levels)
    x = vectors(1, 200_000, len(levels)) * 1.5
    answer = fsq(x)
    assert answer.index.unique().tolist() == list(range(fsq.codes))
    assert torch.allclose(answer.codes, fsq.look_up(answer.index), atol=1e-6)


def test_fsq_rounds_to_the_nearest_level_and_keeps_zero() -> None:
    fsq = FSQ((8, 5))
    assert torch.allclose(fsq.bound(torch.zeros(2)), torch.zeros(2), atol=1e-6)
    x = vectors(1, 500, 2)
    levels = fsq(x).codes * torch.tensor([4, 2])
    assert float((levels - fsq.bound(x)).abs().max()) <= 0.5 + 1e-5


def test_the_gradient_of_fsq_is_that_of_its_bound() -> None:
    fsq, x = FSQ((8, 8)), vectors(1, 20, 2).requires_grad_()
    fsq(x).codes.sum().backward()
    y = x.detach().requires_grad_()
    (fsq.bound(y) / 4).sum().backward()
    assert torch.allclose(x.grad, y.grad) and float(x.grad.min()) > 0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: VectorQuantiser(1, 4), "at least 2 codes"),
        (lambda: VectorQuantiser(4, 4, decay=1.0), "a share below 1"),
        (lambda: FSQ((8, 1)), "at least 2 levels"),
        (lambda: VectorQuantiser(4, 3)(torch.zeros(2, 5)), "these have 5"),
        (lambda: FSQ((4, 4, 4))(torch.zeros(2, 5)), "these have 5"),
    ],
)
def test_what_cannot_be_quantised_is_named(make, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()
