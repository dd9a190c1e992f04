"""Pictures, films, tables and widgets: what they keep, how large they get, what they refuse and how they say so."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from course_lib import show
from course_lib.show.figure import FRAME, LIMIT, PAGE, CourseFigure, png_of_picture

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def no_figure_left_open() -> Iterator[None]:
    yield
    assert plt.get_fignums() == []


def film(length: int = 48, size: int = 32, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """A soft disc that moves over a plain ground; uint8 (length, size, size, 3)."""
    y, x = np.mgrid[:size, :size]
    generator = np.random.default_rng(seed)
    frames = []
    for t in range(length):
        centre = size / 2 + size / 3 * np.cos(t / 5), size / 2 + size / 3 * np.sin(t / 7)
        disc = np.clip(size / 8 - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
        frame = 235 * (1 - disc) + np.array([213, 94, 0]) * disc + noise * generator.normal(size=(size, size, 3))
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return np.stack(frames)


def png(shown: Any) -> bytes:
    bundle = shown._repr_mimebundle_()
    return (bundle[0] if isinstance(bundle, tuple) else bundle)["image/png"]


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def pages(gif: bytes) -> tuple[list[np.ndarray], list[int]]:
    with Image.open(io.BytesIO(gif)) as image:
        found, ticks = [], []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            found.append(np.asarray(image.convert("RGB")))
            ticks.append(image.info["duration"])
    return found, ticks


# --- stills -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size, length", [(32, 48), (96, 12)])
def test_stills_stay_small(size: int, length: int) -> None:
    frames = film(length, size, noise=20)
    for shown in (
        show.strip(frames),
        show.strips({"real": frames, "dream": frames[::-1]}, every=4, title="A title"),
        show.grid(frames, titles=[str(i) for i in range(length)]),
    ):
        assert len(png(shown)) <= LIMIT


def test_strip_shows_the_very_frames() -> None:
    # Each frame is one flat colour, so every colour must be found in the picture, in the order of time.
    colours = np.random.default_rng(1).integers(0, 250, size=(30, 3), dtype=np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (30, 32, 32, 3)).copy()
    drawn = pixels(png(show.strip(frames, every=3, labels=[""] * 30)))  # ten frames: two rows of five
    rows = np.concatenate([drawn[drawn.shape[0] // 4], drawn[3 * drawn.shape[0] // 4]])
    seen = [tuple(map(int, c)) for c in rows if tuple(c) != (255, 255, 255)]
    assert list(dict.fromkeys(seen)) == [tuple(map(int, c)) for c in colours[::3]]


def test_every_dot_of_a_frame_is_a_square_of_equal_size() -> None:
    frame = np.full((1, 32, 32, 3), 255, np.uint8)
    frame[0, 5, ::2] = 0
    for shown in (show.grid(frame), show.strip(np.repeat(frame, 12, 0), labels=[""] * 12)):
        drawn = pixels(png(shown))[..., 0] < 128
        runs = [np.diff(np.flatnonzero(np.diff(np.r_[False, line, False].astype(int)))) for line in drawn if line.any()]
        assert len({int(n) for run in runs for n in run[::2]}) == 1


def frame_of(shown: Any) -> tuple[float, int]:
    """How wide a frame of a stored strip or grid is, and how wide the whole picture, in dots of the screen."""
    data, metadata = shown._repr_mimebundle_()
    return metadata["course"]["frame"], pixels(data["image/png"]).shape[1]


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (96, 96), (32, 64)])
@pytest.mark.parametrize("length", [1, 5, 8, 9, 12, 16, 31])
def test_frames_of_a_strip_are_wide_enough_and_it_fits_on_the_page(size: tuple[int, int], length: int) -> None:
    frames = np.zeros((length, *size, 3), np.uint8)
    for films in ({"": frames}, {"real": frames, "a name of middling length": frames[:3]}):
        frame, whole = frame_of(show.strips(films, title="A title"))
        assert frame >= FRAME and whole <= PAGE, (frame, whole)


def test_a_frame_is_as_wide_as_the_strip_says() -> None:
    """Measured in the picture: black frames are as long as they claim to be, in each of their rows."""
    shown = show.strip(np.zeros((12, 32, 32, 3), np.uint8), labels=[""] * 12)
    drawn = pixels(png(shown))[..., 0] < 128
    edges = [np.flatnonzero(np.diff(np.r_[False, line, False].astype(int))) for line in drawn if line.any()]
    runs = [np.diff(each)[::2] for each in edges]
    assert {int(n) for run in runs for n in run} == {int(frame_of(shown)[0])}
    assert len(runs) == 2 * frame_of(shown)[0] and {len(run) for run in runs} == {6}, "two rows of six"


def test_names_and_titles_of_a_strip_are_not_cut() -> None:
    """Letters are of different widths, so their number says little: the picture's edge must be white."""
    wide = "a title far wider than the two frames are"
    for name, title in (("mmmmmmmmmm", "t"), ("remembered", "t"), ("l", wide), ("", "M" * 30)):
        drawn = pixels(png(show.strips({name: np.zeros((2, 32, 32, 3), np.uint8)}, title=title)))
        assert (drawn[:, :2] == 255).all() and (drawn[:, -2:] == 255).all() and (drawn[:2] == 255).all(), (name, title)


