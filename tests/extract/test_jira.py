"""Jira: what is loaded, what is left out, and what never gets lost."""

import json
import lzma
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from extract.api import ROWS, Api, Unauthorized, Unavailable
from extract.census import Census
from extract.privacy import person_key
from extract.settings import SettingFault
from extract.sources import jira
from extract.sources.jira.chains import Chain
from extract.sources.jira.client import api_of, bounds
from extract.sources.jira.fields import candidates, custom_fields, derived
from extract.sources.jira.rows import Body, History, Rows
from extract.sources.jira.shapes import ISSUE_FIELDS
from extract.sources.jira.tables import TABLES
from extract.tables import decode
from extract.windows import Window
from tests.extract.bounds import set_bound

real = pytest.mark.real
NOW = "2022-08-01T00:00:00Z"


@pytest.fixture
def cloud(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", replay.url("jira"))
    monkeypatch.setenv("SOURCES__JIRA__EMAIL", "anyone@example.com")
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "replay-token")
    return replay


@pytest.fixture
def data_center(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", replay.url("jira-dc"))
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "replay-token")
    return replay


@pytest.fixture
def no_census(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows alone, without the census that would repair what they missed."""
    monkeypatch.setattr(Census, "is_due", lambda *_: False)


def loaded_counts(home: Any) -> dict[str, int]:
    return {
        "issues": home.value("jira", "select count(*) from jira.issues"),
        "histories": home.value("jira", "select count(*) from jira.histories"),
        "items": home.value("jira", "select sum(item_count) from jira.histories"),
    }


def served_counts(replay: Any, api: str = "jira") -> dict[str, int]:
    counts = replay.counts(api)
    return {name: counts[name] for name in ("issues", "histories", "items")}


def audit_of(work: Any, table: str, scope: str = "") -> Any:
    [audit] = [a for a in work.audits if (a.object, a.scope) == (table, scope)]
    return audit


def bodies(requests: list[dict[str, Any]]) -> list[str]:
    """Ids whose bodies were asked for."""
    return [
        issue_id
        for request in requests
        if request["path"].endswith("/issue/bulkfetch")
        for issue_id in as_json(request["body"])["issueIdsOrKeys"]
    ]


def as_json(body: Any) -> Any:
    return json.loads(body) if isinstance(body, str) else body


@real
def test_everything_that_jira_holds_is_loaded(cloud: Any, loaded: Any) -> None:
    home = loaded("jira")
    assert loaded_counts(home) == served_counts(cloud)
    status_changes = """
        select count(*) from (
            select unnest(payload->'$.items[*].field') as field from jira.histories
        ) where field = '"status"'
    """
    assert home.value("jira", status_changes) == cloud.counts("jira")["status_changes"]


@real
def test_a_second_load_asks_little_and_changes_nothing(cloud: Any, loaded: Any) -> None:
    home = loaded("jira")
    before = [home.content("jira", table.name) for table in TABLES]
    last = cloud.last
    work = home.load("jira")
    asked = cloud.requests("jira", last)
    assert len(asked) <= 15
    assert bodies(asked) == []
    assert [home.content("jira", table.name) for table in TABLES] == before
    assert {audit.status for audit in work.audits} == {"complete"}


@real
def test_only_what_changed_is_read_again(cloud: Any, loaded: Any) -> None:
    home = loaded("jira")
    before = home.content("jira", "histories")
    cloud.clock = "2022-08-01T02:00:00Z"
    cloud.mutate("jira", "touch", "EE-1")
    cloud.clock = "2022-08-01T03:00:00Z"
    last = cloud.last
    work = home.load("jira")
    assert bodies(cloud.requests("jira", last)) == ["100010063"]
    assert audit_of(work, "issues").extracted == 1
    touched = "select updated_at from jira.issues where key = 'EE-1'"
    assert home.value("jira", touched) == datetime(2022, 8, 1, 2, tzinfo=UTC)
    assert home.content("jira", "histories") == before
    assert loaded_counts(home) == served_counts(cloud)


@real
def test_c5_an_update_that_the_index_shows_late_is_not_lost(
    cloud: Any, loaded: Any, no_census: None
) -> None:
    home = loaded("jira")
    cloud.scenario("jira", index_lag_s={"default": 0, "EE-1": 20 * 60})
    cloud.clock = "2022-08-01T02:00:00Z"
    cloud.mutate("jira", "touch", "EE-1")
    cloud.mutate("jira", "touch", "EE-2")
    updated = "select updated_at from jira.issues where key = 'EE-1'"
    for clock in ("2022-08-01T02:10:00Z", "2022-08-01T02:30:00Z"):
        before = home.value("jira", updated)
        cloud.clock = clock
        home.load("jira")
    assert before < datetime(2022, 8, 1, tzinfo=UTC)
    assert home.value("jira", updated) == datetime(2022, 8, 1, 2, tzinfo=UTC)


@real
@pytest.mark.parametrize("zone", ["Etc/GMT-3", "America/Los_Angeles", "Asia/Kolkata"])
def test_c7_the_users_time_zone_does_not_matter(
    cloud: Any, loaded: Any, zone: str, no_census: None
) -> None:
    home = loaded("jira")
    cloud.scenario("jira", user_timezone=zone)
    cloud.clock = "2022-08-01T02:00:00Z"
    cloud.mutate("jira", "touch", "EE-1")
    cloud.clock = "2022-08-01T02:20:00Z"
    assert audit_of(home.load("jira"), "issues").extracted == 1


@real
@pytest.mark.parametrize(
    ("zone", "change"),
    [("Europe/Berlin", "2022-10-30T01:00:00+00:00"), ("Europe/Berlin", "2023-03-26T01:00:00+00:00"),
     ("America/New_York", "2022-11-06T06:00:00+00:00")],
    ids=["an hour twice", "an hour never", "an hour twice in America"],
)  # fmt: skip
def test_c7_the_night_in_which_the_users_clock_changes_loses_nothing(
    cloud: Any, loaded: Any, zone: str, change: str, no_census: None
) -> None:
    home = loaded("jira")
    cloud.scenario("jira", user_timezone=zone)
    moment = datetime.fromisoformat(change)
    found = []
    for minutes in (-40, 20):  # by the user's clock: the same time twice, or two hours apart
        cloud.clock = (moment + timedelta(minutes=minutes)).isoformat()
        cloud.mutate("jira", "touch", "EE-1")
        cloud.clock = (moment + timedelta(minutes=minutes + 10)).isoformat()
        found.append(audit_of(home.load("jira"), "issues").loaded)
        touched = home.value("jira", "select updated_at from jira.issues where key = 'EE-1'")
        assert touched == moment + timedelta(minutes=minutes)
    assert found == [1, 1]


@real
def test_a_long_history_is_read_window_by_window(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "MOST_IN_WINDOW", 800)
    work = home.load("jira")
    assert work.windows >= 3
    assert audit_of(work, "issues").window_to == datetime(2022, 7, 31, 23, 55, tzinfo=UTC)
    assert loaded_counts(home) == served_counts(cloud)


@real
def test_h1_histories_that_span_pages_are_all_loaded(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "HISTORIES_PER_REQUEST", 40)
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE"]')
    home.load("jira")
    pages = [r for r in cloud.requests("jira") if r["path"].endswith("changelog/bulkfetch")]
    assert len(pages) >= 10
    per_issue = home.rows(
        "jira",
        """
        select i.key, count(h.id) from jira.issues as i
        left join jira.histories as h on h.issue_id = i.id group by 1
        """,
    )
    assert dict(per_issue) == {
        issue["key"]: len(issue["changelog"]["histories"])
        for issue in recorded("devlake.ndjson.xz")
        if issue["key"].startswith("EE-")
    }


@real
def test_t6_a_repeated_page_token_is_an_incomplete_read(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 500)
    token = first_token(cloud)
    cloud.fault("jira", "search/jql", times=99, merge={"nextPageToken": token})
    last = cloud.last
    work = home.load("jira")
    [failure] = work.audits
    assert (failure.object, failure.status) == ("*", "failed")
    assert "pagination loop" in failure.message
    searches = [r for r in cloud.requests("jira", last) if r["path"].endswith("search/jql")]
    assert len(searches) == 2
    assert home.value("jira", "select count(*) from jira.issues") == 0


def first_token(cloud: Any) -> str:
    """The token of the first page of the query that a first load makes."""
    api = api_of(jira.SOURCE.read_settings())
    window = Window(None, datetime(2022, 7, 31, 23, 55, tzinfo=UTC))
    body = {
        "jql": f"{bounds(window)} ORDER BY created ASC, key ASC",
        "fields": ["id", "updated"],
        "maxResults": 500,
    }
    return api.post("/rest/api/3/search/jql", body).data["nextPageToken"]


@real
def test_c11_a_listing_that_ends_early_leaves_the_watermark(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch, no_census: None
) -> None:
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 1500)
    cloud.fault("jira", "search/jql", drop=["nextPageToken"])
    audit = audit_of(home.load("jira"), "issues")
    assert (audit.status, audit.api_count, audit.extracted) == ("incomplete", 2216, 1500)
    audit = audit_of(home.load("jira"), "issues")
    assert (audit.status, audit.extracted, audit.window_from) == ("complete", 2216, None)
    assert audit.loaded == 716
    assert loaded_counts(home) == served_counts(cloud)


@real
def test_t6_empty_and_short_pages_with_a_token_go_on(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch, no_census: None
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE"]')
    set_bound(monkeypatch, "jira", "IDS_PER_SEARCH", 10)
    cloud.fault("jira", "search/jql", skip=1, merge={"issues": None}, drop=["isLast"])
    work = home.load("jira")
    assert audit_of(work, "issues", "EE").status == "incomplete"
    assert home.value("jira", "select count(*) from jira.issues") == 20


@real
def test_an_issue_that_the_bulk_endpoint_omits_is_read_by_itself(cloud: Any, loaded: Any) -> None:
    home = loaded("jira")
    cloud.clock = "2022-08-01T02:00:00Z"
    cloud.mutate("jira", "touch", "EE-1")
    cloud.clock = "2022-08-01T03:00:00Z"
    cloud.fault("jira", "issue/bulkfetch", times=2, merge={"issues": []})
    audit = audit_of(home.load("jira"), "issues")
    assert (audit.status, audit.extracted, audit.rejected) == ("complete", 1, 0)


@real
def test_an_issue_that_vanishes_while_we_read_is_counted_and_kept(cloud: Any, loaded: Any) -> None:
    home = loaded("jira")
    cloud.clock = "2022-08-01T02:00:00Z"
    cloud.mutate("jira", "touch", "EE-1")
    cloud.mutate("jira", "touch", "EE-2")
    cloud.clock = "2022-08-01T03:00:00Z"
    cloud.fault("jira", "search/jql", mutate={"op": "delete", "id": "EE-1"})
    audit = audit_of(home.load("jira"), "issues")
    assert (audit.status, audit.extracted, audit.rejected) == ("incomplete", 1, 1)
    assert home.value("jira", "select count(*) from jira.issues where key = 'EE-1'") == 1


@real
def test_each_configured_project_has_its_own_window(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE", "NOPE", "K5"]')
    work = home.load("jira")
    assert audit_of(work, "issues", "NOPE").status == "failed"
    assert audit_of(work, "issues", "EE").extracted == 30
    assert audit_of(work, "issues", "K5").extracted == 3
    scopes = home.rows("jira", "select _scope, count(*) from jira.issues group by 1 order by 1")
    assert scopes == [("EE", 30), ("K5", 3)]


@real
def test_a_start_date_limits_the_first_load(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__START_DATE", "2022-01-01")
    home.load("jira")
    expected = [
        issue["key"]
        for issue in recorded("devlake.ndjson.xz")
        if datetime.fromisoformat(issue["fields"]["updated"]) >= datetime(2022, 1, 1, tzinfo=UTC)
    ]
    found = [key for (key,) in home.rows("jira", "select key from jira.issues")]
    assert set(expected) <= set(found)
    assert home.value("jira", "select min(updated_at) from jira.issues").year >= 2021


@real
def test_no_person_is_named(cloud: Any, loaded: Any) -> None:
    text = loaded("jira").texts("jira")
    assert "@" not in text
    people = set()
    for name in ("devlake.ndjson.xz", "titanium.ndjson.xz"):
        for issue in recorded(name):
            raw = json.dumps(issue)
            people |= set(re.findall(r'"(?:displayName|accountId|emailAddress)": "([^"]+)"', raw))
    assert len(people) > 100
    assert {person for person in people if person in text} == set()


@real
def test_data_center_gives_the_same_issues(
    data_center: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_center.scenario("jira-dc", search_cap=40)
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE", "K5"]')
    work = home.load("jira")
    assert audit_of(work, "issues", "EE").api_count == 30
    assert loaded_counts(home) == {"issues": 33, "histories": 522, "items": 714}
    sprints = """
        select s.state from jira.issues as i
        join jira.sprints as s on s.id = (i.payload->>'$.fields.sprints[0].id')
        where i.key = 'EE-1'
    """
    assert home.value("jira", sprints) == "closed"
    assert "@" not in home.texts("jira")
    assert "Person " not in home.texts("jira")


@real
def test_p1_people_of_a_data_center_are_nowhere(
    data_center: Any, home: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Data Center names people by login and key, and writes sprints as text."""
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE"]')
    mail, login, key = "mia.planted@example.com", "mplanted", "JIRAUSER4711"
    address = f"https://x/rest/api/2/user?username={login}"
    person = {
        "self": address,
        "name": login,
        "key": key,
        "emailAddress": mail,
        "displayName": "Mia Planted",
        "avatarUrls": {"48x48": f"https://x/{login}.png"},
    }
    text = f"[~{login}] {mail} Mia Planted {address}"
    recorded_issue = next(i for i in recorded("devlake.ndjson.xz") if i["key"] == "EE-1")
    fields = {
        name: recorded_issue["fields"][name]
        for name in ("status", "issuetype", "project", "created", "updated")
    }
    described = f"id=12,state=CLOSED,name={mail},goal={text}"
    sprint = f"com.atlassian.greenhopper.service.sprint.Sprint@1f[{described}]"
    sprints = next(f for f, role in candidates(catalogue(data_center)).items() if role == "sprints")
    changes = ("assignee", "reporter", "Approvers", "watchers", "description", "Comment", "labels")
    issue = {
        "id": "100010063", "key": "EE-1", "self": address,
        "fields": {
            **fields, "summary": text, "description": text, "assignee": person,
            "reporter": person, "creator": person, "labels": [mail], sprints: [sprint],
            "components": [{"id": "1", "name": mail, "description": text, "lead": person}],
            "fixVersions": [{"id": "1", "name": mail, "description": text}],
            "comment": {"comments": [{"author": person, "body": text}]},
        },
        "changelog": {"total": 1, "histories": [{
            "id": "1", "created": fields["updated"], "author": person,
            "historyMetadata": {"actor": {"id": login, "displayName": "Mia Planted"}},
            "items": [{"field": name, "fieldtype": "jira", "from": login, "fromString": mail,
                       "to": key, "toString": f"{login} {mail}"} for name in changes
                      if name != "labels"]
            + [{"field": "labels", "fieldtype": "jira", "from": mail, "fromString": mail,
                "to": mail, "toString": mail}],
        }]},
    }  # fmt: skip
    worklog = {"id": "1", "issueId": "100010063", "author": person, "updateAuthor": person,
               "comment": text, "started": fields["updated"], "updated": fields["updated"],
               "timeSpentSeconds": 60}  # fmt: skip
    named = {"id": "1", "self": address, "name": mail, "description": text, "lead": person}
    project = {**named, "id": "100010003", "key": "EE", "name": "EE"}
    feed = {"values": [{"worklogId": 1, "updatedTime": 1}], "lastPage": True}
    whole, merged = {"times": 99, "status": 200}, {"times": 99}
    for path, what in (
        ("2/search", {**merged, "merge": {"total": 1, "issues": [issue]}}),
        ("2/project$", {**whole, "body": json.dumps([project])}),
        ("/versions", {**whole, "body": json.dumps([named])}),
        ("/components", {**whole, "body": json.dumps([named])}),
        ("worklog/updated", {**whole, "body": json.dumps(feed)}),
        ("worklog/list", {**whole, "body": json.dumps([worklog])}),
        (r"board\?", {**merged, "merge": {"values": [{**named, "type": "scrum"}]}}),
        ("/sprint", {**merged, "merge": {"values": [{**named, "goal": text}]}}),
    ):
        data_center.fault("jira-dc", path, **what)
    with caplog.at_level("DEBUG"):
        home.load("jira")
    for table in ("issues", "histories", "worklogs", "boards", "versions", "components"):
        assert home.value("jira", f"select count(*) from jira.{table}") == 1, table
    everything = (
        home.texts("jira")
        + caplog.text
        + (home.folder / "raw" / "raw_jira.duckdb").read_bytes().decode("latin-1")
    )
    for planted in ("planted", "Planted", key, "replay-token"):
        assert planted not in everything, planted
    assert person_key("jira", key) in everything
    sprints = "select payload->>'$.fields.sprints[0].id' from jira.issues"
    assert home.value("jira", sprints) == "12"


def catalogue(site: Any) -> list[dict[str, Any]]:
    """The fields of the replay's Data Center."""
    return api_of(jira.SOURCE.read_settings()).get("/rest/api/2/field", type=ROWS).data


@real
def test_c2_data_center_reads_again_what_changed_while_it_paged(
    data_center: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "jira", "SERVER_PAGE", 10)
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE"]')
    # The count, then the first page; what follows is shifted by one.
    data_center.fault(
        "jira-dc", "2/search", skip=1, mutate={"op": "delete", "id": "EE-1", "api": "jira-dc"}
    )
    work = home.load("jira")
    assert audit_of(work, "issues", "EE").status == "complete"
    left = {i["key"] for i in recorded("devlake.ndjson.xz") if i["key"].startswith("EE-")}
    found = {key for (key,) in home.rows("jira", "select key from jira.issues")}
    assert left - {"EE-1"} <= found


def recorded(name: str) -> list[dict[str, Any]]:
    from pathlib import Path

    path = Path(__file__).parents[3] / "shared" / "data" / "jira" / name
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@real
def test_a_wrong_token_is_refused_by_the_name_of_its_setting(
    cloud: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "a-wrong-token")
    with pytest.raises(Unauthorized, match="SOURCES__JIRA__API_TOKEN") as refused:
        jira.SOURCE.checked_settings()
    for said in (str(refused.value), home.why_not("jira")):
        assert "SOURCES__JIRA__API_TOKEN" in said and "a-wrong-token" not in said


def test_settings_that_are_missing_or_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", "https://example.atlassian.net")
    with pytest.raises(SettingFault, match="SOURCES__JIRA__API_TOKEN is not set"):
        jira.SOURCE.checked_settings()
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "secret-value")
    monkeypatch.setenv("SOURCES__JIRA__DEPLOYMENT", "moon")
    monkeypatch.setenv("SOURCES__JIRA__START_DATE", "yesterday")
    with pytest.raises(SettingFault) as fault:
        jira.SOURCE.checked_settings()
    assert {line.split()[0] for line in str(fault.value).splitlines()} == {
        "SOURCES__JIRA__EMAIL",
        "SOURCES__JIRA__DEPLOYMENT",
        "SOURCES__JIRA__START_DATE",
    }
    assert "secret-value" not in str(fault.value)


