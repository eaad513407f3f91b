"""GitHub: pull requests with commits, reviews and timelines; Actions runs; deployments.

Settings: SOURCES__GITHUB__BASE_URL (API root; of an Enterprise Server https://HOST/api/v3), TOKEN,
or APP_ID, INSTALLATION_ID and PRIVATE_KEY of a GitHub App, REPOSITORIES (JSON list of owner/name
and owner/*; empty = all that the token sees), START_DATE.

Pull requests are listed newest update first until the last watermark, and read whole by GraphQL.
Runs can be searched by creation only, at most 1,000 a search: windows are halved until they are
smaller, and a window counts as read when as many runs came as the search counts. Each load looks
back 31 days for re-runs, 30 days for deployments; what is compared and what is still open is known
from the raw tables themselves. Open runs and deployments are read by id until they end, however
old. A renamed repository is read again, so that all its rows carry the new name. What vanishes
from GitHub stays in the raw tables: runs, and commits that a force push dropped.

Titles, texts, labels and branch names are read to see issue keys, reverts and hotfixes, and are
not loaded: they name people.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import dlt
import duckdb
import pyarrow as pa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltResource, DltSource

from extract import settings, warehouse
from extract.api import (
    THROTTLED,
    Api,
    BudgetExhausted,
    Forbidden,
    IncompleteRead,
    Refused,
    Reply,
    SourceError,
    Unavailable,
)
from extract.privacy import KEEP, person, pick
from extract.probes import MOST_PROBED, NOT_READABLE, Probe, clock, counts, scopes
from extract.settings import SettingFault, setting_name, settings_for, start_of
from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable, instant
from extract.windows import BEGINNING, Window, close_window, next_window
from extract.work import Audit, Load

NAME = "github"

_REPO = "/repos/{owner}/{repo}"
REPOSITORIES = RawTable(
    "repositories",
    _REPO,
    ("id",),
    {"id": TEXT, "full_name": TEXT, "default_branch": TEXT, "created_at": TIMESTAMP},
)
PULL_REQUESTS = RawTable(
    "pull_requests",
    f"{_REPO}/pulls + /graphql",
    ("id",),
    {
        "id": TEXT,
        "repository": TEXT,
        "number": BIGINT,
        "state": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)
COMMITS = RawTable(
    "pull_request_commits",
    "/graphql PullRequest.commits",
    ("pull_request_id", "sha"),
    {
        "pull_request_id": TEXT,
        "sha": TEXT,
        "repository": TEXT,
        "authored_at": TIMESTAMP,
        "committed_at": TIMESTAMP,
    },
)
REVIEWS = RawTable(
    "reviews",
    "/graphql PullRequest.reviews",
    ("id",),
    {"id": TEXT, "pull_request_id": TEXT, "state": TEXT, "submitted_at": TIMESTAMP},
)
RUNS = RawTable(
    "workflow_runs",
    f"{_REPO}/actions/runs",
    ("id", "run_attempt"),
    {
        "id": TEXT,
        "run_attempt": BIGINT,
        "repository": TEXT,
        "head_sha": TEXT,
        "event": TEXT,
        "status": TEXT,
        "conclusion": TEXT,
        "created_at": TIMESTAMP,
        "run_started_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)
JOBS = RawTable(
    "jobs",
    f"{_REPO}/actions/runs/{{run_id}}/attempts/{{n}}/jobs",
    ("id",),
    {
        "id": TEXT,
        "run_id": TEXT,
        "run_attempt": BIGINT,
        "status": TEXT,
        "conclusion": TEXT,
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "completed_at": TIMESTAMP,
    },
)
DEPLOYMENTS = RawTable(
    "deployments",
    f"{_REPO}/deployments",
    ("id",),
    {
        "id": TEXT,
        "repository": TEXT,
        "environment": TEXT,
        "sha": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)
STATUSES = RawTable(
    "deployment_statuses",
    f"{_REPO}/deployments/{{id}}/statuses",
    ("status_key",),
    {"status_key": TEXT, "deployment_id": TEXT, "state": TEXT, "created_at": TIMESTAMP},
)
TABLES = (REPOSITORIES, PULL_REQUESTS, COMMITS, REVIEWS, RUNS, JOBS, DEPLOYMENTS, STATUSES)

PULL_OVERLAP = timedelta(hours=1)
SAFETY_LAG = timedelta(minutes=2)
RUN_LOOK_BACK = timedelta(days=31)
"""Runs can be started again for 30 days after their first attempt."""
DEPLOYMENT_LOOK_BACK = timedelta(days=30)

PAGE = 100
SEARCH_CAP = 1_000
MOST_PAGES = 10_000
CHUNK = 100
MOST_IN_WINDOW = 5_000
CONCURRENT_REQUESTS = 4
MOST_UNAVAILABLE = 3
"""How many repositories in a row may give no answer until the server counts as down."""
PULLS_PER_QUERY = 25
ENTRIES_PER_QUERY = 100

ENDED_DEPLOYMENTS = ("success", "failure", "error", "inactive")

_REPOSITORY = dict.fromkeys(("private", "fork", "archived", "visibility"), KEEP)
_SHARED_BRANCH = re.compile(
    r"(?:main|master|trunk|dev|develop|development|next|stable|staging|production|prod)"
    r"|(?:(?:releases?|hotfix|support|maintenance|stable|v)[-/_.]?)?v?\d+(?:[._-]\d+)*(?:[._-]?[xX])?"
)
_ISSUE_KEY = re.compile(r"(?<![A-Za-z0-9])[A-Z][A-Z0-9_]+-[1-9][0-9]*(?![A-Za-z0-9_])")
_HOTFIX = re.compile(r"hot[-_ ]?fix", re.IGNORECASE)
_REVERT_TITLE = re.compile(r"revert(?:\b\s*[:(]|\s+\")", re.IGNORECASE)
_REVERT_BRANCH = re.compile(r"(?:.*/)?revert-", re.IGNORECASE)
_REVERT_TEXT = re.compile(r"\s*Reverts \S+#\d+|.*\bThis reverts commit\b", re.DOTALL)

Row = dict[str, Any]
Item = TypeVar("Item")
Result = TypeVar("Result")
Bundle = dict[str, pa.Table]
"""Rows of several raw tables that were read together and are only right together."""
Known = dict[str, dict[int, tuple[str | None, int | None]]]
"""Status and second of the last update of the stored attempts, by run and attempt."""


@configspec
class GitHubSettings(BaseConfiguration):
    """Settings of the source, by dlt's rules."""

    base_url: str = None  # type: ignore[assignment]
    token: TSecretStrValue | None = None
    app_id: str | None = None
    installation_id: str | None = None
    private_key: TSecretStrValue | None = None
    repositories: list[str] | None = None
    start_date: str | None = None


