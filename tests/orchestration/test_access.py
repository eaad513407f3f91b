"""The home is its owner's alone, and says where it is to whoever asks."""

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from extract.raw_store import ROOT
from orchestration import access, environment

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")


def modes(top: Path) -> dict[str, str]:
    found = {".": oct(stat.S_IMODE(top.stat().st_mode))}
    for place in top.rglob("*"):
        if not place.is_symlink():
            found[str(place.relative_to(top))] = oct(stat.S_IMODE(place.stat().st_mode))
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home as an older version left it: everybody may read it."""
    home = tmp_path / "home"
    monkeypatch.setenv("FLOWHOUSE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    for name in ("raw/raw_jira.duckdb", "build.duckdb", "report/index.html"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("x")
    version = home / "published" / "warehouse-1.duckdb"
    version.parent.mkdir()
    version.write_text("x")
    version.chmod(0o444)
    (home / "published" / "warehouse.duckdb").symlink_to(version.name)
    (home / "outside").symlink_to(tmp_path)
    yield home
    os.umask(before)


def test_an_old_home_is_its_owners_alone_from_now_on(home: Path, tmp_path: Path) -> None:
    outside = oct(stat.S_IMODE(tmp_path.stat().st_mode))
    access.repair()
    assert modes(home) == {
        ".": "0o700",
        "raw": "0o700",
        "raw/raw_jira.duckdb": "0o600",
        "build.duckdb": "0o600",
        "report": "0o700",
        "report/index.html": "0o600",
        "published": "0o700",
        "published/warehouse-1.duckdb": "0o400",
    }
    assert oct(stat.S_IMODE(tmp_path.stat().st_mode)) == outside


@pytest.mark.parametrize(
    ("readers", "folder", "file", "version", "top"),
    [
        ("group", 0o2750, 0o640, 0o440, 0o710),
        ("all", 0o2755, 0o644, 0o444, 0o711),
    ],
)
def test_readers_get_what_is_published_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch, readers: str, folder: int, file: int,
    version: int, top: int,
) -> None:  # fmt: skip
    monkeypatch.setenv("FLOWHOUSE_READERS", readers)
    if os.geteuid() == 0:
        os.chown(home, -1, 54321)
    access.repair()
    assert modes(home) == {
        ".": oct(top),
        "raw": "0o700",
        "raw/raw_jira.duckdb": "0o600",
        "build.duckdb": "0o600",
        "report": oct(folder),
        "report/index.html": oct(file),
        "published": oct(folder),
        "published/warehouse-1.duckdb": oct(version),
    }
    # What is published from now on is readable before anybody is led to it.
    access.keep_private()
    with access.for_readers():
        (home / "published" / "parquet-2").mkdir()
        (home / "published" / "parquet-2" / "a").write_text("x")
    (home / "raw" / "later").write_text("x")
    found = modes(home)
    assert found["published/parquet-2"] == oct(folder)
    assert found["published/parquet-2/a"] == oct(file)
    assert found["raw/later"] == "0o600"
    if os.geteuid() == 0:
        assert (home / "published" / "parquet-2" / "a").stat().st_gid == 54321


def test_readers_may_be_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWHOUSE_READERS", "everybody")
    assert access.faults() == [
        "FLOWHOUSE_READERS is neither group nor all; empty: the owner alone reads"
    ]
    for good in ("", "group", "all"):
        monkeypatch.setenv("FLOWHOUSE_READERS", good)
        assert access.faults() == []


def test_dagster_yaml_is_ours_until_somebody_writes_his_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = (ROOT / "dagster.yaml").read_text()
    file = home / "dagster" / "dagster.yaml"
    environment.settle_dagster()
    assert file.read_text() == shipped
    file.write_text("# flowhouse writes this file, an older version of it\n")
    environment.settle_dagster()
    assert file.read_text() == shipped
    own = "storage: {postgres: {postgres_url: {env: DAGSTER_PG_URL}}}\n"
    file.write_text(own)
    environment.settle_dagster()
    assert file.read_text() == own


@pytest.mark.parametrize("commit", ["bcf1fd8", "ad677f6", "1456b8f"])
def test_the_dagster_yaml_of_an_older_version_is_replaced(home: Path, commit: str) -> None:
    done = subprocess.run(
        ["git", "show", f"{commit}:dagster.yaml"], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("the repository has no history here")
    file = home / "dagster" / "dagster.yaml"
    file.parent.mkdir()
    file.write_bytes(done.stdout)
    environment.settle_dagster()
    assert file.read_text() == (ROOT / "dagster.yaml").read_text()


def test_dagster_reads_no_env_file_beside_ours(home: Path) -> None:
    told = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert told["secrets"]["custom"]["config"] == {"base_dir": {"env": "DAGSTER_HOME"}}


ENV_FILE = """\
# a comment
FLOWHOUSE_HOME={home}
SOURCES__GITLAB__BASE_URL=http://127.0.0.1:9
SOURCES__GITLAB__TOKEN=glpat-a.b_c-d
SOURCES__GITLAB__PROJECTS=["example/api","platform/*"]
SOURCES__JIRA__START_DATE=2024-01-31
"""

SHOWN = """
import json, os, sys
sys.argv = ["flowhouse", "status", "--json"]
from orchestration import environment
from extract.settings import read_settings
from extract.sources.gitlab.settings import GitLabSettings
config = read_settings(GitLabSettings)
print(json.dumps([os.environ["FLOWHOUSE_HOME"], os.environ["DAGSTER_HOME"], str(config.token),
      config.projects, os.environ["SOURCES__JIRA__START_DATE"]]))
