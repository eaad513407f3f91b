"""GitLab's REST API, v4, over the projects of the Insights team as of the servers' clock."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from demo.company import OWNER, START, Person
from demo.http import Api, Request, Response
from demo.insights import PROJECT_IDS, Insights, Job, Pipeline, Ticket
from demo.model import Deployment, Json, PullRequest

TOKEN = "demo-token"
WORDS = {"queued": "created", "in_progress": "running", "success": "success", "failure": "failed"}
ENVIRONMENTS = {"production": "production", "staging": "staging"}
NOTES = {"APPROVED": "approved this merge request", "COMMENTED": "Could this be simpler?"}
DETAILS = {"detailed_status", "started_at", "finished_at", "duration", "queued_duration"}
"""What a listing of pipelines does not tell."""
TYPES = {"feature": "type::feature", "enhancement": "type::enhancement"}


def stamp(at: int | None) -> str | None:
    """Return a moment as GitLab writes it."""
    return at and datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class GitLab(Api):
    """The API."""

    name = "gitlab"

    def __init__(self, work: Insights) -> None:
        super().__init__()
        self.work = work
        project = rf"/api/v4/projects/(?P<project>\d+|{OWNER}/[\w-]+)"
        self.route("GET", "/api/v4/projects", self.projects)
        self.route("GET", project, self.project)
        self.route("GET", f"{project}/environments", self.environments)
        self.of_kind = {
            "pipelines": self.by_project(work.pipelines, "id"),
            "deployments": self.by_project(work.deployments, "id"),
            "merge_requests": self.by_project(work.requests, "number"),
            "issues": self.by_project(work.tickets, "iid"),
        }
        for kind, show in (
            ("pipelines", pipeline_json), ("deployments", self.deployment_json),
            ("merge_requests", self.request_json), ("issues", issue_json),
        ):  # fmt: skip
            self.route("GET", f"{project}/{kind}", self.listing(kind, show))
            self.route("GET", rf"{project}/{kind}/(?P<number>\d+)", self.one(kind, show))
        for below, made in (
            (r"pipelines/(?P<number>\d+)/jobs", self.jobs),
            (r"pipelines/(?P<number>\d+)/bridges", lambda number, now: []),
            (r"deployments/(?P<number>\d+)/merge_requests", self.shipped),
            (r"merge_requests/(?P<number>\d+)/commits", self.commits),
            (r"merge_requests/(?P<number>\d+)/notes", self.notes),
            (r"merge_requests/(?P<number>\d+)/resource_state_events", self.request_states),
            (r"issues/(?P<number>\d+)/resource_state_events", self.issue_states),
            (r"issues/(?P<number>\d+)/resource_label_events", self.issue_labels),
        ):  # fmt: skip
            self.route("GET", f"{project}/{below}", self.below(made))
        # Work items have no status of their own in this edition.
        nothing = {"data": {"widget": None, "status": None}}
        self.route("POST", "/api/graphql", lambda request, match: Response(200, nothing))

    def refuse(self, request: Request) -> Response | None:
        """A private token."""
        if request.headers.get("private-token") == TOKEN:
            return None
        return Response(401, {"message": "401 Unauthorized"})

    def missing(self) -> Response:
        """GitLab's 404."""
        return Response(404, {"message": "404 Not found"})

    @staticmethod
    def by_project(rows: list[Any], number: str) -> dict[str, dict[int, Any]]:
        """Return rows by their project and by what names them in a path."""
        found: dict[str, dict[int, Any]] = {name: {} for name in PROJECT_IDS}
        for row in rows:
            found[row.repository][getattr(row, number)] = row
        return found

    def existing(self, kind: str, repository: str, now: int) -> list[Any]:
        """Return what exists of a kind in a project."""
        return [one for one in self.of_kind[kind][repository].values() if one.created <= now]

    # how things are asked for

    def listing(self, kind: str, show: Callable[[Any, int], Json]) -> Callable[..., Response]:
        """Return a handler of a listing with GitLab's filters and orders."""

        def answer(request: Request, match: re.Match[str]) -> Response:
            query, now = request.query, request.now
            found = [show(one, now) for one in self.existing(kind, repository_of(match), now)]
            if query.get("source") == "parent_pipeline":
                found = []
            for name, is_after in (("updated_after", True), ("updated_before", False)):
                if query.get(name):
                    edge = datetime.fromisoformat(query[name])
                    found = [
                        row for row in found
                        if (datetime.fromisoformat(row["updated_at"]) > edge) == is_after
                    ]  # fmt: skip
            order = query.get("order_by", "id")
            found.sort(key=lambda row: (row[order], row["id"]))
            if query.get("sort", "desc") == "desc":
                found.reverse()
            return paged(request, [{k: v for k, v in r.items() if k not in DETAILS} for r in found])

        return answer

    def one(self, kind: str, show: Callable[[Any, int], Json]) -> Callable[..., Response]:
        """Return a handler of one row, by its id or by its number in the project."""

        def answer(request: Request, match: re.Match[str]) -> Response:
            row = self.of_kind[kind][repository_of(match)].get(int(match["number"]))
            if row is None or row.created > request.now:
                return self.missing()
            return Response(200, show(row, request.now))

        return answer

    def below(self, rows: Callable[[tuple[str, int], int], list[Json]]) -> Callable[..., Response]:
        """Return a handler of what hangs on one row."""

        def answer(request: Request, match: re.Match[str]) -> Response:
            try:
                found = rows((repository_of(match), int(match["number"])), request.now)
            except KeyError:
                return self.missing()
            return paged(request, found)

        return answer

    # projects

    def projects(self, request: Request, match: re.Match[str]) -> Response:
        """The projects of the token."""
        return paged(request, [project_json(name) for name in PROJECT_IDS])

    def project(self, request: Request, match: re.Match[str]) -> Response:
        """One project."""
        name = repository_of(match)
        return Response(200, project_json(name)) if name in PROJECT_IDS else self.missing()

    def environments(self, request: Request, match: re.Match[str]) -> Response:
        """Where the project is deployed to."""
        name = repository_of(match)
        return paged(request, [environment(name, tier) for tier in ENVIRONMENTS])

    # what hangs on them

    def jobs(self, place: tuple[str, int], now: int) -> list[Json]:
        """The jobs of a pipeline, those that were retried included."""
        one = self.of_kind["pipelines"][place[0]][place[1]]
        return [job_json(job, now) for job in one.jobs if appears(one, job) <= now]

    def deployment_json(self, one: Deployment, now: int) -> Json:
        """Return a deployment with the job that made it."""
        return deployment_json(one, *self.work.job_of[one.id], now)

    def shipped(self, place: tuple[str, int], now: int) -> list[Json]:
        """The merge requests that a deployment brought to its environment first."""
        repository, number = place
        line = [one for one in self.of_kind["merge_requests"][repository].values() if one.merged]
        line.sort(key=lambda one: one.merged or 0)
        places = {one.merge_sha: no for no, one in enumerate(line, start=1)}
        made = self.of_kind["deployments"][repository][number]
        if (made.succeeded or now + 1) > now:
            return []
        before = [
            places[one.sha] for one in self.of_kind["deployments"][repository].values()
            if one.environment == made.environment
            and one.succeeded and one.succeeded < (made.succeeded or 0)
        ]  # fmt: skip
        some = line[max(before, default=0) : places[made.sha]]
        return [self.request_json(one, now) for one in some]

    def request_json(self, one: PullRequest, now: int) -> Json:
        """Return a merge request."""
        is_merged = one.merged is not None and one.merged <= now
        is_closed = one.closed is not None and one.closed <= now
        ready = self.work.drafts.get(one.id)
        moments = [*one.moments(), ready or one.created, one.closed or one.created]
        head = [commit.sha for commit in one.commits if commit.seen_from <= now][-1]
        return {
            "id": one.id, "iid": one.number, "project_id": PROJECT_IDS[one.repository],
            "title": one.title, "description": one.body,
            "state": "merged" if is_merged else "closed" if is_closed else "opened",
            "created_at": stamp(one.created), "updated_at": last(moments, now),
            "merged_at": stamp(one.merged) if is_merged else None,
            "closed_at": stamp(one.closed) if is_closed and not is_merged else None,
            "target_branch": "main", "source_branch": one.branch, "author": user(one.author),
            "draft": ready is not None and now < ready, "labels": [], "sha": head,
            "merge_commit_sha": one.merge_sha if is_merged else None, "squash_commit_sha": None,
        }  # fmt: skip

    def request(self, place: tuple[str, int]) -> PullRequest:
        """Return a merge request by its project and number."""
        return self.of_kind["merge_requests"][place[0]][place[1]]

    def commits(self, place: tuple[str, int], now: int) -> list[Json]:
        """The commits of a merge request, newest first."""
        rows = [
            {
                "id": commit.sha, "short_id": commit.sha[:8], "title": commit.message,
                "message": commit.message, "author_name": commit.author.name,
                "author_email": commit.author.email, "authored_date": stamp(commit.at),
                "committer_name": commit.author.name, "committer_email": commit.author.email,
                "committed_date": stamp(commit.at), "created_at": stamp(commit.at),
            }
            for commit in self.request(place).commits if commit.seen_from <= now
        ]  # fmt: skip
        return rows[::-1]

    def notes(self, place: tuple[str, int], now: int) -> list[Json]:
        """What people said, and what GitLab noted of what they did."""
        one = self.request(place)
        rows = [
            note(review.id, review.at, review.author, NOTES[review.state],
                 review.state != "COMMENTED")
            for review in one.reviews if review.at <= now
        ]  # fmt: skip
        ready = self.work.drafts.get(one.id)
        if ready is not None and ready <= now:
            text = "marked this merge request as **ready**"
            rows.append(note(one.id + 2, ready, one.author, text, True))
        return sorted(rows, key=lambda row: row["created_at"])

    def request_states(self, place: tuple[str, int], now: int) -> list[Json]:
        """When a merge request was merged or closed."""
        one = self.request(place)
        state = "merged" if one.merged else "closed"
        return [state_event(one.id + 1, one.closed, one.author, state)] if ended(one, now) else []

    def ticket(self, place: tuple[str, int]) -> Ticket:
        """Return an issue by its project and number."""
        return self.of_kind["issues"][place[0]][place[1]]

    def issue_states(self, place: tuple[str, int], now: int) -> list[Json]:
        """When an issue was closed."""
        one = self.ticket(place)
        return (
            [state_event(one.id + 1, one.closed, one.author, "closed")] if ended(one, now) else []
        )

    def issue_labels(self, place: tuple[str, int], now: int) -> list[Json]:
        """When a label came and went: of one scope there is one at a time."""
        one = self.ticket(place)
        events = [(one.created, "add", TYPES[one.kind])]
        for number, (at, label) in enumerate(one.moves):
            if number:
                events.append((at, "remove", one.moves[number - 1][1]))
            events.append((at, "add", label))
        return [
            {
                "id": 10 * one.id + number, "action": action, "created_at": stamp(at),
                "user": user(one.author), "label": {"id": number, "name": label},
                "resource_type": "Issue", "resource_id": one.id,
            }
            for number, (at, action, label) in enumerate(events) if at <= now
        ]  # fmt: skip


