"""What stops a refresh at the raw boundary, and what is only counted, on hand-written raw rows."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.sources import SOURCES
from tests.flow import scratch

ISSUE = {"key": "A-1", "created_at": scratch.moment("2024-03-04 09:00")}
AS_OF = scratch.moment("2024-04-10 00:00")
HOSTILE = "<b>ada@example.com</b>"
FLAWED = {
    ("jira", "issues"): [
        {"id": HOSTILE, "updated_at": ISSUE["created_at"], "payload": {}, **ISSUE},
        {"id": HOSTILE, "updated_at": ISSUE["created_at"], "payload": {}, **ISSUE},
        {"id": "2", "payload": {}, **ISSUE},
    ],
    ("jira", "histories"): [
        {"id": "1", "issue_id": "1", "payload": {"author": {"displayName": "somebody"}}},
    ],
    ("github", "workflow_runs"): [{"id": "1", "run_attempt": 1, "payload": {}}],
    ("github", "reviews"): [
        {"id": str(no), "state": state, "payload": {}}
        for no, state in enumerate(("APPROVED", "commented", None, HOSTILE, "LGTM"))
    ],
    ("github", "issues"): [
        {
            "id": str(no), "number": no, "state": "closed", "payload": {}, "closed_at": closed,
            "created_at": ISSUE["created_at"], "updated_at": ISSUE["created_at"],
        }
        for no, closed in enumerate(
            (ISSUE["created_at"], None, scratch.moment("2024-03-04 08:59"))
        )
    ],
}  # fmt: skip


def daily(days: list[int]) -> list[dict[str, Any]]:
    """Return rows of so many days before."""
    return [
        {"id": str(no), "updated_at": AS_OF - timedelta(days=day), "payload": {}}
        for no, day in enumerate(days)
    ]


LATELY = {
    # Of every other day, and the last one six days ago; then seven.
    ("gitlab", "merge_requests"): daily([*range(6, 60, 2)]),
    ("github", "project_items"): daily([*range(7, 60, 2)]),
    # Too few days to know what is usual.
    ("github", "deployments"): daily([*range(30, 49)]),
}
"""By all three, three times two days without news are as usual."""
LOADED = {
    "issue_label_events": [40, 50, 60, 50, 50, 1001],  # twenty times as many, and a few
    "issue_state_events": [40, 50, 60, 50, 50, 1000],
    "merge_request_notes": [40_000, 50_000, 60_000, 50_000, 50_000, 2_499],
    "pipelines": [4, 5, 6, 5, 5, 900],  # few rows say little
    "jobs": [40, 50, 50, 50, 40_000],  # four loads before it are too few
    "issues": [50, 50, 50, 50, 50, 5_000],  # everything was read again
}
"""Rows of each load of GitLab's tables, by table."""
COUNTED = {"github/commits": 100, "github/main_lines": 100, "jira/fields": 0}
"""Rows of tables when they were checked before; there are 97 and 98 of the first two now."""