def test_what_reaches_beyond_a_figure_is_drawn_as_well() -> None:
    figure = CourseFigure(3.0, 2.0, "a figure with a long title")
    figure.subplots().set_title("a title that is far too long for a figure of three inches", fontsize=14)
    drawn = pixels(png(figure))
    inked = np.flatnonzero(drawn.min(axis=(0, 2)) < 99)
    assert drawn.shape[1] > 3.0 * figure.dpi and drawn.shape[1] - 12 < inked[-1] < drawn.shape[1] - 2


def test_a_grid_of_frames_has_no_more_columns_than_are_wide_enough() -> None:
    frame, whole = frame_of(show.grid(film(16, 64), columns=8))
    assert frame >= FRAME and whole <= PAGE
    assert pixels(png(show.grid(film(48, 16), columns=16))).shape[1] <= PAGE, "pieces of frames may be smaller"


def test_frames_in_a_row_that_a_callback_gives_are_wide_enough() -> None:
    row = np.zeros((32, 6 * 34 - 2, 3), np.uint8)  # six frames side by side
    drawn = show.probe(lambda x: row, {"x": [0]})[0].png
    assert pixels(drawn).shape[0] >= FRAME and pixels(drawn).shape[1] <= PAGE


def test_grid_wraps_and_titles_take_room() -> None:
    frames = film(9)
    one, two = show.grid(frames, columns=9), show.grid(frames, columns=5)
    assert pixels(png(two)).shape[0] > pixels(png(one)).shape[0]
    titled = show.grid(frames, columns=9, titles=["name"] * 9)
    assert pixels(png(titled)).shape[0] > pixels(png(one)).shape[0]


# --- films --------------------------------------------------------------------------------------------------------


def test_gif_plays_the_same_frames_and_is_small() -> None:
    frames = film()
    data = show.gif(frames, fps=10, scale=4).data
    assert len(data) <= 60_000
    found, ticks = pages(data)
    assert len(found) == 48 and set(ticks[:-1]) == {100}
    for page, frame in zip(found, frames, strict=True):
        assert page.shape == (128, 128, 3)
        assert (page == page[::4, ::4].repeat(4, 0).repeat(4, 1)).all()  # enlarged without blur
        assert np.abs(page[::4, ::4].astype(int) - frame).max() <= 8  # a level or so lost to the palette


