"""Whether two working warehouses publish the same, row by row."""

from pathlib import Path

import duckdb

SCHEMAS = ("marts", "metrics")


def differences(one: Path, other: Path) -> list[str]:
    """Return a line for each published table whose rows differ, whatever order they are in."""
    found = []
    with duckdb.connect() as link:
        link.execute("set enable_progress_bar = false; set threads = 2")
        link.execute(f"attach '{one}' as one (read_only)")
        link.execute(f"attach '{other}' as other (read_only)")
        tables = [
            {
                f"{schema}.{table}": columns
                for schema, table, columns in link.execute(
                    """
                    select schema_name, table_name, list(column_name order by column_index)
                    from duckdb_columns()
                    where database_name = ? and list_contains(?, schema_name)
                    group by 1, 2
                    """,
                    [name, list(SCHEMAS)],
                ).fetchall()
            }
            for name in ("one", "other")
        ]
        if tables[0] != tables[1]:
            found.append("tables or columns differ")
        for table in sorted(tables[0].keys() & tables[1].keys()):
            # Sums first: to sort millions of rows costs more than to build them.
            one_sum, other_sum = (
                link.execute(
                    f"select count(*), sum(hash(rows)), bit_xor(hash(rows)) from {name}.{table}"
                    " as rows"
                ).fetchall()
                for name in ("one", "other")
            )
            if one_sum == other_sum:
                continue
            [(less, more)] = link.execute(
                f"""
                select
                    (select count(*) from (from one.{table} except all from other.{table})),
                    (select count(*) from (from other.{table} except all from one.{table}))
                """
            ).fetchall()
            found.append(f"{table}: {less} rows only here, {more} only there")
    return found
