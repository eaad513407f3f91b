"""What is built where something changed is what is built of everything, row by row.

The golden company is not there at once: day by day rows come, late and in any order, others are
replaced by what another row of their table says, whatever that is of, or go and come again:
statuses, groups, projects and labels are called something else, items move and have other parents,
teams and pasts. It need not make sense, it has to come to the same, in every published table. In
the end all is as it ever was, and so is what was built: as the golden company at once.

    DAYS=30 SEED=1 pytest tests/flow/test_incremental.py    # days of all kinds, held against a full
                                                            # build every fifth day
"""

import json
import os
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extract.sources import SOURCES
from orchestration import changes, rebuild
from orchestration.cutoff import Cutoff
from tests.benchmarks.sameness import differences
from tests.flow import golden, scratch
from tests.flow.warm_dbt import WarmDbt

TABLES = {(name, table.name): table for name, source in SOURCES.items() for table in source.tables}
DAYS = int(os.environ.get("DAYS", "0"))
SEED = int(os.environ.get("SEED", "13"))
EVERY, CHAIN = "*", "+config.materialized:incremental"
"""What is built. Without DAYS the first day makes what goes on; every other table is made of it."""


class Company:
    """The raw rows as they are today."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.load = 0
        self.rows: dict[tuple[str, str], dict[tuple, dict[str, Any]]] = defaultdict(dict)
        self.ever: dict[tuple[str, str], dict[tuple, dict[str, Any]]] = defaultdict(dict)
        self.later = [
            (table, row) for table, rows in scratch.merged(golden.ITEMS).items() for row in rows
        ]
        for table, row in self.later:
            self.ever[table][self.key(table, row)] = row
        self.chance.shuffle(self.later)

    @staticmethod
    def key(table: tuple[str, str], row: dict[str, Any]) -> tuple:
        """Return what a load knows a row by."""
        return tuple(row.get(column) for column in TABLES[table].key)

    def come(self, share: float) -> None:
        """Let a share of the rows come that are not there yet."""
        for _ in range(round(len(self.later) * share)):
            table, row = self.later.pop()
            self.put(table, row)

    def put(self, table: tuple[str, str], row: dict[str, Any]) -> None:
        """Write a row, as a load does: as a whole."""
        self.rows[table][self.key(table, row)] = {**row, "_dlt_load_id": f"load {self.load}"}

    def go(self, share: float) -> None:
        """Let a share of the rows be no more; they come again some day."""
        for table, rows in self.rows.items():
            for key in self.chance.sample([*rows], round(len(rows) * share)):
                self.later.append((table, rows.pop(key)))
        self.chance.shuffle(self.later)

    def be_as_ever(self) -> None:
        """Let every row of the golden company be there, as it is at once."""
        for table, rows in self.rows.items():
            for key, row in [*rows.items()]:
                if key not in self.ever[table]:
                    del rows[key]
                elif {**row, "_dlt_load_id": ""} != {**self.ever[table][key], "_dlt_load_id": ""}:
                    self.put(table, self.ever[table][key])
        self.come(1)

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

    def written(self) -> scratch.Rows:
        """Return the rows as `write_raw` wants them."""
        return {table: list(rows.values()) for table, rows in self.rows.items()}


class Builds:
    """A warehouse that goes on day by day, and one that is made anew."""

    def __init__(self, home: Path, like: scratch.ScratchWarehouse, dbt: WarmDbt) -> None:
        self.goes_on, self.anew = (
            scratch.ScratchWarehouse(home / name, "") for name in ("goes_on", "anew")
        )
        self.like, self.dbt = like, dbt
        self.company = Company()
        self.inputs: dict[str, str] = {}
        self.spared: set[str] = set()
        shutil.copytree(like.project, self.goes_on.project)  # parsed
        (home / "anew").mkdir()

    def build(
        self, as_of: datetime, models: str = EVERY, *, reads: bool = True, ends: bool = True
    ) -> str:
        """Build a day as a refresh does, and return what it made anew."""
        home, project = self.goes_on.home, self.goes_on.project
        if reads:
            scratch.write_raw(home / "raw", self.company.written())
        manifest = json.loads((project / "target" / "manifest.json").read_text())
        now = changes.present_inputs(manifest, str(as_of), "golden")
        reasons = changes.reasons(manifest, self.inputs, now)
        wanted = changes.to_build(manifest, reasons) or set()
        cutoff = Cutoff(manifest["parent_map"], reasons, ()) if wanted else None
        made_by = rebuild.definitions(manifest, project)
        how = rebuild.begin(home / "build.duckdb", made_by, as_of, everything=False)
        self.inputs = {}
        told = {"FLOWHOUSE_REBUILD": how}
        left_out = self._dbt(self.goes_on, as_of, models, cutoff, told)
        self.spared = {key.split(".")[-1] for key in wanted.intersection(left_out)}
        if ends:
            rebuild.end(home / "build.duckdb")
            self.inputs = now
        return how

    def seeds_are_as_ever(self) -> None:
        """Take back what became of seeds."""
        seeds = self.goes_on.project / "seeds"
        shutil.rmtree(seeds)
        shutil.copytree(self.like.project / "seeds", seeds)

    def differences(self, as_of: datetime) -> list[str]:
        """Build all of the same rows anew, and compare."""
        for name in ("raw", "project"):
            shutil.rmtree(self.anew.home / name, ignore_errors=True)
            shutil.copytree(self.goes_on.home / name, self.anew.home / name)
        self._dbt(self.anew, as_of, EVERY)
        return differences(self.goes_on.home / "build.duckdb", self.anew.home / "build.duckdb")

    def _dbt(
        self,
        of: scratch.ScratchWarehouse,
        as_of: datetime,
        models: str,
        cutoff: Cutoff | None = None,
        settings: dict[str, str] | None = None,
    ) -> list[str]:
        words = ["build", "--select", models, "--exclude-resource-type", "test", "unit_test"]
        words.append("--no-write-json")  # what it built is looked at, not what it says of it
        told = {**of.environment, "FLOWHOUSE_AS_OF": str(as_of), **(settings or {})}
        return self.dbt.run(of.project, words, told, cutoff)


@pytest.fixture(scope="module")
def builds(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Builds:
    return Builds(tmp_path_factory.mktemp("incremental"), golden_warehouse, WarmDbt())


LAST = datetime.fromisoformat(golden.AS_OF)


def rows_change(builds: Builds, as_of: datetime) -> None:
    """Most days."""
    builds.company.swap(0.01)
    builds.build(as_of)


def rows_go(builds: Builds, as_of: datetime) -> None:
    """Some come again."""
    builds.company.go(0.02)
    builds.build(as_of)


def a_day_of_all(builds: Builds, as_of: datetime) -> None:
    """Rows come, go and change, and a build that saw others of them is killed."""
    builds.company.go(0.02)
    a_build_is_killed(builds, as_of)


def time_passes(builds: Builds, as_of: datetime) -> None:
    """Nothing is read: what is open ages, and what nothing happens to stays."""
    builds.build(as_of - timedelta(minutes=1))
    builds.build(as_of - timedelta(seconds=59), reads=False)
    assert {"fct_status_transitions", "fct_changes"} <= builds.spared
    assert not {"fct_stage_visits", "metric_wip"} & builds.spared
    assert builds.build(as_of, reads=False) == rebuild.TOUCHED


def a_build_is_killed(builds: Builds, as_of: datetime) -> None:
    """The source takes all back that the killed build saw."""
    company = builds.company
    former = company.swap(0.02)
    builds.build(as_of, "+fct_stage_transitions", ends=False)
    company.load += 1
    for table, row in reversed(former):
        company.put(table, row)
    assert builds.build(as_of) == rebuild.AGAIN


def a_person_is_forgotten(builds: Builds, as_of: datetime) -> None:
    """No load tells of it."""
    people = ["ann", "bob", "robot"]
    known = builds.goes_on.home / "forgotten.txt"
    done = known.read_text().split() if known.exists() else []
    builds.company.erase(people[len(done) % 3])
    known.write_text("\n".join([*done, f"{people[len(done) % 3]}{len(done)}"]))
    assert builds.build(as_of) == rebuild.EVERYTHING


def a_status_means_something_else(builds: Builds, as_of: datetime) -> None:
    """The line of a status gets the stage of another one of its workflow."""
    seed = builds.goes_on.project / "seeds" / "defaults" / "status_stages.csv"
    header, *lines = seed.read_text().splitlines()
    workflow, stage = (header.split(",").index(name) for name in ("workflow", "stage"))
    one = builds.company.chance.randrange(len(lines))
    cells = lines[one].split(",")
    same = [
        line.split(",")[stage] for line in lines if line.split(",")[workflow] == cells[workflow]
    ]
    cells[stage] = builds.company.chance.choice([other for other in same if other != cells[stage]])
    seed.write_text("\n".join([header, *lines[:one], ",".join(cells), *lines[one + 1 :]]) + "\n")
    assert builds.build(as_of) == rebuild.EVERYTHING


def hours_change(builds: Builds, as_of: datetime) -> None:
    """Somebody begins a minute later."""
    seed = builds.goes_on.project / "seeds" / "golden" / "calendars.csv"
    minute = builds.company.load % 60
    seed.write_text(re.sub(r",0?9:\d\d,", f",09:{minute:02},", seed.read_text(), count=1))
    assert builds.build(as_of) == rebuild.EVERYTHING


def the_past_is_asked_for(builds: Builds, as_of: datetime) -> None:
    """As of three days before."""
    assert builds.build(as_of - timedelta(days=3)) == rebuild.EVERYTHING


EVENTS = [
    rows_go, time_passes, a_build_is_killed, a_person_is_forgotten, a_status_means_something_else,
    hours_change, the_past_is_asked_for,
]  # fmt: skip


@pytest.mark.timeout(0 if DAYS else 900)
def test_day_by_day_it_comes_to_the_same(
    builds: Builds, golden_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(builds.goes_on.home))
    monkeypatch.setattr(changes, "DBT_PROJECT", builds.goes_on.project)
    company = builds.company
    days: list[Callable] = [a_day_of_all]
    dates = [datetime(2024, 4, 14), LAST - timedelta(days=1)]  # owners change in between
    if DAYS:
        others = [rows_change] * 7 + EVENTS
        days = [*EVENTS, *(company.chance.choice(others) for _ in range(DAYS - len(EVENTS)))]
        company.chance.shuffle(days)
        dates = [LAST - timedelta(days=2 + 90 * no // DAYS) for no in range(DAYS, -1, -1)]
    company.come(0.7)
    assert builds.build(dates[0], EVERY if DAYS else CHAIN) == rebuild.EVERYTHING
    for no, (day, as_of) in enumerate(zip(days, dates[1:], strict=True), 1):
        company.load += 1
        company.come(1 / (len(days) + 1 - no))
        day(builds, as_of)
        if DAYS and no % 5 == 0 and day is not the_past_is_asked_for:
            assert builds.differences(as_of) == [], [done.__name__ for done in days[:no]]
    if DAYS:
        builds.seeds_are_as_ever()
        company.swap(0.01)
        builds.build(LAST - timedelta(days=1))
    company.load += 1
    company.be_as_ever()
    assert builds.build(LAST) == rebuild.TOUCHED
    assert builds.spared
    assert differences(builds.goes_on.home / "build.duckdb", golden_build) == []


def test_builds_go_on_only_from_what_the_same_definitions_made(tmp_path: Path) -> None:
    build, day = tmp_path / "build.duckdb", timedelta(days=1)

    def begin(made_by: str, as_of: datetime, *, everything: bool = False) -> str:
        return rebuild.begin(build, made_by, as_of, everything=everything)

    assert begin("a", LAST) == rebuild.EVERYTHING  # nothing is there
    assert begin("a", LAST) == rebuild.EVERYTHING  # the first one did not end
    rebuild.end(build)
    assert begin("a", LAST) == rebuild.TOUCHED
    assert begin("a", LAST + 2 * day) == rebuild.AGAIN
    assert begin("a", LAST + day) == rebuild.EVERYTHING  # some tables are of a later day
    rebuild.end(build)
    assert begin("b", LAST + day) == rebuild.EVERYTHING
    assert begin("a", LAST + day) == rebuild.EVERYTHING  # some tables may be of the others
    rebuild.end(build)
    assert begin("a", LAST + day, everything=True) == rebuild.EVERYTHING
    rebuild.end(build)
    assert begin("a", LAST) == rebuild.EVERYTHING
    rebuild.end(build)
    assert begin("a", LAST) == rebuild.TOUCHED


def test_definitions_are_all_that_decides_about_the_rows(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    project = tmp_path / "project"
    shutil.copytree(golden_warehouse.project, project)
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    known = {rebuild.definitions(manifest, project)}
    for file, is_one in {
        "seeds/golden/scopes.csv": True,
        "seeds/golden/wip_limits.csv": False,
        "models/intermediate/int_work_item_versions.sql": True,
        "models/metrics/metric_wip.sql": False,
        "models/marts/fct_stage_visits.yml": True,
        "macros/valid_at.sql": True,
        "dbt_project.yml": True,
        "../forgotten.txt": True,
    }.items():
        with (project / file).open("a") as text:
            text.write("\n")
        assert (rebuild.definitions(manifest, project) not in known) == is_one, file
        known.add(rebuild.definitions(manifest, project))
    assert rebuild.definitions(manifest, project, '{"jira": "https://a.example"}') not in known
