"""Writes the static site: pages without a server, each one file with its data and script inside it.

Reads nothing but the published warehouse. Sets, sums and percentiles are the SQL files in
`site/tables/` and `site/verdicts/`; a page only picks a value stream, a kind of work and a range,
formats and draws. `site/pages.py` says which pages there are, `site/charts/` holds their Vega-Lite
specifications, `site/verdicts.html.j2` the sentences of the first page.
"""

import base64
import fcntl
import gzip
import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from publish.site import words
from publish.site.pages import MORE_TABLES, PAGES, themes
from publish.site.parts import Page, Section

FOLDER = Path(__file__).parent / "site"
RANGES = (13, 26, 52)
"""Weeks that a reader may look back; a page begins with the second."""

MOST_POINTS = 5_000
"""Of a value stream and kind of work; a picture with more is slow, and shows no more."""

PAGES_ON_RAW_TABLES = "expectations/index.html"
"""The page of the expectations on raw tables, beside the report."""

LINEAGE, DBT_DOCS = "lineage.html", "dbt_docs.html"
"""What `make lineage` writes beside the report: the site leads to what of them is there."""

TILES = {"velocity", "flow_time_p50_s", "flow_time_p85_s", "wip_items", "unmapped_items"}
"""Metrics that tiles of the first page name, and no column of its tables does."""

SETUP = ("moments", "ranges", "setup", "mapped")
OF_A_STREAM = (
    "constraints", "signals", "restated", "epics", "calibrations", "breakages", "broken",
    "deliveries", "interventions",
)  # fmt: skip
"""What the verdicts rest on, by value stream: `verdicts/<name>.sql`."""

Table = dict[str, list]


def write_report(warehouse: Path, target: Path) -> Path:
    """Write the site of a published warehouse and return the path of its first page.

    Args:
        warehouse: The published DuckDB file; opened for reading only.
        target: The first page; the others go beside it. Each is replaced in one step, the first
            page last, so nobody ever sees half of one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_drafts(target)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        beside = {
            name for name in (PAGES_ON_RAW_TABLES, LINEAGE, DBT_DOCS)
            if (target.parent / name).exists()
        }  # fmt: skip
        site = Site(connection, _vega(target.parent), beside)
        for page in reversed(PAGES):
            path = target if page is PAGES[0] else target.with_name(page.file)
            _replace(path, site.page(page))
    return target


def prepare(connection: duckdb.DuckDBPyConnection, weeks: Sequence[int]) -> None:
    """Make the temporary tables that `site/tables/*.sql` start from."""
    for name in SETUP:
        statement = _file(f"tables/{name}.sql")
        connection.execute(statement, {"weeks": [*weeks]} if "$weeks" in statement else None)


def table(connection: duckdb.DuckDBPyConnection, name: str, folder: str = "tables") -> Table:
    """Return what `<folder>/<name>.sql` answers, as column names and rows.

    A publication of an older version, which can be rolled back to, may lack a table or a column:
    then there are no columns, and the page says so.
    """
    statement = _file(f"{folder}/{name}.sql")
    try:
        answer = connection.execute(
            statement, {"most": MOST_POINTS} if "$most" in statement else None
        )
    except (duckdb.CatalogException, duckdb.BinderException):
        return {"columns": [], "rows": []}
    return {"columns": [column[0] for column in answer.description], "rows": answer.fetchall()}


class Site:
    """What all pages share: the prepared tables, who may be chosen, the scripts."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, vega: str, beside: Collection[str]
    ) -> None:
        self.connection = connection
        prepare(connection, RANGES)
        self.streams = _records(table(connection, "streams"))
        self.works = _records(table(connection, "works"))
        self.definitions = _records(table(connection, "definitions"))
        self.ranges = _records(table(connection, "windows"))
        [(self.all_items,)] = table(connection, "how_many")["rows"]
        self.vega = Markup(vega)
        self.script = Markup(_file("site.js"))
        self.hashes = {script: _hash(script) for script in (self.vega, self.script)}
        self.shared = {
            "refresh": _records(table(connection, "refresh"))[0],
            "sources": _records(table(connection, "sources")),
            "gaps": _records(table(connection, "gaps")),
            "restated": next(iter(_records(table(connection, "restated"))), {}),
            "pages": PAGES_ON_RAW_TABLES if PAGES_ON_RAW_TABLES in beside else "",
            "lineage": LINEAGE if LINEAGE in beside else "",
            "dbt_docs": DBT_DOCS if DBT_DOCS in beside else "",
            "works": self.works,
            "definitions": self.definitions,
            "themes": themes(),
            "style": Markup(_file("style.css")),
            "work_names": {work["key"]: work["name"] for work in self.works},
        }
        environment = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters.update(words.FILTERS)
        self.template = environment.get_template("page.html.j2")

    def page(self, page: Page) -> str:
        """Return a page as HTML."""
        scripts = [self.script]
        if any(section.chart for section in page.sections):
            scripts.insert(0, self.vega)
        more = self._verdicts() if page is PAGES[0] and self.works else {}
        return self.template.render(
            **self.shared,
            **more,
            page=page,
            data=self._data(page) if self.works else "",
            scripts=scripts,
            script_hashes=Markup(" ".join(self.hashes[script] for script in scripts)),
        )

    def _data(self, page: Page) -> Markup:
        names = [name for section in page.sections for name in section.tables]
        names += MORE_TABLES.get(page.name, ())
        metrics = {one["metric"] for one in self.definitions}
        tables = {name: table(self.connection, name) for name in names}
        shown = {column for one in tables.values() for column in one["columns"]}
        if page is PAGES[0]:
            shown |= TILES
        return _embeddable(
            {
                "name": page.name,
                "streams": self.streams,
                "works": self.works,
                "ranges": self.ranges,
                "range": str(RANGES[1]),
                "metrics": sorted(metrics & shown),
                "tables": tables,
                "sections": {section.name: _section_settings(section) for section in page.sections},
                "all_items": self.all_items,
            }
        )

    def _verdicts(self) -> dict[str, Any]:
        """Return what the sentences of each value stream are made of."""
        rows = {
            name: _records(table(self.connection, name, "verdicts")) for name in OF_A_STREAM
        } | {
            name: [row for row in _records(table(self.connection, name)) if row["is_last"]]
            for name in ("targets", "guardrails")
        }
        return {
            "versions": _records(table(self.connection, "versions", "verdicts")),
            "verdicts": [
                stream
                | {
                    name: [row for row in found if row["stream"] == stream["key"]]
                    for name, found in rows.items()
                }
                for stream in self.streams
            ],
        }