# the forms of things


def repository_of(match: re.Match[str]) -> str:
    """Return the repository that a path names by its id or its path."""
    name = match["project"].removeprefix(f"{OWNER}/")
    return next((key for key, number in PROJECT_IDS.items() if str(number) == name), name)


def paged(request: Request, rows: list[Json]) -> Response:
    """Return a page of rows, with the address of the next one."""
    size, page = request.number("per_page", 20, 100), request.number("page", 1)
    headers = {"X-Total": str(len(rows)), "X-Page": str(page), "X-Per-Page": str(size)}
    if page * size < len(rows):
        query = urlencode({**request.query, "per_page": size, "page": page + 1})
        headers["Link"] = f'<{request.base}{request.path}?{query}>; rel="next"'
    return Response(200, rows[(page - 1) * size : page * size], headers)


def last(moments: list[int], now: int) -> str | None:
    """Return the last of the moments that have come."""
    return stamp(max(at for at in moments if at <= now))


def ended(one: PullRequest | Ticket, now: int) -> bool:
    """Whether it is closed by now."""
    return one.closed is not None and one.closed <= now


def appears(pipeline: Pipeline, job: Job) -> int:
    """Return when a job is listed: with its pipeline, a second try when it is asked for."""
    same = [one for one in pipeline.jobs if one.name == job.name]
    return job.created if same[0] is job else job.started


