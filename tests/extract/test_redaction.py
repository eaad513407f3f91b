"""Secrets never reach a log, an exception or the terminal."""

import logging
from pathlib import Path

import pytest

from extract.redaction import Redacting, redact


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic YW5hOnNlY3JldC1zZWNyZXQ=",
        "authorization: bearer abcdef-SECRET-123",
        "token ghp_SECRETsecretSECRETsecret0123456789",
        "ATATT3xFfGF0SECRETsecret=1A2B",
        "https://ada:SECRET@example.com/x",
        "https://example.com/x?private_token=SECRET&page=2",
        "-----BEGIN RSA PRIVATE KEY-----\nSECRET\n-----END RSA PRIVATE KEY-----",
        "glpat-SECRETsecretSECRET",
    ],
)
def test_what_looks_like_a_secret_is_redacted(text: str) -> None:
    shown = redact(f"cannot read {text} now")
    assert "SECRET" not in shown and "YW5hOnNl" not in shown
    assert shown.startswith("cannot read ") and shown.endswith(" now")


def test_the_value_of_a_secret_setting_is_redacted_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__JENKINS__API_TOKEN", "plain words here")
    monkeypatch.setenv("SOURCES__JENKINS__USER", "flowhouse")
    assert redact("flowhouse said plain words here") == "flowhouse said ***"
    monkeypatch.setenv("FLOWHOUSE_ALERT_WEBHOOK", "https://hooks.example.com/T0/B0")
    assert redact("not sent to https://hooks.example.com/T0/B0") == "not sent to ***"


def test_the_secrets_of_dlts_files_are_redacted_like_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text("[sources.jira\napi_token = 'of no form'\n")
    secrets = folder / "secrets.toml"
    secrets.write_text(
        "password = 'shared words'\n"
        "[sources.jira]\napi_token = 'plain words'\nemail = 'flowhouse'\nprojects = ['PAY']\n"
        "[sources.github]\nprivate_key = '-----BEGIN of one line'\n"
    )
    said = "flowhouse: PAY plain words, shared words, -----BEGIN of one line"
    assert redact(said) == "flowhouse: PAY ***, ***, ***"
    secrets.write_text("[sources.jira]\napi_token = 'other words'\n")
    assert redact("plain words and other words") == "plain words and ***"


def test_a_log_record_and_its_exception_are_redacted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOURCES__JIRA__API_TOKEN", "hush-hush")
    caplog.handler.addFilter(Redacting())
    log = logging.getLogger("a-test")
    try:
        raise ValueError("hush-hush")
    except ValueError:
        log.exception("failed with %s", "hush-hush")
    assert "hush-hush" not in caplog.text
    assert "failed with ***" in caplog.text and "ValueError: ***" in caplog.text


def test_ordinary_messages_stay() -> None:
    text = "jira: no permission for /rest/api/3/project/PAY (403), basic checks passed"
    assert redact(text) == text
