from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from catalog.errors import BadManifest
from catalog.manifests import Policy, check, load
from catalog.manifests.document import MAX_BYTES, read_documents
from catalog.manifests.loading import KINDS
from catalog.manifests.retention import keeps_longer_than
from catalog.manifests.samples import SAMPLES
from catalog.manifests.schemas import manifest_schema, schema_text
from lineage.errors import NotFound

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "manifests"
SCHEMAS = ROOT / "docs" / "reference" / "manifests"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A sound workspace that may be spoiled."""
    return Path(shutil.copytree(GOLDEN / "sound", tmp_path / "shop"))


def spoil(workspace: Path, old: str, new: str) -> list[str]:
    path = workspace / "manifests" / "shop.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return [str(problem) for problem in check(load(workspace))]


def test_a_sound_workspace_has_no_problem() -> None:
    policy = load(GOLDEN / "sound")
    assert check(policy) == []
    assert sorted(policy.datasets) == ["bookings", "bookings_deid", "loyalty", "training_v1"]
    assert policy.dataset("training_v1").inputs == ("bookings_deid", "loyalty")
    assert policy.model("delay", "1") is policy.models["delay@1"]
    assert policy.dataset("bookings").region == "NO"
    assert policy.models["delay@1"].algorithm.params == {"seed": 7}


def test_every_problem_names_file_line_field_and_fix() -> None:
    problems = [str(one) for one in check(load(GOLDEN / "broken"))]
    assert "\n".join(problems) + "\n" == (GOLDEN / "problems.txt").read_text()


def test_a_dataset_without_manifest_is_refused() -> None:
    with pytest.raises(BadManifest, match="no manifest") as caught:
        load(GOLDEN / "sound").dataset("nothing")
    assert "source without record" in caught.value.advice


def test_a_folder_without_manifests_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load(tmp_path)


def test_the_digest_is_over_content_and_not_over_layout(workspace: Path) -> None:
    before = load(workspace).digest
    path = workspace / "manifests" / "shop.yaml"
    documents = path.read_text().split("---\n")
    path.unlink()
    for number, text in enumerate(reversed(documents)):
        folder = workspace / "manifests" / f"part{number}"
        folder.mkdir()
        (folder / "one.yml").write_text(f"# moved\n{text}")
    assert load(workspace).digest == before
    moved = next(iter((workspace / "manifests").rglob("one.yml")))
    moved.write_text(moved.read_text().replace("supplier: a partner", "supplier: another"))
    assert load(workspace).digest != before


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../outside.csv", "leaves the folders"),
        ("/etc/passwd", "leaves the folders"),
        ("sources/../../outside.csv", "leaves the folders"),
        ("manifests/shop.yaml", "leaves the folders"),
        ("sources", "leaves the folders"),
        ("sources/link.csv", "symbolic link"),
        ("sources/linked/outside.csv", "symbolic link"),
        ("sources/missing.csv", "there is no file"),
        ("sources/folder", "is not a file"),
        ('"sources/a\\0b"', "null character"),
    ],
)
def test_a_path_outside_or_through_a_link_is_refused(workspace: Path, path: str, said: str) -> None:
    (workspace.parent / "outside.csv").write_text("id\n")
    (workspace / "sources" / "link.csv").symlink_to(workspace.parent / "outside.csv")
    (workspace / "sources" / "linked").symlink_to(workspace.parent)
    (workspace / "sources" / "folder").mkdir()
    problems = spoil(workspace, "sources/loyalty.csv", path)
    assert len(problems) == 1
    assert said in problems[0]
    assert "source.path" in problems[0]


def test_a_source_folder_that_is_a_link_is_refused(workspace: Path) -> None:
    real = workspace / "elsewhere"
    (workspace / "sources").rename(real)
    (workspace / "sources").symlink_to(real)
    assert all("symbolic link" in str(problem) for problem in check(load(workspace)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{uri: s3://bucket/loyalty.csv, format: csv}", None),
        ("{uri: 'file:///etc/passwd', format: csv}", "leaves the folders"),
        ("{uri: 's3://me:secret@bucket/x', format: csv}", "holds a password"),
        ("{uri: loyalty.csv, format: csv}", "is not an address"),
        ("{format: csv}", "a path or a uri"),
        ("{path: sources/loyalty.csv, uri: s3://b/k, format: csv}", "a path or a uri"),
    ],
)
def test_a_source_has_a_path_or_an_address(workspace: Path, source: str, said: str | None) -> None:
    problems = spoil(workspace, "{path: sources/loyalty.csv, format: csv}", source)
    assert [said in one for one in problems] == ([True] if said else [])
    assert "secret" not in str(problems)


def test_a_linked_manifest_is_refused(workspace: Path) -> None:
    (workspace / "manifests" / "more.yaml").symlink_to(workspace.parent / "x.yaml")
    assert [one.what for one in check(load(workspace))] == ["it is a symbolic link"]


def test_a_huge_or_binary_manifest_is_refused(workspace: Path) -> None:
    (workspace / "manifests" / "a.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (workspace / "manifests" / "b.yaml").write_bytes(b"kind: dataset\nname: \xff\n")
    (workspace / "manifests" / "c.yaml").write_bytes(b"kind: \x00\n")
    found = {one.file: one for one in check(load(workspace))}
    assert "larger than" in found["manifests/a.yaml"].what
    assert (found["manifests/b.yaml"].what, found["manifests/b.yaml"].line) == (
        "the file is not UTF-8", 2,
    )  # fmt: skip
    assert "manifests/c.yaml" in found


def test_deep_nesting_and_alias_bombs_end_at_once() -> None:
    _, problems = read_documents("a: " + "[" * 5000, "f.yaml")
    assert len(problems) == 1
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(9))
    _, problems = read_documents(bomb, "f.yaml")
    assert problems[0].what == "anchors and aliases are not allowed"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    documents, problems = read_documents(text, "f.yaml")
    assert isinstance(documents, list)
    assert all(problem.line >= 1 for problem in problems)


def test_what_stands_before_a_fault_is_kept(workspace: Path) -> None:
    path = workspace / "manifests" / "shop.yaml"
    path.write_text(path.read_text() + "---\nkind: [\n")
    policy = load(workspace)
    assert "bookings" in policy.datasets
    assert len(policy.problems) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("NO", "NO"), ("1.10", "1.10"), ("2026-01-01", "2026-01-01"), ('"x"', "x"), ("on", "on")],
)
def test_a_text_stays_the_text_that_was_written(workspace: Path, text: str, expected: str) -> None:
    assert spoil(workspace, "name: delay", f"title: {text}\nname: delay") == []
    assert load(workspace).models["delay@1"].title == expected


def test_a_renamed_retention_class_names_the_known_ones(workspace: Path) -> None:
    problems = spoil(workspace, "name: bookings_3y", "name: ever")
    assert len(problems) == 4
    assert all("known retention classes: ever" in one for one in problems)


@pytest.mark.parametrize(
    ("keep", "limit", "longer"),
    [("P1Y", "P12M", False), ("P13M", "P1Y", True), ("P366D", "P1Y", True), ("P1M", "P31D", False)],
)
def test_periods_are_compared_by_the_calendar(keep: str, limit: str, longer: bool) -> None:
    assert keeps_longer_than(keep, limit) is longer


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_published_schema_is_the_one_of_the_code(kind: str) -> None:
    assert (SCHEMAS / f"{kind}.schema.json").read_text() == schema_text(kind)
    Draft202012Validator.check_schema(manifest_schema(kind))


def _documents(policy: Policy) -> list[tuple[str, dict[str, Any]]]:
    kinds = {
        "dataset": policy.datasets,
        "retention": policy.retention_classes,
        "model": policy.models,
        "license": policy.licenses,
    }
    return [
        (kind, {"kind": kind, **json.loads(msgspec.json.encode(one))})
        for kind, ones in kinds.items()
        for one in ones.values()
    ]


def test_what_the_loader_takes_fits_the_published_schema() -> None:
    documents = _documents(load(GOLDEN / "sound"))
    assert {kind for kind, _ in documents} == set(KINDS)
    for kind, document in documents:
        Draft202012Validator(manifest_schema(kind)).validate(document)


def test_every_field_is_described_in_the_schema() -> None:
    for kind in KINDS:
        schema = manifest_schema(kind)
        for one in (schema, *schema.get("$defs", {}).values()):
            assert one["description"]
            for name, field in one["properties"].items():
                assert name == "kind" or field.get("description"), f"{kind}: {name}"


def test_the_samples_of_a_new_workspace_are_sound_as_they_are_and_uncommented(
    tmp_path: Path,
) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "orders.csv").write_text("order_id,email,amount,returned\nO1,,1,0\n")
    for path, text in SAMPLES.items():
        target = tmp_path / "manifests" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    assert check(load(tmp_path)) == []
    for path, text in SAMPLES.items():
        lines = text.splitlines()
        start = next((n for n, line in enumerate(lines) if line == "#"), len(lines))
        plain = [line.removeprefix("# ") if line != "#" else "" for line in lines[start:]]
        (tmp_path / "manifests" / path).write_text("\n".join([*lines[:start], *plain]))
    policy = load(tmp_path)
    assert check(policy) == []
    assert set(policy.datasets) == {"orders", "orders_clean", "returns_training"}
    assert set(policy.models) == {"returns@1"}


@pytest.mark.parametrize("parquet", [True, False])
def test_columns_are_looked_up_in_the_header_of_the_file(workspace: Path, parquet: bool) -> None:
    if parquet:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"id": ["B"], "tier": ["x"]}), workspace / "sources" / "l.parquet")
        old, new = (
            "{path: sources/loyalty.csv, format: csv}",
            "{path: sources/l.parquet, format: parquet}",
        )
        assert spoil(workspace, old, new) == []
    problems = spoil(workspace, "columns: [tier]", "columns: [teir]")
    assert "did you mean tier?" in problems[0]


def test_a_damaged_parquet_header_is_left_to_the_run(workspace: Path) -> None:
    (workspace / "sources" / "l.parquet").write_bytes(b"PAR1 nothing")
    old, new = (
        "{path: sources/loyalty.csv, format: csv}",
        "{path: sources/l.parquet, format: parquet}",
    )
    assert spoil(workspace, old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: {path: sources/loyalty.csv, format: csv}", "source: sources/loyalty.csv",
         "source: fields are expected here"),
        ("purposes: [dpv:Marketing]", "purposes: dpv:Marketing", "a list is expected here"),
        ("features: [id, tier]", "features: []", "the list is empty"),
        ("region: US", "region:", "add region"),
        ("owner: team:data", "owner: [team, data]", "one value is expected here"),
        ("owner: team:data", "owner:", "the value is empty"),
        ("columns: {id: string, price: int64}", "columns: [id, price]", "fields are expected here"),
        ("column: price, min: 0", "column: price, min: zero", "'zero' is not a number"),
        ("operator: redact}", "operator: redact, keep: 1}", "redact does not take keep"),
        ("operator: pseudonymize}", "operator: pseudonymize, length: 4}", "8 to 43 characters"),
        ("operator: pseudonymize}", "operator: mask, keep: -1}", "below zero"),
        ("operator: pseudonymize}", "operator: generalize, width: 0}", "above zero"),
        ("stage: training_set", "stage: source", "a source is not made from other datasets"),
        ("stage: deidentified", "stage: training_set", "is not made so"),
        ("from: bookings\n", "from: bookings_deid\n", "made from itself"),
        ("training_set: training_v1", "training_set: training_v2", "did you mean training_v1?"),
        ("legal_basis: not-personal", "legal_basis: eu-gdpr:A6-1-g", "not a known legal basis"),
        ("license: CC0-1.0", "license: NOASSERTION", "says no license"),
        ("license: CC0-1.0", "license: MIT AND", "is not a license expression"),
        ("license: CC0-1.0", "license: LicenseRef-partner", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_fix(
    workspace: Path, old: str, new: str, said: str | None
) -> None:
    problems = spoil(workspace, old, new)
    assert any(said in one for one in problems) if said else problems == []


def test_a_training_set_may_come_from_a_function_of_the_workspace(workspace: Path) -> None:
    path = workspace / "manifests" / "shop.yaml"
    text = path.read_text()
    start, end = text.index("join:\n"), text.index("---\nkind: model")
    made = "python: {function: transforms:training, inputs: [bookings_deid, loyalty]}\n"
    path.write_text(text[:start] + made + text[end:])
    policy = load(workspace)
    assert check(policy) == []
    assert policy.dataset("training_v1").inputs == ("bookings_deid", "loyalty")
    path.write_text(path.read_text().replace("transforms:training", "../x.py:f"))
    assert "MODULE:FUNCTION" in str(check(load(workspace))[0])
