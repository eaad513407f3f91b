"""GitHub's GraphQL API: the part of its schema that describes pull requests and issues."""

import base64
import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import graphql

from demo import github_issues
from demo.company import ON_GITHUB, OWNER, START, Person
from demo.http import Request, Response
from demo.model import Commit, DirectCommit, Event, HubEvent, HubIssue, Json, PullRequest, Review
from demo.world import World

EVENTS = {
    "ConvertToDraftEvent": "pullRequest: PullRequest",
    "HeadRefForcePushedEvent": "beforeCommit: Commit afterCommit: Commit",
    "MergedEvent": "commit: Commit mergeRefName: String",
    "ReadyForReviewEvent": "pullRequest: PullRequest",
    "ReviewRequestedEvent": "requestedReviewer: RequestedReviewer",
    "ReviewRequestRemovedEvent": "requestedReviewer: RequestedReviewer", "ReviewDismissedEvent": "",
    "AssignedEvent": "", "UnassignedEvent": "", "HeadRefDeletedEvent": "headRefName: String",
    "BaseRefForcePushedEvent": "beforeCommit: Commit afterCommit: Commit",
    "BaseRefChangedEvent": "currentRefName: String previousRefName: String",
    "AddedToMergeQueueEvent": "", "RemovedFromMergeQueueEvent": "reason: String",
    "AutoMergeEnabledEvent": "", "AutoMergeDisabledEvent": "reason: String",
    "ConnectedEvent": "", "DisconnectedEvent": "",
    "RenamedTitleEvent": "currentTitle: String previousTitle: String", "DeployedEvent": "",
}  # fmt: skip
PAGE = "first: Int, last: Int, after: String, before: String"
SDL = f"""
scalar DateTime scalar GitTimestamp scalar URI scalar GitObjectID scalar BigInt
interface Node {{ id: ID! }}
interface Actor {{ login: String! url: URI }}
enum OrderDirection {{ ASC DESC }}
enum PullRequestState {{ OPEN CLOSED MERGED }}
enum PullRequestReviewState {{ APPROVED CHANGES_REQUESTED COMMENTED DISMISSED PENDING }}
enum IssueOrderField {{ COMMENTS CREATED_AT UPDATED_AT }}
input IssueOrder {{ field: IssueOrderField! direction: OrderDirection! }}
type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String
  endCursor: String }}
type RateLimit {{ limit: Int! cost: Int! remaining: Int! used: Int! resetAt: DateTime!
  nodeCount: Int! }}
type User implements Node & Actor {{ id: ID! login: String! url: URI databaseId: BigInt
  name: String email: String }}
type Bot implements Node & Actor {{ id: ID! login: String! url: URI databaseId: BigInt }}
type Mannequin implements Node & Actor {{ id: ID! login: String! url: URI databaseId: BigInt }}
type Organization implements Node & Actor {{ id: ID! login: String! url: URI databaseId: BigInt }}
type EnterpriseUserAccount implements Node & Actor {{ id: ID! login: String! url: URI }}
union RequestedReviewer = Bot | Mannequin | User
type Label implements Node {{ id: ID! name: String! color: String! }}
type Ref {{ name: String! prefix: String! }}
type GitActor {{ name: String email: String date: GitTimestamp user: User }}
type Commit implements Node {{ id: ID! oid: GitObjectID! abbreviatedOid: String! message: String
  messageHeadline: String authoredDate: DateTime committedDate: DateTime url: URI
  additions: Int deletions: Int author: GitActor committer: GitActor }}
type PullRequestCommit implements Node {{ id: ID! commit: Commit! }}
type PullRequestReview implements Node {{ id: ID! databaseId: BigInt fullDatabaseId: BigInt
  state: PullRequestReviewState! submittedAt: DateTime createdAt: DateTime updatedAt: DateTime
  body: String author: Actor }}
type PullRequest implements Node {{ id: ID! databaseId: BigInt fullDatabaseId: BigInt number: Int!
  title: String body: String url: URI state: PullRequestState! isDraft: Boolean merged: Boolean!
  closed: Boolean! createdAt: DateTime updatedAt: DateTime closedAt: DateTime mergedAt: DateTime
  author: Actor mergedBy: Actor headRefName: String headRefOid: GitObjectID baseRefName: String
  mergeCommit: Commit additions: Int deletions: Int changedFiles: Int isCrossRepository: Boolean
  repository: Repository! labels({PAGE}): LabelConnection
  closingIssuesReferences({PAGE}): IssueConnection
  commits({PAGE}): PullRequestCommitConnection!
  reviews({PAGE}, states: [PullRequestReviewState!]): PullRequestReviewConnection
  timelineItems({PAGE}, itemTypes: [PullRequestTimelineItemsItemType!], since: DateTime):
    PullRequestTimelineItemsConnection! }}
type Repository implements Node {{ id: ID! databaseId: BigInt name: String! nameWithOwner: String!
  url: URI isPrivate: Boolean! isFork: Boolean! isArchived: Boolean createdAt: DateTime
  defaultBranchRef: Ref pullRequest(number: Int!): PullRequest
  pullRequests({PAGE}, states: [PullRequestState!], orderBy: IssueOrder): PullRequestConnection!
  issues({PAGE}, states: [IssueState!], orderBy: IssueOrder, filterBy: IssueFilters):
    IssueConnection! }}
type Query {{ repository(owner: String!, name: String!, followRenames: Boolean = true): Repository
  node(id: ID!): Node nodes(ids: [ID!]!): [Node]! rateLimit(dryRun: Boolean = false): RateLimit
  viewer: User! }}
"""
CONNECTIONS = (
    "Issue", "PullRequest", "PullRequestCommit", "PullRequestReview", "Label",
    "PullRequestTimelineItems", "IssueTimelineItems",
)  # fmt: skip
SHARED = ("ClosedEvent", "ReopenedEvent", "LabeledEvent", "UnlabeledEvent", "CrossReferencedEvent")
"""Entries that the timelines of pull requests have as well."""


