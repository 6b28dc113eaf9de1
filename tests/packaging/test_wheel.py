"""What the wheel carries, and that it works where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = {"lineage", "catalog", "privacy", "tracehold", "orchestration"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once from the checkout with the pinned build back end."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, CHECKOUT],
        check=True,
        capture_output=True,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def names(wheel: Path) -> list[str]:
    """The paths of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_has_exactly_the_five_packages_at_its_top(names: list[str]) -> None:
    top = {name.split("/")[0] for name in names}
    metadata = {name for name in top if name.endswith(".dist-info")}
    assert len(metadata) == 1
    assert top - metadata == PACKAGES


def test_the_wheel_carries_no_tests_and_no_leftovers(names: list[str]) -> None:
    parts = {part for name in names for part in Path(name).parts}
    assert not parts & {"tests", "conftest.py", "__pycache__", ".dagster", "storage", "history"}
    assert not [name for name in names if name.endswith((".db", ".sqlite", ".pem", ".log"))]


def test_every_package_is_typed_and_carries_its_license(names: list[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_wheel_carries_every_file_of_the_packages_that_git_knows(names: list[str]) -> None:
    known = subprocess.run(
        ["git", "ls-files", "-z", *sorted(PACKAGES)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    assert not [path for path in known if path and path not in names]


def test_no_file_of_the_wheel_names_a_place_on_the_machine_that_built_it(wheel: Path) -> None:
    places = {str(CHECKOUT).encode(), str(Path.home()).encode() + b"/", b"/tmp/bash"}
    with zipfile.ZipFile(wheel) as archive:
        tainted = {
            name
            for name in archive.namelist()
            for place in places
            if len(place) > len("/root/") - 1 and place in archive.read(name)
        }
    assert not tainted


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own_outside_the_checkout(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    # The third-party packages of this environment serve again; the checkout's own entry does not.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    import sysconfig

    third_party = Path(sysconfig.get_path("purelib"))
    for entry in third_party.iterdir():
        name = entry.name.partition("-")[0]
        if entry.suffix != ".pth" and name not in PACKAGES and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    answer = subprocess.run(
        [python, "-c", _WHERE, *sorted(PACKAGES)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert {Path(line).parent for line in answer.stdout.split()} == {site}


_WHERE = """
import importlib, pathlib, sys
for name in sys.argv[1:]:
    print(pathlib.Path(importlib.import_module(name).__file__).parent)
"""
