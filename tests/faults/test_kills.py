"""Who is killed, wherever, leaves nothing half done: run again, all is as if nobody had been.

What is killed here are real processes that load and publish, without Dagster and dbt.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from extract import archive, raw_store
from extract.load import load
from publish.snapshot import publish, versions
from tests.faults.conftest import Company, kill, process

SEED, KILLS = 20_261_129, 20
PUBLICATIONS = 12
"""How many are killed, and how many are not; whole refreshes are for `make faults`."""


def small_refresh(home: str, number: int) -> None:
    """Load, build two tables that must agree, publish: a refresh without Dagster and dbt."""
    os.environ["FLOWHOUSE_HOME"] = home
    work = load("jenkins", f"refresh {number}")
    assert {audit.status for audit in work.audits} <= {"complete"}
    build, raw = Path(home) / "build.duckdb", raw_store.raw_file("jenkins")
    with duckdb.connect(str(build)) as link:
        link.execute(f"attach '{raw}' as raw (read_only)")
        link.execute("begin; create schema if not exists marts; create schema if not exists meta")
        link.execute("create or replace table marts.runs as from raw.jenkins.builds")
        link.execute("create or replace table meta.counts as select count(*) as n from marts.runs")
        link.execute("commit")
    publish(build, Path(home) / "published")


class Killer:
    """Kills processes at random instants of the time that one of them takes, as far as known."""

    def __init__(self, takes: float) -> None:
        self.chance, self.takes, self.killed = random.Random(SEED), takes, 0

    def kill(self, task: Callable[..., None], *words: Any) -> None:
        """Start a process and kill it; one that had ended before says how long one takes."""
        began = time.monotonic()
        victim = process(task, *words)
        victim.join(self.chance.uniform(0, self.takes))
        if victim.exitcode == 0:
            self.takes = time.monotonic() - began
        kill(victim)
        self.killed += victim.exitcode == -signal.SIGKILL


def timed(task: Callable[..., None], *words: Any) -> float:
    """Run a process to its end, and return how long it took."""
    process(time.sleep, 0).join()  # the first one waits for the imports
    began = time.monotonic()
    process(task, *words).join()
    return time.monotonic() - began


def published(home: Path) -> list[tuple]:
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as link:
        return link.execute(
            "select * exclude (_fetched_at, _dlt_load_id) from marts.runs order by all"
        ).fetchall()


def test_twenty_kills_at_random_instants_lose_and_double_nothing(
    company: Company, tmp_path: Path
) -> None:
    company.controller.add("job", range(1, 20))
    home, twin = company.home.folder, tmp_path / "twin"
    company.load()
    shutil.copytree(home, twin)
    killer, last, number = Killer(timed(small_refresh, str(home), 0)), 20, 0
    while killer.killed < KILLS:
        number += 1
        assert number < 5 * KILLS
        for build in company.controller.builds["job"][-2:]:
            build.update(building=False, result="FAILURE", duration=number * 1000)
        company.controller.add("job", range(last, last + 3))
        for build in company.controller.builds["job"][-2:]:
            build.update(building=True, result=None)
        last += 3
        killer.kill(small_refresh, str(home), number)
        if number % 4 == 0:  # several in a row, too
            again = process(small_refresh, str(home), number)
            again.join()
            assert again.exitcode == 0
            numbers = [row[1] for row in published(home)]
            assert sorted(numbers) == list(range(1, last)), number
    for folder in (home, twin):
        process(small_refresh, str(folder), 0).join()
    assert published(home) == published(twin)
    before = company.content()
    company.moved(twin)
    assert company.content() == before
    # ... and the archive of the one has what the raw file of the other has.
    company.moved(home).folder.joinpath("raw", "raw_jenkins.duckdb").unlink()
    archive.mend("jenkins")
    assert company.content() == before


@contextmanager
def readers(link: Path, most: int) -> Iterator[list[tuple[int, int]]]:
    """Read a published file again and again meanwhile; give what each read found."""
    found: list[tuple[int, int]] = []
    has_ended = threading.Event()

    def read() -> None:
        while not has_ended.is_set() and len(found) < most:
            with duckdb.connect(str(link), read_only=True) as reader:
                found.append(
                    reader.execute(
                        "select n, (select count(*) from marts.runs) from meta.counts"
                    ).fetchone()
                )
            time.sleep(0.05)

    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            read()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        has_ended.set()
        for thread in threads:
            thread.join()
    assert errors == []


def publish_rows(build: str, folder: str, rows: int) -> None:
    with duckdb.connect(build) as link:
        link.execute(
            "begin; create schema if not exists marts; create schema if not exists meta;"
            f"create or replace table marts.runs as from range({rows}) as t(id);"
            f"create or replace table meta.counts as select {rows} as n; commit"
        )
    publish(Path(build), Path(folder))


def test_readers_see_only_complete_versions_while_publications_are_killed(tmp_path: Path) -> None:
    """Every other one is killed; each version has another number of rows."""
    build, folder = str(tmp_path / "build.duckdb"), tmp_path / "published"
    publish_rows(build, str(folder), 1000)
    killer = Killer(timed(publish_rows, build, str(folder), 1001))
    with readers(folder / "warehouse.duckdb", 100_000) as found:
        number = 1001
        while killer.killed < PUBLICATIONS:
            number += 1
            assert number < 1000 + 10 * PUBLICATIONS
            if number % 2:
                killer.kill(publish_rows, build, str(folder), number)
            else:
                process(publish_rows, build, str(folder), number).join()
    assert len(found) >= 50
    assert {(told, counted) for told, counted in found if told != counted} == set()
    assert len({told for told, _ in found}) > 5
    publish_rows(build, str(folder), 2000)
    left = {path.name for path in folder.iterdir()}
    known = {path.name for path in versions(folder)} | {"warehouse.duckdb"}
    assert {name for name in left - known if not name.startswith("parquet")} == set()


PARENT = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from orchestration import termination
def dbt():
    termination.end_as_others_do()
    print("ready", os.getpid(), flush=True)
    time.sleep(600)
def load(seconds):
    print("ready", os.getpid(), flush=True)
    time.sleep(seconds)
if __name__ == "__main__":
    termination.end_process_tree()
    multiprocessing.Process(target=dbt).start()
    pools = [ProcessPoolExecutor(1, initializer=termination.end_as_others_do) for _ in range(2)]
    for pool in pools:
        pool.submit(load, 600)
    termination.run("tests.faults.sleeper", folder=sys.argv[1])
"""


