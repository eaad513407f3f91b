"""One definition a metric: MetricFlow, the period tables and the observations say the same."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from publish.semantic import SemanticLayer
from tests.semantic import parity
from tests.semantic.compiled import Compiler
from tests.semantic.six import streams_of


@pytest.fixture(scope="module")
def target(parsed: Path) -> Path:
    return parsed / "target"


@pytest.fixture(scope="module")
def compiler(target: Path) -> Compiler:
    return Compiler(target)


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What readers of the demo company get, by the name that MetricFlow's SQL gives it."""
    with opened(demo_home / "published" / "warehouse.duckdb") as link:
        yield link


def opened(file: Path, access: str = "(read_only)") -> duckdb.DuckDBPyConnection:
    link = duckdb.connect()
    link.execute(f"attach '{file.resolve()}' as build {access}; use build; set TimeZone = 'UTC'")
    return link


def test_metrics_for_all_value_streams_are_compared() -> None:
    assert len(parity.PARITY) >= 18
    assert len([metric for metric, grain in parity.PARITY.items() if grain.observed]) >= 18


@pytest.mark.parametrize("metric", parity.PARITY)
def test_a_metric_is_the_same_wherever_it_stands(
    demo: duckdb.DuckDBPyConnection, compiler: Compiler, metric: str
) -> None:
    found = parity.compiled(demo, compiler, metric)
    assert [*parity.differences(found, parity.stands(demo, metric))] == []
    if parity.PARITY[metric].observed:
        assert [*parity.differences(found, parity.observed(demo, metric))] == []
    # No service of the demo has ten recoveries in a month: test_percentiles_of_few has more.
    known = {"recovery_time_p50_s": set()}.get(metric, streams_of(metric))
    assert {key[0] for key in found} == known


ALTERED = {
    "metrics.metric_cycle_times": (
        "update metrics.metric_cycle_times set start_to_done_s = start_to_done_s * 2 + 1"
        " where value_stream_key = 'payments'",
        ["flow_time_p85_s"],
    ),
    "metrics.metric_flow_month_totals": (
        "update metrics.metric_flow_month_totals set velocity = velocity + 1"
        " where value_stream_key = 'platform' and month_start = date '2025-03-01'"
        " and workflow = 'software'",
        ["velocity"],
    ),
    "marts.fct_metric_observations": (
        "update marts.fct_metric_observations set value = value / 2"
        " where metric = 'change_fail_share' and entity_key = 'shop-web'",
        ["change_fail_share"],
    ),
    "marts.fct_rollouts": (
        "update marts.fct_rollouts set is_rework = not is_rework"
        " where service_key = 'payments-web'",
        ["deployment_rework_share"],
    ),
}
"""Tables, how one of them is tampered with, and what is noticed by that."""


@pytest.mark.parametrize("table", ALTERED)
def test_what_is_altered_in_one_place_is_noticed(
    demo_home: Path, compiler: Compiler, tmp_path: Path, table: str
) -> None:
    copy = tmp_path / "copy.duckdb"
    shutil.copyfile(demo_home / "published" / "warehouse.duckdb", copy)
    change, noticed = ALTERED[table]
    with opened(copy, "") as link:
        link.execute(change)
        for metric in noticed:
            found = parity.compiled(link, compiler, metric)
            seen = [*parity.differences(found, parity.stands(link, metric))]
            seen += parity.differences(found, parity.observed(link, metric))
            assert seen != []


HARD = [
    metric
    for metric, grain in parity.PARITY.items()
    if grain in (parity.FLOW, parity.LOAD, parity.SLA, parity.MAP, parity.STATIONS, parity.LINKS)
]
"""Of deployments MetricFlow counts what is there; that more is not known, only metric_dora says."""


@pytest.mark.parametrize("metric", HARD)
def test_the_hard_cases_are_the_same_too(
    golden_build: Path, compiler: Compiler, metric: str
) -> None:
    with opened(golden_build) as link:
        found = parity.compiled(link, compiler, metric)
        assert [*parity.differences(found, parity.stands(link, metric))] == []
        assert found


def test_percentiles_of_few_are_not_shown(
    demo: duckdb.DuckDBPyConnection, compiler: Compiler
) -> None:
    """Those of more are real values, by nearest rank: counted in plain Python."""
    asked = {
        "recovery_time_p50_s": (
            "service, metric_time__year",
            "service_key, cast(date_trunc('year', finished_date) as timestamp)",
            "marts.fct_rollouts", "recovery_s", 0.5,
        ),
        "created_to_done_p50_s": (
            "work_item__team", "team_key", "metrics.metric_cycle_times", "created_to_done_s", 0.5,
        ),
        "created_to_done_p85_s": (
            "work_item__level", "level", "metrics.metric_cycle_times", "created_to_done_s", 0.85,
        ),
        "business_flow_time_p85_s": (
            "value_stream", "value_stream_key", "metrics.metric_cycle_times",
            "start_to_done_business_s", 0.85,
        ),
        "lead_time_p85_s": (
            "service", "service_key", "marts.fct_rollout_changes", "lead_time_s", 0.85,
        ),
    }  # fmt: skip
    hidden = 0
    for metric, (by, key, table, column, share) in asked.items():
        values: dict[tuple, list[int]] = {}
        rows = demo.execute(f"select {key}, {column} from {table}").fetchall()
        for *group, value in rows:
            values.setdefault((*group,), []).extend([value] if value is not None else [])
        expected = {}
        for group, some in values.items():
            rank = -(-len(some) * round(share * 100) // 100)
            expected[group] = sorted(some)[rank - 1] if len(some) >= 10 else None
            hidden += 0 < len(some) < 10
        sql = compiler.sql([metric], by.split(", "))
        answer = demo.execute(f"select {by}, {metric} from ({sql})").fetchall()
        found = {(*group,): value for *group, value in answer}
        assert {group: value for group, value in found.items() if value is not None} == {
            group: value for group, value in expected.items() if value is not None
        }
    assert hidden


def test_what_bi_tools_are_told_is_what_metricflow_computes(
    demo: duckdb.DuckDBPyConnection, compiler: Compiler, target: Path
) -> None:
    layer = SemanticLayer.read(target)
    assert layer.left_out == ["blocked_items", "load"]
    assert sorted([*layer.metrics, *layer.left_out]) == sorted(compiler.names)
    keys = {"rollouts": "service", "rollout_changes": "service"}
    compared = 0
    for name, metric in layer.metrics.items():
        by = keys.get(metric.model, "value_stream")
        flow = dict(
            demo.execute(f"select {by}, {name} from ({compiler.sql([name], [by])})").fetchall()
        )
        told = dict(
            demo.execute(
                f"select {by}_key, {metric.sql('facts')} from {layer.table(metric.model)} as facts"
                " group by 1"
            ).fetchall()
        )
        assert told.keys() == flow.keys(), name
        for key, value in flow.items():
            assert told[key] == pytest.approx(value), (name, key)
            compared += value is not None
    assert compared > 3 * 50


def test_dim_metrics_says_what_the_semantic_layer_has(
    demo: duckdb.DuckDBPyConnection, compiler: Compiler, target: Path
) -> None:
    rows = demo.execute("select metric, semantic_metric from marts.dim_metrics").fetchall()
    manifest = json.loads((target / "semantic_manifest.json").read_text())
    names = {metric["name"] for metric in manifest["metrics"]}
    assert {metric for metric, linked in rows if linked} == {metric for metric, _ in rows} & names
    assert all(linked in (metric, None) for metric, linked in rows)
    assert parity.PARITY.keys() <= {linked for _, linked in rows}
