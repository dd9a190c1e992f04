"""Seconds of processor time, test by test: every run names its slowest ten, and a test that takes far too many fails.

Wall time says little on a machine that does other things at once. What is counted is the time that the test process
and the child processes it has waited for spent in user and kernel mode (``os.times``).

A test is charged with its call, its own set-up and the fixtures that are made for it alone. A fixture that several
tests share (of a class, module, package or session) stands in the report under its own name and has a limit of its
own, so that the first test to ask for it is not blamed.

Exempt from the limits are the cells of notebooks and the tests in a browser. Their kernels, servers and browsers
outlive a test and are waited for when a file ends, so no single test can be charged with its share of them. A test that
is marked ``heavy`` says why it may take longer; the report names it all the same. Notebooks
have limits of their own: seconds and memory in ``tools/notebooks.py course``.

``pytest --processor-times FILE`` stores seconds by test as JSON; ``python -m tests.processor_time FILE`` adds them up
by file.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

TEST_SECONDS = 20.0  # what a test, and a shared fixture, may take on a usual machine; above it the report marks them
SHARED_FIXTURE_SECONDS = 40.0
FAILS_AT = 2.0  # times as many fail: a slow processor, and films that a fresh copy has not made yet, count up to that
NAMED = 10  # how many the report names
PROPERTY = "processor seconds"  # of a test's report: a name and seconds; xdist carries it to the parent process


def processor_seconds() -> float:
    """User and system time of this process and of the children it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def exempt(nodeid: str) -> bool:
    """Whether a test is a notebook's cell or runs in a browser."""
    path = nodeid.split("::")[0]
    return path.endswith(".ipynb") or path.startswith("tests/browser/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processor-times", metavar="FILE", help="store seconds of processor time by test as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Meter(), "processor time: meter")
    if not hasattr(config, "workerinput"):  # a test process of xdist has no terminal: its parent reports for it
        config.pluginmanager.register(Reporter(config), "processor time: reporter")


class Meter:
    """Measures tests and shared fixtures, and fails those over their limit."""

    def __init__(self) -> None:
        self.shared = [0.0]  # seconds of shared fixtures within what is being measured, innermost last
        self.setup = 0.0
        self.complaints: list[str] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        self.shared, before = [0.0], processor_seconds()
        try:
            return (yield)
        finally:
            self.setup = processor_seconds() - before - self.shared[0]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        before = processor_seconds()
        self.shared.append(0.0)
        try:
            return (yield)
        finally:
            whole = processor_seconds() - before
            seconds = whole - self.shared.pop()  # less those that it asked for itself, by `request.getfixturevalue`
            self.shared[-1] += whole
            item = request._pyfuncitem
            where = fixturedef.baseid or item.nodeid.split("::")[0]
            name = f"{where}::{fixturedef.argname} (shared fixture)"
            item.user_properties.append((PROPERTY, [name, seconds]))
            if seconds > FAILS_AT * SHARED_FIXTURE_SECONDS and not exempt(item.nodeid):
                words = complaint(seconds, FAILS_AT * SHARED_FIXTURE_SECONDS)
                self.complaints.append(f"the shared fixture {fixturedef.argname}: {words}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        self.shared, before = [0.0], processor_seconds()
        try:
            result = yield
        finally:
            seconds = self.setup + processor_seconds() - before - self.shared[0]
            item.user_properties.append((PROPERTY, [item.nodeid, seconds]))
        if seconds > FAILS_AT * TEST_SECONDS and not exempt(item.nodeid) and not item.get_closest_marker("heavy"):
            self.complaints.append(f"{item.nodeid}: {complaint(seconds, FAILS_AT * TEST_SECONDS)}")
        if self.complaints:
            complaints, self.complaints = self.complaints, []
            pytest.fail("\n".join(complaints), pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        before = processor_seconds()
        try:
            return (yield)
        finally:
            name = f"{item.nodeid.split('::')[0]} (processes and fixtures that end)"
            item.user_properties.append((PROPERTY, [name, processor_seconds() - before]))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[PROPERTY] = processor_seconds()


def complaint(seconds: float, limit: float) -> str:
    return f"{seconds:.1f} s of processor time, {limit:.0f} are allowed (tests/processor_time.py says what is counted)"


class Reporter:
    """Names the slowest at the end of a run and stores all when asked to."""

    def __init__(self, config: pytest.Config) -> None:
        self.store = config.getoption("--processor-times")
        self.seconds: dict[str, float] = defaultdict(float)
        self.whole = 0.0  # of xdist's test processes

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == PROPERTY:
                    self.seconds[value[0]] += value[1]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self.whole += getattr(node, "workeroutput", {}).get(PROPERTY, 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        slowest = sorted(self.seconds.items(), key=lambda item: -item[1])
        if self.store:
            Path(self.store).write_text(json.dumps(dict(slowest), indent=0) + "\n", encoding="utf-8")
        terminalreporter.section(f"seconds of processor time: {self.whole or processor_seconds():.0f}; the slowest")
        for name, seconds in slowest[:NAMED]:
            limit = SHARED_FIXTURE_SECONDS if name.endswith("(shared fixture)") else TEST_SECONDS
            mark = f"  above {limit:.0f}" if seconds > limit and not exempt(name) else ""
            terminalreporter.write_line(f"{seconds:7.1f}  {name}{mark}")


def by_file(seconds: dict[str, float]) -> dict[str, float]:
    """Seconds of each file, from ``--processor-times``; the most first."""
    sums: dict[str, float] = defaultdict(float)
    for name, value in seconds.items():
        sums[name.split("::")[0].split(" (")[0]] += value
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    for file, value in by_file(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).items():
        print(f"{value:7.1f}  {file}")
