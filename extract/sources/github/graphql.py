"""GitHub's GraphQL: the queries, the check that an answer is complete, and shrinking pages.

An answer with any error is rejected, and so is one with nodes that are null: GitHub answers 200
to queries that ran out of resources.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extract.api import THROTTLED, Api, FailureStreak, Forbidden, IncompleteRead, Unavailable
from extract.sources.github.rows import Row

MOST_PAGES = 10_000
ITEMS_PER_QUERY = 25
ENTRIES_PER_QUERY = 100

PULL_EVENTS = (
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
ISSUE_EVENTS = (
    "CLOSED_EVENT",
    "REOPENED_EVENT",
    "LABELED_EVENT",
    "UNLABELED_EVENT",
    "ADDED_TO_PROJECT_V2_EVENT",
    "REMOVED_FROM_PROJECT_V2_EVENT",
    "PROJECT_V2_ITEM_STATUS_CHANGED_EVENT",
    "CROSS_REFERENCED_EVENT",
    "MARKED_AS_DUPLICATE_EVENT",
    "UNMARKED_AS_DUPLICATE_EVENT",
    "PARENT_ISSUE_ADDED_EVENT",
    "PARENT_ISSUE_REMOVED_EVENT",
    "TRANSFERRED_EVENT",
)
"""Timeline entries that are loaded, as far as the server knows them."""
YOUNG_EVENTS = (
    "BLOCKED_BY_ADDED_EVENT",
    "BLOCKED_BY_REMOVED_EVENT",
    "BLOCKING_ADDED_EVENT",
    "BLOCKING_REMOVED_EVENT",
    "SUB_ISSUE_ADDED_EVENT",
    "SUB_ISSUE_REMOVED_EVENT",
    "ISSUE_TYPE_ADDED_EVENT",
    "ISSUE_TYPE_CHANGED_EVENT",
    "ISSUE_TYPE_REMOVED_EVENT",
    "ISSUE_FIELD_ADDED_EVENT",
    "ISSUE_FIELD_CHANGED_EVENT",
    "ISSUE_FIELD_REMOVED_EVENT",
)
"""Entries of 2025 and later, of issues: asked for only where the server says that it knows them."""

_ITEM = "{ __typename ... on Issue { id } ... on PullRequest { id } }"
_PROJECT = {"project": "{ id }"}
_TYPE = {"issueType": "{ name }"}
_FIELD = "issueField"
_FIELD_KINDS = ("IssueFieldSingleSelect", "IssueFieldNumber", "IssueFieldDate")
"""Kinds of fields whose names and values are asked for: texts are free, and may name people."""
_OF_EVENT: Mapping[str, Mapping[str, str]] = {
    "HEAD_REF_FORCE_PUSHED_EVENT": {"beforeCommit": "{ ...What }"},
    "CLOSED_EVENT": {"stateReason": "", "closer": "{ __typename ... on Commit { oid } }"},
    "LABELED_EVENT": {"label": "{ name }"},
    "UNLABELED_EVENT": {"label": "{ name }"},
    "ADDED_TO_PROJECT_V2_EVENT": _PROJECT,
    "REMOVED_FROM_PROJECT_V2_EVENT": _PROJECT,
    "PROJECT_V2_ITEM_STATUS_CHANGED_EVENT": {"previousStatus": "", "status": "", **_PROJECT},
    "CROSS_REFERENCED_EVENT": {"source": _ITEM},
    "MARKED_AS_DUPLICATE_EVENT": {"canonical": _ITEM},
    "UNMARKED_AS_DUPLICATE_EVENT": {"canonical": _ITEM},
    "PARENT_ISSUE_ADDED_EVENT": {"parent": "{ id }"},
    "PARENT_ISSUE_REMOVED_EVENT": {"parent": "{ id }"},
    "TRANSFERRED_EVENT": {"fromRepository": "{ nameWithOwner }"},
    "BLOCKED_BY_ADDED_EVENT": {"blockingIssue": "{ id }"},
    "BLOCKED_BY_REMOVED_EVENT": {"blockingIssue": "{ id }"},
    "BLOCKING_ADDED_EVENT": {"blockedIssue": "{ id }"},
    "BLOCKING_REMOVED_EVENT": {"blockedIssue": "{ id }"},
    "SUB_ISSUE_ADDED_EVENT": {"subIssue": "{ id }"},
    "SUB_ISSUE_REMOVED_EVENT": {"subIssue": "{ id }"},
    "ISSUE_TYPE_ADDED_EVENT": _TYPE,
    "ISSUE_TYPE_CHANGED_EVENT": {**_TYPE, "prevIssueType": "{ name }"},
    "ISSUE_TYPE_REMOVED_EVENT": _TYPE,
    "ISSUE_FIELD_ADDED_EVENT": {"value": "", _FIELD: ""},
    "ISSUE_FIELD_CHANGED_EVENT": {"previousValue": "", "newValue": "", _FIELD: ""},
    "ISSUE_FIELD_REMOVED_EVENT": {_FIELD: ""},
}
"""What is asked of an entry beside its time and actor, as far as the server knows it."""
_OF_ISSUE = {"stateReason": "", "issueType": "{ name }"}

_KNOWN = """
query {
  pull_requests: __type(name: "PullRequestTimelineItems") { possibleTypes { ...Known } }
  issues: __type(name: "IssueTimelineItems") { possibleTypes { ...Known } }
  issue: __type(name: "Issue") { ...Known }
  projects: __type(name: "ProjectV2Item") { ...Known }
  archived: __type(name: "ProjectV2ItemArchivedState") { ...Known }
  select: __type(name: "IssueFieldSingleSelect") { ...Known }
  number: __type(name: "IssueFieldNumber") { ...Known }
  date: __type(name: "IssueFieldDate") { ...Known }
}
fragment Known on __Type { name fields { name } }
"""
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_FRAGMENTS = {
    "...Who": """
