"""Settings with a slip: one line that names the setting, never its value, and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from extract.api import offline
from extract.settings import file_faults, unknown_settings
from orchestration import access
from orchestration.gate import RefreshRequest, Stopped, check, check_sources, pass_gate

HUSH = "hush-hush-1"
GOOD = {
    "jira": {"BASE_URL": "http://127.0.0.1:9", "EMAIL": "a@b.example", "API_TOKEN": HUSH},
    "github": {"BASE_URL": "http://127.0.0.1:9", "TOKEN": HUSH},
    "jenkins": {"BASE_URL": "http://127.0.0.1:9", "USER": "someone", "API_TOKEN": HUSH},
    "gitlab": {"BASE_URL": "http://127.0.0.1:9", "TOKEN": HUSH},
    "servicenow": {"BASE_URL": "http://127.0.0.1:9", "USER": "someone", "PASSWORD": HUSH},
    "inbox": {"PATH": "/tmp"},
}
WITH_ADDRESS = ("jira", "github", "jenkins", "gitlab", "servicenow")
LISTS = {
    "jira": ("PROJECTS", "FIELDS"),
    "github": ("REPOSITORIES",),
    "jenkins": ("FOLDERS",),
    "gitlab": ("PROJECTS",),
    "servicenow": ("TABLES",),
}
TOKENS = {
    "jira": ("API_TOKEN", "CLIENT_SECRET"),
    "github": ("TOKEN",),
    "jenkins": ("API_TOKEN",),
    "gitlab": ("TOKEN",),
    "servicenow": ("API_KEY", "CLIENT_SECRET"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SOURCE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def faults(monkeypatch: pytest.MonkeyPatch, source: str, **settings: str) -> list[str]:
    """What a refresh says of these settings of a source, which are never asked of a server."""
    for name, value in {**GOOD[source], **settings}.items():
        monkeypatch.setenv(f"SOURCES__{source.upper()}__{name}", value)
    with offline():
        lines = [*unknown_settings(), *check_sources([source])[0]]
    assert not any(HUSH in line for line in lines)
    return lines


@pytest.mark.parametrize(
    ("source", "field", "value"),
    [
        (source, field, value)
        for source, fields in LISTS.items()
        for field in fields
        for value in ("[1,2]", '["PAY", 7]', '["PAY", ""]', "[null]", '[["PAY"]]', '[{"a": 1}]')
    ],
)
def test_a_list_of_anything_but_texts_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    field: str,
    value: str,
) -> None:
    assert faults(monkeypatch, source, **{field: value}) == [
        f'SOURCES__{source.upper()}__{field} is not a JSON list of texts, for example ["a", "b"]'
    ]


BAD_TOKENS = {
    "line break": (f"{HUSH}\n2", "has a line break or another invisible character"),
    "break at the end": (f"{HUSH}\n", "has a line break or another invisible character"),
    "space": (f" {HUSH}", "or a space at an end"),
    "space inside": ("hush hush-hush-1", "has a character that no token has"),
    "quotes": (f'"{HUSH}"', "is in quotes"),
    "single quotes": (f"'{HUSH}'", "is in quotes"),
    "dash of a word processor": (f"{HUSH}\u2013", "has a character that no token has"),
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
@pytest.mark.parametrize(
    ("source", "field"), [(source, field) for source in TOKENS for field in TOKENS[source]]
)
def test_a_token_that_can_be_none_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    field: str,
    kind: str,
) -> None:
    value, says = BAD_TOKENS[kind]
    [line] = faults(monkeypatch, source, **{field: value})
    assert line.startswith(f"SOURCES__{source.upper()}__{field} ")
    assert says in line


def test_a_quote_inside_of_a_token_and_any_sign_of_a_password_are_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They get as far as the server, which is not there."""
    for source, field, value in (
        ("gitlab", "TOKEN", "a\"b'c"),
        ("servicenow", "PASSWORD", '"p\u00e4ss w\u00f6rd \u20ac"'),
    ):
        for name, good in {**GOOD[source], field: value}.items():
            monkeypatch.setenv(f"SOURCES__{source.upper()}__{name}", good)
    monkeypatch.setattr("extract.api.backoff", lambda _: 0.0)
    with pytest.raises(Stopped, match="connection refused") as stopped:
        check(RefreshRequest())
    assert stopped.value.code == 1


INSIDE = {
    "jira": (
        "https://x.atlassian.net/rest/api/3",
        "https://x.atlassian.net/jira",
        "https://jira.example.com/jira/browse/PAY-1",
        "https://jira.example.com/?x=1",
    ),
    "github": (
        "https://api.github.com/repos/example/api",
        "https://ghe.example.com/api/v3/orgs/example",
        "https://github.com/example",
    ),
    "jenkins": ("https://ci.example.com/jenkins/job/platform", "https://ci.example.com/api/json"),
    "gitlab": (
        "https://gitlab.com/example",
        "https://gitlab.example.com/api/v4/projects",
        "https://gitlab.example.com/a/b/-/pipelines",
    ),
    "servicenow": (
        "https://x.service-now.com/api/now/table/incident",
        "https://x.service-now.com/nav_to.do",
        "https://desk.example.com/now/nav/ui",
    ),
}


