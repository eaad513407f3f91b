"""Who is on duty is told of what failed, over HTTP and SMTP, and of no secret and no row."""

import email
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from orchestration import alerts
from orchestration.failures import WITHOUT_ROWS


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where alerts are kept that do not reach everybody."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    return tmp_path


class Hook(BaseHTTPRequestHandler):
    """A webhook that fails as often as it is told to, and keeps what it gets."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        is_well = self.server.asked > self.server.failures
        if is_well:
            self.server.got.append(json.loads(body)["text"])
        self.send_response(200 if is_well else 503)
        self.send_header("Content-Length", str(self.server.answers_with))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.got, server.asked, server.failures, server.answers_with = [], 0, 0, 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/services/hush-hush"
        monkeypatch.setenv("FLOWHOUSE_ALERT_WEBHOOK", address)
        monkeypatch.setattr(alerts, "WAIT_S", 0)
        yield server
        server.shutdown()


class Post:
    """What a mail server gets."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = email.message_from_bytes(envelope.content, policy=policy.default)
        self.got.append(SimpleNamespace(to=envelope.rcpt_tos, mail=mail))
        return "250 OK"


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    handler = Post()
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        controller = Controller(handler, hostname="127.0.0.1", port=port)
        with suppress(OSError):  # another worker's server may have taken the port in between
            controller.start()
            break
    monkeypatch.setenv("FLOWHOUSE_ALERT_SMTP", f"127.0.0.1:{port}")
    monkeypatch.setenv("FLOWHOUSE_ALERT_MAIL", "duty@example.com, boss@example.com")
    yield handler
    controller.stop()


def test_an_alert_reaches_the_webhook_and_everybodys_mail_without_a_secret(
    hook: Any, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "top-secret-token")
    alerts.send("flowhouse: it failed", ["jira: top-secret-token is refused", "nothing else"])
    text = "flowhouse: it failed\n- jira: *** is refused\n- nothing else"
    assert hook.got == [text]
    [got] = post.got
    assert got.to == ["duty@example.com", "boss@example.com"]
    assert got.mail["Subject"] == "flowhouse: it failed"
    assert got.mail.get_content_type() == "text/plain"
    assert got.mail.get_content().splitlines() == text.splitlines()


def test_a_webhook_that_is_down_for_a_moment_is_asked_again(hook: Any) -> None:
    hook.failures = 2
    alerts.send("once more", [])
    assert hook.got == ["once more"]


def test_what_a_webhook_answers_is_not_read(hook: Any) -> None:
    """Nobody needs it, and it may be without end."""
    hook.answers_with = 1 << 40
    alerts.send("once", [])
    assert hook.got == ["once"]


def test_one_way_that_fails_does_not_stop_the_other_and_shows_no_address(
    hook: Any, post: Post
) -> None:
    hook.failures = 99
    with pytest.raises(alerts.NotSent) as failed:
        alerts.send("it failed", [])
    assert str(failed.value) == "FLOWHOUSE_ALERT_WEBHOOK: it answered 503"
    assert len(post.got) == 1


def test_a_password_is_not_sent_in_the_clear(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWHOUSE_ALERT_SMTP_USER", "me")
    monkeypatch.setenv("FLOWHOUSE_ALERT_SMTP_PASSWORD", "hush-hush")
    with pytest.raises(alerts.NotSent, match="no STARTTLS"):
        alerts.send("it failed", [])
    assert post.got == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"WEBHOOK": "hooks.example.com/hush"}, "FLOWHOUSE_ALERT_WEBHOOK is not a http(s) address"),
        ({"MAIL": "a@example.com"}, "FLOWHOUSE_ALERT_SMTP is not set"),
        ({"MAIL": "duty", "SMTP": "mail"}, "FLOWHOUSE_ALERT_MAIL is not a list of mail addresses"),
        ({"SMTP": "mail:smtp"}, "FLOWHOUSE_ALERT_SMTP is not host:port"),
        ({"SMTP_USER": "me"}, "FLOWHOUSE_ALERT_SMTP_PASSWORD is not set"),
    ],
)
def test_a_faulty_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict, says: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"FLOWHOUSE_ALERT_{name}", value)
    [fault] = alerts.faults()
    assert fault.startswith(says)
    if alerts.is_on():  # a command that the gate refuses for it sends an alert, if it can
        with pytest.raises(alerts.NotSent):
            alerts.send("it failed", [])


