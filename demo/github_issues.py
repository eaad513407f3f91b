"""GitHub's issues: how they stand at a moment, after what their timelines tell."""

from datetime import UTC, datetime

from demo.company import OWNER
from demo.model import HubEvent, HubIssue, Json

EVENTS = {
    "ClosedEvent": "stateReason: IssueStateReason closer: Closer", "ReopenedEvent": "",
    "LabeledEvent": "label: Label", "UnlabeledEvent": "label: Label",
    "CrossReferencedEvent": "source: ReferencedSubject",
    "MarkedAsDuplicateEvent": "canonical: IssueOrPullRequest",
    "UnmarkedAsDuplicateEvent": "canonical: IssueOrPullRequest",
    "ParentIssueAddedEvent": "parent: Issue", "ParentIssueRemovedEvent": "parent: Issue",
    "SubIssueAddedEvent": "subIssue: Issue", "SubIssueRemovedEvent": "subIssue: Issue",
    "BlockedByAddedEvent": "blockingIssue: Issue", "BlockedByRemovedEvent": "blockingIssue: Issue",
    "BlockingAddedEvent": "blockedIssue: Issue", "BlockingRemovedEvent": "blockedIssue: Issue",
}  # fmt: skip
"""What an entry of an issue's timeline has beside its time and its actor."""
SDL = """
enum IssueState { OPEN CLOSED }
enum IssueStateReason { COMPLETED DUPLICATE NOT_PLANNED REOPENED }
input IssueFilters { since: DateTime states: [IssueState!] }
union Closer = Commit | PullRequest
union ReferencedSubject = Issue | PullRequest
union IssueOrPullRequest = Issue | PullRequest
type Issue implements Node { id: ID! databaseId: BigInt number: Int! title: String! body: String!
  url: URI state: IssueState! stateReason: IssueStateReason closed: Boolean! createdAt: DateTime!
  updatedAt: DateTime! closedAt: DateTime author: Actor repository: Repository!
  labels(PAGE): LabelConnection
  timelineItems(PAGE, itemTypes: [IssueTimelineItemsItemType!], since: DateTime):
    IssueTimelineItemsConnection! }
"""


def iso(at: int | None) -> str | None:
    """Return a moment as GitHub writes it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seen(issue: HubIssue, now: int) -> list[HubEvent]:
    """Return the entries of the timeline by a moment."""
    return [event for event in issue.events if event.at <= now]


def updated(issue: HubIssue, now: int) -> int:
    """Return the time of the last change; that others speak of an issue is none."""
    times = [event.at for event in seen(issue, now) if event.kind != "CrossReferencedEvent"]
    return max([issue.created, *times])


def labels(issue: HubIssue, now: int) -> list[str]:
    """Return the labels at a moment."""
    found: dict[str, None] = {}
    for event in seen(issue, now):
        if event.kind == "LabeledEvent":
            found[event.label] = None
        elif event.kind == "UnlabeledEvent":
            found.pop(event.label, None)
    return list(found)


def state(issue: HubIssue, now: int) -> tuple[str, str | None, int | None]:
    """Return whether an issue is open or closed at a moment, why, and since when it is closed."""
    turns = [one for one in seen(issue, now) if one.kind in ("ClosedEvent", "ReopenedEvent")]
    if not turns:
        return "OPEN", None, None
    last = turns[-1]
    return ("CLOSED", last.reason, last.at) if last.reason else ("OPEN", "REOPENED", None)


def issue_json(issue: HubIssue, now: int) -> Json:
    """Return an issue as GraphQL shows it, without what has pages or is a node itself."""
    word, reason, closed = state(issue, now)
    return {
        "__typename": "Issue", "id": issue.node_id, "databaseId": issue.id,
        "number": issue.number, "title": issue.title,
        "body": f"Asked for by {issue.author.name} ({issue.author.email}).",
        "url": f"https://github.com/{OWNER}/{issue.repository}/issues/{issue.number}",
        "state": word, "stateReason": reason, "closed": word == "CLOSED",
        "createdAt": iso(issue.created), "updatedAt": iso(updated(issue, now)),
        "closedAt": iso(closed),
    }  # fmt: skip


def event_json(issue: HubIssue, place: int, event: HubEvent) -> Json:
    """Return an entry of the timeline, without the people and items that it leads to."""
    shown: Json = {
        "__typename": event.kind, "id": f"IE_{issue.id}_{place}", "createdAt": iso(event.at),
    }  # fmt: skip
    if event.label:
        shown["label"] = {"id": f"LA_{event.label}", "name": event.label, "color": "ededed"}
    if event.reason:
        shown["stateReason"] = event.reason
    return shown


def end_of(event: HubEvent) -> str:
    """Return the field in which an entry names its other end."""
    return EVENTS[event.kind].rpartition(": ")[0].rpartition(" ")[2]


def rest_json(issue: HubIssue, now: int) -> Json:
    """Return an issue as REST shows it."""
    word, reason, closed = state(issue, now)
    api = f"https://api.github.com/repos/{OWNER}/{issue.repository}"
    return {
        "id": issue.id, "node_id": issue.node_id, "number": issue.number, "title": issue.title,
        "state": word.lower(), "state_reason": reason and reason.lower(), "repository_url": api,
        "url": f"{api}/issues/{issue.number}", "created_at": iso(issue.created),
        "updated_at": iso(updated(issue, now)), "closed_at": iso(closed),
        "labels": [{"name": name} for name in labels(issue, now)],
    }  # fmt: skip