def test_a_server_that_is_down_leaves_what_was_loaded(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "x")
    monkeypatch.setattr(Api.__init__, "__kwdefaults__", {"headers": None, "sleep": id})
    with pytest.raises(Unavailable):
        jira.SOURCE.checked_settings()
    [audit] = home.load("jira").audits
    assert (audit.object, audit.status) == ("*", "failed")


def test_bounds_are_absolute_and_wider_than_the_window() -> None:
    lo = datetime(2024, 5, 1, 12, 0, 30, tzinfo=UTC)
    hi = datetime(2024, 5, 1, 13, 0, 0, 1, tzinfo=UTC)
    assert bounds(Window(lo, hi), "PAY") == (
        # 11:58:00 and 13:01:00
        'project = "PAY" AND updated >= 1714564680000 AND updated < 1714568460000'
    )
    on_the_minute = Window(None, datetime(2024, 5, 1, 13, tzinfo=UTC))
    assert bounds(on_the_minute) == "updated >= 0 AND updated < 1714568400000"


PERSON = {
    "accountId": "5b10ac8d82e05b22cc7d4ef5",
    "displayName": "Mia Example",
    "emailAddress": "mia@example.com",
    "accountType": "atlassian",
}
FIELDS = [
    ("customfield_1", "Story Points", "number", "float"),
    ("customfield_2", "Points d'histoire", "number", "jsw-story-points"),
    ("customfield_3", "Equipo", "team", "atlassian-team"),
    ("customfield_4", "Flagged", "array", "multicheckboxes"),
    ("customfield_5", "Browsers", "array", "multicheckboxes"),
    ("customfield_6", "Sprint", "array", "gh-sprint"),
    ("customfield_7", "Epos", "any", "gh-epic-link"),
    ("customfield_8", "Reviewer", "user", "userpicker"),
    ("customfield_9", "status", "string", "textfield"),
]
ROLES = {
    "customfield_1": "story_points",
    "customfield_2": "story_points",
    "customfield_3": "team",
    "customfield_4": "flagged",
    "customfield_6": "sprints",
    "customfield_7": "epic_key",
}


