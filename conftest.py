"""What holds for every test: one thread each, and notebooks whose cells write no warnings.

`make test` runs two test processes on two cores; torch with two threads in each makes both several times slower.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

pytest_plugins = ["tests.processor_time"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch; notebook kernels inherit it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A notebook cell that writes to the error stream fails: that is where Python's warnings go.

    nbval itself compares only cells tagged `nbval-check-output`, so it would let a warning pass.
    """
    result = yield
    outputs = getattr(item, "test_outputs", None) or []
    written = "".join(out.get("text", "") for out in outputs if out.get("name") == "stderr").strip()
    if written:
        pytest.fail(f"{item.nodeid} writes to the error stream (a warning?):\n{written[:2000]}", pytrace=False)
    return result
