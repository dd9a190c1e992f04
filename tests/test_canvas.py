"""The canvas without a browser: what it answers, whom it lets play, what it leaves behind; and all that plays on it."""

from __future__ import annotations

import io
import pickle
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

from course_lib import show
from course_lib.contract import NotCapable
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.fakes import BlindFake, RecurrentFake, TabularFake, TokenFake
from course_lib.models.play import LOST, DreamPlayer
from course_lib.show.canvas import Canvas
from course_lib.worlds.carracing import make_carracing
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.frames import to_model
from course_lib.worlds.play import CARRACING_KEYS, CARRACING_TABLE, EnvPlayer
from tools import notebooks as machine


class Counter:
    """Its picture tells how often it was stepped (red) and with which action the last time (green)."""

    def __init__(self, size: int = 4) -> None:
        self.size, self.steps = size, 0

    def reset(self) -> np.ndarray:
        self.steps = 0
        return self._picture(0)

    def step(self, action: int) -> np.ndarray:
        self.steps += 1
        return self._picture(action)

    def _picture(self, action: int) -> np.ndarray:
        self.caption = f"{self.steps} steps"
        return np.full((self.size, self.size, 3), (self.steps % 256, action, 7), np.uint8)


class Fragile(Counter):
    """Breaks at the third step."""

    def step(self, action: int) -> np.ndarray:
        if self.steps == 2:
            raise RuntimeError("the <wheel> came off")
        return super().step(action)


class NoReset:
    """All that a player needs, and nothing else."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, action: int) -> np.ndarray:
        self.steps += 1
        return np.full((4, 4, 3), self.steps, np.uint8)


def flat(*colour: int) -> np.ndarray:
    """A film of one colour."""
    return np.broadcast_to(np.array(colour, np.uint8), (2, 8, 8, 3)).copy()


class Said(list[tuple[dict[str, Any], list[np.ndarray]]]):
    """What a canvas sends to the browser: contents, and buffers as arrays."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        height, width = canvas.frames[0].shape[:2]

        def send(content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
            pictures = [np.frombuffer(buffer, np.uint8).reshape(height, width, 3) for buffer in buffers or []]
            self.append((content, pictures))

        canvas.send = send  # type: ignore[method-assign]


def ask(canvas: Canvas, number: int, action: int = 0, kind: str = "step") -> None:
    canvas.answer({"kind": kind, "client": "page", "number": number, "action": action})


# ----------------------------------------------------------------------------------------------------- conversation


def test_each_question_is_answered_once_in_order_with_its_number_and_its_action() -> None:
    canvas = show.canvas(Counter())
    said = Said(canvas)
    for number, action in enumerate((2, 0, 3), start=1):
        ask(canvas, number, action)
    assert [content["number"] for content, _ in said] == [1, 2, 3]
    assert {content["client"] for content, _ in said} == {"page"}
    assert [tuple(pictures[0][0, 0]) for _, pictures in said] == [(1, 2, 7), (2, 0, 7), (3, 3, 7)]
    assert [content["captions"] for content, _ in said] == [["1 steps"], ["2 steps"], ["3 steps"]]


def test_two_players_take_the_same_action_at_the_same_time() -> None:
    canvas = show.canvas({"real": Counter(), "dream": Counter()})
    said = Said(canvas)
    for number, action in enumerate((1, 3)):
        ask(canvas, number, action)
    for _, (real, dream) in said:
        assert (real == dream).all()
    assert canvas.names == ["real", "dream"] and canvas.steps == 2


def test_a_look_changes_nothing() -> None:
    canvas = show.canvas(Counter())
    said = Said(canvas)
    ask(canvas, 1, 2)
    ask(canvas, 2, kind="look")
    canvas.answer("nonsense")
    assert canvas.steps == 1 and len(said) == 2
    assert (said[0][1][0] == said[1][1][0]).all()


def test_the_message_handler_is_the_one_that_the_browser_reaches() -> None:
    canvas = show.canvas(Counter())
    said = Said(canvas)
    canvas._handle_custom_msg({"kind": "step", "client": "page", "number": 9, "action": 3}, [])
    assert said[0][0]["number"] == 9 and tuple(said[0][1][0][0, 0]) == (1, 3, 7)


def test_an_error_is_told_and_stops_the_play_until_a_reset() -> None:
    canvas = show.canvas({"real": Counter(), "dream": Fragile()})
    said = Said(canvas)
    for number in range(5):
        ask(canvas, number)
    assert [content["kind"] for content, _ in said] == ["frames", "frames", "error", "error", "error"]
    text = said[2][0]["text"]
    assert "RuntimeError: the <wheel> came off" in text and "the player 'dream'" in text
    assert "step, line" in text and 'raise RuntimeError("the <wheel> came off")' in text
    assert canvas.players["real"].steps == 3, "what comes after the error steps nobody"

    ask(canvas, 5, kind="reset")
    ask(canvas, 6, 1)
    assert [content["kind"] for content, _ in said[5:]] == ["frames", "frames"]
    assert tuple(said[5][1][0][0, 0]) == (0, 0, 7) and tuple(said[6][1][1][0, 0]) == (1, 1, 7)


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (np.zeros((4, 4, 3)), "TypeError.*player 'odd'.*uint8.*float64"),
        (np.zeros((4, 5, 3), np.uint8), "ValueError.*player 'odd'.*4x5 where 4x4"),
        (None, "player 'odd'"),
    ],
    ids=["floats", "another size", "nothing"],
)
def test_a_picture_that_cannot_be_shown_is_told_with_the_players_name(later: Any, told: str) -> None:
    class Odd(Counter):
        def step(self, action: int) -> Any:
            return later

    canvas = show.canvas({"odd": Odd()})
    said = Said(canvas)
    ask(canvas, 1)
    assert said[0][0]["kind"] == "error"
    assert re.search(told, said[0][0]["text"], re.DOTALL)