CATALOGUE = [
    {"id": field, "name": name, "schema": {"type": kind, "custom": f"com.example:{custom}"}}
    for field, name, kind, custom in FIELDS
]


def test_custom_fields_are_found_by_their_type_and_not_their_name() -> None:
    fields = [*CATALOGUE, {"id": "summary", "name": "Summary"}]
    assert custom_fields(fields) == ROLES


def test_a_setting_decides_between_fields_that_could_have_a_role() -> None:
    chosen = {"story_points": "customfield_2", "team": None}
    assert custom_fields(CATALOGUE, chosen) == {
        field: role for field, role in ROLES.items() if field != "customfield_1"
    }


def test_v5_a_renamed_or_localised_field_keeps_its_role_in_histories() -> None:
    """Cloud names the id, Data Center the name that the site gives the field."""
    for field in ({"field": "Puntos", "fieldId": "customfield_2"}, {"field": "Points d'histoire"}):
        row = history_row(
            {"id": "9", "created": 1711848000000,
             "items": [{**field, "fieldtype": "custom", "fromString": "3", "toString": "5"}]}
        )  # fmt: skip
        [item] = row["payload"]["items"]
        assert (item["role"], item["toString"]) == ("story_points", "5")


def issue_row(
    issue: dict[str, Any], unknown: set[str] | None = None, **settings: Any
) -> dict[str, Any]:
    rows = Rows(CATALOGUE, **settings)
    row = rows.issue(decode(json.dumps(issue).encode(), Body))
    (unknown if unknown is not None else set()).update(rows.unknown)
    return {**row, "payload": json.loads(row["payload"])}


