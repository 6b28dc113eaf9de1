"""OpenLineage in: read, validate, scrub; nothing is dropped silently."""
