"""`flowhouse status` answers whatever state the files are in that it looks at."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from orchestration import outcome
from orchestration.cli import main

WRITER = """
import duckdb, sys, time
links = [duckdb.connect(file) for file in sys.argv[1:]]
print("open", flush=True)
time.sleep(600)
"""

FILES = {
    "raw": "raw/raw_jira.duckdb",
    "build": "build.duckdb",
    "published": "published/warehouse.duckdb",
}


def spoil(file: Path, how: str) -> None:
    if how == "empty":
        file.write_bytes(b"")
    elif how == "garbage":
        file.write_bytes(os.urandom(20_000))
    elif how == "cut":
        with file.open("r+b") as opened:
            opened.truncate(20_000)
    elif how == "scribbled":
        with file.open("r+b") as opened:
            opened.seek(4096)
            opened.write(os.urandom(200_000))
    elif how == "without tables":
        file.unlink()
        duckdb.connect(str(file)).close()
    elif how == "a folder":
        file.unlink()
        file.mkdir()
    elif how == "dangling":
        file.unlink()
        file.symlink_to("nowhere.duckdb")


AUDITS = """
create schema {schema};
create table {schema}.load_audits as select
    'r1' as refresh_id, 'jira' as source, 'issues' as object, '' as scope, 'complete' as status,
    '' as message, 7 as extracted, 0 as acl_gap, timestamptz '2026-01-01 00:00:00+00' as finished_at
from range(20000);
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home after a refresh of which only the loads are known."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    before = os.umask(0o022)  # commands change it for their process, which is ours
    for what, schema in (("raw", "jira"), ("build", "meta"), ("published", "meta")):
        file = tmp_path / FILES[what]
        file.parent.mkdir(exist_ok=True)
        with duckdb.connect(str(file)) as database:
            database.execute(AUDITS.format(schema=schema))
    yield tmp_path
    os.umask(before)


def said(home: Path) -> dict:
    done = CliRunner().invoke(main, ["status", "--json"])
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "how", ["empty", "garbage", "cut", "scribbled", "without tables", "a folder", "dangling"]
)
@pytest.mark.parametrize("what", FILES)
def test_status_says_what_it_can(home: Path, what: str, how: str) -> None:
    spoil(home / FILES[what], how)
    assert said(home)["home"] == str(home)


WARNED = """
create table meta.refreshes as select 'r1' as refresh_id;
create table meta.quality_results as select
    'r1' as refresh_id, 'expectation:jira/issues' as test, 'warn' as status, 1 as failures;
"""


@pytest.mark.parametrize("spoilt", [None, b"", b"{half", b"\xff", b"[]", b'{"jira/issues": []}'])
def test_status_without_what_the_expectations_found(home: Path, spoilt: bytes | None) -> None:
    with duckdb.connect(str(home / FILES["build"])) as build:
        build.execute(WARNED)
    file = home / "expectations" / "r1.json"
    file.parent.mkdir()
    file.write_text('{"jira/issues": {"warnings": ["no newer row"]}}')
    assert said(home)["warnings"] == ["jira/issues: no newer row"]
    file.unlink() if spoilt is None else file.write_bytes(spoilt)
    assert said(home)["warnings"] == []


def test_status_while_everything_is_written(home: Path) -> None:
    files = [str(home / FILES[name]) for name in ("raw", "build")]
    before = said(home)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, *files], stdout=subprocess.PIPE, text=True
    ) as writer:
        try:
            assert writer.stdout.readline() == "open\n"
            began = time.monotonic()
            now = said(home)
            assert time.monotonic() - began < 30
        finally:
            writer.kill()
    # What was published of the loads stands in for what is locked.
    for facts in (before, now):
        [loaded] = [source for source in facts["sources"] if source["source"] == "jira"]
        assert loaded["last_load_at"] == "2026-01-01T00:00:00+00:00"
    assert (now["warnings"], now["marked"]) == ([], [])


FAILED_SINCE = """
delete from jira.load_audits;
insert into jira.load_audits values
    ('r1', 'jira', 'issues', 'SHOP', 'complete', '', 7, 0, timestamptz '2026-01-01 04:00:00+00'),
    ('r2', 'jira', '*', '', 'failed', 'no token', 0, 0, timestamptz '2026-01-09 04:00:00+00');
"""


def test_a_source_that_fails_is_as_old_as_what_was_read_of_it_last(home: Path) -> None:
    """The attempt of last night is no load; and who has never been read is not stale but empty."""
    with duckdb.connect(str(home / FILES["raw"])) as raw:
        raw.execute(FAILED_SINCE)
    [jira] = [source for source in said(home)["sources"] if source["source"] == "jira"]
    assert jira["last_load_at"] == "2026-01-01T04:00:00+00:00"
    assert jira["gaps"] == ["jira is stale since 2026-01-01 04:00 UTC: no token"]
    text = CliRunner().invoke(main, ["status"]).stdout
    assert "gap  jira is stale since 2026-01-01 04:00 UTC: no token" in text.splitlines()
    with duckdb.connect(str(home / FILES["raw"])) as raw:
        raw.execute("delete from jira.load_audits where refresh_id = 'r1'")
    [jira] = [source for source in said(home)["sources"] if source["source"] == "jira"]
    assert (jira["last_load_at"], jira["age"]) == (None, "")
    assert jira["gaps"] == ["jira * : failed: no token"]


def test_what_failed_after_a_publication_is_said_and_gaps_once(home: Path) -> None:
    with duckdb.connect(str(home / FILES["raw"])) as raw:
        raw.execute(FAILED_SINCE)
    gap = "jira is stale since 2026-01-01 04:00 UTC: no token"
    lines = ["published__report: OSError: no", gap]
    outcome.note(outcome.Outcome("r2", "Dagster", "then", "now", outcome.PARTIAL, lines))
    text = CliRunner().invoke(main, ["status"]).stdout.splitlines()
    assert "  published__report: OSError: no" in text
    assert [line for line in text if gap in line] == [f"gap  {gap}"]


def test_status_says_of_when_the_file_is(home: Path) -> None:
    with duckdb.connect(str(home / FILES["published"])) as published:
        published.execute(
            "create table meta.publications as select 1 as version_no,"
            " timestamp '2026-01-02 04:10' as published_at, timestamp '2026-01-02 04:00' as as_of"
        )
    text = CliRunner().invoke(main, ["status"]).stdout
    assert "           as of 2026-01-02 04:00 UTC, published 2026-01-02 04:10 UTC (" in text
