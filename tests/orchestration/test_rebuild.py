"""A working warehouse of another version is replaced, with one line, and nothing is lost by it."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration import rebuild
from publish.facts import SCHEMA_VERSION
from publish.quality import begin, lack_of_proof

AT = datetime(2026, 1, 1)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A working warehouse of this version, with a table and a result of a test."""
    path = tmp_path / "build.duckdb"
    begin(path, "first")
    rebuild.begin(path, "definitions", AT, everything=False)
    rebuild.end(path)
    run(path, "create schema marts; create table marts.fct_one as select 1 as n")
    return path


def run(path: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(path)) as warehouse:
        return warehouse.execute(sql).fetchall()


def tables(path: Path) -> set[str]:
    return {name for (name,) in run(path, "select table_name from duckdb_tables()")}


def test_one_of_this_version_stays(build: Path, tmp_path: Path) -> None:
    before = build.read_bytes()
    assert rebuild.fit(build) == "" and build.read_bytes() == before
    assert rebuild.fit(tmp_path / "none.duckdb") == ""
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("drop table builds.made_by", "an older flowhouse, with tables of version 0;"),
        (
            f"update builds.made_by set schema_version = {SCHEMA_VERSION + 2},"
            " flowhouse_version = '9.0.0'",
            f"a newer flowhouse (9.0.0), with tables of version {SCHEMA_VERSION + 2};",
        ),
        (
            f"update builds.made_by set schema_version = {SCHEMA_VERSION + 1};"
            " alter table meta.quality_results add column seconds double;"
            " alter table builds.builds rename as_of to instant",
            "a newer flowhouse (",
        ),
        (
            f"update builds.made_by set schema_version = {SCHEMA_VERSION - 1},"
            " flowhouse_version = '0.0.1'",
            f"an older flowhouse (0.0.1), with tables of version {SCHEMA_VERSION - 1};",
        ),
    ],
)
def test_one_of_another_version_is_replaced_and_said(build: Path, change: str, says: str) -> None:
    run(build, change)
    line = rebuild.fit(build)
    assert line.startswith(f"the working warehouse was made by {says}") and "\n" not in line
    assert f"makes version {SCHEMA_VERSION}: all tables are built again" in line
    assert tables(build) == {"quality_results"}
    found = run(build, "select refresh_id, status from meta.quality_results")
    assert found == [("first", "missing")]
    assert lack_of_proof(build)
    # The next build has nothing to go on from, and the one after it is of this version.
    assert rebuild.begin(build, "definitions", AT, everything=False) == rebuild.EVERYTHING
    assert rebuild.fit(build) == ""
    assert [path.name for path in build.parent.iterdir()] == [build.name]


def test_one_that_was_killed_before_its_first_build_is_of_no_version(tmp_path: Path) -> None:
    begin(tmp_path / "build.duckdb", "first")
    assert rebuild.fit(tmp_path / "build.duckdb") == ""


def test_results_of_an_unknown_form_are_left(build: Path) -> None:
    run(build, "drop table builds.made_by; alter table meta.quality_results rename test to rule")
    assert rebuild.fit(build) and run(build, "from meta.quality_results") == []
