"""Measure Tracehold on this machine: ``make bench``, ``make bench ARGS="--only accept,visible"``.

Every scenario starts servers of its own in fresh workspaces and loads them over the loopback, from
the same machine. Beside the wall clock stands the CPU time of the server's process, which does not
depend on what else the machine does. What is compared is measured in turns, and the figure is the
median of the ratios of all pairs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

import accepting
import bringing
import closures
import dagster_client
import judging
import large_estate
import producing
import proving
import refolding
import searching
import stages
import starting
import visibility
from bench_page import PAGE, renewed, section
from rig import Options, Scenario, table

SCENARIOS: tuple[Scenario, ...] = (
    *accepting.SCENARIOS,
    *visibility.SCENARIOS,
    *stages.SCENARIOS,
    *closures.SCENARIOS,
    *large_estate.SCENARIOS,
    *searching.SCENARIOS,
    *refolding.SCENARIOS,
    *starting.SCENARIOS,
    *producing.SCENARIOS,
    *bringing.SCENARIOS,
    *proving.SCENARIOS,
    *judging.SCENARIOS,
    *dagster_client.SCENARIOS,
)


def main() -> None:
    """Measure, print, and write the page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names or beginnings of names, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--senders", type=int, default=32)
    parser.add_argument("--small", action="store_true", help="show that everything works")
    parser.add_argument("--write", action="store_true", help=f"renew its section of {PAGE.name}")
    asked = parser.parse_args()
    options = Options(asked.rounds, asked.senders, asked.small, _graph())
    for scenario in _chosen(asked.only, with_neo4j=bool(options.graph)):
        print(f"\n## {scenario.title} ({scenario.name})\n", flush=True)
        busy = os.getloadavg()[0]
        figures = table(scenario.run(options))
        print(figures, flush=True)
        if asked.write:
            words = sys.argv[1:]
            made = section(scenario.title, scenario.note, figures, words=words, busy=busy)
            page = PAGE.read_text("utf-8")
            PAGE.write_text(renewed(page, made, [one.title for one in SCENARIOS]), "utf-8")
            print(f"\nwritten: {PAGE.name}", flush=True)


def _graph() -> Mapping[str, str]:
    url = os.environ.get("TRACEHOLD_TEST_NEO4J_URL")
    if not url:
        return {}
    return {
        "TRACEHOLD_GRAPH_URL": url,
        "TRACEHOLD_GRAPH_USER": os.environ.get("TRACEHOLD_TEST_NEO4J_USER", "neo4j"),
        "TRACEHOLD_GRAPH_PASSWORD": os.environ["TRACEHOLD_TEST_NEO4J_PASSWORD"],
    }


def _chosen(only: str, *, with_neo4j: bool) -> list[Scenario]:
    wanted = [name for name in only.split(",") if name]
    found = [s for s in SCENARIOS if any(s.name.startswith(name) for name in wanted)]
    for name in wanted:
        if not any(scenario.name.startswith(name) for scenario in found):
            names = ", ".join(scenario.name for scenario in SCENARIOS)
            raise SystemExit(f"there is no scenario {name}; there are: {names}")
    found = found or [scenario for scenario in SCENARIOS if not scenario.asked]
    for scenario in found:
        if scenario.neo4j and not with_neo4j:
            print(f"left out, for want of a Neo4j: {scenario.name}", flush=True)
    return [scenario for scenario in found if with_neo4j or not scenario.neo4j]


if __name__ == "__main__":
    main()
