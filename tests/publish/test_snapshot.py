"""Publishing: whole versions only, old readers undisturbed, nothing but the public schemas."""

import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import duckdb
import pytest

from publish.snapshot import (
    drop_strangers,
    note_published,
    publish,
    standing,
    versions,
    will_change,
)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    path = tmp_path / "build.duckdb"
    with duckdb.connect(str(path)) as warehouse:
        for schema in ("staging", "marts", "metrics", "meta"):
            warehouse.execute(f"create schema {schema}")
        warehouse.execute("create table staging.secret as select 1 as payload")
        warehouse.execute("create table marts.dim_dates as select date '2026-01-01' as date_day")
        warehouse.execute("comment on table marts.dim_dates is 'One row per day, isn''t it.'")
        warehouse.execute("comment on column marts.dim_dates.date_day is 'The day.'")
    return path


def days(warehouse: duckdb.DuckDBPyConnection) -> list[tuple]:
    return warehouse.execute("select cast(date_day as varchar) from marts.dim_dates").fetchall()


def test_only_the_public_schemas_leave_with_their_descriptions(build: Path, tmp_path: Path) -> None:
    publish(build, tmp_path / "published")
    link = tmp_path / "published" / "warehouse.duckdb"
    with duckdb.connect(str(link), read_only=True) as published:
        tables = published.execute("select schema_name, table_name, comment from duckdb_tables()")
        assert tables.fetchall() == [("marts", "dim_dates", "One row per day, isn't it.")]
        columns = published.execute("select column_name, comment from duckdb_columns()")
        assert ("date_day", "The day.") in columns.fetchall()


def test_a_reader_keeps_its_version_while_the_next_one_is_published(
    build: Path, tmp_path: Path
) -> None:
    link = tmp_path / "published" / "warehouse.duckdb"
    publish(build, link.parent)
    with duckdb.connect(str(link), read_only=True) as reader:
        with duckdb.connect(str(build)) as warehouse:
            warehouse.execute("insert into marts.dim_dates values (date '2026-01-02')")
        publish(build, link.parent)
        assert days(reader) == [("2026-01-01",)]
        with duckdb.connect(str(link), read_only=True) as later:
            assert days(later) == [("2026-01-01",), ("2026-01-02",)]


