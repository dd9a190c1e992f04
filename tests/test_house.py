"""What keeps the library's order: no circles, one name an idea, one way into the exam, words that the field uses."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

from course_lib.lookup import names
from tests.imports import ROOT, imported_modules, python_files

LIBRARY = python_files("course_lib")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in LIBRARY}


def file_imports(path: Path) -> set[str]:
    """The files of the library that a file imports: `a.b.name` is the file `a.b` where there is no file `a.b.name`."""
    found = set()
    for name in imported_modules(path):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        if name and name != module_of(path):
            found.add(name)
    return found


GRAPH = {module: file_imports(path) for module, path in MODULES.items()}


def reached(module: str) -> set[str]:
    """Everything that a file imports, directly or through others."""
    found, rest = set(), [module]
    while rest:
        new = GRAPH[rest.pop()] - found
        found |= new
        rest += new
    return found


def test_no_circle_among_the_files() -> None:
    """Imports inside functions and under TYPE_CHECKING count: who needs whom is what makes a circle, not when."""
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as circle:
        pytest.fail(f"these files import one another: {' -> '.join(circle.args[1])}")


@pytest.mark.parametrize("name", names("course_lib.exam.measures"))
def test_a_measure_knows_nobody_who_takes_the_exam(name: str) -> None:
    above = [m for m in reached(f"course_lib.exam.measures.{name}")
             if m.startswith("course_lib.exam.") and not m.startswith("course_lib.exam.measures")]  # fmt: skip
    assert not above


@pytest.mark.parametrize("name", names("course_lib.exam.questions"))
def test_a_question_imports_no_other_question_and_no_entrant(name: str) -> None:
    others = {m for m in GRAPH[f"course_lib.exam.questions.{name}"]
              if m.startswith(("course_lib.exam.questions.", "course_lib.exam.entrants"))}  # fmt: skip
    assert not others


@pytest.mark.parametrize("name", names("course_lib.exam.entrants"))
def test_an_entrant_imports_no_question(name: str) -> None:
    asked = {m for m in reached(f"course_lib.exam.entrants.{name}") if m.startswith("course_lib.exam.questions")}
    assert not asked


def test_only_studies_the_bench_and_the_command_line_train() -> None:
    """The lazy names of `course_lib.training` count as the files that they come from."""
    may = ("course_lib.studies.", "course_lib.training", "course_lib.bench", "course_lib.__main__")
    trains = set()
    for module, path in MODULES.items():
        found = imported_modules(path)
        if found & {"course_lib.training.train", "course_lib.training.loop.train"} and not module.startswith(may):
            trains.add(module)
    assert not trains


def test_only_three_files_of_planning_know_the_agent_that_dreams() -> None:
    knows = {m.rpartition(".")[2] for m in GRAPH
             if m.startswith("course_lib.planning.") and "course_lib.models.vmc" in GRAPH[m]}  # fmt: skip
    assert knows <= {"controller", "lives", "racing"}


# What has no file of its own under a recipe's name, and why.
STEMS = {
    ("entrants", "token_decoder"): "it draws what I-JEPA predicts, and is never scored",
    ("entrants", "frame_decoder"): "it draws what the action-conditioned JEPA imagines, and is never scored",
    ("views", "token_decoder"): "its drawings stand among those of views/i_jepa.py",
    ("views", "vmc"): "its pictures are of dreams and of acting: views/dreams.py, views/acting.py",
    ("entrants", "jepa"): "it takes no exam yet: notebook 17 trains it, and measures it with measures/collapse",
    ("entrants", "key_map"): "it takes no exam of its own: it translates keys for the entrant genie",
    ("views", "key_map"): "it draws nothing: notebook 15 prints the codes that it names",
    ("views", "film_jepa"): "its pictures are of surprise: views/expectation.py",
    ("views", "latent_transformer"): "its pictures are of surprise: views/expectation.py",
    ("views", "reader"): "it is an instrument: what it reads is drawn on other models' frames",
}


@pytest.mark.parametrize("key", names("course_lib.training.recipes"))
def test_an_idea_has_one_name_in_every_room(key: str) -> None:
    lacking = {room for room in ("models", "exam/entrants", "views")
               if not (ROOT / "course_lib" / room / f"{key}.py").exists()}  # fmt: skip
    assert {room for room in lacking if (room.rpartition("/")[2], key) not in STEMS} == set()
    configs = ROOT / "course_lib" / "configs" / key
    assert configs.is_dir() and all(yaml.safe_load(f.read_text(encoding="utf-8")) for f in configs.glob("*.yaml"))
    there = [pair for pair in STEMS if pair[1] == key and (ROOT / "course_lib" / pair[0] / f"{key}.py").exists()]
    assert not there, "an exception that is none any more: take it out"


# Names that several files must share, because something finds them by it; and pairs that stand for one idea twice, a
# list that only shrinks.
SHARED = {"ask": "questions", "run": "studies", "load": "recipes", "build": "recipes", "batches": "recipes",
          "phases": "recipes", "finish": "recipes", "check": "recipes"}  # fmt: skip
TWICE = {
    "Block", "ConvolutionalDecoder", "ConvolutionalEncoder", "Life", "Memory", "Player", "Probed", "SpaceTimeDecoder",
    "SpaceTimeEncoder", "State", "Table", "draw", "drive", "latents", "live", "redraw", "token_map", "train",
    "code_version",
}  # fmt: skip


def public_names() -> dict[str, list[str]]:
    found = defaultdict(list)
    for module, path in MODULES.items():
        if module.startswith("course_lib.exercises."):
            continue  # references are named like what they stand for
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    return found


def test_no_public_name_stands_twice() -> None:
    twice = {name: where for name, where in public_names().items() if len(where) > 1}
    new = {name: where for name, where in twice.items() if name not in TWICE}
    new = {name: where for name, where in new.items()
           if name not in SHARED or sum(SHARED[name] not in module for module in where) > 1}  # fmt: skip
    assert not new, "call it by another name, or use the one that is there"
    assert not TWICE - set(twice), "these stand once by now: take them out of TWICE"


PRIVATE_WORDS = {"told", "looks", "said"}
# Buffers and layers whose names are keys of the shipped checkpoints.
IN_CHECKPOINTS = {("course_lib.models.lam", "told"), ("course_lib.nets.quantise", "told")}


def identifiers(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT / "course_lib")))
def test_names_are_the_fields_and_not_our_own(path: Path) -> None:
    words = {name for name in identifiers(path) if set(name.strip("_").split("_")) & PRIVATE_WORDS}
    assert not {name for name in words if (module_of(path), name) not in IN_CHECKPOINTS}
    if "training" not in path.parts and "exercises" not in path.parts:
        assert "chance" not in identifiers(path), "a generator is called generator, a probability probability"
