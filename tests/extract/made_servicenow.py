"""A made-up ServiceNow instance of any size, behind the demo company's server.

The rows are plain dicts that tests change as they like; the server applies queries, pages, access
rules and faults to them.
"""

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from demo.http import Clock, Faults, Server
from demo.servicenow import COLUMNS, PASSWORD, USER, ServiceNow, identifier

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
START = datetime(2025, 3, 1, tzinfo=UTC)
GROUPS = [identifier("group", number) for number in range(12)]
STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed"}
Row = dict[str, str]


def stamp(moment: datetime) -> str:
    """A moment as the Table API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


class Instance:
    """The tables and the server of one instance.

    Attributes:
        rows_of: Table → its rows.
        links: Whether references come as objects, whatever the client asks for.
        absent: Tables that are not installed.
    """

    def __init__(self) -> None:
        self.rows_of: dict[str, list[Row]] = defaultdict(list)
        self.by_document: dict[str, list[Row]] = {}
        self.clock = Clock(int(NOON.timestamp()))
        self.journal: list[tuple[str, str, str]] = []
        self.faults = Faults()
        self.api = MadeServiceNow(self)  # type: ignore[arg-type]
        self.links = False
        self.absent = {"rm_story", "ar_incident"}
        self.url = ""
        for table in ("incident", "task"):
            self.dictionary(table, "", audited=table == "incident")
            for column in (*COLUMNS["incident"],):
                self.dictionary(table, column)
        for value, label in STATES.items():
            self.rows_of["sys_choice"].append(
                {"sys_id": identifier("choice", value), "name": "incident", "element": "state",
                 "value": value, "label": label, "language": "en"}
            )  # fmt: skip

    def dictionary(self, table: str, column: str, audited: bool = False) -> None:
        """Add an entry of sys_dictionary."""
        self.rows_of["sys_dictionary"].append(
            {"sys_id": identifier("dictionary", table, column), "name": table, "element": column,
             "audit": str(audited).lower()}
        )  # fmt: skip

    @property
    def now(self) -> datetime:
        """The server's time."""
        return datetime.fromtimestamp(self.clock.now, UTC)

    def rows(self, table: str, now: int) -> list[Row]:
        """All rows of a table, as the server asks for them."""
        return self.rows_of[table]

    def audits(self, keys: list[str], now: int) -> list[Row]:
        """The audit rows of some documents, by an index as the real table has it."""
        if sum(map(len, self.by_document.values())) != len(self.rows_of["sys_audit"]):
            self.by_document = defaultdict(list)
            for row in self.rows_of["sys_audit"]:
                self.by_document[row["documentkey"]].append(row)
        return [row for key in dict.fromkeys(keys) for row in self.by_document.get(key, [])]

    def record(self, table: str, number: int, **values: str) -> Row:
        """Add a new record."""
        opened = START + timedelta(minutes=13 * number)
        row = {
            "sys_id": identifier(table, number), "number": f"INC{number:07d}",
            "sys_class_name": table, "state": "1", "active": "true", "priority": "3",
            "opened_at": stamp(opened), "sys_created_on": stamp(opened),
            "sys_updated_on": stamp(opened), "sys_mod_count": "0",
            "assignment_group": GROUPS[number % len(GROUPS)], **values,
        }  # fmt: skip
        self.rows_of[table].append(row)
        return row

    def update(self, row: Row, at: datetime, audited: bool = True, **values: str) -> None:
        """Change a record, and leave the audit rows of it."""
        count = int(row["sys_mod_count"]) + 1
        for field, new in values.items():
            if audited and row.get(field, "") != new:
                self.rows_of["sys_audit"].append({
                    "sys_id": identifier("audit", row["sys_id"], count, field),
                    "tablename": row["sys_class_name"], "documentkey": row["sys_id"],
                    "fieldname": field, "oldvalue": row.get(field, ""), "newvalue": new,
                    "user": "mia.example", "record_checkpoint": str(count),
                    "sys_created_on": stamp(at),
                })  # fmt: skip
        row |= values | {"sys_mod_count": str(count), "sys_updated_on": stamp(at)}

    def live(self, rng: random.Random, number: int) -> None:
        """Add an incident with the five or six changes of an ordinary life."""
        row = self.record("incident", number)
        at = START + timedelta(minutes=13 * number)
        for values in (
            {"assignment_group": rng.choice(GROUPS)},
            {"state": "2", "assigned_to": identifier("user", rng.randrange(300))},
            {"priority": rng.choice("12")},
            {"state": "6", "resolved_at": stamp(at + timedelta(hours=9))},
            {"state": "7", "active": "false", "closed_at": stamp(at + timedelta(hours=12))},
        ):
            at += timedelta(seconds=rng.randrange(60, 9000))
            audited = {k: v for k, v in values.items() if not k.endswith("_at") and k != "active"}
            self.update(row, at, **audited)
            row |= values

    def delete(self, table: str, sys_id: str, at: datetime, logged: bool = True) -> Row:
        """Take a record away."""
        [row] = [row for row in self.rows_of[table] if row["sys_id"] == sys_id]
        self.rows_of[table].remove(row)
        if logged:
            self.rows_of["sys_audit_delete"].append(
                {"sys_id": identifier("deleted", sys_id), "tablename": table,
                 "documentkey": sys_id, "sys_created_on": stamp(at), "user": "mia.example"}
            )  # fmt: skip
        return row

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the source."""
        return {
            "SOURCES__SERVICENOW__BASE_URL": self.url,
            "SOURCES__SERVICENOW__USER": USER,
            "SOURCES__SERVICENOW__PASSWORD": PASSWORD,
        }


class MadeServiceNow(ServiceNow):
    """The demo company's API over an instance."""

    tables: Instance  # type: ignore[assignment]

    def denied(self, table: str):
        """A table that is not installed is invalid."""
        return super().denied(f"no {table}" if table in self.tables.absent else table)

    def shown(self, request, table, rows):
        """References as objects where the instance insists."""
        if self.tables.links:
            request.query.pop("sysparm_exclude_reference_link", None)
        return super().shown(request, table, rows)


@contextmanager
def serving(instance: Instance) -> Iterator[Instance]:
    """Serve an instance until the block ends."""
    server = Server(instance.api, 0, instance.clock, instance.journal, instance.faults)
    instance.url = server.url
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield instance
    finally:
        server.shutdown()
        server.server_close()
