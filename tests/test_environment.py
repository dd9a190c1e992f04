"""The three lists of packages hold the same set; what is imported is declared; no CUDA without a GPU."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.imports import ROOT, imported_modules, python_files
from tools import minimum, setup_env

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
READER = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}
DEVELOPER = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["optional-dependencies"]["dev"])}
DECLARED = READER | DEVELOPER

# Where conda-forge's name differs. Without an alternative in the name, conda's `matplotlib` would bring a GUI toolkit
# and `pytorch` could bring CUDA.
CONDA_NAMES = {
    "gymnasium": "gymnasium-box2d",
    "matplotlib": "matplotlib-base",
    "playwright": "playwright-python",
    "torch": "pytorch-cpu",
}
OURS = {"course_lib", "tools", "tests", "conftest"}


def locked() -> dict[str, Version]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pin) == 2 for pin in pins), "every line of requirements.lock is name==version"
    names = [canonicalize_name(name) for name, _ in pins]
    assert len(names) == len(set(names)), "requirements.lock names a package twice"
    return {name: Version(version) for name, (_, version) in zip(names, pins, strict=True)}


def conda() -> dict[str, SpecifierSet]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert all(isinstance(line, str) for line in listed), "environment.yml needs no pip section"
    split = [line.split(maxsplit=1) for line in listed]
    return {words[0]: SpecifierSet(words[1] if len(words) > 1 else "") for words in split}


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_each_dependency_stands_in_all_three_lists(name: str) -> None:
    bounds = DECLARED[name].specifier
    operators = {spec.operator for spec in bounds}
    assert ">=" in operators and "<" in operators, f"{name} needs a lower and an upper bound in pyproject.toml"
    assert name in locked(), f"{name} has no pin in requirements.lock"
    assert locked()[name] in bounds, f"the pin {locked()[name]} of {name} is outside {bounds}"
    conda_name = CONDA_NAMES.get(name, name)
    assert conda_name in conda(), f"environment.yml lacks {conda_name} (for {name})"
    assert conda()[conda_name] == bounds, f"environment.yml and pyproject.toml bound {name} differently"


def test_the_lowest_versions_are_tried_whole() -> None:
    """`make minimum` holds every declared package to its lower bound, and runs tests that are there."""
    lowest = {canonicalize_name(name): Version(version) for name, version in minimum.lower_bounds().items()}
    assert lowest.keys() == DECLARED.keys()
    for name, version in lowest.items():
        assert version in DECLARED[name].specifier and version <= locked()[name]
    assert all((ROOT / test).is_file() for test in minimum.TESTS)


def test_environment_yml_lists_nothing_else() -> None:
    expected = {CONDA_NAMES.get(name, name) for name in DECLARED} | {"python", "pip"}
    assert set(conda()) == expected
    assert conda()["python"] == SpecifierSet(PROJECT["requires-python"])


def test_python_versions_agree_with_the_setup() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    for minor in range(8, 20):
        fits = setup_env.OLDEST <= (3, minor) <= setup_env.NEWEST
        assert (Version(f"3.{minor}.0") in allowed) == fits


def test_the_lock_holds_plain_versions_and_no_cuda() -> None:
    pins = locked()
    assert not [name for name, version in pins.items() if version.local], "a local label fits one machine only"
    assert not [name for name in pins if setup_env.CUDA.match(name)]
    assert pins["torch"] == Version("2.13.0")


def test_what_is_installed_is_what_is_locked() -> None:
    """The tests run with the versions that a reader gets."""
    if not setup_env.stored_stamp():
        pytest.skip("not run from the environment that `make setup` makes")
    installed = {canonicalize_name(d.name): Version(d.version) for d in distributions()}
    wrong = {
        name: (str(version), str(pin))
        for name, pin in locked().items()
        if (version := installed.get(name)) is not None and version.public != pin.public
    }
    assert not wrong, f"installed and locked versions differ: {wrong}"


def test_no_cuda_package_is_installed_without_a_gpu() -> None:
    if setup_env.has_nvidia_gpu():
        pytest.skip("this machine has an NVIDIA GPU")
    assert not sorted(d.name for d in distributions() if setup_env.CUDA.match(d.name))


@pytest.mark.parametrize(
    ("line", "brings"),
    [
        ("nvidia-cublas-cu12==12.8.4.1; platform_system == 'Linux'", True),
        ("nvidia_nccl_cu12==2.27", True),
        ("triton==3.7.0", True),
        ("cuda-bindings<14", True),
        ("tritonclient", False),
        ("numpy; extra == 'numpy'", False),
        ("nvidia-smi-tools; extra == 'gpu'", False),
        ("filelock", False),
    ],
)
def test_cuda_packages_are_told_apart(line: str, brings: bool) -> None:
    assert setup_env.requires_cuda(["jinja2", line]) is brings


def third_party(path: Path) -> set[str]:
    tops = {name.split(".")[0] for name in imported_modules(path)}
    return tops - set(sys.stdlib_module_names) - OURS


@cache
def homes() -> Mapping[str, list[str]]:
    """The distributions that each module comes from; a third of a second, as it reads every package's list of files."""
    return packages_distributions()


@cache
def brought_by_extras() -> set[str]:
    """What an extra that we ask for brings, as gymnasium[box2d] brings Box2D: that is asking for it by name."""
    found = set()
    for ours in DECLARED.values():
        for theirs in map(Requirement, requires(ours.name) or []):
            if theirs.marker and any(theirs.marker.evaluate({"extra": extra}) for extra in ours.extras):
                found.add(canonicalize_name(theirs.name))
    return found


def undeclared(path: Path, allowed: set[str]) -> list[str]:
    allowed = allowed | brought_by_extras()
    return sorted(
        name for name in third_party(path) if not {canonicalize_name(d) for d in homes().get(name, [])} & allowed
    )


@pytest.mark.parametrize("path", python_files("course_lib", "notebooks/py"), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_reader_runs_imports_only_declared_packages(path: Path) -> None:
    missing = undeclared(path, set(READER))
    assert not missing, f"{path.relative_to(ROOT)} imports {missing}, not in pyproject.toml's dependencies"


@pytest.mark.parametrize("path", [*python_files("tools", "tests"), ROOT / "conftest.py"], ids=lambda p: p.name)
def test_what_a_developer_runs_imports_only_declared_packages(path: Path) -> None:
    missing = undeclared(path, set(DECLARED))
    assert not missing, f"{path.relative_to(ROOT)} imports {missing}, not declared in pyproject.toml"


def test_the_setup_needs_nothing_installed() -> None:
    for name in ("tools/setup_env.py", "tools/lab.py", "tools/copy_notebooks.py", "course_lib/terminal.py"):
        assert not third_party(ROOT / name)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"help", "setup", "lab", "news", "reset", "test", "test-changed", "course", "notebooks", "links"} <= targets
    assert {"checkpoints", "lint", "minimum", "clean"} <= targets
    command = ["make", "--no-print-directory", "help"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted(line.split()[1] for line in lines) == sorted(targets)
    assert all(len(line.split()) >= 4 for line in lines), "each target says in a few words what it does"


def test_every_target_but_help_and_clean_sets_up_first() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = dict(re.findall(r"^([a-z-]+):([^#\n]*)", makefile, re.MULTILINE))
    assert {name for name, needs in rules.items() if "setup" not in needs.split()} == {"help", "clean", "setup"}
