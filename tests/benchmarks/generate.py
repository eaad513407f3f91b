"""Makes the raw files of a company with any number of work items, as the extraction leaves them.

Of 100 items 60 are Jira issues with their histories, 25 pull requests of GitHub with commits,
reviews, events, runs, jobs and deployments, and 15 records of ServiceNow with their audit. What an
item is like is a hash of its number and a seed: no chance, no state, and no Python per row. The
company (streams, projects, repositories, services, people) is the same at every size: what compares
all items of a project or service with each other costs a hundred times more for ten times as many
items, and shows.

    python -m tests.benchmarks.generate FOLDER 10000
"""

import csv
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from extract.load import AUDIT_COLUMNS
from extract.sources import SOURCES
from extract.tables import BIGINT, BOOLEAN, TEXT, TIMESTAMP
from tests.flow.scratch import PROJECT

SQL = Path(__file__).with_name("sql")
SQL_TYPES = {
    TEXT: "varchar",
    BIGINT: "bigint",
    BOOLEAN: "boolean",
    TIMESTAMP: "timestamp with time zone",
}

AS_OF = datetime(2026, 1, 1, 6)
SEED = 20240229
CHUNK = 100_000
STREAMS, PROJECTS, REPOSITORIES, SERVICES, TEAMS = 12, 40, 60, 40, 30
SHARES = {"jira": 60, "github": 25, "servicenow": 15}

STATUSES = {
    "Backlog": "new",
    "Selected for Development": "new",
    "In Progress": "indeterminate",
    "Ready for Review": "indeterminate",
    "In Review": "indeterminate",
    "Ready for Test": "indeterminate",
    "In Test": "indeterminate",
    "Ready for Release": "indeterminate",
    "Done": "done",
    "Won't Do": "done",
}
CHOICES = {
    "incident": {
        "1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed",
        "8": "Canceled",
    },
    "change_request": {
        "-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement",
        "0": "Review", "3": "Closed", "4": "Canceled",
    },
    "problem": {
        "101": "New", "102": "Assess", "103": "Root Cause Analysis", "104": "Fix in Progress",
        "106": "Resolved", "107": "Closed",
    },
}  # fmt: skip


def as_of(loads: int) -> datetime:
    """Return the instant of a load: a day after the one before."""
    return AS_OF + timedelta(days=loads - 1)


