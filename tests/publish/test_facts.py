"""What a published file says of itself, and which values of the past it says other than before."""

import re
from pathlib import Path

import duckdb
import pytest

from publish import facts
from publish.facts import MadeOf
from publish.report import write_report
from publish.snapshot import publish, versions
from tests.publish.published_file import write_published_file

WORDS = MadeOf("sql 1", "seeds 1", "rows 1")
KEY = "metric_flow_key"
ROWS = [
    # key, stream, week, velocity, share, is_complete_period
    ("shop|1", "shop", "2024-03-04", 3, 0.5, True),
    ("shop|2", "shop", "2024-03-11", 5, None, True),
    ("shop|3", "shop", "2024-03-18", 1, 0.1, False),
]


def write(build: Path, rows: list[tuple], refresh: str = "r1", as_of: str = "2024-03-20") -> None:
    with duckdb.connect(str(build)) as warehouse:
        for schema in ("marts", "metrics", "meta"):
            warehouse.execute(f"create schema if not exists {schema}")
        warehouse.execute(
            f"create or replace table metrics.metric_flow ({KEY} varchar, value_stream_key varchar,"
            " ordinal integer, point_no bigint, velocity bigint, share double,"
            " is_complete_period boolean, is_marked boolean, week_start date)"
        )
        for no, (key, stream, week, velocity, share, is_complete) in enumerate(rows):
            warehouse.execute(
                "insert into metrics.metric_flow values (?, ?, ?, ?, ?, ?, ?, false, ?)",
                [key, stream, no, no, velocity, share, is_complete, week],
            )
        warehouse.execute(
            f"create or replace table meta.refreshes as select '{refresh}' as refresh_id,"
            f" timestamp '{as_of}' as as_of"
        )
        warehouse.execute(
            "create table if not exists meta.quality_results (refresh_id varchar, test varchar,"
            " severity varchar, status varchar, failures bigint)"
        )
        for status in ("pass", "pass", "warn"):
            warehouse.execute(
                "insert into meta.quality_results values (?, 'one', 'error', ?, 0)",
                [refresh, status],
            )


class Company:
    def __init__(self, folder: Path) -> None:
        self.build, self.published = folder / "build.duckdb", folder / "published"
        self.last: Path | None = None

    def publish(self, rows: list[tuple], words: MadeOf | None = WORDS, **more: str) -> None:
        write(self.build, rows, **more)
        made_of = None if words is None else {("metrics", "metric_flow"): words}
        self.last = publish(self.build, self.published, made_of=made_of)

    def restated(self) -> list[tuple]:
        return self.rows(
            "select row_key, value_stream_key, cast(period_start as varchar), value_name,"
            " old_value, new_value, cause from meta.restatements where version_no ="
            " (select max(version_no) from meta.publications) order by all"
        )

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.last), read_only=True) as file:
            return file.execute(sql).fetchall()


@pytest.fixture
def company(tmp_path: Path) -> Company:
    made = Company(tmp_path)
    made.publish(ROWS)
    return made


def changed(no: int, velocity: int | None, share: float | None) -> list[tuple]:
    rows = [*ROWS]
    rows[no] = (*rows[no][:3], velocity, share, rows[no][5])
    return rows


def test_a_file_says_what_it_is(company: Company) -> None:
    from importlib.metadata import version

    company.publish(ROWS, refresh="r2", as_of="2024-03-21")
    told = company.rows(
        "select version_no, refresh_id, cast(as_of as date), schema_version, flowhouse_version,"
        " dbt_version, duckdb_version, tests, passed, warned, previous_version_no, restated_values,"
        " definitions is not null and mappings is not null,"
        " published_at between timezone('UTC', now()) - interval 10 minute"
        " and timezone('UTC', now()) from meta.publications order by version_no"
    )
    tools = (version("flowhouse"), version("dbt-core"), version("duckdb"))
    first, second = ((*told[no][:2], str(told[no][2]), *told[no][3:]) for no in (0, 1))
    schema = facts.SCHEMA_VERSION
    assert first == (1, "r1", "2024-03-20", schema, *tools, 3, 2, 1, None, 0, True, True)
    assert second == (2, "r2", "2024-03-21", schema, *tools, 3, 2, 1, 1, 0, True, True)


def test_every_table_and_column_of_it_is_described(company: Company) -> None:
    tables = ", ".join(f"'{name}'" for _, name in facts.OWN_TABLES)
    for kind in ("tables", "columns"):
        [(count, described)] = company.rows(
            f"select count(*), count(comment) from duckdb_{kind}() where table_name in ({tables})"
        )
        assert count == described > 2
    assert company.rows(
        "select comment from duckdb_tables() where table_name in"
        f" ({tables}) and not starts_with(comment, 'One row per ')"
    ) == []  # fmt: skip


def test_only_periods_that_were_over_are_restated(company: Company) -> None:
    company.publish(changed(2, 9, 0.9))
    assert company.restated() == []
    rows = changed(1, 4, 0.25)
    rows[2] = ("shop|3", "shop", "2024-03-18", 9, 0.9, True)  # it has ended since
    company.publish(rows)
    assert company.restated() == [
        ("shop|2", "shop", "2024-03-11", "share", None, 0.25, "unexplained"),
        ("shop|2", "shop", "2024-03-11", "velocity", 5.0, 4.0, "unexplained"),
    ]


