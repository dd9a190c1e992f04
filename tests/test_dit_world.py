"""The DiT that is played: nothing flows back from later frames or keys, a memory changes nothing, it obeys the contract
and its keys, and what surprises it does not depend on who asks beside."""

from __future__ import annotations

import hashlib
from functools import partial

import pytest
import torch
from torch import Tensor

from course_lib.contract import NotCapable, imagine
from course_lib.exam.questions import playing
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.models.base import fresh, untrained_twin
from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.models.dit import DiT, DiTConfig, KnownGroups
from course_lib.models.dit_world import DiTWorld, Window
from course_lib.models.vae import VAE
from course_lib.models.vae_codec import VAECodec
from course_lib.nets.attention import Attention
from course_lib.training import ConfigError, load_checkpoint, load_config, train
from course_lib.training.recipe import Data
from course_lib.training.recipes import dit_world as recipe_file
from course_lib.worlds.films import make_films
from course_lib.worlds.frames import to_model
from tests.contract_tests import check_world_model
from tests.dit_world import KEYS, SMALL, dit, seeded, world


def latents(films: int = 2, groups: int = 4, seed: int = 1) -> Tensor:
    return torch.randn(films, groups, 3, 4, 6, generator=seeded(seed))


def levels(films: int = 2, groups: int = 4) -> Tensor:
    return torch.rand(films, groups, generator=seeded(2))


def led(films: int = 2, groups: int = 4) -> Tensor:
    keys = torch.randint(KEYS, (films, groups), generator=seeded(3))
    keys[:, 0] = KEYS
    return keys


def films(count: int = 3, frames: int = 7) -> tuple[Tensor, Tensor]:
    g = seeded(4)
    return torch.rand(count, frames, 3, 32, 32, generator=g), torch.randint(KEYS, (count, frames - 1), generator=g)


# ------------------------------------------------------------------------------------------------ causal in frames


@pytest.mark.parametrize("extra", [
    {}, {"depthwise": True}, {"depthwise": True, "depthwise_time": True}, {"stem": 8}, {"patch": 1},
    {"stem": 8, "stem_blocks": 1},
    {"conditioning": "adaLN"}, {"word_attention": True, "text_depth": 1},
])  # fmt: skip
def test_no_gradient_reaches_a_frame_from_what_comes_later(extra: dict) -> None:
    model = dit(**extra)
    given = []  # the embeddings of the keys, to take gradients with respect to them
    model.a_embedder.register_forward_hook(lambda module, keys, out: (out.retain_grad(), given.append(out))[0])
    for now in range(4):
        x, t = latents().requires_grad_(), levels().requires_grad_()
        model(x, t, None, led())[:, now].square().sum().backward()
        reached = {"frames": x.grad.abs().amax(dim=(2, 3, 4)), "levels": t.grad.abs(),
                   "keys": given[-1].grad.abs().amax(dim=2)}  # fmt: skip
        for name, gradient in reached.items():
            assert (gradient[:, : now + 1] > 0).all(), f"{name}: frame {now} does not see all that came before"
            assert (gradient[:, now + 1 :] == 0).all(), f"{name}: frame {now} sees what comes later"


def test_without_causal_later_frames_are_seen() -> None:
    """The control of the test above."""
    model = DiT(DiTConfig(**{k: v for k, v in SMALL.items() if k not in ("window", "steps")}, actions=KEYS)).eval()
    for n, parameter in enumerate(model.parameters()):
        parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=seeded(n)))
    x = latents().requires_grad_()
    model(x, levels(), None, led())[:, 0].square().sum().backward()
    assert (x.grad.abs().amax(dim=(2, 3, 4)) > 0).all()
    with pytest.raises(ValueError, match="causal is False here"):
        model.extend(x, levels(), past=model.extend(x, levels())[1])


