"""Keep README.md true: its picture, its table of contents and its measured figures are made by this program.

    python tools/readme.py             # rewrites the blocks between the markers, and the picture
    python tools/readme.py --figures   # measures again as well (about a minute)

The tests compare README's blocks with what `contents_block` and a fresh measurement give.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from course_lib import show
from course_lib.contents import load_contents, markdown_table
from course_lib.exam.rows import Row
from course_lib.worlds.films import load_films, make_film
from course_lib.worlds.scenes import film_seed

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FILMS = [("simple", 1), ("rich", 0), ("goal", 2), ("rich", 4)]
FLOOR = ("simple", "rich", "occluded", "simple-new")
FILMS += [("bodies", 5), ("occluded", 4), ("rich", 2), ("simple", 6)]


def picture() -> bytes:
    """Eight films of the Playground side by side, as one animated PNG."""
    films = [make_film(name, film_seed("validation", i)).frames for name, i in FILMS]  # each uint8 (32, 32, 32, 3)
    rows = [np.concatenate(films[k : k + 4], axis=2) for k in (0, 4)]  # (32, 32, 128, 3)
    return show.gif(np.concatenate(rows, axis=1), fps=10, scale=4).data  # (32, 64, 128, 3)


def contents_block() -> str:
    """The table of contents with the measured minutes of the notebooks that are built."""
    return markdown_table(load_contents(), folder="notebooks/")


VAES = {"simple": "cpu", "rich": "cpu-rich", "CarRacing-v3": "cpu-carracing"}


def figures(names: Iterable[str] = VAES) -> dict[str, dict[str, dict]]:
    """The exam's reconstruction rows for the shipped VAEs of these films, as notebook 02 computes them."""
    from course_lib.exam.measures.coders import gain_over_pca
    from course_lib.training import load_checkpoint
    from course_lib.worlds.carracing import load_carracing

    rows = {}
    for name in names:
        if name == "CarRacing-v3":
            test, _ = load_carracing("test").films(80)  # one film a track
            fit = load_carracing("train").frames[::3]
        else:
            fit = load_films(name, split="train", count=1000).frames[:, ::4].reshape(-1, 32, 32, 3)
            test = load_films(name, split="test", count=100).frames
        rows[name] = gain_over_pca(load_checkpoint("vae", size=VAES[name]), fit, test)
    return rows


def figures_block(rows: dict[str, dict[str, dict]]) -> str:
    """The measured figures as a table: PSNR of each coder, the gain over PCA with its interval, the KL."""
    lines = ["| films | mean frame | PCA, 32 numbers | VAE, 32 numbers | gain over PCA (95 % interval) | KL |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for name, row in rows.items():
        gain = row["gain"]
        cells = [f"{row[k]['value']:.1f} dB" for k in ("mean_frame", "pca", "vae")]
        cells += [f"{gain['value']:.1f} dB ({gain['low']:.1f} to {gain['high']:.1f})", f"{row['kl']['value']:.0f} nats"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def floor(names: Sequence[str] = FLOOR) -> dict[str, dict[str, Row]]:
    """The reader's own rows on film sets, by set and question."""
    from course_lib.exam.questions.floor import ask
    from course_lib.exam.registry import get_entrant
    from course_lib.exam.sitting import Sitting

    rows: dict[str, dict[str, Row]] = {}
    for row in ask(get_entrant("reader"), Sitting(), sets=names):
        rows.setdefault(row.split.partition("/")[0], {})[row.question.removeprefix("reader_")] = row
    return rows


def floor_block(rows: dict[str, dict[str, Row]]) -> str:
    """The floor as a table: how far off a thing is read, how often it is named rightly, how many are missed."""
    lines = ["| films | off by (95 % interval) | kind right | colour right | not found |", "|---|---|---|---|---|"]
    for name, row in rows.items():
        off = row["position_error"]
        cells = [f"{off.value:.3f} pixels ({off.low:.3f} to {off.high:.3f})"]
        cells += [f"{100 * row[key].value:.1f} %" for key in ("accuracy_kind", "accuracy_colour", "missed")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def block(name: str, text: str | None = None) -> str:
    """The block of this name in README.md; with a text, write that into it first.

    Raises ValueError when a marker is missing.
    """
    whole = README.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    if begin not in whole or end not in whole:
        raise ValueError(f"README.md has lost a marker: {begin.strip()} or {end.strip()}")
    head, rest = whole.split(begin, 1)
    old, tail = rest.split(end, 1)
    if text is not None:
        README.write_text(head + begin + text + end + tail, encoding="utf-8")
    return old if text is None else text


def main() -> None:
    """Rewrite what is made by measuring, and say what was written."""
    path = ROOT / "notebooks" / "pictures" / "playground.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture())
    print(block("contents", contents_block()))
    if "--figures" in sys.argv[1:]:
        print(block("figures", figures_block(figures())))
        print(block("floor", floor_block(floor())))


if __name__ == "__main__":
    main()
