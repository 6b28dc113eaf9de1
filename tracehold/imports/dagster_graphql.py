"""Dagster's GraphQL API: runs, their event logs, assets; page by page. What is asked, and no more.

The fields asked for are there from Dagster 1.11 to 1.13.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lineage.facts import Json
from tracehold.imports.errors import NotReachable
from tracehold.imports.values import listed, members, parts, text
from tracehold.imports.web import Web

__all__ = ["Dagster", "NotAnswered", "connect"]

_RUNS: Final = 100
"""Runs of a page."""
_RECORDS: Final = 1000
"""Records of a page; a server may give fewer."""
_OLDEST: Final = (1, 11)

_METADATA: Final = """
fragment Metadata on MetadataEntry {
  __typename label
  ... on TextMetadataEntry { text }
  ... on MarkdownMetadataEntry { mdStr }
  ... on UrlMetadataEntry { url }
  ... on PathMetadataEntry { path }
  ... on NotebookMetadataEntry { path }
  ... on IntMetadataEntry { intRepr }
  ... on FloatMetadataEntry { floatValue }
  ... on TimestampMetadataEntry { timestamp }
  ... on BoolMetadataEntry { boolValue }
  ... on JsonMetadataEntry { jsonString }
  ... on TableSchemaMetadataEntry {
    schema { columns { name type description tags { key value } } }
  }
  ... on TableColumnLineageMetadataEntry {
    lineage { columnName columnDeps { assetKey { path } columnName } }
  }
  ... on CodeReferencesMetadataEntry {
    codeReferences {
      ... on LocalFileCodeReference { filePath lineNumber }
      ... on UrlCodeReference { url }
    }
  }
}
"""
_ASSET_EVENT: Final = """
    assetKey { path } partition tags { key value } metadataEntries { ...Metadata }
