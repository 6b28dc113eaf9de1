"""OpenLineage in: events read leniently, scrubbed narrowly, flagged where they break the schema."""
