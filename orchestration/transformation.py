"""Models, seeds, tests and exposures of dbt_project/, as assets and asset checks.

Keys and groups come from dbt_project.yml (`+schema`, `+meta`): nothing is renamed here.
"""

import json
import logging
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from graphlib import TopologicalSorter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProject,
    dbt_assets,
)
from dagster_dbt.asset_utils import get_asset_check_key_for_test
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder

from extract import soundness
from extract.patches import apply
from extract.raw_store import opened
from extract.sources import SOURCES
from extract.tables import instant
from orchestration import changes, open_lineage, quick_dbt, rebuild, seeds
from orchestration.cutoff import Cutoff, watch
from orchestration.environment import DBT_PROJECT, build_file, expectation_results_file
from orchestration.failures import BAD, WITHOUT_ROWS, keep_log, line_of_node, summary_of_build
from orchestration.ingestion import OWNERS, POOL, RefreshOptions
from orchestration.patches import OF_DAGSTER
from orchestration.termination import end_as_others_do, run
from publish.quality import begin, kept_results, record_results, unproven
from publish.snapshot import stands_again, will_change

log = logging.getLogger("flowhouse")

ENDED = re.compile(r"\S+ +(\d+) of (\d+) (?!START)")
"""A line of dbt that says how a node ended."""

PUBLISHED = ("marts", "metrics", "meta", "bi")
"""Schemas that leave the working warehouse."""

apply(OF_DAGSTER)

REPORT = "report"
"""The exposure that is an asset of its own (`publication.py`)."""

LEFT_OUT = "left_out.json"
"""What a build says of what it need not make, beside dbt's results."""

WANTED = "wanted"
"""The tag of what a build is to do: dbt would hold each name against each node."""


CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
"""What ends a process that is at fault itself: once more is worth a try. What asked it to end, or
took its memory, would do so again."""

STOCK = "company"
"""The folder of seeds of a company that has written none yet."""

ONCE_MORE = dg.RetryPolicy(max_retries=1, delay=5)


def target_folder() -> Path:
    """Return the folder that dbt keeps what it has parsed in."""
    return Path(os.environ["DBT_TARGET_PATH"])


def parsed_file() -> Path:
    """Return what dbt has parsed, in its own form."""
    return target_folder() / "partial_parse.msgpack"


def dbt_log() -> Path:
    """Return the file of dbt's lines of the last build."""
    return Path(os.environ["DBT_LOG_PATH"]) / "build.log"


@cache
def dbt_project() -> DbtProject:
    """Return the dbt project as Dagster knows it."""
    return DbtProject(DBT_PROJECT, target_path=target_folder(), profiles_dir=DBT_PROJECT)


class Translator(DagsterDbtTranslator):
    """Gives assets their owners, and checks the description that their test has."""

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return who is asked about a model."""
        return OWNERS

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """Describe the check that a test of dbt is."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None or not manifest["nodes"][unique_id]["description"]:
            return spec
        return spec._replace(description=manifest["nodes"][unique_id]["description"])


translator = Translator(
    settings=DagsterDbtTranslatorSettings(
        enable_asset_checks=True, enable_source_tests_as_checks=True
    )
)


def parse_if_stale() -> None:
    """Parse the dbt project when its manifest is missing or was made from other files.

    By content and not by time: a checkout may be younger or older than what it holds. What was
    parsed is content too: a file of it that was cut short or damaged is made again.
    """
    stamp = target_folder() / "parsed_from.txt"
    company = os.environ.get("FLOWHOUSE_COMPANY", STOCK)
    made_from = f"{company} {changes.project_word()}"
    known = stamp.read_text(errors="replace") if stamp.exists() else ""
    if known == f"{made_from} {_parsed_word()}":
        return
    if not known.endswith(_parsed_word()):
        shutil.rmtree(target_folder(), ignore_errors=True)  # dbt would go on from what is damaged
    done = run(quick_dbt.__name__, "parse", "--quiet", folder=DBT_PROJECT)
    if done.returncode and company != STOCK and seeds.checked().faults:
        # The gate refuses every refresh for it, and tells; for that Dagster has to know the jobs.
        made_from = f"{STOCK} {changes.project_word()}"
        done = run(
            quick_dbt.__name__, "parse", "--quiet", folder=DBT_PROJECT, FLOWHOUSE_COMPANY=STOCK
        )
    if done.returncode:
        raise RuntimeError(f"the dbt project cannot be parsed:\n{done.stdout}")
    stamp.write_text(f"{made_from} {_parsed_word()}")


