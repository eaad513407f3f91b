"""Raw rows of GitHub: people as keyed hashes, no texts.

Titles, texts, labels and branch names are read to see issue keys, reverts and hotfixes, and are
not loaded: they name people.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from extract.assistance import Signed, assistance
from extract.mentions import changes_in, keys_in
from extract.privacy import KEEP, person, pick, shown_environment
from extract.sources.github.tables import NAME, REPOSITORY
from extract.tables import instant
from extract.windows import BEGINNING

Row = dict[str, Any]

_SHARED_BRANCH = re.compile(
    r"(?:main|master|trunk|dev|develop|development|next|stable|staging|production|prod)"
    r"|(?:(?:releases?|hotfix|support|maintenance|stable|v)[-/_.]?)?v?\d+(?:[._-]\d+)*(?:[._-]?[xX])?"
)

_LABEL = re.compile(
    r"(?:workflow|status|stage|state|phase|type|kind|priority|severity|found|detected)\s*[:/]+\s*\S.*"
    r"|bug|defect|regression|feature|enhancement|improvement|documentation|docs|question|task|chore"
    r"|epic|tech[- ]?debt|refactor(?:ing)?|maintenance|security|vulnerability|incident|p[0-5]"
    r"|triage|needs[- ](?:triage|investigation|info|information|design|review|test|tests|work)"
    r"|backlog|to[- ]?do|ready|in[- ](?:progress|development|review|test|testing|qa)|doing|review"
    r"|(?:ready|waiting|pending)(?:[- ]for)?[- ](?:development|review|test|testing|qa|release|merge"
    r"|deployment|response|feedback|info|information|customer|author|upstream)"
    r"|blocked|on[- ]hold|stale|duplicate|invalid|won'?t[- ]?fix|done",
    re.IGNORECASE,
)
"""Labels that say stage, type or priority; others may be names."""

_OTHERS = ("source", "canonical", "blockingIssue", "blockedIssue", "subIssue")
"""What an entry of a timeline calls the item that it is about beside its own."""

_FIELD = re.compile(
    r"status|stage|phase|priority|severity|impact|urgency|effort|estimate|size|(?:story )?points"
    r"|(?:start|target|due|end) date",
    re.IGNORECASE,
)
"""Fields of issues that say how they stand; others may hold names."""

_SQUASHED = re.compile(r".*\(#([1-9][0-9]{0,9})\)\s*")
"""Title of the one commit that a pull request was made into; so ends GitHub's own, too."""

_HOTFIX = re.compile(r"hot[-_ ]?fix", re.IGNORECASE)

_REVERT_TITLE = re.compile(r"revert(?:\b\s*[:(]|\s+\")", re.IGNORECASE)

_REVERT_BRANCH = re.compile(r"(?:.*/)?revert-", re.IGNORECASE)

_REVERT_TEXT = re.compile(r"\s*Reverts \S+#\d+|.*\bThis reverts commit\b", re.DOTALL)


@dataclass(frozen=True)
class Repository:
    """A repository; `key` names its watermarks, and changes when the repository is renamed."""

    id: str
    name: str
    default_branch: str | None
    node_id: str | None = None
    owner_id: str | None = None
    has_issues: bool = True
    created_at: datetime | None = None
    is_public: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Repository":
        """Read a repository of REST; `node_id` and `owner_id` are what GraphQL knows it by."""
        return cls(
            str(row["id"]),
            row["full_name"],
            row.get("default_branch"),
            row.get("node_id"),
            (row.get("owner") or {}).get("node_id"),
            bool(row.get("has_issues", True)),
            instant(row.get("created_at")),
            row.get("private") is False,
        )

    @property
    def key(self) -> str:
        """Immutable id and present name."""
        return f"{self.id} {self.name}"


def rest_person(user: Any) -> dict[str, str] | None:
    """Return an account as a keyed hash."""
    if not isinstance(user, dict):
        return None
    login = str(user.get("login") or "")
    is_bot = user.get("type") == "Bot" or login.endswith("[bot]")
    return person(NAME, user.get("id") or login.removesuffix("[bot]"), is_bot)


def graphql_person(actor: Any) -> dict[str, str] | None:
    """Return an account as the same keyed hash as REST's; ids are the same there."""
    if not isinstance(actor, dict):
        return None
    login = str(actor.get("login") or "")
    is_bot = actor.get("__typename") == "Bot" or login.endswith("[bot]")
    return person(NAME, actor.get("databaseId") or login.removesuffix("[bot]"), is_bot)


