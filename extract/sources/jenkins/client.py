"""A Jenkins controller: its builds, range by range, and where their stages are."""

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from extract.api import Api, IncompleteRead
from extract.settings import setting_name
from extract.sources.jenkins.rows import Job
from extract.sources.jenkins.settings import JenkinsSettings
from extract.sources.jenkins.tables import NAME
from extract.tables import instant

BUILD = (
    "number,timestamp,duration,building,result,"
    "actions[causes[_class],lastBuiltRevision[SHA1,branch[name]],remoteUrls,queuingDurationMillis]"
)

RANGE = 100

MOST_RANGES = 10_000

STAGE_VIEW = "wfapi/describe"

GRAPH_VIEW = ("stages/tree", "pipeline-overview/tree", "pipeline-graph/tree")
"""Where the stages of a build are: by the plugin Pipeline: Stage View, and by Pipeline Graph View,
which Jenkins installs by default now, under its present and its former names."""

STAGE_PATHS = (STAGE_VIEW, *GRAPH_VIEW)

NO_PLUGIN = "neither the plugin Pipeline Graph View nor Pipeline: Stage View is there (404)"


def check(config: JenkinsSettings) -> None:
    """Ask for the front page: a wrong token is refused even where everybody may read."""
    server_time(connect(config))


def server_time(api: Api) -> datetime:
    """Ask Jenkins for its front page, and return its time."""
    return api.get("/api/json", {"tree": "mode"}).server_time


def connect(config: JenkinsSettings) -> Api:
    """Return the client."""
    pair = base64.b64encode(f"{config.user}:{config.api_token}".encode()).decode()
    return Api(
        NAME,
        config.base_url,
        credential=setting_name(NAME, "api_token"),
        authorize=lambda renew: {"Authorization": f"Basic {pair}"},
    )


def path_of(full_name: str) -> str:
    """Return the path of an item; the name of a branch is encoded once already."""
    return "".join(f"/job/{quote(part, safe='')}" for part in full_name.split("/"))


def builds_of(
    api: Api, job: Job, known: list[list[int]], start: datetime | None
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield the builds of a job that are not known yet, range by range, from the newest back.

    With each range comes the oldest build that Jenkins has not discarded.

    Builds that start while we read push the ranges towards the end, which only repeats some. One
    that is deleted pulls them back, so where numbers are missing between two ranges the place is
    read again; what is missing then is gone. The end is where the oldest build is.

    Raises:
        IncompleteRead: The builds do not come to an end.
    """
    seen: set[int] = set()
    offset, reread = 0, -1
    for _ in range(MOST_RANGES):
        tree = f"firstBuild[number,timestamp],allBuilds[{BUILD}]{{{offset},{offset + RANGE}}}"
        reply = api.get(f"{path_of(job.full_name)}/api/json", {"tree": tree}, allow=(404,))
        if reply.status == 404:
            # Deleted since it was listed; what we have stays.
            return
        listed = reply.data.get("allBuilds")
        if not isinstance(listed, list):
            raise IncompleteRead("jenkins: a job is shown without its builds")
        page = [
            build
            for build in listed
            if isinstance(build, dict) and build.get("timestamp") is not None
        ]
        numbers = [int(build["number"]) for build in page]
        if seen and numbers and max(numbers) < min(seen) - 1 and reread != offset:
            offset = reread = max(offset - RANGE, 0)
            continue
        fresh = [
            build for build in page if int(build["number"]) not in seen and _is_new(build, known)
        ]
        seen.update(numbers)
        wanted = [build for build in fresh if start is None or instant(build["timestamp"]) >= start]
        first = reply.data.get("firstBuild") or {}
        if wanted:
            yield first, wanted
        is_known = any(not _is_new(build, known) for build in page)
        is_old = len(wanted) < len(fresh)
        if not page or is_known or is_old or min(numbers) <= int(first.get("number") or 0):
            return
        offset += RANGE
    raise IncompleteRead("jenkins: the builds of a job do not end")


def _is_new(build: Mapping[str, Any], known: list[list[int]]) -> bool:
    """Whether a build has a higher number or a later start than all known ones.

    A job that was made again has small numbers and late starts.
    """
    return not known or (
        int(build["number"]) > max(number for number, _ in known)
        or int(build["timestamp"]) > max(started for _, started in known)
    )
