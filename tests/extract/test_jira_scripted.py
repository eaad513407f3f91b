"""Jira against a generated site: transport faults, changes while we read, histories, bad input.

What is expected comes from the generator (`scripted_jira.py`), never from the code under test.
"""

import logging
import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from dlt.pipeline.pipeline import Pipeline

import extract.run
import extract.tables
from extract import api, archive, probes, raw_store
from extract.api import Api
from extract.erasure import erase_raw, remember
from extract.load import Busy, load
from extract.privacy import person_key
from extract.settings import SettingFault
from extract.sources import jira
from extract.sources.jira import tables
from extract.sources.jira.census import IssueCensus
from extract.sources.jira.cloud import Cloud
from extract.sources.jira.reader import READING
from extract.windows import Window
from tests.extract.bounds import set_bound
from tests.extract.scripted_jira import FIRST, NOW, PEOPLE, TOKEN, ScriptedJira, ms

HOUR = timedelta(hours=1)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedJira]:
    yield from served(monkeypatch, 60)


def served(monkeypatch: pytest.MonkeyPatch, size: int, **how: Any) -> Iterator[ScriptedJira]:
    site = ScriptedJira(size, **how)
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", site.url)
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", TOKEN)
    monkeypatch.setenv("FLOWHOUSE_PSEUDONYM_KEY", "a-long-text-of-our-own")
    yield site
    site.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time; they are counted."""
    waits: list[float] = []
    monkeypatch.setitem(Api.__init__.__kwdefaults__, "sleep", waits.append)
    return waits


def oracle(site: ScriptedJira) -> tuple[list[tuple], list[tuple]]:
    """What the raw tables must hold: (id, updated, status) and (issue, history, created, to)."""
    issues = [(str(i.id), ms(i.updated), i.current) for i in site.issues.values()]
    histories = [
        (str(i.id), h["id"], h["created"], h["items"][0]["to"])
        for i in site.issues.values()
        for h in i.histories
    ]
    return sorted(issues), sorted(histories)


def raw(home: Any) -> tuple[list[tuple], list[tuple]]:
    return (
        home.rows(
            "jira",
            "select id, epoch_ms(updated_at), payload->>'$.fields.status.id' from jira.issues "
            "order by all",
        ),
        home.rows(
            "jira",
            "select issue_id, id, epoch_ms(created_at), payload->>'$.items[0].to' "
            "from jira.histories order by all",
        ),
    )


def qualities(home: Any) -> dict[str, str]:
    return dict(home.rows("jira", "select issue_id, history_quality from jira.history_checks"))


AUDITS = "select object, status from jira.load_audits order by all"


def messages(work: Any) -> str:
    return "\n".join(f"{a.object} {a.status} {a.message}" for a in work.audits)


# Transport


def test_t1_a_token_that_expires_between_pages_is_minted_once_and_costs_no_row(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__JIRA__API_TOKEN")
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_ID", "a-client")
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_SECRET", TOKEN)
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 12)
    set_bound(monkeypatch, "jira", "BODIES_PER_REQUEST", 10)
    site.token_lasts = 9
    home.load("jira")
    assert raw(home) == oracle(site)
    pages = [(path, body) for _, path, body in site.journal if body]
    tokens = [place for place, (path, _) in enumerate(pages) if path == "/oauth/token"]
    assert len(tokens) == site.minted >= 4
    # What was refused is asked for again, and nothing else is.
    asked = [msgspec.json.encode(page) for page in pages if "bulkfetch" in page[0]]
    again = Counter(asked)
    assert set(again.values()) == {1, 2}
    searches = [body.get("nextPageToken") for path, body in pages if path.endswith("search/jql")]
    assert len(searches) > len(set(searches))


def test_t1b_a_client_that_is_refused_is_named_by_its_setting(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__JIRA__API_TOKEN")
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_ID", "a-client")
    with pytest.raises(SettingFault, match="SOURCES__JIRA__CLIENT_SECRET is not set"):
        jira.SOURCE.checked_settings()
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_SECRET", "a-wrong-secret")
    said = home.why_not("jira")
    assert "SOURCES__JIRA__CLIENT_SECRET" in said and "a-wrong-secret" not in said


def test_t1b_a_token_that_is_refused_twice_leaves_the_watermark(
    home: Any, site: ScriptedJira
) -> None:
    site.fault_on("search/jql", times=2, status=401)
    said = home.why_not("jira")
    assert "SOURCES__JIRA__API_TOKEN" in said and TOKEN not in said
    home.load("jira")
    assert raw(home) == oracle(site)


def test_t2_a_throttled_load_waits_as_asked_and_is_complete(
    home: Any, site: ScriptedJira, no_waiting: list[float]
) -> None:
    site.fault_on("changelog/bulkfetch", status=429, headers={"Retry-After": "1800"})
    work = home.load("jira")
    assert sum(no_waiting) >= 1799
    assert {audit.status for audit in work.audits} == {"complete"}
    assert raw(home) == oracle(site)


def test_t2e_a_wait_beyond_the_budget_is_a_partial_load(home: Any, site: ScriptedJira) -> None:
    site.fault_on("changelog/bulkfetch", status=429, headers={"Retry-After": "7200"})
    assert [(a.object, a.status) for a in home.load("jira").audits] == [("*", "partial")]
    assert raw(home) == ([], [])
    home.load("jira")
    assert raw(home) == oracle(site)


def test_t4_five_failures_fail_the_window_and_the_next_run_reads_it(
    home: Any, site: ScriptedJira
) -> None:
    site.fault_on("issue/bulkfetch", times=5, status=502)
    assert [(a.object, a.status) for a in home.load("jira").audits] == [("*", "failed")]
    assert home.rows("jira", AUDITS) == [("*", "failed")]
    home.load("jira")
    assert raw(home) == oracle(site)
    assert ("issues", "complete") in home.rows("jira", AUDITS)


@pytest.mark.parametrize("path", ["search/jql", "issue/bulkfetch", "changelog/bulkfetch"])
def test_t5_half_an_answer_is_never_loaded(home: Any, site: ScriptedJira, path: str) -> None:
    site.fault_on(path, raw=lambda content: content[: len(content) // 2])
    site.fault_on(path, raw=lambda content: b"<html>Log in</html>")
    site.fault_on(path, change=lambda answer: {name: "x" for name in answer})
    home.load("jira")
    assert raw(home) == oracle(site)


def test_t6c_a_short_page_with_a_token_goes_on(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 20)
    site.fault_on("search/jql", change=lambda answer: {**answer, "issues": answer["issues"][:1]})
    work = home.load("jira")
    # 19 issues were not listed; the census lists them all.
    assert "the census found 19 issues" in messages(work)
    assert raw(home) == oracle(site)


# Correctness under change


def test_c1_an_issue_that_changes_while_we_page_is_there_after_the_next_run(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 20)
    first = list(site.issues.values())[30]
    site.fault_on("search/jql", after=lambda: first.change(site.now, site))
    home.load("jira")
    assert str(first.id) in {row[0] for row in raw(home)[0]}
    site.now += HOUR
    home.load("jira")
    assert raw(home) == oracle(site)


def test_c3_overlapping_windows_leave_one_row_of_the_newest_version(
    home: Any, site: ScriptedJira
) -> None:
    issue = list(site.issues.values())[5]
    for _ in range(3):
        issue.change(site.now - timedelta(minutes=10), site)
        home.load("jira")
        site.now += timedelta(minutes=10)
    assert raw(home) == oracle(site)


def test_c4_a_backfill_of_an_old_window_does_not_bring_old_rows_back(
    home: Any, site: ScriptedJira
) -> None:
    home.load("jira")
    list(site.issues.values())[5].change(site.now - HOUR, site)
    site.now += HOUR
    home.load("jira")
    load("jira", "again", span=Window(FIRST, NOW))
    assert raw(home) == oracle(site)


@pytest.mark.parametrize(("servers", "ours"), [(-10, 0), (10, 0), (0, -10), (0, 10)])
def test_c6_neither_a_shifted_clock_of_the_server_nor_of_ours_opens_a_gap(
    home: Any, site: ScriptedJira, servers: int, ours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = next(iter(site.issues.values()))
    for is_shifted in (False, True, True):
        site.now += timedelta(minutes=20 + servers * is_shifted)
        if is_shifted:
            shift_our_clock(monkeypatch, timedelta(minutes=ours))
        # The safety lag hides the one change from this load, and not from the next one.
        issue.change(site.now - timedelta(minutes=4), site)
        work = home.load("jira")
        [window] = [a for a in work.audits if a.window_to]
        assert window.window_to == site.now - timedelta(minutes=5)
    site.now += timedelta(minutes=20)
    home.load("jira")
    assert raw(home) == oracle(site)


def shift_our_clock(monkeypatch: pytest.MonkeyPatch, shift: timedelta) -> None:
    """Let every module that asks this machine for the time get another one."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + shift

    for module in (api, extract.tables, extract.run):
        monkeypatch.setattr(module, "datetime", Shifted)
    set_bound(monkeypatch, "jira", "datetime", Shifted)


