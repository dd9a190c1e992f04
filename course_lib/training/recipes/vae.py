"""How the VAE is trained: on single frames, drawn at random."""

from __future__ import annotations

from course_lib.models.vae import VAE, VAEConfig
from course_lib.training.data import FilmData, check_recorded, film_frames, random_frames
from course_lib.training.recipe import Recipe, RunConfig, TrainConfig


def check(config: RunConfig) -> None:
    """Raises ConfigError for a recording at another size than it has."""
    check_recorded("data.films", config.data.films, "model.frame_size", config.model.frame_size)


recipe = Recipe(
    name="vae",
    model_config=VAEConfig,
    data_config=FilmData,
    train_config=TrainConfig,
    build=VAE,
    check=check,
    load=lambda config, given: film_frames(config.data, config.model.frame_size, given),
    batches=lambda data, config, generator: random_frames(data, config.data.batch, generator),
    ship=("cpu", "cpu-rich", "cpu-carracing"),
    published=4_348_547,  # Ha & Schmidhuber 2018, appendix A.1
)
