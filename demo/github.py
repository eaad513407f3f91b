"""GitHub's REST API over the demo company as of the servers' clock."""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from demo.company import LIBRARY, ON_GITHUB, OWNER, START, TEAM_OF_REPOSITORY, Person
from demo.github_commits import branch_commit_json, came, main_line, sha_of
from demo.github_graphql import Graph
from demo.github_issues import rest_json
from demo.http import Api, Request, Response
from demo.model import Attempt, Deployment, Job, Json, PullRequest, Run
from demo.world import World

TOKEN = "demo-token"
SEARCH_CAP, LIST_CAP = 1000, 40_000
WORKFLOWS = {
    "CI": (8001, ".github/workflows/ci.yml"),
    "Security Scan": (8002, ".github/workflows/scan.yml"),
}
RUN_FILTERS = ("actor", "branch", "check_suite_id", "created", "event", "head_sha", "status")
Found = Callable[[Request, re.Match[str], str], Response]


def iso(at: int | None) -> str | None:
    """Return a moment as GitHub writes it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def problem(status: int, message: str) -> Response:
    """Return GitHub's form of an error."""
    return Response(
        status, {"message": message, "documentation_url": "https://docs.github.com/rest"}
    )


class GitHub(Api):
    """The API; `Authorization: Bearer demo-token`."""

    name = "github"

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.used = world, 0
        self.graph = Graph(world)
        whole = world.on_github()
        self.repositories = {
            name: repository_json(name, place) for place, name in enumerate(ON_GITHUB)
        }
        self.pulls = {name: [p for p in whole.pulls if p.repository == name] for name in ON_GITHUB}
        self.lines = {name: main_line(whole, name) for name in ON_GITHUB}
        self.runs = {name: [r for r in world.runs if r.repository == name] for name in ON_GITHUB}
        self.starts = {name: [run.created for run in runs] for name, runs in self.runs.items()}
        self.by_id = {run.id: run for run in world.runs}
        self.deployments = {
            name: [d for d in whole.deployments if d.repository == name][::-1] for name in ON_GITHUB
        }
        self.deployment_by_id = {d.id: d for d in whole.deployments}
        self.route("GET", "/user", self.user)
        self.route("GET", "/rate_limit", self.rate_limit)
        self.route("GET", "/orgs/([^/]+)/repos", self.organization)
        self.route("GET", "/installation/repositories", self.installation)
        self.route("POST", "(?:/api)?/graphql", self.graph.answer)
        run = r"/actions/runs/(?P<id>\d+)"
        for path, handler in (
            ("", self.repository),
            ("/pulls", self.list_pulls),
            (r"/pulls/(?P<number>\d+)", self.one_pull),
            (r"/issues/(?P<number>\d+)", self.one_issue),
            ("/actions/runs", self.list_runs),
            (run, self.one_run),
            (rf"{run}/attempts/(?P<attempt>\d+)", self.one_run),
            (rf"{run}/attempts/(?P<attempt>\d+)/jobs", self.list_jobs),
            (f"{run}/jobs", self.list_jobs),
            ("/commits", self.list_commits),
            ("/environments", self.list_environments),
            ("/releases", self.list_releases),
            ("/deployments", self.list_deployments),
            (r"/deployments/(?P<id>\d+)", self.one_deployment),
            (r"/deployments/(?P<id>\d+)/statuses", self.list_statuses),
        ):
            self.route(
                "GET", rf"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+){path}", self.within(handler)
            )

    def refuse(self, request: Request) -> Response | None:
        """A bearer token; the older word `token` works as well."""
        given = request.headers.get("authorization", "").partition(" ")
        if given[0].lower() in ("bearer", "token") and given[2] == TOKEN:
            return None
        return problem(401, "Bad credentials")

    def missing(self) -> Response:
        """GitHub's 404."""
        return problem(404, "Not Found")

    def answer(self, request: Request) -> Response:
        """Answer with the headers of the rate limit."""
        self.used = (self.used + 1) % 5000
        response = super().answer(request)
        resource = "graphql" if request.path.endswith("graphql") else "core"
        response.headers |= {
            "X-RateLimit-Limit": "15000", "X-RateLimit-Remaining": str(14_999 - self.used),
            "X-RateLimit-Used": str(self.used + 1), "X-RateLimit-Resource": resource,
            "X-RateLimit-Reset": str(request.now + 3600),
            "X-GitHub-Media-Type": "github.v3; format=json",
        }  # fmt: skip
        return response

    def within(self, handler: Found) -> Callable[[Request, re.Match[str]], Response]:
        """Find the repository that a path names."""

        def handle(request: Request, match: re.Match[str]) -> Response:
            if match["owner"].lower() != OWNER or match["repo"].lower() not in self.repositories:
                return self.missing()
            return handler(request, match, match["repo"].lower())

        return handle

    # the caller, repositories

    def user(self, request: Request, match: object) -> Response:
        """Who asks."""
        return Response(200, {"login": "demo-reader", "id": 1, "type": "User", "name": None})

    def rate_limit(self, request: Request, match: object) -> Response:
        """The budgets."""
        budget = {"limit": 15_000, "used": self.used, "remaining": 15_000 - self.used,
                  "reset": request.now + 3600}  # fmt: skip
        return Response(200, {"resources": {"core": budget, "graphql": budget}, "rate": budget})

    def organization(self, request: Request, match: re.Match[str]) -> Response:
        """The repositories of the organization."""
        if match[1].lower() != OWNER:
            return self.missing()
        return paged(request, list(self.repositories.values()), lambda row: row)

    def installation(self, request: Request, match: object) -> Response:
        """The repositories that an app's installation sees."""
        return paged(request, list(self.repositories.values()), lambda row: row, "repositories")

    def repository(self, request: Request, match: object, name: str) -> Response:
        """One repository."""
        return Response(200, self.repositories[name])

    # pull requests

    def list_pulls(self, request: Request, match: object, name: str) -> Response:
        """Pull requests by state, sorted by creation or update."""
        now, by = request.now, request.query.get("sort", "created")
        down = request.query.get("direction", "desc" if by == "created" else "asc") == "desc"
        state = request.query.get("state", "open")
        rows = [
            (updated(pull, now) if by == "updated" else pull.created, pull.number, pull)
            for pull in self.pulls[name]
            if pull.created <= now and state in ("all", state_of(pull, now))
        ]
        rows.sort(key=lambda row: row[:2], reverse=down)
        return paged(request, rows, lambda row: pull_json(row[2], now))

    def one_pull(self, request: Request, match: re.Match[str], name: str) -> Response:
        """One pull request with its sizes."""
        number, now = int(match["number"]), request.now
        pull = next((p for p in self.pulls[name] if p.number == number and p.created <= now), None)
        if pull is None:
            return self.missing()
        detail = {
            "additions": pull.additions, "deletions": pull.deletions, "changed_files": pull.files,
            "commits": len(pull.commits), "merged": bool(pull.merged and pull.merged <= now),
        }  # fmt: skip
        return Response(200, pull_json(pull, now) | detail)

    def one_issue(self, request: Request, match: re.Match[str], name: str) -> Response:
        """One issue, as far as somebody asks whether it is still there."""
        now, wanted = request.now, (name, int(match["number"]))
        for issue in self.world.library.issues:
            if (issue.repository, issue.number) == wanted and issue.created <= now:
                return Response(200, rest_json(issue, now))
        return self.missing()

    # Actions

    def list_runs(self, request: Request, match: object, name: str) -> Response:
        """Runs, newest first; a filtered listing ends after 1,000 results."""
        wanted = {key: value for key in RUN_FILTERS if (value := request.query.get(key))}
        low, high = 0, request.now
        if "created" in wanted:
            span = created_range(wanted["created"])
            if span is None:
                return problem(422, "Validation Failed")
            low, high = span[0], min(high, span[1])
        starts = self.starts[name]
        rows = self.runs[name][bisect_left(starts, low) : bisect_right(starts, high)][::-1]
        now = request.now
        for key, value in wanted.items():
            if key != "created":
                rows = [run for run in rows if value in matching(run, key, now)]
        shown = lambda run: run_json(run, now, latest(run, now))  # noqa: E731
        return paged(request, rows, shown, "workflow_runs", SEARCH_CAP if wanted else LIST_CAP)

    def found(self, request: Request, match: re.Match[str], name: str) -> tuple[Run, int] | None:
        """Return the run and the number of the attempt that a path names."""
        run = self.by_id.get(int(match["id"]))
        if run is None or run.repository != name or run.created > request.now:
            return None
        last = latest(run, request.now)
        number = int(match.groupdict().get("attempt") or last)
        return (run, number) if 1 <= number <= last else None

    def one_run(self, request: Request, match: re.Match[str], name: str) -> Response:
        """One run, or one attempt of it."""
        found = self.found(request, match, name)
        return Response(200, run_json(found[0], request.now, found[1])) if found else self.missing()

    def list_jobs(self, request: Request, match: re.Match[str], name: str) -> Response:
        """The jobs of an attempt, of the latest one, or with `filter=all` of all."""
        found = self.found(request, match, name)
        if found is None:
            return self.missing()
        run, number = found
        every = "attempt" not in match.groupdict() and request.query.get("filter") == "all"
        rows = [
            (job, place)
            for place, attempt in enumerate(run.attempts, start=1)
            for job in attempt.jobs
            if job.created <= request.now and (every or place == number)
        ]
        return paged(request, rows, lambda row: job_json(run, *row, request.now), "jobs")

    def list_commits(self, request: Request, match: object, name: str) -> Response:
        """The commits of main, newest first."""
        line = [entry for entry in self.lines[name] if came(entry) <= request.now]
        rows = list(zip(line, [None, *line], strict=False))[::-1]
        start = request.query.get("sha", "main")
        if start != "main":
            shas = [sha_of(entry) for entry, _ in rows]
            if start not in shas:
                return problem(404, "No commit found for SHA")
            rows = rows[shas.index(start) :]
        return paged(request, rows, lambda row: branch_commit_json(*row, user_json(row[0].author)))

    # what hardly changes: a tag says whether it did

    def list_environments(self, request: Request, match: object, name: str) -> Response:
        """The environments that were deployed to so far."""
        first: dict[str, int] = {}
        for row in reversed(self.deployments[name]):
            if row.created <= request.now:
                first.setdefault(row.environment, row.created)
        rows = [
            {
                "id": 9_000_001 + place, "name": environment, "created_at": iso(created),
                "updated_at": iso(created), "protection_rules": [],
            }
            for place, (environment, created) in enumerate(sorted(first.items()))
        ]  # fmt: skip
        return tagged(request, paged(request, rows, lambda row: row, "environments"))

    def list_releases(self, request: Request, match: object, name: str) -> Response:
        """The company deploys, and releases nothing."""
        return tagged(request, paged(request, [], lambda row: row))

    # deployments

    def list_deployments(self, request: Request, match: object, name: str) -> Response:
        """Deployments, newest first."""
        now = request.now
        wanted = {
            k: v for k in ("sha", "environment", "task", "ref") if (v := request.query.get(k))
        }
        rows = [
            row
            for row in self.deployments[name]
            if row.created <= now
            and all(value == deployment_json(row, now)[key] for key, value in wanted.items())
        ]
        return paged(request, rows, lambda row: deployment_json(row, now))

    def deployment(self, request: Request, match: re.Match[str], name: str) -> Deployment | None:
        """Return the deployment that a path names."""
        row = self.deployment_by_id.get(int(match["id"]))
        return row if row and row.repository == name and row.created <= request.now else None

    def one_deployment(self, request: Request, match: re.Match[str], name: str) -> Response:
        """One deployment."""
        row = self.deployment(request, match, name)
        return Response(200, deployment_json(row, request.now)) if row else self.missing()

    def list_statuses(self, request: Request, match: re.Match[str], name: str) -> Response:
        """The statuses of a deployment, newest first."""
        row = self.deployment(request, match, name)
        if row is None:
            return self.missing()
        rows = [
            (place, at, state)
            for place, (at, state) in enumerate(row.statuses)
            if at <= request.now
        ]
        return paged(request, rows[::-1], lambda entry: status_json(row, *entry))


