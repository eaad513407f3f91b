"""Great Expectations is started only for tables of which it could find something else."""

import json
import os
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from tests.flow import scratch

NOW = scratch.moment("2024-03-04 09:00")
ALL = 5
"""More tables than this are all of them."""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: Path) -> list[set[str]]:
    """What Great Expectations was asked for, run by run; it finds no fault in anything."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    shutil.copytree(parsed, tmp_path / "dbt")
    from orchestration import checks

    runs: list[set[str]] = []

    def run(module: str, target: Path, docs: Path, *names: str, **more: Any) -> SimpleNamespace:
        runs.append({*names})
        found = {"evaluated": 3, "rows": 1, "failures": [], "warnings": []}
        stale = {"jira/issues": (NOW + timedelta(days=2)).isoformat()}
        late = more["FLOWHOUSE_AS_OF"] > stale["jira/issues"]
        told = {name: {**found, "stale_from": None if late else stale.get(name)} for name in names}
        target.write_text(json.dumps(told))
        docs.mkdir(parents=True, exist_ok=True)
        (docs / "index.html").touch()
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(checks, "run", run)
    scratch.write_raw(tmp_path / "raw", {})
    return runs


def test_only_what_changed_or_is_due_is_evaluated(asked: list[set[str]], tmp_path: Path) -> None:
    from orchestration import checks

    target, docs = tmp_path / "expectations" / "one.json", tmp_path / "docs"

    def evaluated(days: int) -> list[set[str]]:
        asked.clear()
        found = checks.evaluated(target, docs, NOW + timedelta(days=days))
        assert len(found) > ALL
        return [*asked]

    [everything] = evaluated(0)
    assert len(everything) > ALL
    assert evaluated(1) == []
    assert evaluated(2) == []
    # Two days without a newer issue are as usual, three are odd; that is said once.
    assert evaluated(3) == [{"jira/issues"}]
    assert evaluated(4) == []
    row = {"id": "1", "name": "To Do", "payload": {}}
    scratch.write_raw(tmp_path / "raw", {("jira", "statuses"): [row]})
    assert evaluated(4) == [{"jira/statuses"}]
    (docs / "index.html").unlink()  # somebody took the pages away
    assert evaluated(4) == [everything]
    memory = target.with_name("last.json")
    for spoilt in (b"[half", b"\xff\xfe", b"[1]", b'{"jira/issues": [1]}', b'{"jira/issues": {}}'):
        memory.write_bytes(spoilt)
        assert evaluated(4) == [everything]
        assert evaluated(4) == []


def test_whom_the_report_is_for_can_read_the_pages_on_raw_tables(
    asked: list[set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made anew during a refresh, after the modes in the home were repaired."""
    from orchestration import checks, gate
    from orchestration.ingestion import RefreshOptions

    monkeypatch.setenv("FLOWHOUSE_READERS", "all")
    monkeypatch.setattr(gate, "check", lambda request: None)
    monkeypatch.setattr(checks, "is_anything_loaded", lambda: True)
    before = os.umask(0o077)
    try:
        dg.Definitions(
            asset_checks=[checks.build_checks()],
            resources={"refresh": RefreshOptions()},
            jobs=[dg.define_asset_job("checked", dg.AssetSelection.all_asset_checks())],
        ).resolve_job_def("checked").execute_in_process()
    finally:
        os.umask(before)
    page = tmp_path / "report" / "expectations" / "index.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "refreshes.json").stat().st_mode) == 0o600
