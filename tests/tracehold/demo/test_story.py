from __future__ import annotations

from pathlib import Path

import pytest

from lineage.errors import Conflict
from tracehold.demo.story import run


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for fresh in (False, True):
        with pytest.raises(Conflict) as caught:
            run(tmp_path, serve=False, as_json=True, fresh=fresh)
        assert caught.value.where == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_another_workspace_is_not_deleted_as_a_demo(tmp_path: Path) -> None:
    (tmp_path / "tracehold.toml").write_text('[workspace]\nname = "production"\n')
    with pytest.raises(Conflict, match="is not a demo"):
        run(tmp_path, serve=False, as_json=True, fresh=True)
    assert (tmp_path / "tracehold.toml").exists()