def user(person: Person) -> Json:
    """Return an account with everything that a warehouse must not see."""
    return {
        "id": person.github_id, "username": person.login, "name": person.name, "state": "active",
        "avatar_url": "", "web_url": f"https://gitlab.northbank.example/{person.login}",
    }  # fmt: skip


def project_json(name: str) -> Json:
    """Return a project; how long its pipelines are kept is for ever."""
    return {
        "id": PROJECT_IDS[name], "name": name, "path_with_namespace": f"{OWNER}/{name}",
        "default_branch": "main", "created_at": stamp(START - 86400), "visibility": "private",
        "archived": False, "ci_delete_pipelines_in_seconds": None,
    }  # fmt: skip


def environment(repository: str, name: str) -> Json:
    """Return an environment with its tier."""
    number = 10 * PROJECT_IDS[repository] + list(ENVIRONMENTS).index(name)
    return {
        "id": number, "name": name, "slug": name, "tier": ENVIRONMENTS[name], "state": "available",
        "created_at": stamp(START - 3600),
    }  # fmt: skip


def status_of(one: Pipeline, now: int) -> str:
    """Return how a pipeline is doing."""
    if now < one.started:
        return "pending"
    if now < one.finished:
        return "running"
    return "success" if one.is_passed else "failed"


def pipeline_json(one: Pipeline, now: int) -> Json:
    """Return a pipeline with its details."""
    is_over = one.finished <= now
    moments = [one.created, one.started, one.finished]
    return {
        "id": one.id, "iid": one.iid, "project_id": PROJECT_IDS[one.repository], "sha": one.sha,
        "ref": one.ref or "refs/merge-requests/1/head", "status": status_of(one, now),
        "source": one.source, "created_at": stamp(one.created),
        "updated_at": last(moments, now), "tag": False, "user": user(one.user),
        "started_at": stamp(one.started) if one.started <= now else None,
        "finished_at": stamp(one.finished) if is_over else None,
        "duration": one.finished - one.started if is_over else None,
        "queued_duration": one.started - one.created if one.started <= now else None,
        "detailed_status": {"text": status_of(one, now)},
    }  # fmt: skip


