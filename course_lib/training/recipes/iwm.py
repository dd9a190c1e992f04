"""How the image world model is trained: on single frames drawn at random, each changed by an action drawn at random."""

from __future__ import annotations

from course_lib.models.iwm import IWM, IWMConfig
from course_lib.training.data import FilmData, check_pieces, film_frames, random_frames
from course_lib.training.recipe import Phase, Recipe, RunConfig, TrainConfig, decay_groups


def phases(model: IWM, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices of context encoder and predictor, as for the I-JEPA."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="iwm",
    model_config=IWMConfig,
    data_config=FilmData,
    train_config=TrainConfig,
    build=IWM,
    check=check_pieces,
    load=lambda config, given: film_frames(config.data, config.model.frame_size, given),
    batches=lambda data, config, generator: random_frames(data, config.data.batch, generator),
    phases=phases,
)
