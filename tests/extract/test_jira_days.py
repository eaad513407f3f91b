"""Day by day over the recorded history, with every fault at once, against one full load."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extract.sources import jira

pytestmark = pytest.mark.real

LAST = datetime(2021, 8, 6, tzinfo=UTC)
DAYS = [
    *(datetime(2020, 6, 12, tzinfo=UTC) + timedelta(days=n) for n in range(1, 6)),
    datetime(2020, 9, 1, tzinfo=UTC),
    LAST,
]
FAULTS = [
    {"path_regex": "(search|bulkfetch|issue)", "status": 429, "headers": {"Retry-After": "1"}},
    {"path_regex": "(search/jql|2/search)", "skip": 1, "times": 2, "status": 503},
    {"path_regex": "(search/jql|2/search)", "skip": 2, "truncate_at": 200},
    {"path_regex": "(bulkfetch|2/search)", "skip": 1, "truncate_at": 300, "no_length": True},
    {"path_regex": "(bulkfetch|2/search)", "skip": 3, "html": True},
    {"path_regex": "/field", "reset": True},
    {"path_regex": "/status$", "status": 401, "body": "{}"},
    {"path_regex": "worklog", "status": 500, "times": 3},
    {"path_regex": "agile", "skip": 1, "status": 502, "times": 2},
]
KEPT = [t for t in jira.TABLES if t.name not in ("snapshots", "tombstones", "misfits")]


@pytest.fixture(params=["jira", "jira-dc"])
def site(request: Any, replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", replay.url(request.param))
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "replay-token")
    monkeypatch.setenv("SOURCES__JIRA__PROJECTS", '["EE", "K5"]')
    monkeypatch.setitem(jira.Api.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    replay.api = request.param
    return replay


def content(home: Any) -> dict[str, list[tuple]]:
    """Keys, typed columns and payloads of what has one true state."""
    return {
        table.name: home.rows(
            "jira",
            f"select * exclude (_fetched_at, _dlt_load_id, _scope) from jira.{table.name} "
            "order by all",
        )
        for table in KEPT
    }


def test_after_the_last_day_the_raw_tables_equal_one_full_load(
    site: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.scenario(
        site.api,
        user_timezone="Asia/Kolkata",
        index_lag_s=240,
        jql_minute_precision=True,
        search_cap=40,
    )
    statuses: list[str] = []
    for day in DAYS:
        site.clock = day.isoformat()
        for fault in FAULTS:
            site.control("POST", "faults", {"api": site.api, **fault})
        statuses += [audit.status for audit in home.load("jira").audits]
        site.control("DELETE", "faults")
    assert set(statuses) == {"complete"}
    daily = content(home)
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "anew"))
    anew = type(home)(tmp_path / "anew")
    anew.load("jira")
    whole = content(anew)
    assert len(whole["issues"]) == 30 and len(whole["histories"]) > 400
    for table in KEPT:
        assert daily[table.name] == whole[table.name], table.name
    assert home.value("jira", "select count(*) from jira.tombstones") == 0
