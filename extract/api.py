"""The one HTTP client of every source.

It waits as long as the server asks, retries temporary failures, and never accepts an incomplete
answer.
"""

import logging
import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
import requests

from extract.settings import SettingFault, setting_name
from extract.tables import decode

log = logging.getLogger("flowhouse.extract")

TRIES = 5
RUN_BUDGET_S = 65 * 60
TIMEOUT_S = (10, 120)
LARGEST_ANSWER = 256 * 2**20
"""Bytes of an answer, unpacked. A page has a few; what is larger is none, and fills the memory."""
OBJECT, ROWS = dict[str, Any], list[dict[str, Any]]
"""What answers are made of: one object, or a list of them."""
THROTTLED = "throttled"
"""What `reject` returns for an answer that says, with status 200, that a limit is reached."""


class SourceError(Exception):
    """A source cannot be read; the message is one line for people and holds no secret."""


class Unauthorized(SourceError):
    """The credentials were refused (401)."""


class Forbidden(SourceError):
    """The credentials are good, the permission is missing (403)."""


class Unavailable(SourceError):
    """The source gave no complete answer after all tries."""


_is_offline = False


@contextmanager
def offline() -> Iterator[None]:
    """Ask no server anything: a source's `check` then looks at its settings alone."""
    global _is_offline
    _is_offline = True
    try:
        yield
    finally:
        _is_offline = False


class FailureStreak:
    """Tells an item that a source fails on for good from a source that is down: by the row."""

    MOST = 3
    """So many failures in a row are the source's, and not the items'."""

    def __init__(self) -> None:
        self.in_row = 0

    def note(self, failure: SourceError) -> None:
        """Count a failure to answer.

        Raises:
            Unavailable: The failure itself, when it is one too many in a row.
        """
        if isinstance(failure, Unavailable):
            self.in_row += 1
            if self.in_row >= self.MOST:
                raise failure

    def end(self) -> None:
        """The source has answered."""
        self.in_row = 0


class WaitBudgetExceeded(SourceError):
    """The source asked to wait longer than this run may take; the rest follows in the next run."""


class IncompleteRead(SourceError):
    """The source ended a listing before its end."""


MISREAD = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What reading an answer ends in that has not the form that its API promises."""

SOURCES = str(Path(__file__).with_name("sources"))


def misread(source: str, error: BaseException) -> SourceError | None:
    """Say that an answer has another form than it should, if the module of a source stumbled.

    Nothing of the answer is said, which may hold anything; the line of the module is.
    """
    if not isinstance(error, MISREAD):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(SOURCES)]
    if not own:
        return None
    file = Path(own[-1].filename)
    location = f"{file.parent.name}/{file.name}:{own[-1].lineno}, {type(error).__name__}"
    return SourceError(f"{source}: an answer has another form than its API's ({location})")


@contextmanager
def understood(source: str) -> Iterator[None]:
    """Make one line for people of what reading an answer of another form ends in."""
    try:
        yield
    except MISREAD as error:
        failure = misread(source, error)
        if failure is None:
            raise
        raise failure from None


@dataclass(frozen=True)
class Reply:
    """A complete answer: status, decoded JSON body, headers, and the server's time."""

    status: int
    data: Any
    headers: Mapping[str, str]
    server_time: datetime


class _Passing(Exception):
    """A failure that may pass: after `wait_s`, as the server asks; after a backoff where None.

    `setting` is what to check where it does not pass: the address, if that may be wrong.
    """

    def __init__(self, reason: str, wait_s: float | None = None, setting: str = "") -> None:
        super().__init__(reason)
        self.wait_s, self.setting = wait_s, setting


