"""The video codec: lengths, causality, an image as a film of one frame, what a latent sees; its measures; it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.exam.measures import codecs
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.codec import CodecConfig, VideoCodec, group_before, group_frames, ungroup_frames
from course_lib.training import build, get_recipe, load_checkpoint, load_config, train
from course_lib.training.config import ConfigError
from course_lib.worlds import spec
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import foreground, to_model, to_uint8

SMALL = {"stem": 2, "widths": (8, 12), "group_width": 16, "latent": 4}
KINDS = ("causal", "frames")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codec(kind: str = "causal", **changes: object) -> VideoCodec:
    """A small one whose every weight matters: fresh blocks are the identity, and would hide what they see."""
    model = build(get_recipe("codec"), CodecConfig(kind=kind, **{**SMALL, **changes}))
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(n)))
    return model.eval()


def films(batch: int = 2, length: int = 9, seed: int = 1) -> Tensor:
    return torch.rand(batch, length, 3, 32, 32, generator=seeded(seed))


@pytest.fixture(scope="module")
def bodies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training films, and validation films with their states."""
    held = load_films("bodies", split="validation", count=30)
    return load_films("bodies", split="train", count=120).frames[:, :17], held.frames[:, :17], held.states[:, :17]


# --------------------------------------------------------------------------------------------------- lengths and shapes


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_latents_and_films(kind: str) -> None:
    model, x = codec(kind), films()
    groups = {"causal": 3, "frames": 9}[kind]
    with torch.no_grad():
        z = model.latents(x)
        assert z.shape == (2, groups, 4, 8, 8) and z.dtype == torch.float32
        drawn = model.frames_of(z)
    assert drawn.shape == x.shape and 0.0 <= drawn.min() and drawn.max() <= 1.0
    assert model.config.numbers == 256 and model.config.compression == {"causal": 48, "frames": 12}[kind]


@pytest.mark.parametrize("length", [1, 5, 9, 13, 29])
def test_lengths_of_one_and_whole_groups_are_taken(length: int) -> None:
    with torch.no_grad():
        assert codec().latents(films(1, length)).shape[1] == 1 + (length - 1) // 4


@pytest.mark.parametrize(("length", "near"), [(2, "1 or 5"), (4, "1 or 5"), (6, "5 or 9"), (32, "29 or 33")])
def test_other_lengths_are_refused_and_the_way_out_is_named(length: int, near: str) -> None:
    with pytest.raises(ValueError, match=f"film of {length} frames .* 1, 5, 9, 13 .* take {near}"):
        codec().encode(films(1, length))
    assert codec("frames").config.groups(length) == length, "each frame by itself: any length"
    with pytest.raises(ValueError, match="take 1"):
        codec().config.groups(0)


def test_what_are_no_films_or_latents_is_refused() -> None:
    model = codec()
    for wrong in (films()[0], films()[:, :, :1], films()[..., :16], (films() * 255).to(torch.uint8)):
        with pytest.raises(ValueError, match=r"float films \(B, T, 3, 32, 32\) wanted"):
            model.encode(wrong)
    with pytest.raises(ValueError, match=r"latents \(B, G, 4, 8, 8\) wanted"):
        model.decode(torch.zeros(1, 1, 5, 8, 8))


def test_a_wider_grid_is_a_wider_room_and_its_far_end_changes_nothing_here() -> None:
    model, z = codec(), torch.randn(1, 2, 4, 8, 24, generator=seeded())
    with torch.no_grad():
        wide, other = model.decode(z), model.decode(torch.cat([z[..., :16], -z[..., 16:]], dim=-1))
    assert wide.shape == (1, 5, 3, 32, 96)
    assert torch.allclose(wide[..., :8], other[..., :8], atol=1e-6) and not torch.allclose(wide, other, atol=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"stem": 3}, "no multiple"), ({"widths": (8,) * 7}, "no multiple")],
)
def test_configurations_that_cannot_be_built_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CodecConfig(**{**SMALL, **change})


def test_films_that_cannot_be_cut_are_refused_before_the_training() -> None:
    config = load_config("codec", "tiny", {"data.length": 6})
    with pytest.raises(ConfigError, match=r"data.length: a film of 6 frames .* take 5 or 9"):
        train("codec", config, progress="none")