def test_a_log_that_a_reader_left_behind_does_not_reach_the_next_version(
    build: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "published"
    first = publish(build, folder)
    Path(f"{first}.wal").write_bytes(b"left behind by somebody who wrote")
    publish(build, folder)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as published:
        assert days(published) == [("2026-01-01",)]


def test_two_versions_are_kept_and_none_is_writable(build: Path, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    versions = [publish(build, folder) for _ in range(3)]
    assert sorted(folder.glob("warehouse-*.duckdb")) == versions[1:]
    assert os.stat(versions[-1]).st_mode & 0o777 == 0o444
    assert [path.name for path in folder.iterdir() if path.name.endswith((".draft", ".wal"))] == []


class Clock(datetime):
    """A clock that goes backwards by an hour each time it is asked."""

    asked = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        cls.asked += 1
        return datetime(2026, 10, 25, 3, tzinfo=tz) - timedelta(hours=cls.asked)


def test_a_clock_that_is_set_back_takes_no_version_away(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    old = folder / "warehouse-20270101T000000000000.duckdb"  # as names were before
    with duckdb.connect(str(old)) as former:
        former.execute("create table before as select 1 as number")
    (folder / "warehouse.duckdb").symlink_to(old.name)
    monkeypatch.setattr("publish.snapshot.datetime", Clock)
    published = [old]
    for _ in range(4):
        published.append(publish(build, folder))
        assert (folder / "warehouse.duckdb").resolve() == published[-1]
        assert versions(folder) == published[-2:]


def test_what_a_killed_publication_left_counts_for_nothing(build: Path, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    first = publish(build, folder)
    second = publish(build, folder)
    # Killed between the name and the link, while it wrote, and before the link was moved.
    orphan = folder / "warehouse-000003-20260101T000000000000.duckdb"
    orphan.write_bytes(second.read_bytes())
    (folder / ".warehouse-000003-20260101T000000000000.draft").write_bytes(b"half")
    (folder / ".warehouse.link").symlink_to(orphan.name)
    with duckdb.connect(str(second), read_only=True) as reader:
        third = publish(build, folder)
        assert days(reader) == [("2026-01-01",)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [second.name, third.name, "warehouse.duckdb"]
    )
    assert not first.exists()


def test_a_failed_publication_leaves_the_last_version(build: Path, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    first = publish(build, folder)
    with pytest.raises(duckdb.IOException):
        publish(tmp_path / "missing.duckdb", folder)
    assert (folder / "warehouse.duckdb").resolve() == first
    assert [path.name for path in folder.iterdir()].count(first.name) == 1


def test_a_table_that_no_model_makes_any_more_is_dropped(build: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create table metrics.metric_gone as select 1 as number")
        warehouse.execute("create table meta.quality_results as select 1 as failures")
    assert drop_strangers(build, {("marts", "dim_dates")}) == ["metrics.metric_gone"]
    publish(build, tmp_path / "published")
    link = tmp_path / "published" / "warehouse.duckdb"
    with duckdb.connect(str(link), read_only=True) as published:
        tables = published.execute("select table_name from duckdb_tables() order by 1").fetchall()
    assert tables == [("dim_dates",), ("quality_results",)]


def published_again(build: Path, folder: Path) -> Path:
    version = publish(build, folder, standing(build, folder))
    note_published(build, version)
    return version


def found(version: Path, what: str = "marts.dim_dates") -> list[tuple]:
    with duckdb.connect(str(version), read_only=True) as published:
        return published.execute(f"from {what}").fetchall()


@pytest.fixture
def folder(build: Path, tmp_path: Path) -> Path:
    """Published versions of a working warehouse whose models are a large table and two small."""
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create table marts.large as select range as n from range(1000)")
        warehouse.execute("comment on column marts.large.n is 'A number.'")
        warehouse.execute("create table metrics.gone as select 1 as n")
        warehouse.execute("create table meta.quality_results as select 'first' as refresh_id")
    published_again(build, tmp_path / "published")
    return tmp_path / "published"


def test_what_was_made_anew_is_published_anew_and_the_rest_as_it_was(
    build: Path, folder: Path
) -> None:
    will_change(build, [("marts", "dim_dates"), ("metrics", "fresh"), ("staging", "secret")])
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create or replace table marts.dim_dates as select 1 as day_number")
        warehouse.execute("comment on column marts.dim_dates.day_number is 'Another one.'")
        warehouse.execute("create table metrics.fresh as select 2 as n")
        warehouse.execute("drop table metrics.gone")
        warehouse.execute("insert into meta.quality_results values ('second')")
        # Nobody says that it changed: it is not read again.
        warehouse.execute("update marts.large set n = -n")
    assert standing(build, folder) == {("marts", "large")}
    version = published_again(build, folder)
    assert found(version) == [(1,)] and found(version, "metrics.fresh") == [(2,)]
    assert found(version, "meta.quality_results") == [("first",), ("second",)]
    assert found(version, "(select sum(n) from marts.large)") == [(499_500,)]
    assert {name for (name,) in found(version, "(select table_name from duckdb_tables())")} == {
        "dim_dates", "large", "fresh", "quality_results"
    }  # fmt: skip
    comments = found(version, "(select comment from duckdb_columns() where comment is not null)")
    assert sorted(comments) == [("A number.",), ("Another one.",)]
    assert list(folder.glob("*.wal")) == list(folder.glob(".*")) == []


def test_all_is_published_anew_where_nobody_knows_what_changed(build: Path, folder: Path) -> None:
    models = {("marts", "large"), ("marts", "dim_dates"), ("metrics", "gone")}
    assert standing(build, folder) == models
    will_change(build, [])
    assert standing(build, folder) == models
    publish(build, folder)  # as `forget` does
    assert standing(build, folder) == set()
    published_again(build, folder)
    assert standing(build, folder) == models
    will_change(build, None)
    assert standing(build, folder) == set()


def test_a_build_that_was_killed_is_published_with_what_it_had_made(
    build: Path, folder: Path
) -> None:
    will_change(build, [("marts", "dim_dates")])
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("insert into marts.dim_dates values (date '2026-01-02')")
    # Killed here; the next one makes something else, and fails; the third one does nothing.
    will_change(build, [("metrics", "gone")])
    will_change(build, [])
    assert standing(build, folder) == {("marts", "large")}
    assert len(found(published_again(build, folder))) == 2


def test_where_most_has_changed_all_is_written_anew(build: Path, folder: Path) -> None:
    will_change(build, [("marts", "large")])
    assert standing(build, folder) == set()
