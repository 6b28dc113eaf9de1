"""History from elsewhere: what another catalog or tool exported, as OpenLineage events.

A reader is pure: bytes in, events out, and a list of what it could not map. The events go through
the one door that every event goes through, so that they are scrubbed, kept and folded like others;
their facets say in ``_producer`` that they were imported, which ranks them behind all that was seen
or declared. Ids and bytes follow from the input alone: the same import again changes nothing.
"""