class Api:
    """A source's HTTP API.

    Args:
        source: Name of the source, for messages.
        base_url: Root that paths are appended to.
        credential: Name of the setting that holds the credential, for the message of a refusal.
        headers: Headers of every request.
        authorize: Returns the headers that carry the credentials; called for every request, and
            with True after a 401 so that a token can be minted again.
        sleep: Waits; tests replace it.
    """

    def __init__(
        self,
        source: str,
        base_url: str,
        *,
        credential: str,
        authorize: Callable[[bool], Mapping[str, str]],
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source = source
        self.base_url = base_url.rstrip("/")
        self.credential = credential
        self.authorize = authorize
        self.headers = {"Accept": "application/json", **(headers or {})}
        self.sleep = sleep
        self.waited_s = 0.0
        self.lock = threading.Lock()
        self.quiet_until = 0.0
        self.session = opened(self.base_url)

    def get(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Reply:
        """GET a path below the base, or a full URL on the same host (a `Link`)."""
        return self.request("GET", path, params=params, **options)

    def post(self, path: str, body: Any, **options: Any) -> Reply:
        """POST a JSON body."""
        return self.request("POST", path, body=body, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        allow: tuple[int, ...] = (),
        reject: Callable[[Any], str | None] | None = None,
        type: Any = OBJECT,
    ) -> Reply:
        """Send a request until the answer is complete.

        Args:
            method: HTTP method.
            path: Path below the base, or a URL on the same host.
            params: Query parameters.
            body: JSON body.
            headers: Headers of this request only.
            allow: Statuses beyond 2xx that are answers for the caller (404, 410, 304, 422).
            reject: Looks at the decoded body and returns why it is incomplete, or None.
            type: What to decode a 2xx body as (a msgspec type); a body of another form
                counts as incomplete, and so does an empty one.

        Raises:
            Unauthorized: 401 twice.
            Forbidden: 403 that is not a throttle.
            Unavailable: No complete answer after all tries.
            WaitBudgetExceeded: The server asks for a longer wait than the run may take.
        """
        if _is_offline:
            raise Unavailable(f"{self.source}: not asked")
        quiet = self.quiet_until - time.monotonic()
        if quiet > 0:  # the server asked another thread to wait
            self.sleep(quiet)
        renewed, attempt = False, 0
        while True:
            attempt += 1
            try:
                reply = self._send(method, path, params, body, headers, renewed)
                if reply.status_code == 401 and not renewed:
                    renewed = True
                    reply = self._send(method, path, params, body, headers, renewed)
                return self._classify_response(reply, path, allow, reject, type)
            except _Passing as failure:
                if failure.wait_s is not None:
                    self._wait_as_asked(failure.wait_s)
                elif attempt < TRIES:
                    self.sleep(backoff(attempt))
                else:
                    check = f" (check {failure.setting})" if failure.setting else ""
                    line = f"{self.source}: no answer from {_shown_path(path)}: {failure}{check}"
                    raise Unavailable(line) from None

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping | None,
        body: Any,
        headers: Mapping[str, str] | None,
        renew: bool,
    ) -> requests.Response:
        url = (
            path
            if path.startswith(("http://", "https://"))
            else f"{self.base_url}/{path.lstrip('/')}"
        )
        base = urlsplit(self.base_url)
        for _ in range(5):
            target = urlsplit(url)
            if target.netloc != base.netloc or target.scheme not in (base.scheme, "https"):
                where = "another host" if target.netloc != base.netloc else "plain http"
                raise Unavailable(
                    f"{self.source}: {_shown_path(path)} leads to {where}; not followed"
                )
            try:
                reply = self.session.request(
                    method,
                    url,
                    params=params,
                    data=None if body is None else msgspec.json.encode(body),
                    headers={
                        **self.headers,
                        **(headers or {}),
                        **({} if body is None else {"Content-Type": "application/json"}),
                        **self.authorize(renew),
                    },
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                )
                read_body(reply, f"{self.source}: {_shown_path(path)}")
            except (requests.RequestException, OSError) as error:
                why, may_pass = failure_of(error)
                setting = self._setting_of(error)
                if not may_pass:
                    raise Unavailable(f"{self.source}: {why} ({setting})") from None
                raise _Passing(why, setting=setting if why in OF_AN_ADDRESS else "") from None
            if reply.status_code not in (301, 302, 307, 308) or "Location" not in reply.headers:
                return reply
            url, params = urljoin(url, reply.headers["Location"]), None
        raise Unavailable(f"{self.source}: {_shown_path(path)} redirects without end")

    def _setting_of(self, error: Exception) -> str:
        """Return the setting with the address that failed: another server may give the tokens."""
        url = getattr(getattr(error, "request", None), "url", None) or self.base_url
        is_base = urlsplit(url).netloc == urlsplit(self.base_url).netloc
        return setting_name(self.source, "base_url" if is_base else "token_url")

    def _classify_response(
        self,
        reply: requests.Response,
        path: str,
        allow: tuple[int, ...],
        reject: Callable[[Any], str | None] | None,
        type: Any,
    ) -> Reply:
        """Sort an answer into: complete, temporary failure, or final failure."""
        server_time = _server_time(reply)
        status = reply.status_code
        is_throttle = status == 429 or (status == 403 and _is_throttle(reply))
        if status in allow and not is_throttle:
            return Reply(status, _decoded(reply, lenient=True), reply.headers, server_time)
        if 200 <= status < 300:
            if reply.content.lstrip()[:1] == b"<":
                page = "the answer is a web page and not JSON, as of a login"
                raise _Passing(page, setting=setting_name(self.source, "base_url"))
            data = _decoded(reply, type)
            why = reject(data) if reject else None
            if why:
                wait = throttle_wait(reply.headers, server_time) if why == THROTTLED else None
                raise _Passing(why, wait)
            return Reply(status, data, reply.headers, server_time)
        if status == 401 and b"scope does not match" in reply.content.lower():
            # Atlassian's gateway: the credentials are good, a scope is missing.
            raise Forbidden(f"{self.source}: no scope for {_shown_path(path)} (401)")
        if status == 401:
            raise Unauthorized(f"{self.credential}: {self.source} refused the credentials (401)")
        if is_throttle:
            raise _Passing(f"throttled ({status})", throttle_wait(reply.headers, server_time))
        if status == 403:
            raise Forbidden(f"{self.source}: no permission for {_shown_path(path)} (403)")
        if status == 408 or status >= 500:
            asked = _retry_after(reply.headers, server_time)
            raise _Passing(f"status {status}", asked)
        hint = ""
        if status in (301, 302, 303, 307, 308, 404, 405):
            hint = f": does {setting_name(self.source, 'base_url')} name the root of its API?"
        raise SourceError(f"{self.source}: {_shown_path(path)} answered {status}{hint}")

    def _wait_as_asked(self, asked: float) -> None:
        """Wait as long as the server asks, and let no other thread send anything meanwhile.

        Raises:
            WaitBudgetExceeded: That is longer than this run may take.
        """
        now = time.monotonic()
        # Threads that wait together spend the run's budget once.
        begun = max(0.0, self.quiet_until - now)
        if self.waited_s + max(0.0, asked - begun) > RUN_BUDGET_S:
            line = f"{self.source}: must wait {asked:.0f} s, too long for this run"
            raise WaitBudgetExceeded(line) from None
        until = now + asked * (1 + random.uniform(0.0, 0.2))
        with self.lock:
            self.waited_s += max(0.0, until - max(now, self.quiet_until))
            self.quiet_until = max(self.quiet_until, until)
        if asked > 5:
            log.info("%s: waiting %.0f s, as the server asked", self.source, until - now)
        self.sleep(until - now)
        with self.lock:
            if self.quiet_until <= until:
                self.quiet_until = 0.0


def read_body(reply: requests.Response, sender: str) -> None:
    """Read the body of an answer that is streamed to its end.

    Args:
        reply: The answer.
        sender: What answers, for the message.

    Raises:
        Unavailable: It is larger than any answer is.
    """
    chunks, size = [], 0
    for chunk in reply.iter_content(2**16):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_ANSWER:
            reply.close()
            raise Unavailable(
                f"{sender} answers with more than {LARGEST_ANSWER // 2**20} MB; not read"
            )
    reply._content = b"".join(chunks)  # what `reply.content` would have read without a limit


def backoff(attempt: int) -> float:
    """Return how many seconds to wait after a failed attempt."""
    return min(60.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)


def throttle_wait(headers: Mapping[str, str], server_time: datetime) -> float:
    """Return how many seconds a throttled client must wait: never less than the server asked.

    `Retry-After` (seconds or HTTP date) is trusted first; then the reset header (epoch seconds or
    ISO minutes) when nothing remains; else a minute, as GitHub asks for secondary limits.
    """
    asked = _retry_after(headers, server_time)
    if asked:
        return asked
    for prefix in ("X-", ""):
        reset = headers.get(f"{prefix}RateLimit-Reset")
        if not reset or headers.get(f"{prefix}RateLimit-Remaining", "0") != "0":
            continue
        moment = _reset_time(reset)
        if moment is not None:
            return max(1.0, (moment - server_time).total_seconds())
    return 60.0


def _retry_after(headers: Mapping[str, str], server_time: datetime) -> float | None:
    value = headers.get("Retry-After")
    if value is None:
        return None
    if value.strip().isdigit():
        return max(1.0, float(value))
    try:
        return max(1.0, (parsedate_to_datetime(value) - server_time).total_seconds())
    except ValueError:
        return None


def _reset_time(value: str) -> datetime | None:
    try:
        if value.strip().isdigit():
            return datetime.fromtimestamp(int(value), UTC)
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_throttle(reply: requests.Response) -> bool:
    headers = reply.headers
    return (
        "Retry-After" in headers
        or headers.get("X-RateLimit-Remaining") == "0"
        or b"rate limit" in reply.content.lower()
    )


def _server_time(reply: requests.Response) -> datetime:
    try:
        return parsedate_to_datetime(reply.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _decoded(reply: requests.Response, type: Any = Any, lenient: bool = False) -> Any:
    content = reply.content
    if not content.strip():
        if lenient:
            return None
        raise _Passing("the answer is empty")
    try:
        return decode(content, type)
    except RecursionError:
        raise _Passing("the answer is nested too deeply to be one of its API") from None
    except msgspec.ValidationError:
        if lenient:
            return None
        raise _Passing("the answer has another form than it should") from None
    except ValueError:
        if lenient:
            return None
        raise _Passing("the answer is not JSON") from None


def _shown_path(path: str) -> str:
    """Return a path without its query, which may carry what should not be logged."""
    return urlsplit(path).path or path


def opened(url: str) -> requests.Session:
    """Return a session for a server, by the proxy and with the CA file that the environment names.

    The variables are those of curl, pip and requests: HTTPS_PROXY, HTTP_PROXY, NO_PROXY,
    REQUESTS_CA_BUNDLE, SSL_CERT_FILE. A .netrc is never read: its passwords are not ours.

    Raises:
        SettingFault: The CA file does not exist.
    """
    session = requests.Session()
    session.trust_env = False
    adapter = requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=8)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    if urlsplit(url).hostname not in ("127.0.0.1", "::1", "localhost"):
        session.proxies = requests.utils.get_environ_proxies(url)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if os.environ.get(name):
            if not os.path.exists(os.environ[name]):
                raise SettingFault(f"{name}: there is no such file")
            session.verify = os.environ[name]
            break
    return session


UNKNOWN_HOST, REFUSED = "the host is not known", "connection refused"

OF_AN_ADDRESS = (UNKNOWN_HOST, REFUSED)
"""Reasons that may be a wrong address: who is slow, or cut off midway, was found at a right one."""

CAUSES = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted: REQUESTS_CA_BUNDLE names the"
     " file with your own CA's", False),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS: is its address http?", False),
    ("record layer failure", "it does not speak TLS: is its address http?", False),
    ("ProxyError", "the proxy of HTTPS_PROXY or HTTP_PROXY does not answer", True),
    ("NameResolutionError", UNKNOWN_HOST, True),
    ("Connection refused", REFUSED, True),
    ("IncompleteRead", "the answer was cut", True),
    ("ContentDecodingError", "the answer cannot be unpacked", True),
)  # fmt: skip
"""What connections fail with: a text of it, the reason for people, and whether it may pass."""


def failure_of(error: Exception) -> tuple[str, bool]:
    """Return why a request failed, in words without addresses, and whether it may pass."""
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return "HTTPS_PROXY or HTTP_PROXY is not the address of a proxy", False
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return "this is not the address of a server", False
    if isinstance(error, requests.Timeout):
        return "timed out", True
    if isinstance(error, requests.HTTPError):
        return f"the server of its tokens answered {error.response.status_code}", True
    text = repr(error)
    for sign, why, may_pass in CAUSES:
        if sign in text:
            return why, may_pass
    if isinstance(error, requests.ConnectionError | OSError):
        return "connection failed", True
    return type(error).__name__, True
