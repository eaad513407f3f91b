"""What the extraction of 10,000 pull requests and 100,000 runs costs: requests, time, memory.

    python -m tests.extract.bench_github [RUNS]

The repository is served from this process, every load runs in one of its own. Exit code 1 if a
budget is exceeded.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

PULLS = 10_000
MOST_PULL_REQUESTS, MOST_OVER_MINIMUM, MOST_MIB = 600, 1.05, 1024
BEGIN, NOW = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)
REPO = "acme/shop"
PERSON = {"__typename": "User", "login": "mia-example", "databaseId": 77}

LOAD = """
import json, resource, time
from extract.load import load
began = time.monotonic()
work = load("github", "bench")
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": round(time.monotonic() - began, 1),
    "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
    "peak_mib": usage.ru_maxrss // 1024,
    "windows": work.windows,
    "rows": work.rows,
    "statuses": sorted({audit.status for audit in work.audits}),
}))
"""


def at(share: float) -> str:
    """Return the moment at a share of the half year that is served."""
    return f"{BEGIN + (NOW - BEGIN) * share:%Y-%m-%dT%H:%M:%SZ}"


def connection(nodes: list[dict]) -> dict:
    end = {"hasNextPage": False, "endCursor": None}
    return {"totalCount": len(nodes), "pageInfo": end, "nodes": nodes}


def whole(number: int) -> dict:
    """Return a pull request as GraphQL gives it: three commits, two reviews, four events."""
    moment = at(number / (PULLS + 1))
    commits = [
        {
            "oid": f"{number * 10 + no:040x}",
            "authoredDate": moment,
            "committedDate": moment,
            "author": {"user": PERSON},
        }
        for no in range(3)
    ]
    reviews = [
        {
            "id": f"PRR_{number}_{no}",
            "databaseId": 5_000_000_000 + number * 10 + no,
            "state": "APPROVED",
            "submittedAt": moment,
            "author": PERSON,
        }
        for no in range(2)
    ]
    kinds = ("ReadyForReviewEvent", "ReviewRequestedEvent", "ClosedEvent", "MergedEvent")
    events = [
        {"__typename": kind, "id": kind, "createdAt": moment, "actor": PERSON} for kind in kinds
    ]
    return {
        "__typename": "PullRequest",
        "id": f"PR_{number}",
        "state": "MERGED",
        "isDraft": False,
        **dict.fromkeys(("createdAt", "updatedAt", "closedAt", "mergedAt"), moment),
        "author": PERSON,
        "baseRefName": "main",
        "headRefOid": commits[-1]["oid"],
        "mergeCommit": {"oid": f"{number:040x}"},
        **{"additions": 10, "deletions": 2, "changedFiles": 3},
        "commits": connection([{"commit": commit} for commit in commits]),
        "reviews": connection(reviews),
        "timelineItems": connection(events),
        "closingIssuesReferences": connection([]),
    }


class Repository:
    """A repository with pull requests and runs, each with two jobs; bodies are made beforehand."""

    def __init__(self, runs: int) -> None:
        self.now = NOW
        self.journal: list[str] = []
        self.nodes = {f"PR_{n}": json.dumps(whole(n)) for n in range(1, PULLS + 1)}
        self.listed = [
            json.dumps(
                {
                    "id": n,
                    "node_id": f"PR_{n}",
                    "number": n,
                    "title": f"PAY-{n} add",
                    "head": {"ref": f"PAY-{n}"},
                    "updated_at": at(n / (PULLS + 1)),
                }
            )
            for n in range(PULLS, 0, -1)
        ]
        self.created = [at(n / (runs + 1)) for n in range(1, runs + 1)]
        self.runs = [
            json.dumps(
                {
                    "id": n,
                    "run_attempt": 1,
                    "name": "build",
                    "head_sha": f"{n:040x}",
                    "event": "push",
                    "status": "completed",
                    "conclusion": "success",
                    **dict.fromkeys(("created_at", "run_started_at", "updated_at"), created),
                }
            )
            for n, created in enumerate(self.created, 1)
        ]

    def answer(self, target: str, body: Any) -> tuple[str, str]:
        """Return the body and the `Link` of an answer."""
        path = urlsplit(target).path
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        if path == "/graphql":
            ids = (body.get("variables") or {}).get("ids")
            if ids:
                return f'{{"data": {{"nodes": [{", ".join(map(self.nodes.get, ids))}]}}}}', ""
            return '{"data": {"pull_requests": null, "issues": null}}', ""
        if job := re.fullmatch(rf"/repos/{REPO}/actions/runs/(\d+)/attempts/1/jobs", path):
            run = int(job[1])
            jobs = [
                {
                    "id": run * 10 + no,
                    "name": "test",
                    "status": "completed",
                    "conclusion": "success",
                    **dict.fromkeys(
                        ("created_at", "started_at", "completed_at"), self.created[run - 1]
                    ),
                }
                for no in range(2)
            ]
            return json.dumps({"total_count": 2, "jobs": jobs}), ""
        if path.endswith("/pulls"):
            return self.page(path, query, self.listed, "")
        if path.endswith("/actions/runs"):
            lo, hi = query["created"].split("..")
            rows = self.runs[bisect_left(self.created, lo) : bisect_right(self.created, hi)]
            return self.page(
                path, query, rows[:1000], f'"total_count": {len(rows)}, "workflow_runs": '
            )
        if path.endswith("/deployments"):
            return "[]", ""
        if path == f"/repos/{REPO}":
            return json.dumps({"id": 7, "full_name": REPO, "default_branch": "main"}), ""
        return "{}", ""

    def page(self, path: str, query: dict, rows: list[str], key: str) -> tuple[str, str]:
        start = int(query.get("page", 1)) - 1
        shown = ", ".join(rows[start * 100 : start * 100 + 100])
        link = ""
        if len(rows) > start * 100 + 100:
            rest = {**query, "page": str(start + 2)}
            text = "&".join(f"{name}={quote(value)}" for name, value in rest.items())
            link = f'<{self.root}{path}?{text}>; rel="next"'
        return (f"{{{key}[{shown}]}}" if key else f"[{shown}]"), link

    def serve(self) -> None:
        """Begin to serve; `root` is where."""
        repository = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.respond("")

            def do_POST(self) -> None:
                self.respond(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def respond(self, body: str) -> None:
                repository.journal.append(f"{self.path} {body}")
                text, link = repository.answer(self.path, json.loads(body) if body else None)
                content = text.encode()
                head = [
                    "HTTP/1.1 200 OK",
                    f"Date: {repository.now:%a, %d %b %Y %H:%M:%S} GMT",
                    f"Content-Length: {len(content)}",
                    *([f"Link: {link}"] if link else []),
                ]
                self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def measured(repository: Repository, home: str) -> dict:
    """Load in a process of its own and return what it cost."""
    asked = len(repository.journal)
    settings = {
        "FLOWHOUSE_HOME": home,
        "SOURCES__GITHUB__BASE_URL": repository.root,
        "SOURCES__GITHUB__TOKEN": "a-token",
        "SOURCES__GITHUB__REPOSITORIES": json.dumps([REPO]),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env={**os.environ, **settings}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    facts = json.loads(done.stdout.splitlines()[-1])
    new = repository.journal[asked:]
    jobs = sum("/attempts/" in line for line in new)
    runs = sum("/actions/runs?" in line for line in new)
    # The clock is read for every window.
    repeated = [line for line, n in Counter(new).items() if n > 1 and "/rate_limit" not in line]
    return {
        "pull_requests": len(new) - jobs - runs,
        "run_listings": runs,
        "job_requests": jobs,
        "repeated": len(repeated),
        **facts,
    }


def main() -> int:
    """Measure a first load, and one a day later without changes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    repository = Repository(count)
    repository.serve()
    print(f"{PULLS:,} pull requests, {count:,} runs with two jobs each")
    with tempfile.TemporaryDirectory() as home:
        print("first load      ", json.dumps(first := measured(repository, home)), flush=True)
        repository.now += timedelta(days=1)
        print("no change       ", json.dumps(nothing := measured(repository, home)))
    minimum = -(-count // 100) + count
    asked = first["run_listings"] + first["job_requests"]
    print(f"runs and jobs    {asked:,} requests, {asked / minimum - 1:+.2%} of the least possible")
    rows = sum(first["rows"].values())
    print(f"rows             {rows:,}, {rows / first['cpu_s']:,.0f} per CPU second")
    faults = [
        first["pull_requests"] > MOST_PULL_REQUESTS,
        asked > minimum * MOST_OVER_MINIMUM,
        max(load["peak_mib"] for load in (first, nothing)) >= MOST_MIB,
        first["repeated"] or nothing["repeated"],
        first["statuses"] != ["complete"],
        (first["rows"]["pull_requests"], first["rows"]["workflow_runs"]) != (PULLS, count),
        first["rows"]["jobs"] != 2 * count,
        nothing["job_requests"] > 0,
    ]
    print("budgets kept" if not any(faults) else f"BUDGET EXCEEDED {faults}")
    return int(any(faults))


if __name__ == "__main__":
    sys.exit(main())
