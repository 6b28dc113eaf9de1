"""What an auditor asks of the journal: its keys, that it only grew, that a stream is whole."""

from __future__ import annotations

from typing import Final

import msgspec

from lineage.errors import NotFound
from lineage.evidence.proof_text import format_consistency
from lineage.facts import Json
from tracehold.questions.question import Body, Question
from tracehold.records import streams_hidden
from tracehold.services import Services

__all__ = ["PROOFS"]


class AskNothing(Body, frozen=True, kw_only=True):
    """No parameters."""


class AskConsistency(Body, frozen=True, kw_only=True):
    """The whole text of a checkpoint that was kept."""

    since: str


class AskStream(Body, frozen=True, kw_only=True):
    """The name of a stream: ``hold``, ``erasure``, ``keys``, ``deletion/<case>``."""

    stream: str


def _keys(services: Services, _: AskNothing) -> Json:
    chain = services.journal.key_chain()
    return {
        "current": str(chain.current),
        "first": str(chain.first),
        "changes": [
            {
                "position": link.position,
                "how": link.how,
                "former": str(link.former),
                "next": str(link.next),
            }
            for link in chain.links
        ],
    }


def _consistency(services: Services, params: AskConsistency) -> Json:
    # A query string ends in no newline; a note does.
    kept = params.since.rstrip("\n") + "\n"
    with services.journal.public() as log:
        extension = log.extension(kept)
        size = log.head_of(extension.checkpoint).size
    return {
        "since": extension.size,
        "size": size,
        "checkpoint": extension.checkpoint,
        "proof": format_consistency(extension),
    }


def _streams(services: Services, _: AskNothing) -> Json:
    hidden = streams_hidden(services)
    with services.journal.public() as log:
        shown = [(name, facts) for name, facts in log.streams().items() if name not in hidden]
    return {"streams": [{"stream": name, "facts": facts} for name, facts in shown]}


def _stream(services: Services, params: AskStream) -> Json:
    with services.journal.public() as log:
        if params.stream not in log.streams() or params.stream in streams_hidden(services):
            raise NotFound(
                "there is no such stream", where=params.stream,
                advice="the streams there are: tracehold journal stream",
            )  # fmt: skip
        return msgspec.json.decode(log.stream(params.stream).as_json())


PROOFS: Final = (
    Question("keys", "The signing keys, and how one led to the next.", AskNothing, _keys),
    Question(
        "consistency", "Proof that the journal only grew since a checkpoint.",
        AskConsistency, _consistency,
    ),
    Question("streams", "The governance streams there are.", AskNothing, _streams),
    Question("stream", "Every fact of a stream, with its proofs.", AskStream, _stream),
)  # fmt: skip