def test_a_row_that_comes_or_goes_restates_what_is_not_zero(company: Company) -> None:
    rows = [
        ROWS[1],
        ("bank|1", "bank", "2024-03-04", 2, 0.0, True),  # other rows of the week were over
        ("bank|0", "bank", "2024-02-26", 7, 0.7, True),  # of this week nothing was known
        ("bank|3", "bank", "2024-03-18", 1, 0.1, True),  # this one was going on
    ]
    company.publish(rows)
    assert company.restated() == [
        ("bank|1", "bank", "2024-03-04", "velocity", None, 2.0, "unexplained"),
        ("shop|1", "shop", "2024-03-04", "share", 0.5, None, "unexplained"),
        ("shop|1", "shop", "2024-03-04", "velocity", 3.0, None, "unexplained"),
    ]


def test_the_last_digits_of_a_fraction_restate_nothing(company: Company) -> None:
    company.publish(changed(0, 3, 0.5 + 1e-13))
    assert company.restated() == []
    company.publish(changed(0, 3, 0.5 + 1e-8))
    assert [row[3] for row in company.restated()] == ["share"]


@pytest.mark.parametrize(
    ("words", "as_of", "cause"),
    [
        (MadeOf("sql 2", "seeds 2", "rows 2"), "2024-03-21", "definition_change"),
        (MadeOf("sql 1", "seeds 2", "rows 2"), "2024-03-21", "mapping_change"),
        (MadeOf("sql 1", "seeds 1", "rows 2"), "2024-03-21", "late_data"),
        (WORDS, "2024-03-19", "as_of"),
        (WORDS, "2024-03-20", "unexplained"),
        (None, "2024-03-20", "unexplained"),
    ],
)
def test_the_cause_is_the_first_that_applies(
    company: Company, words: MadeOf | None, as_of: str, cause: str
) -> None:
    company.publish(changed(0, 4, 0.5), words, as_of=as_of)
    assert company.restated() == [
        ("shop|1", "shop", "2024-03-04", "velocity", 3.0, 4.0, cause)
    ]  # fmt: skip


def test_after_an_older_flowhouse_the_definitions_have_changed(company: Company) -> None:
    before = company.last
    before.chmod(0o644)
    with duckdb.connect(str(before)) as older:
        for _, table in facts.OWN_TABLES:
            older.execute(f"drop table meta.{table}")
    company.publish(changed(0, 4, 0.5))
    assert [row[3:] for row in company.restated()] == [
        ("velocity", 3.0, 4.0, "definition_change")
    ]  # fmt: skip
    assert company.rows("select version_no, previous_version_no from meta.publications") == [
        (2, None)
    ]  # fmt: skip


def test_after_a_newer_flowhouse_its_columns_are_left_out(company: Company) -> None:
    before = company.last
    before.chmod(0o644)
    with duckdb.connect(str(before)) as newer:
        for _, table in facts.OWN_TABLES:
            newer.execute(f"alter table meta.{table} add column mood varchar")
    company.publish(changed(0, 4, 0.5), MadeOf("sql 1", "seeds 1", "rows 2"))
    assert [row[3:] for row in company.restated()] == [
        ("velocity", 3.0, 4.0, "late_data")
    ]  # fmt: skip
    assert company.rows("select version_no from meta.publications order by 1") == [(1,), (2,)]


def test_what_was_restated_before_stays_until_it_is_too_much(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MOST_RESTATEMENTS", 3)
    for velocity in (4, 5, 6, 7, 8):
        company.publish(changed(0, velocity, 0.5))
    numbers = company.rows("select version_no from meta.restatements order by 1")
    assert numbers == [(3,), (4,), (5,), (6,)]  # three of others and its own
    told = company.rows("select version_no, restated_values from meta.publications order by 1")
    assert told == [(1, 0), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1)]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("b", 1, "late_data"), ("b", 2, "late_data"), ("c", 1, "mapping_change")],
         "Of 2 past periods 3 values are other than in the publication before"
         " (late data, mapping change); each of them is a row of meta.restatements."),
        ([("b", 1, "late_data")],
         "Of 1 past period 1 value is other than in the publication before (late data);"
         " each of them is a row of meta.restatements."),
        ([("a", 1, "late_data")], None),
    ],
)  # fmt: skip
def test_the_report_says_how_much_of_the_past_is_other_than_before(
    tmp_path: Path, rows: list[tuple], says: str | None
) -> None:
    file = write_published_file(tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute(
            "create table meta.publications as from (values (1, null), (2, 1))"
            " as t (version_no, previous_version_no)"
        )
        warehouse.execute(
            "create table meta.restatements (version_no bigint, period_start date, cause varchar,"
            " value_stream_key varchar default 'payments', table_name varchar, value_name varchar)"
        )
        for letter, no, cause in rows:
            warehouse.execute(
                "insert into meta.restatements (version_no, period_start, cause) values (?, ?, ?)",
                [1 if letter == "a" else 2, f"2024-0{no}-01", cause],
            )
    text = write_report(file, tmp_path / "report" / "index.html").read_text()
    told = re.search(r'<p class="facts" id="restated">(.*?)</p>', text)
    assert (re.sub(r"<[^>]+>", "", told[1]) if told else None) == says


def test_the_report_leads_to_the_pages_on_raw_tables_where_there_are_any(tmp_path: Path) -> None:
    file = write_published_file(tmp_path / "warehouse.duckdb")
    target = tmp_path / "report" / "index.html"
    link = '<a href="expectations/index.html">'
    quality = target.with_name("quality.html")
    write_report(file, target)
    assert link not in quality.read_text()
    (target.parent / "expectations").mkdir()
    (target.parent / "expectations" / "index.html").touch()
    write_report(file, target)
    assert link in quality.read_text()


def test_a_table_that_is_the_same_is_not_compared(company: Company) -> None:
    write(company.build, changed(0, 4, 0.5))
    company.last = publish(company.build, company.published, [("metrics", "metric_flow")])
    assert company.restated() == []
    assert len(versions(company.published)) == 2
