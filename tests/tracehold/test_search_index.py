"""The index follows the state, and is made again whenever it cannot."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openlineage_events import dataset_event, run_event
from rounds import rounds
from search_world import SearchWorld, column_names, described

from lineage.errors import Unavailable
from tracehold import search_index
from tracehold.search_index import SearchIndex

WORDS = ("customer", "email", "order", "invoice", "team", "gold", "t1", "t2", "amount", "text")


def test_what_changes_is_found_as_it_is_now(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path)
    found.has(described("a", ["before"], text="first words", owner="alice", tag="bronze"))
    assert found.names("first") == found.names("before") == found.names("alice") == ["a"]
    changed = described("a", ["after"], text="second words", owner="bob", tag="silver")
    found.world.send(dataset_event(5, changed))
    assert found.names("first") == found.names("alice") == found.names("bronze") == []
    for word in ("second", "after", "bob", "silver"):
        assert found.names(word) == ["a"], word
    # A column that is gone is remembered, and so found.
    assert found.names("before") == ["a"]
    found.close()


def test_a_text_that_comes_back_is_found_again(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path)
    one, other = described("a", text="winter"), described("a", text="summer")
    for minutes, subject in enumerate((one, other, one)):
        found.world.send(dataset_event(minutes, subject))
        found.index.follow()
    assert found.names("winter") == ["a"]
    assert found.names("summer") == []
    found.close()


def test_following_does_nothing_where_nothing_changed(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path).has(described("a", ["x"]), job="load")
    found.index.follow()
    told: list[tuple[int, int]] = []
    again = run_event("COMPLETE", 9, job="load", run="next", outputs=[described("a", ["x"])])
    found.world.send(again)
    found.index.follow(lambda done, total: told.append((done, total)))
    assert told == []
    assert found.names("x") == ["a"]
    found.close()


@settings(
    max_examples=rounds(usual=15, campaign=1_000), deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(st.integers(0, 2**32), st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_followed_in_any_steps_it_is_what_it_would_be_made_anew(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[int]
) -> None:
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("followed")
    found = SearchWorld(folder)
    minutes = 0
    for step in steps:
        for _ in range(step):
            minutes += rng.randrange(3)
            tables = [
                described(
                    f"t{rng.randrange(3)}", column_names(rng, rng.randrange(1, 4)),
                    text=rng.choice(("", "a text", "other text")),
                    owner=rng.choice(("", "team one", "team two")),
                    tag=rng.choice(("", "gold")),
                )
                for _ in range(2)
            ]  # fmt: skip
            found.world.send(
                run_event("COMPLETE", minutes, job=f"j{rng.randrange(2)}", run=f"{minutes}",
                          inputs=tables[:1], outputs=tables[1:])
            )  # fmt: skip
        found.index.follow()
    (folder / "anew").mkdir()
    anew = SearchWorld.__new__(SearchWorld)
    anew.world, anew.index = found.world, SearchIndex(found.world.state, folder / "anew")
    assert found.everything(WORDS) == anew.everything(WORDS)
    found.close()


def test_an_index_of_another_state_is_not_asked_and_goes_with_the_next_writer(
    tmp_path: Path,
) -> None:
    found = SearchWorld(tmp_path).has(described("a", ["secret_name"]))
    found.index.follow()
    former = found.index.file
    other = SearchWorld(tmp_path).has(described("b", ["plain_name"]))
    assert other.names("secret") == []
    assert other.index.file != former
    assert former.exists()
    other.index.sweep()
    assert not former.exists()
    assert [path for path in tmp_path.iterdir() if former.stem in path.name] == []
    assert other.names("plain") == ["b"]
    for world in (found, other):
        world.close()


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path).has(described("a", ["x"]))
    found.index.file.write_bytes(b"this is no database, and long enough to be looked at" * 40)
    assert found.names("x") == ["a"]
    found.close()


def test_an_index_that_was_never_finished_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SearchWorld(tmp_path).has(*(described(f"t{n}", ["x"]) for n in range(5)))
    monkeypatch.setattr(search_index, "_BATCH", 2)

    class Crash(BaseException):
        pass

    def crash(done: int, _: int) -> None:
        if done >= 2:
            raise Crash

    with pytest.raises(Crash):
        found.index.follow(crash)
    watched = SearchIndex(found.world.state, tmp_path)
    watched._followed = True
    with pytest.raises(Unavailable, match="being made"), watched.opened():
        pass
    assert len(found.names("x", "Dataset")) == 5
    found.close()


def test_the_index_leaves_the_processor_to_a_fold_that_is_far_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "_PAUSE_SECONDS", 0.0)
    found = SearchWorld(tmp_path).has(described("t", ["x"]))
    watched, stop = SearchIndex(found.world.state, tmp_path / "another"), threading.Event()
    (tmp_path / "another").mkdir()
    asked: list[int | None] = []

    def busy() -> bool:
        asked.append(watched.position)
        if len(asked) > search_index._PATIENCE:
            stop.set()
        return True

    watched.run(stop, busy)
    assert asked == [None] * search_index._PATIENCE + [found.world.state.position()]
    found.close()