class Installation:
    """The token of an app's installation: it lives an hour and cannot be renewed, only minted."""

    def __init__(self, base_url: str, app_id: str, installation_id: str, key: Any) -> None:
        self.app_id, self.key = app_id, key
        self.path = f"/app/installations/{installation_id}/access_tokens"
        self.api = Api(
            NAME,
            base_url,
            credential=setting_name(NAME, "private_key"),
            authorize=lambda renew: {"Authorization": f"Bearer {self._signed()}"},
        )
        self.lock = threading.Lock()
        self.given = threading.local()
        self.token = ""
        self.good_until = float("-inf")

    def headers(self, renew: bool) -> dict[str, str]:
        """Return the header that carries a token which is good for five more minutes.

        Several threads may be refused at once: the first of them mints, the others take its token.

        Raises:
            Refused: The app's key, or the installation, is wrong.
        """
        with self.lock:
            is_refused = renew and self.given.__dict__.get("token") == self.token
            if is_refused or time.monotonic() > self.good_until:
                self._mint()
            self.given.token = self.token
            return {"Authorization": f"Bearer {self.token}"}

    def _mint(self) -> None:
        reply = self.api.post(self.path, {}, allow=(404,))
        if reply.status == 404:
            name = setting_name(NAME, "installation_id")
            raise Refused(f"{name}: github knows no such installation of this app (404)")
        self.token = reply.data["token"]
        expires = instant(reply.data.get("expires_at")) or reply.server_time + timedelta(hours=1)
        life = (expires - reply.server_time).total_seconds()
        self.good_until = time.monotonic() + max(life - 300, life / 2)

    def _signed(self) -> str:
        """Return the app's own short-lived proof (JWT, RS256), dated back for clock skew."""
        now = int(time.time())
        claims = {"iat": now - 60, "exp": now + 540, "iss": self.app_id}
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims)]
        text = ".".join(parts)
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_base64(signature)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _private_key(text: str) -> rsa.RSAPrivateKey | None:
    """Read a PEM key; environment variables often carry its line ends as backslash and n."""
    try:
        key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def is_on() -> bool:
    """Whether GitHub is configured."""
    return settings.is_on(NAME)


def check() -> None:
    """Ask for the rate limit, which costs nothing and which every kind of token may.

    Raises:
        SettingFault: A setting is missing or wrong.
        SourceError: GitHub refuses the credentials, or gives no answer.
    """
    _server_time(_api(_settings()))


def _server_time(api: Api) -> datetime:
    # An Enterprise Server without rate limits answers 404.
    return api.get("/rate_limit", allow=(404,)).server_time


def probes() -> Iterator[Probe]:
    """Ask what only this server and this token can answer; `flowhouse doctor` prints it."""
    config = _settings()
    api = _api(config)
    limits = api.get("/rate_limit", allow=(404,))
    yield clock(limits.server_time)
    for name in ("core", "graphql"):
        limit = ((limits.data or {}).get("resources") or {}).get(name)
        if limit:
            line = f"requests ({name}): {limit['remaining']:,} of {limit['limit']:,} an hour left"
            yield Probe(limit["remaining"] > 0, line)
    Graph(api).adapt()
    yield Probe(True, "GraphQL: readable")
    work = Load(NAME, "doctor")
    found = found_repositories(work, api, config)
    yield from scopes("repositories", len(found), work)
    for row in found[:MOST_PROBED]:
        yield counts(row["full_name"], _counted(api, row["full_name"]))


def _counted(api: Api, repository: str) -> Iterator[tuple[str, Reply, str]]:
    """Yield what a repository lists and how much: the last page's number, of one row each."""
    for what, path, params in (
        ("pull requests", "pulls", {"state": "all"}),
        ("runs", "actions/runs", {}),
        ("deployments", "deployments", {}),
    ):
        reply = api.get(
            f"/repos/{repository}/{path}", {**params, "per_page": 1}, allow=NOT_READABLE
        )
        rows = reply.data
        if isinstance(rows, dict):
            count = rows.get("total_count") or 0
        else:
            count = _last_page(reply.headers.get("Link")) or len(rows or ())
        yield what, reply, f"{count:,}"


def _settings() -> GitHubSettings:
    config = settings_for(NAME, GitHubSettings)
    faults = []
    if config.app_id or config.installation_id or config.private_key:
        names = ("app_id", "installation_id", "private_key")
        faults += [f"{setting_name(NAME, name)} is not set" for name in names if not config[name]]
        if config.private_key and _private_key(str(config.private_key)) is None:
            faults.append(f"{setting_name(NAME, 'private_key')} is no RSA key in PEM form")
    elif not config.token:
        faults.append(f"{setting_name(NAME, 'token')} is not set")
    if any(not re.fullmatch(r"[^/\s]+/[^/\s]+", name) for name in config.repositories or ()):
        faults.append(f"{setting_name(NAME, 'repositories')} takes owner/name and owner/*")
    try:
        start_of(NAME, config.start_date)
    except SettingFault as fault:
        faults.append(str(fault))
    if faults:
        raise SettingFault("\n".join(faults))
    return config


def _api(config: GitHubSettings) -> Api:
    if config.app_id:
        key = _private_key(str(config.private_key))
        installation = Installation(config.base_url, config.app_id, config.installation_id, key)
        credential, authorize = "private_key", installation.headers
    else:
        header = {"Authorization": f"Bearer {config.token}"}
        credential, authorize = "token", lambda renew: header
    return Api(
        NAME,
        config.base_url,
        credential=setting_name(NAME, credential),
        headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
        authorize=authorize,
    )


