"""What a caller may not see is in no answer: not its name, not in a count, not by asking for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import httpx
import msgspec
import pytest
from attacked import patterns, with_pages
from seeing_world import CLOSED, SECRET, Estate, estate
from tracehold_world import Api

from lineage.facts import Json
from tracehold.questions import QUESTIONS

JOINED = "dataset:[shop]joined"
PATIENTS = f"dataset:[shop]patients_{SECRET}"
SALARIES = f"dataset:[{CLOSED}]salaries_{SECRET}"
VISIBLE = [
    JOINED, "dataset:[shop]orders", "dataset:[shop]report", "column:[shop]joined#id",
    "job:[shop]join", "job:[shop]admit", "job:[shop]load",
]  # fmt: skip
WORDS = ["o", "patients", "alias", "pay", "ill", "a*"]
MORE = [
    {"direction": "down"}, {"columns": "true"}, {"view": "content"}, {"depth": "1"},
    {"known_at": "20"}, {"as_of": "2026-01-01T01:00:00Z"}, {"rollup": "true"}, {"limit": "2"},
]  # fmt: skip


@pytest.fixture(scope="module")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with estate(tmp_path_factory.mktemp("hiding") / "shop") as made:
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with estate(tmp_path_factory.mktemp("bare") / "shop", hidden=False) as made:
        yield made


def asked(name: str, made: Estate) -> Iterator[dict[str, str]]:
    """Parameters that a question can be asked with: every visible thing, each fact, each case."""
    form = {field.encode_name for field in msgspec.structs.fields(QUESTIONS[name].params)}
    facts = [fact.fact_id for fact in made.api.services.journal.read(0, 1000)]
    runs = [run.run_id for run in made.api.services.state.runs()]
    values = {
        **dict.fromkeys(("ref", "model", "to", "nodeId", "about"), VISIBLE),
        "job": ["join", "admit", *VISIBLE], "dataset": ["joined", "orders", *VISIBLE],
        "name": ["joined", "orders", "join", "admit"], "namespace": ["shop"], "text": WORDS,
        "q": WORDS, "id": facts + runs, "runId": runs, "version": runs, "case": ["D-1"],
        "stream": ["hold", "people", "deletion/D-1"], "producer": ["admin"], "source": ["shop"],
        "type": ["run", "job", "dataset"], "check": ["true"],
    }  # fmt: skip
    usual = {word: values[word][0] for word in ("ref", "namespace", "job", "dataset", "id", "type")}
    base = {word: value for word, value in usual.items() if word in form}
    yield {}
    for word in sorted(values.keys() & form):
        for value in values[word]:
            yield {word: value}
            yield base | {word: value}
            for more in MORE:
                if more.keys() <= form:
                    yield base | {word: value} | more


def get(made: Estate, token: str, name: str, params: dict[str, str]) -> httpx.Response:
    steps = {step: params.get(step, "x") for step in re.findall(r"\{(\w+)\}", name)}
    path = name.format(**{step: quote(value, safe="") for step, value in steps.items()})
    rest = {word: value for word, value in params.items() if word not in steps}
    return made.api.send("GET", f"/api/v1/{path}?{urlencode(rest)}", token=token)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_no_question_tells_a_hidden_name(name: str, hiding: Estate) -> None:
    for params in asked(name, hiding):
        answer = get(hiding, hiding.engineer, name, params)
        assert answer.status_code < 500, answer.text
        assert SECRET not in answer.text, (name, params, answer.text[:2000])


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_who_sees_all_is_shown_all_that_questions_say(name: str, hiding: Estate) -> None:
    """The test above would pass where nothing was ever shown to anybody."""
    for params in asked(name, hiding):
        answer = get(hiding, hiding.auditor, name, params)
        assert answer.status_code != 403, (name, params)


def test_the_auditor_reads_what_the_engineer_does_not(hiding: Estate) -> None:
    for path in (
        f"dataset?ref={PATIENTS}", f"trace?ref={JOINED}", "holds", "deletions", "pii.exposure",
        "datasets", f"job?ref=job:[{CLOSED}]pay_{SECRET}", "runs", "overview",
        "retention.due", "license.verdict?ref=dataset:[shop]report", "decisions",
    ):  # fmt: skip
        assert SECRET in str(hiding.ask(hiding.auditor, path)), path


@pytest.mark.parametrize("ref", [PATIENTS, SALARIES, f"column:[shop]patients_{SECRET}#id"])
@pytest.mark.parametrize("question", ["dataset", "trace", "license.verdict", "diff", "decisions"])
def test_what_is_hidden_is_answered_like_what_is_not_there(
    ref: str, question: str, hiding: Estate
) -> None:
    hidden = get(hiding, hiding.engineer, question, {"ref": ref})
    absent = ref.replace(SECRET, "nowhere")
    nothing = get(hiding, hiding.engineer, question, {"ref": absent})
    assert hidden.status_code == nothing.status_code
    assert hidden.text.replace(SECRET, "nowhere") == nothing.text


@pytest.mark.parametrize("label", ["datasets", "jobs", "models"])
def test_list_and_get_agree(label: str, hiding: Estate) -> None:
    every = hiding.ask(hiding.auditor, label)["items"]
    shown = {row["ref"] for row in hiding.ask(hiding.engineer, label)["items"]}
    for row in every:
        got = get(hiding, hiding.engineer, label[:-1], {"ref": row["ref"]})
        assert (got.status_code == 200) is (row["ref"] in shown), row["ref"]


def test_counts_are_those_of_an_estate_without_the_hidden_part(
    hiding: Estate, bare: Estate
) -> None:
    for path in ("datasets", "jobs", "models", "holds", "deletions", "certificates"):
        one, two = hiding.ask(hiding.engineer, path), bare.ask(bare.engineer, path)
        refs = [
            [row.get("ref") or row.get("matter") for row in answer["items"]]
            for answer in (one, two)
        ]
        if path == "jobs":  # one visible job works on hidden data alone
            refs[0].remove("job:[shop]admit")
            one["count"] -= 1
        if path == "holds":  # one hold covers a visible dataset beside a hidden one
            refs[0].remove("m2")
        assert refs[0] == refs[1], path
        assert one.get("count") == two.get("count"), path
    counted = hiding.ask(hiding.engineer, "overview")["counts"]
    known = bare.ask(bare.engineer, "overview")["counts"]
    # A visible job with its run that only hidden data passes through.
    assert counted == known | {"job": known["job"] + 1, "run": known["run"] + 1}
    coverage = [
        made.ask(made.engineer, f"trace?ref={JOINED}")["coverage"] for made in (hiding, bare)
    ]
    for one in coverage:
        one.pop("known_at")
    assert coverage[0] == coverage[1]


def test_a_trace_shows_what_is_hidden_as_hidden(hiding: Estate) -> None:
    found = hiding.ask(hiding.engineer, f"trace?ref={JOINED}")
    assert [node["ref"] for node in found["nodes"] if node["label"] == "Hidden"]
    assert found["hidden"]["nodes"] == 2
    assert not found["complete"]
    every = hiding.ask(hiding.auditor, f"trace?ref={JOINED}")
    assert every["hidden"] == {"nodes": 0, "behind": False}
    assert len(every["nodes"]) > len(found["nodes"])


def test_pages_of_a_list_hold_only_what_is_seen_and_all_of_it(hiding: Estate) -> None:
    seen: list[str] = []
    after = ""
    while True:
        page = hiding.ask(hiding.engineer, f"datasets?limit=1&after={after}")
        seen += [row["ref"] for row in page["items"]]
        if not page["next"]:
            break
        after = page["next"]
    assert seen == [row["ref"] for row in hiding.ask(hiding.engineer, "datasets")["items"]]


def test_no_page_tells_a_hidden_name(hiding: Estate) -> None:
    services = hiding.api.services
    served = with_pages(Api(services, hiding.api.settings))
    state = services.state
    keys = [n.key for label in ("Dataset", "Job", "Column") for n in state.list_nodes(label)]
    keys += [run.key for run in state.runs()]
    paths = []
    for method, route in patterns(served):
        if method != "GET" or route.startswith(("/api/", "/static", "/logout")):
            continue
        filled = keys if "{key}" in route else ["D-1"]
        paths += [route.replace("{key}", k).replace("{name}", k) for k in filled]
    assert len(paths) > len(keys)
    statuses: dict[int, int] = {}
    for path in dict.fromkeys(paths):
        answer = served.send("GET", path, token=hiding.engineer)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert answer.status_code in (200, 303, 400, 404), (path, answer.status_code)
        assert SECRET not in answer.text, path
    assert statuses[200] > 10


def test_a_verdict_counts_what_is_hidden_without_naming_it(hiding: Estate) -> None:
    path = "license.verdict?ref=dataset:[shop]report"
    limited, every = hiding.ask(hiding.engineer, path), hiding.ask(hiding.auditor, path)
    assert limited["verdict"] == every["verdict"]
    assert [one["code"] for one in limited["reasons"]] == [one["code"] for one in every["reasons"]]
    assert SECRET in str(every)


def test_acts_decide_by_everything_and_tell_no_hidden_name(hiding: Estate) -> None:
    said = hiding.do(hiding.engineer, "license.record", ref="dataset:[shop]report")
    assert SECRET not in str(said)
    stored = hiding.api.services.journal.get(said["fact"])
    assert stored.distilled is not None
    assert SECRET.encode() in stored.distilled
    evaluated = hiding.do(hiding.engineer, "retention.evaluate")
    assert SECRET not in str(evaluated)


def test_a_reporter_names_in_full_what_it_may_not_look_at(hiding: Estate) -> None:
    scan: dict[str, Json] = {"engine": "t", "config_digest": "c", "rows": 1, "columns": {}}
    producer = hiding.api.token("pipeline")
    said = hiding.do(producer, "pii.record", dataset=PATIENTS, **scan)
    assert said["columns"] == 0


def test_a_gate_decides_by_everything_and_tells_no_hidden_name(hiding: Estate) -> None:
    asked = {"model": "m", "version": "1", "training_set": JOINED}
    pipeline, admin = hiding.api.token("pipeline"), hiding.api.token()
    said = hiding.api.send("POST", "/api/v1/gates/train", token=pipeline, json=asked)
    assert said.status_code == 200
    assert SECRET not in said.text
    assert said.json()["verdict"] != "allowed"
    stored = hiding.api.services.journal.get(said.json()["fact"])
    assert stored.distilled is not None
    assert SECRET.encode() in stored.distilled
    # A step trains on its own data, and need not be allowed to look at them.
    own = {**asked, "training_set": PATIENTS}
    assert hiding.api.send("POST", "/api/v1/gates/train", token=admin, json=own).is_success


def test_an_act_finds_no_hidden_thing_by_part_of_its_name(hiding: Estate) -> None:
    for text in (f"patients_{SECRET}", "patients", f"dataset:patients_{SECRET}"):
        body = {"ref": text}
        said = hiding.api.send(
            "POST", "/api/v1/acts/license.record", token=hiding.engineer, json=body
        )
        assert said.status_code == 404, said.text