"""
_CAUSES: Final = "className cause { className cause { className cause { className } } }"

_VERSION_QUERY: Final = "query { version }"
_RUNS_QUERY: Final = """
query ($filter: RunsFilter, $cursor: String, $limit: Int!) {
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {
    __typename
    ... on Runs {
      results {
        runId jobName status updateTime rootRunId parentRunId runConfig
        tags { key value }
        assetSelection { path } assetCheckSelection { name }
        repositoryOrigin { repositoryName repositoryLocationName }
      }
    }
  }
}
"""
_RUN_QUERY: Final = """
query ($run: ID!) { runOrError(runId: $run) { __typename ... on Run { runId } } }
"""
_LOG_QUERY: Final = f"""
query ($run: ID!, $cursor: String, $limit: Int!) {{
  logsForRun(runId: $run, afterCursor: $cursor, limit: $limit) {{
    __typename
    ... on EventConnection {{
      cursor hasMore
      events {{
        __typename
        ... on MessageEvent {{ eventType timestamp stepKey }}
        ... on MaterializationEvent {{ {_ASSET_EVENT} }}
        ... on ObservationEvent {{ {_ASSET_EVENT} }}
        ... on AssetMaterializationPlannedEvent {{ assetKey {{ path }} }}
        ... on AssetCheckEvaluationEvent {{
          evaluation {{
            checkName success severity assetKey {{ path }} %s
            targetMaterialization {{ storageId runId }}
            metadataEntries {{ ...Metadata }}
          }}
        }}
        ... on ExecutionStepOutputEvent {{ metadataEntries {{ ...Metadata }} }}
        ... on ExecutionStepFailureEvent {{
          error {{ {_CAUSES} }} failureMetadata {{ metadataEntries {{ ...Metadata }} }}
        }}
        ... on ExecutionStepUpForRetryEvent {{ error {{ {_CAUSES} }} }}
        ... on RunFailureEvent {{ error {{ {_CAUSES} }} }}
      }}
    }}
  }}
}}
{_METADATA}
"""
_ASSETS_QUERY: Final = f"""
query {{
  assetNodes {{
    assetKey {{ path }} dependencyKeys {{ path }}
    owners {{ ... on UserAssetOwner {{ email }} ... on TeamAssetOwner {{ team }} }}
    tags {{ key value }} description groupName opVersion opName graphName isExecutable
    partitionDefinition {{ type dimensionTypes {{ name }} }}
    metadataEntries {{ ...Metadata }}
    repository {{ name location {{ name }} }}
  }}
}}
{_METADATA}
"""
_ASSET_QUERY: Final = f"""
query ($asset: AssetKeyInput!, $before: String, $limit: Int!) {{
  assetOrError(assetKey: $asset) {{
    ... on Asset {{
      %s(beforeTimestampMillis: $before, limit: $limit) {{
        runId timestamp eventType {_ASSET_EVENT}
      }}
    }}
  }}
}}
{_METADATA}
"""
_FIELDS_QUERY: Final = 'query { __type(name: "AssetCheckEvaluation") { fields { name } } }'


class NotAnswered(NotReachable):
    """Dagster answers, and says that it cannot give what was asked for."""


def connect(url: str, environ: Mapping[str, str]) -> Dagster:
    """A deployment by its address.

    Args:
        url: Of its web server, with or without ``/graphql``.
        environ: ``DAGSTER_CLOUD_API_TOKEN`` for Dagster+; ``DAGSTER_TOKEN`` for whatever stands
            before a web server of one's own and wants a bearer token.

    Raises:
        InvalidInput: It is no HTTP address, or holds a password.
        NotReachable: It does not answer, is no Dagster, or one older than 1.11.
    """
    token = environ.get("DAGSTER_CLOUD_API_TOKEN")
    return Dagster(
        Web(
            url.rstrip("/").removesuffix("/graphql"),
            token=environ.get("DAGSTER_TOKEN", ""),
            headers={"Dagster-Cloud-Api-Token": token} if token else {},
        )
    )


class Dagster:
    """One deployment."""

    def __init__(self, web: Web) -> None:
        """Connect.

        Args:
            web: Its address; ``/graphql`` lies below it.

        Raises:
            NotReachable: It does not answer, is no Dagster, or one older than 1.11.
        """
        self._web = web
        version = text(self._ask(_VERSION_QUERY).get("version"))
        known = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        # Dagster+ and builds from source say no version that could be compared.
        if known and (1, 0) <= known < _OLDEST:
            raise NotReachable(
                f"this is Dagster {version}; history is read from 1.11 on", where=web.url,
                advice="upgrade Dagster, or report with its OpenLineage integration",
            )  # fmt: skip
        fields = parts(members(self._ask(_FIELDS_QUERY).get("__type")).get("fields"))
        has_partition = any(field.get("name") == "partition" for field in fields)
        self._log_query = _LOG_QUERY.replace("%s", "partition" if has_partition else "")

    def runs(self, *, since: float | None, after: str | None) -> Iterator[Mapping[str, Json]]:
        """Runs, the one created last first.

        Args:
            since: Only those that changed later, epoch seconds.
            after: Only those behind this one.
        """
        cursor = after
        while True:
            asked = {"updatedAfter": since} if since is not None else {}
            found = self._one(
                _RUNS_QUERY, "runsOrError", "Runs", filter=asked, cursor=cursor, limit=_RUNS
            )
            page = parts(found.get("results"))
            yield from page
            if len(page) < _RUNS:
                return
            cursor = text(page[-1].get("runId"))

    def knows(self, run_id: str) -> bool:
        """Whether it still has a run."""
        answer = members(self._ask(_RUN_QUERY, run=run_id).get("runOrError"))
        return answer.get("__typename") == "Run"

    def log(self, run_id: str) -> Iterator[list[Mapping[str, Json]]]:
        """The event log of a run, page by page.

        Raises:
            NotAnswered: It is gone, or holds what Dagster itself cannot show.
        """
        cursor: str | None = None
        while True:
            found = self._one(
                self._log_query, "logsForRun", "EventConnection",
                run=run_id, cursor=cursor, limit=_RECORDS,
            )  # fmt: skip
            yield parts(found.get("events"))
            if not found.get("hasMore"):
                return
            cursor = text(found.get("cursor"))

    def assets(self) -> list[Mapping[str, Json]]:
        """All assets that are defined."""
        return parts(self._ask(_ASSETS_QUERY).get("assetNodes"))

    def history(self, path: list[str], kind: str, *, since: int) -> Iterator[Mapping[str, Json]]:
        """What was recorded of an asset, the newest first.

        Args:
            path: Its key.
            kind: ``assetMaterializations`` or ``assetObservations``.
            since: Only what is later, epoch milliseconds.
        """
        before: str | None = None
        query = _ASSET_QUERY.replace("%s", kind)
        while True:
            answer = self._ask(query, asset={"path": path}, before=before, limit=_RECORDS)
            page = parts(members(answer.get("assetOrError")).get(kind))
            for one in page:
                if int(text(one.get("timestamp")) or 0) <= since:
                    return
                yield one
            if len(page) < _RECORDS:
                return
            before = text(page[-1].get("timestamp"))

    def _one(self, query: str, name: str, kind: str, **variables: Json) -> Mapping[str, Json]:
        found = members(self._ask(query, **variables).get(name))
        if found.get("__typename") != kind:
            raise self._strange(text(found.get("__typename")))
        return found

    def _ask(self, query: str, **variables: Json) -> Mapping[str, Json]:
        answer = members(self._web.post("graphql", {"query": query, "variables": variables}))
        if listed(answer.get("errors")) or "data" not in answer:
            raise self._strange("errors")
        return members(answer["data"])

    def _strange(self, what: str) -> NotAnswered:
        return NotAnswered(
            f"Dagster could not answer ({what})" if what else "this is no GraphQL of Dagster",
            where=f"{self._web.url}/graphql",
            advice="give the address of Dagster's web server; its own log says what went wrong",
        )
