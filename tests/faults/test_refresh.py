"""A whole refresh of the demo company, with all that can be damaged, and a bad source.

The undisturbed twin is the home that it begins with: nothing in the world has changed since, so
what is published in the end must be what was published then.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from demo import serve, world
from tests.conftest import DEMO
from tests.faults.test_archive import cut_short, fill_with_rubbish, overwrite_the_middle

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
OF_A_REFRESH = {"load_audits", "quality_results", "dim_source_systems", "metric_data_quality"}
"""Tables that say when and by which refresh something was done, and not what is so."""


class House:
    """A copy of the demo company's home, and the servers that it reads."""

    def __init__(self, home: Path, servers: serve.Servers) -> None:
        self.home, self.servers = home, servers

    @property
    def settings(self) -> dict[str, str]:
        with duckdb.connect(str(self.link), read_only=True) as warehouse:
            [(as_of,)] = warehouse.execute("select as_of::varchar from meta.refreshes").fetchall()
        return {
            **os.environ, **self.servers.env, **DEMO,
            "FLOWHOUSE_HOME": str(self.home), "FLOWHOUSE_AS_OF": as_of,
        }  # fmt: skip

    @property
    def link(self) -> Path:
        return self.home / "published" / "warehouse.duckdb"

    def refresh(self) -> subprocess.CompletedProcess:
        return subprocess.run(
            [FLOWHOUSE, "refresh"], env=self.settings, capture_output=True, text=True, check=False
        )

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.link), read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()


def differences(one: Path, other: Path) -> dict[str, int]:
    """Return how many rows of each published table are not in both files, and as often."""
    with duckdb.connect() as link:
        link.execute(f"attach '{one}' as one (read_only)")
        link.execute(f"attach '{other}' as other (read_only)")
        tables = link.execute(
            "select distinct schema_name, table_name from duckdb_tables()"
            " where database_name in ('one', 'other')"
        ).fetchall()
        found = {}
        for schema, table in tables:
            if table in OF_A_REFRESH or schema == "meta":
                continue
            a, b = (f'from {of}.{schema}."{table}"' for of in ("one", "other"))
            [(count,)] = link.execute(
                f"select count(*) from (({a} except all {b}) union all ({b} except all {a}))"
            ).fetchall()
            if count:
                found[f"{schema}.{table}"] = count
        assert len(tables) > 70
        return found


@pytest.fixture(scope="module")
def house(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("faults") / "home"
    shutil.copytree(demo_home, home, symlinks=True)
    with serve.start(world.build()) as servers:
        yield House(home, servers)


def test_damage_is_mended_and_a_source_that_refuses_midway_is_stale(
    house: House, demo_home: Path
) -> None:
    home, faults = house.home, house.servers.faults
    overwrite_the_middle(home / "raw" / "raw_servicenow.duckdb")
    fill_with_rubbish(home / "raw" / "raw_github.duckdb")
    (home / "raw" / "raw_jira.duckdb").unlink()
    for file in (home / "dlt" / "jenkins").rglob("*.json"):
        file.write_text("{ half a")
    for file in (home / "dbt" / "target").glob("*.*"):
        cut_short(file)
    (home / "expectations" / "last.json").write_text("[half")
    fill_with_rubbish(home / "dagster" / "history" / "runs" / "index.db")
    faults.add("jenkins", ".", 401, 10_000, skip=2)  # the gate's own questions are answered
    done = house.refresh()
    faults.clear()
    assert done.returncode == 3, done.stdout + done.stderr[-4000:]
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("flowhouse: ")]
    [stale] = [line for line in lines if "stale" in line]
    assert stale.startswith("flowhouse: jenkins is stale since ")
    assert stale.endswith(
        " UTC: SOURCES__JENKINS__API_TOKEN: jenkins refused the credentials (401);"
        " set it to one that is valid"
    )
    for said in (
        "raw_servicenow.duckdb is damaged; made again from the archive",
        "raw_github.duckdb is damaged; made again from the archive",
        "raw_jira.duckdb is gone; made again from the archive",
        "jenkins: dlt's folder cannot be read; made again from the raw file",
        "Dagster's store is damaged",
    ):
        assert said in done.stderr
    assert differences(house.link, demo_home / "published" / "warehouse.duckdb") == {}
    [(status, message)] = house.rows(
        "select status, message from meta.load_audits"
        " where source = 'jenkins' and refresh_id = (select refresh_id from meta.refreshes)"
    )
    assert status == "failed" and message.startswith("SOURCES__JENKINS__API_TOKEN: ")
    page = (home / "report" / "index.html").read_text()
    assert "<b>jenkins</b> is stale since " in page and "⚠ stale" in page
    assert "<b>github</b> is stale" not in page
