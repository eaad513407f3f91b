"""A Jira Cloud made of a generator: any size, a clock that tests set, changes, faults, a journal.

Real paging and search semantics over issues that `issue(n)` derives from their number alone, so
that the expected tables come from the same numbers and never from the code under test.
"""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

TOKEN = "scripted-token"
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = {"1": ("To Do", "new"), "2": ("Doing", "indeterminate"), "3": ("Done", "done")}
FIELDS = {
    "customfield_1": ("Story Points", "number", "jsw-story-points"),
    "customfield_2": ("Sprint", "array", "gh-sprint"),
}
PEOPLE = [
    {
        "self": f"https://x/rest/api/3/user?accountId=5f{n:022x}",
        "accountId": f"5f{n:022x}",
        "displayName": f"Planted Person{n}",
        "emailAddress": f"person{n}@planted.example",
        "avatarUrls": {f"{size}x{size}": f"https://x/avatar/{n}/{size}.png" for size in (16, 48)},
        "active": True,
        "timeZone": "Europe/Berlin",
        "accountType": "app" if n == 0 else "atlassian",
    }
    for n in range(40)
]


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def status(key: str) -> dict[str, Any]:
    name, category = STATUSES[key]
    return {
        "self": f"https://x/rest/api/3/status/{key}",
        "id": key,
        "name": name,
        "statusCategory": {"id": 1, "key": category, "name": category, "colorName": "x"},
    }


class Issue:
    """Issue number n: created, then moved between statuses by `histories` changes."""

    def __init__(self, n: int, site: "ScriptedJira") -> None:
        self.id, self.n = 10_000 + n, n
        self.key = f"P{n % site.projects}-{n}"
        self.created = FIRST + (NOW - timedelta(days=10) - FIRST) * (n / max(site.size, 1))
        self.histories: list[dict[str, Any]] = []
        self.current = "1"
        self.updated = self.created
        self.extra: dict[str, Any] = {}
        for h in range(site.histories):
            self.change(self.created + timedelta(hours=h + 1), site)

    def change(self, at: datetime, site: "ScriptedJira") -> None:
        """Move to another status."""
        number = len(self.histories)
        target = str(int(self.current) % 3 + 1)
        self.histories.append(
            {
                "id": str(self.id * 100_000 + number),
                "author": PEOPLE[(self.n + number) % len(PEOPLE)],
                "created": ms(at),
                "items": [
                    {
                        "field": "status",
                        "fieldtype": "jira",
                        "fieldId": "status",
                        "from": self.current,
                        "fromString": STATUSES[self.current][0],
                        "to": target,
                        "toString": STATUSES[target][0],
                    }
                ],
            }
        )
        self.current, self.updated = target, at

    def fields(self) -> dict[str, Any]:
        project = self.key.rpartition("-")[0]
        return {
            "summary": f"Planted title {self.n}",
            "issuetype": {"id": "1", "name": "Story", "subtask": False, "hierarchyLevel": 0},
            "project": {"id": project[1:] or "0", "key": project, "name": f"Project {project}"},
            "status": status(self.current),
            "priority": {"id": str(self.n % 5), "name": f"P{self.n % 5}", "iconUrl": "https://x/i"},
            "resolution": {"id": "1", "name": "Done"} if self.current == "3" else None,
            "created": stamp(self.created),
            "updated": stamp(self.updated),
            "resolutiondate": None,
            "duedate": None,
            "labels": ["a", f"l{self.n % 50}"],
            "components": [{"id": str(self.n % 7), "name": f"c{self.n % 7}"}],
            "fixVersions": [],
            "issuelinks": [],
            "assignee": PEOPLE[self.n % len(PEOPLE)],
            "reporter": PEOPLE[(self.n + 1) % len(PEOPLE)],
            "creator": PEOPLE[(self.n + 2) % len(PEOPLE)],
            "customfield_1": float(self.n % 8),
            "customfield_2": None,
            **self.extra,
        }


