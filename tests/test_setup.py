"""Setting up where people are: other settings, odd folders, full disks. It works, or a sentence says what is wrong."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.imports import ROOT
from tools import setup_env


def test_setup_is_quick_when_nothing_changed() -> None:
    if setup_env.stored_stamp() != setup_env.wanted_stamp():
        pytest.skip("not run from the environment that `make setup` makes")
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "tools/setup_env.py"], cwd=ROOT, capture_output=True, text=True)
        seconds.append(time.perf_counter() - started)
        assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr
    assert min(seconds) < 3


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder of its own for setup_env, with a .venv that starts but was never finished."""
    root = tmp_path / "a folder"
    (root / ".venv").mkdir(parents=True)
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    for name, path in {
        "ROOT": root,
        "VENV": root / ".venv",
        "STAMP": root / ".venv/course-setup.json",
        "LOG": root / ".venv/course-setup.log",
        "LOCK": root / "requirements.lock",
    }.items():
        monkeypatch.setattr(setup_env, name, path)
    monkeypatch.setattr(setup_env, "interpreter_works", lambda: True)
    monkeypatch.setattr(setup_env, "venv_python", lambda: Path(sys.executable))
    monkeypatch.setenv("COURSE_GPU", "1")  # the torch step is tested by itself
    monkeypatch.setattr(setup_env, "cuda_packages", list)
    return root