def history_row(history: dict[str, Any]) -> dict[str, Any] | None:
    rows = Rows(CATALOGUE)
    parsed = decode(json.dumps(history).encode(), History)
    made = rows.history(parsed, Chain())
    if made is None:
        return None
    return {**dict(zip(("id", "created", "item_count"), made)), "payload": json.loads(made[3])}


def test_an_issue_keeps_what_is_allowed_and_nothing_else() -> None:
    unknown: set[str] = set()
    row = issue_row(
        {
            "id": 10042,
            "key": "PAY-7",
            "fields": {
                "summary": "Mia wants money",
                "newfangled": "secret",
                "status": {"id": "3", "name": "In Progress", "statusCategory": {"key": "x"}},
                "project": {"id": 7, "key": "PAY", "name": "Payments"},
                "created": "2024-03-31T03:10:00.000+0200",
                "updated": "2024-03-31T01:20:00.000+0000",
                "assignee": PERSON,
                "creator": {**PERSON, "accountType": "app"},
                "labels": ["fast", "mia@example.com"],
                "customfield_1": None,
                "customfield_2": 3.0,
                "customfield_3": {"id": "t-1", "title": "Blue"},
                "customfield_4": [{"value": "Impediment"}],
                "customfield_6": [{"id": 5, "name": "Sprint 5", "state": "active", "goal": "win"}],
                "customfield_7": "PAY-1",
                "customfield_8": PERSON,
            },
        },
        unknown,
    )
    fields = row["payload"]["fields"]
    assert row["created_at"] == datetime(2024, 3, 31, 1, 10, tzinfo=UTC)
    assert (row["id"], row["project_id"], row["project_key"]) == ("10042", "7", "PAY")
    assert fields["story_points"] == 3.0
    assert fields["team"] == {"id": "t-1", "name": "Blue"}
    assert fields["flagged"] is True
    assert fields["sprints"] == [{"id": 5}]
    assert fields["epic_key"] == "PAY-1"
    assert fields["labels"] == ["fast"]
    assert fields["assignee"]["actor_type"] == "human"
    assert fields["creator"]["actor_type"] == "bot"
    assert unknown == {"summary", "newfangled", "customfield_8"}
    text = json.dumps(row, default=str)
    for secret in ("Mia", "@", PERSON["accountId"], "secret", "goal"):
        assert secret not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4.5, 4.5),
        ("mia@example.com", None),
        ({"id": "1", "value": "High", "self": "https://x"}, "High"),
        ({"id": "1", "name": "Berlin"}, "Berlin"),
        ([{"value": "a"}, {"value": "b"}], ["a", "b"]),
        ({"type": "doc", "content": [{"text": "call Mia"}]}, None),
    ],
    ids=["number", "mail", "option", "name", "options", "text"],
)
def test_an_allowed_custom_field_is_reduced_to_its_value(value: Any, expected: Any) -> None:
    issue = {"id": "1", "key": "PAY-1", "fields": {"customfield_5": value}}
    row = issue_row(issue, allowed=["customfield_5"])
    assert row["payload"]["fields"]["customfield_5"] == expected
    [person] = issue_row(
        {"id": "1", "key": "PAY-1", "fields": {"customfield_8": [PERSON]}},
        allowed=["customfield_8"],
    )["payload"]["fields"]["customfield_8"]
    assert person.keys() == {"person_key", "actor_type"}


