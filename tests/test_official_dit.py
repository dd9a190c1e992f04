"""The published DiT in the course's class: names and shapes, numbers by an independent formula, how it is sampled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.models.official_dit import HEADS, learned_variance_step, load_official, official_predict
from course_lib.nets.diffusion import Diffusion
from course_lib.nets.samplers import ancestral_step, posterior_variance, sample
from course_lib.nets.schedules import make_schedule

PATCH, CHANNELS, CLASSES = 2, 4, 7


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shapes(depth: int, width: int, classes: int, side: int) -> dict[str, tuple[int, ...]]:
    """What the program's state dict holds, name by name, for patches of 2 and latents of 4 channels."""
    found = {
        "pos_embed": (1, side * side, width),
        "x_embedder.proj.weight": (width, CHANNELS, PATCH, PATCH),
        "x_embedder.proj.bias": (width,),
        "t_embedder.mlp.0.weight": (width, 256),
        "t_embedder.mlp.0.bias": (width,),
        "t_embedder.mlp.2.weight": (width, width),
        "t_embedder.mlp.2.bias": (width,),
        "y_embedder.embedding_table.weight": (classes + 1, width),
        "final_layer.linear.weight": (PATCH * PATCH * 2 * CHANNELS, width),
        "final_layer.linear.bias": (PATCH * PATCH * 2 * CHANNELS,),
        "final_layer.adaLN_modulation.1.weight": (2 * width, width),
        "final_layer.adaLN_modulation.1.bias": (2 * width,),
    }
    for i in range(depth):
        layers = {"attn.qkv": (3 * width, width), "attn.proj": (width, width), "mlp.fc1": (4 * width, width),
                  "mlp.fc2": (width, 4 * width), "adaLN_modulation.1": (6 * width, width)}  # fmt: skip
        for name, shape in layers.items():
            found |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    return found


