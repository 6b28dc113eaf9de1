"""Archives: every shape a file of events has, byte by byte, and what is no event is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from import_samples import archive as sample
from importing import estate_of

from lineage.errors import InvalidInput
from tracehold.imports import archive
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.naming import Name, of_uri

EVENTS: list[Any] = [
    {"job": {"namespace": "n", "name": "a"}, "note": "é"},
    {"job": {"namespace": "n", "name": "b"}},
]


def raws(path: Path) -> list[bytes]:
    return [item.raw for item in archive.read([path])]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(json.dumps(one) for one in EVENTS),
        "\r\n\n".join(json.dumps(one) for one in EVENTS) + "\r\n",
        json.dumps(EVENTS),
        json.dumps(EVENTS, indent=2),
        " \n" + json.dumps(EVENTS),
        json.dumps({"events": EVENTS, "totalCount": 2}),
        json.dumps({"events": EVENTS}, indent=2),
        "\ufeff" + json.dumps(EVENTS),
    ],
    ids=["lines", "crlf", "list", "indented", "blank first", "marquez", "marquez indented", "bom"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_shape_of_a_file_gives_its_events(content: str, packed: bool, tmp_path: Path) -> None:
    raw = content.encode()
    path = tmp_path / ("events.json.gz" if packed else "events.json")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    assert [json.loads(one) for one in raws(path)] == EVENTS


@pytest.mark.parametrize("indent", [None, 2])
def test_a_file_of_one_event_gives_its_very_bytes(indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(EVENTS[0], indent=indent))
    assert raws(path) == [path.read_bytes()]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name, number in (("b.ndjson", 1), ("a/x.json", 0), ("c.txt", 1)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(EVENTS[number]))
    assert [json.loads(raw)["job"]["name"] for raw in raws(tmp_path)] == ["a", "b"]


def test_what_is_no_event_is_refused_with_its_place_and_the_rest_goes_in(tmp_path: Path) -> None:
    [path] = sample(tmp_path / "sample")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{nope", "{}", *lines[1:]]))
    with estate_of(tmp_path) as estate:
        tally = estate.take(archive.read([path]))
        assert (tally.accepted, tally.refused) == (4, 2)
        assert [(one["where"], one["code"]) for one in tally.refusals] == [
            (f"{path}:2", "not-an-event"),
            (f"{path}:3 /job", "no-identity"),
        ]


def test_files_that_cannot_be_events_are_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.json.gz"
    damaged.write_bytes(gzip.compress(b"{}" * 99)[:-9])
    for path, said in ((damaged, "damaged"), (tmp_path / "none", "no such file")):
        with pytest.raises(InvalidInput, match=said):
            raws(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="nothing to import"):
        raws(tmp_path / "empty")
    broken = tmp_path / "broken.json"
    broken.write_text("[{]")
    with pytest.raises(NotThisFormat):
        raws(broken)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3a://lake/a/b.parquet", ("s3://lake", "a/b.parquet")),
        ("s3://lake", ("s3://lake", "/")),
        ("gs://lake/a%20b", ("gs://lake", "a b")),
        ("abfss://c@h.dfs.core.windows.net/x", ("abfss://c@h.dfs.core.windows.net", "x")),
        ("hdfs://nn:8020/data/x", ("hdfs://nn:8020", "/data/x")),
        ("dbfs:/mnt/x", ("dbfs", "/mnt/x")),
        ("file:///data/x", ("file", "/data/x")),
        ("/data/x", ("file", "/data/x")),
        ("https://me:pw@h.org/a?sig=secret#x", ("https://h.org", "a")),
        ("s3://key:secret@lake/a", ("s3://lake", "a")),
        ("wasb://c@h.blob.core.windows.net/x", ("wasbs://c@h.blob.core.windows.net", "x")),
        ("postgresql://me:pw@h:5432/shop/public/t", ("postgres://h:5432", "shop.public.t")),
        ("duckdb:///srv/x.duckdb", None),
        ("nothing", None),
        ("", None),
        ("http://[", None),
        ("https://h:port/x", None),
    ],
)
def test_an_address_is_named_as_openlineage_names_it(
    uri: str, name: tuple[str, str] | None
) -> None:
    assert of_uri(uri) == (None if name is None else Name(*name))
