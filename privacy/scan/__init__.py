"""Scanning: which columns hold personal data, how sure we are, and how we know.

A finding carries a type, a place and counts, never a value. Nothing heavy is imported until a
column is scanned, and the detector is loaded only when a value could hold something.
"""

from __future__ import annotations

from privacy.scan.findings import ColumnFinding, Interval, Tier
from privacy.scan.settings import ScanSettings
from privacy.scan.tables import Scan, read_table, scan_path, scan_report, scan_table

__all__ = [
    "ColumnFinding",
    "Interval",
    "Scan",
    "ScanSettings",
    "Tier",
    "read_table",
    "scan_path",
    "scan_report",
    "scan_table",
]
