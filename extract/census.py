"""The census: a complete listing of a scope, compared with what is loaded.

It repairs what windows cannot see: rows that an index showed too late, backdated updates, and rows
that vanished. A row is never removed: it gets a tombstone, and only after two runs missed it and a
read by its id did not find it.

Usage, where an object is read, after its windows are read:

    census = Census.of(NAME, INCIDENTS, "incident", version="concat(sys_mod_count, sys_updated_at)")
    if census.is_due(state, server_now):
        listed = {row_id: (version, scope), ...}        # the complete scope, read to its end
        findings = census.compare(listed)
        ... fetch `findings.wanted` (missing, stale and restored ids) by id and yield them ...
        verdicts = {row_id: "deleted" | "archived" | ... for row_id in findings.suspects}
        yield TOMBSTONES, TOMBSTONES.mixed(census.settle(findings, verdicts, server_now))
        census.note(run, findings)
        census.close(state, server_now)

What is loaded is read from the raw file before the load. The version is any text or number that
changes when the row does; versions are compared for equality. `TOMBSTONES = tombstones(endpoint)`
is one raw table per source and belongs in its TABLES. What is too large to be listed in every run
is listed once a day (`is_due`). `raw_store.rows` also serves the ledger of unfinished items: select
the ids whose state is not final, and read those by id, however old they are.
"""

from collections import Counter
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from extract import raw_store
from extract.run import LoadRun
from extract.tables import TEXT, TIMESTAMP, RawTable

MISSED = "missed"
"""A row that one census lacked; the next one decides."""

PRESENT = "present"
"""A row that came back."""

GONE = ("deleted", "moved", "archived", "no_access", "unknown")
"""What a read by id can say of a row that two censuses lacked."""

ALWAYS_UP_TO = 25_000
"""Scopes of this size are counted in every run, larger ones once a day."""

EVERY = timedelta(hours=20)
MOST_GONE, MOST_GONE_SHARE = 50, 0.02

Listed = Mapping[str, tuple[Any, str]]
"""Id → (version, scope)."""


def tombstones(endpoint: str) -> RawTable:
    """Return the raw table of a source's tombstones: one row per object and id ever missed."""
    return RawTable(
        "tombstones",
        endpoint,
        ("object", "id"),
        {
            "object": TEXT,
            "id": TEXT,
            "state": TEXT,
            "missed_at": TIMESTAMP,
            "gone_at": TIMESTAMP,
        },
    )


@dataclass
class Findings:
    """What a census found.

    Attributes:
        missing: Listed, and not loaded.
        stale: Listed in another version than loaded.
        restored: Listed again after a tombstone.
        missed: Not listed, for the first time.
        suspects: Not listed for the second time: to be read by id.
        losses: Scopes that shrank too much at once: scope → (not listed, loaded).
    """

    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    suspects: list[str] = field(default_factory=list)
    losses: dict[str, tuple[int, int]] = field(default_factory=dict)
    deleted: Counter[str] = field(default_factory=Counter)

    @property
    def wanted(self) -> list[str]:
        """Ids to fetch by id, each once."""
        return list(dict.fromkeys([*self.missing, *self.stale, *self.restored]))