def derived(pull: Mapping[str, Any]) -> dict[str, Any]:
    """Return what title, text, labels and branch of a pull request say, without them."""
    title, body = str(pull.get("title") or ""), str(pull.get("body") or "")
    branch = str((pull.get("head") or {}).get("ref") or "")
    labels = [str((label or {}).get("name") or "") for label in pull.get("labels") or []]
    return {
        "is_revert": bool(
            _REVERT_TITLE.match(title) or _REVERT_BRANCH.match(branch) or _REVERT_TEXT.match(body)
        ),
        "is_hotfix": any(_HOTFIX.search(text) for text in (title, branch, *labels)),
        **keys_in(branch, title, body),
    }


def base_branch(name: Any, default: str | None) -> str | None:
    """Return a target branch that many share; a branch of one's own may carry a name."""
    is_shared = isinstance(name, str) and (name == default or _SHARED_BRANCH.fullmatch(name))
    return name if is_shared else None


def repository_row(repo: Mapping[str, Any]) -> Row:
    """Return the raw row of a repository."""
    return {
        "id": str(repo["id"]),
        "full_name": repo.get("full_name"),
        "default_branch": repo.get("default_branch"),
        "created_at": instant(repo.get("created_at")),
        "payload": {name: pick(repo.get(name), KEEP) for name in REPOSITORY},
    }


@dataclass
class Listed:
    """A pull request as the listing shows it, without its texts."""

    id: str
    node_id: str
    number: int
    updated_at: datetime
    derived: Row

    @classmethod
    def of(cls, pull: Mapping[str, Any]) -> "Listed":
        """Read a pull request of REST."""
        updated = instant(pull.get("updated_at")) or BEGINNING
        return cls(str(pull["id"]), pull["node_id"], pull["number"], updated, derived(pull))


def pull_row(repo: Repository, listed: Listed, node: Mapping[str, Any]) -> Row:
    """Return the raw row of a pull request."""
    kept = ("isDraft", "closedAt", "mergedAt", "headRefOid", "additions", "deletions")
    commits = [entry["commit"] for entry in node["commits"]["nodes"]]
    timeline = node["timelineItems"]["nodes"]
    keys = keys_in(*(str(commit.get("message") or "") for commit in commits))
    return {
        "id": listed.id,
        "repository": repo.name,
        "number": listed.number,
        "state": "open" if node.get("state") == "OPEN" else "closed",
        "created_at": instant(node.get("createdAt")),
        "updated_at": instant(node.get("updatedAt")),
        "payload": {
            **{name: node.get(name) for name in (*kept, "changedFiles")},
            "author": graphql_person(node.get("author")),
            "baseRefName": base_branch(node.get("baseRefName"), repo.default_branch),
            "mergeCommitOid": (node.get("mergeCommit") or {}).get("oid"),
            **listed.derived,
            **{name: list(dict.fromkeys([*listed.derived[name], *keys[name]])) for name in keys},
            "node_id": listed.node_id,
            **assistance(
                [
                    signed(commit)
                    for commit in (*(e.get("beforeCommit") for e in timeline), *commits)
                    if commit
                ],
                login_of(node.get("author")),
            ),
            "closes": [issue["id"] for issue in node["closingIssuesReferences"]["nodes"]],
            "events": [event_of(entry) for entry in timeline],
        },
    }


def login_of(actor: Any) -> str | None:
    """Return the login of an account of GraphQL, of an app as REST and commits write it."""
    actor = actor if isinstance(actor, dict) else {}
    login = actor.get("login")
    is_app = actor.get("__typename") == "Bot" and not str(login).endswith("[bot]")
    return f"{login}[bot]" if is_app else login


def signed(commit: Mapping[str, Any]) -> Signed:
    """Return a commit of GraphQL as it is read to see who, or what, wrote it."""
    author = commit.get("author") or {}
    return Signed(
        commit.get("message"), author.get("name"), author.get("email"), login_of(author.get("user"))
    )


def shown_labels(names: Iterable[Any]) -> list[str]:
    """Return the labels that say stage, type or priority."""
    return [name for name in names if isinstance(name, str) and _LABEL.fullmatch(name.strip())]


def issue_row(repo: Repository, node: Mapping[str, Any]) -> Row:
    """Return the raw row of an issue."""
    times = {"created_at": "createdAt", "updated_at": "updatedAt", "closed_at": "closedAt"}
    return {
        "id": node["id"],
        "repository": repo.name,
        "number": node.get("number"),
        "state": str(node.get("state") or "").lower(),
        **{name: instant(node.get(field)) for name, field in times.items()},
        "payload": {
            "author": graphql_person(node.get("author")),
            "stateReason": node.get("stateReason"),
            "issueType": (node.get("issueType") or {}).get("name"),
            "labels": shown_labels(label.get("name") for label in node["labels"]["nodes"]),
        },
    }


