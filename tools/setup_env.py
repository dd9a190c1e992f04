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
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Answer:
    """How a command ended: went through or not, and what it printed."""

    ok: bool
    output: str

    @property
    def reason(self) -> str:
        """The line that says why it failed: pip's "ERROR:", else any line that calls itself an error, else the last.

        What a program that pip runs calls an error is indented; pip's own lines are not.
        """
        lines = [line.rstrip() for line in self.output.splitlines() if line.strip()]
        for pattern in (r"ERROR:", r"(?i)(\w*error|fatal)\b"):
            errors = [line for line in lines if re.match(pattern, line)]
            if errors:
                return errors[0]
        return lines[-1].strip() if lines else "it printed nothing"


def venv_python() -> Path:
    """The interpreter inside `.venv`."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_version() -> str:
    """The version of the Python that runs this, as in "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def wanted_stamp() -> dict[str, str]:
    """Everything that, when it changes, makes the environment out of date."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return {
        "requirements": digest.hexdigest(),
        "python": python_version(),
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
        answer = subprocess.run(probe, capture_output=True, text=True, timeout=60, env=clean_environment())
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == python_version()


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


def clean_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables for what runs here: none that leads Python or pip away from `.venv`.

    With PYTHONPATH pip takes packages elsewhere for installed ones and leaves them out; with `user`, `target`,
    `prefix` or `root` it installs into another place. Where a machine gets its packages from (index, mirror, proxy,
    certificates) stays.
    """
    environment = dict(os.environ if given is None else given)
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        environment.pop(name, None)
    # Zero rather than unset: a variable also wins over pip's configuration files. That does not hold for an empty
    # PIP_TARGET, so what such a file says of target, prefix and root is met with by `missing_packages`.
    return environment | {"PYTHONNOUSERSITE": "1", "PIP_USER": "0", "PIP_DRY_RUN": "0"}


def call(command: list[str], text: str) -> Answer:
    """Run a command from the course's folder; what it prints is returned, and kept in the log where that can be."""
    with Ticker(text):
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    try:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n{done.stdout}")
    except OSError:
        pass  # a full disk: what it printed is in the answer as well
    return Answer(done.returncode == 0, done.stdout)


# What a failed command may have printed, and the way out. The first that fits is shown; nothing is guessed.
FULL = r"No space left on device|Errno 28|Disk quota exceeded|not enough space"
REMEDIES = (
    (
        FULL,
        "The disk is full: {room}. Make room (the environment takes about {need} GB), or let the environment variable "
        "TMPDIR name a larger folder if it is the temporary one that is full. Then run `make setup` again.",
    ),
    (
        r"Permission denied|Errno 13|Read-only file system|Errno 30",
        "A folder cannot be written: the line above names it. Mend its rights or put the course into a folder of your "
        "own, then run `make setup` again.",
    ),
    (
        r"Failed to establish a new connection|Temporary failure in name resolution|Name or service not known|"
        r"Network is unreachable|Connection refused|ConnectTimeout|Read timed out|ProxyError|NewConnectionError|"
        r"Could not fetch URL|SSLError|CERTIFICATE_VERIFY_FAILED|nodename nor servname",
        "The package source was not reached. Check the network (and the proxy, where there is one), then run "
        "`make setup` again: it goes on where it stopped.",
    ),
)


def remedy(output: str) -> str:
    """The way out that fits what a command printed."""
    for pattern, advice in REMEDIES:
        if re.search(pattern, output):
            return advice.format(room=_room(), need=6 if has_nvidia_gpu() else 2)
    return "Run `make setup` again: it goes on where it stopped."


def _room() -> str:
    places = dict.fromkeys([str(ROOT), tempfile.gettempdir()])
    free = []
    for place in places:
        try:
            free.append(f"{shutil.disk_usage(place).free / 1e9:.1f} GB are free in {place}")
        except OSError:
            continue
    return ", ".join(free) or "how much is free cannot be found out"


def failure(answer: Answer, text: str) -> SetupError:
    """What ends the setup: the end of what was printed, the reason, the way out."""
    tail = "\n".join(answer.output.splitlines()[-25:])
    return SetupError(f"{tail}\n\n{text} failed: {answer.reason}\n{remedy(answer.output)}{_where_the_log_is()}")


def must(command: list[str], text: str) -> None:
    """Like `call`, but a failure ends the setup."""
    answer = call(command, text)
    if not answer.ok:
        raise failure(answer, text)


def _where_the_log_is() -> str:
    if not LOG.is_file():
        return ""
    return f"\nAll that was printed is in {LOG.relative_to(ROOT) if LOG.is_relative_to(ROOT) else LOG}."


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
    if os.pathsep in str(ROOT):
        raise SetupError(
            f"The course is in the folder {ROOT}. Python can make no virtual environment in a folder whose name "
            f"contains '{os.pathsep}': rename the folder, then run `make setup` again."
        )
    if VENV.is_symlink():
        raise SetupError(
            f".venv is a link to {VENV.resolve()}, an environment that was made for another folder or another version "
            "of the course. Remove the link (rm .venv), then run `make setup` again."
        )
    if VENV.exists():
        shutil.rmtree(VENV)
    base = getattr(sys, "_base_executable", None) or sys.executable
    command = [base, "-m", "venv", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=clean_environment())
    if done.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        version, output = python_version(), f"{done.stdout}{done.stderr}"
        advice = remedy(output)
        if "ensurepip" in output and "No space" not in output:
            advice = (
                f"This Python {version} lacks a part. On Debian and Ubuntu:\n"
                f"    sudo apt-get install python{version}-venv\nThen run `make setup` again."
            )
        raise SetupError(f"{output}\nPython {version} could not make a virtual environment in {VENV}. {advice}")