def test_c9_an_issue_that_changes_all_the_time_is_collected_in_each_run(
    home: Any, site: ScriptedJira
) -> None:
    busy = list(site.issues.values())[7]
    for _ in range(3):
        for _ in range(20):
            site.now += timedelta(seconds=30)
            busy.change(site.now, site)
        before = len(busy.histories)
        home.load("jira")
        have = "select count(*) from jira.histories where issue_id = $id"
        with_id = have.replace("$id", f"'{busy.id}'")
        assert home.value("jira", with_id) == before


def test_c10_a_bulk_edit_that_straddles_pages_and_windows_is_loaded_once(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 70)
    set_bound(monkeypatch, "jira", "MOST_IN_WINDOW", 120)
    site = ScriptedJira(300, histories=0)
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", site.url)
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", TOKEN)
    for issue in list(site.issues.values())[:200]:
        issue.change(NOW - timedelta(days=1), site)
    home.load("jira")
    assert raw(home) == oracle(site)
    bodies = [key for _, path, body in site.journal if path.endswith("issue/bulkfetch")
              for key in body["issueIdsOrKeys"]]  # fmt: skip
    assert sorted(bodies) == sorted(str(key) for key in site.issues)
    site.close()


def test_c11_a_listing_that_ends_early_does_not_move_the_watermark(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 36)
    cut = {"change": lambda answer: {**answer, "nextPageToken": None}}
    site.fault_on("search/jql", times=99, **cut)
    work = home.load("jira")
    assert "got 36 of 60; to be read again" in messages(work)
    assert "the census listed 36 issues, fewer than Jira counts" in messages(work)
    site.faults.clear()
    [audit] = [a for a in home.load("jira").audits if a.object == "issues" and a.window_to]
    assert (audit.window_from, audit.status) == (None, "complete")
    assert raw(home) == oracle(site)


def test_c12_an_estimate_above_what_was_listed_to_the_end_is_reported_beside_it(
    home: Any, site: ScriptedJira
) -> None:
    more = {"change": lambda answer: {"count": answer["count"] + 3}}
    site.fault_on("search/approximate-count", times=99, **more)
    work = home.load("jira")
    assert "issues complete got all 60 that Jira lists; its estimate is 63" in messages(work)
    assert raw(home) == oracle(site)


# History


def test_h1_five_thousand_histories_of_one_issue_are_all_loaded(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "HISTORIES_PER_REQUEST", 900)
    long = list(site.issues.values())[3]
    for n in range(5_000):
        long.change(FIRST + timedelta(days=200, seconds=n), site)
    home.load("jira")
    assert raw(home) == oracle(site)
    assert set(qualities(home).values()) == {"complete"}


