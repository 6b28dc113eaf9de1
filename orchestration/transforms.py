"""Functions of the workspace that make training sets: the user's own code, loaded by path."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lineage.errors import InvalidInput, NotFound
from orchestration.files import within

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["call"]


def call(root: Path, function: str, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Call ``MODULE:NAME`` of the workspace with its inputs.

    Args:
        root: The workspace; the module is a file of it.
        function: Module and name, for example ``transforms:no_show``.
        tables: By dataset name.

    Raises:
        NotFound: There is no such file or function.
        InvalidInput: It does not return an Arrow table.
    """
    import pyarrow as pa

    module_name, _, name = function.partition(":")
    path = within(root / f"{module_name}.py", root)
    spec = importlib.util.spec_from_file_location(f"tracehold_workspace_{module_name}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise NotFound("the module of a transform is missing", where=str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = getattr(module, name, None)
    if not callable(made):
        raise NotFound(f"the module has no function {name!r}", where=str(path))
    table = made(dict(tables))
    if not isinstance(table, pa.Table):
        raise InvalidInput(
            f"{function} returned {type(table).__name__}",
            where=str(path),
            advice="return a pyarrow.Table",
        )
    return table
