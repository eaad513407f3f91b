"""What a published file says of itself: its publication, and what it changed of the past.

Written into the new version while it is a draft, so that no reader sees one without the other. Past
values are held against those of the version that readers have, in SQL, for tables that changed.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import duckdb

SCHEMA_VERSION = 1
"""Raised when published columns go or change, or when the working warehouse keeps its notes in
another form: one of another number is rebuilt (orchestration/rebuild.py)."""

MOST_RESTATEMENTS = 1_000_000
"""How many rows are kept of publications before the last one."""


class MadeOf(NamedTuple):
    """What decided the rows of a published table, as words that change with it."""

    definitions: str
    mappings: str
    data: str


OWN_TABLES = {("meta", name) for name in ("publications", "restatements", "table_versions")}
"""Tables that no model makes (facts.sql); each version takes over the rows of the one before."""

PERIODS = ("period_start", "week_start", "month_start", "increment_start", "date_day")
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE")

COMPARABLE = """
with columns as (
    select database_name, table_name, column_name, column_index, data_type
    from duckdb_columns()
    where schema_name = 'metrics'
),

-- Columns of today that were there before, of the same type.
shared as (
    select today.table_name, today.column_name, today.column_index, today.data_type
    from columns as today
    inner join columns as former using (table_name, column_name, data_type)
    where today.database_name = 'copy' and former.database_name = 'before'
)

select
    table_name,
    min(column_name) filter (column_index = 1 and ends_with(column_name, '_key')),
    list(column_name) filter (list_contains($1, column_name)),
    list(column_name order by column_index) filter (
        list_contains($2, data_type)
        and column_name <> 'ordinal'
        and not ends_with(column_name, '_no')
    ),
    bool_or(column_name = 'value_stream_key')
from shared
group by table_name
having bool_or(column_name = 'is_complete_period')
order by table_name
"""
"""Tables of periods that both versions have: key (it comes first), columns of periods, numbers."""

RESTATED = """
insert into copy.meta.restatements
with

pairs as (
    select
        coalesce(today.{key}, former.{key}) as row_key,
        {stream} as value_stream_key,
        coalesce(today.{period}, former.{period}) as period_start,
        today.{key} is null or former.{key} is null as is_alone,
        unnest([{values}]) as pair
    from before.metrics.{table} as former
    full join copy.metrics.{table} as today on former.{key} = today.{key}
    where
        ({differs})
        -- A row that did not exist then counts as complete if another row of its period was.
        and coalesce(
            former.is_complete_period,
            today.is_complete_period and today.{period} in (
                select {period} from before.metrics.{table} where is_complete_period
            )
        )
)

select
    $number as version_no,
    '{table}' as table_name,
    row_key,
    value_stream_key,
    pair.value_name,
    pair.old_value,
    pair.new_value,
    $cause as cause,
    period_start
from pairs
where
    pair.old_value is distinct from pair.new_value
    -- Sums of fractions differ in their last digits from run to run.
    and coalesce(
        abs(pair.new_value - pair.old_value)
        > 1e-9 * greatest(abs(pair.new_value), abs(pair.old_value)),
        true
    )
    -- A row that came or went says something only where it is not zero.
    and (not is_alone or coalesce(pair.old_value, pair.new_value) <> 0)
