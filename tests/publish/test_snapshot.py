"""Publishing: whole versions only, old readers undisturbed, nothing but the public schemas."""

import os
import shutil
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import duckdb
import pytest

from publish import snapshot
from publish.facts import OWN_TABLES
from publish.snapshot import (
    drop_strangers,
    linked,
    note_published,
    number_of,
    parquet_of,
    publish,
    roll_back,
    rolled_back,
    standing,
    stands_again,
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
        assert {row[:2]: row[2] for row in tables.fetchall() if row[:2] not in OWN_TABLES} == {
            ("marts", "dim_dates"): "One row per day, isn't it."
        }
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
    versions = [publish(build, folder, kept=2) for _ in range(3)]
    assert sorted(folder.glob("warehouse-*.duckdb")) == versions[1:]
    assert sorted(folder.glob("parquet-*")) == [parquet_of(version) for version in versions[1:]]
    assert os.stat(versions[-1]).st_mode & 0o222 == 0
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
        published.append(publish(build, folder, kept=2))
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
    for name in ("parquet-000003-20260101T000000000000", ".parquet-000003-20260101T000000000000"):
        (folder / name / "marts").mkdir(parents=True)
        (folder / name / "marts" / "dim_dates.parquet").write_bytes(b"half")
    with duckdb.connect(str(second), read_only=True) as reader:
        third = publish(build, folder, kept=2)
        assert days(reader) == [("2026-01-01",)]
    assert third.name.startswith("warehouse-000003-") and third != orphan
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [
            *(version.name for version in (second, third)),
            *(parquet_of(version).name for version in (second, third)),
            "warehouse.duckdb",
            "parquet",
        ]
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
        tables = published.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    assert {*tables} - OWN_TABLES == {("marts", "dim_dates"), ("meta", "quality_results")}


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


def test_rebuilt_tables_are_published_again_and_the_rest_as_it_was(
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
    tables = {name for (name,) in found(version, "(select table_name from duckdb_tables())")}
    assert tables - {name for _, name in OWN_TABLES} == {
        "dim_dates", "large", "fresh", "quality_results"
    }  # fmt: skip
    assert {path.stem for path in (folder / "parquet").rglob("*.parquet")} == tables
    assert parquet(folder, "metrics/fresh") == [(2,)]
    comments = found(
        version,
        "(select comment from duckdb_columns() where comment <> '' and schema_name = 'marts')",
    )
    assert sorted(comments) == [("A number.",), ("Another one.",)]
    assert list(folder.glob("*.wal")) == list(folder.glob(".*")) == []


def test_what_came_out_as_it_was_stands_as_before(build: Path, folder: Path) -> None:
    version = (folder / "warehouse.duckdb").resolve().name
    stood = will_change(build, [("marts", "large"), ("metrics", "gone"), ("metrics", "fresh")])
    assert sorted(stood) == [(version, "marts", "large"), (version, "metrics", "gone")]
    assert standing(build, folder) == {("marts", "dim_dates")}
    stands_again(build, [row for row in stood if row[2] == "large"])
    assert standing(build, folder) == {("marts", "dim_dates"), ("marts", "large")}
    stands_again(build, [])
    stood = will_change(build, None)
    assert {row[1:] for row in stood} == {("marts", "dim_dates"), ("marts", "large")}
    assert will_change(build, None) == []


def test_everything_is_published_again_where_changes_are_unknown(build: Path, folder: Path) -> None:
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


def test_where_most_has_changed_all_is_written_again_but_for_parquet(
    build: Path, folder: Path
) -> None:
    will_change(build, [("marts", "large")])
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("update marts.large set n = -n")
        warehouse.execute("update marts.dim_dates set date_day = date '1999-01-01'")
    before = (folder / "parquet").resolve()
    version = published_again(build, folder)
    assert found(version) == [(datetime(1999, 1, 1).date(),)]  # nobody said that it had changed
    assert parquet(folder, "marts/dim_dates") == [(datetime(2026, 1, 1).date(),)]
    assert found(version, "(select sum(n) from marts.large)") == [(-499_500,)]
    assert parquet(folder, "marts/large", "sum(n)") == [(-499_500,)]
    assert inode(folder / "parquet", "marts/dim_dates") == inode(before, "marts/dim_dates")
    assert inode(folder / "parquet", "marts/large") != inode(before, "marts/large")


def parquet(folder: Path, table: str, what: str = "*") -> list[tuple]:
    with duckdb.connect() as reader:
        return reader.execute(
            f"select {what} from '{folder}/parquet/{table}.parquet' order by 1"
        ).fetchall()


def inode(folder: Path, table: str) -> int:
    return (folder / f"{table}.parquet").stat().st_ino


def test_the_tables_lie_beside_the_file_as_parquet(build: Path, folder: Path) -> None:
    assert (folder / "parquet").resolve() == parquet_of((folder / "warehouse.duckdb").resolve())
    link = folder / "warehouse.duckdb"
    for schema, table in found(link, "(select schema_name, table_name from duckdb_tables())"):
        rows = sorted(found(link, f"{schema}.{table}"), key=repr)
        assert sorted(parquet(folder, f"{schema}/{table}"), key=repr) == rows
    file = folder / "parquet" / "marts" / "large.parquet"
    assert os.stat(file).st_mode & 0o222 == 0
    old = (folder / "parquet").resolve()
    will_change(build, [])
    published_again(build, folder)
    assert (folder / "parquet").resolve() != old
    assert inode(folder / "parquet", "marts/large") == inode(old, "marts/large")


def test_without_hard_links_what_stays_is_copied(
    build: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not on this file system")

    monkeypatch.setattr("publish.snapshot.os.link", refuse)
    old = (folder / "parquet").resolve()
    published_again(build, folder)
    assert inode(folder / "parquet", "marts/large") != inode(old, "marts/large")
    assert parquet(folder, "marts/large", "count(*)") == [(1_000,)]


def numbered(folder: Path) -> list[int]:
    return [number_of(version) for version in versions(folder)]


def test_readers_are_given_an_older_version_and_the_next_publication_is_a_new_one(
    build: Path, folder: Path
) -> None:
    for day in (2, 3):
        will_change(build, [("marts", "dim_dates")])
        with duckdb.connect(str(build)) as warehouse:
            warehouse.execute(f"insert into marts.dim_dates values (date '2026-01-0{day}')")
        published_again(build, folder)
    assert numbered(folder) == [1, 2, 3] and rolled_back(folder) is None
    roll_back(folder, versions(folder)[1])
    link = folder / "warehouse.duckdb"
    assert len(found(link)) == len(parquet(folder, "marts/dim_dates")) == 2
    back = rolled_back(folder)
    assert (back["from"], back["to"]) == (versions(folder)[2].name, versions(folder)[1].name)
    # What stands in the working warehouse stands in no version that readers have.
    assert standing(build, folder) == set()
    roll_back(folder, versions(folder)[0])
    assert rolled_back(folder)["from"] == versions(folder)[2].name
    with duckdb.connect(str(link), read_only=True) as reader:
        last = publish(build, folder, kept=2)
        assert len(days(reader)) == 1
    # The one that readers had stays, whatever is younger.
    assert numbered(folder) == [1, 4] and linked(folder) == last
    assert rolled_back(folder) is None and len(found(link)) == 3
    assert found(link, "(select version_no, previous_version_no from meta.publications)") == [
        (1, None), (4, 1)
    ]  # fmt: skip


def test_readers_are_given_the_newest_version_again(build: Path, folder: Path) -> None:
    last = published_again(build, folder)
    roll_back(folder, versions(folder)[0])
    published_again(build, folder)
    assert numbered(folder) == [1, 2, 3]  # 2 was taken from readers, and is there to look at
    roll_back(folder, last)
    roll_back(folder, versions(folder)[2])
    assert rolled_back(folder) is None and not (folder / "rolled_back.json").exists()


@pytest.mark.parametrize("note", ["", "[]", "{", '{"to": "warehouse-000001-x.duckdb"}'])
def test_a_rollback_that_was_killed_or_a_note_that_is_none_changes_nothing(
    folder: Path, note: str
) -> None:
    (folder / "rolled_back.json").write_text(note)
    assert rolled_back(folder) is None


def test_a_version_from_before_there_was_parquet_has_no_link_to_it(
    build: Path, folder: Path
) -> None:
    shutil.rmtree(parquet_of(versions(folder)[0]))
    published_again(build, folder)
    roll_back(folder, versions(folder)[0])
    assert not (folder / "parquet").is_symlink()
    publish(build, folder)
    assert parquet(folder, "marts/large", "count(*)") == [(1_000,)]


def test_a_person_who_is_erased_is_in_no_version_and_no_parquet(build: Path, folder: Path) -> None:
    for _ in range(3):
        published_again(build, folder)
    publish(build, folder, kept=1)
    assert numbered(folder) == [5]
    assert [path.name for path in folder.glob("parquet-*")] == [
        parquet_of(versions(folder)[0]).name
    ]


def test_a_publication_takes_no_more_memory_than_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB would take four fifths of the machine's: of a million items 7 GB."""
    seen = []

    def asked(folder: Path) -> duckdb.DuckDBPyConnection:
        link = opened(folder)
        seen.append(
            link.execute(
                "select current_setting('memory_limit'), current_setting('temp_directory')"
            ).fetchone()
        )
        return link

    opened = snapshot._opened
    monkeypatch.setattr(snapshot, "_opened", asked)
    monkeypatch.delenv("FLOWHOUSE_SPILL", raising=False)
    monkeypatch.setenv("FLOWHOUSE_MEMORY_LIMIT", "1GiB")
    build = tmp_path / "build.duckdb"
    with duckdb.connect(str(build)) as link:
        link.execute("create schema marts; create table marts.some as select 1 as one")
    folder = tmp_path / "published"
    snapshot.publish(build, folder)
    assert seen == [("1.0 GiB", str(folder / ".warehouse.tmp"))] * 2
    # What a kill left there is gone with the next publication.
    (folder / ".warehouse.tmp").mkdir(exist_ok=True)
    (folder / ".warehouse.tmp" / "rest").write_text("")
    snapshot.publish(build, folder)
    assert not (folder / ".warehouse.tmp").exists()
