"""Dagster's store in PostgreSQL, as the containers of deploy/ have it."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage

from extract.raw_store import ROOT
from orchestration import life, retention
from tests.serving.server import PASSWORD, Server


@pytest.fixture
def home(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with the dagster.yaml of the containers, in which nothing but the port is another.

    There the server is alone in its container, and has the port that PostgreSQL has; here it has
    any that is free.
    """
    shipped = (ROOT / "deploy" / "dagster.yaml").read_text()
    assert shipped.count("port: 5432\n") == 1
    (tmp_path / "dagster.yaml").write_text(
        shipped.replace("port: 5432\n", f"port: {server.port}\n")
    )
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", PASSWORD)
    server.as_admin(
        f"create role dagster login password '{PASSWORD}'", "create database dagster owner dagster"
    )
    yield tmp_path
    server.as_admin("drop database dagster with (force)", "drop role dagster")


@dg.asset(check_specs=[dg.AssetCheckSpec("is_good", asset="thing")])
def thing() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 7}, check_results=[dg.AssetCheckResult(passed=True)]
    )


def test_the_store_of_the_containers_opens_and_keeps_what_it_is_told(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        assert isinstance(instance.schedule_storage, PostgresScheduleStorage)
        assert isinstance(instance.run_launcher, life.Launcher)
        assert instance.all_instigator_state() == []
        run_id = dg.materialize([thing], instance=instance, tags={"of": "a test"}).run_id
    with dg.DagsterInstance.get() as again:
        [run] = again.get_runs()
        assert (run.run_id, run.status.value, run.tags["of"]) == (run_id, "SUCCESS", "a test")
        made = again.get_latest_materialization_event(dg.AssetKey("thing"))
        assert made.run_id == run_id
        assert made.asset_materialization.metadata["dagster/row_count"].value == 7


def test_old_runs_go_from_it_with_their_checks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWHOUSE_KEEP_RUNS", "1")
    with dg.DagsterInstance.get() as instance:
        old, young = (dg.materialize([thing], instance=instance).run_id for _ in range(2))
        assert retention.prune(instance) == [old]
        assert [run.run_id for run in instance.get_runs()] == [young]
        assert instance.all_logs(old) == [] and instance.all_logs(young)
        with instance.event_log_storage.index_connection() as link:
            checks = link.execute(AssetCheckExecutionsTable.select()).mappings().all()
        assert {check["run_id"] for check in checks} == {young}
