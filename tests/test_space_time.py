"""Truths about the space-time transformer: who can see whom, what a memory may not change, and what it all costs."""

from __future__ import annotations

import pytest
import torch

from course_lib.exam.measures.timing import bytes_kept
from course_lib.nets.attention import Attention, Block
from course_lib.nets.space_time import (
    AttentionAlongTime,
    AttentionInFrames,
    SpaceTimeBlock,
    SpaceTimeTransformer,
    frames_seen,
    multiply_adds,
)

B, T, ROWS, COLUMNS, D = 2, 6, 2, 3, 16
N = ROWS * COLUMNS


def film(seed: int = 0, frames: int = T) -> torch.Tensor:
    return torch.randn(B, frames, N, D, generator=torch.Generator().manual_seed(seed))


def transformer(**changes) -> SpaceTimeTransformer:
    torch.manual_seed(0)
    sizes = {"frames": T, "places": (ROWS, COLUMNS), "positions": "sincos", "hidden": 20} | changes
    return SpaceTimeTransformer(D, 2, 4, **sizes).eval()


def influence(module: torch.nn.Module, moment: int, place: int = 1) -> torch.Tensor:
    """How much each token of the film moves the answer at one token, (T, N): the size of the gradient."""
    x = film().requires_grad_()
    (module(x)[0, moment, place] * torch.linspace(-1.0, 2.0, D)).sum().backward()  # a plain sum is flat after a norm
    return x.grad[0].abs().sum(dim=-1)


# ------------------------------------------------------------------------------------------------ who sees whom


@pytest.mark.parametrize("qk_norm", [True, False])
@pytest.mark.parametrize("moment", range(T))
def test_no_answer_depends_on_a_later_frame(moment: int, qk_norm: bool) -> None:
    seen = influence(transformer(qk_norm=qk_norm), moment)
    assert (seen[moment + 1 :] == 0).all()
    assert (seen[: moment + 1] > 0).all(), "every place of every earlier frame is reached"


def test_one_block_reaches_all_of_the_past_and_without_time_its_own_frame_only() -> None:
    seen = influence(SpaceTimeBlock(D, 4), T - 1, place=1)
    assert (seen > 0).all(), "space first: when time looks back, its own place has gathered all of each frame"
    before = influence(SpaceTimeBlock(D, 4, temporal="none"), T - 1, place=1)
    assert (before[: T - 1] == 0).all() and (before[T - 1] > 0).all()


def test_spatial_attention_stays_in_its_frame_and_temporal_attention_at_its_place() -> None:
    seen = influence(AttentionInFrames(D, 4, qk_norm=True), 3)
    assert (seen[3] > 0).all() and (seen[[0, 1, 2, 4, 5]] == 0).all()
    seen = influence(AttentionAlongTime(D, 4, causal=True), 3, place=1)
    assert (seen[:4, 1] > 0).all()
    seen[:4, 1] = 0
    assert (seen == 0).all()


def test_without_the_mask_the_future_leaks_in_and_without_time_there_is_no_past() -> None:
    assert (influence(transformer(temporal="both"), 2) > 0).all()
    seen = influence(transformer(temporal="none"), 2)
    assert (seen[2] > 0).all() and (seen[[0, 1, 3, 4, 5]] == 0).all()


def test_a_window_ends_in_the_past() -> None:
    assert frames_seen(4, 4, window=2).int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert frames_seen(2, 4, window=3).int().tolist() == [[1, 1, 1, 0], [0, 1, 1, 1]]
    model = transformer()
    x = film().requires_grad_()
    model(x, window=2)[0, 5, 0, 0].backward()
    seen = x.grad[0].abs().sum(dim=(-1, -2)) > 0
    assert seen.tolist() == [False, False, False, True, True, True], "two layers of one step back each"


# ------------------------------------------------------------------------------------- the same thing another way


