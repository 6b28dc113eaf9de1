"""Change the code in one place at a time and see whether a test notices: ``make mutants``.

One process loads pytest and the libraries, then forks per mutant. The child imports the mutated
module through a loader of its own, so that no file is written, and runs only the tests that ran
the changed line in the first, unchanged round, the quickest first, until one fails. All times but
the last resort are processor time, so that a busy machine gives the same score.
"""

from __future__ import annotations

import argparse
import ast
import copy
import datetime as dt
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import random
import resource
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import Any

import coverage
import pytest
from campaign_page import PAGE, Run, commit, insert, machine, render

TESTS = {
    "lineage/journal": [
        "tests/lineage/journal",
        "tests/contracts/test_journal.py",
    ],
    "lineage/openlineage": ["tests/lineage/openlineage", "tests/lineage/state/test_findings.py"],
    "lineage/state": [
        "tests/lineage/state",
        "tests/tracehold/test_aliases.py",
        "tests/tracehold/test_seeing.py",
        "tests/tracehold/test_seen_state.py",
    ],
    "lineage/trace": ["tests/lineage/trace"],
    "lineage/graph": ["tests/lineage/graph", "tests/contracts", "tests/lineage/state"],
}
PACKAGES = ("lineage", "catalog", "privacy", "tracehold", "orchestration")
_FLAGS = ["-q", "-x", "-p", "no:cacheprovider"]
_START_SECONDS = 20
_PATIENCE = 5
"""How much longer than its processor time a mutant may take that waits for something."""
_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And, ast.Break: ast.Continue, ast.Continue: ast.Break,
}  # fmt: skip
_SIMPLE = (ast.Expr, ast.Raise, ast.Assign, ast.AugAssign)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """The ways to change one node; texts stay, for they are words for people."""
    if type(node) in _SWAPS:
        yield _SWAPS[type(node)]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        changed = copy.copy(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        yield changed
    elif isinstance(node, ast.Return) and not isinstance(node.value, (ast.Constant, type(None))):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, _SIMPLE) and not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        yield ast.Pass()


def _annotations(tree: ast.Module) -> Iterator[ast.AST]:
    """Every expression in a type; nobody asks for them when the code runs."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if isinstance(said := getattr(node, name, None), ast.AST):
                # Operators aside: Python has but one node for all of a kind.
                yield from (one for one in ast.walk(said) if isinstance(one, ast.expr))


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, int]]:
    """Every node inside a function: its parent, field, index, itself, and its line."""
    annotations = set(_annotations(tree))
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for parent in (node for statement in function.body for node in ast.walk(statement)):
            if isinstance(parent, ast.FunctionDef) or parent in annotations:
                continue
            line = getattr(parent, "lineno", function.lineno)
            for name, value in ast.iter_fields(parent):
                for index, child in enumerate(value if isinstance(value, list) else [value]):
                    if isinstance(child, ast.AST) and child not in annotations:
                        at = index if isinstance(value, list) else None
                        yield parent, name, at, child, getattr(child, "lineno", line)
        for index, statement in enumerate(function.body):
            yield function, "body", index, statement, statement.lineno


def _all(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, int, ast.AST]]:
    return (
        (parent, name, at, child, line, changed)
        for parent, name, at, child, line in list(_places(tree))
        for changed in _changes(child)
    )


def mutant(source: str, number: int) -> tuple[int, str, CodeType] | None:
    """Line, description and code of one mutant of a module; None where it is no Python."""
    tree = ast.parse(source)
    parent, name, at, child, line, changed = next(islice(_all(tree), number, None))
    what = f"{ast.unparse(child) or type(child).__name__} -> "
    siblings = getattr(parent, name)
    new = changed if at is None else [*siblings[:at], changed, *siblings[at + 1 :]]
    setattr(parent, name, new)
    try:
        mutated = ast.fix_missing_locations(ast.parse(ast.unparse(tree)))
        what += ast.unparse(changed) or type(changed).__name__
        return line, what, compile(mutated, "<mutant>", "exec", dont_inherit=True)
    except SyntaxError:
        return None  # `continue` outside a loop and the like


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module as its mutant."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path))

    def exec_module(self, module: Any) -> None:
        module.__file__ = str(self._path)
        exec(self._code, module.__dict__)


class _Timed:
    """Names the running test to coverage, and keeps how much processor time each took."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.cover = cover
        self.seconds: dict[str, float] = {}
        self._last = 0.0

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.cover.switch_context(item.nodeid)
        self._last = sum(os.times()[:4])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        now = sum(os.times()[:4])
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + now - self._last
        self._last = now


def _forked(act: Any, limit: int) -> int:
    """Exit code of ``act`` in a child that says nothing and may take so much processor time."""
    if (child := os.fork()) == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        code = 70
        try:
            code = int(act())
        finally:
            os._exit(code)
    impatient = threading.Timer(_PATIENCE * limit, os.killpg, (child, signal.SIGKILL))
    impatient.start()
    _, status = os.waitpid(child, 0)
    impatient.cancel()
    impatient.join()
    return os.waitstatus_to_exitcode(status)