def test_h2_an_issue_without_histories_is_complete(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = next(served(monkeypatch, 10, histories=0))
    home.load("jira")
    assert raw(home) == oracle(site)
    assert set(qualities(home).values()) == {"complete"}
    assert site.asked("/changelog") == site.asked("changelog/bulkfetch")


def test_h4_histories_that_one_endpoint_hides_are_taken_from_the_other(
    home: Any, site: ScriptedJira
) -> None:
    hidden = list(site.issues.values())[4]

    def without(answer: dict[str, Any]) -> dict[str, Any]:
        logs = [log for log in answer["issueChangeLogs"] if log["issueId"] != str(hidden.id)]
        return {**answer, "issueChangeLogs": logs}

    site.fault_on("changelog/bulkfetch", change=without)
    site.fault_on(rf"issue/{hidden.id}/changelog", change=lambda answer: {"values": [], "total": 0})
    work = home.load("jira")
    assert raw(home) == oracle(site)
    assert {key for key, value in qualities(home).items() if value == "conflict"} == {
        str(hidden.id)
    }
    assert "1 issues with history_quality conflict" in messages(work)


def test_h5_a_change_that_is_missing_everywhere_is_a_gap(home: Any, site: ScriptedJira) -> None:
    torn, drifting = list(site.issues.values())[4:6]
    del torn.histories[1]
    drifting.current = "3"
    home.load("jira")
    flawed = {key: value for key, value in qualities(home).items() if value != "complete"}
    assert flawed == {str(torn.id): "gap", str(drifting.id): "drift"}


def test_h6_an_issue_that_was_born_in_a_sprint_has_it(home: Any, site: ScriptedJira) -> None:
    issue = list(site.issues.values())[4]
    issue.extra["customfield_2"] = [{"id": 77, "name": "Sprint 77", "state": "active"}]
    home.load("jira")
    found = home.value(
        "jira", f"select payload->>'$.fields.sprints[0].id' from jira.issues where id='{issue.id}'"
    )
    assert found == "77"
    assert site.asked("/sprint/77") == 1


def test_h7_an_issue_that_moves_to_another_project_while_we_read_stays_one_row(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["P0", "P1"]')
    moving = list(site.issues.values())[4]

    def move() -> None:
        moving.key = "P1-900"
        moving.histories.append(
            {
                "id": str(moving.id * 100_000 + 99),
                "created": ms(site.now),
                "items": [{"field": "Key", "fieldtype": "jira", "fromString": "P0-4",
                           "toString": "P1-900", "from": None, "to": "2"}],
            }
        )  # fmt: skip
        moving.updated = site.now

    site.fault_on("search/jql", after=move)
    home.load("jira")
    for _ in range(2):
        site.now += timedelta(days=1)
        home.load("jira")
    rows = home.rows("jira", f"select key, project_key from jira.issues where id = '{moving.id}'")
    assert rows == [("P1-900", "P1")]
    assert home.value("jira", "select count(*) from jira.tombstones where state <> 'present'") == 0
    moved = "select count(*) from jira.histories where payload->>'$.items[0].field' = 'Key'"
    assert home.value("jira", moved) == 1


def test_a_project_with_another_key_has_its_issues_read_again(
    home: Any, site: ScriptedJira
) -> None:
    home.load("jira")
    for issue in site.issues.values():  # no update, no history: as Jira does it
        issue.key = issue.key.replace("P1-", "RENAMED-")
    site.bodies.clear()
    site.now += timedelta(days=1)
    work = home.load("jira")
    keys = "select project_key, count(*) from jira.issues group by 1 order by 1"
    assert home.rows("jira", keys) == [("P0", 30), ("RENAMED", 30)]
    assert home.value("jira", "select count(*) from jira.tombstones") == 0
    assert {audit.status for audit in work.audits} == {"complete"}
    site.journal.clear()
    site.now += HOUR
    home.load("jira")
    assert site.asked("issue/bulkfetch") == 0


def test_one_issue_of_each_team_is_read_every_day(home: Any, site: ScriptedJira) -> None:
    site.fields["customfield_9"] = ("Team", "any", "atlassian-team")
    for n, issue in enumerate(site.issues.values()):
        issue.extra["customfield_9"] = {"id": f"t{n % 2}", "name": f"Old {n % 2}"}
    home.load("jira")
    for issue in site.issues.values():
        team = issue.extra["customfield_9"]["id"]
        issue.extra["customfield_9"] = {"id": team, "name": f"New {team}"}
    site.bodies.clear()
    site.now += timedelta(days=1)
    home.load("jira")
    names = """
        select payload->>'$.fields.team.name', count(*) from jira.issues
        where payload->>'$.fields.team.name' like 'New%' group by 1 order by 1
    """
    assert home.rows("jira", names) == [("New t0", 1), ("New t1", 1)]


def test_times_that_cannot_be_are_named_and_not_loaded(home: Any, site: ScriptedJira) -> None:
    first, second, *_ = site.issues.values()
    first.created = datetime(1021, 3, 4, tzinfo=NOW.tzinfo)
    second.created = datetime(1969, 12, 31, tzinfo=NOW.tzinfo)
    for _ in range(3):  # the census lists them all the same
        work = home.load("jira")
        site.now += timedelta(days=1)
    empty = "select id from jira.issues where created_at is null order by 1"
    assert home.rows("jira", empty) == [(str(first.id),), (str(second.id),)]
    assert home.value("jira", "select count(*) from jira.tombstones") == 0
    work = home.load("jira", full=True)
    [issues] = [audit for audit in work.audits if audit.object == "issues" and audit.message]
    assert "created_at of 2 rows is not a time between 1990 and 2200" in issues.message
    assert f"{first.id}" in issues.message


SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}


def test_a_missing_scope_is_named_and_the_rest_is_loaded(home: Any, site: ScriptedJira) -> None:
    for path in ("agile/1.0/board", "worklog/updated", "statuses/search", "versions"):
        site.fault_on(path, times=99, status=401, body=SCOPE)
    site.fault_on("worklog/deleted", times=99, status=403, body={})
    work = home.load("jira")
    assert home.value("jira", "select count(*) from jira.issues") == 60
    told = {audit.object: (audit.status, audit.message) for audit in work.audits if audit.message}
    for name, scope in (
        ("boards", "read:board-scope:jira-software"),
        ("worklogs", "read:issue-worklog:jira"),
        ("versions", "read:project-version:jira"),
    ):
        assert told[name][0] == "incomplete"
        assert f"(401): an OAuth client needs the scope {scope}" in told[name][1]
    assert told["statuses"][0] == "complete"
    assert "read:workflow:jira" in told["statuses"][1]
    lines = [probe.line for probe in probes.of_source(jira.SOURCE)]
    assert any("boards: not readable (an OAuth client needs the scope" in line for line in lines)


def test_a_scope_that_no_load_can_do_without_is_no_wrong_credential(
    home: Any, site: ScriptedJira
) -> None:
    site.fault_on("search/approximate-count", times=99, status=401, body=SCOPE)
    work = home.load("jira")
    [failure] = [audit for audit in work.audits if audit.status == "failed"]
    assert failure.message == "jira: no scope for /rest/api/3/search/approximate-count (401)"


def test_the_token_is_asked_for_where_the_setting_says(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__JIRA__API_TOKEN")
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_ID", "a-client")
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_SECRET", TOKEN)
    elsewhere = ScriptedJira(0)
    elsewhere.fault_on(
        "oauth/token", times=1, status=200, body={"access_token": TOKEN, "expires_in": 3600}
    )
    address = f"{elsewhere.url}/oauth/token"
    monkeypatch.setenv("SOURCES__JIRA__TOKEN_URL", address)
    home.load("jira")
    assert (elsewhere.asked("oauth/token"), site.asked("oauth/token")) == (1, 0)
    elsewhere.fault_on("oauth/token", times=9, status=404)
    assert [probe.line for probe in probes.of_source(jira.SOURCE)] == [
        f"SOURCES__JIRA__CLIENT_SECRET: {address} refused the client (404)"
    ]
    elsewhere.faults.clear()
    elsewhere.fault_on("oauth/token", times=9, status=200, body={"access_token": TOKEN})
    assert f"token: given by {address}" in [probe.line for probe in probes.of_source(jira.SOURCE)]
    elsewhere.close()


def test_a_field_that_is_renamed_keeps_its_role(home: Any, site: ScriptedJira) -> None:
    site.fields["customfield_8"] = ("Flagged", "array", "multicheckboxes")
    issue = next(iter(site.issues.values()))
    issue.extra["customfield_8"] = [{"id": "1", "value": "Impediment"}]
    home.load("jira")
    site.fields["customfield_8"] = ("Stopped", "array", "multicheckboxes")
    site.now += HOUR
    home.load("jira")  # sees the new name
    issue.change(site.now - timedelta(minutes=20), site)
    site.bodies.clear()
    site.now += HOUR
    home.load("jira")
    flagged = "select id from jira.issues where payload->>'$.fields.flagged' = 'true'"
    assert home.rows("jira", flagged) == [(str(issue.id),)]
    updated = f"select epoch_ms(updated_at) from jira.issues where id = '{issue.id}'"
    assert home.value("jira", updated) == ms(issue.updated)


def test_a_flag_that_no_record_shows_is_asked_for(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.fields["customfield_8"] = ("Gehemmt", "array", "multicheckboxes")
    says = "flagged: no field; what is flagged counts as not blocked until "
    says += "SOURCES__JIRA__FLAGGED_FIELD names one of: Gehemmt (customfield_8)"
    wrong = [probe.line for probe in probes.of_source(jira.SOURCE) if not probe.is_well]
    assert says in wrong
    [fields] = [audit for audit in home.load("jira").audits if audit.object == "fields"]
    assert says in fields.message
    monkeypatch.setenv("SOURCES__JIRA__FLAGGED_FIELD", "customfield_8")
    [fields] = [audit for audit in home.load("jira").audits if audit.object == "fields"]
    assert "flagged" not in fields.message
    assert says not in [probe.line for probe in probes.of_source(jira.SOURCE)]


def test_a_history_that_moved_no_update_is_found_within_a_month(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cloud, "histories_of", 20)
    home.load("jira")
    for issue in list(site.issues.values())[5::20]:
        updated = issue.updated
        issue.change(site.now, site)
        issue.updated = updated
    compared = []
    for _ in range(4):
        site.now += timedelta(days=1)
        site.journal.clear()
        work = home.load("jira")
        home.load("jira")  # the same day again compares nothing
        asked = [b["issueIdsOrKeys"] for _, p, b in site.journal if p.endswith("log/bulkfetch")]
        compared.append((len(asked[0]), asked[1:]))
        if len(compared) < 4:
            assert "1 issues had changed without an update" in messages(work)
    found = [[[str(10_005 + n)]] for n in (0, 20, 40)]
    assert compared == [(20, found[0]), (20, found[1]), (20, found[2]), (20, [])]
    assert raw(home) == oracle(site)


def test_h8_histories_out_of_order_and_at_one_time_are_in_order(
    home: Any, site: ScriptedJira
) -> None:
    issue = list(site.issues.values())[4]
    issue.change(issue.updated, site)  # a second change in the same moment
    issue.histories.reverse()
    home.load("jira")
    assert qualities(home)[str(issue.id)] == "complete"


def test_h9_events_before_the_creation_are_loaded(home: Any, site: ScriptedJira) -> None:
    issue = list(site.issues.values())[4]
    for n, history in enumerate(issue.histories):
        history["created"] = ms(issue.created - timedelta(days=9 - n))
    home.load("jira")
    assert raw(home) == oracle(site)


def test_a_change_of_category_is_kept_with_its_date_and_a_removed_status_stays(
    home: Any, site: ScriptedJira
) -> None:
    home.load("jira")
    begun = site.now
    site.now += HOUR

    def administered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        changed = {**rows[1], "statusCategory": {**rows[1]["statusCategory"], "key": "done"}}
        return [rows[0], changed]

    site.fault_on("/status$", change=administered)
    home.load("jira")
    latest = home.rows("jira", "select id, category_key from jira.statuses order by 1")
    assert latest == [("1", "new"), ("2", "done"), ("3", "done")]
    told = home.rows(
        "jira",
        "select id, payload->>'$.statusCategory.key', epoch_ms(seen_at) from jira.snapshots "
        "where object = 'statuses' order by 1, 3",
    )
    assert told == [
        ("1", "new", ms(begun)),
        ("2", "indeterminate", ms(begun)),
        ("2", "done", ms(site.now)),
        ("3", "done", ms(begun)),
    ]


def test_worklogs_are_followed_page_by_page_and_deleted_ones_are_marked(
    home: Any, site: ScriptedJira
) -> None:
    site.worklog_page = 2
    site.worklogs = {n: ms(NOW) - 1_000_000 + n for n in range(1, 8)}
    home.load("jira")
    rows = "select id::int, time_spent_s, epoch_ms(updated_at) from jira.worklogs order by 1"
    assert home.rows("jira", rows) == [(n, 60 * n, at) for n, at in site.worklogs.items()]
    site.worklogs[3] = ms(NOW)
    site.deleted_worklogs = {5: ms(NOW), 99: ms(NOW)}
    site.journal.clear()
    work = home.load("jira")
    listed = [body["ids"] for _, path, body in site.journal if path.endswith("worklog/list")]
    assert listed == [[3]]
    gone = "select id, state, epoch_ms(gone_at) from jira.tombstones where object = 'worklogs'"
    assert home.rows("jira", gone) == [("5", "deleted", ms(NOW))]
    assert [a.deleted for a in work.audits if a.object == "worklogs"] == [1]
    assert home.rows("jira", rows) == [(n, 60 * n, at) for n, at in site.worklogs.items()]
    assert "Planted" not in home.texts("jira")


def test_a_feed_of_worklogs_that_is_not_there_is_a_named_gap(home: Any, site: ScriptedJira) -> None:
    site.worklogs = {1: ms(NOW) - 1000}
    home.load("jira")
    site.has_worklog_feeds = False
    [audit] = [a for a in home.load("jira").audits if a.object == "worklogs"]
    assert (audit.status, audit.extracted) == ("incomplete", 0)
    assert audit.message.endswith("/worklog/updated is not shown to this user (404): no such path")
    site.has_worklog_feeds = True
    site.worklogs[2] = ms(NOW)
    assert [a.loaded for a in home.load("jira").audits if a.object == "worklogs"] == [1]


# Bad input


def test_v1_a_new_field_is_named_and_its_value_is_loaded_by_id_once_it_is_allowed(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.load("jira")
    site.fields["customfield_9"] = ("Risk score", "number", "float")
    site.fields["customfield_8"] = ("Auditor", "user", "userpicker")
    person = PEOPLE[8]
    for issue in list(site.issues.values())[4:10]:
        issue.extra |= {"customfield_9": 4711.25, "customfield_8": person}
    list(site.issues.values())[4].change(site.now, site)
    site.now += HOUR
    work = home.load("jira")
    told = "new fields, not loaded: Risk score (customfield_9, number), Auditor (customfield_8,"
    assert told in messages(work)
    assert "4711.25" not in home.texts("jira")
    assert {a.status for a in work.audits} == {"complete"}
    monkeypatch.setenv("SOURCES__JIRA__FIELDS", '["customfield_9", "customfield_8"]')
    site.journal.clear()
    site.bodies.clear()
    home.load("jira")
    read = [key for _, path, body in site.journal if path.endswith("issue/bulkfetch")
            for key in body["issueIdsOrKeys"]]  # fmt: skip
    assert sorted(read) == sorted(map(str, site.issues))
    filled = home.rows(
        "jira",
        "select id::int, (payload->'$.fields.customfield_9')::double, "
        "payload->>'$.fields.customfield_8.person_key' from jira.issues "
        "where payload->>'$.fields.customfield_9' is not null order by 1",
    )
    key = person_key("jira", person["accountId"])
    assert filled == [(10_000 + n, 4711.25, key) for n in range(4, 10)]
    assert "Planted" not in home.texts("jira")
    assert raw(home) == oracle(site)


def test_v1_a_field_that_becomes_allowed_is_filled_in_for_all_issues(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.load("jira")
    assert "Planted title" not in home.texts("jira")
    monkeypatch.setenv("SOURCES__JIRA__TITLES", "true")
    home.load("jira")
    titles = "select count(*) from jira.issues where payload like '%Planted title%'"
    assert home.value("jira", titles) == 60
    before = len(site.journal)
    home.load("jira")
    assert not [path for _, path, _ in site.journal[before:] if "bulkfetch" in path]


def test_v1_what_a_former_version_left_out_is_read_again_once(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        set_bound(before, "jira", "READING", READING - 1)
        home.load("jira")
    for expected in (sorted(map(str, site.issues)), []):
        site.journal.clear()
        home.load("jira")
        read = [key for _, path, body in site.journal if path.endswith("issue/bulkfetch")
                for key in body["issueIdsOrKeys"]]  # fmt: skip
        assert sorted(read) == expected


@pytest.mark.parametrize("value", ["five", {"points": 5}, [5]], ids=["text", "object", "list"])
def test_v2_a_value_of_another_type_is_set_aside_and_blocks_nothing(
    home: Any, site: ScriptedJira, value: Any
) -> None:
    issue, other = list(site.issues.values())[4:6]
    issue.extra["customfield_1"] = value
    other.extra["priority"] = "high"
    other.extra["labels"] = {"a": 1}
    other.extra["resolutiondate"] = "soon"
    work = home.load("jira")
    found = home.rows("jira", "select id, field, found_type from jira.type_mismatches order by all")
    assert found == [
        (str(issue.id), "story_points", type(value).__name__),
        (str(other.id), "labels", "dict"),
        (str(other.id), "priority", "str"),
        (str(other.id), "resolutiondate", "str"),
    ]
    assert "4 values of another type than expected" in messages(work)
    points = f"select payload->>'$.fields.story_points' from jira.issues where id = '{issue.id}'"
    assert home.value("jira", points) is None
    columns = (
        "select column_name from information_schema.columns where column_name like '%\\_v\\_%'"
    )
    assert home.rows("jira", columns + " escape '\\'") == []
    issue.change(site.now, site)
    site.now += HOUR
    home.load("jira")
    assert raw(home) == oracle(site)


@pytest.mark.parametrize("is_lost", [False, True], ids=["raw file", "archive"])
def test_v2_type_mismatches_of_an_older_version_are_moved_to_the_renamed_table(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    kept, renewed = list(site.issues.values())[4:6]
    kept.extra["priority"] = "high"
    renewed.extra["labels"] = {"a": 1}
    found = "select id, field, found_type from jira.type_mismatches order by all"
    is_there = "from duckdb_tables() where schema_name = 'jira' and table_name = 'misfits'"
    former = replace(tables.TYPE_MISMATCHES, name="misfits", former_name=None)
    all_former = tuple(
        former if table is tables.TYPE_MISMATCHES else table for table in tables.TABLES
    )
    with monkeypatch.context() as before:
        before.setattr(type(home), "created", None)
        before.setattr("extract.sources.jira.reader.TYPE_MISMATCHES", former)
        before.setattr("extract.sources.jira.reader.TABLES", all_former)
        before.setattr("extract.sources.jira.SOURCE", replace(jira.SOURCE, tables=all_former))
        home.load("jira")
    assert home.rows("jira", found.replace("type_mismatches", "misfits")) == [
        (str(kept.id), "priority", "str"),
        (str(renewed.id), "labels", "dict"),
    ]
    if is_lost:
        raw_store.raw_file("jira").unlink()
    renewed.extra["labels"] = "a"
    renewed.change(site.now, site)
    site.now += HOUR
    home.load("jira")
    moved = [(str(kept.id), "priority", "str"), (str(renewed.id), "labels", "str")]
    assert home.rows("jira", found) == moved
    assert not home.rows("jira", is_there)
    home.load("jira")
    assert home.rows("jira", found) == moved
    archive.restore("jira")
    assert home.rows("jira", found) == moved
    assert not home.rows("jira", is_there)


def test_v4_texts_of_every_kind_load_or_are_cleaned(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__TITLES", "true")
    texts = ["🎉 מזל טוב e\u0301", "a\x00b", "=cmd|'/C calc'!A0", "<script>x</script>", "x" * 2**20]
    for issue, text in zip(site.issues.values(), texts):
        issue.extra["summary"] = text
    lone = list(site.issues.values())[10]
    lone.extra["summary"] = "LONE"
    site.fault_on("issue/bulkfetch", raw=lambda c: c.replace(b'"LONE"', b'"x\\ud83dz"'))
    home.load("jira")
    found = {
        int(key): title
        for key, title in home.rows(
            "jira", "select id, payload->>'$.fields.summary' from jira.issues"
        )
    }
    shown = [found[issue.id] for issue, _ in zip(site.issues.values(), texts)]
    assert shown == [text.replace("\x00", "") for text in texts]
    assert found[lone.id] == "x?z"
    assert raw(home) == oracle(site)


def test_v6_requests_are_in_proportion_to_what_changed(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = next(served(monkeypatch, 1_500, histories=2))
    set_bound(monkeypatch, "jira", "MOST_IN_WINDOW", 600)
    work = home.load("jira")
    assert raw(home) == oracle(site)
    written = home.rows("jira", "select object, extracted, loaded, status from jira.load_audits")
    noted = [(a.object, a.extracted, a.written, a.status) for a in work.audits]
    assert sorted(written) == sorted(noted)
    assert ("issues", 1_500, 1_500, "complete") in noted
    # A hundred bodies a request, whatever the windows; twelve histories an issue fit into a page.
    assert site.asked("issue/bulkfetch") == 15
    windows = home.value("jira", "select count(distinct _dlt_load_id) from jira.issues")
    assert windows >= 3
    assert site.asked("changelog/bulkfetch") <= windows
    set_bound(monkeypatch, "jira", "MOST_IN_WINDOW", 20_000)
    site.journal.clear()
    home.load("jira")
    assert len(site.journal) <= 30
    assert site.asked("bulkfetch") == 0
    for issue in list(site.issues.values())[:15]:
        issue.change(site.now, site)
    site.now += HOUR
    site.journal.clear()
    home.load("jira")
    assert raw(home) == oracle(site)
    assert (site.asked("issue/bulkfetch"), site.asked("changelog/bulkfetch")) == (1, 1)
    assert len(site.journal) <= 30


# Recovery


PHASES = ("extract", "census", "normalize", "load", "between windows")


def in_a_child(home: str, source_url: str, phase: Any, dies_in: str, after_s: float) -> None:
    """Load, and die without any warning so many seconds after a phase began."""
    os.environ |= {
        "FLOWHOUSE_HOME": home,
        "SOURCES__JIRA__BASE_URL": source_url,
        "SOURCES__JIRA__API_TOKEN": TOKEN,
    }
    from extract import windows
    from extract.load import load
    from extract.sources.jira import census, client, reader

    client.MOST_IN_WINDOW = reader.MOST_IN_WINDOW = census.MOST_IN_WINDOW = 6
    windows.SHORTEST = timedelta(minutes=1)  # several windows

    def enter(name: str) -> None:
        phase.value = PHASES.index(name)
        if name == dies_in:
            # Nothing handles the signal, so the kernel ends the process at once, as by kill -9.
            signal.setitimer(signal.ITIMER_REAL, after_s)

    def marking(name: str, step: Any) -> Any:
        def marked(*args: Any, **kwargs: Any) -> Any:
            enter(name)
            result = step(*args, **kwargs)
            if name == "load":
                enter("between windows")
            return result

        return marked

    def marked_census(*args: Any) -> Any:
        enter("census")
        yield from taken(*args)
        enter("extract")

    taken, IssueCensus.taken = IssueCensus.taken, marked_census
    for name in ("extract", "normalize", "load"):
        setattr(Pipeline, name, marking(name, getattr(Pipeline, name)))
    load("jira", "in-a-child")


def test_r1_a_load_that_is_killed_at_twenty_points_leaves_nothing_out(
    home: Any, site: ScriptedJira
) -> None:
    context = multiprocessing.get_context("forkserver")
    # What a first load would import in every child.
    lazily = ["pandas", "pyarrow.parquet", "sqlalchemy", "dlt._workspace.cli._plugins"]
    duckdb = ["dlt.destinations.impl.duckdb.duck", "tests.extract.scripted_jira"]
    context.set_forkserver_preload(["extract.load", *lazily, *duckdb])
    chance = random.Random(7)
    phase = context.Value("i", 0)
    killed: list[str] = []

    def run(dies_in: str = "") -> bool:
        """Load in a process of its own; whether it came to its end."""
        arguments = (str(home.folder), site.url, phase, dies_in, chance.uniform(0.0005, 0.02))
        child = context.Process(target=in_a_child, args=arguments)
        child.start()
        child.join()
        assert child.exitcode in (0, -signal.SIGALRM)
        return child.exitcode == 0

    home.load("jira")
    for round_no in range(40):
        for n, issue in enumerate(list(site.issues.values())[round_no % 8 :: 8]):
            issue.change(site.now - timedelta(minutes=5 * n), site)
        site.now += HOUR
        if not run(PHASES[round_no % len(PHASES)]):
            killed.append(PHASES[phase.value])
            if len(killed) in (7, 14):
                assert run()
                assert raw(home) == oracle(site)
        if len(killed) == 20:
            break
    print(f"killed in {Counter(killed)}")
    assert len(killed) == 20 and set(killed) == set(PHASES)
    home.load("jira")
    assert raw(home) == oracle(site)
    duplicates = "select count(*) - count(distinct (issue_id, id)) from jira.histories"
    assert home.value("jira", duplicates) == 0


def test_r2_a_load_that_fails_goes_on_with_the_window_that_it_was_in(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "MOST_IN_WINDOW", 20)
    set_bound(monkeypatch, "jira", "BODIES_PER_REQUEST", 5)
    site.fault_on("issue/bulkfetch", skip=8, times=999, status=502)
    assert "* failed jira: no answer from /rest/api/3/issue/bulkfetch" in messages(
        home.load("jira")
    )
    # What the windows before it brought is on record, as their rows are.
    assert {("*", "failed"), ("issues", "complete")} <= set(home.rows("jira", AUDITS))
    site.faults.clear()
    had = {key for key, _, _ in raw(home)[0]}
    assert 0 < len(had) < 60
    before = len(site.journal)
    home.load("jira")
    asked = {
        key
        for _, path, body in site.journal[before:]
        if path.endswith("issue/bulkfetch")
        for key in body["issueIdsOrKeys"]
    }
    assert asked == {str(key) for key in site.issues} - had
    assert raw(home) == oracle(site)


def test_r2_a_backfill_that_fails_goes_on_and_a_finished_one_begins_again(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.load("jira")
    set_bound(monkeypatch, "jira", "MOST_IN_WINDOW", 25)
    set_bound(monkeypatch, "jira", "BODIES_PER_REQUEST", 5)
    span = Window(FIRST, NOW)

    def bodies_of(run: Any) -> int:
        before = len(site.journal)
        run()
        return sum(
            len(body["issueIdsOrKeys"])
            for _, path, body in site.journal[before:]
            if path.endswith("issue/bulkfetch")
        )

    site.fault_on("issue/bulkfetch", skip=5, times=999, status=502)
    first = bodies_of(lambda: load("jira", "b", span=span))
    site.faults.clear()
    second = bodies_of(lambda: load("jira", "b", span=span))
    assert 0 < second < 60 < first + second
    assert bodies_of(lambda: load("jira", "b", span=span)) >= 60
    # The daily watermark has not moved.
    assert bodies_of(lambda: home.load("jira")) == 0


def test_r3_a_package_that_a_dead_load_left_does_not_block_the_next_one(
    home: Any, site: ScriptedJira
) -> None:
    home.load("jira")
    pipeline = raw_store.pipeline_for("jira")
    pipeline.extract([{"id": "stale"}], table_name="leftover")
    assert pipeline.has_pending_data
    next(iter(site.issues.values())).change(site.now, site)
    site.now += HOUR
    home.load("jira")
    assert raw(home) == oracle(site)
    assert (
        home.rows("jira", "select 1 from information_schema.tables where table_name='leftover'")
        == []
    )


def test_r4_a_second_load_of_a_source_says_that_one_is_running(
    home: Any, site: ScriptedJira
) -> None:
    site.fault_on("myself", after=lambda: refused.append(try_to_load()))
    refused: list[str] = []

    def try_to_load() -> str:
        try:
            load("jira", "second")
        except Busy as busy:
            return str(busy)
        return "loaded"

    home.load("jira")
    assert refused == ["jira: another process is loading this source; try again later"]


def test_r5_a_lost_pipeline_folder_costs_nothing(home: Any, site: ScriptedJira) -> None:
    import shutil

    home.load("jira")
    shutil.rmtree(home.folder / "dlt")
    next(iter(site.issues.values())).change(site.now, site)
    site.now += HOUR
    before = len(site.journal)
    home.load("jira")
    assert raw(home) == oracle(site)
    asked = [body["issueIdsOrKeys"] for _, path, body in site.journal[before:]
             if path.endswith("issue/bulkfetch")]  # fmt: skip
    assert asked == [[str(next(iter(site.issues)))]]


# Privacy


def test_p1_planted_people_are_nowhere(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    issue = list(site.issues.values())[4]
    person = PEOPLE[9]
    name, mail, account = person["displayName"], person["emailAddress"], person["accountId"]
    address = f"https://x/secure/ViewProfile.jspa?name=planted.login&id={account}"
    text = f"[~accountid:{account}] {name} {mail} {address}"
    linked = {"id": "9", "key": "P0-9", "self": address, "fields": {"summary": text}}
    site.fields |= {
        "customfield_5": ("Approvers", "array", "multiuserpicker"),
        "customfield_6": ("Development", "any", "devsummarycf"),
        "customfield_7": ("Team", "team", "atlassian-team"),
    }
    issue.extra |= {
        "description": text,
        "environment": text,
        "comment": {"comments": [{"author": person, "body": text}]},
        "worklog": {"worklogs": [{"author": person, "comment": text}]},
        "attachment": [{"filename": text, "author": person}],
        "watches": {"watchers": [person]},
        "votes": {"voters": [person]},
        "labels": [mail],
        "components": [{"id": "1", "name": mail, "description": text, "lead": person}],
        "fixVersions": [{"id": "1", "name": mail, "description": text}],
        "parent": linked,
        "issuelinks": [{"id": "1", "type": {"id": "1", "name": "Blocks"}, "inwardIssue": linked}],
        "customfield_2": [{"id": 5, "name": mail, "state": "closed", "goal": text}],
        "customfield_5": [person],
        "customfield_6": {"branch": "planted.login/fix", "commits": [{"author": person}]},
        "customfield_7": {"id": "t", "name": mail, "members": [person]},
    }
    people = ("assignee", "reporter", "creator", "approvers", "watcher")
    texts = ("summary", "description", "environment", "Link", "RemoteIssueLink", "Comment")
    issue.histories.append(
        {
            "id": "999999999",
            "created": ms(site.now),
            "author": person,
            "historyMetadata": {"actor": {"displayName": name, "url": address}},
            "items": [
                {"field": field, "fieldId": field_id, "fieldtype": kind, "from": account,
                 "fromString": text, "to": account, "toString": text, "tmpToAccountId": account}
                for field, field_id, kind in (
                    *((field, field, "jira") for field in (*people, *texts)),
                    ("Approvers", "customfield_5", "custom"),
                    ("Development", "customfield_6", "custom"),
                )
            ] + [
                {"field": field, "fieldId": field_id, "fieldtype": "jira", "from": mail,
                 "fromString": mail, "to": mail, "toString": mail}
                for field, field_id in (("labels", "labels"), ("Fix Version", "fixVersions"),
                                        ("Component", "components"))
            ],
        }
    )  # fmt: skip
    issue.updated = site.now - HOUR
    site.worklogs = {1: ms(NOW) - 1_000_000}

    def of(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"change": lambda answer: rows if isinstance(answer, list) else {"values": rows}}

    named = {"id": "1", "self": address, "name": mail, "description": text}
    board = {**named, "type": "scrum", "admins": {"users": [person]}}
    board["location"] = {"projectKey": "P0", "displayName": text, "userAccountId": account}
    owned = {**named, "lead": person, "assignee": person, "realAssignee": person}
    site.fault_on("/versions", **of([{**named, "driver": account, "approvers": [person]}]))
    site.fault_on("/components", **of([owned]))
    site.fault_on(r"agile/1.0/board\?", **of([board]))
    project = {"id": "0", "key": "P0", "name": "Project", "lead": person, "email": mail}
    site.fault_on("project/search", **of([{**project, "url": address, "description": text}]))
    with caplog.at_level(logging.DEBUG):
        home.load("jira")
    for table in ("worklogs", "boards", "versions", "components"):
        assert home.value("jira", f"select count(*) from jira.{table}") == 1, table
    packed = (home.folder / "raw" / "raw_jira.duckdb").read_bytes().decode("latin-1")
    everything = home.texts("jira") + caplog.text + left_in(home.folder) + packed
    for planted in (
        "Planted",
        "planted.",
        *(p["accountId"] for p in PEOPLE),
        TOKEN,
    ):
        assert planted not in everything, planted
    assert person_key("jira", account) in everything


def left_in(folder: Any) -> str:
    """Everything that a load left in its folder, but for the raw files: dlt's state, schemas."""
    return "\n".join(
        path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".duckdb"
    )


def test_p2_a_failure_names_no_value(home: Any, site: ScriptedJira) -> None:
    site.fault_on(
        "issue/bulkfetch", times=9, change=lambda answer: {"issues": [{"id": [PEOPLE[1]]}]}
    )
    text = messages(home.load("jira"))
    assert "another form than it should" in text
    assert "Planted" not in text


def test_p3_a_forgotten_person_stays_erased(home: Any, site: ScriptedJira) -> None:
    home.load("jira")
    key = person_key("jira", PEOPLE[3]["accountId"])
    assert key in home.texts("jira")
    before = raw(home)
    remember([key])
    assert erase_raw([key]) > 0
    assert key not in home.texts("jira")
    assert key.encode() not in (home.folder / "raw" / "raw_jira.duckdb").read_bytes()
    assert raw(home) == before
    for issue in site.issues.values():
        issue.change(site.now, site)
    site.now += HOUR
    home.load("jira", full=True)
    assert raw(home) == oracle(site)
    texts = home.texts("jira")
    assert key not in texts and PEOPLE[3]["accountId"] not in texts
    assert person_key("jira", PEOPLE[4]["accountId"]) in texts


# The doctor


def test_the_doctor_answers_a_line_each_and_writes_nothing(home: Any, site: ScriptedJira) -> None:
    site.fields["customfield_3"] = ("Story point estimate", "number", "jsw-story-points")
    answers = list(probes.of_source(jira.SOURCE))
    lines = "\n".join(probe.line for probe in answers)
    assert "deployment: cloud" in lines
    assert "Story Points (customfield_1), Story point estimate (customfield_3)" in lines
    assert "SOURCES__JIRA__STORY_POINTS_FIELD decides" in lines
    assert "issues of all projects: 60 visible" in lines
    # The generated site lives in 2026 and this machine does not.
    assert [probe.is_well for probe in answers if probe.line.startswith("clock")] == [False]
    assert {probe.is_well for probe in answers if not probe.line.startswith("clock")} == {True}
    assert not (home.folder / "raw").exists()
    assert {method for method, path, _ in site.journal if "search" not in path} == {"GET"}


def test_the_doctor_finds_what_is_wrong(
    home: Any, site: ScriptedJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["P0", "SECRETPROJECT"]')
    wrong = [probe.line for probe in probes.of_source(jira.SOURCE) if not probe.is_well]
    assert any("project no. 2 is not visible" in line for line in wrong)
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "wrong-token")
    [refused] = list(probes.of_source(jira.SOURCE))
    assert not refused.is_well and "wrong-token" not in refused.line


def test_the_doctor_refuses_the_demo_key(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("", "flowhouse-demo-key", "short"):
        monkeypatch.setenv("FLOWHOUSE_PSEUDONYM_KEY", key)
        assert [probe.is_well for probe in probes.of_flowhouse()] == [False, True]
    monkeypatch.setenv("FLOWHOUSE_PSEUDONYM_KEY", "a-long-text-of-our-own")
    assert [probe.is_well for probe in probes.of_flowhouse()] == [True, True]
