"""The code location of ``dagster_history``, as its web server loads it."""

from dagster_history import definitions

defs = definitions()