def test_a_setup_that_fails_does_not_count_as_done(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", "print('no such package'); exit(1)"])
    assert setup_env.main() == 1
    assert setup_env.stored_stamp() == {}
    printed = capsys.readouterr().err
    assert "no such package" in printed and "make setup" in printed

    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", "pass"])
    assert setup_env.main() == 0
    assert setup_env.stored_stamp() == setup_env.wanted_stamp()


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_list_brings_the_environment_up_to_date(
    changed: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", "pass"])
    assert setup_env.main() == 0
    capsys.readouterr()
    assert setup_env.main() == 0
    assert capsys.readouterr().out == "", "the second setup has nothing to do"
    with (elsewhere / changed).open("a") as file:
        file.write("# changed\n")
    assert setup_env.stored_stamp() != setup_env.wanted_stamp()
    assert setup_env.main() == 0
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_damaged_stamp_counts_as_none(content: str, elsewhere: Path) -> None:
    setup_env.STAMP.write_text(content)
    assert setup_env.stored_stamp() == {}


@pytest.mark.parametrize(("brings", "words"), [(True, "several GB of CUDA"), (None, "no other torch is offered")])
def test_without_a_gpu_torch_is_never_asked_for_without_its_cpu_label(
    brings: bool | None, words: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def call(command: list[str], text: str) -> setup_env.Answer:
        asked.append(command)
        return setup_env.Answer(False, f"Looking\nERROR: refusal number {len(asked)}\nBye\n")

    monkeypatch.setattr(setup_env, "call", call)
    monkeypatch.setattr(setup_env, "torch_brings_cuda", lambda: brings)
    with pytest.raises(setup_env.SetupError, match=words) as error:
        setup_env.install_cpu_torch()
    assert "refusal number 1" in str(error.value) and "refusal number 2" in str(error.value), "what was said is shown"
    assert asked and all("torch==2.13.0+cpu" in command for command in asked)
    assert setup_env.PYTORCH_CPU_INDEX not in asked[0], "the machine's own sources come first"
    assert setup_env.PYTORCH_CPU_INDEX in asked[-1]


def test_a_disk_that_is_full_at_the_first_download_ends_the_setup_there(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def call(command: list[str], text: str) -> setup_env.Answer:
        asked.append(command)
        return setup_env.Answer(False, "ERROR: OSError: [Errno 28] No space left on device")

    monkeypatch.setattr(setup_env, "call", call)
    with pytest.raises(setup_env.SetupError, match="The disk is full"):
        setup_env.install_cpu_torch()
    assert len(asked) == 1


# ---------------------------------------------------------------------------------------------- other people's settings


def wheel(folder: Path) -> Path:
    """A package that does nothing, as a file that pip installs without a network."""
    folder.mkdir(exist_ok=True)
    facts = "Metadata-Version: 2.1\nName: course-probe\nVersion: 1.0\n"
    inside = {
        "course_probe.py": "",
        "course_probe-1.0.dist-info/METADATA": facts,
        "course_probe-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "course_probe-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(folder / "course_probe-1.0-py3-none-any.whl", "w") as file:
        for name, text in inside.items():
            file.writestr(name, text)
    return folder


@pytest.fixture(scope="module")
def new_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that make_venv made, while the reader's own settings stood in its way."""
    root = tmp_path_factory.mktemp("a course")
    with pytest.MonkeyPatch.context() as patch:
        for name, path in {"ROOT": root, "VENV": root / ".venv", "LOG": root / ".venv/course-setup.log"}.items():
            patch.setattr(setup_env, name, path)
        for name, value in {"PYTHONPATH": "/nowhere", "PIP_USER": "1", "PIP_TARGET": "/nowhere"}.items():
            patch.setenv(name, value)
        setup_env.make_venv()
        assert setup_env.interpreter_works()
    return root


@pytest.mark.parametrize("trap", ["PYTHONPATH", "PIP_USER", "PIP_TARGET", "pip.conf"])
def test_packages_go_into_the_venv_whatever_the_reader_has_set(
    trap: str, new_venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = wheel(tmp_path / "wheels")
    if trap == "PYTHONPATH":  # the package is there, too: pip takes it for installed
        with zipfile.ZipFile(next(wheels.iterdir())) as file:
            file.extractall(tmp_path / "elsewhere")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    elif trap == "pip.conf":
        (tmp_path / "pip.conf").write_text("[install]\nuser = true\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    else:
        monkeypatch.setenv(trap, "1" if trap == "PIP_USER" else str(tmp_path / "elsewhere"))
    for name, path in {"ROOT": new_venv, "VENV": new_venv / ".venv", "LOG": new_venv / "log"}.items():
        monkeypatch.setattr(setup_env, name, path)
    command = [*setup_env.installer(), "--no-index", "--find-links", str(wheels), "course-probe==1.0"]

    def there() -> bool:
        return bool(list((new_venv / ".venv").rglob("course_probe.py")))

    subprocess.run(command, capture_output=True, timeout=60)
    assert not there(), "the trap works on those who do not look"
    answer = setup_env.call(command, "installing")
    assert answer.ok and there(), answer.output
    setup_env.must([str(setup_env.venv_python()), "-m", "pip", "uninstall", "-y", "course-probe"], "taking it out")
    assert not there()


def test_packages_that_went_elsewhere_are_named(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `target` in pip's configuration file cannot be overruled from outside: pip says that all went well."""
    listed = setup_env.ROOT / "pyproject.toml"
    text = listed.read_text("utf-8").replace('"accelerate>=', '"course-probe[extra]>=1", "accelerate>=')
    listed.write_text(text, "utf-8")
    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", "pass"])
    assert setup_env.main() == 1 and setup_env.stored_stamp() == {}
    assert re.search(r"lacks course-probe:.*pip config list", capsys.readouterr().err)


def test_where_packages_come_from_stays_as_the_machine_has_it() -> None:
    given = {"PIP_INDEX_URL": "https://mirror", "PIP_CONFIG_FILE": "/etc/pip.conf", "HTTPS_PROXY": "p", "HOME": "/h"}
    assert given.items() <= setup_env.clean_environment({**given, "PYTHONPATH": "/x"}).items()


# -------------------------------------------------------------------------------------------------------- odd places


def course_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """`make setup`'s command, given in a course that lies in this folder."""
    for name in ("tools/setup_env.py", "course_lib/__init__.py", "course_lib/terminal.py", "pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "requirements.lock", folder)
    command = [sys.executable, str(folder / "tools" / "setup_env.py")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_setup_starts_on_an_older_python_and_says_which_it_needs() -> None:
    """Nothing that only a newer Python has is imported before the version is looked at."""
    code = (
        "import sys; sys.modules['tomllib'] = None; sys.path.insert(0, '.')\n"
        "from tools import setup_env; setup_env.OLDEST = (9, 0); sys.exit(setup_env.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "The course needs Python 9.0 to" in done.stderr, done.stderr


def test_a_folder_with_a_colon_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = course_in(tmp_path / "world: models")
    assert done.returncode == 1 and "world: models" in done.stderr and "rename the folder" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "world: models" / ".venv").exists()


def test_a_venv_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "kept.txt").write_text("kept")
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / ".venv").symlink_to(others)
    done = course_in(tmp_path / "course")
    assert done.returncode == 1 and "is a link to" in done.stderr and "rm .venv" in done.stderr
    assert (others / "kept.txt").exists() and "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can make a file")
def test_what_venv_printed_is_shown_and_its_cause_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_env, "ROOT", Path("/proc"))
    monkeypatch.setattr(setup_env, "VENV", Path("/proc/.venv"))
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.make_venv()
    assert "No such file or directory: '/proc/.venv'" in str(error.value) and "apt-get" not in str(error.value)


PRINTED = [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full.*GB are"),
    ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "cannot be written"),
    (
        "WARNING: Retrying: NewConnectionError: Temporary failure in name resolution\n"
        "ERROR: No matching distribution found for accelerate<2,>=1.10",
        "not reached.*network",
    ),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "only what was printed is shown, nothing is guessed"),
]


@pytest.mark.parametrize(("printed", "advice"), PRINTED, ids=["full disk", "rights", "network", "unknown"])
def test_what_pip_printed_is_shown_with_the_way_out_that_fits(
    printed: str, advice: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", f"print({printed!r}); exit(1)"])
    assert setup_env.main() == 1
    shown = capsys.readouterr().err
    reason = printed.splitlines()[-1]
    assert printed in shown and f"installing the course failed: {reason}" in shown and "make setup" in shown
    given = [words for _, words in PRINTED[:-1] if re.search(words, shown, re.DOTALL)]
    assert given == [words for _, words in PRINTED[:-1] if words == advice]
    assert printed in setup_env.LOG.read_text("utf-8")


def test_a_disk_that_is_full_at_the_end_is_named_without_a_traceback(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the log nor the stamp can be written; what the installer printed is shown all the same."""
    opened = Path.open

    def full(path: Path, mode: str = "r", *rest: object, **more: object) -> object:
        if set(mode) & set("wax"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return opened(path, mode, *rest, **more)

    def no_room(path: Path, *_: object, **__: object) -> None:
        full(path, "w")

    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", "print('went through')"])
    monkeypatch.setattr(Path, "write_text", no_room)
    monkeypatch.setattr(Path, "open", full)
    assert setup_env.main() == 1
    shown = capsys.readouterr().err
    assert "No space left on device" in shown and "GB are free" in shown and str(setup_env.VENV) in shown
    monkeypatch.setattr(setup_env, "installer", lambda: [sys.executable, "-c", "print('said this'); exit(1)"])
    assert setup_env.main() == 1 and "said this" in capsys.readouterr().err