@pytest.mark.parametrize("group", [2, 4])
def test_cutting_into_groups_and_back_loses_nothing(group: int) -> None:
    x = films(3, 1 + 2 * group)
    groups = group_frames(x, group)
    assert groups.shape == (3, 3, group, 3, 32, 32)
    assert torch.equal(groups[:, 0], x[:, :1].expand(-1, group, -1, -1, -1)), "a film at rest"
    assert torch.equal(groups[:, 1, 0], x[:, 1]) and torch.equal(groups[:, 2, -1], x[:, -1]), "in their order"
    assert torch.equal(ungroup_frames(groups), x)


# ---------------------------------------------------------------------------------------------------- time runs one way


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_a_film_of_one_frame(kind: str) -> None:
    model, x = codec(kind), films()
    with torch.no_grad():
        whole, image = model.latents(x), model.latents(x[:, :1])
        torch.testing.assert_close(image, whole[:, :1], atol=1e-5, rtol=0)
        torch.testing.assert_close(model.frames_of(image), model.frames_of(whole)[:, :1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [1, 4, 5, 7, 8])
def test_later_frames_change_no_latent_and_no_drawing_of_a_group_that_ended_before(kind: str, first: int) -> None:
    """Exactly: a group is drawn when its last frame is there, so earlier frames of the own group may change."""
    model, x = codec(kind), films()
    mixed = torch.cat([x[:, :first], films(seed=2)[:, first:]], dim=1)
    each = model.config.frames_each
    ended = 1 + (first - 1) // each  # groups whose frames all come before `first`
    with torch.no_grad():
        before, after = model.latents(x), model.latents(mixed)
        drawn, redrawn = model.frames_of(before), model.frames_of(after)
    assert torch.equal(before[:, :ended], after[:, :ended])
    frames = 1 + (ended - 1) * each
    assert torch.equal(drawn[:, :frames], redrawn[:, :frames])
    assert ((before - after)[:, ended].abs().flatten(1).amax(dim=1) > 1e-3).all(), "the own group does change"


@pytest.mark.parametrize("layers", [1, 2])
def test_the_past_that_is_seen_is_one_group_for_each_block(layers: int) -> None:
    model, x = codec(group_layers=layers), films(1, 21)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(model.latents(x)[:, 5].sum(), x)
    seen = slope.abs().amax(dim=(0, 2, 3, 4)) > 0  # (21,)
    assert seen.tolist() == [t >= 1 + 4 * (4 - layers) for t in range(21)]


def test_a_frame_by_itself_knows_no_other() -> None:
    model, x = codec("frames"), films(1, 6)
    with torch.no_grad():
        one_by_one = torch.cat([model.latents(x[:, t : t + 1]) for t in range(6)], dim=1)
        torch.testing.assert_close(model.latents(x), one_by_one, atol=1e-5, rtol=0)


def test_the_group_before_the_first_is_nothing() -> None:
    x = torch.arange(6.0).reshape(1, 3, 2)
    assert group_before(x).tolist() == [[[0.0, 0.0], [0.0, 1.0], [2.0, 3.0]]]


def test_how_far_a_latent_sees_depends_on_the_kernel_alone() -> None:
    """Kernel 1 is to cut first: a latent knows its own 4 x 4 pixels. Kernel 3 is to compress first."""
    x = films(1, 5).requires_grad_()
    widths = {}
    for kernel in (1, 3):
        (slope,) = torch.autograd.grad(codec(kernel=kernel).latents(x)[0, 1, :, 4, 4].sum(), x)
        rows = torch.nonzero(slope.abs().amax(dim=(0, 1, 2, 4))).flatten()
        widths[kernel] = (int(rows.min()), int(rows.max()))
    assert widths[1] == (16, 19)
    assert widths[3][0] < 16 - 4 and widths[3][1] > 19 + 4


# ------------------------------------------------------------------------------------------------------- loss and scale


def test_latents_that_say_nothing_cost_nothing() -> None:
    model = codec()
    last = model.group_encoder.latents
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)  # mu = 0 and log sigma^2 = 0 everywhere: the prior itself
    assert model.loss({"frames": films()}, 0, seeded())["kl"] == 0.0
    assert codec().loss({"frames": films()}, 0, seeded())["kl"] > 0.0


