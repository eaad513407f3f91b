"""What the last refresh found in no seed, and the lines that would map it.

A line is a guess: from what the source itself says (the category of a status, the level of a
type), else from the names that are mapped already. Where there is none the value stays empty, and
a refresh refuses the line until somebody fills it.
"""

import csv
import io
import os
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

import duckdb

from extract.raw_store import raw_file
from orchestration.environment import build_file
from orchestration.seeds import SEEDS

FLOW_STATES = {"new": ("new",), "indeterminate": ("wait", "active"), "done": ("done", "cancelled")}
"""What the categories of Jira's statuses say of a stage."""

WORDS = {
    "work_type": {
        "defect": "bug|defect|fault|incident|problem|fix",
        "risk": "risk|security|vulnerab|compliance",
        "debt": "debt|refactor|maintenance|chore",
        "improvement": "improve",
    },
    "tier": {
        "production": "prod|live",
        "staging": "stag|preprod|pre-prod",
        "testing": "test|qa|uat|accept",
        "development": "dev|review|preview|sandbox",
    },
}
"""Parts of names, by what they may mean; the first that fits counts."""

Line = dict[str, Any]


def found() -> list[Line]:
    """Return a line for each name that no seed has, those with the most items first.

    Each says the seed, its columns, the values, the number of items, and what the guess is from.
    """
    if not build_file().exists():
        return []
    with duckdb.connect(str(build_file()), read_only=True) as build:
        kept = {
            name
            for (name,) in build.execute(
                "select table_name from duckdb_tables() where schema_name = 'failures'"
            ).fetchall()
        }
        lines = []
        for test, lines_of in TESTS.items():
            if test in kept:
                lines += sorted(lines_of(build), key=lambda line: -line["items"])
    return lines


def text(lines: list[Line], company: str | None = None) -> Iterator[str]:
    """Yield what to paste, file by file; a line that begins with # says what the next one is."""
    company = company or os.environ.get("FLOWHOUSE_COMPANY") or "company"
    last_seed = None
    for line in lines:
        if line["seed"] != last_seed:
            last_seed = line["seed"]
            folder = "" if company.startswith("/") else "dbt_project/seeds/"
            yield f"# {folder}{company}/{last_seed}.csv: {','.join(line['columns'])}"
        yield f"# {line['items']:,} {line['what']}: {line['guess']}"
        target = io.StringIO()
        csv.writer(target, lineterminator="").writerow(line["values"])
        yield target.getvalue()


def _line(seed: str, items: int, what: str, guess: str, **values: str) -> Line:
    columns = list(SEEDS[seed].columns)
    return {
        "seed": seed,
        "columns": columns,
        "values": [values.get(column, "") for column in columns],
        "items": int(items),
        "what": what,
        "guess": guess,
    }


def _rows(link: duckdb.DuckDBPyConnection, test: str, columns: str) -> list[tuple]:
    return link.execute(f"select {columns} from failures.{test} order by all").fetchall()


def _names_in_jira(sql: str) -> dict[str, Any]:
    """Return what a query finds in the raw file of Jira: a name and what Jira says of it."""
    if not raw_file("jira").exists():
        return {}
    with duckdb.connect(str(raw_file("jira")), read_only=True) as raw:
        try:
            return dict(raw.execute(sql).fetchall())
        except duckdb.CatalogException:
            return {}


def _meant(kind: str, name: str, default: str) -> str:
    for meaning, words in WORDS[kind].items():
        if re.search(words, name.lower()):
            return meaning
    return default


