"""The event log that keeps its files open is Dagster's own in all that it holds."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
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
from dagster._core.test_utils import create_run_for_test

from extract.raw_store import ROOT
from orchestration import event_log, gate, running
from orchestration.event_log import EventLog
from tests.faults.test_archive import cut_short, fill_with_rubbish, overwrite_the_middle


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


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of an instance with a run and the file of schedules, all closed."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    store = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(store))
    store.mkdir()
    (store / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with dg.DagsterInstance.get() as instance:
        create_run_for_test(instance, job_name="refresh")
        instance.report_runless_asset_event(dg.AssetMaterialization("made"))
        assert instance.all_instigator_state() == []
    return store


INDEX = "history/runs/index.db"


@pytest.mark.parametrize(
    ("name", "folder"),
    [(INDEX, "history"), ("history/runs.db", "history"), ("schedules/schedules.db", "schedules")],
)
def test_rubbish_in_the_store_is_noticed_at_once(store: Path, name: str, folder: str) -> None:
    assert event_log.damaged(store) == event_log.damaged(store, to_the_end=True) == []
    fill_with_rubbish(store / name)
    assert event_log.damaged(store) == [store / folder]


@pytest.mark.parametrize("harm", [cut_short, overwrite_the_middle])
def test_damage_behind_the_beginning_is_noticed_by_who_reads_to_the_end(
    store: Path, harm: Callable[[Path], None]
) -> None:
    harm(store / INDEX)
    assert event_log.damaged(store, to_the_end=True) == [store / "history"]


def test_only_who_reads_to_the_end_notices_what_is_damaged_there(store: Path) -> None:
    """Who opens the store looks no further than the names of its tables: that costs nothing."""
    with (store / INDEX).open("r+b") as index:
        index.seek(-8192, os.SEEK_END)
        index.write(os.urandom(8192))
    assert event_log.damaged(store) == []
    assert event_log.damaged(store, to_the_end=True) == [store / "history"]


def test_a_damaged_store_is_set_aside_when_it_is_opened_and_begun_again(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):  # the second one takes the place of the first
        fill_with_rubbish(store / INDEX)
        rubbish = (store / INDEX).read_bytes()
        caplog.clear()
        with dg.DagsterInstance.get() as instance:
            assert instance.get_runs() == []
            run = create_run_for_test(instance, job_name="refresh")
            instance.report_runless_asset_event(dg.AssetMaterialization("made"))
            assert [there.run_id for there in instance.get_runs()] == [run.run_id]
        aside = store / "history.damaged"
        assert (aside / "runs" / "index.db").read_bytes() == rubbish
        said = f"Dagster's store is damaged: it is now {aside}, and begun again"
        assert [line for line in caplog.messages if "damaged" in line] == [said]
    assert (store / "schedules").exists() and not (store / "schedules.damaged").exists()


@pytest.fixture
def refreshed(store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple]:
    """Refresh; meanwhile something happens to the store, and Dagster cannot read it."""
    monkeypatch.setattr(gate, "check", lambda wish: None)

    def refresh(happens: Callable[[Path], None]) -> tuple[int, list[str]]:
        def run_job(*_: Any) -> None:
            happens(store / INDEX)
            raise sqlite3.DatabaseError("database disk image is malformed")

        monkeypatch.setattr(running, "run_job", run_job)
        return running.refresh(running.refresh_job, gate.RefreshRequest())

    return refresh


@pytest.mark.parametrize("harm", [cut_short, overwrite_the_middle, fill_with_rubbish])
def test_a_store_that_is_damaged_while_a_refresh_runs_is_set_aside_and_it_is_to_be_run_again(
    refreshed: Callable[..., tuple], store: Path, harm: Callable[[Path], None]
) -> None:
    lines = ["Dagster's store was damaged; run the refresh again"]
    assert refreshed(harm) == (gate.FAILED, lines)
    assert not (store / "history").exists() and (store / "history.damaged").exists()
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs() == []


def test_another_fault_than_damage_takes_no_history_away(
    refreshed: Callable[..., tuple], store: Path
) -> None:
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        refreshed(lambda index: None)
    assert (store / INDEX).exists()
