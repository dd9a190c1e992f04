"""Open JupyterLab on the reader's own copy of the course's first notebook: `make lab`.

The copy is made here, once, and what the course has gained since is brought into it (tools/copy_notebooks.py).
JupyterLab listens on this machine only (127.0.0.1; the Dockerfile says what holds in a container) and asks for its
token, which the address that it prints and opens carries. Further arguments go to JupyterLab, for example
`make lab LAB_FLAGS=--no-browser`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
FIRST = "00_start_here.ipynb"
# What JupyterLab, IPython and matplotlib keep in the user's home, and where it goes when that cannot be written.
HOMES = {
    "JUPYTER_CONFIG_DIR": "jupyter/config",
    "JUPYTER_DATA_DIR": "jupyter/data",
    "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    "IPYTHONDIR": "ipython",
    "MPLCONFIGDIR": "matplotlib",
    "COURSE_HOME": "course",
}


def lab_command(extra: list[str], copy: Path = ROOT / "my_notebooks") -> list[str]:
    """The command line that starts JupyterLab on the first notebook. copy: the folder of the reader's notebooks.

    extra: JupyterLab's own arguments; the address on which it listens is replaced where they name one.
    """
    inside = copy.is_relative_to(ROOT)
    root, first = (".", (copy / FIRST).relative_to(ROOT).as_posix()) if inside else (copy, FIRST)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    if not any(word.startswith("--ServerApp.ip=") for word in extra):  # twice would be an error
        command.append("--ServerApp.ip=127.0.0.1")
    command += [
        f"--LabApp.default_url=/lab/tree/{quote(first)}",  # so that the printed address opens it, not only the browser
        # The course's own notebooks lie beside the reader's: out of sight, so that nobody works in them by mistake.
        f"--ContentsManager.hide_globs={['notebooks', '__pycache__', '*.egg-info']}",
        # Saving a notebook writes this notebook and nothing else.
        "--ServerApp.jpserver_extensions={'jupyterlab_jupytext': False}",
        # The course runs offline: no news, no list of extensions from the network.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root, and it listens on this machine only
    return command + extra


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder; asked by making one, since rights alone do not say it."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def lab_environment(
    given: Mapping[str, str], spare: Path = ROOT / ".cache" / "home"
) -> tuple[dict[str, str], list[str]]:
    """The environment variables that JupyterLab and its kernels get, and a sentence for each thing that was mended.

    given: the reader's own. spare: the folder that takes the place of a home that cannot be written.
    """
    environment, notes = dict(given), []
    for name in ("PYTHONPATH", "PYTHONHOME"):
        if environment.pop(name, ""):
            notes.append(f"{name} is set; the course runs without it, with the packages of its own environment.")
    environment["PYTHONNOUSERSITE"] = "1"  # packages of the user's own, outside this environment, stay outside
    # Another kernel that is called python3 (the user's, or one that JUPYTER_PATH names) must not win over this one.
    own = str(Path(sys.prefix) / "share" / "jupyter")
    environment["JUPYTER_PATH"] = os.pathsep.join([own, *filter(None, [environment.get("JUPYTER_PATH")])])
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    home = Path(os.path.expanduser("~"))
    if not can_write(home):
        try:
            spare.mkdir(parents=True, exist_ok=True)
        except OSError:
            pass
        if not can_write(spare):
            spare = Path(tempfile.mkdtemp(prefix="course-home-"))
        missing = {name: str(spare / folder) for name, folder in HOMES.items() if not environment.get(name)}
        environment |= missing
        notes.append(f"The home folder {home} cannot be written; settings and your progress are kept in {spare}.")
    return environment, notes


def main() -> int:
    """Bring the reader's copy up to date, then become JupyterLab. Returns an exit status only when that fails."""
    from tools import copy_notebooks

    if importlib.util.find_spec("jupyterlab") is None:
        print(
            f"JupyterLab is not installed for {sys.executable}: run `make lab`, which sees to it (with conda: activate "
            "the environment world-models first).",
            file=sys.stderr,
        )
        return 1
    try:
        copy = copy_notebooks.copy_folder()
        lines = copy_notebooks.update(copy=copy)
    except copy_notebooks.CopyError as error:
        print(error, file=sys.stderr)
        return 1
    environment, notes = lab_environment(os.environ)
    for line in [*lines, *notes]:
        print(line, flush=True)
    os.chdir(ROOT)
    command = lab_command(sys.argv[1:], copy)
    if os.name == "nt":  # exec detaches from the console there
        import subprocess

        return subprocess.call(command, env=environment)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # this file is run by its path
    from course_lib.terminal import print_any_sign

    print_any_sign()
    sys.exit(main())
