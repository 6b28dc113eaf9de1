"""Canaries planted in events, and looking for them in every byte that was written.

A canary is a word that nothing else holds. It is looked for as it is, in UTF-16, in hexadecimal, in
base64 at each of its three alignments, and inside whatever unpacks as a zlib or gzip stream.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from openlineage_events import facet

__all__ = [
    "FREE",
    "NAMED",
    "SCRUBBED",
    "canary",
    "everything",
    "found_in",
    "found_in_files",
    "words",
]

NAMED = (
    "namespace", "job", "input", "output", "column", "source_column", "owner", "symlink", "parent",
    "tag", "data_source", "storage_path", "version", "producer",
)  # fmt: skip
"""Where an event says names; they are kept until the part is erased."""

SCRUBBED = (
    "sql_literal", "sql_comment", "error", "stack", "environment", "password",
)  # fmt: skip
"""Where values are expected that must not be kept outside the raw part."""

FREE = ("source_code", "unknown_text", "unknown_nested", "unknown_member")
"""Free text and facets that nobody knows: only what has the form of a value is masked in them."""

_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_LARGEST = 1 << 20


def canary(seed: str, place: str) -> str:
    """The word for a place; letters only, so that no masking of numbers can hide it."""
    digest = hashlib.sha256(f"{seed}/{place}".encode()).hexdigest()
    return "q" + "".join(chr(ord("a") + int(digit, 16)) for digit in digest[:20])


def everything(seed: str, number: int, kind: str = "COMPLETE") -> dict[str, Any]:
    """An event with a canary in every place that a producer can fill."""

    def word(place: str) -> str:
        return canary(seed, place)

    namespace = f"ns_{word('namespace')}"
    output = {
        "namespace": namespace,
        "name": f"/home/{word('output')}/export.csv",
        "facets": {
            "schema": facet("Schema", fields=[{"name": word("column"), "type": "TEXT"}]),
            "ownership": facet("Ownership", owners=[{"name": word("owner"), "type": "OWNER"}]),
            "dataSource": facet("DataSource", name="db", uri=f"jdbc:x://{word('data_source')}/d"),
            "storage": facet("Storage", storageLayer=word("storage_path"), fileFormat="csv"),
            "version": facet("Version", datasetVersion=word("version")),
            "symlinks": facet(
                "Symlinks",
                identifiers=[{"namespace": namespace, "name": word("symlink"), "type": "TABLE"}],
            ),
            "columnLineage": facet(
                "ColumnLineage",
                fields={
                    word("column"): {
                        "inputFields": [
                            {"namespace": namespace, "name": word("input"),
                             "field": word("source_column")}
                        ]
                    }
                },
            ),
            "acme_unknown": facet(
                "Unknown", note=f"call {word('unknown_text')}",
                deep={"list": [{"more": word("unknown_nested")}], word("unknown_member"): 1},
                password=word("password"),
            ),
        },
    }  # fmt: skip
    sql = f"select {word('column')} from t where name = '{word('sql_literal')}'"
    sql += f" -- for {word('sql_comment')}"
    return {
        "eventType": kind,
        "eventTime": f"2026-02-01T12:00:{number:02d}Z",
        "producer": f"https://example.org/{word('producer')}",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": f"00000000-0000-4000-8000-{number:012d}",
            "facets": {
                "errorMessage": facet(
                    "ErrorMessage", message=f"no such user {word('error')}",
                    programmingLanguage="PYTHON",
                    stackTrace=f'File "a.py", line 1, in f\n  g("{word("stack")}")\nE: x',
                ),
                "environmentVariables": facet(
                    "Environment",
                    environmentVariables=[{"name": "SECRET", "value": word("environment")}],
                ),
                "parent": facet(
                    "Parent",
                    run={"runId": "00000000-0000-4000-8000-999999999999"},
                    job={"namespace": namespace, "name": word("parent")},
                ),
            },
        },
        "job": {
            "namespace": namespace,
            "name": f"job_{word('job')}",
            "facets": {
                "sql": facet("SQL", query=sql),
                "sourceCode": facet(
                    "SourceCode", language="python", sourceCode=f"login('{word('source_code')}')"
                ),
                "tags": facet("Tags", tags=[{"key": word("tag"), "value": "1"}]),
            },
        },
        "inputs": [{"namespace": namespace, "name": word("input"), "facets": {}}],
        "outputs": [output],
    }  # fmt: skip


def words(seed: str, places: Iterable[str] = (*NAMED, *SCRUBBED, *FREE)) -> set[str]:
    """The canaries of an event made from a seed."""
    return {canary(seed, place) for place in places}


def found_in(content: bytes, wanted: Collection[str]) -> set[str]:
    """The canaries that the content holds in any of the forms."""
    spread = [content, *_unpacked(content)]
    return {word for word in wanted for form in _forms(word) if any(form in one for one in spread)}


def found_in_files(folders: Iterable[Path], wanted: Collection[str]) -> dict[str, set[str]]:
    """Per file the canaries in it, in names of files too; empty where there are none."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            if there := found_in(content + b"\n" + str(path).encode(), wanted):
                found[str(path.relative_to(folder))] = there
    return found


def _forms(word: str) -> list[bytes]:
    plain = word.encode()
    forms = [plain, plain.upper(), word.encode("utf-16-le"), word.encode("utf-16-be")]
    forms += [plain.hex().encode(), plain.hex().upper().encode()]
    for shift in range(3):
        # Without the characters at the ends, which the neighbors have a part in.
        coded = base64.b64encode(bytes(shift) + plain)
        forms.append(coded[4 if shift else 0 :][: (len(plain) - 3) // 3 * 4])
    return forms


def _unpacked(content: bytes) -> list[bytes]:
    streams = []
    for match in _STREAM.finditer(content):
        unpacker = zlib.decompressobj(wbits=47)
        try:
            streams.append(unpacker.decompress(content[match.start() :], _LARGEST))
        except zlib.error:
            continue
    return [one for one in streams if one]
