"""Jenkins' remote access API over the demo company as of the servers' clock."""

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from demo.company import OWNER, REPOSITORIES
from demo.http import Api, Request, Response, is_basic
from demo.model import Build, Json
from demo.world import World, user_name

USER, TOKEN = "demo", "demo-token"
FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
JOB = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
RUN = "org.jenkinsci.plugins.workflow.job.WorkflowRun"
CAUSES = {
    "BranchEventCause": "jenkins.branch.BranchEventCause",
    "TimerTriggerCause": "hudson.triggers.TimerTrigger$TimerTriggerCause",
    "UserIdCause": "hudson.model.Cause$UserIdCause",
}
COLOURS = {"SUCCESS": "blue", "UNSTABLE": "yellow", "FAILURE": "red", "ABORTED": "aborted"}
SHOWN = 100
Tree = dict[str, tuple["Tree", slice]]
_NAME, _RANGE = re.compile(r"[\w*]+"), re.compile(r"\{(\d*)(,?)(\d*)\}")


def parse_tree(text: str) -> Tree:
    """Return a `tree` parameter as nested fields with ranges.

    Raises:
        ValueError: It is malformed.
    """
    tree, place = _fields(text, 0)
    if place != len(text):
        raise ValueError(text[place:])
    return tree


def _fields(text: str, place: int) -> tuple[Tree, int]:
    tree: Tree = {}
    while True:
        name = _NAME.match(text, place)
        if not name:
            raise ValueError(text[place:])
        place, below, span = name.end(), {}, slice(None)
        if text[place : place + 1] == "[":
            below, place = _fields(text, place + 1)
            if text[place : place + 1] != "]":
                raise ValueError(text[place:])
            place += 1
        if ranged := _RANGE.match(text, place):
            low, comma, high = ranged.groups()
            start = int(low or 0)
            span = slice(start, int(high) if high else None) if comma else slice(start, start + 1)
            place = ranged.end()
        tree[name[0]] = (below, span)
        if text[place : place + 1] != ",":
            return tree, place
        place += 1


def select(value: Any, tree: Tree) -> Any:
    """Keep the asked fields; a function in place of a list takes the range."""
    if isinstance(value, list):
        return [select(entry, tree) for entry in value]
    if not isinstance(value, dict):
        return value
    chosen: Json = {}
    for key, entry in value.items():
        asked = tree.get(key) or tree.get("*")
        if key == "_class":
            chosen[key] = entry
        elif asked:
            below, span = asked
            entry = entry(span) if callable(entry) else entry
            entry = entry[span] if isinstance(entry, list) and not callable(value[key]) else entry
            chosen[key] = select(entry, below) if below else bare(entry)
    return chosen


def bare(value: Any) -> Any:
    """Return what Jenkins shows of a thing whose fields were not asked for."""
    if isinstance(value, list):
        return [bare(entry) for entry in value]
    if isinstance(value, dict):
        if "url" in value:
            return {k: value[k] for k in ("_class", "name", "number", "url", "color") if k in value}
        return {key: bare(entry) for key, entry in value.items() if not callable(entry)}
    return value


