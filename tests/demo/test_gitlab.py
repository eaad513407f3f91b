"""The Insights team's GitLab: what it serves is what the team did, and grows with its clock."""

from collections import Counter
from datetime import datetime
from itertools import pairwise

import pytest

from demo import truth
from demo.company import NOW

ROOT = "/api/v4/projects"


@pytest.fixture(scope="module")
def work(company):
    return company.insights


@pytest.fixture(scope="module")
def gitlab(servers):
    from tests.demo.conftest import Client

    return Client(servers.urls["gitlab"], headers={"PRIVATE-TOKEN": "demo-token"})


def every(client, path, **params):
    """Return all rows of a listing, page by page as `Link` says."""
    reply, found = client.get(path, per_page=100, **params), []
    while True:
        assert reply.status_code == 200, path
        found += reply.json()
        following = reply.links.get("next")
        if not following:
            assert len(found) == int(reply.headers["X-Total"])
            return found
        reply = client.session.get(following["url"], timeout=20)


def at(text):
    return int(datetime.fromisoformat(text).timestamp())


def test_a_token_is_asked_for(servers, gitlab):
    assert gitlab.get(ROOT).status_code == 200
    gitlab.session.headers["PRIVATE-TOKEN"] = "wrong"
    assert gitlab.get(ROOT).status_code == 401
    gitlab.session.headers["PRIVATE-TOKEN"] = "demo-token"


def test_listings_hold_everything_once(gitlab, work):
    ids = {}
    for kind in ("pipelines", "deployments", "merge_requests", "issues"):
        rows = [row for number in (501, 502) for row in every(gitlab, f"{ROOT}/{number}/{kind}")]
        ids[kind] = {row["id"] for row in rows}
        assert len(ids[kind]) == len(rows)
    made = {"pipelines": work.pipelines, "deployments": work.deployments,
            "merge_requests": work.requests, "issues": work.tickets}  # fmt: skip
    assert ids == {kind: {r.id for r in rows if r.created <= NOW} for kind, rows in made.items()}
    assert gitlab.get(f"{ROOT}/northbank/insights-api").json()["id"] == 501
    assert gitlab.get(f"{ROOT}/northbank/other").status_code == 404


def test_windows_of_updates_show_what_changed_in_them(gitlab, work):
    path, edge = f"{ROOT}/501/merge_requests", "2025-03-01T00:00:00+00:00"
    early = every(gitlab, path, updated_before=edge, order_by="updated_at", sort="asc")
    late = every(gitlab, path, updated_after=edge, order_by="updated_at", sort="asc")
    assert len(early) + len(late) == sum(
        one.repository == "insights-api" and one.created <= NOW for one in work.requests
    )
    assert all(row["updated_at"] <= edge for row in early)
    for rows in (early, late):
        assert all(first["updated_at"] <= second["updated_at"] for first, second in pairwise(rows))


def test_deployments_list_the_merge_requests_that_truly_came_with_them(gitlab, company, work):
    """As often as somebody merged something; what was shipped before is not listed again."""
    true = {
        (one.id, deployment.id)
        for one in work.requests
        if (deployment := truth.carried(company.in_gitlab()).get(one.id))
    }
    found = set()
    for number in (501, 502):
        for row in every(gitlab, f"{ROOT}/{number}/deployments"):
            if row["environment"]["name"] == "production":
                path = f"{ROOT}/{number}/deployments/{row['id']}/merge_requests"
                found |= {(request["id"], row["id"]) for request in every(gitlab, path)}
    assert found == true and len(found) > 350


def test_an_instance_shows_only_what_has_come(own_servers):
    from tests.demo.conftest import Client

    client = Client(own_servers.urls["gitlab"], headers={"PRIVATE-TOKEN": "demo-token"})
    one = next(
        one for one in own_servers.world.insights.requests
        if one.repository == "insights-api" and one.merged and one.is_draft and len(one.reviews) > 1
    )  # fmt: skip
    path = f"{ROOT}/501/merge_requests/{one.number}"
    states = []
    for moment in (one.created - 1, one.created, one.created + 60, one.merged - 1, one.merged):
        own_servers.clock.set(moment)
        row = client.get(path)
        if row.status_code == 404:
            states.append("nothing")
            continue
        states.append((row.json()["state"], row.json()["draft"], row.json()["merged_at"] is None))
        assert at(row.json()["updated_at"]) <= moment
    assert states == [
        "nothing", ("opened", True, True), ("opened", False, True), ("opened", False, True),
        ("merged", False, False),
    ]  # fmt: skip
    notes = every(client, f"{path}/notes", sort="asc", order_by="created_at")
    assert [note["system"] for note in notes] == [True, False, True]
    assert notes[-1]["body"] == "approved this merge request"


def test_the_work_has_hard_cases(work):
    found = Counter()
    for pipeline in work.pipelines:
        names = [job.name for job in pipeline.jobs]
        found["retried"] += len(names) > len(set(names))
        found["failed"] += not pipeline.is_passed
    for one in work.requests:
        found["closed"] += one.closed is not None and one.merged is None
        found["draft"] += one.is_draft
        found["said"] += one.id in work.said
        assert all(commit.at <= commit.seen_from for commit in one.commits)
        assert max(one.moments()) <= (one.closed or 1 << 40)
    assert found["retried"] > 40 and found["failed"] > 20
    assert found["closed"] > 10 and found["draft"] > 50
    assert 0.75 < found["said"] / len(work.requests) < 0.92
    assert sum(one.succeeded is None for one in work.deployments) >= 5