def test_every_key_counts_and_no_key_is_another() -> None:
    model, x, t = dit(), latents(1), levels(1)
    outs = [model(x, t, None, torch.tensor([[KEYS, 0, 0, key]]))[:, -1] for key in range(KEYS + 1)]
    for i in range(KEYS + 1):
        for j in range(i):
            assert not torch.allclose(outs[i], outs[j], atol=1e-3)
    assert torch.equal(model(x, t), model(x, t, None, torch.full((1, 4), KEYS)))


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_frames_behind_a_memory_are_what_they_are_in_the_whole_film(cut: int) -> None:
    model, x, t, keys = dit(depthwise=True, depthwise_time=True), latents(), levels(), led()
    whole = model(x, t, None, keys)
    first, past = model.extend(x[:, :cut], t[:, :cut], actions=keys[:, :cut])
    rest, memory = model.extend(x[:, cut:], t[:, cut:], actions=keys[:, cut:], past=past)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole, atol=1e-5, rtol=1e-4)
    assert past.groups == cut and memory.groups == 4


def test_attention_takes_a_table_of_who_may_look_at_whom() -> None:
    torch.manual_seed(0)
    layer, looks_back = Attention(8, 2), Attention(8, 2, causal=True)
    looks_back.load_state_dict(layer.state_dict())
    x = torch.randn(2, 5, 8, generator=seeded())
    allowed = torch.ones(5, 5, dtype=torch.bool).tril()
    torch.testing.assert_close(layer.with_memory(x, allowed=allowed)[0], looks_back(x))
    for bad in (lambda: looks_back.with_memory(x, allowed=allowed),
                lambda: layer.with_memory(x, mask=torch.ones(2, 5, dtype=torch.bool), allowed=allowed)):  # fmt: skip
        with pytest.raises(ValueError, match="is causal|looks both ways"):
            bad()


# ------------------------------------------------------------------------------------------- a level for every frame


def test_frames_of_level_0_come_back_to_the_bit() -> None:
    model, clean, there = dit(), latents(), torch.tensor([True, True, False, False])
    made = [model.generate(model.nothing(2), (4, 4, 6), generator=seeded(), steps=3, known=KnownGroups(there, shown),
                           actions=led()) for shown in (clean, clean + 1.0)]  # fmt: skip
    assert torch.equal(made[0][:, there], clean[:, there]) and torch.equal(made[1][:, there], clean[:, there] + 1.0)
    assert not torch.allclose(made[0][:, ~there], made[1][:, ~there], atol=1e-3)


def test_forcing_draws_a_level_for_every_frame_and_without_it_a_film_has_one() -> None:
    seen = []
    for forcing in (True, False):
        model = dit(forcing=forcing)
        model.t_embedder.register_forward_hook(lambda module, given, out: seen.append(given[0]))
        model.loss({"latents": latents(64), "actions": led(64)}, 0, seeded())
    own, one = seen
    assert (own.std(dim=1) > 0).all() and own.unique().numel() == 64 * 4
    assert (one == one[:, :1]).all() and one.unique().numel() == 64
    pairs = torch.corrcoef(own.T).fill_diagonal_(0.0).abs()
    assert float(pairs.max()) < 0.4  # of 64 pairs, three standard errors are 0.38


def test_what_is_known_in_training_is_a_beginning_never_empty_and_never_all() -> None:
    known = dit(masked=0.75).draw_known(4000, 4, seeded())
    counts, some = known.sum(dim=1), known[:, 0]
    assert torch.equal(known, torch.arange(4) < counts[:, None])  # a beginning
    assert float(some.float().mean()) == pytest.approx(0.75, abs=0.03) and int(counts.max()) == 3
    shares = torch.bincount(counts[some], minlength=4)[1:] / some.sum()
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.04, rtol=0.0)
    assert not dit(masked=1.0).draw_known(100, 1, seeded()).any()


def test_the_loss_takes_keys_and_is_a_draw_of_the_generator_alone() -> None:
    model, state = dit(masked=0.5), torch.get_rng_state()
    batch = {"latents": latents(), "actions": led()}
    losses = [model.loss(batch, 0, seeded(seed))["loss"].item() for seed in (2, 2, 3)]
    other = model.loss({**batch, "actions": led().flip(1)}, 0, seeded(2))["loss"].item()
    assert losses[0] == losses[1] != losses[2] and other != losses[0] and torch.equal(state, torch.get_rng_state())


# ------------------------------------------------------------------------------------------------------ the contract


@pytest.mark.parametrize("changes", [{}, {"actions": 0}, {"context_level": 0.2}, {"window": 2},
                                     {"depthwise": True, "depthwise_time": True}])