def _parsed_word() -> str:
    """Return a word that changes with what dbt has parsed; it notices damage, not intent."""
    files = (dbt_project().manifest_path, parsed_file())
    return " ".join(f"{zlib.crc32(file.read_bytes()):08x}" for file in files if file.exists())


def attach_tests(manifest: dict[str, Any]) -> None:
    """Say of each test of several models which one it is a check of: the last that it looks at.

    Dagster would show no check at all, for it does not choose. Published models come first: a check
    is looked for where people read. `meta: {dagster: {ref: ...}}` in a test's yml goes before.
    """
    nodes = manifest["nodes"]
    order = {
        key: at for at, key in enumerate(TopologicalSorter(manifest["parent_map"]).static_order())
    }
    for key, node in nodes.items():
        if node["resource_type"] != "test" or get_asset_check_key_for_test(
            manifest, translator, key, dbt_project()
        ):
            continue
        looked_at = [parent for parent in node["depends_on"]["nodes"] if parent in nodes]
        last = max(looked_at, key=lambda of: (nodes[of]["schema"] in PUBLISHED, order[of]))
        meta = node["config"].setdefault("meta", {})
        meta["dagster"] = {"ref": {"name": nodes[last]["name"]}}


@cache
def dbt_manifest() -> dict[str, Any]:
    """Return what dbt knows of the project; it is parsed first where its files are others."""
    parse_if_stale()
    found = json.loads(dbt_project().manifest_path.read_text())
    attach_tests(found)
    return found


def web_addresses() -> str:
    """Return where the items of each source are opened, as JSON: macros/item_url.sql reads it."""
    found = {
        name: source.read_settings().web_address for name, source in SOURCES.items() if source.is_on
    }
    return json.dumps({name: address for name, address in found.items() if address})


