"""Old runs go with all that they left; the others stay as they were."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from orchestration import environment, retention
from orchestration.gate import RefreshRequest, Stopped, check


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    folder = environment.settle_dagster()
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.get() as instance:
        yield instance


@dg.asset(check_specs=[dg.AssetCheckSpec("is_good", asset="thing")])
def thing() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


def ran(instance: dg.DagsterInstance, home: Path) -> str:
    """Run once and leave what a refresh leaves."""
    run_id = dg.materialize([thing], instance=instance).run_id
    for left in (
        f"expectations/{run_id}.json",
        f"dbt/run-{run_id}/run_results.json",
        f"dagster/storage/{run_id}/compute_logs/x.err",
    ):
        (home / left).parent.mkdir(parents=True, exist_ok=True)
        (home / left).write_text("{}")
    return run_id


def rows(home: Path, table: str) -> list[str]:
    with sqlite3.connect(home / "dagster" / "history" / "runs" / "index.db") as index:
        return [run for (run,) in index.execute(f"select run_id from {table} order by id")]


def test_the_youngest_runs_stay_complete_and_the_others_leave_nothing(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_KEEP_RUNS", "2")
    runs = [ran(instance, tmp_path) for _ in range(5)]
    (tmp_path / "expectations" / "last.json").write_text("{}")
    events = {run: len(instance.all_logs(run)) for run in runs}
    assert min(events.values()) > 5
    assert retention.prune(instance) == runs[:3]
    assert {run.run_id for run in instance.get_runs()} == {*runs[3:]}
    for run in runs[3:]:
        assert len(instance.all_logs(run)) == events[run]
    left = sorted(
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if any(run in str(path) for run in runs[:3])
    )
    assert left == []
    assert (tmp_path / "expectations" / "last.json").exists()
    for table in ("event_logs", "asset_check_executions"):
        assert set(rows(tmp_path, table)) == {*runs[3:]}
    assert retention.prune(instance) == []
    later = ran(instance, tmp_path)
    assert retention.prune(instance) == [runs[3]]
    assert {run.run_id for run in instance.get_runs()} == {runs[4], later}


def test_a_run_that_goes_on_is_not_counted_and_not_deleted(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_KEEP_RUNS", "1")
    going = instance.create_run_for_job(
        dg.Definitions(assets=[thing]).resolve_implicit_global_asset_job_def(),
        status=dg.DagsterRunStatus.STARTED,
    )
    first, second = ran(instance, tmp_path), ran(instance, tmp_path)
    assert retention.prune(instance) == [first]
    assert {run.run_id for run in instance.get_runs()} == {going.run_id, second}


def test_an_old_home_loses_its_many_runs_bit_by_bit(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_KEEP_RUNS", "1")
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 2)
    runs = [ran(instance, tmp_path) for _ in range(4)]
    assert retention.prune(instance) == runs[:2]
    assert retention.prune(instance) == runs[2:3]


@pytest.mark.parametrize("value", ["0", "many", "-1", "1.5"])
def test_how_many_stay_is_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FLOWHOUSE_KEEP_RUNS", value)
    with pytest.raises(Stopped) as stopped:
        check(RefreshRequest())
    assert "FLOWHOUSE_KEEP_RUNS is not a whole number of 1 or more" in stopped.value.lines
    assert stopped.value.code == 2
