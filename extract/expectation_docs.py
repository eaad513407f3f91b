"""The pages of Great Expectations' Data Docs, one per raw table, made to be read offline.

They say which rules held, when, and in how many rows they did not: no value of any row. What they
would fetch from other servers, scripts and styles, is taken out, and a small style put in.
"""

import html
import re
import shutil
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from great_expectations.data_context import AbstractDataContext
from great_expectations.render.view import DefaultJinjaPageView

SITE = "pages"

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #8884; padding: .3rem .6rem; text-align: left }
nav, #ge-cta-footer, .modal, .navbar, .sticky { display: none }
:root { color-scheme: light dark }
"""

HEAD = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
    " style-src 'unsafe-inline'\">"
    f"<style>{STYLE}</style>"
)

_TAKEN_OUT = (
    re.compile(r"<script\b.*?</script>", re.S | re.I),
    re.compile(r"<style\b.*?</style>", re.S | re.I),
    re.compile(r"<(?:link|img|base)\b[^>]*>", re.S | re.I),
    re.compile(r"<a\b[^>]*href=\"https?://[^>]*>.*?</a>", re.S | re.I),
)


class OfflinePage(DefaultJinjaPageView):
    """A page without anything that lies on another server, and without scripts."""

    def render(self, document: Any, **more: Any) -> str:
        """Return the page as HTML."""
        text = super().render(document, **more)
        for pattern in _TAKEN_OUT:
            text = pattern.sub("", text)
        return text.replace("</head>", f"{HEAD}</head>", 1)


def prepare(context: AbstractDataContext, folder: Path) -> None:
    """Tell a context where its pages are and what they look like."""
    context.add_data_docs_site(
        site_name=SITE,
        site_config={
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder / "new"),
            },
            "site_section_builders": {
                "validations": {
                    "class_name": "DefaultSiteSectionBuilder",
                    "source_store_name": "validation_results_store",
                    "renderer": {"class_name": "ValidationResultsPageRenderer"},
                    "view": {"module_name": __name__, "class_name": "OfflinePage"},
                },
                "expectations": "none",
                "profiling": "none",
            },
        },
    )


def page(folder: Path, table: str) -> Path:
    """Return the page of `<source>/<table>`."""
    return folder / f"{table.replace('/', '-')}.html"


def write(context: AbstractDataContext, folder: Path, tables: Collection[str]) -> None:
    """Build the pages of the tables that were just checked; those of others stay."""
    folder.mkdir(parents=True, exist_ok=True)
    context.build_data_docs(site_names=[SITE])
    for table in tables:
        [made] = (folder / "new" / "validations" / table).rglob("*.html")
        made.replace(page(folder, table))
    shutil.rmtree(folder / "new")


def write_index(folder: Path, results: Mapping[str, Mapping[str, Any]]) -> None:
    """List all tables, with what was found and the way to their pages.

    Args:
        folder: The folder of the pages.
        results: What `expectations.validate` returned of every table, last time or before.
    """
    lines = []
    for table, found in results.items():
        faults = [*found["failures"], *found["warnings"]]
        outcome = "fails" if found["failures"] else "warns" if found["warnings"] else "holds"
        name = html.escape(table)
        if page(folder, table).exists():
            name = f'<a href="{page(folder, table).name}">{name}</a>'
        lines.append(
            f"<tr><td>{name}</td><td>{outcome}</td><td>{found['evaluated']}</td>"
            f"<td>{html.escape('; '.join(faults))}</td></tr>"
        )
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Raw tables</title>"
        f"{HEAD}</head><body><h1>What holds of the raw tables</h1>"
        f"<p>Checked by Great Expectations, last at {now}; a table in which no row changed keeps"
        " its result.</p><table><thead><tr><th>table</th><th>outcome</th><th>rules</th>"
        f"<th>what was found</th></tr></thead><tbody>{''.join(lines)}</tbody></table></body></html>"
        "\n",
        encoding="utf-8",
    )
