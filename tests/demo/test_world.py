import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from demo import truth, world
from demo.calendars import seed_rows
from demo.company import INSIGHTS, LIBRARY, NOW, START, STREAMS
from demo.library import Library

ROOT = Path(__file__).parents[2]
KEY = re.compile(r"\b(?:PAY|SHOP|PLAT)-\d+")


def digest(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("digest.py"))]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def existing(records):
    return [record for record in records if record.created <= NOW]


def test_world_does_not_depend_on_the_process():
    runs = [digest("0"), digest("4711")]
    texts = [run.communicate(timeout=60)[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert len(texts[0]) == 64
    assert texts[0] == texts[1]


def test_another_seed_is_another_world(company):
    other = world.build(7)
    assert [issue.created for issue in other.issues] != [issue.created for issue in company.issues]


@pytest.mark.parametrize(
    "name, least, most",
    [
        ("issues", 2700, 3300),
        ("pulls", 2250, 2750),
        ("deployments", 540, 660),
        ("incidents", 360, 440),
        ("changes", 450, 550),
        ("runs", 4500, 5500),
    ],
)
def test_size(company, name, least, most):
    assert least <= len(existing(getattr(company, name))) <= most


def test_size_of_epics_and_builds(company):
    assert 140 <= sum(issue.kind == "Epic" for issue in existing(company.issues)) <= 160
    builds = [b for row in company.builds.values() for b in row if b.started_ms <= NOW * 1000]
    assert 2700 <= len(builds) <= 3300
    assert {len(build.stages) for build in builds} == {3, 4, 5}
    assert {issue.kind for issue in company.issues} == {
        "Epic", "Story", "Bug", "Task", "Spike", "Tech Debt",
    }  # fmt: skip


def test_work_in_progress_is_sane_and_young(company):
    ages, backlog = [], 0
    for issue in existing(company.issues):
        if issue.kind == "Epic":
            continue
        last = truth.visits(issue)[-1]
        if last.flow_state in ("wait", "active"):
            started = next(v for v in truth.visits(issue) if v.flow_state in ("wait", "active"))
            ages.append((NOW - started.entered_at) / 86400)
        backlog += last.flow_state == "new"
    assert 60 <= len(ages) <= 150
    assert sum(age > 120 for age in ages) < len(ages) * 0.1
    assert 130 <= backlog <= 280


def test_throughput_is_stable(company):
    done = Counter()
    for issue in existing(company.issues):
        for visit in truth.visits(issue):
            if visit.status == "Done":
                done[(visit.entered_at - START) // (86400 * 91)] += 1
    quarters = [done[place] for place in range(1, 8)]
    assert min(quarters) > 0.75 * max(quarters)


def test_the_constraint_has_by_far_the_longest_true_wait(company):
    waits = truth.mean_wait(company)
    for stream, stage in truth.constraints().items():
        own = {name: seconds for (key, name), seconds in waits.items() if key == stream}
        rivals = [seconds for name, seconds in own.items() if name != stage]
        assert own[stage] > 1.5 * max(rivals), (stream, own)
    assert truth.constraints() == {
        "payments": "waiting_test", "storefront": "waiting_review", "platform": "waiting_release",
    }  # fmt: skip


def mean_days(company, stream, stage, begin, end):
    low, high = (datetime.fromisoformat(f"{day}T00:00:00Z").timestamp() for day in (begin, end))
    stays = [
        visit.seconds() / 86400
        for issue in existing(company.issues)
        if issue.ticket.stream.key == stream
        for visit in truth.visits(issue)
        if visit.stage == stage and visit.exited_at and low <= visit.entered_at < high
    ]
    return sum(stays) / len(stays)


def test_waiting_for_test_in_payments_gets_better_in_2025(company):
    before = mean_days(company, "payments", "waiting_test", "2025-04-01", "2025-07-01")
    after = mean_days(company, "payments", "waiting_test", "2025-10-01", "2026-01-01")
    assert after < 0.6 * before


def test_waiting_for_review_in_storefront_gets_worse_in_2025(company):
    before = mean_days(company, "storefront", "waiting_review", "2024-04-01", "2025-01-01")
    after = mean_days(company, "storefront", "waiting_review", "2025-04-01", "2026-01-01")
    assert after > 1.5 * before


def test_visits_are_gap_free_and_go_forward(company):
    for issue in existing(company.issues):
        visits = truth.visits(issue)
        assert visits[0].entered_at == issue.created
        for before, after in pairwise(visits):
            assert before.exited_at == after.entered_at > before.entered_at
            assert before.status != after.status
        assert visits[-1].exited_at is None


def test_hard_cases_of_flow_exist(company):
    found = Counter()
    order = ["Backlog", "Selected for Development", "In Progress", "Ready for Review", "In Review",
             "Ready for Test", "In Test", "Ready for Release", "Done"]  # fmt: skip
    for issue in existing(company.issues):
        names = [visit.status for visit in truth.visits(issue)]
        found["cancelled"] += names[-1] == "Cancelled"
        found["never started"] += names == ["Backlog"]
        found["straight to done"] += names == ["Backlog", "Done"]
        found["back from test"] += any(p == ("In Test", "In Progress") for p in pairwise(names))
        found["reopened"] += any(before == "Done" for before in names[:-1])
        found["blocked"] += bool(truth.blocked(issue))
        found["moved"] += issue.initial["project"] != issue.stream.project
        assert set(names) <= {*order, "Cancelled", "To Do"}
    assert found["moved"] == 14
    assert found["cancelled"] > 100
    assert found["never started"] > 100
    assert found["straight to done"] > 30
    assert found["back from test"] > 200
    assert found["reopened"] > 60
    assert found["blocked"] > 120


def test_most_pull_requests_carry_an_issue_key(company):
    pulls = existing(company.pulls)
    carrying = sum(bool(KEY.search(f"{pull.title} {pull.branch}")) for pull in pulls)
    assert 0.80 < carrying / len(pulls) < 0.92
    for pull in pulls:
        for key in KEY.findall(f"{pull.title} {pull.branch}"):
            assert pull.issue is not None
            if pull.kind != "revert":
                assert key == pull.issue.key(pull.created)


def test_pull_requests_are_consistent(company):
    kinds = Counter()
    for pull in company.pulls:
        assert 1 <= len(pull.commits) <= 16
        end = pull.closed or 1 << 40
        assert all(commit.at <= commit.seen_from for commit in pull.commits)
        assert all(pull.created <= moment <= end for moment in pull.moments())
        assert (pull.merged is None) == (pull.merge_sha is None)
        kinds[pull.kind] += 1
        kinds["draft"] += pull.is_draft
        kinds["unmerged"] += bool(pull.closed and not pull.merged)
        kinds["force"] += any(event.before for event in pull.events)
    assert kinds["revert"] >= 10
    assert kinds["hotfix"] >= 25
    assert kinds["draft"] > 400
    assert kinds["unmerged"] > 60
    assert kinds["force"] > 50


def test_deployments_deploy_merge_commits(company):
    merges = {pull.merge_sha: pull for pull in company.pulls if pull.merged}
    states = Counter()
    for deployment in company.deployments:
        assert merges[deployment.sha].merged <= deployment.created
        assert merges[deployment.sha].repository == deployment.repository
        times = [at for at, _ in deployment.statuses]
        assert times == sorted(times)
        states.update(state for _, state in deployment.statuses)
        states[deployment.environment] += 1
    assert states["failure"] + states["error"] > 15
    assert states["inactive"] > 300
    assert states["production"] > states["staging"] > 100


def test_shares_of_true_links(company):
    incidents = truth.incident_causes(company)
    assert 0.5 < len(incidents) / len(existing(company.incidents)) < 0.7
    named = sum(bool(record.base["caused_by"]) for record in existing(company.incidents))
    assert 0.25 < named / len(existing(company.incidents)) < 0.55
    changes = truth.change_deployments(company)
    production = [d for d in existing(company.deployments) if d.environment == "production"]
    assert 0.75 < len(changes) / len(production) < 0.95
    chains = truth.chains(company)
    deployed = [chain for chain in chains if chain.deployment_id]
    assert len(deployed) > 0.85 * sum(chain.merge_sha is not None for chain in chains)
    assert all(chain.merge_sha for chain in deployed)


def test_what_was_planned_found_and_linked_changes_nothing_of_the_work():
    """It is drawn from streams of its own: without it, everything else is as it was."""
    whole = world.build()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("plan", "find", "depend", "tell", "push"):
            patch.setattr(world, name, lambda *given: [])
        plain = world.build()
    told = {"Fix Version", "Link", "Detected in"}
    for before, after in zip(plain.issues, whole.issues, strict=True):
        kept = [
            history for history in after.histories
            if not {item["field"] for item in history.items} & told
        ]  # fmt: skip
        assert [(h.at, h.items) for h in kept] == [(h.at, h.items) for h in before.histories]
        assert truth.visits(after) == truth.visits(before) and after.id == before.id
    assert [(pull.id, pull.title, pull.merge_sha) for pull in plain.pulls] == [
        (pull.id, pull.title, pull.merge_sha) for pull in whole.pulls
    ]
    assert [(one.id, one.sha, one.statuses) for one in plain.deployments] == [
        (one.id, one.sha, one.statuses) for one in whole.deployments
    ]
    assert [run.id for run in plain.runs] == [run.id for run in whole.runs]
    # What was pushed to main is in no period of those who did not push.
    pushed = {one.repository for one in whole.directs}
    before, after = truth.periods(plain), truth.periods(whole)
    assert before.keys() == after.keys() and len(pushed) == 2
    assert {key for key in before if before[key] != after[key]} <= {
        key for key in before if key[0] in pushed
    }
    assert truth.periods(replace(whole, directs=[])) == before
    assert truth.incident_causes(plain) == truth.incident_causes(whole)


def test_commits_outside_of_pull_requests_are_of_every_kind(company):
    """They name issues that were worked on, and nothing else comes to main within minutes."""
    merges = [(pull.repository, pull.merged) for pull in company.pulls if pull.merged]
    assert set(Counter(one.kind for one in company.directs)) == {
        "named", "none", "typed", "pair", "lookalike", "hotfix", "revert",
    }  # fmt: skip
    for one in company.directs:
        assert one.written < one.at
        assert all(abs(one.at - at) >= 300 for name, at in merges if name == one.repository)
        said = [key.upper() for key in re.findall(r"plat-\d+", one.message, re.IGNORECASE)]
        assert said == [issue.key(one.at) for issue in one.issues]
        assert len(said) == {"none": 0, "lookalike": 0, "revert": 0, "pair": 2}.get(one.kind, 1)
        assert all(issue.repository == one.repository for issue in one.issues)


def test_the_library_changes_nothing_of_the_rest():
    """It is drawn from a stream of its own, with the people of Insights."""
    whole = world.build()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.Maintainers, "run", lambda maintainers: Library())
        plain = world.build()
    assert not plain.library.issues and whole.library.issues
    assert whole.people == plain.people and whole.insights.people == plain.insights.people
    for before, after in (
        (plain, whole), (plain.in_gitlab(), whole.in_gitlab()),
    ):  # fmt: skip
        for name in ("pulls", "deployments", "issues", "directs", "runs"):
            rows = [[(one.id, one.created) for one in getattr(made, name)] if name != "directs"
                    else [(one.sha, one.message) for one in made.directs]
                    for made in (before, after)]  # fmt: skip
            assert rows[0] == rows[1], name
        assert truth.periods(before) == truth.periods(after)


def test_the_library_has_hard_cases(company):
    """What its issues tell is what its people did, and main is one line."""
    own = company.library
    line = [one.merged for one in own.requests if one.merged] + [one.at for one in own.directs]
    assert len(line) == len({*line})
    numbers = [one.number for one in (*own.issues, *own.requests)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    for issue in own.issues:
        times = [at for at, _ in issue.steps]
        assert times == sorted({*times}) and times[0] == issue.created
        assert all(event.at >= issue.created for event in issue.events)
    for one in own.requests:
        end = one.closed or 1 << 40
        assert all(one.created <= moment <= end for moment in one.moments())
    for commit in own.directs:
        said = re.findall(r"[Ff]ixes #(\d+)", commit.message)
        assert said == ([str(commit.fixes.number)] if commit.fixes else [])
    discarded = [one for one in own.requests if one.closed and not one.merged]
    assert len(discarded) > 3 and all(one.id in own.closes for one in discarded)
    assert any(label.startswith("ask ") for issue in own.issues for label in issue.labels)


def test_defects_and_dependencies_of_the_company_are_of_every_kind(company):
    bugs = [issue for issue in existing(company.issues) if issue.kind == "Bug"]
    places = Counter(issue.found_in for issue in bugs)
    assert set(places) == {"Production", "Staging", "Test"}
    assert 0.25 < places["Production"] / len(bugs) < 0.45
    assert all(i.found_in == "Production" for i in bugs if i.ticket.is_hotfix)
    told = [i for i in existing(company.incidents) if i.fix_told and i.fix_told <= NOW]
    assert 0.6 < len(told) / sum(i.fix is not None for i in existing(company.incidents)) < 0.95
    for one in told:
        assert one.fix.created <= one.fix_told
    for issue in company.issues:
        spans = sorted((p.since, p.until or 1 << 40) for p in issue.plans if p.role == "fix")
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
        for link in issue.links:
            assert link.at >= max(issue.created, link.other.created)
            assert link.until is None or link.until > link.at


def test_programs_help_with_some_changes_and_write_a_few(company):
    words = Counter(truth.assistance(company).values())
    total = sum(words.values())
    assert 0.15 < words["assisted"] / total < 0.25
    assert 0.03 < words["agent"] / total < 0.07
    assert words["none"] == total - words["assisted"] - words["agent"]


def test_incidents_start_after_the_deployment_that_caused_them(company):
    for incident in company.incidents:
        if incident.deployment:
            assert incident.deployment.environment == "production"
            assert incident.created > incident.deployment.succeeded
            if incident.base["caused_by"]:
                assert incident.base["caused_by"] == incident.deployment.change.sys_id


def test_records_change_in_order_of_time(company):
    for record in company.records():
        times = [record.created, *(mod.at for mod in record.mods)]
        assert times == sorted(times)
        visits = truth.record_visits(record)
        assert visits[0][0] in ("New", "Open")
        assert all(before[0] != after[0] for before, after in pairwise(visits))


def test_work_happens_at_working_hours_of_the_stream(company):
    from demo.calendars import calendar_of

    for stream in STREAMS:
        calendar = calendar_of(stream.calendar, stream.zone)
        inside = total = 0
        for issue in existing(company.issues):
            if issue.ticket.stream is stream and not issue.ticket.is_hotfix:
                for at, _ in issue.ticket.steps:
                    total += 1
                    inside += calendar.work(at) < calendar.work(at + 1)
        assert inside > 0.97 * total


def test_seeds_name_every_scope_of_the_company():
    scopes = {(row["source_system"], row["scope"]) for row in seed_rows("scopes")}
    streams = {row["value_stream_key"] for row in seed_rows("value_streams")}
    teams = {row["team_key"]: row["value_stream_key"] for row in seed_rows("teams")}
    services = {row["service_key"]: row["team_key"] for row in seed_rows("services")}
    assert streams == {stream.key for stream in (*STREAMS, INSIGHTS)}
    for name in INSIGHTS.repositories:
        assert ("gitlab", f"northbank/{name}") in scopes
        assert services[name] == "insights" and teams["insights"] == "insights"
    assert ("github", f"northbank/{LIBRARY}") in scopes and services[LIBRARY] == "insights"
    for stream in STREAMS:
        wanted = {("jira", stream.project), ("servicenow", stream.operations)}
        wanted.add(("servicenow", stream.change_board))
        for name, team in zip(stream.repositories, stream.teams, strict=True):
            wanted |= {("github", f"northbank/{name}"), ("jenkins", f"platform/{name}")}
            assert services[name] == team
            assert teams[team] == stream.key
        assert wanted <= scopes
    for row in seed_rows("scopes"):
        assert row["value_stream_key"] in streams
        assert not row["team_key"] or teams[row["team_key"]] == row["value_stream_key"]
        assert not row["service_key"] or services[row["service_key"]] == row["team_key"]
