"""What every journal must do, whatever it is stored in. Add an engine to ``journal_engines``.

The suite asks for no more than the port promises: a receipt may have no position yet, and facts
that were sent at the same time may stand in any order.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_engines import ENGINES, Engine
from journal_world import draft

from lineage.errors import Conflict, InvalidInput, NotFound, Unavailable
from lineage.facts import Draft, Receipt
from lineage.journal.checkpoint import parse_checkpoint, verify_note
from lineage.journal.merkle import leaf_hash, verify_consistency, verify_inclusion
from lineage.journal.parts import digest
from lineage.journal.port import Journal

PORT = [name for name in vars(Journal) if not name.startswith("_")]


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def journal(engine: Engine) -> Iterator[Journal]:
    journal = engine.open()
    yield journal
    journal.close()


def settle(journal: Journal, receipts: Sequence[Receipt]) -> list[int]:
    """Wait until all are sequenced; gives their positions."""
    return [journal.sequenced(receipt.fact_id) for receipt in receipts]


def put(journal: Journal, *drafts: Draft) -> list[Receipt]:
    """Append and wait until the facts can be read."""
    receipts = journal.append(drafts)
    settle(journal, receipts)
    return receipts


def bodies(journal: Journal) -> list[bytes | None]:
    return [fact.body for fact in journal.read()]


@pytest.mark.parametrize("name", PORT)
def test_an_adapter_takes_what_the_port_declares(journal: Journal, name: str) -> None:
    if isinstance(vars(Journal)[name], property):
        assert isinstance(getattr(type(journal), name), property)
        return
    declared = list(inspect.signature(getattr(Journal, name)).parameters.values())[1:]
    taken = list(inspect.signature(getattr(type(journal), name)).parameters.values())[1:]
    assert [(p.name, p.default) for p in taken[: len(declared)]] == [
        (p.name, p.default) for p in declared
    ]
    assert all(extra.default is not extra.empty for extra in taken[len(declared) :])


# --- what is given comes back -----------------------------------------------------------------


def test_a_fact_is_read_back_as_it_was_given(journal: Journal) -> None:
    given = draft(1, stream="hold")
    (receipt,) = put(journal, given)
    (fact,) = journal.read()
    assert receipt.position in (None, 1)
    assert (receipt.duplicate, journal.sequenced(receipt.fact_id)) == (False, 1)
    assert (fact.position, fact.fact_id) == (1, receipt.fact_id)
    assert (fact.kind, fact.actor, fact.stream) == (given.kind, given.actor, "hold")
    assert (fact.valid_time, fact.body) == (given.valid_time, given.body)
    assert journal.get(receipt.fact_id).raw == given.raw
    assert journal.at(1) == journal.get(receipt.fact_id) == next(journal.stored())


def test_parts_match_the_salted_digests_in_the_envelope(journal: Journal) -> None:
    (receipt,) = put(journal, draft(1, body=b'{"long":"' + b"x" * 9000 + b'"}'))
    stored = journal.get(receipt.fact_id)
    envelope = msgspec.json.decode(stored.envelope)
    assert stored.distilled is not None
    assert stored.distilled_salt is not None
    assert digest(stored.distilled_salt, stored.distilled) == envelope["distilled"]
    assert stored.raw is not None
    assert stored.raw_salt is not None
    assert digest(stored.raw_salt, stored.raw) == envelope["raw"]


def test_equal_parts_have_different_digests(journal: Journal) -> None:
    put(journal, draft(1, idempotency=None), draft(1, idempotency=None))
    first, second = (msgspec.json.decode(fact.envelope) for fact in journal.stored())
    assert first["distilled"] != second["distilled"]


@pytest.mark.parametrize("raw", [None, b"", b"r" * 70_000])
@pytest.mark.parametrize("body", [b"", b"x", b'{"n":"' + b"y" * 3_000_000 + b'"}'])
def test_parts_of_any_size_come_back(journal: Journal, body: bytes, raw: bytes | None) -> None:
    (receipt,) = put(journal, draft(1, body=body, raw=raw))
    stored = journal.get(receipt.fact_id)
    assert (stored.distilled, stored.raw) == (body, raw)


def test_facts_are_read_in_pages_of_any_size(journal: Journal) -> None:
    put(journal, *(draft(i) for i in range(25)))
    assert [fact.position for fact in journal.read(limit=7)] == list(range(1, 8))
    assert [fact.position for fact in journal.read(20, 100)] == list(range(21, 26))
    assert [fact.position for fact in journal.stored(20)] == list(range(21, 26))
    assert (journal.read(25), list(journal.stored(25)), journal.read(limit=0)) == ([], [], [])


# --- once ---------------------------------------------------------------------------------------


def test_a_repeated_draft_gets_the_first_receipt(journal: Journal) -> None:
    first = journal.submit(draft(1)).result()
    again = journal.submit(draft(1)).result()
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.fact_id == first.fact_id
    assert settle(journal, [first, again]) == [1, 1]
    assert journal.head().size == 1


def test_a_repetition_within_one_transaction_is_recognized(journal: Journal) -> None:
    receipts = put(journal, draft(1), draft(2), draft(1))
    assert [receipt.duplicate for receipt in receipts] == [False, False, True]
    assert settle(journal, receipts) == [1, 2, 1]
    assert receipts[2].fact_id == receipts[0].fact_id


def test_a_repetition_in_a_later_transaction_is_recognized_beside_new_drafts(
    journal: Journal,
) -> None:
    first = put(journal, draft(1), draft(2))
    later = put(journal, draft(3), draft(2), draft(4), draft(1))
    assert [receipt.duplicate for receipt in later] == [False, True, False, True]
    assert [later[3].fact_id, later[1].fact_id] == [receipt.fact_id for receipt in first]
    assert bodies(journal) == [draft(i).body for i in (1, 2, 3, 4)]


def test_a_repetition_is_recognized_after_reopening(engine: Engine) -> None:
    journal = engine.open()
    (first,) = put(journal, draft(1, explicit_key="k"))
    journal.close()
    journal = engine.open()
    (again,) = put(journal, draft(1))
    assert (again.fact_id, again.duplicate) == (first.fact_id, True)
    with pytest.raises(Conflict):
        journal.submit(draft(2, explicit_key="k")).result()
    journal.close()


def test_the_same_bytes_of_two_actors_are_two_facts(journal: Journal) -> None:
    receipts = put(journal, draft(1), draft(1, actor="person:8a"))
    assert settle(journal, receipts) == [1, 2]


def test_drafts_without_idempotency_are_never_repetitions(journal: Journal) -> None:
    receipts = put(journal, *[draft(1, idempotency=None)] * 3)
    assert settle(journal, receipts) == [1, 2, 3]


def test_an_explicit_key_with_other_content_is_a_conflict(journal: Journal) -> None:
    first = journal.submit(draft(1, explicit_key="order-1")).result()
    with pytest.raises(Conflict) as raised:
        journal.submit(draft(2, explicit_key="order-1")).result()
    assert raised.value.advice
    assert settle(journal, [first]) == [1]
    assert journal.head().size == 1


def test_an_explicit_key_with_the_same_content_is_a_repetition(journal: Journal) -> None:
    given = draft(1, explicit_key="order-1", idempotency=None)
    first = journal.submit(given).result()
    assert journal.submit(given).result().fact_id == first.fact_id
    for change in ({"raw": b"other"}, {"body": b"{}"}, {"kind": "test.other/1"}):
        other = draft(1, **{"explicit_key": "order-1", "idempotency": None} | change)
        with pytest.raises(Conflict):
            journal.submit(other).result()


def test_an_explicit_key_belongs_to_its_actor(journal: Journal) -> None:
    one = journal.submit(draft(1, explicit_key="k")).result()
    other = journal.submit(draft(2, explicit_key="k", actor="person:8a")).result()
    assert one.fact_id != other.fact_id


def test_a_key_first_seen_with_known_bytes_is_bound_to_them(journal: Journal) -> None:
    first = journal.submit(draft(1)).result()
    assert journal.submit(draft(1, explicit_key="late")).result().fact_id == first.fact_id
    with pytest.raises(Conflict):
        journal.submit(draft(2, explicit_key="late")).result()


def test_a_conflict_refuses_the_whole_transaction(journal: Journal) -> None:
    put(journal, draft(1, explicit_key="a"))
    with pytest.raises(Conflict):
        journal.append([draft(2), draft(3, explicit_key="a"), draft(4)])
    assert journal.head().size == 1
    assert [receipt.duplicate for receipt in put(journal, draft(2), draft(4))] == [False, False]


def test_a_conflict_within_one_transaction_refuses_it(journal: Journal) -> None:
    with pytest.raises(Conflict):
        journal.append([draft(1, explicit_key="a"), draft(2, explicit_key="a")])
    assert put(journal, draft(1))[0].duplicate is False
    assert journal.head().size == 1


def test_a_conflict_spares_the_neighbors_in_its_group(journal: Journal) -> None:
    journal.submit(draft(0, explicit_key="a")).result()
    futures = [journal.submit(draft(i, explicit_key="a" if i % 2 else None)) for i in range(1, 41)]
    refused = [future.exception() is not None for future in futures]
    assert refused == [bool(i % 2) for i in range(1, 41)]
    settle(journal, [future.result() for future in futures if future.exception() is None])
    assert journal.head().size == 21


def test_nothing_is_appended_for_no_drafts(journal: Journal) -> None:
    assert journal.append([]) == []
    assert journal.head().size == 0


# --- order --------------------------------------------------------------------------------------


def test_many_submitters_get_dense_positions_and_one_fact_per_draft(journal: Journal) -> None:
    def send(worker: int) -> list[tuple[int, Receipt]]:
        futures = [(i, journal.submit(draft(i))) for i in range(worker % 4, 200, 4)]
        return [(i, future.result()) for i, future in futures]

    with ThreadPoolExecutor(16) as pool:
        answers = [pair for part in pool.map(send, range(16)) for pair in part]
    positions = settle(journal, [receipt for _, receipt in answers])
    assert set(positions) == set(range(1, 201))
    assert sum(not receipt.duplicate for _, receipt in answers) == 200
    facts = journal.read(limit=1000)
    assert [fact.position for fact in facts] == list(range(1, 201))
    by_body = {fact.body: fact.fact_id for fact in facts}
    assert len(by_body) == 200
    assert all(by_body[draft(i).body] == receipt.fact_id for i, receipt in answers)


def test_what_is_sent_after_a_receipt_stands_behind_it(journal: Journal) -> None:
    receipts = [journal.submit(draft(i)).result() for i in range(60)]
    assert settle(journal, receipts) == list(range(1, 61))


def test_drafts_of_one_transaction_stand_in_their_order(journal: Journal) -> None:
    futures = [journal.submit(draft(1000 + i)) for i in range(50)]
    receipts = put(journal, *(draft(i) for i in range(300)))
    settle(journal, [future.result() for future in futures])
    positions = settle(journal, receipts)
    assert positions == sorted(positions)
    assert journal.head().size == 350


def test_a_fact_that_nobody_acknowledged_is_never_sequenced(journal: Journal) -> None:
    for fact_id in ("00" * 16, "no such id"):
        with pytest.raises(NotFound):
            journal.sequenced(fact_id, timeout=0.2)


# --- durable, reopened, read-only ---------------------------------------------------------------


def test_what_was_acknowledged_outlives_a_crash(engine: Engine, journal: Journal) -> None:
    receipts = [journal.submit(draft(i, stream="hold")).result() for i in range(20)]
    left = engine.open_after_crash()
    settle(left, receipts)
    assert bodies(left) == [draft(i).body for i in range(20)]
    assert len(left.members("hold")) == 20
    assert [receipt.fact_id for receipt in put(left, draft(3))] == [receipts[3].fact_id]
    left.close()


def test_a_reopened_journal_goes_on_where_it_stopped(engine: Engine) -> None:
    journal = engine.open()
    put(journal, *(draft(i, stream="hold") for i in range(300)))
    head, note = journal.head(), journal.checkpoint()
    journal.close()
    journal = engine.open()
    assert (journal.head(), journal.checkpoint()) == (head, note)
    (receipt,) = put(journal, draft(300, stream="hold"))
    assert journal.sequenced(receipt.fact_id) == 301
    assert journal.members("hold") == list(range(1, 302))
    envelope = msgspec.json.decode(journal.at(301).envelope)
    assert envelope["previous"] == leaf_hash(journal.at(300).envelope).hex()
    journal.close()


def test_a_closed_journal_takes_and_gives_nothing(engine: Engine) -> None:
    journal = engine.open()
    pending = [journal.submit(draft(i)) for i in range(50)]
    journal.close()
    assert all(future.exception() is None for future in pending)
    journal.close()
    with pytest.raises(Unavailable):
        journal.append([draft(51)])
    with pytest.raises(Unavailable):
        journal.read()
    journal = engine.open()
    assert journal.head().size == 50
    journal.close()


def test_a_failed_write_is_final_until_the_journal_is_opened_again(engine: Engine) -> None:
    journal = engine.open()
    (kept,) = put(journal, draft(1))
    assert journal.failure is None
    engine.refuse_writes(journal)
    futures = [journal.submit(draft(i, body=b"x" * 400_000)) for i in range(2, 8)]
    refused = [i for i, future in enumerate(futures, 2) if future.exception()]
    assert refused
    assert isinstance(journal.failure, Unavailable)
    assert journal.failure.advice
    for act in (
        lambda: journal.append([draft(100)]),
        lambda: journal.submit(draft(101)).result(),
        lambda: journal.erase(kept.fact_id, "raw"),
    ):
        with pytest.raises(Unavailable):
            act()
    assert journal.get(kept.fact_id).distilled == draft(1).body
    assert journal.prove(1).size == journal.head().size
    journal.close()
    journal = engine.open()
    assert journal.failure is None
    assert journal.get(kept.fact_id).raw == draft(1).raw
    answers = put(journal, *(draft(i, body=b"x" * 400_000) for i in range(2, 8)))
    assert [i for i, one in enumerate(answers, 2) if not one.duplicate] == refused
    assert journal.head().size == 7
    journal.close()


# --- streams and proofs -------------------------------------------------------------------------


def test_a_stream_is_dense_and_each_fact_names_the_one_before(journal: Journal) -> None:
    for i in range(30):
        put(journal, draft(i, stream="hold" if i % 2 else f"case/{i % 3}"))
    chains: dict[str, list[tuple[int, str | None, str]]] = {}
    for stored in journal.stored():
        envelope = msgspec.json.decode(stored.envelope)
        link = (envelope["sequence"], envelope["previous"], leaf_hash(stored.envelope).hex())
        chains.setdefault(envelope["stream"], []).append(link)
    assert len(chains) == 4
    for chain in chains.values():
        assert [sequence for sequence, _, _ in chain] == list(range(1, len(chain) + 1))
        assert [previous for _, previous, _ in chain] == [None] + [own for *_, own in chain[:-1]]
    assert journal.members("hold") == list(range(2, 31, 2))
    assert journal.members("nobody") == []


def test_a_stream_that_many_write_is_dense(journal: Journal) -> None:
    with ThreadPoolExecutor(8) as pool:
        sent = pool.map(lambda i: journal.submit(draft(i, stream="s")).result(), range(120))
        settle(journal, list(sent))
    numbers = [msgspec.json.decode(fact.envelope)["sequence"] for fact in journal.stored()]
    assert numbers == list(range(1, 121))


def test_every_position_is_proven_in_the_newest_checkpoint(journal: Journal) -> None:
    put(journal, *(draft(i) for i in range(37)))
    head = parse_checkpoint(verify_note(journal.checkpoint(), journal.verifier_key))
    assert head == journal.head()
    for stored in journal.stored():
        proof = journal.prove(stored.position)
        assert (proof.index, proof.size) == (stored.position - 1, 37)
        assert proof.checkpoint == journal.checkpoint()
        leaf = leaf_hash(stored.envelope)
        assert verify_inclusion(leaf, proof.index, proof.size, proof.hashes, head.root)


def test_every_checkpoint_extends_every_older_one(journal: Journal) -> None:
    heads = [journal.head()]
    for i in range(12):
        put(journal, *(draft(100 * i + k) for k in range(i + 1)))
        heads.append(journal.head())
    for at, old in enumerate(heads):
        for new in heads[at:]:
            proof = journal.prove_consistency(old.size, new.size)
            assert verify_consistency(old.size, new.size, proof, old.root, new.root)
    for first, second in ((5, 4), (-1, 4), (0, journal.head().size + 1)):
        with pytest.raises(NotFound):
            journal.prove_consistency(first, second)


def test_an_empty_journal_has_a_signed_checkpoint_too(journal: Journal) -> None:
    head = parse_checkpoint(verify_note(journal.checkpoint(), journal.verifier_key))
    assert (head.size, journal.head().size) == (0, 0)


# --- parts and their erasure --------------------------------------------------------------------


@pytest.mark.parametrize("part", ["distilled", "raw"])
def test_an_erased_part_is_gone_and_the_other_stays(engine: Engine, part: str) -> None:
    journal = engine.open()
    (receipt,) = put(journal, draft(1))
    envelope = journal.get(receipt.fact_id).envelope
    for _ in range(2):
        journal.erase(receipt.fact_id, part)  # type: ignore[arg-type]
        stored = journal.get(receipt.fact_id)
        gone, kept = ("raw", "distilled") if part == "raw" else ("distilled", "raw")
        assert (getattr(stored, gone), getattr(stored, gone + "_salt")) == (None, None)
        assert getattr(stored, kept) is not None
        assert stored.envelope == envelope
        assert (journal.read()[0].body is None) == (part == "distilled")
        journal.close()
        journal = engine.open()
    journal.close()


def test_a_repetition_of_an_erased_fact_stays_a_repetition(journal: Journal) -> None:
    (receipt,) = put(journal, draft(1))
    journal.erase(receipt.fact_id, "distilled")
    assert journal.submit(draft(1)).result().duplicate
    assert journal.read()[0].body is None


def test_what_is_not_there_is_not_found(journal: Journal) -> None:
    (receipt,) = put(journal, draft(1, raw=None))
    for ask in (
        lambda: journal.get("00" * 16),
        lambda: journal.get("no such id"),
        lambda: journal.at(0),
        lambda: journal.at(2),
        lambda: journal.prove(0),
        lambda: journal.prove(2),
        lambda: journal.erase(receipt.fact_id, "raw"),
        lambda: journal.erase("00" * 16, "distilled"),
        lambda: journal.erase("no such id", "distilled"),
        lambda: journal.erase(receipt.fact_id, "envelope"),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotFound):
            ask()
    assert settle(journal, put(journal, draft(2))) == [2]


# --- what an envelope takes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "no version"},
        {"kind": "Test/0"},
        {"actor": "jane.doe@example.com"},
        {"actor": "Jane Doe"},
        {"actor": ""},
        {"stream": "hold of jane"},
        {"valid_time": 1 << 53},
        {"valid_time": -1 << 53},
    ],
)
def test_a_draft_that_fits_no_envelope_is_refused_at_once(
    journal: Journal, change: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        journal.submit(draft(1, **change))
    assert settle(journal, put(journal, draft(1))) == [1]


@pytest.mark.parametrize("moment", [(1 << 53) - 1, 1 - (1 << 53), None])
def test_every_moment_that_json_can_tell_exactly_is_taken(
    journal: Journal, moment: int | None
) -> None:
    put(journal, draft(1, valid_time=moment))
    assert [fact.valid_time for fact in journal.read()] == [moment]


def test_no_word_of_body_or_key_is_in_the_envelope(journal: Journal) -> None:
    secret = Draft(
        "test.noted/1",
        "person:7f",
        b'{"mail":"canary-body"}',
        raw=b"canary-raw",
        idempotency=b"canary-bytes",
        explicit_key="canary-key",
    )
    put(journal, secret)
    (stored,) = journal.stored()
    assert b"canary" not in stored.envelope


# --- any history --------------------------------------------------------------------------------

GROUPS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([None, "hold", "case/1"])),
        min_size=1,
        max_size=6,
    ),
    max_size=8,
)


@pytest.mark.parametrize("name", sorted(ENGINES))
@given(GROUPS, st.data())
@settings(max_examples=15, deadline=None)
def test_any_history_of_groups_restarts_and_erasures_reads_as_a_list_would(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    groups: list[list[tuple[int, str | None]]],
    data: st.DataObject,
) -> None:
    engine = ENGINES[name](tmp_path_factory.mktemp("history"))
    journal = engine.open()
    expected: dict[int, str] = {}
    erased: set[str] = set()
    for group in groups:
        receipts = put(journal, *(draft(n, stream=stream) for n, stream in group))
        for (number, _), receipt in zip(group, receipts, strict=True):
            assert receipt.duplicate is (number in expected)
            assert expected.setdefault(number, receipt.fact_id) == receipt.fact_id
        if data.draw(st.booleans()):
            fact_id = data.draw(st.sampled_from(sorted(expected.values())))
            journal.erase(fact_id, "distilled")
            erased.add(fact_id)
        if data.draw(st.booleans()):
            journal.close()
            journal = engine.open()
    facts = journal.read()
    assert [fact.fact_id for fact in facts] == list(expected.values())
    for fact, number in zip(facts, expected, strict=True):
        assert fact.body == (None if fact.fact_id in erased else draft(number).body)
    journal.close()
