"""The demo company on later days: what is asked weekly or monthly is answered too."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.serve import start
from demo.world import World
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