"""


def write_facts(
    link: duckdb.DuckDBPyConnection,
    *,
    number: int,
    made_of: Mapping[tuple[str, str], MadeOf] | None,
    same: Collection[tuple[str, str]],
) -> None:
    """Write into a draft what it is, and which past values are other than in the version before.

    Args:
        link: Has the draft attached as `copy`, and the version before, if any, as `before`.
        number: Number of the publication.
        made_of: What decided each table; None where that is what it was in the version before.
        same: Tables that are as they were former.
    """
    former = {
        table
        for [table] in link.execute(
            "select table_name from duckdb_tables()"
            " where database_name = 'before' and schema_name = 'meta'"
        ).fetchall()
    }
    there = {
        table
        for [table] in link.execute(
            "select table_name from duckdb_tables()"
            " where database_name = 'copy' and schema_name = 'meta'"
        ).fetchall()
    }
    link.execute("create schema if not exists copy.meta")
    link.execute(Path(__file__).with_name("facts.sql").read_text())
    for _, table in OWN_TABLES:
        if table in former and table not in there:
            _take_over(link, table)
    if made_of is not None:
        rows = [[*address, *words] for address, words in made_of.items()]
        link.execute("delete from copy.meta.table_versions")
        if rows:
            link.executemany("insert into copy.meta.table_versions values (?, ?, ?, ?, ?)", rows)
    _write_publication(link, number, former, there)
    if former:
        _write_restatements(link, number, same, former)


def _take_over(link: duckdb.DuckDBPyConnection, table: str) -> None:
    """Copy the rows of the version before; an older or newer flowhouse may have other columns."""
    shared = link.execute(
        """
        select column_name
        from duckdb_columns()
        where schema_name = 'meta' and table_name = $1 and database_name in ('copy', 'before')
        group by column_name
        having count(*) = 2
        """,
        [table],
    ).fetchall()
    names = ", ".join(name for [name] in shared)
    link.execute(f"insert into copy.meta.{table} by name select {names} from before.meta.{table}")


def _write_restatements(
    link: duckdb.DuckDBPyConnection,
    number: int,
    same: Collection[tuple[str, str]],
    former: Collection[str],
) -> None:
    causes = _causes(link, number) if "table_versions" in former else {}
    found = link.execute(COMPARABLE, [list(PERIODS), list(NUMBERS)]).fetchall()
    for table, key, periods, numbers, has_stream in found:
        if ("metrics", table) in same or not key or not numbers:
            continue
        period = min(periods, key=PERIODS.index)
        values = ", ".join(
            f"struct_pack(value_name := '{name}', old_value := cast(former.\"{name}\" as double),"
            f' new_value := cast(today."{name}" as double))'
            for name in numbers
        )
        stream = "coalesce(today.value_stream_key, former.value_stream_key)"
        link.execute(
            RESTATED.format(
                table=table,
                key=key,
                period=period,
                stream=stream if has_stream else "cast(null as varchar)",
                values=values,
                differs=" or ".join(
                    f'former."{name}" is distinct from today."{name}"' for name in numbers
                ),
            ),
            {"number": number, "cause": causes.get(table, "definition_change")},
        )
    link.execute(
        """
        update copy.meta.publications
        set restated_values = (
            select count(*) from copy.meta.restatements where version_no = $1
        )
        where version_no = $1
        """,
        [number],
    )
    link.execute(
        """
        delete from copy.meta.restatements
        where version_no in (
            select version_no
            from (
                select version_no, sum(count(*)) over (order by version_no desc) as rows_so_far
                from copy.meta.restatements
                where version_no < $1
                group by version_no
            )
            where rows_so_far > $2
        )
        """,
        [number, MOST_RESTATEMENTS],
    )


def _causes(link: duckdb.DuckDBPyConnection, number: int) -> dict[str, str]:
    """Return why the rows of each table of metrics may be others than before."""
    found = link.execute(
        """
        with moments as (
            select
                max_by(former.as_of, former.version_no) as former_as_of,
                any_value(today.as_of) as as_of
            from before.meta.publications as former
            cross join copy.meta.publications as today
            where today.version_no = $1
        )

        select
            today.table_name,
            case
                when former.definitions is distinct from today.definitions then 'definition_change'
                when former.mappings <> today.mappings then 'mapping_change'
                when former.data <> today.data then 'late_data'
                when moments.former_as_of <> moments.as_of then 'as_of'
                else 'unexplained'
            end
        from copy.meta.table_versions as today
        cross join moments
        left join before.meta.table_versions as former using (schema_name, table_name)
        where today.schema_name = 'metrics'
        """,
        [number],
    )
    return dict(found.fetchall())


def _write_publication(
    link: duckdb.DuckDBPyConnection, number: int, former: Collection[str], there: Collection[str]
) -> None:
    """Write the row of this publication: what built it, and what tests said."""
    refresh = "select refresh_id, as_of from copy.meta.refreshes"
    results = "copy.meta.quality_results"
    if "refreshes" not in there:
        refresh = "select cast(null as varchar) as refresh_id, cast(null as timestamp) as as_of"
    if not {"refreshes", "quality_results"} <= {*there}:
        results = "(select null as refresh_id, null as status limit 0)"
    before = "select max(version_no) from before.meta.publications"
    link.execute(
        f"""
        insert into copy.meta.publications by name
        with refresh as ({refresh}),

        results as (
            select status from {results} where refresh_id in (select refresh_id from refresh)
        ),

        versions as (
            select
                md5(string_agg(definitions, ' ' order by schema_name, table_name)) as definitions,
                md5(string_agg(mappings, ' ' order by schema_name, table_name)) as mappings
            from copy.meta.table_versions
        )

        select
            cast($number as bigint) as version_no,
            refresh.refresh_id,
            refresh.as_of,
            cast($schema as bigint) as schema_version,
            $flowhouse as flowhouse_version,
            $dbt as dbt_version,
            $duckdb as duckdb_version,
            versions.definitions,
            versions.mappings,
            (select count(*) from results) as tests,
            (select count(*) from results where status = 'pass') as passed,
            (select count(*) from results where status = 'warn') as warned,
            ({before if "publications" in former else "select null"}) as previous_version_no,
            0 as restated_values,
            cast($now as timestamp) as published_at
        from refresh
        cross join versions
        """,
        {
            "number": number,
            "schema": SCHEMA_VERSION,
            "flowhouse": version("flowhouse"),
            "dbt": version("dbt-core"),
            "duckdb": version("duckdb"),
            "now": datetime.now(UTC).replace(tzinfo=None),
        },
    )
