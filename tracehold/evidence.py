"""Evidence on a model, a dataset or a deletion: which facts, which documents, then sealed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lineage.errors import InvalidInput, NegativeVerdict
from lineage.evidence import verify_bundle, verify_log
from lineage.evidence.seal import seal
from lineage.facts import Json
from lineage.journal.checkpoint import Verifier
from lineage.journal.keychain import STREAM as KEYS
from lineage.journal.keys import find_signer
from lineage.journal.public_log import open_public_log
from lineage.refs import ModelRef
from lineage.trace.render import as_json, mermaid
from lineage.trace.render import text as tree
from lineage.trace.resolve import resolve
from privacy.deletion.case import Case, find_case
from privacy.holds import STREAM as HOLDS
from privacy.queries import certificate
from tracehold.judging import license_judgement, pii_exposure
from tracehold.questions.lineage import AskTrace, walk
from tracehold.services import Services

__all__ = ["Bundle", "build_bundle", "chained_keys", "check_bundle", "keys_of"]

_ASPECTS: Final = (
    "license", "provenance", "terms", "legal_basis", "ownership", "retention", "pii", "scan",
    "deidentification", "assertions", "gate", "model", "training", "waiver",
    "waiver_ended", "verdict", "purged", "affected", "hold",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was sealed: where, how many facts, and the key to verify them with."""

    path: Path
    facts: int
    verifier_key: str


class _Collected:
    def __init__(self) -> None:
        self.facts: set[str] = set()
        self.documents: dict[str, bytes] = {}

    def document(self, name: str, content: Json) -> None:
        raw = content.encode() if isinstance(content, str) else None
        if raw is None:
            raw = msgspec.json.format(msgspec.json.encode(content, order="deterministic")) + b"\n"
        self.documents[name] = raw


def build_bundle(services: Services, subjects: Sequence[str], target: Path) -> Bundle:
    """Seal what is known of models, datasets and deletion cases.

    Args:
        services: The workspace.
        subjects: References, short names, ids of cases or certificates.
        target: A folder that does not exist yet, or a file that ends in ``.zip``.

    Raises:
        NotFound: Nothing of that name is known.
        Conflict: The target exists.
        Unavailable: It cannot be written.
    """
    collected = _Collected()
    for number, subject in enumerate(subjects, 1):
        prefix = f"{number:02d}"
        case = find_case(services.state, services.identity, subject)
        if case is not None:
            _add_case(services, collected, case, prefix)
        else:
            _add_entity(services, collected, subject, prefix)
    # All holds there ever were: the stream is dense, so leaving one out would show.
    collected.facts |= _stream(services, HOLDS)
    with services.journal.public() as log:
        for stream in (HOLDS, KEYS):
            collected.documents[f"streams/{stream}.json"] = log.stream(stream).as_json()
    seal(
        services.journal,
        sorted(collected.facts),
        target,
        documents=collected.documents,
        created=services.clock(),
    )
    return Bundle(target, len(collected.facts), services.journal.verifier_key)


def _add_entity(services: Services, collected: _Collected, subject: str, prefix: str) -> None:
    ref, key = resolve(services.state, services.identity, subject)
    asked = AskTrace(ref=str(ref), direction="up", view="content")
    found = walk(services, asked)
    collected.document(f"{prefix}/trace.json", as_json(found))
    collected.document(f"{prefix}/trace.txt", tree(found))
    collected.document(f"{prefix}/trace.mmd", mermaid(found))
    _add_facts(services, collected, [node.key for node in found.nodes])
    judged = license_judgement(services, str(ref))
    collected.facts |= set(judged.facts)
    collected.document(f"{prefix}/license.json", judged.as_dict())
    if isinstance(ref, ModelRef):
        exposed = pii_exposure(services, str(ref))
        collected.facts |= {fact for row in exposed.rows for fact in row.facts}
        collected.facts |= {fact for stop in exposed.stopped for fact in stop.facts}
        collected.document(f"{prefix}/exposure.json", exposed.as_dict())
    said = services.state.aspects([key], _ASPECTS).get(key, {})
    for affected in said.get("affected", ()):
        case = find_case(services.state, services.identity, affected.slot)
        if case is not None:
            _add_case(services, collected, case, f"{prefix}/{case.case}")
    shown = {
        name: [{"value": v.value, "source": v.source, "fact": v.fact_id} for v in values]
        for name, values in said.items()
    }
    collected.document(f"{prefix}/subject.json", {"ref": str(ref), "aspects": shown})


