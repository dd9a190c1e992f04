"""V-JEPA: tubelets and tubes, what each encoder sees, surprise from the past alone; that it learns; what was kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.exam.measures.motion import LENGTH, MOTION, VELOCITIES, by_pictures, clips_of, two_frames_of_pixels
from course_lib.exam.measures.surprises import turned_back_scores
from course_lib.exam.registry import get_entrant, get_question
from course_lib.exam.sitting import Sitting
from course_lib.models.v_jepa import VJEPA, VJEPAConfig
from course_lib.nets.ema import with_average
from course_lib.nets.film_vit import FilmViT
from course_lib.nets.patches import patchify
from course_lib.nets.tubes import FutureMasks, TubeMasks, future_masks, through_time
from course_lib.studies.store import weights_of
from course_lib.studies.v_jepa import last_motion, measured_motion
from course_lib.training import ConfigError, build, get_recipe, load_config, train
from course_lib.views.v_jepa import shown_tubelets
from course_lib.worlds.films import load_films

SMALL = {"frame_size": 32, "patch": 8, "length": 4, "frames_each": 2, "width": 16, "depth": 2, "heads": 2,
         "predictor_width": 8, "predictor_depth": 1, "predictor_heads": 2, "masks": ["future"]}  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**changes: object) -> VJEPA:
    return build(get_recipe("v_jepa"), VJEPAConfig(**{**SMALL, **changes})).eval()  # type: ignore[return-value]


def films(length: int = 4) -> Tensor:
    return torch.rand(3, length, 3, 32, 32, generator=seeded(9))


def repainted(frames: Tensor, places: Tensor, side: int = 4, patch: int = 8, each: int = 2) -> Tensor:
    """The films with other pixels in some tubelets, int64 (B, K)."""
    shown = torch.ones(len(frames), frames.shape[1] // each * side * side).scatter(1, places, 0.0)
    dots = shown.view(len(frames), -1, side, side)
    dots = dots.repeat_interleave(each, 1).repeat_interleave(patch, 2).repeat_interleave(patch, 3)[:, :, None]
    return dots * frames + (1.0 - dots) * (1.0 - frames)


# --- tubelets and tubes ----------------------------------------------------------------------------------------------
def test_a_token_is_a_tubelet_with_its_place_and_time() -> None:
    net, x = FilmViT(32, 8, 4, 2, 16, 1, 2), films()
    tokens = net.tokens(x)
    by_hand = net.embed(patchify(2 * x - 1, 8, 2))  # (3, 2, 16, 16)
    assert tokens.shape == (3, 32, 16) and torch.allclose(tokens, by_hand.flatten(1, 2) + net.places)
    assert len({tuple(row.tolist()) for row in net.places}) == 32  # no two places are the same
    assert torch.allclose(net.tokens(x[:, :2]), tokens[:, :16])  # a shorter film is the beginning of a longer one


def test_every_tubelet_attends_to_every_other() -> None:
    net, x = FilmViT(32, 8, 4, 2, 16, 1, 2), films().requires_grad_()
    net.features(x)[0, 0, 0].backward()  # one channel: the sum of a normalised token is 0, whatever was seen
    assert float(patchify(x.grad, 8, 2)[0].abs().sum(dim=-1).min()) > 0.0


@pytest.mark.parametrize(("length", "each", "shape"), [(5, 2, (1, 4)), (4, 2, (1, 3)), (4, 2, (1, 6))])
def test_films_that_tubelets_do_not_fill_are_refused(length: int, each: int, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="frames|films"):
        FilmViT(32, 8, length, each, 16, 1, 2).tokens(torch.rand(*shape, 3, 32, 32))


@pytest.mark.parametrize(("blocks", "scale"), [(8, 0.15), (2, 0.7), (1, 0.3)])
def test_what_is_hidden_is_hidden_at_all_times_and_is_no_context(blocks: int, scale: float) -> None:
    masks = TubeMasks((8, 8), 3, blocks, scale).draw(50, seeded())
    for part in (masks.context, masks.targets[:, 0]):
        places = part.view(50, 3, -1)  # the same patches at each of three times
        assert torch.equal(places - places[:, :1], 64 * torch.arange(3)[:, None].expand_as(places))
        assert torch.equal(part, part.sort(dim=1).values) and len(part[0].unique()) == part.shape[1]
    both = [set(a.tolist()) & set(b.tolist()) for a, b in zip(masks.context, masks.targets[:, 0], strict=True)]
    assert not any(both)


def test_a_block_hides_its_share_and_long_range_hides_more_than_short_range() -> None:
    share = {name: TubeMasks((14, 14), 1, *blocks).hidden(400, seeded()).float().mean().item()
             for name, blocks in {"one": (1, 0.15), "short": (8, 0.15), "long": (2, 0.7)}.items()}  # fmt: skip
    assert 0.13 < share["one"] < 0.17 and share["one"] < share["short"] < share["long"] < 1.0


def test_masks_that_can_leave_nothing_are_refused_and_the_same_seed_draws_the_same() -> None:
    with pytest.raises(ValueError, match="no context"):
        TubeMasks((2, 2), 1, 1, 0.9)
    first, again = (TubeMasks((8, 8), 2).draw(5, seeded(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_past_and_future_are_the_whole_film_in_order() -> None:
    masks = future_masks(4, 3, 1, 2)
    assert torch.equal(torch.cat([masks.context, masks.targets[:, 0]], dim=1)[1], torch.arange(12))
    assert {FutureMasks(4, 3).draw(1, seeded(n)).context.shape[1] for n in range(20)} == {4, 8}
    assert through_time(torch.tensor([[1, 3]]), 4, 2).tolist() == [[1, 3, 5, 7]]
    for seen in (0, 3):
        with pytest.raises(ValueError, match="are seen"):
            future_masks(4, 3, seen, 1)


# --- the model -------------------------------------------------------------------------------------------------------
def test_the_predictor_sees_nothing_of_what_is_hidden() -> None:
    model, x = small(), films()
    masks = future_masks(16, 2, 1, 3)
    with torch.no_grad():
        guess = model.predict(x, masks)
        assert torch.equal(model.predict(repainted(x, masks.targets[:, 0]), masks), guess)
        assert not torch.equal(model.predict(repainted(x, masks.context[:, :1]), masks), guess)
        assert not torch.equal(model.targets(repainted(x, masks.context[:, :1]))[:, 16:], model.targets(x)[:, 16:])


def test_the_loss_is_the_mean_absolute_distance_to_normalised_tokens() -> None:
    model, x = small(), films()
    losses = model.loss({"frames": x}, 0, seeded())
    masks = model.maskings["future"].draw(3, seeded())
    wanted = F.layer_norm(model.encode(x), (16,))[:, 16:]
    assert torch.allclose(losses["future"], (model.predict(x, masks)[:, 0] - wanted).abs().mean(), atol=1e-6)
    assert torch.allclose(losses["loss"], losses["future"])


def test_gradients_reach_context_encoder_and_predictor_only() -> None:
    model = small(masks=["short", "long", "future"], patch=4)
    model.loss({"frames": films()}, 0, seeded())["loss"].backward()
    assert all(p.grad is None for p in model.target_encoder.parameters())
    learning = [*model.encoder.named_parameters(), *model.predictor.named_parameters()]
    assert not [name for name, p in learning if p.grad is None]


def test_two_networks_begin_alike_and_one_takes_no_gradients() -> None:
    network, average = with_average(lambda: torch.nn.Linear(3, 2))
    assert torch.equal(network.weight, average.weight) and network.weight is not average.weight
    assert network.weight.requires_grad and not average.weight.requires_grad


def test_surprise_comes_from_the_frames_before_and_is_the_error_of_the_guess() -> None:
    model, x = small(), films(10)
    found = model.surprise(x)
    assert torch.isnan(found[:, :3]).all() and torch.isfinite(found[:, 3:]).all()
    assert torch.allclose(found[:, 6], model.expected(x[:, 3:7]).mean(dim=1), atol=1e-6)
    changed = torch.cat([x[:, :7], 1 - x[:, 7:]], dim=1)
    assert torch.allclose(model.surprise(changed)[:, :7], found[:, :7], equal_nan=True)


@pytest.mark.parametrize("changes", [{"model.length": 3}, {"model.length": 2, "data.length": 2}, {"data.length": 6}])
def test_settings_that_do_not_fit_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="length"):
        train("v_jepa", load_config("v_jepa", "tiny", {"train.steps": 1, **changes}), progress="none")


def test_it_learns_what_a_film_says_of_its_hidden_parts() -> None:
    """Films of one colour each: with the context of another film the guess is clearly worse."""
    colours = np.random.default_rng(0).integers(0, 256, size=(96, 1, 1, 1, 3), dtype=np.uint8)
    given = np.broadcast_to(colours, (96, 4, 32, 32, 3)).copy()
    run = train("v_jepa", load_config("v_jepa", "tiny", {"train.steps": 80}), data=given[:64], progress="none")
    model, frames = run.model.eval(), torch.from_numpy(given[64:]).float().permute(0, 1, 4, 2, 3) / 255
    masks = future_masks(64, 2, 1, 32)
    with torch.no_grad():
        wanted = model.targets(frames)[:, 64:]
        own, other = (model.predict(x, masks)[:, 0] for x in (frames, frames.roll(1, dims=0)))
    assert (own - wanted).abs().mean() < 0.9 * (other - wanted).abs().mean()


# --- measures and what was kept --------------------------------------------------------------------------------------
def test_clips_end_where_their_truth_is_and_controls_have_a_token_for_each_place() -> None:
    clips = clips_of(load_films("ball", split="test", count=6))
    assert clips.frames.shape == (18, LENGTH, 32, 32, 3) and set(clips.truth) == set(MOTION)
    x = torch.rand(2, LENGTH, 3, 32, 32, generator=seeded())
    assert two_frames_of_pixels(x).shape == (2, 64, 2 * 3 * 12 * 12 + 16)
    changed = torch.cat([1 - x[:, :2], x[:, 2:]], dim=1)
    assert torch.equal(two_frames_of_pixels(x), two_frames_of_pixels(changed))  # the last two frames alone
    tokens = by_pictures(lambda frames: patchify(frames, 4), 2)(x)
    assert torch.equal(tokens[..., 48:], patchify(x[:, -1], 4))
    with pytest.raises(ValueError, match="'ball'"):
        clips_of(load_films("simple", split="test", count=100))


def test_who_is_never_surprised_has_chance_level_and_who_knows_the_film_is_right() -> None:
    frames = torch.rand(4, 32, 3, 8, 8, generator=seeded())
    scores, asked = turned_back_scores(lambda film, time: np.zeros(4), frames)
    assert asked.all() and (scores == 0.5).all()
    scores, _ = turned_back_scores(
        lambda film, time: (film[:, -1] - frames[:, time + 1]).abs().sum(dim=(1, 2, 3)).numpy(), frames)  # fmt: skip
    assert (scores == 1.0).all()


def test_only_what_is_shown_is_drawn() -> None:
    film = np.full((4, 32, 32, 3), 7, dtype=np.uint8)
    shown = (shown_tubelets(film, np.array([0, 64]), 4, 2) == 7).all(axis=-1)
    assert shown.sum(axis=(1, 2)).tolist() == [16] * 4 and shown[:, :4, :4].all()


def test_what_was_kept_belongs_to_the_checkpoint_and_the_exam_reads_it() -> None:
    kept = measured_motion()
    assert kept["weights"] == weights_of("v_jepa") and kept["others"]["i_jepa"] == weights_of("i_jepa")
    rows = {row.question: row for row in get_question("motion")(get_entrant("v_jepa"), Sitting())}
    assert len(rows) == 2 * len(MOTION) + 2
    for name in VELOCITIES:
        own = last_motion(kept)["attentive"][name]
        assert rows[f"attentive_r2_{name}"].value == own["value"] and own["low"] <= own["value"] <= own["high"]
