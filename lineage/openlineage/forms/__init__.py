"""The standard facets of OpenLineage as typed forms, written from the specification."""
