"""One table that Dagster writes, dbt reads and Spark reads, under three names: one thing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import dagster as dg
import pytest
from dagster_instances import evaluate, sharded
from live_clients import DBT_PROJECT, asking, dbt, spark
from running_server import make_workspace, serving
from services import client_home

from tracehold_dagster import lineage_for

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.dbt, pytest.mark.spark]

_LOAD = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"


def _shop(folder: Path) -> dg.Definitions:
    """Two assets: each a file that Spark reads, loaded into a table that dbt reads."""

    def table(name: str) -> dg.AssetsDefinition:
        file, database = folder / f"{name}.csv", folder / "shop" / "shop.duckdb"

        @dg.asset(
            name=f"raw_{name}",
            deps=["landing"],
            kinds={"duckdb"},
            metadata={
                "dagster/table_name": f"shop.main.raw_{name}",
                "dagster/uri": f"file://{file}",
            },
        )
        def made() -> None:
            shutil.copy(DBT_PROJECT / "seeds" / f"raw_{name}.csv", file)
            home = client_home("dbt")
            assert home is not None
            load = f"create or replace table raw_{name} as from read_csv('{file}')"
            subprocess.run([home / "bin" / "python", "-c", _LOAD, database, load], check=True)

        return made

    stores = {"duckdb": f"duckdb://{folder}/shop/shop.duckdb"}
    return dg.Definitions.merge(
        dg.Definitions([table("orders"), table("customers")]),
        lineage_for(namespace="dagster", stores=stores),
    )


def test_what_dbt_and_spark_read_is_the_table_that_dagster_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(DBT_PROJECT, tmp_path / "shop")
    with (
        serving(make_workspace(tmp_path / "workspace")) as server,
        sharded(tmp_path / "instance") as instance,
    ):
        monkeypatch.setenv("TRACEHOLD_URL", server.url)
        monkeypatch.setenv("TRACEHOLD_TOKEN", server.token)
        defs = _shop(tmp_path)
        assert defs.get_repository_def().get_job("__ASSET_JOB").execute_in_process(
            instance=instance
        ).success  # fmt: skip
        evaluate(defs, instance)
        said = dbt(tmp_path / "shop", server.url, server.token, "run")
        assert said.endswith("ended with 0"), said
        said = spark("shop.py", tmp_path, server.url, server.token)
        assert said.endswith("ended with 0"), said

        told = asking(server)
        asset = "dataset:[dagster]raw_orders"
        table = f"dataset:[duckdb://{tmp_path}/shop/shop.duckdb]shop.main.raw_orders"
        file = f"dataset:[file]{tmp_path}/orders.csv"
        names = [one for one in told.edges(asset, "down") if one["type"] == "SAME_AS"]
        assert {(asset, table), (asset, file)} <= {(one["src"], one["dst"]) for one in names}
        for downstream in (
            told.one("datasets", "shop.main.revenue"),
            f"dataset:[file]{tmp_path}/warehouse/gov.db/revenue",
        ):
            # Whoever reads it is traced to what Dagster made it from.
            above = {node["ref"] for node in told.trace(downstream)["nodes"]}
            assert {asset, "dataset:[dagster]landing"} <= above
            assert downstream in {node["ref"] for node in told.trace(asset, "down")["nodes"]}
