"""DuckDB for SQLAlchemy as Great Expectations needs it: read-only and without transactions.

Great Expectations closes its connection before it reads the result; the rollback that follows
discards a DuckDB result, so every expectation would fail (great_expectations#10738).
"""

from typing import Any

from duckdb_engine import Dialect as DuckDBDialect


class Dialect(DuckDBDialect):
    """The DuckDB dialect in autocommit."""

    supports_statement_cache = False

    def do_begin(self, connection: Any) -> None:
        """Begin nothing."""

    def do_commit(self, connection: Any) -> None:
        """Commit nothing."""

    def do_rollback(self, connection: Any) -> None:
        """Roll nothing back."""
