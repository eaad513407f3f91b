"""Jira Cloud, REST v3, over the demo company as of the servers' clock."""

import base64
from datetime import UTC, datetime

import msgspec

from demo.company import (
    ISSUE_TYPES,
    PRIORITIES,
    PROJECT_NAMES,
    SITE,
    STATUSES,
    STREAMS,
    TEAM_NAMES,
    Person,
)
from demo.defects import OPTIONS
from demo.http import Api, Handler, Request, Response, is_basic
from demo.issues import DETECTED_FIELD, FLAG, FLAGGED_FIELD, POINTS_FIELD, TEAM_FIELD
from demo.jql import JqlFault, Query
from demo.model import History, Issue, Json, Version
from demo.world import World

USER, TOKEN = "demo@example.com", "demo-token"
CATEGORIES = {"new": (2, "To Do"), "indeterminate": (4, "In Progress"), "done": (3, "Done")}
RESOLUTIONS = {"Done": "10000", "Won't Do": "10001"}
LINK_TYPES = {"Blocks": "10000", "Relates": "10003", "Duplicate": "10002"}
LINK_WORDS = {
    "Blocks": ("is blocked by", "blocks"), "Relates": ("relates to", "relates to"),
    "Duplicate": ("is duplicated by", "duplicates"),
}  # fmt: skip
COMPONENTS = {"core": "10300", "api": "10301", "ui": "10302"}
CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes"
FLAG_OPTION = {
    "self": f"{SITE}/rest/api/3/customFieldOption/{FLAG}",
    "value": "Impediment",
    "id": FLAG,
}
SYSTEM_FIELDS = {
    "summary": "string", "issuetype": "issuetype", "project": "project", "status": "status",
    "priority": "priority", "resolution": "resolution", "created": "datetime",
    "updated": "datetime", "resolutiondate": "datetime", "duedate": "date", "labels": "array",
    "components": "array", "fixVersions": "array", "versions": "array", "issuelinks": "array",
    "assignee": "user",
    "reporter": "user", "creator": "user", "description": "string", "parent": "issuelink",
}  # fmt: skip
CUSTOM_FIELDS = {
    POINTS_FIELD: ("Story Points", "number", None, "com.pyxis.greenhopper.jira:jsw-story-points"),
    FLAGGED_FIELD: ("Flagged", "array", "option", f"{CUSTOM}:multicheckboxes"),
    DETECTED_FIELD: ("Detected in", "option", None, f"{CUSTOM}:select"),
    TEAM_FIELD: ("Team", "team", None, f"{CUSTOM}:atlassian-team"),
    "customfield_10014": ("Epic Link", "any", None, "com.pyxis.greenhopper.jira:gh-epic-link"),
    "customfield_10019": ("Rank", "any", None, "com.pyxis.greenhopper.jira:gh-lexo-rank"),
    "customfield_10020": ("Sprint", "array", "json", "com.pyxis.greenhopper.jira:gh-sprint"),
}


def errors(status: int, message: str) -> Response:
    """Return Jira's form of an error."""
    return Response(status, {"errorMessages": [message], "errors": {}})


def stamp(at: int) -> str:
    """Return a moment as Jira writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def seal(content: list) -> str:
    """Return an opaque page token."""
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


def unseal(token: str) -> list | None:
    """Return what a page token holds, or None."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token), type=list)
    except (ValueError, msgspec.DecodeError):
        return None