def job_status(job: Job, now: int) -> str:
    """Return how a job is doing."""
    if now < job.started:
        return "created"
    if now < job.finished:
        return "running"
    return "success" if job.is_passed else "failed"


def job_json(job: Job, now: int) -> Json:
    """Return a job."""
    is_over = job.finished <= now
    return {
        "id": job.id, "name": job.name, "stage": job.stage, "status": job_status(job, now),
        "created_at": stamp(job.created), "allow_failure": False,
        "started_at": stamp(job.started) if job.started <= now else None,
        "finished_at": stamp(job.finished) if is_over else None,
        "duration": float(job.finished - job.started) if is_over else None,
        "queued_duration": float(job.started - job.created) if job.started <= now else None,
        "failure_reason": "script_failure" if is_over and not job.is_passed else None,
        "tag_list": [], "runner": {"id": 1, "runner_type": "instance_type"},
    }  # fmt: skip


def deployment_json(one: Deployment, pipeline: Pipeline, job: Job, now: int) -> Json:
    """Return a deployment with the job that made it."""
    at, state = [status for status in one.statuses if status[0] <= now][-1]
    return {
        "id": one.id, "iid": one.id % 100_000, "ref": "main", "sha": one.sha,
        "created_at": stamp(one.created), "updated_at": stamp(at), "status": WORDS[state],
        "user": user(one.creator), "environment": environment(one.repository, one.environment),
        "deployable": {
            **job_json(job, now), "pipeline": {"id": pipeline.id, "sha": one.sha, "ref": "main"},
        },
    }  # fmt: skip


def issue_json(one: Ticket, now: int) -> Json:
    """Return an issue with the labels that it has."""
    moves = [label for at, label in one.moves if at <= now]
    moments = [one.created, *(at for at, _ in one.moves), one.closed or one.created]
    return {
        "id": one.id, "iid": one.iid, "project_id": PROJECT_IDS[one.repository],
        "title": one.title, "state": "closed" if ended(one, now) else "opened",
        "created_at": stamp(one.created), "updated_at": last(moments, now),
        "closed_at": stamp(one.closed) if ended(one, now) else None,
        "labels": [TYPES[one.kind], *moves[-1:]], "author": user(one.author),
        "issue_type": "issue", "weight": None,
    }  # fmt: skip


def note(number: int, at: int, author: Person, text: str, is_system: bool) -> Json:
    """Return a note."""
    return {
        "id": number, "body": text, "author": user(author), "created_at": stamp(at),
        "updated_at": stamp(at), "system": is_system,
    }  # fmt: skip


def state_event(number: int, at: int | None, author: Person, state: str) -> Json:
    """Return a change of state."""
    return {"id": number, "user": user(author), "created_at": stamp(at), "state": state}