def test_the_loss_is_the_weighted_error_and_the_kl_in_nats_a_frame() -> None:
    model, x = codec(beta=0.5, sigma=0.1, foreground=5.0), films()
    drawn = model(x).frames
    front = torch.zeros(2, 9, 32, 32, dtype=torch.bool)
    front[:, :, 8:16] = True
    losses = model.loss({"frames": x, "foreground": front}, 0, None)
    weights = torch.ones(2, 9, 1, 32, 32)
    weights[:, :, :, 8:16] = 5.0
    error = (weights * (drawn - x).square()).sum() / (2 * 9) / (2 * 0.1**2)
    torch.testing.assert_close(losses["reconstruction"], error)
    torch.testing.assert_close(losses["loss"], error + 0.5 * losses["kl"])
    plain, all_front = ({"frames": x} | more for more in ({}, {"foreground": torch.ones_like(front)}))
    ratio = model.loss(all_front, 0, None)["reconstruction"] / model.loss(plain, 0, None)["reconstruction"]
    assert ratio.item() == pytest.approx(5.0, rel=1e-4)


def test_a_draw_comes_from_its_generator_and_the_mean_from_none() -> None:
    model, x = codec(), films()
    with torch.no_grad():
        assert torch.equal(model.latents(x, seeded(3)), model.latents(x, seeded(3)))
        assert not torch.equal(model.latents(x, seeded(3)), model.latents(x, seeded(4)))
        assert torch.equal(model.latents(x), model.latents(x))


def test_the_scale_is_that_of_the_training_films() -> None:
    """After steps on one batch the running moments are that batch's, so its latents have mean 0 and deviation 1."""
    model, batch = codec().train(), {"frames": films(4)}
    with torch.no_grad():
        for step in range(5):
            model.loss(batch, step, seeded())
        model.eval()
        z = model.latents(batch["frames"])
        torch.testing.assert_close(z.mean(dim=(0, 1, 3, 4)), torch.zeros(4), atol=1e-4, rtol=0)
        torch.testing.assert_close(z.std(dim=(0, 1, 3, 4), correction=0), torch.ones(4), atol=1e-3, rtol=0)
        kept = model.mean.clone()
        model.loss({"frames": films(4, seed=9)}, 5, seeded())
        assert torch.equal(model.mean, kept), "only training changes the scale"
        torch.testing.assert_close(model.frames_of(z), model(batch["frames"]).frames.clamp(0, 1), atol=1e-5, rtol=0)


def test_what_counts_more_is_what_the_exam_calls_foreground() -> None:
    config = load_config("codec", "tiny")
    recipe = get_recipe("codec")
    data = recipe.load(config, load_films("bodies", split="train", count=120))
    batch = next(recipe.batches(data, config, seeded()))
    stored = to_uint8(batch["frames"])
    assert torch.equal(batch["foreground"], torch.from_numpy(foreground(stored, data.arrays["room"])))
    assert 0.02 < float(batch["foreground"].float().mean()) < 0.4


# ------------------------------------------------------------------------------------------------------------- controls


def test_pca_is_exact_with_all_numbers_and_better_with_more(bodies: tuple) -> None:
    train_films, held, _ = bodies
    pca = codecs.BlockPCA(train_films, CodecConfig(**SMALL), 4)
    scores = [codecs.film_psnr(codecs.coded(pca.coder(k), held), held).mean() for k in (4, 16, 48, 192)]
    assert scores == sorted(scores) and scores[-1] > 60.0


