"""Questions about datasets, models, jobs and runs: lists, and one in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lineage.clock import format_millis
from lineage.errors import InvalidInput, NotFound
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.identity import Label
from lineage.refs import JobRef, ModelRef, RunRef
from lineage.state.picture import NAME_SHOWN
from lineage.state.port import AspectValue, RunRow
from lineage.state.run_listing import RunListing
from lineage.state.standing import shown_state, streaming_jobs
from lineage.trace.hiding import HIDDEN
from lineage.trace.names import reference_text
from lineage.trace.resolve import resolve
from tracehold.questions.marquez.lists import jobs_page
from tracehold.questions.marquez.paging import Paged
from tracehold.questions.nesting import nesting_of_job, nesting_of_run, runs_inside
from tracehold.questions.question import A_JOB, Body, Question, check_limit, moment
from tracehold.seeing import MASK
from tracehold.services import Services

__all__ = ["ENTITIES", "ref_of_key", "runs_json"]

MOST: Final = 1000
"""Most rows of one page."""

_DATASET_ASPECTS: Final = (
    "documentation", "ownership", "license", "provenance", "terms", "legal_basis", "retention",
    "tags", "scan", "pii", "deidentification", "assertions", "gate", "statistics", "lifecycle",
    "storage", "symlinks", "purged", "erasure", "affected", "verdict", "stale",
)  # fmt: skip
_MODEL_ASPECTS: Final = (
    "model", "training", "ownership", "license", "terms", "legal_basis", "gate", "verdict", "stale",
    "waiver", "waiver_ended", "retention", "erasure", "affected", "purged", "tags", "statistics",
)  # fmt: skip
_RUNS_SHOWN: Final = 20


class ListEntities(Body, frozen=True, kw_only=True):
    """Part of a name, and the page: ``after`` is the last key of the page before."""

    text: str = ""
    after: str = ""
    limit: int = 100


class ListJobs(ListEntities, frozen=True, kw_only=True):
    """With ``offset``, which Marquez' clients send, the answer has ``jobs`` in its form too."""

    offset: int | None = None


class ShowEntity(Body, frozen=True, kw_only=True):
    """A reference or an unambiguous short name, and the moment."""

    ref: str
    as_of: str = ""


class ListRuns(Body, frozen=True, kw_only=True):
    """Runs of one job, or of all, and the page: ``after`` is ``next`` of the page before."""

    job: str = ""
    after: str = ""
    limit: int = 100


def _list(services: Services, label: Label, params: ListEntities) -> dict[str, Json]:
    limit = _limit(params.limit)
    nodes = services.state.list_nodes(label, text=params.text, after=params.after, limit=limit + 1)
    shown = nodes[:limit]
    return {
        "items": [_row(node) for node in shown],
        "next": shown[-1].key if len(nodes) > limit else None,
        "count": services.state.count(label),
        "known_at": services.state.position(),
    }


def _row(node: Node) -> dict[str, Json]:
    props = {name: value for name, value in node.props.items() if value not in (None, "")}
    return {"ref": reference_text(node, node.key), "key": node.key, **props}


def _limit(asked: int) -> int:
    check_limit(asked, MOST)
    return asked


def _datasets(services: Services, params: ListEntities) -> Json:
    return _list(services, "Dataset", params)


def _models(services: Services, params: ListEntities) -> Json:
    return _list(services, "Model", params)


def _jobs(services: Services, params: ListJobs) -> Json:
    answer = _list(services, "Job", params)
    if params.offset is not None:
        limit, offset = Paged(limit=params.limit, offset=params.offset).page()
        answer |= jobs_page(services, None, limit, offset)
    return answer


def _dataset(services: Services, params: ShowEntity) -> Json:
    node, as_of = _find(services, params, "Dataset")
    answer = _shown(services, node, _DATASET_ASPECTS, as_of)
    answer["columns"] = _columns(services, node.key, as_of)
    answer["versions"] = [
        {
            "version": version.version,
            "first": format_millis(version.first),
            "last": format_millis(version.last),
            "run": ref_of_key(services, version.run_key) if version.run_key else None,
        }
        for version in services.state.versions(node.key, limit=_RUNS_SHOWN)
    ]
    return answer


def _columns(services: Services, key: str, as_of: int) -> list[Json]:
    """The columns, with what the schema in force says of each."""
    schema = services.state.aspects([key], ["schema"], as_of).get(key, {}).get("schema", [])
    fields = schema[0].value["fields"] if schema and schema[0].value else []
    texts = {one["name"]: one["description"] for one in fields if one.get("description")}
    made = []
    for column in services.state.columns(key):
        said = {name: v for name, v in column.props.items() if name not in ("namespace", "name")}
        text = texts.get(said.get("field"))
        made.append({**said, "description": text} if text else said)
    return made


def _model(services: Services, params: ShowEntity) -> Json:
    node, as_of = _find(services, params, "Model")
    return _shown(services, node, _MODEL_ASPECTS, as_of)


def _job(services: Services, params: ShowEntity) -> Json:
    node, as_of = _find(services, params, "Job")
    answer = _shown(services, node, ("documentation", "ownership", "tags"), as_of)
    runs = services.state.runs(job_key=node.key, limit=_RUNS_SHOWN)
    answer["runs"] = runs_json(services, runs)
    answer["nesting"] = nesting_of_job(services, node.key)
    return answer


