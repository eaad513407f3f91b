import re
import time

import pytest

from demo import truth
from demo.company import NOW

NOW_MS = NOW * 1000


def all_issues(
    jira, jql="project in (PAY, SHOP, PLAT) AND updated >= 0 ORDER BY created ASC, key ASC"
):
    body = {"jql": jql, "fields": ["updated", "status"], "maxResults": 700}
    found, tokens = [], set()
    while True:
        page = jira.post("/rest/api/3/search/jql", body).json()
        found += page["issues"]
        token = page.get("nextPageToken")
        assert page["isLast"] == (token is None)
        if token is None:
            return found
        assert token not in tokens
        tokens.add(token)
        body["nextPageToken"] = token


def all_histories(jira, ids, size=10_000):
    histories = {}
    for place in range(0, len(ids), 1000):
        body = {"issueIdsOrKeys": ids[place : place + 1000], "maxResults": size}
        while True:
            page = jira.post("/rest/api/3/changelog/bulkfetch", body).json()
            for entry in page["issueChangeLogs"]:
                histories.setdefault(entry["issueId"], []).extend(entry["changeHistories"])
            if not page.get("nextPageToken"):
                break
            body["nextPageToken"] = page["nextPageToken"]
    return histories


# Jira


def test_jira_search_pages_hold_every_issue_once(jira, company):
    ids = [issue["id"] for issue in all_issues(jira)]
    assert len(ids) == len(set(ids))
    assert set(ids) == {str(issue.id) for issue in company.issues if issue.created <= NOW}
    count = jira.post("/rest/api/3/search/approximate-count", {"jql": "updated >= 0"}).json()
    assert count == {"count": len(ids)}


def test_jira_default_field_is_the_id_alone(jira):
    page = jira.post("/rest/api/3/search/jql", {"jql": "project = PAY", "maxResults": 3}).json()
    assert [set(issue) for issue in page["issues"]] == [{"id"}] * 3


def test_jql_windows_are_half_open_in_milliseconds(jira, company):
    issue = next(i for i in company.issues if i.histories and i.histories[-1].at < NOW)
    at = issue.updated(NOW) * 1000
    for jql, seen in (
        (f"updated >= {at} AND updated < {at + 1}", True),
        (f"updated >= {at + 1}", False),
        (f"updated < {at}", False),
        (f"(created <= {issue.created * 1000} OR project = SHOP) AND updated <= {at}", True),
    ):
        found = {row["id"] for row in all_issues(jira, f"{jql} ORDER BY created ASC")}
        assert (str(issue.id) in found) == seen, jql


@pytest.mark.parametrize(
    "jql", ["", "ORDER BY created", "project = NONE", "assignee = x", "updated ~ 3"]
)
def test_jql_that_is_unbounded_or_unknown_is_refused(jira, jql):
    reply = jira.post("/rest/api/3/search/jql", {"jql": jql})
    assert reply.status_code == 400
    assert reply.json()["errorMessages"]


