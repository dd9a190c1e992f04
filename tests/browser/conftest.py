"""Fixtures for tests in a real browser. Without Chromium they are skipped, and the summary says so; in CI they fail.

When a test fails, what the page looked like is kept in ``tests/browser/failures/``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import Lab, Server, browser_arguments, chromium, serve

FAILURES = Path(__file__).parent / "failures"
MISSING = "NOT TESTED: the widgets in a browser. Install Chromium (or set CHROMIUM to its path) to test them."
_skipped_for_want_of_a_browser = pytest.StashKey[bool]()
_failed = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI is set, so the browser tests are required, but there is no Chromium", pytrace=False)
        request.config.stash[_skipped_for_want_of_a_browser] = True
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=browser_arguments())
        yield instance
        instance.close()


@pytest.fixture(scope="session")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def context(browser: Any) -> Iterator[Any]:
    """What pages share: with one cache, JupyterLab's megabytes of scripts are fetched and compiled once."""
    shared = browser.new_context(viewport={"width": 1200, "height": 900})
    yield shared
    shared.close()


@pytest.fixture
def lab(context: Any, server: Server, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A fresh page on the running JupyterLab; its kernels end with it."""
    page = context.new_page()
    driver = Lab(page, server)
    yield driver
    if request.node.stash.get(_failed, False):
        FAILURES.mkdir(exist_ok=True)
        name = re.sub(r"[^\w.-]+", "_", request.node.name)
        page.screenshot(path=FAILURES / f"{name}.png")
        (FAILURES / f"{name}.txt").write_text("\n".join(driver.console), encoding="utf-8")
    page.close()
    server.end_kernels()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.stash.get(_skipped_for_want_of_a_browser, False):
        terminalreporter.section("browser", sep="!", yellow=True)
        terminalreporter.line(MISSING)
