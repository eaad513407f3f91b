"""GitHub's GraphQL: what is asked, when an answer is whole, and pages that shrink.

An answer with any error is rejected, and so is one with nodes that are null: GitHub answers 200
to queries that ran out of resources.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from extract.api import THROTTLED, Api, Unavailable
from extract.sources.github_rows import Row

MOST_PAGES = 10_000
PULLS_PER_QUERY = 25
ENTRIES_PER_QUERY = 100

EVENTS = (
    "READY_FOR_REVIEW_EVENT",
    "CONVERT_TO_DRAFT_EVENT",
    "CLOSED_EVENT",
    "REOPENED_EVENT",
    "MERGED_EVENT",
    "REVIEW_REQUESTED_EVENT",
    "REVIEW_REQUEST_REMOVED_EVENT",
    "REVIEW_DISMISSED_EVENT",
    "HEAD_REF_FORCE_PUSHED_EVENT",
    "ADDED_TO_MERGE_QUEUE_EVENT",
    "REMOVED_FROM_MERGE_QUEUE_EVENT",
    "AUTO_MERGE_ENABLED_EVENT",
    "AUTO_MERGE_DISABLED_EVENT",
)
"""Timeline entries that are loaded, as far as the server knows them."""

_KNOWN_EVENTS = """
query { __type(name: "PullRequestTimelineItemsItemType") { enumValues { name } } }
"""
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_WHO = """
fragment Who on Actor {
  __typename
  login
  ... on User { databaseId }
  ... on Bot { databaseId }
  ... on Mannequin { databaseId }
  ... on Organization { databaseId }
}
"""
_WHAT = """
fragment What on Commit {
  oid
  authoredDate
  committedDate
  author { user { __typename login databaseId } }
}
"""
_COMMITS = f"{{ totalCount {_PAGE_INFO} nodes {{ commit {{ ...What }} }} }}"
_REVIEWS = (
    f"{{ totalCount {_PAGE_INFO} nodes {{ id databaseId state submittedAt author {{ ...Who }} }} }}"
)
VERDICTS = {"NOT_FOUND", "FORBIDDEN"}
LIMITS = {"RATE_LIMIT", "RATE_LIMITED"}


def type_of(event: str) -> str:
    """Return the type's name of a timeline entry: CLOSED_EVENT → ClosedEvent."""
    return "".join(part.title() for part in event.split("_"))


def queries(events: Sequence[str]) -> dict[str, str]:
    """Return the query of whole pull requests, and those of further pages, by connection."""
    parts = []
    for event in events:
        more = "beforeCommit { ...What }" if event == "HEAD_REF_FORCE_PUSHED_EVENT" else ""
        parts.append(f"... on {type_of(event)} {{ id createdAt actor {{ ...Who }} {more} }}")
    timeline = f"{{ {_PAGE_INFO} nodes {{ __typename {' '.join(parts)} }} }}"
    types = f"itemTypes: [{', '.join(events)}]"
    connections = {
        "commits": ("", _COMMITS),
        "reviews": ("", _REVIEWS),
        "timelineItems": (f", {types}", timeline),
    }
    first = " ".join(
        f"{name}(first: $first{extra}) {shape}" for name, (extra, shape) in connections.items()
    )
    whole = f"""
        query($ids: [ID!]!, $first: Int!) {{ nodes(ids: $ids) {{ __typename ... on PullRequest {{
          id state isDraft createdAt updatedAt closedAt mergedAt author {{ ...Who }} baseRefName
          headRefOid mergeCommit {{ oid }} additions deletions changedFiles {first}
        }} }} }}"""
    further = {
        name: f"""
        query($id: ID!, $first: Int!, $after: String) {{ node(id: $id) {{ ... on PullRequest {{
          {name}(first: $first, after: $after{extra}) {shape}
        }} }} }}"""
        for name, (extra, shape) in connections.items()
    }
    return {name: _closed(query) for name, query in {"whole": whole, **further}.items()}


def _closed(query: str) -> str:
    """Return a query with the fragments that it uses; an unused one is an error."""
    used = [text for name, text in (("...Who", _WHO), ("...What", _WHAT)) if name in query]
    return query + "".join(used)


CONNECTIONS = ("commits", "reviews", "timelineItems")


