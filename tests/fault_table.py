"""Collect the tests that kill something into docs/faults.md: `make fault-table`.

A test says what it kills by `@pytest.mark.fault("an executor", during="ingest on YARN", then="…what must hold…")`.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HEAD = """# Faults

What is killed, each with a real `kill -9` in a test of this project, and what the test then finds.
This page is written by `make fault-table`, last on {date}: {passed} of {all} passed.

| killed | during | afterwards | result | test |
|---|---|---|---|---|
"""
REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", metavar="FILE", help="write what the marked tests of this run found as a page")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if item.get_closest_marker("fault") and (report.when == "call" or not report.passed):
        item.config.stash.setdefault(REPORTS, {})[item.nodeid] = report


def pytest_sessionfinish(session: pytest.Session) -> None:
    place, reports = session.config.getoption("--fault-table"), session.config.stash.get(REPORTS, {})
    if not place:
        return
    lines = []
    for item in session.items:
        if (mark := item.get_closest_marker("fault")) and item.nodeid in reports:
            result = reports[item.nodeid].outcome
            where = f"`{item.location[0]}`"
            lines.append(f"| {mark.args[0]} | {mark.kwargs['during']} | {mark.kwargs['then']} | {result} | {where} |")
    passed = sum(report.passed for report in reports.values())
    head = HEAD.format(date=datetime.date.today().isoformat(), passed=passed, all=len(reports))
    Path(place).write_text(head + "".join(f"{line}\n" for line in dict.fromkeys(lines)))
