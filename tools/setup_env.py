"""Make `.venv`, the course's own Python environment, when it is missing or out of date.

    python3 tools/setup_env.py            # what `make setup` runs; costs a moment when there is nothing to do
    COURSE_UV=1 make setup                # use uv, where it is installed
    COURSE_GPU=1 make setup               # take torch with CUDA although no NVIDIA GPU is seen (0: never take it)

Standard library only: it runs before anything is installed. The environment counts as done when the stamp inside it
says so, and the stamp is written last: an interrupted setup is taken up again by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "course-setup.json"
LOG = VENV / "course-setup.log"
LOCK = ROOT / "requirements.lock"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # documented by PyTorch as the home of its CPU builds
CUDA = re.compile(r"(nvidia|cuda|triton|pytorch[-_.]triton)(?![a-z])", re.IGNORECASE)


class SetupError(Exception):
    """Setup cannot go on; the message says why and what to do."""


def venv_python() -> Path:
    """The interpreter inside `.venv`."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_stamp() -> dict[str, str]:
    """Everything that, when it changes, makes the environment out of date."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return {
        "requirements": digest.hexdigest(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "folder": str(ROOT),  # the scripts in .venv know their place: a moved course needs a new one
    }


def stored_stamp() -> dict[str, str]:
    """What the finished environment was made from; empty when there is none or it was left half made."""
    try:
        return dict(json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def interpreter_works() -> bool:
    """Does `.venv` start, with pip in it? It stops doing so when the Python below it is removed or upgraded away."""
    try:
        probe = [str(venv_python()), "-c", "import pip, sys; print(*sys.version_info[:2], sep='.')"]
        answer = subprocess.run(probe, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == wanted_stamp()["python"]


def has_nvidia_gpu() -> bool:
    """Is there an NVIDIA GPU with its driver? COURSE_GPU=1 or 0 overrules what is seen."""
    said = os.environ.get("COURSE_GPU")
    if said in ("0", "1"):
        return said == "1"
    if Path("/proc/driver/nvidia/version").exists():
        return True
    tool = shutil.which("nvidia-smi")
    if not tool:
        return False
    try:
        return subprocess.run([tool, "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def locked_version(name: str) -> str:
    """The version that requirements.lock pins for `name`."""
    found = re.search(rf"^{re.escape(name)}==(\S+)$", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SetupError(f"requirements.lock has no line '{name}==...'")
    return found.group(1)


# ---------------------------------------------------------------------------------------------------- running


class Ticker:
    """A line that counts seconds while something slow runs; silent where nobody watches (CI, a pipe)."""

    def __init__(self, text: str) -> None:
        self._text, self._done, self._thread = text, threading.Event(), threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        started = time.monotonic()
        while not self._done.wait(1.0):
            print(f"\r  {self._text} ... {time.monotonic() - started:.0f} s ", end="", flush=True)

    def __enter__(self) -> None:
        if sys.stdout.isatty():
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
            print("\r" + " " * (len(self._text) + 20) + "\r", end="", flush=True)


def call(command: list[str], text: str) -> bool:
    """Run a command from the course's folder, its output into the log; True when it went through."""
    with LOG.open("a", encoding="utf-8") as log, Ticker(text):
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        return subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT).returncode == 0


