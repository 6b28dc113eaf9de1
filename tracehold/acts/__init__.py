"""Acts: everything a person can do, by name. Command line and HTTP both go through ``perform``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from catalog.people import Person
from lineage.errors import NotFound
from lineage.facts import Json
from tracehold.access import authorize
from tracehold.acts.act import Act, read_fields
from tracehold.acts.aliases import ALIASES
from tracehold.acts.deletion import DELETION
from tracehold.acts.grants import GRANTS
from tracehold.acts.holds import HOLDS
from tracehold.acts.journal import JOURNAL
from tracehold.acts.judgements import JUDGEMENTS
from tracehold.acts.keys import KEYS
from tracehold.acts.mirror import MIRROR
from tracehold.acts.people import PEOPLE
from tracehold.acts.reads import READS
from tracehold.services import Services

__all__ = ["ACTS", "Act", "perform"]

ACTS: Final[Mapping[str, Act]] = {
    act.name: act
    for act in (
        *PEOPLE,
        *GRANTS,
        *JUDGEMENTS,
        *ALIASES,
        *HOLDS,
        *DELETION,
        *MIRROR,
        *JOURNAL,
        *KEYS,
        *READS,
    )
}


def perform(
    services: Services, person: Person, name: str, given: bytes | Mapping[str, Json]
) -> Json:
    """Do an act as a person. The role is asked before the body is read.

    Args:
        services: The workspace, opened for writing.
        person: Who does it; the actor of every fact that follows.
        name: Name of the act.
        given: Its fields, as JSON bytes or decoded.

    Returns:
        What to answer, as JSON, without names of what the person may not see.

    Raises:
        Denied: No role allows it.
        NotFound: There is no such act.
        InvalidInput: The fields are wrong.
        TraceholdError: As the act says.
    """
    authorize(person, name)
    act = ACTS.get(name)
    if act is None:
        raise NotFound("there is no such act", where=name, advice=f"acts: {', '.join(ACTS)}")
    fields = read_fields(given, act.body)
    # An act speaks of what was reported just before: what is durable must be in the state.
    services.catch_up()
    seen = services.seen_by(person)
    return seen.seeing.masked(act.perform(seen, person, fields))