@pytest.mark.parametrize(
    ("source", "address"), [(source, address) for source in INSIDE for address in INSIDE[source]]
)
def test_an_address_that_leads_into_the_tool_is_refused(
    monkeypatch: pytest.MonkeyPatch, source: str, address: str
) -> None:
    [line] = faults(monkeypatch, source, BASE_URL=address)
    setting = f"SOURCES__{source.upper()}__BASE_URL"
    assert line.startswith((f"{setting} leads into the tool: name its root", f"{setting} names"))


@pytest.mark.parametrize("source", WITH_ADDRESS)
@pytest.mark.parametrize(
    "address",
    ["x.example.com", "https://", "https://[::1", "https://x.example:port", "https://a b"],
)
def test_what_is_no_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, source: str, address: str
) -> None:
    [line] = faults(monkeypatch, source, BASE_URL=address)
    assert line == f"SOURCES__{source.upper()}__BASE_URL is not a http(s) address"


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("jira", "https://jira.example.com/jira"),
        ("jira", "https://api.atlassian.com/ex/jira/11223344-a1b2-3b33-c444-def123456789"),
        ("github", "https://ghe.example.com/api/v3"),
        ("jenkins", "https://ci.example.com/jenkins/"),
        ("gitlab", "https://git.example.com/gitlab/api/v4/"),
        ("servicenow", "https://x.service-now.com/"),
    ],
)
def test_a_root_below_a_path_is_good(
    monkeypatch: pytest.MonkeyPatch, source: str, address: str
) -> None:
    from extract.api import Unavailable
    from extract.sources import SOURCES

    for name, value in {**GOOD[source], "BASE_URL": address}.items():
        monkeypatch.setenv(f"SOURCES__{source.upper()}__{name}", value)
    with offline(), pytest.raises(Unavailable, match="not asked"):
        SOURCES[source].checked_settings()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SOURCES__JIRA__PROJECT", "SOURCES__JIRA__PROJECTS"),
        ("SOURCES__JIRA__STORY_POINT_FIELD", "SOURCES__JIRA__STORY_POINTS_FIELD"),
        ("SOURCES__GITHUB__REPOSITORY", "SOURCES__GITHUB__REPOSITORIES"),
        ("SOURCES__GITHUB__REPOS", "SOURCES__GITHUB__REPOSITORIES"),
        ("SOURCES__JENKINS__FOLDER", "SOURCES__JENKINS__FOLDERS"),
        ("SOURCES__JENKINS__USERNAME", "SOURCES__JENKINS__USER"),
        ("SOURCES__GITLAB__PROJECT", "SOURCES__GITLAB__PROJECTS"),
        ("SOURCES__SERVICENOW__TABLE", "SOURCES__SERVICENOW__TABLES"),
        ("SOURCES__SERVICENOW__STARTDATE", "SOURCES__SERVICENOW__START_DATE"),
        ("SOURCES__INBOX__PATHS", "SOURCES__INBOX__PATH"),
        ("SOURCES__JIRRA__PROJECTS", "SOURCES__JIRA__PROJECTS"),
        ("SOURCES_JIRA_PROJECTS", "SOURCES__JIRA__PROJECTS"),
        ("SOURCE__JIRA__PROJECTS", "SOURCES__JIRA__PROJECTS"),
        ("sources__jira__projects", "SOURCES__JIRA__PROJECTS"),
    ],
)
def test_a_misspelt_setting_is_named_with_what_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, HUSH)
    assert faults(monkeypatch, "gitlab") == [
        f"{name} is not a setting of a source; did you mean {meant}?"
    ]


def test_what_is_like_no_setting_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__TRELLO__BOARD_NAMES", "x")
    assert faults(monkeypatch, "gitlab") == [
        "SOURCES__TRELLO__BOARD_NAMES is not a setting of a source: .env.example has all of them"
    ]


def test_every_setting_of_the_example_is_one_and_others_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text()
    names = [
        line.lstrip("# ").partition("=")[0] for line in example.splitlines() if "SOURCES__" in line
    ]
    assert len(names) > 30
    for name in names:
        monkeypatch.setenv(name, "x")
    for name in ("SOURCES__START_DATE", "SOURCES__DATA_WRITER__FILE_MAX_ITEMS", "SOURCES_LIST"):
        monkeypatch.setenv(name, "x")
    assert unknown_settings() == []


SECRETS = "[sources.gitlab]\nbase_url = 'http://127.0.0.1:9'\ntoken = 'hush-hush-1'\n"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / ".dlt"
    folder.mkdir()
    file = folder / "secrets.toml"
    file.write_text(SECRETS)
    file.chmod(0o600)
    return file


