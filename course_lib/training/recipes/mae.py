"""How the masked autoencoder is trained: on single frames, drawn at random."""

from __future__ import annotations

from course_lib.models.mae import MAE, MAEConfig
from course_lib.training.data import PicturesData, check_pieces, film_frames, random_frames
from course_lib.training.recipe import Phase, Recipe, RunConfig, TrainConfig, decay_groups


def phases(model: MAE, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices, none for biases, norms and the mask token."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="mae",
    model_config=MAEConfig,
    data_config=PicturesData,
    train_config=TrainConfig,
    build=MAE,
    check=check_pieces,
    load=lambda config, given: film_frames(config.data, config.model.frame_size, given),
    batches=lambda data, config, generator: random_frames(data, config.data.batch, generator),
    phases=phases,
    half=frozenset({("mae", "cpu"), ("mae", "cpu-noise")}),
    ship=("cpu", "cpu-noise"),
    published=329_541_888,  # the paper's program at ViT-L/16, its fixed positions counted as parameters
)