"""


def told(folder: Path, *command: str, **more: str) -> list:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLOWHOUSE", "SOURCES", "DAGSTER"))
    }
    done = subprocess.run(
        command, cwd=folder, env={**clean, "PYTHONPATH": str(ROOT), **more}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def as_docker(file: Path) -> dict[str, str]:
    """`docker --env-file`: what stands after =, as it stands."""
    lines = [line for line in file.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def as_systemd(file: Path) -> dict[str, str]:
    """`EnvironmentFile=`: quotes at the beginning of a value are taken off, a # inside stays."""
    found = {}
    for name, value in as_docker(file).items():
        is_quoted = value[:1] in ("'", '"') and value[-1:] == value[:1]
        found[name] = value[1:-1] if is_quoted else value.strip()
    return found


@pytest.mark.parametrize("how", ["flowhouse", "sh", "bash", "docker", "systemd"])
def test_a_file_of_settings_says_the_same_to_whoever_reads_it(
    home: Path, tmp_path: Path, how: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(ENV_FILE.format(home=home))
    ours = (sys.executable, "-c", SHOWN)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if how == "flowhouse":
        found = told(tmp_path, *ours)
    elif how in ("sh", "bash"):
        line = f"set -a; . {shlex.quote(str(file))}; set +a; exec {shlex.join(ours)}"
        found = told(elsewhere, how, "-euc", line)
    else:
        read = as_docker if how == "docker" else as_systemd
        found = told(elsewhere, *ours, **read(file))
    assert found == [
        str(home),
        str(home / "dagster"),
        "glpat-a.b_c-d",
        ["example/api", "platform/*"],
        "2024-01-31",
    ]


def test_the_example_can_be_read_by_a_shell_with_all_of_its_settings_on(tmp_path: Path) -> None:
    text = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and "=" in line.split(" ")[1] else line
        for line in (ROOT / ".env.example").read_text().splitlines()
    )
    file = tmp_path / ".env"
    file.write_text(text)
    for shell in ("sh", "bash"):
        done = subprocess.run(
            [shell, "-euc", f"set -a; . {file}; env"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "SOURCES__JIRA__PROJECTS=[PAY,SHOP]" in done.stdout.splitlines()


def test_what_the_environment_says_wins(home: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV_FILE.format(home="/nowhere"))
    found = told(tmp_path, sys.executable, "-c", SHOWN, FLOWHOUSE_HOME=str(home))
    assert found[:2] == [str(home), str(home / "dagster")]


def test_whoever_may_not_write_the_home_hears_so_in_a_line(tmp_path: Path) -> None:
    """Root may write anywhere but to what is mounted read-only."""
    home = tmp_path / "home"
    home.mkdir()
    read_only = []
    if os.geteuid() == 0:
        mount = f'mount --bind {home} {home} && mount -o remount,ro,bind {home} && exec "$@"'
        read_only = ["unshare", "-m", "sh", "-c", mount, "sh"]
        if subprocess.run([*read_only, "true"], check=False, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
    home.chmod(0o555)
    settings = {
        "FLOWHOUSE_HOME": str(home),
        "SOURCES__GITLAB__BASE_URL": "http://127.0.0.1:9",
        "SOURCES__GITLAB__TOKEN": "x",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }

    def said(*words: str) -> tuple[int, list[str]]:
        done = subprocess.run(
            [*read_only, FLOWHOUSE, *words], env=settings, cwd=tmp_path, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr.splitlines()

    line = "flowhouse: FLOWHOUSE_HOME names a folder that cannot be written"
    assert said("refresh") == (2, [line])
    assert said("forget", "a" * 20) == (2, [line])
    assert said("status") == (0, [])
    assert said("report") == (
        1, ["flowhouse: nothing is published yet; run `flowhouse refresh` first"]
    )  # fmt: skip
    assert list(home.iterdir()) == []