def graphql_url(base_url: str) -> str:
    """Return where GraphQL is: beside the REST root, on an Enterprise Server not below it."""
    root = base_url.rstrip("/")
    return f"{root.removesuffix('/v3')}/graphql" if root.endswith("/api/v3") else f"{root}/graphql"


@dataclass(frozen=True)
class Repository:
    """A repository; `key` names its watermarks, and changes when the repository is renamed."""

    id: str
    name: str
    default_branch: str | None

    @property
    def key(self) -> str:
        """Immutable id and present name."""
        return f"{self.id} {self.name}"


class Missing(Forbidden):
    """There is no such place, or not for this token (404): GitHub does not tell the two apart."""


def pages(
    api: Api, path: str, params: Mapping[str, Any], allow: tuple[int, ...] = ()
) -> Iterator[Any]:
    """Yield the pages of a listing by following `Link`, which alone knows where it ends.

    Raises:
        IncompleteRead: The listing comes back to a page that was there, or does not end.
        Missing: There is no such place for this token.
    """
    seen: set[str] = set()
    reply = api.get(path, {**params, "per_page": PAGE}, allow=(404, *allow))
    for _ in range(MOST_PAGES):
        if reply.status == 404:
            raise Missing(f"github: no access to {path}, or there is none (404)")
        yield reply.data if reply.status == 200 else None
        following = _next(reply.headers.get("Link"))
        if not following:
            return
        if following in seen:
            raise IncompleteRead(f"github: pagination loop, {path} repeats a page")
        seen.add(following)
        reply = api.get(following, allow=(404,))
    raise IncompleteRead(f"github: {path} does not end")


def _next(link: str | None) -> str | None:
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return None


def _last_page(link: str | None) -> int | None:
    """Return the number of the last page that a `Link` header names."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="last"' in relation:
            numbers = parse_qs(urlsplit(address.strip().strip("<>")).query).get("page")
            return int(numbers[0]) if numbers else None
    return None


def _rows(pages: Iterable[Any], key: str | None = None) -> Iterator[Row]:
    for page in pages:
        yield from (page.get(key) if key else page) or ()


# people and what texts say


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
    keys = [key for text in (branch, title, body) for key in _ISSUE_KEY.findall(text)]
    return {
        "is_revert": bool(
            _REVERT_TITLE.match(title) or _REVERT_BRANCH.match(branch) or _REVERT_TEXT.match(body)
        ),
        "is_hotfix": any(_HOTFIX.search(text) for text in (title, branch, *labels)),
        "issue_keys": list(dict.fromkeys(keys)),
    }


def base_branch(name: Any, default: str | None) -> str | None:
    """Return a target branch that many share; a branch of one's own may carry a name."""
    is_shared = isinstance(name, str) and (name == default or _SHARED_BRANCH.fullmatch(name))
    return name if is_shared else None


# GraphQL

EVENTS = (
    "READY_FOR_REVIEW_EVENT",
    "CONVERT_TO_DRAFT_EVENT",
    "CLOSED_EVENT",
    "REOPENED_EVENT",
    "MERGED_EVENT",
    "REVIEW_REQUESTED_EVENT",
    "REVIEW_REQUEST_REMOVED_EVENT",
    "REVIEW_DISMISSED_EVENT",
    "HEAD_REF_FORCE_PUSHED_EVENT",
    "ADDED_TO_MERGE_QUEUE_EVENT",
    "REMOVED_FROM_MERGE_QUEUE_EVENT",
    "AUTO_MERGE_ENABLED_EVENT",
    "AUTO_MERGE_DISABLED_EVENT",
)
"""Timeline entries that are loaded, as far as the server knows them."""

_KNOWN_EVENTS = """
query { __type(name: "PullRequestTimelineItemsItemType") { enumValues { name } } }
"""
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_WHO = """
fragment Who on Actor {
  __typename
  login
  ... on User { databaseId }
  ... on Bot { databaseId }
  ... on Mannequin { databaseId }
  ... on Organization { databaseId }
}
"""
_WHAT = """
fragment What on Commit {
  oid
  authoredDate
  committedDate
  author { user { __typename login databaseId } }
}
"""
_COMMITS = f"{{ totalCount {_PAGE_INFO} nodes {{ commit {{ ...What }} }} }}"
_REVIEWS = (
    f"{{ totalCount {_PAGE_INFO} nodes {{ id databaseId state submittedAt author {{ ...Who }} }} }}"
)
VERDICTS = {"NOT_FOUND", "FORBIDDEN"}
LIMITS = {"RATE_LIMIT", "RATE_LIMITED"}


def type_of(event: str) -> str:
    """Return the type's name of a timeline entry: CLOSED_EVENT → ClosedEvent."""
    return "".join(part.title() for part in event.split("_"))


def queries(events: Sequence[str]) -> dict[str, str]:
    """Return the query of whole pull requests, and those of further pages, by connection."""
    parts = []
    for event in events:
        more = "beforeCommit { ...What }" if event == "HEAD_REF_FORCE_PUSHED_EVENT" else ""
        parts.append(f"... on {type_of(event)} {{ id createdAt actor {{ ...Who }} {more} }}")
    timeline = f"{{ {_PAGE_INFO} nodes {{ __typename {' '.join(parts)} }} }}"
    types = f"itemTypes: [{', '.join(events)}]"
    connections = {
        "commits": ("", _COMMITS),
        "reviews": ("", _REVIEWS),
        "timelineItems": (f", {types}", timeline),
    }
    first = " ".join(
        f"{name}(first: $first{extra}) {shape}" for name, (extra, shape) in connections.items()
    )
    whole = f"""
        query($ids: [ID!]!, $first: Int!) {{ nodes(ids: $ids) {{ __typename ... on PullRequest {{
          id state isDraft createdAt updatedAt closedAt mergedAt author {{ ...Who }} baseRefName
          headRefOid mergeCommit {{ oid }} additions deletions changedFiles {first}
        }} }} }}"""
    further = {
        name: f"""
        query($id: ID!, $first: Int!, $after: String) {{ node(id: $id) {{ ... on PullRequest {{
          {name}(first: $first, after: $after{extra}) {shape}
        }} }} }}"""
        for name, (extra, shape) in connections.items()
    }
    return {name: _closed(query) for name, query in {"whole": whole, **further}.items()}


