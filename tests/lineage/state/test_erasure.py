"""Erased parts: whatever is erased and whenever, the state is that of the facts that remain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from erasing_world import REGISTRY, ErasableList, Noted, events, folded, noted
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from openlineage_events import IDENTITY, dataset, run_event
from quick_states import quick_states
from rounds import rounds

from lineage.facts import Fact
from lineage.journal.erasure import ERASED
from lineage.state.advance import Folder
from lineage.state.erasures import MISSING
from lineage.state.generations import current, remove, sweep
from lineage.state.rebuild import Refold, rebuild
from lineage.state.store import SqlState, open_state


class Spine:
    """A journal with a state beside it, as a server has them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"
        self.journal = ErasableList()
        self.open()

    def open(self) -> None:
        self.journal.keep_promises()
        sweep(self.path)
        self.state: SqlState = open_state(self.path)
        self.folder = Folder(self.journal, self.state, REGISTRY, IDENTITY)  # type: ignore[arg-type]

    def refold(self) -> Refold:
        self.journal.keep_promises()
        return Refold(self.journal, self.path, REGISTRY, IDENTITY)  # type: ignore[arg-type]

    def take_over(self, refold: Refold) -> None:
        """As ``tracehold.refolding`` does it while nobody folds."""
        upto = self.folder.catch_up().position
        while refold.advance(upto=upto):
            pass
        assert refold.compare(self.state.standing()).equal
        former = self.state.connections.file
        refold.finish()
        self.state.connections.reopen()
        remove(former)
        self.folder = Folder(self.journal, self.state, REGISTRY, IDENTITY)  # type: ignore[arg-type]

    def settle(self) -> None:
        """Fold all there is; where that holds something erased, fold it anew."""
        self.journal.keep_promises()
        self.folder.catch_up()
        while self.folder.erased_inside:
            self.take_over(self.refold())

    def check(self) -> None:
        """The state is that of the facts that remain, and a rebuild agrees."""
        self.settle()
        graph = self.state.graph
        content = sorted(map(repr, [*graph.all_nodes(), *graph.all_edges()]))
        digest, expected, _ = folded(self.journal.without_erased())
        assert content == expected
        assert self.state.digest() == digest
        assert graph.digest() == graph.stored_digest()
        assert [row for row in self.state.stuck() if row[1] == MISSING] == []
        made = rebuild(self.journal, self.path, REGISTRY, IDENTITY, swap=False)  # type: ignore[arg-type]
        assert (made.digest, made.former, made.comparable) == (digest, digest, True)

    def close(self) -> None:
        self.state.close()


class ErasingMachine(RuleBasedStateMachine):
    """Events come in, parts are erased and the state is folded, restarted and made anew."""

    @initialize()
    def begin(self) -> None:
        self.temporary = TemporaryDirectory()
        self.spine = Spine(Path(self.temporary.name))
        self.shadow: Refold | None = None

    @rule(event=events)
    def send(self, event: dict[str, object]) -> None:
        self.spine.journal.send(event)

    @rule(said=noted)
    def note(self, said: tuple[int, Noted]) -> None:
        self.spine.journal.note(*said)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if there := self.spine.journal.erasable():
            self.spine.journal.repeat(data.draw(st.sampled_from(there)))

    @rule(limit=st.integers(1, 5))
    def fold(self, limit: int) -> None:
        self.spine.folder.advance(limit)

    @rule(
        data=st.data(), part=st.sampled_from(["distilled", "distilled", "raw"]), now=st.booleans()
    )
    def erase(self, data: st.DataObject, part: str, now: bool) -> None:
        if there := self.spine.journal.erasable():
            self.spine.journal.promise(data.draw(st.sampled_from(there)), part)  # type: ignore[arg-type]
            if now:
                self.spine.journal.keep_promises()

    @rule()
    def restart(self) -> None:
        self.drop_shadow()
        self.spine.close()
        self.spine.open()

    @precondition(lambda self: self.shadow is None)
    @rule()
    def begin_to_fold_anew(self) -> None:
        self.shadow = self.spine.refold()

    @precondition(lambda self: self.shadow is not None)
    @rule(limit=st.integers(1, 5))
    def fold_anew(self, limit: int) -> None:
        assert self.shadow is not None
        self.shadow.advance(limit)

    @precondition(lambda self: self.shadow is not None)
    @rule()
    def take_over(self) -> None:
        assert self.shadow is not None
        # A key that is promised to go may still be there: what was read with it is found out.
        self.spine.take_over(self.shadow)
        self.drop_shadow()

    @rule()
    def check(self) -> None:
        self.drop_shadow()
        self.spine.check()

    def drop_shadow(self) -> None:
        if self.shadow is not None:
            self.shadow.discard()
            self.shadow = None

    def teardown(self) -> None:
        if not hasattr(self, "spine"):
            return
        try:
            self.check()
        finally:
            self.spine.close()
            self.temporary.cleanup()


