"""How the latent action model is trained: on short pieces of films, frames alone. It never gets to see an action."""

from __future__ import annotations

from course_lib.models.lam import LatentActionConfig, LatentActionModel
from course_lib.training.data import StepsData, check_pieces, film_pieces, random_pieces
from course_lib.training.recipe import Recipe, TrainConfig

recipe = Recipe(
    name="lam",
    model_config=LatentActionConfig,
    data_config=StepsData,
    train_config=TrainConfig,
    build=LatentActionModel,
    check=check_pieces,
    load=film_pieces,
    batches=random_pieces,
    ship=("cpu",),
    published=300_000_000,  # Genie, section 2: "300M"; see configs/lam/paper.yaml for the readings
)
