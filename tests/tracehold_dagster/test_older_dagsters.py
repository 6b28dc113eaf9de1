"""What tails an event log does so under every supported Dagster."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from services import CHECKOUT, client_home

pytestmark = pytest.mark.slow

_PYTEST = "import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main())"
"""Dagster is that of its own environment, pytest the one that runs this."""


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("1.11", marks=pytest.mark.dagster_1_11),
        pytest.param("1.12", marks=pytest.mark.dagster_1_12),
    ],
)
def test_an_older_dagster_is_tailed_as_the_newest_is(version: str, tmp_path: Path) -> None:
    home = client_home(f"dagster-{version}")
    assert home is not None, f"Dagster {version} is not installed: make clients"
    site = Path(pytest.__file__).parents[1]
    done = subprocess.run(
        [
            *(home / "bin" / "python", "-c", _PYTEST, site, "-q", "--noconftest"),
            *("-c", os.devnull, "-p", "no:cacheprovider", "-m", "not postgres"),
            *("--basetemp", tmp_path / "pytest", Path(__file__).with_name("test_tailing.py")),
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{CHECKOUT / 'clients' / 'dagster'}:{CHECKOUT / 'tests' / 'support'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
