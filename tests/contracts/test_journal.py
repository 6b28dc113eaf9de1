"""What every journal must do, whatever it is stored in. Add an engine to ``ENGINES``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from journal_world import JournalFolder, draft

from lineage.errors import Conflict, InvalidInput, NotFound
from lineage.facts import Draft
from lineage.journal.checkpoint import parse_checkpoint, verify_note
from lineage.journal.merkle import leaf_hash, verify_inclusion
from lineage.journal.parts import digest
from lineage.journal.port import Journal
from lineage.journal.sqlite import SqliteJournal

ENGINES: dict[str, Callable[[Path], SqliteJournal]] = {
    "sqlite": lambda path: JournalFolder(path).open(),
}
PORT = [name for name in vars(Journal) if not name.startswith("_")]


@pytest.fixture(params=sorted(ENGINES))
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = ENGINES[request.param](tmp_path)
    yield journal
    journal.close()


@pytest.mark.parametrize("name", PORT)
def test_an_adapter_takes_what_the_port_declares(journal: SqliteJournal, name: str) -> None:
    declared = list(inspect.signature(getattr(Journal, name)).parameters.values())[1:]
    taken = list(inspect.signature(getattr(type(journal), name)).parameters.values())[1:]
    assert [(p.name, p.default) for p in taken[: len(declared)]] == [
        (p.name, p.default) for p in declared
    ]
    assert all(extra.default is not extra.empty for extra in taken[len(declared) :])


def test_a_fact_is_read_back_as_it_was_given(journal: SqliteJournal) -> None:
    given = draft(1, stream="hold")
    receipt = journal.submit(given).result()
    (fact,) = journal.read()
    assert (receipt.position, receipt.duplicate) == (1, False)
    assert (fact.position, fact.fact_id) == (1, receipt.fact_id)
    assert (fact.kind, fact.actor, fact.stream) == (given.kind, given.actor, "hold")
    assert (fact.valid_time, fact.body) == (given.valid_time, given.body)
    assert journal.get(receipt.fact_id).raw == given.raw


def test_parts_match_the_salted_digests_in_the_envelope(journal: SqliteJournal) -> None:
    receipt = journal.submit(draft(1, body=b'{"long":"' + b"x" * 9000 + b'"}')).result()
    stored = journal.get(receipt.fact_id)
    envelope = msgspec.json.decode(stored.envelope)
    assert stored.distilled is not None
    assert stored.distilled_salt is not None
    assert digest(stored.distilled_salt, stored.distilled) == envelope["distilled"]
    assert stored.raw is not None
    assert stored.raw_salt is not None
    assert digest(stored.raw_salt, stored.raw) == envelope["raw"]


def test_equal_parts_have_different_digests(journal: SqliteJournal) -> None:
    journal.append([draft(1, idempotency=None), draft(1, idempotency=None)])
    first, second = (msgspec.json.decode(fact.envelope) for fact in journal.stored())
    assert first["distilled"] != second["distilled"]


def test_a_repeated_draft_gets_the_first_receipt(journal: SqliteJournal) -> None:
    first = journal.submit(draft(1)).result()
    again = journal.submit(draft(1)).result()
    assert (again.fact_id, again.position, again.duplicate) == (first.fact_id, 1, True)
    assert journal.head().size == 1


def test_a_repetition_within_one_transaction_is_recognized(journal: SqliteJournal) -> None:
    receipts = journal.append([draft(1), draft(2), draft(1)])
    assert [(r.position, r.duplicate) for r in receipts] == [(1, False), (2, False), (1, True)]
    assert receipts[2].fact_id == receipts[0].fact_id


def test_the_same_bytes_of_two_actors_are_two_facts(journal: SqliteJournal) -> None:
    receipts = journal.append([draft(1), draft(1, actor="person:8a")])
    assert [receipt.position for receipt in receipts] == [1, 2]


def test_drafts_without_idempotency_are_never_repetitions(journal: SqliteJournal) -> None:
    receipts = journal.append([draft(1, idempotency=None)] * 3)
    assert [receipt.position for receipt in receipts] == [1, 2, 3]


def test_an_explicit_key_with_other_content_is_a_conflict(journal: SqliteJournal) -> None:
    journal.submit(draft(1, explicit_key="order-1")).result()
    with pytest.raises(Conflict) as raised:
        journal.submit(draft(2, explicit_key="order-1")).result()
    assert raised.value.advice
    assert journal.head().size == 1


def test_an_explicit_key_with_the_same_content_is_a_repetition(journal: SqliteJournal) -> None:
    given = draft(1, explicit_key="order-1", idempotency=None)
    first = journal.submit(given).result()
    assert journal.submit(given).result().fact_id == first.fact_id
    with pytest.raises(Conflict):
        journal.submit(draft(1, explicit_key="order-1", idempotency=None, raw=b"other")).result()


def test_a_key_first_seen_with_known_bytes_is_bound_to_them(journal: SqliteJournal) -> None:
    first = journal.submit(draft(1)).result()
    assert journal.submit(draft(1, explicit_key="late")).result().fact_id == first.fact_id
    with pytest.raises(Conflict):
        journal.submit(draft(2, explicit_key="late")).result()


def test_a_conflict_refuses_the_whole_transaction(journal: SqliteJournal) -> None:
    journal.append([draft(1, explicit_key="a")])
    with pytest.raises(Conflict):
        journal.append([draft(2), draft(3, explicit_key="a"), draft(4)])
    assert journal.head().size == 1
    assert [r.duplicate for r in journal.append([draft(2), draft(4)])] == [False, False]


def test_a_conflict_spares_the_neighbors_in_its_group(journal: SqliteJournal) -> None:
    journal.submit(draft(0, explicit_key="a")).result()
    futures = [journal.submit(draft(i, explicit_key="a" if i % 2 else None)) for i in range(1, 41)]
    refused = [future.exception() is not None for future in futures]
    assert refused == [bool(i % 2) for i in range(1, 41)]
    assert journal.head().size == 21


def test_many_threads_get_dense_positions_and_one_fact_per_draft(journal: SqliteJournal) -> None:
    def send(worker: int) -> list[tuple[int, str]]:
        futures = [(i, journal.submit(draft(i))) for i in range(worker % 4, 200, 4)]
        return [(i, future.result().fact_id) for i, future in futures]

    with ThreadPoolExecutor(16) as pool:
        answers = [pair for part in pool.map(send, range(16)) for pair in part]
    facts = journal.read(limit=1000)
    assert [fact.position for fact in facts] == list(range(1, 201))
    by_body = {fact.body: fact.fact_id for fact in facts}
    assert len(by_body) == 200
    assert all(by_body[draft(i).body] == fact_id for i, fact_id in answers)


def test_drafts_of_one_thread_keep_their_order(journal: SqliteJournal) -> None:
    futures = [journal.submit(draft(i)) for i in range(300)]
    assert [future.result().position for future in futures] == list(range(1, 301))


def test_a_stream_is_dense_and_each_fact_names_the_one_before(journal: SqliteJournal) -> None:
    for i in range(30):
        journal.append([draft(i, stream="hold" if i % 2 else f"case/{i % 3}")])
    chains: dict[str, list[tuple[int, str | None, str]]] = {}
    for stored in journal.stored():
        envelope = msgspec.json.decode(stored.envelope)
        link = (envelope["sequence"], envelope["previous"], leaf_hash(stored.envelope).hex())
        chains.setdefault(envelope["stream"], []).append(link)
    assert len(chains) == 4
    for chain in chains.values():
        assert [sequence for sequence, _, _ in chain] == list(range(1, len(chain) + 1))
        assert [previous for _, previous, _ in chain] == [None] + [own for *_, own in chain[:-1]]


def test_every_position_is_proven_in_the_newest_checkpoint(journal: SqliteJournal) -> None:
    journal.append([draft(i) for i in range(37)])
    head = parse_checkpoint(verify_note(journal.checkpoint(), journal.verifier_key))
    assert head == journal.head()
    for stored in journal.stored():
        proof = journal.prove(stored.position)
        assert (proof.index, proof.size) == (stored.position - 1, 37)
        leaf = leaf_hash(stored.envelope)
        assert verify_inclusion(leaf, proof.index, proof.size, proof.hashes, head.root)


def test_an_empty_journal_has_a_signed_checkpoint_too(journal: SqliteJournal) -> None:
    head = parse_checkpoint(verify_note(journal.checkpoint(), journal.verifier_key))
    assert (head.size, journal.head().size) == (0, 0)


@pytest.mark.parametrize("part", ["distilled", "raw"])
def test_an_erased_part_is_gone_and_the_other_stays(journal: SqliteJournal, part: str) -> None:
    receipt = journal.submit(draft(1)).result()
    envelope = journal.get(receipt.fact_id).envelope
    journal.erase(receipt.fact_id, part)  # type: ignore[arg-type]
    stored = journal.get(receipt.fact_id)
    gone, kept = ("raw", "distilled") if part == "raw" else ("distilled", "raw")
    assert (getattr(stored, gone), getattr(stored, gone + "_salt")) == (None, None)
    assert getattr(stored, kept) is not None
    assert stored.envelope == envelope
    assert (journal.read()[0].body is None) == (part == "distilled")
    journal.erase(receipt.fact_id, part)  # type: ignore[arg-type]


def test_a_repetition_of_an_erased_fact_stays_a_repetition(journal: SqliteJournal) -> None:
    receipt = journal.submit(draft(1)).result()
    journal.erase(receipt.fact_id, "distilled")
    assert journal.submit(draft(1)).result().duplicate
    assert journal.read()[0].body is None


def test_what_is_not_there_is_not_found(journal: SqliteJournal) -> None:
    receipt = journal.submit(draft(1, raw=None)).result()
    for ask in (
        lambda: journal.get("00" * 16),
        lambda: journal.get("no such id"),
        lambda: journal.prove(0),
        lambda: journal.prove(2),
        lambda: journal.erase(receipt.fact_id, "raw"),
        lambda: journal.erase("00" * 16, "distilled"),
        lambda: journal.erase(receipt.fact_id, "envelope"),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotFound):
            ask()
    assert journal.submit(draft(2)).result().position == 2


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "no version"},
        {"kind": "Test/0"},
        {"actor": "jane.doe@example.com"},
        {"actor": "Jane Doe"},
        {"actor": ""},
        {"stream": "hold of jane"},
        {"valid_time": 1 << 60},
    ],
)
def test_a_draft_that_fits_no_envelope_is_refused_at_once(
    journal: SqliteJournal, change: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        journal.submit(draft(1, **change))
    assert journal.submit(draft(1)).result().position == 1


def test_no_word_of_body_or_key_is_in_the_envelope(journal: SqliteJournal) -> None:
    secret = Draft(
        "test.noted/1",
        "person:7f",
        b'{"mail":"canary-body"}',
        raw=b"canary-raw",
        idempotency=b"canary-bytes",
        explicit_key="canary-key",
    )
    journal.submit(secret).result()
    (stored,) = journal.stored()
    assert b"canary" not in stored.envelope
