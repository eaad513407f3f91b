"""The page of the demo company: every metric is led back to an endpoint of a source."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb

from extract.sources import SOURCES

SET_BY_HAND = {"expected_effect", "intervention_cost"}
"""Metrics that stand in seeds alone, with their key: no source is asked for them."""

WRITE = (
    "import sys; from pathlib import Path; from orchestration.lineage import write_lineage;"
    " write_lineage(Path(sys.argv[1]))"
)


def test_every_metric_reaches_an_endpoint(demo_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "lineage.html"
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(target)],
        env={**os.environ, "FLOWHOUSE_HOME": str(demo_home), "FLOWHOUSE_COMPANY": "demo"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    html = target.read_text()
    with duckdb.connect(str(demo_home / "published" / "warehouse.duckdb"), read_only=True) as file:
        metrics = {
            row[0] for row in file.execute("select metric from marts.dim_metrics").fetchall()
        }
    first, second = html.split("<h2>Columns of marts</h2>")
    of_metrics = dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', first, re.DOTALL))
    of_columns = dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', second, re.DOTALL))
    assert {*of_metrics} == metrics
    endpoints = {table.endpoint for source in SOURCES.values() for table in source.tables}
    ends = {
        column: {*re.findall(r"<td><code>([^<]*)</code>(?=<tr>|</table>)", text)}
        for column, text in of_columns.items()
    }
    lost = []
    for metric, text in of_metrics.items():
        links = re.findall(r'href="#([^"]+)"', text)
        assert {*links} <= {*of_columns}, metric
        if not any(ends[link] & endpoints for link in links):
            lost.append(metric)
    assert {*lost} == SET_BY_HAND
