"""The graph is whole: it starts at an API endpoint and ends at what people look at."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test


@pytest.fixture(scope="module")
def defs(parsed: Path) -> dg.Definitions:
    """The whole graph; not imported above, for it wants the dbt project to be parsed."""
    from orchestration.definitions import loaded

    return loaded()


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


def test_models_are_built_once_more_where_dbt_crashes(defs: dg.Definitions) -> None:
    """What is no crash allows no retry itself; the lane of faults crashes it in the middle."""
    models = defs.resolve_assets_def(dg.AssetKey(["marts", "fct_stage_visits"]))
    assert models.op.retry_policy.max_retries == 1


def test_a_load_that_met_another_one_of_its_source_waits_and_is_tried_twice_more(
    defs: dg.Definitions,
) -> None:
    from extract.sources import SOURCES

    for source, module in SOURCES.items():
        loads = defs.resolve_assets_def(dg.AssetKey([source, module.tables[0].name]))
        policy = loads.op.retry_policy
        assert policy is not None, source
        waits = [policy.calculate_delay(attempt) for attempt in (1, 2)]
        assert (policy.max_retries, waits) == (2, [20, 60]), source


def test_what_is_to_run_by_itself_is_on_without_a_click(defs: dg.Definitions) -> None:
    schedule = defs.resolve_schedule_def("refresh_daily")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    for name in ("tell_of_failed_runs", "tell_of_stale_tables"):
        sensor = defs.resolve_sensor_def(name)
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING, name


def test_failed_runs_of_the_command_line_are_told_too(defs: dg.Definitions) -> None:
    """They belong to no code location; Dagster shows this setting nowhere else."""
    assert defs.resolve_sensor_def("tell_of_failed_runs")._monitor_all_code_locations is True


def test_every_asset_is_in_a_group(graph: Any) -> None:
    keys = graph.get_all_asset_keys()
    assert names({key for key in keys if graph.get(key).group_name == "default"}) == set()


def test_every_raw_table_has_a_blocking_expectation(graph: Any) -> None:
    from extract.sources import SOURCES

    for source, module in SOURCES.items():
        for table in module.tables:
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
    assert schedule.execution_timezone == "UTC"  # the stock company has no value streams


def test_a_refresh_that_still_waits_is_enough_for_another_night(defs: dg.Definitions) -> None:
    schedule = defs.resolve_schedule_def("refresh_daily")
    with dg.instance_for_test() as instance:
        tick = dg.build_schedule_context(
            instance, scheduled_execution_time=datetime(2024, 3, 4, 4, tzinfo=UTC)
        )
        assert len(schedule.evaluate_tick(tick).run_requests) == 1
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("flowhouse"), "__repository__")
        create_run_for_test(
            instance,
            job_name="refresh",
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteJobOrigin(place, "refresh"),
        )
        assert schedule.evaluate_tick(tick).run_requests == []


def test_every_test_of_dbt_is_a_check_of_what_it_looks_at(graph: Any) -> None:
    from orchestration.transformation import dbt_manifest

    checks: dict[str, list[dg.AssetCheckKey]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.name, []).append(key)
    tests = {
        node["name"]: node
        for node in dbt_manifest()["nodes"].values()
        if node["resource_type"] == "test"
    }
    assert len(tests) > 400
    for name, node in tests.items():
        [check] = checks[name]
        looked_at = {parent.split(".")[-1] for parent in node["depends_on"]["nodes"]}
        assert check.asset_key.path[-1] in looked_at, name
        # What blocks says so: nothing is published past a test that fails.
        assert graph.get(check).blocking == (node["config"]["severity"].lower() == "error"), name
    published = dg.AssetCheckKey(
        dg.AssetKey(["marts", "fct_daily_flows"]), "littles_law_holds_exactly"
    )
    assert published in graph.asset_check_keys  # and not on a table that nobody reads


def test_every_asset_has_an_owner_and_says_what_it_is(graph: Any) -> None:
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert [node.key.to_user_string() for node in nodes if not node.owners] == []
    assert [node.key.to_user_string() for node in nodes if not node.description] == []


def test_raw_tables_and_what_is_published_must_be_fresh(graph: Any) -> None:
    from extract.sources import SOURCES

    must = {
        dg.AssetKey([source, table.name])
        for source, module in SOURCES.items()
        for table in module.tables
    } | {dg.AssetKey(["published", name]) for name in ("warehouse", "report")}
    assert {key for key in must if graph.get(key).freshness_policy is None} == set()


def test_what_people_look_at_is_there_once(graph: Any) -> None:
    """Each exposure of dbt is one node; the report is the asset that is written, and no second."""
    from orchestration.transformation import dbt_manifest

    told = {exposure["name"] for exposure in dbt_manifest()["exposures"].values()}
    ends = sorted(key.path[-1] for key in graph.get_all_asset_keys() if key.path[-1] in told)
    assert ends == sorted(told) and "report" in told
    assert names(graph.get(dg.AssetKey(["published", "report"])).parent_keys) == {
        "published/warehouse"
    }
    for name in told - {"report"}:
        shown = graph.get(dg.AssetKey(["exposure", name]))
        assert names(shown.parent_keys) == {"published/warehouse"}


@pytest.mark.parametrize("job", ["refresh", "backfill", "refresh_jira"])
def test_every_step_of_every_job_passes_the_gate_and_waits_for_the_one_writer(
    defs: dg.Definitions, job: str
) -> None:
    found = defs.resolve_job_def(job)
    assert len(found.nodes) > 8
    for node in found.nodes:
        assert "refresh" in node.definition.required_resource_keys, node.name
        assert node.definition.pool == "duckdb", node.name
    assert found.executor_def.name == "in_process"
    implicit = defs.resolve_implicit_global_asset_job_def()
    assert implicit.executor_def.name == "in_process"


def test_there_is_a_job_for_each_source(defs: dg.Definitions) -> None:
    from extract.sources import SOURCES

    for source in SOURCES:
        config = defs.resolve_job_def(f"refresh_{source}").run_config
        assert config["resources"]["refresh"]["config"] == {"sources": [source]}


def test_dbt_parses_again_after_an_upgrade_a_rollback_and_damage_and_else_never(
    defs: dg.Definitions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of what is in the files: those of a rollback are older than what an upgrade parsed."""
    from orchestration import changes, transformation

    target = tmp_path / "target"
    manifest, parsed = target / "manifest.json", target / "partial_parse.msgpack"
    there_was: list[bool] = []
    project = ["version 1"]

    def parse(module: str, *words: str, folder: Path) -> SimpleNamespace:
        there_was.append(manifest.exists())
        target.mkdir(exist_ok=True)
        manifest.write_text(f"manifest of {project[0]}")
        parsed.write_text(f"all of {project[0]}")
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(transformation, "run", parse)
    monkeypatch.setattr(transformation, "target_folder", lambda: target)
    known = SimpleNamespace(manifest_path=manifest)
    monkeypatch.setattr(transformation, "dbt_project", lambda: known)
    monkeypatch.setattr(changes, "project_word", lambda: project[0])

    def is_parsed() -> bool:
        count = len(there_was)
        transformation.parse_if_stale()
        return len(there_was) > count

    assert is_parsed() and not is_parsed()
    os.utime(manifest, (0, 0))
    assert not is_parsed()
    for version in ("version 2", "version 1"):
        project[0] = version
        os.utime(manifest, (4e9, 4e9))  # younger than every file of the project
        assert is_parsed() and not is_parsed()
        assert manifest.read_text() == f"manifest of {version}"
        assert there_was[-1]  # dbt goes on from what it knows
    for file in (manifest, parsed):
        file.write_bytes(file.read_bytes()[:-3])
        assert is_parsed() and not is_parsed()
        assert not there_was[-1]  # it was removed: dbt would go on from it