def _closed(query: str) -> str:
    """Return a query with the fragments that it uses; an unused one is an error."""
    used = [text for name, text in (("...Who", _WHO), ("...What", _WHAT)) if name in query]
    return query + "".join(used)


CONNECTIONS = ("commits", "reviews", "timelineItems")


def judged(answer: Any) -> tuple[list[Row | None], str | None]:
    """Return the nodes of an answer, None where GitHub has none for us, and why it is not whole.

    Any error rejects the answer, and so does a node that is null without a verdict on it.
    """
    answer = answer if isinstance(answer, dict) else {}
    errors = [error for error in answer.get("errors") or () if isinstance(error, dict)]
    kinds = {_kind(error) for error in errors}
    if kinds & LIMITS:
        return [], THROTTLED
    if any(_kind(error) not in VERDICTS or not error.get("path") for error in errors):
        return [], f"errors: {', '.join(sorted(kinds))}"
    data = answer.get("data")
    if not isinstance(data, dict):
        return [], "no data"
    nodes = data["nodes"] if "nodes" in data else [data.get("node")]
    refused = {error["path"][1] if error["path"][0] == "nodes" else 0 for error in errors}
    for place, node in enumerate(nodes):
        if place not in refused and not _is_whole(node):
            return [], "null nodes"
    return [None if place in refused else node for place, node in enumerate(nodes)], None


def _kind(error: Mapping[str, Any]) -> str:
    """Return the type of an error; its message may quote what should not be logged."""
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return re.sub(r"\W", "", str(error.get("type") or code or "unknown"))