def dbt_models(context: dg.AssetExecutionContext, refresh: RefreshOptions) -> Iterator:
    """Build what changed among the selected models and test it, then keep every result."""
    if context.op_execution_context.retry_number:
        log.warning("dbt crashed, and is run once more")
    as_of = instant(refresh.as_of or os.environ.get("FLOWHOUSE_AS_OF")) or datetime.now(UTC)
    as_of = as_of.replace(tzinfo=None, microsecond=0)
    as_of_text = as_of.isoformat(sep=" ")
    set_damaged_aside(build_file())
    web = web_addresses()
    now = changes.present_inputs(dbt_manifest(), as_of_text, os.environ["FLOWHOUSE_COMPANY"], web)
    if replaced := rebuild.fit(build_file()):
        log.warning("%s", replaced)
    before = {} if refresh.full else changes.of_last_build(build_file())
    reasons = changes.reasons(dbt_manifest(), before, now)
    wanted = changes.to_build(dbt_manifest(), reasons)
    nodes = dbt_manifest()["nodes"]
    cutoff, known = None, {}
    if context.is_subset:
        wanted = with_tests(context.selected_asset_keys)
    elif wanted is not None:
        known = kept_results(build_file(), dbt_manifest(), nodes.keys())
        cutoff = Cutoff(dbt_manifest()["parent_map"], reasons, known.keys())
    begin(build_file(), context.run_id)
    stood = will_change(build_file(), None if wanted is None else _tables(wanted))
    how = rebuild.begin(
        build_file(),
        rebuild.definitions(dbt_manifest(), DBT_PROJECT, web),
        as_of,
        everything=refresh.full or context.is_subset,
    )
    results = target_folder().parent / f"run-{context.run_id}" / "run_results.json"
    is_good = build(
        wanted,
        results.parent,
        cutoff,
        FLOWHOUSE_AS_OF=as_of_text,
        FLOWHOUSE_REBUILD=how,
        FLOWHOUSE_REFRESH_ID=context.run_id,
        FLOWHOUSE_WEB_ADDRESSES=web,
    )
    kept: dict[str, dict] = {}
    if cutoff:
        left_out = _left_out(results.parent)
        wanted -= {*left_out["spared"]}
        kept = {key: known[key] for key in known.keys() - wanted}
        still = _tables([*left_out["spared"], *left_out["same"]])
        stands_again(build_file(), [row for row in stood if row[1:] in still])
    yield from events(context, results, wanted, kept)
    manifest = dbt_project().manifest_path
    record_results(
        build_file(),
        context.run_id,
        dbt_results=results,
        manifest=manifest,
        expectation_results=expectation_results_file(context.run_id),
        is_full_build=not context.is_subset,
        kept=kept,
    )
    if is_good and not context.is_subset:
        rebuild.end(build_file())
    gap = unproven(results, manifest, is_full_build=not context.is_subset, kept=kept)
    why, quiet = (
        summary_of_build(results, manifest, build_file(), with_rows=with_rows)
        for with_rows in (True, False)
    )
    kept_log = keep_log(dbt_log(), context.run_id)
    open_lineage.append(results, manifest, context.run_id)
    shutil.rmtree(results.parent, ignore_errors=True)
    if not is_good:
        raise dg.Failure(
            f"dbt build failed: {why or 'nothing was built'}; more in {kept_log}",
            metadata={WITHOUT_ROWS: f"dbt build failed: {quiet or 'nothing was built'}"},
            allow_retries=False,
        )
    if gap:
        raise dg.Failure(gap, allow_retries=False)
    if not context.is_subset:
        changes.note(build_file(), context.run_id, now)


def set_damaged_aside(file: Path) -> None:
    """Set a damaged working warehouse aside, and wait until the file can be written."""
    if not file.exists():
        return
    if not soundness.is_sealed(file) and not soundness.is_sound(file):
        aside = soundness.set_aside(file)
        log.warning("%s is damaged: it is now %s, and built again", file.name, aside.name)
        return
    with opened(file):  # or a copy, where another program keeps it open
        pass


def build(
    wanted: Collection[str] | None, target: Path, cutoff: Cutoff | None = None, **settings: str
) -> bool:
    """Run `dbt build` of all or of some nodes, and return whether all went well.

    dbt's lines go to a file, the terminal hears how far it is.

    Args:
        wanted: The ids of the nodes; None builds all of them.
        target: Where dbt leaves what it did.
        cutoff: Leaves out, as it goes, what needs not be made; None makes all that is wanted.
        settings: Environment variables of dbt.

    Raises:
        dg.Failure: A signal ended dbt: it crashed, or somebody or the machine's memory killed it.
    """
    # Unit tests prove the code and not the data: they run in `make test`.
    words = ["build", "--exclude-resource-type", "unit_test", "--target-path", str(target)]
    words += ["--no-use-colors", "--log-level-file", "none", "--no-write-json"]
    if wanted is not None:
        words += ["--indirect-selection", "empty", "--select", f"tag:{WANTED}"]
    dbt_log().parent.mkdir(parents=True, exist_ok=True)
    began = last_shown = time.monotonic()
    made, done = 0, "0"
    reader, writer = multiprocessing.Pipe(duplex=False)
    # The command line forks, a run that Dagster started spawns: both hand over what can be copied.
    handed = pickle.dumps((words, wanted, target, cutoff, settings))
    dbt = multiprocessing.Process(target=_run_dbt, args=(handed, writer))
    dbt.start()
    writer.close()
    try:
        with dbt_log().open("w") as file, open(reader.fileno(), closefd=False) as lines:
            for line in lines:
                file.write(line)
                ended = ENDED.match(line)
                if ended is None:
                    continue
                made += 1
                done, total = ended.groups()
                if int(done) >= 20 and time.monotonic() - last_shown >= 2:
                    last_shown = time.monotonic()
                    left = (int(total) - int(done)) * (last_shown - began) / int(done)
                    log.info("dbt: %s of %s models and tests, %.0f s left", done, total, left)
    except BaseException:  # the run is ended: dbt would go on, and hold the working warehouse
        dbt.kill()
        raise
    finally:
        dbt.join()
        reader.close()
    if dbt.exitcode < 0:
        ended_by = signal.Signals(-dbt.exitcode)
        raise dg.Failure(
            f"dbt was ended by {ended_by.name} (a crash, or too little memory); run it again",
            allow_retries=ended_by in CRASHES,
        )
    log.info("dbt: %d models and tests in %.0f s", made, time.monotonic() - began)
    if wanted is not None:
        kept = len(dbt_manifest()["nodes"]) - len(wanted) + len(_left_out(target)["spared"])
        log.info("dbt: %d depend on nothing that changed, and stay", kept)
    return dbt.exitcode == 0