def _unchanged(package: str, tests: list[str], kept: Path) -> int:
    cover = coverage.Coverage(data_file=str(kept), source=[package], branch=True, config_file=False)
    timed = _Timed(cover)
    cover.start()
    code = pytest.main([*_FLAGS, *tests], plugins=[timed])
    cover.stop()
    cover.save()
    places = (str(Path.cwd() / "tests"), *(str(Path.cwd() / name) for name in PACKAGES))
    libraries = sorted(
        name
        for name, module in sys.modules.items()
        # What begins with _ comes with its like: `_asyncio` before `asyncio` would make half of it.
        if not name.startswith("_")
        and "." not in name
        and not str(getattr(module, "__file__", "")).startswith(places)
    )
    kept.with_suffix(".json").write_text(
        json.dumps({"seconds": timed.seconds, "libraries": libraries})
    )
    return int(code)


def _branches(kept: Path, files: list[Path]) -> tuple[int, int]:
    """How many branches the files have, and how many the first round took."""
    cover = coverage.Coverage(data_file=str(kept), branch=True, config_file=False)
    cover.load()
    report = kept.with_suffix(".branches.json")
    cover.json_report([str(file.resolve()) for file in files], outfile=str(report))
    totals = json.loads(report.read_text())["totals"]
    return totals["num_branches"], totals["covered_branches"]


def _written(tests: int, seconds: float, rows: dict[str, tuple[int, int]]) -> None:
    """Put what was found on the page of campaigns."""
    run = Run(
        command=f'make mutants ARGS="{shlex.join(sys.argv[1:])}"',
        machine=machine(),
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        commit=commit(PAGE),
        seconds=seconds,
        tests=tests,
    )
    lines = [
        {
            "row": row,
            "tried": tried,
            "failed": tried - found,
            "unit": row.partition(" ")[0].lower(),
            "note": f"{found / max(tried, 1):.1%} {'noticed' if 'Mutants' in row else 'taken'}",
        }
        for row, (tried, found) in rows.items()
    ]
    PAGE.write_text(insert(PAGE.read_text("utf-8"), render(run, lines)), "utf-8")


def main() -> int:
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["lineage/journal"], help="folders or modules")
    parser.add_argument("--tests", nargs="*", help="instead of those of the package")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=0, help="run so many tests; 0 for all")
    parser.add_argument(
        "--slowest", type=float, default=3.0, help="skip tests that take more processor seconds"
    )
    parser.add_argument("--kept", type=Path, default=Path(".cache/mutants"), help="the first round")
    parser.add_argument("--again", action="store_true", help="take the first round as kept")
    parser.add_argument("--write", action="store_true", help="put the figures on the page of runs")
    given = parser.parse_args()
    os.environ |= {"HYPOTHESIS_PROFILE": "ci", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    files = [
        file.resolve().relative_to(Path.cwd())
        for path in map(Path, given.paths)
        for file in (sorted(path.glob("*.py")) if path.is_dir() else [path])
    ]
    package = files[0].parent.as_posix()
    if not given.again:
        given.kept.parent.mkdir(exist_ok=True)
        given.kept.unlink(missing_ok=True)
        tests = given.tests or TESTS[package]
        if _forked(lambda: _unchanged(package, tests, given.kept), 3600):
            raise SystemExit("the tests fail without any change")
    known = json.loads(given.kept.with_suffix(".json").read_text())
    seconds = known["seconds"]
    for library in known["libraries"]:
        with suppress(ImportError):
            importlib.import_module(library)
    quick = [node for node, spent in seconds.items() if spent <= given.slowest]
    limit = _START_SECONDS + 5 * int(sum(seconds.values()))
    if _forked(lambda: pytest.main([*_FLAGS, *quick]), limit):
        raise SystemExit("the tests fail where the libraries are loaded before them")
    data = coverage.CoverageData(str(given.kept))
    data.read()
    sources = {file: file.read_text("utf-8") for file in files}
    todo = [
        (file, number)
        for file, source in sources.items()
        for number, _ in enumerate(_all(ast.parse(source)))
    ]
    random.Random(given.seed).shuffle(todo)
    made = ((file, mutant(sources[file], number)) for file, number in todo)
    real = ((file, *one) for file, one in made if one is not None)
    killed = tried = 0
    for file, line, what, code in islice(real, given.sample or None):
        nodes = set((data.contexts_by_lineno(str(file.resolve()))).get(line, ())) - {""}
        chosen = sorted(nodes, key=lambda node: seconds.get(node, 0))
        quick = [node for node in chosen if seconds.get(node, 0) <= given.slowest]
        chosen = (quick or chosen[:1])[: given.most or None]
        name = ".".join(file.with_suffix("").parts)

        def act(
            name: str = name, file: Path = file, code: CodeType = code, run: list[str] = chosen
        ) -> int:
            sys.meta_path.insert(0, _Mutated(name, file.resolve(), code))
            return pytest.main([*_FLAGS, *run])

        tried += 1
        limit = _START_SECONDS + 5 * int(sum(seconds.get(node, 0) for node in chosen))
        if chosen and _forked(act, limit) != 0:
            killed += 1
        else:
            sys.stdout.write(f"{file}:{line}: {'' if chosen else '(no test) '}{what}\n")
            sys.stdout.flush()
        if tried % 10 == 0:
            sys.stderr.write(f"{killed} of {tried} killed\n")
    sys.stdout.write(f"{killed} of {tried} mutants killed: {killed / max(tried, 1):.1%}\n")
    branches, taken = _branches(given.kept, files)
    sys.stdout.write(f"{taken} of {branches} branches taken: {taken / max(branches, 1):.1%}\n")
    if given.write:
        paths = " ".join(given.paths)
        rows = {
            f"Mutants of {paths}": (tried, killed),
            f"Branches of {paths}": (branches, taken),
        }
        _written(len(seconds), time.monotonic() - began, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