def _statuses(link: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    categories = _names_in_jira(
        "select lower(name), any_value(lower(category_key)) from jira.statuses group by 1"
    )
    stages = link.execute(
        "select workflow, stage, flow_state from marts.dim_stages where ordinal > 0"
        " order by workflow, ordinal"
    ).fetchall()
    mapped = link.execute("select workflow, status, stage from intermediate.int_status_stages")
    known: dict[str, dict[str, str]] = {}
    for workflow, status, stage in mapped.fetchall():
        known.setdefault(workflow, {}).setdefault(status, stage)
    for source, workflow, status, items in _rows(
        link, "every_status_has_a_stage", "source_system, workflow, status, work_items"
    ):
        category = categories.get(status) if source == "jira" else None
        of_kind = {stage: state for flow, stage, state in stages if flow == workflow}
        if category in FLOW_STATES:
            of_kind = {s: state for s, state in of_kind.items() if state in FLOW_STATES[category]}
        names = [name for name, stage in known.get(workflow, {}).items() if stage in of_kind]
        near = get_close_matches(status, names, n=1, cutoff=0.7)
        stage, guess = "", "no guess; choose a stage"
        if near:
            stage, guess = known[workflow][near[0]], f"named like '{near[0]}'"
        elif category in FLOW_STATES:
            best = FLOW_STATES[category][-1] if category == "indeterminate" else category
            stage = next((s for s, state in of_kind.items() if state == best), "")
            guess = "a guess" if stage else guess
        if category:
            guess += f", Jira says {category}"
        yield _line(
            "own_status_stages", items, f"work items in {source} '{status}'", guess,
            source_system=source, workflow=workflow, status=status, stage=stage,
        )  # fmt: skip


def _types(link: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    levels = _names_in_jira(
        "select name, any_value(hierarchy_level) from jira.issue_types group by 1"
    )
    for source, raw_type, items in _rows(
        link, "every_type_of_work_is_known", "source_system, raw_type, work_items"
    ):
        height = levels.get(raw_type) if source == "jira" else None
        level = {None: "story", 0: "story", 1: "epic"}.get(
            height, "task" if (height or 0) < 0 else "portfolio"
        )
        guess = "a guess by its name" + (
            f", Jira's level is {height}" if height is not None else ""
        )
        yield _line(
            "own_work_types", items, f"work items of {source}'s type '{raw_type}'", guess,
            source_system=source, item_kind="issue", raw_type=raw_type, level=level,
            work_type=_meant("work_type", raw_type, "feature"),
        )  # fmt: skip


def _scopes(link: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    alone = link.execute(
        """
        select items.source_system, items.scope, count(*)
        from marts.dim_work_items as items
        inner join marts.dim_value_streams as streams
            on items.value_stream_key = streams.value_stream_key
        where items.is_current and streams.is_default
        group by 1, 2
        order by all
        """
    ).fetchall()
    for source, scope, items in alone + _rows(
        link, "every_scope_has_a_value_stream", "source_system, scope, work_items"
    ):
        key = re.sub(r"[^a-z0-9]+", "-", scope.rsplit("/", 1)[-1].lower()).strip("-")
        yield _line(
            "scopes", items, f"work items of {source} '{scope}'",
            f"a value stream of its own, which needs a line {key},{scope},core,UTC,,, in"
            " value_streams.csv",
            source_system=source, scope=scope, value_stream_key=key,
        )  # fmt: skip


def _environments(link: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    for source, name, items in _rows(
        link, "every_environment_is_known", "source_system, raw_environment, deployments"
    ):
        tier = _meant("tier", name, "other")
        yield _line(
            "environments", items, f"deployments of {source} to '{name}'", "a guess by its name",
            source_system=source, pattern=name.lower(), name=tier.capitalize(),
            environment_key=tier, tier=tier, is_production=str(tier == "production").lower(),
        )  # fmt: skip


TESTS: dict[str, Callable[[duckdb.DuckDBPyConnection], Iterator[Line]]] = {
    "every_status_has_a_stage": _statuses,
    "every_type_of_work_is_known": _types,
    "every_scope_has_a_value_stream": _scopes,
    "every_environment_is_known": _environments,
}
"""The tests whose rows are names without a line, and what makes lines of them."""