def _add_case(services: Services, collected: _Collected, case: Case, prefix: str) -> None:
    collected.document(f"{prefix}/case.json", case.as_dict())
    collected.facts |= _stream(services, f"deletion/{case.case}")
    if "certified" in case.slots:
        issued = certificate(services.state, services.identity, case.case)
        collected.document(f"certificates/{issued.certificate}.txt", issued.note)


def _add_facts(services: Services, collected: _Collected, keys: Sequence[str]) -> None:
    for aspects in services.state.aspects(keys, _ASPECTS).values():
        for values in aspects.values():
            collected.facts |= {value.fact_id for value in values}


def _stream(services: Services, stream: str) -> set[str]:
    positions: Iterable[int] = services.journal.members(stream)
    return {
        msgspec.json.decode(services.journal.at(position).envelope)["id"] for position in positions
    }


def keys_of(data: Path, keys: Path, trusted: str = "") -> list[str]:
    """The verifier keys of a workspace, the present one first.

    Args:
        data: The data folder.
        keys: The keys folder.
        trusted: A verifier key that somebody keeps; empty to take the workspace's word.

    Raises:
        InvalidInput: The key that is trusted is not of this workspace.
        NegativeVerdict: It does not lead to the present one: the key was lost in between.
    """
    with open_public_log(data, find_signer(keys)) as log:
        chain = log.chain()
    if trusted and (breaks := chain.breaks_after(Verifier.parse(trusted))):
        raise NegativeVerdict(
            "the verifier key does not lead to the present one: the signing key was lost",
            where=f"fact {breaks[0].position}", advice="ask for the new key by another way",
        )  # fmt: skip
    return [str(key) for key in reversed(chain.keys)]


def chained_keys(file: Path, trusted: str) -> list[str]:
    """The verifier keys that a stream file of the stream ``keys`` chains to a trusted one.

    Raises:
        InvalidInput: The file cannot be read.
        NegativeVerdict: It does not hold, or the key is not in it.
    """
    try:
        return verify_log.key_chain(trusted.strip(), msgspec.json.decode(file.read_bytes()))
    except OSError:
        raise InvalidInput("the chain of keys cannot be read", where=str(file)) from None
    except (verify_bundle.ChangedError, ValueError, KeyError, TypeError, IndexError) as error:
        raise NegativeVerdict(
            f"the chain of keys does not hold: {error}", where=str(file),
            advice="ask for a new one: tracehold journal stream keys --proof FILE",
        ) from None  # fmt: skip


def check_bundle(bundle: Path, *, key: str = "", witness: Path | None = None) -> list[str]:
    """Verify a bundle with the very verifier that auditors read.

    Args:
        bundle: Folder or ``.zip``.
        key: The verifier key that was kept; empty to take the bundle's own.
        witness: A checkpoint that was kept.

    Raises:
        NegativeVerdict: Something was changed or does not hold.
        InvalidInput: There is no bundle, or the checkpoint cannot be read.
    """
    try:
        kept = None if witness is None else witness.read_text("utf-8")
        return verify_bundle.verify(bundle, key or None, kept)
    except verify_bundle.ChangedError as error:
        raise NegativeVerdict(
            f"the bundle does not hold: {error}",
            where=str(bundle),
            advice="ask for a new one from whoever sealed it",
        ) from None
    except (verify_bundle.UnreadableError, OSError, UnicodeDecodeError):
        raise InvalidInput(
            "the bundle cannot be read" if bundle.exists() else "there is no such bundle",
            where=str(bundle),
            advice="name the folder or the .zip that `tracehold evidence build` made",
        ) from None
