"""What the course says about a machine is true of this one, and its estimate of minutes behaves."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from course_lib import machine
from course_lib.contents import Contents, Entry, load_contents
from course_lib.show.timeline import timeline


def test_this_machine_is_described_within_its_bounds() -> None:
    here = machine.check_machine(seconds=0.05)
    assert 1 <= here.cores <= (os.cpu_count() or 1)
    assert here.memory_gib is None or 0.25 < here.memory_gib < 100_000
    assert 0.5 < here.gflops < 1e6
    assert {row["what"] for row in here.rows()} >= {"processor cores", "memory", "torch", "GPU"}
    assert all(isinstance(value, str) and value for row in here.rows() for value in row.values())


def test_measuring_takes_the_time_it_was_given() -> None:
    start = time.perf_counter()
    machine.measure_gflops(0.3)
    assert 0.3 <= time.perf_counter() - start < 3.0
    with pytest.raises(ValueError, match="above 0"):
        machine.measure_gflops(0)


def test_a_container_s_limits_are_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    free_cores, free_memory = machine.count_cores(), machine.memory_gib()
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(f"{2**29}\n")
    assert machine.count_cores() == 1
    assert free_memory is None or machine.memory_gib() == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert (machine.count_cores(), machine.memory_gib()) == (free_cores, free_memory)


def entry(seconds: float | None, compute: float, state: str = "built") -> Entry:
    return Entry("02_seeing", "II", "Seeing", "V", state, seconds, compute)


def test_the_estimate_scales_the_arithmetic_and_nothing_else() -> None:
    assert machine.seconds_here(entry(60, 0.7), 110, 110) == pytest.approx(60)
    assert machine.seconds_here(entry(60, 1.0), 55, 110) == pytest.approx(120)
    assert machine.seconds_here(entry(60, 0.0), 5, 110) == pytest.approx(60)
    speeds = [machine.seconds_here(entry(60, 0.5), gflops, 110) for gflops in (10, 100, 1000, 1e9)]
    assert speeds == sorted(speeds, reverse=True) and speeds[0] > 60
    assert speeds[-1] == pytest.approx(60), "a fast matrix product promises nothing about the rest"
    assert machine.seconds_here(entry(None, 0.5), 100, 110) is None
    with pytest.raises(ValueError, match="above 0"):
        machine.seconds_here(entry(60, 0.5), 0, 110)


def test_the_course_table_has_a_row_a_notebook_and_times_only_what_was_measured() -> None:
    here = machine.Machine("s", "3.11", "2", 2, 4.0, None, 55.0)
    entries = (entry(60, 1.0), entry(20, 0.0), entry(None, 0.0), entry(60, 1.0, "planned"))
    contents = Contents({"II": "two"}, entries, {"cores": 2, "gflops": 110})
    times = [row["runs here in"] for row in machine.course_rows(contents, here)]
    assert times == ["about 2.0 min", "about 20 s", "not measured", "planned"]
    assert machine.course_rows(contents)[0]["runs here in"] == "not measured"
    assert len(machine.course_rows(load_contents(), here)) == 27


def test_a_broken_table_of_contents_is_named(tmp_path: Path) -> None:
    path = tmp_path / "contents.yaml"
    with pytest.raises(ValueError, match=r"contents\.yaml cannot be read: FileNotFoundError"):
        load_contents(path)
    path.write_text("parts: [")
    with pytest.raises(ValueError, match="cannot be read"):
        load_contents(path)
    path.write_text("parts: []\nreference: {cores: 2, gflops: 1}\nnotebooks:\n  - " + str(vars(entry(1, 1))) + "\n")
    with pytest.raises(ValueError, match="no such part as that of 02_seeing"):
        load_contents(path)


def test_a_notebook_is_built_or_not() -> None:
    assert entry(1, 1).built and not replace(entry(1, 1), state="planned").built
    assert entry(1, 1).number == "02"


def test_a_timeline_holds_every_event_and_refuses_disorder() -> None:
    events = [(1990.1, "first"), (2018.2, "second"), (2024.1, "third")]
    figure = timeline(events, gaps=[(1990.1, 2018.2, "quiet")], title="T")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"first", "second", "third", "quiet"} <= texts
    with pytest.raises(ValueError, match="order of time"):
        timeline(events[::-1])
    with pytest.raises(ValueError, match="at least one event"):
        timeline([])
