"""The decoder of whole frames: it draws by the embedding, is nearer than its controls, and scores nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.measures.intervals import bootstrap_interval
from course_lib.models.action_jepa import ActionJEPA
from course_lib.models.frame_decoder import DiffusionFrameDecoder, FrameDecoderConfig
from course_lib.planning.goals import perceive
from course_lib.training import ConfigError, get_recipe, load_checkpoint, load_config, train
from course_lib.views.frame_decoder import (
    JudgedDrawings,
    compared_drawings,
    imagined_film,
    judge_drawings,
    played_film,
)
from course_lib.worlds import spec
from course_lib.worlds.goal_pictures import draw_goal_tasks, goal_pictures
from course_lib.worlds.starless import make_starless
from tests.imports import imported_modules, python_files

SMALL = FrameDecoderConfig(patch=8, width=16, depth=1)
SEEN = 20


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_generator_one_drawing_and_every_pixel_within_its_range() -> None:
    decoder, s = DiffusionFrameDecoder(SMALL).eval(), torch.randn(3, 64, generator=seeded(1))
    first, again, other = (decoder.draw(s, generator=seeded(seed), steps=3) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (3, 3, 32, 32) and float(first.min()) >= 0.0 and float(first.max()) <= 1.0


def test_a_drawing_does_not_depend_on_what_is_drawn_beside_it() -> None:
    decoder, s = DiffusionFrameDecoder(SMALL).eval(), torch.randn(4, 64, generator=seeded(1))
    x, t = torch.randn(4, 3, 32, 32, generator=seeded(2)), torch.full((4,), 0.5)
    with torch.no_grad():
        torch.testing.assert_close(decoder(x, t, s)[1:2], decoder(x[1:2], t[1:2], s[1:2]), atol=1e-5, rtol=1e-4)


def test_embeddings_and_frames_of_another_size_are_refused() -> None:
    decoder, t = DiffusionFrameDecoder(SMALL), torch.full((2,), 0.5)
    for x, s in ((torch.zeros(2, 3, 64, 64), torch.zeros(2, 64)), (torch.zeros(2, 3, 32, 32), torch.zeros(2, 32))):
        with pytest.raises(ValueError, match=r"frames \(B, 3, 32, 32\) and embeddings \(B, 64\) wanted"):
            decoder(x, t, s)


def test_it_fits_the_courses_jepa_or_is_refused_and_learns_from_training_films_alone() -> None:
    recipe = get_recipe("frame_decoder")
    for key, value in (("model.embedding", 32), ("model.frame_size", 64)):
        with pytest.raises(ConfigError, match=key.partition(".")[2]):
            recipe.check(load_config("frame_decoder", "tiny", {key: value}))
    config = load_config("frame_decoder", "tiny")
    with pytest.raises(ValueError, match="test"):
        recipe.load(config, make_starless(split="test", count=1))
    with pytest.raises(TypeError, match="learns from films"):
        recipe.load(config, np.zeros((1, 2, 32, 32, 3), np.uint8))


def test_it_learns_what_an_embedding_says() -> None:
    """Given its own embedding it foretells a clean frame better than given another's, from the same noise."""
    config = load_config("frame_decoder", "tiny", {"train.steps": 400, "train.learning_rate": 3e-3})
    model = train("frame_decoder", config, progress="none").model.eval()
    recipe = get_recipe("frame_decoder")
    batch = next(recipe.batches(recipe.load(config, None), config, seeded(5)))
    with torch.no_grad():
        own = float(model.loss(batch, 0, seeded(7))["loss"])
        others = float(model.loss(batch | {"embeddings": batch["embeddings"].roll(1, dims=0)}, 0, seeded(7))["loss"])
    clean = batch["frames"] * 2 - 1
    mean = float((clean - clean.mean(dim=0)).square().mean())
    print(own, others, mean)
    assert own < 0.8 * others and own < 0.8 * mean, (own, others, mean)


# ------------------------------------------------------------------------------------------ the one that comes with us