@dg.op
def build_models() -> None:
    raise dg.Failure(
        "dbt build failed: test no_gaps: 1 failing row: jira:10042",
        metadata={WITHOUT_ROWS: "dbt build failed: test no_gaps: 1 failing row"},
    )


@dg.op
def load_jira() -> None:
    try:
        raise ValueError("could not convert 'Ada Lovelace' to a number")
    except ValueError as error:
        raise RuntimeError("Pipeline execution failed at step=load") from error


@dg.job
def refresh() -> None:
    build_models()
    load_jira()


def test_a_failed_run_is_reported_by_its_causes_and_without_rows(hook: Any, parsed: Any) -> None:
    from orchestration.sensors import failed_runs

    with dg.instance_for_test() as instance:
        done = refresh.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            "tell_of_failed_runs", done.get_run_failure_event(), instance, done.dagster_run
        ).for_run_failure()
        failed_runs(context)
    [text] = hook.got
    first, *lines = text.splitlines()
    assert first == f"flowhouse: refresh failed ({done.run_id}, started by Dagster)"
    assert sorted(lines) == [
        "- build_models: dbt build failed: test no_gaps: 1 failing row",
        "- load_jira: ValueError: could not convert … to a number",
        "- nothing was published",
    ]


def fail(instance: dg.DagsterInstance) -> Any:
    """Have the job fail; return what came of it."""
    return refresh.execute_in_process(instance=instance, raise_on_error=False)


def sense(instance: dg.DagsterInstance, done: Any) -> Any:
    """Have Dagster's daemon ask for a run that failed."""
    from orchestration.sensors import failed_runs

    context = dg.build_run_status_sensor_context(
        "tell_of_failed_runs", done.get_run_failure_event(), instance, done.dagster_run
    )
    return failed_runs(context.for_run_failure())


def test_an_alert_that_reached_nobody_is_sent_again_until_it_does(hook: Any, parsed: Any) -> None:
    """Dagster asks for a run that failed once, whatever becomes of that."""
    from orchestration.sensors import alerts_kept

    with dg.instance_for_test() as instance:
        hook.failures = 2 * alerts.TRIES
        done = fail(instance)
        kept = "kept, to be sent again: FLOWHOUSE_ALERT_WEBHOOK: it answered 503"
        assert sense(instance, done).skip_message == kept
        assert alerts_kept().skip_message == kept
        assert hook.got == []
        alerts_kept()
        alerts_kept()
    [text] = hook.got
    assert text.startswith(f"flowhouse: refresh failed ({done.run_id}")


