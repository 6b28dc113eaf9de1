"""Settings of the whole suite: Hypothesis profiles, services that may be missing, fixtures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from neo4j_service import neo4j_address, neo4j_auth, neo4j_to_itself, neo4j_url  # noqa: F401
from rounds import in_campaign, profile
from services import NOT_TESTED, SERVICES, services_required

from examples import counted_examples, record_examples, scale

# The Java of a test lives for seconds: what its second compiler spends (half of a start of Neo4j, a
# third of a job of Spark) never comes back.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
# The same examples on every run: a red build must be red again on the next machine.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
for _name, _examples in (("minutes", 500), ("campaign", 5_000)):
    settings.register_profile(
        _name, settings.get_profile("default"), max_examples=_examples, print_blob=True
    )


def _profile() -> str:
    if profile() != "usual":
        return profile()
    return "ci" if os.environ.get("CI") else "default"


settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or _profile())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the campaign find every property test, and try more examples of it."""
    tests: dict[int, Any] = {}
    for item in items:
        test = getattr(item, "obj", None)
        if getattr(test, "is_hypothesis_test", False):
            item.add_marker("campaign")
            tests[id(test)] = test
    for test in tests.values():
        scale(test)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the examples of every property test for the table of the campaign."""
    test = getattr(item, "obj", None)
    if not in_campaign() or not getattr(test, "is_hypothesis_test", False):
        return (yield)
    with counted_examples(test) as count:
        try:
            result = yield
        except Exception:
            record_examples(item.path, count(), failed=1)
            raise
    record_examples(item.path, count(), failed=0)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run tests of the one Neo4j one after the other, whichever worker they are in.

    The groups of pytest-xdist 3.8 would do, but have no effect under pytest 9.
    """
    alone = item.get_closest_marker("neo4j") and os.environ.get("TRACEHOLD_TEST_NEO4J_URL")
    with neo4j_to_itself() if alone else nullcontext():
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail where services are required, a test whose service is missing."""
    for service in SERVICES:
        if item.get_closest_marker(service.marker) is None or service.there():
            continue
        reason = f"{NOT_TESTED} ({service.marker}): {service.advice}"
        if services_required() and service.required:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what this run did not test, and how to test it."""
    missing = Counter(
        report.longrepr[2].partition(NOT_TESTED)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_TESTED in report.longrepr[2]
    )
    if not missing:
        return
    terminalreporter.section("NOT TESTED ON THIS MACHINE", yellow=True, bold=True)
    for reason, count in sorted(missing.items()):
        terminalreporter.line(f"{count} tests{reason}", yellow=True, bold=True)