def test_an_action_without_a_key_is_refused() -> None:
    canvas = show.canvas(Counter(), keys={"a": 5}, default=4)
    said = Said(canvas)
    ask(canvas, 1, 5)
    ask(canvas, 2, 4)
    ask(canvas, 3, 1)
    assert [content["kind"] for content, _ in said] == ["frames", "frames", "error"]
    assert "actions are [4, 5]" in said[2][0]["text"]


def test_a_player_without_reset_can_be_played_and_keeps_its_picture_at_a_reset() -> None:
    player = NoReset()
    canvas = show.canvas(player)
    assert player.steps == 1, "the first picture is a step of the default action"
    said = Said(canvas)
    ask(canvas, 1)
    ask(canvas, 2, kind="reset")
    assert player.steps == 2 and (said[0][1][0] == said[1][1][0]).all()


def test_two_threads_take_turns() -> None:
    """JupyterLab may answer widgets in a thread of their own while a cell runs."""

    class Slow(Counter):
        inside = 0

        def step(self, action: int) -> np.ndarray:
            Slow.inside += 1
            assert Slow.inside == 1, "two steps at once"
            time.sleep(0.001)
            Slow.inside -= 1
            return super().step(action)

    canvas = show.canvas(Slow())
    said = Said(canvas)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: ask(canvas, number), range(40)))
    assert canvas.steps == 40 and {content["kind"] for content, _ in said} == {"frames"}


def test_nothing_grows_with_play() -> None:
    canvas = show.canvas({"a": Counter(), "b": Counter()})
    canvas.send = lambda *_: None  # type: ignore[method-assign]

    def size() -> int:
        kept = {key: value for key, value in vars(canvas).items() if key in ("frames", "steps", "error", "_still")}
        return len(pickle.dumps(kept)) + len(pickle.dumps(canvas.get_state(["opening", "captions", "measured"])))

    for number in range(300):
        ask(canvas, number, number % 4)
    before = size()
    for number in range(300, 3000):
        ask(canvas, number, number % 4)
    assert size() <= before + 8  # the number of steps itself has more digits
    assert canvas.steps == 3000


