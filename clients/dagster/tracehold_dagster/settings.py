"""Where the server is, and how things are named there: from code, else from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracehold_dagster.environment import namespace_of
from tracehold_dagster.errors import Misconfigured
from tracehold_dagster.names import Naming
from tracehold_dagster.sending import Sender

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What was set in code; a ``dagster.EnvVar`` serves as well as a text.

    What is None is read from the environment where and when it is needed, so that a code location
    loads without it.

    Attributes:
        url: Address of the Tracehold server; ``TRACEHOLD_URL``.
        token: A token with the role producer; ``TRACEHOLD_TOKEN``.
        namespace: Of jobs and assets; ``TRACEHOLD_NAMESPACE``, else the code location's name, with
            ``-`` and the environment behind it where one is set.
        environment: ``dev``, ``test``, ``prod`` …; ``TRACEHOLD_ENVIRONMENT``, else unsaid.
        stores: OpenLineage namespace of the tables of each kind of store, for example
            ``{"snowflake": "snowflake://org-account"}``.
    """

    url: str | None = None
    token: str | None = None
    namespace: str | None = None
    environment: str | None = None
    stores: Mapping[str, str] = field(default_factory=dict)

    def sender(self, environ: Mapping[str, str]) -> Sender:
        """A connection to the server.

        Raises:
            Misconfigured: The server's address is not set, or is none.
        """
        url = self.address(environ)
        if not url:
            raise Misconfigured(
                "the address of the Tracehold server is not set",
                where="environment variable TRACEHOLD_URL",
                advice="set it to the address that tracehold up prints",
            )
        return Sender(url, _value(self.token, "TRACEHOLD_TOKEN", environ))

    def address(self, environ: Mapping[str, str]) -> str | None:
        """Address of the server, where it is set."""
        return _value(self.url, "TRACEHOLD_URL", environ)

    def naming(self, environ: Mapping[str, str], *, location: str) -> Naming:
        """How things are named.

        Args:
            environ: The environment.
            location: Name of the code location.
        """
        environment = _value(self.environment, "TRACEHOLD_ENVIRONMENT", environ)
        return Naming(
            _value(self.namespace, "TRACEHOLD_NAMESPACE", environ)
            or namespace_of(location, environment),
            environment=environment,
            stores=self.stores,
        )


def _value(given: str | None, name: str, environ: Mapping[str, str]) -> str | None:
    if given is None:
        return environ.get(name) or None
    # A dagster.EnvVar is a text that must not be read as one.
    read = getattr(given, "get_value", None)
    return read() if read else given
