"""Writes the static report: one HTML page with its data, charts and scripts inside it.

Reads nothing but the published warehouse. Sets, sums and percentiles are the SQL files in
`charts/`; the page only picks a value stream and a kind of work, formats and draws. Charts are the
Vega-Lite specifications beside the SQL.
"""

import base64
import gzip
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

FOLDER = Path(__file__).parent
WINDOW_WEEKS = 26
PAGES_ON_RAW_TABLES = "expectations/index.html"
"""Where what holds of the raw tables is told, beside the report."""


@dataclass(frozen=True)
class Picture:
    """One chart of the page: `charts/<name>.json` drawn from the tables `charts/<table>.sql`."""

    name: str
    tables: tuple[str, ...]
    title: str
    caption: str
    empty: str


PICTURES = (
    Picture(
        "map",
        ("map",),
        "Value stream map: where finished work waited and where it was touched",
        "Boxes: stages in order, with wait and touch time of items finished in the window (P50 per "
        "visit, where there are 10 of them, and total), items there now (WIP) and the share of "
        "visits that were rework. A visit counts for the value stream that the item was in; of "
        "several attempts the one that finished it counts. "
        "Ladder: mean wait and touch per finished item, from commitment (first waiting or working "
        "stage) to done. Touch is time in working stages, not blocked; everything else is wait. "
        "Source: marts.fct_stage_visits.",
        "No item was finished or is under way in this window.",
    ),
    Picture(
        "cumulative",
        ("cumulative",),
        "Cumulative flow: items in each stage at the end of each day",
        "Net count per stage (wip_by_stage), so a band gets thinner when work moves back. Done "
        "counts what was finished since the window began. Source: metrics.metric_cumulative_flow.",
        "No item was in any stage in this window.",
    ),
    Picture(
        "times",
        ("times", "percentiles"),
        "Flow time of every finished item",
        "Clock start_to_done_s: first entry of a started stage to last done, elapsed (nights and "
        "weekends count). Percentiles are nearest-rank: each is the time of a real item; of fewer "
        "than 10 items there is none. The newest 5,000 points are drawn; percentiles use all. "
        "Items that were never started have no flow time. Source: metrics.metric_cycle_times.",
        "No item with a flow time was finished in this window.",
    ),
    Picture(
        "aging",
        ("aging", "pace"),
        "Aging work in progress: age of open items against the pace of finished ones",
        "Age since start, not time in the stage. Bands: age at which finished items left that "
        "stage of the value stream for the last time, where at least 10 did. A triangle is older "
        "than 85 % of its own value stream's finished items were. The oldest 5,000 points are "
        "drawn; all are in the table that they come from. "
        "Source: metrics.metric_aging_wip.",
        "Nothing is in progress.",
    ),
    Picture(
        "throughput",
        ("throughput",),
        "Throughput: items finished per week",
        "Exact counts of items by the week of last done, Monday to Sunday in the value stream's "
        "time zone; weeks without any are zero. A dashed bar is a week that is not over. "
        "Source: metrics.metric_flow_totals (velocity).",
        "No item was finished in this window.",
    ),
)


def write_report(warehouse: Path, target: Path) -> Path:
    """Write the report of a published warehouse and return its path.

    Args:
        warehouse: The published DuckDB file; opened for reading only.
        target: The HTML file; replaced in one step, so nobody ever sees half of it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        pages = target.parent / PAGES_ON_RAW_TABLES
        page = _page(connection, _vega(target.parent), has_pages=pages.exists())
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        draft.write_text(page, encoding="utf-8")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _page(connection: duckdb.DuckDBPyConnection, vega: str, *, has_pages: bool) -> str:
    connection.execute(_file("charts/moments.sql"), {"weeks": WINDOW_WEEKS})
    connection.execute(_file("charts/setup.sql"))
    works = _records(connection, "works")
    names = ["figures", *(table for picture in PICTURES for table in picture.tables)]
    data = {
        "streams": _records(connection, "streams"),
        "works": works,
        "tables": {name: _table(connection, name) for name in names},
        "pictures": {
            picture.name: {
                "tables": picture.tables,
                "empty": picture.empty,
                "specification": {
                    "description": f"{picture.title}. The data table below has the numbers.",
                    **json.loads(_file(f"charts/{picture.name}.json")),
                },
            }
            for picture in PICTURES
        },
    }
    scripts = [vega, _file("report.js")]
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
    environment.filters["instant"] = _instant
    return environment.get_template("report.html.j2").render(
        refresh=_records(connection, "refresh")[0],
        sources=_records(connection, "sources"),
        gaps=_records(connection, "gaps"),
        restated=_restated(connection),
        pages=PAGES_ON_RAW_TABLES if has_pages else "",
        works=works,
        weeks=WINDOW_WEEKS,
        pictures=PICTURES,
        data=_embeddable(data),
        scripts=[Markup(script) for script in scripts],
        script_hashes=Markup(" ".join(_hash(script) for script in scripts)),
    )


def _restated(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return how many values of the past are other than before; nothing of an older file."""
    try:
        return _records(connection, "restated")[0]
    except duckdb.CatalogException:
        return {}


def _vega(folder: Path) -> str:
    """Return the scripts that draw; they take two seconds to put together, once per version."""
    kept = folder / f".vega-{version('vl-convert-python')}.js"
    if not kept.exists():
        import vl_convert

        draft = kept.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(vl_convert.javascript_bundle(), encoding="utf-8")
        os.replace(draft, kept)
    return kept.read_text(encoding="utf-8")


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, list]:
    """Return what `charts/<name>.sql` answers, as column names and rows."""
    answer = connection.execute(_file(f"charts/{name}.sql"))
    return {"columns": [column[0] for column in answer.description], "rows": answer.fetchall()}


def _records(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    table = _table(connection, name)
    return [dict(zip(table["columns"], row)) for row in table["rows"]]


def _embeddable(data: dict[str, Any]) -> Markup:
    """Return data as JSON, packed: rows repeat their keys, and a large company has many of them.

    Base64 holds nothing that an HTML parser could take for the end of its script element.
    """
    text = json.dumps(data, default=_plain, ensure_ascii=False, separators=(",", ":"))
    return Markup(base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode())


def _plain(value: object) -> str | float:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value.isoformat() if isinstance(value, date) else float(value)


def _instant(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def _hash(script: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
