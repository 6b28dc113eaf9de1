"""Small exports of other catalogs and tools, written by hand in the forms of their documentation.

One shop in all of them: orders are loaded, cleaned, and a model is trained on them.
"""

from __future__ import annotations

import csv
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = [
    "ACCESS_HISTORY",
    "DEPENDENCIES",
    "PG",
    "SNOW",
    "Files",
    "archive",
    "croissant",
    "croissant_file",
    "datahub",
    "datahub_file",
    "marquez_pages",
    "mlflow_server",
    "mlruns",
    "serving_json",
    "snowflake_files",
    "unity_files",
    "unity_rows",
    "write",
]

PG = "postgres://db:5432"
SNOW = "snowflake://acme-prod"

Files = list[Path]


def write(path: Path, value: Any) -> Path:
    """A file of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


# OpenLineage


def archive(folder: Path) -> Files:
    """Two runs as JSON lines."""
    events = [
        {
            "eventType": state,
            "eventTime": f"2026-01-0{day}T00:00:0{second}Z",
            "producer": "https://example.org/etl",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": f"00000000-0000-4000-8000-00000000000{day}"},
            "job": {"namespace": "etl", "name": "load"},
            "inputs": [{"namespace": PG, "name": "shop.raw.orders"}],
            "outputs": [{"namespace": PG, "name": "shop.core.orders"}],
        }
        for day in (1, 2)
        for second, state in ((1, "START"), (2, "COMPLETE"))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return [path]


# dbt


def _urn(name: str, platform: str = "postgres") -> str:
    return f"urn:li:dataset:(urn:li:dataPlatform:{platform},{name},PROD)"


def _mcp(urn: str, aspect: str, value: Any, *, at: int = 1_767_000_000_000) -> dict[str, Any]:
    return {
        "entityType": urn.split(":")[2],
        "entityUrn": urn,
        "changeType": "UPSERT",
        "aspectName": aspect,
        "aspect": {"value": json.dumps(value), "contentType": "application/json"},
        "systemMetadata": {"lastObserved": at, "runId": "one"},
    }


def datahub() -> list[dict[str, Any]]:
    """An export of change proposals and one change event."""
    raw, core = _urn("shop.raw.orders"), _urn("shop.core.orders")
    email = "[version=2.0].[type=struct].[type=string].email"
    snapshot = "com.linkedin.pegasus2avro.metadata.snapshot.DatasetSnapshot"
    schema = "com.linkedin.pegasus2avro.schema.SchemaMetadata"
    mail = {"fieldPath": "mail", "nativeDataType": "text"}
    return [
        {
            "proposedSnapshot": {
                snapshot: {
                    "urn": raw,
                    "aspects": [{schema: {"fields": [mail]}}],
                }
            },
            "systemMetadata": {"lastObserved": 1_767_000_000_000},
        },
        _mcp(core, "schemaMetadata", {
            "fields": [
                {"fieldPath": "id", "nativeDataType": "bigint"},
                {"fieldPath": email, "nativeDataType": "text", "description": "Of whom.",
                 "glossaryTerms": {"terms": [{"urn": "urn:li:glossaryTerm:Email"}]}},
            ]
        }),
        _mcp(core, "datasetProperties", {"description": "Orders.", "customProperties": {"a": "b"}}),
        _mcp(core, "ownership", {
            "owners": [{"owner": "urn:li:corpGroup:orders", "type": "DATAOWNER"}]
        }),
        _mcp(core, "globalTags", {"tags": [{"tag": "urn:li:tag:finance"}]}),
        _mcp(core, "upstreamLineage", {
            "upstreams": [{"dataset": raw, "type": "TRANSFORMED"}],
            "fineGrainedLineages": [{
                "upstreamType": "FIELD_SET", "downstreamType": "FIELD",
                "upstreams": [f"urn:li:schemaField:({raw},mail)"],
                "downstreams": [f"urn:li:schemaField:({core},{email})"],
            }],
        }),
        _mcp(core, "datasetProfile", {
            "rowCount": 41, "fieldProfiles": [{"fieldPath": "id", "sampleValues": ["jane@x.org"]}],
        }),
        _mcp("urn:li:dataJob:(urn:li:dataFlow:(airflow,shop,prod),clean)", "dataJobInputOutput", {
            "inputDatasets": [raw], "outputDatasets": [core], "inputDatajobs": ["urn:li:dataJob:x"],
        }),
        _mcp("urn:li:chart:(looker,1)", "chartInfo", {"title": "Revenue"}),
        _mcp(_urn("shop.old.orders"), "status", {"removed": True}),
    ]  # fmt: skip


def datahub_file(folder: Path) -> Files:
    """The export as a file."""
    return [write(folder / "datahub.json", datahub())]


# Unity Catalog


def _lineage_row(**more: Any) -> dict[str, Any]:
    return {
        "workspace_id": "17",
        "entity_type": "JOB",
        "entity_id": "99",
        "entity_run_id": "1",
        "source_table_full_name": "main.raw.orders",
        "source_type": "TABLE",
        "target_table_full_name": "main.core.orders",
        "target_type": "TABLE",
        "created_by": "jane@example.org",
        "event_time": "2026-01-10T08:00:00.000+0000",
        **more,
    }


def unity_rows() -> list[dict[str, Any]]:
    """Rows of table lineage."""
    return [
        _lineage_row(),
        _lineage_row(source_table_full_name="main.raw.countries"),
        _lineage_row(entity_run_id="2", event_time="2026-01-11T08:00:00.000+0000"),
        _lineage_row(
            entity_run_id="2", source_table_full_name=None, source_type="PATH",
            source_path="s3://landing/orders/2026", event_time="2026-01-11T08:00:09.000+0000",
        ),
        _lineage_row(entity_type=None, entity_id=None, entity_run_id=None, statement_id="s1",
                     target_table_full_name=None, target_type=None),
    ]  # fmt: skip


def unity_files(folder: Path) -> Files:
    """Table lineage as CSV and column lineage as JSON lines."""
    rows = unity_rows()
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "table_lineage.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sorted({key for row in rows for key in row}))
        writer.writeheader()
        writer.writerows(rows)
    column = folder / "column_lineage.jsonl"
    row = _lineage_row(source_column_name="mail", target_column_name="email")
    column.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return [table, column]


# Snowflake

_RAW = {"objectDomain": "Table", "objectId": 1, "objectName": "SHOP.RAW.ORDERS"}
_COUNTRIES = {"objectDomain": "Table", "objectId": 2, "objectName": "SHOP.RAW.COUNTRIES"}
ACCESS_HISTORY: list[dict[str, Any]] = [
    {
        "QUERY_ID": "01a1",
        "QUERY_START_TIME": "2026-01-10 08:00:00.388 +0000",
        "USER_NAME": "JANE",
        "DIRECT_OBJECTS_ACCESSED": [_RAW, _COUNTRIES],
        "BASE_OBJECTS_ACCESSED": [_RAW, _COUNTRIES],
        "OBJECTS_MODIFIED": [
            {
                "objectDomain": "Table",
                "objectId": 3,
                "objectName": "SHOP.CORE.ORDERS",
                "columns": [
                    {
                        "columnName": "EMAIL",
                        "directSources": [{**_RAW, "columnName": "MAIL"}],
                        "baseSources": [{**_RAW, "columnName": "MAIL"}],
                    }
                ],
            }
        ],
        "OBJECT_MODIFIED_BY_DDL": None,
    },
    {
        "QUERY_ID": "01a2",
        "QUERY_START_TIME": "2026-01-11 08:00:00.000 +0000",
        "USER_NAME": "JANE",
        "DIRECT_OBJECTS_ACCESSED": [_RAW],
        "OBJECTS_MODIFIED": [],
    },
    {
        "QUERY_ID": "01a3",
        "QUERY_START_TIME": "2026-01-12 08:00:00.000 +0000",
        "USER_NAME": "JANE",
        "DIRECT_OBJECTS_ACCESSED": [],
        "OBJECTS_MODIFIED": [],
        "OBJECT_MODIFIED_BY_DDL": {
            "objectDomain": "Table",
            "objectName": "SHOP.OLD.ORDERS",
            "operationType": "DROP",
        },
    },
]
DEPENDENCIES: list[dict[str, Any]] = [
    {
        "REFERENCED_DATABASE": "SHOP",
        "REFERENCED_SCHEMA": "CORE",
        "REFERENCED_OBJECT_NAME": "ORDERS",
        "REFERENCED_OBJECT_DOMAIN": "TABLE",
        "REFERENCING_DATABASE": "SHOP",
        "REFERENCING_SCHEMA": "MART",
        "REFERENCING_OBJECT_NAME": "ORDERS_V",
        "REFERENCING_OBJECT_DOMAIN": "VIEW",
        "DEPENDENCY_TYPE": "BY_NAME",
    }
]


def snowflake_files(folder: Path) -> Files:
    """Access history as CSV, whose cells hold JSON, and dependencies as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    history = folder / "access_history.csv"
    with history.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sorted({key for row in ACCESS_HISTORY for key in row}))
        writer.writeheader()
        for row in ACCESS_HISTORY:
            plain = {
                key: json.dumps(v) if isinstance(v, (list, dict)) else v for key, v in row.items()
            }
            writer.writerow(plain)
    return [history, write(folder / "dependencies.json", DEPENDENCIES)]


