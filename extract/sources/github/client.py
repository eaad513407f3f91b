"""GitHub: issues and projects, pull requests with reviews, Actions runs, deployments, releases.

Settings: SOURCES__GITHUB__BASE_URL (API root; of an Enterprise Server https://HOST/api/v3), TOKEN,
or APP_ID, INSTALLATION_ID and PRIVATE_KEY of a GitHub App, REPOSITORIES (JSON list of owner/name
and owner/*; empty = all that the token sees), START_DATE.

Titles, texts, labels and branch names are read to see issue keys, reverts and hotfixes, and are
not loaded: they name people. How it is read: `github_reader`.
"""

import base64
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import SplitResult

import dlt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltSource

from extract.api import (
    OBJECT,
    ROWS,
    Api,
    Reply,
    SourceError,
    Unauthorized,
    Unavailable,
    WaitBudgetExceeded,
)
from extract.probes import MOST_PROBED, NOT_READABLE, Probe, clock, counts, scopes
from extract.run import LoadRun
from extract.settings import setting_name
from extract.source import ServerSettings, Source
from extract.sources.github.graphql import Graph
from extract.sources.github.issues import Issues
from extract.sources.github.reader import (
    Missing,
    Reader,
    deployed_unknown,
    last_page,
    listed_rows,
    pages,
    runs_kept,
)
from extract.sources.github.rows import (
    BRANCH_COMMITS,
    COMMITS,
    DEPLOYMENTS,
    ENVIRONMENTS,
    HISTORY_GAPS,
    ISSUE_EVENTS,
    ISSUES,
    JOBS,
    MAIN_LINES,
    NAME,
    PROJECT_ITEMS,
    PULL_REQUESTS,
    RELEASES,
    REPOSITORIES,
    REVIEWS,
    RUNS,
    SNAPSHOTS,
    STATUSES,
    TOMBSTONES,
    Repository,
    Row,
    repository_row,
)
from extract.tables import Batch, instant, resource
from extract.tokens import MintedToken

TABLES = (
    REPOSITORIES,
    ISSUES,
    ISSUE_EVENTS,
    PROJECT_ITEMS,
    SNAPSHOTS,
    TOMBSTONES,
    PULL_REQUESTS,
    COMMITS,
    REVIEWS,
    BRANCH_COMMITS,
    MAIN_LINES,
    RUNS,
    JOBS,
    HISTORY_GAPS,
    DEPLOYMENTS,
    STATUSES,
    ENVIRONMENTS,
    RELEASES,
)


@configspec
class GitHubSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"api\.github\.com"
    PAGES: ClassVar[str] = r"/(repos|orgs|users?|graphql)(/|$)"

    token: TSecretStrValue | None = None
    app_id: str | None = None
    installation_id: str | None = None
    private_key: TSecretStrValue | None = None
    repositories: list[str] | None = None

    def complete(self) -> list[str]:
        """Ask for what belongs together."""
        faults = []
        if self.app_id or self.installation_id or self.private_key:
            names = ("app_id", "installation_id", "private_key")
            faults += [f"{setting_name(NAME, name)} is not set" for name in names if not self[name]]
            if self.private_key and _private_key(str(self.private_key)) is None:
                faults.append(f"{setting_name(NAME, 'private_key')} is no RSA key in PEM form")
        elif not self.token:
            faults.append(f"{setting_name(NAME, 'token')} is not set")
        if any(not re.fullmatch(r"[^/\s]+/[^/\s]+", name) for name in self.repositories or ()):
            faults.append(f"{setting_name(NAME, 'repositories')} takes owner/name and owner/*")
        return faults + super().complete()

    @classmethod
    def fault_of_root(cls, address: SplitResult) -> str | None:
        """Tell the web site from the API."""
        if address.hostname in ("github.com", "www.github.com"):
            return "names the web site; the API is https://api.github.com"
        return super().fault_of_root(address)


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

    def mint(self) -> tuple[str, float]:
        """Return a token and for how many seconds it lives.

        Raises:
            Unauthorized: The app's key, or the installation, is wrong.
        """
        reply = self.api.post(self.path, {}, allow=(404,))
        if reply.status == 404:
            name = setting_name(NAME, "installation_id")
            raise Unauthorized(f"{name}: github knows no such installation of this app (404)")
        expires = instant(reply.data.get("expires_at")) or reply.server_time + timedelta(hours=1)
        return reply.data["token"], (expires - reply.server_time).total_seconds()

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


def check(config: GitHubSettings) -> None:
    """Ask for the rate limit, which costs nothing and which every kind of token may."""
    _server_time(_api(config))


def _server_time(api: Api) -> datetime:
    # An Enterprise Server without rate limits answers 404.
    return api.get("/rate_limit", allow=(404,)).server_time


