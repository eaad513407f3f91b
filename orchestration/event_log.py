"""Dagster's own storage in SQLite files, whose event log keeps open what it writes to.

A refresh notes some three thousand events, each in the file of its run and in the index of all
runs. Dagster opens, synchronizes and closes these files for every event, asks each time which
tables and columns there are, and looks through all of its migrations before the first one: a third
of a refresh in which nothing changed.
"""

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory

log = logging.getLogger("flowhouse")

OF_OUTPUTS = {
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}
"""Events that come by the hundred once a step's work is done, before the one that says so."""

MOST_S = 1
"""How long they wait for each other, to be written in one transaction."""


class EventLog(SqliteEventLogStorage):
    """The event log of Dagster, with the index and the run in work held open."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, sqlalchemy.Engine] = {}
        self._begun: dict[str, sqlalchemy.Connection] = {}
        self._is_more_to_come = False
        self._known: set[str] = set()
        super().__init__(base_dir)
        self._db_lock = threading.RLock()

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; one of an output in one transaction with those that follow at once."""
        with self._db_lock:
            is_of_output = event.is_dagster_event and event.dagster_event_type in OF_OUTPUTS
            self._store([event], is_more_to_come=is_of_output)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction."""
        with self._db_lock:
            self._store(events, is_more_to_come=False)

    def _store(self, events: Sequence[EventLogEntry], *, is_more_to_come: bool) -> None:
        if not self._begun:
            self._since = time.monotonic()
        self._is_more_to_come = True
        try:
            for event in events:
                super().store_event(event)
        except BaseException:
            while self._begun:
                self._begun.popitem()[1].close()  # without what was not committed
            raise
        finally:
            self._is_more_to_come = is_more_to_come and time.monotonic() - self._since < MOST_S
            self._end_unless_more_comes()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        """Give the connection to a file, in a transaction; one at a time."""
        with self._db_lock:
            if shard not in self._begun:
                if shard not in self._engines:
                    # A web server looks into the files of many runs: only the last stays open.
                    for other in self._engines.keys() - {INDEX_SHARD_NAME, *self._begun}:
                        self._engines.pop(other).dispose()
                    self._engines[shard] = self._opened(shard)
                self._begun[shard] = self._engines[shard].connect()
                self._begun[shard].begin()
            try:
                yield self._begun[shard]
            except BaseException:
                if shard in self._begun:
                    self._begun.pop(shard).close()  # without what was not committed
                raise
            self._end_unless_more_comes()

    def _end_unless_more_comes(self) -> None:
        while self._begun and not self._is_more_to_come:
            _, connection = self._begun.popitem()
            with connection:
                connection.commit()

    def _opened(self, shard: str) -> sqlalchemy.Engine:
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=sqlalchemy.pool.QueuePool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )

        @sqlalchemy.event.listens_for(engine, "connect")
        def spare_the_disk(connection: Any, _: Any) -> None:
            # A log that survives the end of the process, though not every one of the machine.
            connection.execute("pragma synchronous = normal")

        if not sqlalchemy.inspect(engine).has_table("alembic_version"):
            self._initdb(engine)
        return engine

    def delete_events(self, run_id: str) -> None:
        """Delete the events of a run, and the file that holds them."""
        super().delete_events(run_id)
        with self._db_lock:
            if run_id in self._engines:
                self._engines.pop(run_id).dispose()
            for end in ("", "-wal", "-shm", "-journal"):
                Path(self.path_for_shard(run_id) + end).unlink(missing_ok=True)

    def has_table(self, table_name: str) -> bool:
        """Whether there is a table; what was there once stays."""
        if table_name not in self._known and super().has_table(table_name):
            self._known.add(table_name)
        return table_name in self._known

    def _has_asset_key_col_on_connection(
        self, conn: sqlalchemy.Connection, column_name: str
    ) -> bool:
        column = f"asset_keys.{column_name}"
        if column not in self._known and super()._has_asset_key_col_on_connection(
            conn, column_name
        ):
            self._known.add(column)
        return column in self._known

    def dispose(self) -> None:
        """Close the files."""
        with self._db_lock:
            self._is_more_to_come = False
            self._end_unless_more_comes()
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


def damaged(store: Path, *, to_the_end: bool = False) -> list[Path]:
    """Return the folders of Dagster's store in which SQLite cannot read a file.

    Args:
        store: The folder of the store.
        to_the_end: Read all that is in the files; else only their beginnings, which costs nothing.
    """
    ask = "pragma quick_check(1)" if to_the_end else "select count(*) from sqlite_master"
    found = []
    for folder in (store / "history", store / "schedules"):
        for file in [*folder.glob("*.db"), folder / "runs" / "index.db"]:
            if file.exists() and folder not in found and not _can_be_read(file, ask):
                found.append(folder)
    return found


def _can_be_read(file: Path, ask: str) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as link:
            [(answer,)] = link.execute(ask).fetchall()
            return answer == "ok" or isinstance(answer, int)
    except sqlite3.OperationalError:  # locked, or not ours to read
        return True
    except sqlite3.DatabaseError:
        return False


def set_aside(folder: Path) -> None:
    """Give a damaged part of the store another name: it is the history of runs, and no more."""
    aside = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    log.warning("Dagster's store is damaged: it is now %s, and begun again", aside)


class Storage(DagsterSqliteStorage):
    """Runs and schedules as Dagster keeps them, and the event log above; see dagster.yaml."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        for folder in damaged(Path(base_dir)):
            set_aside(folder)
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: dict[str, str]) -> "Storage":
        """Make the storage that dagster.yaml asks for."""
        return cls.from_local(inst_data=inst_data, **config_value)
