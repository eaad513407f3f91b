"""What must hold of every raw table before a model may read it, checked by Great Expectations.

Run as a program of its own (`python -m extract.expectations RESULTS.json [SOURCE/TABLE …]`): Great
Expectations keeps its DuckDB handle open until the process ends.
"""

import json
import logging
import os
import sys
from collections.abc import Collection
from pathlib import Path

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from sqlalchemy.dialects import registry

from extract import warehouse
from extract.sources import SOURCES
from extract.tables import RawTable

WANTED: dict[str, tuple[str, ...]] = {
    "jira/issues": ("key", "created_at", "updated_at"),
    "jira/histories": ("created_at",),
    "jira/statuses": ("name",),
    "github/issues": ("number", "created_at"),
    "github/issue_events": ("issue_id", "created_at"),
    "github/pull_requests": ("number", "created_at"),
    "github/workflow_runs": ("head_sha", "created_at"),
    "github/deployments": ("sha", "created_at"),
    "github/deployment_statuses": ("state", "created_at"),
    "gitlab/issues": ("created_at",),
    "gitlab/merge_requests": ("created_at",),
    "gitlab/pipelines": ("sha", "created_at"),
    "servicenow/incidents": ("number",),
    "servicenow/change_requests": ("number",),
    "servicenow/problems": ("number",),
    "servicenow/requested_items": ("number",),
    "servicenow/task_slas": ("task_id",),
    "servicenow/audits": ("document_id", "sys_created_at"),
}
"""Columns that a source should never leave empty, by `<source>/<table>`: rows without them are
loaded, the models flag what they lack, and a warning counts them."""


def expectations_of(source: str, table: RawTable) -> list[Expectation]:
    """Return what must hold of a raw table, its keys and its payload, and what should."""
    return [
        *(_filled(column, FailureSeverity.CRITICAL) for column in table.key),
        gxe.UnexpectedRowsExpectation(
            description="the primary key is not unique",
            unexpected_rows_query=(
                f"select {', '.join(table.key)} from {{batch}} "
                f"group by {', '.join(table.key)} having count(*) > 1"
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            description="the payload is no JSON or holds a person's name or mail address",
            unexpected_rows_query=(
                "select _dlt_load_id from {batch} where not json_valid(payload) "
                """or payload like '%"emailAddress"%' or payload like '%"displayName"%'"""
            ),
        ),
        *(
            _filled(column, FailureSeverity.WARNING)
            for column in WANTED.get(f"{source}/{table.name}", ())
        ),
    ]


def _filled(column: str, severity: FailureSeverity) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column, severity=severity, description=f"{column} is empty"
    )


def validate(wanted: Collection[str] = ()) -> dict[str, dict]:
    """Check raw tables.

    Args:
        wanted: `<source>/<table>`; empty checks all of them.

    Returns:
        `<source>/<table>` → how many expectations were evaluated, and in words those that failed:
        what no model could be built on (`failures`), and what is only flagged (`warnings`).
    """
    registry.register("flowduck", "extract.duckdb_dialect", "Dialect")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    results: dict[str, dict] = {}
    for source, module in SOURCES.items():
        address = f"flowduck:///{warehouse.raw_file(source)}?access_mode=read_only"
        data = context.data_sources.add_sql(source, connection_string=address)
        for table in module.TABLES:
            if wanted and f"{source}/{table.name}" not in wanted:
                continue
            batch = data.add_query_asset(
                table.name, query=f"select * from {source}.{table.name}"
            ).add_batch_definition_whole_table("all")
            results[f"{source}/{table.name}"] = _result(context, batch, source, table)
    return results


def _result(
    context: gx.data_context.AbstractDataContext,
    batch: BatchDefinition,
    source: str,
    table: RawTable,
) -> dict:
    name = f"{source}/{table.name}"
    suite = context.suites.add(
        gx.ExpectationSuite(name, expectations=expectations_of(source, table))
    )
    validation = gx.ValidationDefinition(name=name, data=batch, suite=suite)
    outcome = context.validation_definitions.add(validation).run(result_format="BASIC")
    failed = [result for result in outcome.results if not result.success]
    flagged = [
        result for result in failed if result.expectation_config.severity is FailureSeverity.WARNING
    ]
    return {
        "evaluated": len(outcome.results),
        "failures": [_in_words(result) for result in failed if result not in flagged],
        "warnings": [_in_words(result) for result in flagged],
    }


def _in_words(result: gx.core.ExpectationValidationResult) -> str:
    """Say what is wrong and in how many rows, never their values."""
    count = result.result.get("unexpected_count", result.result.get("observed_value"))
    return f"{result.expectation_config.description}: {count or 'not evaluated'} rows"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(validate(sys.argv[2:]), indent=1))
