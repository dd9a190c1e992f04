"""How the V-JEPA is trained: on pieces of films, drawn at random; no key that was pressed is looked at."""

from __future__ import annotations

from course_lib.models.v_jepa import VJEPA, VJEPAConfig
from course_lib.training.config import ConfigError
from course_lib.training.data import PiecesData, check_pieces, film_pieces, random_pieces
from course_lib.training.recipe import Phase, Recipe, RunConfig, TrainConfig, decay_groups


def check(config: RunConfig) -> None:
    """Raises ConfigError for a recording at another size than it has, and pieces of another length than a clip's."""
    check_pieces(config)
    if config.data.length != config.model.length:
        raise ConfigError(f"data.length is {config.data.length}, model.length {config.model.length}: a piece is a clip")


def phases(model: VJEPA, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices of context encoder and predictor, as for the I-JEPA."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="v_jepa",
    model_config=VJEPAConfig,
    data_config=PiecesData,
    train_config=TrainConfig,
    build=VJEPA,
    check=check,
    load=film_pieces,
    batches=random_pieces,
    phases=phases,
)