def _run_dbt(handed: bytes, output: Connection) -> None:
    """Run dbt in a process that has it imported, and ends with it: so does its hold on DuckDB.

    It is given what was parsed: to compare that with every file of the project, and the settings
    with those of the last time, would take as long as a small build; so would it to write all of
    that down again beside the results.
    """
    words, wanted, target, cutoff, settings = pickle.loads(handed)
    end_as_others_do()
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    os.chdir(DBT_PROJECT)
    os.environ.update(settings)
    parsed = parsed_file().read_bytes()
    manifest = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    manifest.build_flat_graph()
    for key in wanted or ():
        manifest.nodes[key].tags.append(WANTED)
    if cutoff:
        watch(cutoff)
    done = dbtRunner(manifest).invoke(words)
    if cutoff:
        target.mkdir(parents=True, exist_ok=True)
        not_built = {"spared": cutoff.spared, "same": cutoff.same}
        (target / LEFT_OUT).write_text(json.dumps(not_built))
    if done.result:
        left_out = {*cutoff.spared} if cutoff else {}
        done.result.results = [
            of for of in done.result.results if of.node.unique_id not in left_out
        ]
        done.result.write(str(target / "run_results.json"))
    print(done.exception or "", flush=True)
    sys.exit(0 if done.success else 1)


def _left_out(target: Path) -> dict[str, list[str]]:
    """Return what a build did not make, and what it made and found as it was."""
    file = target / LEFT_OUT
    return json.loads(file.read_text()) if file.exists() else {"spared": [], "same": []}


def _tables(keys: Collection[str]) -> set[tuple[str, str]]:
    nodes = dbt_manifest()["nodes"]
    return {(nodes[key]["schema"], nodes[key]["name"]) for key in keys}


def with_tests(assets: Collection[dg.AssetKey]) -> set[str]:
    """Return the ids of the models and seeds behind assets, and of all tests that look at one."""
    nodes = dbt_manifest()["nodes"]
    chosen = {key for key, node in nodes.items() if _key(key) in assets}
    return chosen | {
        key
        for key, node in nodes.items()
        if node["resource_type"] == "test" and chosen.intersection(node["depends_on"]["nodes"])
    }


