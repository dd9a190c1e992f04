"""How the video tokenizer is trained: on short pieces of films, drawn at random from several film sets.

The sets are the Playground's, or CoinRun's recording (``coinrun``, for itself alone).
"""

from __future__ import annotations

from course_lib.models.tokenizer import TokenizerConfig, VideoTokenizer
from course_lib.training.data import PiecesData, check_pieces, film_pieces, random_pieces
from course_lib.training.recipe import Recipe, TrainConfig

recipe = Recipe(
    name="tokenizer",
    model_config=TokenizerConfig,
    data_config=PiecesData,
    train_config=TrainConfig,
    build=VideoTokenizer,
    check=check_pieces,
    load=film_pieces,
    batches=random_pieces,
    ship=("cpu", "cpu-patches", "cpu-rich"),
    published=200_000_000,  # Genie, section 2: "200M"; see configs/tokenizer/paper.yaml for the readings
)