@pytest.mark.parametrize("kind", KINDS)
def test_pca_gets_as_many_numbers_as_the_latents(kind: str, bodies: tuple) -> None:
    config = CodecConfig(kind=kind, **SMALL)
    for block in (4, 8):
        pca = codecs.BlockPCA(bodies[0], config, block)
        assert pca.equal * (32 // block) ** 2 == config.numbers
        assert torch.equal(pca.coder()(films()), pca.coder(pca.equal)(films()))


def test_pca_sees_the_first_frame_by_itself(bodies: tuple) -> None:
    pca = codecs.BlockPCA(bodies[0], CodecConfig(**SMALL), 8).coder()
    x = to_model(bodies[1][:3])
    torch.testing.assert_close(pca(x[:, :1]), pca(x)[:, :1])


def test_directions_are_orthonormal_and_in_their_order() -> None:
    blocks = torch.randn(500, 6, generator=seeded()) * torch.tensor([1.0, 5.0, 2.0, 0.1, 3.0, 4.0])
    found = codecs.principal_blocks(blocks)
    torch.testing.assert_close(found.basis.T @ found.basis, torch.eye(6), atol=1e-5, rtol=0)
    assert found.basis.abs().argmax(dim=0).tolist() == [1, 5, 4, 2, 0, 3]


def test_the_reader_finds_what_real_films_show_and_not_what_other_films_show(bodies: tuple) -> None:
    reader, (_, held, states) = load_checkpoint("reader"), bodies
    real = codecs.read_bodies(reader, held, states)
    assert all(real[name].mean() > 0.97 for name in ("number", "colour", "shape", "motion"))
    other = codecs.read_bodies(reader, held, np.roll(states, 1, axis=0))
    assert all(other[name].mean() < 0.5 for name in ("colour", "shape", "motion"))
    empty = codecs.read_bodies(reader, np.full_like(held, 240), states)
    assert all(empty[name].max() == 0.0 for name in empty)
    assert 0.4 < codecs.always_falling(states) < 0.9


def test_shares_of_nothing_but_ones_still_have_an_interval() -> None:
    answer = codecs.share_and_interval(np.ones(100), seed=0)
    assert answer["value"] == 1.0 == answer["high"] and 0.95 < answer["low"] < 0.97
    mixed = codecs.share_and_interval(np.linspace(0.5, 1.0, 100), seed=0)
    assert mixed["low"] < 0.75 < mixed["high"]


def test_a_leak_is_found_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, others = codec(), films(), films(seed=2)
    found = codecs.changes(model, x, others, 5)
    assert (found["earlier"] == 0.0).all() and (found["own"] > 1e-3).all()
    backwards = "course_lib.models.codec.group_before"
    monkeypatch.setattr(backwards, lambda z: torch.cat([z[:, 1:], torch.zeros_like(z[:, :1])], dim=1))
    assert (codecs.changes(model, x, others, 5)["earlier"] > 1e-4).all()
    for first in (0, 9):
        with pytest.raises(ValueError, match="a frame from 1 to 8"):
            codecs.changes(model, x, others, first)


# ---------------------------------------------------------------------------------------------------- learning, shipped


def test_learning_the_tiny_codec_beats_the_mean_and_an_untrained_one(bodies: tuple) -> None:
    _, held, _ = bodies
    history = train("codec", "tiny", progress="none")
    model = history.model
    own = codecs.film_psnr(codecs.coded(codecs.codec_coder(model), held), held)
    fresh = build(get_recipe("codec"), load_config("codec", "tiny").model, seed=3).eval()
    untrained = codecs.film_psnr(codecs.coded(codecs.codec_coder(fresh), held), held)
    mean = codecs.film_psnr(codecs.coded(codecs.mean_film_coder(bodies[0]), held), held)
    assert own.mean() > mean.mean() + 1.0 > untrained.mean() + 1.0
    with torch.no_grad():
        z = model.latents(to_model(held))
    assert 0.3 < float(z.std()) < 3.0, "near unit scale on films that it has not seen"


@pytest.fixture(scope="module")
def rows():
    return examine([get_entrant("codec"), get_entrant("codec-frames")], Sitting(count=12, split="validation"))


@pytest.mark.parametrize("name", ["codec", "codec-frames"])
def test_the_shipped_codecs_beat_pca_of_equal_size_and_keep_shape(name: str, rows) -> None:
    assert not rows.failed
    decibels = rows[name, "codec_psnr_db"]
    assert decibels.low > max(decibels.controls[key] for key in ("pca_4", "pca_8", "mean", "untrained"))
    shape = rows[name, "codec_shape"]
    assert shape.bar == 0.95 and shape.controls["real"] >= shape.value - 0.02
    assert shape.value > max(shape.controls[key] for key in ("pca_4", "pca_8", "mean", "untrained", "shuffled"))
    leak = rows[name, "codec_leak"]
    assert leak.passed and leak.controls["own_group"] > 0.01
    assert rows[name, "codec_kl_nats"].low > 10.0, "it is no plain autoencoder"
    assert 0.0 < rows[name, "codec_motion"].controls["always_falling"] < 1.0


@pytest.mark.parametrize("size", ["cpu", "cpu-frames"])
def test_the_shipped_latents_have_unit_scale_on_held_out_films(size: str, bodies: tuple) -> None:
    model = load_checkpoint("codec", size=size)
    with torch.no_grad():
        z = model.latents(to_model(bodies[1]))
    channels = z.std(dim=(0, 1, 3, 4))
    assert (channels > 0.6).all() and (channels < 1.6).all()
    assert (z.mean(dim=(0, 1, 3, 4)).abs() < 0.3).all()
    assert z.shape[-1] ** 2 * z.shape[2] == model.config.numbers and spec.FILM_FRAMES == 32
