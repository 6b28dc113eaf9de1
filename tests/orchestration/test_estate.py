from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from demo_workspace import make_small_workspace

from lineage.clock import parse_millis
from lineage.errors import InvalidInput, NotFound
from orchestration.estate import Estate, load_estate
from orchestration.specs import DeidentifySpec, ModelSpec, SourceSpec, TrainingSpec
from orchestration.transforms import call
from tracehold.demo.workspace import make_workspace

_NOW = parse_millis("2026-06-15")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    folder = tmp_path_factory.mktemp("estate") / "demo"
    make_workspace(folder, lambda: _NOW)
    return load_estate(folder)


def _governed(estate: Estate) -> dict[str, SourceSpec | DeidentifySpec | TrainingSpec]:
    return {spec.governed.name: spec for spec in estate.specs if not isinstance(spec, ModelSpec)}


def test_every_manifest_of_the_demo_is_an_asset(demo: Estate) -> None:
    kinds = [type(spec).__name__ for spec in demo.specs]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "SourceSpec": 6, "DeidentifySpec": 2, "TrainingSpec": 2, "ModelSpec": 2,
    }  # fmt: skip
    assert demo.assets["no_show@1"] == "model_no_show_v1"
    assert demo.assets["flights"] == "flights"


def test_a_training_set_knows_the_models_that_declare_it(demo: Estate) -> None:
    spec = _governed(demo)["no_show_v1_training"]
    assert isinstance(spec, TrainingSpec)
    assert spec.models == [("no_show", "1")]
    assert spec.upstreams[0] == "bookings_clean"
    assert [one.dataset for one in spec.joins][-1] == "loyalty"


def test_retention_runs_from_the_end_of_collection_or_from_ingest(demo: Estate) -> None:
    governed = _governed(demo)
    bookings = governed["bookings"].governed.describe("2026-06-15")["tracehold_retention"]
    assert bookings["clockStart"] == "2013-12-31"
    assert bookings["due"] == "2024-01-01"
    customers = governed["customers"].governed.describe("2026-06-15")["tracehold_retention"]
    assert customers["clockStart"] == "2026-06-15"
    assert customers["due"] == "2029-06-16"


def test_a_model_is_kept_as_long_as_its_training_set(demo: Estate) -> None:
    model = next(spec for spec in demo.specs if isinstance(spec, ModelSpec))
    facet = model.describe("2026-06-15")["tracehold_retention"]
    assert facet["retentionClass"] == "training_data"


def test_what_was_deidentified_must_be_clean_whatever_is_declared(demo: Estate) -> None:
    governed = _governed(demo)
    assert governed["bookings"].governed.personal
    assert not governed["bookings_clean"].governed.personal


def test_rules_become_checks_with_names_that_dagster_takes(demo: Estate) -> None:
    flights = _governed(demo)["flights"].governed
    assert flights.check_names == [
        "row_count", "unique_time_hour_carrier_flight", "allowed_origin", "range_distance",
    ]  # fmt: skip
    planes = _governed(demo)["planes"].governed
    (outcome,) = planes.check(pa.table({"tailnum": ["a", "a"]}))
    assert outcome.name == "unique_tailnum"
    assert not outcome.passed


def test_terms_are_mirrored_as_tags(demo: Estate) -> None:
    tags = _governed(demo)["customers"].governed.tags
    assert ("license", "LicenseRef-first-party", None) in tags
    assert ("protected", "true", "birth_year") in tags


def test_a_wrong_manifest_is_named_with_its_line(tmp_path: Path) -> None:
    folder = make_small_workspace(tmp_path / "small")
    path = folder / "manifests" / "sources.yaml"
    path.write_text(path.read_text().replace("license: CC0-1.0", "license: CC0-9.9"))
    with pytest.raises(InvalidInput) as caught:
        load_estate(folder)
    assert caught.value.where.startswith("manifests/sources.yaml:")
    assert "license" in caught.value.what


def test_a_missing_source_does_not_hide_the_other_assets(tmp_path: Path) -> None:
    folder = make_small_workspace(tmp_path / "small")
    (folder / "sources" / "ratings.csv").unlink()
    assert len(load_estate(folder).specs) == 6


def test_a_function_of_the_workspace_makes_a_table(tmp_path: Path) -> None:
    (tmp_path / "transforms.py").write_text(
        "def first(tables):\n    return tables['a'].slice(0, 1)\n"
    )
    made = call(tmp_path, "transforms:first", {"a": pa.table({"x": [1, 2]})})
    assert made.to_pydict() == {"x": [1]}


def test_a_function_that_is_missing_or_returns_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="module of a transform is missing"):
        call(tmp_path, "transforms:first", {})
    (tmp_path / "transforms.py").write_text("def first(tables):\n    return 1\n")
    with pytest.raises(NotFound, match="no function 'second'"):
        call(tmp_path, "transforms:second", {})
    with pytest.raises(InvalidInput, match="returned int"):
        call(tmp_path, "transforms:first", {})


def test_a_module_outside_the_workspace_is_not_run(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("raise SystemExit(1)\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "transforms.py").symlink_to(outside)
    with pytest.raises(InvalidInput, match="symbolic link"):
        call(inside, "transforms:first", {})
