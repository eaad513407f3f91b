"""Raw rows of Jenkins: no name of a person, no parameter, no text.

Names of branches may carry names of people: those that are not the usual ones are keyed hashes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from extract.privacy import person_key
from extract.sources.jenkins.tables import NAME
from extract.tables import instant

PIPELINE_JOB, PIPELINE_RUN = "WorkflowJob", "WorkflowRun"

USUAL_BRANCH = re.compile(
    r"(main|master|trunk|develop|development|dev|staging|production"
    r"|PR-\d+|MR-\d+|v?\d+(\.[\dx]+)*|(release|hotfix)(%2F|-)v?\d+(\.[\dx]+)*)"
)


@dataclass(frozen=True)
class Job:
    """A job that builds.

    Args:
        full_name: The name it is asked by.
        shown: The name it is loaded under.
        scope: The top-level folder or job.
        kind: Its class.
        newest: Number and start of its ten newest builds: what changes when there is news.
    """

    full_name: str
    shown: str
    scope: str
    kind: str
    newest: list[list[int]]


def shown_branch(name: str) -> str:
    """Return the name of a branch as it is loaded: a keyed hash unless it is a usual one."""
    return name if USUAL_BRANCH.fullmatch(name) else f"branch-{person_key(NAME, name)}"


def build_row(job: Job, build: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw row of a build: no name of a person, no parameter, no text."""
    actions = [action for action in build.get("actions") or [] if isinstance(action, dict)]
    causes = [
        re.split(r"[.$]", str(cause.get("_class") or ""))[-1]
        for action in actions
        for cause in action.get("causes") or []
    ]
    source = checkout_of(job, [action for action in actions if action.get("lastBuiltRevision")])
    queued = [action.get("queuingDurationMillis") for action in actions]
    is_building = bool(build.get("building"))
    return {
        "job_full_name": job.shown,
        "number": int(build["number"]),
        "started_at": instant(build["timestamp"]),
        "duration_ms": None if is_building else build.get("duration"),
        "is_building": is_building,
        "result": build.get("result"),
        "class": str(build.get("_class") or "").rpartition(".")[2],
        "payload": {
            "causes": causes,
            "head_sha": source["lastBuiltRevision"].get("SHA1") if source else None,
            "repository": repository_of(source.get("remoteUrls")) if source else None,
            "queue_ms": next((value for value in queued if isinstance(value, int)), None),
        },
    }


def checkout_of(job: Job, checkouts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the checkout that a build is of: libraries and configurations are checked out too.

    It is the one of the repository that the job is named after, or else of the job's branch. Of
    several the last is taken: libraries come before what they are for.
    """
    *folders, last = job.full_name.split("/")
    branch = unquote(last)

    def likeness(index: int) -> tuple[bool, bool, int]:
        repository = repository_of(checkouts[index].get("remoteUrls")) or ""
        branches = [
            str(described.get("name") or "")
            for described in checkouts[index]["lastBuiltRevision"].get("branch") or []
            if isinstance(described, dict)
        ]
        is_named = repository.rpartition("/")[2] in (*folders, last)
        is_branch = any(name == branch or name.endswith(f"/{branch}") for name in branches)
        return is_named, is_branch, index

    return checkouts[max(range(len(checkouts)), key=likeness)] if checkouts else None


def repository_of(addresses: Any) -> str | None:
    """Return owner/name of the first address of a repository, https or ssh, without its host."""
    address = str(addresses[0]) if isinstance(addresses, list) and addresses else ""
    path = urlsplit(address).path if "://" in address else address.partition(":")[2]
    parts = path.strip("/").removesuffix(".git").split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else None


def stages_in(answer: Any) -> list[dict[str, Any]]:
    """Return the stages of an answer of either plugin, in the words of the older one.

    The tree of the graph view has the stages and branches inside others, too, and what a pipeline
    declares and never came to.
    """
    answer = answer if isinstance(answer, dict) else {}
    if "data" not in answer:
        return answer.get("stages") or []
    found: list[dict[str, Any]] = []
    left = list((answer["data"] or {}).get("stages") or ())
    while left:
        stage = left.pop(0)
        left = [*(stage.get("children") or ()), *left]
        if stage.get("type") in ("STAGE", "PARALLEL") and not stage.get("placeholder"):
            took = {"durationMillis": stage.get("totalDurationMillis")}
            found.append({**stage, **took, "status": stage.get("state")})
    return found


def stage_rows(build: Mapping[str, Any], stages: Any) -> list[dict[str, Any]]:
    """Return the raw rows of a build's stages, each with its own result."""
    return [
        {
            "job_full_name": build["job_full_name"],
            "number": build["number"],
            "build_started_at": build["started_at"],
            "stage_id": str(stage["id"]),
            "started_at": instant(stage.get("startTimeMillis")),
            "duration_ms": stage.get("durationMillis"),
            "status": stage.get("status"),
            "payload": {
                "name": stage.get("name"),
                "pauseDurationMillis": stage.get("pauseDurationMillis"),
            },
        }
        for stage in stages or []
        if isinstance(stage, dict) and stage.get("id") not in (None, "")
    ]
