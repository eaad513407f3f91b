"""A source is added by the steps of CONTRIBUTING.md, and by nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PACKAGE = {
    "__init__": '''
"""Kanban: boards and their cards, from a file.

Setting: SOURCES__KANBAN__PATH, the file.
"""

from extract.source import Source
from extract.sources.kanban.client import check
from extract.sources.kanban.probes import doctor_probes
from extract.sources.kanban.reader import build
from extract.sources.kanban.settings import KanbanSettings
from extract.sources.kanban.tables import NAME, TABLES

SOURCE = Source(NAME, "Kanban", TABLES, KanbanSettings, check, build, doctor_probes)
''',
    "settings": '''
from typing import ClassVar

from dlt.common.configuration import configspec

from extract.source import SourceSettings
from extract.sources.kanban.tables import NAME


@configspec
class KanbanSettings(SourceSettings):
    """The settings of Kanban."""

    SOURCE: ClassVar[str] = NAME

    path: str = None
''',
    "tables": """
from extract.tables import TEXT, TIMESTAMP, RawTable

NAME = "kanban"

BOARDS = RawTable("boards", "boards", ("id",), {"id": TEXT})
CARDS = RawTable("cards", "cards", ("id",), {"id": TEXT, "board_id": TEXT, "created_at": TIMESTAMP})
TABLES = (BOARDS, CARDS)
""",
    "client": """
import json
from pathlib import Path

from extract.api import Unavailable
from extract.sources.kanban.settings import KanbanSettings


def read(config: KanbanSettings) -> dict:
    try:
        return json.loads(Path(config.path).read_text())
    except OSError:
        raise Unavailable("kanban: there is no file") from None


def check(config: KanbanSettings) -> None:
    read(config)
""",
    "rows": """
from extract.tables import instant


def board_row(board: dict) -> dict:
    return {"id": str(board["id"]), "payload": {}}


def card_row(card: dict) -> dict:
    return {
        "id": str(card["id"]),
        "board_id": str(card["board"]),
        "created_at": instant(card["created"]),
        "payload": {"column": card["column"]},
    }
""",
    "probes": """
from extract.probes import Probe
from extract.sources.kanban.client import read


def doctor_probes(config):
    yield Probe(True, f"cards: {len(read(config)['cards'])}")
""",
    "reader": """
import dlt

from extract.sources.kanban.client import read
from extract.sources.kanban.rows import board_row, card_row
from extract.sources.kanban.tables import BOARDS, CARDS, NAME, TABLES
from extract.tables import resource


def build(run, config):
    answer = read(config)

    def everything():
        for table, row in ((BOARDS, board_row), (CARDS, card_row)):
            rows = [row(one) for one in answer[table.name]]
            yield table, table.batch(rows)
            run.audit(table.name, api_count=len(rows), extracted=len(rows))

    @dlt.source(name=NAME, max_table_nesting=0)
    def kanban():
        yield resource("cards", TABLES, everything)

    return kanban()
""",
}

SOURCES_YML = """
sources:
  - name: kanban
    database: raw_kanban
    schema: kanban
    tables:
      - name: boards
        description: One row per board.
        config: {meta: {api_endpoint: boards}}
      - name: cards
        description: One row per card.
        config: {meta: {api_endpoint: cards}}
      - name: load_audits
        description: One row per load, object and scope, written by extract/load.py.
"""

ANSWER = {
    "boards": [{"id": 1}],
    "cards": [
        {"id": 1, "board": 1, "created": "2026-01-01T00:00:00Z", "column": "Doing"},
        {"id": 2, "board": 1, "created": "2026-01-02T00:00:00Z", "column": "Done"},
    ],
}

ASKED = """
import json, os, sys
from pathlib import Path
from extract.load import load, prepare
from extract.sources import SOURCES

for name in SOURCES:
    load(name, "a-refresh") if name == "kanban" else prepare(name)

from orchestration.definitions import loaded

defs = loaded()

graph = defs.resolve_asset_graph()
found = {
    "assets": sorted(
        key.to_user_string() for key in graph.get_all_asset_keys() if "kanban" in key.path
    ),
    "checks": sorted(
        key.name for key in graph.asset_check_keys if key.asset_key.path == ["kanban", "cards"]
    ),
    "job": defs.resolve_job_def("refresh_kanban").name,
}

import subprocess
import duckdb
from orchestration.environment import build_file

models = ["stg_load_audits", "int_load_audits_unioned", "dim_source_systems"]
dbt = [sys.executable, "-m", "orchestration.quick_dbt", "run", "--quiet", "--select", *models]
subprocess.run(dbt, cwd="dbt_project", check=True, stdout=sys.stderr)

