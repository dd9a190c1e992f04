"""The diffusion transformer: identities at the start, shapes, conditions, guidance, known groups, counts; it learns."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.models.base import untrained_twin
from course_lib.models.clip import PAD, tokenise
from course_lib.models.conditions import timestep_embedding
from course_lib.models.dit import (
    AveragedDiT,
    DiT,
    DiTBlock,
    DiTConfig,
    FeedForward,
    KnownGroups,
    modulate,
    spacetime_positions,
)
from course_lib.nets.ema import ema_decay, update_average
from course_lib.training import ConfigError, get_recipe, load_config, train
from course_lib.training.recipe import Data
from course_lib.training.recipes import dit as recipe_file
from course_lib.worlds.captions import EMPTY, parse_caption
from course_lib.worlds.films import make_films

WAYS = ("in-context", "cross-attention", "adaLN", "adaLN-Zero")
CAPTIONS = ["a small red ball falling", "a large blue box resting and a small red ball moving left", "an empty box"]
SMALL = {"channels": 3, "patch": 2, "width": 16, "depth": 2, "heads": 2, "classes": 0, "learned_variance": False,
         "schedule": "straight", "target": "u", "text_depth": 1}  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fresh_dit(**changes: object) -> DiT:
    settings = {**SMALL, **changes}
    settings.setdefault("word_attention", str(settings.get("conditioning", "adaLN-Zero")).startswith("adaLN"))
    torch.manual_seed(0)
    return DiT(DiTConfig(**settings)).eval()


def dit(**changes: object) -> DiT:
    """One whose every weight matters: a fresh one says 0 whatever it is given."""
    model = fresh_dit(**changes)
    with torch.no_grad():
        for n, parameter in enumerate(model.parameters()):
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=seeded(n)))
    return model


def latents(films: int = 3, groups: int = 3, rows: int = 4, columns: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(films, groups, 3, rows, columns, generator=seeded(seed))


def tokens() -> Tensor:
    return tokenise(CAPTIONS, 16)


def levels(films: int = 3) -> Tensor:
    return torch.linspace(0.2, 0.9, films)


# ------------------------------------------------------------------------------------------------------- at the start


@pytest.mark.parametrize("extra", [{}, {"depthwise": True}, {"stem": 8},
                                   {"stem": 8, "stem_blocks": 1}])  # fmt: skip
def test_a_fresh_block_is_the_identity_to_the_bit_and_a_fresh_network_says_0(extra: dict) -> None:
    model = fresh_dit(**extra)
    x, c = torch.randn(2, 3, 6, 16, generator=seeded()), torch.randn(2, 3, 16, generator=seeded(1))
    words = torch.randn(2, 5, 16, generator=seeded(2))
    for block in model.blocks:
        assert torch.equal(block(x, c, words, torch.ones(2, 5, dtype=torch.bool), (2, 3)), x)
    assert torch.equal(model(latents(), levels(), tokens()), torch.zeros_like(latents()))


@pytest.mark.parametrize("way", WAYS[:3])
def test_without_gates_that_begin_at_0_a_fresh_block_changes_what_it_is_given(way: str) -> None:
    model = fresh_dit(conditioning=way)
    x, c, words = torch.randn(2, 1, 6, 16, generator=seeded()), torch.zeros(2, 1, 16), torch.randn(2, 5, 16)
    assert not torch.allclose(model.blocks[0](x, c, words, None, (2, 3)), x, atol=1e-2)


def test_modulate_against_the_formula_written_in_loops() -> None:
    x, shift, scale = (torch.randn(s, generator=seeded(n)) for n, s in enumerate(((2, 5, 4), (2, 4), (2, 4))))
    found = modulate(x, shift, scale)
    for b in range(2):
        for n in range(5):
            for d in range(4):
                by_hand = float(x[b, n, d]) * (1 + float(scale[b, d])) + float(shift[b, d])
                assert float(found[b, n, d]) == pytest.approx(by_hand, abs=1e-6)
    assert torch.equal(modulate(x, torch.zeros(2, 4), torch.zeros(2, 4)), x)


# ------------------------------------------------------------------------------------------------- places and times


def test_positions_are_those_of_the_papers_program_in_the_first_group() -> None:
    found = spacetime_positions(3, 4, 6, 16)
    assert found.shape == (3, 24, 16)
    speed = 1.0 / 10_000 ** (np.arange(4) / 4.0)
    for row in range(4):
        for column in range(6):
            waves = np.concatenate([f(place * speed) for place in (column, row) for f in (np.sin, np.cos)])
            np.testing.assert_allclose(found[0, row * 6 + column], waves, atol=1e-6)


def test_no_two_patches_of_a_long_film_have_the_same_position() -> None:
    places = spacetime_positions(16, 8, 8, 32).flatten(0, 1)  # (1024, 32)
    assert float(torch.cdist(places, places).fill_diagonal_(9.0).min()) > 0.1


def test_positions_of_a_longer_film_and_a_larger_grid_go_on_where_the_others_end() -> None:
    large = spacetime_positions(5, 6, 8, 16).unflatten(1, (6, 8))
    assert torch.equal(large[:2, :3, :4].flatten(1, 2), spacetime_positions(2, 3, 4, 16))


def test_the_noise_level_is_called_as_in_programs_that_count_1000_steps() -> None:
    found = timestep_embedding(torch.tensor([0.0, 0.25, 1.0]))
    speed = torch.exp(-torch.log(torch.tensor(10_000.0)) * torch.arange(128) / 128)
    for t, row in zip((0.0, 250.0, 1000.0), found, strict=True):
        torch.testing.assert_close(row, torch.cat([(t * speed).cos(), (t * speed).sin()]), atol=1e-4, rtol=0.0)


# ---------------------------------------------------------------------------------------------------------- conditions


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4, 6), (5, 2, 8)])
def test_one_model_takes_films_of_any_length_and_shape(way: str, shape: tuple[int, int, int]) -> None:
    model, x = dit(conditioning=way), latents(3, *shape)
    assert model(x, levels(), tokens()).shape == x.shape
    assert model.generate(tokens(), shape, generator=seeded(), steps=2).shape == x.shape


@pytest.mark.parametrize("way", WAYS)
def test_caption_and_time_and_every_group_count_and_films_do_not_see_each_other(way: str) -> None:
    model, x = dit(conditioning=way), latents()
    out = model(x, levels(), tokens())
    for other in (model(x, levels().flip(0), tokens()), model(x, levels(), tokens().flip(0)), model(x, levels())):
        assert (out - other).abs().amax(dim=(2, 3, 4))[0].min() > 1e-4  # in every group
    assert torch.allclose(out[1:2], model(x[1:2], levels()[1:2], tokens()[1:2]), atol=1e-5)
    moved = x.clone()
    moved[:, 2] += 1.0
    assert (model(moved, levels(), tokens()) - out).abs().amax(dim=(2, 3, 4)).min() > 1e-4
    each = levels()[:, None].expand(3, 3).clone()
    if way.startswith("adaLN"):
        assert torch.allclose(model(x, each, tokens()), out, atol=1e-5)  # one level for all, said group by group
    each[:, 1] = 0.0
    assert not torch.allclose(model(x, each, tokens()), out, atol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_caption_is_filled_up_with_does_not_count(way: str) -> None:
    model, x = dit(conditioning=way), latents()
    short, long = tokenise(CAPTIONS, 16), tokenise(CAPTIONS, 30)
    assert (short != PAD).sum() == (long != PAD).sum()
    assert torch.allclose(model(x, levels(), short), model(x, levels(), long), atol=1e-5)


def test_the_order_of_words_counts() -> None:
    one, other = tokenise(["a small red ball falling and a large blue box resting",
                           "a small blue ball falling and a large red box resting"], 16)  # fmt: skip
    assert sorted(one.tolist()) == sorted(other.tolist())
    model, x = dit(), latents(1)
    assert not torch.allclose(model(x, levels(1), one[None]), model(x, levels(1), other[None]), atol=1e-4)


@pytest.mark.parametrize("classes", [0, 5])
def test_a_condition_that_is_dropped_does_not_count(classes: int) -> None:
    model = dit(classes=classes, dropped=1.0, text_depth=0 if classes else 1, word_attention=not classes)
    x, name = latents(), "labels" if classes else "tokens"
    batches = [{"latents": x, name: given} for given in
               ((torch.tensor([0, 1, 2]), torch.tensor([4, 4, 0])) if classes else (tokens(), tokens().flip(0)))]
    losses = [model.loss(batch, 0, seeded(3))["loss"] for batch in batches]
    torch.testing.assert_close(*losses)
    kept = dit(classes=classes, dropped=0.0, text_depth=0 if classes else 1, word_attention=not classes)
    others = [kept.loss(batch, 0, seeded(3))["loss"] for batch in batches]
    assert abs(float(others[0].detach() - others[1].detach())) > 1e-5
    dropped = model.y_embedder.drop(batches[0][name], torch.ones(3, dtype=torch.bool))
    assert torch.allclose(model(x, levels(), dropped), model(x, levels()), atol=1e-5)


def test_guidance_has_the_unconditional_and_the_conditional_model_at_its_ends() -> None:
    model, x, t = dit(), latents(), levels()
    without, given = model(x, t), model(x, t, tokens())
    assert torch.equal(model.predict(tokens(), w=0.0)(x, t), without)
    assert torch.equal(model.predict(tokens(), w=1.0)(x, t), given)
    assert torch.equal(model.predict()(x, t), without)
    torch.testing.assert_close(model.predict(tokens(), w=3.0)(x, t), without + 3.0 * (given - without))
    assert torch.equal(model(x, t, model.nothing(3)), without)


# -------------------------------------------------------------------------------------------------------- known groups


@pytest.mark.parametrize("groups", [[True, False, False], [True, False, True], [False, True, False]])
@pytest.mark.parametrize("sampler", ["ddim", "euler", "ancestral"])
def test_known_groups_stay_as_they_are_to_the_bit_and_the_others_depend_on_them(groups: list, sampler: str) -> None:
    model, clean = dit(), latents()
    there = torch.tensor(groups)
    made = [model.generate(tokens(), (3, 4, 6), generator=seeded(), steps=3, w=2.0, sampler=sampler,
                           known=KnownGroups(there, shown)) for shown in (clean, clean + 1.0)]  # fmt: skip
    assert torch.equal(made[0][:, there], clean[:, there]) and torch.equal(made[1][:, there], clean[:, there] + 1.0)
    assert not torch.allclose(made[0][:, ~there], made[1][:, ~there], atol=1e-3)


def test_what_stands_where_nothing_is_known_is_not_used() -> None:
    model, clean, there = dit(), latents(), torch.tensor([[True, False, False], [False, True, True], [False] * 3])
    other = torch.where(there[:, :, None, None, None], clean, torch.full_like(clean, 7.0))
    made = [model.generate(tokens(), (3, 4, 6), generator=seeded(), steps=2, known=KnownGroups(there, shown))
            for shown in (clean, other)]  # fmt: skip
    assert torch.equal(*made)
    alone = model.generate(tokens(), (3, 4, 6), generator=seeded(), steps=2)
    assert torch.allclose(alone[2], made[0][2], atol=1e-4)  # a film of which nothing is known


def test_in_training_known_groups_are_some_never_all_and_do_not_count() -> None:
    model = dit(masked=0.5)
    known = model.draw_known(4000, 3, seeded())
    share = known.any(dim=1).float().mean()
    assert not known.all(dim=1).any() and float(share) == pytest.approx(0.5 * 6 / 8, abs=0.03)
    assert not dit(masked=0.0).draw_known(100, 3, seeded()).any()
    assert not dit(masked=1.0).draw_known(100, 1, seeded()).any()


def test_the_loss_of_a_fresh_network_is_the_mean_square_of_the_target_over_unknown_groups() -> None:
    model, z = fresh_dit(masked=1.0), latents(64)
    found = model.loss({"latents": z, "tokens": tokens()[:1].expand(64, -1)}, 0, seeded())["loss"].item()
    assert found == pytest.approx(2.0, abs=0.1)  # u = epsilon - x, both of unit scale


def test_the_loss_is_a_draw_of_the_generator_alone() -> None:
    model, state = dit(masked=0.5), torch.get_rng_state()
    batch = {"latents": latents(), "tokens": tokens()}
    losses = [model.loss(batch, 0, seeded(seed))["loss"].item() for seed in (2, 2, 3)]
    assert losses[0] == losses[1] != losses[2] and torch.equal(state, torch.get_rng_state())


# -------------------------------------------------------------------------------------------------------- bad inputs


def test_bad_inputs_are_named() -> None:
    model, x, t = dit(), latents(), levels()
    for given, words in (
        ((x[:, :, :2], t), r"\(B, G, 3, h, w\) are wanted, got .* \(3, 3, 2, 4, 6\)"),
        ((x[..., :5], t), "latents of 4 x 5 cannot be cut into patches of 2"),
        ((x, t[:2]), r"one noise level a film or a group is wanted"),
        ((x, t, tokens()[:2]), "3 films have as many conditions, not 2"),
        ((x, t, torch.zeros(3, 40, dtype=torch.int64)), r"captions are int64 \(B, at most 32\)"),
        ((x, t, tokens().float()), "captions are int64"),
    ):
        with pytest.raises(ValueError, match=words):
            model(*given)
    with pytest.raises(ValueError, match=r"classes are int64 \(B,\)"):
        dit(classes=4, text_depth=0, word_attention=False)(x, t, tokens())


@pytest.mark.parametrize(("changes", "words"), [
    ({"heads": 3}, "heads is 3"), ({"width": 6, "heads": 1}, "width is 6"), ({"mlp_ratio": 0.01}, "mlp_ratio is 0.01"),
    ({"conditioning": "in-context", "word_attention": True}, "in-context has the words already"),
    ({"classes": 9}, "set classes to 0"), ({"stem": 12, "stem_blocks": 1}, "stem is 12, not a multiple"),
    ({"conditioning": "in-context", "word_attention": False, "depthwise": True}, "depthwise needs tokens on a grid"),
])  # fmt: skip
def test_sizes_that_do_not_fit_are_refused_by_name(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DiTConfig(**{**SMALL, **changes})


@pytest.mark.parametrize(("changes", "words"), [
    ({"model.channels": 8}, "model.channels is 8, and the codec's latents have 12"),
    ({"model.patch": 16}, "model.patch is 16: the codec has 8 x 8 places"),
    ({"model.context": 10}, "model.context is 10"), ({"data.lengths": [6]}, "data.lengths: a film of 6 frames"),
    ({"data.lengths": [1]}, "model.masked is for films of several groups"),
    ({"data.codec": "gpu"}, "data.codec is 'gpu'"),
    ({"data.even": True, "data.count": 0}, "data.even chooses among films that are there"),
])  # fmt: skip
def test_what_does_not_fit_the_codec_or_the_films_is_refused_before_anything_is_made(changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        train("dit", load_config("dit", "tiny", changes), progress="none")


# ------------------------------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(("depth", "width", "heads", "millions"), [
    (12, 384, 6, 33), (12, 768, 12, 130), (24, 1024, 16, 458), (28, 1152, 16, 675),
])  # fmt: skip
def test_the_papers_four_sizes_are_counted(depth: int, width: int, heads: int, millions: int) -> None:
    with torch.device("meta"):
        model = DiT(DiTConfig(depth=depth, width=width, heads=heads))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == millions


def test_the_size_paper_is_the_papers_largest_to_the_last_number() -> None:
    with torch.device("meta"):
        model = get_recipe("dit").build(load_config("dit", "paper").model)
    count = sum(p.numel() for p in model.average.parameters())
    assert count == get_recipe("dit").published - 16 * 16 * 1152  # the program counts its fixed positions


# ------------------------------------------------------------------------------------------------- average and recipe


def test_the_average_is_the_weighted_sum_of_all_weights_so_far() -> None:
    torch.manual_seed(0)
    network, average = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    expected = average.weight.detach().clone()
    for step in range(4):
        with torch.no_grad():
            network.weight.add_(1.0)
        decay = ema_decay(step, 0.25)
        expected = decay * expected + (1.0 - decay) * network.weight.detach()
        update_average(average, network, decay)
    torch.testing.assert_close(average.weight.detach(), expected)
    assert [ema_decay(step, 0.25) for step in (0, 1, 100)] == [0.1, 2 / 11, 0.25]


def test_films_are_coded_as_the_codec_does_it_and_have_their_captions() -> None:
    config = load_config("dit", "tiny", {"data.most_bodies": 2})
    films = make_films("bodies", split="train", count=12, length=9)
    data = recipe_file.load(config, films)
    few = [n for n in range(12) if (films.states[n, 0, 1:5, 0] > 0).sum() <= 2]
    assert 0 < len(few) < 12
    assert torch.equal(torch.from_numpy(data.arrays["tokens"]), tokenise([films.captions[n] for n in few], 32))
    codec = recipe_file.codec_of(config)
    frames = torch.from_numpy(films.frames[few[-1:], :5]).permute(0, 1, 4, 2, 3) / 255.0
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(data.arrays["latents"][-1:]), codec.latents(frames))
    with pytest.raises(TypeError, match="not as ndarray"):
        recipe_file.load(config, films.frames)
    with pytest.raises(ValueError, match="train"):
        recipe_file.load(config, make_films("bodies", split="test", count=2, length=5))


def test_a_convolution_along_time_ties_a_place_to_itself_in_the_groups_beside_it_and_begins_at_nothing() -> None:
    layer = FeedForward(DiTConfig(**{**SMALL, "depthwise": True, "depthwise_time": True}))
    x = torch.randn(1, 4, 4, 16, generator=seeded(), requires_grad=True)

    def reaches() -> list[list[int]]:
        """Groups and places of x that group 1, place 2 depends on."""
        (gradient,) = torch.autograd.grad(layer(x, (2, 2))[0, 1, 2].sum(), x)
        return (gradient[0].abs().sum(dim=-1) > 0).nonzero().tolist()

    torch.nn.init.zeros_(layer.near.weight)
    assert reaches() == [[1, 2]]
    torch.nn.init.ones_(layer.before_and_after)
    assert reaches() == [[0, 2], [1, 2], [2, 2]]
    with pytest.raises(ValueError, match="set depthwise to true"):
        DiTConfig(**{**SMALL, "depthwise_time": True})


def test_even_motions_are_drawn_equally_often_among_films_of_one_body() -> None:
    films = make_films("bodies", split="train", count=300, length=5)
    single = [text for text in films.captions if text.startswith("a ") and " and " not in text]
    weights, moves = recipe_file.motion_weights(single), [parse_caption(text)[0]["motion"] for text in single]
    share = {move: float(sum(w for w, m in zip(weights, moves, strict=True) if m == move)) for move in set(moves)}
    assert len(share) > 2 and len({moves.count(move) for move in share}) > 1  # they are not even as they are
    assert np.allclose(list(share.values()), np.mean(list(share.values())), rtol=1e-4)
    assert recipe_file.motion_weights([EMPTY, EMPTY]).tolist() == [1.0, 1.0]


def test_shorter_films_come_in_larger_batches_of_as_many_groups() -> None:
    config = load_config("dit", "tiny", {"data.lengths": [1, 5, 17], "data.batch": 3, "data.even": True})
    data, generator = recipe_file.load(config, make_films("bodies", split="train", count=8, length=17)), seeded()
    batches = recipe_file.batches(data, config, generator)
    shapes = {tuple(next(batches)["latents"].shape[:2]) for _ in range(30)}
    assert shapes == {(15, 1), (6, 2), (3, 5)}


def test_new_films_are_new_at_every_step_and_drawn_with_the_generator_alone() -> None:
    config = load_config("dit", "tiny", {"data.count": 0, "data.batch": 3, "data.most_bodies": 1})
    data, generator = recipe_file.load(config, None), seeded()
    batches = recipe_file.batches(data, config, generator)
    one, other = next(batches), next(batches)
    assert one["latents"].shape == (3, 2, 12, 8, 8) and not torch.equal(one["latents"], other["latents"])
    again = next(recipe_file.batches(data, config, seeded()))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert int((one["tokens"] != PAD).sum(dim=1).max()) == 6 + 2  # one body: six words at most, and two marks


def toy() -> tuple[Data, Tensor]:
    """Two captions, each with a picture of its own under a little noise: (data, the two pictures (2, 2, 12, 8, 8))."""
    pictures = torch.randn(2, 2, 12, 2, 2, generator=seeded(5)).repeat_interleave(4, -1).repeat_interleave(4, -2)
    which = torch.arange(64) % 2
    z = pictures[which] + 0.1 * torch.randn(64, 2, 12, 8, 8, generator=seeded(6))
    arrays = {"latents": z.numpy(), "tokens": tokenise([CAPTIONS[n] for n in which.tolist()], 32).numpy()}
    return Data(arrays, "two pictures", hashlib.sha256(b"toy").hexdigest()), pictures


def test_learning_a_tiny_problem_the_average_draws_what_the_caption_names() -> None:
    data, pictures = toy()
    model = train("dit", "tiny", data=data, progress="none").model
    assert isinstance(model, AveragedDiT)
    given = tokenise([CAPTIONS[0], CAPTIONS[1]] * 8, 32)
    which, error = torch.arange(16) % 2, {}
    for name, network in {"trained": model.average, "untrained": untrained_twin(model).average}.items():
        made = network.eval().generate(given, (2, 8, 8), generator=seeded(), steps=8)
        distance = (made[:, None] - pictures[None]).square().flatten(2).mean(dim=2)  # (16, 2): to each of the pictures
        error[name] = float(distance[torch.arange(16), which].mean())
        right = (distance.argmin(dim=1) == which).float().mean()
        print(name, error[name], float(right))
        if name == "trained":
            assert right == 1.0
    assert error["trained"] < 0.25 * error["untrained"]

# ------------------------------------------------------------------------------------------------- no slower than plain


def plain_block(block: DiTBlock, x: Tensor, c: Tensor) -> Tensor:
    """The paper's block on one group of tokens, written plainly from the same weights. x: (B, N, D), c: (B, D)."""
    shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = block.adaLN_modulation(c)[:, None].chunk(6, dim=-1)
    heads = block.attn.heads
    y = F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1.0 + scale) + shift
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in block.attn.qkv(y).chunk(3, dim=-1))
    weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1)  # (B, heads, N, N)
    x = x + gate * block.attn.out((weights @ v).transpose(1, 2).flatten(2))
    y = F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1.0 + scale_mlp) + shift_mlp
    return x + gate_mlp * block.mlp.narrow(F.gelu(block.mlp.wide(y), approximate="tanh"))