class Jenkins(Api):
    """The API; Basic credentials `demo:demo-token`."""

    name = "jenkins"

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.base = ""
        self.starts = {job: [b.started_ms for b in builds] for job, builds in world.builds.items()}
        self.nodes: dict[tuple[str, int], Json] = {}
        item = r"(?P<path>(?:/job/[^/]+)+)"
        self.route("GET", r"/(?:me|whoAmI)/api/json", self.me)
        self.route("GET", r"(?:/view/[^/]+)?/api/json", self.root)
        self.route("GET", rf"{item}/api/json", self.item)
        self.route("GET", rf"{item}/(?P<number>\d+|lastBuild)/api/json", self.build)
        self.route("GET", rf"{item}/(?P<number>\d+|lastBuild)/wfapi/describe/?", self.describe)

    def refuse(self, request: Request) -> Response | None:
        """Basic authentication."""
        if is_basic(request.headers, USER, TOKEN):
            return None
        text = b"<html><head><title>Error 401 Unauthorized</title></head></html>"
        return Response(401, text, {"Content-Type": "text/html;charset=utf-8",
                                    "WWW-Authenticate": 'Basic realm="Jenkins"'})  # fmt: skip

    def answer(self, request: Request) -> Response:
        """Answer; addresses of items begin with the address that was asked."""
        self.base = request.base
        return super().answer(request)

    def missing(self) -> Response:
        """Jenkins' 404 is a page."""
        text = b"<html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>"
        return Response(404, text, {"Content-Type": "text/html;charset=utf-8"})

    def shown(self, request: Request, node: Json) -> Response:
        """Reduce a node by the request's tree."""
        headers = {"X-Jenkins": "2.479.1"}
        text = request.query.get("tree")
        if not text:
            plain = {
                k: v(slice(None)) if callable(v) and k != "allBuilds" else v
                for k, v in node.items()
            }
            body = {key: bare(value) for key, value in plain.items() if not callable(value)}
            return Response(200, body, headers)
        try:
            return Response(200, select(node, parse_tree(text)), headers)
        except ValueError:
            return Response(400, b"Malformed tree", headers | {"Content-Type": "text/plain"})

    def me(self, request: Request, match: object) -> Response:
        """Who asks."""
        return Response(200, {
            "_class": "hudson.security.WhoAmI", "anonymous": False, "authenticated": True,
            "authorities": ["authenticated"], "id": USER, "name": USER, "fullName": "Demo reader",
        }, {"X-Jenkins": "2.479.1"})  # fmt: skip

    # items

    def root(self, request: Request, match: object) -> Response:
        """The controller."""
        node = {
            "_class": "hudson.model.Hudson", "mode": "NORMAL", "url": f"{self.base}/",
            "useSecurity": True, "jobs": lambda span: [self.folder("platform", request.now)][span],
        }  # fmt: skip
        return self.shown(request, node)

    def item(self, request: Request, match: re.Match[str]) -> Response:
        """A folder, a multibranch project or a job."""
        node = self.find(full_name(match["path"]), request.now)
        return self.shown(request, node) if node else self.missing()

    def find(self, name: str, now: int) -> Json | None:
        """Return the node of an item."""
        parts = name.split("/")
        if (
            parts[0] != "platform"
            or len(parts) > 3
            or (parts[1:2] and parts[1] not in REPOSITORIES)
        ):
            return None
        if len(parts) < 3:
            return self.folder(name, now)
        return self.job(name, now) if parts[2] == "main" else None

    def folder(self, name: str, now: int) -> Json:
        """Return the folder, or the project of a repository."""
        repository = name.partition("/")[2]
        inside = [f"{name}/main"] if repository else [f"{name}/{one}" for one in REPOSITORIES]
        return {
            "_class": MULTIBRANCH if repository else FOLDER, "name": name.rsplit("/", 1)[-1],
            "fullName": name, "fullDisplayName": name.replace("/", " » "),
            "displayName": name.rsplit("/", 1)[-1], "url": url_of(self.base, name), "views": [],
            "jobs": lambda span: [self.find(one, now) for one in inside][span],
        }  # fmt: skip

    def job(self, name: str, now: int) -> Json:
        """Return a job; its builds are made when a tree asks for them."""
        count = bisect_right(self.starts[name], now * 1000)
        builds = self.world.builds[name]

        def newest(most: int | None) -> Callable[[slice], list[Json]]:
            def render(span: slice) -> list[Json]:
                start, stop, _ = span.indices(count if most is None else min(count, most))
                places = range(count - 1 - start, count - 1 - stop, -1)
                return [self.node(builds[place], now) for place in places]

            return render

        done = [b for b in builds[max(0, count - 3) : count] if not is_running(b, now)]
        ends = {
            "firstBuild": self.node(builds[0], now) if count else None,
            "lastBuild": self.node(builds[count - 1], now) if count else None,
        }
        return {
            "_class": JOB, "name": name.rsplit("/", 1)[-1], "fullName": name,
            "url": url_of(self.base, name),
            "displayName": name.rsplit("/", 1)[-1], "fullDisplayName": name.replace("/", " » "),
            "buildable": True, "color": COLOURS[done[-1].result] if done else "notbuilt",
            "inQueue": False, "nextBuildNumber": count + 1, **ends,
            "builds": newest(SHOWN), "allBuilds": newest(None),
        }  # fmt: skip

    # builds

    def pick(self, request: Request, match: re.Match[str]) -> Build | None:
        """Return the build that a path names."""
        name = full_name(match["path"])
        if name not in self.starts:
            return None
        count = bisect_right(self.starts[name], request.now * 1000)
        number = count if match["number"] == "lastBuild" else int(match["number"])
        return self.world.builds[name][number - 1] if 1 <= number <= count else None

    def build(self, request: Request, match: re.Match[str]) -> Response:
        """One build."""
        found = self.pick(request, match)
        return self.shown(request, self.node(found, request.now)) if found else self.missing()

    def node(self, build: Build, now: int) -> Json:
        """Return a build as the clock shows it; finished ones are kept."""
        place = (build.job, build.number)
        if place in self.nodes:
            node = self.nodes[place]
            if node["timestamp"] + node["duration"] <= now * 1000:
                return node
        node = build_json(build, now, self.base)
        if not node["building"]:
            self.nodes[place] = node
        return node

    def describe(self, request: Request, match: re.Match[str]) -> Response:
        """The stages of a build."""
        build = self.pick(request, match)
        if build is None:
            return self.missing()
        now_ms, running = request.now * 1000, is_running(build, request.now)
        stages = []
        for place, (name, start, length, pause, status) in enumerate(build.stages):
            if start > now_ms:
                continue
            going = start + length > now_ms
            stages.append({
                "id": str(6 + 7 * place), "name": name, "execNode": "",
                "status": "IN_PROGRESS" if going else status, "startTimeMillis": start,
                "durationMillis": now_ms - start if going else length, "pauseDurationMillis": pause,
            })  # fmt: skip
        status = {"FAILURE": "FAILED"}.get(build.result, build.result)
        length = now_ms - build.started_ms if running else build.duration_ms
        return Response(200, {
            "_links": {
                "self": {"href": f"{url_of(self.base, build.job)}{build.number}/wfapi/describe"}
            },
            "id": str(build.number), "name": f"#{build.number}",
            "status": "IN_PROGRESS" if running else status, "startTimeMillis": build.started_ms,
            "endTimeMillis": build.started_ms + length, "durationMillis": length,
            "queueDurationMillis": build.queue_ms,
            "pauseDurationMillis": sum(stage["pauseDurationMillis"] for stage in stages),
            "stages": stages,
        }, {"X-Jenkins": "2.479.1"})  # fmt: skip