def test_it_keeps_the_contract(changes: dict) -> None:
    frames, actions = films()
    check_world_model(world(**changes), frames, None if changes.get("actions") == 0 else actions)


def test_a_world_without_keys_says_so() -> None:
    frames, actions = films()
    assert world(actions=0).capabilities.actions.kind == "none"
    with pytest.raises(NotCapable, match="takes no actions"):
        world(actions=0).encode(frames, actions)


def test_a_step_looks_at_the_window_and_at_nothing_before_it() -> None:
    model, (frames, actions) = world(), films(frames=9)
    state = model.encode(frames, actions)
    assert state.latents.shape == (3, 3, 3, 4, 4) and state.frames == 9
    torch.testing.assert_close(state.latents, model.codec.latents(frames)[:, -3:])
    assert (state.actions[:, 0] == KEYS).all() and torch.equal(state.actions[:, 1:], actions[:, -2:])
    changed = frames.clone()
    changed[:, :-3] = 1.0 - changed[:, :-3]
    after = [model.predict(model.encode(f, actions), actions[:, -1]) for f in (frames, changed)]
    assert torch.equal(after[0].latents, after[1].latents) and after[0].frames == 10
    torch.testing.assert_close(after[0].latents[:, :-1], state.latents[:, 1:])


def test_a_predicted_frame_is_what_the_sampler_makes_of_the_whole_film() -> None:
    """The memory saves work and nothing else: known frames and one unknown one give the same frame."""
    model, (frames, actions) = world(), films(frames=3)
    state = model.encode(frames, actions)
    made = model.predict(state, torch.tensor([1, 2, 3]), generator=seeded(5)).latents[:, -1]
    whole = torch.cat([state.latents, torch.zeros(3, 1, 3, 4, 4)], dim=1)
    keys = torch.cat([state.actions, torch.tensor([[1], [2], [3]])], dim=1)
    noise = torch.randn(3, 3, 4, 4, generator=seeded(5))
    known = KnownGroups(torch.tensor([True, True, True, False]), whole)
    predict = model.dit.predict(known=known, actions=keys)
    x = torch.cat([state.latents, noise[:, None]], dim=1)
    for step in range(3):
        t = torch.full((3,), 1.0 - step / 3)
        x = x - predict(x, t) / 3  # Euler along the straight path, u = epsilon - x
    torch.testing.assert_close(x[:, -1], made, atol=1e-4, rtol=1e-4)


def test_without_a_generator_all_rows_begin_with_the_noise_of_the_frames_number() -> None:
    model, (frames, actions) = world(), films()
    state = model.encode(frames[:1].expand(3, -1, -1, -1, -1), actions[:1].expand(3, -1))
    states = imagine(model, state, torch.zeros(3, 2, dtype=torch.long))
    for now in states[1:]:
        torch.testing.assert_close(now.latents[0], now.latents[2])
    later = model.predict(type(state)(state.latents, state.actions, state.frames + 1), torch.zeros(3, dtype=torch.long))
    assert not torch.allclose(later.latents, states[1].latents, atol=1e-3)  # the same past, the next number
    drawn = model.predict(state, torch.zeros(3, dtype=torch.long), generator=seeded())
    assert not torch.allclose(drawn.latents[0], drawn.latents[2], atol=1e-3)


def test_a_codec_in_groups_or_another_dit_is_refused() -> None:
    with pytest.raises(ValueError, match="each frame by itself"):
        DiTWorld(dit(), VideoCodec(CodecConfig(widths=(8, 8), group_width=8, latent=3)))
    with pytest.raises(ValueError, match="a DiTWorldConfig"):
        DiTWorld(DiT(DiTConfig(channels=3, width=16, depth=1, heads=2, classes=0)), world().codec)


# ---------------------------------------------------------------------------------------------------------- surprise


def test_the_same_film_surprises_as_much_in_every_row_alone_and_in_any_batch() -> None:
    model, (frames, actions) = world(), films(count=4)
    frames[2], actions[2] = frames[0], actions[0]
    values = model.surprise(frames, actions)
    torch.testing.assert_close(values[2], values[0], equal_nan=True)
    torch.testing.assert_close(model.surprise(frames[3:], actions[3:]), values[3:], equal_nan=True)
    order = [3, 1, 0, 2]
    torch.testing.assert_close(model.surprise(frames[order], actions[order]), values[order], equal_nan=True)