class Jira(Api):
    """The API."""

    name = "jira"

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.bodies: dict[tuple[int, int], Json] = {}
        self.lookup: tuple[int, int, dict[str, Issue]] = (-1, -1, {})
        v3 = "/rest/api/3"
        fixed: dict[str, object] = {
            "status": [status(name) for name in STATUSES],
            "issuetype": [issue_type(name) for name in ISSUE_TYPES],
            "field": fields(),
            "priority": [named("priority", key, name) for name, key in PRIORITIES.items()],
            "resolution": [named("resolution", key, name) for name, key in RESOLUTIONS.items()],
            "issueLinkType": {"issueLinkTypes": [link_type(name) for name in LINK_TYPES]},
            "myself": {
                "self": f"{SITE}{v3}/user?accountId=5demo", "accountId": "5demo",
                "accountType": "atlassian", "displayName": "Demo reader", "active": True,
                "timeZone": "UTC", "locale": "en_US",
            },
        }  # fmt: skip
        for path, body in fixed.items():
            self.route("GET", f"{v3}/{path}", constant(msgspec.json.encode(body)))
        nobody = {"values": [], "since": 0, "until": 0, "lastPage": True}
        feed = constant(msgspec.json.encode(nobody))  # nobody logs work here
        self.route("GET", f"{v3}/worklog/(?:updated|deleted)", feed)
        self.route("GET", f"{v3}/serverInfo", self.server_info)
        self.route("GET", f"{v3}/statuses/search", self.statuses_search)
        self.route("GET", f"{v3}/statuses", self.statuses_search)
        self.route("GET", f"{v3}/project/search", self.projects)
        self.route("GET", rf"{v3}/project/([A-Z]+)/versions", self.versions)
        self.route("POST", f"{v3}/search/jql", self.search)
        self.route("POST", f"{v3}/search/approximate-count", self.count)
        self.route("POST", f"{v3}/issue/bulkfetch", self.bulk_issues)
        self.route("POST", f"{v3}/changelog/bulkfetch", self.bulk_changelogs)
        self.route("GET", rf"{v3}/issue/([^/]+)/changelog", self.changelog)
        self.route("GET", rf"{v3}/issue/([^/]+)", self.one)
        self.route("GET", r"/rest/api/[23]/search", gone)
        self.route("POST", r"/rest/api/[23]/search", gone)

    def refuse(self, request: Request) -> Response | None:
        """Basic authentication with mail address and API token."""
        if is_basic(request.headers, USER, TOKEN):
            return None
        text = b"Client must be authenticated to access this resource."
        return Response(401, text, {"WWW-Authenticate": 'OAuth realm="https%3A%2F%2Fnorthbank"'})

    def missing(self) -> Response:
        """Jira's 404."""
        return errors(404, "No resource at this path.")

    # what exists

    def visible(self, now: int) -> list[Issue]:
        """Return the issues that exist, oldest first."""
        gone = self.world.deleted
        return [i for i in self.world.issues if i.created <= now and i.id not in gone]

    def find(self, name: str, now: int) -> Issue | None:
        """Return an issue by id or by a key that it has or had."""
        if self.lookup[:2] != (now, self.world.version):
            known: dict[str, Issue] = {}
            for issue in self.visible(now):
                initial = issue.initial
                known[str(issue.id)] = issue
                known[f"{initial['project']}-{initial['number']}"] = issue
                known[issue.key(now)] = issue
            self.lookup = (now, self.world.version, known)
        return self.lookup[2].get(name.upper())

    def fields(self, issue: Issue, now: int) -> Json:
        """Return the fields of an issue; kept until it changes."""
        place = (issue.id, issue.revision(now) + 1000 * self.world.version)
        if place not in self.bodies:
            self.bodies[place] = render(issue, now)
        changing: Json = {"issuelinks": links(issue, now)} if issue.links else {}
        if issue.plans:
            state = issue.state(now)
            for name in ("fixVersions", "versions"):
                changing[name] = [version_of_issue(one, now) for one in state[name]]
        return self.bodies[place] | changing

    def body(self, issue: Issue, now: int, wanted: list[str]) -> Json:
        """Return an issue with the wanted fields."""
        values = self.fields(issue, now)
        if "*all" not in wanted and "*navigable" not in wanted:
            values = {name: values[name] for name in wanted if name in values}
        return {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog",
            "id": str(issue.id),
            "self": f"{SITE}/rest/api/3/issue/{issue.id}",
            "key": issue.key(now),
            "fields": values,
        }

    # search

    def found(self, request: Request, body: Json) -> list[Issue]:
        """Return the matching issues in order."""
        query, now = Query(str(body.get("jql") or "")), request.now
        assert query.test is not None
        return query.sort([i for i in self.visible(now) if query.test(i, now)], now)

    def search(self, request: Request, match: object) -> Response:
        """Search by token; the default field is the id alone."""
        body = request.json()
        known = {"jql", "nextPageToken", "maxResults", "fields", "expand", "properties",
                 "fieldsByKeys", "failFast", "reconcileIssues"}  # fmt: skip
        if not isinstance(body, dict) or set(body) - known:
            return errors(400, "Invalid request payload.")
        try:
            found = self.found(request, body)
        except JqlFault as fault:
            return errors(400, str(fault))
        wanted = body.get("fields") or ["id"]
        most = (
            5000
            if len(wanted) <= 5 and "*all" not in wanted
            else 1000
            if len(wanted) <= 20
            else 100
        )
        size = max(1, min(int(body.get("maxResults") or 50), most))
        start = 0
        if body.get("nextPageToken"):
            mark = unseal(body["nextPageToken"])
            if not mark or mark[0] != body.get("jql"):
                return errors(400, "The provided next page token is invalid or expired.")
            places = {issue.id: place for place, issue in enumerate(found)}
            start = places.get(mark[1], mark[2]) + 1
        shown = found[start : start + size]
        issues = [
            {"id": str(issue.id)} if wanted == ["id"] else self.body(issue, request.now, wanted)
            for issue in shown
        ]
        answer: Json = {"issues": issues, "isLast": start + size >= len(found)}
        if not answer["isLast"]:
            answer["nextPageToken"] = seal([body.get("jql"), shown[-1].id, start + size - 1])
        return Response(200, answer)

    def count(self, request: Request, match: object) -> Response:
        """The number of matching issues."""
        try:
            return Response(200, {"count": len(self.found(request, request.json()))})
        except JqlFault as fault:
            return errors(400, str(fault))

    # issues and histories

    def bulk_issues(self, request: Request, match: object) -> Response:
        """Up to 100 issues by id or key, in ascending order of id; unknown ones are left out."""
        body = request.json()
        names = [str(name) for name in body.get("issueIdsOrKeys", [])]
        if not 1 <= len(names) <= 100:
            return errors(400, "The number of issues to be fetched must be between 1 and 100.")
        wanted = body.get("fields") or ["*navigable"]
        found = {i.id: i for name in names if (i := self.find(name, request.now))}
        issues = [self.body(found[key], request.now, wanted) for key in sorted(found)]
        return Response(200, {"expand": "schema,names", "issueErrors": [], "issues": issues})

    def bulk_changelogs(self, request: Request, match: object) -> Response:
        """Histories of up to 1,000 issues by date, then issue; one issue may span pages."""
        body = request.json()
        names = [str(name) for name in body.get("issueIdsOrKeys", [])]
        wanted = body.get("fieldIds") or []
        if not 1 <= len(names) <= 1000:
            return errors(400, "issueIdsOrKeys: size must be between 1 and 1000")
        if len(wanted) > 10:
            return errors(400, "fieldIds: size must be between 0 and 10")
        size = max(1, min(int(body.get("maxResults") or 1000), 10_000))
        found = {i.id: i for name in names if (i := self.find(name, request.now))}
        rows = [
            (history.at, issue.id, history.id, history)
            for issue in found.values()
            for history in issue.histories
            if history.at <= request.now and (not wanted or has_field(history, wanted))
        ]
        rows.sort(key=lambda row: row[:3])
        if body.get("nextPageToken"):
            mark = unseal(body["nextPageToken"])
            if not mark:
                return errors(400, "The provided next page token is invalid or expired.")
            rows = [row for row in rows if list(row[:3]) > mark]
        groups: dict[int, list[Json]] = {}
        for at, issue_id, _, history in rows[:size]:
            shown = history_json(history, wanted) | {"created": at * 1000}
            groups.setdefault(issue_id, []).append(shown)
        answer: Json = {
            "issueChangeLogs": [
                {"issueId": str(key), "changeHistories": group} for key, group in groups.items()
            ]
        }
        if len(rows) > size:
            answer["nextPageToken"] = seal(list(rows[size - 1][:3]))
        return Response(200, answer)

    def changelog(self, request: Request, match: object) -> Response:
        """Histories of one issue, oldest first."""
        issue = self.find(match[1], request.now)  # type: ignore[index]
        if issue is None:
            return errors(404, "Issue does not exist or you do not have permission to see it.")
        histories = sorted(
            (h for h in issue.histories if h.at <= request.now), key=lambda h: (h.at, h.id)
        )
        answer = page(request, [history_json(history, []) for history in histories], 100)
        return Response(200, {"self": f"{SITE}/rest/api/3/issue/{issue.id}/changelog", **answer})

    def one(self, request: Request, match: object) -> Response:
        """One issue."""
        issue = self.find(match[1], request.now)  # type: ignore[index]
        if issue is None:
            return errors(404, "Issue does not exist or you do not have permission to see it.")
        wanted = [name for name in request.query.get("fields", "*all").split(",") if name]
        return Response(200, self.body(issue, request.now, wanted))

    # dimensions

    def server_info(self, request: Request, match: object) -> Response:
        """What kind of Jira this is."""
        return Response(200, {
            "baseUrl": SITE, "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud", "buildNumber": 100250, "serverTitle": "Northbank",
            "serverTime": stamp(request.now), "serverTimeZone": "Etc/UTC",
        })  # fmt: skip

    def statuses_search(self, request: Request, match: object) -> Response:
        """Statuses in the newer form."""
        upper = {"new": "TODO", "indeterminate": "IN_PROGRESS", "done": "DONE"}
        rows = [
            {"id": entry[0], "name": name, "description": "", "scope": {"type": "GLOBAL"},
             "statusCategory": upper[entry[1]]}
            for name, entry in STATUSES.items()
        ]  # fmt: skip
        return Response(
            200, {"self": f"{SITE}/rest/api/3/statuses/search", **page(request, rows, 200)}
        )

    def projects(self, request: Request, match: object) -> Response:
        """Projects; `expand=insight` adds the number of issues and the last update."""
        rows = []
        for stream in STREAMS:
            row = project(stream.project) | {
                "isPrivate": False, "properties": {}, "expand": "description,lead,issueTypes,url",
                "entityId": f"{stream.project_id:032x}", "uuid": f"{stream.project_id:032x}",
            }  # fmt: skip
            if "insight" in request.query.get("expand", ""):
                now = request.now
                own = [i for i in self.visible(now) if i.state(now)["project"] == stream.project]
                last = max((issue.updated(now) for issue in own), default=0)
                row["insight"] = {"totalIssueCount": len(own), "lastIssueUpdateTime": stamp(last)}
            rows.append(row)
        return Response(
            200, {"self": f"{SITE}/rest/api/3/project/search", **page(request, rows, 50)}
        )

    def versions(self, request: Request, match: object) -> Response:
        """The versions of a project, as far as somebody has made them."""
        key, now = match[1], request.now  # type: ignore[index]
        if key not in PROJECT_NAMES:
            return errors(404, f"No project could be found with key '{key}'.")
        rows = [v for v in self.world.versions if v.stream.project == key and v.known <= now]
        return Response(200, [version(one, now) for one in rows])


