"""Every published table equals its recount, all rows, on the golden and on the demo company."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.recount import registry

RECOUNTS = registry.load()


@pytest.fixture(scope="module", params=["golden", "demo"])
def tables(request: pytest.FixtureRequest) -> Iterator[registry.Tables]:
    file: Path = request.getfixturevalue(f"{request.param}_build")
    with duckdb.connect(str(file), read_only=True) as link:
        yield registry.Tables(link)


@pytest.mark.parametrize("table", sorted(RECOUNTS))
def test_recount(tables: registry.Tables, table: str) -> None:
    expected = registry.expected_rows(tables, RECOUNTS[table])
    assert registry.differences(tables.link, tables.address(table), expected) == []


def test_every_published_table_is_recounted(golden_build: Path) -> None:
    with duckdb.connect(str(golden_build), read_only=True) as link:
        published = {
            name
            for (name,) in link.execute(
                "select table_name from duckdb_tables() where schema_name in ('marts', 'metrics')"
            ).fetchall()
        }
    assert published - set(RECOUNTS) == set()
