"""What a build skips while it runs: models whose inputs were rebuilt with the same rows.

Before a build, `changes` names everything that may change: all models below a changed input. Most
of them do not change. Another instant is asked for by every table that leaves out what lies
after it, and on most days they come out row by row the same; so do tables above a row that was read
again. What rests on nothing else stays as it is, and its tests keep their results. A view that says
so (`meta: {stands: true}`) is its text, and not made again when its tables are; its tests are run.
"""

from collections.abc import Collection, Mapping
from typing import Any

from dbt.adapters.base import BaseAdapter
from dbt.artifacts.schemas.results import RunStatus
from dbt.artifacts.schemas.run import RunResult
from dbt.task.base import BaseRunner
from dbt.task.runnable import GraphRunnableTask

ROWS = "select count(*), sum(hash(held)), bit_xor(hash(held)) from {relation} as held"
"""A hash of the rows of a table, in any order."""

NEWS = "select count(*) from {relation} where {differs_where}"
"""Of a table that says itself what differs (`meta: {differs_where: ...}`), how much that is."""


class Cutoff:
    """Which nodes of a build still have a reason.

    Attributes:
        spared: The nodes that had none.
        same: The tables that were rebuilt with the same rows.
        news: Sources that changed, and tables that name what is new: where one of them does, tables
            that go on from it differ, and need not be read to know it.
    """

    def __init__(
        self,
        parents: Mapping[str, Collection[str]],
        reasons: Collection[str],
        answered: Collection[str],
    ) -> None:
        """Begin a build.

        Args:
            parents: What each node rests on.
            reasons: `changes.reasons`: changed inputs, and nodes that ask for one by themselves.
            answered: Tests whose last results are known.
        """
        self.parents, self.answered = parents, {*answered}
        self.reasons, self.differing = {*reasons}, {*reasons}
        self.news = {key for key in reasons if key.startswith("source.")}
        self.spared: list[str] = []
        self.same: list[str] = []

    def spares(self, key: str) -> bool:
        """Whether a node has no reason to run: neither its own, nor below it."""
        if key in self.reasons or not self.differing.isdisjoint(self.parents[key]):
            return False
        if key.startswith("test.") and key not in self.answered:
            return False
        self.spared.append(key)
        return True

    def leaves(self, key: str) -> None:
        """Leave a view that stands as it is; what it shows is something else, and so it differs."""
        self.spared.append(key)
        self.differing.add(key)

    def made(self, key: str, *, is_same: bool) -> None:
        """Note how a node came out, before anything that rests on it is asked for."""
        if is_same:
            self.same.append(key)
            self.differing.discard(key)
        else:
            self.differing.add(key)


def watch(cutoff: Cutoff) -> None:
    """Have dbt, in this process, leave out what a build need not make."""
    call = GraphRunnableTask.call_runner

    def call_runner(task: GraphRunnableTask, runner: BaseRunner) -> RunResult:
        node = runner.node
        if runner.skip or node.unique_id not in cutoff.parents:
            return call(task, runner)
        if cutoff.spares(node.unique_id):
            return RunResult.from_node(node, RunStatus.NoOp, None)
        if node.resource_type not in ("model", "seed"):
            return call(task, runner)
        asks_itself = node.unique_id in cutoff.reasons
        if node.config.meta.get("stands") and not asks_itself and _stands(runner.adapter, node):
            cutoff.leaves(node.unique_id)
            return RunResult.from_node(node, RunStatus.NoOp, None)
        says = node.config.meta.get("differs_where")
        goes_on = node.config.materialized == "incremental"
        if says:
            before = [(0,)]
        elif goes_on and not cutoff.news.isdisjoint(cutoff.parents[node.unique_id]):
            before = None
        else:
            before = _asked(runner.adapter, node, ROWS)
        result = call(task, runner)
        is_same = (
            before is not None
            and result.status == RunStatus.Success
            and before == _asked(runner.adapter, node, NEWS if says else ROWS, differs_where=says)
        )
        cutoff.made(node.unique_id, is_same=is_same)
        if says and not is_same:
            cutoff.news.add(node.unique_id)
        return result

    GraphRunnableTask.call_runner = call_runner


def _stands(adapter: BaseAdapter, node: Any) -> bool:
    """Whether a node's view is there; its text is what it was: another one is another project."""
    try:
        with adapter.connection_named(f"view of {node.unique_id}"):
            relation = adapter.get_relation(node.database, node.schema, node.alias)
            return relation is not None and relation.is_view
    except Exception:
        return False


def _asked(adapter: BaseAdapter, node: Any, query: str, **words: str | None) -> list | None:
    """Ask for the rows of a node's table; None where it has none, as a view, or cannot be asked.

    What cannot be asked differs. An error must not leave: dbt would wait for this node for ever.
    """
    try:
        with adapter.connection_named(f"rows of {node.unique_id}"):
            relation = adapter.get_relation(node.database, node.schema, node.alias)
            if relation is None or not relation.is_table:
                return None
            sql = query.format(relation=relation, **words)
            return adapter.connections.add_query(sql, auto_begin=False)[1].fetchall()
    except Exception:
        return None