# the forms of things


def constant(body: bytes) -> Handler:
    """Return a handler whose answer never changes."""
    headers = {"Content-Type": "application/json;charset=utf-8"}
    return lambda request, match: Response(200, body, headers)


def gone(request: Request, match: object) -> Response:
    """The old search, which Jira has removed."""
    return errors(
        410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql."
    )


def page(request: Request, rows: list, most: int) -> Json:
    """Return a startAt page of rows."""
    start, size = request.number("startAt", 0), request.number("maxResults", most, most)
    return {
        "startAt": start, "maxResults": size, "total": len(rows),
        "isLast": start + size >= len(rows), "values": rows[start : start + size],
    }  # fmt: skip


def named(kind: str, key: str, name: str) -> Json:
    """Return a simple named thing."""
    return {"self": f"{SITE}/rest/api/3/{kind}/{key}", "id": key, "name": name}


def status(name: str) -> Json:
    """Return a status with its category."""
    key, category, _, _ = STATUSES[name]
    number, title = CATEGORIES[category]
    kind = {"self": f"{SITE}/rest/api/3/statuscategory/{number}", "id": number, "key": category,
            "colorName": "blue-gray", "name": title}  # fmt: skip
    return named("status", key, name) | {
        "description": "",
        "iconUrl": f"{SITE}/",
        "statusCategory": kind,
    }


