"""What stops a refresh at the raw boundary, and what is only counted, on hand-written raw rows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extract.sources import SOURCES
from tests.flow import house

ISSUE = {"key": "A-1", "created_at": house.moment("2024-03-04 09:00")}
FLAWED = {
    ("jira", "issues"): [
        {"id": "1", "updated_at": ISSUE["created_at"], "payload": {}, **ISSUE},
        {"id": "1", "updated_at": ISSUE["created_at"], "payload": {}, **ISSUE},
        {"id": "2", "payload": {}, **ISSUE},
    ],
    ("jira", "histories"): [
        {"id": "1", "issue_id": "1", "payload": {"author": {"displayName": "somebody"}}},
    ],
    ("github", "workflow_runs"): [{"id": "1", "run_attempt": 1, "payload": {}}],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("flawed")
    house.write_raw(home / "raw", FLAWED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWHOUSE_HOME", str(home))
        subprocess.run(
            [sys.executable, "-m", "extract.expectations", home / "found.json"],
            cwd=Path(__file__).parents[2],
            check=True,
        )
    return json.loads((home / "found.json").read_text())


def test_keys_payloads_and_names_stop_the_refresh(results: dict[str, Any]) -> None:
    failures = {table: result["failures"] for table, result in results.items()}
    assert {table: found for table, found in failures.items() if found} == {
        "jira/issues": ["the primary key is not unique: 1 rows"],
        "jira/histories": [
            "the payload is no JSON or holds a person's name or mail address: 1 rows"
        ],
    }


def test_what_a_source_left_empty_is_counted_and_stops_nothing(results: dict[str, Any]) -> None:
    warnings = {table: result["warnings"] for table, result in results.items()}
    assert {table: found for table, found in warnings.items() if found} == {
        "jira/issues": ["updated_at is empty: 1 rows"],
        "jira/histories": ["created_at is empty: 1 rows"],
        "github/workflow_runs": ["head_sha is empty: 1 rows", "created_at is empty: 1 rows"],
    }


def test_every_raw_table_is_checked(results: dict[str, Any]) -> None:
    tables = {f"{s}/{table.name}" for s, module in SOURCES.items() for table in module.TABLES}
    assert set(results) == tables
    assert all(result["evaluated"] >= 3 for result in results.values())