def test_films_with_the_same_end_are_asked_with_the_same_noise() -> None:
    """Another past changes what is guessed; beyond the window it changes nothing."""
    model, (frames, actions) = world(), films()
    changed = frames.clone()
    changed[:, :3] = changed[:, :3].flip(0)
    here, there = model.surprise(frames, actions), model.surprise(changed, actions)
    torch.testing.assert_close(here[:, 6:], there[:, 6:])  # frame 6 sees frames 3, 4, 5
    assert ((here - there)[[0, 2], 5].abs() > 1e-6).all()


def test_a_past_that_grows_is_the_past_that_is_looked_at_anew() -> None:
    """A film no longer than the window is remembered frame by frame; a longer one, from which frames drop out, anew."""
    frames, actions = films()
    short = world(window=4).surprise(frames[:, :4], actions[:, :3])  # frame 3 sees frames 0 to 2, all that there are
    torch.testing.assert_close(world(window=4).surprise(frames, actions)[:, 1:4], short[:, 1:4])


def test_a_v_in_the_codecs_place_makes_one_token_of_a_frame() -> None:
    v = fresh(VAE, load_config("vmc", "tiny").model.v, 1).eval()
    codec, frames = VAECodec(v), torch.rand(2, 5, 3, 32, 32, generator=seeded())
    z = codec.latents(frames)
    assert z.shape == (2, 5, 16, 1, 1) and codec.config.side == 1
    torch.testing.assert_close(z[1, 2].flatten(), v.encode(frames[1, 2:3])[0][0])
    torch.testing.assert_close(codec.frames_of(z)[1, 2], v.decode(v.encode(frames[1, 2:3])[0])[0])
    sizes = {"channels": 16, "patch": 1, "actions": 0, "window": 6}
    check_world_model(DiTWorld(dit(**sizes), codec), frames, None)


def test_surprise_depends_on_the_key() -> None:
    model, (frames, actions) = world(), films()
    other = actions.clone()
    other[:, 3] = (other[:, 3] + 1) % KEYS
    moved = (model.surprise(frames, other) - model.surprise(frames, actions)).abs()
    assert (moved[:, 1:4] == 0).all() and (moved[:, 4] > 1e-6).all()  # actions[:, 3] leads to frame 4


# ---------------------------------------------------------------------------------------------------------- the recipe