def positions(side: int, width: int) -> Tensor:
    """The program's: the column's sines and cosines, then the row's."""
    speed = 1.0 / 10_000 ** (np.arange(width // 4) / (width / 4))
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    angles = [place.reshape(-1, 1) * speed for place in (columns, rows)]
    return torch.from_numpy(np.concatenate([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)).float()[None]


def published(depth: int = 2, width: int = 384, side: int = 2) -> dict[str, Tensor]:
    """A state dict of the smallest width with random numbers of a size that keeps everything near 1."""
    state = {name: torch.randn(shape, generator=seeded(n)) / shape[-1] ** 0.5
             for n, (name, shape) in enumerate(shapes(depth, width, CLASSES, side).items())}  # fmt: skip
    return state | {"pos_embed": positions(side, width)}


def by_the_formula(state: dict[str, Tensor], x: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """The network as the paper and its program describe it, written once more. (B, 4, h, w) -> (B, 8, h, w)."""

    def linear(name: str, value: Tensor) -> Tensor:
        return F.linear(value, state[f"{name}.weight"], state[f"{name}.bias"])

    width, (batch, _, high, wide) = state["pos_embed"].shape[2], x.shape
    heads = HEADS[width]
    h = F.conv2d(x, state["x_embedder.proj.weight"], state["x_embedder.proj.bias"], stride=PATCH)
    h = h.flatten(2).transpose(1, 2) + state["pos_embed"]
    angle = t[:, None] * torch.exp(-np.log(10_000) * torch.arange(128) / 128)
    c = linear("t_embedder.mlp.2", F.silu(linear("t_embedder.mlp.0", torch.cat([angle.cos(), angle.sin()], dim=1))))
    c = F.silu(c + state["y_embedder.embedding_table.weight"][y])
    norm = lambda value: F.layer_norm(value, (width,), eps=1e-6)  # noqa: E731
    for i in range(2):
        b = f"blocks.{i}"
        steer = linear(f"{b}.adaLN_modulation.1", c)
        shift1, scale1, gate1, shift2, scale2, gate2 = (part[:, None] for part in steer.chunk(6, 1))
        q, k, v = linear(f"{b}.attn.qkv", norm(h) * (1 + scale1) + shift1).chunk(3, 2)
        mixed = torch.empty_like(q)
        for head in range(heads):
            own = slice(head * width // heads, (head + 1) * width // heads)
            weights = (q[..., own] @ k[..., own].transpose(1, 2) / (width // heads) ** 0.5).softmax(-1)
            mixed[..., own] = weights @ v[..., own]
        h = h + gate1 * linear(f"{b}.attn.proj", mixed)
        inside = F.gelu(linear(f"{b}.mlp.fc1", norm(h) * (1 + scale2) + shift2), approximate="tanh")
        h = h + gate2 * linear(f"{b}.mlp.fc2", inside)
    shift, scale = (part[:, None] for part in linear("final_layer.adaLN_modulation.1", c).chunk(2, 1))
    out = linear("final_layer.linear", norm(h) * (1 + scale) + shift)  # (B, N, 2 * 2 * 8)
    grid = out.reshape(batch, high // PATCH, wide // PATCH, PATCH, PATCH, 2 * CHANNELS)
    return torch.einsum("nhwpqc->nchpwq", grid).reshape(batch, 2 * CHANNELS, high, wide)


def test_the_largest_published_model_fits_name_by_name_and_shape_by_shape() -> None:
    state = {name: torch.empty(shape, device="meta") for name, shape in shapes(28, 1152, 1000, 16).items()}
    model = load_official({"ema": state})
    assert (model.config.depth, model.config.heads, model.config.classes, model.config.patch) == (28, 16, 1000, 2)
    count = sum(p.numel() for p in model.parameters())
    assert count + state["pos_embed"].numel() == sum(t.numel() for t in state.values()) == 675_129_632


def test_what_is_loaded_computes_what_the_paper_says() -> None:
    state = published()
    x = torch.randn(3, CHANNELS, 4, 4, generator=seeded(100))
    step, y = torch.tensor([0.0, 250.0, 999.0]), torch.tensor([0, 6, 7])
    with torch.no_grad():
        found = load_official(state)(x[:, None], step / 1000.0, y)[:, 0]
        expected = by_the_formula(state, x, step, y)
        assert float(expected.std()) > 0.1
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        without = load_official(state)(x[:, None], step / 1000.0)[:, 0]
        expected = by_the_formula(state, x, step, torch.full((3,), CLASSES))
        torch.testing.assert_close(without, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["blocks.1.attn.qkv.weight", "final_layer.linear.weight", "t_embedder.mlp.2.bias"])
def test_a_state_dict_that_lacks_something_or_has_more_is_refused_by_its_name(name: str) -> None:
    state = published()
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        load_official({key: value for key, value in state.items() if key != name})
    with pytest.raises(ValueError, match="extra"):
        load_official({**state, "blocks.0.extra": torch.zeros(3)})


def test_other_networks_and_other_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="no state dict of the class-conditional DiT: it has no 'x_embedder"):
        load_official({"layers.0.weight": torch.zeros(3)})
    state = published()
    with pytest.raises(ValueError, match="pos_embed"):
        load_official({**state, "pos_embed": state["pos_embed"].flip(1)})
    with pytest.raises(ValueError, match="this one has 32"):
        load_official({**state, "x_embedder.proj.weight": torch.zeros(32, 4, 2, 2)})


def test_guidance_changes_three_channels_of_the_noise_and_nothing_else() -> None:
    state = published()
    model, x = load_official(state), torch.randn(2, 1, CHANNELS, 4, 4, generator=seeded(100))
    t, y = torch.tensor([0.3, 0.8]), torch.tensor([1, 5])
    with torch.no_grad():
        found = official_predict(model, y, 4.0)(x, t)[:, 0]
        given = by_the_formula(state, x[:, 0], 1000.0 * t - 1.0, y)
        without = by_the_formula(state, x[:, 0], 1000.0 * t - 1.0, torch.full((2,), CLASSES))
    guided = without[:, :3] + 4.0 * (given[:, :3] - without[:, :3])
    torch.testing.assert_close(found[:, :3], guided, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found[:, 3:], given[:, 3:], atol=1e-4, rtol=1e-4)


def test_the_learned_variance_lies_between_the_posteriors_and_betas() -> None:
    diffusion, (t, s) = Diffusion.of("linear", "epsilon"), (torch.tensor(0.6), torch.tensor(0.596))
    x_t, noise = (torch.randn(2, 1, 4, 8, 8, generator=seeded(n)) for n in range(2))

    def stepped(where: float) -> Tensor:
        both = torch.cat([noise, torch.full_like(noise, where)], dim=2)
        return learned_variance_step(diffusion, both, x_t, t, s, seeded(5))

    torch.testing.assert_close(stepped(-1.0), ancestral_step(diffusion, noise, x_t, t, s, seeded(5)))
    kept = diffusion.schedule.alpha(t) / diffusion.schedule.alpha(s)
    beta = diffusion.schedule.sigma(t) ** 2 - kept**2 * diffusion.schedule.sigma(s) ** 2
    fresh = torch.randn(x_t.shape, generator=seeded(5))
    wider = beta.sqrt() - posterior_variance(diffusion, t, s).sqrt()
    torch.testing.assert_close(stepped(1.0) - stepped(-1.0), wider * fresh, atol=1e-5, rtol=1e-3)
    zero = torch.zeros(())
    last = learned_variance_step(diffusion, torch.cat([noise, noise], dim=2), x_t, t, zero, seeded(5))
    torch.testing.assert_close(last, diffusion.x_of(noise, x_t, t))  # the mean: nothing is left open there
    both = torch.cat([noise, noise], dim=2)
    for prediction, generator, words in ((noise, seeded(), "8 channels"), (both, None, "generator")):
        with pytest.raises(ValueError, match=words):
            learned_variance_step(diffusion, prediction, x_t, t, s, generator)


def test_latents_of_a_class_can_be_sampled() -> None:
    model = load_official(published())
    noise = torch.randn(2, 1, CHANNELS, 4, 4, generator=seeded())
    predict = official_predict(model, torch.tensor([1, 2]), 1.5)
    made = sample(model.diffusion, predict, noise, steps=4, sampler=learned_variance_step, generator=seeded(1))
    assert made.shape == noise.shape and bool(made.isfinite().all())


def test_the_schedule_is_the_limit_of_the_programs_thousand_steps() -> None:
    beta = np.linspace(1e-4, 0.02, 1000)
    theirs = np.sqrt(np.cumprod(1.0 - beta))
    ours = make_schedule("linear").alpha(torch.arange(1, 1001) / 1000.0).numpy()
    assert np.abs(ours - theirs).max() < 2e-3
