"""The library's GitHub: what it serves is what its people did, and grows with its clock."""

from datetime import datetime
from itertools import pairwise

import pytest

from demo.company import LIBRARY, NOW

ISSUES = """query($after: String, $since: DateTime) {
  repository(owner: "northbank", name: "client-sdk") {
    issues(first: 40, after: $after, orderBy: {field: UPDATED_AT, direction: ASC},
      filterBy: {since: $since}) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes { id number state stateReason createdAt updatedAt closedAt
        labels(first: 20) { nodes { name } } } } } }"""
NODE = """query($id: ID!) { node(id: $id) { ... on Issue { state stateReason updatedAt closedAt
  labels(first: 20) { nodes { name } }
  timelineItems(first: 100, itemTypes: [CLOSED_EVENT, REOPENED_EVENT]) { totalCount nodes {
    __typename ... on ClosedEvent { createdAt stateReason
      closer { __typename ... on Commit { oid } ... on PullRequest { number } } } } } } } }"""
CLOSES = """query($id: ID!) { node(id: $id) { ... on PullRequest {
  closingIssuesReferences(first: 5) { nodes { id } } } } }"""


@pytest.fixture(scope="module")
def own(company):
    return company.library


def asked(client, query, **variables):
    answer = client.post("/graphql", {"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def listed(client, **variables):
    """Return all issues, page by page."""
    found, after = [], None
    while True:
        page = asked(client, ISSUES, after=after, **variables)["repository"]["issues"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found
        after = page["pageInfo"]["endCursor"]


def at(text):
    return int(datetime.fromisoformat(text).timestamp())


def test_only_the_library_has_issues(github):
    names = [row["full_name"] for row in github.get("/orgs/northbank/repos").json()]
    rows = {name: github.get(f"/repos/{name}").json()["has_issues"] for name in names}
    assert [name for name, has_issues in rows.items() if has_issues] == [f"northbank/{LIBRARY}"]


def test_listings_hold_every_issue_once_in_order_of_updates(github, own):
    rows = listed(github)
    assert sorted(row["id"] for row in rows) == sorted(
        one.node_id for one in own.issues if one.created <= NOW
    )
    assert all(one["updatedAt"] <= two["updatedAt"] for one, two in pairwise(rows))
    since = rows[len(rows) // 2]["updatedAt"]
    assert listed(github, since=since) == [row for row in rows if row["updatedAt"] >= since]
    assert any(label["name"].startswith("ask ") for row in rows for label in row["labels"]["nodes"])


def test_issues_say_what_closed_them(github, own):
    fixed = next(one for one in own.directs if one.fixes and one.at < NOW)
    request = next(
        one for one in own.requests if one.id in own.closes and (one.merged or NOW) < NOW
    )
    for issue, closer in (
        (fixed.fixes, {"__typename": "Commit", "oid": fixed.sha}),
        (own.closes[request.id], {"__typename": "PullRequest", "number": request.number}),
    ):
        rows = asked(github, NODE, id=issue.node_id)["node"]["timelineItems"]["nodes"]
        assert closer in [row.get("closer") for row in rows]
    node = asked(github, CLOSES, id=request.node_id)["node"]
    assert node["closingIssuesReferences"]["nodes"] == [{"id": own.closes[request.id].node_id}]


def test_an_issue_follows_the_clock(own_servers, client_of):
    client = client_of(own_servers, "github")
    issue = next(
        one
        for one in own_servers.world.library.issues
        if ("closed", "in review") in pairwise(status for _, status in one.steps)
    )
    path = f"/repos/northbank/{LIBRARY}/issues/{issue.number}"
    own_servers.clock.set(issue.created - 1)
    assert client.get(path).status_code == 404
    labels = {"in review": "status: in review", "in progress": "status: in progress",
              "ready": "status: ready"}  # fmt: skip
    standing, is_again = None, False
    for moment, status in issue.steps:
        own_servers.clock.set(moment + 2)
        standing = labels.get(status, standing)
        node = asked(client, NODE, id=issue.node_id)["node"]
        shown = [one["name"] for one in node["labels"]["nodes"]]
        assert [name for name in shown if name.startswith("status: ")] == (
            [standing] if standing else []
        )
        is_closed = status == "closed"
        assert (node["state"], node["closedAt"] is not None) == (
            ("CLOSED", True) if is_closed else ("OPEN", False)
        )
        reason = "COMPLETED" if is_closed else "REOPENED" if is_again else None
        assert node["stateReason"] == reason
        assert at(node["updatedAt"]) <= moment + 2
        is_again = is_again or is_closed
        row = client.get(path).json()
        assert (row["number"], row["state"]) == (issue.number, node["state"].lower())
        assert row["repository_url"].endswith(f"/repos/northbank/{LIBRARY}")
    assert is_again


def test_main_has_what_was_pushed_and_what_was_merged(github, own):
    path, rows = f"/repos/northbank/{LIBRARY}/commits", []
    for page in range(1, 9):
        rows += github.get(path, per_page=100, page=page).json()
    pushed = {one.sha: one for one in own.directs if one.at <= NOW}
    merged = {one.merge_sha: one for one in own.requests if one.merged and one.merged <= NOW}
    assert [row["sha"] for row in rows[::-1]] == sorted(
        [*pushed, *merged], key=lambda sha: pushed[sha].at if sha in pushed else merged[sha].merged
    )
    assert all(two["sha"] == one["parents"][0]["sha"] for one, two in pairwise(rows))
    assert rows[-1]["parents"] == []
    for row in rows:
        if one := pushed.get(row["sha"]):
            assert row["commit"]["message"] == one.message
            assert at(row["commit"]["author"]["date"]) == one.written < one.at
            assert at(row["commit"]["committer"]["date"]) == one.at
