"""Raw rows of GitLab, and what names and texts say.

Titles, texts and notes are read to see issue keys, reverts, hotfixes, approvals and drafts, and are
not loaded. Branches that are not the usual ones, and the part of an environment's name that comes
from a branch, are keyed hashes. Of labels only those are loaded whose scope says stage, type or
priority (`workflow::in dev`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from extract.assistance import Signed, assistance
from extract.gaps import FOREVER
from extract.mentions import keys_in
from extract.privacy import person, person_key, shown_environment
from extract.sources.gitlab.tables import NAME
from extract.tables import instant

OPEN = (
    "created",
    "waiting_for_resource",
    "waiting_for_callback",
    "preparing",
    "pending",
    "running",
    "canceling",
    "scheduled",
    "blocked",
)
"""What goes on by itself. `manual` waits for somebody, and its start changes `updated_at`."""

_USUAL_REF = re.compile(
    r"(?:main|master|trunk|develop|development|dev|next|stable|staging|production|prod)"
    r"|v?\d+(?:[.-][\dx]+)*(?:-(?:stable|rc\d*))?"
    r"|(?:release|releases|hotfix|support|stable)[/-]v?\d+(?:[.-][\dx]+)*"
    r"|refs/merge-requests/\d+/(?:head|merge|train)"
)

_LABEL = re.compile(
    r"(?:workflow|status|stage|state|phase|type|priority|severity|found|detected)::.+",
    re.IGNORECASE,
)

_ISSUE_NUMBER = re.compile(r"(?<![\w/])#([1-9][0-9]*)(?!\w)")

_HOTFIX = re.compile(r"hot[-_ ]?fix", re.IGNORECASE)

_REVERT_TITLE = re.compile(r"revert(?:\b\s*[:(]|\s+\")", re.IGNORECASE)

_REVERT_BRANCH = re.compile(r"(?:.*/)?revert-", re.IGNORECASE)

_REVERT_TEXT = re.compile(r"\bThis reverts (?:commit|merge request)\b")

_BOT = re.compile(r"(?:project|group)_\d+_bot.*|.*(?:\[bot\]|[-_]bot)|.*service_account_.*")

_NOTES = (
    ("approved", re.compile(r"approved this merge request")),
    ("unapproved", re.compile(r"unapproved this merge request")),
    ("changes_requested", re.compile(r"(?:left review comments and )?requested changes")),
    ("ready", re.compile(r"marked this merge request as \*\*ready\*\*|unmarked .*(?:WIP|Work In)")),
    ("draft", re.compile(r"marked (?:this merge request )?as (?:a )?\*\*(?:draft|Work In)")),
)
"""System notes that move a merge request, by what they begin with."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Project:
    """A project; `key` names its watermarks, and changes when the project is renamed."""

    id: str
    path: str
    default_branch: str | None
    created_at: datetime | None = None
    keeps_pipelines: timedelta | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Project":
        """Read a project; GitLab tells those only who may delete how long pipelines are kept."""
        name = "ci_delete_pipelines_in_seconds"
        keeps = None if name not in row else FOREVER
        if row.get(name):
            keeps = timedelta(seconds=row[name])
        created = instant(row.get("created_at"))
        return cls(str(row["id"]), path_of(row), row.get("default_branch"), created, keeps)

    @property
    def key(self) -> str:
        """Immutable id and present path."""
        return f"{self.id} {self.path}"


# what names and texts say


def user(account: Any) -> dict[str, str] | None:
    """Return an account as a keyed hash."""
    if not isinstance(account, dict):
        return None
    login = str(account.get("username") or "")
    return person(NAME, account.get("id"), bool(account.get("bot") or _BOT.fullmatch(login)))


def shown_ref(name: Any, default: str | None = None) -> str | None:
    """Return the name of a branch or tag as it is loaded: a keyed hash unless it is a usual one."""
    if not isinstance(name, str) or not name:
        return None
    is_usual = name == default or _USUAL_REF.fullmatch(name)
    return name if is_usual else f"branch-{person_key(NAME, name)}"