# paging and filters


def paged(
    request: Request, rows: list, render: Callable, key: str | None = None, cap: int | None = None
) -> Response:
    """Return one page with `Link`; beyond the cap only `total_count` knows of more."""
    size = max(1, request.number("per_page", 30, 100))
    number = max(1, request.number("page", 1))
    start = (number - 1) * size
    reachable = min(len(rows), cap) if cap else len(rows)
    shown = [render(row) for row in rows[start : min(start + size, reachable)]]
    last = max(1, -(-reachable // size))
    headers = {}
    relations = {}
    if number < last:
        relations |= {"next": number + 1, "last": last}
    if number > 1:
        relations |= {"prev": number - 1, "first": 1}
    if relations:
        parts = []
        for relation, target in relations.items():
            query = urlencode({**request.query, "page": target})
            parts.append(f'<{request.base}{request.path}?{query}>; rel="{relation}"')
        headers["Link"] = ", ".join(parts)
    return Response(200, {"total_count": len(rows), key: shown} if key else shown, headers)


def created_range(text: str) -> tuple[int, int] | None:
    """Return both ends, inclusive, of a `created` filter, or None when it is none."""
    match = re.fullmatch(r"(>=|<=|>|<)?([^.]*?)(?:\.\.(.*))?", text.strip())
    if not match:
        return None
    sign, first, second = match.groups()
    try:
        if second is not None:
            return edge(first, True, 0), edge(second, False, 1 << 40)
        if sign in (">=", ">"):
            return edge(first, sign == ">=", 0) + (sign == ">"), 1 << 40
        if sign in ("<=", "<"):
            return 0, edge(first, sign == "<", 1 << 40) - (sign == "<")
        return edge(first, True, 0), edge(first, False, 0)
    except ValueError:
        return None


def edge(text: str, is_start: bool, default: int) -> int:
    """Return a moment of a range; of a plain date its first or last second."""
    if text in ("", "*"):
        return default
    moment = datetime.fromisoformat(text)
    if len(text) == 10 and not is_start:
        moment += timedelta(days=1, seconds=-1)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def matching(run: Run, key: str, now: int) -> tuple:
    """Return the values of a run that a filter is compared with."""
    shown = run_json(run, now, latest(run, now))
    if key == "status":
        return shown["status"], shown["conclusion"]
    names = {"branch": "head_branch", "check_suite_id": "check_suite_id"}
    value = shown["actor"]["login"] if key == "actor" else shown[names.get(key, key)]
    return (str(value),)


# the forms of things


def user_json(person: Person) -> Json:
    """Return an account as REST shows it."""
    login = f"{person.login}[bot]" if person.is_bot else person.login
    return {
        "login": login, "id": person.github_id, "node_id": f"U_kgDO{person.github_id}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{person.github_id}",
        "url": f"https://api.github.com/users/{login}", "html_url": f"https://github.com/{login}",
        "type": "Bot" if person.is_bot else "User", "site_admin": False,
    }  # fmt: skip


def repository_json(name: str, place: int) -> Json:
    """Return a repository."""
    full = f"{OWNER}/{name}"
    return {
        "id": 600_000_001 + 11 * place, "node_id": f"R_kgDO{600_000_001 + 11 * place}",
        "name": name, "full_name": full, "private": True, "fork": False, "archived": False,
        "disabled": False, "has_issues": name == LIBRARY,
        "owner": {"login": OWNER, "id": 5_000_001, "type": "Organization"},
        "html_url": f"https://github.com/{full}", "url": f"https://api.github.com/repos/{full}",
        "description": f"Service of team {TEAM_OF_REPOSITORY.get(name, 'insights')}",
        "default_branch": "main",
        "visibility": "private", "created_at": iso(START - 86400 * (200 + 30 * place)),
        "updated_at": iso(START), "pushed_at": iso(START),
    }  # fmt: skip


def tagged(request: Request, response: Response) -> Response:
    """Return an answer with its tag, or 304 where the client has it already."""
    digest = hashlib.sha256(msgspec.json.encode(response.body)).hexdigest()
    response.headers["ETag"] = f'W/"{digest}"'
    if request.headers.get("if-none-match") == response.headers["ETag"]:
        return Response(304, b"", response.headers)
    return response


def state_of(pull: PullRequest, now: int) -> str:
    """Return open or closed."""
    return "closed" if pull.closed and pull.closed <= now else "open"


def updated(pull: PullRequest, now: int) -> int:
    """Return the time of the last change by now."""
    return max(at for at in pull.moments() if at <= now)


def drafted(pull: PullRequest, now: int) -> bool:
    """Whether it is a draft at a moment."""
    draft = pull.is_draft
    for event in pull.events:
        if event.at <= now and event.kind in ("ReadyForReviewEvent", "ConvertToDraftEvent"):
            draft = event.kind == "ConvertToDraftEvent"
    return draft


def commits_at(pull: PullRequest, now: int) -> list:
    """Return the commits that the pull request shows at a moment."""
    return [
        commit for commit in pull.commits
        if commit.seen_from <= now and not (commit.seen_until and commit.seen_until <= now)
    ]  # fmt: skip


def pull_json(pull: PullRequest, now: int) -> Json:
    """Return a pull request as the list shows it."""
    full = f"{OWNER}/{pull.repository}"
    merged = pull.merged if pull.merged and pull.merged <= now else None
    closed = pull.closed if pull.closed and pull.closed <= now else None
    commits = commits_at(pull, now)
    url = f"https://api.github.com/repos/{full}/pulls/{pull.number}"
    return {
        "id": pull.id, "node_id": pull.node_id, "number": pull.number, "url": url,
        "html_url": f"https://github.com/{full}/pull/{pull.number}", "state": state_of(pull, now),
        "locked": False, "title": pull.title, "body": pull.body, "user": user_json(pull.author),
        "labels": [{"id": 9000, "name": name, "color": "ededed"} for name in pull.labels],
        "created_at": iso(pull.created), "updated_at": iso(updated(pull, now)),
        "closed_at": iso(closed), "merged_at": iso(merged),
        "merge_commit_sha": pull.merge_sha if merged else None, "assignees": [],
        "requested_reviewers": [], "draft": drafted(pull, now), "milestone": None,
        "head": {"ref": pull.branch, "sha": commits[-1].sha if commits else None,
                 "label": f"{OWNER}:{pull.branch}"},
        "base": {"ref": "main", "label": f"{OWNER}:main"}, "auto_merge": None,
        "author_association": "MEMBER",
    }  # fmt: skip


def latest(run: Run, now: int) -> int:
    """Return the number of the newest attempt that has begun."""
    return max(1, sum(attempt.started <= now for attempt in run.attempts))


def progress(begun: int, started: int, ended: int, result: str, now: int) -> tuple[str, str | None]:
    """Return status and conclusion at a moment."""
    if ended <= now:
        return "completed", result
    return ("in_progress" if started <= now else "queued"), None


def run_json(run: Run, now: int, number: int) -> Json:
    """Return one attempt of a run."""
    attempt: Attempt = run.attempts[number - 1]
    first = min(job.started for job in attempt.jobs)
    status, conclusion = progress(run.created, first, attempt.completed, attempt.conclusion, now)
    full, (workflow, path) = f"{OWNER}/{run.repository}", WORKFLOWS[run.workflow]
    changed = attempt.completed if status == "completed" else min(max(attempt.started, first), now)
    api = f"https://api.github.com/repos/{full}/actions"
    person = user_json(run.actor)
    pulls = [{"id": run.pull.id, "number": run.pull.number}] if run.pull else []
    return {
        "id": run.id, "node_id": f"WFR_kwLO{run.id}", "name": run.workflow, "path": path,
        "head_branch": run.branch, "head_sha": run.sha, "display_title": run.title,
        "run_number": run.number, "event": run.event, "status": status, "conclusion": conclusion,
        "workflow_id": workflow, "check_suite_id": run.id + 5, "run_attempt": number,
        "created_at": iso(run.created), "updated_at": iso(changed),
        "run_started_at": iso(attempt.started), "actor": person,
        "triggering_actor": user_json(attempt.actor), "pull_requests": pulls,
        "url": f"{api}/runs/{run.id}", "jobs_url": f"{api}/runs/{run.id}/jobs",
        "head_commit": {"id": run.sha, "message": run.title,
                        "author": {"name": run.actor.name, "email": run.actor.email}},
        "repository": {"id": 0, "full_name": full}, "head_repository": {"id": 0, "full_name": full},
        "referenced_workflows": [],
    }  # fmt: skip


def job_json(run: Run, job: Job, number: int, now: int) -> Json:
    """Return a job with the steps that it has reached."""
    status, conclusion = progress(job.created, job.started, job.completed, job.conclusion, now)
    steps = []
    for place, (name, begin, end, result) in enumerate(job.steps, start=1):
        if begin <= now:
            state, verdict = progress(begin, begin, end, result, now)
            steps.append({
                "name": name, "status": state, "conclusion": verdict, "number": place,
                "started_at": iso(begin), "completed_at": iso(end) if end <= now else None,
            })  # fmt: skip
    return {
        "id": job.id, "run_id": run.id, "run_attempt": number, "workflow_name": run.workflow,
        "head_branch": run.branch, "head_sha": run.sha, "node_id": f"CR_kwDO{job.id}",
        "status": status, "conclusion": conclusion, "name": job.name,
        "created_at": iso(job.created),
        "started_at": iso(job.started if job.started <= now else job.created),
        "completed_at": iso(job.completed) if job.completed <= now else None, "steps": steps,
        "labels": ["ubuntu-latest"], "runner_id": 1 + job.id % 9,
        "runner_name": f"runner-{1 + job.id % 9}", "runner_group_id": 2,
        "runner_group_name": "GitHub Actions",
        "run_url": f"https://api.github.com/repos/{OWNER}/{run.repository}/actions/runs/{run.id}",
    }  # fmt: skip


def deployment_json(row: Deployment, now: int) -> Json:
    """Return a deployment."""
    api = f"https://api.github.com/repos/{OWNER}/{row.repository}"
    times = [at for at, _ in row.statuses if at <= now]
    return {
        "url": f"{api}/deployments/{row.id}", "id": row.id, "node_id": f"DE_kwDO{row.id}",
        "sha": row.sha, "ref": "main", "task": "deploy", "payload": {"kind": row.kind},
        "original_environment": row.environment, "environment": row.environment,
        "description": f"{row.kind} by {row.creator.name}", "creator": user_json(row.creator),
        "created_at": iso(row.created), "updated_at": iso(max([row.created, *times])),
        "statuses_url": f"{api}/deployments/{row.id}/statuses", "repository_url": api,
        "transient_environment": False, "production_environment": row.environment == "production",
        "performed_via_github_app": None,
    }  # fmt: skip


def status_json(row: Deployment, place: int, at: int, state: str) -> Json:
    """Return a status of a deployment."""
    api = f"https://api.github.com/repos/{OWNER}/{row.repository}"
    number = row.id * 10 + place
    return {
        "url": f"{api}/deployments/{row.id}/statuses/{number}", "id": number,
        "node_id": f"DES_kwDO{number}", "state": state, "creator": user_json(row.creator),
        "description": "", "environment": row.environment, "target_url": "", "log_url": "",
        "environment_url": "", "created_at": iso(at), "updated_at": iso(at),
        "deployment_url": f"{api}/deployments/{row.id}", "repository_url": api,
    }  # fmt: skip