@pytest.mark.parametrize(
    ("key", "text", "kept"),
    [
        ("PAY-2", "This issue is blocked by PAY-2", ("PAY-2", "This issue is blocked by PAY-2")),
        ("PAY-2", "Dieser Vorgang blockiert PAY-2", ("PAY-2", "Dieser Vorgang blockiert PAY-2")),
        ("PAY-2", "This issue blocks PAY-22", ("PAY-2", None)),
        ("PAY-2", "This issue belongs to mia@example.com PAY-2", ("PAY-2", None)),
        ("PAY-2", "[~accountid:mia] wrote of PAY-2", ("PAY-2", None)),
        ("https://x/mia", "This issue links to mia", (None, None)),
        (None, "This issue links to mia", (None, None)),
        ({"key": "PAY-2"}, ["mia"], (None, None)),
    ],
)
def test_of_a_link_the_key_and_what_it_says_are_kept(
    key: Any, text: Any, kept: tuple[str | None, str | None]
) -> None:
    """Other texts may name people, and tell nothing of two issues."""
    item = {"field": "Link", "fieldtype": "jira", "from": key, "fromString": text}
    item |= {"to": key, "toString": text}
    row = history_row({"id": "1", "created": "2024-03-31T03:10:00.000+0200", "items": [item]})
    [shown] = row["payload"]["items"]
    assert (shown["from"], shown["fromString"]) == kept
    assert (shown["to"], shown["toString"]) == kept


