"""The six ways to ask for a metric, read in the same words: who disagrees with whom, and where.

MetricFlow, period table and observations are read by `parity`. What is new here is the site (the
data that its pages draw), the MCP server (asked by the SDK's client) and Superset (asked over REST;
`tests/superset` has the server).
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb

from publish.report import write_report
from tests.publish.agent import Agent
from tests.semantic import parity
from tests.semantic.compiled import Compiler
from tests.semantic.parity import Grain, Reading

WAYS = ("MetricFlow", "period table", "observations", "site", "MCP", "Superset")
STREAMS = {"payments", "platform", "storefront", "insights"}
"""The value streams of the demo company that do any work."""
DESKS = STREAMS - {"insights"}
"""Those of them that have a service desk, and so agreements on its times."""


def streams_of(metric: str) -> set[str]:
    """Return the value streams that a metric has values of."""
    return DESKS if parity.PARITY[metric] is parity.SLA else STREAMS


@dataclass(frozen=True)
class Names:
    """How one metric is called: its name in MetricFlow is the key, everywhere else it is here."""

    table: str
    observed: str
    site: str
    agents: str
    dataset: str


def _names(metric: str, table: str, site: str, dataset: str) -> Names:
    return Names(f"{table}.{metric}", metric, f"{site}.{metric}", metric, f"{dataset}.{metric}")


FLOW, DORA, SLA = (
    "metrics.metric_flow_month_totals",
    "metrics.metric_dora",
    "metrics.metric_incident_sla",
)
METRICS = {
    metric: _names(metric, table, site, dataset)
    for table, site, dataset, metrics in (
        (FLOW, "months.months", "finished_items", (
            "velocity", "flow_time_p50_s", "flow_time_p85_s", "flow_time_p95_s",
            "flow_efficiency_share", "started_share", "rework_share", "first_pass_yield_share",
        )),
        (DORA, "dora.dora", "rollouts", (
            "deployments", "failed_deployments", "change_fail_share", "deployment_rework_share",
            "commit_coverage_share",
        )),
        (DORA, "dora.dora", "rollout_changes", (
            "deployed_changes", "lead_time_p50_s", "lead_time_p85_s",
        )),
        (SLA, "dora.agreements", "agreements", ("breached", "met_share")),
    )
    for metric in metrics
}  # fmt: skip
"""Eighteen metrics: schema.table.column, metric of the observations, page.table.column of the site,
metric of the MCP server, dataset.metric of Superset."""

Site = dict[str, dict[str, Any]]
"""What the pages of the site hold, by page."""


def page_data(html: str) -> dict[str, Any]:
    """Return what a page of the site draws."""
    [packed] = re.findall(r'<script type="application/gzip" id="data">([^<]*)</script>', html)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def site(published: Path, folder: Path) -> Site:
    """Write the site of a published file and return what its pages hold."""
    write_report(published, folder / "index.html")
    pages = {names.site.split(".")[0] for names in METRICS.values()}
    return {name: page_data((folder / f"{name}.html").read_text()) for name in pages}


def first_month(pages: Site) -> str:
    """Return the first month that the site knows: it looks back a year."""
    return min(one["window_start"] for one in pages["dora"]["ranges"])[:8] + "01"


def on_site(pages: Site, metric: str, services: Mapping[str, tuple]) -> Reading:
    """Read a metric from the data that a page of the site draws."""
    page, table, column = METRICS[metric].site.split(".")
    found = pages[page]["tables"][table]
    records = [dict(zip(found["columns"], row)) for row in found["rows"]]
    keys: dict[Grain, Callable[[dict], tuple]] = {
        parity.FLOW: lambda row: (row["stream"], *row["work"].split("/")),
        parity.DORA: lambda row: services[row["service"]],
        parity.SLA: lambda row: (row["stream"], row["level"], row["priority"], row["target"]),
    }
    key = keys[parity.PARITY[metric]]
    return _reading(metric, ((*key(row), row["month_start"], row[column]) for row in records))


def told_to_agents(agent: Agent, metric: str, services: Mapping[str, tuple], since: str) -> Reading:
    """Read a metric from the answers of the MCP server."""
    grain = parity.PARITY[metric]
    of_service = {service: key for key in services.values() for service in key[1:]}
    rows = []
    for entity in sorted(of_service if grain is parity.DORA else streams_of(metric)):
        answer = agent.ask(
            "metric",
            metric=METRICS[metric].agents,
            entity=entity,
            entity_type="service" if grain is parity.DORA else "value_stream",
            period="month",
            since=since,
        )
        assert not answer["is_cut"]
        for row in answer["rows"]:
            key = {
                parity.FLOW: (entity, row["workflow"], row["level"]),
                parity.DORA: of_service.get(entity, ()),
                parity.SLA: (entity, row["level"], *row["part"].split("|")),
            }[grain]
            rows.append((*key, row["period_start"], row["value"]))
    return _reading(metric, rows)


SUPERSET_KEYS = {
    parity.FLOW: (("value_stream_key", "workflow", "level"), "finished_date"),
    parity.DORA: (("value_stream_key", "service_key"), "finished_date"),
    parity.SLA: (("value_stream_key", "level", "priority", "target"), "month_start"),
}
"""The columns of the datasets, and that of their time."""


def in_superset(
    ask: Callable[[str, Sequence[str], Sequence[str], str], list[dict]], metric: str
) -> Reading:
    """Read a metric from Superset.

    Args:
        ask: Asks a dataset for metrics by columns and by the month of a column of time; its rows
            have the month as `month`, year first.
        metric: Its name.
    """
    columns, time = SUPERSET_KEYS[parity.PARITY[metric]]
    dataset, name = METRICS[metric].dataset.split(".")
    return _reading(
        metric,
        (
            (*(row[column] for column in columns), row["month"], row[name])
            for row in ask(dataset, [name], columns, time)
        ),
    )


def _reading(metric: str, rows: Iterator[tuple] | list[tuple]) -> Reading:
    """Return rows as `parity.reading` does: without a value, or a count of nothing, is no row."""
    empty = (None,) if metric.endswith(parity.OF_VALUES) else (None, 0)
    return {tuple(row[:-1]): float(row[-1]) for row in rows if row[-1] not in empty}


def services_of(link: duckdb.DuckDBPyConnection) -> dict[str, tuple]:
    """Return value stream and key of every service by the name that people see."""
    rows = link.execute(
        "select name, value_stream_key, service_key from marts.dim_services"
        " where is_current and service_key in (select service_key from metrics.metric_dora)"
    ).fetchall()
    return {name: (stream, service) for name, stream, service in rows}


@dataclass(frozen=True)
class Sources:
    """What five of the ways are read from."""

    link: duckdb.DuckDBPyConnection
    compiler: Compiler
    pages: Site
    agent: Agent

    def way(self, name: str) -> dict[str, Reading]:
        """Return what one of the five ways says of all metrics, in the months of the site."""
        services, since = services_of(self.link), first_month(self.pages)
        read = {
            "MetricFlow": lambda metric: parity.compiled(self.link, self.compiler, metric),
            "period table": lambda metric: parity.stands(self.link, metric),
            "observations": lambda metric: parity.observed(self.link, metric),
            "site": lambda metric: on_site(self.pages, metric, services),
            "MCP": lambda metric: told_to_agents(self.agent, metric, services, since),
        }[name]
        return {metric: since_month(read(metric), since) for metric in METRICS}


def since_month(reading: Reading, since: str) -> Reading:
    """Return the part of a reading that begins with a month, with months as text."""
    return {
        (*key[:-1], str(key[-1])[:10]): value
        for key, value in reading.items()
        if str(key[-1])[:10] >= since
    }


def disagreements(
    ways: Mapping[str, Mapping[str, Reading]], metric: str
) -> list[tuple[str, str, Any]]:
    """Compare each way with each other one; return who disagrees, and the first thing on which."""
    return [
        (one, other, first)
        for one, other in combinations(ways, 2)
        for first in [next(parity.differences(ways[one][metric], ways[other][metric]), None)]
        if first
    ]


def only(way: str, ways: Mapping[str, Mapping[str, Reading]], metric: str) -> bool:
    """Whether one way disagrees with all others, and they with nobody else."""
    found = {(one, other) for one, other, _ in disagreements(ways, metric)}
    return found == {pair for pair in combinations(ways, 2) if way in pair}