def must(command: list[str], text: str, advice: str) -> None:
    """Like `call`, but a failure ends the setup with the end of the log and the advice."""
    if not call(command, text):
        tail = "\n".join(LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise SetupError(f"{tail}\n\n{text} failed. {advice}\nThe whole story is in {LOG.relative_to(ROOT)}.")


def installer() -> list[str]:
    """The command that installs into `.venv`.

    pip is the rule, because a machine's own pip settings (a mirror, a folder of wheels) are not read by uv; uv is
    taken only by those who ask for it with COURSE_UV=1.
    """
    if os.environ.get("COURSE_UV") == "1":
        uv = shutil.which("uv")
        if uv:
            return [uv, "pip", "install", "--python", str(venv_python())]
        print("  COURSE_UV=1, but there is no uv on the PATH: pip is used")
    return [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]


# ---------------------------------------------------------------------------------------------------- steps


def make_venv() -> None:
    """A new, empty `.venv`, made by the Python below this one (not by a virtual environment)."""
    if VENV.exists():
        shutil.rmtree(VENV)
    base = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        version = wanted_stamp()["python"]
        raise SetupError(
            f"{made.stdout}{made.stderr}\nPython {version} cannot make a virtual environment. On Debian and Ubuntu:\n"
            f"    sudo apt-get install python{version}-venv"
        )


def install_cpu_torch() -> None:
    """Linux without an NVIDIA GPU: put torch's CPU build in place, before anything else asks for torch.

    Plain `pip install torch` would bring several GB of CUDA packages there. CPU builds carry the local label `+cpu`,
    which the public package index never has; so asking for it either finds such a build in the places this machine
    is set up to look at, or fails at once, and then PyTorch's own index is asked.
    """
    wanted = f"torch=={locked_version('torch')}+cpu"
    command = [*installer(), "--constraint", str(LOCK), wanted]
    if call(command, "looking for torch's CPU build"):
        return
    if call([*command, "--extra-index-url", PYTORCH_CPU_INDEX], "installing torch's CPU build"):
        return
    if torch_brings_cuda():
        raise SetupError(
            f"No CPU build of torch was found: neither this machine's package sources nor {PYTORCH_CPU_INDEX} gave\n"
            f"{wanted}, and the torch they do offer brings several GB of CUDA packages that are of no use without an\n"
            "NVIDIA GPU. Check the network and run `make setup` again, or take that torch with COURSE_GPU=1 make setup."
        )


def torch_brings_cuda() -> bool:
    """Would the torch that pip takes here require CUDA packages? Asks for its metadata, installs nothing."""
    question = [str(venv_python()), "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    question += ["--report", "-", f"torch=={locked_version('torch')}"]
    answer = subprocess.run(question, cwd=ROOT, capture_output=True, text=True)
    try:
        required = json.loads(answer.stdout)["install"][0]["metadata"].get("requires_dist", [])
    except (ValueError, LookupError):
        return True  # nothing to be had at all: the caller's message covers it
    return requires_cuda(required)


def requires_cuda(requirements: list[str]) -> bool:
    """Do these `Requires-Dist` lines ask for a CUDA package? Optional extras do not count."""
    return any(CUDA.match(line) for line in requirements if "extra ==" not in line)


def cuda_packages() -> list[str]:
    """Names of CUDA packages inside `.venv`."""
    lister = "import importlib.metadata as m; print('\\n'.join(d.name for d in m.distributions()))"
    names = subprocess.run([str(venv_python()), "-c", lister], capture_output=True, text=True, check=True).stdout
    return sorted({name for name in names.split() if CUDA.match(name)})


def quiet_jupyterlab() -> None:
    """JupyterLab's settings for the course: no news and updates from the network, no jupytext menus."""
    settings = VENV / "share/jupyter/lab/settings/overrides.json"
    news = {"fetchNews": "false", "checkForUpdates": False}
    page = VENV / "etc/jupyter/labconfig/page_config.json"
    for path, content in (
        (settings, {"@jupyterlab/apputils-extension:notification": news}),
        (page, {"disabledExtensions": {"jupyterlab-jupytext": True}}),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def setup() -> None:
    """Bring `.venv` up to date; does nothing, quickly, when it already is."""
    wanted, stored = wanted_stamp(), stored_stamp()
    works = interpreter_works()
    if works and stored == wanted:
        return
    started = time.monotonic()
    moved = bool(stored) and stored.get("folder") != wanted["folder"]
    if not works or moved:
        print("Making .venv and installing the course into it (usually one to two minutes, once) ...", flush=True)
        make_venv()
    elif stored:
        print("Bringing .venv up to date (usually less than a minute) ...", flush=True)
        STAMP.unlink()
    else:
        print("Going on with a half-made .venv (usually one to two minutes) ...", flush=True)
    gpu = has_nvidia_gpu()
    if sys.platform.startswith("linux") and not gpu:
        install_cpu_torch()
    command = [*installer(), "--constraint", str(LOCK), "--editable", f"{ROOT}[dev]"]
    advice = "Is this machine online? Run `make setup` again: it goes on where it stopped."
    must(command, "installing the course", advice)
    surplus = cuda_packages()
    if surplus and not gpu:
        raise SetupError(
            f"CUDA packages came in although there is no NVIDIA GPU: {', '.join(surplus)}.\n"
            "Run `make clean`, then `make setup`."
        )
    quiet_jupyterlab()
    STAMP.write_text(json.dumps(wanted, indent=2), encoding="utf-8")
    print(f"Done: .venv is ready after {time.monotonic() - started:.0f} s.", flush=True)


def main() -> int:
    """The command line; returns the exit status."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        print(
            f"The course needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}; this is "
            f"{sys.version.split()[0]}. Install one, for example `sudo apt-get install python3.11 python3.11-venv`, "
            "`brew install python@3.13` or from python.org.",
            file=sys.stderr,
        )
        return 1
    try:
        setup()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. `make setup` goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
