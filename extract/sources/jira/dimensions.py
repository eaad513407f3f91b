"""What issues refer to: projects, statuses, types, fields, boards, versions, components."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.api import OBJECT, ROWS, Forbidden
from extract.privacy import pick
from extract.snapshots import changed
from extract.sources.jira.client import AGILE, Site
from extract.sources.jira.cloud import Cloud
from extract.sources.jira.fields import flag_hint
from extract.sources.jira.rows import Rows
from extract.sources.jira.shapes import (
    BOARD,
    COMPONENT,
    FIELD,
    ISSUE_TYPE,
    NAMED,
    PROJECT,
    STATUS,
    VERSION,
)
from extract.sources.jira.tables import (
    BOARDS,
    COMPONENTS,
    FIELDS,
    ISSUE_TYPES,
    LINK_TYPES,
    NAME,
    PRIORITIES,
    PROJECTS,
    RESOLUTIONS,
    SNAPSHOTS,
    STATUSES,
    VERSIONS,
)
from extract.tables import Batch, RawTable

if TYPE_CHECKING:
    from extract.sources.jira.reader import Reader


ONLY_NAMES = ("statuses", "priorities", "resolutions", "link_types")


def read_dimensions(reader: "Reader", fields: list[dict[str, Any]]) -> Iterator[Batch]:
    """Yield what issues refer to, read in full.

    What costs a request per project or board is read once a day.
    """
    run, site, api = reader.run, reader.site, reader.site.api
    root = site.root

    def dimension(
        table: RawTable,
        shape: Mapping[str, Any],
        listed: Callable[[], Iterable[Any]],
        columns: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: {},
        may_be_empty: bool = False,
        message: str = "",
    ) -> Iterator[Batch]:
        unknown: set[str] = set()
        try:
            rows = [
                {
                    "id": str(row["id"]),
                    **columns(row),
                    "payload": pick(row, shape, unknown),
                }
                for row in listed() or []
                if isinstance(row, dict) and row.get("id") not in (None, "")
            ]
        except Forbidden as failure:
            run.audit(table.name, status="failed", message=str(failure))
            return
        for row in rows:
            row["name"] = row["payload"].get("name")
        new, seen = changed(NAME, table, rows, reader.run.server_now)
        yield SNAPSHOTS, SNAPSHOTS.batch(seen)
        words = [f"unknown fields: {', '.join(sorted(unknown))}" if unknown else "", message]
        is_complete = bool(rows) or may_be_empty
        run.audit(
            table.name,
            api_count=len(rows),
            extracted=len(rows),
            loaded=len(new),
            # None at all is a lost permission, not an empty Jira; what we have stays.
            status="complete" if is_complete else "incomplete",
            message="; ".join(filter(None, words))
            if is_complete
            else "Jira shows none to this user",
        )
        yield table, table.batch(new)

    yield from dimension(
        PROJECTS, PROJECT, lambda: reader.visible, lambda row: {"key": row.get("key")}
    )
    yield from dimension(STATUSES, STATUS, lambda: _statuses(site), _category)
    yield from dimension(
        ISSUE_TYPES,
        ISSUE_TYPE,
        lambda: api.get(f"{root}/issuetype", type=ROWS).data,
        lambda row: {"hierarchy_level": row.get("hierarchyLevel")},
    )
    yield from dimension(FIELDS, FIELD, lambda: fields, message=_new_fields(fields, site.rows))
    if not reader.is_daily:
        return
    for table, path in NAMED_PATHS:
        yield from dimension(table, NAMED, partial(_named, site, table, path), may_be_empty=True)
    yield from dimension(BOARDS, BOARD, lambda: _boards(reader), _board_columns, may_be_empty=True)
    keys = reader.config.projects or [
        row["key"] for row in reader.visible if row.get("key") and not row.get("deleted")
    ]
    yield from dimension(
        VERSIONS,
        VERSION,
        lambda: _of_projects(site, keys, "versions"),
        lambda row: {
            "project_key": row["project_key"],
            "is_released": row.get("released"),
            "release_on": row.get("releaseDate"),
        },
        may_be_empty=True,
    )
    yield from dimension(
        COMPONENTS,
        COMPONENT,
        lambda: _of_projects(site, keys, "components"),
        lambda row: {"project_key": row["project_key"]},
        may_be_empty=True,
    )


CATEGORIES = {"TODO": "new", "IN_PROGRESS": "indeterminate", "DONE": "done"}


def _category(row: dict[str, Any]) -> dict[str, Any]:
    return {"category_key": (row.get("statusCategory") or {}).get("key")}


def _statuses(site: Site) -> list[dict[str, Any]]:
    """Return the statuses of active workflows, and on Cloud the others too, where we may."""
    found = {str(row.get("id")): row for row in site.api.get(f"{site.root}/status", type=ROWS).data}
    if isinstance(site, Cloud):
        for row in site.pages("statuses", f"{site.root}/statuses/search"):
            category = {"key": CATEGORIES.get(str(row.get("statusCategory")))}
            found.setdefault(str(row.get("id")), {**row, "statusCategory": category})
    return list(found.values())


NAMED_PATHS = (
    (PRIORITIES, "priority"),
    (RESOLUTIONS, "resolution"),
    (LINK_TYPES, "issueLinkType"),
)


def _named(site: Site, table: RawTable, path: str) -> list[dict[str, Any]]:
    """Return what a short list names; what a Jira does not list is named by its issues."""
    is_wrapped = table is LINK_TYPES
    list_path = f"{site.root}/{path}"
    reply = site.optional(table.name, list_path, type=OBJECT if is_wrapped else ROWS)
    if reply is None:
        return []
    return reply.data["issueLinkTypes"] if is_wrapped else reply.data


def _boards(reader: "Reader") -> list[dict[str, Any]]:
    """Return the boards with their columns; none where Jira Software is not installed."""
    site, found = reader.site, {}
    for project in reader.config.projects or [""]:
        params = {"projectKeyOrId": project} if project else {}
        found |= {str(row["id"]): row for row in site.pages("boards", f"{AGILE}/board", params)}
    for key, row in found.items():
        reply = site.optional("boards", f"{AGILE}/board/{key}/configuration")
        if reply:
            row["filter_id"] = (reply.data.get("filter") or {}).get("id")
            row["columns"] = [
                {
                    **{name: column.get(name) for name in ("name", "min", "max")},
                    "statuses": [str(status.get("id")) for status in column.get("statuses") or []],
                }
                for column in (reply.data.get("columnConfig") or {}).get("columns") or []
            ]
    reader.boards = list(found.values())
    return reader.boards


def _board_columns(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": row.get("type"),
        "project_key": (row.get("location") or {}).get("projectKey"),
    }


def _of_projects(site: Site, keys: Sequence[str], part: str) -> list[dict[str, Any]]:
    """Return the versions or the components of projects."""
    found = []
    for key in keys:
        reply = site.optional(part, f"{site.root}/project/{key}/{part}", type=ROWS)
        if reply:
            found += [{**row, "project_key": key} for row in reply.data]
    return found


def _new_fields(fields: list[dict[str, Any]], rows: Rows) -> str:
    """Name the fields that Jira did not have before; their values are not loaded."""
    known = {row_id for (row_id,) in raw_store.rows(NAME, f"select id from {NAME}.fields")}
    new = [
        f"{field_['name']} ({field_['id']}, {(field_.get('schema') or {}).get('type')})"
        for field_ in fields
        if known and str(field_.get("id")) not in known and str(field_.get("id")) not in rows.asked
    ]
    hint = "" if "flagged" in rows.roles.values() else flag_hint("flagged", fields)
    messages = [
        f"new fields, not loaded: {', '.join(new)}" if new else "",
        f"flagged: no field{hint}",
    ]
    return "; ".join(part for part in messages[: 2 if hint else 1] if part)