def test_jira_histories_rebuild_the_true_visits_to_the_second(jira, company):
    ids = [issue["id"] for issue in all_issues(jira)]
    histories = all_histories(jira, ids)
    for issue in company.issues:
        if issue.created > NOW:
            continue
        moves = [
            (history["created"], item["fromString"], item["toString"])
            for history in histories.get(str(issue.id), [])
            for item in history["items"]
            if item["field"] == "status"
        ]
        visits = truth.visits(issue)
        first = moves[0][1] if moves else visits[0].status
        seen = [(first, issue.created), *((to, at // 1000) for at, _, to in moves)]
        assert seen == [(visit.status, visit.entered_at) for visit in visits]
        assert all(at % 1000 == 0 for at, _, _ in moves)
    assert sum(map(len, histories.values())) == truth.counts(company)["jira.histories"]


def test_jira_changelog_pages_are_complete_at_any_size(jira):
    ids = [issue["id"] for issue in all_issues(jira)][:300]
    whole, small = all_histories(jira, ids), all_histories(jira, ids, size=97)
    assert whole == small
    one = jira.get(f"/rest/api/3/issue/{ids[7]}/changelog", maxResults=2).json()
    assert one["total"] == len(whole.get(ids[7], []))
    assert len(one["values"]) <= 2


def test_jira_current_status_is_the_end_of_the_history(jira, company):
    status = {row["id"]: row["fields"]["status"]["name"] for row in all_issues(jira)}
    for issue in company.issues:
        if issue.created <= NOW:
            assert status[str(issue.id)] == truth.visits(issue)[-1].status


def test_jira_bulkfetch_orders_by_id_leaves_out_unknown_and_follows_moves(jira, company):
    moved = next(i for i in company.issues if i.initial["project"] != i.stream.project)
    old = f"{moved.initial['project']}-{moved.initial['number']}"
    body = {"issueIdsOrKeys": [old, "PAY-1", "PAY-999999"], "fields": ["project", "created"]}
    page = jira.post("/rest/api/3/issue/bulkfetch", body).json()
    assert [int(row["id"]) for row in page["issues"]] == sorted(
        int(r["id"]) for r in page["issues"]
    )
    keys = {row["key"] for row in page["issues"]}
    assert keys == {"PAY-1", moved.key(NOW)}
    assert moved.key(NOW).startswith(moved.stream.project)
    too_many = {"issueIdsOrKeys": [str(n) for n in range(101)]}
    assert jira.post("/rest/api/3/issue/bulkfetch", too_many).status_code == 400


def test_jira_blocked_intervals_are_those_of_the_truth(jira, company):
    flagged = [i for i in company.issues if i.created <= NOW and truth.blocked(i)]
    histories = all_histories(jira, [str(issue.id) for issue in flagged])
    for issue in flagged:
        marks = [
            (history["created"] // 1000, item["toString"])
            for history in histories[str(issue.id)]
            for item in history["items"]
            if item["field"] == "Flagged"
        ]
        expected = []
        for begin, end in truth.blocked(issue):
            expected += [(begin, "Impediment")] + ([(end, "")] if end else [])
        assert marks == expected


def test_jira_shows_versions_as_far_as_its_clock_has_come(own_servers, client_of):
    jira, made = client_of(own_servers, "jira"), own_servers.world
    path = "/rest/api/3/project/SHOP/versions"
    own = [version for version in made.versions if version.stream.project == "SHOP"]
    for moment in (own[9].released - 1, own[9].released, own[9].released + 86400):
        own_servers.clock.set(moment)
        rows = {row["name"]: row for row in jira.get(path).json()}
        assert set(rows) == {version.name for version in own if version.known <= moment}
        assert {name for name, row in rows.items() if row["released"]} == {
            version.name for version in own if version.released <= moment
        }
    assert rows["SHOP 2024.10"]["startDate"] == "2024-10-01"
    assert rows["SHOP 2024.10"]["releaseDate"] == "2024-10-25"
    assert jira.get("/rest/api/3/project/NONE/versions").status_code == 404


def test_jira_issues_show_the_versions_links_and_places_that_histories_lead_to(jira, company):
    """What an issue shows is what its history adds up to, from what it had at first."""
    ids = [str(i.id) for i in company.issues if i.created <= NOW and (i.plans or i.links)]
    histories = all_histories(jira, ids)
    fields = ["fixVersions", "issuelinks", "customfield_10050"]
    moved = linked_ends = 0
    for place in range(0, len(ids), 100):
        body = {"issueIdsOrKeys": ids[place : place + 100], "fields": fields}
        for row in jira.post("/rest/api/3/issue/bulkfetch", body).json()["issues"]:
            versions, others, detected = set(), set(), None
            for history in histories.get(row["id"], []):
                for item in history["items"]:
                    if item["field"] == "Fix Version":
                        versions = (versions - {item["from"]}) | ({item["to"]} - {None})
                        moved += item["from"] is not None
                    elif item["field"] == "Link":
                        others = (others - {item["from"]}) | ({item["to"]} - {None})
                    elif item["field"] == "Detected in":
                        detected = item["toString"]
            shown = row["fields"]
            assert {version["id"] for version in shown["fixVersions"]} == versions
            # Links that were made with an issue are in no history.
            ends = {(link.get("inwardIssue") or link.get("outwardIssue"))["key"]
                    for link in shown["issuelinks"]}  # fmt: skip
            assert others <= ends
            linked_ends += len(others)
            assert detected in (None, (shown["customfield_10050"] or {}).get("value"))
    assert moved > 500 and linked_ends > 150


def test_jira_dimensions(jira):
    assert jira.get("/rest/api/3/serverInfo").json()["deploymentType"] == "Cloud"
    assert len(jira.get("/rest/api/3/status").json()) == 11
    fields = {row["name"]: row for row in jira.get("/rest/api/3/field").json()}
    custom = "com.pyxis.greenhopper.jira:jsw-story-points"
    assert fields["Story Points"]["schema"]["custom"] == custom
    assert fields["Flagged"]["schema"]["items"] == "option"
    types = jira.get("/rest/api/3/issueLinkType").json()["issueLinkTypes"]
    assert {row["name"]: (row["inward"], row["outward"]) for row in types}["Blocks"] == (
        "is blocked by", "blocks",
    )  # fmt: skip
    first = jira.get("/rest/api/3/project/search", maxResults=2).json()
    rest = jira.get("/rest/api/3/project/search", maxResults=2, startAt=2).json()
    assert (first["isLast"], rest["isLast"]) == (False, True)
    assert [row["key"] for row in first["values"] + rest["values"]] == ["PAY", "SHOP", "PLAT"]


# GitHub


def linked(github, path, key=None, **params):
    """Follow `Link` to the end."""
    reply, rows = github.get(path, per_page=100, **params), []
    while True:
        assert reply.status_code == 200
        rows += reply.json()[key] if key else reply.json()
        following = reply.links.get("next")
        if not following:
            return rows
        reply = github.session.get(following["url"], timeout=20)


def test_pull_requests_come_newest_update_first(github, company):
    path = "/repos/northbank/shop-web/pulls"
    rows = linked(github, path, state="all", sort="updated", direction="desc")
    own = [p for p in company.pulls if p.repository == "shop-web" and p.created <= NOW]
    assert {row["id"] for row in rows} == {pull.id for pull in own}
    assert len(rows) == len(own)
    times = [row["updated_at"] for row in rows]
    assert times == sorted(times, reverse=True)


NODES = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { databaseId state isDraft
  mergedAt mergeCommit { oid } commits(first: 2) { totalCount pageInfo { hasNextPage endCursor }
  nodes { commit { oid author { user { databaseId login } email name } } } }
  reviews(first: 100) { totalCount nodes { databaseId state author { login __typename } } }
  timelineItems(first: 100, itemTypes: [MERGED_EVENT, HEAD_REF_FORCE_PUSHED_EVENT]) {
    totalCount nodes { __typename
      ... on MergedEvent { createdAt actor { login ... on User { databaseId } } }
      ... on HeadRefForcePushedEvent { beforeCommit { oid } afterCommit { oid } } } } } } }"""
MORE = """query($id: ID!, $after: String) { node(id: $id) { ... on PullRequest {
  commits(first: 2, after: $after) { pageInfo { hasNextPage endCursor }
  nodes { commit { oid } } } } } }"""


def test_graphql_gives_commits_by_page_and_events_by_type(github, company):
    pull = next(
        p for p in company.pulls
        if p.merged and p.merged < NOW and len(p.commits) > 5 and any(e.before for e in p.events)
    )  # fmt: skip
    body = {"query": NODES, "variables": {"ids": [pull.node_id]}}
    answer = github.post("/graphql", body).json()
    assert "errors" not in answer
    node = answer["data"]["nodes"][0]
    assert (node["databaseId"], node["state"]) == (pull.id, "MERGED")
    assert node["mergeCommit"]["oid"] == pull.merge_sha
    kinds = [item["__typename"] for item in node["timelineItems"]["nodes"]]
    assert sorted(kinds) == ["HeadRefForcePushedEvent", "MergedEvent"]
    assert node["reviews"]["totalCount"] == len(pull.reviews)
    shas = [row["commit"]["oid"] for row in node["commits"]["nodes"]]
    info = node["commits"]["pageInfo"]
    while info["hasNextPage"]:
        variables = {"id": pull.node_id, "after": info["endCursor"]}
        page = github.post("/graphql", {"query": MORE, "variables": variables}).json()
        commits = page["data"]["node"]["commits"]
        shas += [row["commit"]["oid"] for row in commits["nodes"]]
        info = commits["pageInfo"]
    replaced = next(event.before for event in pull.events if event.before)
    assert set(shas) == {commit.sha for commit in pull.commits} - {replaced}
    assert len(shas) == node["commits"]["totalCount"]


def test_graphql_faults_are_answers(github):
    unknown = github.post("/graphql", {"query": NODES, "variables": {"ids": ["PR_none"]}}).json()
    assert unknown["errors"][0]["type"] == "NOT_FOUND"
    assert unknown["data"]["nodes"] == [None]
    wrong = github.post("/graphql", {"query": "{ viewer { nonsense } }"})
    assert wrong.status_code == 200
    assert "nonsense" in wrong.json()["errors"][0]["message"]
    unpaged = '{ repository(owner: "northbank", name: "shop-web") { pullRequests { totalCount } } }'
    assert github.post("/graphql", {"query": unpaged}).json()["errors"]


def test_run_search_counts_all_and_shows_a_thousand(github, company):
    path = "/repos/northbank/platform-core/actions/runs"
    own = [r for r in company.runs if r.repository == "platform-core" and r.created <= NOW]
    wide = {"created": "2024-01-01T00:00:00Z..2026-01-01T00:00:00Z"}
    assert github.get(path, per_page=1, **wide).json()["total_count"] == len(own)
    capped = linked(github, path, "workflow_runs", **wide)
    assert len(capped) == min(1000, len(own))
    half = {"created": "2024-06-01T00:00:00Z..2024-06-30T23:59:59Z"}
    june = linked(github, path, "workflow_runs", **half)
    expected = {r.id for r in own if 1717200000 <= r.created <= 1719791999}
    assert {row["id"] for row in june} == expected
    assert [r["created_at"] for r in june] == sorted((r["created_at"] for r in june), reverse=True)


def test_attempts_have_their_own_jobs(github, company):
    run = next(r for r in company.runs if len(r.attempts) == 3 and r.attempts[2].completed < NOW)
    path = f"/repos/northbank/{run.repository}/actions/runs/{run.id}"
    assert github.get(path).json()["run_attempt"] == 3
    seen = set()
    for number, attempt in enumerate(run.attempts, start=1):
        shown = github.get(f"{path}/attempts/{number}").json()
        assert (shown["run_attempt"], shown["conclusion"]) == (number, attempt.conclusion)
        jobs = github.get(f"{path}/attempts/{number}/jobs", per_page=100).json()["jobs"]
        assert {job["id"] for job in jobs} == {job.id for job in attempt.jobs}
        seen |= {job["id"] for job in jobs}
    every = github.get(f"{path}/jobs", filter="all", per_page=100).json()
    assert {job["id"] for job in every["jobs"]} == seen
    assert github.get(f"{path}/attempts/4").status_code == 404


def test_deployment_statuses_tell_success_before_inactive(github, company):
    rows = linked(github, "/repos/northbank/payments-api/deployments")
    own = [d for d in company.deployments if d.repository == "payments-api" and d.created <= NOW]
    assert {row["id"] for row in rows} == {deployment.id for deployment in own}
    assert [r["created_at"] for r in rows] == sorted((r["created_at"] for r in rows), reverse=True)
    retired = next(d for d in own if d.statuses[-1][1] == "inactive")
    path = f"/repos/northbank/payments-api/deployments/{retired.id}"
    states = [row["state"] for row in github.get(f"{path}/statuses").json()]
    assert states == ["inactive", "success", "in_progress", "queued"]
    newest = github.get(f"{path}/statuses").json()[0]["created_at"]
    assert github.get(path).json()["updated_at"] == newest


# Jenkins


def test_jenkins_ranges_cover_all_builds(jenkins, company):
    builds = company.builds["platform/shop-search/main"]
    known = [b.number for b in builds if b.started_ms <= NOW_MS]
    numbers, place = [], 0
    while True:
        tree = f"allBuilds[number,building,result]{{{place},{place + 100}}}"
        path = "/job/platform/job/shop-search/job/main/api/json"
        rows = jenkins.get(path, tree=tree).json()["allBuilds"]
        numbers += [row["number"] for row in rows]
        if len(rows) < 100:
            break
        place += 100
    assert numbers == known[::-1]
    recent = jenkins.get(path, tree="builds[number]").json()["builds"]
    assert [row["number"] for row in recent] == known[::-1][:100]


def test_jenkins_tree_keeps_what_was_asked(jenkins):
    tree = "jobs[name,jobs[name,fullName,jobs[fullName,buildable]]]"
    root = jenkins.get("/api/json", tree=tree).json()
    platform = root["jobs"][0]
    assert (platform["name"], len(platform["jobs"])) == ("platform", 6)
    leaf = platform["jobs"][0]["jobs"][0]
    assert leaf["fullName"] == "platform/payments-api/main"
    assert leaf["buildable"] is True
    assert jenkins.get("/api/json", tree="jobs[name").status_code == 400
    assert jenkins.get("/job/none/api/json").status_code == 404


def test_jenkins_stages(jenkins, company):
    build = company.builds["platform/payments-web/main"][9]
    path = f"/job/platform/job/payments-web/job/main/{build.number}/wfapi/describe"
    answer = jenkins.get(path).json()
    assert [stage["name"] for stage in answer["stages"]] == [stage[0] for stage in build.stages]
    ends = answer["stages"][-1]["startTimeMillis"] + answer["stages"][-1]["durationMillis"]
    assert ends <= answer["endTimeMillis"] == build.started_ms + build.duration_ms


# ServiceNow


def table(servicenow, name, query="", **params):
    reply = servicenow.get(f"/api/now/table/{name}", sysparm_query=query, **params)
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]


def test_servicenow_keyset_paging_within_a_window(servicenow, company):
    window = "sys_updated_on>=2025-01-01 00:00:00^sys_updated_on<2025-07-01 00:00:00"
    count = servicenow.get("/api/now/stats/incident", sysparm_count="true", sysparm_query=window)
    found, last = [], ""
    while True:
        query = f"{window}^sys_id>{last}^ORDERBYsys_id" if last else f"{window}^ORDERBYsys_id"
        rows = table(
            servicenow, "incident", query, sysparm_limit=17, sysparm_fields="sys_id,sys_updated_on"
        )
        if not rows:
            break
        found += rows
        last = rows[-1]["sys_id"]
    assert len(found) == len({row["sys_id"] for row in found})
    assert count.json()["result"]["stats"]["count"] == str(len(found))
    assert all("2025-01-01" <= row["sys_updated_on"] < "2025-07-01" for row in found)
    assert len(found) > 50


def test_servicenow_queries(servicenow, company):
    def numbers(query):
        return {
            row["number"] for row in table(servicenow, "incident", query, sysparm_fields="number")
        }

    every = numbers("")
    first = numbers("priority=1")
    assert numbers("priority=1^ORpriority=2") == first | numbers("priority=2")
    assert numbers("priorityIN1,2^caused_byISNOTEMPTY") == numbers("priorityIN1,2") - numbers(
        "caused_byISEMPTY"
    )
    assert numbers("priority!=1") == every - first
    assert numbers("no_such_field=1^priority=1") == first
    assert numbers("priority=1^NQpriority=2") == numbers("priority<=2")
    assert numbers("numberLIKE30001") == {n for n in every if "30001" in n}
    assert len(every) == sum(record.created <= NOW for record in company.incidents)


def test_servicenow_limit_counts_before_the_acl(servicenow, servers):
    rows = table(servicenow, "incident", "ORDERBYsys_id", sysparm_limit=10, sysparm_fields="sys_id")
    hidden = {row["sys_id"] for row in rows[:4]}
    servers.apis["servicenow"].hidden |= hidden
    try:
        page = servicenow.get(
            "/api/now/table/incident", sysparm_query="ORDERBYsys_id", sysparm_limit=10,
            sysparm_fields="sys_id",
        )  # fmt: skip
        assert [row["sys_id"] for row in page.json()["result"]] == [r["sys_id"] for r in rows[4:]]
        assert int(page.headers["X-Total-Count"]) > 300
    finally:
        servers.apis["servicenow"].hidden -= hidden


def test_servicenow_references_and_types(servicenow):
    plain = table(servicenow, "incident", sysparm_limit=1, sysparm_exclude_reference_link="true")[0]
    linked_row = table(servicenow, "incident", sysparm_limit=1)[0]
    assert linked_row["assignment_group"]["value"] == plain["assignment_group"]
    assert all(isinstance(value, str) for value in plain.values())
    group = linked_row["assignment_group"]["link"].rsplit("/", 1)[-1]
    names = {row["sys_id"]: row["name"] for row in table(servicenow, "sys_user_group")}
    assert names[group] in {"Payments Operations", "Storefront Operations", "Platform Operations"}
    assert servicenow.get("/api/now/table/no_table").status_code == 400


@pytest.mark.parametrize("name", ["incident", "change_request"])
def test_servicenow_audit_rebuilds_the_true_states(servicenow, company, name):
    records = company.incidents if name == "incident" else company.changes
    records = [record for record in records if record.created <= NOW][:90]
    labels = {
        row["value"]: row["label"]
        for row in table(servicenow, "sys_choice", f"name={name}^element=state")
    }
    keys = ",".join(record.sys_id for record in records)
    query = f"documentkeyIN{keys}^tablename={name}^fieldname=state^ORDERBYsys_created_on"
    audits = table(servicenow, "sys_audit", query)
    for record in records:
        own = [row for row in audits if row["documentkey"] == record.sys_id]
        expected = truth.record_visits(record)
        seen = [labels[own[0]["oldvalue"]]] if own else [expected[0][0]]
        assert seen + [labels[row["newvalue"]] for row in own] == [visit[0] for visit in expected]
        moments = [time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(v[1])) for v in expected[1:]]
        assert [row["sys_created_on"] for row in own] == moments


def test_changes_name_the_deployment_by_correlation_id(servicenow, company):
    rows = table(servicenow, "change_request", sysparm_fields="sys_id,correlation_id")
    true = truth.change_deployments(company)
    named = {row["sys_id"]: row["correlation_id"] for row in rows if row["correlation_id"]}
    assert all(true[key] == value for key, value in named.items())
    assert 0.75 < len(named) / len(true) < 0.97


# all


@pytest.mark.parametrize(
    "name, path",
    [
        ("jira", "/rest/api/3/myself"),
        ("github", "/user"),
        ("jenkins", "/me/api/json"),
        ("servicenow", "/api/now/table/sys_user"),
    ],
)
def test_credentials_and_dates(request, servers, name, path):
    client = request.getfixturevalue(name)
    good = client.get(path)
    assert good.status_code == 200
    assert good.headers["Date"] == "Thu, 01 Jan 2026 06:00:00 GMT"
    bad = client.session.get(
        f"{client.url}{path}", auth=("demo", "wrong"), headers={"Authorization": None}
    )
    assert bad.status_code == 401


def test_free_text_and_people_are_planted(jira, github, company):
    planted = company.planted()
    assert len(planted) > 200
    page = jira.post("/rest/api/3/issue/bulkfetch", {"issueIdsOrKeys": ["PAY-1"]}).text
    assert any(text in page for text in planted if "@" in text)
    pulls = github.get("/repos/northbank/shop-web/pulls", state="all").text
    assert any(text in pulls for text in planted if "@" in text)


def test_settings_are_complete(servers):
    names = {re.match(r"SOURCES__([A-Z]+)__", name)[1] for name in servers.env}
    assert names == {"JIRA", "GITHUB", "JENKINS", "SERVICENOW", "GITLAB", "FEEDS"}
    assert servers.env["SOURCES__JIRA__PROJECTS"] == '["PAY", "SHOP", "PLAT"]'
    assert servers.env["SOURCES__JENKINS__BASE_URL"] == servers.urls["jenkins"]


def test_change_clock_fault_and_journal(own_servers, client_of):
    servers, jira = own_servers, client_of(own_servers, "jira")
    issue = next(
        i for i in servers.world.issues
        if i.created <= NOW and truth.visits(i)[-1].status == "In Progress" and i.kind != "Epic"
    )  # fmt: skip
    key, at = issue.key(NOW), NOW + 3600
    servers.world.move_issue(key, "Done", at)
    jql = f"updated >= {NOW_MS + 1}"
    assert all_issues(jira, jql) == []
    servers.clock.set(at + 60)
    assert [row["id"] for row in all_issues(jira, jql)] == [str(issue.id)]
    assert truth.visits(issue, at + 60)[-1].status == "Done"
    last = all_histories(jira, [str(issue.id)])[str(issue.id)][-1]
    assert last["created"] == at * 1000
    assert [item["field"] for item in last["items"]] == ["resolution", "status"]

    servers.world.delete_issue(key)
    assert all_issues(jira, jql) == []

    servers.faults.add("jira", "/field", 503, 2, headers={"Retry-After": "1"})
    replies = [jira.get("/rest/api/3/field").status_code for _ in range(3)]
    assert replies == [503, 503, 200]
    assert servers.journal[-1] == ("jira", "GET", "/rest/api/3/field")

    servers.down("jenkins")
    with pytest.raises(OSError):
        client_of(servers, "jenkins").get("/api/json")
    servers.up("jenkins")
    assert client_of(servers, "jenkins").get("/api/json").status_code == 200


def test_records_follow_the_clock(own_servers, client_of):
    servers = own_servers
    github, jenkins = client_of(servers, "github"), client_of(servers, "jenkins")
    run = next(r for r in servers.world.runs if r.attempts[0].completed - r.created > 300)
    build = next(
        b for b in servers.world.builds["platform/shop-web/main"] if b.duration_ms > 200_000
    )
    path = f"/repos/northbank/{run.repository}/actions/runs/{run.id}"
    servers.clock.set(run.created - 1)
    assert github.get(path).status_code == 404
    servers.clock.set(run.created + 200)
    assert (github.get(path).json()["status"], github.get(path).json()["conclusion"]) != (
        "completed",
        None,
    )
    assert github.get(path).json()["conclusion"] is None
    servers.clock.set(run.attempts[0].completed)
    assert github.get(path).json()["status"] == "completed"

    path = f"/job/platform/job/shop-web/job/main/{build.number}/api/json"
    servers.clock.set(build.started_ms // 1000 + 100)
    row = jenkins.get(path, tree="building,result,duration").json()
    assert (row["building"], row["result"], row["duration"]) == (True, None, 0)
    servers.clock.set((build.started_ms + build.duration_ms) // 1000 + 1)
    row = jenkins.get(path, tree="building,result,duration").json()
    assert (row["building"], row["result"], row["duration"]) == (
        False,
        build.result,
        build.duration_ms,
    )


def test_only_this_machine_reaches_them(servers):
    assert {server.server_address[0] for server in servers.servers.values()} == {"127.0.0.1"}
