"""A small, fast HTTP/1.1 server on the loopback, with a settable clock, a journal and faults."""

import base64
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from socketserver import StreamRequestHandler, TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

PHRASES = {status.value: status.phrase for status in HTTPStatus}
MOST_BODY = 64 * 1024 * 1024


class Clock:
    """The servers' time, in full seconds; it stands still until it is set."""

    def __init__(self, now: int) -> None:
        self.now = now

    def set(self, at: int | str | datetime) -> None:
        """Set the time: epoch seconds, an ISO text or a datetime with a zone."""
        if isinstance(at, str):
            at = datetime.fromisoformat(at)
        self.now = int(at.timestamp()) if isinstance(at, datetime) else at

    def advance(self, seconds: int) -> None:
        """Move the time on."""
        self.now += seconds


@dataclass(slots=True)
class Request:
    """One request; header names are lower case, `query` keeps the last value of a name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    now: int
    base: str

    def json(self) -> Any:
        """Return the decoded body; an empty one is {}."""
        return msgspec.json.decode(self.body) if self.body else {}

    def number(self, name: str, default: int, most: int = 10**9) -> int:
        """Return a numeric query parameter, at most `most`."""
        text = self.query.get(name, "")
        return min(int(text), most) if text.isdigit() else default


@dataclass(slots=True)
class Response:
    """An answer: a body of bytes is sent as it is, everything else as JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request, re.Match[str]], Response]


class Api:
    """One API: routes, and what wrong credentials get."""

    name = ""

    def __init__(self) -> None:
        self.routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Add a route; `path` is a regular expression of the full path."""
        self.routes.append((method, re.compile(path), handler))

    def refuse(self, request: Request) -> Response | None:
        """Return the answer for wrong credentials, or None for right ones."""
        raise NotImplementedError

    def missing(self) -> Response:
        """Return the answer for an unknown path."""
        return Response(404, {"message": "Not Found"})

    def answer(self, request: Request) -> Response:
        """Answer a request."""
        refusal = self.refuse(request)
        if refusal:
            return refusal
        for method, path, handler in self.routes:
            if method == request.method and (match := path.fullmatch(request.path)):
                try:
                    return handler(request, match)
                except msgspec.DecodeError:
                    return Response(400, {"message": "Problems parsing JSON"})
        return self.missing()


def is_basic(headers: Mapping[str, str], user: str, secret: str) -> bool:
    """Whether the request carries these Basic credentials."""
    wanted = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return headers.get("authorization") == f"Basic {wanted}"


@dataclass(slots=True)
class Fault:
    """A scripted disturbance of the next `times` matching requests, after `skip` of them."""

    api: str
    path: re.Pattern[str]
    status: int
    times: int
    headers: dict[str, str]
    body: Any
    skip: int


class Faults:
    """The scripted disturbances of all servers."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self.lock = threading.Lock()

    def add(
        self, api: str, path_regex: str, status: int, times: int = 1, *,
        headers: dict[str, str] | None = None, body: Any = None, skip: int = 0,
    ) -> None:  # fmt: skip
        """Answer matching requests with a status (0: close the connection) instead."""
        rule = Fault(api, re.compile(path_regex), status, times, headers or {}, body, skip)
        self.rules.append(rule)

    def clear(self) -> None:
        """Forget all rules."""
        self.rules.clear()

    def take(self, api: str, target: str) -> Fault | None:
        """Return the rule that applies to a request, and count it."""
        if not self.rules:
            return None
        with self.lock:
            for rule in self.rules:
                if rule.api == api and rule.times and rule.path.search(target):
                    if rule.skip:
                        rule.skip -= 1
                        continue
                    rule.times -= 1
                    return rule
        return None


class Server(ThreadingMixIn, TCPServer):
    """Serves one API on a loopback port, a thread per connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, api: Api, port: int, clock: Clock, journal: list[tuple[str, str, str]], faults: Faults
    ) -> None:
        self.api, self.clock, self.journal, self.faults = api, clock, journal, faults
        self.is_down = False
        self.dates: dict[int, str] = {}
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def date(self) -> str:
        """Return the Date header of the clock's time."""
        now = self.clock.now
        if now not in self.dates:
            self.dates = {now: format_datetime(datetime.fromtimestamp(now, UTC), usegmt=True)}
        return self.dates[now]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that clients drop are no news; other errors are shown as usual."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Connection(StreamRequestHandler):
    """Reads requests from one kept-alive connection and answers them."""

    server: Server
    disable_nagle_algorithm = True
    timeout = 300

    def setup(self) -> None:
        """Buffer what is written, so that an answer is one packet."""
        self.connection = self.request
        self.connection.settimeout(self.timeout)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.rfile = self.connection.makefile("rb", 65536)
        self.wfile = self.connection.makefile("wb", 65536)

    def handle(self) -> None:
        """Serve until the client closes."""
        try:
            while self.one():
                pass
        except (TimeoutError, ConnectionError):
            pass

    def one(self) -> bool:
        """Serve one request; False ends the connection."""
        line = self.rfile.readline(65537)
        if not line.strip():
            return False
        try:
            method, target, _ = line.decode("latin-1").split()
        except ValueError:
            return False
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(65537)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = min(int(headers.get("content-length") or 0), MOST_BODY)
        body = self.rfile.read(length) if length else b""
        server = self.server
        if server.is_down:
            return False
        path, _, query = target.partition("?")
        path = unquote(path)
        server.journal.append((server.api.name, method, path))
        values = {
            name: parts[-1] for name, parts in parse_qs(query, keep_blank_values=True).items()
        }
        request = Request(method, path, values, headers, body, server.clock.now, server.url)
        fault = server.faults.take(server.api.name, target)
        if fault and not fault.status:
            return False
        response = (
            Response(fault.status, fault.body or {"message": "scripted fault"}, dict(fault.headers))
            if fault
            else self.answered(request)
        )
        self.send(method, response)
        return headers.get("connection", "").lower() != "close"

    def answered(self, request: Request) -> Response:
        """The API's answer; a fault of the demo itself is a 500 that names it."""
        try:
            return self.server.api.answer(request)
        except Exception as error:
            import traceback

            traceback.print_exc()
            return Response(500, {"message": f"demo server: {type(error).__name__}: {error}"})

    def send(self, method: str, response: Response) -> None:
        """Write an answer in one go."""
        body = response.body
        kind = "text/plain;charset=utf-8"
        if not isinstance(body, bytes):
            body, kind = msgspec.json.encode(body), "application/json;charset=utf-8"
        head = [
            f"HTTP/1.1 {response.status} {PHRASES.get(response.status, '')}",
            f"Date: {self.server.date()}",
            f"Content-Length: {len(body)}",
        ]
        if "Content-Type" not in response.headers:
            head.append(f"Content-Type: {kind}")
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        self.wfile.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
        if method != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