def issue_type(name: str) -> Json:
    """Return an issue type."""
    key, level = ISSUE_TYPES[name]
    return named("issuetype", key, name) | {
        "description": "", "iconUrl": f"{SITE}/", "subtask": False, "hierarchyLevel": level,
    }  # fmt: skip


def project(key: str) -> Json:
    """Return a project."""
    stream = next(stream for stream in STREAMS if stream.project == key)
    return {
        "self": f"{SITE}/rest/api/3/project/{stream.project_id}", "id": str(stream.project_id),
        "key": key, "name": PROJECT_NAMES[key], "projectTypeKey": "software",
        "simplified": False, "style": "classic",
    }  # fmt: skip


def fields() -> list[Json]:
    """Return the field catalogue."""
    rows: list[Json] = [
        {"id": name, "key": name, "name": name, "custom": False, "orderable": True,
         "navigable": True, "searchable": True, "clauseNames": [name],
         "schema": {"type": kind, "system": name}}
        for name, kind in SYSTEM_FIELDS.items()
    ]  # fmt: skip
    for key, (name, kind, items, custom) in CUSTOM_FIELDS.items():
        schema = {"type": kind, "custom": custom, "customId": int(key.split("_")[1])}
        rows.append({
            "id": key, "key": key, "untranslatedName": name, "name": name, "custom": True,
            "orderable": True, "navigable": True, "searchable": True,
            "clauseNames": [f"cf[{schema['customId']}]", name],
            "schema": schema | ({"items": items} if items else {}),
        })  # fmt: skip
    return rows