def test_nulls_where_lists_and_objects_should_be_are_loaded() -> None:
    lists = ("labels", "components", "fixVersions", "issuelinks")
    fields = {name: None for name in (*ISSUE_FIELDS, *ROLES)}
    row = issue_row({"id": "1", "key": "PAY-1", "fields": fields})
    assert {name: row["payload"]["fields"][name] for name in lists} == {name: [] for name in lists}
    assert row["payload"]["fields"]["sprints"] == []
    assert row["project_key"] == "PAY"
    bare = issue_row({"id": "2", "key": "PAY-2", "fields": None})
    assert {name: bare["payload"]["fields"][name] for name in lists} == {n: [] for n in lists}
    assert bare["created_at"] is None


def test_an_old_sprint_text_is_read() -> None:
    text = "com.atlassian.greenhopper.service.sprint.Sprint@1f[id=12,rapidViewId=3,state=CLOSED]"
    assert derived({"customfield_6": [text]}, ROLES)["sprints"] == [{"id": 12}]


def item(field: str, **values: Any) -> dict[str, Any]:
    return {"field": field, "fieldtype": "jira", **values}


def test_a_change_keeps_values_of_allowed_fields_only() -> None:
    row = history_row(
        {
            "id": "9",
            "created": 1711848000000,
            "author": PERSON,
            "items": [
                {"field": "status", "fieldId": "status", "from": "1", "toString": "Done"},
                item("description", fieldId="description", toString="mia@example.com"),
                item("assignee", fieldId="assignee", to=PERSON["accountId"], toString="Mia"),
                {"field": "status", "fieldId": "customfield_9", "fieldtype": "custom", "to": "x"},
                {"field": "Epos", "fieldtype": "custom", "toString": "PAY-1"},
                item("labels", fieldId="labels", toString="a mia@example.com b"),
                None,
            ],
        },
    )
    items = row["payload"]["items"]
    assert row["item_count"] == 6
    assert row["created"] == 1711848000000
    assert (items[0]["from"], items[0]["toString"]) == ("1", "Done")
    assert (items[1]["field"], items[1]["toString"]) == ("description", None)
    assert len(items[2]["to"]) == 20 and items[2]["toString"] is None
    assert items[3]["to"] is None
    assert items[4]["toString"] == "PAY-1"
    assert items[5]["toString"] == "a b"
    assert "Mia" not in json.dumps(row, default=str)