def _section_settings(section: Section) -> Mapping[str, Any]:
    """Return what the script must know of a section."""
    settings = {
        "tables": section.tables, "empty": section.empty, "at": section.at,
        "links": section.links, "labels": section.labels, "hidden": section.hidden,
        "only": section.only,
    }  # fmt: skip
    if not section.chart:
        return settings
    return settings | {
        "specification": {
            "description": f"{section.title}. The data table below has the numbers.",
            **json.loads(_file(f"charts/{section.name}.json")),
        }
    }


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # as long as somebody writes it
            file.write(text)
            file.flush()
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _remove_drafts(target: Path) -> None:
    """Remove what killed reports left beside their pages, and nothing that is not theirs."""
    names = [target.name, *(page.file for page in PAGES), ".vega-*.js"]
    for draft in [rest for name in names for rest in target.parent.glob(f".{name}.*.draft")]:
        with suppress(OSError), draft.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink(missing_ok=True)


def _vega(folder: Path) -> str:
    """Return the scripts that draw; they take two seconds to put together, once per version."""
    kept = folder / f".vega-{version('vl-convert-python')}.js"
    if not kept.exists():
        import vl_convert

        _replace(kept, vl_convert.javascript_bundle())
    return kept.read_text(encoding="utf-8")


@cache
def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _records(found: Table) -> list[dict[str, Any]]:
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def _embeddable(data: dict[str, Any]) -> Markup:
    """Return data as JSON, packed: rows repeat their keys, and a large company has many of them.

    Base64 holds nothing that an HTML parser could take for the end of its script element.
    """
    text = json.dumps(data, default=_plain, ensure_ascii=False, separators=(",", ":"))
    return Markup(base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode())


@lru_cache(100_000)
def _plain(value: object) -> str | float:
    """Return what JSON has no form for; the same days come thousands of times."""
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value.isoformat() if isinstance(value, date) else float(value)


def _hash(script: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this inline script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
