"""The census: what is missing, stale or gone, and what must never be taken for a deletion."""

from datetime import UTC, datetime
from typing import Any

import pytest

from extract import raw_store
from extract.census import Census, tombstones
from extract.run import LoadRun
from extract.tables import TEXT, TIMESTAMP, RawTable, resource

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 12, tzinfo=UTC)
ISSUES = RawTable("issues", "/x", ("id",), {"id": TEXT, "updated_at": TIMESTAMP})


def census_of(count: int, scope: str = "PAY", **marks: tuple) -> Census:
    return Census("issues", {str(i): (1, scope) for i in range(count)}, marks)


def listed(*ids: int, version: int = 1, scope: str = "PAY") -> dict[str, tuple]:
    return {str(i): (version, scope) for i in ids}


def states(census: Census, found: Any, verdicts: dict, now: datetime = NOON) -> dict[str, str]:
    return {row["id"]: row["state"] for _, row in census.settle(found, verdicts, now)}


def test_a_census_finds_what_is_missing_and_what_is_stale() -> None:
    census = census_of(100)
    found = census.compare({**listed(*range(99)), **listed(99, version=2), **listed(100, 101)})
    assert (found.missing, found.stale, found.missed) == (["100", "101"], ["99"], [])
    assert found.wanted == ["100", "101", "99"]


def test_a_row_is_gone_only_after_a_second_census_and_a_read_by_its_id() -> None:
    first = census_of(100)
    found = first.compare(listed(*range(1, 100)))
    assert (found.missed, found.suspects) == (["0"], [])
    [(scope, row)] = first.settle(found, {}, NOON)
    assert (scope, row["state"], row["missed_at"], row["gone_at"]) == ("PAY", "missed", NOON, None)

    second = Census("issues", first.known, {"0": ("missed", NOON, None)})
    found = second.compare(listed(*range(1, 100)))
    assert (found.missed, found.suspects) == ([], ["0"])
    [(_, row)] = second.settle(found, {"0": "deleted"}, LATER)
    assert (row["state"], row["missed_at"], row["gone_at"]) == ("deleted", NOON, LATER)
    assert found.deleted == {"PAY": 1}


@pytest.mark.parametrize("verdict", ["moved", "archived", "no_access", "unknown"])
def test_what_is_not_deleted_is_not_counted_as_deleted(verdict: str) -> None:
    census = census_of(100, **{"0": ("missed", NOON, None)})
    found = census.compare(listed(*range(1, 100)))
    assert states(census, found, {"0": verdict}) == {"0": verdict}
    assert found.deleted == {}


def test_without_a_verdict_a_suspect_stays_one() -> None:
    census = census_of(100, **{"0": ("missed", NOON, None)})
    assert states(census, census.compare(listed(*range(1, 100))), {}, LATER) == {"0": "missed"}


def test_a_gone_row_is_asked_for_once() -> None:
    census = census_of(100, **{"0": ("deleted", NOON, LATER)})
    found = census.compare(listed(*range(1, 100)))
    assert (found.missed, found.suspects, found.losses) == ([], [], {})


def test_x4_a_row_that_comes_back_loses_its_tombstone_and_is_read_again() -> None:
    census = census_of(100, **{"0": ("deleted", NOON, LATER), "1": ("missed", NOON, None)})
    found = census.compare(listed(*range(100)))
    assert found.wanted == ["0", "1"]
    assert states(census, found, {}) == {"0": "present", "1": "present"}
    again = census_of(100, **{"0": ("present", NOON, None)})
    assert again.compare(listed(*range(100))).wanted == []
    assert again.compare(listed(*range(1, 100))).missed == ["0"]


@pytest.mark.parametrize(
    ("live", "gone", "is_loss"),
    [(1000, 30, False), (1000, 50, False), (1000, 51, True), (1000, 300, True), (3, 3, True),
     (10_000, 200, False), (10_000, 201, True), (100, 49, False), (1, 1, True)],
)  # fmt: skip
def test_x3_a_scope_that_shrinks_too_much_at_once_is_a_loss_and_nothing_is_missed(
    live: int, gone: int, is_loss: bool
) -> None:
    found = census_of(live).compare(listed(*range(gone, live)))
    assert found.losses == ({"PAY": (gone, live)} if is_loss else {})
    assert len(found.missed) == (0 if is_loss else gone)


def test_x1_the_loss_of_one_scope_does_not_hide_the_deletions_of_another() -> None:
    census = Census(
        "issues", {**{str(i): (1, "PAY") for i in range(10)}, "a": (1, "EE"), "b": (1, "EE")}, {}
    )
    found = census.compare({"a": (1, "EE")})
    assert (found.losses, found.missed) == ({"PAY": (10, 10)}, ["b"])
    work = LoadRun("jira", "a-refresh")
    census.note(work, found)
    [audit] = work.audits
    assert (audit.scope, audit.status, audit.deleted) == ("PAY", "incomplete", 0)
    assert audit.message.startswith("permission_or_scope_loss: 10 of 10 issues")


def test_a_row_that_moved_to_another_scope_is_not_missed() -> None:
    census = census_of(2)
    found = census.compare({**listed(0), **listed(1, scope="EE")})
    assert (found.missed, found.losses) == ([], {})


def test_a_large_scope_is_counted_once_a_day_and_a_small_one_always() -> None:
    state: dict = {}
    large = census_of(25_001)
    assert large.is_due(state, NOON)
    large.close(state, NOON)
    assert not large.is_due(state, NOON.replace(hour=20))
    assert large.is_due(state, LATER)
    assert census_of(25_000).is_due(state, NOON)


def test_the_known_rows_and_the_tombstones_are_read_from_the_raw_file(home: Any) -> None:
    table = tombstones("/x")
    pipeline = raw_store.pipeline_for("jira")
    rows = [
        ("PAY", {"id": "1", "updated_at": NOON, "payload": {}}),
        ("EE", {"id": "2", "updated_at": LATER, "payload": {}}),
    ]
    pipeline.run(resource("issues", [ISSUES], lambda: [(ISSUES, ISSUES.mixed(rows))]))
    census = Census("issues", {"1": (0, "PAY"), **{str(i): (0, "PAY") for i in range(3, 9)}}, {})
    marks = census.settle(census.compare(listed(*range(3, 9), version=0)), {}, LATER)
    pipeline.run(resource("tombstones", [table], lambda: [(table, table.mixed(marks))]))
    read = Census.of("jira", ISSUES)
    milliseconds = [int(moment.timestamp() * 1000) for moment in (NOON, LATER)]
    assert read.known == {"1": (milliseconds[0], "PAY"), "2": (milliseconds[1], "EE")}
    assert read.marks == {"1": ("missed", LATER, None)}
    assert set(Census.of("jira", ISSUES, "EE").known) == {"2"}
