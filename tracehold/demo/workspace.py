"""The demo's workspace: settings, manifests, sources, and the people who act in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from catalog.events import Role
from lineage.clock import Clock, format_millis
from lineage.errors import Conflict
from lineage.facts import Json
from tracehold.client import call
from tracehold.demo.data import write_sources
from tracehold.settings import FILE, Settings, load
from tracehold.workspace import init, read_token, store_token

__all__ = ["NAME", "PEOPLE", "Hands", "deliver_sources", "hire", "make_workspace", "manifests"]

NAME: Final = "demo"
"""Name of the workspace, and so the namespace of its datasets and jobs."""

PEOPLE: Final[Mapping[str, tuple[Role, ...]]] = {
    "officer": ("privacy-officer",),
    "approver-1": ("approver",),
    "approver-2": ("approver",),
    "executor": ("executor",),
    "engineer": ("engineer",),
    "auditor": ("auditor",),
}
"""Who acts in the demo besides ``admin`` and the pipeline."""

_CLOCK: Final = """
# What retention takes as *now*. Fixed, so that the demo tells the same story on every day that you
# look at it; remove these lines to go by the real clock.
[clock]
judgement_now = {moment}
"""


def manifests() -> dict[str, str]:
    """The manifests by path in the workspace, as they ship in the package."""
    folder = resources.files("tracehold.demo").joinpath("manifests")
    return {
        f"manifests/{entry.name}": entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda one: one.name)
        if entry.name.endswith(".yaml")
    }


def make_workspace(folder: Path, clock: Clock) -> Settings:
    """Make the workspace with its manifests; the sources come on top.

    Args:
        folder: Where; must not hold a workspace yet.
        clock: Epoch milliseconds; retention judges as of the first day of the month after next.

    Raises:
        Conflict: There is something in the folder already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(
            "the folder of the demo is not empty",
            where=str(folder),
            advice="look at it with tracehold up, or start over with --fresh",
        )
    init(folder, name=NAME, samples=manifests(), clock=clock)
    with (folder / FILE).open("a", encoding="utf-8", newline="\n") as file:
        file.write(_CLOCK.format(moment=_first_of_month_after_next(clock)))
    return load(folder)


def _first_of_month_after_next(clock: Clock) -> str:
    # After every event of the demo, and near enough that nothing ingested today is due by then.
    today = dt.date.fromisoformat(format_millis(clock())[:10])
    months = today.year * 12 + today.month - 1 + 2
    return f"{dt.date(months // 12, months % 12 + 1, 1).isoformat()}T00:00:00Z"


def deliver_sources(settings: Settings) -> list[Path]:
    """Write the sources where the manifests look for them.

    Raises:
        Unavailable: The flight data is not installed.
    """
    paths = write_sources(settings.storage.sources)
    landing = settings.storage.root / "landing"
    landing.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [path.rename(landing / path.name) if path.stem == "bookings" else path for path in paths]


@dataclass(frozen=True, slots=True)
class Hands:
    """The hands of the people: each acts with a token of their own."""

    settings: Settings
    url: str

    def act(self, person: str, name: str, /, **body: Json) -> Json:
        """Perform an act as a person.

        Raises:
            TraceholdError: As the server answered.
        """
        token = read_token(self.settings, person)
        return call(self.url, token, f"acts/{name}", body=body)

    def ask(self, person: str, name: str, /, **query: str) -> Json:
        """Ask a question as a person.

        Raises:
            TraceholdError: As the server answered.
        """
        return call(self.url, read_token(self.settings, person), name, query=query)


def hire(hands: Hands) -> None:
    """Let the people in, each with the one role that they need."""
    for name, roles in PEOPLE.items():
        made = hands.act("admin", "person.add", name=name, roles=list(roles))
        store_token(hands.settings, name, made["token"])
