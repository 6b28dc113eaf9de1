"""``tracehold demo``: from source to model to proven deletion, on real flights.

Each chapter does what a user would do, checks that it came out as told, and stops the story where
it did not. Acts go to the server, each with the token of who does it; what a user would read, the
command line reads, in a process of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lineage.clock import Clock, format_millis, system_clock
from lineage.errors import Conflict, Fault, InvalidInput, TraceholdError
from lineage.facts import Json
from tracehold.demo.narration import Chapter, Narrator
from tracehold.demo.processes import Finished, Server, command_line, pipeline_run, serving
from tracehold.demo.workspace import NAME, PEOPLE, Hands, deliver_sources, hire, make_workspace
from tracehold.lock import find_server
from tracehold.settings import FILE, Settings
from tracehold.workspace import PIPELINE, read_token

__all__ = ["run"]

V1, V2 = "model:no_show@1", "model:no_show@2"
_BOOKINGS: Final = f"dataset:[{NAME}]bookings"
_CUSTOMERS: Final = f"dataset:[{NAME}]customers"
_DAY: Final = 86_400_000
_MIRROR_SECONDS: Final = 30.0


def run(
    folder: Path | None = None,
    *,
    serve: bool = True,
    as_json: bool = False,
    fresh: bool = False,
    clock: Clock = system_clock,
) -> int:
    """Tell the whole story in a new workspace.

    Args:
        folder: Where the workspace is made; None for ``demo`` in the working directory.
        serve: Keep the server running at the end, until it is interrupted.
        as_json: One JSON object with all figures instead of the story.
        fresh: Delete a demo that is there already, and nothing else.
        clock: Epoch milliseconds.

    Returns:
        The exit code, 0.

    Raises:
        Conflict: The folder holds something, and ``fresh`` was not said or it is no demo.
        TraceholdError: A chapter failed; says which.
    """
    narrator = Narrator(as_json)
    target = (folder or Path("demo")).absolute()
    if fresh:
        _clear(target)
    with narrator.chapter("Make a workspace: real flights, customers that nobody is") as told:
        settings = make_workspace(target, clock)
        paths = deliver_sources(settings)
        size = sum(path.stat().st_size for path in paths) / 1e6
        narrator.command(["init", target.name])
        narrator.say(f"{len(paths)} source files, {size:.0f} MB; 336,776 flights of 2013 (CC0)")
        told.result = f"{len(paths)} sources, 10 datasets, 2 models declared"
    with serving(settings.folder) as server:
        _Story(settings, server, narrator, clock).tell()
        narrator.figures["workspace"] = str(settings.folder)
        narrator.figures["url"] = server.url
        narrator.summary([*_on_the_way(target), *_NEXT])
        if serve and not as_json:
            _stay(settings, server, narrator)
    return 0


def _clear(target: Path) -> None:
    if not target.exists():
        return
    settings = target / FILE
    named = settings.is_file() and f'name = "{NAME}"' in settings.read_text("utf-8")
    if not named or target.is_symlink():
        raise Conflict(
            "this folder is not a demo, so it is not deleted",
            where=str(target),
            advice="choose another folder",
        )
    if find_server(target / ".tracehold") is not None:
        raise Conflict("a server is running in the demo", where=str(target), advice="stop it first")
    shutil.rmtree(target)


@dataclass
class _Story:
    settings: Settings
    server: Server
    narrator: Narrator
    clock: Clock
    hands: Hands = field(init=False)

    def __post_init__(self) -> None:
        self.hands = Hands(self.settings, self.server.url)

    def tell(self) -> None:
        """Tell every chapter in order."""
        chapters: Sequence[tuple[str, Callable[[Chapter], None]]] = (
            ("Let people in, with duties kept apart", self.people),
            ("Run the pipeline: all but the model whose license gate fails", self.pipeline),
            ("Train model 1 alone: the guard inside asks again", self.guarded),
            ("A waiver for evaluation, and model 1 trains under it", self.waived),
            ("Check the licenses of both models", self.licenses),
            ("Where is personal data?", self.exposure),
            ("What is due?", self.due),
            ("Delete the overdue bookings, with proof", self.deletion),
            ("A hold wins", self.hold),
            ("Evidence to take home", self.evidence),
            ("Verify the journal, rebuild the state", self.journal),
            ("The graph", self.graph),
        )
        for title, part in chapters:
            with self.narrator.chapter(title) as told:
                try:
                    part(told)
                except TraceholdError as error:
                    error.add_note(f"in the chapter {title!r}")
                    raise

    def people(self, told: Chapter) -> None:
        hire(self.hands)
        self.narrator.command(["user", "add", "officer", "--role", "privacy-officer"])
        for name, roles in PEOPLE.items():
            self.narrator.say(f"{name:<11} {', '.join(roles)}")
        told.result = f"{len(PEOPLE)} people; requester, approvers and executor are four hands"

    def pipeline(self, told: Chapter) -> None:
        self.narrator.command(["run"])
        done = self._run()
        self._need(done.code == 1, f"the run ended with {done.code}, not 1", done)
        blocked, made = done.answer["blocked"], done.answer["made"]
        self._need(blocked == ["no_show_v1_training:license_gate"], f"blocked: {blocked}", done)
        self._need("model_no_show_v2" in made, "model 2 was not trained", done)
        self._need("model_no_show_v1" not in made, "model 1 was trained", done)
        self._show_refusal(done.error)
        told.result = f"{len(made)} assets made, 1 blocked by its license"

    def guarded(self, told: Chapter) -> None:
        self.narrator.command(["run", "no_show@1"])
        done = self._run("no_show@1")
        self._need(done.code == 1 and not done.answer["made"], "model 1 was trained", done)
        told.result = "refused; nothing was trained"

    def waived(self, told: Chapter) -> None:
        self.narrator.command(
            ["waiver grant no_show@1 --scope license/non-commercial --as approver-1 …"]
        )
        granted = self._act(
            "approver-1",
            "waiver.grant",
            model=V1,
            scope="license/non-commercial",
            reason="Evaluation in house only; the model is not released",
            expires=format_millis(self.clock() + 30 * _DAY),
        )
        self.narrator.say(f"waiver {granted['waiver']} by approver-1, for 30 days")
        self.narrator.command(["run", "no_show@1"])
        done = self._run("no_show@1")
        self._need(done.code == 0 and done.answer["made"] == ["model_no_show_v1"], "no model", done)
        self.narrator.figures["waiver"] = granted["waiver"]
        told.result = f"trained under {granted['waiver']}"

    def licenses(self, told: Chapter) -> None:
        first = self._command("license", "check", V1)
        self._need(first.code == 1, f"license check of model 1 ended with {first.code}", first)
        self.narrator.refused(f"{V1}: {first.answer['verdict']}, exit code 1")
        path = _path(first.answer)
        self.narrator.path(path)
        self._need(len(path) > 2, "the verdict shows no path", first)
        second = self._command("license", "check", V2)
        self._need(second.code == 0, f"license check of model 2 ended with {second.code}", second)
        self.narrator.good(f"{V2}: {second.answer['verdict']}, exit code 0")
        told.result = "model 1 denied with its path, model 2 allowed"

    def exposure(self, told: Chapter) -> None:
        done = self._command("pii", "exposure")
        rows = done.answer["rows"]
        held = sorted({(row["dataset"], row["entity"]) for row in rows})
        for dataset in sorted({dataset for dataset, _ in held}):
            entities = ", ".join(entity for one, entity in held if one == dataset)
            self.narrator.say(f"{dataset}: {entities}")
        for one in done.answer["stopped"]:
            self.narrator.good(f"{one['entity']} stopped at {one['ref']} ({one['operator']})")
        self._need(bool(held), "no personal data was found", done)
        derived = [dataset for dataset, _ in held if "_training" in dataset]
        self._need(not derived, "personal data reached a training set", done)
        columns = {row["ref"] for row in rows if not row["dataset"].startswith("dataset:[file]")}
        told.result = f"in {len(columns)} columns; none reached a training set"

    def due(self, told: Chapter) -> None:
        done = self._command("retention", "due")
        overdue = [row for row in done.answer["items"] if row["outcome"] == "due"]
        for row in overdue:
            self.narrator.refused(f"{row['ref']}: {'; '.join(row['reasons'])}")
        classes = {name for row in overdue for name in row["classes"]}
        self._need(classes == {"booking_records"}, f"overdue: {classes}", done)
        told.result = "1 class is overdue: booking_records"

    def deletion(self, told: Chapter) -> None:
        self.narrator.command(["retention request bookings --quarantine-days 0 --as officer …"])
        asked = self._act(
            "officer",
            "deletion.request",
            targets=[_BOOKINGS],
            legal_ground="GDPR Art. 5(1)(e)",
            reason="ten years are over",
            quarantine_days=0,
        )
        case = asked["case"]
        self.narrator.command([f"retention plan {case} --as officer …"])
        plan = self._plan(case)
        for name in ("approver-1", "approver-2"):
            self.narrator.command([f"retention approve {case} --as {name} …"])
            self._act(name, "deletion.approve", case=case, plan_hash=plan["plan_hash"])
        self.narrator.command([f"retention apply {case} --as executor"])
        done = self._act("executor", "deletion.apply", case=case)
        certificate = done["certificate"]
        if not certificate:
            raise Fault(f"the deletion ended as {done['phase']}", where=case)
        self.narrator.good(f"certificate {certificate}: {done['purged']} files purged")
        checked = self._command("certificate", "verify", certificate)
        self._need(checked.code == 0, "the certificate does not verify", checked)
        again = self._command("retention", "verify", case)
        self._need(again.code == 0 and again.answer["clean"], "something is left", again)
        still = self._command("retention", "due")
        due = [row["ref"] for row in still.answer["items"] if row["outcome"] == "due"]
        self._need(not due, f"still due: {due}", still)
        self.narrator.figures |= {"case": case, "certificate": certificate}
        told.result = f"{done['purged']} files gone, certificate verified, both models affected"

    def _plan(self, case: str) -> Mapping[str, Any]:
        reasons = {
            "bookings_clean": "keep-deidentified",
            "no_show_v1_training": "keep-deidentified",
            "no_show_v2_training": "keep-deidentified",
        }
        choices = {
            f"dataset:[{NAME}]{name}": {
                "decision": decision,
                "reason": "contact and payment details were removed, and it was scanned again",
            }
            for name, decision in reasons.items()
        }
        planned: Mapping[str, Any] = self._act(
            "officer", "deletion.plan", case=case, choices=choices
        )
        plan = planned["plan"]
        for item in plan["items"]:
            self.narrator.say(f"erase      {item['path']}")
        for one in plan["derived"]:
            self.narrator.say(f"{one['decision']:<10} {one['ref']} ({one['decided_by']})")
        for one in plan["out_of_reach"]:
            self.narrator.say(f"by hand    {one['location'] or one['ref']}: {one['why']}")
        models = {one["ref"] for one in plan["derived"]}
        if not {V1, V2} <= models:
            raise Fault("the plan does not reach both models", where=", ".join(sorted(models)))
        return planned

    def hold(self, told: Chapter) -> None:
        self.narrator.command(["hold place customers --as officer …"])
        held = self._act(
            "officer",
            "hold.place",
            scope=[_CUSTOMERS],
            matter="claim 2026-17 (fictional)",
            reason="evidence in a dispute must be kept",
        )
        asked = self._act(
            "officer",
            "deletion.request",
            targets=[_CUSTOMERS],
            legal_ground="GDPR Art. 17(1)(a)",
            reason="no longer needed",
        )
        try:
            self._act("officer", "deletion.plan", case=asked["case"])
        except Conflict as error:
            self.narrator.refused(str(error))
        else:
            raise Fault("a hold did not stop a deletion", where=asked["case"])
        told.result = f"hold {held['hold']} stopped the deletion of customers"

    def evidence(self, told: Chapter) -> None:
        bundle = self.settings.folder / "evidence"
        case = str(self.narrator.figures["case"])
        built = self._command(
            "evidence", "build", V1, case, "--out", str(bundle), shown="evidence build no_show@1 …"
        )
        self._need(built.code == 0, "no bundle was built", built)
        path = Path(built.answer["bundle"])
        checked = self._command("evidence", "verify", str(path))
        self._need(checked.code == 0, "the bundle does not verify", checked)
        # The way an auditor does it: one file of standard Python, without Tracehold.
        alone = subprocess.run(  # noqa: S603 - the verifier that was just written
            [sys.executable, "-I", str(path / "verify.py"), str(path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=path,
            env={"PATH": os.environ.get("PATH", "")},
        )
        if alone.returncode != 0:
            raise Fault("the single-file verifier refuses the bundle", where=str(path))
        self.narrator.good(f"{path.name}: verified by its own verify.py, without Tracehold")
        self.narrator.figures["bundle"] = str(path)
        told.result = "bundle built and verified twice"

    def journal(self, told: Chapter) -> None:
        checked = self._command("journal", "verify")
        self._need(checked.code == 0, "the journal does not verify", checked)
        rebuilt = self._command("journal", "rebuild", "--dry-run")
        self._need(rebuilt.code == 0, "the state could not be rebuilt equal", rebuilt)
        told.result = f"{checked.answer['size']} facts verified; the rebuilt state is equal"

    def graph(self, told: Chapter) -> None:
        if not self.settings.graph.url:
            self.narrator.say("embedded in SQLite; nothing to start")
            told.result = "embedded; set graph.url for Neo4j"
            return
        until = time.monotonic() + _MIRROR_SECONDS
        while True:
            done = self._command("graph", "status", "--verify")
            if done.code == 0 and done.answer.get("equal"):
                break
            self._need(time.monotonic() < until, "Neo4j differs from the SQL state", done)
            time.sleep(1)
        self.narrator.figures["mirror"] = done.answer["mirror"]
        told.result = f"Neo4j at fact {done.answer['mirror']['position']}, digest equal"

    def _run(self, *names: str) -> Finished:
        token = read_token(self.settings, PIPELINE)
        say = self.narrator.say
        done = pipeline_run(self.settings.folder, self.server, token, names, say)
        self._need(done.answer is not None, "the run gave no answer", done)
        return done

    def _command(self, *words: str, shown: str = "") -> Finished:
        self.narrator.command([shown] if shown else words)
        done = command_line(self.settings.folder, *words)
        self._need(done.answer is not None, f"{' '.join(words[:2])} gave no answer", done)
        return done

    def _act(self, person: str, name: str, /, **body: Json) -> Any:
        return self.hands.act(person, name, **body)

    def _need(self, holds: bool, what: str, done: Finished) -> None:
        if not holds:
            last = done.error.strip().splitlines()[-1:] or [""]
            raise InvalidInput(
                f"the demo did not go as told: {what}",
                where=last[0],
                advice="start over with --fresh; if it happens again, report it",
            )

    def _show_refusal(self, said: str) -> None:
        for line in said.splitlines():
            ways = [part for part in line.split(": ") if " → " in part]
            if "license_gate" in line and ways:
                self.narrator.path(ways[0].partition("; ")[0].split(" → "))
                return


def _path(answer: Mapping[str, Any]) -> list[str]:
    reasons = answer.get("reasons") or []
    return next((list(one["path"]) for one in reasons if one.get("path")), [])


_NEXT: Final = (
    ("tracehold trace model:no_show@1", "every source of model 1, with its terms at each step"),
    ("tracehold trace bookings --down --view content", "where the bookings went"),
    ("tracehold pii exposure model:no_show@2", "whether a model has seen personal data"),
    ("tracehold certificate list", "the proof of the deletion"),
    ("tracehold check", "manifests and policies, offline, as in your CI; 1, for model 1 is denied"),
    ("tracehold up", "pages and API; tracehold user login opens them"),
)


def _on_the_way(target: Path) -> list[tuple[str, str]]:
    """How to come to the workspace and, where the command is not on the path, to the command."""
    steps = [(f"cd {target}", "the workspace")]
    activate = Path(sys.executable).parent / "activate"
    if shutil.which("tracehold") is None and activate.exists():
        steps.insert(0, (f". {activate}", "puts tracehold on the path of this shell"))
    return steps


def _stay(settings: Settings, server: Server, narrator: Narrator) -> None:
    opened = Hands(settings, server.url).act("officer", "login.open")
    narrator.say(f"\n    {server.url}/login  code {opened['code']} (10 minutes, as officer)")
    narrator.say("    Ctrl-C stops the server")
    try:
        server.process.wait()
    except KeyboardInterrupt:
        narrator.say("stopped; the workspace stays")
