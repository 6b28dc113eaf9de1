from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_instances import evaluate
from demo_recorder import Recorder, recording

from catalog.facets import provenance_facet
from lineage.errors import Denied, Unavailable
from lineage.journal.keys import ensure_keys
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from orchestration import assets, telling
from orchestration.joining import JoinOn
from orchestration.specs import (
    CheckOutcome,
    DeidentifySpec,
    Governed,
    Place,
    SourceSpec,
    Spec,
    TrainingSpec,
)
from orchestration.telling import reading_of, tell_everything
from privacy.deidentify import Rule
from tracehold_dagster import lineage_for

CANARY = "eva.muster@example.org"
BOOKINGS = "id,contact,bags\n" + "".join(f"{n},p{n}.{CANARY},{n % 3}\n" for n in range(40))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "work"
    (root / "sources").mkdir(parents=True)
    ensure_keys(root / ".keys")
    (root / "sources" / "bookings.csv").write_text(BOOKINGS)
    return Place("shop", root, root / "sources", root / "data", root / "models", root / ".keys")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with recording() as made:
        monkeypatch.setenv("TRACEHOLD_URL", made.url)
        monkeypatch.setenv("TRACEHOLD_TOKEN", "secret")
        yield made


def _bookings(**changes: Any) -> SourceSpec:
    governed = {"name": "bookings", "personal": True, "owner": "team:sales"} | changes
    return SourceSpec(
        Governed(**governed),
        "sources/bookings.csv",
        "csv",
        {"id": "int64", "bags": "int64"},
        lambda uri, sha256, size, rows, fetched: {
            "tracehold_provenance": provenance_facet(
                uri, sha256=sha256, bytes_=size, rows=rows, fetched_at=fetched
            )
        },
    )  # fmt: skip


CLEAN = DeidentifySpec(
    Governed("bookings_clean", owner="team:sales"), "bookings", [Rule("contact", "pseudonymize")]
)
TRAINING = TrainingSpec(
    Governed("training"),
    ["bookings_clean", "bookings"],
    [JoinOn("bookings", ("id",), ())],
    ["id", "bags"],
    models=[("no_show", "1")],
)


@pytest.fixture(autouse=True)
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        _INSTANCES.append(instance)
        yield instance
        _INSTANCES.pop()


_INSTANCES: list[dg.DagsterInstance] = []


