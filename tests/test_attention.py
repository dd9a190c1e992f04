"""Attention: the formula, what it cannot tell, what a mask forbids, and a memory that changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib.nets.attention import MLP, Attention, Block, CrossAttention, KeysValues, attend, causal_mask


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_formula_is_torchs_with_and_without_a_mask() -> None:
    q, k, v = draw(2, 3, 5, 8), draw(2, 3, 7, 8, seed=1), draw(2, 3, 7, 4, seed=2)
    some = draw(5, 7, seed=3) > 0
    some[:, 0] = True
    for mask in (None, some, causal_mask(5, 7)):
        out, weights = attend(q, k, v, mask)
        torch.testing.assert_close(out, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5))
        if mask is not None:
            assert (weights[..., ~mask] == 0).all()


def test_equal_keys_give_the_mean_and_one_great_key_gives_its_value() -> None:
    v = draw(6, 4)
    out, weights = attend(draw(3, 8), torch.ones(6, 8), v)
    torch.testing.assert_close(out, v.mean(0).expand(3, 4))
    k = torch.zeros(6, 8)
    k[2] = 1e4
    torch.testing.assert_close(attend(torch.ones(3, 8), k, v)[0], v[2].expand(3, 4))


def test_the_division_keeps_logits_at_spread_one_whatever_the_head_size() -> None:
    for d in (4, 64, 1024):
        q, k = draw(300, d), draw(300, d, seed=1)
        logits = attend(q, k, k)[1].log()
        spread = (logits - logits.mean(-1, keepdim=True)).std()
        assert spread == pytest.approx(1.0, abs=0.06)


def test_causal_mask() -> None:
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True] * 4]
    assert torch.equal(causal_mask(1, 5), torch.ones(1, 5, dtype=torch.bool))


@pytest.mark.parametrize("qk_norm", [False, True])
def test_weights_and_forward_are_one_attention(qk_norm: bool) -> None:
    torch.manual_seed(0)
    for causal in (False, True):
        layer = Attention(16, 4, causal=causal, qk_norm=qk_norm)
        x = draw(2, 6, 16)
        mixed = layer.weights(x) @ layer.split(x)[2]  # (2, 4, 6, 4)
        torch.testing.assert_close(layer(x), layer.out(mixed.transpose(1, 2).flatten(-2)), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3), (0,), (2, 0)])
@pytest.mark.parametrize("causal", [False, True])
def test_rows_of_a_batch_however_many_axes_keep_to_themselves(lead: tuple[int, ...], causal: bool) -> None:
    torch.manual_seed(8)
    layer, x = Attention(16, 2, causal=causal), draw(*lead, 5, 16)
    out = layer(x)
    assert out.shape == x.shape
    for mine, given in zip(out.reshape(-1, 5, 16), x.reshape(-1, 5, 16), strict=True):
        torch.testing.assert_close(mine, layer(given), atol=1e-6, rtol=1e-5)
    head, tail = x.split([2, 3], dim=-2)
    _, past = layer.with_memory(head)
    if causal:
        torch.testing.assert_close(layer(tail, past), out[..., 2:, :], atol=1e-6, rtol=1e-5)


def test_many_heads_are_several_attentions_side_by_side() -> None:
    torch.manual_seed(1)
    layer, x = Attention(12, 3), draw(5, 12)
    q, k, v = layer.qkv(x).chunk(3, dim=-1)  # (5, 12) each: head 0 has channels 0 to 3, and so on
    parts = [attend(*(t[:, 4 * h : 4 * h + 4] for t in (q, k, v)))[0] for h in range(3)]
    torch.testing.assert_close(layer(x), layer.out(torch.cat(parts, dim=-1)), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("make", [lambda: Attention(16, 2), lambda: Block(16, 2, qk_norm=True), lambda: MLP(16)])
def test_without_a_mask_tokens_have_no_order(make) -> None:
    """Permutation equivariance: shuffled tokens in, the same answers shuffled out."""
    torch.manual_seed(2)
    layer, x = make(), draw(3, 9, 16)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order], atol=1e-6, rtol=1e-5)


def test_a_causal_layer_does_see_an_order() -> None:
    torch.manual_seed(2)
    layer, x = Block(16, 2, causal=True), draw(3, 9, 16)
    assert not torch.allclose(layer(x.flip(1)), layer(x).flip(1), atol=1e-3)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_nothing_looks_ahead_by_gradients(qk_norm: bool) -> None:
    torch.manual_seed(3)
    layers = torch.nn.Sequential(*(Block(16, 4, causal=True, qk_norm=qk_norm) for _ in range(3)))
    x = draw(7, 16).requires_grad_()
    out = layers(x)
    for t in range(7):
        (gradient,) = torch.autograd.grad(out[t].sum(), x, retain_graph=True)
        assert (gradient[t + 1 :] == 0).all(), f"token {t} looks ahead"
        assert (gradient[: t + 1].abs().sum(-1) > 0).all(), f"token {t} does not see all of its past"


@pytest.mark.parametrize("pieces", [[1] * 8, [3, 1, 4], [8], [2, 6]])
@pytest.mark.parametrize("qk_norm", [False, True])
def test_step_by_step_with_a_memory_is_all_at_once(pieces: list[int], qk_norm: bool) -> None:
    torch.manual_seed(4)
    layer, x = Attention(16, 2, head_size=5, causal=True, qk_norm=qk_norm), draw(2, 8, 16)
    whole, all_kept = layer.with_memory(x)
    past, parts = None, []
    for piece in x.split(pieces, dim=1):
        part, past = layer.with_memory(piece, past)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(past.keys, all_kept.keys)
    torch.testing.assert_close(past.values, all_kept.values)
    first_five = KeysValues(past.keys[..., :5, :], past.values[..., :5, :])
    torch.testing.assert_close(layer(x[:, 5:], first_five), whole[:, 5:], atol=1e-6, rtol=1e-5)


def test_without_a_mask_new_tokens_look_at_the_past_and_at_each_other() -> None:
    torch.manual_seed(5)
    layer, x = Attention(16, 2), draw(6, 16)
    _, past = layer.with_memory(x[:4])
    torch.testing.assert_close(layer(x[4:], past), layer(x)[4:], atol=1e-6, rtol=1e-5)


def test_normed_queries_and_keys_bound_the_logits_whatever_the_weights() -> None:
    torch.manual_seed(6)
    x = draw(10, 16)
    for scale in (1.0, 100.0):
        layer = Attention(16, 2, qk_norm=True)
        with torch.no_grad():
            layer.qkv.weight.mul_(scale)
        q, k, _ = layer.split(x)
        assert (q @ k.transpose(-1, -2) / math.sqrt(8)).abs().max() <= math.sqrt(8) + 1e-4


@pytest.mark.parametrize("make", [lambda: Attention(8, 2), lambda: Block(8, 2)])
def test_tokens_that_are_missing_do_not_count(make) -> None:
    torch.manual_seed(0)
    layer, x, there = make(), draw(2, 6, 8), torch.ones(2, 6, dtype=torch.bool)
    torch.testing.assert_close(layer(x, mask=there), layer(x))
    there[0, 4:] = False
    found = layer(x, mask=there)
    torch.testing.assert_close(found[0, :4], layer(x[:1, :4])[0])
    torch.testing.assert_close(found[1], layer(x)[1])
    moved = x.clone()
    moved[0, 4:] = 9.0
    torch.testing.assert_close(layer(moved, mask=there)[0, :4], found[0, :4])


def test_a_mask_of_missing_tokens_and_a_past_do_not_go_together() -> None:
    x, there = draw(1, 3, 8), torch.ones(1, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="looks both ways"):
        Attention(8, 2, causal=True)(x, mask=there)
    with pytest.raises(ValueError, match="has no past"):
        Attention(8, 2)(x, KeysValues(draw(1, 2, 2, 4), draw(1, 2, 2, 4)), there)


def test_cross_attention_is_the_formula_and_missing_tokens_do_not_count() -> None:
    torch.manual_seed(0)
    layer, x, others = CrossAttention(8, 2, bias=True), draw(2, 5, 8), draw(2, 7, 8, seed=1)
    there = torch.ones(2, 7, dtype=torch.bool)
    there[1, 3:] = False
    q, (k, v) = layer.q(x), layer.kv(others).chunk(2, dim=-1)
    heads = [attend(q[..., own], k[..., own], v[..., own], there[:, None])[0] for own in (slice(0, 4), slice(4, 8))]
    found = layer(x, others, there)
    torch.testing.assert_close(found, layer.out(torch.cat(heads, dim=-1)))
    torch.testing.assert_close(found[1], layer(x[1:], others[1:, :3])[0])
    weights = layer.weights(x, others, there)
    assert weights.shape == (2, 2, 5, 7) and (weights[1, ..., 3:] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 5))
    order = torch.tensor([6, 2, 0, 1, 3, 5, 4])
    torch.testing.assert_close(layer(x, others[:, order]), layer(x, others))  # the others have no order
    with pytest.raises(ValueError, match="3 heads cannot share 8 channels"):
        CrossAttention(8, 3)


@pytest.mark.parametrize("others", [None, 5])
def test_in_mixed_precision_attention_is_nearly_that_of_float32_and_so_are_its_gradients(others: int | None) -> None:
    """On a CPU the softmax itself is computed in float32."""
    x = torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(0))
    given = () if others is None else (torch.randn(2, others, 16, generator=torch.Generator().manual_seed(1)),)
    torch.manual_seed(0)
    layer = Attention(16, 4) if others is None else CrossAttention(16, 4)
    found = {}
    for mixed in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            y = layer(x, *given)
        y.float().square().sum().backward()
        found[mixed] = (y.float(), torch.cat([parameter.grad.flatten() for parameter in layer.parameters()]))
    for exact, rounded in zip(found[False], found[True], strict=True):
        assert 0 < (exact - rounded).norm() < 0.03 * exact.norm()


def test_the_mlp_keeps_tokens_apart() -> None:
    torch.manual_seed(7)
    x = draw(4, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(MLP(8)(x)[1].sum(), x)
    assert (gradient[[0, 2, 3]] == 0).all() and (gradient[1] != 0).any()


def test_parameters_are_those_of_the_paper() -> None:
    """4 D^2 for attention without biases, 8 D^2 + 5 D for the MLP, 4 D for two norms."""
    assert sum(p.numel() for p in Attention(32, 4).parameters()) == 4 * 32**2
    assert sum(p.numel() for p in Block(32, 4).parameters()) == 12 * 32**2 + 5 * 32 + 4 * 32


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Attention(10, 3), "cannot share 10 channels"),
        (lambda: Attention(8, 0), "above 0"),
        (lambda: Attention(8, 2, head_size=0), "above 0"),
        (lambda: causal_mask(4, 3), "as many keys"),
        (lambda: attend(draw(2, 4), draw(3, 4), draw(3, 4), torch.tensor([[True] * 3, [False] * 3])), "look nowhere"),
    ],
)
def test_what_cannot_be_is_named(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
