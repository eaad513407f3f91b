"""The views of a published file: on its own tables, with their descriptions, wherever it lies."""

import shutil
from pathlib import Path

import duckdb
import pytest

from publish.snapshot import (
    drop_strangers,
    note_published,
    publish,
    roll_back,
    standing,
    versions,
    will_change,
)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    path = tmp_path / "build.duckdb"
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute(
            """
            create schema marts; create schema metrics; create schema meta; create schema bi;
            create table marts.items as select 'PAY-1' as item_key, 86400 as wait_s;
            create table metrics.more as select range as n from range(9);
            create table metrics.large as select range as n from range(1000);
            create table meta.quality_results as select 'first' as refresh_id;
            create view "build"."bi"."work" as (
                -- A text is no name of a table, and a remark is nothing.
                with held as (select * from "build"."marts"."items")
                select item_key, cast(wait_s as double) / 86400 as wait_days, 'build.marts' as word
                from held
                where exists (select 1 from "build"."metrics"."more" as more where more.n = 3)
            );
            comment on view bi.work is 'One row per item, isn''t it.';
            comment on column bi.work.wait_days is 'Days.';
            create view "build"."bi"."q01_how_much" as (
                select count(*) as n from "build"."metrics"."more"
            );
            """
        )
    return path


def again(build: Path, folder: Path) -> Path:
    version = publish(build, folder, standing(build, folder))
    note_published(build, version)
    return version


@pytest.fixture
def folder(build: Path, tmp_path: Path) -> Path:
    again(build, tmp_path / "published")
    return tmp_path / "published"


def rows(file: Path, what: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as link:
        return link.execute(f"from {what}").fetchall()


WORK = [("PAY-1", 1.0, "build.marts")]


def test_views_read_the_tables_of_their_own_file(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "some name.duckdb"
    shutil.copyfile(folder / "warehouse.duckdb", moved)
    shutil.rmtree(folder)
    (tmp_path / "build.duckdb").unlink()
    assert rows(moved, "bi.work") == WORK
    with duckdb.connect() as link:
        link.execute(f"attach '{moved}' as other (read_only)")
        assert link.execute("from other.bi.work").fetchall() == WORK


def test_views_carry_their_descriptions(folder: Path) -> None:
    file = folder / "warehouse.duckdb"
    assert rows(file, "(select comment from duckdb_views() where view_name = 'work')") == [
        ("One row per item, isn't it.",)
    ]
    assert rows(
        file, "(select column_name, comment from duckdb_columns() where comment = 'Days.')"
    ) == [("wait_days", "Days.")]


def test_a_view_that_changed_is_published_and_one_that_is_gone_is_not(
    build: Path, folder: Path
) -> None:
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(
            "create or replace view bi.work as select 2 as two from build.marts.items"
        )
        warehouse.execute("create view bi.stranger as select 1 as one")
    known = {("marts", "items"), ("metrics", "more"), ("metrics", "large"), ("bi", "work")}
    gone = drop_strangers(build, known)
    assert gone == ["bi.q01_how_much", "bi.stranger"]
    version = again(build, folder)
    assert rows(version, "bi.work") == [(2,)]
    views = "(select view_name from duckdb_views() where not internal)"
    assert rows(version, views) == [("work",)]
    # Its tables were copied with the file, and no one read them again.
    assert rows(version, "(select count(*) from metrics.large)") == [(1000,)]


def test_a_view_reads_what_became_of_its_tables(build: Path, folder: Path) -> None:
    will_change(build, [("marts", "items")])
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("update marts.items set wait_s = 43200")
    assert rows(again(build, folder), "bi.work") == [("PAY-1", 0.5, "build.marts")]
    roll_back(folder, versions(folder)[0])
    assert rows(folder / "warehouse.duckdb", "bi.work") == WORK


def answer(folder: Path) -> tuple[int, int]:
    file = (folder / "parquet" / "bi" / "q01_how_much.parquet").resolve()
    with duckdb.connect() as link:
        return file.stat().st_ino, link.execute(f"from '{file}'").fetchall()[0][0]


def test_answers_lie_beside_as_parquet_and_are_written_where_they_may_be_others(
    build: Path, folder: Path
) -> None:
    assert [path.name for path in (folder / "parquet" / "bi").iterdir()] == ["q01_how_much.parquet"]
    first, n = answer(folder)
    assert n == 9
    # Another table changed.
    will_change(build, [("marts", "items")])
    again(build, folder)
    assert answer(folder) == (first, 9)
    # Its own table did.
    will_change(build, [("metrics", "more")])
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("insert into metrics.more values (10)")
    again(build, folder)
    second, n = answer(folder)
    assert second != first and n == 10
    # It says something else of the same.
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(
            "create or replace view bi.q01_how_much as select -count(*) as n from metrics.more"
        )
    again(build, folder)
    assert answer(folder)[1] == -10