def issue_event_rows(node: Mapping[str, Any]) -> list[Row]:
    """Return the raw rows of an issue's timeline; of labels those that are shown."""
    rows = []
    for entry in node["timelineItems"]["nodes"]:
        if not entry.get("id"):
            continue
        label = (entry.get("label") or {}).get("name")
        if label is not None and not shown_labels([label]):
            continue
        other = next((entry[name] for name in _OTHERS if entry.get(name)), {})
        event = event_of(entry)
        rows.append(
            {
                "id": entry["id"],
                "issue_id": node["id"],
                "type": event["type"],
                "created_at": instant(entry.get("createdAt")),
                "payload": {
                    "actor": event["actor"],
                    "label": label,
                    "stateReason": entry.get("stateReason"),
                    "closer_sha": (entry.get("closer") or {}).get("oid"),
                    "project_id": (entry.get("project") or {}).get("id"),
                    "status": entry.get("status"),
                    "previousStatus": entry.get("previousStatus"),
                    "other_id": other.get("id"),
                    "parent_id": (entry.get("parent") or {}).get("id"),
                    "fromRepository": (entry.get("fromRepository") or {}).get("nameWithOwner"),
                    "issueType": (entry.get("issueType") or {}).get("name"),
                    "prevIssueType": (entry.get("prevIssueType") or {}).get("name"),
                    **_field_of(entry),
                },
            }
        )
    return rows


def _field_of(entry: Mapping[str, Any]) -> Row:
    """Return which field of an issue an entry changes, and from what to what, if it is a usual one.

    Anybody may make a field, and choices may be names.
    """
    name = str((entry.get("issueField") or {}).get("name") or "")
    if not _FIELD.fullmatch(name.strip()):
        return {}
    after = entry.get("newValue", entry.get("value"))
    return {"field": name, "value": after, "previousValue": entry.get("previousValue")}


def project_item_row(project_id: str, item: Mapping[str, Any]) -> Row:
    """Return the raw row of an item of a project: an issue, a pull request or a draft."""
    content = item.get("content") or {}
    iteration = item.get("iteration") or {}
    return {
        "id": item["id"],
        "project_id": project_id,
        "content_id": content.get("id"),
        "updated_at": instant(item.get("updatedAt")),
        "payload": {
            "type": item.get("type"),
            "isArchived": item.get("isArchived"),
            "status": (item.get("status") or {}).get("name"),
            "priority": (item.get("priority") or {}).get("name"),
            "estimate": (item.get("estimate") or {}).get("number"),
            "iteration": {name: iteration.get(name) for name in ("startDate", "duration")},
        },
    }


def event_of(entry: Mapping[str, Any]) -> Row:
    """Return an entry of the timeline: ReadyForReviewEvent → ready_for_review."""
    name = str(entry["__typename"]).removesuffix("Event")
    return {
        "type": re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(),
        "at": entry.get("createdAt"),
        "actor": graphql_person(entry.get("actor")),
    }


def commit_rows(repo: Repository, listed: Listed, node: Mapping[str, Any]) -> list[Row]:
    """Return the raw rows of the commits, with the heads that force pushes replaced."""
    pushed = [entry.get("beforeCommit") for entry in node["timelineItems"]["nodes"]]
    shown = [entry["commit"] for entry in node["commits"]["nodes"]]
    return [
        {
            "pull_request_id": listed.id,
            "sha": commit["oid"],
            "repository": repo.name,
            "authored_at": instant(commit.get("authoredDate")),
            "committed_at": instant(commit.get("committedDate")),
            "payload": {"author": graphql_person((commit.get("author") or {}).get("user"))},
        }
        for commit in {part["oid"]: part for part in (*pushed, *shown) if part}.values()
    ]


def branch_commit_row(repo: Repository, commit: Mapping[str, Any]) -> Row:
    """Return the raw row of a commit of the default branch; its message is read and not loaded."""
    git_commit = commit.get("commit") or {}
    title, _, body = str(git_commit.get("message") or "").partition("\n")
    parents, squashed = parents_of(commit), _SQUASHED.fullmatch(title)
    return {
        "repository": repo.name,
        "sha": commit["sha"],
        "first_parent": parents[0] if parents else None,
        "authored_at": instant((git_commit.get("author") or {}).get("date")),
        "committed_at": instant((git_commit.get("committer") or {}).get("date")),
        "payload": {
            "parents": parents,
            "author": rest_person(commit.get("author")),
            **derived({"title": title, "body": body}),
            **assistance(
                [
                    Signed(
                        git_commit.get("message"),
                        (git_commit.get("author") or {}).get("name"),
                        (git_commit.get("author") or {}).get("email"),
                        (commit.get("author") or {}).get("login"),
                    )
                ]
            ),
            "pull_request_no": int(squashed[1]) if squashed else None,
        },
    }


def parents_of(commit: Mapping[str, Any]) -> list[str]:
    """Return the shas of the parents of a commit, the branch that it was made on first."""
    return [parent["sha"] for parent in commit.get("parents") or ()]