def test_few_colours_are_kept_exactly() -> None:
    frames = (film() // 100) * 100
    assert len(np.unique(frames.reshape(-1, 3), axis=0)) < 200
    found, _ = pages(show.gif(frames, scale=1).data)
    assert (np.stack(found) == frames).all()


@pytest.mark.parametrize(("size", "length", "noise"), [(64, 100, 10), (96, 48, 25), (32, 300, 25)])
def test_hard_films_still_fit(size: int, length: int, noise: float) -> None:
    data = show.gif(film(length, size, noise)).data
    assert len(data) <= LIMIT
    found, ticks = pages(data)
    assert len(found) > 10 and abs(sum(ticks) - 100 * length) <= 1000  # frames may go, the tempo stays


def test_side_by_side_keeps_step_and_names() -> None:
    a, b = film(), film()[::-1]
    found, _ = pages(show.side_by_side({"real": a, "dream": b}, scale=3).data)
    head = found[0].shape[0] - 32 * 3
    assert len(found) == 48 and head >= 16
    assert found[0][:head].min() < 100  # something is written above
    unnamed, _ = pages(show.side_by_side({"": a, " ": b}, scale=3).data)
    assert unnamed[0][:head].min() > 200
    for page, left, right in zip(found, a, b, strict=True):
        assert np.abs(page[head::3, :96:3].astype(int) - left).mean() <= 2
        assert np.abs(page[head::3, -96::3].astype(int) - right).mean() <= 2


def test_long_names_are_not_cut() -> None:
    wide = pages(show.side_by_side({"a name far wider than its film": film(2), "b": film(2)}).data)[0][0]
    assert wide.shape[1] > 2 * 128 + 40


# --- refusals -----------------------------------------------------------------------------------------------------

GOOD = film(4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: show.strip(GOOD / 255), TypeError, "uint8.*float64.*to_uint8"),
        (lambda: show.gif(GOOD.astype(np.int64)), TypeError, "int64.*astype"),
        (lambda: show.strip(GOOD[0]), ValueError, r"\(T, H, W, 3\).*\(32, 32, 3\).*frames\[None\]"),
        (lambda: show.gif(GOOD[None]), ValueError, r"films\.frames\[0\]"),
        (lambda: show.strip(np.moveaxis(GOOD, -1, 1)), ValueError, "moveaxis"),
        (lambda: show.gif(GOOD[:0]), ValueError, "nothing to show"),
        (lambda: show.strip(GOOD, every=0), ValueError, "every"),
        (lambda: show.strip(GOOD, labels=["a"]), ValueError, "4 labels, not 1"),
        (lambda: show.strips([GOOD]), TypeError, "dict"),
        (lambda: show.strips({}), ValueError, "empty"),
        (lambda: show.strips({"a": GOOD, "b": film(4, 16)}), ValueError, "16x16"),
        (lambda: show.side_by_side({"a": GOOD, "b": GOOD[:3]}), ValueError, r"\[:3\]"),
        (lambda: show.grid(GOOD[0]), ValueError, r"image\[None\]"),
        (lambda: show.grid(GOOD, titles=["a"]), ValueError, "4 titles, got 1"),
        (lambda: show.grid(GOOD, columns=-1), ValueError, "columns"),
        (lambda: show.gif(GOOD, fps=0), ValueError, "fps"),
        (lambda: show.gif(GOOD, scale=1.5), ValueError, "scale"),
        (lambda: show.live("x", every=0), ValueError, "every"),
        (lambda: show.live("x").update(0, 0.5), TypeError, "dict"),
        (lambda: show.live("x").update(0, {"loss": 1.0}, picture=GOOD / 255), TypeError, "uint8"),
        (lambda: show.table([]), ValueError, "empty"),
        (lambda: show.table({"a": 1}), TypeError, "list of dicts"),
        (lambda: show.table([{"a": 1}], columns=["b"]), ValueError, "'b'; there are a"),
        (lambda: show.explore(lambda: GOOD[0]), TypeError, "at least one control"),
        (lambda: show.explore(lambda x: GOOD[0], y=True), TypeError, "cannot be explored with y"),
        (lambda: show.explore(lambda x: GOOD[0], x="red"), TypeError, "x: a control is"),
        (lambda: show.explore(lambda x: GOOD[0], x=(2.0, 1.0)), ValueError, "x: a slider goes from less to more"),
        (lambda: show.explore(lambda x: None, x=True), TypeError, "`return` missing"),
        (lambda: show.probe(lambda x: GOOD[0], {}), ValueError, "values to try"),
    ],
)
def test_refusals_name_what_is_wrong_and_the_way_out(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# --- live ---------------------------------------------------------------------------------------------------------


def test_live_leaves_one_picture_with_losses_and_samples() -> None:
    with show.live("VAE") as watch:
        watch.update(0, {"loss": 100.0}, picture=film(6))
        for step in range(1, 200):
            watch.update(step, {"loss": np.float32(100 / (step + 1)), "kl": 5.0})
    plain = show.live("VAE")
    plain.update(0, {"loss": 1.0})
    plain.close()
    assert watch.png is not None and plain.png is not None
    assert len(watch.png) <= LIMIT
    assert pixels(watch.png).shape[1] > pixels(plain.png).shape[1]  # the samples stand to the right
    with pytest.raises(RuntimeError, match="closed"):
        watch.update(201, {"loss": 1.0})
    watch.close()


def test_live_survives_losses_that_explode() -> None:
    with show.live("diverging") as watch:
        for step, loss in enumerate([1.0, 1e30, float("inf"), float("nan")]):
            watch.update(step, {"loss": loss})
    assert watch.png is not None
    with show.live("from the first step") as hopeless:
        hopeless.update(0, {"loss": float("nan")})
    assert hopeless.png is not None


def test_live_of_returns_stays_linear_and_begins_at_zero() -> None:
    for values, lowest in (([0.01, 0.5, 5.0], 0.0), ([-2.0, 5.0], -2.0)):
        with show.live("C", rising=True) as watch:
            for step, value in enumerate(values):
                watch.update(step, {"mean": value})
        axes = watch._draw().axes[0]
        assert axes.get_yscale() == "linear" and axes.get_ylim()[0] == lowest


def _run(*cells: str) -> list[list[Any]]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.timeout(150)
def test_in_a_notebook_each_display_is_stored_once() -> None:
    live, figure, widget, message = _run(
        "import numpy as np, time, matplotlib.pyplot as plt\n"
        "from course_lib import show\n"
        "watch = show.live('VAE', every=2)\n"
        "for step in range(6):\n"
        "    watch.update(step, {'loss': 1 / (step + 1)}); time.sleep(0.25)\n"
        "watch.close()",
        "show.strip(np.zeros((3, 8, 8, 3), np.uint8))",
        "show.explore(lambda speed: plt.figure(), speed=(0, 3))",
        "from course_lib.exercises.messages import Message, say\nsay(Message('head', 'body'))",
    )
    for outputs in (live, figure, widget):
        assert [o.output_type for o in outputs if o.output_type == "stream"] == []
        assert len(outputs) == 1 and "image/png" in outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" in widget[0].data
    assert set(message[0].data) == {"text/plain", "text/html"}


# --- style and tables ---------------------------------------------------------------------------------------------


def test_style_is_readable_when_projected() -> None:
    with matplotlib.rc_context():
        show.use_style()
        assert matplotlib.rcParams["font.size"] >= 11 and matplotlib.rcParams["figure.facecolor"] == "white"
        colours = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        assert len(set(colours)) == 8


def test_table_says_the_same_as_text_and_as_html() -> None:
    rows = [
        {"model": "PCA <32>", "psnr": 20.1234, "films": 12000, "met": np.bool_(False)},
        {"model": "VAE", "psnr": None, "films": 5, "met": True, "extra": 1.5e-7},
    ]
    bundle = show.table(rows)._repr_mimebundle_()
    for word in ("20.1", "12,000", "n/a", "no", "yes", "1.50e-07"):
        assert word in bundle["text/plain"] and word in bundle["text/html"]
    assert "PCA &lt;32&gt;" in bundle["text/html"]
    named = show.table(rows, columns={"psnr": "PSNR (dB)"})
    assert str(named).splitlines()[0] == "PSNR (dB)" and "model" not in str(named)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.0, "0"), (1.0, "1.00"), (0.01234, "0.0123"), (99.96, "100"), (1234.5, "1,234"), (-0.5, "-0.500"), (7, "7")],
)
def test_numbers_have_three_significant_digits(number: float, words: str) -> None:
    assert str(show.table([{"x": number}])).split()[-1] == words


