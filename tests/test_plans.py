"""No model and no test joins all rows with all rows, by what DuckDB says it would do."""

from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.plans import Growth, Plans, read_plans
from tests.flow.scratch import ScratchWarehouse

KNOWN = {
    "backtests_are_held_against_what_was_finished": "backtests with what was finished in their"
    " groups; a test",
    "check_staged_statuses": "statuses with the dated lines of what they mean, few for each",
    "dim_calendars": "days with the pairs of zone and calendar of streams: those of seeds, and one"
    " for all streams without a line",
    "dim_work_items": "versions with the dates and lines of their team or service: lines of seeds"
    " and of groups, few for each name",
    "fct_stage_transitions": "statuses with the dated lines of what they mean, few for each; an"
    " expression hid this join until it was worked out once",
    "int_servicenow_state_labels": "classes with labels, joined by `or`; classes are few, and come"
    " out of all records",
    "limits_come_from_the_baseline_alone": "points with the baseline of their chart; a test",
    "metric_incident_sla": "groups with days by a range; as many rows as the result has",
    "measure_flow_periods": "groups with periods by a range; as many rows as the result has",
    "measure_xmr_points": "charts with weeks by a range; as many rows as the result has",
    "metric_xmr": "points with the phases of their chart, which are few",
    "q15_do_we_spend_as_the_guardrails_say": "the periods of guardrails, which are lines of seeds,"
    " with their days",
    "q19_what_would_a_change_do": "scenarios, which are lines of a seed, with visits of their line"
    " in a span of weeks",
    "q20_did_this_intervention_help": "interventions, which are lines of a seed, with visits of"
    " their station since",
}
"""Nodes whose plans hold a refused join today, each with why it is harmless."""


@pytest.fixture(scope="module")
def plans(golden_warehouse: ScratchWarehouse) -> Plans:
    home = golden_warehouse.home
    return read_plans(home / "build.duckdb", home / "raw", golden_warehouse.project / "target")


def test_every_model_and_every_test_has_a_plan(plans: Plans) -> None:
    assert plans.read > 300
    assert plans.growth["intermediate.int_status_transitions"] == Growth.ITEM
    assert plans.growth["marts.dim_stages"] == Growth.SEED
    assert plans.growth["marts.dim_dates"] == Growth.DAY
    assert plans.growth["meta.refreshes"] == Growth.ONE


def test_no_join_compares_all_rows_with_all_rows(plans: Plans) -> None:
    assert [str(join) for join in plans.refused if join.node not in KNOWN] == []


def test_what_was_mended_leaves_the_list(plans: Plans) -> None:
    assert sorted(KNOWN) == sorted({join.node for join in plans.refused} & set(KNOWN))


JOINS = {
    "an equality": (
        "select * from items a join items b on a.id = b.id and a.day_at < b.day_at",
        False,
    ),
    "two times": (
        "select * from items a join items b on a.day_at < b.day_at and a.end_at > b.day_at",
        True,
    ),
    "an open end": (
        "select * from items a left join items b"
        " on a.id = b.id and (b.end_at is null or a.day_at < b.end_at)",
        True,
    ),
    "two times of a group": (
        "select * from items a join items b"
        " on a.value_stream_key = b.value_stream_key and a.day_at < b.day_at",
        True,
    ),
    "a group alone": (
        "select * from items a join items b on a.value_stream_key = b.value_stream_key",
        False,
    ),
    "either of two": (
        "select * from items a join items b on a.id = b.id or a.day_at = b.day_at",
        True,
    ),
    "nothing": ("select * from items a cross join items b", True),
    "lines of a seed": ("select * from items a join seed b on a.day_at > b.starts_on", False),
    "days": ("select * from items a join days b on a.day_at > b.day", True),
    "days and a seed": ("select * from days a join seed b on a.day > b.starts_on", False),
    "one row": (
        "select * from items a cross join (select max(day_at) as day_at from items) b",
        False,
    ),
    "a list": (
        "select * from items a cross join (select unnest(list(day_at)) as day_at from items) b",
        True,
    ),
    "what a seed makes of days": (
        "with d as (select day from days join seed on day > starts_on group by 1)"
        " select * from items join d on day_at > day",
        True,
    ),
    "a product further below": (
        "select count(*) from items join"
        " (select a.id from items a join items b on a.day_at > b.day_at) c on items.id = c.id",
        True,
    ),
    "a correlated range": (
        "select *, (select count(*) from items b where b.day_at < a.day_at) from items a",
        True,
    ),
}


@pytest.mark.parametrize("on", JOINS)
def test_the_rule_tells_joins_apart(on: str, tmp_path: Path) -> None:
    sql, is_refused = JOINS[on]
    with duckdb.connect(str(tmp_path / "build.duckdb")) as link:
        link.execute(
            """
            set disabled_optimizers = 'statistics_propagation';
            create table items as
            select i as id, i % 9 as value_stream_key, day_at, day_at + to_days(1) as end_at
            from
                range(5000) as numbers (i),
                lateral (select timestamp '2024-01-01' + to_hours(i) as day_at);
            create table seed as select date '2024-01-01' + i::int as starts_on from range(9) t (i);
            create table days as select date '2024-01-01' + i::int as day from range(999) t (i);
            """
        )
        plans = Plans(link, {"main.seed": Growth.SEED, "main.days": Growth.DAY})
        plans.explain(on, sql)
    assert bool(plans.refused) == is_refused, plans.refused