@dataclass
class Census:
    """What is loaded of one object, and which of its rows were missed before.

    Attributes:
        object: Name of the raw table.
        known: What is loaded: id → (version, scope).
        marks: Tombstones so far: id → (state, missed at, gone at).
    """

    object: str
    known: dict[str, tuple[Any, str]]
    marks: dict[str, tuple[str, datetime | None, datetime | None]]

    @classmethod
    def of(
        cls,
        source: str,
        table: RawTable,
        scope: str = "",
        *,
        version: str = "epoch_ms(updated_at)",
        where: str = "true",
    ) -> "Census":
        """Read from the raw file what is loaded; rows of a load that was cut off have no version.

        Args:
            source: Name of the source.
            table: The raw table; its key is one column.
            scope: Only rows of this scope; empty takes all.
            version: SQL expression that changes when the row does.
            where: SQL condition of the rows that the census of the source can list.
        """
        [key] = table.key
        known = raw_store.rows(
            source,
            f"select {key}, case when {raw_store.committed(source)} then {version} end, _scope "
            f"from {source}.{table.name} where ({where}) and ($scope = '' or _scope = $scope)",
            scope=scope,
        )
        marks = raw_store.rows(
            source,
            "select id, state, epoch_ms(missed_at), epoch_ms(gone_at) "
            f"from {source}.tombstones where object = $object",
            object=table.name,
        )
        return cls(
            table.name,
            {row_id: (version, part) for row_id, version, part in known},
            {
                row_id: (state, _moment(missed), _moment(gone))
                for row_id, state, missed, gone in marks
            },
        )

    def is_due(self, state: MutableMapping, server_now: datetime) -> bool:
        """Whether to take the census in this run: always, or daily where the scope is large."""
        last = state.get("census_at", {}).get(self.object)
        return (
            len(self.known) <= ALWAYS_UP_TO
            or last is None
            or server_now - datetime.fromisoformat(last) >= EVERY
        )

    def close(self, state: MutableMapping, server_now: datetime) -> None:
        """Remember that the census was taken; the mark is committed with the load."""
        state.setdefault("census_at", {})[self.object] = server_now.isoformat()

    def is_gone(self, row_id: str) -> bool:
        """Whether a row has a confirmed tombstone."""
        return row_id in self.marks and self.marks[row_id][0] in GONE

    def compare(self, listed: Listed, closed: Collection[str] = ()) -> Findings:
        """Compare a complete listing with what is loaded.

        A scope that lost more than 50 rows and 2 % at once, or all of them, lost its permission
        and not its rows: nothing of it is missed, it is reported. Scopes that the source itself
        calls `closed` (archived, deleted) may lose all.
        """
        found = Findings()
        for row_id, (version, _) in listed.items():
            if row_id not in self.known:
                found.missing.append(row_id)
            elif self.known[row_id][0] != version:
                found.stale.append(row_id)
            if row_id in self.marks and self.marks[row_id][0] != PRESENT:
                found.restored.append(row_id)
        live = Counter[str]()
        absent: dict[str, list[str]] = {}
        for row_id, (_, scope) in self.known.items():
            if self.is_gone(row_id):
                continue
            live[scope] += 1
            if row_id not in listed:
                absent.setdefault(scope, []).append(row_id)
        for scope, ids in absent.items():
            most = max(MOST_GONE, MOST_GONE_SHARE * live[scope])
            if scope not in closed and (len(ids) == live[scope] or len(ids) > most):
                found.losses[scope] = (len(ids), live[scope])
                continue
            for row_id in ids:
                state = self.marks.get(row_id, (PRESENT,))[0]
                (found.suspects if state == MISSED else found.missed).append(row_id)
        return found

    def settle(
        self, found: Findings, verdicts: Mapping[str, str], server_now: datetime
    ) -> list[tuple[str, dict[str, Any]]]:
        """Return (scope, row) of every tombstone that changes, and count the deleted per scope.

        Args:
            found: What the census found.
            verdicts: Suspect → one of GONE, or PRESENT where the read by id found it in its scope.
            server_now: The server's time.
        """
        rows = []
        for row_id in found.missed:
            rows.append(self._mark(row_id, MISSED, server_now, None))
        for row_id in found.restored:
            rows.append(self._mark(row_id, PRESENT, *self.marks[row_id][1:]))
        for row_id in found.suspects:
            verdict = verdicts.get(row_id, MISSED)
            gone_at = server_now if verdict in GONE else None
            rows.append(self._mark(row_id, verdict, self.marks[row_id][1], gone_at))
            if verdict == "deleted":
                found.deleted[self.known[row_id][1]] += 1
        return rows

    def _mark(
        self, row_id: str, state: str, missed_at: datetime | None, gone_at: datetime | None
    ) -> tuple[str, dict[str, Any]]:
        row = {"object": self.object, "id": row_id, "state": state}
        times = {"missed_at": missed_at, "gone_at": gone_at}
        return self.known.get(row_id, (None, ""))[1], {**row, **times, "payload": row}

    def note(self, run: LoadRun, found: Findings, way_out: str = "") -> None:
        """Write the census into the run's audits: the deleted rows, and the scopes that shrank.

        Args:
            run: The run of the load.
            found: What the census found.
            way_out: What to do when a scope is lost for good.
        """
        for scope, count in found.deleted.items():
            run.audit(self.object, scope=scope, deleted=count)
        for scope, (absent, live) in found.losses.items():
            run.audit(
                self.object,
                scope=scope,
                acl_gap=absent,
                status="incomplete",
                message="; ".join(
                    filter(
                        None,
                        (
                            f"permission_or_scope_loss: {absent:,} of {live:,} {self.object} are "
                            "not shown any more",
                            "none was marked as deleted",
                            way_out,
                        ),
                    )
                ),
            )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