def _run(
    place: Place, *specs: Spec, instance: dg.DagsterInstance | None = None, tell: bool = True
) -> tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]:
    instance = instance or _INSTANCES[-1]
    made = assets.assets_of(specs, place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = dg.materialize(made, instance=instance, raise_on_error=False)
    if tell:
        reading = reading_of(dg.Definitions(assets=made), place.name)
        tell_everything(instance, place.root, reading)
    return result, instance


def _failures(result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(
        str(event.event_specific_data)
        for event in result.all_events
        if event.event_type_value == "STEP_FAILURE"
    )


def test_an_ingest_writes_a_governed_copy_and_says_where_it_came_from(
    place: Place, recorder: Recorder
) -> None:
    result, _ = _run(place, _bookings())
    assert result.success, _failures(result)
    (start,), (done,) = recorder.of("bookings.ingest", "START"), recorder.of("bookings.ingest")
    assert start["run"]["runId"] == done["run"]["runId"]
    assert done["run"]["facets"]["parent"]["run"]["runId"] == result.run_id
    (source,), (output,) = done["inputs"], done["outputs"]
    assert (source["namespace"], source["name"]) == ("file", str(place.sources / "bookings.csv"))
    assert source["facets"]["tracehold_provenance"]["rows"] == 40
    assert (output["namespace"], output["name"]) == ("shop", "bookings")
    sha256 = output["facets"]["version"]["datasetVersion"]
    (copy,) = (place.data / "bookings").iterdir()
    assert copy.name == f"{sha256[:12]}.parquet"
    assert output["facets"]["symlinks"]["identifiers"][0]["name"] == str(copy)
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 40
    assert output["facets"]["tracehold_pii"]["columns"]["contact"]["entity"] == "EMAIL_ADDRESS"
    assert {"key": "pii", "field": "contact", "value": "EMAIL_ADDRESS", "source": "TRACEHOLD"} in (
        output["facets"]["tags"]["tags"]
    )
    (origin,) = output["facets"]["columnLineage"]["fields"]["bags"]["inputFields"]
    assert origin["field"] == "bags"
    assert origin["transformations"] == [
        {"type": "DIRECT", "subtype": "IDENTITY", "masking": False}
    ]


def test_every_event_is_valid_openlineage(place: Place, recorder: Recorder) -> None:
    _run(place, _bookings(), CLEAN, TRAINING)
    # Two of each of three steps and of a gate, and two of the run around them.
    assert len(recorder.events) == 10
    for event in recorder.events:
        draft = receive(
            json.dumps(event).encode(), actor="p", scrubber=LexicalScrubber(), max_bytes=1 << 20
        )
        assert json.loads(draft.body)["findings"] == []


def test_personal_data_that_nobody_declared_blocks_what_comes_after(
    place: Place, recorder: Recorder
) -> None:
    result, instance = _run(place, _bookings(personal=False), CLEAN)
    assert not result.success
    assert instance.get_latest_materialization_event(dg.AssetKey("bookings_clean")) is None
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.blocking
    assert not evaluation.passed
    assert evaluation.description == "1 findings: contact (EMAIL_ADDRESS)"


def test_a_quality_rule_with_severity_error_blocks(place: Place, recorder: Recorder) -> None:
    failed = CheckOutcome("bags_below_two", passed=False, description="13 rows", column="bags")
    spec = _bookings(check_names=["bags_below_two"], check=lambda _table: [failed])
    result, instance = _run(place, spec, CLEAN)
    assert not result.success
    assert instance.get_latest_materialization_event(dg.AssetKey("bookings_clean")) is None
    (done,) = recorder.of("bookings.ingest")
    (output,) = done["outputs"]
    assertion = output["facets"]["dataQualityAssertions"]["assertions"][-1]
    assert assertion["assertion"] == "bags_below_two"
    assert not assertion["success"]


def test_a_warning_does_not_block(place: Place, recorder: Recorder) -> None:
    warned = CheckOutcome("bags_below_two", passed=False, error=False)
    spec = _bookings(check_names=["bags_below_two"], check=lambda _table: [warned])
    result, _ = _run(place, spec, CLEAN)
    assert result.success, _failures(result)


def test_deidentification_masks_and_is_scanned_again(place: Place, recorder: Recorder) -> None:
    result, _ = _run(place, _bookings(), CLEAN)
    assert result.success, _failures(result)
    (done,) = recorder.of("bookings_clean.deidentify")
    (output,) = done["outputs"]
    (read,) = done["inputs"]
    before = recorder.of("bookings.ingest")[0]["outputs"][0]
    assert read["facets"]["version"] == before["facets"]["version"]
    (origin,) = output["facets"]["columnLineage"]["fields"]["contact"]["inputFields"]
    (how,) = origin["transformations"]
    assert how["masking"] is True
    assert how["description"] == "pseudonymize"
    columns = output["facets"]["tracehold_deidentification"]["columns"]
    assert columns["contact"]["pseudonymous"] is True
    assert output["facets"]["tracehold_pii"]["columns"]["contact"]["tier"] == "none"
    (copy,) = (place.data / "bookings_clean").iterdir()
    assert b"@example" not in copy.read_bytes()


def test_a_training_set_knows_every_column_it_came_from(place: Place, recorder: Recorder) -> None:
    result, _ = _run(place, _bookings(), CLEAN, TRAINING)
    assert result.success, _failures(result)
    (done,) = recorder.of("training.join")
    assert sorted(one["name"] for one in done["inputs"]) == ["bookings", "bookings_clean"]
    lineage = done["outputs"][0]["facets"]["columnLineage"]
    assert lineage["fields"]["bags"]["inputFields"][0]["name"] == "bookings_clean"
    assert {one["name"] for one in lineage["dataset"]} == {"bookings", "bookings_clean"}
    assert {one["transformations"][0]["subtype"] for one in lineage["dataset"]} == {"JOIN"}


def test_the_license_gate_blocks_when_no_model_may_train(place: Place, recorder: Recorder) -> None:
    cause = {"what": "CC-BY-NC-4.0 forbids it", "path": ["a", "b"]}
    recorder.refuse["gates/use"] = {"verdict": "denied", "allowed": False, "causes": [cause]}
    result, _ = _run(place, _bookings(), CLEAN, TRAINING)
    assert not result.success
    (gate,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "license_gate"]
    assert gate.description == "CC-BY-NC-4.0 forbids it: a → b"
    asked = [body for name, body in recorder.asked if name == "gates/use"][-1]
    assert asked["model"] == "no_show@1"
    [read] = asked["inputs"]
    assert (read["namespace"], read["name"], len(read["version"])) == ("shop", "training", 64)


def test_deleted_content_does_not_come_back(place: Place, recorder: Recorder) -> None:
    recorder.refuse["gates/ingest"] = {"verdict": "denied", "reasons": ["deleted in case 7"]}
    result, _ = _run(place, _bookings())
    assert not result.success
    assert "deleted in case 7" in _failures(result)
    assert not list(place.data.rglob("*.parquet"))
    (failed,) = recorder.of("bookings.ingest", "FAIL")
    assert not failed["outputs"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,contact,bags\n1,a,many\n", "'bags' holds something that is not of its declared type"),
        ("id,contact\n1,a\n", "declared columns are missing: bags"),
        ("", "not a well-formed CSV"),
    ],
)
def test_a_bad_source_fails_with_its_cause(
    place: Place, recorder: Recorder, content: str, said: str
) -> None:
    (place.sources / "bookings.csv").write_text(content)
    result, _ = _run(place, _bookings())
    assert not result.success
    assert said in _failures(result)
    (failed,) = recorder.of("bookings.ingest", "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "InvalidInput"


def test_no_value_of_a_row_reaches_dagster_or_the_events(
    place: Place, recorder: Recorder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (place.sources / "bookings.csv").write_text(BOOKINGS + f"41,x,{CANARY}\n")
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        result, _ = _run(place, _bookings(), CLEAN, instance=instance)
        assert not result.success
        (place.sources / "bookings.csv").write_text(BOOKINGS)
        result, _ = _run(place, _bookings(), CLEAN, TRAINING, instance=instance)
        assert result.success, _failures(result)
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert kept
    assert CANARY.encode() not in kept
    assert CANARY not in str(recorder.events)
    assert CANARY not in "".join(capfd.readouterr())


def test_without_a_server_nothing_is_taken_in(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "_RETRIES", None)
    monkeypatch.setenv("TRACEHOLD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TRACEHOLD_TOKEN", "secret")
    result, _ = _run(place, _bookings(), tell=False)
    assert not result.success
    assert "the Tracehold server cannot be reached" in _failures(result)
    assert not list(place.root.rglob("*.parquet"))


def test_what_could_not_be_told_is_told_later(
    place: Place, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_PAUSES_SECONDS", ())
    recorder.broken = 1
    with pytest.raises(Unavailable):
        _run(place, _bookings())
    assert not recorder.events
    everything = dg.Definitions(assets=assets.assets_of([_bookings()], place))
    tell_everything(_INSTANCES[-1], place.root, reading_of(everything, place.name))
    assert len(recorder.of("bookings.ingest")) == 1


def test_the_sensor_of_dagster_dev_tells_nothing_else(place: Place, recorder: Recorder) -> None:
    _run(place, _bookings(), CLEAN)
    told = list(recorder.events)
    own = dg.Definitions(assets=assets.assets_of([_bookings(), CLEAN], place))
    everything = dg.Definitions.merge(own, lineage_for(namespace=place.name))
    _, said = evaluate(everything, _INSTANCES[-1])
    assert said.startswith(f"{len(told)} events")
    assert recorder.events == told


def test_a_wrong_token_is_named(
    place: Place, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEHOLD_TOKEN", "wrong")
    result, _ = _run(place, _bookings(), tell=False)
    assert "the token is not known" in _failures(result)
    with pytest.raises(Denied) as refused:
        tell_everything(_INSTANCES[-1], place.root, reading_of(dg.Definitions(), place.name))
    assert "set TRACEHOLD_TOKEN" in refused.value.advice


def test_a_server_that_is_busy_for_a_moment_loses_nothing(place: Place, recorder: Recorder) -> None:
    recorder.broken = 2
    result, _ = _run(place, _bookings())
    assert result.success, _failures(result)
    assert len(recorder.of("bookings.ingest")) == 1


def test_a_copy_that_was_changed_outside_is_not_read(place: Place, recorder: Recorder) -> None:
    _, instance = _run(place, _bookings(), CLEAN)
    (copy,) = (place.data / "bookings").iterdir()
    copy.write_bytes(copy.read_bytes() + b"x")
    result, _ = _run(place, CLEAN, instance=instance)
    assert not result.success
    assert "is not what was recorded" in _failures(result)


def test_overwrite_is_not_claimed_while_an_older_copy_lies_beside_it(
    place: Place, recorder: Recorder
) -> None:
    _run(place, _bookings())
    (place.sources / "bookings.csv").write_text(BOOKINGS + "41,x,1\n")
    _run(place, _bookings())
    first, second = (one["outputs"][0]["facets"] for one in recorder.of("bookings.ingest"))
    assert first["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert "lifecycleStateChange" not in second
