"""What the journal costs, and how far the state is in being made anew."""

from __future__ import annotations

from typing import Final

from lineage.errors import Denied
from lineage.facts import Json
from lineage.journal.files import JOURNAL as JOURNAL_FILE
from lineage.journal.files import connect_reader
from lineage.journal.keys import PARTS
from lineage.state.growth import FileGrowth, measure_file, measure_shapes
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["JOURNAL"]


class AskNothing(Body, frozen=True, kw_only=True):
    """No parameters."""


def _refold(services: Services, _: AskNothing) -> Json:
    refolder = services.refolder
    if refolder is None:
        return {"running": False, "completed": 0, "last": None}
    now = refolder.status()
    answer: dict[str, Json] = {
        "running": now.running,
        "cause": now.cause,
        "done": now.done,
        "of": now.of,
        "completed": now.completed,
        "trouble": now.trouble,
        "old_readers": services.state.connections.waiting(),
        "last": None,
    }
    if now.last is not None:
        last = now.last
        answer["last"] = {
            "digest": last.digest,
            "former": last.former,
            "position": last.position,
            "comparable": last.comparable,
            "equal": last.equal,
            "divergence": last.divergence,
        }
    return answer


def _growth(services: Services, _: AskNothing) -> Json:
    if services.seeing.limited:
        raise Denied(
            "rows are counted over everything, and something is hidden from you",
            where="growth",
            advice="ask somebody who audits",
        )
    storage, state = services.settings.storage, services.state
    db = connect_reader(storage.data, storage.keys)
    try:
        facts = services.journal.head().size
        files = {
            JOURNAL_FILE: measure_file(storage.data / JOURNAL_FILE, db),
            PARTS: measure_file(storage.keys / PARTS, db, "keys"),
            state.path.name: measure_file(state.connections.file, state.connection()),
        }
    finally:
        db.close()
    shapes = measure_shapes(state.connection())
    total = sum(file.bytes for file in files.values())
    return {
        "facts": facts,
        "bytes": total,
        "per_fact": _share(total, facts),
        "erased": state.erased(),
        "shapes": shapes.shapes,
        "runs": shapes.runs,
        "busiest_shape": shapes.busiest,
        "runs_per_shape": _share(shapes.runs, shapes.shapes),
        "files": {name: _file(file, facts) for name, file in files.items()},
    }


def _file(file: FileGrowth, facts: int) -> Json:
    return {
        "bytes": file.bytes,
        "per_fact": _share(file.bytes, facts),
        "free": file.free,
        "tables": {
            name: {
                "rows": file.rows.get(name),
                "bytes": file.tables.get(name),
                "per_fact": _share(file.tables.get(name, 0), facts),
            }
            for name in (file.tables or file.rows)
        },
    }


def _share(amount: int, facts: int) -> float:
    return round(amount / facts, 1) if facts else 0.0


JOURNAL: Final = (
    Question("refold", "How far the state is in being folded anew.", AskNothing, _refold),
    Question("growth", "Bytes and rows per fact, by file and table.", AskNothing, _growth),
)
