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


def last_night(home: Path) -> dict[str, str]:
    """What came of the last refresh, as `flowhouse status` knows it."""
    try:
        return json.loads((home / "refreshes.json").read_text())["last"]
    except (OSError, ValueError, KeyError):  # none yet
        return {}


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
                told, until = datetime.now(UTC).isoformat(), time.monotonic() + LONGEST_S
                came = last_night(lived)
                while not came.get("ended_at") or came["began_at"] <= told:
                    said = (tmp_path / "daemon.log").read_text()[-3000:]
                    assert daemon.poll() is None, said
                    assert time.monotonic() < until, said
                    time.sleep(1)
                    came = last_night(lived)
                assert came["outcome"] in ("published", "partial"), came
                assert came["started_by"] == "the schedule refresh_daily"
        finally:
            os.killpg(daemon.pid, 15)
            daemon.wait(60)
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
