"""What is exported from a notebook, as a page or as slides, shows every film, and the film plays there."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

from course_lib import show

LENGTH = 7


def a_film() -> np.ndarray:
    """A square that moves, uint8 (T, 32, 32, 3)."""
    frames = np.full((LENGTH, 32, 32, 3), 240, np.uint8)
    for i in range(LENGTH):
        frames[i, 10:20, 3 * i : 3 * i + 6] = (213, 94, 0)
    return frames


def stored(shown: Any) -> nbformat.NotebookNode:
    """An output as JupyterLab stores it."""
    bundle = shown._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    data = {kind: base64.b64encode(v).decode() if isinstance(v, bytes) else v for kind, v in data.items()}
    return nbformat.v4.new_output("display_data", data, metadata=metadata)


@pytest.fixture(scope="module", params=["html", "slides"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The pictures in what nbconvert makes of a notebook with a still, two films and, last, a GIF alone."""
    gif = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(gif, "GIF")
    films = {"real": a_film(), "dream": a_film()[::-1]}
    outputs = [stored(shown) for shown in (show.grid(a_film()), show.gif(a_film()), show.side_by_side(films))]
    outputs.append(nbformat.v4.new_output("display_data", {"image/gif": base64.b64encode(gif.getvalue()).decode()}))
    cells = [nbformat.v4.new_code_cell(str(i), outputs=[output]) for i, output in enumerate(outputs)]
    folder = tmp_path_factory.mktemp("export")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "small.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", request.param, "small.ipynb"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (page,) = (path for path in Path(folder).iterdir() if path.suffix == ".html")
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', page.read_text("utf-8"))
    return [base64.b64decode(picture) for picture in found]


def test_every_film_is_there_and_plays(exported: list[bytes]) -> None:
    pictures = [Image.open(io.BytesIO(data)) for data in exported]
    assert [getattr(picture, "n_frames", 1) for picture in pictures] == [1, LENGTH, LENGTH], "the GIF alone is lost"
    assert all(picture.info["loop"] == 0 for picture in pictures[1:]), "they begin again"


def test_where_a_film_cannot_play_its_first_frame_is_seen() -> None:
    with Image.open(io.BytesIO(show.gif(a_film(), scale=1).data)) as image:
        image.seek(0)
        first = np.asarray(image.convert("RGB"))
    assert np.abs(first.astype(int) - a_film()[0]).max() <= 8
