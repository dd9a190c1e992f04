"""The two other autoencoders that stand beside I-JEPA are asked what they are said to be asked."""

from __future__ import annotations

import pytest
import torch

from course_lib.exam.measures.pictures import PLACES
from course_lib.lookup import ExamError
from course_lib.models.tokenizer import VideoTokenizer
from course_lib.studies import i_jepa_rivals
from course_lib.studies.i_jepa_rivals import (
    RIVALS,
    measured_rivals,
    rival_encoder,
    tokens_before_rounding,
    tokens_rounded,
)
from course_lib.training import load_checkpoint
from course_lib.worlds.films import make_films
from course_lib.worlds.frames import to_model


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return to_model(make_films("rich", split="test", count=4, size=32).frames[:, ::16].reshape(-1, 32, 32, 3))


def test_rounded_tokens_are_codes_of_the_book_and_the_others_are_not(frames: torch.Tensor) -> None:
    model: VideoTokenizer = load_checkpoint("tokenizer", size="cpu-rich")
    with torch.no_grad():
        codes, before = (way(model)(frames)[..., :-PLACES] for way in (tokens_rounded, tokens_before_rounding))
    assert codes.shape == before.shape
    distinct = torch.unique(codes.flatten(0, 1), dim=0)
    assert 1 < len(distinct) <= model.config.codes
    assert len(torch.unique(before.flatten(0, 1), dim=0)) > len(distinct)


def test_every_rival_has_learned_to_draw(frames: torch.Tensor) -> None:
    """Each against the mean picture of these films, which asks for no network; the denoising one of noised pictures."""
    mean = float((frames - frames.mean(dim=0)).square().mean())
    with torch.no_grad():
        vqvae = load_checkpoint("tokenizer", size="cpu-rich")
        drawn = vqvae.frames_of(vqvae.tokens(frames[:, None]))[:, 0]
        assert float((drawn - frames).square().mean()) < 0.2 * mean
        denoising = load_checkpoint("mae", size="cpu-noise")
        cleaned = float(denoising.loss({"frames": frames}, 0, torch.Generator().manual_seed(0))["loss"])
    assert cleaned < 0.5 * min(mean, denoising.config.noise**2), (cleaned, mean)


def test_the_kept_answers_belong_to_the_shipped_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = measured_rivals()
    assert set(kept) == set(RIVALS)
    monkeypatch.setattr(i_jepa_rivals, "weights_of", lambda recipe, size: "another")
    with pytest.raises(ExamError, match="python -m course_lib study i_jepa_rivals"):
        measured_rivals()


def test_a_rival_gives_every_picture_its_tokens(frames: torch.Tensor) -> None:
    with torch.no_grad():
        for name in RIVALS:
            tokens = rival_encoder(name)(frames[:2])
            assert tokens.ndim == 3 and len(tokens) == 2 and tokens.shape[1] == 64, name