def test_other_players_take_the_canvas_over() -> None:
    canvas = show.canvas({"left": Counter(), "right": Counter()})
    said = Said(canvas)
    ask(canvas, 1)
    still = canvas._repr_mimebundle_()["image/png"]
    films = [np.full((3, 4, 4, 3), value, np.uint8) for value in (50, 90)]
    canvas.show({"up": show.FilmPlayer(films[0]), "down": show.FilmPlayer(films[1])})
    content, pictures = said[-1]
    assert canvas.names == ["up", "down"] and "number" not in content
    assert [int(picture.mean()) for picture in pictures] == [50, 90]
    assert canvas._repr_mimebundle_()["image/png"] != still
    with pytest.raises(ValueError, match="has 2 players, not 1"):
        canvas.show(Counter())
    with pytest.raises(ValueError, match="8x8 where 4x4"):
        canvas.show({"big": Counter(8), "bigger": Counter(8)})
    assert canvas.names == ["up", "down"], "what was refused changed nothing"


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: show.canvas({}), ValueError, "one or two players, not 0"),
        (lambda: show.canvas({n: Counter() for n in "abc"}), ValueError, "one or two players, not 3"),
        (lambda: show.canvas({"a": Counter(), "film": np.zeros(3)}), TypeError, "'film' is no player.*ndarray"),
        (lambda: show.canvas({"a": Counter(4), "b": Counter(8)}), ValueError, "'b' is 8x8 where 4x4"),
        (lambda: show.canvas(Counter(), fps=0), ValueError, "fps"),
        (lambda: show.canvas(Counter(), fps=1000), ValueError, "at most 60"),
        (lambda: show.canvas(Counter(), scale=0), ValueError, "scale"),
        (lambda: show.canvas(Counter(), keys={}), TypeError, "ArrowLeft"),
        (lambda: show.canvas(Counter(), keys={"a": 1.5}), TypeError, "'a': 1.5"),
        (lambda: show.canvas(Counter(), keys={"Escape": 1}), ValueError, "Escape.*belong to the notebook"),
        (lambda: show.canvas(Counter(), actions={9: "fly"}), ValueError, r"\[9\]"),
        (lambda: show.FilmPlayer(np.zeros((4, 4, 3), np.uint8)), ValueError, r"\(T, H, W, 3\)"),
    ],
)
def test_refusals_name_what_is_wrong(make: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()


def test_an_error_at_the_first_picture_stops_the_cell_and_names_the_player() -> None:
    class Broken(Counter):
        def reset(self) -> np.ndarray:
            raise RuntimeError("no power")

    with pytest.raises(RuntimeError, match="no power") as caught:
        show.canvas({"machine": Broken()})
    assert "machine" in caught.value.__notes__[0]


# ------------------------------------------------------------------------------------------------------------- display


def test_a_page_without_a_kernel_gets_the_first_pictures_side_by_side() -> None:
    canvas = show.canvas({"red": show.FilmPlayer(flat(250, 0, 0)), "blue": show.FilmPlayer(flat(0, 0, 250))})
    bundle = canvas._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "Canvas: red, blue, played with ArrowLeft, ArrowRight, ArrowUp, Space"
    picture = np.asarray(Image.open(io.BytesIO(bundle["image/png"])).convert("RGB")).astype(int)
    height, width, _ = picture.shape
    row = picture[2 * height // 3]
    assert tuple(row[width // 4]) == (250, 0, 0) and tuple(row[3 * width // 4]) == (0, 0, 250)
    assert width > 100 and len(bundle["image/png"]) < 150_000


def test_the_browser_learns_everything_when_the_widget_is_made() -> None:
    """Its script reads the settings once, when the model is made; what is sent later it would miss."""
    canvas = show.canvas(Counter(), keys={"Space": 1, "A": 2}, actions={1: "fire"})
    state = canvas.get_state()
    assert state["settings"]["keys"] == {" ": 1, "a": 2}
    assert state["settings"]["actions"] == {"1": "fire", "2": "action 2"}
    assert "export default" in state["_esm"] and ".course-canvas" in state["_css"]


@pytest.mark.timeout(150)
def test_a_notebook_stores_the_still_picture_and_no_view() -> None:
    source = (
        "import numpy as np\nfrom course_lib import show\n"
        "show.canvas(show.FilmPlayer(np.zeros((2, 8, 8, 3), np.uint8)), autoplay=True)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    assert machine.bare_widgets(notebook) == []
    (output,) = notebook.cells[0].outputs
    assert machine.VIEW in output.data
    machine.clean(notebook)
    assert sorted(notebook.cells[0].outputs[0].data) == ["image/png", "text/plain"]
    assert machine.output_problems(notebook) == [] and "widgets" not in notebook.metadata


# ------------------------------------------------------------------------------------------------------------- players


def test_a_film_plays_in_a_loop_and_rests_at_its_end() -> None:
    frames = np.arange(3, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3)
    player = show.FilmPlayer(frames, rest=2)
    seen = [int(player.reset()[0, 0, 0])] + [int(player.step(action)[0, 0, 0]) for action in (0, 3, 1, 2, 0, 0)]
    assert seen == [0, 1, 2, 2, 2, 0, 1]
    assert int(player.reset()[0, 0, 0]) == 0


def test_the_playground_is_played_like_the_environment_itself() -> None:
    player, env = EnvPlayer(PlaygroundEnv(), seed=5), PlaygroundEnv()
    assert (player.reset() == env.reset(seed=5)[0]).all()
    score = 0.0
    for action in [2] * 20 + [3, 0, 1, 1]:
        frame, reward, *_ = env.step(action)
        score += reward
        assert (player.step(action) == frame).all()
    assert player.score == score and player.caption == f"episode 1, score {score:g}"
    player.reset()
    assert player.score == 0 and player.caption == "episode 1, score 0"


def test_when_an_episode_ends_the_next_one_begins_by_itself() -> None:
    env = gymnasium.wrappers.TimeLimit(PlaygroundEnv(), 3)
    player = EnvPlayer(env, seed=5)
    first = player.reset()
    for _ in range(3):
        player.step(2)
    assert player.episode == 0, "the last picture of an episode is seen"
    begun = player.step(2)
    assert player.episode == 1 and player.caption == "episode 2, score 0 (before: 0)"
    assert (begun == PlaygroundEnv().reset(seed=6)[0]).all() and not (begun == first).all()
    assert (player.reset() == first).all(), "a reset begins with the first episode again"


def test_environments_that_cannot_be_played_say_what_is_missing() -> None:
    with pytest.raises(ValueError, match="nothing to see.*render_mode"):
        EnvPlayer(gymnasium.make("CartPole-v1"))
    player = EnvPlayer(PlaygroundEnv())
    player.reset()
    with pytest.raises(ValueError, match="action 4 is none of"):
        player.step(4)
    with pytest.raises(ValueError, match="no action|is none of"):
        EnvPlayer(PlaygroundEnv(), table={0: 17})


def test_carracing_is_driven_with_a_table_of_keys() -> None:
    env = make_carracing()
    with pytest.raises(ValueError, match="give table="):
        EnvPlayer(env)
    canvas = show.canvas(EnvPlayer(env, table=CARRACING_TABLE), keys=CARRACING_KEYS)
    before = canvas.frames[0]
    for _ in range(3):
        canvas.step(3)
    assert canvas.frames[0].shape == (96, 96, 3) and (canvas.frames[0] != before).any()
    assert set(CARRACING_KEYS.values()) | {0} == set(CARRACING_TABLE)
    env.close()


def seen(size: int = 8, length: int = 3) -> torch.Tensor:
    return torch.rand((1, length, 3, size, size), generator=torch.Generator().manual_seed(0))


def test_a_dream_is_the_models_own_prediction() -> None:
    model = TokenFake()
    actions = torch.tensor([[1, 0]])
    player = DreamPlayer(model, seen(), actions)
    state = model.encode(seen(), actions)
    for key in (3, 1, 2, 0):
        latent = model.capabilities.actions.table.to_latent(torch.tensor([key]))  # 0, 2, 1, 4 for the keys 0 to 3
        state = model.predict(state, latent)
        assert torch.equal(to_model(player.step(key)), to_model(_shown(model.decode(state))))
    assert player.caption == "frames dreamed: 4"


def _shown(frames: torch.Tensor) -> np.ndarray:
    return (frames[0] * 255).round().byte().permute(1, 2, 0).numpy()


def test_a_recurrent_model_with_continuous_actions_needs_a_vector_for_each_key() -> None:
    with pytest.raises(ValueError, match="give table="):
        DreamPlayer(RecurrentFake(), seen(length=1))
    with pytest.raises(ValueError, match=r"shape \(1, 2\) wanted"):
        DreamPlayer(RecurrentFake(), seen(length=1), table={0: (0.0, 0.0, 0.0)})
    player = DreamPlayer(RecurrentFake(), seen(length=1), table={0: (0.0, 0.0), 1: (3.0, -3.0)})
    still = player.step(0)
    player.reset()
    assert (player.step(1) != still).any()
    with pytest.raises(ValueError, match=r"\[0, 1\], there is no action 3"):
        player.step(3)


def test_a_model_of_a_table_needs_a_picture_for_its_integers() -> None:
    def lit(place: torch.Tensor) -> np.ndarray:
        picture = np.zeros((6, 6, 3), np.uint8)
        picture[:, int(place[0])] = 255
        return picture

    with pytest.raises(ValueError, match="give picture="):
        DreamPlayer(TabularFake(), torch.tensor([[2]]))
    model = TabularFake()
    player = DreamPlayer(model, torch.tensor([[2]]), picture=lit)
    assert player.reset()[0, 2, 0] == 255
    assert player.step(1)[0, int(model.table[2, 1].argmax()), 0] == 255


def test_a_model_that_cannot_decode_is_refused_at_once_with_its_own_reason() -> None:
    with pytest.raises(NotCapable, match="nothing to see.*never asked to keep the pixels"):
        DreamPlayer(BlindFake(), seen(length=1))


@pytest.mark.parametrize(("rate", "actions"), [(0.0, 0), (1.0, 0), (1.0, 4)])
def test_an_extrapolation_is_played_and_ignores_the_keys(rate: float, actions: int) -> None:
    env = PlaygroundEnv()
    frames = np.stack([env.reset(seed=3)[0], env.step(2)[0]])
    past = torch.tensor([[2]]) if actions else None
    players = [DreamPlayer(Extrapolation(rate=rate, actions=actions), frames, past) for _ in range(2)]
    assert (players[0].reset() == frames[-1]).all()
    for _ in range(3):
        left, right = players[0].step(1), players[1].step(2)
        assert (left == right).all()
    assert (left == frames[-1]).all() is np.bool_(rate == 0.0)


def test_the_same_dream_begins_again_and_leaves_chance_alone() -> None:
    before = torch.get_rng_state()
    player = DreamPlayer(TokenFake(), seen(length=1), generator=torch.Generator().manual_seed(4))
    first = [player.reset()] + [player.step(k % 4) for k in range(12)]
    again = [player.reset()] + [player.step(k % 4) for k in range(12)]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    other = DreamPlayer(TokenFake(), seen(length=1), generator=torch.Generator().manual_seed(5))
    assert any((a != other.step(k % 4)).any() for k, a in enumerate(first[1:]))
    assert torch.equal(before, torch.get_rng_state())


def test_the_caption_tells_when_the_dream_has_lost_the_agent_and_when_it_is_back() -> None:
    there = iter(3 * [True] + 12 * [False] + [True] + 11 * [False] + [True])
    given = []

    def finder(picture: np.ndarray) -> bool:
        given.append(picture)
        return next(there)

    player = DreamPlayer(TokenFake(), seen(length=1), finder=finder)
    captions = [player.caption]
    for number in range(1, 26):
        shown = player.step(1)
        assert given[-1] is shown and shown.dtype == np.uint8 and len(given) == number + 1
        captions.append(player.caption)
    told = [number for number, caption in enumerate(captions) if "lost" in caption]
    assert told == [12, 13, 14, 25], "the tenth picture in a row without the agent, and on until it is back"
    assert captions[13] == "frames dreamed: 13; the dream lost you: Reset begins again"
    assert captions[15] == "frames dreamed: 15"
    player.step(1)
    player.reset()
    assert player.caption == "frames dreamed: 0"


def test_a_painted_room_without_an_agent_is_lost_from_its_first_picture_on() -> None:
    player = DreamPlayer(TokenFake(), seen(length=1), finder=lambda picture: False)
    for _ in range(2):
        assert player.caption == "frames dreamed: 0"
        for _ in range(LOST - 2):
            player.step(0)
        assert player.caption == f"frames dreamed: {LOST - 2}"
        player.step(0)
        assert player.caption.startswith(f"frames dreamed: {LOST - 1}; the dream lost you")
        player.reset()


def test_no_graph_is_kept_while_dreaming() -> None:
    model = RecurrentFake()
    model.keep.requires_grad_()
    player = DreamPlayer(model, seen(length=1), table={0: (0.0, 0.0)})
    player.step(0)
    assert not player.state.hidden.requires_grad


def test_one_dream_at_a_time() -> None:
    with pytest.raises(ValueError, match="a batch of 1, not 2"):
        DreamPlayer(TokenFake(), seen(length=1).repeat(2, 1, 1, 1, 1))


def test_real_and_dreamed_stand_side_by_side() -> None:
    env = EnvPlayer(PlaygroundEnv(), seed=1)
    dream = DreamPlayer(Extrapolation(actions=4), env.reset()[None])
    canvas = show.canvas({"real": env, "dream": dream})
    said = Said(canvas)
    for number in range(5):
        ask(canvas, number, 2)
    content, (real, dreamed) = said[-1]
    assert (real != dreamed).any() and content["captions"] == ["episode 1, score 0", "frames dreamed: 5"]
