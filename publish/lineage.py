"""One page that leads from every metric to the addresses that its numbers were read from.

Metric, column of a mart, column of staging, field of a raw table, endpoint of the API: a path
in lists and links, and no picture of everything at once. Plain HTML without a script.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from publish.columns import Column, Graph


class Step(NamedTuple):
    """The last steps of a path: columns of a staging model, of its raw table, and its endpoint."""

    staging: str
    columns: tuple[str, ...]
    raw: str
    fields: tuple[str, ...]
    endpoint: str


class Paths:
    """What the columns of the published models rest on.

    Attributes:
        graph: The columns of the project.
        unread: Columns whose statement could not be followed, and why.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.unread: dict[Column, str] = {}
        self._parents: dict[Column, frozenset[Column]] = {}

    def parents(self, column: Column) -> frozenset[Column]:
        """Return what a column is made of; where that cannot be read, all that its model reads."""
        if column not in self._parents:
            try:
                found = self.graph.parents(column)
            except Exception as error:  # sqlglot raises what it likes
                self.unread[column] = type(error).__name__
                found = self.graph.all_read_by(column.node)
            self._parents[column] = found
        return self._parents[column]

    def behind(self, column: Column) -> set[Column]:
        """Return a column and all that it rests on, down to raw tables and seeds."""
        seen: set[Column] = set()
        more = [column]
        while more:
            one = more.pop()
            if one not in seen:
                seen.add(one)
                more += self.parents(one)
        return seen

    def marts(self, column: Column) -> list[Column]:
        """Return the first columns of marts on the way back from a column; itself if it is one."""
        if self.graph.schema_of(column) == "marts":
            return [column]
        found: set[Column] = set()
        seen, more = {column}, [column]
        while more:
            for one in self.parents(more.pop()) - seen:
                seen.add(one)
                (found.add if self.graph.schema_of(one) == "marts" else more.append)(one)
        return sorted(found, key=self.graph.shown)

    def rows_of(self, column: Column) -> Column:
        """Return the key of a column's table: what decides which rows there are to be counted."""
        return Column(column.node, self.graph.columns[self.graph.address(column.node)][0])

    def steps(self, column: Column) -> list[Step]:
        """Return the staging columns, raw fields and endpoints that a column rests on."""
        columns: dict[tuple[str, str], set[str]] = defaultdict(set)
        fields: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in self.behind(column):
            for raw in self.parents(one):
                if self.graph.is_raw(raw):
                    columns[one.node, raw.node].add(one.name)
                    fields[one.node, raw.node].add(raw.name)
        return sorted(
            Step(
                self.graph.nodes[staging]["name"],
                tuple(sorted(columns[staging, raw])),
                self.graph.address(raw),
                tuple(sorted(fields[staging, raw])),
                self.graph.endpoint(raw),
            )
            for staging, raw in columns
        )


def metric_columns(graph: Graph, metrics: Iterable[str]) -> dict[str, list[Column]]:
    """Return the columns that each metric stands in: of the metrics, else of the marts.

    What is a column of neither is a line of a table that has several metrics: its value.
    """
    found: dict[str, list[Column]] = {metric: [] for metric in metrics}
    for schema in ("metrics", "marts"):
        there: dict[str, list[Column]] = defaultdict(list)
        for key, node in graph.nodes.items():
            if node["resource_type"] == "model" and node["schema"] == schema:
                for name in graph.columns.get(graph.address(key), ()):
                    there[name].append(Column(key, name))
        for metric, columns in found.items():
            if not columns:
                found[metric] = sorted(there[metric], key=graph.shown)
    for metric, columns in found.items():
        if not columns:  # it is no column: its numbers are rows of a table of several metrics
            found[metric] = sorted(_values(graph, metric), key=graph.shown)
    return found


def _values(graph: Graph, metric: str) -> set[Column]:
    """Return the values of the tables that name a metric, or that read a measure which names it."""
    naming = {
        key
        for key, node in graph.nodes.items()
        if node["resource_type"] == "model" and f"'{metric}'" in (node["compiled_code"] or "")
    }
    return {
        Column(key, "value")
        for key, node in graph.nodes.items()
        if node["resource_type"] == "model"
        and node["schema"] == "metrics"
        and naming & {key, *node["depends_on"]["nodes"]}
        and "value" in graph.columns.get(graph.address(key), ())
    }


STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}h1,h2{line-height:1.2}a{color:#0b57d0}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #d0d7de}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
h3 code{font-size:16px}.few{color:#57606a}
section{margin-top:2rem}nav a{display:inline-block;margin-right:.8rem}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#7ab7ff}
th,td{border-color:#30363d}.few{color:#9da7b1}}
@media(min-width:40rem){td:first-child code{overflow-wrap:normal}}
@media(max-width:40rem){table,tr,td,tbody{display:block}thead{display:none}}
"""


def page(paths: Paths, metrics: Mapping[str, str], made_of: str, dbt_docs: str = "") -> str:
    """Return the page.

    Args:
        paths: What columns rest on.
        metrics: The definition of each metric.
        made_of: What the page was made from, in words.
        dbt_docs: The file of dbt's documentation beside it; empty where there is none.
    """
    graph = paths.graph
    marts: set[Column] = set()
    sections, names = [], []
    for metric, columns in metric_columns(graph, metrics).items():
        names.append(f'<a href="#{escape(metric)}"><code>{escape(metric)}</code></a>')
        rows = []
        for column in columns:
            behind = paths.marts(column)
            if not any(paths.steps(one) for one in behind):
                behind = sorted({*behind, *paths.marts(paths.rows_of(column))}, key=graph.shown)
            marts.update(behind)
            links = ", ".join(
                f'<a href="#{escape(graph.shown(one))}"><code>{escape(graph.shown(one))}</code></a>'
                for one in behind
            )
            rows.append(f"<tr><td><code>{escape(graph.shown(column))}</code><td>{links}")
        sections.append(
            f'<section id="{escape(metric)}"><h3><code>{escape(metric)}</code></h3>'
            f"<p>{escape(metrics[metric])}"
            f' <a href="definitions.html#{escape(metric)}">Definition</a>'
            "<table><thead><tr><th>Stands in<th>Made of columns of marts</thead>"
            f"{''.join(rows)}</table></section>"
        )
    details = []
    for column in sorted(marts, key=graph.shown):
        shown = escape(graph.shown(column))
        rows = [
            f"<tr><td><code>{escape(step.staging)}</code><br>{_listed(step.columns)}"
            f"<td><code>{escape(step.raw)}</code><br>{_listed(step.fields)}"
            f"<td><code>{escape(step.endpoint)}</code>"
            for step in paths.steps(column) or paths.steps(paths.rows_of(column))
        ] or ['<tr><td colspan="3">Seeds alone: no source is asked.']
        details.append(
            f'<section id="{shown}"><h3><code>{shown}</code></h3><table><thead><tr>'
            f"<th>Columns of staging<th>Fields of the raw table<th>Endpoint</thead>{''.join(rows)}"
            "</table></section>"
        )
    docs = f' \u00b7 <a href="{escape(dbt_docs)}">dbt\'s documentation</a>' if dbt_docs else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        "<title>Where numbers come from</title>"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        "style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style>"
        '<p><a href="index.html">flowhouse</a> \u00b7 <a href="definitions.html">Definitions</a>'
        f"{docs}<h1>Where numbers come from</h1>"
        "<p>From a metric to the columns of marts that it is made of, and from each of them to the"
        " fields of the APIs. A column is made of another one if its value is; what only joins or"
        " filters is left out. Where seeds alone decide a value, its rows are counted: then the key"
        " of its table, which says what rows there are, is followed too."
        f' <span class="few">{escape(made_of)}</span>'
        f"<h2>Metrics</h2><nav>{' '.join(names)}</nav>{''.join(sections)}"
        f"<h2>Columns of marts</h2>{''.join(details)}</html>\n"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"<code>{escape(name)}</code>" for name in names)


def write_page(
    paths: Paths, metrics: Mapping[str, str], made_of: str, target: Path, dbt_docs: str = ""
) -> Path:
    """Write the page and return its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}")
    draft.write_text(page(paths, metrics, made_of, dbt_docs))
    return draft.replace(target)
