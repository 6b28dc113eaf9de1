"""What people read: moments as dates, names as they are, where a case stands, what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracehold_world import Api, complete, services_of, workspace

from lineage.clock import system_clock
from lineage.refs import DatasetRef
from privacy.events import DatasetPurged, kind_of
from tracehold.checking import check
from tracehold.cli.main import run
from tracehold.cli.output import fields
from tracehold.settings import load
from tracehold.workspace import init, store_token


def test_moments_are_printed_as_dates_and_slots_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields({"placed_at": 1_795_239_563_684, "rows_at": 12, "pii [booking_id]": {"tier": "none"}})
    assert capsys.readouterr().out == (
        "placed at         2026-11-21T05:39:23.684Z\n"
        "rows at           12\n"
        "pii [booking_id]  tier none\n"
    )


def test_datasets_are_listed_by_reference_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        assert api.send("POST", "/api/v1/lineage", token=api.token(), json=complete()).is_success
    at = ["--workspace", str(settings.folder)]
    assert run(["dataset", "list", *at]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith("dataset:[") and "  " not in line for line in lines)
    assert run(["dataset", "list", "no-such-name", *at]) == 0
    assert capsys.readouterr().out == "no dataset of that name is known\n"
    assert run(["graph", "status", *at]) == 0
    assert "none: the embedded graph answers" in capsys.readouterr().out


def test_a_case_says_where_it_stands_and_what_is_to_be_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        store_token(settings, "olga", api.hire("olga", "privacy-officer"))
        store_token(settings, "anna", api.hire("anna", "approver"))
        assert api.send("POST", "/api/v1/lineage", token=api.token(), json=complete()).is_success
        source = complete()["inputs"][0]
    ref = str(DatasetRef(source["namespace"], source["name"]))
    at = ["--workspace", str(settings.folder)]
    words = ["request", ref, "--ground", "G", "--reason", "R", "--id", "D-1", "--as", "olga"]
    assert run(["retention", *words, *at]) == 0
    capsys.readouterr()
    assert run(["retention", "plan", "D-1", "--as", "olga", *at]) == 0
    drawn = capsys.readouterr().out
    assert "approvals  0 of 2" in drawn
    assert "plan again with --decide REF=DECISION" in drawn
    sha256 = next(line.split()[-1] for line in drawn.splitlines() if line.startswith("plan hash"))
    code = run(["retention", "approve", "D-1", "--plan", sha256, "--as", "anna", *at])
    out, err = capsys.readouterr()
    # An undecided plan may be refused; what was approved is summed up, not listed again.
    assert (code, "not seen by lineage" in out) in ((0, False), (4, False)), err


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_is_none_is_wrong_usage(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--port", port]) == 2
    assert "fault" not in capsys.readouterr().err


def test_a_role_that_is_none_is_answered_with_the_roles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "shop", clock=system_clock)
    at = ["--workspace", str(settings.folder)]
    assert run(["user", "add", "zoe", "--role", "boss", *at]) == 2
    assert "roles: one of engineer, privacy-officer," in capsys.readouterr().err


def test_what_is_no_bundle_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("no bundle", "utf-8")
    assert run(["evidence", "verify", str(tmp_path / "note.txt")]) == 2
    assert "the bundle cannot be read" in capsys.readouterr().err
    assert run(["evidence", "verify", str(tmp_path / "none")]) == 2
    assert "there is no such bundle" in capsys.readouterr().err


def test_a_source_that_a_case_deleted_is_noted_and_one_that_is_missing_is_a_problem(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "shop"
    init(folder)
    settings = load(folder)
    source = folder / "sources" / "parcels.csv"
    source.unlink()
    assert [one.what for one in check(settings).problems] == [
        "there is no file sources/parcels.csv"
    ]
    with services_of(settings, clock=system_clock) as services:
        ref = str(DatasetRef("file", source.as_posix()))
        body = DatasetPurged(ref, "D-1")
        services.record("system", kind_of(body), body)
        services.catch_up()
    report = check(settings)
    assert not report.problems
    assert any("deleted under case D-1" in line for line in report.warnings)
