"""What the wheel for other people's Dagster projects carries and needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "clients" / "dagster"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once with the pinned build back end."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, FOLDER],
        check=True,
        capture_output=True,
    )
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_brings_one_package_with_every_file_that_git_knows(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"tracehold_dagster"}
    assert "tracehold_dagster/py.typed" in names
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    known = subprocess.run(
        ["git", "ls-files", "-z", "tracehold_dagster"],
        cwd=FOLDER,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    assert not [path for path in known if path and path not in names]


def test_the_wheel_needs_dagster_and_openlineage_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        headers = message_from_bytes(archive.read(metadata))
    needs = {need for need in headers.get_all("Requires-Dist") or [] if "extra ==" not in need}
    assert needs == {"dagster<1.14,>=1.11", "openlineage-python<2,>=1.40"}


def test_nothing_that_records_and_translates_imports_dagster() -> None:
    code = (
        "import sys; from tracehold_dagster import records, translate;"
        "import tracehold_dagster.translate;"
        "sys.exit(any(name.split('.')[0] == 'dagster' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=FOLDER, check=True)


def test_every_name_of_the_package_is_there() -> None:
    import tracehold_dagster

    for name in tracehold_dagster.__all__:
        assert getattr(tracehold_dagster, name) is not None
