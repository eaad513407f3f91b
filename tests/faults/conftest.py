"""A small company: one Jenkins controller in this process, and homes that it is loaded into."""

import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from demo.http import Clock, Faults, Server
from extract.privacy import forgotten
from tests.extract.conftest import Home
from tests.extract.test_jenkins import Controller

TABLES = ("jobs", "builds", "stages", "history_gaps")


def process(task: Callable[..., None], *words: Any) -> BaseProcess:
    """Start a task in a process of its own, with the environment of this one.

    It is forked from a server without threads. A fork of this process would now and then inherit a
    lock that another thread held, DuckDB's as likely as any, and wait for it for ever.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["extract.load", "publish.snapshot"])
    started = context.Process(target=_in_environment, args=(dict(os.environ), task, words))
    started.start()
    return started


def kill(started: BaseProcess) -> None:
    """Kill a process as it is, if it has not ended by itself, and wait for its end."""
    with suppress(ProcessLookupError):
        started.kill()
    started.join()


def _in_environment(settings: Mapping[str, str], task: Callable[..., None], words: Any) -> None:
    os.environ.clear()
    os.environ.update(settings)
    task(*words)


class Company:
    """A controller, its scripted disturbances, and the home that it is loaded into."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.controller, self.faults = Controller(), Faults()
        self.server = Server(self.controller, 0, Clock(1_767_400_000), [], self.faults)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("SOURCES__JENKINS__BASE_URL", self.server.url)
        monkeypatch.setenv("SOURCES__JENKINS__USER", "someone")
        monkeypatch.setenv("SOURCES__JENKINS__API_TOKEN", "hush-hush")
        self.home = self.moved(home)

    def moved(self, home: Path) -> Home:
        """Load into another home from now on."""
        self.monkeypatch.setenv("FLOWHOUSE_HOME", str(home))
        self.home = Home(home)
        return self.home

    @property
    def raw(self) -> Path:
        return self.home.folder / "raw" / "raw_jenkins.duckdb"

    def load(self) -> Any:
        return self.home.load("jenkins")

    def described(self, since: int = 0) -> set[int]:
        """Numbers of the builds that were asked for one by one, as only new ones are."""
        targets = self.controller.asked[since:]
        return {int(found[1]) for t in targets if (found := re.search(r"/job/job/(\d+)/", t))}

    def content(self) -> dict[str, list[tuple]]:
        """What the raw tables say, but for when and by which load it was read."""
        return {table: self.home.content("jenkins", table) for table in TABLES}

    def everything(self) -> dict[str, list[tuple]]:
        """All rows of all raw tables, dlt's own too."""
        tables = self.home.rows(
            "jenkins", "select table_name from duckdb_tables() where schema_name = 'jenkins'"
        )
        return {
            table: self.home.rows("jenkins", f"select * from jenkins.{table} order by all")
            for (table,) in tables
        }


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    forgotten.cache_clear()
    made = Company(tmp_path / "home", monkeypatch)
    yield made
    made.server.shutdown()
    made.server.server_close()
    forgotten.cache_clear()
