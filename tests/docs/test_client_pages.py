"""The how-tos for clients show the versions and settings that the tests of those clients use."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
HOW_TO = CHECKOUT / "docs" / "how-to"
TESTED = (CHECKOUT / "tests" / "support" / "live_clients.py").read_text("utf-8")


def test_the_page_on_spark_names_the_listener_that_is_tested() -> None:
    makefile = (CHECKOUT / "Makefile").read_text("utf-8")
    (listener,) = re.findall(r"^SPARK_LISTENER := (\S+)$", makefile, re.MULTILINE)
    assert f"--packages {listener} " in (HOW_TO / "spark.md").read_text("utf-8")


def test_the_page_on_spark_sets_nothing_that_is_not_tested() -> None:
    shown = re.findall(r"--conf ([\w.]+)=(\S+)", (HOW_TO / "spark.md").read_text("utf-8"))
    assert len(shown) >= 7
    assert not [name for name, _ in shown if f'"{name}"' not in TESTED]
    assert f'"{dict(shown)["spark.extraListeners"]}"' in TESTED


def test_the_pages_on_dbt_and_airflow_set_nothing_that_is_not_tested() -> None:
    for page in ("dbt.md", "airflow.md"):
        shown = re.findall(r"export (\w+)=", (HOW_TO / page).read_text("utf-8"))
        assert len(shown) >= 2
        assert not [name for name in shown if f'"{name}"' not in TESTED]
