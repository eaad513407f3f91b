"""The graph is whole: it starts at an API endpoint and ends at what people look at."""

import os
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest


@pytest.fixture(scope="module")
def defs(parsed: Path) -> dg.Definitions:
    """The whole graph; not imported above, for it wants the dbt project to be parsed."""
    shutil.copytree(parsed, Path(os.environ["FLOWHOUSE_HOME"]) / "dbt", dirs_exist_ok=True)
    from orchestration.definitions import defs

    return defs


@pytest.fixture(scope="module")
def graph(defs: dg.Definitions) -> Any:
    return defs.resolve_asset_graph()


def names(keys: set[dg.AssetKey]) -> set[str]:
    return {key.to_user_string() for key in keys}


def test_the_report_traces_back_to_every_source(graph: Any) -> None:
    report = dg.AssetKey(["published", "report"])
    assert names(graph.get_ancestor_asset_keys(report)) >= {
        "api/jira/histories",
        "jira/histories",
        "api/github/workflow_runs",
        "api/jenkins/builds",
        "api/gitlab/pipelines",
        "api/servicenow/audits",
        "config/status_stages",
        "config/value_streams",
        "intermediate/int_status_changes_unioned",
        "marts/fct_stage_visits",
        "metrics/metric_time_in_stage",
        "published/warehouse",
    }


def test_every_asset_is_in_a_group(graph: Any) -> None:
    keys = graph.get_all_asset_keys()
    assert names({key for key in keys if graph.get(key).group_name == "default"}) == set()


def test_every_raw_table_has_a_blocking_expectation(graph: Any) -> None:
    from extract.sources import SOURCES

    for source, module in SOURCES.items():
        for table in module.TABLES:
            key = dg.AssetCheckKey(dg.AssetKey([source, table.name]), "meets_expectations")
            assert graph.get(key).blocking, key


def test_dbt_tests_are_checks(graph: Any) -> None:
    visits = dg.AssetKey(["marts", "fct_stage_visits"])
    names_of = {key.name for key in graph.get_check_keys_for_assets({visits})}
    assert {
        "active_and_waiting_time_make_up_every_visit",
        "primary_key_fct_stage_visits_stage_visit_key",
    } <= names_of


def test_the_refresh_rebuilds_everything_every_night(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def("refresh")
    selected = names(job.asset_layer.selected_asset_keys)
    assert {"jira/issues", "marts/dim_work_items", "published/report"} <= selected
    schedule = defs.resolve_schedule_def("refresh_daily")
    assert (schedule.cron_schedule, schedule.job_name) == ("0 4 * * *", "refresh")
