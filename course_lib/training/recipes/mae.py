"""How the masked autoencoder is trained: on single frames, drawn at random."""

from __future__ import annotations

from course_lib.models.mae import MAE, MAEConfig
from course_lib.training.data import FilmData, film_frames, random_frames
from course_lib.training.recipe import Recipe, TrainConfig

recipe = Recipe(
    name="mae",
    model_config=MAEConfig,
    data_config=FilmData,
    train_config=TrainConfig,
    build=MAE,
    load=lambda config, given: film_frames(config.data, config.model.frame_size, given),
    batches=lambda data, config, generator: random_frames(data, config.data.batch, generator),
    half=frozenset({("mae", "cpu")}),
    published=329_541_888,  # the paper's program at ViT-L/16, its fixed positions counted as parameters
)
