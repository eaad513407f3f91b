"""Every hard case of README.md on hand-written items, and what must not change any number.

One build with all tests of the project; the variants below build the models only.
"""

import random
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest

from extract.sources.jira.tables import HISTORIES, ISSUES
from tests.flow import golden, mutate, scratch

DATED_BY_SEEDS = ("LAB-11", "LAB-23", "BER-3", "FLE-4", "OWN-1")
"""Items whose values depend on a date of a seed: a holiday, a mapping, an owner."""


@pytest.fixture(scope="module")
def tables(golden_warehouse: scratch.ScratchWarehouse) -> list[str]:
    return [
        f"{schema}.{name}"
        for schema, name in golden_warehouse.rows(
            """
            select schema_name, table_name from duckdb_tables()
            where schema_name in ('marts', 'metrics') order by 1, 2
            """
        )
    ]


def models_of(
    home: Path, rows: scratch.Rows, like: scratch.ScratchWarehouse, as_of: str, select: str = "*",
    **environment: str,
) -> scratch.ScratchWarehouse:  # fmt: skip
    """Build the models of a project that is parsed already, without their tests, on other rows.

    Of all models, or of those that are selected and what they need.
    """
    scratch.write_raw(home / "raw", rows)
    shutil.copytree(like.project, home / "project")
    variant = scratch.ScratchWarehouse(home, as_of)
    done = variant.dbt(
        "build", "--resource-type", "model", "--resource-type", "seed",
        "--select", *select.split(), DBT_WRITE_JSON="false", **environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    return variant


def differences(
    one: scratch.ScratchWarehouse, other: scratch.ScratchWarehouse, queries: Iterable[str]
) -> dict[str, list[tuple]]:
    """Return the rows that a query finds in one warehouse and not as often in the other."""
    found = {}
    with duckdb.connect() as link:
        link.execute(f"attach '{one.home / 'build.duckdb'}' as one (read_only)")
        link.execute(f"attach '{other.home / 'build.duckdb'}' as other (read_only)")
        for sql in queries:
            for name in ("one", "other"):
                link.execute(f"use {name}")
                link.execute(f"create or replace temp table {name}_rows as {sql}")
            rows = link.execute(
                "(from temp.one_rows except all from temp.other_rows) union all"
                " (from temp.other_rows except all from temp.one_rows)"
            ).fetchall()
            if rows:
                found[sql] = rows
    return found


def difference(
    one: scratch.ScratchWarehouse, other: scratch.ScratchWarehouse, sql: str
) -> list[tuple]:
    """Return the rows that one query finds in one warehouse and not as often in the other."""
    return differences(one, other, [sql]).get(sql, [])


@pytest.mark.parametrize("case", golden.CASES, ids=lambda case: case.rule)
def test_golden(golden_warehouse: scratch.ScratchWarehouse, case: golden.Case) -> None:
    assert golden.faults(golden_warehouse, case) == []


def test_there_are_at_least_25_golden_items() -> None:
    assert len(golden.CASES) >= 25
    assert len({item.key for item in golden.ITEMS if isinstance(item, scratch.Issue)}) >= 25


def test_every_mutation_finds_its_text() -> None:
    paths = {mutation.path for mutation in mutate.MUTATIONS}
    texts = {path: (scratch.PROJECT / path).read_text() for path in paths}
    assert [m.rule for m in mutate.MUTATIONS if m.old not in texts[m.path]] == []


def test_no_metric_mixes_levels(golden_warehouse: scratch.ScratchWarehouse) -> None:
    assert (
        golden_warehouse.rows(
            """
        select table_name from duckdb_columns() where schema_name = 'metrics'
            and table_name not in (
                'metric_unmapped_time',  -- marks a stream, and measures no flow
                'metric_time_to_learning', 'metric_value_per_spend'  -- of feeds, and of no items
            )
        group by 1
        having bool_or(column_name = 'value_stream_key') and not bool_or(column_name = 'level')
        """
        )
        == []
    )


def test_failing_rows_of_an_invariant_can_be_opened(
    golden_warehouse: scratch.ScratchWarehouse,
) -> None:
    rows = golden_warehouse.rows("select status from failures.every_status_has_a_stage")
    assert {("quarantine",), ("unknown",)} <= set(rows)


def test_a_deployment_that_ends_before_it_starts_is_named_and_stops_nothing(
    golden_warehouse: scratch.ScratchWarehouse,
) -> None:
    found = golden_warehouse.rows(
        "select deployment_key, started_at, finished_at"
        " from failures.deployments_end_after_they_start"
    )
    started, finished = datetime(2024, 4, 20, 10), datetime(2024, 4, 20, 9)
    assert found == [("github:deployment:E1", started, finished)]


@pytest.fixture(scope="module")
def elsewhere(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[scratch.ScratchWarehouse]:
    """The same rows, shuffled, built twice over the same file in Newfoundland."""
    home = tmp_path_factory.mktemp("elsewhere")
    shutil.copyfile(golden_warehouse.home / "build.duckdb", home / "build.duckdb")
    rows = scratch.merged(golden.ITEMS)
    for some in rows.values():
        random.Random(1).shuffle(some)
    published = "+config.schema:marts +config.schema:metrics"
    yield models_of(home, rows, golden_warehouse, golden.AS_OF, published, TZ="America/St_Johns")


def test_order_of_the_input_the_machines_time_zone_and_a_second_run_change_nothing(
    golden_warehouse: scratch.ScratchWarehouse,
    elsewhere: scratch.ScratchWarehouse,
    tables: list[str],
) -> None:
    assert len(tables) >= 40
    queries = [f"select * from {name}" for name in tables]
    changed = differences(golden_warehouse, elsewhere, queries)
    assert {sql: rows[:3] for sql, rows in changed.items()} == {}


def test_seven_days_later_everything_lasts_as_long(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    week = timedelta(days=7)
    later = models_of(
        tmp_path,
        scratch.shifted(scratch.merged(golden.ITEMS), week),
        golden_warehouse,
        str(datetime.fromisoformat(golden.AS_OF) + week),
        "+fct_work_item_flows +fct_stage_visits",
    )
    keys = ", ".join(f"'{golden.key_of(name)}'" for name in DATED_BY_SEEDS)
    durations = f"""
        select
            work_item_key, outcome, history_quality, created_to_done_s, start_to_done_s, in_flow_s,
            active_s, wait_s, blocked_s, rework_s, done_gap_s, age_s, children_in_flow_s,
            idea_to_value_s, attempt_count
        from marts.fct_work_item_flows where work_item_key not in ({keys})
    """
    visits = f"""
        select work_item_key, visit_seq, stage, elapsed_s, blocked_s, is_rework, is_open
        from marts.fct_stage_visits where work_item_key not in ({keys})
    """
    assert difference(golden_warehouse, later, durations) == []
    assert difference(golden_warehouse, later, visits) == []
    moved = "select max(last_done_at) from marts.fct_work_item_flows"
    assert later.rows(moved)[0][0] - golden_warehouse.rows(moved)[0][0] == week


def test_an_item_less_and_a_status_more_change_nothing_else(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    """LAB-48 was never loaded; half of the moves to review are called code review, one stage."""
    items = [item for item in golden.ITEMS if getattr(item, "key", "") != "LAB-48"]
    rows = scratch.merged(items)
    split = 0
    for history in rows["jira", "histories"]:
        change = history["payload"]["items"][0]
        if change["toString"] == "In Review" and int(history["id"]) % 2:
            change["toString"], split = "Code Review", split + 1
    assert split >= 3
    needed = "+fct_work_item_flows +metric_cycle_times +fct_daily_flows"
    variant = models_of(tmp_path, rows, golden_warehouse, golden.AS_OF, needed)
    others = "where work_item_key <> 'jira:LAB-48'"
    visits = f"""
        select
            work_item_key, visit_seq, stage_key, visit_no, entered_at, exited_at, elapsed_s,
            business_s, active_s, wait_s, blocked_s, is_rework
        from marts.fct_stage_visits {others}
    """
    clocks = f"""
        select
            work_item_key, outcome, created_at, started_at, ready_at, last_done_at, in_flow_s,
            active_s, rework_s, backward_count, visit_count
        from marts.fct_work_item_flows {others}
    """
    assert difference(golden_warehouse, variant, visits) == []
    assert difference(golden_warehouse, variant, clocks) == []
    assert difference(golden_warehouse, variant, "select * from metrics.metric_cycle_times") == []
    contribution = """
        select stage_key, date_day, wip_eod, wip_s, arrivals, departures
        from marts.fct_daily_flows
        where value_stream_key = 'lab' and workflow = 'software' and work_type = 'feature'
    """
    touched = {(row[0], row[1]) for row in difference(golden_warehouse, variant, contribution)}
    backlog = {("software:backlog", golden.day(f"06-{number}")) for number in (24, 25, 26)}
    progress = {
        ("software:in_progress", golden.day(name))
        for name in ("06-26", "06-27", "06-28", "06-29", "06-30", "07-01")
    }
    assert touched == backlog | progress


def test_a_load_that_comes_twice_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from extract import raw_store
    from extract.tables import resource

    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    rows = scratch.merged(golden.ITEMS)
    found = []
    for _ in range(2):
        pipeline = raw_store.pipeline_for("jira")
        for table in (ISSUES, HISTORIES):
            batch = table.batch(rows["jira", table.name])
            pipeline.run(resource(table.name, [table], partial(iter, [(table, batch)])))
        with duckdb.connect(str(raw_store.raw_file("jira")), read_only=True) as raw:
            found.append(
                raw.execute(
                    """
                    select 'issue', id, payload from jira.issues
                    union all
                    select 'history', issue_id || ':' || id, payload from jira.histories
                    order by 1, 2
                    """
                ).fetchall()
            )
    assert len(found[0]) == len(rows["jira", "issues"]) + len(rows["jira", "histories"])
    assert found[0] == found[1]