@pytest.fixture(scope="module")
def jepa() -> ActionJEPA:
    return load_checkpoint("action_jepa").eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def decoder() -> DiffusionFrameDecoder:
    return load_checkpoint("frame_decoder").eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def judged(jepa: ActionJEPA, decoder: DiffusionFrameDecoder) -> dict[int, dict[str, JudgedDrawings]]:
    """Drawings of 40 held-out films 1 and 5 steps ahead, by what was drawn."""
    films, reader = make_starless(split="test", count=40), load_checkpoint("reader").eval()
    mean = make_starless(split="train", count=40).frames.mean(axis=(0, 1))
    found: dict[int, Any] = {}
    for ahead in (1, 5):
        drawn = compared_drawings(jepa, decoder, films, mean, seen=SEEN, ahead=ahead)
        found[ahead] = {name: judge_drawings(each, films, SEEN + ahead - 1, reader) for name, each in drawn.items()}
    return found


def surely_less(values: np.ndarray, others: np.ndarray) -> bool:
    """Whether the mean difference of pairs is below 0 over its whole 95 % interval."""
    return bootstrap_interval(values - others, generator=np.random.default_rng(0))[1] < 0.0


@pytest.mark.parametrize("ahead", [1, 5])
@pytest.mark.parametrize("name", ["true embedding", "predicted embedding"])
def test_drawings_are_nearer_than_the_mean_frame_another_films_and_a_copy(
    judged: dict[int, dict[str, JudgedDrawings]], ahead: int, name: str
) -> None:
    found = judged[ahead]
    print({each: (float(j.error.mean()), float(j.away.mean())) for each, j in found.items()})
    for control in ("mean frame", "another film", "last frame seen"):
        assert surely_less(found[name].error, found[control].error)
        assert surely_less(found[name].away, found[control].away)


def test_what_is_imagined_under_the_keys_of_another_film_is_drawn_worse(
    judged: dict[int, dict[str, JudgedDrawings]],
) -> None:
    found = judged[5]
    assert surely_less(found["predicted embedding"].error, found["predicted, other keys"].error)
    assert surely_less(found["predicted embedding"].away, found["predicted, other keys"].away)


def test_the_real_frame_is_its_own_best_drawing(judged: dict[int, dict[str, JudgedDrawings]]) -> None:
    for found in judged.values():
        assert (found["real frame"].error == 0.0).all()
        assert all(found["real frame"].away.mean() <= each.away.mean() for each in found.values())


def test_a_plan_is_drawn_beside_what_comes_of_it(jepa: ActionJEPA, decoder: DiffusionFrameDecoder) -> None:
    task, keys = draw_goal_tasks(1, split="test")[0], torch.tensor([2, 2, 3, 3])
    begin = goal_pictures([type(task)(task.goal, task.room)])
    real = played_film(task.room, keys)
    assert real.shape == (5, 32, 32, 3) and (real[0] == begin[0]).all()
    state = perceive(jepa, begin[:, None], np.zeros((1, 0), np.uint8))
    drawn, again = (imagined_film(jepa, decoder, state, keys, generator=seeded()) for _ in range(2))
    assert drawn.shape == real.shape and drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn, again)


# ---------------------------------------------------------------------------------------------- for looking at, alone


def test_the_jepa_still_has_no_decoder(jepa: ActionJEPA) -> None:
    state = jepa.encode(torch.rand(1, 2, 3, 32, 32, generator=seeded()), torch.zeros(1, 1, dtype=torch.int64))
    assert not jepa.capabilities.decodes
    with pytest.raises(NotCapable):
        jepa.decode(state)


@pytest.mark.parametrize("room", ["exam", "planning", "studies"])
def test_no_planner_no_study_and_no_question_of_the_exam_knows_the_decoder(room: str) -> None:
    """None imports it, imports what draws with it, or names its checkpoint."""
    for path in python_files(f"course_lib/{room}"):
        assert not {m for m in imported_modules(path) if "frame_decoder" in m or m.startswith("course_lib.views")}, path
        assert "frame_decoder" not in path.read_text(encoding="utf-8"), path


def test_where_the_reader_finds_no_agent_the_distance_is_the_rooms_side() -> None:
    films, reader = make_starless(split="test", count=5), load_checkpoint("reader").eval()
    empty = np.full((5, 32, 32, 3), 200, np.uint8)
    assert (judge_drawings(empty, films, 0, reader).away == spec.BOX).all()
