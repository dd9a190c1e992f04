"""What each of several processes finds, started by ``accelerate launch ... -m tests.two_processes FOLDER``."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from safetensors.torch import save_file

from course_lib.training import ConfigError, Interrupted
from tests.small_run import config, outcome, run


def main(folder: Path) -> None:
    rank = int(os.environ["RANK"])
    whole = run(folder / "whole")
    found: dict[str, object] = {"rows": whole.rows, "outcome": outcome(whole)}
    if rank == 0:
        save_file(whole.model.state_dict(), folder / "whole.safetensors")

    def stop(step: int, parts: dict[str, float]) -> None:  # called in the first process only
        if step == 13:
            os.kill(os.getpid(), signal.SIGINT)

    try:
        run(folder / "stopped", on_step=stop)
    except Interrupted as stopped:
        found["stopped"] = stopped.step
    found["resumed"] = outcome(run(folder / "stopped", resume=True))
    try:
        run(given=config(batch=7))
    except ConfigError as error:
        found["uneven"] = str(error)
    (folder / f"found-{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
