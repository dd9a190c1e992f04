"""Open JupyterLab on the course's first notebook: `make lab`.

It listens on this machine only (127.0.0.1) and asks for its token, which the address that it prints and opens carries.
Further arguments go to JupyterLab, for example `make lab LAB_FLAGS=--no-browser`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = "notebooks/00_start_here.ipynb"


def lab_command(extra: list[str]) -> list[str]:
    """The command line that starts JupyterLab on the first notebook."""
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", "--ServerApp.root_dir=."]
    command += [
        f"--LabApp.default_url=/lab/tree/{FIRST}",  # so that the printed address opens it too, not only the browser
        # Saving a notebook must not write into its twin: that is the developers' source (`make notebooks`).
        "--ServerApp.jpserver_extensions={'jupyterlab_jupytext': False}",
        # The course runs offline: no news, no list of extensions from the network.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root, and it listens on this machine only
    return command + extra


def main() -> None:
    """Become JupyterLab."""
    os.chdir(ROOT)
    command = lab_command(sys.argv[1:])
    if os.name == "nt":  # exec detaches from the console there
        import subprocess

        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
