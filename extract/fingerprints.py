"""What stands in a raw table, in one word: it changes whenever a row does."""

import hashlib

import duckdb

from extract import raw_store
from extract.privacy import forgotten_file
from extract.sources import SOURCES

SMALL = 100_000
"""Rows of a table that is read to its end; of a larger one only which loads wrote its rows."""

READ_WHEN = ("jira/issues",)
"""Tables of which a model asks when a row was read: what an issue says of a name is as old as that.
Their rows are read again only where they changed."""

COLUMNS = """
select
    columns.table_name,
    any_value(tables.estimated_size),
    bool_or(column_name = '_dlt_load_id'),
    list(column_name order by column_name) filter (
        where not starts_with(column_name, '_dlt_')
            and (column_name <> '_fetched_at' or '{source}/' || columns.table_name in {read_when})
    )
from duckdb_columns() as columns
inner join duckdb_tables() as tables using (schema_name, table_name)
where schema_name = '{source}' and not starts_with(columns.table_name, '_dlt')
group by 1
"""


def raw_tables() -> dict[str, str]:
    """Return `<source>/<table>` and a hash of the content of every raw table, load audits included.

    Sources list some small tables again in every load, mostly as they were: what counts of these is
    what the rows say, not when they were read. In a large table each row has the id of the load
    that wrote it, so it is enough to count the rows of each load; only `forget` changes rows in
    place.
    """
    file = forgotten_file()
    gone = hashlib.sha256(file.read_bytes() if file.exists() else b"").hexdigest()
    words = {}
    for source in SOURCES:
        if not raw_store.raw_file(source).exists():
            continue
        with duckdb.connect(str(raw_store.raw_file(source)), read_only=True) as raw:
            for table, rows, has_loads, columns in raw.execute(
                COLUMNS.format(source=source, read_when=[*READ_WHEN])
            ).fetchall():
                if rows > SMALL and has_loads:
                    asked = "select _dlt_load_id, count(*) from {} group by 1 order by 1"
                else:
                    asked = f"select count(*), sum(hash({', '.join(columns)})) from {{}}"
                counts = raw.execute(asked.format(f"{source}.{table}")).fetchall()
                word = hashlib.sha256(repr((gone, columns, counts)).encode())
                words[f"{source}/{table}"] = word.hexdigest()
    return words