def test_children_end_at_once_when_their_parent_is_killed() -> None:
    """Forks, loads in their pools, and programs of their own: else they would keep files locked."""
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, root], stdout=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    for _ in range(3):
        assert parent.stdout.readline().startswith("ready")
    deadline = time.monotonic() + 60
    while len(members(parent.pid)) < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(members(parent.pid)) >= 5
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    began = time.monotonic()
    while members(parent.pid) and time.monotonic() - began < 20:
        time.sleep(0.05)
    assert members(parent.pid) == []


def members(session: int) -> list[int]:
    """Return the processes of a session that run."""
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,sess=,stat="], capture_output=True, text=True, check=True
    ).stdout.split()
    rows = zip(shown[::3], shown[1::3], shown[2::3], strict=True)
    return [int(pid) for pid, of, state in rows if int(of) == session and state[0] != "Z"]


@pytest.mark.parametrize("is_for_good", [True, False])
def test_a_load_that_is_killed_for_its_memory_ends_no_other(
    company: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_for_good: bool
) -> None:
    from orchestration import ingestion

    def killed(source: str, *words: Any) -> Any:
        if source == "jenkins" and (is_for_good or not (tmp_path / "was killed").exists()):
            (tmp_path / "was killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return load(source, *words)

    monkeypatch.setattr(ingestion, "load", killed)
    company.controller.add("job", range(1, 9))
    run = SimpleNamespace(
        run_id="a_run",
        retry_number=0,
        run=SimpleNamespace(step_keys_to_execute=["load_jenkins", "load_inbox"]),
    )
    options = ingestion.RefreshOptions()
    works = {name: options.loaded(name, run).run for name in ("jenkins", "inbox")}
    assert works["inbox"].audits == []  # it is off
    [audit] = [a for a in works["jenkins"].audits if a.object in ("*", "builds")]
    assert audit.status == ("failed" if is_for_good else "complete")
    told = company.home.rows(
        "jenkins", "select object, status from jenkins.load_audits where object in ('*', 'builds')"
    )
    assert told == [("*", "failed") if is_for_good else ("builds", "complete")]
    assert not is_for_good or "ended from outside" in audit.message