def constant(name: str) -> str:
    """Return a type's name as an enum value."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


@functools.cache
def schema() -> graphql.GraphQLSchema:
    """Return the executable schema."""
    text = SDL + github_issues.SDL.replace("PAGE", PAGE)
    for name, fields in (EVENTS | github_issues.EVENTS).items():
        text += (
            f"type {name} implements Node {{ id: ID! createdAt: DateTime actor: Actor {fields} }}\n"
        )
    for name in CONNECTIONS:
        text += (
            f"type {name}Edge {{ cursor: String! node: {name} }}\n"
            f"type {name}Connection {{ totalCount: Int! pageInfo: PageInfo! nodes: [{name}] "
            f"edges: [{name}Edge] }}\n"
        )
    of_pulls = [*EVENTS, *SHARED, "PullRequestCommit", "PullRequestReview"]
    for union, names in (
        ("PullRequestTimelineItems", of_pulls), ("IssueTimelineItems", [*github_issues.EVENTS]),
    ):  # fmt: skip
        text += f"union {union} = {' | '.join(names)}\n"
        text += f"enum {union}ItemType {{ {' '.join(map(constant, names))} }}\n"
    return graphql.build_schema(text)


@functools.lru_cache(maxsize=64)
def parsed(text: str) -> tuple[graphql.DocumentNode | None, list[graphql.GraphQLError]]:
    """Parse and validate a query once."""
    try:
        document = graphql.parse(text)
    except graphql.GraphQLError as error:
        return None, [error]
    return document, graphql.validate(schema(), document)


def iso(at: int | None) -> str | None:
    """Return a moment as GitHub writes it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fault(kind: str, message: str) -> graphql.GraphQLError:
    """Return an error with GitHub's type."""
    return graphql.GraphQLError(message, extensions={"type": kind})


def actor(person: Person) -> Json:
    """Return an account; a bot's login has no suffix here."""
    return {
        "__typename": "Bot" if person.is_bot else "User", "id": f"U_kgDO{person.github_id}",
        "login": person.login, "databaseId": person.github_id, "name": person.name,
        "email": person.email, "url": f"https://github.com/{person.login}",
    }  # fmt: skip


