"""`make demo` works in a folder of its own, whatever is set for the real tools."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo import run


def test_the_demo_refreshes_away_from_the_settings_of_the_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`.env` and `.dlt` are read of the folder that a command is started in."""
    started: dict[str, Any] = {}

    def refreshed(command: list[str], **options: Any) -> SimpleNamespace:
        started.update(options)
        return SimpleNamespace(returncode=0)

    servers = SimpleNamespace(
        stdout=["SOURCES__JIRA__BASE_URL=http://127.0.0.1:9\n", "ready\n"],
        send_signal=lambda _: None,
        wait=lambda _: None,
    )
    monkeypatch.setattr(run.subprocess, "Popen", lambda *_, **__: servers)
    monkeypatch.setattr(run.subprocess, "run", refreshed)
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("SOURCES__JIRA__CLIENT_ID", "of the real Jira")
    assert run.main() == 0
    assert started["cwd"] == tmp_path / "demo"
    assert started["env"]["SOURCES__JIRA__BASE_URL"] == "http://127.0.0.1:9"
    assert "SOURCES__JIRA__CLIENT_ID" not in started["env"]