def probes(config: GitHubSettings) -> Iterator[Probe]:
    """Ask what only this server and this token can answer; `flowhouse doctor` prints it."""
    api = _api(config)
    limits = api.get("/rate_limit", allow=(404,))
    yield clock(limits.server_time)
    for name in ("core", "graphql"):
        limit = ((limits.data or {}).get("resources") or {}).get(name)
        if limit:
            line = f"requests ({name}): {limit['remaining']:,} of {limit['limit']:,} an hour left"
            yield Probe(limit["remaining"] > 0, line)
    graph = Graph(api)
    graph.adapt()
    yield Probe(True, "GraphQL: readable")
    run = LoadRun(NAME, "doctor")
    found = found_repositories(run, api, config)
    yield from scopes("repositories", len(found), run)
    for row in found[:MOST_PROBED]:
        yield counts(row["full_name"], _counted(api, row["full_name"]))
        yield from _issues(graph, Repository.of(row))
        kept = runs_kept(api, row["full_name"])
        how_long = f"{kept.days} days" if kept else "this token is not told (administration: read)"
        yield Probe(True, f"{row['full_name']}: for how long runs are kept: {how_long}")


def _counted(api: Api, repository: str) -> Iterator[tuple[str, Reply, str]]:
    """Yield what a repository lists and how much: the last page's number, of one row each."""
    for what, path, params in (
        ("pull requests", "pulls", {"state": "all"}),
        ("runs", "actions/runs", {}),
        ("deployments", "deployments", {}),
    ):
        reply = api.get(
            f"/repos/{repository}/{path}",
            {**params, "per_page": 1},
            allow=NOT_READABLE,
            type=OBJECT if path == "actions/runs" else ROWS,
        )
        rows = reply.data
        if isinstance(rows, dict):
            count = rows.get("total_count") or 0
        else:
            count = last_page(reply.headers.get("Link")) or len(rows or ())
        yield what, reply, f"{count:,}"


def _issues(graph: Graph, repo: Repository) -> Iterator[Probe]:
    """Say how many issues a repository shows to GraphQL."""
    if not repo.has_issues or repo.node_id is None:
        return
    try:
        page = next(graph.pages("census", "issues", repo.node_id))
    except SourceError as failure:
        yield Probe(False, f"{repo.name}: issues not readable: {failure}")
    else:
        yield Probe(True, f"{repo.name}: {page['totalCount']:,} issues")


def _api(config: GitHubSettings) -> Api:
    if config.app_id:
        key = _private_key(str(config.private_key))
        installation = Installation(config.base_url, config.app_id, config.installation_id, key)
        credential, authorize = "private_key", MintedToken(installation.mint).headers
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


# the source


def found_repositories(run: LoadRun, api: Api, config: GitHubSettings) -> list[Row]:
    """Return the configured repositories, or all that the token sees, once each.

    One that cannot be read is a failed scope; the others go on.
    """
    found: dict[str, Row] = {}
    for name in config.repositories or ("*/*",):
        try:
            rows = _named(api, name, is_app=bool(config.app_id))
        except (Unauthorized, WaitBudgetExceeded, Unavailable):
            raise
        except SourceError as failure:
            message = f"{setting_name(NAME, 'repositories')}: {name}: {failure}"
            run.audit(REPOSITORIES.name, scope=name, status="failed", message=message)
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
            return list(listed_rows(pages(api, f"/orgs/{owner}/repos", {"type": "all"})))
        except Missing:
            everything = _named(api, "*/*", is_app=is_app)
            mine = [row for row in everything if _owner(row) == owner.lower()]
            if not mine:
                raise
            return mine
    if is_app:
        listed = pages(api, "/installation/repositories", {}, type=OBJECT)
        return list(listed_rows(listed, "repositories"))
    return list(listed_rows(pages(api, "/user/repos", {})))


def _owner(repo: Row) -> str:
    return str(repo.get("full_name") or "").partition("/")[0].lower()


def build(run: LoadRun, config: GitHubSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    if not run.windows:
        api = _api(config)
        found, graph = found_repositories(run, api, config), Graph(api)
        if found:
            graph.adapt()
        run.kept[NAME] = api, found, graph
    api, found, graph = run.kept[NAME]
    repositories = [Repository.of(row) for row in found]
    run.server_now = _server_time(api)
    reader = Reader(run, api, graph, repositories)

    def listed() -> Iterator[Batch]:
        yield REPOSITORIES, REPOSITORIES.batch([repository_row(row) for row in found])
        run.audit(
            REPOSITORIES.name,
            api_count=len(found),
            extracted=len(found),
            # None at all is a lost permission; what we have stays.
            status="complete" if found else "incomplete",
            message="" if found else "GitHub shows none to this token",
        )

    @dlt.source(name=NAME, max_table_nesting=0)
    def github() -> Iterator[Any]:
        if not run.windows:
            yield resource(REPOSITORIES.name, (REPOSITORIES,), listed)
        yield from Issues(reader).resources()
        yield reader.resource((PULL_REQUESTS, COMMITS, REVIEWS), reader.pulls)
        yield reader.resource((RUNS, JOBS, HISTORY_GAPS), reader.runs)
        yield reader.resource((DEPLOYMENTS, STATUSES), reader.deployments)
        if not run.windows:
            yield reader.resource((BRANCH_COMMITS, MAIN_LINES), reader.commits)
            yield reader.resource((ENVIRONMENTS,), reader.environments)
            yield reader.resource((RELEASES,), reader.releases)
        else:
            yield reader.resource(
                (BRANCH_COMMITS, MAIN_LINES), reader.commits, only=deployed_unknown
            )

    return github()


SOURCE = Source(NAME, "GitHub", TABLES, GitHubSettings, check, build, probes)
