"""What is built where something changed is what is built of everything, row by row.

The golden company is not there at once: day by day rows come, late and in any order, others are
replaced by what another row of their table says, whatever that is of: statuses, groups, projects
and labels are called something else, items move and have other parents, teams and pasts. It need
not make sense, it has to come to the same.
"""

import json
import os
import random
import shutil
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extract.sources import SOURCES
from orchestration import rebuild
from tests.benchmarks.sameness import differences
from tests.flow import golden, house
from tests.flow.warm_dbt import WarmDbt

TABLES = {(name, table.name): table for name, module in SOURCES.items() for table in module.TABLES}
DAYS = int(os.environ.get("DAYS", "6"))
SEED = int(os.environ.get("SEED", "13"))
CHAIN = "+config.materialized:incremental"
"""What matters: every other table is made of these anew. On the last day all are compared."""


class Company:
    """The raw rows as they are today."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.load = 0
        self.rows: dict[tuple[str, str], dict[tuple, dict[str, Any]]] = defaultdict(dict)
        self.later = [
            (table, row) for table, rows in house.merged(golden.ITEMS).items() for row in rows
        ]
        self.chance.shuffle(self.later)

    def come(self, share: float) -> None:
        """Let a share of the rows come that are not there yet."""
        for _ in range(round(len(self.later) * share)):
            table, row = self.later.pop()
            self.put(table, row)

    def put(self, table: tuple[str, str], row: dict[str, Any]) -> None:
        """Write a row, as a load does: as a whole."""
        key = tuple(row.get(column) for column in TABLES[table].key)
        self.rows[table][key] = {**row, "_dlt_load_id": f"load {self.load}"}

    def swap(self, share: float) -> list[tuple[tuple[str, str], dict[str, Any]]]:
        """Let rows say what others of their table say; return them as they were."""
        former = []
        for table, rows in self.rows.items():
            for _ in range(self.chance.randint(0, 1 + round(len(rows) * share))):
                row, other = (self.chance.choice(list(rows.values())) for _ in range(2))
                former.append((table, row))
                self.put(table, {**other, **{name: row.get(name) for name in TABLES[table].key}})
        return former

    def erase(self, person: str) -> None:
        """Erase a person: rows change where they are, and no load tells of it."""
        for rows in self.rows.values():
            for key, row in rows.items():
                payload = json.dumps(row["payload"]).replace(f'"{person}"', '"erased"')
                rows[key] = {**row, "payload": json.loads(payload)}

    def written(self) -> house.Rows:
        """Return the rows as `write_raw` wants them."""
        return {table: list(rows.values()) for table, rows in self.rows.items()}


class Builds:
    """A warehouse that goes on day by day, and one that is made anew."""

    def __init__(self, home: Path, dbt: WarmDbt) -> None:
        self.goes_on, self.anew = (house.House(home / name, "") for name in ("goes_on", "anew"))
        self.dbt = dbt
        self.company = Company()
        house.copy_project(self.goes_on.project)
        (home / "anew").mkdir()

    def build(self, as_of: datetime, models: str = CHAIN, *, ends: bool = True) -> str:
        """Build a day as a refresh does, and return what it made anew."""
        home = self.goes_on.home
        house.write_raw(home / "raw", self.company.written())
        manifest = self.goes_on.project / "target" / "manifest.json"
        if not manifest.exists():
            self._dbt(self.goes_on, as_of, "parse")
        made_by = rebuild.definitions(json.loads(manifest.read_text()), self.goes_on.project)
        how = rebuild.begin(home / "build.duckdb", made_by, as_of, everything=False)
        self._dbt(self.goes_on, as_of, "build", models, FLOWHOUSE_REBUILD=how)
        if ends:
            rebuild.end(home / "build.duckdb")
        return how

    def differences(self, as_of: datetime, models: str = CHAIN) -> list[str]:
        """Build all of the same rows anew, and compare."""
        for name in ("raw", "project"):
            shutil.rmtree(self.anew.home / name, ignore_errors=True)
            shutil.copytree(self.goes_on.home / name, self.anew.home / name)
        self._dbt(self.anew, as_of, "build", models)
        return differences(self.goes_on.home / "build.duckdb", self.anew.home / "build.duckdb")

    def _dbt(
        self, of: house.House, as_of: datetime, word: str, models: str = "", **more: str
    ) -> None:
        words = [word]
        if models:
            words += ["--select", models, "--exclude-resource-type", "test", "unit_test"]
        environment = {**of.environment, "FLOWHOUSE_AS_OF": str(as_of), **more}
        self.dbt.run(of.project, words, environment)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    return Builds(tmp_path_factory.mktemp("incremental"), WarmDbt())


def test_day_by_day_it_comes_to_the_same(builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(builds.goes_on.home))
    company = builds.company
    last = datetime.fromisoformat(golden.AS_OF)
    company.come(0.7)
    assert builds.build(last - timedelta(days=DAYS)) == rebuild.EVERYTHING
    for day in range(1, DAYS):
        company.load += 1
        company.come(1 / (DAYS + 1 - day))
        company.swap(0.01)
        assert builds.build(last - timedelta(days=DAYS - day)) == rebuild.TOUCHED
    assert builds.differences(last - timedelta(days=1)) == []

    # A build that is killed, and a source that takes everything back.
    company.load += 1
    former = company.swap(0.02)
    builds.build(last, "+fct_stage_transitions", ends=False)
    company.load += 1
    for table, row in reversed(former):
        company.put(table, row)
    company.come(1)
    assert builds.build(last, "*") == rebuild.AGAIN
    assert builds.differences(last, "*") == []