def write_loads(raw: Path) -> None:
    with duckdb.connect(str(raw / "raw_gitlab.duckdb")) as gitlab:
        for table, counts in LOADED.items():
            for no, count in enumerate(counts):
                # Two scopes make up a load.
                for scope, part in (("a", 1), ("b", count - 1)):
                    first = None if table == "issues" and no == 5 else AS_OF
                    gitlab.execute(
                        "insert into gitlab.load_audits (refresh_id, object, scope, window_from,"
                        " extracted, finished_at) values (?, ?, ?, ?, ?, ?)",
                        [f"r{no}", table, scope, first, part, AS_OF + timedelta(days=no)],
                    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("flawed")
    commits = [{"repository": "a", "sha": str(no), "payload": {}} for no in range(98)]
    counted = {("github", "commits"): commits[:97], ("github", "main_lines"): commits}
    scratch.write_raw(home / "raw", {**FLAWED, **LATELY, **counted})
    write_loads(home / "raw")
    memory = {name: {"found": {"rows": rows}} for name, rows in COUNTED.items()}
    (home / "last.json").write_text(json.dumps(memory))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWHOUSE_HOME", str(home))
        patch.setenv("FLOWHOUSE_AS_OF", AS_OF.isoformat())
        subprocess.run(
            [sys.executable, "-m", "extract.expectations", home / "found.json", home / "docs"],
            cwd=Path(__file__).parents[2],
            check=True,
        )
    return home


@pytest.fixture(scope="module")
def results(home: Path) -> dict[str, Any]:
    return json.loads((home / "found.json").read_text())


def test_keys_payloads_and_names_stop_the_refresh(results: dict[str, Any]) -> None:
    failures = {table: result["failures"] for table, result in results.items()}
    assert {table: found for table, found in failures.items() if found} == {
        "jira/issues": ["the primary key is not unique: 1 rows"],
        "jira/histories": [
            "the payload is not JSON or holds a person's name or mail address: 1 rows"
        ],
    }


def test_what_a_source_left_empty_is_counted_and_stops_nothing(results: dict[str, Any]) -> None:
    warnings = {table: result["warnings"] for table, result in results.items()}
    assert {table: found for table, found in warnings.items() if found} == {
        "jira/issues": ["updated_at is empty: 1 rows"],
        "jira/histories": ["created_at is empty: 1 rows"],
        "github/workflow_runs": ["head_sha is empty: 1 rows", "created_at is empty: 1 rows"],
        "github/reviews": ["state has a word that nobody knows: 2 rows"],
        "github/issues": ["closed_at lies before created_at: 1 rows"],
        # Of the tables below nothing but this is odd.
        "github/project_items": [
            "the newest row is 7 days old, and before there were never more than 2 days without one"
        ],
        "gitlab/issue_label_events": [
            "the last load brought far more or fewer rows than usual (50)"
        ],
        "gitlab/merge_request_notes": [
            "the last load brought far more or fewer rows than usual (50,000)"
        ],
        "github/commits": ["rows were lost: there were 100"],
        "github/deployments": ["sha is empty: 19 rows", "created_at is empty: 19 rows"],
        "gitlab/merge_requests": ["created_at is empty: 27 rows"],
    }


def test_every_raw_table_is_checked(results: dict[str, Any]) -> None:
    tables = {f"{s}/{table.name}" for s, source in SOURCES.items() for table in source.tables}
    assert set(results) == tables
    assert all(result["evaluated"] >= 3 for result in results.values())


def test_it_is_said_from_when_on_a_table_without_news_is_odd(results: dict[str, Any]) -> None:
    told = {table: result["stale_from"] for table, result in results.items()}
    assert {table: moment for table, moment in told.items() if moment} == {
        "gitlab/merge_requests": AS_OF.isoformat()
    }


def test_rows_are_counted_for_the_next_time(results: dict[str, Any]) -> None:
    assert [results[name]["rows"] for name in ("github/commits", "jira/issues", "jira/boards")] == [
        97, 3, 0
    ]  # fmt: skip


def test_there_is_a_page_on_every_table_without_a_value_and_without_another_server(
    home: Path, results: dict[str, Any]
) -> None:
    pages = {file.name: file.read_text() for file in (home / "docs").iterdir()}
    assert set(pages) == {"index.html", *(f"{name.replace('/', '-')}.html" for name in results)}
    for text in pages.values():
        assert "<script" not in text and "http" not in text.replace("http-equiv", "")
        # As a word: the ids of a page are drawn, and three letters of a name are in some of them.
        assert not re.search(r"\bada\b", text, re.IGNORECASE) and "LGTM" not in text
    issues = re.sub(r"<[^>]+>|\s+", " ", pages["jira-issues.html"])
    assert "every primary key is there once" in issues and "Failed" in issues
    index = pages["index.html"]
    assert '<a href="jira-issues.html">jira/issues</a></td><td>fails' in index
    assert "the primary key is not unique: 1 rows" in index
    assert '<a href="github-reviews.html">github/reviews</a></td><td>warns' in index
    assert '<a href="jira-boards.html">jira/boards</a></td><td>holds' in index