def events(
    context: dg.AssetExecutionContext,
    results: Path,
    wanted: Collection[str] | None,
    kept: Mapping[str, dict],
) -> Iterator[dg.Output | dg.AssetCheckResult | dg.AssetObservation]:
    """Tell Dagster what became of each node: left as it is, made, tested."""
    nodes = dbt_manifest()["nodes"]
    rows = rows_of_tables(
        build_file(),
        {
            (node["schema"], node["name"])
            for node in nodes.values()
            if node["config"].get("materialized") == "incremental"
        },
    )

    def made(key: str, metadata: dict[str, Any]) -> dg.Output:
        table = nodes[key]["schema"], nodes[key]["name"]
        metadata |= {"dagster/row_count": rows[table]} if table in rows else {}
        return dg.Output(None, _key(key).to_python_identifier(), metadata=metadata)

    outcomes = json.loads(results.read_text())["results"] if results.exists() else []
    stay = nodes.keys() - wanted if wanted is not None and not context.is_subset else set()
    of_nodes = {outcome["unique_id"]: outcome for outcome in outcomes}
    stays = {"status": "depends on nothing that changed"}
    # Inputs of a model come before it, rebuilt or not.
    for key in TopologicalSorter(dbt_manifest()["parent_map"]).static_order():
        if key not in nodes:
            continue
        if key in of_nodes:
            outcome = of_nodes[key]
            status = outcome["status"]
            metadata = {"status": status, "seconds": outcome["execution_time"]}
            if key.startswith("test."):
                metadata["failures"] = outcome["failures"] or 0
                said = line_of_node(outcome, nodes[key], build_file()) if status in BAD else None
                yield from _tested(context, key, status, metadata, said)
            elif status == "success":
                yield made(key, metadata)
        elif key in kept:
            found = kept[key]["status"]
            yield from _tested(context, key, found, {**stays, "found": found})
        elif key in stay and not key.startswith("test."):
            yield made(key, {**stays})


def rows_of_tables(
    build: Path, counted: Collection[tuple[str, str]] = ()
) -> dict[tuple[str, str], int]:
    """Return how many rows the tables of a file have, by schema and name.

    Args:
        build: The working warehouse, or a published file.
        counted: Tables that rows are deleted from: what DuckDB knows without counting has these.
    """
    with duckdb.connect(str(build), read_only=True) as warehouse:
        found = warehouse.execute(
            "select schema_name, table_name, estimated_size from duckdb_tables()"
        ).fetchall()
        rows = {(schema, name): size for schema, name, size in found}
        for schema, name in rows.keys() & counted:
            query = f'select count(*) from "{schema}"."{name}"'
            [(rows[schema, name],)] = warehouse.execute(query).fetchall()
    return rows


def _tested(
    context: dg.AssetExecutionContext,
    key: str,
    status: str,
    metadata: dict[str, Any],
    said: str | None = None,
) -> Iterator[dg.AssetCheckResult | dg.AssetObservation]:
    node = dbt_manifest()["nodes"][key]
    check = get_asset_check_key_for_test(dbt_manifest(), translator, key, dbt_project())
    if check in context.selected_asset_check_keys:
        is_warning = str(node["config"]["severity"]).lower() == "warn"
        yield dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=status == "pass",
            severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
            description=said,
            metadata=metadata,
        )
    elif status != "pass":  # of a build of a part: its asset was not chosen
        for model in node["depends_on"]["nodes"]:
            yield dg.AssetObservation(_key(model), description=node["name"], metadata=metadata)


@cache
def _key(node_id: str) -> dg.AssetKey:
    return translator.get_asset_spec(dbt_manifest(), node_id, dbt_project()).key


def build_exposures(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Describe every exposure as an external asset, so that lineage ends where people look.

    What it reads of the published file, it reads there; the models behind it are the file's own.
    The report is left out: that is written here, and is the asset `published/report`.
    """
    return [
        dg.AssetSpec(
            ["exposure", exposure["name"]],
            deps=[["published", "warehouse"]],
            owners=OWNERS,
            description=exposure["description"],
            group_name="exposures",
            kinds={exposure["type"]},
        )
        for exposure in manifest["exposures"].values()
        if exposure["name"] != REPORT
    ]


def published_models(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    """Return the keys of the models that leave the working warehouse."""
    return [
        translator.get_asset_spec(manifest, node_id, dbt_project()).key
        for node_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["schema"] in PUBLISHED
    ]


def build_transformation() -> dg.Definitions:
    """Define the models, their tests and what reads them; dbt parses the project if it must."""
    models = dbt_assets(
        manifest=dbt_manifest(),
        project=dbt_project(),
        dagster_dbt_translator=translator,
        name="build_models",
        retry_policy=ONCE_MORE,
        pool=POOL,
    )(dbt_models)
    return dg.Definitions(assets=[models, *build_exposures(dbt_manifest())])
