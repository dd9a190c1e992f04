"""The published I-JEPA encoder in the course's ViT: names and shapes, numbers by an independent formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.models.official_ijepa import HEADS, load_official_ijepa
from tests.test_official_dit import positions


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shapes(depth: int, width: int, patch: int, side: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """What the program's encoder holds, name by name."""
    found = {"pos_embed": (1, side * side, width), "patch_embed.proj.weight": (width, 3, patch, patch),
             "patch_embed.proj.bias": (width,), "norm.weight": (width,), "norm.bias": (width,)}  # fmt: skip
    for i in range(depth):
        layers = {"attn.qkv": (3 * width, width), "attn.proj": (width, width), "mlp.fc1": (hidden, width),
                  "mlp.fc2": (width, hidden), "norm1": (width,), "norm2": (width,)}  # fmt: skip
        for name, shape in layers.items():
            found |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    return found


def published(depth: int = 2, width: int = 192, patch: int = 3, side: int = 4) -> dict[str, Tensor]:
    """A state dict of the smallest width with random numbers of a size that keeps everything near 1."""
    state = {name: torch.randn(shape, generator=seeded(n)) / (shape[-1] ** 0.5 if len(shape) > 1 else 4.0)
             for n, (name, shape) in enumerate(shapes(depth, width, patch, side, 4 * width).items())}  # fmt: skip
    return state | {"pos_embed": positions(side, width)}


def by_the_formula(state: dict[str, Tensor], pixels: Tensor, depth: int = 2) -> Tensor:
    """The encoder as the program describes it, written once more. (B, 3, H, W) in [0, 1] -> (B, N, D)."""
    width, patch = state["patch_embed.proj.weight"].shape[0], state["patch_embed.proj.weight"].shape[-1]
    mean, scale = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (pixels - mean[:, None, None]) / scale[:, None, None]
    h = F.conv2d(x, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=patch)
    h = h.flatten(2).transpose(1, 2) + state["pos_embed"]

    def linear(name: str, value: Tensor) -> Tensor:
        return F.linear(value, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(name: str, value: Tensor) -> Tensor:
        centred = value - value.mean(dim=-1, keepdim=True)
        deviation = (centred.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt()
        return centred / deviation * state[f"{name}.weight"] + state[f"{name}.bias"]

    for i in range(depth):
        b = f"blocks.{i}"
        q, k, v = linear(f"{b}.attn.qkv", norm(f"{b}.norm1", h)).chunk(3, 2)
        mixed = torch.empty_like(q)
        for head in range(HEADS[width]):
            own = slice(head * width // HEADS[width], (head + 1) * width // HEADS[width])
            weights = (q[..., own] @ k[..., own].transpose(1, 2) / (width // HEADS[width]) ** 0.5).softmax(-1)
            mixed[..., own] = weights @ v[..., own]
        h = h + linear(f"{b}.attn.proj", mixed)
        h = h + linear(f"{b}.mlp.fc2", F.gelu(linear(f"{b}.mlp.fc1", norm(f"{b}.norm2", h))))
    return norm("norm", h)


@pytest.mark.parametrize(
    ("sizes", "count"),
    [((32, 1280, 14, 16, 5120), 630_762_240), ((40, 1408, 16, 14, 6144), 1_011_368_576)],
    ids=["ViT-H/14", "ViT-g/16"],
)
def test_the_published_models_fit_name_by_name_and_shape_by_shape(sizes: tuple[int, ...], count: int) -> None:
    state = {f"module.{name}": torch.empty(shape, device="meta") for name, shape in shapes(*sizes).items()}
    model = load_official_ijepa({"target_encoder": state, "epoch": 300})
    assert (len(model.blocks), model.patch, model.size) == (sizes[0], sizes[2], 224)
    assert model.places.shape == (sizes[3] ** 2, sizes[1])
    loaded = sum(p.numel() for p in model.parameters()) + model.places.numel()
    assert loaded == sum(t.numel() for t in state.values()) == count


def test_what_is_loaded_computes_what_the_program_says() -> None:
    state, pixels = published(), torch.rand(3, 3, 12, 12, generator=seeded(100))
    with torch.no_grad():
        found = load_official_ijepa(state).features(pixels)
        expected = by_the_formula(state, pixels)
        assert float(expected.std()) > 0.1
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        shown = torch.tensor([[0, 5, 9]]).expand(3, -1)
        context = load_official_ijepa(state).features(pixels, shown)
    assert context.shape == (3, 3, 192) and not torch.allclose(context, expected[:, [0, 5, 9]], atol=1e-2)


@pytest.mark.parametrize("name", ["blocks.1.attn.qkv.weight", "norm.bias", "patch_embed.proj.bias"])
def test_a_state_dict_that_lacks_something_or_has_more_is_refused_by_its_name(name: str) -> None:
    state = published()
    course = {"blocks.1.attn.qkv.weight": "blocks.1.attention.qkv.weight"}.get(name, name)
    with pytest.raises(ValueError, match=course.replace(".", r"\.")):
        load_official_ijepa({key: value for key, value in state.items() if key != name})
    with pytest.raises(ValueError, match="extra"):
        load_official_ijepa({**state, "blocks.0.extra": torch.zeros(3)})


def test_other_networks_and_other_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="no state dict of an I-JEPA encoder: it has no 'patch_embed"):
        load_official_ijepa({"layers.0.weight": torch.zeros(3)})
    state = published()
    rows_first = torch.cat(state["pos_embed"].chunk(2, dim=2)[::-1], dim=2)
    with pytest.raises(ValueError, match="pos_embed"):
        load_official_ijepa({**state, "pos_embed": rows_first})
    with pytest.raises(ValueError, match="this one has 3 and 32"):
        load_official_ijepa({**state, "patch_embed.proj.weight": torch.zeros(32, 3, 3, 3)})
