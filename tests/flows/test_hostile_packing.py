"""Input I14 of the reliability list: packed bodies, and lengths that lie."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from typing import Any

import pytest
from hostile import LINEAGE, MIB, Hostile, bomb, event, named

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alive_afterwards")]


def test_i14_a_bomb_is_refused_by_ratio_and_by_size_while_it_unpacks(hostile: Hostile) -> None:
    before = hostile.peak_bytes()
    told = hostile.refuse(bomb(256 * MIB), 413, "too-large", Content_Encoding="gzip")
    assert "times" in told["what"]
    hostile.refuse(bomb(8 * MIB), 413, "too-large", Content_Encoding="gzip")
    assert hostile.peak_bytes() - before < 64 * MIB


def test_i14_a_body_that_packs_well_is_taken(hostile: Hostile) -> None:
    fields = [{"name": f"column_{number:05d}", "type": "VARCHAR"} for number in range(20_000)]
    outputs = named("packs well")
    outputs[0]["facets"] = {
        "schema": {
            "_producer": "https://example.org/x",
            "_schemaURL": "https://openlineage.io/spec/facets/1-1-1/SchemaDatasetFacet.json",
            "fields": fields,
        }
    }
    raw = json.dumps(event(outputs=outputs)).encode()
    packed = gzip.compress(raw)
    assert len(raw) / len(packed) > 10
    assert hostile.codes(hostile.take(packed, Content_Encoding="gzip")) == set()


def test_i14_gzip_in_gzip_is_not_unpacked_twice(hostile: Hostile) -> None:
    once = gzip.compress(json.dumps(event()).encode())
    hostile.refuse(gzip.compress(once), 400, "not-an-event", Content_Encoding="gzip")
    for encoding in ("gzip, gzip", "br", "deflate", "zstd", "gzip;q=1"):
        hostile.refuse(once, 415, "unknown-encoding", Content_Encoding=encoding)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[:-4] + b"\xff\xff\xff\x7f",
        lambda packed: packed[:-8] + b"\x00\x00\x00\x00" + packed[-4:],
        lambda packed: packed[:20],
        lambda packed: b"\x1f\x8b",
        lambda packed: b"no gzip at all",
        lambda packed: packed + b"rest",
        lambda packed: zlib.compress(b"{}"),
    ],
)
def test_i14_packed_bodies_that_lie_are_refused(hostile: Hostile, damage: Any) -> None:
    packed = damage(gzip.compress(json.dumps(event()).encode()))
    hostile.refuse(packed, 400, "invalid-input", Content_Encoding="gzip")


def test_i14_very_many_empty_members_are_refused(hostile: Hostile) -> None:
    many = gzip.compress(b"") * 100_000 + gzip.compress(json.dumps(event()).encode())
    hostile.refuse(many, 400, "invalid-input", Content_Encoding="gzip")


def test_i14_lengths_that_lie_harm_nobody(hostile: Hostile) -> None:
    body = json.dumps(event()).encode()
    head = (
        f"POST {LINEAGE} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {hostile.server.token}\r\nContent-Length: "
    ).encode()
    before = hostile.standing()
    with contextlib.suppress(ConnectionError):
        hostile.raw(head + b"%d\r\n\r\n" % (len(body) + 5) + body)
    for wrong in (b"-1", b"abc", b"1e3", b"99999999999999999999999", b"5, 6"):
        with contextlib.suppress(ConnectionError):
            back = hostile.raw(head + wrong + b"\r\n\r\n" + body)
            assert back == b"" or back.split(b" ")[1][:1] == b"4", back[:200]
    both = head + b"%d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" % len(body)
    with contextlib.suppress(ConnectionError):
        back = hostile.raw(both + body)
        assert back == b"" or back.split(b" ")[1][:1] == b"4", back[:200]
    assert hostile.standing() == before
    short = hostile.raw(head + b"%d\r\n\r\n" % (len(body) - 5) + body)
    assert short.split(b" ")[1] == b"400"
    assert hostile.standing() == before
