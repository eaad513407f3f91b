"""What a build has to do: the models with an input that changed since the last proven build.

A table whose raw tables, seeds, definitions and instant are those that it was built and tested from
would get the same rows and the same test results. So the table and its test results stay.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from extract.fingerprints import raw_tables
from orchestration.environment import DBT_PROJECT
from publish.facts import MadeOf
from publish.quality import lack_of_proof
from publish.snapshot import SCHEMAS

PARTS = ("macros", "models", "seeds", "tests", "dbt_project.yml", "profiles.yml")
TOOLS = ("dbt-core", "dbt-duckdb", "duckdb")

TABLE = """
create schema if not exists builds;
create or replace table builds.inputs (refresh_id varchar, input varchar, word varchar);
"""


@cache
def project_word(folder: Path = DBT_PROJECT) -> str:
    """Return a hash of all files of the dbt project, and of the tools that read it.

    Of seeds it knows which there are: what is in one is an input of its own.
    """
    digest = hashlib.sha256(repr([version(tool) for tool in TOOLS]).encode())
    # A company's folder may lie outside of the project; in a path an absolute part replaces it.
    own = Path("seeds") / os.environ.get("FLOWHOUSE_COMPANY", "company")
    for part in (*PARTS, own) if own.is_absolute() else PARTS:
        path = folder / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                content = b"" if file.suffix == ".csv" else file.read_bytes()
                digest.update(f"{file.relative_to(path.parent)}\0".encode() + content + b"\0")
    return digest.hexdigest()


def present_inputs(
    manifest: Mapping[str, Any], as_of: str, company: str, web_addresses: str = ""
) -> dict[str, str]:
    """Return all that decides what a build makes: each input, and a word that changes with it."""
    words = {
        "project": project_word(),
        "company": company,
        "as_of": as_of,
        "web_addresses": web_addresses,
    }
    for key, node in manifest["nodes"].items():
        if node["resource_type"] == "seed":
            said = (DBT_PROJECT / node["original_file_path"]).read_bytes()
            words[key] = hashlib.sha256(said).hexdigest()
    for name, word in raw_tables().items():
        words[f"source.flowhouse.{name.replace('/', '.')}"] = word
    return words


def of_last_build(build: Path) -> dict[str, str]:
    """Return the inputs of the last build; nothing where its results are not proven."""
    if lack_of_proof(build):
        return {}
    with duckdb.connect(str(build), read_only=True) as warehouse:
        try:
            found = warehouse.execute(
                "select input, word from builds.inputs"
                " where refresh_id = (select refresh_id from meta.refreshes)"
            )
        except duckdb.CatalogException:
            return {}
        return dict(found.fetchall())


def note(build: Path, refresh_id: str, words: Mapping[str, str]) -> None:
    """Keep what a build was made from; it holds as long as the results of that refresh do."""
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute(TABLE)
        rows = [(refresh_id, name, word) for name, word in words.items()]
        warehouse.executemany("insert into builds.inputs values (?, ?, ?)", rows)


def reasons(
    manifest: Mapping[str, Any], before: Mapping[str, str], now: Mapping[str, str]
) -> set[str] | None:
    """Return the inputs that changed, and the nodes that ask for one of them; None means all.

    Args:
        manifest: dbt's manifest.
        before: The inputs of the last proven build; empty where there is none.
        now: The inputs of this one.
    """
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    if not before or {"project", "company", "web_addresses"} & changed:
        return None
    nodes = manifest["nodes"]
    found = {key for key, node in nodes.items() if "FLOWHOUSE_REFRESH_ID" in node["raw_code"]}
    if "as_of" in changed:
        aging = _calling("macro.flowhouse.as_of", manifest["macros"])
        found |= {k for k, node in nodes.items() if aging & set(node["depends_on"]["macros"])}
    return found | changed


def to_build(manifest: Mapping[str, Any], found: Collection[str] | None) -> set[str] | None:
    """Return the nodes of dbt that something below them has changed for; None means all.

    Args:
        manifest: dbt's manifest.
        found: What `reasons` returned.
    """
    if found is None:
        return None
    return (set(found) | _below(found, manifest["child_map"])) & manifest["nodes"].keys()


def made_of(manifest: Mapping[str, Any], words: Mapping[str, str]) -> dict[tuple[str, str], MadeOf]:
    """Return for every model of the public schemas what decided its rows.

    Args:
        manifest: dbt's manifest.
        words: The inputs of the build: `of_last_build`.
    """
    nodes = manifest["nodes"]
    common = [version(tool) for tool in TOOLS]
    common.append(hashlib.sha256((DBT_PROJECT / "dbt_project.yml").read_bytes()).hexdigest())
    called = {key: macro["depends_on"]["macros"] for key, macro in manifest["macros"].items()}
    found = {}
    for key, node in nodes.items():
        if node["resource_type"] != "model" or node["schema"] not in SCHEMAS:
            continue
        below = {key} | _below({key}, manifest["parent_map"])
        models = [nodes[name] for name in sorted(below) if name.startswith("model.")]
        macros = {name for model in models for name in model["depends_on"]["macros"]}
        macros |= _below(macros, called)
        texts = [model["name"] + model["checksum"]["checksum"] for model in models]
        texts += [manifest["macros"][name]["macro_sql"] for name in sorted(macros)]
        seeds = [f"{name} {words.get(name)}" for name in sorted(below) if name.startswith("seed.")]
        raw = [f"{name} {words.get(name)}" for name in sorted(below) if name.startswith("source.")]
        found[node["schema"], node["name"]] = MadeOf(
            _word([*common, *texts]), _word([words.get("company"), *seeds]), _word(raw)
        )
    return found


def _word(parts: list[Any]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _calling(macro: str, macros: Mapping[str, Any]) -> set[str]:
    """Return a macro and all that call it, directly or not."""
    callers: dict[str, list[str]] = {}
    for key, node in macros.items():
        for called in node["depends_on"]["macros"]:
            callers.setdefault(called, []).append(key)
    return {macro} | _below({macro}, callers)


def _below(roots: Iterable[str], children: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    more = [*roots]
    while more:
        key = more.pop()
        fresh = set(children.get(key, ())) - found
        found |= fresh
        more += fresh
    return found
