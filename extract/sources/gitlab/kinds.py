"""What projects have many of: pipelines, deployments, merge requests, issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extract.sources.gitlab.rows import OPEN, Project
from extract.sources.gitlab.tables import (
    BRIDGES,
    COMMITS,
    DEPLOYMENT_MERGE_REQUESTS,
    DEPLOYMENTS,
    ISSUE_LABELS,
    ISSUE_STATES,
    ISSUES,
    JOBS,
    MERGE_REQUEST_STATES,
    MERGE_REQUESTS,
    NOTES,
    PIPELINES,
)
from extract.tables import RawTable, instant

VERSION = "concat_ws('|', status, epoch_ms(updated_at))"
"""GitLab may date an outcome back to before it was shown, so the status is part of the version."""


# reading


@dataclass(frozen=True)
class Kind:
    """Something that projects have many of.

    Args:
        table: Its raw table.
        children: The raw tables of what is read with it.
        address: What names one of them in its path: id or iid.
        order: What the complete listing is ordered by; it does not change while we page.
        state: What names its state in GitLab's answers.
        filters: Filters of the listings that together show all of them.
        unfinished: SQL condition of the rows that are read by id until they have ended.
    """

    table: RawTable
    children: tuple[RawTable, ...]
    address: str
    order: str
    state: str
    filters: tuple[Mapping[str, str], ...] = ({},)
    unfinished: str = "false"

    def version(self, row: Mapping[str, Any]) -> str:
        """Return the version of a listed row, as VERSION makes it of a stored one."""
        updated = instant(row.get("updated_at"))
        parts = (row.get(self.state), updated and round(updated.timestamp() * 1000))
        return "|".join(str(part) for part in parts if part is not None)

    @property
    def tables(self) -> tuple[RawTable, ...]:
        """The raw tables that are filled together."""
        return (self.table, *self.children)

    def path(self, project: Project, row: Mapping[str, Any] | None = None) -> str:
        """Return the path of the listing, or of one row of it."""
        path = f"/projects/{project.id}/{self.table.name}"
        return path if row is None else f"{path}/{row[self.address]}"


KINDS = (
    Kind(
        PIPELINES,
        (JOBS, BRIDGES),
        "id",
        "id",
        "status",
        ({}, {"source": "parent_pipeline"}),
        f"""
        status in {OPEN} or id in (
            select pipeline_id from gitlab.jobs where status in {OPEN}
            union all
            select pipeline_id from gitlab.bridges where status in {OPEN}
        )
        """,
    ),
    Kind(
        DEPLOYMENTS,
        (DEPLOYMENT_MERGE_REQUESTS,),
        "id",
        "id",
        "status",
        unfinished=f"status in {OPEN} or job_status in {OPEN}",
    ),
    Kind(MERGE_REQUESTS, (COMMITS, NOTES, MERGE_REQUEST_STATES), "iid", "created_at", "state"),
    Kind(ISSUES, (ISSUE_STATES, ISSUE_LABELS), "iid", "created_at", "state"),
)
