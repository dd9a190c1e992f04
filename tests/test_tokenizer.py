"""The video tokenizer: shapes, gradients, tokens that say all the decoder gets; its sizes; that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.exam.measures.coders import (
    alive_interval,
    mean_frame_coder,
    patch_codebook,
    patch_coder,
    rounded_pca_coder,
    shrunk_coder,
    tokenizer_coder,
    tokens_of_films,
)
from course_lib.exam.measures.frames import foreground, foreground_psnr_by_film, psnr_by_film
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.tokenizer import TokenizerConfig, VideoTokenizer
from course_lib.nets.patches import patchify
from course_lib.nets.quantise import usage
from course_lib.training import get_recipe, load_checkpoint, load_config, train
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model

SMALL = {"width": 16, "layers": 1, "decoder_width": 16, "decoder_layers": 1, "latent": 4, "codes": 32}
KINDS = {
    "convolutions": TokenizerConfig(**SMALL),
    "local": TokenizerConfig(norm="place", looking=0, revive_far=True, **SMALL),
    "space_time": TokenizerConfig(kind="space_time", **SMALL),
    "fsq": TokenizerConfig(quantiser="fsq", levels=(4, 4, 2), **{**SMALL, "latent": 3}),
    "patches": TokenizerConfig(kind="patches", latent=48, codes=32),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokenizer(kind: str = "convolutions", **changes: object) -> VideoTokenizer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VideoTokenizer(KINDS[kind].model_copy(update=changes))


def films(batch: int = 2, length: int = 3) -> Tensor:
    return torch.rand(batch, length, 3, 32, 32, generator=seeded(1))


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_tokens(kind: str) -> None:
    model, x = tokenizer(kind).eval(), films()
    with torch.no_grad():
        output = model(x)
        assert output.frames.shape == x.shape and output.index.shape == (2, 3, 64)
        assert output.index.dtype == torch.int64 and int(output.index.max()) < model.config.number_of_codes == 32
        assert torch.equal(model.tokens(x), output.index)
        drawn = model.frames_of(output.index)
    assert torch.allclose(drawn, output.frames.clamp(0, 1), atol=1e-5), "the tokens say all that the decoder gets"


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: str) -> None:
    model = tokenizer(kind)
    model.loss({"frames": films()}, 0, seeded())["loss"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0.0]
    assert not without


def test_the_loss_is_its_parts_and_beta_weighs_the_commitment() -> None:
    for beta in (0.0, 0.25, 2.0):
        parts = tokenizer(beta=beta).loss({"frames": films()}, 0, seeded())
        parts = {name: value.item() for name, value in parts.items()}
        wanted = parts["reconstruction"] + (1.0 + beta) * parts["commitment"]  # the codebook loss is the same distance
        assert parts["loss"] == pytest.approx(wanted, rel=1e-5)
        assert 0 < parts["in_use"] <= 1


def test_a_later_frame_changes_no_earlier_token() -> None:
    for kind in KINDS:
        model, x = tokenizer(kind).eval(), films(1, 4)
        other = x.clone()
        other[:, 3] = films(1, 1)[:, 0].flip(-1)
        assert torch.equal(model.tokens(x)[:, :3], model.tokens(other)[:, :3])


def test_a_local_token_knows_its_patch_and_the_eight_around_it_and_any_other_all() -> None:
    x = films(1, 1)
    other = x.clone()
    other[..., 8:12, 20:24] = 0.0  # the patch in row 2, column 5
    around = torch.zeros(8, 8, dtype=torch.bool)
    around[1:4, 4:7] = True
    for changes, wanted in (({"norm": "place", "looking": 0}, around), ({}, torch.ones_like(around))):
        model = tokenizer(**changes).eval()
        with torch.no_grad():
            moved = (model.encode(x) - model.encode(other)).abs().sum(dim=-1)[0, 0].view(8, 8) > 0
        assert torch.equal(moved, wanted)


def test_without_layers_a_token_is_the_nearest_patch_and_changes_only_where_a_pixel_does() -> None:
    model, x = tokenizer("patches").eval(), films(1, 2)
    with torch.no_grad():
        output, book = model(x), model.quantiser.codebook
        patches = patchify(x, 4)  # (1, 2, 64, 48)
        assert torch.equal(output.index, torch.cdist(patches, book[None, None]).argmin(dim=-1))
        torch.testing.assert_close(patchify(output.frames, 4), book[output.index])  # and is drawn as that patch
        other = x.clone()
        other[..., 8:12, 20:24] = 0.0
        changed = (model.tokens(other) != output.index).nonzero()[:, 2].unique().tolist()
    assert changed in ([], [2 * 8 + 5])


def test_its_loss_is_that_of_k_means() -> None:
    """The gradient of the codebook loss draws each code to the mean of its patches; there is nothing else to learn."""
    model = tokenizer("patches", reset_after=0)
    model.quantiser.codebook.data.uniform_(generator=seeded(2))
    x = films()
    assert [name for name, _ in model.named_parameters()] == ["quantiser.codebook"]
    model.loss({"frames": x}, 0, None)["loss"].backward()
    patches = patchify(x, 4).flatten(0, 2)  # (M, 48)
    index = model.tokens(x).flatten()
    for code in index.unique()[:5]:
        mine = patches[index == code]
        pull = (model.quantiser.codebook[code] - mine.mean(dim=0)) * 2 * len(mine) / len(patches)
        torch.testing.assert_close(model.quantiser.codebook.grad[code], pull, rtol=1e-4, atol=1e-6)


def test_the_shipped_patches_are_better_words_for_films_of_play_than_the_trained_ones_and_worse_elsewhere() -> None:
    plain, trained = load_checkpoint("tokenizer", size="cpu-patches"), load_checkpoint("tokenizer")

    def asked(name: str) -> tuple[np.ndarray, np.ndarray]:
        test = load_films(name, split="test", count=20).frames
        return tuple(psnr_by_film(tokenizer_coder(model), test) for model in (plain, trained))

    play, rest = asked("goal"), asked("simple")
    assert (play[0] - play[1]).mean() > 1.0, "the agent, a star and platforms: a few hundred patches are all there is"
    assert (rest[0] - rest[1]).mean() < -1.0, "bodies of six colours at any place and angle: here layers pay"


def test_the_first_batch_fills_the_codebook() -> None:
    model = tokenizer()
    model.loss({"frames": films()}, 0, seeded())
    assert usage(model.eval().tokens(films()), 32).alive > 0.5
    never = tokenizer(reset_after=0, spread=100.0)
    never.loss({"frames": films()}, 0, seeded())
    assert usage(never.eval().tokens(films()), 32).alive < 0.2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"patch": 5}, "patches of 5"),
        ({"quantiser": "fsq"}, "needs them"),
        ({"levels": (8, 8)}, "levels belong to"),
        ({"quantiser": "fsq", "levels": (8, 8), "latent": 3}, "levels has 2"),
        ({"kind": "patches", "latent": 16}, "latent is 48"),
    ],
)
def test_a_configuration_that_does_not_fit_is_named(changes: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TokenizerConfig(**changes)


def test_films_of_the_wrong_kind_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(B, T, 3, 32, 32\) wanted, got torch.float32 \(2, 3, 32, 32\)"):
        tokenizer().tokens(films()[0, :2])
    with pytest.raises(TypeError, match="uint8"):
        train("tokenizer", "tiny", data=np.zeros((2, 3, 32, 32, 3)), progress="none")
    with pytest.raises(ValueError, match="films to learn from have shape"):
        train("tokenizer", "tiny", data=np.zeros((2, 32, 32, 3), np.uint8), progress="none")


def test_the_paper_has_about_200_million_with_a_narrow_feed_forward_and_386_with_the_usual_one() -> None:
    counts = {}
    for hidden in (0.5, 4.0):
        with torch.device("meta"):
            model = get_recipe("tokenizer").build(load_config("tokenizer", "paper", {"model.hidden": hidden}).model)
        counts[hidden] = sum(p.numel() for p in model.parameters()) / 1e6
    assert load_config("tokenizer", "paper").model.hidden == 0.5
    assert counts[0.5] == pytest.approx(217, abs=1) and counts[4.0] == pytest.approx(386, abs=1)


# --- the exam's instruments -----------------------------------------------------------------------------------------
def frames_of_training() -> np.ndarray:
    frames = load_films("simple", split="train", count=40).frames[:, ::4]
    return frames.reshape(-1, 32, 32, 3)


def test_the_controls_stand_in_the_order_of_what_they_know() -> None:
    train_frames, test = frames_of_training(), load_films("simple", split="validation", count=6).frames
    mean = psnr_by_film(mean_frame_coder(train_frames), test).mean()
    # A shrunk frame blurs the walls, which the mean frame has for nothing: it is worse by this measure.
    shrunk = psnr_by_film(shrunk_coder(), test).mean()
    few, many = (psnr_by_film(rounded_pca_coder(train_frames, bits), test).mean() for bits in (64, 512))
    small, large = (psnr_by_film(patch_coder(patch_codebook(train_frames, k)), test).mean() for k in (8, 128))
    assert shrunk < mean < few < many and small < large
    fine = rounded_pca_coder(train_frames, 32 * 8)
    coarse = rounded_pca_coder(train_frames, 32 * 3, each=3)
    assert psnr_by_film(coarse, test).mean() < psnr_by_film(fine, test).mean(), "fewer bits, worse frames"


def test_the_foreground_is_what_stands_in_front_of_the_room() -> None:
    room = np.full((32, 32, 3), 200, np.uint8)
    film = np.stack([room, room])
    film[1, 4:8, 4:8] = 20
    assert int(foreground(film, room).sum()) == 16 and not foreground(film, room)[0].any()

    def off_in_front(x: Tensor) -> Tensor:
        return torch.where((x < 0.5), x + 0.1, x)

    value = foreground_psnr_by_film(off_in_front, film[None], room)
    assert value.tolist() == pytest.approx([20.0], abs=1e-3), "an error of 0.1 on every pixel of it"
    assert np.isnan(foreground_psnr_by_film(off_in_front, film[None, :1], room)).all()


def test_the_share_of_codes_alive_and_its_interval() -> None:
    index = np.stack([np.full((2, 3), k % 4) for k in range(40)])
    found = alive_interval(index, 8, np.random.default_rng(0), resamples=200)
    assert found["value"] == 0.5 and found["low"] <= 0.5 <= found["high"] and found["n"] == 40


def test_the_shipped_tokenizer_at_the_exam() -> None:
    report = examine([get_entrant("tokenizer")], Sitting(count=20))
    psnr, front = (report["tokenizer", name] for name in ("tokenizer_psnr_db", "foreground_psnr_db"))
    assert psnr.passed and psnr.bar == 30.0
    assert set(psnr.controls) == {"mean_frame", "untrained", "shrunk", "pca", "patches"}
    assert max(psnr.controls.values()) < psnr.low and max(front.controls.values()) < front.low
    assert front.value < psnr.value, "an empty room is easier to draw than what stands in it"
    alive, guesses = (report["tokenizer", name] for name in ("codes_alive", "code_perplexity"))
    assert alive.value > 0.5 > alive.controls["untrained"] and 1 < guesses.value < 512


# --- learning -------------------------------------------------------------------------------------------------------
def test_learning_the_tiny_tokenizer_beats_the_mean_frame_and_uses_its_codes() -> None:
    history = train("tokenizer", "tiny", progress="none")
    test = load_films("simple", split="validation", count=6).frames
    learned = psnr_by_film(tokenizer_coder(history.model), test)
    mean = psnr_by_film(mean_frame_coder(frames_of_training()), test)
    assert float((learned - mean).min()) > 1.0
    assert usage(torch.from_numpy(tokens_of_films(history.model, test)), 64).alive > 0.5
    assert to_model(test[0]).shape == (32, 3, 32, 32)