def test_who_was_reached_is_not_told_again_for_those_who_were_not(
    hook: Any, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server that is gone for a week must not fill the channel of a webhook."""
    there = os.environ["FLOWHOUSE_ALERT_SMTP"]
    monkeypatch.setenv("FLOWHOUSE_ALERT_SMTP", "127.0.0.1:9")
    for tell in (lambda: alerts.send("once", ["a"]), alerts.send_again, alerts.send_again):
        with pytest.raises(alerts.NotSent, match="FLOWHOUSE_ALERT_SMTP: ConnectionRefused"):
            tell()
    monkeypatch.setenv("FLOWHOUSE_ALERT_SMTP", there)
    assert (alerts.send_again(), alerts.send_again()) == (1, 0)
    assert hook.got == ["once\n- a"]
    assert [got.mail["Subject"] for got in post.got] == ["once"]


def test_what_is_kept_holds_no_secret_and_is_news_for_two_days(
    hook: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "top-secret-token")
    hook.failures = 99
    for subject in ("of today", "of last week"):
        with pytest.raises(alerts.NotSent):
            alerts.send(subject, ["top-secret-token is refused"])
    files = {json.loads(file.read_text())["subject"]: file for file in home.rglob("*.json")}
    assert not any("top-secret" in file.read_text() for file in files.values())
    old = json.loads(files["of last week"].read_text())
    files["of last week"].write_text(json.dumps({**old, "at": old["at"] - 7 * 86_400}))
    (files["of today"].parent / "cut.json").write_text('{"subject": "ha')
    hook.failures = 0
    alerts.send_again()
    assert hook.got == ["of today\n- *** is refused"]
    assert list(home.rglob("*.json")) == []


def test_what_a_command_has_told_is_not_told_again(hook: Any, parsed: Any) -> None:
    from orchestration import duty

    with dg.instance_for_test() as instance:
        done = fail(instance)
        alerts.from_command(lambda: duty.tell_of_run(instance, done.run_id))
        assert len(hook.got) == 1
        sense(instance, done)
    assert len(hook.got) == 1


def test_what_a_command_could_not_tell_everybody_is_kept_and_not_told_twice(
    hook: Any, parsed: Any
) -> None:
    from orchestration import duty

    with dg.instance_for_test() as instance:
        hook.failures = alerts.TRIES
        done = fail(instance)
        alerts.from_command(lambda: duty.tell_of_run(instance, done.run_id))
        sense(instance, done)
        assert hook.got == []
        alerts.send_again()
    assert len(hook.got) == 1


def test_who_sits_at_a_terminal_is_not_sent_an_alert(
    hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    alerts.from_command(lambda: alerts.send("it failed", []))
    assert hook.got == []


def test_a_command_whose_alert_reaches_nobody_says_so_and_goes_on(
    hook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hook.failures = 99
    alerts.log.addHandler(caplog.handler)
    try:
        alerts.from_command(lambda: alerts.send("it failed", []))
    finally:
        alerts.log.removeHandler(caplog.handler)
    [said] = set(caplog.messages)
    assert said == ("an alert did not reach everybody: FLOWHOUSE_ALERT_WEBHOOK: it answered 503")


@dg.asset(key=["published", "warehouse"])
def warehouse() -> None: ...


@dg.asset(key=["published", "report"], deps=[warehouse])
def report() -> None:
    raise OSError(28, "No space left on device")


def test_a_run_that_failed_after_it_published_says_so(hook: Any, parsed: Any) -> None:
    """Readers have a new file: that nothing was published would send people to look for it."""
    from orchestration import duty

    job = dg.Definitions(
        assets=[warehouse, report], jobs=[dg.define_asset_job("refresh")]
    ).resolve_job_def("refresh")
    with dg.instance_for_test() as instance:
        done = job.execute_in_process(instance=instance, raise_on_error=False)
        duty.tell_of_run(instance, done.run_id)
    [_, failed, last] = hook.got[0].splitlines()
    assert failed.startswith("- published__report: OSError")
    assert last == "- the warehouse was published; what failed after it is as it was before"


def test_a_run_that_was_killed_is_reported(hook: Any, parsed: Any) -> None:
    from orchestration.outcome import KILLED
    from orchestration.sensors import failed_runs

    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(refresh)
        instance.report_run_failed(run, KILLED)
        [entry] = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        failed_runs(
            dg.build_run_status_sensor_context(
                "tell_of_failed_runs", entry.dagster_event, instance, run
            ).for_run_failure()
        )
    assert "its process was killed" in hook.got[0]


def test_what_has_become_stale_is_reported_once(
    hook: Any, parsed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.sensors import stale_tables

    monkeypatch.setenv("SOURCES__JIRA__BASE_URL", "https://jira.example")
    monkeypatch.setenv("FLOWHOUSE_POSTGRES_URL", "postgresql://me@127.0.0.1/warehouse")

    def becomes(instance: dg.DagsterInstance, state: FreshnessState, *path: str) -> None:
        instance._report_runless_asset_event(
            FreshnessStateChange(
                key=dg.AssetKey(path), new_state=state, state_change_timestamp=1.0,
                previous_state=FreshnessState.UNKNOWN,
            )
        )  # fmt: skip

    cursor = None

    def look(instance: dg.DagsterInstance) -> None:
        nonlocal cursor
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        stale_tables(context)
        cursor = context.cursor

    with dg.instance_for_test() as instance:
        look(instance)
        becomes(instance, FreshnessState.FAIL, "jira", "issues")
        becomes(instance, FreshnessState.FAIL, "gitlab", "issues")  # it is off
        look(instance)
        look(instance)
        assert hook.got == [
            "flowhouse: data is stale\n- nothing was loaded for more than 36 hours: jira/issues"
        ]
        becomes(instance, FreshnessState.PASS, "jira", "issues")
        becomes(instance, FreshnessState.FAIL, "published", "warehouse")
        look(instance)
        becomes(instance, FreshnessState.FAIL, "jira", "issues")
        look(instance)
        becomes(instance, FreshnessState.PASS, "published", "warehouse")
        look(instance)
        becomes(instance, FreshnessState.FAIL, "published", "postgres")
        look(instance)
    assert [text.splitlines()[1] for text in hook.got[1:]] == [
        "- nothing new was published for more than 36 hours: published/warehouse",
        "- nothing was loaded for more than 36 hours: jira/issues",
        "- nothing new was published for more than 36 hours: published/postgres",
    ]
