"""Says in one line why a refresh ended without a publication, without a value of any row."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from extract.settings import address_setting

MOST_NAMED = 3

_HEADING = re.compile(r"\w+ Error in \w+ \S+ \(.*\)")

_OF_SQL = ("Binder Error", "Catalog Error", "Parser Error", "Compilation Error")
"""Errors that quote the SQL and its names; all others may quote what is in a row."""


def nothing_loaded(reasons: Mapping[str, Iterable[str]], is_answering: Iterable[str] = ()) -> str:
    """Say that there is nothing to build on.

    Args:
        reasons: What each source that was asked said.
        is_answering: Those that did answer, but show nothing.
    """
    told = []
    for source, whys in reasons.items():
        why = _listed([text.removeprefix(f"{source}: ") for text in dict.fromkeys(whys)], 2)
        rights = " and what its user may see" if source in is_answering else ""
        told.append(f"{source}: {why} (check {address_setting(source)}{rights})")
    return f"nothing was loaded from any source yet, so nothing is published: {'; '.join(told)}"


def what_failed(run_results: Path, manifest: Path) -> str:
    """Name the models and tests of a dbt build that failed, and why.

    Args:
        run_results: dbt's run_results.json; it is missing where dbt did not come to build.
        manifest: dbt's manifest.json, for names.
    """
    if not run_results.exists():
        return ""
    nodes = json.loads(manifest.read_text())["nodes"]
    failed = [
        _told(result, nodes[result["unique_id"]])
        for result in json.loads(run_results.read_text())["results"]
        if result["status"] in ("fail", "error", "runtime error") and result["unique_id"] in nodes
    ]
    return _listed(failed, MOST_NAMED)


def _listed(texts: list[str], most: int) -> str:
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def _told(result: dict, node: dict) -> str:
    name = f"{node['resource_type']} {node['name']}"
    if result["status"] == "fail":
        count = result["failures"] or 0
        kept = node["config"].get("store_failures")
        where = f" (kept in failures.{node.get('alias') or node['name']})" if kept else ""
        return f"{name}: {count:,} failing row{'' if count == 1 else 's'}{where}"
    lines = [line.strip() for line in str(result["message"] or "").splitlines()]
    lines = [line for line in lines if line and not _HEADING.fullmatch(line)]
    reason = lines[0] if lines else "no reason given"
    if not reason.startswith(_OF_SQL):
        reason = re.sub(r"\"[^\"]*\"?|'[^']*'?", "…", reason)
    return f"{name}: {reason[:200]}"
