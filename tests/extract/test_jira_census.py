"""Jira over days: late indexes, deletions, lost permissions, moves, and every endpoint at once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.extract.bounds import set_bound

pytestmark = pytest.mark.real


@pytest.fixture(params=["jira", "jira-dc"])
def site(request: Any, replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The replay as Cloud and as Data Center, reduced to the projects with a history."""
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", replay.url(request.param))
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "replay-token")
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE", "K5"]')
    replay.api = request.param
    return replay


@pytest.fixture
def cloud(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", replay.url("jira"))
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "replay-token")
    replay.api = "jira"
    return replay


def tombstones(home: Any) -> list[tuple]:
    return home.rows(
        "jira",
        "select i.key, t.state, t.gone_at is not null from jira.tombstones t "
        "join jira.issues i on i.id = t.id where object = 'issues' order by 1",
    )


def audits_of(work: Any, table: str, scope: str) -> list[Any]:
    return [a for a in work.audits if (a.object, a.scope) == (table, scope)]


def test_c5b_what_the_index_shows_hours_late_is_repaired_by_the_census(
    site: Any, home: Any
) -> None:
    home.load("jira")
    site.scenario(site.api, index_lag_s={"default": 0, "EE-1": 2 * 3600})
    site.clock = "2022-08-01T02:00:00Z"
    site.mutate(site.api, "touch", "EE-1")
    for clock in ("2022-08-01T03:30:00Z", "2022-08-01T23:00:00Z"):
        site.clock = clock
        home.load("jira")
    updated = home.value("jira", "select updated_at from jira.issues where key = 'EE-1'")
    assert updated == datetime(2022, 8, 1, 2, tzinfo=UTC)


def test_x3_a_deleted_issue_is_marked_after_the_second_look_and_x4_comes_back(
    site: Any, home: Any
) -> None:
    home.load("jira")
    histories = home.value("jira", "select count(*) from jira.histories")
    site.mutate(site.api, "delete", "EE-1")
    site.clock = "2022-08-02T00:00:00Z"
    home.load("jira")
    assert tombstones(home) == [("EE-1", "missed", False)]
    site.clock = "2022-08-03T00:00:00Z"
    work = home.load("jira")
    assert tombstones(home) == [("EE-1", "deleted", True)]
    assert [a.deleted for a in audits_of(work, "issues", "EE")] == [1]
    site.clock = "2022-08-04T00:00:00Z"
    work = home.load("jira")
    assert sum(a.deleted for a in work.audits) == 0
    site.mutate(site.api, "restore", "EE-1")
    site.clock = "2022-08-05T00:00:00Z"
    home.load("jira")
    assert tombstones(home) == [("EE-1", "present", True)]
    assert home.value("jira", "select count(*) from jira.histories") == histories


def test_x1_a_lost_project_is_reported_until_it_is_taken_out_and_nothing_is_deleted(
    site: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.load("jira")
    rows = home.content("jira", "issues")
    site.scenario(site.api, hide_projects=["EE"], hidden_project_jql="empty")
    for day in (2, 3):
        site.clock = f"2022-08-0{day}T00:00:00Z"
        [audit] = audits_of(home.load("jira"), "issues", "EE")
        assert (audit.status, audit.acl_gap) == ("failed", 30)
        assert audit.message.startswith("permission_or_scope_loss")
        assert "SOURCES__JIRA__PROJECTS" in audit.message
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["K5"]')
    site.clock = "2022-08-04T00:00:00Z"
    work = home.load("jira")
    # The recorded Data Center has no worklogs, and each load says so.
    assert {audit.status for audit in work.audits if audit.object != "worklogs"} == {"complete"}
    assert audits_of(work, "issues", "EE") == []
    # It is asked for again, and can be seen.
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE", "K5"]')
    site.scenario(site.api)
    site.clock = "2022-08-05T00:00:00Z"
    work = home.load("jira")
    assert {audit.status for audit in work.audits if audit.object != "worklogs"} == {"complete"}
    assert home.content("jira", "issues") == rows
    assert tombstones(home) == []


def test_x2_an_empty_dimension_is_kept(site: Any, home: Any) -> None:
    home.load("jira")
    before = home.content("jira", "statuses")
    site.fault(site.api, "rest/api/[23]/status$", status=200, body="[]", times=9)
    site.fault(site.api, "statuses/search", status=200, body='{"values": [], "total": 0}', times=9)
    site.clock = "2022-08-02T00:00:00Z"
    work = home.load("jira")
    [audit] = audits_of(work, "statuses", "")
    assert (audit.status, audit.extracted) == ("incomplete", 0)
    assert home.content("jira", "statuses") == before


def test_everything_around_issues_is_loaded(cloud: Any, loaded: Any) -> None:
    home = loaded("jira")
    counts = cloud.counts("jira")
    for table in ("boards", "sprints", "worklogs"):
        assert home.value("jira", f"select count(*) from jira.{table}") == counts[table], table
    columns = """
        select len(payload->'$.columns[*].statuses[*]') from jira.boards where project_key = 'EE'
    """
    assert home.value("jira", columns) > 0
    assert home.value("jira", "select count(*) from jira.sprints where complete_at is not null") > 0
    for table in ("versions", "components"):
        assert home.value("jira", f"select count(*) from jira.{table}") > 0, table
    quality = dict(
        home.rows("jira", "select history_quality, count(*) from jira.history_checks group by 1")
    )
    assert sum(quality.values()) == counts["issues"]
    assert "conflict" not in quality
    total = "select sum(history_count) from jira.history_checks"
    assert home.value("jira", total) == counts["histories"]


def test_no_field_of_the_recorded_sites_is_unknown(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the dimensions hold is either loaded or left out on purpose."""
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE", "MOD"]')
    work = home.load("jira")
    assert [a.message for a in work.audits if "unknown fields" in a.message] == []


def test_sprints_are_paged_by_fifty_and_read_once_a_day(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "SERVER_PAGE", 10)
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE"]')
    home.load("jira")
    asked = [r for r in cloud.requests("jira") if r["path"].endswith("/sprint")]
    assert len(asked) >= 3
    last = cloud.last
    cloud.clock = "2022-08-01T01:00:00Z"
    home.load("jira")
    assert [r for r in cloud.requests("jira", last) if "/agile/" in r["path"]] == []


def test_h4_endpoints_that_disagree_are_united_and_flagged(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE"]')
    cloud.fault("jira", "changelog/bulkfetch", times=9, merge={"issueChangeLogs": []})
    cloud.fault("jira", r"issue/\d+/changelog", times=999, merge={"values": [], "total": 0})
    home.load("jira")
    found = home.rows(
        "jira",
        "select key, history_count, history_quality from jira.history_checks "
        "join jira.issues on issues.id = issue_id where history_count > 0 order by history_count",
    )
    assert {quality for _, _, quality in found} == {"conflict"}
    # An issue expands to its newest hundred.
    with_history = """select count(*) from jira.issues where key in
        (select key from jira.issues where updated_at - created_at > interval 1 minute)"""
    assert len(found) == home.value("jira", with_history)
    assert max(count for _, count, _ in found) <= 100
