"""How the I-JEPA is trained: on single frames, drawn at random, as the masked autoencoder is."""

from __future__ import annotations

import torch

from course_lib.models.i_jepa import IJEPA, IJEPAConfig
from course_lib.nets.masks import MultiBlock
from course_lib.training.config import ConfigError
from course_lib.training.data import PicturesData, check_pieces, film_frames, random_frames
from course_lib.training.recipe import Phase, Recipe, RunConfig, TrainConfig, decay_groups

DRAWN, TRIES = 500, 10  # pictures that are drawn to see whether masks fit, a tenth as often as training may


def check(config: RunConfig) -> None:
    """Raises ConfigError for a recording at another size than it has, and for masks that do not fit the grid.

    Whether a context of enough patches is left, is seen by drawing: each of 500 pictures within 10 tries. Training
    tries 100 times, so what passes here does not fail there.
    """
    check_pieces(config)
    try:
        masking = config.model.masks()
        if isinstance(masking, MultiBlock):
            few = MultiBlock(masking.grid, masking.targets, minimum=masking.minimum, tries=TRIES)
            generator = torch.Generator().manual_seed(0)
            scale, aspect, context = few.asked(DRAWN, generator)
            few.place(few.block(scale, aspect), few.block(context, torch.ones_like(context)), generator)
    except ValueError as error:
        raise ConfigError(
            f"model.masking, model.targets, model.minimum, model.patch and model.frame_size do not go together: {error}"
        ) from None


def phases(model: IJEPA, config: RunConfig) -> list[Phase]:
    """One phase; weight decay for the matrices of context encoder and predictor. The target encoder learns nothing by
    gradients."""
    return [Phase("train", config.train.steps, decay_groups(model))]


recipe = Recipe(
    name="i_jepa",
    model_config=IJEPAConfig,
    data_config=PicturesData,
    train_config=TrainConfig,
    build=IJEPA,
    check=check,
    load=lambda config, given: film_frames(config.data, config.model.frame_size, given),
    batches=lambda data, config, generator: random_frames(data, config.data.batch, generator),
    phases=phases,
    published=630_762_240 + 22_377_728,  # the program's encoder and predictor at ViT-H/14, fixed positions counted
)