fragment Who on Actor {
  __typename
  login
  ... on User { databaseId }
  ... on Bot { databaseId }
  ... on Mannequin { databaseId }
  ... on Organization { databaseId }
}
""",
    "...What": """
fragment What on Commit {
  oid
  authoredDate
  committedDate
  message
  author { name email user { __typename login databaseId } }
}
""",
}
_COMMITS = f"{{ totalCount {_PAGE_INFO} nodes {{ commit {{ ...What }} }} }}"
_REVIEWS = (
    f"{{ totalCount {_PAGE_INFO} nodes {{ id databaseId state submittedAt author {{ ...Who }} }} }}"
)
_OPTION = "{ ... on ProjectV2ItemFieldSingleSelectValue { name } }"
_PROJECT_ITEMS = f"""{{ totalCount {_PAGE_INFO} nodes {{
  id type isArchived updatedAt content {_ITEM}
  status: fieldValueByName(name: "Status") {_OPTION}
  priority: fieldValueByName(name: "Priority") {_OPTION}
  estimate: fieldValueByName(name: "Estimate") {{
    ... on ProjectV2ItemFieldNumberValue {{ number }}
  }}
  iteration: fieldValueByName(name: "Iteration") {{
    ... on ProjectV2ItemFieldIterationValue {{ startDate duration }}
  }}
}} }}"""
_CONNECTIONS = {
    "commits",
    "reviews",
    "timelineItems",
    "closingIssuesReferences",
    "labels",
    "issues",
    "pullRequests",
    "items",
    "projectsV2",
}
VERDICTS = {"NOT_FOUND", "FORBIDDEN"}
LIMITS = {"RATE_LIMIT", "RATE_LIMITED"}
SCOPES = "INSUFFICIENT_SCOPES"

Known = Mapping[str, set[str]] | None
"""Fields by type, of all types that the server knows; None where it does not tell."""


def type_of(event: str) -> str:
    """Return the type's name of a timeline entry: CLOSED_EVENT → ClosedEvent."""
    return "".join(part.title() for part in event.split("_"))