def connection(rows: list, args: Json, render: Callable[[Any], Json], most: int = 100) -> Json:
    """Return a page of rows; cursors are places.

    Raises:
        GraphQLError: No page size, or one beyond 100.
    """
    first, last = args.get("first"), args.get("last")
    size = first if first is not None else last
    if size is None:
        raise fault("MISSING_PAGINATION_BOUNDARIES", "You must provide a `first` or `last` value.")
    if not 0 <= size <= most:
        raise fault(
            "EXCESSIVE_PAGINATION", f"Requesting {size} records exceeds the limit of {most}."
        )
    start, stop = 0, len(rows)
    if args.get("after"):
        start = place_of(args["after"]) + 1
    if args.get("before"):
        stop = place_of(args["before"])
    if first is not None:
        stop = min(stop, start + first)
    else:
        start = max(start, stop - size)
    nodes = [render(row) for row in rows[start:stop]]
    cursors = [base64.b64encode(f"v2:{place}".encode()).decode() for place in range(start, stop)]
    return {
        "totalCount": len(rows), "nodes": nodes,
        "edges": [{"cursor": c, "node": n} for c, n in zip(cursors, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": stop < len(rows), "hasPreviousPage": start > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }  # fmt: skip


def place_of(cursor: str) -> int:
    """Return the place that a cursor stands for."""
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("v2:"))
    except ValueError:
        raise fault("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` is no valid cursor.") from None


class Graph:
    """The endpoint."""

    def __init__(self, world: World) -> None:
        self.world = world = world.on_github()
        self.pulls = {pull.node_id: pull for pull in world.pulls}
        self.issues = {issue.node_id: issue for issue in world.library.issues}
        self.used = 0

    def answer(self, request: Request, match: object) -> Response:
        """Execute a query; errors come with status 200."""
        body = request.json()
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return Response(200, {"errors": [{"message": "A query attribute must be specified."}]})
        document, errors = parsed(body["query"])
        if errors or document is None:
            return Response(200, {"errors": [failure(error) for error in errors]})
        self.used += 1
        view = View(self, request.now)
        result = graphql.execute(
            schema(), document, root_value=view.root(),
            variable_values=body.get("variables") or {}, operation_name=body.get("operationName"),
        )  # fmt: skip
        assert isinstance(result, graphql.ExecutionResult)
        answer: Json = {"data": result.data}
        if result.errors:
            answer["errors"] = [failure(error) for error in result.errors]
        return Response(200, answer)


def failure(error: graphql.GraphQLError) -> Json:
    """Return an error in GitHub's form."""
    shown = {
        "type": (error.extensions or {}).get("type"),
        "path": error.path,
        "message": error.message,
    }
    return {key: value for key, value in shown.items() if value is not None}


def repository_id(name: str) -> str:
    """Return the global id of a repository."""
    return f"R_kgDO{600_000_001 + 11 * ON_GITHUB.index(name)}"


class View:
    """The company at one moment, as dictionaries whose functions take the fields' arguments."""

    def __init__(self, graph: Graph, now: int) -> None:
        self.graph, self.now = graph, now

    def root(self) -> Json:
        """Return the entry points."""
        return {
            "repository": self.repository, "node": lambda info, id: self.node(id),
            "nodes": lambda info, ids: self.nodes(ids), "rateLimit": self.rate_limit,
            "viewer": {"id": "U_demo", "login": "demo-reader", "databaseId": 1},
        }  # fmt: skip

    def rate_limit(self, info: object, dryRun: bool = False) -> Json:  # noqa: N803
        """Return the budget."""
        used = self.graph.used
        return {"limit": 15_000, "cost": 1, "remaining": 15_000 - used % 15_000, "used": used,
                "resetAt": iso(self.now + 3600), "nodeCount": 0}  # fmt: skip

    def node(self, key: str) -> Json:
        """Return a pull request, an issue or a repository by its global id."""
        for name in ON_GITHUB:
            if key == repository_id(name):
                return self.repository_json(name)
        issue = self.graph.issues.get(key)
        if issue and issue.created <= self.now:
            return self.issue(issue)
        pull = self.graph.pulls.get(key)
        if pull is None or pull.created > self.now:
            raise fault("NOT_FOUND", f"Could not resolve to a node with the global id of '{key}'.")
        return self.pull(pull)

    def nodes(self, keys: list[str]) -> list:
        """Return items by their global ids; an unknown one is an error in its place."""
        if len(keys) > 100:
            raise fault("ARGUMENT_LIMIT", "You may not provide more than 100 node ids.")
        found: list = []
        for key in keys:
            try:
                found.append(self.node(key))
            except graphql.GraphQLError as error:
                found.append(error)
        return found

    def repository(self, info: object, owner: str, name: str, followRenames: bool = True) -> Json:  # noqa: N803
        """Return a repository by name."""
        if owner.lower() != OWNER or name.lower() not in ON_GITHUB:
            text = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise fault("NOT_FOUND", text)
        return self.repository_json(name.lower())

    def repository_json(self, name: str) -> Json:
        """Return a repository."""
        number = 600_000_001 + 11 * ON_GITHUB.index(name)
        return {
            "__typename": "Repository", "id": repository_id(name), "databaseId": number,
            "name": name,
            "nameWithOwner": f"{OWNER}/{name}", "url": f"https://github.com/{OWNER}/{name}",
            "isPrivate": True, "isFork": False, "isArchived": False, "createdAt": iso(START),
            "defaultBranchRef": {"name": "main", "prefix": "refs/heads/"},
            "pullRequest": lambda info, number: self.numbered(name, number),
            "pullRequests": lambda info, **args: self.pull_page(name, args),
            "issues": lambda info, **args: self.issue_page(name, args),
        }  # fmt: skip

    def visible(self, name: str) -> list[PullRequest]:
        """Return the repository's pull requests that exist."""
        world = self.graph.world
        return [p for p in world.pulls if p.repository == name and p.created <= self.now]

    def numbered(self, name: str, number: int) -> Json:
        """Return a pull request by number."""
        for pull in self.visible(name):
            if pull.number == number:
                return self.pull(pull)
        raise fault("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")

    def pull_page(self, name: str, args: Json) -> Json:
        """Return a page of pull requests."""
        order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
        rows = [
            p
            for p in self.visible(name)
            if not args.get("states") or self.state(p) in args["states"]
        ]
        by_update = order["field"] == "UPDATED_AT"
        rows.sort(
            key=lambda p: (self.updated(p) if by_update else p.created, p.number),
            reverse=order["direction"] == "DESC",
        )
        return connection(rows, args, self.pull)

    def issue_page(self, name: str, args: Json) -> Json:
        """Return a page of issues."""
        now, order = self.now, args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
        only = args.get("filterBy") or {}
        states = args.get("states") or only.get("states") or ("OPEN", "CLOSED")
        rows = [
            (at if order["field"] == "UPDATED_AT" else issue.created, issue.number, issue)
            for issue in self.graph.issues.values()
            if issue.repository == name and issue.created <= now
            and (iso(at := github_issues.updated(issue, now)) or "") >= (only.get("since") or "")
            and github_issues.state(issue, now)[0] in states
        ]  # fmt: skip
        rows.sort(key=lambda row: row[:2], reverse=order["direction"] == "DESC")
        return connection(rows, args, lambda row: self.issue(row[2]))

    def issue(self, issue: HubIssue) -> Json:
        """Return an issue."""
        now = self.now
        return github_issues.issue_json(issue, now) | {
            "author": actor(issue.author),
            "repository": lambda info: self.repository_json(issue.repository),
            "labels": lambda info, **args: connection(
                github_issues.labels(issue, now), args, label
            ),
            "timelineItems": lambda info, **args: self.issue_timeline(issue, args),
        }

    def issue_timeline(self, issue: HubIssue, args: Json) -> Json:
        """Return a page of an issue's timeline, by type."""
        wanted, since = args.get("itemTypes"), args.get("since") or ""
        rows = [
            (place, event) for place, event in enumerate(github_issues.seen(issue, self.now))
            if (not wanted or constant(event.kind) in wanted) and (iso(event.at) or "") >= since
        ]  # fmt: skip
        return connection(rows, args, lambda row: self.issue_event(issue, *row))

    def issue_event(self, issue: HubIssue, place: int, event: HubEvent) -> Json:
        """Return an entry of an issue's timeline, with the item that it leads to."""
        shown = github_issues.event_json(issue, place, event) | {"actor": actor(event.actor)}
        if event.other:
            shown[github_issues.end_of(event)] = self.item(event.other)
        return shown

    def item(self, other: HubIssue | PullRequest | DirectCommit) -> Callable[..., Json]:
        """Return what shows an item, once it is asked for."""
        if isinstance(other, HubIssue):
            return lambda info: self.issue(other)
        if isinstance(other, PullRequest):
            return lambda info: self.pull(other)
        commit = Commit(other.sha, other.written, other.author, other.message)
        return lambda info: commit_json(commit) | {"committedDate": iso(other.at)}

    def known(self, at: int | None) -> int | None:
        """Return a moment unless it is still to come."""
        return at if at is not None and at <= self.now else None

    def state(self, pull: PullRequest) -> str:
        """Return the state at the moment."""
        if self.known(pull.merged):
            return "MERGED"
        return "CLOSED" if self.known(pull.closed) else "OPEN"

    def updated(self, pull: PullRequest) -> int:
        """Return the time of the last change."""
        return max(at for at in pull.moments() if at <= self.now)

    def pull(self, pull: PullRequest) -> Json:
        """Return a pull request."""
        now, draft = self.now, pull.is_draft
        events = [event for event in pull.events if event.at <= now]
        for event in events:
            if event.kind in ("ReadyForReviewEvent", "ConvertToDraftEvent"):
                draft = event.kind == "ConvertToDraftEvent"
        commits = [
            commit for commit in pull.commits
            if commit.seen_from <= now and not (commit.seen_until and commit.seen_until <= now)
        ]  # fmt: skip
        merged = self.known(pull.merged)
        closed = self.known(pull.closed)
        return {
            "__typename": "PullRequest", "id": pull.node_id, "databaseId": pull.id,
            "fullDatabaseId": str(pull.id), "number": pull.number, "title": pull.title,
            "body": pull.body, "state": self.state(pull), "isDraft": draft,
            "url": f"https://github.com/{OWNER}/{pull.repository}/pull/{pull.number}",
            "merged": merged is not None, "closed": closed is not None,
            "createdAt": iso(pull.created), "updatedAt": iso(self.updated(pull)),
            "closedAt": iso(closed), "mergedAt": iso(merged), "author": actor(pull.author),
            "mergedBy": actor(pull.author) if merged else None, "headRefName": pull.branch,
            "headRefOid": commits[-1].sha if commits else None, "baseRefName": "main",
            "mergeCommit": merge_commit(pull) if merged else None, "additions": pull.additions,
            "deletions": pull.deletions, "changedFiles": pull.files, "isCrossRepository": False,
            "repository": lambda info: self.repository_json(pull.repository),
            "labels": lambda info, **args: connection(list(pull.labels), args, label),
            "closingIssuesReferences": lambda info, **args: connection(
                [one for one in [self.graph.world.library.closes.get(pull.id)] if one],
                args, self.issue,
            ),
            "commits": lambda info, **args: connection(commits, args, pull_commit),
            "reviews": lambda info, **args: self.reviews(pull, args),
            "timelineItems": lambda info, **args: self.timeline(events, pull, args),
        }  # fmt: skip

    def reviews(self, pull: PullRequest, args: Json) -> Json:
        """Return a page of reviews."""
        wanted = args.get("states")
        rows = [r for r in pull.reviews if r.at <= self.now and (not wanted or r.state in wanted)]
        return connection(rows, args, review)

    def timeline(self, events: list[Event], pull: PullRequest, args: Json) -> Json:
        """Return a page of the timeline, by type."""
        wanted, since = args.get("itemTypes"), args.get("since") or ""
        rows = [
            (place, event) for place, event in enumerate(events)
            if (not wanted or constant(event.kind) in wanted) and (iso(event.at) or "") >= since
        ]  # fmt: skip
        return connection(rows, args, lambda row: timeline_item(pull, *row))


def label(name: str) -> Json:
    """Return a label."""
    return {"id": f"LA_{name}", "name": name, "color": "ededed"}


def commit_json(commit: Commit) -> Json:
    """Return a commit with its author's name and address."""
    person = commit.author
    who = {
        "name": person.name, "email": person.email, "date": iso(commit.at),
        "user": None if person.is_bot else actor(person),
    }  # fmt: skip
    return {
        "__typename": "Commit", "id": f"C_kwDO{commit.sha}", "oid": commit.sha,
        "abbreviatedOid": commit.sha[:7], "message": commit.message,
        "messageHeadline": commit.message.split("\n", 1)[0], "authoredDate": iso(commit.at),
        "committedDate": iso(commit.at), "author": who, "committer": who,
        "url": f"https://github.com/{OWNER}/commit/{commit.sha}",
    }  # fmt: skip


def pull_commit(commit: Commit) -> Json:
    """Return a commit of a pull request."""
    return {
        "__typename": "PullRequestCommit",
        "id": f"PURC_{commit.sha}",
        "commit": commit_json(commit),
    }


def merge_commit(pull: PullRequest) -> Json:
    """Return the commit that the merge made."""
    text = f"Merge pull request #{pull.number}"
    return commit_json(Commit(pull.merge_sha or "", pull.merged or 0, pull.author, text))


def review(row: Review) -> Json:
    """Return a review."""
    return {
        "__typename": "PullRequestReview", "id": f"PRR_kwDO{row.id}", "databaseId": row.id,
        "fullDatabaseId": str(row.id), "state": row.state, "submittedAt": iso(row.at),
        "createdAt": iso(row.at), "updatedAt": iso(row.at), "body": "", "author": actor(row.author),
    }  # fmt: skip


def timeline_item(pull: PullRequest, place: int, event: Event) -> Json:
    """Return an entry of the timeline."""
    item: Json = {
        "__typename": event.kind, "id": f"EV_{pull.id}_{place}", "createdAt": iso(event.at),
        "actor": actor(event.actor),
    }  # fmt: skip
    if event.kind == "MergedEvent":
        item |= {"commit": merge_commit(pull), "mergeRefName": "main"}
    if event.before:
        known = {commit.sha: commit for commit in pull.commits}
        item["beforeCommit"] = commit_json(known[event.before])
        item["afterCommit"] = commit_json(known[event.after or ""])
    return item
