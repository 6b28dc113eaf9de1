"""The component is scaffolded, read from YAML and loaded by Dagster's own machinery."""

from __future__ import annotations

import tomllib
import traceback
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from tracehold_dagster.component import TraceholdLineageComponent

# Of Dagster's own: it reads YAML by a deprecated function, and notes lines by classes in beta.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.parse_obj_as. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning"),
]

TYPE = "tracehold_dagster.component.TraceholdLineageComponent"
ROOT = Path(__file__).parents[2]


def test_what_is_scaffolded_loads_whether_or_not_a_server_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TRACEHOLD_URL", raising=False)
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(TraceholdLineageComponent)
        written = (folder / "defs.yaml").read_text()
        assert f"type: {TYPE}" in written
        assert "env.TRACEHOLD_URL" in written
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, defs):
            assert isinstance(component, TraceholdLineageComponent)
            (sensor,) = defs.sensors or ()
            assert sensor.name == "tracehold_lineage"


def test_attributes_of_the_file_reach_the_sensor() -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(
            TraceholdLineageComponent,
            defs_yaml_contents={
                "type": TYPE,
                "attributes": {"namespace": "shop", "interval_seconds": 60},
            },
        )
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, defs):
            assert isinstance(component, TraceholdLineageComponent)
            assert component.namespace == "shop"
            (sensor,) = defs.sensors or ()
            assert isinstance(sensor, dg.SensorDefinition)
            assert sensor.minimum_interval_seconds == 60


def test_an_attribute_that_there_is_not_is_refused() -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(
            TraceholdLineageComponent,
            defs_yaml_contents={"type": TYPE, "attributes": {"adress": "http://x"}},
        )
        with (
            pytest.raises(Exception, match="TraceholdLineageComponent") as refused,
            sandbox.load_component_and_build_defs(defs_path=folder),
        ):
            pass
    assert "adress" in "".join(traceback.format_exception(refused.value))


def test_dg_finds_the_component_in_the_module_that_the_package_registers() -> None:
    project = tomllib.loads((ROOT / "clients/dagster/pyproject.toml").read_text())["project"]
    modules = project["entry-points"]["dagster_dg_cli.registry_modules"].values()
    assert list(modules) == [TYPE.rpartition(".")[0]]
