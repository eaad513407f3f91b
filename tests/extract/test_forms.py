"""Answers of another form than their API's: one line for people, and nothing taken for whole."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from extract import probes
from extract.sources import SOURCES
from orchestration.gate import RefreshRequest, Stopped, check
from tests.extract.conftest import Home, Replay

FORMS = {
    "empty": b"",
    "blank": b" \n",
    "null": b"null",
    "text": b'"ok"',
    "number": b"7",
    "list": b"[]",
    "list of texts": b'["a"]',
    "list of nulls": b"[null]",
    "object": b"{}",
    "object of nulls": b'{"result": null, "values": null, "issues": null, "jobs": null}',
    "objects of texts": b'[{"id": "x", "created_at": 1, "name": {}, "full_name": []}]',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no JSON": b"{'a': 1}",
    "cut": b'{"result": [',
    "web page": b"<html>log in</html>",
    "not UTF-8": b'{"a": "\xff\xfe"}',
}
SETTINGS = {
    "jira": {"EMAIL": "a@b.example", "API_TOKEN": "replay-token"},
    "github": {"TOKEN": "replay-token"},
    "jenkins": {"USER": "replay", "API_TOKEN": "replay-token"},
    "gitlab": {"TOKEN": "replay-token"},
    "servicenow": {"USER": "replay", "PASSWORD": "replay-token"},
}


@pytest.fixture
def server() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        body = b""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def configure(monkeypatch: pytest.MonkeyPatch, source: str, url: str) -> None:
    for name, value in {"BASE_URL": url, **SETTINGS[source]}.items():
        monkeypatch.setenv(f"SOURCES__{source.upper()}__{name}", value)


HARMLESS = {
    ("jira", "object"), ("jira", "object of nulls"),
    ("github", "object"), ("github", "object of nulls"),
    ("jenkins", "object"), ("jenkins", "object of nulls"),
    ("gitlab", "list"), ("gitlab", "objects of texts"),
    ("servicenow", "object of nulls"), ("servicenow", "object"),
}  # fmt: skip
"""What says as much as the first question needs: that somebody answers."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("source", SETTINGS)
def test_a_server_that_answers_in_another_form_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    waits: list[float],
    server: Any,
    source: str,
    form: str,
) -> None:
    server.RequestHandlerClass.body = FORMS[form]
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "home"))
    configure(monkeypatch, source, f"http://127.0.0.1:{server.server_port}")
    if (source, form) in HARMLESS:
        check(RefreshRequest())
    else:
        with pytest.raises(Stopped) as stopped:
            check(RefreshRequest())
        [line] = stopped.value.lines
        assert stopped.value.code == 1
        assert line.startswith("nothing was loaded from any source yet, so nothing")
    assert not all(probe.is_well for probe in probes.of_source(SOURCES[source]))


LATER = ("empty", "null", "list of nulls", "object", "objects of texts", "deep object", "list")
AFTER = {"jira": (1, 3, 5, 9, 11, 20), "jenkins": (1, 2, 4, 5),
         "gitlab": (1, 2, 4, 6, 9, 12), "servicenow": (1, 2, 4, 6)}  # fmt: skip
"""By source: after how many good answers a load gets answers of another form."""

ENDS_EMPTY = {("gitlab", "list")}
"""Where an empty list is a good answer: there are no more rows."""


@pytest.mark.parametrize(
    ("source", "after", "form"),
    [
        (source, after, LATER[(place + turn) % len(LATER)])
        for turn, (source, steps) in enumerate(AFTER.items())
        for place, after in enumerate(steps)
    ],
)
def test_a_load_that_gets_answers_of_another_form_says_so_and_goes_on_another_day(
    home: Home,
    replay: Replay,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
    source: str,
    after: int,
    form: str,
) -> None:
    configure(monkeypatch, source, replay.url(source))
    replay.fault(source, ".", skip=after, times=10_000, status=200, body=FORMS[form].decode())
    work = home.load(source)
    gaps = [audit for audit in work.audits if audit.status != "complete"]
    assert gaps or (source, form) in ENDS_EMPTY
    assert all("\n" not in audit.message and audit.message for audit in gaps)
    replay.control("DELETE", "faults")
    again = home.load(source)
    assert [audit for audit in again.audits if audit.status == "failed"] == []
