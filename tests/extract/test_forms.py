"""Answers of another form than their API's: one line for people, and nothing taken for whole."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from extract import probes
from extract.sources import SOURCES
from orchestration.gate import Stopped, Wish, check
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
    "object of nulls": b'{"result": null, "values": null, "issues": null, "jobs": null, "id": null}',
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
NARROW = {
    "github": {"REPOSITORIES": '["scm-manager/scm-manager"]'},
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
def test_a_server_that_answers_in_another_form_is_told_in_one_line(
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
        check(Wish())
    else:
        with pytest.raises(Stopped) as stopped:
            check(Wish())
        [line] = stopped.value.lines
        assert stopped.value.code == 1
        assert line.startswith("nothing was loaded from any source yet, so nothing")
    assert not all(probe.is_well for probe in probes.of_source(SOURCES[source]))


LATER = ("empty", "null", "list", "list of nulls", "object", "objects of texts", "deep object")
REPLAYED = {"jira": 24, "github": 24, "jenkins": 12, "gitlab": 24, "servicenow": 16}


@pytest.mark.parametrize(
    ("source", "skip", "form"),
    [
        (source, skip, LATER[(skip + turn) % len(LATER)])
        for source, most in REPLAYED.items()
        for skip in range(1, most)
        for turn in range(len(LATER))
    ],
)
def test_explore(
    home: Home,
    replay: Replay,
    monkeypatch: Any,
    waits: list[float],
    source: str,
    skip: int,
    form: str,
) -> None:
    configure(monkeypatch, source, replay.url(source))
    for name, value in NARROW.get(source, {}).items():
        monkeypatch.setenv(f"SOURCES__{source.upper()}__{name}", value)
    replay.fault(
        source, ".", skip=skip, times=10_000, status=200, body=FORMS[form].decode(errors="replace")
    )
    work = home.load(source)
    last = replay.requests(source)[skip]
    bad = [(a.object, a.status, a.message[:150]) for a in work.audits if a.status != "complete"]
    with open("/tmp/lab/ops/forms.log", "a") as file:
        print(source, skip, form, "|", last["method"], last["path"], "|", bad[:3], file=file)
    assert bad