class ScriptedJira:
    """The server.

    Args:
        size: Number of issues.
        histories: Histories of each.
        projects: Number of projects.
    """

    def __init__(self, size: int = 0, histories: int = 3, projects: int = 2) -> None:
        self.size, self.histories, self.projects = size, histories, projects
        self.now = NOW
        self.token = TOKEN
        self.minted, self.used, self.token_lasts = 0, 0, 10**9
        self.issues = {issue.id: issue for n in range(size) if (issue := Issue(n, self))}
        self.fields = {name: entry for name, entry in FIELDS.items()}
        self.journal: list[tuple[str, str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.worklogs: dict[int, int] = {}
        self.deleted_worklogs: dict[int, int] = {}
        self.worklog_page = 1000
        self.has_worklog_feeds = True
        self.lock = threading.Lock()
        self.bodies: dict[tuple, bytes] = {}
        self.logs: dict[tuple[int, int], bytes] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.answer(None)

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_form = "form" in (self.headers.get("Content-Type") or "")
                form = {name: values[-1] for name, values in parse_qs(content.decode()).items()}
                self.answer(form if is_form else msgspec.json.decode(content or b"{}"))

            def answer(self, body: Any) -> None:
                url = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(url.query).items()}
                with site.lock:
                    site.journal.append((self.command, url.path, body))
                    fault = site.fault(self.path)
                status, headers, content = 200, {}, b""
                if fault and "status" in fault:
                    status, headers = fault["status"], fault.get("headers", {})
                    content = msgspec.json.encode(fault.get("body", {}))
                elif url.path == "/oauth/token":
                    status, content = site.mint(body)
                elif not site.is_good(self.headers.get("Authorization", "")):
                    status, content = 401, b"{}"
                else:
                    status, content = site.respond(url.path, query, body)
                if fault and "change" in fault:
                    content = msgspec.json.encode(fault["change"](msgspec.json.decode(content)))
                if fault and "raw" in fault:
                    content = fault["raw"](content)
                self.send_response_only(status)
                self.send_header("Date", format_datetime(site.now, usegmt=True))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()
                if fault and "after" in fault:
                    fault["after"]()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def fault_on(self, path: str, times: int = 1, skip: int = 0, **what: Any) -> None:
        """Script what happens to the next `times` requests whose path matches."""
        self.faults.append({"path": re.compile(path), "times": times, "skip": skip, **what})

    def fault(self, path: str) -> dict[str, Any] | None:
        for rule in self.faults:
            if rule["times"] and rule["path"].search(path):
                if rule["skip"]:
                    rule["skip"] -= 1
                    continue
                rule["times"] -= 1
                return rule
        return None

    def asked(self, path: str) -> int:
        """How many requests had this in their path."""
        return sum(path in asked for _, asked, _ in self.journal)

    def mint(self, client: dict[str, str]) -> tuple[int, bytes]:
        """Give a new token to the client that knows TOKEN; the one before it ends."""
        if client.get("client_secret") != TOKEN:
            return 401, b"{}"
        self.minted += 1
        self.token, self.used = f"minted-{self.minted}", 0
        return 200, msgspec.json.encode({"access_token": self.token, "expires_in": 3600})

    def is_good(self, authorization: str) -> bool:
        """Whether a request carries a token that was not used too often."""
        with self.lock:
            self.used += 1
            return self.token in authorization and self.used <= self.token_lasts

    # what it answers

    def respond(self, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        for pattern, answer in ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                result = answer(self, match, query, body)
                if result is None:
                    return 404, b'{"errorMessages":["not found"]}'
                return 200, result if isinstance(result, bytes) else msgspec.json.encode(result)
        return 404, b"{}"

    def found(self, jql: str) -> list[Issue]:
        bounds = re.findall(r"(updated|created) (>=|<) (\d+)", jql)
        project = re.search(r'project = "(\w+)"', jql)
        named = re.search(r"id in \(([\d,]+)\)", jql)
        issues: Any = self.issues.values()
        if project:
            issues = [i for i in issues if i.key.rpartition("-")[0] == project[1]]
        if named:
            wanted = {int(part) for part in named[1].split(",")}
            issues = [i for i in issues if i.id in wanted]
        now = self.now
        limits = [
            (name, op == "<", datetime.fromtimestamp(int(value) / 1000, UTC))
            for name, op, value in bounds
        ]
        return [
            i
            for i in issues
            if i.created <= now
            and all(
                (getattr(i, name) < at) if below else (getattr(i, name) >= at)
                for name, below, at in limits
            )
        ]

    def body_of(self, issue: Issue, wanted: list[str]) -> bytes:
        key = (issue.id, issue.updated, issue.current, *wanted)
        if key not in self.bodies:
            fields = issue.fields()
            shown = {name: fields[name] for name in wanted if name in fields}
            self.bodies[key] = msgspec.json.encode(
                {"id": str(issue.id), "self": "https://x", "key": issue.key, "fields": shown}
            )
        return self.bodies[key]

    def search(self, match: Any, query: Any, body: Any) -> Any:
        found = sorted(self.found(body["jql"]), key=lambda i: (i.created, i.id))
        start = int(body.get("nextPageToken") or 0)
        size = min(body["maxResults"], 5000)
        issues = [
            {"id": str(i.id), "key": i.key, "fields": {"updated": stamp(i.updated)}}
            | (
                {"changelog": {"total": len(i.histories), "histories": i.histories[-40:]}}
                if "changelog" in body.get("expand", "")
                else {}
            )
            for i in found[start : start + size]
        ]
        more = start + size < len(found)
        return {"issues": issues, **({"nextPageToken": str(start + size)} if more else {})}

    def bulk(self, match: Any, query: Any, body: Any) -> bytes:
        ids = sorted(int(key) for key in body["issueIdsOrKeys"])
        assert 1 <= len(ids) <= 100
        parts = [self.body_of(self.issues[i], body["fields"]) for i in ids if i in self.issues]
        return b'{"issueErrors":[],"issues":[' + b",".join(parts) + b"]}"

    def changelogs(self, match: Any, query: Any, body: Any) -> bytes:
        ids = [int(key) for key in body["issueIdsOrKeys"]]
        assert 1 <= len(ids) <= 1000
        rows = [
            (h["created"], i, h) for i in ids if i in self.issues for h in self.issues[i].histories
        ]
        rows.sort(key=lambda row: row[:2])
        start, size = int(body.get("nextPageToken") or 0), min(body["maxResults"], 10_000)
        groups: dict[int, list[bytes]] = {}
        for _, issue_id, history in rows[start : start + size]:
            key = (issue_id, int(history["id"]))
            if key not in self.logs:
                self.logs[key] = msgspec.json.encode(history)
            groups.setdefault(issue_id, []).append(self.logs[key])
        logs = b",".join(
            b'{"issueId":"%d","changeHistories":[%s]}' % (key, b",".join(group))
            for key, group in groups.items()
        )
        more = b',"nextPageToken":"%d"' % (start + size) if start + size < len(rows) else b""
        return b'{"issueChangeLogs":[' + logs + b"]" + more + b"}"

    def one(self, match: Any, query: Any, body: Any) -> Any:
        issue = self.issues.get(int(match[1]))
        if issue is None:
            return None
        changelog = {"total": len(issue.histories), "histories": issue.histories[::-1][:100]}
        fields = issue.fields()
        shown = {
            name: fields[name] for name in query.get("fields", "").split(",") if name in fields
        }
        return {"id": str(issue.id), "key": issue.key, "fields": shown} | (
            {"changelog": changelog} if "changelog" in query.get("expand", "") else {}
        )

    def changelog(self, match: Any, query: Any, body: Any) -> Any:
        issue = self.issues.get(int(match[1]))
        if issue is None:
            return None
        start = int(query.get("startAt") or 0)
        values = issue.histories[start : start + 100]
        total = len(issue.histories)
        return {"values": values, "total": total, "isLast": start + 100 >= total}

    def catalogue(self, *_: Any) -> Any:
        return [
            {
                "id": key,
                "name": name,
                "custom": True,
                "schema": {"type": kind, "custom": f"x:{custom}"},
            }
            for key, (name, kind, custom) in self.fields.items()
        ]

    def feed(self, match: Any, query: Any, body: Any) -> Any:
        if not self.has_worklog_feeds:
            return None
        since = int(query.get("since") or 0)
        entries = self.worklogs if match[1] == "updated" else self.deleted_worklogs
        found = sorted((at, key) for key, at in entries.items() if since <= at)
        shown = found[: self.worklog_page]
        return {
            "values": [{"worklogId": key, "updatedTime": at} for at, key in shown],
            "since": since,
            "until": shown[-1][0] if shown else since,
            "nextPage": "https://elsewhere.example/rest/api/3/worklog/updated?since=1",
            "lastPage": len(found) <= self.worklog_page,
        }

    def worklog_list(self, match: Any, query: Any, body: Any) -> Any:
        return [
            {
                "id": str(key),
                "issueId": "10003",
                "started": stamp(NOW),
                "updated": stamp(datetime.fromtimestamp(self.worklogs[key] / 1000, UTC)),
                "timeSpentSeconds": 60 * key,
                "author": PEOPLE[0],
                "comment": "Planted comment",
            }
            for key in body["ids"]
            if key in self.worklogs
        ]

    def project_page(self, *_: Any) -> Any:
        values = [
            {"id": str(n), "key": f"P{n}", "name": f"Project {n}"} for n in range(self.projects)
        ]
        return {"values": values, "total": len(values), "isLast": True}


def page(*values: Any) -> Callable[..., Any]:
    return lambda *_: {"values": list(values), "total": len(values), "isLast": True}


ROUTES: list[tuple[str, Callable[..., Any]]] = [
    (r"/rest/api/3/serverInfo", lambda *_: {"deploymentType": "Cloud"}),
    (r"/rest/api/3/myself", lambda *_: {"accountId": "5replay", "timeZone": "UTC"}),
    (r"/rest/api/3/field", ScriptedJira.catalogue),
    (r"/rest/api/3/status", lambda *_: [status(key) for key in STATUSES]),
    (r"/rest/api/3/statuses/search", page()),
    (r"/rest/api/3/issuetype", lambda *_: [{"id": "1", "name": "Story", "hierarchyLevel": 0}]),
    (r"/rest/api/3/project/search", ScriptedJira.project_page),
    (r"/rest/api/3/project/P\d+/(versions|components)", lambda *_: []),
    (r"/rest/agile/1.0/board", page()),
    (r"/rest/api/3/worklog/(updated|deleted)", ScriptedJira.feed),
    (r"/rest/api/3/worklog/list", ScriptedJira.worklog_list),
    (r"/rest/api/3/search/jql", ScriptedJira.search),
    (r"/rest/api/3/search/approximate-count",
     lambda site, match, query, body: {"count": len(site.found(body["jql"]))}),
    (r"/rest/api/3/issue/bulkfetch", ScriptedJira.bulk),
    (r"/rest/api/3/changelog/bulkfetch", ScriptedJira.changelogs),
    (r"/rest/api/3/issue/(\d+)", ScriptedJira.one),
    (r"/rest/api/3/issue/(\d+)/changelog", ScriptedJira.changelog),
]  # fmt: skip


if __name__ == "__main__":
    import sys

    site = ScriptedJira(int(sys.argv[1]), int(sys.argv[2]), 4)
    print(site.url, flush=True)
    for line in sys.stdin:  # "change N": the first N issues get one more history
        words = line.split()
        if words[0] == "change":
            site.now += timedelta(hours=1)
            for issue in list(site.issues.values())[: int(words[1])]:
                issue.change(site.now - timedelta(minutes=20), site)
        if words[0] == "journal":
            counts: dict[str, int] = {}
            for _, path, _ in site.journal:
                counts[path] = counts.get(path, 0) + 1
            print(msgspec.json.encode(counts).decode(), flush=True)
            site.journal.clear()
        if words[0] == "later":
            site.now += timedelta(hours=1)
        if words[0] == "day":
            site.now += timedelta(days=1)