def flowhouse(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [Path(sys.executable).with_name("flowhouse"), *words],
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_secrets_that_others_can_read_are_refused(secrets: Path, mode: int) -> None:
    secrets.chmod(mode)
    line = ".dlt/secrets.toml can be read by others: chmod 600 .dlt/secrets.toml"
    done = flowhouse("refresh")
    assert (done.returncode, done.stderr.splitlines()) == (2, [f"flowhouse: {line}"])
    done = flowhouse("doctor")
    assert (done.returncode, done.stdout.splitlines()) == (1, [f"FAIL  settings    {line}"])


ENV_FILE = "SOURCES__GITLAB__BASE_URL=http://127.0.0.1:9\nFLOWHOUSE_TIME_ZONE=Europe/Berlin\n"


@pytest.mark.parametrize(
    "secret",
    [
        "SOURCES__GITLAB__TOKEN=hush-hush-1",
        "FLOWHOUSE_POSTGRES_URL=postgresql://me:hush-hush-1@127.0.0.1:9/x",
        "FLOWHOUSE_ALERT_WEBHOOK=https://hooks.example.com/hush-hush-1",
        "FLOWHOUSE_SUPERSET_SECRET_KEY=hush-hush-1",
    ],
)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_an_env_file_with_secrets_that_others_can_read_is_refused(
    tmp_path: Path, secret: str, mode: int
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{ENV_FILE}{secret}\n")
    file.chmod(mode)
    assert access.faults() == [".env can be read by others: chmod 600 .env"]
    file.chmod(0o600)
    assert access.faults() == []


def test_an_env_file_without_a_secret_may_be_open(tmp_path: Path) -> None:
    assert access.faults() == []
    file = tmp_path / ".env"
    file.write_text(f"{ENV_FILE}SOURCES__GITLAB__TOKEN=\nFLOWHOUSE_ALERT_SMTP_PASSWORD=''\n")
    file.chmod(0o644)
    assert access.faults() == []


def test_commands_refuse_an_open_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{ENV_FILE}SOURCES__GITLAB__TOKEN=hush-hush-1\n")
    file.chmod(0o644)
    line = ".env can be read by others: chmod 600 .env"
    done = flowhouse("refresh")
    assert (done.returncode, done.stderr.splitlines()) == (2, [f"flowhouse: {line}"])
    done = flowhouse("doctor")
    assert done.returncode == 1
    assert f"FAIL  settings    {line}" in done.stdout.splitlines()
    file.chmod(0o600)
    done = flowhouse("refresh")
    assert done.returncode == 1
    assert "gitlab: no answer from /projects: connection refused" in done.stderr


def test_secrets_of_their_owner_alone_are_read(secrets: Path) -> None:
    done = flowhouse("refresh")
    assert done.returncode == 1
    assert "gitlab: no answer from /projects: connection refused" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sources.gitlab\n", ".dlt/secrets.toml is not valid TOML (at line 1, column 16)"),
        (
            SECRETS + "project = ['a/b']\n",
            "[sources.gitlab] project in .dlt/secrets.toml is not a setting of a source;"
            " did you mean SOURCES__GITLAB__PROJECTS?",
        ),
        (
            SECRETS + "projects = [1, 2]\n",
            'SOURCES__GITLAB__PROJECTS is not a JSON list of texts, for example ["a", "b"]',
        ),
    ],
)
def test_a_slip_in_a_file_is_reported(secrets: Path, text: str, says: str) -> None:
    secrets.write_text(text)
    done = flowhouse("refresh")
    assert (done.returncode, done.stderr.splitlines()) == (2, [f"flowhouse: {says}"])
    assert file_faults() == ([says] if "TOML" in says else [])


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FLOWHOUSE_HOME", "/tmp/o'brien", "has a quote, a ; or a line break in its path"),
        ("FLOWHOUSE_HOME", "/tmp/a;b", "has a quote, a ; or a line break in its path"),
        ("FLOWHOUSE_HOME", "/dev/null/home", "names a folder that cannot be written"),
        ("FLOWHOUSE_MEMORY_LIMIT", "lots", "is not a size, for example 3GB"),
        ("FLOWHOUSE_MEMORY_LIMIT", "1GB'; drop table x; --", "is not a size"),
        ("FLOWHOUSE_SPILL", "/tmp/x'; select 1; --", "is not a path without quotes"),
        ("FLOWHOUSE_KEEP_RUNS", "0", "is not a whole number of 1 or more"),
        ("FLOWHOUSE_READERS", "everybody", "is neither group nor all"),
    ],
)
def test_what_stands_in_a_statement_has_a_form(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Stopped) as stopped, pass_gate(RefreshRequest()):
        pass
    assert stopped.value.code == 2
    assert any(line.startswith(f"{name} {says}") for line in stopped.value.lines)
