"""What is read with one listed row: jobs, commits, notes, events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extract.api import Forbidden
from extract.sources.gitlab.client import Listing
from extract.sources.gitlab.rows import (
    Project,
    Row,
    bridge_row,
    commit_row,
    deployment_row,
    issue_row,
    job_row,
    label_row,
    merge_request_row,
    note_kind,
    note_row,
    pipeline_row,
    shown_labels,
    state_row,
)
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

if TYPE_CHECKING:
    from extract.sources.gitlab.reader import Reader


Part = dict[str, list[Row]]
"""Raw rows by table that were read together and are only right together."""


@dataclass
class Details:
    """Reads what hangs on one row; each method is called like the table of the row."""

    reader: "Reader"

    def _below(self, path: str, name: str, **params: str) -> list[Row]:
        try:
            return Listing(self.reader.api, f"{path}/{name}", params).rows()
        except Forbidden:
            # Deleted since it was listed, or switched off in this project.
            return []

    def pipelines(self, project: Project, row: Row) -> Part | None:
        """Read a pipeline with its jobs and bridges; None where it is gone."""
        path = f"/projects/{project.id}/pipelines/{row['id']}"
        if "detailed_status" not in row:
            # It was listed: the listing lacks when it started and ended.
            reply = self.reader.api.get(path, allow=(404,))
            if reply.status == 404:
                return None
            row = {**row, **reply.data}
        pipeline_id = str(row["id"])
        jobs = self._below(path, "jobs", include_retried="true")
        bridges = self._below(path, "bridges")
        return {
            PIPELINES.name: [pipeline_row(project, row)],
            JOBS.name: [job_row(pipeline_id, job) for job in jobs],
            BRIDGES.name: [bridge_row(pipeline_id, bridge) for bridge in bridges],
        }

    def deployments(self, project: Project, row: Row) -> Part:
        """Read a deployment with the merge requests that GitLab links once it has succeeded."""
        path = f"/projects/{project.id}/deployments/{row['id']}"
        linked = self._below(path, "merge_requests") if row.get("status") == "success" else []
        return {
            DEPLOYMENTS.name: [deployment_row(project, row)],
            DEPLOYMENT_MERGE_REQUESTS.name: [
                {
                    "deployment_id": str(row["id"]),
                    "merge_request_id": str(request["id"]),
                    "payload": {},
                }
                for request in linked
            ],
        }

    def merge_requests(self, project: Project, row: Row) -> Part:
        """Read a merge request with its commits, notes and changes of state."""
        path = f"/projects/{project.id}/merge_requests/{row['iid']}"
        row_id = str(row["id"])
        commits = self._below(path, "commits")
        notes = self._below(path, "notes", sort="asc", order_by="created_at")
        states = self._below(path, "resource_state_events")
        return {
            MERGE_REQUESTS.name: [merge_request_row(project, row, commits)],
            COMMITS.name: [commit_row(row_id, commit) for commit in commits],
            NOTES.name: [note_row(row_id, note) for note in notes if note_kind(note)],
            MERGE_REQUEST_STATES.name: [
                state_row("merge_request_id", row_id, event) for event in states
            ],
        }

    def issues(self, project: Project, row: Row) -> Part:
        """Read an issue with its changes of state and of labels."""
        path = f"/projects/{project.id}/issues/{row['iid']}"
        row_id = str(row["id"])
        states = self._below(path, "resource_state_events")
        labels = [label_row(row_id, event) for event in self._below(path, "resource_label_events")]
        return {
            ISSUES.name: [issue_row(project, row)],
            ISSUE_STATES.name: [state_row("issue_id", row_id, event) for event in states],
            ISSUE_LABELS.name: [event for event in labels if shown_labels([event["label"]])],
        }
