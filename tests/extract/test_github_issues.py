"""GitHub's issues: no change is lost, whether GitHub tells of it or not.

Which entries a load must find is written down here, in the issues that the scripted GitHub serves.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from extract import api as http
from extract.api import WaitBudgetExceeded
from extract.sources.github.graphql import YOUNG_EVENTS
from extract.sources.github.rows import shown_labels
from tests.extract.bounds import set_bound
from tests.extract.scripted_github import Hub, iso
from tests.extract.test_github import audit_of, recorded

real = pytest.mark.real
REPO = "acme/shop"


def event(no: int, kind: str, at: str, **facts: Any) -> dict:
    """Return an entry of a timeline."""
    actor = {"__typename": "User", "login": "mia-example", "databaseId": 77}
    return {"__typename": kind, "id": f"E_{no}", "createdAt": at, "actor": actor, **facts}


def labeled(no: int, at: str, name: str) -> dict:
    return event(no, "LabeledEvent", at, label={"name": name})


def moved(no: int, at: str, project: str, before: str, after: str) -> dict:
    return event(
        no,
        "ProjectV2ItemStatusChangedEvent",
        at,
        project={"id": project},
        previousStatus=before,
        status=after,
    )


def numbers(home: Any) -> list[int]:
    return [
        number for (number,) in home.rows("github", "select number from github.issues order by 1")
    ]


def listings(hub: Hub, name: str = "UPDATED_AT") -> list[dict]:
    return [body["variables"] for body in hub.asked("/graphql") if name in body["query"]]


def by_id(hub: Hub) -> list[list[str]]:
    """Return the ids of every query of whole issues."""
    bodies = [body for body in hub.asked("/graphql") if "... on Issue {" in body["query"]]
    return [body["variables"]["ids"] for body in bodies if "ids" in body["variables"]]


def states(home: Any) -> dict[str, str]:
    return dict(home.rows("github", "select id, state from github.tombstones"))


@pytest.mark.parametrize("start", [None, "1970-01-01"])
def test_g12_everything_is_asked_for_without_since(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch, start: str | None
) -> None:
    if start:
        monkeypatch.setenv("SOURCES__GITHUB__START_DATE", start)
    for number in range(1, 31):
        hub.add_issue(number, f"2025-05-{number:02d}T00:00:00Z")
    work = home.load("github")
    assert [asked["filter"] for asked in listings(hub)] == [{}, {}]
    assert numbers(home) == list(range(1, 31))
    audit = audit_of(work, "issues", REPO)
    assert (audit.status, audit.api_count, audit.extracted) == ("complete", 30, 30)


def test_a_second_load_asks_for_one_page_and_reads_what_changed(hub: Hub, home: Any) -> None:
    for number in range(1, 61):
        hub.add_issue(
            number, "2025-05-01T00:00:00Z", labeled(number, "2025-05-01T00:00:00Z", "bug")
        )
    home.load("github")
    hub.seen.clear()
    hub.now += timedelta(hours=6)
    home.load("github")
    [asked] = listings(hub)
    assert asked["filter"] == {"since": "2025-05-31T22:58:00Z"}
    assert by_id(hub) == [] and listings(hub, "CREATED_AT") == []
    issue = hub.issues[6]
    issue["updatedAt"] = iso(hub.now + timedelta(hours=1))
    issue["timelineItems"].append(labeled(100, issue["updatedAt"], "in progress"))
    hub.now += timedelta(hours=6)
    work = home.load("github")
    assert audit_of(work, "issues", REPO).extracted == 1
    assert home.value("github", "select count(*) from github.issue_events") == 61


def test_an_issue_that_is_updated_between_two_pages_is_loaded_as_it_is(hub: Hub, home: Any) -> None:
    for number in range(1, 61):
        hub.add_issue(number, f"2025-05-01T00:{number - 1:02d}:00Z")

    def update(path: str, body: Any) -> None:
        if "UPDATED_AT" in str(body) and body["variables"]["after"] == "25":
            first = hub.issues[0]
            first.update(updatedAt="2025-05-31T23:00:00Z", state="CLOSED")
            hub.issues.sort(key=lambda issue: issue["updatedAt"])
            # The cursor is a time: what moved to the end leaves no gap behind.
            body["variables"]["after"] = "24"
            hub.faults.clear()

    hub.faults.append(update)
    work = home.load("github")
    assert numbers(home) == list(range(1, 61))
    audit = audit_of(work, "issues", REPO)
    assert (audit.status, audit.api_count, audit.extracted) == ("complete", 60, 60)
    assert home.rows("github", "select number from github.issues where state = 'closed'") == [(1,)]


def test_g9_what_vanished_is_deleted_moved_or_hidden_and_may_come_back(hub: Hub, home: Any) -> None:
    for number in range(1, 201):
        hub.add_issue(number, "2025-05-01T00:00:00Z")
    home.load("github")
    kept = list(hub.issues)
    hub.issues = [issue for issue in kept if issue["number"] > 4]
    hub.moved[1] = 410, {"message": "This issue was deleted"}
    there = {"number": 9, "repository_url": f"{hub.root}/repos/acme/other"}
    hub.moved[2] = 200, there
    hub.moved[4] = 200, {"number": 4, "repository_url": f"{hub.root}/repos/{REPO}"}
    hub.now += timedelta(days=6)
    home.load("github")
    assert states(home) == {}
    hub.now += timedelta(days=1)
    home.load("github")
    assert set(states(home).values()) == {"missed"} and len(states(home)) == 4
    # The second look comes with the next load.
    hub.now += timedelta(hours=1)
    work = home.load("github")
    assert states(home) == {"I_1": "deleted", "I_2": "moved", "I_3": "no_access", "I_4": "present"}
    assert audit_of(work, "issues", REPO).deleted == 1
    hub.issues = kept
    hub.now += timedelta(days=7)
    home.load("github")
    assert set(states(home).values()) == {"present"}
    assert len(numbers(home)) == 200


def test_x1_a_mass_disappearance_is_a_lost_permission(hub: Hub, home: Any) -> None:
    for number in range(1, 201):
        hub.add_issue(number, "2025-05-01T00:00:00Z")
    home.load("github")
    hub.issues = hub.issues[:100]
    for _ in range(2):
        hub.now += timedelta(days=7)
        work = home.load("github")
    assert states(home) == {}
    assert [audit.acl_gap for audit in work.audits if audit.acl_gap] == [100]
    assert any("permission_or_scope_loss" in audit.message for audit in work.audits)


def test_the_weekly_census_finds_what_no_listing_showed(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__START_DATE", "2025-03-01")
    for number in range(1, 11):
        hub.add_issue(number, "2025-05-01T00:00:00Z")
    hub.add_issue(50, "2025-01-01T00:00:00Z")
    home.load("github")
    assert numbers(home) == list(range(1, 11))
    # An update that is dated back, and an issue that comes with an old date.
    hub.issues[2].update(updatedAt="2025-05-02T00:00:00Z", state="CLOSED")
    hub.add_issue(11, "2025-05-01T00:00:00Z")
    hub.now += timedelta(days=1)
    home.load("github")
    assert numbers(home) == list(range(1, 11))
    hub.now += timedelta(days=7)
    home.load("github")
    assert numbers(home) == list(range(1, 12))
    assert home.rows("github", "select number from github.issues where state = 'closed'") == [(3,)]


def test_a_census_that_ends_early_proves_nothing(hub: Hub, home: Any) -> None:
    for number in range(1, 11):
        hub.add_issue(number, "2025-05-01T00:00:00Z")
    home.load("github")

    def shorten(path: str, body: Any) -> Any:
        if "CREATED_AT" not in str(body):
            return None
        rows = [{"id": "I_1", "number": 1, "updatedAt": "2025-05-01T00:00:00Z"}]
        page = {"hasNextPage": False, "endCursor": None}
        issues = {"totalCount": 10, "pageInfo": page, "nodes": rows}
        return 200, {"data": {"node": {"issues": issues}}}

    hub.faults.append(shorten)
    hub.now += timedelta(days=8)
    work = home.load("github")
    assert audit_of(work, "issues", REPO).status == "incomplete"
    assert "1 of 10" in audit_of(work, "issues", REPO).message
    assert states(home) == {}


def test_a_cross_reference_that_moves_no_update_is_found(hub: Hub, home: Any) -> None:
    """Open issues are read every week; closed ones once when they are closed for a week."""
    hub.add_issue(1, "2025-05-01T00:00:00Z")
    hub.add_issue(2, "2025-05-01T00:00:00Z", state="CLOSED", closedAt="2025-05-30T00:00:00Z")
    hub.add_issue(3, "2025-05-01T00:00:00Z", state="CLOSED", closedAt="2025-05-10T00:00:00Z")
    home.load("github")
    found = "select issue_id from github.issue_events order by 1"
    reference = {"source": {"__typename": "PullRequest", "id": "PR_1"}}
    for no, issue in enumerate(hub.issues):
        issue["timelineItems"].append(
            event(no, "CrossReferencedEvent", "2025-06-03T00:00:00Z", **reference)
        )
    hub.now += timedelta(days=3)
    home.load("github")
    assert home.rows("github", found) == []
    hub.now += timedelta(days=5)
    home.load("github")
    assert home.rows("github", found) == [("I_1",), ("I_2",)]
    hub.seen.clear()
    hub.now += timedelta(days=8)
    home.load("github")
    assert by_id(hub) == [["I_1"]]


def test_a_long_timeline_is_read_to_its_end(hub: Hub, home: Any) -> None:
    at = "2025-05-02T00:00:00Z"
    hub.add_issue(1, at, *(labeled(no, at, "in progress") for no in range(330)))
    hub.add_issue(2, at)
    home.load("github")
    assert home.value("github", "select count(distinct id) from github.issue_events") == 330


def test_a_timeline_that_ends_too_early_is_read_by_the_next_load(hub: Hub, home: Any) -> None:
    at = "2025-05-02T00:00:00Z"
    names = [{"name": f"status: {no}"} for no in range(40)]
    hub.add_issue(7, at, labels=names)
    hub.add_issue(8, at)

    def cut(path: str, body: Any) -> Any:
        if ".labels" in str(body) or "labels(first: $first, after" in str(body):
            page = {"totalCount": 40, "pageInfo": {"hasNextPage": False, "endCursor": None}}
            return 200, {"data": {"node": {"labels": {**page, "nodes": names[25:30]}}}}
        return None

    hub.faults.append(cut)
    work = home.load("github")
    audit = audit_of(work, "issues", REPO)
    assert (audit.status, audit.rejected) == ("incomplete", 1)
    assert "#7" in audit.message
    assert numbers(home) == [8]
    hub.faults.clear()
    hub.now += timedelta(hours=6)
    work = home.load("github")
    assert numbers(home) == [7, 8]
    assert audit_of(work, "issues", REPO).status == "complete"
    labels = home.value("github", "select payload from github.issues where number = 7")
    assert len(json.loads(labels)["labels"]) == 40


def test_t4b_pages_shrink_to_one_and_nothing_is_lost_or_doubled(hub: Hub, home: Any) -> None:
    for number in range(1, 31):
        hub.add_issue(number, f"2025-05-01T00:{number:02d}:00Z")
    sizes = []

    def refuse(path: str, body: Any) -> Any:
        if "UPDATED_AT" not in str(body):
            return None
        sizes.append(body["variables"]["first"])
        return (502, {}) if sizes[-1] > 1 else None

    hub.faults.append(refuse)
    home.load("github")
    assert sizes[:6] == [25, 12, 6, 3, 1, 1]
    assert numbers(home) == list(range(1, 31))
    assert home.value("github", "select count(*) from github.issues") == 30


def test_t5_an_answer_with_errors_or_null_nodes_is_never_loaded(hub: Hub, home: Any) -> None:
    for number in range(1, 31):
        hub.add_issue(number, f"2025-05-01T00:{number:02d}:00Z")

    def overload(path: str, body: Any) -> Any:
        if "UPDATED_AT" not in str(body) or body["variables"]["first"] <= 6:
            return None
        answer = hub.graphql(body["query"], body["variables"])
        answer["data"]["node"]["issues"]["nodes"][3] = None
        if body["variables"]["first"] == 25:
            kind = {"type": "RESOURCE_LIMITS_EXCEEDED", "path": ["node", "issues", "nodes", 3]}
            answer["errors"] = [kind]
        return 200, answer

    hub.faults.append(overload)
    work = home.load("github")
    assert numbers(home) == list(range(1, 31))
    assert audit_of(work, "issues", REPO).status == "complete"


def test_what_a_token_may_not_see_of_a_timeline_does_not_hide_the_issue(
    hub: Hub, home: Any
) -> None:
    at = "2025-05-02T00:00:00Z"
    hub.add_issue(
        1, at, event(1, "ClosedEvent", at, stateReason="COMPLETED"), event(2, "ReopenedEvent", at)
    )

    def hide(path: str, body: Any) -> Any:
        if "UPDATED_AT" not in str(body):
            return None
        answer = hub.graphql(body["query"], body["variables"])
        answer["data"]["node"]["issues"]["nodes"][0]["timelineItems"]["nodes"][0] = None
        place = ["node", "issues", "nodes", 0, "timelineItems", "nodes", 0]
        answer["errors"] = [{"type": "FORBIDDEN", "path": place}]
        return 200, answer

    hub.faults.append(hide)
    home.load("github")
    assert home.rows("github", "select id, type from github.issue_events") == [("E_2", "reopened")]


def test_the_commit_that_closed_an_issue_is_loaded(hub: Hub, home: Any) -> None:
    """A pull request says so itself, and a person is no commit."""
    at, sha = "2025-05-02T00:00:00Z", "c" * 40
    closers = ({"__typename": "Commit", "oid": sha}, {"__typename": "PullRequest"}, None)
    for no, closer in enumerate(closers, start=1):
        closed = event(no, "ClosedEvent", at, stateReason="COMPLETED", closer=closer)
        hub.add_issue(no, at, closed, state="CLOSED", closedAt=at)
    home.load("github")
    assert any(
        "closer { __typename ... on Commit { oid } }" in str(b) for b in hub.asked("graphql")
    )
    found = "select payload->>'$.closer_sha' from github.issue_events order by id"
    assert home.rows("github", found) == [(sha,), (None,), (None,)]


def test_t2e_a_listing_that_is_stopped_goes_on_where_it_was(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 301):
        hub.add_issue(number, iso(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)))

    def stop(path: str, body: Any) -> None:
        if "UPDATED_AT" in str(body) and int(body["variables"]["after"] or 0) >= 200:
            raise WaitBudgetExceeded("github: must wait 9000 s, too long for this run")

    # The client itself gives up, as it does when it was told to wait for too long.
    post = http.Api.post

    def posted(self: Any, path: str, body: Any, **options: Any) -> Any:
        stop(path, body)
        return post(self, path, body, **options)

    monkeypatch.setattr(http.Api, "post", posted)
    work = home.load("github")
    assert audit_of(work, "issues", REPO).status == "partial"
    assert numbers(home) == list(range(1, 201))
    monkeypatch.setattr(http.Api, "post", post)
    hub.seen.clear()
    home.load("github")
    assert numbers(home) == list(range(1, 301))
    assert listings(hub)[0]["filter"]["since"] > "2025-01-08"


def test_a_long_history_is_read_in_windows(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "github", "MOST_IN_WINDOW", 100)
    for number in range(1, 321):
        hub.add_issue(number, iso(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)))
    work = home.load("github")
    assert work.windows >= 3
    assert numbers(home) == list(range(1, 321))
    audit = audit_of(work, "issues", REPO)
    assert audit.status == "complete"


# projects


def item(no: int, content: dict | None, status: str | None, **facts: Any) -> dict:
    kind = {"Issue": "ISSUE", "PullRequest": "PULL_REQUEST"}
    return {
        "id": f"PVTI_{no}",
        "type": kind.get((content or {}).get("__typename", ""), "DRAFT_ISSUE"),
        "isArchived": False,
        "updatedAt": "2025-05-20T00:00:00Z",
        "content": content,
        "status": {"name": status} if status else None,
        **facts,
    }


def of_issue(number: int) -> dict:
    return {"__typename": "Issue", "id": f"I_{number}"}


def test_an_item_that_moves_on_a_project_brings_its_issue_along(hub: Hub, home: Any) -> None:
    """GitHub moves the item's time of update, and not the issue's."""
    at = "2025-05-10T00:00:00Z"
    hub.add_issue(1, at, moved(1, at, "PVT_1", "", "Todo"))
    hub.add_issue(2, at)
    hub.projects = {
        "PVT_1": [item(1, of_issue(1), "Todo"), item(2, of_issue(2), None)],
        "PVT_2": [item(3, of_issue(1), "Backlog"), item(4, None, "Idea")],
    }
    home.load("github")
    rows = "select id, project_id, content_id from github.project_items order by 1"
    assert home.rows("github", rows) == [
        ("PVTI_1", "PVT_1", "I_1"),
        ("PVTI_2", "PVT_1", "I_2"),
        ("PVTI_3", "PVT_2", "I_1"),
        ("PVTI_4", "PVT_2", None),
    ]
    hub.projects["PVT_1"][0].update(updatedAt="2025-06-01T01:00:00Z", status={"name": "Done"})
    hub.issues[0]["timelineItems"].append(moved(2, "2025-06-01T01:00:00Z", "PVT_1", "Todo", "Done"))
    hub.now += timedelta(hours=3)
    hub.seen.clear()
    home.load("github")
    assert by_id(hub) == [["I_1"]]
    told = [
        (payload["project_id"], payload["previousStatus"], payload["status"])
        for payload in (
            json.loads(text)
            for (text,) in home.rows(
                "github", "select payload from github.issue_events order by id"
            )
        )
    ]
    assert told == [("PVT_1", "", "Todo"), ("PVT_1", "Todo", "Done")]
    hub.seen.clear()
    hub.now += timedelta(hours=3)
    home.load("github")
    assert by_id(hub) == []


def test_snapshots_tell_what_no_timeline_does(hub: Hub, home: Any) -> None:
    hub.projects = {"PVT_1": [item(1, None, "Idea", estimate={"number": 3}), item(2, None, "Idea")]}
    home.load("github")
    seen = "select id, payload from github.snapshots order by seen_at, id"
    assert [row_id for row_id, _ in home.rows("github", seen)] == ["PVTI_1", "PVTI_2"]
    hub.now += timedelta(days=1)
    home.load("github")
    assert len(home.rows("github", seen)) == 2
    hub.projects["PVT_1"][0].update(estimate={"number": 5}, updatedAt="2025-06-02T01:00:00Z")
    hub.now += timedelta(days=1)
    home.load("github")
    [*_, (row_id, payload)] = home.rows("github", seen)
    assert (row_id, json.loads(payload)["estimate"]) == ("PVTI_1", 5)
    assert len(home.rows("github", seen)) == 3


def test_a_moved_issue_that_cannot_be_read_is_owed_to_the_next_load(
    hub: Hub, home: Any, waits: list[float]
) -> None:
    hub.add_issue(1, "2025-05-10T00:00:00Z")
    hub.projects = {"PVT_1": [item(1, of_issue(1), "Todo")]}
    home.load("github")
    at = "2025-06-01T01:00:00Z"
    hub.projects["PVT_1"][0].update(updatedAt=at, status={"name": "Done"})
    hub.issues[0]["timelineItems"].append(moved(1, at, "PVT_1", "Todo", "Done"))
    hub.faults.append(
        lambda path, body: (502, {}) if "ids" in (body.get("variables") or {}) else None
    )
    hub.now += timedelta(hours=3)
    work = home.load("github")
    audit = audit_of(work, "issues", REPO)
    assert audit.status == "incomplete"
    assert audit.message == "incomplete answer, to be read again: I_1"
    assert home.value("github", "select count(*) from github.issue_events") == 0
    hub.faults.clear()
    hub.now += timedelta(hours=3)
    home.load("github")
    assert home.value("github", "select count(*) from github.issue_events") == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"data": None, "errors": [{"type": "INSUFFICIENT_SCOPES", "message": "read:project"}]},
        {"data": {"node": None}, "errors": [{"type": "FORBIDDEN", "path": ["node"]}]},
        {"data": {"node": {}}},
    ],
)
def test_projects_that_a_token_may_not_see_are_said_and_fail_nothing(
    hub: Hub, home: Any, answer: dict
) -> None:
    hub.add_issue(1, "2025-05-10T00:00:00Z")
    hub.projects = {"PVT_1": [item(1, of_issue(1), "Todo")]}
    hub.faults.append(lambda path, body: (200, answer) if "projectsV2" in str(body) else None)
    work = home.load("github")
    audit = audit_of(work, "project_items", "acme")
    assert audit.status == "complete" and "not shown to this token" in audit.message
    assert numbers(home) == [1]


def test_a_project_whose_items_end_too_early_is_incomplete(hub: Hub, home: Any) -> None:
    hub.projects = {"PVT_1": [item(no, None, "Idea") for no in range(150)]}

    def repeat(path: str, body: Any) -> Any:
        if "ProjectV2ItemFieldSingleSelectValue" not in str(body):
            return None
        answer = hub.graphql(body["query"], {**body["variables"], "after": None})
        return 200, answer

    hub.faults.append(repeat)
    work = home.load("github")
    assert audit_of(work, "project_items", "acme").status == "incomplete"


# servers and labels


def test_g11_an_older_server_is_asked_only_for_what_it_knows(hub: Hub, home: Any) -> None:
    lacking = {
        "PROJECT_V2",
        "PARENT_ISSUE",
        "DUPLICATE",
        "BLOCK",
        "SUB_ISSUE",
        "ISSUE_TYPE",
        "FIELD",
    }
    hub.events = [name for name in hub.events if not any(part in name for part in lacking)]
    hub.add_issue(1, "2025-05-10T00:00:00Z", labeled(1, "2025-05-10T00:00:00Z", "bug"))
    home.load("github")
    asked = json.dumps(hub.asked("/graphql"))
    assert "CROSS_REFERENCED_EVENT" in asked
    assert not any(f"{name}_" in asked for name in lacking)
    assert not any(name in asked for name in ("blockingIssue", "subIssue", "issueField"))
    assert "projectsV2" not in asked
    assert home.value("github", "select count(*) from github.issue_events") == 1


def test_a_server_that_tells_nothing_of_itself_is_asked_for_everything(hub: Hub, home: Any) -> None:
    hub.events = None
    hub.add_issue(1, "2025-05-10T00:00:00Z", labeled(1, "2025-05-10T00:00:00Z", "bug"))
    home.load("github")
    asked = json.dumps(hub.asked("/graphql"))
    assert "PARENT_ISSUE_ADDED_EVENT" in asked
    assert not any(name in asked for name in (*YOUNG_EVENTS, "archivedStates"))
    assert home.value("github", "select count(*) from github.issue_events") == 1


def test_blocks_parts_types_and_fields_are_read_with_their_dates(hub: Hub, home: Any) -> None:
    def on(day: int) -> str:
        return f"2025-05-{day:02d}T00:00:00Z"

    priority, team = {"name": "Priority"}, {"__typename": "IssueFieldSingleSelect", "name": "Buddy"}
    bug, task = {"name": "Bug"}, {"name": "Task"}
    hub.add_issue(
        1,
        on(1),
        event(1, "BlockedByAddedEvent", on(2), blockingIssue={"id": "I_2"}),
        event(2, "BlockedByRemovedEvent", on(3), blockingIssue={"id": "I_2"}),
        event(3, "BlockingAddedEvent", on(4), blockedIssue={"id": "I_3"}),
        event(4, "SubIssueAddedEvent", on(5), subIssue={"id": "I_4"}),
        event(5, "SubIssueRemovedEvent", on(6), subIssue={"id": "I_4"}),
        # Of another repository, which this token does not see.
        event(6, "BlockingRemovedEvent", on(7), blockedIssue=None),
        event(7, "IssueTypeChangedEvent", on(8), issueType=bug, prevIssueType=task),
        event(8, "IssueFieldChangedEvent", on(9), issueField=priority, previousValue="P2",
              newValue="P1"),
        event(9, "IssueFieldAddedEvent", on(10), issueField=priority, value="P2"),
        event(10, "IssueFieldRemovedEvent", on(11), issueField=priority),
        event(11, "IssueFieldChangedEvent", on(12), issueField=team, newValue="mia-example"),
        # A text: its name is not even asked for.
        event(12, "IssueFieldAddedEvent", on(13), issueField={"__typename": "IssueFieldText"},
              value="ask eva-example"),
    )  # fmt: skip
    home.load("github")
    keys = ("other_id", "issueType", "prevIssueType", "field", "previousValue", "value")
    found = [
        (kind, at, *(json.loads(payload).get(key) for key in keys))
        for kind, at, payload in home.rows(
            "github",
            "select type, day(timezone('UTC', created_at)), payload from github.issue_events"
            " order by created_at",
        )
    ]
    assert found == [
        ("blocked_by_added", 2, "I_2", None, None, None, None, None),
        ("blocked_by_removed", 3, "I_2", None, None, None, None, None),
        ("blocking_added", 4, "I_3", None, None, None, None, None),
        ("sub_issue_added", 5, "I_4", None, None, None, None, None),
        ("sub_issue_removed", 6, "I_4", None, None, None, None, None),
        ("blocking_removed", 7, None, None, None, None, None, None),
        ("issue_type_changed", 8, None, "Bug", "Task", None, None, None),
        ("issue_field_changed", 9, None, None, None, "Priority", "P2", "P1"),
        ("issue_field_added", 10, None, None, None, "Priority", None, "P2"),
        ("issue_field_removed", 11, None, None, None, "Priority", None, None),
        ("issue_field_changed", 12, None, None, None, None, None, None),
        ("issue_field_added", 13, None, None, None, None, None, None),
    ]
    asked = json.dumps(hub.asked("/graphql"))
    for name in YOUNG_EVENTS:
        assert name in asked
    # Fields by the kinds that the server has.
    assert "issueField { __typename ... on IssueFieldSingleSelect { name } }" in asked
    assert [name for name in ("eva", "Buddy", "mia-") if name in home.texts("github")] == []


@pytest.mark.parametrize("knows", [True, False])
def test_archived_items_of_a_project_are_asked_for_where_the_server_can_tell_them(
    hub: Hub, home: Any, knows: bool
) -> None:
    hub.knows_archive = knows
    hub.projects = {"PVT_1": [item(1, None, "Idea", isArchived=True)]}
    home.load("github")
    [query] = {
        body["query"] for body in hub.asked("/graphql") if "fieldValueByName" in body["query"]
    }
    assert (
        "items(first: $first, after: $after, archivedStates: [ARCHIVED, NOT_ARCHIVED])" in query
    ) is knows
    assert (
        home.value("github", "select payload->>'$.isArchived' from github.project_items") == "true"
    )


def test_a_repository_that_has_no_issues_is_not_asked(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Hub.repository.fget
    monkeypatch.setattr(
        Hub, "repository", property(lambda self: {**plain(self), "has_issues": False})
    )
    hub.add_issue(1, "2025-05-10T00:00:00Z")
    home.load("github")
    assert listings(hub) == []


def test_p1_no_issue_names_a_person(hub: Hub, home: Any) -> None:
    at = "2025-05-10T00:00:00Z"
    names = ["for-mia-example", "waiting for bob", "status: in progress", "bug", "owner: otto"]
    hub.add_issue(
        1,
        at,
        *(labeled(no, at, name) for no, name in enumerate(names)),
        labels=[{"name": name} for name in names],
        author={"__typename": "User", "login": "otto-example", "databaseId": 5},
        title="Please ask eva-example",
        body="eva-example said so",
    )
    home.load("github")
    text = home.texts("github")
    assert [name for name in ("mia", "bob", "otto", "eva") if name in text] == []
    [(payload,)] = home.rows("github", "select payload from github.issues")
    assert json.loads(payload)["labels"] == ["status: in progress", "bug"]
    assert home.value("github", "select count(*) from github.issue_events") == 2


@pytest.mark.parametrize(
    ("label", "is_shown"),
    [
        ("status: In Progress", True), ("kind/bug", True), ("priority::high", True), ("P1", True),
        ("ready for review", True), ("needs-triage", True), ("waiting for response", True),
        ("waiting for mia", False), ("mia", False), ("team mia", False), ("area: web", False),
        ("needs mia", False), ("bug by mia", False),
    ],
)  # fmt: skip
def test_labels_that_say_stage_type_or_priority_are_shown(label: str, is_shown: bool) -> None:
    assert shown_labels([label]) == ([label] if is_shown else [])


def test_issues_that_a_pull_request_closes_are_read_to_the_last(hub: Hub, home: Any) -> None:
    hub.add_pull(1, closingIssuesReferences=[{"id": f"I_{no}"} for no in range(60)])
    home.load("github")
    [(payload,)] = home.rows("github", "select payload from github.pull_requests")
    assert json.loads(payload)["closes"] == [f"I_{no}" for no in range(60)]


# recorded data


@real
def test_day_by_day_equals_one_full_load(
    replay: Any, home: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", replay.url("github"))
    monkeypatch.setenv("SOURCES__GITHUB__TOKEN", "replay-token")
    monkeypatch.setenv("SOURCES__GITHUB__REPOSITORIES", '["user-c6b5111d/ants"]')
    rows = recorded("issues")["user-c6b5111d/ants"]
    times = sorted({row["closed_at"] or row["created_at"] for row in rows})
    for day in [*times[:: len(times) // 9], "2026-03-01T00:00:00Z"]:
        replay.clock = day
        home.load("github")
    kept = {table: home.content("github", table) for table in ("issues", "issue_events")}
    assert len(kept["issues"]) == sum("pull_request" not in row for row in rows) == 41
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "full"))
    whole = type(home)(tmp_path / "full")
    whole.load("github")
    assert {table: whole.content("github", table) for table in kept} == kept