# --- widgets ------------------------------------------------------------------------------------------------------


def draw(speed: float = 1.0, colour: str = "red", trail: bool = True, count: int = 3) -> plt.Figure:
    if speed > 1.9:
        raise ValueError("faster than this <world> allows")
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.plot(np.arange(count) * speed, color=colour, linestyle="-" if trail else "--")
    return figure


def make() -> show.widgets.Explore:  # type: ignore[name-defined]
    return show.explore(draw, speed=(0.0, 2.0, 0.1), colour=["blue", "red"], trail=False, count=(2, 9))


def test_shorthand_becomes_controls_that_begin_at_the_callbacks_defaults() -> None:
    widget = make()
    assert widget.values == {"speed": 1.0, "colour": "red", "trail": False, "count": 3}
    kinds = [type(c) for c in widget.controls.values()]
    assert kinds == [widgets.FloatSlider, widgets.Dropdown, widgets.Checkbox, widgets.IntSlider]
    assert not widget.controls["speed"].continuous_update
    own = widgets.IntSlider(value=4, min=1, max=5)
    assert show.explore(draw, count=own).controls["count"] is own and own.description == "count"


def test_moving_a_control_draws_anew() -> None:
    widget = make()
    before = widget.picture.value
    for name, value in {"speed": 0.5, "colour": "blue", "trail": True, "count": 9}.items():
        widget.controls[name].value = value
        assert widget.picture.value != before, name
        before = widget.picture.value
    assert widget.message.value == ""


