"""What DuckDB would do for every model and every test: its plans, and the joins that grow too fast.

A join without an equality compares all rows of one side with all rows of the other one; one of two
times, with an equality of nothing but a group (a repository, a value stream), does so per group.
That is harmless where one side stays small whatever the data, and a disaster where both grow with
it. What a side is made of is read from the plan itself, down to the tables; a table that another
model made is what that model's own plan says.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import duckdb

JOINS_OF_ALL_PAIRS = {
    "BLOCKWISE_NL_JOIN",
    "NESTED_LOOP_JOIN",
    "CROSS_PRODUCT",
    "IE_JOIN",
    "PIECEWISE_MERGE_JOIN",
}

# Relations that a plan names and no model made.
BUILT_IN = {"DUMMY_SCAN", "COLUMN_DATA_SCAN", "EMPTY_RESULT", "EXPRESSION_SCAN"}
CATALOGUE = re.compile(r"DUCKDB_\w+")


# Columns of which many items have the same value: an equality of these alone leaves all pairs of a
# group to be compared, and groups grow as the data does.
SHARED = {
    "attempt_no", "calendar", "environment_key", "horizon_days", "item_kind", "kind", "level",
    "metric", "name", "period", "phase_no", "raw_environment", "raw_type", "repository", "scope",
    "service_key", "service_name", "source_system", "stage", "stage_key", "status", "team_key",
    "team_name", "time_zone", "to_status", "value_stream_key", "work_type", "workflow",
}  # fmt: skip
EQUALITY = re.compile(r" (?:=|IS NOT DISTINCT FROM) ")
RANGE = re.compile(r" (?:<|>|<=|>=) ")


class Growth(IntEnum):
    """What the number of rows of a relation grows with; a join grows with the larger of its sides.

    The reasons why a product with one of the first three is allowed:
    ONE: one row, or as many as the statement itself writes down.
    SEED: lines that people keep by hand; hundreds at the most, and no more with more work items.
    DAY: days, and what seeds make of them; more with the years, and no more with more work items.
      Days times work items is another matter: a thousand rows for each item.
    """

    ONE = 0
    SEED = 1
    DAY = 2
    ITEM = 3


@dataclass
class Join:
    """One join of all pairs that is not allowed."""

    node: str
    operator: str
    conditions: str
    sides: tuple[str, str]

    def __str__(self) -> str:
        return (
            f"{self.node}: {self.operator} of {self.sides[0]} with {self.sides[1]}"
            f" on {self.conditions}"
        )


@dataclass
class Plans:
    """The plans of a built project.

    Attributes:
        link: The built warehouse, with the raw files attached.
        growth: What each table grows with, by schema and name.
        refused: The joins that are refused.
        read: How many statements were explained.
    """

    link: duckdb.DuckDBPyConnection
    growth: dict[str, Growth] = field(default_factory=dict)
    refused: list[Join] = field(default_factory=list)
    read: int = 0

    def explain(self, node: str, sql: str) -> Growth:
        """Read a statement's plan, note what it refuses, and return what its rows grow with."""
        [(_, text)] = self.link.execute(f"explain (format json) {sql}").fetchall()
        self.read += 1
        found = Growth.ONE
        for root in json.loads(text):
            found = max(found, self._grown(root, node, {}, {}))
        return found

    def _grown(
        self, step: dict, node: str, ctes: dict[str, Growth], outer: dict[str, Growth]
    ) -> Growth:
        name, facts, below = step["name"].strip(), step["extra_info"], step["children"]
        if name == "CTE":
            made = self._grown(below[0], node, ctes, outer)
            return self._grown(below[1], node, {**ctes, facts["Table Index"]: made}, outer)
        if name in ("LEFT_DELIM_JOIN", "RIGHT_DELIM_JOIN"):
            # What a correlated subquery is asked for: the rows of the other side.
            asked = self._grown(below[0], node, ctes, outer)
            inner = {**outer, facts["Delim Index"]: asked}
            return max([asked, *(self._grown(part, node, ctes, inner) for part in below[1:2])])
        sides = [self._grown(part, node, ctes, outer) for part in below]
        if name in JOINS_OF_ALL_PAIRS or name == "HASH_JOIN":
            small, large = sorted(sides[:2])
            on = facts.get("Conditions") or facts.get("Condition") or []
            on = [on] if isinstance(on, str) else on
            if large == Growth.ITEM and small >= Growth.DAY and (name != "HASH_JOIN" or _wide(on)):
                parts = tuple(" + ".join(sorted(_leaves(part))) for part in below[:2])
                self.refused.append(Join(node, name, " and ".join(on) or "nothing", parts))
            return large
        if name == "UNGROUPED_AGGREGATE":
            # A list of all rows is one row too, until it is unnested.
            is_list = "list(" in str(facts.get("Aggregates"))
            return sides[0] if is_list else Growth.ONE
        if name == "UNNEST":
            # Rows out of one row or out of a seed: a series, which is days.
            return max(Growth.DAY, *sides)
        if name in ("CTE_SCAN", "REC_CTE_SCAN"):
            return ctes[facts["CTE Index"]]
        if name == "DELIM_SCAN":
            return outer[facts["Delim Index"]]
        if "Table" in facts and not below:
            return self.of_table(facts["Table"])
        if not below:
            assert name in BUILT_IN or CATALOGUE.fullmatch(name), f"{node}: {name} is not known"
            return Growth.ONE
        return max(sides)

    def of_table(self, address: str) -> Growth:
        """Return what a table grows with: one that no model made is raw."""
        return self.growth.get(address.split(".", 1)[1].replace('"', ""), Growth.ITEM)


def _wide(conditions: list[str]) -> bool:
    """Return whether a join compares times of all rows of a group with each other."""
    equalities = [
        EQUALITY.split(condition) for condition in conditions if EQUALITY.search(condition)
    ]
    return any(RANGE.search(condition) for condition in conditions) and all(
        set(sides) <= SHARED for sides in equalities
    )


def _leaves(step: dict[str, Any]) -> set[str]:
    facts = step["extra_info"]
    if not step["children"]:
        return {facts.get("Table", step["name"].strip())}
    return {leaf for part in step["children"] for leaf in _leaves(part)}


def connect(build: Path, raw: Path) -> duckdb.DuckDBPyConnection:
    """Open a built warehouse and its raw files, to be read by nothing but plans."""
    link = duckdb.connect(str(build), read_only=True)
    # Statistics would cut away what happens to have no rows in this build.
    link.execute("set disabled_optimizers = 'statistics_propagation'; set TimeZone = 'UTC'")
    for path in sorted(raw.glob("raw_*.duckdb")):
        link.execute(f"attach '{path}' as {path.stem} (read_only)")
    return link


def statements(target: Path) -> Iterator[tuple[dict, str]]:
    """Return nodes and compiled SQL of dbt's last build, in its order."""
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    for result in json.loads((target / "run_results.json").read_text())["results"]:
        node = nodes.get(result["unique_id"])
        if node is not None:
            yield node, result.get("compiled_code") or ""


def read_plans(build: Path, raw: Path, target: Path) -> Plans:
    """Read the plans of everything that dbt's last build in `target` made and tested."""
    with connect(build, raw) as link:
        plans = Plans(link)
        for node, sql in statements(target):
            kind, address = node["resource_type"], f"{node['schema']}.{node['name']}"
            if kind == "seed":
                plans.growth[address] = Growth.SEED
            elif kind in ("model", "test") and node.get("language", "sql") == "sql":
                growth = plans.explain(node["name"], sql)
                if kind == "model":
                    plans.growth[address] = growth
    return plans
