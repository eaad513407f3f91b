"""GitHub's REST API: listings that are followed to their ends, and the repositories."""

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from extract.api import (
    OBJECT,
    ROWS,
    Api,
    Forbidden,
    IncompleteRead,
    Reply,
    SourceError,
    Unauthorized,
    Unavailable,
    WaitBudgetExceeded,
)
from extract.probes import NOT_READABLE
from extract.run import LoadRun
from extract.settings import setting_name
from extract.sources.github.graphql import MOST_PAGES
from extract.sources.github.rows import Row
from extract.sources.github.settings import GitHubSettings, private_key_of
from extract.sources.github.tables import NAME, REPOSITORIES
from extract.tables import instant
from extract.tokens import MintedToken

PAGE = 100


class Missing(Forbidden):
    """The path does not exist, or this token cannot see it (404): GitHub answers both alike."""


def pages(
    api: Api,
    path: str,
    params: Mapping[str, Any],
    allow: tuple[int, ...] = (),
    type: Any = ROWS,
) -> Iterator[Any]:
    """Yield the pages of a listing by following `Link`, which alone knows where it ends.

    Raises:
        IncompleteRead: The listing comes back to a page that was there, or does not end.
        Missing: The path does not exist, or this token cannot see it.
    """
    first = api.get(path, {**params, "per_page": PAGE}, allow=(404, *allow), type=type)
    yield from from_page(api, path, first, type)


def from_page(api: Api, path: str, reply: Reply, type: Any) -> Iterator[Any]:
    """Yield a page and those that follow it."""
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        if reply.status == 404:
            raise Missing(f"github: no access to {path}, or there is none (404)")
        yield reply.data if reply.status == 200 else None
        following = next_of(reply.headers.get("Link"))
        if not following:
            return
        if following in seen:
            raise IncompleteRead(f"github: pagination loop, {path} repeats a page")
        seen.add(following)
        reply = api.get(following, allow=(404,), type=type)
    raise IncompleteRead(f"github: {path} does not end")


def next_of(link: str | None) -> str | None:
    """Return the address of the next page in a `Link` header."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return None


def last_page(link: str | None) -> int | None:
    """Return the number of the last page that a `Link` header names."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="last"' in relation:
            numbers = parse_qs(urlsplit(address.strip().strip("<>")).query).get("page")
            return int(numbers[0]) if numbers else None
    return None


def listed_rows(pages: Iterable[Any], key: str | None = None) -> Iterator[Row]:
    """Yield the rows of pages; of pages that are objects, those under a key."""
    for page in pages:
        yield from (page[key] if key else page) or ()


def runs_kept(api: Api, repository: str) -> timedelta | None:
    """Return for how long a repository keeps its runs; None where this token cannot see it."""
    path = f"/repos/{repository}/actions/permissions/artifact-and-log-retention"
    reply = api.get(path, allow=NOT_READABLE)
    days = (reply.data or {}).get("days") if reply.status == 200 else None
    return timedelta(days=days) if days else None


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


def check(config: GitHubSettings) -> None:
    """Ask for the rate limit, which costs nothing and which every kind of token may."""
    server_time(connect(config))


def server_time(api: Api) -> datetime:
    """Ask for the rate limit, which costs nothing, and return the server's time."""
    # An Enterprise Server without rate limits answers 404.
    return api.get("/rate_limit", allow=(404,)).server_time


def connect(config: GitHubSettings) -> Api:
    """Return the client."""
    if config.app_id:
        key = private_key_of(str(config.private_key))
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
