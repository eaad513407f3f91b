"""Follows the columns of dbt's models back to what they are read from: raw tables and seeds.

Compiled SQL is read with sqlglot, a column at a time and only where one is asked for. A model in
Python has no statement: each of its columns is taken to rest on all columns that it reads. What
only counts rows, by count(*) or as a sum of ones, rests on the keys of what its model reads.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlglot import exp, parse_one
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope


class Column(NamedTuple):
    """A column of a model, a seed or a raw table; `node` is its id in dbt's manifest."""

    node: str
    name: str


class Graph:
    """The columns of a dbt project, and what each is made of."""

    def __init__(self, manifest: Mapping[str, Any], columns: Mapping[str, list[str]]) -> None:
        """Take what dbt knows.

        Args:
            manifest: dbt's manifest, compiled.
            columns: The columns of every model, seed and raw table, by "schema.name".
        """
        self.nodes = {**manifest["nodes"], **manifest["sources"]}
        self.columns = columns
        self.ids = {
            self.address(key): key
            for key, node in self.nodes.items()
            if node["resource_type"] in ("model", "seed", "source")
        }
        self.parents = cache(self._parents)
        self._scope = cache(self._scope_of)

    def address(self, key: str) -> str:
        """Return "schema.name" of a node."""
        node = self.nodes[key]
        return f"{node['schema']}.{node.get('identifier') or node.get('alias') or node['name']}"

    def schema_of(self, column: Column) -> str:
        """Return the schema that a column is in."""
        return str(self.nodes[column.node]["schema"])

    def shown(self, column: Column) -> str:
        """Return "schema.table.column"."""
        return f"{self.address(column.node)}.{column.name}"

    def is_raw(self, column: Column) -> bool:
        """Whether a column is of a raw table."""
        return self.nodes[column.node]["resource_type"] == "source"

    def endpoint(self, key: str) -> str:
        """Return the endpoint that a raw table is filled from; empty where its source has none."""
        return str(self.nodes[key]["config"]["meta"].get("api_endpoint", ""))

    def all_read_by(self, key: str) -> frozenset[Column]:
        """Return all columns of all that a model reads."""
        above = [one for one in self.nodes[key]["depends_on"]["nodes"] if one in self.nodes]
        return frozenset(
            Column(one, name) for one in above for name in self.columns.get(self.address(one), ())
        )

    def _parents(self, column: Column) -> frozenset[Column]:
        """Return the columns that a column is made of, one model back."""
        node = self.nodes[column.node]
        if node["resource_type"] != "model":
            return frozenset()
        scope = self._scope(column.node)
        if scope is None:  # Python
            above = node["depends_on"]["nodes"]
            return frozenset(
                Column(key, name)
                for key in above
                for name in self.columns.get(self.address(key), ())
            )
        origins = lineage(column.name, scope.expression, dialect="duckdb", scope=scope, copy=False)
        found = frozenset(filter(None, map(self._named, origins.walk())))
        if not found and any(part.expression.find(exp.AggFunc) for part in origins.walk()):
            return self._keys_read_by(column.node)
        return found

    def _keys_read_by(self, key: str) -> frozenset[Column]:
        """Return the first column of all that a model reads: what a count of rows counts."""
        above = [one for one in self.nodes[key]["depends_on"]["nodes"] if one in self.nodes]
        listed = {one: self.columns.get(self.address(one), ()) for one in above}
        return frozenset(Column(one, names[0]) for one, names in listed.items() if names)

    def _scope_of(self, key: str) -> Scope | None:
        node = self.nodes[key]
        if node["language"] != "sql":
            return None
        schema: dict[str, dict[str, dict[str, str]]] = {}
        for above in node["depends_on"]["nodes"]:
            address = self.address(above)
            names = self.columns.get(address)
            if names:
                of, name = address.split(".")
                schema.setdefault(of, {})[name] = dict.fromkeys(names, "varchar")
        statement = parse_one(node["compiled_code"], dialect="duckdb")
        for table in statement.find_all(exp.Table):
            table.set("catalog", None)
        qualified = qualify(
            statement, dialect="duckdb", schema=schema, validate_qualify_columns=False,
            identify=False, infer_schema=True,
        )  # fmt: skip
        return build_scope(qualified)

    def _named(self, part: Node) -> Column | None:
        if not isinstance(part.expression, exp.Table) or part.downstream:
            return None
        key = self.ids.get(f"{part.expression.db}.{part.expression.name}")
        return Column(key, part.name.rpartition(".")[2].strip('"')) if key else None
