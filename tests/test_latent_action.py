"""The latent action model: what a code can and cannot say; its sizes; that it learns what was done; the questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.counterfactuals import counterfactuals, visible_steps
from course_lib.exam.measures.information import (
    accuracy_by_film,
    count_pairs,
    majority_by_film,
    nmi_given,
    nmi_interval,
    nmi_of_counts,
)
from course_lib.exam.measures.lam import at_wall, codes_of_films, drawn_psnr_by_film, places
from course_lib.exam.questions import latent_actions
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.base import untrained_twin
from course_lib.models.lam import LatentActionConfig, LatentActionModel, with_past
from course_lib.models.tokenizer import VideoTokenizer
from course_lib.nets.quantise import usage
from course_lib.studies import encoders
from course_lib.studies.encoders import shifted
from course_lib.training import History, get_recipe, load_config, train
from course_lib.worlds import spec
from course_lib.worlds.films import load_films

SMALL = {"width": 16, "layers": 1, "decoder_width": 16, "decoder_layers": 1, "latent": 4}
KINDS = [("convolutions", "convolutions"), ("space_time", "convolutions"), ("space_time", "space_time")]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(encoder: str = "convolutions", decoder: str = "convolutions", **changes: object) -> LatentActionModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LatentActionModel(LatentActionConfig(encoder=encoder, decoder=decoder, **{**SMALL, **changes}))


def films(batch: int = 2, length: int = 5) -> Tensor:
    return torch.rand(batch, length, 3, 32, 32, generator=seeded(1))


@pytest.mark.parametrize(("encoder", "decoder"), KINDS)
def test_shapes_and_what_a_code_says_is_all_the_decoder_gets(encoder: str, decoder: str) -> None:
    asked, x = model(encoder, decoder).eval(), films()
    with torch.no_grad():
        output = asked(x)
        index = asked.infer(x)
        assert output.frames.shape == (2, 4, 3, 32, 32) and index.shape == (2, 4) and index.dtype == torch.int64
        assert torch.equal(output.index, index) and 0 <= int(index.min()) and int(index.max()) < 8
        drawn = asked.predict(x[:, :-1], index)
    assert torch.allclose(drawn, output.frames.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize(("encoder", "decoder"), KINDS)
def test_an_action_carries_at_most_three_bits(encoder: str, decoder: str) -> None:
    """From one past, whatever comes next, at most eight different next frames can be drawn."""
    asked = model(encoder, decoder).eval()
    past = films(1, 3).expand(24, -1, -1, -1, -1)
    after = torch.rand(24, 1, 3, 32, 32, generator=seeded(2))
    with torch.no_grad():
        output = asked(torch.cat([past, after], dim=1))
        drawn = output.frames[:, -1].flatten(1)
        every = torch.stack([asked.predict(past[:1], torch.full((1, 3), k))[0, -1] for k in range(8)])
    for code in torch.unique(output.index[:, -1]):
        same = drawn[output.index[:, -1] == code]
        assert torch.allclose(same, same[:1].expand_as(same), atol=1e-4), "one code, one drawing, whatever came next"
    assert usage(output.index, 8).perplexity <= 8 + 1e-9, "entropy of the codes at most log 8"
    apart = (every[:, None] - every[None]).abs().amax(dim=(2, 3, 4)) + torch.eye(8)
    assert float(apart.min()) > 1e-3, "and each code draws its own"


@pytest.mark.parametrize(("encoder", "decoder"), KINDS)
def test_a_later_frame_changes_no_earlier_code_and_no_earlier_drawing(encoder: str, decoder: str) -> None:
    asked, x = model(encoder, decoder).eval(), films(1, 5)
    other = x.clone()
    other[:, 4] = x[:, 4].flip(-1)
    with torch.no_grad():
        said, changed = asked.encode(x), asked.encode(other)
        a, b = asked.decode(x[:, :-1], said), asked.decode(other[:, :-1], said)
    assert torch.allclose(said[:, :3], changed[:, :3], atol=1e-6) and not torch.allclose(said[:, 3], changed[:, 3])
    assert torch.equal(a, b), "the decoder never sees the frame that it draws"


def test_the_convolutional_encoder_says_the_same_wherever_it_happens() -> None:
    asked = model().eval()
    x = torch.full((1, 3, 3, 32, 32), 0.9)
    for t, left in enumerate((6, 8, 10)):
        x[:, t, :, 12:16, left : left + 4] = 0.1
    with torch.no_grad():
        here, there = asked.encode(x), asked.encode(x.roll((6, 8), dims=(3, 4)))
        patches = model("space_time").eval()
        moved = (patches.encode(x) - patches.encode(x.roll((6, 9), dims=(3, 4)))).abs().max()
    assert torch.allclose(here, there, atol=1e-5)
    assert float(moved) > 1e-3, "patches with positions do not"


def test_frames_with_their_past() -> None:
    x = films(2, 4)
    both = with_past(x, 2)
    assert both.shape == (2, 4, 6, 32, 32)
    assert torch.equal(both[:, 1:, :3], x[:, :-1]) and torch.equal(both[:, :, 3:], x)
    assert torch.equal(both[:, 0, :3], x[:, 0]), "before the first frame there is the first again"
    assert torch.equal(with_past(x, 1), x)


@pytest.mark.parametrize(("encoder", "decoder"), KINDS)
def test_gradients_reach_every_parameter(encoder: str, decoder: str) -> None:
    asked = model(encoder, decoder)
    asked.loss({"frames": films()}, 0, seeded())["loss"].backward()
    without = [name for name, p in asked.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0.0]
    assert not without


def test_the_loss_is_its_parts_and_changed_pixels_weigh_more() -> None:
    parts = {k: v.item() for k, v in model(beta=0.5).loss({"frames": films()}, 0, seeded()).items()}
    assert parts["loss"] == pytest.approx(parts["reconstruction"] + 1.5 * parts["commitment"], rel=1e-5)
    assert 1.0 <= parts["perplexity"] <= 8.0
    x = torch.zeros(1, 3, 3, 32, 32)
    x[:, 2, :, 0, 0] = 1.0  # one pixel of 1024 changes, and this decoder copies the last frame
    errors = {}
    for w in (0.0, 1023.0):
        copying = model(changed=w)
        torch.nn.init.zeros_(copying.decoder.end.weight)
        torch.nn.init.zeros_(copying.decoder.end.bias)
        errors[w] = copying.loss({"frames": x}, 0, seeded())["reconstruction"].item()
    assert errors[0.0] == pytest.approx(100 / 1024, rel=1e-4)
    assert errors[1023.0] == pytest.approx(100 * 1024 / 2047, rel=1e-4)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="patches of 5"):
        LatentActionConfig(patch=5)
    with pytest.raises(ValueError, match="between two frames"):
        model().infer(films(1, 1))
    with pytest.raises(ValueError, match=r"\(B, T, 3, 32, 32\) wanted"):
        model().infer(films()[:, :, :, :16])


def test_the_papers_tables_and_the_published_count_are_shown_side_by_side() -> None:
    counts = {}
    for hidden in (0.5, 4):
        with torch.device("meta"):
            big = get_recipe("lam").build(load_config("lam", "paper", {"model.hidden": hidden}).model)
        counts[hidden] = sum(p.numel() for p in big.parameters()) / 1e6
    assert counts[0.5] == pytest.approx(380, abs=3) and counts[4] == pytest.approx(673, abs=3)
    assert get_recipe("lam").published == 300_000_000, "neither reading of the tables gives it"


# --- the exam's instruments -----------------------------------------------------------------------------------------
def test_visible_steps_agree_with_the_four_keys() -> None:
    asked = load_films("simple", split="validation", count=3)
    visible = visible_steps(asked)
    assert visible.shape == asked.actions.shape
    pairs = counterfactuals(asked, (4, 9, 17)).visible  # (N, K, 4, 4)
    for k, t in enumerate((4, 9, 17)):
        for n in range(3):
            key = int(asked.actions[n, t])
            assert visible[n, t] == pairs[n, k, key, [o for o in range(4) if o != key]].all()
    x, y = asked.of("x")[:, :, 0], asked.of("y")[:, :, 0]
    flying = (y[:, :-1] > y[:, :1] + 1.5) & (asked.actions == 3)
    assert flying.any() and not visible[flying].any(), "a jump that is pressed in the air draws what no key draws"
    assert x.shape == (3, 32)


def test_nmi_agrees_with_scikit_learn_and_knows_its_ends() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        index, keys = rng.integers(0, 8, (6, 30)), rng.integers(0, 4, (6, 30))
        keys = np.where(rng.random(keys.shape) < 0.5, index // 2, keys)
        counts = count_pairs(index, keys, np.ones_like(keys, bool), 8)
        wanted = normalized_mutual_info_score(index.ravel(), keys.ravel(), average_method="arithmetic")
        assert float(nmi_of_counts(counts.sum(axis=0))) == pytest.approx(wanted, abs=1e-9)
        found = nmi_interval(counts, rng, resamples=200)
        assert found["low"] <= found["value"] <= found["high"]
    same = np.tile(np.arange(4), (5, 3))
    counts = count_pairs(same[:, ::-1] * 2, same[:, ::-1], np.ones_like(same, bool), 8)
    assert float(nmi_of_counts(counts.sum(axis=0))) == pytest.approx(1.0), "names do not matter"
    assert accuracy_by_film(counts) == pytest.approx(1.0)
    one = count_pairs(np.zeros_like(same), same, np.ones_like(same, bool), 8)
    assert float(nmi_of_counts(one.sum(axis=0))) == 0.0
    assert accuracy_by_film(one) == pytest.approx(majority_by_film(one))


def test_a_code_that_turns_round_with_the_place_is_found_given_the_place_only() -> None:
    rng = np.random.default_rng(0)
    keys, cell = rng.integers(0, 4, (40, 30)), rng.integers(0, 8, (40, 30))
    index, asked = (keys + cell) % 4, np.ones((40, 30), bool)
    assert float(nmi_of_counts(count_pairs(index, keys, asked, 8).sum(axis=0))) < 0.02
    assert nmi_given(index, keys, asked, cell, 8) == pytest.approx(1.0, abs=1e-6)


def test_a_table_is_fitted_on_other_films() -> None:
    """Codes that mean something else in every film tell nothing about others, though each film by itself agrees."""
    keys = np.tile(np.arange(4), (8, 5))
    index = (keys + np.arange(8)[:, None]) % 4
    counts = count_pairs(index, keys, np.ones_like(keys, bool), 8)
    assert accuracy_by_film(counts).mean() <= 0.5
    assert (counts.max(axis=2).sum(axis=1) / 20 == 1.0).all()


def test_the_exam_asks_an_untrained_one_and_it_gains_nothing() -> None:
    asked = untrained_twin(LatentActionModel(load_config("lam", "tiny").model))
    rows = list(latent_actions.ask(Entrant("small", {"lam": asked}, []), Sitting(count=5, split="validation")))
    names = [r.question for r in rows]
    assert names[:4] == ["action_nmi", "action_accuracy", "action_nmi_off_walls", "action_accuracy_off_walls"]
    assert names[4:] == ["latent_gain_db", "action_nmi_given_place"]
    assert abs(rows[4].value) < 0.5, "nothing was learned, so a code is as good as another"
    assert all(r.controls for r in rows) and rows[0].n == 5
    where = places(load_films("simple", split="validation", count=5), 8)
    assert where.shape == (5, 31) and 0 <= where.min() and where.max() < 8


def test_an_agent_touches_a_wall_or_it_does_not() -> None:
    films = load_films("agent", split="validation", count=20)
    held, x = at_wall(films), films.of("x")[:, :-1, spec.AGENT_SLOT]
    assert 0.05 < held.mean() < 0.6 and held.shape == (20, 31)
    assert (np.minimum(x, spec.BOX - x)[held] < 2.7).all() and (np.minimum(x, spec.BOX - x)[~held] > 2.5).all()


# --- learning -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def tiny_run() -> History:
    return train("lam", "tiny", progress="none")


def test_learning_at_tiny_size_codes_beat_those_of_another_film_and_know_the_keys(tiny_run: History) -> None:
    history = tiny_run
    test = load_films("agent", split="validation", count=12)
    index = codes_of_films(history.model, test.frames)
    own = drawn_psnr_by_film(history.model, test.frames, index, 1)
    other = drawn_psnr_by_film(history.model, test.frames, np.roll(index, 1, axis=0), 1)
    assert float((own - other).mean()) > 1.0
    counts = count_pairs(index, test.actions.astype(int), np.ones_like(test.actions, bool), 8)
    assert float(nmi_of_counts(counts.sum(axis=0))) > 0.1


# --- what the encoder looks at --------------------------------------------------------------------------------------
def test_an_encoder_of_tokens_looks_at_nothing_but_tokens() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = VideoTokenizer(load_config("tokenizer", "tiny").model).eval()
        asked = LatentActionModel(LatentActionConfig(**SMALL), tokenizer).eval()
    x = films()
    with torch.no_grad():
        other = x + 1e-5 * torch.rand(x.shape, generator=seeded(3))
        assert torch.equal(tokenizer.tokens(x), tokenizer.tokens(other)), "a change that no token tells"
        assert not torch.equal(model().eval().encode(x), model().eval().encode(other)), "and pixels do"
        assert torch.equal(asked.encode(x), asked.encode(other))
        assert asked.infer(x).shape == (2, 4) and asked.predict(x[:, :-1], asked.infer(x)).shape == (2, 4, 3, 32, 32)
    assert not any(key.startswith("_tokenizer") or "tokenizer" in key for key in asked.state_dict())
    with pytest.raises(ValueError, match="convolutions alone"):
        LatentActionModel(LatentActionConfig(encoder="space_time", **SMALL), tokenizer)


def test_shifted_films_keep_their_pixels_and_their_motion() -> None:
    frames = load_films("agent", split="validation", count=6).frames
    moved = shifted(frames, np.random.default_rng(0), most=3)
    assert moved.shape == frames.shape and moved.dtype == np.uint8 and not np.array_equal(moved, frames)
    np.testing.assert_array_equal(shifted(frames, np.random.default_rng(0), most=0), frames)
    for film, other in zip(frames, moved, strict=True):
        middle = other[:, 3:-3, 3:-3]
        places = [(i, j) for i in range(7) for j in range(7)
                  if np.array_equal(film[:, i : i + 26, j : j + 26], middle)]  # fmt: skip
        assert places, "each film is moved as a whole, the same in every frame"


def test_encoders_are_measured_kept_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = encoders.measured_encoders()
    assert list(found) == list(encoders.KINDS)
    for row in found.values():
        assert row["nmi"]["low"] <= row["nmi"]["value"] <= row["nmi"]["high"] <= 1.0 and row["steps"] > 0
    with pytest.raises(ExamError, match="no encoder .eyes.*patches"):
        encoders.train_kind("eyes", load_films("agent", split="train", count=2), 1)
    monkeypatch.setattr(encoders, "KEPT", tmp_path / "encoders.json")
    with pytest.raises(ExamError, match="python -m course_lib study encoders"):
        encoders.measured_encoders()
    for text in ("{", "[]", '{"patches": {}}'):
        encoders.KEPT.write_text(text)
        with pytest.raises(ExamError, match="study encoders"):
            encoders.measured_encoders()