def _is_whole(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    lists = [(node[name] or {}).get("nodes") for name in CONNECTIONS if name in node]
    return all(isinstance(entries, list) and None not in entries for entries in lists)


class Graph:
    """Pull requests, whole, by GraphQL: the pages shrink when the server says they are too much."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.url = graphql_url(api.base_url)
        self.queries = queries(EVENTS)
        self.pulls_per_query = PULLS_PER_QUERY
        self.entries_per_query = ENTRIES_PER_QUERY

    def adapt(self) -> None:
        """Leave out the timeline entries that an older Enterprise Server does not know."""
        answer = self.api.post(self.url, {"query": _KNOWN_EVENTS}, reject=_throttled).data
        kind = ((answer or {}).get("data") or {}).get("__type") or {}
        known = {value["name"] for value in kind.get("enumValues") or ()}
        if known:
            self.queries = queries([event for event in EVENTS if event in known])

    def pulls(self, node_ids: Sequence[str]) -> tuple[dict[str, Row], set[str]]:
        """Return pull requests by node id, and the ids of those that GitHub does not give.

        An id that is in neither has a connection that ended before its end.
        """
        found: dict[str, Row] = {}
        gone: set[str] = set()
        left = list(node_ids)
        while left:
            size = self.pulls_per_query
            batch = left[:size]
            nodes = self._ask("whole", {"ids": batch, "first": size}, is_smallest=size == 1)
            if nodes is None:
                self.pulls_per_query = min(self.pulls_per_query, size // 2)
                continue
            left = left[size:]
            for node_id, node in zip(batch, nodes, strict=True):
                if node is None:
                    gone.add(node_id)
                elif self._completed(node_id, node):
                    found[node_id] = node
        return found, gone

    def _completed(self, node_id: str, node: Row) -> bool:
        """Read the connections of a pull request to their ends; False when one ends too early."""
        for name in CONNECTIONS:
            connection = node[name]
            entries = connection["nodes"]
            cursors: set[str] = set()
            while connection["pageInfo"]["hasNextPage"]:
                cursor = connection["pageInfo"]["endCursor"]
                if cursor in cursors or len(cursors) > MOST_PAGES:
                    return False
                cursors.add(cursor)
                page = self._further(name, node_id, cursor)
                if page is None:
                    return False
                connection = page[name]
                entries += connection["nodes"]
            node[name] = {"totalCount": connection.get("totalCount"), "nodes": entries}
            if len(entries) < (connection.get("totalCount") or 0):
                return False
        return True

    def _further(self, name: str, node_id: str, cursor: str) -> Row | None:
        while True:
            size = self.entries_per_query
            variables = {"id": node_id, "first": size, "after": cursor}
            nodes = self._ask(name, variables, is_smallest=size == 1)
            if nodes is not None:
                return nodes[0]
            self.entries_per_query = min(self.entries_per_query, size // 2)

    def _ask(self, name: str, variables: Row, *, is_smallest: bool) -> list[Row | None] | None:
        """Return the nodes of a whole answer, or None when less should be asked for."""
        body = {"query": self.queries[name], "variables": variables}
        if is_smallest:
            reply = self.api.post(self.url, body, reject=lambda answer: judged(answer)[1])
            return judged(reply.data)[0]
        try:
            reply = self.api.post(self.url, body, allow=(502, 504), reject=_throttled)
        except Unavailable:
            return None
        nodes, why = judged(reply.data)
        return None if why else nodes


def _throttled(answer: Any) -> str | None:
    return THROTTLED if judged(answer)[1] == THROTTLED else None


# rows


def repository_row(repo: Mapping[str, Any]) -> Row:
    """Return the raw row of a repository."""
    return {
        "id": str(repo["id"]),
        "full_name": repo.get("full_name"),
        "default_branch": repo.get("default_branch"),
        "created_at": instant(repo.get("created_at")),
        "payload": {name: pick(repo.get(name), KEEP) for name in _REPOSITORY},
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
            "events": [event_of(entry) for entry in node["timelineItems"]["nodes"]],
        },
    }


def event_of(entry: Mapping[str, Any]) -> Row:
    """Return an entry of the timeline: ReadyForReviewEvent → ready_for_review."""
    name = str(entry["__typename"]).removesuffix("Event")
    return {
        "type": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(),
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


def run_row(repo: Repository, run: Mapping[str, Any]) -> Row:
    """Return the raw row of one attempt of a run."""
    pulls = run.get("pull_requests")
    kept = ("name", "path", "workflow_id", "run_number")
    return {
        "id": str(run["id"]),
        "run_attempt": attempt_of(run),
        "repository": repo.name,
        **{name: run.get(name) for name in ("head_sha", "event", "status", "conclusion")},
        **{name: instant(run.get(name)) for name in ("created_at", "run_started_at", "updated_at")},
        "payload": {
            **{name: pick(run.get(name), KEEP) for name in kept},
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
        "payload": {"name": pick(job.get("name"), KEEP)},
    }


def deployment_row(repo: Repository, deployment: Mapping[str, Any]) -> Row:
    """Return the raw row of a deployment."""
    kept = ("task", "transient_environment", "production_environment")
    return {
        "id": str(deployment["id"]),
        "repository": repo.name,
        "environment": deployment.get("environment"),
        "sha": deployment.get("sha"),
        "created_at": instant(deployment.get("created_at")),
        "updated_at": instant(deployment.get("updated_at")),
        "payload": {
            **{name: pick(deployment.get(name), KEEP) for name in kept},
            "creator": rest_person(deployment.get("creator")),
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


def _stored(sql: str, *values: Any) -> list[tuple]:
    """Ask the raw tables what they hold already."""
    with duckdb.connect(str(warehouse.raw_file(NAME)), read_only=True) as raw:
        return raw.execute(sql, values).fetchall()


def _second(text: Any) -> int | None:
    moment = instant(text)
    return int(moment.timestamp()) if moment else None


@dataclass
class Bucket:
    """The runs that were created from one second to another, both inclusive."""

    lo: int
    hi: int
    total: int
    runs: list[Row]
    fault: str = ""


Read = Callable[[Any, Repository, Mapping[str, Audit]], Generator[Bundle, None, bool]]


@dataclass
class Reader:
    """What all resources of one window share."""

    work: Load
    api: Api
    graph: Graph
    repositories: list[Repository]
    server_now: datetime
    start: datetime | None
    is_over: bool = False
    unavailable: int = 0
    room: dict[str, int] = field(default_factory=dict)

    def resources(self, tables: Sequence[RawTable], read: Read) -> Iterator[DltResource]:
        """Yield the resources of tables that are read together, repository by repository."""

        def take(table: RawTable) -> Callable[[Bundle], Any]:
            return lambda bundle: bundle[table.name]

        parent = dlt.resource(
            lambda: self._every(tables, read), name=f"read_{tables[0].name}", selected=False
        )
        for table in tables:
            yield table.transformer(take(table), parent)

    def _every(self, tables: Sequence[RawTable], read: Read) -> Iterator[Bundle]:
        """Read the repositories; one that fails is noted, and the others go on."""
        state = dlt.current.resource_state()
        object = tables[0].name
        self.room[object] = MOST_IN_WINDOW
        todo = self.repositories
        if self.work.windows:
            todo = [repo for repo in todo if repo.key in state.get("unfinished", ())]
        unfinished = state["unfinished"] = [repo.key for repo in todo]
        for repo in todo:
            if self.room[object] <= 0:
                break
            audits = {table.name: self.work.audit(table.name, scope=repo.name) for table in tables}
            if self.is_over:
                audits[object].status, audits[object].message = "partial", "the run's time is used"
                continue
            try:
                is_done = yield from read(state, repo, audits)
            except Refused:
                raise
            except SourceError as failure:
                self._note(audits, failure)
                is_done = True
            else:
                self.unavailable = 0
            if is_done:
                unfinished.remove(repo.key)
        self.work.more = self.work.more or (bool(unfinished) and not self.is_over)

    def _note(self, audits: Mapping[str, Audit], failure: SourceError) -> None:
        status = "incomplete" if isinstance(failure, IncompleteRead) else "failed"
        if isinstance(failure, BudgetExhausted):
            status, self.is_over = "partial", True
            self.work.more = False
        for audit in audits.values():
            audit.status, audit.message = status, str(failure)
        if isinstance(failure, Unavailable):
            self.unavailable += 1
            if self.unavailable >= MOST_UNAVAILABLE:
                raise failure

    def _window(
        self, state: Any, repo: Repository, audit: Audit, overlap: timedelta, lag: timedelta
    ) -> Window:
        goes_on = self.work.windows > 0
        window = next_window(
            state,
            repo.key,
            self.server_now,
            # A window that goes on where this load's last one ended needs no overlap.
            overlap=timedelta(0) if goes_on else overlap,
            safety_lag=lag,
            start=self.start,
            full=self.work.full and not goes_on,
        )
        if self.start and window.lo:
            window = Window(max(self.start, window.lo), window.hi)
        audit.window_from, audit.window_to = window.lo, window.hi
        return window

    def _parallel(self, ask: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            return list(pool.map(ask, items))

    # pull requests

    def pulls(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Bundle, None, bool]:
        """Yield the pull requests that were updated, oldest update first."""
        audit = audits[PULL_REQUESTS.name]
        window = self._window(state, repo, audit, PULL_OVERLAP, SAFETY_LAG)
        listed = self._listed_pulls(repo, window)
        audit.api_count = len(listed)
        began = time.monotonic()
        if not self.work.windows:
            for some in chunks(self._cut_pulls(state, repo, listed), CHUNK):
                yield self._whole_pulls(state, repo, some, audits)
        for start in range(0, len(listed), CHUNK):
            some, rest = listed[start : start + CHUNK], listed[start + CHUNK :]
            yield self._whole_pulls(state, repo, some, audits)
            self.work.progress(PULL_REQUESTS.name, start + len(some), len(listed), began)
            self.room[PULL_REQUESTS.name] -= len(some)
            if rest:
                hi = min(window.hi, rest[0].updated_at)
                close_window(state, repo.key, Window(window.lo, hi))
                if self.room[PULL_REQUESTS.name] <= 0:
                    audit.api_count, audit.window_to = start + len(some), hi
                    return False
        close_window(state, repo.key, window)
        return True

    def _listed_pulls(self, repo: Repository, window: Window) -> list[Listed]:
        """List what was updated since the window began; what comes meanwhile only repeats rows."""
        params = {"state": "all", "sort": "updated", "direction": "desc"}
        found: dict[str, Listed] = {}
        for row in _rows(pages(self.api, f"/repos/{repo.name}/pulls", params)):
            listed = Listed.of(row)
            if window.lo and listed.updated_at < window.lo:
                break
            found.setdefault(listed.id, listed)
        return sorted(found.values(), key=lambda listed: listed.updated_at)

    def _cut_pulls(self, state: Any, repo: Repository, listed: list[Listed]) -> list[Listed]:
        """Return the pull requests that could not be read to their end by earlier loads."""
        cut = state.setdefault("cut", {}).get(repo.key, [])
        found = []
        for number in set(cut) - {pull.number for pull in listed}:
            reply = self.api.get(f"/repos/{repo.name}/pulls/{number}", allow=(404, 410))
            if reply.status == 200:
                found.append(Listed.of(reply.data))
            else:
                cut.remove(number)
        return found

    def _whole_pulls(
        self, state: Any, repo: Repository, some: list[Listed], audits: Mapping[str, Audit]
    ) -> Bundle:
        """Read pull requests whole; what is cut short is not loaded, and tried by the next load."""
        parts = self._parallel(
            self.graph.pulls,
            chunks([listed.node_id for listed in some], PULLS_PER_QUERY),
        )
        nodes = {node_id: node for found, _ in parts for node_id, node in found.items()}
        gone = {node_id for _, missing in parts for node_id in missing}
        whole = [(listed, nodes[listed.node_id]) for listed in some if listed.node_id in nodes]
        cut = [
            listed.number
            for listed in some
            if listed.node_id not in nodes and listed.node_id not in gone
        ]
        pulls = [pull_row(repo, listed, node) for listed, node in whole]
        commits = [row for listed, node in whole for row in commit_rows(repo, listed, node)]
        reviews = [row for listed, node in whole for row in review_rows(listed, node)]
        audit = audits[PULL_REQUESTS.name]
        known = state.setdefault("cut", {}).get(repo.key, [])
        state["cut"][repo.key] = sorted({*known} - {listed.number for listed in some} | {*cut})
        if cut:
            numbers = ", ".join(f"#{number}" for number in sorted(cut))
            _fault(audit, f"commits or reviews end too early, to be read again: {numbers}")
        if gone:
            _fault(audit, f"{len(gone):,} listed pull requests were not given")
        audit.rejected += len(cut) + len(gone)
        return self._bundle(
            repo, audits, (PULL_REQUESTS, pulls), (COMMITS, commits), (REVIEWS, reviews)
        )

    def _bundle(
        self, repo: Repository, audits: Mapping[str, Audit], *parts: tuple[RawTable, list[Row]]
    ) -> Bundle:
        for table, rows in parts:
            audits[table.name].extracted += len(rows)
            audits[table.name].finished_at = datetime.now(UTC)
        return {table.name: table.batch(rows, repo.name) for table, rows in parts}

    # Actions

    def runs(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Bundle, None, bool]:
        """Yield the attempts, with their jobs, of runs that are new, changed or still open."""
        audit = audits[RUNS.name]
        window = self._window(state, repo, audit, RUN_LOOK_BACK, timedelta(0))
        lo, hi = window.lo or BEGINNING, window.hi
        audit.api_count = 0
        audits[JOBS.name].api_count = 0
        began, seen, is_whole = time.monotonic(), 0, True
        if not self.work.windows:
            found, known = self._open_runs(state, repo, lo, audit)
            yield from self._changed(repo, audits, found, known)
        for bucket in self._buckets(repo, int(lo.timestamp()), int(hi.timestamp())):
            audit.api_count += bucket.total
            seen += len(bucket.runs)
            known = self._known_runs(repo, bucket)
            fresh = [run for run in bucket.runs if not _is_known(run, known)]
            audit.extracted += len(bucket.runs) - len(fresh)
            if bucket.fault:
                is_whole = False
                _fault(audit, bucket.fault)
            is_whole = (yield from self._changed(repo, audits, fresh, known)) and is_whole
            self.work.progress(RUNS.name, seen, None, began)
            self.room[RUNS.name] -= len(fresh)
            if is_whole:
                end = datetime.fromtimestamp(bucket.hi, UTC)
                close_window(state, repo.key, Window(lo, min(end + timedelta(seconds=1), hi)))
                if self.room[RUNS.name] <= 0 and end < hi:
                    audit.window_to = end
                    return False
        if audit.rejected:
            _say(audit, f"earlier attempts that are not there any more: {audit.rejected:,}")
        return True

    def _buckets(self, repo: Repository, lo: int, hi: int) -> Iterator[Bucket]:
        """Yield the runs of a span in order of time, in pieces that the search shows whole."""
        place = f"/repos/{repo.name}/actions/runs"
        params = {"created": f"{_stamp(lo)}..{_stamp(hi)}"}
        bucket = Bucket(lo, hi, 0, [])
        for _ in range(3):
            found: dict[int, Row] = {}
            for page in pages(self.api, place, params, allow=(422,)):
                total = SEARCH_CAP if page is None else int(page["total_count"])
                if total >= SEARCH_CAP:
                    break
                found.update({run["id"]: run for run in page["workflow_runs"]})
            if total >= SEARCH_CAP:
                if lo < hi:
                    middle = (lo + hi) // 2
                    yield from self._buckets(repo, lo, middle)
                    yield from self._buckets(repo, middle + 1, hi)
                else:
                    count = "too many" if page is None else f"{total:,}"
                    fault = f"{count} runs were created at {_stamp(lo)}: a search shows 1,000"
                    yield Bucket(lo, hi, total, [], fault)
                return
            bucket = Bucket(lo, hi, total, list(found.values()))
            if len(found) == total:
                break
        else:
            bucket.fault = (
                f"got {len(bucket.runs):,} of {bucket.total:,} runs created {params['created']}"
            )
        yield bucket

    def _known_runs(self, repo: Repository, bucket: Bucket) -> Known:
        """Return what is stored of the runs of a bucket."""
        if self.work.full or not bucket.runs:
            return {}
        return _known(
            "repository = ? and epoch(created_at) between ? and ?", repo.name, bucket.lo, bucket.hi
        )

    def _open_runs(
        self, state: Any, repo: Repository, lo: datetime, audit: Audit
    ) -> tuple[list[Row], Known]:
        """Read by id the stored runs that had not ended and that the look-back does not reach."""
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        known = _known(
            """
            repository = ? and created_at < ? and id in (
                select id from github.workflow_runs where status is distinct from 'completed'
            )
            """,
            repo.name,
            lo,
        )
        ids = [run_id for run_id in known if run_id not in gone]
        replies = self._parallel(
            lambda run_id: self.api.get(
                f"/repos/{repo.name}/actions/runs/{run_id}", allow=(404, 410)
            ),
            ids,
        )
        found = []
        for run_id, reply in zip(ids, replies, strict=True):
            if reply.status == 200:
                found.append(reply.data)
            else:
                gone.append(run_id)
                audit.deleted += 1
        audit.api_count += len(found)
        return found, known

    def _changed(
        self, repo: Repository, audits: Mapping[str, Audit], runs: list[Row], known: Known
    ) -> Generator[Bundle, None, bool]:
        """Yield the attempts of runs and their jobs; False when the jobs of one end too early."""
        is_whole = True
        for some in chunks(runs, CHUNK):
            parts = self._parallel(
                lambda run: self._attempts(repo, run, known.get(str(run["id"]), {})), some
            )
            for part in parts:
                audits[JOBS.name].api_count += part.job_count
                audits[RUNS.name].rejected += part.gone
                audits[JOBS.name].rejected += part.jobless
                if part.fault:
                    is_whole = False
                    for audit in audits.values():
                        _fault(audit, part.fault)
            attempts = [row for part in parts for row in part.attempts]
            jobs = [row for part in parts for row in part.jobs]
            yield self._bundle(repo, audits, (RUNS, attempts), (JOBS, jobs))
            # Counted are runs, as GitHub does, and not their attempts.
            audits[RUNS.name].extracted += sum(bool(part.attempts) for part in parts)
            audits[RUNS.name].extracted -= len(attempts)
        return is_whole

    def _attempts(
        self, repo: Repository, run: Row, known: Mapping[int, tuple[str | None, int | None]]
    ) -> "Attempts":
        """Read the attempts of a run that are not stored as ended, and the jobs of each."""
        last = attempt_of(run)
        place = f"/repos/{repo.name}/actions/runs/{run['id']}/attempts"
        part = Attempts()
        for number in range(1, last + 1):
            if number < last and known.get(number, ("",))[0] == "completed":
                continue
            body = run
            if number < last:
                reply = self.api.get(f"{place}/{number}", allow=(404, 410))
                if reply.status != 200:
                    part.gone += 1
                    continue
                body = reply.data
            try:
                jobs, total = self._jobs(f"{place}/{number}/jobs")
            except Missing:
                jobs, total = [], 0
                part.jobless += 1
            if len(jobs) != total:
                what = f"attempt {number} of run {run['id']}"
                return Attempts(fault=f"got {len(jobs):,} of {total:,} jobs of {what}")
            part.attempts.append(run_row(repo, {**body, "run_attempt": number}))
            part.jobs += [job_row(job, str(run["id"]), number) for job in jobs]
            part.job_count += total
        return part

    def _jobs(self, place: str) -> tuple[list[Row], int]:
        """Return the jobs of an attempt, and how many GitHub counts."""
        for _ in range(2):
            listed = list(pages(self.api, place, {}))
            jobs = [job for page in listed for job in page["jobs"]]
            found = {job["id"]: job for job in jobs}
            total = int(listed[-1]["total_count"])
            # One page cannot have shifted: a job that is in it twice is counted twice.
            if len(listed) == 1 and len(jobs) == total:
                total = len(found)
            if len(found) == total:
                break
        return list(found.values()), total

    # deployments

    def deployments(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Bundle, None, bool]:
        """Yield the deployments that are new, changed or still open, with all their statuses."""
        audit = audits[DEPLOYMENTS.name]
        window = self._window(state, repo, audit, DEPLOYMENT_LOOK_BACK, timedelta(0))
        listed: dict[int, Row] = {}
        for row in _rows(pages(self.api, f"/repos/{repo.name}/deployments", {})):
            created = instant(row.get("created_at"))
            if window.lo and created and created < window.lo:
                break
            listed.setdefault(row["id"], row)
        settled, still_open = self._stored_deployments(repo, window.lo)
        if not self.work.windows:
            for some in chunks(self._open_deployments(state, repo, still_open, audit), CHUNK):
                yield self._with_statuses(repo, some, audits)
        changed = [
            row
            for row in sorted(listed.values(), key=lambda row: str(row.get("created_at")))
            if settled.get(str(row["id"]), -1) != _second(row.get("updated_at"))
        ]
        audit.extracted += len(listed) - len(changed)
        for start in range(0, len(changed), CHUNK):
            some, rest = changed[start : start + CHUNK], changed[start + CHUNK :]
            yield self._with_statuses(repo, some, audits)
            self.room[DEPLOYMENTS.name] -= len(some)
            if rest and (hi := instant(rest[0].get("created_at"))):
                close_window(state, repo.key, Window(window.lo, hi))
                if self.room[DEPLOYMENTS.name] <= 0:
                    audit.window_to = hi
                    return False
        close_window(state, repo.key, window)
        return True

    def _stored_deployments(
        self, repo: Repository, lo: datetime | None
    ) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """Return the second of the last update of those that ended, and of the older open ones."""
        settled: dict[str, int | None] = {}
        still_open: dict[str, int | None] = {}
        for row_id, updated, is_ended, is_listed in _stored(
            """
            with last_states as (
                select deployment_id, lower(state) as state
                from github.deployment_statuses
                qualify created_at = max(created_at) over (partition by deployment_id)
            )
            select
                id,
                epoch(updated_at)::bigint,
                coalesce(bool_or(list_contains(?, state)), false),
                ?::timestamptz is null or created_at >= ?::timestamptz
            from github.deployments
            left join last_states on deployment_id = id
            where repository = ?
            group by id, updated_at, created_at
            """,
            list(ENDED_DEPLOYMENTS),
            lo,
            lo,
            repo.name,
        ):
            if is_ended and is_listed and not self.work.full:
                settled[row_id] = updated
            elif not is_ended and not is_listed:
                still_open[row_id] = updated
        return settled, still_open

    def _open_deployments(
        self, state: Any, repo: Repository, known: Mapping[str, int | None], audit: Audit
    ) -> list[Row]:
        """Read by id the open deployments that the look-back does not reach; return the changed."""
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        ids = [row_id for row_id in known if row_id not in gone]
        replies = self._parallel(
            lambda row_id: self.api.get(
                f"/repos/{repo.name}/deployments/{row_id}", allow=(404, 410)
            ),
            ids,
        )
        changed = []
        for row_id, reply in zip(ids, replies, strict=True):
            if reply.status != 200:
                gone.append(row_id)
                audit.deleted += 1
            elif _second(reply.data.get("updated_at")) != known[row_id]:
                changed.append(reply.data)
        return changed

    def _with_statuses(
        self, repo: Repository, some: list[Row], audits: Mapping[str, Audit]
    ) -> Bundle:
        def statuses(deployment: Row) -> list[Row]:
            place = f"/repos/{repo.name}/deployments/{deployment['id']}/statuses"
            try:
                rows = list(_rows(pages(self.api, place, {})))
            except Missing:
                rows = []
                audits[STATUSES.name].rejected += 1
            return [status_row(row, str(deployment["id"])) for row in rows]

        found = [row for part in self._parallel(statuses, some) for row in part]
        unique = list({row["status_key"]: row for row in found}.values())
        rows = [deployment_row(repo, row) for row in some]
        return self._bundle(repo, audits, (DEPLOYMENTS, rows), (STATUSES, unique))


@dataclass
class Attempts:
    """What was read of one run."""

    attempts: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    job_count: int = 0
    gone: int = 0
    jobless: int = 0
    fault: str = ""


def _known(condition: str, *values: Any) -> Known:
    """Return what is stored of runs."""
    known: Known = {}
    for run_id, attempt, status, updated in _stored(
        f"""
        select id, run_attempt, status, epoch(updated_at)::bigint from github.workflow_runs
        where {condition}
        """,
        *values,
    ):
        known.setdefault(run_id, {})[attempt] = status, updated
    return known


def _is_known(run: Row, known: Known) -> bool:
    """Whether a run is stored as it is; an open one never is, since its jobs move on."""
    stored = known.get(str(run["id"]), {}).get(attempt_of(run))
    return stored == ("completed", _second(run.get("updated_at")))


def _fault(audit: Audit, message: str) -> None:
    audit.status = "incomplete"
    _say(audit, message)


def _say(audit: Audit, message: str) -> None:
    audit.message = "; ".join(filter(None, (audit.message, message)))


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    """Yield pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


# the source


def found_repositories(work: Load, api: Api, config: GitHubSettings) -> list[Row]:
    """Return the configured repositories, or all that the token sees, once each.

    One that cannot be read is a failed scope; the others go on.
    """
    found: dict[str, Row] = {}
    for name in config.repositories or ("*/*",):
        try:
            rows = _named(api, name, is_app=bool(config.app_id))
        except (Refused, BudgetExhausted, Unavailable):
            raise
        except SourceError as failure:
            message = f"{setting_name(NAME, 'repositories')}: {name}: {failure}"
            work.audit(REPOSITORIES.name, scope=name, status="failed", message=message)
            continue
        found.update({str(row["id"]): row for row in rows})
    return list(found.values())


def _named(api: Api, name: str, *, is_app: bool) -> list[Row]:
    """Return what a configured name stands for; a redirect tells of a rename."""
    owner, _, repo = name.partition("/")
    if repo != "*":
        reply = api.get(f"/repos/{name}", allow=(404, 451))
        if reply.status != 200:
            raise Missing(f"not there, or hidden from this token ({reply.status})")
        return [reply.data]
    if owner != "*":
        try:
            return list(_rows(pages(api, f"/orgs/{owner}/repos", {"type": "all"})))
        except Missing:
            everything = _named(api, "*/*", is_app=is_app)
            mine = [row for row in everything if _owner(row) == owner.lower()]
            if not mine:
                raise
            return mine
    if is_app:
        return list(_rows(pages(api, "/installation/repositories", {}), "repositories"))
    return list(_rows(pages(api, "/user/repos", {})))


def _owner(repo: Row) -> str:
    return str(repo.get("full_name") or "").partition("/")[0].lower()


def build(work: Load) -> DltSource:
    """Return the source with everything that changed since the last load.

    Raises:
        SourceError: GitHub refuses the credentials, or gives no answer.
    """
    config = _settings()
    api = _api(config)
    server_now = _server_time(api)
    found = found_repositories(work, api, config)
    repositories = [
        Repository(str(row["id"]), row["full_name"], row.get("default_branch")) for row in found
    ]
    graph = Graph(api)
    if repositories:
        graph.adapt()
    reader = Reader(work, api, graph, repositories, server_now, start_of(NAME, config.start_date))

    def listed() -> Iterator[pa.Table]:
        yield REPOSITORIES.batch([repository_row(row) for row in found])
        work.audit(
            REPOSITORIES.name,
            api_count=len(found),
            extracted=len(found),
            # None at all is a lost permission; what we have stays.
            status="complete" if found else "incomplete",
            message="" if found else "GitHub shows none to this token",
        )

    @dlt.source(name=NAME, max_table_nesting=0)
    def github() -> Iterator[Any]:
        if not work.windows:
            yield REPOSITORIES.resource(listed)
        yield from reader.resources((PULL_REQUESTS, COMMITS, REVIEWS), reader.pulls)
        yield from reader.resources((RUNS, JOBS), reader.runs)
        yield from reader.resources((DEPLOYMENTS, STATUSES), reader.deployments)

    return github()
