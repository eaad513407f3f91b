"""The HTTP client, against a server that answers what each test scripts."""

import gzip
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from extract.api import (
    Api,
    Forbidden,
    SourceError,
    Unauthorized,
    Unavailable,
    WaitBudgetExceeded,
    throttle_wait,
)
from extract.settings import SettingFault
from extract.tokens import client_token

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
DATE = "Thu, 01 Jan 2026 12:00:00 GMT"


class Script:
    """A server whose answers are queued: (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict, bytes]] = []
        self.seen: list[tuple[str, dict]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def do_GET(self) -> None:
                script.seen.append((self.path, dict(self.headers)))
                status, headers, body = script.answers.pop(0)
                self.send_response_only(status)
                headers = {"Date": DATE, "Content-Length": str(len(body)), **headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if int(headers["Content-Length"]) != len(body):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def will(self, status: int = 200, headers: dict | None = None, body: object = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        self.answers.append((status, headers or {}, content))


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    yield script
    script.server.shutdown()
    script.server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and the certificate of 127.0.0.1 that it signed itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Script]]:
    """Starts servers that speak TLS with a certificate of our own CA, which is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    started = []

    def start() -> Script:
        script = Script()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        script.server.socket = context.wrap_socket(script.server.socket, server_side=True)
        script.url = script.url.replace("http", "https")
        started.append(script)
        return script

    yield start
    for script in started:
        script.server.shutdown()
        script.server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(script: Script, waits: list[float]) -> Api:
    return Api(
        "jira",
        script.url,
        credential="SOURCES__JIRA__API_TOKEN",
        authorize=lambda renew: {"Authorization": "Bearer new" if renew else "Bearer old"},
        sleep=waits.append,
    )


def test_an_answer_has_its_body_and_the_servers_time(api: Api, script: Script) -> None:
    script.will(body={"a": 1})
    reply = api.get("/x")
    assert (reply.data, reply.server_time) == ({"a": 1}, NOW)


def test_t1_a_401_renews_the_credential_once_and_asks_again(api: Api, script: Script) -> None:
    script.will(401)
    script.will(body={"ok": True})
    assert api.get("/x").data == {"ok": True}
    assert [headers["Authorization"] for _, headers in script.seen] == ["Bearer old", "Bearer new"]


def test_t1b_a_second_401_names_the_setting_and_not_its_value(api: Api, script: Script) -> None:
    script.will(401)
    script.will(401)
    with pytest.raises(Unauthorized, match="SOURCES__JIRA__API_TOKEN") as refused:
        api.get("/x")
    assert "Bearer" not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "at_least"),
    [
        ({"Retry-After": "1800"}, 1800),
        ({"Retry-After": "Thu, 01 Jan 2026 12:10:00 GMT"}, 600),
        ({"Retry-After": "0"}, 1),
        ({"X-RateLimit-Reset": "2026-01-01T12:05Z", "X-RateLimit-Remaining": "0"}, 300),
        ({"X-RateLimit-Reset": "1767269400", "X-RateLimit-Remaining": "0"}, 600),
        ({"RateLimit-Reset": "1767269400", "RateLimit-Remaining": "0"}, 600),
        ({}, 60),
    ],
    ids=["T2 seconds", "T2b date", "T2c zero", "T2d minute", "T2d epoch", "T2d GitLab", "none"],
)
def test_t2_a_throttled_client_waits_no_less_than_asked(
    api: Api, script: Script, waits: list[float], headers: dict, at_least: float
) -> None:
    script.will(429, headers)
    script.will(body={"ok": True})
    assert api.get("/x").data == {"ok": True}
    assert at_least <= sum(waits) <= at_least * 1.2


def test_t2e_a_wait_beyond_the_runs_budget_ends_the_run(api: Api, script: Script) -> None:
    script.will(429, {"Retry-After": "7200"})
    with pytest.raises(WaitBudgetExceeded):
        api.get("/x")