with duckdb.connect(str(build_file()), read_only=True) as build:
    found["audits"] = build.execute(
        "select object, loaded from intermediate.int_load_audits_unioned"
        " where source = 'kanban' order by 1"
    ).fetchall()
    found["systems"] = build.execute(
        "select name, last_loaded_at is not null from marts.dim_source_systems"
        " where source_system_key = 'kanban'"
    ).fetchall()

from click.testing import CliRunner
from orchestration.cli import main

found["doctor"] = CliRunner().invoke(main, ["doctor"]).output
found["status"] = CliRunner().invoke(main, ["status", "--json"]).output
del os.environ["SOURCES__KANBAN__PATH"]
found["unset"] = CliRunner().invoke(main, ["refresh", "--source", "kanban"]).output
Path(sys.argv[1]).write_text(json.dumps(found))
"""


def add_line(file: Path, after: str, line: str) -> None:
    """Write a line below the last one that holds a text."""
    lines = file.read_text().splitlines(keepends=True)
    at = max(number for number, text in enumerate(lines) if after in text)
    file.write_text("".join([*lines[: at + 1], f"{line}\n", *lines[at + 1 :]]))


def add_kanban(project: Path) -> set[str]:
    """Add a source as CONTRIBUTING.md says; return the files that were written or changed."""
    package = project / "extract" / "sources" / "kanban"
    package.mkdir()
    for room, text in PACKAGE.items():
        (package / f"{room}.py").write_text(text.lstrip())
    add_line(package.parent / "__init__.py", '"inbox": "path"', '    "kanban": "path",')
    add_line(project / ".env.example", "SOURCES__INBOX__PATH", "SOURCES__KANBAN__PATH=")
    dbt = project / "dbt_project"
    add_line(dbt / "macros" / "source_systems.sql", "'Inbox'", "        ('kanban', 'Kanban'),")
    [attach] = [line for line in (dbt / "profiles.yml").read_text().splitlines() if "inbox" in line]
    add_line(dbt / "profiles.yml", "raw_inbox", attach.replace("inbox", "kanban"))
    staging = dbt / "models" / "staging" / "kanban"
    staging.mkdir()
    (staging / "_sources.yml").write_text(SOURCES_YML.lstrip())
    return {
        "extract/sources/kanban/",
        "extract/sources/__init__.py",
        ".env.example",
        "dbt_project/macros/source_systems.sql",
        "dbt_project/profiles.yml",
        "dbt_project/models/staging/kanban/_sources.yml",
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> dict:
    """What a project says of a source that was added to it."""
    folder = tmp_path_factory.mktemp("new-source")
    project = folder / "project"
    for name in ("extract", "orchestration", "publish", "dbt_project"):
        shutil.copytree(
            ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", "target")
        )
    for name in ("dagster.yaml", ".env.example"):
        shutil.copy(ROOT / name, project)
    changed = add_kanban(project)
    shutil.copytree(parsed, folder / "home" / "dbt")
    (folder / "kanban.json").write_text(json.dumps(ANSWER))
    done = subprocess.run(
        [sys.executable, "-c", ASKED, folder / "found.json"],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(project),
            "FLOWHOUSE_HOME": str(folder / "home"),
            "SOURCES__KANBAN__PATH": str(folder / "kanban.json"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return {**json.loads((folder / "found.json").read_text()), "changed": changed}


def test_the_steps_are_those_of_the_guide(found: dict) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text().replace("<name>", "kanban")
    chapter = guide.partition("## Add a source")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\d+\. `([^`]+)`", chapter, re.MULTILINE))
    assert told == found["changed"]


def test_its_tables_are_assets_with_checks_and_a_job(found: dict) -> None:
    assert found["assets"] == [
        "api/kanban/boards", "api/kanban/cards",
        "kanban/boards", "kanban/cards", "kanban/load_audits",
    ]  # fmt: skip
    assert found["checks"] == ["is_complete", "meets_expectations"]
    assert found["job"] == "refresh_kanban"


def test_its_loads_are_among_the_audits_and_the_source_systems(found: dict) -> None:
    assert found["audits"] == [["boards", 1], ["cards", 2]]
    assert found["systems"] == [["Kanban", True]]


def test_doctor_and_status_know_it(found: dict) -> None:
    assert "ok    kanban      cards: 2" in found["doctor"]
    [status] = [s for s in json.loads(found["status"])["sources"] if s["source"] == "kanban"]
    assert (status["is_on"], status["extracted"], status["gaps"]) == (True, 3, [])


def test_the_setting_that_turns_it_on_is_named(found: dict) -> None:
    assert "SOURCES__KANBAN__PATH is not set" in found["unset"]
    assert "BASE_URL is not set" not in found["unset"]
