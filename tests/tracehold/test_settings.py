"""Settings are read once, strictly, and say where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineage.errors import InvalidInput, NotFound, Unavailable
from tracehold.settings import load, local_graph_home


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tracehold.toml").write_text(text)
    return folder


def test_the_nearest_file_above_counts_and_folders_become_absolute(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "outer"\n')
    inner = write(tmp_path / "inner", '[workspace]\nname = "inner"\n[storage]\ndata = "d"\n')
    below = inner / "a" / "b"
    below.mkdir(parents=True)

    settings = load(below, environ={})

    assert settings.workspace.name == "inner"
    assert settings.storage.data == inner / "d"
    assert settings.storage.keys == inner / ".tracehold-keys"


def test_without_a_file_the_advice_is_to_make_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load(tmp_path, environ={})
    assert "tracehold init" in caught.value.advice


@pytest.mark.parametrize(
    ("text", "where", "advice"),
    [
        ('[workspace]\nname = "x"\n\n[server]\nprot = 1\n', ":5", "'port'"),
        ('[workspace]\nname = "x"\n[grph]\nurl = "bolt://h"\n', ":3", "'graph'"),
        ('[workspace]\nname = "x"\n[server]\nport = "many"\n', ":4", ""),
        ('[workspace]\nname = "x"\n[server]\nport = true\n', ":4", ""),
        ('[workspace]\nname = "x"\n[clock]\njudgement_now = "soon"\n', ":4", "ISO 8601"),
        ('[workspace]\nname = "a b"\n', ":2", "letters"),
        ('[workspace]\nname = "x"\n[limits]\ntrace_depth = 0\n', ":4", ""),
        ('[workspace]\nname = "x"\n[server]\nhost = "0.0.0.0"\n', ":4", "exposed"),
        ("[workspace\n", "", ""),
    ],
)
def test_a_wrong_setting_names_its_line_and_the_fix(
    tmp_path: Path, text: str, where: str, advice: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, environ={})
    assert caught.value.where.endswith(f"tracehold.toml{where}")
    assert advice in caught.value.advice


def test_the_environment_overrides_and_is_held_to_the_same_rules(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n[server]\nport = 1\n')
    environ = {"TRACEHOLD_SERVER_PORT": "0", "TRACEHOLD_GRAPH_URL": "bolt://h:1", "HOME": "/x"}

    settings = load(tmp_path, environ=environ)

    assert (settings.server.port, settings.graph.url) == (0, "bolt://h:1")
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, environ={"TRACEHOLD_SERVER_PROT": "0"})
    assert "'port'" in caught.value.advice
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, environ={"TRACEHOLD_SERVER_PORT": "x"})
    assert "TRACEHOLD_SERVER_PORT" in caught.value.where


def test_other_variables_of_ours_are_no_settings(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n')
    load(
        tmp_path, environ={"TRACEHOLD_URL": "u", "TRACEHOLD_TOKEN": "t", "TRACEHOLD_WORKSPACE": "w"}
    )


def test_no_repr_shows_the_password_wherever_it_came_from(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n[graph]\npassword_file = "pw"\n')
    (tmp_path / "pw").write_text("from-the-file\n")
    (tmp_path / "pw").chmod(0o600)

    settings = load(tmp_path, environ={})

    assert settings.graph.password == "from-the-file"
    assert "from-the-file" not in repr(settings)
    by_environment = load(tmp_path, environ={"TRACEHOLD_GRAPH_PASSWORD": "from-outside"})
    assert by_environment.graph.password == "from-outside"
    assert "from-outside" not in repr(by_environment)


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n[graph]\npassword_file = "pw"\n')
    (tmp_path / "pw").write_text("secret\n")
    (tmp_path / "pw").chmod(0o644)
    with pytest.raises(Unavailable) as caught:
        load(tmp_path, environ={})
    assert "chmod 600" in caught.value.advice


def test_the_password_never_stands_in_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n[graph]\npassword = "p"\n')
    with pytest.raises(InvalidInput, match=r"graph\.password"):
        load(tmp_path, environ={})


def test_a_local_neo4j_counts_only_while_it_runs_and_never_over_a_url(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n')
    home = local_graph_home(tmp_path / ".tracehold")
    home.mkdir(parents=True)
    record = {"url": "bolt://127.0.0.1:1", "user": "neo4j", "password": "long-enough", "pid": 1}
    (home / "server.json").write_text(json.dumps(record))

    assert load(tmp_path, environ={}).graph.url == ""
    by_environment = load(tmp_path, environ={"TRACEHOLD_GRAPH_URL": "bolt://h:1"})
    assert by_environment.graph.url == "bolt://h:1"


def test_rights_to_look_are_lists_of_known_words(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nname = "x"\n[access]\nopen = ["shop*"]\nguarded = []\n')
    access = load(tmp_path, environ={}).access
    assert (access.open, access.guarded) == (("shop*",), ())
    write(tmp_path, '[workspace]\nname = "x"\n[access]\nguarded = ["secret"]\n')
    with pytest.raises(InvalidInput, match="no class of sensitivity 'secret'") as caught:
        load(tmp_path, environ={})
    assert "special" in caught.value.advice