def test_h3_unknown_and_equally_named_statuses_are_kept_apart_by_id() -> None:
    items = [
        {"field": "status", "fieldId": "status", "from": "1", "to": "2",
         "fromString": "Done", "toString": "Done"},
        {"field": "status", "fieldId": "status", "from": 2, "to": None, "toString": "Gone"},
    ]  # fmt: skip
    row = history_row({"id": "9", "created": 1711848000000, "items": items})
    shown = [(item["from"], item["to"], item["toString"]) for item in row["payload"]["items"]]
    assert shown == [("1", "2", "Done"), ("2", None, "Gone")]


@pytest.mark.parametrize(
    "form",
    [
        {"field": "Key", "fieldId": "issuekey", "fieldtype": "jira"},
        {"field": "Vorgang", "fieldId": "issuekey", "fieldtype": "jira"},
        {"field": "Key", "fieldtype": "jira"},
        {"field": "key"},
    ],
)
def test_the_keys_of_a_moved_issue_are_kept_in_every_form(form: dict[str, Any]) -> None:
    project = {"field": form["field"].replace("Key", "project"), "fieldtype": "jira"}
    project |= {"fieldId": "project"} if form["field"] == "Vorgang" else {"field": "Project"}
    items = [
        {**form, "from": None, "fromString": "OLD-1", "to": None, "toString": "NEW-7"},
        {**project, "from": "10", "fromString": "Old", "to": "11", "toString": "New"},
    ]
    row = history_row({"id": "9", "created": 1711848000000, "items": items})
    key, moved = row["payload"]["items"]
    assert (key["fromString"], key["toString"]) == ("OLD-1", "NEW-7")
    assert (moved["from"], moved["to"]) == ("10", "11")


@pytest.mark.parametrize(
    "field", ["status", "issuetype", "priority", "resolution", "project", "parent", "fixVersions"]
)
def test_a_translated_name_changes_nothing_of_what_is_kept(field: str) -> None:
    change = {"fieldtype": "jira", "from": "1", "fromString": "A", "to": "2", "toString": "B"}
    kept = []
    for form in ({"field": field}, {"field": "Feld", "fieldId": field}):
        row = history_row({"id": "9", "created": 1, "items": [{**form, **change}]})
        [shown] = row["payload"]["items"]
        kept.append([shown[name] for name in ("from", "fromString", "to", "toString", "role")])
    assert kept[0] == kept[1] == ["1", "A", "2", "B", None]


