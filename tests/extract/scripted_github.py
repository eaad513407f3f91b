"""A GitHub of which tests script every word: what they put into it, with its paging and faults."""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from extract.sources.github.graphql import ISSUE_EVENTS, PULL_EVENTS, YOUNG_EVENTS, type_of


class Hub:
    """A small GitHub: what the tests put into it, with its paging, caps, clock and faults.

    Listings are paged by `Link` with a cursor of its own; `page` is refused. A run is a dict with
    `id`, `created` and `attempts` (status, conclusion, updated, jobs).
    """

    def __init__(self) -> None:
        self.now = datetime(2025, 6, 1, tzinfo=UTC)
        self.name, self.repo_id = "acme/shop", 7
        self.pulls: list[dict] = []
        self.runs: list[dict] = []
        self.born = "2024-01-01T00:00:00Z"
        self.keeps_runs: int | None = None
        self.deployments: list[dict] = []
        self.issues: list[dict] = []
        self.projects: dict[str, list[dict]] = {}
        self.environments: list[dict] = []
        self.tip: str | None = None
        self.history: dict[str, dict] = {}
        self.releases: list[dict] = []
        self.moved: dict[int, tuple[int, Any]] = {}
        self.events: list[str] | None = [
            *PULL_EVENTS,
            *ISSUE_EVENTS,
            *YOUNG_EVENTS,
        ]
        self.knows_archive = True
        self.enterprise = False
        self.seen: list[tuple[str, str, Any]] = []
        self.unchanged: list[str] = []
        self.faults: list[Callable[[str, Any], Any]] = []
        self.is_allowed: Callable[[str], bool] = lambda authorization: True
        self.mint: Callable[[str], tuple[int, Any]] = lambda authorization: (404, {})
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.respond(None)

            def do_POST(self) -> None:
                self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def respond(self, body: Any) -> None:
                status, answer, link = hub.answer(self.path, body, self.headers["Authorization"])
                content = json.dumps(answer).encode()
                tag = f'"{hashlib.sha256(content).hexdigest()}"'
                if self.headers["If-None-Match"] == tag:
                    status, content = 304, b""
                    hub.unchanged.append(self.path)
                self.send_response_only(status)
                self.send_header("ETag", tag)
                self.send_header("Date", hub.now.strftime("%a, %d %b %Y %H:%M:%S GMT"))
                self.send_header("Content-Length", str(len(content)))
                if not hub.enterprise:
                    self.send_header("X-RateLimit-Remaining", "4000")
                if link:
                    self.send_header("Link", link)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.root = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"{self.root}/api/v3" if self.enterprise else self.root

    def answer(self, target: str, body: Any, authorization: str) -> tuple[int, Any, str]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        asked = {name: values[-1] for name, values in query.items()}
        self.seen.append((path, authorization, body or asked))
        if path.endswith("/access_tokens"):
            return *self.mint(authorization), ""
        if not self.is_allowed(authorization):
            return 401, {"message": "Bad credentials"}, ""
        for fault in self.faults:
            if found := fault(path, body or asked):
                return *found, ""
        if path == ("/api/graphql" if self.enterprise else "/graphql"):
            return 200, self.graphql(body["query"], body.get("variables") or {}), ""
        if self.enterprise:
            if not path.startswith("/api/v3/") or path.endswith("/rate_limit"):
                return 404, {"message": "Not Found"}, ""
            path = path.removeprefix("/api/v3")
        if path == "/rate_limit":
            return 200, {"rate": {}}, ""
        if path == "/user/repos":
            return self.page(target, [self.repository])
        inner = re.fullmatch(rf"/(?:repos/{self.name}|repositories/{self.repo_id})(/.*)?", path)
        if not inner:
            return 404, {"message": "Not Found"}, ""
        return self.inside(inner[1] or "", target, asked)

    @property
    def repository(self) -> dict:
        return {
            "id": self.repo_id,
            "node_id": f"R_{self.repo_id}",
            "full_name": self.name,
            "default_branch": "main",
            "created_at": self.born,
            "private": True,
            "owner": {"node_id": "O_acme", "login": "acme"},
        }

    def inside(self, path: str, target: str, asked: dict) -> tuple[int, Any, str]:
        if path == "":
            return 200, self.repository, ""
        if path == "/pulls":
            rows = sorted(self.pulls, key=lambda pull: pull["updated_at"], reverse=True)
            return self.page(target, rows)
        if path == "/commits":
            start = self.tip if asked["sha"] == "main" else asked["sha"]
            if start is None:
                return 409, {"message": "Git Repository is empty."}, ""
            if start not in self.history:
                return 404, {"message": "Not Found"}, ""
            return self.page(target, self.reached(start))
        if path == "/environments":
            return self.page(target, self.environments, "environments")
        if path == "/releases":
            return self.page(target, self.releases)
        if path == "/deployments":
            return self.page(target, self.deployments[::-1])
        if path == "/actions/permissions/artifact-and-log-retention" and self.keeps_runs:
            return 200, {"days": self.keeps_runs, "maximum_allowed_days": 400}, ""
        if path == "/actions/runs":
            lo, hi = asked.get("created", "0..9").split("..")
            rows = [self.run(run) for run in self.runs if lo <= run["created"] <= hi][::-1]
            if status := asked.get("status"):
                rows = [row for row in rows if status in (row["status"], row["conclusion"])]
            if event := asked.get("event"):
                rows = [row for row in rows if row["event"] == event]
            shown = rows[:1000]
            return self.page(target, shown, "workflow_runs", len(rows))
        if one := re.fullmatch(r"/deployments/(\d+)(/statuses)?", path):
            rows = [row for row in self.deployments if row["id"] == int(one[1])]
            if not rows:
                return 404, {"message": "Not Found"}, ""
            return self.page(target, rows[0]["statuses"]) if one[2] else (200, rows[0], "")
        if one := re.fullmatch(r"/issues/(\d+)", path):
            return *self.moved.get(int(one[1]), (404, {})), ""
        if one := re.fullmatch(r"/pulls/(\d+)", path):
            rows = [pull for pull in self.pulls if pull["number"] == int(one[1])]
            return (200, rows[0], "") if rows else (404, {}, "")
        if one := re.fullmatch(r"/actions/runs/(\d+)(?:/attempts/(\d+)(/jobs)?)?", path):
            rows = [run for run in self.runs if run["id"] == int(one[1])]
            number = int(one[2] or 0)
            if not rows or number > len(rows[0]["attempts"]):
                return 404, {"message": "Not Found"}, ""
            if not one[3]:
                return 200, self.run(rows[0], number), ""
            return self.page(target, rows[0]["attempts"][number - 1].get("jobs", []), "jobs")
        return 404, {"message": "Not Found"}, ""

    def run(self, run: dict, number: int = 0) -> dict:
        number = number or len(run["attempts"])
        attempt = run["attempts"][number - 1]
        return {
            "id": run["id"],
            "run_attempt": number,
            "head_sha": "f" * 40,
            "created_at": run["created"],
            "status": attempt["status"],
            "conclusion": attempt.get("conclusion"),
            "event": run.get("event", "push"),
            "updated_at": attempt["updated"],
        }

    def page(
        self, target: str, rows: list, key: str | None = None, total: int | None = None
    ) -> tuple[int, Any, str]:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        if "page" in query:
            return 422, {"message": "Pagination with the page parameter is not supported"}, ""
        start, size = int(query.get("after", 0)), int(query.get("per_page", 30))
        shown = rows[start : start + size]
        link = ""
        if start + size < len(rows):
            rest = {**query, "after": str(start + size)}
            text = "&".join(f"{name}={quote(value)}" for name, value in rest.items())
            link = f'<{self.root}{urlsplit(target).path}?{text}>; rel="next"'
        if key is None:
            return 200, shown, link
        return 200, {"total_count": len(rows) if total is None else total, key: shown}, link

    def graphql(self, query: str, variables: dict) -> dict:
        if "__type(" in query:
            return {"data": self.types()}
        for event in re.findall(r"\b[A-Z_0-9]+_EVENT\b", query):
            if event not in (self.events or [event]):
                return {"errors": [{"extensions": {"code": "argumentLiteralsIncompatible"}}]}
        known = {f"R_{self.repo_id}": self, "O_acme": self}
        known |= {pull["node_id"]: pull["whole"] for pull in self.pulls}
        known |= {issue["id"]: issue for issue in self.issues} | self.projects
        ids = variables.get("ids") or [variables["id"]]
        errors, nodes = [], []
        for place, node_id in enumerate(ids):
            node = known.get(node_id)
            if node is None:
                path = ["nodes", place] if "ids" in variables else ["node"]
                errors.append({"type": "NOT_FOUND", "path": path, "message": "no"})
                nodes.append(None)
            elif node is self:
                nodes.append(self.listing(query, variables))
            elif isinstance(node, list):
                nodes.append({"items": connection(node, variables)})
            elif "labels" in node:
                nodes.append(whole_issue(node, variables))
            else:
                nodes.append(whole_pull(node_id, node, variables))
        data = {"nodes": nodes} if "ids" in variables else {"node": nodes[0]}
        return {"data": data, **({"errors": errors} if errors else {})}

    def types(self) -> dict:
        """What introspection says: every entry of a timeline with the fields that it may have."""
        if self.events is None:
            return {"pull_requests": None, "issues": None, "issue": None, "projects": None}
        fields = ["label", "status", "previousStatus", "project", "source", "canonical", "parent"]
        fields += ["stateReason", "closer", "fromRepository", "beforeCommit"]
        fields += ["blockingIssue", "blockedIssue", "subIssue", "issueType", "prevIssueType"]
        fields += ["issueField", "value", "previousValue", "newValue"]
        types = [
            {"name": type_of(event), "fields": [{"name": name} for name in fields]}
            for event in self.events
        ]
        named = {"fields": [{"name": "stateReason"}, {"name": "issueType"}]}
        return {
            "pull_requests": {"possibleTypes": types},
            "issues": {"possibleTypes": types},
            "issue": {"name": "Issue", **named},
            "projects": {"name": "ProjectV2Item", **named} if self.projects else None,
            "archived": {"name": "ProjectV2ItemArchivedState"} if self.knows_archive else None,
            "select": {"name": "IssueFieldSingleSelect", "fields": [{"name": "name"}]},
            "number": None,
        }

    def listing(self, query: str, variables: dict) -> dict:
        if "projectsV2" in query:
            return {"projectsV2": connection([{"id": name} for name in self.projects], variables)}
        if "pullRequests(" in query:
            rows = [
                {"id": p["node_id"], "number": p["number"], "updatedAt": p["whole"]["updatedAt"]}
                for p in self.pulls
            ]
            return {"pullRequests": connection(rows, variables)}
        field = "updatedAt" if "UPDATED_AT" in query else "createdAt"
        since = (variables.get("filter") or {}).get("since", "")
        if since.startswith("1970"):
            return {"issues": connection([], variables)}
        rows = sorted(
            (issue for issue in self.issues if issue["updatedAt"] >= since),
            key=lambda issue: (issue[field], issue["id"]),
        )
        page = connection(rows, variables)
        page["nodes"] = [whole_issue(issue, variables) for issue in page["nodes"]]
        return {"issues": page}

    def add_issue(self, number: int, created: str, *events: dict, **facts: Any) -> dict:
        issue = {
            "id": f"I_{number}",
            "number": number,
            "state": "OPEN",
            "createdAt": created,
            "updatedAt": created,
            "labels": [],
            "timelineItems": list(events),
            **facts,
        }
        self.issues.append(issue)
        return issue

    def add_pull(self, number: int, **whole: Any) -> dict:
        pull = {
            "id": 1000 + number,
            "node_id": f"PR_{number}",
            "number": number,
            "updated_at": f"2025-05-{1 + number % 28:02d}T00:00:00Z",
            "whole": {"state": "OPEN", "updatedAt": "2025-05-01T00:00:00Z", **whole},
        }
        self.pulls.append(pull)
        return pull

    def commit(self, sha: str, at: str, *parents: str, message: str = "work", **facts: Any) -> None:
        """Put a commit on top of the default branch, or, with `tip=False`, beside it."""
        if facts.pop("tip", True):
            self.tip = sha
        moment = {"name": "Mia", "email": "mia@example.com", "date": at}
        self.history[sha] = {
            "sha": sha,
            "commit": {"author": moment, "committer": moment, "message": message},
            "author": {"login": "mia-example", "id": 77, "type": "User"},
            "parents": [{"sha": parent} for parent in parents],
            **facts,
        }

    def reached(self, start: str) -> list[dict]:
        """Return what is reached from a commit, newest first."""
        found, left = {}, [start]
        while left:
            sha = left.pop()
            if sha in self.history and sha not in found:
                found[sha] = self.history[sha]
                left += [parent["sha"] for parent in found[sha]["parents"]]
        return sorted(
            found.values(), key=lambda row: row["commit"]["committer"]["date"], reverse=True
        )

    def add_run(self, run_id: int, created: str, *attempts: dict) -> dict:
        done = {"status": "completed", "conclusion": "success", "updated": created}
        run = {"id": run_id, "created": created, "attempts": list(attempts or [done])}
        self.runs.append(run)
        return run

    def asked(self, ending: str) -> list[Any]:
        """Queries or bodies of the requests to paths that end so."""
        return [what for path, _, what in self.seen if path.endswith(ending)]


