"""``make campaign``: run the long tests, and write what they tried into the reliability page."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign import REPORT
from rounds import profile

__all__ = ["Run", "commit", "insert", "machine", "main", "render"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "reliability.md"
_BEGIN = "<!-- runs: written by `make campaign` from here on -->"


@dataclass(frozen=True)
class Run:
    """One run of the campaign.

    Attributes:
        command: What to type to have it again; a new run replaces the one of the same command.
        machine: Where it ran.
        date: When, ISO 8601.
        commit: Of which source.
        seconds: How long it took.
        tests: How many tests ran.
        failures: Names of the tests that failed.
        stopped: Whether somebody stopped it before its end.
    """

    command: str
    machine: str
    date: str
    commit: str
    seconds: float
    tests: int
    failures: tuple[str, ...] = ()
    stopped: bool = False


def render(run: Run, lines: Iterable[Mapping[str, Any]]) -> str:
    """The section of one run: where and when, and a table of what was tried.

    Args:
        run: The run.
        lines: What ``record`` wrote, in any order.
    """
    rows: dict[tuple[str, str], tuple[int, int, dict[str, None]]] = {}
    for line in lines:
        key = (line["row"], line["unit"])
        tried, failed, notes = rows.get(key, (0, 0, {}))
        if line["note"]:
            notes[line["note"]] = None
        rows[key] = (tried + line["tried"], failed + line["failed"], notes)
    table = [
        f"| {row} | {tried:,} | {failed:,} | {unit} | {'; '.join(sorted(notes))} |"
        for (row, unit), (tried, failed, notes) in sorted(rows.items())
    ]
    said = f"{run.tests} tests, {len(run.failures)} failed"
    if run.failures:
        said += ": " + ", ".join(f"`{name}`" for name in run.failures)
    if run.stopped:
        said += "; stopped before its end"
    return "\n".join(
        [
            f"## `{run.command}`",
            "",
            f"{run.date}, commit {run.commit}, {run.machine}. {_span(run.seconds)}; {said}.",
            "",
            "| row | tried | failed | unit | note |",
            "|---|--:|--:|---|---|",
            *table,
            "",
        ]
    )


def insert(page: str, section: str) -> str:
    """The page with the section in place of the one with the same heading, or as the first.

    Args:
        page: The page; what stands above the mark in it is kept as it is.
        section: What ``render`` made.
    """
    text, _, runs = page.partition(_BEGIN)
    heading = section.partition("\n")[0]
    kept = [
        part.strip() + "\n"
        for part in re.split(r"^(?=## )", runs, flags=re.MULTILINE)
        if part.strip() and part.partition("\n")[0] != heading
    ]
    return text + _BEGIN + "\n\n" + "\n".join([section, *kept])


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def machine() -> str:
    """System, cores, memory and Python, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}"


def commit(page: Path) -> str:
    """The commit of the source, and whether more than the page was changed since.

    Args:
        page: The page of the runs, in the repository: an earlier run may have written it.
    """

    def git(*words: str) -> str:
        said = subprocess.run(
            ["git", *words], cwd=page.parent, capture_output=True, text=True, check=False
        )
        return said.stdout.strip()

    elsewhere = ("--", ":/", f":(exclude){page.name}")
    changed = git("status", "--porcelain", "--untracked-files=no", *elsewhere)
    at = git("rev-parse", "--short", "HEAD") or "unknown"
    return at + (" with changes" if changed else "")


def _command(words: Sequence[str]) -> str:
    command = "make campaign"
    if profile() == "minutes":
        command = "TRACEHOLD_CAMPAIGN=minutes " + command
    return f'{command} ARGS="{shlex.join(words)}"'.replace("'", '\\"') if words else command


def main(options: Sequence[str], words: Sequence[str]) -> int:
    """Run the tests marked ``campaign`` and write the section of this run.

    Args:
        options: Given to pytest by the Makefile.
        words: Given to pytest by the user; part of the command's name.

    Returns:
        The exit code of pytest.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, tests = Path(folder, "report.jsonl"), Path(folder, "tests.xml")
        report.touch()
        began, source = time.monotonic(), commit(PAGE)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-m", "campaign", f"--junitxml={tests}"),
                *(*options, *words),
            ],
            env={"TRACEHOLD_CAMPAIGN": "1", **os.environ, REPORT: str(report)},
        )
        code, stopped = _wait(process)
        if not tests.exists():
            return code
        cases = ET.parse(tests).findall(".//testcase")
        wrong = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
        run = Run(
            command=_command(words),
            machine=machine(),
            date=dt.datetime.now(dt.UTC).date().isoformat(),
            commit=source,
            seconds=time.monotonic() - began,
            tests=sum(case.find("skipped") is None for case in cases),
            failures=tuple(sorted(case.get("name", "") for case in wrong)),
            stopped=stopped,
        )
        lines = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    if run.tests:
        section = render(run, lines)
        PAGE.write_text(insert(PAGE.read_text("utf-8"), section), "utf-8")
        sys.stdout.write(f"\n{section}\nWritten to {PAGE}\n")
    return code


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, bool]:
    """The exit code of pytest, and whether Ctrl-C ended it: it then reports what it has tried."""
    try:
        return process.wait(), False
    except KeyboardInterrupt:
        return process.wait(), True


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(sys.argv[1:split], sys.argv[split + 1 :]))
