"""What deploy/ says parses, names what is there, and lets nobody in who is not meant to be."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from extract.raw_store import ROOT
from orchestration import serve

DEPLOY = ROOT / "deploy"


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    read.optionxform = str
    read.read(DEPLOY / name)
    return read


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_understands_the_unit_and_the_timer(tmp_path: Path) -> None:
    """With the command that is here; the one of an installation is not."""
    command = Path(sys.executable).with_name("flowhouse")
    text = (DEPLOY / "flowhouse.service").read_text()
    (tmp_path / "flowhouse.service").write_text(
        re.sub(r"ExecStart=\S+", f"ExecStart={command}", text)
    )
    shutil.copy(DEPLOY / "flowhouse.timer", tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", *tmp_path.glob("flowhouse.*")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_runs_as_a_user_of_its_own_and_ends_within_the_grace() -> None:
    service = unit("flowhouse.service")["Service"]
    assert service["User"] == "flowhouse"
    assert service["UMask"] == "0077"
    assert service["SuccessExitStatus"] == "3"
    assert int(service["TimeoutStopSec"]) >= 30
    assert service["ExecStart"].endswith("/flowhouse refresh")
    assert unit("flowhouse.timer")["Timer"]["Persistent"] == "true"


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_compose_has_the_four_services_and_only_this_machine_reaches_them() -> None:
    services = compose()["services"]
    assert set(services) == {"postgres", "code", "web", "daemon"}
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:3000:3000"]
    for name in ("code", "web", "daemon"):
        service = services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        before = "postgres" if name == "code" else "code"
        assert service["depends_on"] == {before: {"condition": "service_healthy"}}
        assert "healthcheck" in services[before]
        python, module, serve_module, server, *_ = service["command"]
        assert (python, module, serve_module) == ("python", "-m", "orchestration.serve")
        assert server == name
        assert not (service.keys() - KNOWN_KEYS)
    for volume in compose()["volumes"]:
        assert any(
            v.startswith(f"{volume}:") for s in services.values() for v in s.get("volumes", ())
        )
    assert "image" in services["postgres"]


KNOWN_KEYS = {
    "image", "build", "env_file", "environment", "volumes", "depends_on", "restart", "read_only",
    "tmpfs", "cap_drop", "security_opt", "stop_grace_period", "command", "ports", "healthcheck",
}  # fmt: skip
"""What the Compose specification has for a service, as far as we use it."""


def test_the_image_is_made_of_what_is_there_and_runs_without_rights() -> None:
    steps = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    copied = {word for step in steps if step.startswith("COPY") for word in step.split()[1:-1]}
    assert all((ROOT / name).exists() for name in copied)
    assert {"extract", "orchestration", "publish", "dbt_project", "uv.lock"} <= copied
    users = [step.split()[1] for step in steps if step.startswith("USER")]
    assert users == ["10001"]
    assert any("uv sync --locked" in step for step in steps)


def test_dagsters_settings_in_containers_differ_in_the_store_alone() -> None:
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    theirs = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    assert theirs.pop("storage").keys() == {"postgres"}
    ours.pop("storage")
    assert theirs == ours
    location = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"][0]
    assert location["grpc_server"]["host"] == "code"
    assert str(location["grpc_server"]["port"]) in serve.SERVERS["code"]


@pytest.mark.parametrize("server", ["dev", "web", "code"])
def test_servers_are_for_this_machine_alone_unless_told_otherwise(server: str) -> None:
    words = serve.words(server, [])
    assert words[words.index("-h") + 1] == "127.0.0.1"
    told = serve.words(server, ["-h", "0.0.0.0"])
    assert [told[place + 1] for place, word in enumerate(told) if word == "-h"][-1] == "0.0.0.0"


@pytest.mark.parametrize(
    ("server", "more", "has_code"),
    [("web", [], True), ("daemon", [], True), ("web", ["-w", "x"], False), ("code", [], True)],
)
def test_servers_load_the_code_unless_a_workspace_says_where_it_is(
    server: str, more: list[str], has_code: bool
) -> None:
    assert ("orchestration.definitions" in serve.words(server, more)) is has_code


def test_an_unknown_server_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.serve", "queue"], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.splitlines() == ["flowhouse: choose one of dev, web, daemon, code"]