def whole_pull(node_id: str, pull: dict, variables: dict) -> dict:
    node = {"__typename": "PullRequest", "id": node_id, **pull}
    for name in ("commits", "reviews", "timelineItems", "closingIssuesReferences"):
        node[name] = connection(node.get(name, []), variables)
    return node


def whole_issue(issue: dict, variables: dict) -> dict:
    """Return an issue with first pages; of a further page the cursor belongs to the timeline."""
    first = variables if "after" in variables and "filter" not in variables else {**variables}
    if "filter" in variables:
        first.pop("after", None)
    return {
        "__typename": "Issue",
        **issue,
        **{name: connection(issue[name], first) for name in ("labels", "timelineItems")},
    }


def connection(rows: list, variables: dict) -> dict:
    start, size = int(variables.get("after") or 0), variables["first"]
    end = min(start + size, len(rows))
    return {
        "totalCount": len(rows),
        "pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end)},
        "nodes": rows[start:end],
    }


def commits(number: int, first: int = 0) -> list[dict]:
    return [
        {"commit": {"oid": f"{n:040x}", "authoredDate": "2025-05-01T00:00:00Z", "author": None}}
        for n in range(first, first + number)
    ]


def reviews(number: int) -> list[dict]:
    return [
        {
            "id": f"PRR_{n}",
            "databaseId": 5_000_000_000 + n,
            "state": "COMMENTED",
            "submittedAt": "2025-05-02T00:00:00Z",
            "author": {"__typename": "User", "login": "mia-example", "databaseId": 77},
        }
        for n in range(number)
    ]


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