def test_a_block_of_the_papers_shapes_is_the_plain_formula_and_trains_at_least_as_fast() -> None:
    """DiT-S/2 on an image of 256 x 256: 256 tokens, 384 channels, 6 heads. Both take turns, the fastest turn counts."""
    torch.manual_seed(0)
    block = DiTBlock(DiTConfig(width=384, heads=6))
    with torch.no_grad():
        block.adaLN_modulation[-1].weight.normal_(std=0.02, generator=seeded())
    x, c = torch.randn(4, 256, 384, generator=seeded(1)), torch.randn(4, 384, generator=seeded(2))
    ways = {
        "course": lambda: block(x[:, None], c[:, None], x.new_zeros(4, 1, 384), None, (16, 16))[:, 0],
        "plain": lambda: plain_block(block, x, c),
    }
    torch.testing.assert_close(ways["course"](), ways["plain"](), atol=1e-4, rtol=1e-4)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(8):
        for name, way in ways.items():
            start = time.process_time()
            way().square().mean().backward()
            seconds[name].append(time.process_time() - start)
    fastest = {name: min(each[1:]) for name, each in seconds.items()}  # a first turn allocates
    print(fastest)
    assert fastest["course"] <= 1.05 * fastest["plain"], "5 % is what two turns of one and the same differ by"
