"""The demo company on later days: what is asked weekly or monthly is answered too."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.company import LIBRARY, OWNER
from demo.github_issues import updated
from demo.serve import start
from demo.world import World
from extract import raw_store
from extract.load import load


@pytest.mark.parametrize("source", ["jira", "github", "jenkins", "servicenow", "gitlab"])
def test_a_source_of_the_demo_is_complete_on_later_days(
    company: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    now = datetime.fromtimestamp(company.now, UTC)
    with start(company) as servers:
        monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
        for name, value in servers.env.items():
            monkeypatch.setenv(name, value)
        first = (now - timedelta(days=50)).date().isoformat()
        monkeypatch.setenv(f"SOURCES__{source.upper()}__START_DATE", first)
        for days in (40, 39, 31, 9, 0):
            servers.clock.set(now - timedelta(days=days))
            work = load(source, f"day-{days}")
            gaps = [(a.object, a.status, a.message) for a in work.audits if a.status != "complete"]
            assert (days, gaps) == (days, [])


def test_timelines_of_issues_are_whole_on_later_days(
    company: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that was told of what changed in the time, whether it moved an update or not."""
    now = datetime.fromtimestamp(company.now, UTC)
    first = (now - timedelta(days=50)).replace(hour=0)
    with start(company) as servers:
        monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
        for name, value in servers.env.items():
            if "GITHUB" in name:
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("SOURCES__GITHUB__REPOSITORIES", f'["{OWNER}/{LIBRARY}"]')
        monkeypatch.setenv("SOURCES__GITHUB__START_DATE", first.date().isoformat())
        for days in (40, 39, 31, 30, 22, 21, 9, 0):
            servers.clock.set(now - timedelta(days=days))
            load("github", f"day-{days}")
    true = {
        (issue.node_id, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", event.kind).lower(), event.at)
        for issue in company.library.issues
        if issue.created <= company.now and updated(issue, company.now) >= first.timestamp()
        for event in issue.events
        if event.at <= company.now and not event.label.startswith("ask ")
    }
    found = raw_store.rows(
        "github",
        "select issue_id, type || '_event', epoch(created_at) from github.issue_events",
    )
    assert set(found) == true and len(found) >= len(true) > 100
