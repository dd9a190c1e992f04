"""The command line of the course: `python -m course_lib --help`.

Torch is imported inside the commands, so that asking for help takes no longer than a blink.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from course_lib.lookup import CourseError
from course_lib.terminal import print_any_sign

if TYPE_CHECKING:
    from course_lib.training import History, Recipe, RunConfig

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="World Models from Scratch: train the course's models, examine them, count and measure them.",
)

Model = Annotated[str, typer.Argument(help="Which model, for example vae. A wrong name lists them all.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, as in train.steps=300. May be given often."),
]


def _first_process() -> bool:
    """Whether this is the first of the processes of accelerate launch, or the only one: that one speaks and writes."""
    return os.environ.get("RANK", "0") == "0"


def _stop(message: str, code: int = 2) -> NoReturn:
    if _first_process():
        print(message, file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def _explained() -> Iterator[None]:
    """Errors that explain themselves are shown without the traceback."""
    try:
        yield
    except CourseError as error:
        _stop(str(error))
    except KeyboardInterrupt:
        _stop("stopped; nothing was saved", code=130)


@app.command()
def train(
    model: Model,
    size: Annotated[str, typer.Option(help="tiny (seconds), cpu (minutes) or gpu (hours).")] = "cpu",
    settings: Settings = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where weights, provenance and log go. [runs/MODEL-SIZE]")
    ] = None,
    ship: Annotated[
        bool, typer.Option("--ship", help="Store the weights in data/checkpoints as well, for the notebooks to load.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from DIR/resume.safetensors; where there is none, begin.")
    ] = False,
) -> None:
    """Train a model and store its weights with their provenance.

    The state of the run is saved every train.save_every steps and on Ctrl-C. Give the same command with --resume, and
    it goes on to the same weights as if it had never stopped.

    Several processes share each batch, with the losses and weights of one. In one line, for two:
    accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no -m
    course_lib train vae --size gpu. Without GPUs put ACCELERATE_USE_CPU=true in front.

    The settings stand in course_lib/configs/MODEL/SIZE.yaml, in three groups: model (the network), data (what it learns
    from) and train (how).

    Example: python -m course_lib train vae --size cpu --set train.steps=2000 --set model.beta=4
    """
    with _explained():
        from course_lib.files import CannotWrite
        from course_lib.training import Interrupted, discard, get_recipe, load_config
        from course_lib.training import train as run
        from course_lib.training.checkpoints import check_places
        from course_lib.training.resume import FILE

        recipe = get_recipe(model)
        config = load_config(recipe, size, settings or [])
        if size == "paper":
            _stop(f"the size paper is for counting: python -m course_lib params {model} --size paper")
        if ship and size not in recipe.ship:
            _stop(f"--ship: the sizes of {model} that come with the course are {', '.join(recipe.ship)}, not {size}")
        if ship and settings:
            _stop(
                "--ship stores what the configuration file alone makes, so that it can be made again: change "
                f"course_lib/configs/{model}/{size}.yaml instead of using --set"
            )
        folder = out or Path("runs") / f"{model}-{size}"
        places = [folder, None] if ship else [folder]
        if _first_process():
            try:
                for place in places:
                    check_places(recipe, size, place)
            except CannotWrite as error:
                _stop(f"{error}. Or give another folder with --out")
        again = _command(model, size, settings, out, ship)
        try:
            history = run(recipe, config, log=folder / "log.csv", keep=folder, resume=resume)
            if not _first_process():
                return
            facts: dict[str, Any] = {}
            if recipe.finish is not None:
                # The weights first, so that whatever goes wrong in finish loses none of the training.
                _store(history, recipe, size, [folder], {"finished": False}, again)
                facts = _finish(history, recipe, config, folder, again)
        except Interrupted as stopped:
            way_on = f". Go on with: {again}" if stopped.saved else ""
            _stop(f"stopped after step {stopped.step}; {stopped}{way_on}", code=130)
        except KeyboardInterrupt:
            if not (folder / FILE).exists():
                raise
            _stop(f"stopped at once; go on from the last state that was saved: {again}", code=130)
        _store(history, recipe, size, places, facts, again)
        try:
            discard(folder)
        except OSError as error:
            print(f"{folder / FILE} could not be removed ({error}); nobody needs it any more", file=sys.stderr)
        print(f"{len(history.rows)} steps in {history.minutes:.1f} minutes; the log is {folder / 'log.csv'}")


def _store(
    history: History, recipe: Recipe, size: str, places: list[Path | None], facts: dict[str, Any], again: str
) -> None:
    """Store the weights in every place, or say what is kept of the run and how to go on."""
    from course_lib.training import ResumeError, save_checkpoint
    from course_lib.training.resume import FILE, read_state

    try:
        for place in places:
            for file in save_checkpoint(history.model, recipe, size, about=history.about() | facts, folder=place):
                print(f"stored {file}", flush=True)
    except OSError as error:
        kept, state = "nothing of the run is kept", places[0] / FILE
        try:
            step = read_state(state).facts["step"]  # an earlier one, where the disk was full before the end
            kept = f"the state after step {step} is kept in {state}"
        except ResumeError:
            pass  # there is none, or no whole one
        _stop(f"the weights could not be written ({error}); {kept}. Make room, then: {again}")


def _finish(history: History, recipe: Recipe, config: RunConfig, folder: Path, again: str) -> dict[str, Any]:
    """What comes after the last step; where it fails, the error says that nothing is lost and how to go on."""
    try:
        return recipe.finish(history.model, config, history.data, folder, lambda line: print(line, flush=True))
    except Exception as error:
        kept = f"All {len(history.rows)} steps are stored in {folder}. To do again what comes after them: {again}"
        if isinstance(error, CourseError | OSError):
            _stop(f"what comes after the last step failed: {error}. {kept}")
        error.add_note(kept)
        raise


def _command(model: str, size: str, settings: list[str] | None, out: Path | None, ship: bool) -> str:
    """The command that goes on with a run, to be copied into a terminal."""
    words = ["python", "-m", "course_lib", "train", model, "--size", size]
    words += [word for setting in settings or [] for word in ("--set", setting)]
    words += (["--out", str(out)] if out else []) + (["--ship"] if ship else [])
    return shlex.join([*words, "--resume"])


@app.command()
def params(
    model: Model,
    size: Annotated[str, typer.Option(help="tiny, cpu, gpu or paper (the paper's own dimensions).")] = "paper",
    settings: Settings = None,
) -> None:
    """Count a model's parameters, part by part, without making it: JSON with model, size, parts and total.

    The network is built on torch's device "meta", which knows shapes and holds no numbers: even billions cost nothing.
    For the size paper the count that the paper gives stands beside it, as published, where there is one.
    """
    with _explained():
        import torch

        from course_lib.training import get_recipe, load_config

        recipe = get_recipe(model)
        config = load_config(recipe, size, settings or [])
        with torch.device("meta"):
            network = recipe.build(config.model)
        parts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
        own = sum(p.numel() for p in network.parameters(recurse=False))
        result = {
            "model": model,
            "size": size,
            "parts": parts | ({"own": own} if own else {}),
            "total": sum(p.numel() for p in network.parameters()),
        }
        if size == "paper":
            result["published"] = recipe.published
        print(json.dumps(result, indent=2))


@app.command()
def checkpoints(
    every: Annotated[bool, typer.Option("--all", help="Make all of them again, also those that are there.")] = False,
) -> None:
    """Make the checkpoints that come with the course: those that are missing or damaged, or all of them again."""
    with _explained():
        from course_lib.training import CheckpointError, get_recipe, load_checkpoint, recipe_names

        for name in recipe_names():
            for size in get_recipe(name).ship:
                try:
                    load_checkpoint(name, size=size)
                    reason = "asked for again" if every else ""
                except CheckpointError as error:
                    reason = str(error)
                if reason:
                    print(f"{name}-{size}: {reason}", flush=True)
                    train(name, size, ship=True)
                else:
                    print(f"{name}-{size}: there, and what its provenance says")


@app.command()
def exam(
    models: Annotated[list[str] | None, typer.Argument(help="Who is asked. A wrong name lists them all.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Ask everybody.")] = False,
    own: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="PACKAGE:NAME", help="Your own WorldModel (course_lib/contract.py)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON instead of a table.")] = False,
    ask: Annotated[
        list[str] | None, typer.Option(help="Only this group of questions, put to all. May be given often.")
    ] = None,
    on: Annotated[str, typer.Option(help="Film set of most questions, reserved ones too: simple-fast.")] = "simple",
    films: Annotated[int, typer.Option(help="Films for each question, at least 5.")] = 100,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    split: Annotated[str, typer.Option(help="test, or validation while a model is being built.")] = "test",
    jobs: Annotated[int, typer.Option(min=1, help="Processes: each asks one model at a time, with one thread.")] = 1,
) -> None:
    """Ask world models the course's questions: what they predict, obey, hold, are surprised by, and reach.

    Each row has its 95 % interval and its controls, and is printed as it comes. Where a question does not apply, the
    reason stands there. A model that fails becomes a row that says so; everybody else is asked all the same, and the
    exit status is 1.

    Example: python -m course_lib exam perfect random untrained --ask prediction
    """
    with _explained():
        from course_lib.exam.processes import examine_in_processes
        from course_lib.exam.registry import candidate, check_questions, entrants, members, own_candidate
        from course_lib.exam.rows import print_json, print_table
        from course_lib.exam.run import examine
        from course_lib.exam.sitting import Sitting

        names = list(entrants()) if everybody else members(models or [])
        if not names and not own:
            _stop(f"who is asked? Name one or more of {', '.join(entrants())}, or give --all or --model")
        candidates = [candidate(name) for name in names] + [own_candidate(place) for place in own or []]
        asked = list(dict.fromkeys(ask)) if ask else None
        check_questions(asked or [])
        about = {"count": films, "seed": seed, "split": split, "films": on}
        sitting = Sitting(**about)
        sys.path.insert(0, "")  # a learner's own module lies where the command is given
        with (print_json if as_json else print_table)(sys.stdout) as on_row:
            if jobs > 1:
                report = examine_in_processes(names, own or [], jobs=jobs, sitting=about, questions=asked,
                                              on_row=on_row)  # fmt: skip
            else:
                report = examine(candidates, sitting, questions=asked, on_row=on_row,
                                 tell=lambda line: print(line, file=sys.stderr, flush=True))  # fmt: skip
        if report.failed:
            raise typer.Exit(1)


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="Which study. A wrong name lists them all.")],
) -> None:
    """Run a study that takes minutes, and keep what it finds in data/ for the exam and the notebooks to read."""
    with _explained():
        from course_lib.studies.store import get_study, run_study

        kept = get_study(name).KEPT
        facts = run_study(name, lambda line: print(line, file=sys.stderr, flush=True))
        print(json.dumps(facts, indent=1) if kept is None else f"kept in {kept}")


@app.command()
def bench(
    blocks: Annotated[list[str] | None, typer.Argument(help="Which building blocks. A wrong name lists them.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time for each block.")] = 2.0,
    threads: Annotated[int, typer.Option(min=0, help="Threads for torch; 0 leaves them as they are.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON instead of a table.")] = False,
) -> None:
    """Measure the training throughput of each building block against the machine's own matrix product.

    gflop: 10^9 operations of a training step (2 m k n for a product of (m, k) and (k, n), likewise for convolutions and
    attention; backward counts twice the forward pass). share: operations a second against those that a 1024 x 1024
    float32 product reaches in the same run. bf16: how many times faster the step is in mixed precision; nothing where
    this processor multiplies bfloat16 no faster than float32. Above 1, train with --set train.precision=bf16.
    """
    with _explained():
        import torch

        from course_lib.bench import measure

        if threads:
            torch.set_num_threads(threads)
        rows = measure(blocks, seconds=seconds)
        short = [
            {key: f"{v:.3g}" if isinstance(v, float) else "" if v is None else str(v) for key, v in row.items()}
            for row in rows
        ]
        print(json.dumps(rows, indent=1) if as_json else _as_text(short))


def _as_text(rows: list[dict[str, str]]) -> str:
    """Rows as columns of text; columns that are empty throughout are left out."""
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    width = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns}
    lines = ["  ".join(name.ljust(width[name]) for name in columns)]
    lines += ["  ".join(row[name].ljust(width[name]) for name in columns) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    """Run the command line."""
    print_any_sign()
    app(prog_name="python -m course_lib")


if __name__ == "__main__":
    main()