# Croissant


def croissant() -> dict[str, Any]:
    """A description of orders in one packed file."""
    field = {"@type": "cr:Field", "dataType": "sc:Text"}
    extract = {"fileObject": {"@id": "orders.csv"}, "extract": {"column": "mail"}}
    return {
        "@context": {"@vocab": "https://schema.org/"},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "orders",
        "url": "https://data.example.org/orders",
        "description": "Orders of a shop.",
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "creator": {"@type": "Organization", "name": "Acme"},
        "datePublished": "2026-01-05",
        "version": "1.2.0",
        "keywords": ["retail"],
        "rai:personalSensitiveInformation": ["E-mail addresses"],
        "rai:dataBiases": "Few orders from abroad.",
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": "all.zip",
                "contentUrl": "https://data.example.org/files/all.zip",
                "encodingFormat": "application/zip", "contentSize": "1024 B", "sha256": "ab" * 32,
            },
            {
                "@type": "cr:FileObject", "@id": "orders.csv", "containedIn": {"@id": "all.zip"},
                "contentUrl": "orders.csv", "encodingFormat": "text/csv",
            },
        ],
        "recordSet": {
            "@type": "cr:RecordSet", "@id": "orders", "name": "orders",
            "field": [
                {**field, "@id": "orders/email", "name": "email", "source": extract},
                {**field, "@id": "orders/made", "name": "made",
                 "source": {"fileObject": {"@id": "orders.csv"}, "extract": {"regex": ".*"}}},
            ],
        },
    }  # fmt: skip


