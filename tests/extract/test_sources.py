"""Every source keeps to the contract of `extract/source.py`, and its package has the same rooms."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from extract.settings import setting_name, switch_of
from extract.source import Source, SourceSettings
from extract.sources import SOURCES, SWITCHES
from extract.tables import ARROW_TYPES, RawTable

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "extract" / "sources"
ROOMS = {"__init__", "settings", "tables", "client", "rows", "reader", "probes"}
"""What each package has; a large reader has rooms of its own for its objects, besides."""

LONGEST_FILE, LONGEST_CLASS = 600, 300


def test_every_package_is_registered_and_the_other_way_round() -> None:
    folders = {path.parent.name for path in PACKAGES.glob("*/__init__.py")}
    assert folders == set(SWITCHES)


@pytest.mark.parametrize("name", SWITCHES)
def test_a_source_keeps_the_contract(name: str) -> None:
    source = SOURCES[name]
    assert isinstance(source, Source)
    assert source.name == source.settings.SOURCE == name
    assert source.title and source.title.isprintable()
    assert issubclass(source.settings, SourceSettings)
    fields = source.settings.get_resolvable_fields()
    assert fields[SWITCHES[name]] is str, "what turns a source on is a setting that it must have"
    assert switch_of(name) == setting_name(name, SWITCHES[name])
    parameters = {
        field: len(inspect.signature(getattr(source, field)).parameters)
        for field in ("check", "build", "probes")
    }
    assert parameters == {"check": 1, "build": 2, "probes": 1}


@pytest.mark.parametrize("name", SWITCHES)
def test_the_tables_of_a_source_have_keys_types_and_names_of_their_own(name: str) -> None:
    tables = SOURCES[name].tables
    assert tables and all(isinstance(table, RawTable) for table in tables)
    assert len({table.name for table in tables}) == len(tables)
    for table in tables:
        assert table.endpoint
        assert set(table.key) <= set(table.columns), table.name
        assert set(table.columns.values()) <= set(ARROW_TYPES), table.name


@pytest.mark.parametrize("name", SWITCHES)
def test_a_package_has_the_rooms_of_the_others(name: str) -> None:
    assert {path.stem for path in (PACKAGES / name).glob("*.py")} >= ROOMS


@pytest.mark.parametrize("name", SWITCHES)
def test_a_package_says_how_it_is_set_up(name: str) -> None:
    said = ast.get_docstring(ast.parse((PACKAGES / name / "__init__.py").read_text()))
    short = re.findall(r"\b[A-Z][A-Z_]+\b", said)
    missing = [
        field
        for field in SOURCES[name].settings.get_resolvable_fields()
        if field.upper() not in short and not any(s.endswith(f"__{field.upper()}") for s in short)
    ]
    assert missing == []


def test_no_file_and_no_class_of_extract_is_too_long() -> None:
    long = []
    for path in (ROOT / "extract").rglob("*.py"):
        text = path.read_text()
        if len(text.splitlines()) > LONGEST_FILE:
            long.append(path.name)
        long += [
            f"{path.name} {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ClassDef) and node.end_lineno - node.lineno >= LONGEST_CLASS
        ]
    assert long == []


def test_no_other_module_knows_what_is_in_a_package() -> None:
    wrong = []
    for top in ("extract", "orchestration", "publish", "demo"):
        for path in (ROOT / top).rglob("*.py"):
            own = path.parent.name if path.parent.parent == PACKAGES else ""
            for found in re.findall(r"extract\.sources\.(\w+)", path.read_text()):
                if found in SWITCHES and found != own:
                    wrong.append((str(path.relative_to(ROOT)), found))
    assert wrong == []


def test_dbt_lists_the_sources_as_the_registry_does() -> None:
    macro = (ROOT / "dbt_project" / "macros" / "source_systems.sql").read_text()
    listed = re.findall(r"\('(\w+)', '([^']+)'\)", macro)
    assert listed == [(name, source.title) for name, source in SOURCES.items()]
    profile = (ROOT / "dbt_project" / "profiles.yml").read_text()
    assert re.findall(r"/raw_(\w+)\.duckdb.*, alias: raw_(\w+),", profile) == [
        (name, name) for name in SOURCES
    ]


def test_the_servers_of_sources_are_asked_by_one_client() -> None:
    """`extract/api.py` has the retries and the limits; tokens are minted beside it."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in PACKAGES.rglob("*.py")
        if re.search(r"^(import|from) (requests|urllib3|httpx)\b", path.read_text(), re.MULTILINE)
    ]
    assert wrong == []


def test_a_run_is_recognised_by_its_parameters_and_by_nothing_else() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "extract").rglob("*.py"))
    assert "ContextVar" not in text


@pytest.mark.parametrize(
    ("name", "base_url", "web_url", "address"),
    [
        ("jira", "https://one.atlassian.net/", None, "https://one.atlassian.net"),
        ("jira", "https://tools.example/jira", None, "https://tools.example/jira"),
        # The root for OAuth clients has the site's id in it, not its name.
        ("jira", "https://api.atlassian.com/ex/jira/1-2", None, None),
        (
            "jira",
            "https://api.atlassian.com/ex/jira/1-2",
            "https://a.example/",
            "https://a.example",
        ),
        ("github", "https://api.github.com", None, "https://github.com"),
        ("github", "https://api.octo.ghe.com", None, "https://octo.ghe.com"),
        ("github", "https://code.example/api/v3/", None, "https://code.example"),
        ("gitlab", "https://gitlab.example:8443", None, "https://gitlab.example:8443"),
        ("gitlab", "https://tools.example/gitlab/api/v4", None, "https://tools.example/gitlab"),
        ("servicenow", "https://one.service-now.com", None, "https://one.service-now.com"),
        # Nobody else can open what is on this machine.
        ("jira", "http://127.0.0.1:8080", None, None),
        ("gitlab", "http://localhost", "https://gitlab.example", "https://gitlab.example"),
    ],
)
def test_items_are_opened_at_the_site_of_an_api(
    name: str, base_url: str, web_url: str | None, address: str | None
) -> None:
    settings = SOURCES[name].settings()
    settings.base_url, settings.web_url = base_url, web_url
    assert settings.web_address == address


def test_a_drop_folder_has_no_pages() -> None:
    assert SOURCES["inbox"].settings().web_address is None