def test_both_attentions_are_the_plain_attention_along_one_axis() -> None:
    plain, x = Attention(D, 4, causal=True, qk_norm=True), film()
    along = AttentionAlongTime(D, 4, causal=True, qk_norm=True)
    along.load_state_dict(plain.state_dict())
    by_hand = plain(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(along(x), by_hand, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(along.weights(x), plain.weights(x.transpose(1, 2)))
    inside, plain = AttentionInFrames(D, 4), Attention(D, 4)
    inside.load_state_dict(plain.state_dict())
    torch.testing.assert_close(inside(x), plain(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(inside.weights(x), plain.weights(x))


@torch.no_grad()
@pytest.mark.parametrize("window", [None, 1, 2, 4, 50])
@pytest.mark.parametrize("pieces", [[1] * T, [4, 2], [2, 1, 3], [T]])
def test_frame_by_frame_or_in_pieces_equals_the_whole_film(window: int | None, pieces: list[int]) -> None:
    model, x, memory, answers = transformer(), film(), None, []
    for piece in x.split(pieces, dim=1):
        answer, memory = model.extend(piece, memory, window=window)
        answers.append(answer)
    torch.testing.assert_close(torch.cat(answers, dim=1), model(x, window=window), atol=1e-5, rtol=1e-5)
    kept = T if window is None else min(T, window - 1)
    assert memory.frames == T and memory.layers[0].keys.shape == (B, N * 4, kept, D // 4)


@torch.no_grad()
def test_a_step_leaves_its_memory_as_it_was_so_that_other_futures_can_be_tried() -> None:
    model, x, other = transformer(), film(), film(1)
    _, memory = model.extend(x[:, :3])
    first, _ = model.step(x[:, 3], memory)
    model.step(other[:, 3], memory)
    again, _ = model.step(x[:, 3], memory)
    assert torch.equal(first, again) and memory.frames == 3
    torch.testing.assert_close(first, model(x[:, :4])[:, 3], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_model_without_time_can_be_played_too() -> None:
    model, x = transformer(temporal="none"), film()
    answer, memory = model.step(x[:, 0])
    answer, memory = model.step(x[:, 1], memory)
    torch.testing.assert_close(answer, model(x)[:, 1], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_places_can_be_renamed_together_with_their_positions(positions: str) -> None:
    model, x, order = transformer(positions=positions), film(), torch.randperm(N)
    before = model(x)
    model.place.data = model.place.data[order]
    torch.testing.assert_close(model(x[:, :, order]), before[:, :, order], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(model(x), before, atol=1e-3), "without the positions it is another film"


@torch.no_grad()
def test_waves_go_on_for_ever_and_learned_positions_end() -> None:
    model = transformer()
    long = film(frames=T + 3)
    longer = transformer(frames=T + 3)
    longer.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(long), longer(long))
    torch.testing.assert_close(model.located(long[:, 3:], start=3), model.located(long)[:, 3:])
    learned = transformer(positions="learned")
    with pytest.raises(ValueError, match="go on from a new memory"):
        learned(long)
    memory = None
    for t in range(T):
        _, memory = learned.step(long[:, t], memory)
    with pytest.raises(ValueError, match=f"learned for {T} frames"):
        learned.step(long[:, T], memory)


def test_sizes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="x is"):
        transformer()(torch.zeros(B, T, N + 1, D))
    with pytest.raises(ValueError, match="rows, columns"):
        transformer(places=N)
    with pytest.raises(ValueError, match="'learned' or 'sincos'"):
        transformer(positions="rotary")
    with pytest.raises(ValueError, match="'causal', 'both' or 'none'"):
        transformer(temporal="backwards")
    with pytest.raises(ValueError, match="at least 1"):
        transformer(frames=0)
    with pytest.raises(ValueError, match="causal is False"):
        transformer(temporal="both").step(film()[:, 0], transformer().extend(film()[:, :2])[1])


# -------------------------------------------------------------------------------------------------- what it costs


@pytest.mark.parametrize(("hidden", "between"), [(None, None), (D, None), (8, 24)])
def test_the_number_of_parameters_is_the_formula(hidden: int | None, between: int | None) -> None:
    block = SpaceTimeBlock(D, 4, hidden=hidden, between=between)
    wide = 4 * D if hidden is None else hidden
    attentions = 2 * (4 * D * D + 2 * (D // 4))  # and the scales of the two norms of queries and keys
    layer = attentions + 2 * D * wide + wide + D + 3 * 2 * D
    if between is not None:
        layer += 2 * D * between + between + D + 2 * D
    assert sum(p.numel() for p in block.parameters()) == layer
    model = SpaceTimeTransformer(D, 3, 4, frames=T, places=N, hidden=hidden, between=between)
    assert sum(p.numel() for p in model.parameters()) == 3 * layer + (N + T) * D + 2 * D


def test_counted_multiplications_are_those_of_torch() -> None:
    from course_lib.bench import count_flops

    x = film().requires_grad_()
    for joint, module in ((False, SpaceTimeBlock(D, 4, temporal="both")), (True, Block(D, 4))):
        counted = count_flops(lambda x=x, joint=joint, module=module: module(x.flatten(1, 2) if joint else x).sum())
        assert counted == 3 * 2 * B * sum(multiply_adds(T, N, D, joint=joint).values())


def test_what_is_linear_in_the_frames_and_what_is_not() -> None:
    once, twice = multiply_adds(8, 64, 128, layers=4), multiply_adds(16, 64, 128, layers=4)
    for part in ("projections", "feed-forward", "spatial attention"):
        assert twice[part] == 2 * once[part]
    assert twice["temporal attention"] == 4 * once["temporal attention"]
    once, twice = multiply_adds(8, 64, 128, joint=True), multiply_adds(16, 64, 128, joint=True)
    assert twice["joint attention"] == 4 * once["joint attention"]
    alike = multiply_adds(64, 64, 128)
    assert alike["temporal attention"] == alike["spatial attention"], "with as many frames as places they cost the same"


def test_memory_for_the_backward_pass_grows_with_the_frames() -> None:
    block = SpaceTimeBlock(D, 4)
    kept = [bytes_kept(lambda t=t: block(film(frames=t))) for t in (4, 8, 16)]
    assert kept[2] / kept[1] == pytest.approx(2.0, rel=0.02) and kept[1] / kept[0] == pytest.approx(2.0, rel=0.02)


def test_it_learns_what_only_the_past_can_tell() -> None:
    """A dot moves one place a frame, to the left or to the right: where it goes next is not in the frame."""
    generator = torch.Generator().manual_seed(0)
    losses = {}
    for temporal in ("causal", "none"):
        torch.manual_seed(0)
        model = SpaceTimeTransformer(16, 2, 2, frames=4, places=8, temporal=temporal)
        read, write = torch.nn.Linear(1, 16), torch.nn.Linear(16, 1)
        weights = [*model.parameters(), *read.parameters(), *write.parameters()]
        optimiser = torch.optim.Adam(weights, lr=1e-2)
        for _ in range(100):
            start = torch.randint(8, (32, 1), generator=generator)
            way = 2 * torch.randint(2, (32, 1), generator=generator) - 1
            at = (start + way * torch.arange(5)) % 8  # (32, 5)
            dots = torch.nn.functional.one_hot(at, 8).float()[..., None]  # (32, 5, 8, 1)
            said = write(model(read(dots[:, :-1])))[:, 1:, :, 0]  # from the second frame on: (32, 3, 8)
            loss = torch.nn.functional.cross_entropy(said.flatten(0, 1), at[:, 2:].flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        losses[temporal] = loss.item()
    assert losses["causal"] < 0.1, losses
    assert losses["none"] > 0.6, f"without the past, left and right are equally likely (log 2): {losses}"