def shown_labels(names: Any) -> list[str]:
    """Return the labels whose scope says stage, type or priority; others may be names."""
    return [name for name in names or () if isinstance(name, str) and _LABEL.fullmatch(name)]


def derived(project: Project, row: Mapping[str, Any], commits: Iterable[Row] = ()) -> Row:
    """Return what title, text, labels, branch and commits of a merge request say, without them."""
    title, text = str(row.get("title") or ""), str(row.get("description") or "")
    branch, labels = str(row.get("source_branch") or ""), row.get("labels") or []
    messages = [str(commit.get("message") or commit.get("title") or "") for commit in commits]
    keys = keys_in(branch, title, text, *messages)
    numbers = [
        number for part in (title, text, *messages) for number in _ISSUE_NUMBER.findall(part)
    ]
    keys["issue_keys"] += dict.fromkeys(f"{project.path}#{number}" for number in numbers)
    return {
        "is_revert": bool(
            _REVERT_TITLE.match(title) or _REVERT_BRANCH.match(branch) or _REVERT_TEXT.search(text)
        ),
        "is_hotfix": any(_HOTFIX.search(str(part)) for part in (title, branch, *labels)),
        **keys,
    }


def note_kind(note: Mapping[str, Any]) -> str | None:
    """Return what a note is: a comment, or a system note that moves the merge request."""
    if not note.get("system"):
        return "comment"
    text = str(note.get("body") or "")
    return next((kind for kind, pattern in _NOTES if pattern.match(text)), None)


# rows


def project_row(row: Mapping[str, Any]) -> Row:
    """Return the raw row of a project."""
    return {
        "id": str(row["id"]),
        "path": row.get("path_with_namespace"),
        "default_branch": row.get("default_branch"),
        "created_at": instant(row.get("created_at")),
        "payload": {name: row.get(name) for name in ("visibility", "archived")},
    }


def _times(row: Mapping[str, Any], *names: str) -> Row:
    return {name: instant(row.get(name)) for name in names}


def pipeline_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a pipeline with its details."""
    return {
        "id": str(row["id"]),
        "iid": row.get("iid"),
        "project": project.path,
        **{name: row.get(name) for name in ("sha", "source", "status")},
        **_times(row, "created_at", "started_at", "finished_at", "updated_at"),
        "payload": {
            "ref": shown_ref(row.get("ref"), project.default_branch),
            **{name: row.get(name) for name in ("tag", "duration", "queued_duration")},
            "user": user(row.get("user")),
        },
    }


def job_row(pipeline_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a job."""
    kept = ("name", "stage", "allow_failure", "failure_reason", "duration", "queued_duration")
    kind = (row.get("runner") or {}).get("runner_type")
    return {
        "id": str(row["id"]),
        "pipeline_id": pipeline_id,
        "status": row.get("status"),
        **_times(row, "created_at", "started_at", "finished_at"),
        "payload": {
            **{name: row.get(name) for name in kept},
            # Shared runners are asked for by no tag.
            "labels": [*(row.get("tag_list") or []), *([kind] if kind else [])],
        },
    }