def user(person: Person | None) -> Json | None:
    """Return a user with everything that a warehouse must not see."""
    if person is None:
        return None
    return {
        "self": f"{SITE}/rest/api/3/user?accountId={person.account_id}",
        "accountId": person.account_id, "emailAddress": person.email,
        "avatarUrls": {"48x48": f"{SITE}/avatar/{person.login}.png"},
        "displayName": person.name, "active": True, "timeZone": "Etc/UTC",
        "accountType": "app" if person.is_bot else "atlassian",
    }  # fmt: skip


def team(key: str) -> Json:
    """Return the value of the Team field."""
    number, name = list(TEAM_NAMES).index(key) + 1, TEAM_NAMES[key]
    return {
        "id": f"{number:08x}-0000-4000-8000-000000000000", "name": name, "title": name,
        "avatarUrl": "", "isVisible": True, "isVerified": False, "isShared": True,
    }  # fmt: skip


def version_of_issue(one: Version, now: int) -> Json:
    """Return a version as an issue shows it."""
    return {
        "self": f"{SITE}/rest/api/3/version/{one.id}", "id": str(one.id), "description": "",
        "name": one.name, "archived": False, "released": one.released <= now,
        "releaseDate": one.released_on.isoformat(),
    }  # fmt: skip


def version(one: Version, now: int) -> Json:
    """Return a version of a project; its day of release is planned until it is released."""
    is_late = one.released > now and one.released_on < one.stream.day(now)
    return version_of_issue(one, now) | {
        "startDate": one.starts_on.isoformat(), "projectId": one.stream.project_id,
        **({} if one.released <= now else {"overdue": is_late}),
    }  # fmt: skip


