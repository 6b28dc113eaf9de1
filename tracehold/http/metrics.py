"""Figures in the Prometheus text format (version 0.0.4). Labels are ours, never names of data."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["CONTENT_TYPE", "Key", "Metrics", "render"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

HELP: Final[Mapping[str, tuple[str, str]]] = {
    "tracehold_events_total": ("counter", "Events answered, by outcome."),
    "tracehold_event_bytes_total": ("counter", "Bytes of events accepted, unpacked."),
    "tracehold_event_seconds_total": ("counter", "Seconds from body to durable receipt."),
    "tracehold_requests_total": ("counter", "Answers by class of status."),
    "tracehold_acts_total": ("counter", "Acts performed, by act."),
    "tracehold_journal_facts": ("gauge", "Facts in the journal."),
    "tracehold_journal_writable": ("gauge", "1 while the journal takes facts."),
    "tracehold_state_position": ("gauge", "Facts folded into the state."),
    "tracehold_state_lag": ("gauge", "Facts not yet folded."),
    "tracehold_search_lag": ("gauge", "Facts not yet in the search index."),
    "tracehold_mirror_position": ("gauge", "Facts mirrored into the graph."),
    "tracehold_mirror_lag": ("gauge", "Facts not yet mirrored."),
    "tracehold_mirror_seconds_behind": ("gauge", "Seconds since the mirror was level."),
    "tracehold_mirror_reachable": ("gauge", "1 while the graph answers; absent without one."),
    "tracehold_mirror_refused": (
        "gauge",
        "1 while it refuses the password, or holds another workspace's graph.",
    ),
    "tracehold_mirror_fills": ("counter", "Times that the graph was filled since the start."),
    "tracehold_mirror_filled_ratio": ("gauge", "How much is filled, 0 to 1; absent otherwise."),
    "tracehold_relay_received_total": ("counter", "Events that a relay answered, by outcome."),
    "tracehold_relay_sent_total": ("counter", "Events that a relay sent, by outcome."),
    "tracehold_relay_waiting": ("gauge", "Events that a relay has still to forward."),
    "tracehold_relay_refused": ("gauge", "Events refused by the far server, set aside."),
    "tracehold_relay_bytes": ("gauge", "Bytes of events that a relay holds, packed."),
    "tracehold_relay_seconds_behind": ("gauge", "Seconds that the oldest of them has waited."),
    "tracehold_relay_reachable": ("gauge", "1 while the far server takes events."),
}
"""Every figure: its type and what it says."""

Key = tuple[str, tuple[tuple[str, str], ...]]
"""Name of a figure, and its labels sorted."""


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Key, float] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        # What has one label at most, as almost all have, needs no sorting.
        pairs = tuple(labels.items() if len(labels) < 2 else sorted(labels.items()))
        self.add(((name, pairs), amount))

    def add(self, *counts: tuple[Key, float]) -> None:
        """Add to several counters: (key, amount)."""
        with self._lock:
            for key, amount in counts:
                self._counts[key] = self._counts.get(key, 0) + amount

    def read(self) -> list[tuple[Key, float]]:
        """All counters now."""
        with self._lock:
            return sorted(self._counts.items())


def render(metrics: Metrics, gauges: Mapping[str, float]) -> str:
    """The text that Prometheus reads.

    Args:
        metrics: The counters.
        gauges: Name → value now.
    """
    samples: list[tuple[Key, float]] = [((name, ()), value) for name, value in gauges.items()]
    lines: list[str] = []
    for name, group in _grouped([*metrics.read(), *samples]).items():
        kind, text = HELP[name]
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in group]
    return "\n".join(lines) + "\n"


def _grouped(
    samples: Iterable[tuple[Key, float]],
) -> dict[str, list[tuple[tuple[tuple[str, str], ...], float]]]:
    groups: dict[str, list[tuple[tuple[tuple[str, str], ...], float]]] = {}
    for (name, labels), value in samples:
        groups.setdefault(name, []).append((labels, value))
    return groups


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