def install_cpu_torch() -> None:
    """Linux without an NVIDIA GPU: put torch's CPU build in place, before anything else asks for torch.

    Plain `pip install torch` would bring several GB of CUDA packages there. CPU builds carry the local label `+cpu`,
    which the public package index never has; so asking for it either finds such a build in the places this machine
    is set up to look at, or fails at once, and then PyTorch's own index is asked.
    """
    wanted = f"torch=={locked_version('torch')}+cpu"
    command = [*installer(), "--constraint", str(LOCK), wanted]
    here = call(command, "looking for torch's CPU build")
    if here.ok:
        return
    if re.search(FULL, here.output):
        raise failure(here, "installing torch's CPU build")
    there = call([*command, "--extra-index-url", PYTORCH_CPU_INDEX], "installing torch's CPU build")
    if there.ok:
        return
    brings = torch_brings_cuda()
    if brings is not False:
        why = (
            "the torch that is offered brings several GB of CUDA packages, of no use without an NVIDIA GPU"
            if brings
            else "no other torch is offered either"
        )
        raise SetupError(
            f"torch's CPU build, {wanted}, could not be installed, and {why}.\n"
            f"Asked for it from this machine's package sources, the installer said: {here.reason}\n"
            f"Asked for it from {PYTORCH_CPU_INDEX} as well, it said: {there.reason}\n"
            f"{remedy(there.output)}{_where_the_log_is()}\n"
            "With COURSE_GPU=1 make setup you take the torch with CUDA."
        )


def torch_brings_cuda() -> bool | None:
    """Would the torch that pip takes here require CUDA packages? None where pip finds no torch at all.

    Asks for its metadata, installs nothing.
    """
    question = [str(venv_python()), "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    question += ["--report", "-", f"torch=={locked_version('torch')}"]
    answer = subprocess.run(question, cwd=ROOT, capture_output=True, text=True, env=clean_environment())
    try:
        required = json.loads(answer.stdout)["install"][0]["metadata"].get("requires_dist", [])
    except (ValueError, LookupError):
        return None
    return requires_cuda(required)


def requires_cuda(requirements: list[str]) -> bool:
    """Do these `Requires-Dist` lines ask for a CUDA package? Optional extras do not count."""
    return any(CUDA.match(line) for line in requirements if "extra ==" not in line)


def cuda_packages() -> list[str]:
    """Names of CUDA packages inside `.venv`."""
    lister = "import importlib.metadata as m; print('\\n'.join(d.name for d in m.distributions()))"
    command = [str(venv_python()), "-c", lister]
    names = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment()).stdout
    return sorted({name for name in names.split() if CUDA.match(name)})


def missing_packages() -> list[str]:
    """The packages that pyproject.toml asks for and that are not inside `.venv`."""
    import tomllib  # not above: an older Python, which has none, must get as far as the sentence that it is too old

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted]
    lister = (
        "import importlib.metadata as m, sys\n"
        "for name in sys.argv[1:]:\n    try: m.version(name)\n    except m.PackageNotFoundError: print(name)"
    )
    command = [str(venv_python()), "-c", lister, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    return done.stdout.split()


def quiet_jupyterlab() -> None:
    """JupyterLab's settings: no news and updates from the network, pages shown as pages, no jupytext menus."""
    settings = VENV / "share/jupyter/lab/settings/overrides.json"
    news = {"fetchNews": "false", "checkForUpdates": False}
    viewers = {"defaultViewers": {"markdown": "Markdown Preview"}}  # a link to claims.md shows it, and its place in it
    page = VENV / "etc/jupyter/labconfig/page_config.json"
    for path, content in (
        (
            settings,
            {"@jupyterlab/apputils-extension:notification": news, "@jupyterlab/docmanager-extension:plugin": viewers},
        ),
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
    must([*installer(), "--constraint", str(LOCK), "--editable", ".[dev]"], "installing the course")
    missing = missing_packages()
    if missing:
        raise SetupError(
            f"The installer reported success, but .venv lacks {', '.join(missing)}: a setting of pip's sends packages "
            "elsewhere. `pip config list` shows it (target, prefix or root): take it out, then run `make setup` again."
        )
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
    except OSError as error:  # of this program's own files; what pip met is a SetupError
        where = f" ({error.filename})" if error.filename else ""
        print(f"\nSetting up stopped: {error.strerror or error}{where}. {remedy(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. `make setup` goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # this file is run by its path, before anything is installed
    from course_lib.terminal import print_any_sign

    print_any_sign()
    sys.exit(main())
