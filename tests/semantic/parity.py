"""Where a metric of the semantic layer stands a second and a third time, and how to read it there.

A reading is a mapping of a key (entity, first day of the period) to a value. That of MetricFlow is
its own SQL; those of the period table and of the observations are written out here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from tests.semantic.compiled import Compiler

Reading = dict[tuple, float | None]
OF_VALUES = ("_share", "p50_s", "p85_s", "p95_s")
"""How metrics end that are no counts: nought of them is a value, and not nothing."""


@dataclass(frozen=True)
class Grain:
    """What a metric is compared by: the same in MetricFlow's words and in those of the tables."""

    by: tuple[str, ...]
    """Group-by of MetricFlow, the period last."""
    table: str
    keys: str
    """The same columns of the period table."""
    observed: str = ""
    """The same columns of fct_metric_observations; nothing where it leaves the metric out."""
    where: str = ""
    """The rows of fct_metric_observations that are of this grain."""
    rows: str = "true"
    """The rows of the table that are of this grain."""


FLOW = Grain(
    by=("value_stream", "work_item__workflow", "work_item__level", "metric_time__month"),
    table="metrics.metric_flow_month_totals",
    keys="value_stream_key, workflow, level, month_start",
    observed="value_stream_key, workflow, level, period_start",
    where="entity_type = 'value_stream' and period = 'month' and work_type = 'all'",
)
LOAD = Grain(
    by=("value_stream", "daily_flow__workflow", "daily_flow__level", "metric_time__month"),
    table=FLOW.table,
    keys=FLOW.keys,
    observed=FLOW.observed,
    where=FLOW.where,
)
WEEK_END = Grain(
    by=("value_stream", "daily_flow__workflow", "daily_flow__level", "metric_time__week"),
    table="metrics.metric_wip_totals",
    keys="value_stream_key, workflow, level, cast(date_trunc('week', date_day) as date)",
    observed=FLOW.observed,
    where="entity_type = 'value_stream' and period = 'week' and work_type = 'all'",
    rows="dayofweek(date_day) = 0",
)
DORA = Grain(
    by=("service__value_stream", "service", "metric_time__month"),
    table="metrics.metric_dora join marts.dim_services using (service_key)",
    keys="value_stream_key, service_key, period_start",
    observed="stream_of_service, entity_key, period_start",
    where="entity_type = 'service' and period = 'month'",
)
SLA = Grain(
    by=(
        "value_stream", "agreement_month__level", "agreement_month__priority",
        "agreement_month__target", "metric_time__month",
    ),
    table="metrics.metric_incident_sla",
    keys="value_stream_key, level, priority, target, month_start",
    observed="value_stream_key, level, split_part(part, '|', 1), split_part(part, '|', 2),"
    " period_start",
    where="entity_type = 'value_stream' and period = 'month' and part <> 'all'",
)  # fmt: skip
MAP = Grain(
    by=("value_stream", "stage", "stage_month__level", "metric_time__month"),
    table="metrics.metric_value_stream_map",
    keys="value_stream_key, stage_key, level, month_start",
    observed="value_stream_key, entity_key, level, period_start",
    where="entity_type = 'stage' and period = 'month'",
)
STATIONS = Grain(
    by=("value_stream", "stage", "station_week__level", "metric_time__week"),
    table="metrics.metric_constraint",
    keys="value_stream_key, stage_key, level, week_start",
)
LINKS = Grain(
    by=(
        "value_stream", "link_month__workflow", "link_month__level", "link_month__link",
        "metric_time__month",
    ),
    table="metrics.metric_trace_coverage",
    keys="value_stream_key, workflow, level, link, month_start",
)  # fmt: skip

PARITY = {
    "velocity": FLOW,
    "flow_time_p50_s": FLOW,
    "flow_time_p85_s": FLOW,
    "flow_time_p95_s": FLOW,
    "flow_efficiency_share": FLOW,
    "started_share": FLOW,
    "rework_share": FLOW,
    "first_pass_yield_share": FLOW,
    "load": LOAD,
    "blocked_items": WEEK_END,
    "deployments": DORA,
    "failed_deployments": DORA,
    "deployed_changes": DORA,
    "change_fail_share": DORA,
    "deployment_rework_share": DORA,
    "commit_coverage_share": DORA,
    "recovery_time_p50_s": DORA,
    "lead_time_p50_s": DORA,
    "lead_time_p85_s": DORA,
    "breached": SLA,
    "met_share": SLA,
    "wait_s": MAP,
    "active_s": MAP,
    "queued_share": STATIONS,
    "linked_share": LINKS,
}
"""Metrics that stand in a period table too, and but for the last two in fct_metric_observations."""


def compiled(link: duckdb.DuckDBPyConnection, compiler: Compiler, metric: str) -> Reading:
    """Read a metric by the SQL of MetricFlow."""
    grain = PARITY[metric]
    sql = compiler.sql([metric], grain.by)
    columns = ", ".join(grain.by[:-1])
    return reading(
        metric, link, f"select {columns}, cast({grain.by[-1]} as date), {metric} from ({sql})"
    )


def stands(link: duckdb.DuckDBPyConnection, metric: str) -> Reading:
    """Read a metric from its period table."""
    grain = PARITY[metric]
    return reading(
        metric, link, f"select {grain.keys}, {metric} from {grain.table} where {grain.rows}"
    )


def observed(link: duckdb.DuckDBPyConnection, metric: str) -> Reading:
    """Read a metric from fct_metric_observations."""
    grain = PARITY[metric]
    return reading(
        metric,
        link,
        f"""
        select {grain.observed}, value
        from (
            select observations.*, services.value_stream_key as stream_of_service
            from marts.fct_metric_observations as observations
            left join marts.dim_services as services
                on observations.entity_key = services.service_key
        ) as observations
        where metric = '{metric}' and {grain.where}
        """,
    )


def reading(metric: str, link: duckdb.DuckDBPyConnection, sql: str) -> Reading:
    """Return rows whose last column is a value; where nothing is counted a count has no row."""
    empty = (None,) if metric.endswith(OF_VALUES) else (None, 0)
    return {
        tuple(row[:-1]): float(row[-1])
        for row in link.execute(sql).fetchall()
        if row[-1] not in empty
    }


def differences(one: Reading, other: Reading) -> Iterator[tuple[Any, ...]]:
    """Yield the keys of which two readings say different things, and what they say."""
    for key in sorted(one.keys() | other.keys()):
        left, right = one.get(key), other.get(key)
        if left is None or right is None or abs(left - right) > 1e-9 * max(1, abs(left)):
            yield key, left, right
