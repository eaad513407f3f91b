"""Expectations on raw tables, as asset checks that stop dbt from building on bad data.

They run in a process of their own: Great Expectations keeps a DuckDB handle open, which would lock
the raw files against the next load.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg

from extract.load import is_anything_loaded
from extract.sources import SOURCES
from extract.warehouse import ROOT
from orchestration.environment import expectation_results_file
from orchestration.failures import nothing_loaded
from orchestration.status import loads

CHECK = "meets_expectations"


class NothingLoaded(dg.Failure):
    """No raw table of any source holds a row: what was built on that would say nothing."""


def _why_nothing_is_loaded(refresh_id: str) -> str:
    reasons: dict[str, list[str]] = {}
    is_answering = set()
    for row in loads():
        if row["refresh_id"] == refresh_id:
            reasons.setdefault(row["source"], []).append(row["message"] or "it has no rows")
            if row["object"] != "*":
                is_answering.add(row["source"])
    return nothing_loaded(reasons, is_answering)


def build_checks() -> dg.AssetChecksDefinition:
    """Define one blocking check per raw table, all evaluated by one Great Expectations run."""
    specs = [
        dg.AssetCheckSpec(CHECK, asset=[source, table.name], blocking=True)
        for source, module in SOURCES.items()
        for table in module.TABLES
    ]

    @dg.multi_asset_check(name="raw_tables_meet_expectations", specs=specs)
    def raw_tables_meet_expectations(
        context: dg.AssetCheckExecutionContext,
    ) -> Iterator[dg.AssetCheckResult]:
        if not is_anything_loaded():
            raise NothingLoaded(_why_nothing_is_loaded(context.run.run_id), allow_retries=False)
        target = expectation_results_file(context.run.run_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "extract.expectations", str(target)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise dg.Failure(f"the expectations could not be evaluated: {done.stderr[-2000:]}")
        results = json.loads(target.read_text())
        for spec in specs:
            result = results["/".join(spec.asset_key.path)]
            failures, warnings = result["failures"], result["warnings"]
            yield dg.AssetCheckResult(
                asset_key=spec.asset_key,
                check_name=CHECK,
                passed=not failures + warnings,
                severity=dg.AssetCheckSeverity.ERROR if failures else dg.AssetCheckSeverity.WARN,
                description="; ".join(failures + warnings) or None,
            )

    return raw_tables_meet_expectations


defs = dg.Definitions(asset_checks=[build_checks()])
