"""The event log that keeps its files open is Dagster's own in all that it holds."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._check import CheckError
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster._core.storage.event_log import SqliteEventLogStorage

from extract.raw_store import ROOT
from orchestration import event_log
from orchestration.event_log import EventLog


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each SQLite file was opened."""
    counts: Counter = Counter()
    connect = sqlite3.connect

    def counted(path: str, *args: Any, **options: Any) -> sqlite3.Connection:
        counts[Path(path).name] += 1
        return connect(path, *args, **options)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", counted)
    return counts


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(str(tmp_path))
    yield log
    log.dispose()


def planned(run: str, asset: str) -> EventLogEntry:
    return EventLogEntry(
        error_info=None, level=10, user_message="", run_id=run, timestamp=0.0, job_name="refresh",
        dagster_event=DagsterEvent.build_asset_materialization_planned_event(
            "refresh", "a_step", AssetMaterializationPlannedData(dg.AssetKey(asset), None, None)
        ),
    )  # fmt: skip


def assets(log: SqliteEventLogStorage, run: str) -> list[str]:
    return [entry.dagster_event.asset_key.to_user_string() for entry in log.get_logs_for_run(run)]


def test_events_of_two_threads_are_what_dagsters_own_log_reads_and_the_other_way_round(
    log: EventLog, tmp_path: Path
) -> None:
    names = [f"asset_{number:02d}" for number in range(40)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda name: log.store_event(planned("a_run", name)), names))
    own = SqliteEventLogStorage(str(tmp_path))
    assert sorted(assets(own, "a_run")) == names
    assert {key.to_user_string() for key in own.all_asset_keys()} == set(names)
    own.store_event(planned("another_run", "from_dagster"))
    assert assets(log, "another_run") == ["from_dagster"]
    assert dg.AssetKey("from_dagster") in log.all_asset_keys()


def test_a_file_is_opened_once_and_only_the_last_run_stays_open(
    log: EventLog, opened: Counter, tmp_path: Path
) -> None:
    for run in ("first", "second"):
        log.store_event(planned(run, "made"))
        # Not the first event: before it the file is made.
        opened.clear()
        for _ in range(20):
            log.store_event(planned(run, "again"))
        assert opened == Counter()
    # A file that SQLite holds open has its log beside it.
    assert {path.name for path in tmp_path.glob("*-wal")} == {"index.db-wal", "second.db-wal"}
    log.dispose()
    assert list(tmp_path.glob("*-wal")) == []


def test_a_file_that_is_there_is_not_searched_for_migrations(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log.store_event(planned("a_run", "made"))

    def searched(*_: Any) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(EventLog, "_initdb", searched)
    again = EventLog(str(tmp_path))
    assert assets(again, "a_run") == ["made"]
    again.dispose()


def test_dagster_yaml_asks_for_it_where_dagster_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, EventLog)
        instance.report_runless_asset_event(dg.AssetMaterialization("made"))
    settings = yaml.safe_load((home / "dagster.yaml").read_text())
    del settings["storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.get() as instance:
        assert not isinstance(instance.event_log_storage, EventLog)
        assert instance.get_latest_materialization_event(dg.AssetKey("made"))


def of(kind: DagsterEventType, asset: str = "made") -> EventLogEntry:
    told = {
        DagsterEventType.ASSET_MATERIALIZATION: StepMaterializationData(
            dg.AssetMaterialization(asset)
        ),
        DagsterEventType.STEP_OUTPUT: StepOutputData(StepOutputHandle("a_step", "made")),
        DagsterEventType.STEP_SUCCESS: StepSuccessData(0.0),
    }
    return EventLogEntry(
        error_info=None, level=10, user_message="", run_id="a_run", timestamp=0.0,
        job_name="refresh", dagster_event=DagsterEvent(
            kind.value, "refresh", step_key="a_step", event_specific_data=told.get(kind)
        ),
    )  # fmt: skip


def test_events_of_outputs_are_written_together_before_the_one_that_ends_the_step(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen_by_others() -> tuple[int, set[str]]:
        own = SqliteEventLogStorage(str(tmp_path))
        made = {key.to_user_string() for key in own.all_asset_keys()}
        return len(own.get_logs_for_run("a_run")), made

    monkeypatch.setattr(event_log, "MOST_S", 600)
    log.store_event(of(DagsterEventType.STEP_START))
    for asset in ("one", "two"):
        log.store_event(of(DagsterEventType.STEP_OUTPUT))
        log.store_event(of(DagsterEventType.ASSET_MATERIALIZATION, asset=asset))
    # Who writes them reads them.
    assert len(log.get_logs_for_run("a_run")) == 5
    assert log.get_latest_materialization_events([dg.AssetKey("two")])[dg.AssetKey("two")]
    assert seen_by_others() == (1, set())
    log.store_event(of(DagsterEventType.STEP_SUCCESS))
    assert seen_by_others() == (6, {"one", "two"})
    # One that takes long does not keep the others waiting, and no end of a process loses any.
    log.store_event(of(DagsterEventType.STEP_OUTPUT))
    monkeypatch.setattr(event_log, "MOST_S", 0)
    log.store_event(of(DagsterEventType.STEP_OUTPUT))
    assert seen_by_others()[0] == 8
    monkeypatch.setattr(event_log, "MOST_S", 600)
    log.store_event(of(DagsterEventType.ASSET_MATERIALIZATION, asset="three"))
    log.dispose()
    assert seen_by_others() == (9, {"one", "two", "three"})


def test_a_batch_is_one_transaction_or_none(log: EventLog, tmp_path: Path) -> None:
    log.store_event(planned("a_run", "before"))
    with pytest.raises(CheckError):
        log.store_event_batch([planned("a_run", "one"), None])
    assert assets(SqliteEventLogStorage(str(tmp_path)), "a_run") == ["before"]
    log.store_event_batch([planned("a_run", "one"), planned("a_run", "two")])
    assert assets(SqliteEventLogStorage(str(tmp_path)), "a_run") == ["before", "one", "two"]