def bridge_row(pipeline_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a job that starts another pipeline."""
    downstream = row.get("downstream_pipeline") or {}
    job = job_row(pipeline_id, row)
    return {**job, "downstream_pipeline_id": _text(downstream.get("id"))}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def environment_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of an environment."""
    return {
        "id": str(row["id"]),
        "project": project.path,
        "name": shown_environment(NAME, row.get("name")),
        "tier": row.get("tier"),
        "payload": {name: row.get(name) for name in ("state", "created_at")},
    }


def deployment_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a deployment.

    It ends with its job. One without a job, or whose job never ran, ends with its last change.
    """
    job = row.get("deployable") or {}
    last_change = None if row.get("status") in OPEN else row.get("updated_at")
    return {
        "id": str(row["id"]),
        "iid": row.get("iid"),
        "project": project.path,
        "environment": shown_environment(NAME, (row.get("environment") or {}).get("name")),
        "sha": row.get("sha"),
        "status": row.get("status"),
        "job_status": job.get("status"),
        **_times(row, "created_at", "updated_at"),
        "started_at": instant(job.get("started_at")),
        "finished_at": instant(job.get("finished_at") or last_change),
        "payload": {
            "environment_id": _text((row.get("environment") or {}).get("id")),
            "job_id": _text(job.get("id")),
            "pipeline_id": _text((job.get("pipeline") or {}).get("id")),
            "user": user(row.get("user")),
        },
    }


def _item_row(project: Project, row: Mapping[str, Any]) -> Row:
    return {
        "id": str(row["id"]),
        "iid": row.get("iid"),
        "project": project.path,
        "status": row.get("state"),
        **_times(row, "created_at", "updated_at", "closed_at"),
    }


def merge_request_row(project: Project, row: Mapping[str, Any], commits: Iterable[Row]) -> Row:
    """Return the raw row of a merge request."""
    return {
        **_item_row(project, row),
        "merged_at": instant(row.get("merged_at")),
        "payload": {
            "is_draft": bool(row.get("draft") or row.get("work_in_progress")),
            "author": user(row.get("author")),
            "target_branch": shown_ref(row.get("target_branch"), project.default_branch),
            **{name: row.get(name) for name in ("sha", "merge_commit_sha", "squash_commit_sha")},
            "labels": shown_labels(row.get("labels")),
            **derived(project, row, commits),
            **assistance(
                (
                    Signed(
                        commit.get("message"), commit.get("author_name"), commit.get("author_email")
                    )
                    for commit in commits
                ),
                (row.get("author") or {}).get("username"),
            ),
        },
    }


def issue_row(project: Project, row: Mapping[str, Any]) -> Row:
    """Return the raw row of an issue."""
    return {
        **_item_row(project, row),
        "payload": {
            "author": user(row.get("author")),
            "labels": shown_labels(row.get("labels")),
            "issue_type": row.get("issue_type"),
            "weight": row.get("weight"),
        },
    }


def commit_row(merge_request_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a commit; its author is only a name and an address."""
    return {
        "merge_request_id": merge_request_id,
        "sha": row["id"],
        "authored_at": instant(row.get("authored_date")),
        "committed_at": instant(row.get("committed_date")),
        "payload": {},
    }


def note_row(merge_request_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a note, without its text."""
    return {
        "id": str(row["id"]),
        "merge_request_id": merge_request_id,
        "kind": note_kind(row),
        "created_at": instant(row.get("created_at")),
        "payload": {"author": user(row.get("author"))},
    }


def state_row(parent: str, parent_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a change between opened, closed and merged."""
    return {
        "id": str(row["id"]),
        parent: parent_id,
        "state": row.get("state"),
        "created_at": instant(row.get("created_at")),
        "payload": {"user": user(row.get("user"))},
    }


def label_row(issue_id: str, row: Mapping[str, Any]) -> Row:
    """Return the raw row of a label that was added or removed."""
    return {
        "id": str(row["id"]),
        "issue_id": issue_id,
        "action": row.get("action"),
        "label": (row.get("label") or {}).get("name"),
        "created_at": instant(row.get("created_at")),
        "payload": {"user": user(row.get("user"))},
    }


def status_of(node: Mapping[str, Any]) -> Row | None:
    """Return the raw row of a work item's status; None where it has none."""
    status = next((w["status"] for w in node.get("widgets") or () if w and w.get("status")), None)
    return status and {
        "id": str(node["id"]).rpartition("/")[2],
        "payload": {"status": status.get("name"), "category": status.get("category")},
    }


def path_of(row: Mapping[str, Any]) -> str:
    """Return the path of a project."""
    return str(row["path_with_namespace"])