def full_name(path: str) -> str:
    """Return `/job/a/job/b` as `a/b`."""
    return "/".join(re.findall(r"/job/([^/]+)", path))


def url_of(base: str, name: str) -> str:
    """Return the address of an item."""
    return f"{base}/" + "".join(f"job/{quote(part)}/" for part in name.split("/"))


def is_running(build: Build, now: int) -> bool:
    """Whether the build has not ended."""
    return build.started_ms + build.duration_ms > now * 1000


def build_json(build: Build, now: int, base: str) -> Json:
    """Return a build with its cause, revision and time in the queue."""
    running = is_running(build, now)
    cause: Json = {"_class": CAUSES[build.cause], "shortDescription": "Push event to branch main"}
    if build.user:
        cause |= {"shortDescription": f"Started by user {build.user.name}",
                  "userId": user_name(build.user), "userName": build.user.name}  # fmt: skip
    elif build.cause == "TimerTriggerCause":
        cause["shortDescription"] = "Started by timer"
    actions: list[Json] = [
        {"_class": "hudson.model.CauseAction", "causes": [cause]},
        {"_class": "jenkins.metrics.impl.TimeInQueueAction", "blockedDurationMillis": 0,
         "blockedTimeMillis": 0, "buildableDurationMillis": build.queue_ms,
         "buildableTimeMillis": build.queue_ms, "buildingDurationMillis": build.duration_ms,
         "executingTimeMillis": build.duration_ms, "executorUtilization": 1.0, "subTaskCount": 0,
         "queuingDurationMillis": build.queue_ms, "queuingTimeMillis": build.queue_ms,
         "totalDurationMillis": build.duration_ms + build.queue_ms, "waitingDurationMillis": 0,
         "waitingTimeMillis": 0},
        {"_class": "hudson.plugins.git.util.BuildData",
         "lastBuiltRevision": {"SHA1": build.sha, "branch": [{"SHA1": build.sha, "name": "main"}]},
         "remoteUrls": [f"https://github.com/{OWNER}/{build.repository}.git"], "scmName": ""},
        {},
    ]  # fmt: skip
    return {
        "_class": RUN, "actions": actions, "artifacts": [], "building": running,
        "description": None, "displayName": f"#{build.number}",
        "duration": 0 if running else build.duration_ms, "estimatedDuration": 480_000,
        "fullDisplayName": f"{build.job.replace('/', ' » ')} #{build.number}",
        "id": str(build.number), "inProgress": running, "keepLog": False, "number": build.number,
        "queueId": 10_000 + build.started_ms // 60_000 % 1_000_000,
        "result": None if running else build.result, "timestamp": build.started_ms,
        "url": f"{url_of(base, build.job)}{build.number}/", "changeSets": [], "culprits": [],
        "nextBuild": None, "previousBuild": None,
    }  # fmt: skip