def test_t3_a_secondary_limit_is_a_throttle(api: Api, script: Script, waits: list[float]) -> None:
    body = b'{"message": "You have exceeded a secondary rate limit"}'
    script.will(403, {"X-RateLimit-Remaining": "4000"}, body)
    script.will(body={"ok": True})
    api.get("/x")
    assert sum(waits) >= 60


def test_t3b_a_missing_permission_is_final(api: Api, script: Script) -> None:
    script.will(403, {"X-RateLimit-Remaining": "4000"}, b'{"message": "Resource not accessible"}')
    with pytest.raises(Forbidden):
        api.get("/x")
    assert len(script.seen) == 1


def test_t3_a_throttle_is_waited_for_even_where_403_is_an_answer(
    api: Api, script: Script, waits: list[float]
) -> None:
    script.will(403, {"Retry-After": "90"})
    script.will(403)
    assert api.get("/x", allow=(403,)).status == 403
    assert 89 <= sum(waits) <= 108


def test_t2_no_other_request_is_sent_while_the_server_asks_for_quiet(script: Script) -> None:
    seen: list[int] = []
    over = threading.Event()
    other = threading.Thread(target=lambda: api.get("/other"), daemon=True)

    def sleep(seconds: float) -> None:
        if threading.current_thread() is other:
            assert over.wait(10) and seconds > 1700
            return
        other.start()
        other.join(0.3)
        seen.append(len(script.seen))
        over.set()

    api = Api("jira", script.url, credential="X", authorize=lambda _: {}, sleep=sleep)
    script.will(429, {"Retry-After": "1800"})
    script.will(body={"ok": True})
    script.will(body={"ok": True})
    api.get("/x")
    other.join(10)
    assert (seen, len(script.seen)) == ([1], 3)


def test_t3c_a_reset_header_on_a_503_is_not_waited_for(
    api: Api, script: Script, waits: list[float]
) -> None:
    script.will(503, {"X-RateLimit-Reset": "1767270600", "X-RateLimit-Remaining": "0"})
    script.will(body={"ok": True})
    api.get("/x")
    assert sum(waits) < 10


def test_t4_four_failures_pass_and_five_do_not(api: Api, script: Script) -> None:
    for _ in range(4):
        script.will(502)
    script.will(body={"ok": True})
    assert api.get("/x").data == {"ok": True}
    for _ in range(5):
        script.will(502)
    with pytest.raises(Unavailable):
        api.get("/x")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"issues": [1, 2'),
        ({"Content-Length": "500"}, b'{"issues": [1, 2'),
        ({"Content-Type": "text/html"}, b"<html><title>Log in</title></html>"),
    ],
    ids=["cut JSON", "cut body", "login page"],
)
def test_t5_half_an_answer_is_asked_again(
    api: Api, script: Script, headers: dict, body: bytes
) -> None:
    script.will(200, headers, body)
    script.will(body={"issues": [1, 2, 3]})
    assert api.get("/x").data == {"issues": [1, 2, 3]}


def test_t5_an_answer_that_the_caller_rejects_is_asked_again(api: Api, script: Script) -> None:
    script.will(body={"result": [1], "error": {"message": "cancelled"}})
    script.will(body={"result": [1, 2]})
    reply = api.get("/x", reject=lambda data: "cancelled" if "error" in data else None)
    assert reply.data == {"result": [1, 2]}


def test_t7_a_redirect_to_another_host_gets_no_credentials(api: Api, script: Script) -> None:
    other = Script()
    script.will(302, {"Location": f"{other.url}/x"})
    with pytest.raises(Unavailable, match="another host"):
        api.get("/x")
    assert other.seen == []
    other.server.server_close()


def test_a_redirect_to_plain_http_gets_no_credentials(
    tls: Callable[[], Script], waits: list[float]
) -> None:
    script = tls()
    api = Api(
        "jira", script.url, credential="X", authorize=lambda _: {"Authorization": "Bearer s"},
        sleep=waits.append,
    )  # fmt: skip
    script.will(307, {"Location": script.url.replace("https", "http") + "/y"})
    script.will(body={"ok": True})
    with pytest.raises(Unavailable, match="jira: /x leads to plain http; not followed"):
        api.get("/x")
    assert [path for path, _ in script.seen] == ["/x"]