def test_an_exception_is_shown_and_the_next_good_value_clears_it() -> None:
    widget = make()
    widget.controls["speed"].value = 2.0
    box = re.sub(r"<[^>]+>", " ", widget.message.value)
    assert "ValueError" in box and "faster than this &lt;world&gt; allows" in box and "speed = 2.0" in box
    assert "raise ValueError" in box
    assert widget.picture.layout.display == "none"
    widget.controls["speed"].value = 1.0
    assert widget.message.value == "" and widget.picture.layout.display == ""


def test_first_picture_that_fails_stops_the_cell() -> None:
    with pytest.raises(ValueError, match="faster") as caught:
        show.explore(draw, speed=(1.95, 2.0))
    assert "speed = " in caught.value.__notes__[0]


def test_a_still_picture_stands_beside_the_widget_view() -> None:
    widget = make()
    bundle = widget._repr_mimebundle_()
    assert bundle["image/png"] == widget.picture.value and len(bundle["image/png"]) <= LIMIT
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "object at" not in bundle["text/plain"]  # no address: the text is the same in every run
    classes = {part: part._dom_classes[0] for part in (widget, widget.picture, widget.message)}
    assert list(classes.values()) == ["course-explore", "course-picture", "course-error"]


def test_arrays_are_enlarged_without_blur_and_grey_is_allowed() -> None:
    picture = film(1)[0]
    widget = show.explore(lambda which: picture if which else picture[..., 0], which=True)
    drawn = pixels(widget.picture.value)
    assert drawn.shape == (320, 320, 3) and (drawn[::10, ::10] == picture).all()
    widget.controls["which"].value = False
    assert widget.message.value == "" and (pixels(widget.picture.value)[..., 1][::10, ::10] == picture[..., 0]).all()
    assert pixels(png_of_picture(picture)).shape == picture.shape


def test_probe_finds_the_extreme_that_fails() -> None:
    with pytest.raises(ValueError, match="faster") as caught:
        show.probe(make())
    assert "speed = 2.0" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="faster"):
        show.probe(draw, {"speed": [0.0, 2.0]})
    tried = show.probe(draw, {"speed": [0.0, 1.5], "colour": ["red", "blue"], "count": [2, 9]})
    assert len(tried) == 8 and len({t.png for t in tried}) == 8
    few = show.probe(draw, {"speed": [0.0, 1.5], "count": list(range(2, 10))}, most=4)
    assert len(few) == 1 + 1 + 7


def test_show_stands_alone() -> None:
    code = "import sys, course_lib.show; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "course_lib.show.widgets" in loaded and "torch" not in loaded
    own = {name for name in loaded if name.startswith("course_lib.")} - {"course_lib.places"}  # the package asks it
    assert all(name.startswith("course_lib.show") for name in own)