@dataclass(frozen=True)
class Kind:
    """What is read of a node: its own fields, and connections, each of them to its end.

    `connections` maps their names to further arguments and to the shape of a page.
    """

    type: str
    fields: str
    connections: Mapping[str, tuple[str, str]]

    @property
    def first(self) -> str:
        """The fields, and the first page of every connection."""
        pages = [
            f"{name}(first: $first{more}) {shape}"
            for name, (more, shape) in self.connections.items()
        ]
        return " ".join((self.fields, *pages))

    def queries(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the query of complete nodes, and those of further pages of each connection."""
        yield (
            name,
            f"query($ids: [ID!]!, $first: Int!) {{ nodes(ids: $ids) {{ __typename "
            f"... on {self.type} {{ {self.first} }} }} }}",
        )
        for connection, (more, shape) in self.connections.items():
            yield f"{name}.{connection}", page_of(self.type, connection, shape, more)


def page_of(type: str, connection: str, shape: str, more: str = "", variables: str = "") -> str:
    """Return the query of one page of a connection of a node.

    Args:
        type: Type of the node.
        connection: Name of the connection.
        shape: What is asked of a page.
        more: Further arguments of the connection.
        variables: Further variables of the query.
    """
    page = f"{connection}(first: $first, after: $after{more}) {shape}"
    return (
        f"query($id: ID!, $first: Int!, $after: String{variables}) {{ "
        f"node(id: $id) {{ ... on {type} {{ {page} }} }} }}"
    )


def kinds(known: Known) -> dict[str, Kind]:
    """Return what is read of pull requests and issues; what a server lacks is not asked for."""
    issue = [f"{name} {shape}" for name, shape in _OF_ISSUE.items() if _has(known, "Issue", name)]
    events = (*ISSUE_EVENTS, *(YOUNG_EVENTS if known else ()))
    return {
        "pull_requests": Kind(
            "PullRequest",
            "id state isDraft createdAt updatedAt closedAt mergedAt author { ...Who } baseRefName "
            "headRefOid mergeCommit { oid } additions deletions changedFiles",
            {
                "commits": ("", _COMMITS),
                "reviews": ("", _REVIEWS),
                "timelineItems": _timeline(PULL_EVENTS, known),
                "closingIssuesReferences": ("", f"{{ totalCount {_PAGE_INFO} nodes {{ id }} }}"),
            },
        ),
        "issues": Kind(
            "Issue",
            f"id number state createdAt updatedAt closedAt author {{ ...Who }} {' '.join(issue)}",
            {
                "labels": ("", f"{{ totalCount {_PAGE_INFO} nodes {{ name }} }}"),
                "timelineItems": _timeline(events, known),
            },
        ),
    }


def _timeline(events: Sequence[str], known: Known) -> tuple[str, str]:
    """Return arguments and shape of a timeline."""
    events = [event for event in events if known is None or type_of(event) in known]
    parts = []
    for event in events:
        name = type_of(event)
        fields = _OF_EVENT.get(event, {}).items()
        more = " ".join(
            f"{field} {shape or _shape(field, known)}"
            for field, shape in fields
            if _has(known, name, field)
        )
        parts.append(f"... on {name} {{ id createdAt actor {{ ...Who }} {more} }}")
    shape = f"{{ {_PAGE_INFO} nodes {{ __typename {' '.join(parts)} }} }}"
    return f", itemTypes: [{', '.join(events)}]", shape


def _shape(field: str, known: Known) -> str:
    """Return the shape of a field whose shape is the server's: of the kinds that it has."""
    if field != _FIELD:
        return ""
    kinds = [kind for kind in _FIELD_KINDS if _has(known, kind, "name")]
    return f"{{ __typename {' '.join(f'... on {kind} {{ name }}' for kind in kinds)} }}"


def _has(known: Known, name: str, field: str) -> bool:
    return known is None or field in known.get(name, ())


def queries(known: Known) -> dict[str, str]:
    """Return all queries by name: complete items, further pages of them, and listings."""
    read = kinds(known)
    listed, counted, named = (
        f"{{ totalCount {_PAGE_INFO} nodes {{ {fields} }} }}"
        for fields in (read["issues"].first, "id number updatedAt", "id")
    )
    order = ", orderBy: {field: %s, direction: ASC}"
    updated = f"{order % 'UPDATED_AT'}, filterBy: $filter"
    is_archive_known = known is not None and "ProjectV2ItemArchivedState" in known
    archived = ", archivedStates: [ARCHIVED, NOT_ARCHIVED]" if is_archive_known else ""
    made = {
        **dict(read["pull_requests"].queries("pull_requests")),
        **dict(read["issues"].queries("issues")),
        "listed_issues": page_of(
            "Repository", "issues", listed, updated, ", $filter: IssueFilters"
        ),
        "census": page_of("Repository", "issues", counted, order % "CREATED_AT"),
        "pull_census": page_of("Repository", "pullRequests", counted, order % "CREATED_AT"),
        "projects": page_of("ProjectV2Owner", "projectsV2", named),
        "project_items": page_of("ProjectV2", "items", _PROJECT_ITEMS, archived),
    }
    return {name: _closed(query) for name, query in made.items()}


def _closed(query: str) -> str:
    """Return a query with the fragments that it uses; an unused one is an error."""
    return query + "".join(text for name, text in _FRAGMENTS.items() if name in query)


def judged(answer: Any) -> tuple[list[Row | None], str | None]:
    """Return the nodes of an answer, None where GitHub shows none, and why it is incomplete.

    Any error rejects the answer, and so does a node that is null without a verdict on it.

    Raises:
        Forbidden: The token lacks a scope that the query needs.
    """
    answer = answer if isinstance(answer, dict) else {}
    errors = [error for error in answer.get("errors") or () if isinstance(error, dict)]
    faults = {_kind(error) for error in errors}
    if faults & LIMITS:
        return [], THROTTLED
    if SCOPES in faults:
        raise Forbidden("github: the token lacks a scope that this part of GraphQL asks for")
    if any(_kind(error) not in VERDICTS or not error.get("path") for error in errors):
        return [], f"errors: {', '.join(sorted(faults))}"
    data = answer.get("data")
    if not isinstance(data, dict):
        return [], "no data"
    refused = {tuple(error["path"]) for error in errors}
    by_path: dict[tuple, Any] = (
        {("nodes", number): node for number, node in enumerate(data["nodes"])}
        if "nodes" in data
        else {("node",): data.get("node")}
    )
    for path, node in by_path.items():
        if path not in refused and not _is_complete(node, path, refused):
            return [], "null nodes"
    return [None if path in refused else node for path, node in by_path.items()], None


def _kind(error: Mapping[str, Any]) -> str:
    """Return the type of an error; its message may quote what should not be logged."""
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return re.sub(r"\W", "", str(error.get("type") or code or "unknown"))


def _is_complete(node: Any, path: tuple, refused: set[tuple]) -> bool:
    """Whether a node and its connections are there; null only where GitHub has a verdict on it."""
    if not isinstance(node, dict):
        return False
    for name in _CONNECTIONS & node.keys():
        entries = (node[name] or {}).get("nodes")
        if not isinstance(entries, list):
            return False
        for number, entry in enumerate(entries):
            at = (*path, name, "nodes", number)
            if at not in refused and not _is_complete(entry, at, refused):
                return False
    return True


class Graph:
    """Full items and listings by GraphQL: pages shrink when the server says they are too much."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.url = graphql_url(api.base_url)
        self.sizes = dict.fromkeys(("pull_requests", "issues", "listed_issues"), ITEMS_PER_QUERY)
        self.has_projects = False
        self.kinds, self.queries = kinds(None), queries(None)

    def adapt(self) -> None:
        """Learn what this server knows: an older Enterprise Server has fewer entries and fields."""
        answer = self.api.post(self.url, {"query": _KNOWN}, reject=_throttled).data
        types = (answer or {}).get("data") or {}
        fields = {
            kind["name"]: {part["name"] for part in kind.get("fields") or ()}
            for name in types
            for kind in (types[name] or {}).get("possibleTypes") or [types[name]]
            if kind
        }
        known = fields or None
        self.has_projects = "ProjectV2Item" in fields
        self.kinds, self.queries = kinds(known), queries(known)

    def full_items(self, kind: str, node_ids: Sequence[str]) -> tuple[dict[str, Row], set[str]]:
        """Return items by node id, and the ids of those that GitHub does not give.

        An id that is in neither could not be read completely: a connection was cut short, or
        GitHub fails on that item alone, and pages need not stay small for the others.

        Raises:
            Unavailable: GitHub fails on several items in a row: it is not them.
        """
        found: dict[str, Row] = {}
        gone: set[str] = set()
        left = list(node_ids)
        usual, outage = self.sizes[kind], FailureStreak()
        while left:
            size = self.sizes[kind]
            batch = left[:size]
            try:
                nodes = self._ask(kind, {"ids": batch, "first": size}, size)
            except Unavailable as failure:
                outage.note(failure)
                self.sizes[kind], left = usual, left[1:]
                continue
            if nodes is None:
                continue
            left = left[size:]
            for node_id, node in zip(batch, nodes, strict=True):
                if node is None:
                    gone.add(node_id)
                    continue
                try:
                    is_complete = self.complete(kind, node)
                except Unavailable as failure:
                    outage.note(failure)
                    continue
                outage.end()
                if is_complete:
                    found[node_id] = node
        return found, gone

    def complete(self, kind: str, node: Row) -> bool:
        """Read the connections of an item to their ends; False when one is not there or cut off.

        Raises:
            Unavailable: GitHub gives no answer for one of them.
        """
        for name in self.kinds[kind].connections:
            connection = node[name]
            if connection is None:
                return False
            entries, total = connection["nodes"], connection.get("totalCount")
            if connection["pageInfo"]["hasNextPage"]:
                after = connection["pageInfo"]["endCursor"]
                try:
                    for page in self.pages(f"{kind}.{name}", name, node["id"], after):
                        entries += page["nodes"]
                        total = page.get("totalCount")
                except IncompleteRead:
                    return False
                except Unavailable:
                    self.sizes.pop(f"{kind}.{name}")  # it was too much for this item alone
                    raise
            if len(entries) < (total or 0):
                return False
            node[name] = {"totalCount": total, "nodes": [entry for entry in entries if entry]}
        return True

    def pages(
        self, query: str, connection: str, node_id: str, after: str | None = None, **variables: Any
    ) -> Iterator[Row]:
        """Yield the pages of a connection of a node until its end.

        Raises:
            Forbidden: GitHub does not give the node.
            IncompleteRead: It comes back to a page that was there, or does not end.
        """
        seen = {after}
        while True:
            size = self.sizes.setdefault(query, ENTRIES_PER_QUERY)
            asked = {"id": node_id, "first": size, "after": after, **variables}
            nodes = self._ask(query, asked, size)
            if nodes is None:
                continue
            if nodes[0] is None or nodes[0].get(connection) is None:
                raise Forbidden(f"github: GraphQL gives no {connection} to this token")
            page = nodes[0][connection]
            yield page
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]
            if after in seen or len(seen) > MOST_PAGES:
                raise IncompleteRead(f"github: the pages of {connection} do not end")
            seen.add(after)

    def _ask(self, query: str, variables: Row, size: int) -> list[Row | None] | None:
        """Return the nodes of a complete answer; None when later queries must ask for less."""
        body = {"query": self.queries[query], "variables": variables}
        if size == 1:
            reply = self.api.post(self.url, body, reject=lambda answer: judged(answer)[1])
            return judged(reply.data)[0]
        try:
            reply = self.api.post(self.url, body, allow=(502, 504), reject=_throttled)
            nodes, why = judged(reply.data)
        except Unavailable:
            why = "no answer"
        if why:
            self.sizes[query] = min(self.sizes[query], size // 2)
            return None
        return nodes


def graphql_url(base_url: str) -> str:
    """Return where GraphQL is: beside the REST root, on an Enterprise Server not below it."""
    root = base_url.rstrip("/")
    return f"{root.removesuffix('/v3')}/graphql" if root.endswith("/api/v3") else f"{root}/graphql"


def _throttled(answer: Any) -> str | None:
    return THROTTLED if judged(answer)[1] == THROTTLED else None
