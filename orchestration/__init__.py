"""When it happens: Dagster definitions over the packages below, and nothing else."""