def croissant_file(folder: Path) -> Files:
    """The description as a file."""
    return [write(folder / "croissant.json", croissant())]


# MLflow

_DIGEST = "0123abcd"


def _dataset() -> dict[str, str]:
    return {
        "name": "orders",
        "digest": _DIGEST,
        "source_type": "s3",
        "source": json.dumps({"uri": "s3://lake/orders.parquet"}),
        "schema": json.dumps({"mlflow_colspec": [{"type": "long", "name": "id"}]}),
        "profile": json.dumps({"num_rows": 41, "num_elements": 82}),
    }


def mlruns(folder: Path) -> Path:
    """A folder of files with an experiment, a run that logged an input, and its model."""
    experiment, run = folder / "1", folder / "1" / "aa11"
    for path, text in {
        experiment / "meta.yaml": "experiment_id: '1'\nname: churn\nlifecycle_stage: active\n",
        experiment / "datasets" / "d1" / "meta.yaml": json.dumps(_dataset()),
        run / "meta.yaml": "run_id: aa11\nexperiment_id: '1'\nstatus: 3\nlifecycle_stage: active\n"
        "start_time: 1768032000000\nend_time: 1768032060000\nuser_id: jane\n",
        run / "params" / "depth": "4",
        run / "metrics" / "auc": "1768032050000 0.5 0\n1768032059000 0.75 1\n",
        run / "tags" / "mlflow.source.git.repoURL": "https://git.example.org/churn",
        run / "inputs" / "i1" / "meta.yaml": "source_type: DATASET\nsource_id: d1\n"
        "destination_type: RUN\ndestination_id: aa11\ntags:\n  mlflow.data.context: training\n",
        folder / "models" / "churn" / "meta.yaml": "name: churn\n",
        folder / "models" / "churn" / "version-1" / "meta.yaml": "name: churn\nversion: 1\n"
        "run_id: aa11\ncreation_timestamp: 1768032061000\n",
        folder / "models" / "old" / "version-7" / "meta.yaml": "name: old\nversion: 7\n"
        "run_id: gone\ncreation_timestamp: 1700000000000\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def mlflow_server(path: str, _: Mapping[str, str], body: Any) -> Any:
    """The same as a tracking server says it, in pages of one run."""
    if path.endswith("experiments/search"):
        return {"experiments": [{"experiment_id": "1", "name": "churn"}]}
    if path.endswith("model-versions/search"):
        return {
            "model_versions": [
                {"name": "churn", "version": "1", "run_id": "aa11",
                 "creation_timestamp": 1768032061000},
                {"name": "old", "version": "7", "run_id": "gone",
                 "creation_timestamp": "1700000000000"},
            ]
        }  # fmt: skip
    assert body["experiment_ids"] == ["1"]
    if "page_token" not in body:
        return {"runs": [], "next_page_token": "second"}
    info = {
        "run_id": "aa11", "experiment_id": "1", "status": "FINISHED", "lifecycle_stage": "active",
        "start_time": 1768032000000, "end_time": "1768032060000", "user_id": "jane",
    }  # fmt: skip
    context = [{"key": "mlflow.data.context", "value": "training"}]
    repo = {"key": "mlflow.source.git.repoURL", "value": "https://git.example.org/churn"}
    return {
        "runs": [
            {
                "info": info,
                "data": {
                    "params": [{"key": "depth", "value": "4"}],
                    "metrics": [{"key": "auc", "value": 0.75, "step": "1"}],
                    "tags": [repo],
                },
                "inputs": {"dataset_inputs": [{"tags": context, "dataset": _dataset()}]},
            }
        ]
    }


# Marquez


def marquez_pages(path: str, query: Mapping[str, str], _: Any = None) -> Any:
    """What a Marquez answers that kept events of one job, and knows another without any."""
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
    namespace = "with/slash:1"
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": "https://example.org/etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "job": {"namespace": namespace, "name": "load"},
        "outputs": [{"namespace": namespace, "name": "orders"}],
    }
    events = [
        {**event, "run": {"runId": f"00000000-0000-4000-8000-{number:012d}"}}
        for number in range(130)
    ]
    listed: dict[str, list[Any]] = {
        "/api/v1/events/lineage": events,
        "/api/v1/namespaces": [{"name": namespace, "ownerName": "anonymous"}, {"name": "empty"}],
        f"/api/v1/namespaces/{namespace}/datasets": [
            {
                "name": "orders", "updatedAt": "2026-01-02T00:00:00Z", "description": "Orders.",
                "tags": ["FINANCE"], "deleted": False,
                "fields": [{"name": "email", "type": "VARCHAR", "tags": ["PII"]}],
            },
            {"name": "gone", "deleted": True},
        ],
        f"/api/v1/namespaces/{namespace}/jobs": [
            {"name": "load", "inputs": [], "outputs": []},
            {
                "name": "by hand", "type": "BATCH", "updatedAt": "2026-01-03T00:00:00Z",
                "inputs": [{"namespace": namespace, "name": "orders"}],
                "outputs": [{"namespace": namespace, "name": "copy"}], "latestRun": {"id": "1"},
            },
        ],
    }  # fmt: skip
    member = path.rpartition("/")[2]
    found = listed.get(path, [])[offset : offset + limit]
    return {"events" if member == "lineage" else member: found, "totalCount": 0}


@contextmanager
def serving_json(
    answer: Callable[[str, Mapping[str, str], Any], Any], *, token: str = ""
) -> Iterator[str]:
    """An HTTP server on this machine that answers JSON; with a token it asks for it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            allowed = not token or self.headers.get("Authorization") == f"Bearer {token}"
            content = json.dumps(answer(unquote(parts.path), query, body) if allowed else {})
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