def test_a_page_of_the_listing_may_not_lead_to_plain_http(
    tls: Callable[[], Script], waits: list[float]
) -> None:
    script = tls()
    api = Api("github", script.url, credential="X", authorize=lambda _: {}, sleep=waits.append)
    with pytest.raises(Unavailable, match="plain http"):
        api.get(script.url.replace("https", "http") + "/next?page=2")
    assert script.seen == []


def test_what_a_connection_fails_with_is_said_with_its_setting(
    tls: Callable[[], Script],
    script: Script,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def failure(url: str, source: str = "gitlab") -> str:
        api = Api(source, url, credential="X", authorize=lambda _: {}, sleep=waits.append)
        with pytest.raises(Unavailable) as failed:
            api.get("/x?token=secret")
        return str(failed.value)

    untrusted = tls()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert failure(untrusted.url) == (
        "gitlab: its certificate is not trusted: REQUESTS_CA_BUNDLE names the file with your own"
        " CA's (SOURCES__GITLAB__BASE_URL)"
    )
    assert failure(script.url.replace("http", "https"), "jenkins") == (
        "jenkins: it does not speak TLS: is its address http? (SOURCES__JENKINS__BASE_URL)"
    )
    assert waits == []  # neither passes
    assert failure("http://no-such-host.invalid", "servicenow") == (
        "servicenow: no answer from /x: the host is not known (check SOURCES__SERVICENOW__BASE_URL)"
    )
    assert failure("http://127.0.0.1:9") == (
        "gitlab: no answer from /x: connection refused (check SOURCES__GITLAB__BASE_URL)"
    )
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert failure("http://192.0.2.1") == (
        "gitlab: no answer from /x: the proxy of HTTPS_PROXY or HTTP_PROXY does not answer"
    )
    monkeypatch.setenv("HTTP_PROXY", "http://")
    assert "HTTP_PROXY is not the address of a proxy" in failure("http://192.0.2.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(SettingFault, match="REQUESTS_CA_BUNDLE: there is no such file"):
        Api("jira", untrusted.url, credential="X", authorize=lambda _: {})


def test_a_proxy_is_asked_for_other_hosts_alone(
    script: Script, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", script.url)
    monkeypatch.setenv("NO_PROXY", "192.0.2.7")
    script.will(body={"by": "proxy"})

    def api(url: str) -> Api:
        return Api("jira", url, credential="X", authorize=lambda _: {}, sleep=waits.append)

    assert api("http://jira.example").get("/x").data == {"by": "proxy"}
    assert script.seen[0][0] == "http://jira.example/x"
    assert api("http://192.0.2.7").session.proxies == {}
    assert api("http://localhost:1").session.proxies == {}


def test_a_netrc_says_nothing(
    api: Api, script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    script.will(body={})
    api.get("/x")
    assert script.seen[0][1]["Authorization"] == "Bearer old"


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_answer_that_would_fill_the_memory_is_not_read(
    api: Api, script: Script, monkeypatch: pytest.MonkeyPatch, waits: list[float], is_packed: bool
) -> None:
    monkeypatch.setattr("extract.api.LARGEST_ANSWER", 2**20)
    body = b'"' + b"a" * 3 * 2**20 + b'"'
    if is_packed:
        script.will(200, {"Content-Encoding": "gzip"}, gzip.compress(body))
    else:
        script.will(200, {}, body)
    with pytest.raises(Unavailable, match="jira: /x answers with more than 1 MB; not read"):
        api.get("/x")
    assert waits == []
    script.will(body={"ok": True})
    assert api.get("/y").data == {"ok": True}


def test_a_page_in_the_place_of_an_answer_is_called_so(api: Api, script: Script) -> None:
    for _ in range(5):
        script.will(200, {"Content-Type": "text/html"}, b"<html><title>Log in</title></html>")
    login = r"a web page and not JSON, as of a login \(check SOURCES__JIRA__BASE_URL\)$"
    with pytest.raises(Unavailable, match=login):
        api.get("/x")
    script.will(404)
    with pytest.raises(SourceError, match=r"404: does SOURCES__JIRA__BASE_URL name the root"):
        api.get("/x")


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"{}", "SOURCES__JIRA__CLIENT_SECRET: .* answered without a token"),
        (200, b"<html>", "answered without a token"),
        (422, b"{}", r"refused the client \(422\)"),
        (503, b"", "the server of its tokens answered 503"),
    ],
)
def test_a_token_that_is_not_minted_says_why(
    script: Script, waits: list[float], status: int, body: bytes, told: str
) -> None:
    token = client_token("jira", f"{script.url}/token", "id", "secret")
    api = Api(
        "jira", script.url, credential="X", authorize=token.headers, sleep=waits.append
    )  # fmt: skip
    for _ in range(5):
        script.will(status, {}, body)
    with pytest.raises(SourceError, match=told):
        api.get("/x")


@pytest.mark.parametrize("status", [200, 400, 503])
def test_an_answer_of_the_server_of_tokens_that_would_fill_the_memory_is_not_read(
    script: Script, waits: list[float], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("extract.api.LARGEST_ANSWER", 2**20)
    token = client_token("jira", f"{script.url}/token", "id", "secret")
    api = Api("jira", script.url, credential="X", authorize=token.headers, sleep=waits.append)
    packed = gzip.compress(b'{"access_token": "' + b"a" * 3 * 2**20 + b'"}')
    script.will(status, {"Content-Encoding": "gzip"}, packed)
    with pytest.raises(Unavailable) as failed:
        api.get("/x")
    assert str(failed.value) == f"jira: {script.url}/token answers with more than 1 MB; not read"
    assert waits == []
    script.will(200, {}, b'{"access_token": "good"}' + b" " * 2**19)
    script.will(body={"ok": True})
    assert api.get("/x").data == {"ok": True}


def test_a_server_of_tokens_elsewhere_that_is_not_there_has_a_setting_of_its_own(
    script: Script, waits: list[float]
) -> None:
    token = client_token("jira", "http://127.0.0.1:9/token", "id", "secret")
    api = Api("jira", script.url, credential="X", authorize=token.headers, sleep=waits.append)
    with pytest.raises(Unavailable) as failed:
        api.get("/x")
    assert str(failed.value) == (
        "jira: no answer from /x: connection refused (check SOURCES__JIRA__TOKEN_URL)"
    )
    assert script.seen == []


def test_whoever_is_cut_off_has_a_right_address(api: Api, script: Script) -> None:
    for _ in range(5):
        script.will(200, {"Content-Length": "999"}, b"{")
    with pytest.raises(Unavailable) as failed:
        api.get("/x")
    assert "SOURCES__" not in str(failed.value)


def test_a_redirect_on_the_same_host_is_followed(api: Api, script: Script) -> None:
    script.will(301, {"Location": "/y"})
    script.will(body={"ok": True})
    assert api.get("/x").data == {"ok": True}
    assert [path for path, _ in script.seen] == ["/x", "/y"]


def test_t8_a_source_that_is_down_says_so(waits: list[float]) -> None:
    api = Api(
        "jira", "http://127.0.0.1:9", credential="X", authorize=lambda _: {}, sleep=waits.append
    )
    with pytest.raises(Unavailable, match="connection refused"):
        api.get("/secret-path?token=abc")
    assert len(waits) == 4


def test_lone_surrogates_and_nul_are_cleaned(api: Api, script: Script) -> None:
    script.will(200, {}, b'{"name": "a\\ud83dz"}')
    assert api.get("/x").data == {"name": "a?z"}


def test_a_reset_header_without_exhaustion_is_no_wait() -> None:
    headers = {"X-RateLimit-Reset": "1767270600", "X-RateLimit-Remaining": "12"}
    assert throttle_wait(headers, NOW) == 60
