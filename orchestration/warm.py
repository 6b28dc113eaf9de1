"""What every step imports, in one module that the fork server loads once.

A step runs in a process of its own. Forked from a server that already holds these modules it
starts in a fraction of a second and shares their memory; imported afresh, each step costs seconds.
What is loaded by then is set
aside from garbage collection, which would touch, and so copy, all of it in each step.
"""

from __future__ import annotations

import gc
import importlib

__all__ = ["MODULES"]

MODULES = (
    "dagster._core.execution.api",
    "dagster._core.executor.child_process_executor",
    "dagster._core.instance.ref",
    "dagster._core.storage.fs_io_manager",
    "dagster._core.storage.noop_compute_log_manager",
    "dagster._core.storage.sqlite_storage",
    "openlineage.client.facet_v2",
    "pyarrow.csv",
    "pyarrow.parquet",
    "requests",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "privacy.scan.presidio",
    "orchestration.definitions",
)

for _name in MODULES:
    importlib.import_module(_name)
gc.collect()
gc.freeze()
