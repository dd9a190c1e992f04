"""What this machine can do, and about how long each notebook will take on it."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from course_lib.contents import Contents, Entry

SIDE = 1024  # of the two matrices whose product is timed
CGROUP = Path("/sys/fs/cgroup")  # where Linux keeps a container's limits


@dataclass(frozen=True)
class Machine:
    """memory_gib is None where the system does not say; gflops is what one float32 matrix product reaches now."""

    system: str
    python: str
    torch: str
    cores: int
    memory_gib: float | None
    gpu: str | None
    gflops: float

    def rows(self) -> list[dict[str, str]]:
        """The same as rows for a table, with a word on what each line means."""
        memory = "unknown" if self.memory_gib is None else f"{self.memory_gib:.1f} GiB"
        speed = f"{self.gflops:.0f} GFLOP/s"
        return [
            {"what": "processor cores", "here": str(self.cores), "the course needs": "2"},
            {"what": "memory", "here": memory, "the course needs": "3 GiB free for a notebook"},
            {"what": "Python", "here": self.python, "the course needs": "3.11 to 3.13"},
            {"what": "torch", "here": self.torch, "the course needs": "the CPU build is enough"},
            {"what": "GPU", "here": self.gpu or "none", "the course needs": "none"},
            {"what": "arithmetic", "here": speed, "the course needs": "see the minutes below"},
        ]


def check_machine(seconds: float = 1.0) -> Machine:
    """Look at this machine; the arithmetic is measured for about so many seconds."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=torch.__version__,
        cores=count_cores(),
        memory_gib=memory_gib(),
        gpu=gpu_name(),
        gflops=measure_gflops(seconds),
    )


def count_cores() -> int:
    """Cores that this process may use, at least 1: all cores, less what the system or a container keeps from it."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # no container, or an older kind that says nothing here
    return max(1, cores)


def memory_gib() -> float | None:
    """Memory of the machine, or of the container it runs in, in GiB (2**30 bytes); None where it cannot be read."""
    try:
        memory = float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
    try:
        memory = min(memory, float((CGROUP / "memory.max").read_text()))
    except (OSError, ValueError):  # no limit, or the word "max"
        pass
    return memory / 2**30


def gpu_name() -> str | None:
    """The name of a GPU that torch can use, or None. The course does not need one."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    if torch.backends.mps.is_available():
        return "Apple GPU (mps)"
    return None


def measure_gflops(seconds: float = 1.0, dtype: torch.dtype = torch.float32, side: int = SIDE) -> float:
    """Speed of a matrix product on the processor, in 10**9 operations a second; the best of many.

    dtype: float32, or another that the processor may be faster or far slower in. side: rows of the square matrices.
    A product of two n x n matrices takes 2 n**3 operations: n multiplications and n additions for each of n**2 results.
    The best rather than the mean, because whatever else runs here only ever makes it slower.
    """
    if seconds <= 0:
        raise ValueError(f"measuring takes time: seconds must be above 0, not {seconds}")
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(side, side, generator=generator).to(dtype) for _ in range(2))
    a @ b  # the first product also wakes the threads
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        a @ b
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return 2 * side**3 / best / 1e9


def seconds_here(entry: Entry, gflops: float, reference_gflops: float) -> float | None:
    """How long a notebook will take at this speed; None where it was never measured.

    On a slower machine its arithmetic takes longer; the rest (drawing, reading, Python itself) is taken to stay as it
    was. On a faster one nothing is taken off: a processor with a unit for matrix products does these several times
    faster, and the convolutions and small products of the notebooks hardly. An estimate: expect it to be right within a
    factor of two.
    """
    if entry.seconds is None:
        return None
    if gflops <= 0 or reference_gflops <= 0:
        raise ValueError(f"speeds must be above 0, not {gflops} and {reference_gflops}")
    return entry.seconds * (1 - entry.compute + entry.compute * max(1.0, reference_gflops / gflops))


def course_rows(contents: Contents, machine: Machine | None = None) -> list[dict[str, str]]:
    """The table of the course: one row a notebook, with the time it will take here where that is known."""
    rows = []
    for entry in contents.notebooks:
        here = None
        if machine is not None and entry.built:
            here = seconds_here(entry, machine.gflops, contents.reference["gflops"])
        rows.append(
            {
                "part": entry.part,
                "notebook": f"{entry.number} {entry.title}",
                "what you build": entry.builds,
                "runs here in": "planned" if not entry.built else "not measured" if here is None else _minutes(here),
            }
        )
    return rows


def _minutes(seconds: float) -> str:
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.1f} min"
