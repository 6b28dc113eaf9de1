"""A dbt project by hand, in the form of its artifacts: the shop of ``import_samples``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from import_samples import Files, write

__all__ = ["dbt_project", "large_manifest", "manifest", "run_results"]


def _node(kind: str, name: str, parents: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"{kind}.shop.{name}",
        "resource_type": kind,
        "package_name": "shop",
        "database": "shop",
        "schema": "core",
        "name": name,
        "alias": name,
        "description": "",
        "columns": {},
        "tags": [],
        "meta": {},
        "config": {"materialized": "table", "meta": {}},
        "depends_on": {"nodes": list(parents)},
        **more,
    }


def manifest(version: int = 12) -> dict[str, Any]:
    """A project with a source, a seed, models (one ephemeral), a snapshot, tests, an exposure."""
    source = "source.shop.raw.orders"
    code = "compiled_code" if version >= 7 else "compiled_sql"
    nodes = [
        _node("seed", "countries"),
        _node("model", "stg_orders", (source,), config={"materialized": "ephemeral"}),
        _node(
            "model",
            "orders",
            ("model.shop.stg_orders", "seed.shop.countries"),
            description="One row per order.",
            tags=["finance"],
            meta={"owner": "team-orders", "license": "CC-BY-4.0", "tier": 1},
            columns={
                "id": {"name": "id", "description": "Key.", "data_type": "int"},
                "email": {
                    "name": "email", "tags": ["contact"], "meta": {"pii": True, "mask": "hash"},
                },
            },
            **{code: "select id, email from shop.raw.orders where country = 'NL'"},
        ),
        _node("snapshot", "orders_history", ("model.shop.orders",)),
        _node("analysis", "look", ("model.shop.orders",)),
        _node(
            "test",
            "not_null_orders_id",
            ("model.shop.orders",),
            test_metadata={"name": "not_null", "kwargs": {"column_name": "id"}},
            column_name="id",
            config={"severity": "ERROR"},
        ),
        _node("test", "unique_orders_id", ("model.shop.orders",)),
    ]  # fmt: skip
    return {
        "metadata": {
            "dbt_schema_version": f"https://schemas.getdbt.com/dbt/manifest/v{version}.json",
            "generated_at": "2026-01-10T08:00:00.000000Z",
            "adapter_type": "postgres",
            **({"project_name": "shop"} if version >= 9 else {}),
        },
        "nodes": {node["unique_id"]: node for node in nodes},
        "sources": {
            source: {
                **_node("source", "orders"),
                "unique_id": source,
                "source_name": "raw",
                "schema": "raw",
                "identifier": "orders_v2",
                "description": "As the shop writes them.",
            }
        },
        "exposures": {
            "exposure.shop.revenue": {
                "unique_id": "exposure.shop.revenue",
                "resource_type": "exposure",
                "name": "revenue",
                "type": "dashboard",
                "owner": {"name": "Finance", "email": "finance@example.org"},
                "description": "Weekly revenue.",
                "depends_on": {"nodes": ["model.shop.orders"]},
            }
        },
        "metrics": {"metric.shop.sum": {"unique_id": "metric.shop.sum"}},
        "macros": {},
        "groups": {},
        "disabled": {},
    }


def large_manifest(models: int) -> dict[str, Any]:
    """A project of so many models with 20 columns, up to three parents and two tests each."""
    nodes = {}
    for number in range(models):
        parents = {number // 2, number // 3, number - 1}
        columns = {
            f"c{place}": {
                "name": f"c{place}",
                "data_type": "text",
                "description": f"Of {number}: {place}.",
            }
            for place in range(20)
        }
        model = _node(
            "model",
            f"m{number}",
            tuple(f"model.shop.m{one}" for one in sorted(parents) if 0 <= one < number)
            or ("source.shop.raw.orders",),
            description=f"Model {number}.",
            columns=columns,
            tags=["nightly"],
            meta={"owner": f"team-{number % 40}"},
            compiled_code=f"select {', '.join(columns)} from shop.core.m where c1 = 'x{number}'",
        )
        tests = [
            _node(
                "test",
                f"not_null_m{number}_c{place}",
                (model["unique_id"],),
                test_metadata={"name": "not_null", "kwargs": {"column_name": f"c{place}"}},
            )
            for place in range(2)
        ]
        nodes.update({one["unique_id"]: one for one in (model, *tests)})
    return {**manifest(), "nodes": nodes, "exposures": {}}  # fmt: skip


def _catalog() -> dict[str, Any]:
    return {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"},
        "nodes": {
            "model.shop.orders": {
                "columns": {
                    "EMAIL": {"name": "EMAIL", "type": "TEXT", "index": 2, "comment": "Of whom."},
                    "ID": {"name": "ID", "type": "BIGINT", "index": 1},
                },
                "stats": {"num_rows": {"id": "num_rows", "value": 41.0}},
            }
        },
        "sources": {},
    }


def run_results(command: str = "run") -> dict[str, Any]:
    """What a command of dbt wrote about what it did."""

    def result(uid: str, status: str, minute: int, **more: Any) -> dict[str, Any]:
        start, end = (f"2026-01-10T08:{minute:02}:{second:02}.000000Z" for second in (1, 9))
        timing = [{"name": "execute", "started_at": start, "completed_at": end}]
        return {"unique_id": uid, "status": status, "timing": timing, **more}

    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "generated_at": "2026-01-10T08:30:00.000000Z",
            "invocation_id": "0b0c0d0e-0000-4000-8000-000000000001",
        },
        "args": {"which": command},
        "results": [
            result("model.shop.orders", "success", 1, adapter_response={"rows_affected": 40}),
            result("snapshot.shop.orders_history", "error", 2, message="value 'x' is wrong"),
            result("test.shop.not_null_orders_id", "fail", 3, failures=3),
            result("seed.shop.countries", "skipped", 4),
        ],
    }


def dbt_project(folder: Path, version: int = 12) -> Files:
    """The target folder of a project that ran."""
    write(folder / "manifest.json", manifest(version))
    write(folder / "catalog.json", _catalog())
    write(folder / "run_results.json", run_results())
    return [folder]


# DataHub