def review_rows(listed: Listed, node: Mapping[str, Any]) -> list[Row]:
    """Return the raw rows of the reviews that were submitted."""
    return [
        {
            "id": str(review.get("databaseId") or review["id"]),
            "pull_request_id": listed.id,
            "state": review.get("state"),
            "submitted_at": instant(review.get("submittedAt")),
            "payload": {"author": graphql_person(review.get("author"))},
        }
        for review in node["reviews"]["nodes"]
        if review.get("submittedAt")
    ]


def release_row(repo: Repository, release: Mapping[str, Any]) -> Row:
    """Return the raw row of a release; a tag that is not a version may be a name."""
    target = release.get("target_commitish")
    is_sha = isinstance(target, str) and re.fullmatch(r"[0-9a-f]{40}", target)
    return {
        "id": str(release["id"]),
        "repository": repo.name,
        **{name: instant(release.get(name)) for name in ("created_at", "published_at")},
        "payload": {
            **{name: pick(release.get(name), KEEP) for name in ("draft", "prerelease")},
            "tag_name": base_branch(release.get("tag_name"), None),
            "target": target if is_sha else base_branch(target, repo.default_branch),
            "author": rest_person(release.get("author")),
        },
    }


def environment_row(repo: Repository, environment: Mapping[str, Any]) -> Row:
    """Return the raw row of an environment."""
    rules = environment.get("protection_rules")
    return {
        "repository": repo.name,
        "name": shown_environment(NAME, environment["name"]),
        "id": str(environment["id"]) if environment.get("id") else None,
        **{name: instant(environment.get(name)) for name in ("created_at", "updated_at")},
        "payload": {
            "protection_rules": [
                {name: pick(rule.get(name), KEEP) for name in ("type", "wait_timer")}
                for rule in (rules if isinstance(rules, list) else ())
                if isinstance(rule, dict)
            ]
        },
    }


def run_row(repo: Repository, run: Mapping[str, Any]) -> Row:
    """Return the raw row of one attempt of a run."""
    pulls = run.get("pull_requests")
    kept = ("workflow_id", "run_number")
    return {
        "id": str(run["id"]),
        "run_attempt": attempt_of(run),
        "repository": repo.name,
        **{name: run.get(name) for name in ("head_sha", "event", "status", "conclusion")},
        **{name: instant(run.get(name)) for name in ("created_at", "run_started_at", "updated_at")},
        "payload": {
            **{name: pick(run.get(name), KEEP) for name in kept},
            # Its name is free text (`run-name`), and a called workflow shows its branch too.
            "path": str(run.get("path") or "").partition("@")[0] or None,
            "actor": rest_person(run.get("actor")),
            "triggering_actor": rest_person(run.get("triggering_actor")),
            "pull_request_ids": [str(pull.get("id")) for pull in pulls or () if pull],
        },
    }


def attempt_of(run: Mapping[str, Any]) -> int:
    """Return the number of the attempt; servers without attempts have the first one only."""
    return int(run.get("run_attempt") or 1)


def job_row(job: Mapping[str, Any], run_id: str, attempt: int) -> Row:
    """Return the raw row of a job."""
    times = ("created_at", "started_at", "completed_at")
    return {
        "id": str(job["id"]),
        "run_id": run_id,
        "run_attempt": attempt,
        "status": job.get("status"),
        "conclusion": job.get("conclusion"),
        **{name: instant(job.get(name)) for name in times},
        "payload": {"name": pick(job.get("name"), KEEP), "labels": pick(job.get("labels"), [KEEP])},
    }


def deployment_row(repo: Repository, deployment: Mapping[str, Any]) -> Row:
    """Return the raw row of a deployment."""
    kept = ("task", "transient_environment", "production_environment")
    return {
        "id": str(deployment["id"]),
        "repository": repo.name,
        "environment": shown_environment(
            NAME, deployment.get("environment"), bool(deployment.get("transient_environment"))
        ),
        "sha": deployment.get("sha"),
        "created_at": instant(deployment.get("created_at")),
        "updated_at": instant(deployment.get("updated_at")),
        "payload": {
            **{name: pick(deployment.get(name), KEEP) for name in kept},
            "creator": rest_person(deployment.get("creator")),
            "change_numbers": changes_in(
                *(str(deployment.get(name) or "") for name in ("ref", "description", "payload"))
            ),
        },
    }


def status_row(status: Mapping[str, Any], deployment_id: str) -> Row:
    """Return the raw row of a status of a deployment."""
    state, created = str(status.get("state")), status.get("created_at")
    return {
        "status_key": str(status.get("id") or f"{deployment_id}:{state}:{created}"),
        "deployment_id": deployment_id,
        "state": state,
        "created_at": instant(created),
        "payload": {"creator": rest_person(status.get("creator"))},
    }