def link_type(name: str) -> Json:
    """Return a type of links."""
    inward, outward = LINK_WORDS[name]
    return named("issueLinkType", LINK_TYPES[name], name) | {"inward": inward, "outward": outward}


def detected(place: str) -> Json:
    """Return an option of the list of places in which a defect is found."""
    key = OPTIONS[place]
    return {"self": f"{SITE}/rest/api/3/customFieldOption/{key}", "value": place, "id": key}


def document(text: str) -> Json:
    """Return text as an Atlassian document."""
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "doc", "version": 1, "content": [paragraph]}


def render(issue: Issue, now: int) -> Json:
    """Return all fields of an issue at a moment, but for its links and versions."""
    state = issue.state(now)
    parent = state["parent"]
    done = state["resolution"]
    return {
        "summary": state["summary"], "description": document(state["description"]),
        "issuetype": issue_type(issue.kind), "project": project(state["project"]),
        "status": status(state["status"]),
        "priority": named("priority", PRIORITIES[state["priority"]], state["priority"]),
        "resolution": named("resolution", RESOLUTIONS[done], done) if done else None,
        "created": stamp(issue.created), "updated": stamp(issue.updated(now)),
        "resolutiondate": stamp(state["resolved"]) if state["resolved"] else None,
        "duedate": None, "labels": state["labels"],
        "components": [named("component", COMPONENTS[state["component"]], state["component"])]
        if state["component"] else [],
        "fixVersions": [], "versions": [], "issuelinks": [], "assignee": user(state["assignee"]),
        "reporter": user(issue.reporter), "creator": user(issue.creator),
        **({"parent": short(parent, now, "Epic")} if parent else {}),
        POINTS_FIELD: None if state["points"] is None else float(state["points"]),
        FLAGGED_FIELD: [FLAG_OPTION] if state["flagged"] else None,
        TEAM_FIELD: team(state["team"]),
        DETECTED_FIELD: detected(state["detected_in"]) if state["detected_in"] else None,
        "customfield_10014": None,
        "customfield_10019": f"0|i{issue.id:05d}:",
        "customfield_10020": None,
    }  # fmt: skip


def short(issue: Issue, now: int, kind: str) -> Json:
    """Return an issue as another one refers to it."""
    state = issue.state(now)
    return {
        "id": str(issue.id), "key": f"{state['project']}-{state['number']}",
        "self": f"{SITE}/rest/api/3/issue/{issue.id}",
        "fields": {"summary": state["summary"], "status": status(state["status"]),
                   "issuetype": issue_type(kind)},
    }  # fmt: skip


def links(issue: Issue, now: int) -> list[Json]:
    """Return the links of an issue to issues that exist."""
    rows = []
    for link in issue.links:
        if link.holds(now):
            low, high = sorted((issue.id, link.other.id))
            rows.append({
                "id": str(low * 7 + high), "self": f"{SITE}/rest/api/3/issueLink/{low * 7 + high}",
                "type": link_type(link.kind), link.end: short(link.other, now, link.other.kind),
            })  # fmt: skip
    return rows


def has_field(history: History, wanted: list[str]) -> bool:
    """Whether a history changes one of the fields."""
    return any(item.get("fieldId") in wanted for item in history.items)


def history_json(history: History, wanted: list[str]) -> Json:
    """Return a history as Jira shows it."""
    items = [item for item in history.items if not wanted or item.get("fieldId") in wanted]
    shown = {"id": str(history.id), "created": stamp(history.at), "items": items}
    return shown | ({"author": user(history.author)} if history.author else {})