def test_a_translated_status_is_part_of_the_chain() -> None:
    chain, rows = Chain(), Rows(CATALOGUE)
    for no, (old, new) in enumerate([("1", "2"), ("3", "4")]):
        item = {"field": "Stand", "fieldId": "status", "fieldtype": "jira", "from": old, "to": new}
        history = {"id": str(no), "created": 1711848000000 + no, "items": [item]}
        rows.history(decode(json.dumps(history).encode(), History), chain)
    assert chain.has_gap


def entries(*told: tuple[int, int, str, str, str]) -> Chain:
    """Return a chain of (moment, id, field, from, to)."""
    chain, rows = Chain(), Rows(CATALOGUE)
    for at, no, name, old, new in told:
        item = {"field": name, "fieldId": name, "fieldtype": "jira", "from": old, "to": new}
        history = {"id": str(no), "created": 1711848000000 + at, "items": [item]}
        rows.history(decode(json.dumps(history).encode(), History), chain)
    return chain


@pytest.mark.parametrize(
    ("told", "order"),
    [
        # ids that run backwards, and one of another field between them
        ([(0, 9, "status", "1", "2"), (0, 5, "priority", "a", "b"), (0, 1, "status", "2", "3")],
         "5 9 1"),
        # there and back again: what came before says where it begins
        ([(0, 1, "status", "1", "2"), (5, 2, "status", "3", "2"), (5, 3, "status", "2", "3")],
         "1 3 2"),
        # more than all orders are tried of
        ([(0, 20 - n, "status", str(n), str(n + 1)) for n in range(9)],
         "20 19 18 17 16 15 14 13 12"),
        # nothing joins: ids count
        ([(0, 2, "status", "1", "2"), (0, 1, "status", "8", "9")], "1 2"),
        # time counts before all else
        ([(9, 1, "status", "1", "2"), (0, 2, "status", "2", "3")], "2 1"),
    ],
    ids=["backwards", "there and back", "many", "broken", "times"],
)  # fmt: skip
def test_entries_of_one_moment_follow_what_they_change(told: list[tuple], order: str) -> None:
    chain = entries(*told)
    assert [entry.id for entry in chain.in_order()] == order.split()
    assert chain.numbers() == {no: place for place, no in enumerate(order.split(), 1)}
    assert chain.has_gap == (order in ("1 2", "2 1"))


CLOUD_FLAG = {
    "id": "customfield_7", "name": "Markiert", "untranslatedName": "Flagged",
    "schema": {"type": "array", "custom": "x:multicheckboxes"},
}  # fmt: skip


def test_a_field_is_known_in_any_language_by_its_type_or_its_first_name() -> None:
    server_flag = {key: value for key, value in CLOUD_FLAG.items() if key != "untranslatedName"}
    other = {**server_flag, "id": "customfield_8", "name": "Checked"}
    parent = {"id": "customfield_9", "name": "X", "schema": {"custom": "y:jpo-custom-field-parent"}}
    assert candidates([CLOUD_FLAG]) == {"customfield_7": "flagged"}
    assert candidates([server_flag, other]) == {"customfield_7": "flagged"}
    assert candidates([parent]) == {"customfield_9": "parent_key"}
    chosen = custom_fields([server_flag, other], {"flagged": "customfield_8"})
    assert chosen == {"customfield_8": "flagged"}


def test_a_history_without_ids_names_the_field_that_has_the_role() -> None:
    fields = [
        {"id": "customfield_1", "name": "Puntos", "schema": {"custom": "x:jsw-story-points"}},
        # Another field is called as Jira calls its team: it is none.
        {"id": "customfield_2", "name": "Team", "schema": {"type": "string"}},
    ]
    rows, chain = Rows(fields), Chain()
    items = [
        {"field": name, "fieldtype": "custom", "fromString": None, "toString": "5"}
        for name in ("Puntos", "Story Points", "Team")
    ]
    history = decode(json.dumps({"id": "1", "items": items}).encode(), History)
    shown = json.loads(rows.history(history, chain)[3])["items"]
    assert [(item["role"], item["fieldId"], item["toString"]) for item in shown] == [
        ("story_points", "customfield_1", "5"), ("story_points", None, "5"), (None, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("items", [None, [], {}], ids=["null", "none", "object"])
def test_h3_a_history_without_items_or_author_is_loaded(items: Any) -> None:
    history = {"id": 7, "created": "2024-03-31T01:20:00.000+0000", "items": items, "author": None}
    row = history_row(history)
    assert (row["id"], row["item_count"], row["payload"]["author"]) == ("7", 0, None)
    assert history_row({"created": 1}) is None
