"""What a fact costs: an unchanged shape writes next to nothing, and the report says how much."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from journal_world import JournalFolder
from openlineage_events import IDENTITY, NS, World, dataset, dataset_event, facet, run_event

from lineage.journal.files import connect_reader
from lineage.state.advance import Folder
from lineage.state.growth import measure_file, measure_shapes

COLUMNS = [f"column_{n}" for n in range(30)]

# Rows that a COMPLETE event of a known shape may add, by table. Everything else must stay.
PER_RUN = {"run": 1, "sighting": 1, "touch": 1, "point": 1}
PER_BATCH = {"graph_mark": 1}
_TABLE = re.compile(r"^(?:select .*? from|insert or \w+ into) (\w+)")


def send(world: World, number: int, *, columns: list[str] = COLUMNS) -> None:
    """A run with a schema, column lineage, an owner, and statistics that differ each time."""
    output = dataset(
        "b", columns=columns, lineage={c: [f"a.{c}"] for c in columns},
        ownership=facet("Ownership", owners=[{"name": "team:x"}]),
    )  # fmt: skip
    output["outputFacets"] = {"outputStatistics": facet("Statistics", rowCount=1_000 + number)}
    inputs = [dataset("a", columns=columns)]
    world.send(run_event("COMPLETE", number, run=f"r{number}", inputs=inputs, outputs=[output]))


def rows(world: World) -> dict[str, int]:
    return measure_file(world.path, world.state.connection()).rows


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_from_the_second_run_on_an_unchanged_shape_adds_a_row_for_the_run_and_little_else(
    world: World,
) -> None:
    send(world, 0)
    first = rows(world)
    assert first["node"] > 2 * len(COLUMNS)
    for number in range(1, 21):
        before = rows(world)
        send(world, number)
        after = rows(world)
        grown = {name: after[name] - before[name] for name in after if after[name] > before[name]}
        allowed = PER_RUN | PER_BATCH
        assert set(grown) <= set(allowed), grown
        assert all(grown[name] <= allowed[name] for name in grown), grown
        assert sum(grown.values()) <= 5
    shapes = measure_shapes(world.state.connection())
    assert (shapes.shapes, shapes.runs, shapes.busiest) == (1, 21, 21)
    world.close()


def test_bytes_per_run_of_an_unchanged_shape_do_not_depend_on_how_wide_it_is(
    tmp_path: Path,
) -> None:
    def per_run(columns: list[str]) -> float:
        world = World(tmp_path)
        for number in range(40):
            send(world, number, columns=columns)
        middle = measure_file(world.path, world.state.connection())
        for number in range(40, 440):
            send(world, number, columns=columns)
        end = measure_file(world.path, world.state.connection())
        world.close()
        assert set(end.tables) >= {"run", "sighting", "point"}
        return (sum(end.tables.values()) - sum(middle.tables.values())) / 400

    narrow, wide = per_run(COLUMNS[:2]), per_run(COLUMNS)
    assert wide < 1_500
    assert wide < 1.2 * narrow


def test_the_report_adds_up(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    folder.filled(300)
    with closing(connect_reader(folder.data, folder.keys)) as db:
        journal = measure_file(folder.data / "journal.db", db)
        keys = measure_file(folder.keys / "parts.db", db, "keys")
    assert journal.rows["fact"] == keys.rows["key"] == 300
    assert journal.rows["request"] == 300
    size = (folder.data / "journal.db").stat().st_size
    assert sum(journal.tables.values()) + journal.free == size <= journal.bytes
    assert next(iter(journal.tables)) == "fact"


def asked_by(world: World, event: dict[str, Any]) -> list[str]:
    """The tables that the statements of one event name, in their order."""
    said: list[str] = []
    world.state.writer().set_trace_callback(said.append)
    world.send(event)
    world.state.writer().set_trace_callback(None)
    return [" ".join(_TABLE.findall(statement.lower())) for statement in said[1:-1]]


def test_an_event_of_an_unchanged_shape_asks_the_state_for_its_run_and_for_nothing_else(
    world: World,
) -> None:
    link = facet("Symlinks", identifiers=[{"namespace": NS, "name": "alias", "type": "TABLE"}])
    world.send(
        dataset_event(0, dataset("b", columns=["x"], symlinks=link)),
        run_event("FAIL", 1, job="other", run="f", inputs=["b"], outputs=["c"]),
        run_event("COMPLETE", 2, job="other", run="d", outputs=[dataset("c", change="DROP")]),
    )
    made = dataset("b", lineage={"y": ["a.x"]})
    moved: Any = {"inputs": [dataset("a", columns=["x"])], "outputs": [made]}
    world.send(*(run_event("COMPLETE", 3, run="r0", **moved) for _ in range(2)))
    written = ["run", "sighting", "touch", "graph_meta", "meta", "meta"]
    for number in range(4, 8):
        for kind, after, asked in (("START", 0, ["run"]), ("COMPLETE", 0.5, [])):
            event = run_event(kind, number + after, run=f"r{number}", **moved)
            assert asked_by(world, event) == asked + written


def test_a_fold_that_begins_again_looks_a_shape_up_and_names_nothing_anew(world: World) -> None:
    for number in range(2):
        send(world, number)
    journal: Any = world.journal
    world.folder = Folder(journal, world.state, world.registry, IDENTITY)
    event = run_event("COMPLETE", 3, run="r3", inputs=["a"], outputs=["b"])
    world.send(event)
    world.folder = Folder(journal, world.state, world.registry, IDENTITY)
    asked = asked_by(world, event | {"eventTime": "2026-01-01T00:07:00Z"})
    assert asked[0] == "shape"
    assert "entity" not in asked


class _WithoutDbstat(sqlite3.Connection):
    """As SQLite is where it was compiled without that table."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace("dbstat(?)", "dbstat_is_not_there(?)"), *values)


def test_where_sqlite_cannot_say_what_a_table_takes_the_files_are_known(world: World) -> None:
    send(world, 0)
    with closing(sqlite3.connect(world.path, factory=_WithoutDbstat)) as db:
        growth = measure_file(world.path, db)
    assert growth.tables == {}
    assert growth.rows["run"] == 1
    assert growth.bytes >= world.path.stat().st_size
