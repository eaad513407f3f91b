"""What is expected of raw tables and of what is published, as asset checks.

Those of raw tables stop dbt from building on bad data. They run in a process of their own: Great
Expectations keeps a DuckDB handle open, which would lock the raw files against the next load.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from extract.fingerprints import raw_tables
from extract.load import is_anything_loaded
from extract.raw_store import ROOT
from extract.sources import SOURCES
from extract.tables import instant
from orchestration import access
from orchestration.environment import expectation_docs_folder, expectation_results_file
from orchestration.failures import EXPECTATIONS as CHECK
from orchestration.failures import nothing_loaded
from orchestration.ingestion import POOL, RefreshOptions
from orchestration.status import gaps_of, loads, marked_streams
from orchestration.termination import run


class NothingLoaded(dg.Failure):
    """No raw table of any source holds a row: what was built on that would say nothing."""


def _why_nothing_is_loaded(refresh_id: str) -> str:
    reasons: dict[str, list[str]] = {}
    answering = set()
    for row in loads():
        if row["refresh_id"] == refresh_id:
            reasons.setdefault(row["source"], []).append(row["message"] or "it has no rows")
            if row["object"] != "*":
                answering.add(row["source"])
    return nothing_loaded(reasons, answering)


def evaluated(target: Path, docs: Path, as_of: datetime) -> dict[str, dict]:
    """Return what holds of every raw table, and keep it in a file.

    Tables in which no load has changed a row since they were last evaluated keep their results:
    Great Expectations takes seconds to start and a statement for every expectation. All but one
    rule would find the same; that no row has come for too long is due at a known instant.

    Args:
        target: The file for this refresh.
        docs: The folder of the pages on each table.
        as_of: The instant of this refresh.
    """
    files = (ROOT / "extract" / name for name in ("expectations.py", "expectation_docs.py"))
    rules = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    words = raw_tables()
    wanted = {
        f"{name}/{table.name}": f"{rules} {table.key} {words.get(f'{name}/{table.name}')}"
        for name, source in SOURCES.items()
        for table in source.tables
    }
    memory = target.with_name("last.json")
    try:
        last = {
            name: {"of": kept_result["of"], "found": {**kept_result["found"]}}
            for name, kept_result in json.loads(memory.read_text()).items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        memory.unlink(missing_ok=True)  # there is none, or it is damaged
        last = {}
    known = {
        name: last[name]
        for name, of in wanted.items()
        if last.get(name, {}).get("of") == of and not _is_due(last[name]["found"], as_of)
    }
    if not (docs / "index.html").exists():
        known = {}
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = {}
    if len(known) < len(wanted):
        names = wanted.keys() - known.keys()
        done = run(
            "extract.expectations", target, docs, *names,
            folder=ROOT, FLOWHOUSE_AS_OF=as_of.isoformat(),
        )  # fmt: skip
        if done.returncode:
            *_, said = done.stdout.strip().splitlines() or ["they ended without a word"]
            raise dg.Failure(f"the expectations could not be evaluated: {said}")
        fresh = json.loads(target.read_text())
    results = {name: fresh.get(name) or known[name]["found"] for name in wanted}
    target.write_text(json.dumps(results, indent=1))
    to_keep = {name: {"of": of, "found": results[name]} for name, of in wanted.items()}
    memory.write_text(json.dumps(to_keep))
    return results


def _is_due(found: dict, as_of: datetime) -> bool:
    """Return whether it is odd by now that no newer row has come, and was not before."""
    stale_from = found.get("stale_from")
    return bool(stale_from) and datetime.fromisoformat(stale_from) < as_of


def build_checks() -> dg.AssetChecksDefinition:
    """Define one blocking check per raw table, all evaluated by one Great Expectations run."""
    specs = [
        dg.AssetCheckSpec(
            CHECK,
            asset=[name, table.name],
            blocking=True,
            description="What extract/expectations.py asks of it; a failure stops the build.",
        )
        for name, source in SOURCES.items()
        for table in source.tables
    ]

    @dg.multi_asset_check(
        name="raw_tables_meet_expectations",
        specs=specs,
        pool=POOL,
    )
    def raw_tables_meet_expectations(
        context: dg.AssetCheckExecutionContext, refresh: RefreshOptions
    ) -> Iterator[dg.AssetCheckResult]:
        if not is_anything_loaded():
            raise NothingLoaded(_why_nothing_is_loaded(context.run.run_id), allow_retries=False)
        as_of = instant(refresh.as_of or os.environ.get("FLOWHOUSE_AS_OF")) or datetime.now(UTC)
        with access.for_readers():  # of the pages; all else lies where nobody else may look
            results = evaluated(
                expectation_results_file(context.run.run_id), expectation_docs_folder(), as_of
            )
        for spec in specs:
            result = results["/".join(spec.asset_key.path)]
            failures, warnings = result["failures"], result["warnings"]
            yield dg.AssetCheckResult(
                asset_key=spec.asset_key,
                check_name=CHECK,
                passed=not failures + warnings,
                severity=dg.AssetCheckSeverity.ERROR if failures else dg.AssetCheckSeverity.WARN,
                description="; ".join(failures or warnings) or None,
            )

    return raw_tables_meet_expectations


@dg.asset_check(
    asset=["published", "warehouse"],
    name="is_complete",
    description="No source, scope or value stream is missing from what was published.",
    pool=POOL,
)
def published_warehouse_is_complete(
    context: dg.AssetCheckExecutionContext, refresh: RefreshOptions
) -> dg.AssetCheckResult:
    """Say what the command line says with exit code 3."""
    refresh_id = context.run.run_id
    gaps = [*gaps_of(refresh_id), *marked_streams(refresh_id)]
    refresh.published_with(gaps)
    return dg.AssetCheckResult(
        passed=not gaps,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(gaps) or None,
        metadata={"gaps": gaps},
    )


defs = dg.Definitions(asset_checks=[build_checks(), published_warehouse_is_complete])
