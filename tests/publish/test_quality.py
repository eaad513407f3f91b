"""What readers get is proven: a working warehouse of a failed build is published by nobody."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from publish.quality import NOT_ENDED, begin, lack_of_proof, record_results
from publish.snapshot import publish
from tests.publish.published_file import write_published_file

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
ADA, BOB = "a" * 20, "b" * 20


def results(tmp_path: Path, refresh_id: str, *statuses: str, is_full_build: bool = True) -> None:
    """Write what a dbt build of as many tests left, and record it."""
    nodes, outcomes = {}, []
    for number, status in enumerate(statuses, start=1):
        key = f"test.flowhouse.rule_{number}"
        severity = "warn" if status == "warn" else "error"
        nodes[key] = {
            "name": f"rule_{number}",
            "config": {"severity": severity},
            "depends_on": {"nodes": []},
        }
        if status != "missing":
            outcomes.append({"unique_id": key, "status": status, "failures": 0})
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    (tmp_path / "run_results.json").write_text(json.dumps({"results": outcomes}))
    record_results(
        tmp_path / "build.duckdb",
        refresh_id,
        dbt_results=tmp_path / "run_results.json",
        manifest=tmp_path / "manifest.json",
        expectation_results=tmp_path / "none.json",
        is_full_build=is_full_build,
    )


def built(tmp_path: Path, refresh_id: str, hours: int) -> Path:
    """Build a warehouse of one fact anew, as the models of a refresh do."""
    path = tmp_path / "build.duckdb"
    begin(path, refresh_id)
    with duckdb.connect(str(path)) as warehouse:
        for schema in ("marts", "metrics"):
            warehouse.execute(f"create schema if not exists {schema}")
        warehouse.execute(
            "create or replace table marts.fct_hours as"
            f" from (values ('{ADA}', {hours}), ('{BOB}', {hours})) as rows (person_key, hours)"
        )
        warehouse.execute("comment on table marts.fct_hours is 'One row per person.'")
        warehouse.execute("comment on column marts.fct_hours.hours is 'Hours.'")
        warehouse.execute(
            f"create or replace table meta.refreshes as select '{refresh_id}' as refresh_id,"
            " timestamp '2026-01-01' as as_of"
        )
    return path


@pytest.mark.parametrize("status", ["fail", "error", "missing", "skipped"])
def test_one_bad_result_of_the_last_build_is_a_lack_of_proof(tmp_path: Path, status: str) -> None:
    build = built(tmp_path, "first", 1)
    results(tmp_path, "first", "pass", "warn")
    assert lack_of_proof(build) == ""
    built(tmp_path, "second", 2)
    results(tmp_path, "second", "pass", status)
    assert lack_of_proof(build) == (
        f"the last build of the working warehouse is not proven: rule_2 ({status})"
    )
    built(tmp_path, "third", 1)
    results(tmp_path, "third", "pass", "pass")
    assert lack_of_proof(build) == ""


def test_a_build_that_was_killed_or_was_of_a_part_proves_nothing(tmp_path: Path) -> None:
    build = built(tmp_path, "first", 1)
    results(tmp_path, "first", "pass")
    begin(build, "second")  # killed before it came to the model `refreshes`
    says = f"the last build of the working warehouse is not proven: {NOT_ENDED}"
    assert lack_of_proof(build) == f"{says} (missing)"
    results(tmp_path, "second", "pass")
    assert "meta.refreshes" in lack_of_proof(build)
    built(tmp_path, "third", 1)
    results(tmp_path, "third", "pass", is_full_build=False)
    assert lack_of_proof(build) == f"{says} (skipped)"


def test_a_warehouse_without_any_result_is_not_proven(tmp_path: Path) -> None:
    assert lack_of_proof(tmp_path / "build.duckdb") == "there is no working warehouse"
    with duckdb.connect(str(tmp_path / "build.duckdb")) as warehouse:
        warehouse.execute("create schema meta")
        warehouse.execute("create table meta.refreshes as select 'first' as refresh_id")
    assert lack_of_proof(tmp_path / "build.duckdb") == "the working warehouse was never tested"


def test_many_bad_results_are_counted(tmp_path: Path) -> None:
    build = built(tmp_path, "first", 1)
    results(tmp_path, "first", *["fail"] * 7)
    assert lack_of_proof(build).endswith("rule_5 (fail) and 2 more")


def test_what_was_expected_of_raw_tables_is_kept_beside_the_results_of_dbt(tmp_path: Path) -> None:
    build = built(tmp_path, "first", 1)
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": {}}))
    found = {
        "jira/issues": {"evaluated": 5, "rows": 9, "failures": [], "warnings": []},
        "jira/sprints": {"evaluated": 5, "rows": 9, "failures": [], "warnings": ["2 are odd"]},
        "github/pulls": {
            "evaluated": 5, "rows": 9, "failures": ["no key", "no time"], "warnings": ["1 is odd"],
        },
    }  # fmt: skip
    (tmp_path / "expectations.json").write_text(json.dumps(found))
    count = record_results(
        build,
        "first",
        dbt_results=tmp_path / "none.json",
        manifest=tmp_path / "manifest.json",
        expectation_results=tmp_path / "expectations.json",
    )
    with duckdb.connect(str(build), read_only=True) as warehouse:
        rows = warehouse.execute("from meta.quality_results order by test").fetchall()
    assert rows == [
        ("first", "expectation:github/pulls", "error", "fail", 2),
        ("first", "expectation:jira/issues", "error", "pass", 0),
        ("first", "expectation:jira/sprints", "warn", "warn", 1),
    ]
    assert count == 3
    assert "not proven: expectation:github/pulls (fail)" in lack_of_proof(build)


def forget(home: Path, *keys: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [FLOWHOUSE, "forget", *keys],
        env={**os.environ, "FLOWHOUSE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("is_proven", [True, False])
def test_p3_a_person_leaves_what_readers_see_and_a_failed_refresh_does_not_reach_it(
    tmp_path: Path, is_proven: bool
) -> None:
    build, folder = built(tmp_path, "first", 1), tmp_path / "published"
    results(tmp_path, "first", "pass")
    versions = [publish(build, folder) for _ in range(2)]
    built(tmp_path, "second", 2)
    results(tmp_path, "second", "pass" if is_proven else "fail")
    done = forget(tmp_path, ADA)
    assert done.returncode == 0, done.stderr
    link = folder / "warehouse.duckdb"
    assert [path for path in versions if path.exists()] == []
    tables = folder / "parquet"
    assert set(folder.iterdir()) == {link, link.resolve(), tables, tables.resolve()}
    with duckdb.connect(str(link), read_only=True) as published:
        hours = 2 if is_proven else 1
        rows = published.execute("from marts.fct_hours order by all").fetchall()
        assert rows == [(BOB, hours), ("erased", hours)]
        comments = published.execute(
            "select comment from duckdb_tables() where schema_name = 'marts' union all"
            " select comment from duckdb_columns() where comment is not null"
            " and schema_name = 'marts' order by 1"
        ).fetchall()
        assert comments == [("Hours.",), ("One row per person.",)]
    with duckdb.connect(str(build), read_only=True) as working:
        rows = working.execute("from marts.fct_hours order by all").fetchall()
        assert rows == [(BOB, 2), ("erased", 2)]
    found = [
        path.name
        for path in tmp_path.rglob("*")
        if path.is_file() and ADA.encode() in path.read_bytes()
    ]
    assert found == ["forgotten.txt"]


def test_dagsters_asset_alone_publishes_nothing_unproven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: Path
) -> None:
    import dagster as dg

    from orchestration import publication

    build, folder = built(tmp_path, "first", 1), tmp_path / "published"
    results(tmp_path, "first", "pass")
    first = publish(build, folder)
    built(tmp_path, "second", 2)
    results(tmp_path, "second", "fail")
    monkeypatch.setattr(publication, "build_file", lambda: build)
    monkeypatch.setattr(publication, "published_folder", lambda: folder)
    resources = {"refresh": object()}  # the gate is not what this is about
    says = r"not proven: rule_1 \(fail\); run a refresh of everything"
    with pytest.raises(dg.Failure, match=says):
        dg.materialize([publication.build_warehouse([])], resources=resources)
    assert (folder / "warehouse.duckdb").resolve() == first
    results(tmp_path, "second", "pass")
    monkeypatch.setattr(publication, "drop_strangers", lambda *_: [])
    done = dg.materialize([publication.build_warehouse([])], resources=resources)
    version = (folder / "warehouse.duckdb").resolve()
    assert done.success and version != first
    told = metadata_of(done)
    assert (told["path"], told["bytes"]) == (str(version), version.stat().st_size)
    assert told["dagster/row_count"] == rows_of(version) and told["seconds"] > 0


def metadata_of(done: Any) -> dict[str, Any]:
    [event] = done.get_asset_materialization_events()
    return {name: of.value for name, of in event.materialization.metadata.items()}


def rows_of(file: Path) -> int:
    """Count the rows of all tables of a file."""
    with duckdb.connect(str(file), read_only=True) as link:
        tables = link.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        return sum(
            link.table(f"{schema}.{name}").count("*").fetchone()[0] for schema, name in tables
        )


def test_the_report_says_where_it_is_how_large_and_how_long_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parsed: Path
) -> None:
    import dagster as dg

    from orchestration import publication

    write_published_file(tmp_path / "warehouse.duckdb")
    page = tmp_path / "report" / "index.html"
    monkeypatch.setattr(publication, "published_folder", lambda: tmp_path)
    monkeypatch.setattr(publication, "report_file", lambda: page)
    done = dg.materialize([publication.published_report], resources={"refresh": object()})
    told = metadata_of(done)
    assert (told["path"], told["bytes"]) == (str(page), page.stat().st_size)
    assert told["seconds"] > 0
