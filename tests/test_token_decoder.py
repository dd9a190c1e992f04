"""The decoder of tokens: it draws by the token and the place, and a few steps teach it more than the mean patch."""

from __future__ import annotations

import pytest
import torch

from course_lib.models.token_decoder import TokenDecoder, TokenDecoderConfig
from course_lib.training import get_recipe, load_config, train

SMALL = TokenDecoderConfig(width=32, depth=1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_generator_one_drawing_and_every_patch_within_its_range() -> None:
    decoder, tokens, places = TokenDecoder(SMALL).eval(), torch.randn(6, 64, generator=seeded(1)), torch.arange(6)
    first, again, other = (decoder.draw(tokens, places, generator=seeded(s), steps=3) for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (6, 48) and float(first.min()) >= 0.0 and float(first.max()) <= 1.0


def test_tokens_and_patches_of_another_size_are_refused() -> None:
    decoder, t, place = TokenDecoder(SMALL), torch.full((2,), 0.5), torch.zeros(2, dtype=torch.long)
    for x, tokens in ((torch.zeros(2, 12), torch.zeros(2, 64)), (torch.zeros(2, 48), torch.zeros(2, 32))):
        with pytest.raises(ValueError, match=r"patches \(B, 48\) and tokens \(B, 64\) wanted"):
            decoder(x, t, tokens, place)


def test_it_learns_what_a_token_says() -> None:
    """Given its own tokens it foretells clean patches better than given another picture's, from the same noise."""
    config = load_config("token_decoder", "tiny", {"train.steps": 150, "train.learning_rate": 1e-2})
    model = train("token_decoder", config, progress="none").model.eval()
    recipe = get_recipe("token_decoder")
    batch = next(recipe.batches(recipe.load(config, None), config, seeded(5)))
    with torch.no_grad():
        own = float(model.loss(batch, 0, seeded(7))["loss"])
        others = float(model.loss(batch | {"tokens": batch["tokens"].roll(1, dims=0)}, 0, seeded(7))["loss"])
    clean = batch["patches"] * 2 - 1
    mean = float((clean - clean.mean(dim=0)).square().mean())
    assert own < 0.8 * others and own < 0.5 * mean, (own, others, mean)
