"""What a refresh says of itself when it could not say everything."""

import json
import os
import time
from pathlib import Path

import duckdb
import pytest

from orchestration import status, unmapped
from orchestration.failures import keep_log, summary_of_build


@pytest.mark.parametrize("outcome", ["warn", "pass"])
def test_a_stream_with_too_much_time_without_a_stage_is_named_with_its_statuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    build = tmp_path / "build.duckdb"
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create schema failures")
        warehouse.execute("create schema meta")
        warehouse.execute(
            "create table failures.unmapped_time_is_below_one_per_cent as from (values"
            " ('shop', 'jira', 'parked', 50, 100), ('shop', 'github', 'on ice', 50, 100),"
            " ('bank', null, null, 2, 100))"
            " as rows (value_stream_key, source_system, status, unmapped_s, elapsed_s)"
        )
        warehouse.execute(
            "create table meta.quality_results as from (values"
            f" ('now', 'unmapped_time_is_below_one_per_cent', '{outcome}'),"
            " ('before', 'unmapped_time_is_below_one_per_cent', 'pass'))"
            " as rows (refresh_id, test, status)"
        )
    monkeypatch.setattr(status, "build_file", lambda: build)
    says = "partial: more than 1 % of its time is in statuses without a stage"
    assert status.marked_streams("before") == []
    assert status.marked_streams("now") == (
        []
        if outcome == "pass"
        else [
            f"value stream bank: {says} (none of them is known); write them into"
            " own_status_stages.csv: `flowhouse status --seeds` prints the lines",
            f"value stream shop: {says} (github on ice, jira parked); write them into"
            " own_status_stages.csv: `flowhouse status --seeds` prints the lines",
        ]
    )


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working warehouse after the first refresh from a Jira that nobody has mapped."""
    build, raw = tmp_path / "build.duckdb", tmp_path / "raw_jira.duckdb"
    with duckdb.connect(str(build)) as warehouse:
        for schema in ("failures", "meta", "marts", "intermediate"):
            warehouse.execute(f"create schema {schema}")
        statuses = "".join(f", ('jira', 'software', 'odd {no}', {no})" for no in range(1, 31))
        warehouse.execute(
            "create table failures.every_status_has_a_stage as from (values"
            " ('jira', 'software', 'a lonely one', 0), ('jira', 'software', 'in der pruefung', 40),"
            " ('jira', 'software', 'code-review', 1019), ('jira', 'software', 'erledigt, ab', 50),"
            " ('github', 'software', 'icebox', 60)" + statuses +
            ") as rows (source_system, workflow, status, work_items)"
        )  # fmt: skip
        warehouse.execute(
            "create table failures.every_type_of_work_is_known as from (values"
            " ('jira', 'Saga', 7), ('jira', 'Production bug', 8))"
            " as rows (source_system, raw_type, work_items)"
        )
        warehouse.execute(
            "create table failures.every_scope_has_a_value_stream as from (values"
            " ('github', 'Big Org/Web.App', 5)) as rows (source_system, scope, work_items)"
        )
        warehouse.execute(
            "create table failures.every_environment_is_known as from (values"
            " ('github', 'Live-EU', 3), ('github', 'github-pages', 4))"
            " as rows (source_system, raw_environment, deployments)"
        )
        warehouse.execute(
            "create table marts.dim_stages as from (values"
            " ('software', 'backlog', 1, 'new'), ('software', 'in_progress', 2, 'active'),"
            " ('software', 'waiting_review', 3, 'wait'), ('software', 'review', 4, 'active'),"
            " ('software', 'done', 9, 'done'), ('software', 'cancelled', 0, 'cancelled'))"
            " as rows (workflow, stage, ordinal, flow_state)"
        )
        warehouse.execute(
            "create table marts.dim_value_streams as from (values"
            " ('jira/ABC', 'ABC', true), ('jira/XYZ', 'XYZ', true), ('shop', 'Shop', false))"
            " as rows (value_stream_key, name, is_default)"
        )
        warehouse.execute(
            "create table marts.dim_work_items as from (values"
            " ('jira', 'ABC', 'jira/ABC', true), ('jira', 'XYZ', 'jira/XYZ', true),"
            " ('jira', 'XYZ', 'jira/XYZ', true), ('jira', 'ABC', 'jira/ABC', false),"
            " ('jira', 'SHP', 'shop', true))"
            " as rows (source_system, scope, value_stream_key, is_current)"
        )
        warehouse.execute(
            "create table intermediate.int_status_stages as from (values"
            " ('jira', 'software', 'code review', 'review'),"
            " ('jira', 'software', 'done', 'done'))"
            " as rows (source_system, workflow, status, stage)"
        )
        warehouse.execute(
            "create table meta.quality_results as from (values"
            " ('now', 'every_status_has_a_stage', 35, 'warn'))"
            " as rows (refresh_id, test, failures, status)"
        )
        warehouse.execute("create table meta.refreshes as select 'now' as refresh_id")
    with duckdb.connect(str(raw)) as jira:
        jira.execute("create schema jira")
        jira.execute(
            "create table jira.statuses as from (values ('Erledigt, ab', 'done'),"
            " ('In der Pruefung', 'indeterminate'), ('Code-Review', 'indeterminate'))"
            " as rows (name, category_key)"
        )
        jira.execute(
            "create table jira.issue_types as from (values ('Saga', 2), ('Production bug', 0))"
            " as rows (name, hierarchy_level)"
        )
    for module in (status, unmapped):
        monkeypatch.setattr(module, "build_file", lambda: build)
    monkeypatch.setattr(unmapped, "raw_file", lambda source: raw)
    return build


def test_all_that_is_unmapped_is_named_at_once_with_the_most_items_first(foreign: Path) -> None:
    lines = unmapped.found()
    assert [(line["seed"], line["items"]) for line in lines[:4]] == [
        ("own_status_stages", 1019), ("own_status_stages", 60),
        ("own_status_stages", 50),
        ("own_status_stages", 40),
    ]  # fmt: skip
    assert len(lines) == 35 + 2 + 3 + 2
    assert status.status()["unmapped"] == lines
    [warning] = status.warnings()
    assert warning.startswith(
        "every_status_has_a_stage: jira software code-review 1,019 work items; github software"
    )
    assert warning.endswith("; and 15 more (all of them: flowhouse status --seeds)")


def test_the_lines_to_paste_are_seeds_with_a_guess_from_the_source(
    foreign: Path, tmp_path: Path
) -> None:
    printed = list(unmapped.text(unmapped.found(), "company"))
    assert printed[:9] == [
        "# dbt_project/seeds/company/own_status_stages.csv:"
        " source_system,workflow,status,stage,valid_from,valid_to",
        "# 1,019 work items in jira 'code-review': named like 'code review',"
        " Jira says indeterminate",
        "jira,software,code-review,review,,",
        "# 60 work items in github 'icebox': no guess; choose a stage",
        "github,software,icebox,,,",
        "# 50 work items in jira 'erledigt, ab': a guess, Jira says done",
        'jira,software,"erledigt, ab",done,,',
        "# 40 work items in jira 'in der pruefung': a guess, Jira says indeterminate",
        "jira,software,in der pruefung,in_progress,,",
    ]
    lines = [line for line in printed if not line.startswith("#")]
    assert lines[35:] == [
        "jira,issue,Production bug,defect,story",
        "jira,issue,Saga,feature,portfolio",
        "github,Big Org/Web.App,web-app,,,,",
        "jira,XYZ,xyz,,,,",
        "jira,ABC,abc,,,,",
        "github,github-pages,other,Other,other,false",
        "github,live-eu,production,Production,production,true",
    ]


def test_a_failed_test_shows_its_first_rows_in_the_line(tmp_path: Path) -> None:
    build = tmp_path / "build.duckdb"
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create schema failures")
        warehouse.execute(
            "create table failures.no_gaps as select 'jira:' || range as work_item_key,"
            " range as seconds from range(9)"
        )
    results, manifest = tmp_path / "run_results.json", tmp_path / "manifest.json"
    failed = {"unique_id": "test.x.no_gaps", "status": "fail", "failures": 9, "message": ""}
    node = {"resource_type": "test", "name": "no_gaps", "config": {"store_failures": True}}
    results.write_text(json.dumps({"results": [failed]}))
    manifest.write_text(json.dumps({"nodes": {"test.x.no_gaps": node}}))
    assert summary_of_build(results, manifest, build) == (
        "test no_gaps: 9 failing rows (kept in failures.no_gaps): jira:8 8 seconds; jira:7 7"
        " seconds; jira:6 6 seconds"
    )


def test_a_test_that_keeps_no_rows_is_asked_for_them_again(tmp_path: Path) -> None:
    build = tmp_path / "build.duckdb"
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(
            "create table x as from (values ('jira:1'), ('jira:2'), ('jira:2')) as t (x_key)"
        )
    results, manifest = tmp_path / "run_results.json", tmp_path / "manifest.json"
    query = "select x_key, count(*) as n_rows from x group by x_key having count(*) > 1"
    failed = {
        "unique_id": "test.x.unique_x", "status": "fail", "failures": 1, "message": "",
        "compiled_code": query,
    }  # fmt: skip
    node = {"resource_type": "test", "name": "unique_x", "config": {"store_failures": False}}
    results.write_text(json.dumps({"results": [failed]}))
    manifest.write_text(json.dumps({"nodes": {"test.x.unique_x": node}}))
    said = "test unique_x: 1 failing row"
    assert summary_of_build(results, manifest, build) == f"{said}: jira:2 2 n rows"
    assert summary_of_build(results, manifest, build, with_rows=False) == said


def test_the_log_of_a_build_is_kept_by_its_refresh(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    for number in range(32):
        log.write_text(f"build {number}")
        kept = keep_log(log, f"refresh-{number}")
    assert kept.name == "build-000032-refresh-31.log"
    assert kept.read_text() == "build 31" and not log.exists()
    assert len(list(tmp_path.iterdir())) == 30
    assert not list(tmp_path.glob("*-refresh-1.log"))
    assert list(tmp_path.glob("*-refresh-2.log"))


def test_the_log_of_the_last_build_stays_though_the_clock_was_set_back(tmp_path: Path) -> None:
    """Those of an older version have no number: the youngest of them stay beside it."""
    log, tomorrow = tmp_path / "build.log", time.time() + 86_400
    older = [tmp_path / f"build-1234567{digit}-ab.log" for digit in range(10)]
    for age, old in enumerate(older):
        old.touch()
        os.utime(old, (tomorrow - age, tomorrow - age))
    for number in range(28):
        log.write_text(f"build {number}")
        kept = keep_log(log, f"refresh-{number}")
        assert kept.read_text() == f"build {number}"
        os.utime(kept, (tomorrow - number, tomorrow - number))
    assert sorted(tmp_path.glob("build-1234*")) == older[:2]
    assert len(list(tmp_path.iterdir())) == 30


def test_scopes_that_stand_for_themselves_are_a_note_of_one_line(foreign: Path) -> None:
    said = (
        "jira: each of its 2 scopes (ABC, ...) is a value stream of its own until scopes.csv has a"
        " line of it: `flowhouse status --seeds`"
    )
    assert status.default_streams() == status.status()["default_streams"] == [said]
