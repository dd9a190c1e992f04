"""Make the README's picture: eight films of the Playground, side by side, as one small GIF.

    python tools/readme_picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from course_lib import show
from course_lib.worlds.films import make_film
from course_lib.worlds.scenes import film_seed

FILMS = [("simple", 1), ("rich", 0), ("goal", 2), ("rich", 4), ("bodies", 5), ("occluded", 4), ("rich", 2), ("simple", 6)]


def main() -> None:
    """Write notebooks/pictures/playground.gif."""
    films = [make_film(name, film_seed("validation", i)).frames for name, i in FILMS]  # each uint8 (32, 32, 32, 3)
    rows = [np.concatenate(films[k : k + 4], axis=2) for k in (0, 4)]  # (32, 32, 128, 3)
    picture = show.gif(np.concatenate(rows, axis=1), fps=10, scale=4)  # (32, 64, 128, 3)
    path = Path(__file__).resolve().parents[1] / "notebooks" / "pictures" / "playground.gif"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture.data)
    print(f"{path.name}: {len(picture.data) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