@pytest.mark.parametrize(("changes", "words"), [
    ({"model.causal": False}, "causal is false"), ({"model.window": 33}, "model.window is 33"),
    ({"data.films": {"screens": 5}, "model.window": 29}, "have 28 frames"),
    ({"model.actions": 3}, "model.actions is 3; the Playground has 4"), ({"model.channels": 8}, "model.channels is 8"),
    ({"model.patch": 16}, "model.patch is 16"), ({"model.depthwise": False}, "set depthwise to true"),
    ({"model.conditioning": "cross-attention"}, "conditioning is cross-attention"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(changes: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        train("dit_world", load_config("dit_world", "tiny", changes), progress="none")


def test_films_come_as_latents_with_the_key_that_led_to_each_frame() -> None:
    config = load_config("dit_world", "tiny", {"data.batch": 32})
    given = make_films("agent", split="train", count=5, length=8)
    data = recipe_file.load(config, given)
    codec = load_checkpoint("codec", size="cpu-frames")
    with torch.no_grad():
        z = codec.latents(to_model(given.frames))
    torch.testing.assert_close(torch.from_numpy(data.arrays["latents"]), z)
    batch = next(recipe_file.batches(data, config, seeded()))
    assert (batch["actions"][:, 0] == KEYS).all()
    for piece, keys in zip(batch["latents"], batch["actions"], strict=True):
        film, begin = next((n, b) for n in range(5) for b in range(5) if torch.equal(
            torch.from_numpy(data.arrays["latents"][n, b : b + 4]), piece))  # fmt: skip
        assert keys[1:].tolist() == given.actions[film, begin : begin + 3].tolist()
    with pytest.raises(TypeError, match="not as ndarray"):
        recipe_file.load(config, given.frames)
    with pytest.raises(ValueError, match="train"):
        recipe_file.load(config, make_films("agent", split="test", count=2, length=5))
    with pytest.raises(ValueError, match="at least 4 frames"):
        recipe_file.load(config, make_films("agent", split="train", count=2, length=3))


def toy(films: int = 64, frames: int = 8, seed: int = 7) -> Data:
    """A room with a light: key 1 turns it on, key 2 off, the others leave it as it is; under a little noise."""
    g = seeded(seed)
    keys = torch.randint(KEYS, (films, frames - 1), generator=g)
    on = torch.randint(2, (films, 1), generator=g).expand(-1, frames).clone()
    for t in range(1, frames):
        on[:, t] = torch.where(keys[:, t - 1] == 1, 1, torch.where(keys[:, t - 1] == 2, 0, on[:, t - 1]))
    rooms = torch.randn(2, 4, 2, 2, generator=seeded(5)).repeat_interleave(4, -1).repeat_interleave(4, -2)
    z = rooms[on] + 0.1 * torch.randn(films, frames, 4, 8, 8, generator=g)
    return Data({"latents": z.numpy(), "actions": keys.numpy()}, "a light", hashlib.sha256(b"light").hexdigest())


def next_latents(dit: DiT, data: Data, keys: Tensor) -> Tensor:
    """Frame 3 of every film behind the three before it, under these keys, (M, C, h, w)."""
    z, led = torch.from_numpy(data.arrays["latents"]), torch.from_numpy(data.arrays["actions"])
    model = DiTWorld(dit, load_checkpoint("codec", size="cpu-frames"))
    before = torch.cat([led.new_full((len(led), 1), KEYS), led[:, :2]], dim=1)
    return model.predict(Window(z[:, :3], before, 3), keys).latents[:, -1]


def test_learning_a_tiny_world_it_shows_what_the_keys_do_and_what_was_there() -> None:
    data, films = toy(), toy(films=32, seed=8)
    model = train("dit_world", "tiny", data=data, progress="none").model
    z, keys = torch.from_numpy(films.arrays["latents"]), torch.from_numpy(films.arrays["actions"])[:, 2]

    def error(made: Tensor) -> float:
        return float((made - z[:, 3]).square().mean())

    made = {"trained": next_latents(model.average, films, keys), "copy": z[:, 2],
            "other keys": next_latents(model.average, films, (keys + 1) % KEYS),
            "untrained": next_latents(untrained_twin(model).average, films, keys)}  # fmt: skip
    errors = {name: error(frame) for name, frame in made.items()}
    print(errors)
    assert errors["trained"] < 0.5 * min(errors["copy"], errors["other keys"], errors["untrained"])


# --------------------------------------------------------------------------------------------------------- at the exam


def test_the_shipped_world_obeys_its_keys_and_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "seconds_a_frame", partial(playing.seconds_a_frame, steps=4))
    entrant, sitting = get_entrant("dit_world"), Sitting(count=20, split="validation")
    report = examine([entrant], sitting, questions=["control", "playing"], failures="raise")
    rows = {row.question: row for row in report.rows}
    print([(row.question, row.value, row.low, row.high, row.controls) for row in report.rows])
    chosen, gain, fps = (rows[q] for q in ("action_choice_accuracy", "delta4_psnr_db", "play_fps"))
    assert chosen.low > max(chosen.controls.values()), "it does not ignore the key"
    assert gain.low > max(0.3, *gain.controls.values())
    assert fps.value < fps.controls["one_decoding_step"], "fewer sampling steps are faster"


def test_the_text_model_goes_on_with_films_and_is_not_asked_about_keys() -> None:
    entrant, sitting = get_entrant("dit-film"), Sitting(count=8, split="validation")
    report = examine([entrant], sitting, questions=["prediction", "control"], failures="raise")
    rows = {row.question: row for row in report.rows}
    (refused,) = (row for row in report.rows if row.value is None)
    assert "takes no actions" in refused.note
    near = rows["psnr_db_t1"]
    print(near)
    assert near.value > near.controls["other_film"], "it goes on with the film that it has seen"
