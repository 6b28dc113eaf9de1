"""Files that are scanned, and files that cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.errors import InvalidInput, NotFound
from privacy.scan import scan_path


def test_csv_and_parquet_give_the_same_findings(tmp_path: Path) -> None:
    table = pa.table({"mail": ["a@example.com", "b@example.com"], "n": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("mail,n\na@example.com,1\nb@example.com,2\n")
    assert scan_path(tmp_path / "t.csv") == scan_path(tmp_path / "t.parquet")
    columns = scan_path(tmp_path / "t.csv").as_dict()["columns"]
    assert set(columns[0]) >= {
        "column", "type", "tier", "prevalence", "interval", "rows_seen", "rows_total", "method",
        "score",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bad.parquet", b"PAR1 this is not parquet PAR1"),
        ("empty.parquet", b""),
        ("bad.csv", b"a,b\n1\n2,3,4,jane@example.com\n"),
        ("t.xlsx", b"whatever"),
        ("bytes.csv", b"a\n\xff\xfe\xfa\n"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_refused_without_quoting_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    if name == "bytes.csv":
        assert scan_path(tmp_path / name).findings[0].tier == "none"
        return
    with pytest.raises(InvalidInput) as caught:
        scan_path(tmp_path / name)
    assert "jane" not in str(caught.value.as_dict())
    assert caught.value.advice


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        scan_path(tmp_path / "no.csv")


def test_importing_and_scanning_harmless_columns_loads_no_detector(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("carrier,n\nUA,1\nAA,2\n")
    code = (
        "import sys, privacy.scan; assert 'pyarrow' not in sys.modules;"
        f"print(privacy.scan.scan_path({str(tmp_path / 't.csv')!r}).rows);"
        "assert 'presidio_analyzer' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr
