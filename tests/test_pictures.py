"""Variables of single pictures, controls, and the two probes of tokens: truths, tokens that know and that do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.exam.measures.attentive import (
    AttentiveProbe,
    above,
    attentive_scores,
    fit_attentive,
    linear_scores,
)
from course_lib.exam.measures.pictures import (
    PLACES,
    TIMES,
    VARIABLES,
    Pictures,
    neighbourhoods,
    picture_controls,
    picture_tokens,
    pictures_of,
    principal_components,
    untrained_encoder,
    with_places,
)
from course_lib.models.base import ViTConfig
from course_lib.models.i_jepa import IJEPA
from course_lib.nets.patches import patchify
from course_lib.studies import i_jepa as study
from course_lib.training import ConfigError, load_checkpoint, load_config
from course_lib.worlds import spec
from course_lib.worlds.films import Films, begin, load_films
from course_lib.worlds.frames import to_model

CONFIG = ViTConfig(frame_size=32, patch=8, width=16, depth=1, heads=2)


@pytest.fixture(scope="module")
def films() -> Films:
    return load_films("rich", split="validation", count=12)


@pytest.fixture(scope="module")
def pictures(films: Films) -> Pictures:
    return pictures_of(films)


# --- what is true ----------------------------------------------------------------------------------------------------
def test_the_variables_are_those_that_were_named_before_any_training() -> None:
    assert " ".join(VARIABLES) == ("agent_x agent_y agent_facing centre_x centre_y centre_colour centre_shape bodies "
                                   "balls boxes triangles platforms screen lamp")  # fmt: skip


def test_the_truth_of_a_picture_is_what_the_film_says(films: Films, pictures: Pictures) -> None:
    """Written once more, body by body."""
    row = 0
    for film in range(len(films)):
        scene = begin("rich", int(films.seeds[film])).scene
        for time in TIMES:
            bodies = []
            for slot in range(1, 1 + spec.MAX_BODIES):
                state = dict(zip(spec.FIELDS, films.states[film, time, slot].tolist(), strict=True))
                if spec.KINDS[int(state["kind"])] in spec.SHAPES and state["visible"] >= 0.5:
                    bodies.append(state)
            if not bodies:
                continue
            found = {name: values[row] for name, values in pictures.truth.items()}
            assert np.array_equal(pictures.frames[row], films.frames[film, time]) and pictures.films[row] == film
            shapes = [spec.KINDS[int(body["kind"])] for body in bodies]
            expected = {"bodies": len(bodies), "balls": shapes.count("ball"), "boxes": shapes.count("box"),
                        "triangles": shapes.count("triangle"), "platforms": len(scene.platforms),
                        "screen": scene.occluder is not None, "lamp": scene.light is not None}  # fmt: skip
            assert {name: found[name] for name in expected} == expected
            nearest = min(bodies, key=lambda body: (body["x"] - 16.0) ** 2 + (body["y"] - 16.0) ** 2)
            assert found["centre_x"] == nearest["x"] and found["centre_y"] == nearest["y"]
            assert found["centre_colour"] == nearest["colour"]
            assert spec.SHAPES[found["centre_shape"]] == spec.KINDS[int(nearest["kind"])]
            agent = films.states[film, time, spec.AGENT_SLOT]
            assert found["agent_x"] == agent[spec.FIELD["x"]]
            assert found["agent_facing"] == (agent[spec.FIELD["facing"]] > 0)
            row += 1
    assert row == len(pictures) > 15
    assert all((pictures.truth["bodies"] == sum(pictures.truth[k] for k in ("balls", "boxes", "triangles"))).tolist())


def test_films_without_these_variables_are_refused() -> None:
    with pytest.raises(ValueError, match="films of 'rich' .* these are 'simple'"):
        pictures_of(load_films("simple", split="validation", count=2))


# --- controls --------------------------------------------------------------------------------------------------------
def test_a_neighbourhood_without_reach_is_the_patch_and_with_it_holds_its_neighbours(pictures: Pictures) -> None:
    x = to_model(pictures.frames[:3])
    assert torch.equal(neighbourhoods(x, 8), patchify(x, 8))
    around = neighbourhoods(x, 8, 8).unflatten(2, (3, 24, 24))  # of patch 5 of the 4 x 4: rows and columns 0 to 23
    assert torch.equal(around[:, 5], x[:, :, 0:24, 0:24])
    assert torch.equal(around[:, 0, :, 8:16, 8:16], x[:, :, :8, :8])
    assert torch.equal(around[:, 0, :, 0, 8:16], x[:, :, 0, :8]), "outside of the picture its edge is repeated"


def test_places_tell_patches_apart_and_are_the_same_in_every_picture() -> None:
    found = with_places(torch.zeros(2, 16, 3))
    assert found.shape == (2, 16, 3 + PLACES) and torch.equal(found[0], found[1])
    assert len({tuple(row) for row in found[0].tolist()}) == 16


def test_principal_components_lose_nothing_that_lies_in_a_plane() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(10, 16, 2, generator=generator) @ torch.randn(2, 9, generator=generator) + 3.0
    found = principal_components(tokens, 2)(tokens)
    assert found.shape == (10, 16, 2)
    assert torch.allclose(torch.cdist(found[0], found[1]), torch.cdist(tokens[0], tokens[1]), atol=1e-3)


def test_every_control_gives_a_token_for_each_patch_and_untrained_ones_have_two_widths(pictures: Pictures) -> None:
    before = torch.get_rng_state()
    shapes = {name: tuple(picture_tokens(encoder, pictures).shape[1:])
              for name, encoder in picture_controls(CONFIG, pictures).items()}  # fmt: skip
    assert shapes == {"patch": (16, 192 + PLACES), "neighbourhood": (16, 1728 + PLACES), "pca": (16, 16 + PLACES),
                      "untrained": (16, 16), "untrained_wide": (16, 64)}  # fmt: skip
    assert torch.equal(before, torch.get_rng_state())
    x = to_model(pictures.frames[:2])
    with torch.no_grad():
        same, other = (untrained_encoder(CONFIG, 16, seed=seed)(x) for seed in (1, 2))
        assert torch.equal(same, untrained_encoder(CONFIG, 16)(x)) and not torch.allclose(same, other, atol=1e-2)


# --- probes ----------------------------------------------------------------------------------------------------------
def made_up(films: int = 90, seed: int = 0) -> tuple[Tensor, Pictures]:
    """Tokens in which one of nine places, another one in each picture, holds all variables behind a mark; the others
    hold noise of the same size."""
    rng, count = np.random.default_rng(seed), 2 * films
    truth = {name: rng.integers(v.classes, size=count) if v.classes else rng.normal(size=count)
             for name, v in VARIABLES.items()}  # fmt: skip
    known = np.concatenate([np.eye(v.classes)[truth[n]] * 2 if v.classes else truth[n][:, None]
                            for n, v in VARIABLES.items()], axis=1)  # fmt: skip
    tokens = rng.normal(size=(count, 9, 1 + known.shape[1]))
    tokens[:, :, 0] = 0.0
    place = rng.integers(9, size=count)
    tokens[np.arange(count), place] = np.concatenate([np.full((count, 1), 3.0), known], axis=1)
    pictures = Pictures(np.zeros((count, 1, 1, 3), np.uint8), np.repeat(np.arange(films), 2), truth)
    return torch.from_numpy(tokens).float(), pictures


def test_the_attentive_probe_finds_what_stands_in_another_place_each_time_and_the_mean_loses_it() -> None:
    fit, ask = made_up(600), made_up(100, seed=1)
    attentive, linear = attentive_scores(fit, ask, steps=400), linear_scores(fit, ask)
    for name, variable in VARIABLES.items():
        found = attentive[name]
        assert found["low"] <= found["value"] <= found["high"] and found["n"] == 100
        assert found["value"] > (0.9 if variable.classes else 0.8), name
    assert len(above(attentive, linear)) == len(VARIABLES) and not above(linear, attentive)


def test_noise_holds_nothing() -> None:
    (_, fit), (_, ask) = made_up(150), made_up(60, seed=1)
    noise = [torch.randn(len(p), 9, 8, generator=torch.Generator().manual_seed(n)) for n, p in enumerate((fit, ask))]
    fitted, asked = (noise[0], fit), (noise[1], ask)
    for scores in (attentive_scores(fitted, asked, steps=60), linear_scores(fitted, asked)):
        for name, variable in VARIABLES.items():
            assert scores[name]["value"] < (1.0 / variable.classes + 0.2 if variable.classes else 0.1), name


def test_attention_is_a_mean_over_places_and_forgets_their_order() -> None:
    tokens, pictures = made_up(20)
    probe = fit_attentive(tokens, pictures, decay=0.01, steps=5)
    assert isinstance(probe, AttentiveProbe) and not probe.training
    with torch.no_grad():
        weights = probe.weights(tokens[:4])
        assert weights.shape[:2] == (4, len(VARIABLES)) and weights.shape[3] == 9
        assert torch.allclose(weights.sum(dim=-1), torch.ones(weights.shape[:3]), atol=1e-5)
        here, there = probe(tokens[:4]), probe(tokens[:4].flip(1))
    for name, variable in VARIABLES.items():
        assert here[name].shape == (4, max(1, variable.classes))
        assert torch.allclose(here[name], there[name], atol=1e-4)


def test_the_same_seed_gives_the_same_probe_and_a_dead_channel_changes_nothing() -> None:
    tokens, pictures = made_up(20)
    tokens[..., 5] = 7.0
    before = torch.get_rng_state()
    first, again = (fit_attentive(tokens, pictures, decay=0.01, steps=5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    moved = tokens.clone()
    moved[..., 5] = -100.0
    assert torch.equal(first(moved)["bodies"], first(tokens)["bodies"])
    assert torch.equal(before, torch.get_rng_state())


def test_tokens_and_pictures_that_do_not_belong_together_are_named() -> None:
    tokens, pictures = made_up(20)
    with pytest.raises(ValueError, match="tokens .P, N, D. of 40 pictures are wanted, these are .39, 9"):
        attentive_scores((tokens[:-1], pictures), (tokens, pictures))
    alone = Pictures(pictures.frames, np.zeros(40, int), pictures.truth)
    with pytest.raises(ValueError, match="at least 2 films are needed, not 1"):
        attentive_scores((tokens, alone), (tokens, pictures))


# --- the study -------------------------------------------------------------------------------------------------------
def test_a_training_with_snapshots_keeps_encoders_that_can_be_probed_and_goes_on(tmp_path, pictures: Pictures) -> None:
    config = load_config("i_jepa", "tiny", {"train.steps": 6, "data.batch": 4})
    model, files, _ = study.train_with_snapshots(config, tmp_path, (0.0, 0.5, 1.0))
    assert sorted(files) == [0, 3, 6] and all(file.exists() for file in files.values())
    tokens = {step: picture_tokens(study.snapshot(model, file), pictures) for step, file in files.items()}
    assert torch.equal(tokens[6], picture_tokens(model.encode, pictures))
    assert not torch.equal(tokens[0], tokens[3]) and not torch.equal(tokens[3], tokens[6])
    stored = load_checkpoint("i_jepa", size="tiny", folder=tmp_path)
    assert isinstance(stored, IJEPA) and torch.equal(picture_tokens(stored.encode, pictures), tokens[6])
    again, _, _ = study.train_with_snapshots(config, tmp_path, (0.0, 0.5, 1.0))  # the run is done: no step is left
    assert torch.equal(picture_tokens(again.encode, pictures), tokens[6])


def test_encoders_of_the_course_give_tokens_before_pooling(pictures: Pictures) -> None:
    shapes = {name: tuple(picture_tokens(encoder, pictures).shape[1:])
              for name, encoder in study.other_encoders().items()}  # fmt: skip
    assert shapes == {"mae": (64, 64), "vae": (16, 128 + PLACES)}


def test_the_configurations_of_both_studies_are_there() -> None:
    assert round(max(study.SHARES) * load_config("i_jepa", "cpu").train.steps) == 12_000
    with pytest.raises(ConfigError):
        load_config("i_jepa", "cpu", {"model.masking": "nothing of the kind"})