class Generator:
    """Writes raw files into a folder, load by load."""

    def __init__(self, folder: Path, items: int = 0, loads: int = 0) -> None:
        """Open raw files: new ones, or those that hold so many items after so many loads."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.items = items
        self.loads = loads
        self.link = duckdb.connect()
        self.link.execute(
            f"""
            set TimeZone = 'UTC'; set threads = 2; set memory_limit = '2500MB';
            set temp_directory = '{folder / "spill"}'; set preserve_insertion_order = false
            """
        )
        self._set("seed", SEED)
        self._set("statuses", list(STATUSES))
        self._set("epic_statuses", ["Backlog", "Selected for Development", "In Progress"])
        self.link.execute((SQL / "macros.sql").read_text())
        for source in SOURCES:
            path = folder / f"raw_{source}.duckdb"
            if not loads:
                path.unlink(missing_ok=True)
            self.link.execute(f"attach '{path}' as raw_{source}")
        if not loads:
            self._create_tables()

    def _create_tables(self) -> None:
        for source, module in SOURCES.items():
            self.link.execute(f"create schema raw_{source}.{source}")
            tables = {table.name: table.all_columns for table in module.tables}
            for name, columns in {**tables, "load_audits": AUDIT_COLUMNS}.items():
                typed = ", ".join(
                    f'"{column}" {SQL_TYPES[kind]}' for column, kind in columns.items()
                )
                self.link.execute(
                    f"create table raw_{source}.{source}.{name} ({typed}, _dlt_load_id varchar)"
                )

    def __enter__(self) -> "Generator":
        """Return the open generator."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the files out and let them go."""
        for source in SOURCES:
            self.link.execute(f"checkpoint raw_{source}")
        self.link.close()
        shutil.rmtree(self.folder / "spill", ignore_errors=True)

    def _set(self, name: str, value: object) -> None:
        self.link.execute(f"set variable {name} = $value", {"value": value})

    def _begin_load(self) -> None:
        self.loads += 1
        self._set("load_id", f"{1_795_000_000 + self.loads}.0")
        self._set("fetched_at", as_of(self.loads))
        self._set("as_of", as_of(self.loads))
        self._set("since", as_of(self.loads - 1) if self.loads > 1 else None)

    def first_load(self, items: int) -> None:
        """Write a company with so many work items."""
        self._begin_load()
        self._write_settings()
        self._add(items)
        self._audit()

    def next_load(self, share: float) -> int:
        """Let a share of the items change or be new, a day later; return how many."""
        self._begin_load()
        wanted = round(self.items * share)
        new = max(wanted // 5, 20)
        before = self.items
        self._add(new)
        self._set("share", (wanted - new) / (before * SHARES["jira"] / 100))
        self.link.execute((SQL / "touch.sql").read_text())
        [(touched,)] = self.link.execute("select count(*) from touched").fetchall()
        self._audit()
        return touched + new

    def _add(self, items: int) -> None:
        """Add work items whose numbers go on where the last ones ended."""
        upto = self.items + items
        for source in ("jira", "github", "servicenow"):
            # A change names a deployment, a pull request an issue: of how many there are.
            self._set("issues", upto * SHARES["jira"] // 100)
            self._set("pulls", upto * SHARES["github"] // 100)
            first, last = (count * SHARES[source] // 100 for count in (self.items, upto))
            for begin in range(first, last, CHUNK):
                self._set("first", begin)
                self._set("last", min(begin + CHUNK, last))
                self.link.execute((SQL / f"{source}.sql").read_text())
        self.items = upto

    def _write_settings(self) -> None:
        """Write what the sources say of themselves: statuses, projects, services."""
        written = {
            ("jira", "statuses"): [
                {"id": str(10100 + no), "name": name, "category_key": category}
                for no, (name, category) in enumerate(STATUSES.items())
            ],
            ("jira", "projects"): [
                {"id": str(10000 + no), "key": f"P{no:02}", "name": f"Project {no:02}"}
                for no in range(PROJECTS)
            ],
            ("jira", "issue_types"): [
                {"id": "1", "name": "Story", "hierarchy_level": 0},
                {"id": "2", "name": "Epic", "hierarchy_level": 1},
            ],
            ("github", "repositories"): [
                {"id": str(no), "full_name": f"bench/repo-{no:02}", "default_branch": "main"}
                for no in range(REPOSITORIES)
            ],
            ("github", "environments"): [
                {"repository": f"bench/repo-{no:02}", "name": name, "id": f"{no}-{name}"}
                for no in range(REPOSITORIES)
                for name in ("staging", "production")
            ],
            ("servicenow", "services"): [
                {"sys_id": _sys_id(self.link, no, "service"), "name": f"service-{no:02}"}
                for no in range(SERVICES)
            ],
            ("servicenow", "groups"): [
                {"sys_id": _sys_id(self.link, no, "group"), "name": f"Team {no:02}"}
                for no in range(TEAMS)
            ],
            ("servicenow", "choices"): [
                {
                    "sys_id": f"{table}-{value}",
                    "table_name": table,
                    "element": "state",
                    "value": value,
                    "label": label,
                }
                for table, labels in CHOICES.items()
                for value, label in labels.items()
            ],
            ("servicenow", "sla_definitions"): [
                {"sys_id": _sys_id(self.link, no, "agreement"), "name": name}
                for no, name in enumerate(("First answer", "Solution"))
            ],
        }
        payloads = {
            "choices": '{"language":"en","inactive":"false"}',
            "sla_definitions": '{"type":"SLA","target":"resolution","duration":43200}',
        }
        for (source, table), rows in written.items():
            names = list(rows[0])
            columns = ", ".join([*names, "payload", "_scope", "_fetched_at", "_dlt_load_id"])
            marks = ", ".join("?" for _ in names)
            self.link.executemany(
                f"insert into raw_{source}.{source}.{table} ({columns}) values ({marks}, ?, '',"
                " getvariable('fetched_at'), getvariable('load_id'))",
                [[*row.values(), payloads.get(table, "{}")] for row in rows],
            )
        self.link.execute(
            """
            insert into raw_jira.jira.snapshots by name
            select
                'statuses' as object, id, getvariable('as_of') as seen_at,
                cast(to_json({'name': name, 'statusCategory': {'key': category_key}}) as varchar)
                    as payload,
                '' as _scope, getvariable('fetched_at') as _fetched_at,
                getvariable('load_id') as _dlt_load_id
            from raw_jira.jira.statuses
            """
        )

    def _audit(self) -> None:
        """Note of each object that this load has it all, as the extraction does."""
        for source, table in self.tables():
            self.link.execute(
                f"""
                insert into raw_{source}.{source}.load_audits by name
                select
                    '{source}-{table}-' || getvariable('load_id') as audit_key,
                    'bench' as refresh_id, '{source}' as source, '{table}' as object, '' as scope,
                    cast(getvariable('since') as timestamp) as window_from,
                    getvariable('as_of') as window_to,
                    count(*) as api_count, count(*) as extracted, count(*) as loaded,
                    0 as rejected, 0 as deleted, 0 as acl_gap, 'complete' as status,
                    '' as message, getvariable('as_of') as finished_at,
                    getvariable('load_id') as _dlt_load_id
                from raw_{source}.{source}.{table}
                where _dlt_load_id = getvariable('load_id')
                having count(*) > 0
                """
            )

    def tables(self) -> Iterator[tuple[str, str]]:
        """Return source and name of the raw tables."""
        for source, module in SOURCES.items():
            for table in module.tables:
                yield source, table.name

    def rows(self) -> dict[str, int]:
        """Return how many rows each raw table has that has any."""
        counts = {
            f"{source}.{table}": self.link.execute(
                f"select count(*) from raw_{source}.{source}.{table}"
            ).fetchall()[0][0]
            for source, table in self.tables()
        }
        return {name: count for name, count in counts.items() if count}


def _sys_id(link: duckdb.DuckDBPyConnection, number: int, purpose: str) -> str:
    return link.execute("select sys_id_of(?, ?)", [number, purpose]).fetchall()[0][0]


def write_project(to: Path) -> Path:
    """Copy the dbt project, with seeds that say who owns what in the generated company."""
    shutil.copytree(PROJECT, to, ignore=shutil.ignore_patterns("target", "logs"))
    seeds = to / "seeds" / "bench"
    shutil.copytree(to / "seeds" / "company", seeds)
    for calendar in ("calendars", "holidays", "increments"):
        shutil.copyfile(to / "seeds" / "demo" / f"{calendar}.csv", seeds / f"{calendar}.csv")
    zones = [("Europe/Berlin", "berlin"), ("America/New_York", "new_york"), ("UTC", "utc")]
    lines = {
        "value_streams": [
            [f"stream-{no:02}", f"Stream {no:02}", "core", *zones[no % 3], "", ""]
            for no in range(STREAMS)
        ],
        "teams": [
            [f"team-{no:02}", f"Team {no:02}", f"stream-{no % STREAMS:02}", "", ""]
            for no in range(TEAMS)
        ],
        "services": [
            [f"service-{no:02}", f"service-{no:02}", f"stream-{no % STREAMS:02}",
             f"team-{no % TEAMS:02}", "", ""]
            for no in range(SERVICES)
        ],
        # Two projects changed hands.
        "scopes": [
            ["jira", f"P{no:02}", f"stream-{no % STREAMS:02}", "", "", "", ""]
            for no in range(2, PROJECTS)
        ]
        + [
            line
            for no in range(2)
            for line in (
                ["jira", f"P{no:02}", f"stream-{no % STREAMS:02}", "", "", "", "2025-01-01"],
                ["jira", f"P{no:02}", f"stream-{no + 2:02}", "", "", "2025-01-01", ""],
            )
        ]
        + [
            ["github", f"bench/repo-{no:02}", f"stream-{no % SERVICES % STREAMS:02}",
             f"team-{no % TEAMS:02}", f"service-{no % SERVICES:02}", "", ""]
            for no in range(REPOSITORIES)
        ],
        "environments": [
            ["github", "production", "production", "Production", "production", "true"],
            ["github", "staging", "staging", "Staging", "staging", "false"],
        ],
        "wip_limits": [
            [f"stream-{no:02}", "software", "story", stage, 40, "", ""]
            for no in range(STREAMS)
            for stage in ("in_progress", "review", "test")
        ],
    }  # fmt: skip
    for name, rows in lines.items():
        path = seeds / f"{name}.csv"
        header = path.read_text().splitlines()[0].split(",")
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return to


def main() -> None:
    """Write the raw files and say what is in them."""
    folder, items = Path(sys.argv[1]), int(sys.argv[2])
    began, cpu = time.monotonic(), time.process_time()
    with Generator(folder) as generator:
        generator.first_load(items)
        for name, count in generator.rows().items():
            print(f"{name}: {count:,}")
    print(f"{time.monotonic() - began:.1f} s wall, {time.process_time() - cpu:.1f} s CPU")


if __name__ == "__main__":
    main()