def judged(answer: Any) -> tuple[list[Row | None], str | None]:
    """Return the nodes of an answer, None where GitHub has none for us, and why it is not whole.

    Any error rejects the answer, and so does a node that is null without a verdict on it.
    """
    answer = answer if isinstance(answer, dict) else {}
    errors = [error for error in answer.get("errors") or () if isinstance(error, dict)]
    kinds = {_kind(error) for error in errors}
    if kinds & LIMITS:
        return [], THROTTLED
    if any(_kind(error) not in VERDICTS or not error.get("path") for error in errors):
        return [], f"errors: {', '.join(sorted(kinds))}"
    data = answer.get("data")
    if not isinstance(data, dict):
        return [], "no data"
    nodes = data["nodes"] if "nodes" in data else [data.get("node")]
    refused = {error["path"][1] if error["path"][0] == "nodes" else 0 for error in errors}
    for place, node in enumerate(nodes):
        if place not in refused and not _is_whole(node):
            return [], "null nodes"
    return [None if place in refused else node for place, node in enumerate(nodes)], None


def _kind(error: Mapping[str, Any]) -> str:
    """Return the type of an error; its message may quote what should not be logged."""
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return re.sub(r"\W", "", str(error.get("type") or code or "unknown"))


def _is_whole(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    lists = [(node[name] or {}).get("nodes") for name in CONNECTIONS if name in node]
    return all(isinstance(entries, list) and None not in entries for entries in lists)


def graphql_url(base_url: str) -> str:
    """Return where GraphQL is: beside the REST root, on an Enterprise Server not below it."""
    root = base_url.rstrip("/")
    return f"{root.removesuffix('/v3')}/graphql" if root.endswith("/api/v3") else f"{root}/graphql"


class Graph:
    """Pull requests, whole, by GraphQL: the pages shrink when the server says they are too much."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.url = graphql_url(api.base_url)
        self.queries = queries(EVENTS)
        self.pulls_per_query = PULLS_PER_QUERY
        self.entries_per_query = ENTRIES_PER_QUERY

    def adapt(self) -> None:
        """Leave out the timeline entries that an older Enterprise Server does not know."""
        answer = self.api.post(self.url, {"query": _KNOWN_EVENTS}, reject=_throttled).data
        kind = ((answer or {}).get("data") or {}).get("__type") or {}
        known = {value["name"] for value in kind.get("enumValues") or ()}
        if known:
            self.queries = queries([event for event in EVENTS if event in known])

    def pulls(self, node_ids: Sequence[str]) -> tuple[dict[str, Row], set[str]]:
        """Return pull requests by node id, and the ids of those that GitHub does not give.

        An id that is in neither has a connection that ended before its end.
        """
        found: dict[str, Row] = {}
        gone: set[str] = set()
        left = list(node_ids)
        while left:
            size = self.pulls_per_query
            batch = left[:size]
            nodes = self._ask("whole", {"ids": batch, "first": size}, is_smallest=size == 1)
            if nodes is None:
                self.pulls_per_query = min(self.pulls_per_query, size // 2)
                continue
            left = left[size:]
            for node_id, node in zip(batch, nodes, strict=True):
                if node is None:
                    gone.add(node_id)
                elif self._completed(node_id, node):
                    found[node_id] = node
        return found, gone

    def _completed(self, node_id: str, node: Row) -> bool:
        """Read the connections of a pull request to their ends; False when one ends too early."""
        for name in CONNECTIONS:
            connection = node[name]
            entries = connection["nodes"]
            cursors: set[str] = set()
            while connection["pageInfo"]["hasNextPage"]:
                cursor = connection["pageInfo"]["endCursor"]
                if cursor in cursors or len(cursors) > MOST_PAGES:
                    return False
                cursors.add(cursor)
                page = self._further(name, node_id, cursor)
                if page is None:
                    return False
                connection = page[name]
                entries += connection["nodes"]
            node[name] = {"totalCount": connection.get("totalCount"), "nodes": entries}
            if len(entries) < (connection.get("totalCount") or 0):
                return False
        return True

    def _further(self, name: str, node_id: str, cursor: str) -> Row | None:
        while True:
            size = self.entries_per_query
            variables = {"id": node_id, "first": size, "after": cursor}
            nodes = self._ask(name, variables, is_smallest=size == 1)
            if nodes is not None:
                return nodes[0]
            self.entries_per_query = min(self.entries_per_query, size // 2)

    def _ask(self, name: str, variables: Row, *, is_smallest: bool) -> list[Row | None] | None:
        """Return the nodes of a whole answer, or None when less should be asked for."""
        body = {"query": self.queries[name], "variables": variables}
        if is_smallest:
            reply = self.api.post(self.url, body, reject=lambda answer: judged(answer)[1])
            return judged(reply.data)[0]
        try:
            reply = self.api.post(self.url, body, allow=(502, 504), reject=_throttled)
        except Unavailable:
            return None
        nodes, why = judged(reply.data)
        return None if why else nodes


def _throttled(answer: Any) -> str | None:
    return THROTTLED if judged(answer)[1] == THROTTLED else None
