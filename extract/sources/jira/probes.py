"""What `flowhouse doctor` asks of a Jira."""

from collections.abc import Iterator
from typing import Any

from extract.api import ROWS
from extract.probes import Probe, clock
from extract.settings import setting_name
from extract.sources.jira.client import (
    AGILE,
    ROOTS,
    Site,
    connect,
    scope_of,
    token_url,
    updated_since,
)
from extract.sources.jira.cloud import Cloud
from extract.sources.jira.datacenter import DataCenter
from extract.sources.jira.fields import candidates, flag_hint
from extract.sources.jira.rows import Rows
from extract.sources.jira.settings import JiraSettings
from extract.sources.jira.tables import NAME


def doctor_probes(config: JiraSettings) -> Iterator[Probe]:
    """Ask what only this instance can answer; `flowhouse doctor` prints it."""
    api, deployment, server_now = connect(config)
    yield Probe(True, f"deployment: {deployment}")
    yield clock(server_now)
    if config.client_id:
        yield Probe(True, f"token: given by {token_url(config)}")
    fields = api.get(f"{ROOTS[deployment]}/field", type=ROWS).data
    site = (Cloud if deployment == "cloud" else DataCenter)(api, Rows(fields))
    projects = site.projects()
    keys = {str(row.get("key")) for row in projects}
    for number, project in enumerate(config.projects or [], 1):
        if project not in keys:
            name = setting_name(NAME, "projects")
            yield Probe(False, f"{name}: project no. {number} is not visible to this user")
    yield Probe(bool(projects), f"projects: {len(projects):,} visible")
    yield from _count_probes(
        site, [key for key in config.projects or [""] if not key or key in keys]
    )
    yield from _field_probes(config, fields)
    yield from _endpoint_probes(site)


def _count_probes(site: "Site", scopes: list[str]) -> Iterator[Probe]:
    """Compare the count of issues with what Jira says of each project, and try the search."""
    totals = {
        str(row.get("key")): (row.get("insight") or {}).get("totalIssueCount")
        for row in site.projects()
    }
    for scope in scopes:
        count = site.count(updated_since(None, scope))
        said = totals.get(scope) if scope else sum(total or 0 for total in totals.values())
        hidden = max((said or 0) - count, 0)
        yield Probe(
            bool(count) and not hidden,
            f"issues of {scope or 'all projects'}: {count:,} visible"
            + (f", {hidden:,} more are hidden from this user" if hidden else ""),
        )
    newest = site.newest()
    if not newest:
        return
    issue_id, updated = newest
    hits = [
        site.count(f"id = {issue_id} AND updated >= {low} AND updated < {high}")
        for low, high in ((updated, updated + 1), (updated + 1, updated + 60_000))
    ]
    exact = "to the millisecond" if hits == [1, 0] else "to the minute or so, as we assume"
    yield Probe(True, f"search: epoch milliseconds are read {exact}")


def _field_probes(config: JiraSettings, fields: list[dict[str, Any]]) -> Iterator[Probe]:
    """List the custom fields that could be meant where there are several."""
    names = {str(row.get("id")): str(row.get("name")) for row in fields}
    for role, chosen in config.chosen().items():
        setting = f"{role}_field"
        found = [key for key, known in candidates(fields).items() if known == role]
        if chosen:
            line = f"{role}: {setting_name(NAME, setting)} is one of Jira's fields"
            is_there = chosen in names
            yield Probe(is_there, line if is_there else line.replace(" is one", " is none"))
        else:
            listed = ", ".join(f"{names[key]} ({key})" for key in found) or "no field"
            line = f"{role}: {listed}"
            if len(found) > 1:
                line += f"; the first with a value counts, {setting_name(NAME, setting)} decides"
            hint = "" if found else flag_hint(role, fields)
            yield Probe(not hint, f"{line}{hint}")


def _endpoint_probes(site: "Site") -> Iterator[Probe]:
    """Say which optional endpoints this user may read."""
    for what, path in (
        ("boards", f"{AGILE}/board"),
        ("worklogs", f"{site.root}/worklog/updated"),
        ("statuses without a workflow", f"{site.root}/statuses/search"),
        ("priorities", f"{site.root}/priority"),
        ("resolutions", f"{site.root}/resolution"),
        ("types of links", f"{site.root}/issueLinkType"),
    ):
        # Some of them answer with an object, some with a list.
        status = site.api.get(path, allow=(400, 401, 403, 404), type=Any).status
        denied = f"{scope_of(path)}, " if status in (401, 403) else ""
        yield Probe(
            True, f"{what}: {'readable' if status == 200 else f'not readable ({denied}{status})'}"
        )
