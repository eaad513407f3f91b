"""A week of nights, unattended: Dagster's daemon and schedule refresh from a site that goes on.

The schedule ticks every minute and the site's clock goes on by a day after each refresh. After the
last one the tables are those of a home that was loaded once, on the last day.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from extract.warehouse import ROOT
from tests.benchmarks.sameness import differences
from tests.extract.conftest import Replay, replay_server  # noqa: F401

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
LAST = datetime(2016, 3, 8, 4, tzinfo=UTC)
NIGHTS = [LAST - timedelta(days=days) for days in range(6, -1, -1)]
LONGEST_S = 1500
"""How long a refresh may take on a machine that has much else to do."""

pytestmark = pytest.mark.real


def settings(replay: Replay, home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "FLOWHOUSE_HOME": str(home),
        "FLOWHOUSE_AS_OF": LAST.isoformat(),
        "FLOWHOUSE_PSEUDONYM_KEY": "a test's key of some length",
        "FLOWHOUSE_SCHEDULE": "* * * * *",
        "SOURCES__SERVICENOW__BASE_URL": replay.url("servicenow"),
        "SOURCES__SERVICENOW__USER": "replay",
        "SOURCES__SERVICENOW__PASSWORD": "replay-token",
    }


def successes(home: Path) -> list[tuple[str, float]]:
    """Id and begin of each refresh that the daemon has brought to a good end."""
    if not (home / "dagster" / "dagster.yaml").exists():
        return []
    told = (
        "import json, dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    done = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])\n"
        "    print(json.dumps([(r.dagster_run.run_id, r.start_time, r.dagster_run.tags)\n"
        "        for r in instance.get_run_records(done)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(home / "dagster")},
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert all(tags["dagster/schedule_name"] == "refresh_daily" for _, _, tags in found)
    return [(run_id, began) for run_id, began, _ in found]


@pytest.fixture
def homes(replay_server: Replay, parsed: Path, tmp_path: Path) -> Iterator[tuple[Path, Path]]:  # noqa: F811
    replay = replay_server
    replay.control("POST", "reset")
    lived, once = tmp_path / "lived", tmp_path / "once"
    for home in (lived, once):
        shutil.copytree(parsed, home / "dbt")
    replay.clock = NIGHTS[0].isoformat()
    with (tmp_path / "daemon.log").open("w") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "orchestration.serve", "daemon"], cwd=ROOT,
            env=settings(replay, lived), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            for night in NIGHTS:
                replay.clock = night.isoformat()
                told, until = time.time(), time.monotonic() + LONGEST_S
                while not any(began > told for _, began in successes(lived)):
                    assert daemon.poll() is None, (tmp_path / "daemon.log").read_text()[-3000:]
                    assert time.monotonic() < until, (tmp_path / "daemon.log").read_text()[-3000:]
                    time.sleep(5)
        finally:
            os.killpg(daemon.pid, 15)
            daemon.wait(60)
    assert len(successes(lived)) >= len(NIGHTS)
    done = subprocess.run(
        [FLOWHOUSE, "refresh"], env=settings(replay, once), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr[-3000:]
    yield lived, once


def test_a_week_of_nights_ends_as_one_load_of_all(homes: tuple[Path, Path]) -> None:
    lived, once = (home / "published" / "warehouse.duckdb" for home in homes)
    found = differences(lived.resolve(), once.resolve())
    assert found == []
    with duckdb.connect(str(lived), read_only=True) as warehouse:
        [(incidents,)] = warehouse.execute("select count(*) from marts.fct_incidents").fetchall()
    assert incidents > 50
