"""What tests need from the machine, and what happens where it is missing.

A test marked with the name of a service is skipped where the service is not there, and the end of
the run says so loudly. With ``TRACEHOLD_REQUIRE_SERVICES=1`` it fails instead.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from postgres_service import programs

__all__ = [
    "NOT_TESTED", "SERVICES", "Service", "chromium", "client_home", "corpus", "services_required",
]  # fmt: skip

NOT_TESTED = "NOT TESTED"
"""How the reason of such a skip begins; the summary finds them by it."""

CHECKOUT = Path(__file__).resolve().parents[2]


def services_required() -> bool:
    """Whether a missing service is a failure; the continuous integration says so."""
    return os.environ.get("TRACEHOLD_REQUIRE_SERVICES") == "1"


def chromium() -> Path | None:
    """The browser to drive: ``TRACEHOLD_TEST_CHROMIUM``, or else the machine's Chromium."""
    if chosen := os.environ.get("TRACEHOLD_TEST_CHROMIUM"):
        return Path(chosen) if Path(chosen).is_file() else None
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


def corpus() -> Path | None:
    """The folder with recorded events of other systems, beside the checkout; none elsewhere."""
    chosen = os.environ.get("TRACEHOLD_TEST_CORPUS")
    folder = Path(chosen) if chosen else CHECKOUT.parent / "shared" / "corpus"
    return folder if folder.is_dir() else None


def client_home(name: str) -> Path | None:
    """The environment of a client of its own, as ``make clients`` makes it; None where it is not.

    ``TRACEHOLD_TEST_CLIENTS`` names another folder than ``.clients`` in the checkout.
    """
    home = Path(os.environ.get("TRACEHOLD_TEST_CLIENTS") or CHECKOUT / ".clients") / name
    return home if (home / ".ready").exists() else None


def _has_client(name: str) -> bool:
    return client_home(name) is not None


def _marker(client: str) -> str:
    return re.sub(r"\W", "_", client)


@dataclass(frozen=True)
class Service:
    """Something outside that marked tests need.

    Attributes:
        marker: The pytest marker of these tests.
        there: Whether the machine has it.
        advice: How to run the tests that need it.
        required: Whether the continuous integration must have it.
    """

    marker: str
    there: Callable[[], bool]
    advice: str
    required: bool = True


SERVICES = (
    Service(
        "neo4j",
        lambda: bool(os.environ.get("TRACEHOLD_TEST_NEO4J_URL")),
        "run `make test NEO4J=1` (starts one; needs Java and Maven), or set"
        " TRACEHOLD_TEST_NEO4J_URL and TRACEHOLD_TEST_NEO4J_PASSWORD",
    ),
    Service(
        "browser",
        lambda: chromium() is not None,
        "install Chromium (Debian: apt install chromium), or set TRACEHOLD_TEST_CHROMIUM",
    ),
    Service(
        "postgres",
        lambda: programs() is not None,
        "install PostgreSQL (Debian: apt install postgresql); nothing need run",
    ),
    Service(
        "corpus",
        lambda: corpus() is not None,
        "set TRACEHOLD_TEST_CORPUS to a folder of recorded events",
        required=False,
    ),
    *(
        Service(
            _marker(name),
            partial(_has_client, name),
            "run `make clients`, or set TRACEHOLD_TEST_CLIENTS to a folder it filled",
            required=required,
        )
        for name, required in (
            ("dbt", True),
            ("spark", True),
            ("airflow", False),
            ("dagster", False),
            ("dask", True),
            ("dg", False),
            ("dagster-1.11", True),
            ("dagster-1.12", True),
        )
    ),
)
