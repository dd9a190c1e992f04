"""What `make play` opens: the pieces of the notebooks that are played with, each made from its checkpoint alone.

A piece is a function that makes widgets of `course_lib.show`, in the order in which they stand on the page. It is
called when the piece is opened, so that nobody waits for a model that is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PlayPiece:
    """title: in the list; notebook: the two digits of the one that explains it; hint: what to try."""

    title: str
    notebook: str
    hint: str
    make: Callable[[], list[Any]]


def _playground() -> list[Any]:
    from course_lib import show
    from course_lib.worlds.env import PlaygroundEnv
    from course_lib.worlds.play import EnvPlayer

    return [show.canvas(EnvPlayer(PlaygroundEnv(films="goal"), seed=3), fps=15)]


def _dream() -> list[Any]:
    from course_lib import show
    from course_lib.models.dream_env import DreamEnv
    from course_lib.training import load_checkpoint
    from course_lib.worlds.env import PlaygroundEnv
    from course_lib.worlds.films import load_films
    from course_lib.worlds.play import EnvPlayer

    first = load_films("goal", split="test", count=20).frames[:, 0]
    dream = EnvPlayer(DreamEnv(load_checkpoint("vmc"), first), seed=3)
    return [show.canvas({"dream": dream, "Playground": EnvPlayer(PlaygroundEnv(split="test"), seed=3)}, fps=15)]


def _genie() -> Any:
    """Genie with its map from keys to codes, and a function that finds the agent in a picture."""
    import numpy as np

    from course_lib.models.key_map import KeyedGenie
    from course_lib.training import load_checkpoint
    from course_lib.views.genie import dark_place

    keyed = KeyedGenie(load_checkpoint("genie"), load_checkpoint("key_map"))
    return keyed, lambda picture: bool(np.isfinite(dark_place(picture)).all())


def _genie_played() -> list[Any]:
    import torch

    from course_lib import show
    from course_lib.models.play import DreamPlayer
    from course_lib.worlds.env import PlaygroundEnv
    from course_lib.worlds.play import EnvPlayer

    keyed, seen = _genie()
    real = EnvPlayer(PlaygroundEnv(split="test"), seed=3)
    dream = DreamPlayer(keyed, real.reset()[None], finder=seen, generator=torch.Generator().manual_seed(0))
    return [show.canvas({"dream": dream, "Playground": real}, fps=15)]


def _painted() -> list[Any]:
    import numpy as np
    import torch

    from course_lib import show
    from course_lib.models.play import DreamPlayer
    from course_lib.worlds import spec
    from course_lib.worlds.env import PlaygroundEnv
    from course_lib.worlds.play import EnvPlayer

    keyed, seen = _genie()
    beginning = EnvPlayer(PlaygroundEnv(split="test"), seed=3).reset().copy()
    beginning[20:22, 18:28] = spec.PLATFORM_COLOUR
    colours = {"agent": spec.AGENT_COLOUR, "platform": spec.PLATFORM_COLOUR, "star": spec.STAR_COLOUR,
               "room": spec.BACKGROUND, "wall": spec.WALL_COLOUR, "red": (200, 40, 40)}  # fmt: skip

    def enter_room(picture: np.ndarray) -> dict[str, Any]:
        world = DreamPlayer(keyed, picture[None], finder=seen, generator=torch.Generator().manual_seed(0))
        return {"your world": world, "painted": show.FilmPlayer(picture[None])}

    game = show.canvas(enter_room(beginning), fps=15)
    return [show.painter(beginning, colours, enter=lambda picture: game.show(enter_room(picture))), game]


def _film_model() -> list[Any]:
    from course_lib import show
    from course_lib.training.dit_world import load_dit_world
    from course_lib.views.dit_world import enter
    from course_lib.worlds.films import load_films

    player = enter(load_dit_world(), load_films("goal", split="test", count=20), 0, 3)
    return [show.canvas({"film model": player}, fps=10)]


def _latent_numbers() -> list[Any]:
    import numpy as np

    from course_lib import show
    from course_lib.training import load_checkpoint
    from course_lib.views.vae import latents, push
    from course_lib.worlds.films import load_films

    vae, films = load_checkpoint("vae", size="cpu"), load_films("simple", split="test", count=40).frames
    mean, logvar = latents(vae, films[:, ::4].reshape(-1, *films.shape[2:]))
    price = 0.5 * (mean**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)  # the KL to the prior, (D,)
    order = np.argsort(-price)

    def push_number(rank: int = 0, amount: float = 1.5, frame: int = 6) -> np.ndarray:
        return push(vae, films[1][frame], int(order[rank]), amount)

    return [show.explore(push_number, rank=(0, len(order) - 1), amount=(-3.0, 3.0, 0.25), frame=(0, 31))]


def _latent_actions() -> list[Any]:
    import numpy as np

    from course_lib import show
    from course_lib.training import load_checkpoint
    from course_lib.views.lam import try_code
    from course_lib.worlds.films import load_films

    model, film = load_checkpoint("lam"), load_films("simple", split="test", count=40).frames[2]

    def try_it(frame: int = 3, code: int = 5) -> np.ndarray:
        return try_code(model, film, frame, code)

    return [show.explore(try_it, frame=(0, 30), code=(0, 7))]


def _prompt() -> list[Any]:
    import ipywidgets

    from course_lib import show
    from course_lib.training import load_checkpoint
    from course_lib.training.text_to_video import load_text_to_video
    from course_lib.views.text_to_video import film_of_prompt

    model, reader = load_text_to_video(), load_checkpoint("reader")

    def type_a_prompt(prompt: str, guidance: float = 2.0, steps: int = 8, noise: int = 0) -> Any:
        return film_of_prompt(model, reader, prompt, guidance=guidance, steps=steps, seed=noise)

    box = ipywidgets.Text("a small red ball falling and a large blue box moving left", continuous_update=False)
    return [show.explore(type_a_prompt, prompt=box, guidance=(0.0, 6.0, 0.5), steps=(1, 32), noise=(0, 20))]


def _flow() -> list[Any]:
    from course_lib import show
    from course_lib.views.denoiser import flow_of_points

    five = [[-1.5, 1.0], [-1.3, -0.8], [0.2, 1.6], [1.4, 0.3], [0.9, -1.4]]
    return [show.points(five, flow_of_points, slider="from noise to data")]


def _energy() -> list[Any]:
    from course_lib import show
    from course_lib.views.energy import downhill

    five = [[-1.5, 1.0], [-1.2, -1.0], [0.3, 1.5], [1.5, 0.2], [1.0, -1.5]]
    return [show.points(five, downhill, slider="balls roll downhill", marks=2)]


def _vanishing_point() -> list[Any]:
    from course_lib import show
    from course_lib.views.perspective import lamp_figure, point_figure
    from course_lib.worlds.perspective import make_scenes, render

    scene = make_scenes(1, split="validation")[0]
    picture = render(scene)

    def pointed(x: float = 20.0, y: float = 20.0) -> Any:
        return point_figure(picture, x, y)

    def lit(right: float = 0.0, deep: float = 0.0) -> Any:
        return lamp_figure(scene, right, deep)

    return [
        show.explore(pointed, x=(-60.0, 124.0, 0.5), y=(-60.0, 124.0, 0.5)),
        show.explore(lit, right=(-0.4, 0.4, 0.1), deep=(-0.6, 0.6, 0.1)),
    ]


# key: title, notebook, what to try, how it is made. The first is open when the page comes: it has no model to load.
_LISTED: dict[str, tuple[str, str, str, Callable[[], list[Any]]]] = {
    "playground": ("The Playground", "00", "Click the picture, then run and jump with the arrow keys.", _playground),
    "dream": ("Inside the dream of V-M-C", "03", "The same keys move a dream and the real room.", _dream),
    "genie": ("Genie's world", "15", "Learned from films without keys. Jump, and steer in the air.", _genie_played),
    "painter": ("A world of your own", "15", "Paint a first frame, press Enter this room, and play in it.", _painted),
    "film-model": ("A film model with keys", "11", "Each frame is made from noise. Does the agent last?", _film_model),
    "latent-numbers": ("Push one latent number", "02", "Which number of V moves the agent alone?", _latent_numbers),
    "latent-actions": ("One of eight latent actions", "14", "Which code means right?", _latent_actions),
    "prompt": ("A film from a sentence", "11", "Change the sentence and press Enter; it takes a few seconds.", _prompt),
    "flow": ("Drag the data", "08", "Drag a point: noise flows to data along other ways.", _flow),
    "energy": ("Drag the energy", "17", "Drag a point: each makes a dent, and balls roll downhill.", _energy),
    "perspective": ("Vanishing points and a lamp", "24", "Find the point where most lines meet.", _vanishing_point),
}
PIECES = {key: PlayPiece(*listed) for key, listed in _LISTED.items()}
