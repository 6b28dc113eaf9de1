"""Keys and proofs at the command line and over HTTP: rotate, lose, follow, extend, export."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tracehold_world import Api, complete, services_of, workspace

from lineage.clock import system_clock
from lineage.journal.checkpoint import Signer, sign_note
from lineage.journal.keys import SECRET, SIGNING_KEY, load_signer
from privacy.deletion.certificate import FORMAT
from tracehold.cli.main import run
from tracehold.evidence import keys_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace in which three runs were reported."""
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        for number in range(1, 4):
            event = complete(number=number)
            assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).is_success
    return settings.folder


class Shell:
    """The command line in one workspace."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.capsys = capsys
        self.folder = folder
        self.keys = folder / ".tracehold-keys"

    def said(self, *words: object) -> tuple[int, str, str]:
        code = run([*map(str, words), "--workspace", str(self.folder)])
        return code, *self.capsys.readouterr()

    def answer(self, *words: object, code: int = 0) -> Any:
        got, out, err = self.said(*words, "--json")
        assert got == code, (out, err)
        return json.loads(out or err)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], folder: Path) -> Shell:
    return Shell(capsys, folder)


def verify_log(log: Path, *words: object) -> int:
    command = [sys.executable, str(log / "verify_log.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_key_is_rotated_and_auditors_follow(shell: Shell, tmp_path: Path) -> None:
    kept, proof, chain = (tmp_path / name for name in ("kept", "proof", "keys.json"))
    shell.answer("journal", "checkpoint", "--out", kept)
    planned = shell.answer("journal", "rotate-key", "--dry-run")
    former = planned["former"]
    assert (planned["verifier_key"], planned["position"]) == (former, None)
    done = shell.answer("journal", "rotate-key")
    assert done["former"] == former != done["verifier_key"]
    code, out, _ = shell.said("journal", "rotate-key")
    assert (code, "who keeps the former key" in out) == (0, True)
    found = shell.answer("journal", "verify", "--witness", kept, "--key", former)
    assert (found["ok"], found["problems"], found["breaks"]) == (True, [], [])
    assert found["verifier_key"] not in (former, done["verifier_key"])
    stranger = str(Signer("tracehold.local/shop", b"s" * 32).verifier)
    refused = shell.answer("journal", "verify", "--key", stranger, code=1)
    assert "not chained" in refused["problems"][0]["what"]

    extended = shell.answer("journal", "checkpoint", "--since", kept, "--out", proof)
    assert extended["since"] < extended["size"]
    shell.answer("journal", "stream", "keys", "--proof", chain)
    shell.answer("journal", "export", tmp_path / "log", "--tiles")
    log = tmp_path / "log"
    assert verify_log(log, "consistency", proof, "--since", kept, "--vkey", former) == 1
    for words in (
        ("consistency", proof, "--since", kept, "--vkey", former, "--keys", chain),
        ("stream", chain, "--vkey", former, "--keys", chain),
        ("log", log, "--vkey", former, "--since", kept, "--stream", chain),
    ):
        assert verify_log(log, *words) == 0, words


def test_certificates_of_a_former_key_stay_good(shell: Shell, tmp_path: Path) -> None:
    signer = load_signer(shell.keys)
    fields = {"format": FORMAT, "id": "c1", "case": "k1", "approvals": []}
    certificate = tmp_path / "certificate.txt"
    certificate.write_text(sign_note(signer, json.dumps(fields) + "\n"), "utf-8")
    former = str(signer.verifier)
    shell.answer("journal", "rotate-key")
    chain = tmp_path / "keys.json"
    shell.answer("journal", "stream", "keys", "--proof", chain)
    present = keys_of(shell.folder / ".tracehold", shell.keys)[0]
    # Its signature is found good each time; that nobody approved is what is refused then.
    for words in ((), ("--key", former), ("--key", present, "--keys", chain)):
        error = shell.answer("certificate", "verify", certificate, *words, code=1)
        assert "approved" in error["what"], words
    error = shell.answer("certificate", "verify", certificate, "--key", present, code=1)
    assert "not signed" in error["what"]
    chain.write_text("{}")
    words = ("certificate", "verify", certificate, "--key", present, "--keys", chain)
    assert "does not hold" in shell.answer(*words, code=1)["what"]


def test_a_lost_key_is_a_finding_until_the_new_one_is_accepted(
    shell: Shell, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    former = shell.answer("journal", "checkpoint", "--out", kept)["verifier_key"]
    assert shell.answer("journal", "rekey", code=2)["advice"]
    assert shell.answer("journal", "rekey", "--lost", code=4)["advice"]
    (shell.keys / SIGNING_KEY).unlink()
    lost = shell.answer("journal", "verify", code=3)
    assert lost["where"].endswith(SIGNING_KEY)
    assert "rekey --lost" in lost["advice"]
    assert shell.answer("journal", "verify", "--key", former)["ok"]
    assert shell.answer("journal", "export", tmp_path / "facts.jsonl")["facts"] > 6
    assert shell.answer("journal", "rekey", "--lost", "--dry-run")["position"] is None
    assert not (shell.keys / SIGNING_KEY).exists()
    done = shell.answer("journal", "rekey", "--lost")
    found = shell.answer("journal", "verify", "--witness", kept, code=1)
    assert [one["where"] for one in found["breaks"]] == [f"fact {done['position']}"]
    assert found["problems"] == []
    code, out, _ = shell.said("journal", "verify")
    assert (code, "its key was lost" in out) == (1, True)
    assert not shell.answer("journal", "verify", "--key", former, code=1)["ok"]
    accepted = shell.answer("journal", "verify", "--key", done["verifier_key"])
    assert (accepted["ok"], len(accepted["breaks"])) == (True, 1)
    shell.answer("journal", "rotate-key")


def test_without_the_workspace_secret_facts_are_exported(shell: Shell, tmp_path: Path) -> None:
    (shell.keys / SECRET).unlink()
    assert shell.answer("dataset", "list", code=3)["where"].endswith(SECRET)
    assert shell.answer("journal", "export", tmp_path / "facts.jsonl")["facts"] > 6
    assert shell.answer("journal", "export", tmp_path / "log", "--tiles")["facts"] > 6


def test_streams_are_listed_and_shown(shell: Shell) -> None:
    streams = shell.answer("journal", "stream")["streams"]
    assert [one["stream"] for one in streams] == ["people"]
    stream = shell.answer("journal", "stream", "people")
    numbers = [json.loads(member["envelope"])["sequence"] for member in stream["members"]]
    assert numbers == list(range(1, streams[0]["facts"] + 1))
    code, out, _ = shell.said("journal", "stream", "people")
    assert (code, "signs that these are all" in out) == (0, True)
    assert shell.answer("journal", "stream", "nothing", code=2)["advice"]


def test_a_checkpoint_of_elsewhere_is_not_extended(shell: Shell, tmp_path: Path) -> None:
    note = sign_note(Signer("tracehold.local/shop", b"s" * 32), "tracehold.local/shop\n1\nAAAA\n")
    (tmp_path / "other").write_text(note, "utf-8")
    error = shell.answer("journal", "checkpoint", "--since", tmp_path / "other", code=1)
    assert "not signed by this key" in error["what"]
    assert shell.answer("journal", "checkpoint", "--since", tmp_path / "none", code=2)


def test_the_same_is_answered_over_http(folder: Path) -> None:
    from tracehold.settings import load

    settings = load(folder, environ={})
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        auditor = api.hire("ada", "auditor")

        def ask(path: str, *, status: int = 200) -> Any:
            answer = api.send("GET", f"/api/v1/{path}", token=auditor)
            assert answer.status_code == status, answer.text
            return answer.json()

        kept = ask("checkpoint")
        assert api.send("POST", "/api/v1/acts/key.rotate", token=auditor).status_code == 403
        rotated = api.send("POST", "/api/v1/acts/key.rotate", token=api.token(), json={})
        assert rotated.json()["former"] == kept["verifier_key"]
        keys = ask("keys")
        assert (keys["first"], len(keys["changes"])) == (kept["verifier_key"], 1)
        assert (
            keys["current"] == rotated.json()["verifier_key"] == ask("checkpoint")["verifier_key"]
        )
        proof = ask(f"consistency?since={quote(kept['checkpoint'])}")
        assert proof["proof"].startswith(f"old {kept['size']}\n")
        assert ask("consistency?since=x", status=422)
        assert {one["stream"] for one in ask("streams")["streams"]} == {"keys", "people"}
        assert ask("stream?stream=keys")["members"][0]["position"] == keys["changes"][0]["position"]
        assert ask("stream?stream=none", status=404)
        # The running server signs with the new key at once.
        assert services.journal.signer.verifier == services.journal.key_chain().current


def test_a_bundle_proves_that_its_holds_are_all_there_are(shell: Shell, tmp_path: Path) -> None:
    former = shell.answer("journal", "checkpoint")["verifier_key"]
    shell.answer("journal", "rotate-key")
    bundle = tmp_path / "bundle"
    shell.answer("evidence", "build", "clean_1", "--out", bundle)
    assert shell.answer("evidence", "verify", bundle, "--key", former)["ok"]
    streams = bundle / "documents" / "streams"
    chain = ("--vkey", former, "--keys", streams / "keys.json")
    assert verify_log(bundle, "stream", streams / "hold.json", *chain) == 0
    (streams / "hold.json").write_text((streams / "keys.json").read_text().replace("keys", "hold"))
    assert verify_log(bundle, "stream", streams / "hold.json", *chain) == 1