def _runs(services: Services, params: ListRuns) -> Json:
    key = None
    if params.job:
        ref, key = resolve(services.state, services.identity, params.job)
        if not isinstance(ref, JobRef):
            raise InvalidInput("a job was expected", where=params.job, advice=A_JOB)
    listing = RunListing(services.state)
    runs, following = listing.runs(key, after=params.after, limit=_limit(params.limit))
    return {
        "items": runs_json(services, runs),
        "next": following,
        "count": services.state.count("Run"),
        "known_at": services.state.position(),
    }


def _run(services: Services, params: ShowEntity) -> Json:
    ref, key = resolve(services.state, services.identity, params.ref)
    run = services.state.run(key)
    if run is None:
        raise NotFound("there is no such run", where=params.ref, advice="see tracehold run-list")
    shown, *inside = runs_json(services, [run, *runs_inside(services, run)])
    nesting = nesting_of_run(run) | {"within": inside}
    return {**shown, "ref": str(ref), "facets": dict(run.facets), "nesting": nesting}


def runs_json(services: Services, runs: Sequence[RunRow]) -> list[dict[str, Json]]:
    """Runs as JSON: references for keys, RFC 3339 for times, and as what each is shown now."""
    streams = streaming_jobs(services.state, (run.job_key for run in runs))
    now, ages = services.clock(), services.settings.runs.ages
    refs = _refs_of_runs(services, runs)
    return [
        _run_json(run, shown_state(run, now=now, streaming=run.job_key in streams, ages=ages), refs)
        | {"streaming": run.job_key in streams}
        for run in runs
    ]


def _refs_of_runs(services: Services, runs: Sequence[RunRow]) -> Mapping[str, str]:
    """References of runs and of what they name, most of them looked up at once."""
    keys = {key for run in runs for key in (run.job_key, *run.inputs, *run.outputs)}
    nodes = services.state.nodes(sorted(keys))
    refs = {
        key: reference_text(nodes[key], key) if key in nodes else ref_of_key(services, key)
        for key in keys
    }
    for run in runs:
        props = nodes[run.job_key].props if run.job_key in nodes else {}
        name = str(props.get("name") or "")
        # What is too long to be shown in full is looked up where it stands.
        whole = bool(name) and len(name) <= NAME_SHOWN
        ref = str(RunRef(str(props["namespace"]), name, run.run_id)) if whole else ""
        refs[run.key] = ref or ref_of_key(services, run.key)
    return refs


def _run_json(run: RunRow, state: str, refs: Mapping[str, str]) -> dict[str, Json]:
    return {
        "ref": refs[run.key],
        "job": refs[run.job_key],
        "run_id": run.run_id,
        "state": state,
        "reported": run.state,
        "contradicted": run.contradicted,
        "started": None if run.started is None else format_millis(run.started),
        "ended": None if run.ended is None else format_millis(run.ended),
        "last": format_millis(run.last) if run.last else None,
        "inputs": [refs[key] for key in run.inputs],
        "outputs": [refs[key] for key in run.outputs],
    }


def ref_of_key(services: Services, key: str) -> str:
    """The reference of a key; ``dataset:?KEY`` where its name is gone, or that it is hidden."""
    if key.startswith(HIDDEN):
        return f"{MASK}:{key.removeprefix(HIDDEN)}"
    node = services.state.node(key)
    if node is None and services.seeing.limited and services.whole.state.node(key) is not None:
        return MASK
    if node is not None and node.label == "Run":
        props = node.props
        return str(RunRef(str(props["namespace"]), str(props["job"]), str(props["name"])))
    return reference_text(node, key)


def _find(services: Services, params: ShowEntity, label: Label) -> tuple[Node, int]:
    text = params.ref
    if ":" not in text:
        text = f"{label.lower()}:{text}"
    ref, key = resolve(services.state, services.identity, text)
    node = services.state.node(key)
    if node is None or node.label != label:
        raise NotFound(
            f"this is no {label.lower()}",
            where=str(ref),
            advice=f"see tracehold {label.lower()} list",
        )
    if isinstance(ref, ModelRef) and node.props.get("version") != ref.version:
        raise NotFound(
            "there is no such version of the model",
            where=str(ref),
            advice="see tracehold model list",
        )
    return node, moment(services, params.as_of)


def _shown(services: Services, node: Node, aspects: tuple[str, ...], as_of: int) -> dict[str, Json]:
    held = services.state.aspects([node.key], aspects, as_of).get(node.key, {})
    return {
        **_row(node),
        "label": node.label,
        "aspects": {
            name: [_value_json(value) for value in values] for name, values in held.items()
        },
        "as_of": format_millis(as_of),
        "known_at": services.state.position(),
    }


def _value_json(value: AspectValue) -> dict[str, Json]:
    return {
        "value": value.value,
        "slot": value.slot,
        "source": value.source,
        "since": format_millis(value.time) if value.time else None,
        "fact": value.fact_id,
        "losers": [{"source": source, "value": lost} for source, lost in value.losers],
    }


ENTITIES: Final = (
    Question("datasets", "List datasets.", ListEntities, _datasets),
    Question("dataset", "One dataset with its terms, columns and versions.", ShowEntity, _dataset),
    Question("models", "List versions of models.", ListEntities, _models),
    Question("model", "One version of a model.", ShowEntity, _model),
    Question("jobs", "List jobs.", ListJobs, _jobs),
    Question("job", "One job with its newest runs.", ShowEntity, _job),
    Question("runs", "List runs, newest first.", ListRuns, _runs),
    Question("run", "One run.", ShowEntity, _run),
)
