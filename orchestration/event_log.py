"""Dagster's own storage in SQLite files, whose event log keeps open what it writes to.

A refresh notes some two thousand events, each in the file of its run and in the index of all runs.
Dagster opens, synchronizes and closes these files for every event, and every process looks through
all of Dagster's migrations before the first one: a fifth of a refresh.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory


class EventLog(SqliteEventLogStorage):
    """The event log of Dagster, with the index and the run in work held open."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, sqlalchemy.Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        """Give the connection to a file; one at a time, in a transaction of its own."""
        with self._db_lock:
            if shard not in self._engines:
                # A web server looks into the files of many runs: only the last one stays open.
                for other in self._engines.keys() - {INDEX_SHARD_NAME}:
                    self._engines.pop(other).dispose()
                self._engines[shard] = self._opened(shard)
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

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

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


class Storage(DagsterSqliteStorage):
    """Runs and schedules as Dagster keeps them, and the event log above; see dagster.yaml."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: dict[str, str]) -> "Storage":
        """Make the storage that dagster.yaml asks for."""
        return cls.from_local(inst_data=inst_data, **config_value)