TestErasing = ErasingMachine.TestCase
TestErasing.settings = settings(
    max_examples=rounds(usual=12, campaign=300), stateful_step_count=25, deadline=None
)


@settings(max_examples=rounds(usual=25, campaign=3_500), deadline=None)
@given(
    st.lists(st.one_of(events, noted), min_size=2, max_size=10),
    st.sets(st.integers(0, 9), min_size=1, max_size=6),
    st.lists(st.integers(1, 6), max_size=8),
    st.integers(0, 10),
)
def test_erasing_any_parts_at_any_moment_gives_the_state_without_them(
    said: list[object], gone: set[int], batches: list[int], moment: int
) -> None:
    with quick_states(), TemporaryDirectory() as name:
        spine = Spine(Path(name))
        try:
            for one in said:
                if isinstance(one, tuple):
                    spine.journal.note(*one)
                else:
                    spine.journal.send(one)  # type: ignore[arg-type]
            for number, limit in enumerate(batches):
                if number == moment:
                    break
                spine.folder.advance(limit)
            for index in sorted(gone & set(range(len(said)))):
                spine.journal.promise(index)
            spine.check()
        finally:
            spine.close()


@pytest.fixture
def spine(tmp_path: Path) -> Spine:
    return Spine(tmp_path)


def send_two(spine: Spine) -> None:
    spine.journal.send(run_event("COMPLETE", 1, run="r1", inputs=["a"], outputs=["b"]))
    spine.journal.send(
        run_event("COMPLETE", 2, run="r2", inputs=["b"], outputs=[dataset("c", columns=["x"])])
    )


def test_a_missing_part_is_named_until_an_erasure_explains_it(spine: Spine) -> None:
    send_two(spine)
    spine.journal.facts[0] = _without_body(spine, 0)
    spine.folder.catch_up()
    assert [(row[0], row[1]) for row in spine.state.stuck()] == [("fact-000001", MISSING)]
    spine.journal.promise(0)
    spine.folder.catch_up()
    assert spine.state.stuck() == []
    assert not spine.folder.erased_inside
    assert spine.state.erased() == 1
    assert spine.state.is_erased("fact-000001", "distilled")
    spine.close()


@given(st.permutations(range(5)))
@settings(max_examples=10, deadline=None)
def test_facts_without_a_part_and_their_erasures_may_be_folded_in_any_order(
    order: list[int],
) -> None:
    journal = ErasableList()
    for minute in range(3):
        journal.send(run_event("COMPLETE", minute, run=f"r{minute}", outputs=[f"t{minute}"]))
    journal.promise(0)
    journal.promise(2)
    journal.keep_promises()
    expected = folded(journal.without_erased())
    assert folded([journal.facts[number] for number in order]) == expected
    assert expected[2] == []


def test_erasing_the_raw_part_changes_no_state(spine: Spine) -> None:
    send_two(spine)
    spine.folder.catch_up()
    digest = spine.state.digest()
    spine.journal.promise(1, "raw")
    spine.folder.catch_up()
    assert spine.state.digest() == digest
    assert not spine.folder.erased_inside
    spine.close()


def test_what_was_folded_stays_inside_until_it_is_folded_anew_also_over_a_restart(
    spine: Spine,
) -> None:
    send_two(spine)
    spine.folder.catch_up()
    spine.journal.promise(1)
    spine.folder.catch_up()
    spine.close()
    spine.open()
    assert spine.folder.erased_inside
    former = spine.state.connections.file
    spine.settle()
    assert spine.state.standing().erased_inside is False
    assert not former.exists()
    assert current(spine.path) == spine.state.connections.file
    assert {n.props["name"] for n in spine.state.list_nodes("Dataset")} == {"a", "b"}
    spine.close()


def test_an_erasure_that_cannot_be_read_is_named(spine: Spine) -> None:
    send_two(spine)
    spine.journal.promise(0)
    spine.journal.facts[2] = _without_body(spine, 2, b'{"kind":"part.erased/1"}')
    spine.folder.catch_up()
    assert [row[1:3] for row in spine.state.stuck()] == [("body does not fit its kind", ERASED)]
    spine.close()


def _without_body(spine: Spine, index: int, body: bytes | None = None) -> Fact:
    return replace(spine.journal.facts[index], body=body)
