"""What must hold of every raw table before a model may read it, checked by Great Expectations.

Run as a program of its own (`python -m extract.expectations RESULTS.json`), because Great
Expectations keeps its DuckDB handle open until the process ends.
"""

import json
import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from sqlalchemy.dialects import registry

from extract import warehouse
from extract.sources import SOURCES
from extract.tables import RawTable

OF_TABLE: dict[str, list[Expectation]] = {
    "jira/issues": [
        gxe.ExpectColumnValuesToNotBeNull(column="key"),
        gxe.ExpectColumnValuesToNotBeNull(column="created_at"),
        gxe.ExpectColumnValuesToNotBeNull(column="updated_at"),
    ],
    "jira/histories": [gxe.ExpectColumnValuesToNotBeNull(column="created_at")],
    "jira/statuses": [gxe.ExpectColumnValuesToNotBeNull(column="name")],
    "github/issues": [
        gxe.ExpectColumnValuesToNotBeNull(column="number"),
        gxe.ExpectColumnValuesToNotBeNull(column="created_at"),
    ],
    "github/issue_events": [
        gxe.ExpectColumnValuesToNotBeNull(column="issue_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="created_at"),
    ],
    "github/workflow_runs": [
        gxe.ExpectColumnValuesToBeBetween(column="run_attempt", min_value=1),
        gxe.ExpectColumnValuesToNotBeNull(column="head_sha"),
    ],
    "github/deployment_statuses": [gxe.ExpectColumnValuesToNotBeNull(column="state")],
    "jenkins/builds": [gxe.ExpectColumnValuesToBeBetween(column="number", min_value=1)],
    "servicenow/incidents": [gxe.ExpectColumnValuesToNotBeNull(column="number")],
    "servicenow/change_requests": [gxe.ExpectColumnValuesToNotBeNull(column="number")],
    "servicenow/problems": [gxe.ExpectColumnValuesToNotBeNull(column="number")],
    "servicenow/requested_items": [gxe.ExpectColumnValuesToNotBeNull(column="number")],
    "servicenow/task_slas": [gxe.ExpectColumnValuesToNotBeNull(column="task_id")],
    "servicenow/audits": [
        gxe.ExpectColumnValuesToNotBeNull(column="document_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="sys_created_at"),
    ],
}
"""Expectations beyond those that every raw table must meet, by `<source>/<table>`."""


def expectations_of(source: str, table: RawTable) -> list[Expectation]:
    """Return what must hold of a raw table: its keys, its payload, and what is its own."""
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=column) for column in table.key),
        gxe.UnexpectedRowsExpectation(
            description="the primary key is unique",
            unexpected_rows_query=(
                f"select {', '.join(table.key)} from {{batch}} "
                f"group by {', '.join(table.key)} having count(*) > 1"
            ),
        ),
        gxe.UnexpectedRowsExpectation(
            description="the payload is JSON and names no mail address as a field",
            unexpected_rows_query=(
                "select _dlt_load_id from {batch} where not json_valid(payload) "
                """or payload like '%"emailAddress"%' or payload like '%"displayName"%'"""
            ),
        ),
        *OF_TABLE.get(f"{source}/{table.name}", []),
    ]


def validate() -> dict[str, dict]:
    """Check every raw table that is there.

    Returns:
        `<source>/<table>` → how many expectations were evaluated, and the failed ones in words.
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
    return {
        "evaluated": len(outcome.results),
        "failures": [_in_words(result) for result in outcome.results if not result.success],
    }


def _in_words(result: gx.core.ExpectationValidationResult) -> str:
    """Name a failed expectation and how many rows fail it, never their values."""
    config = result.expectation_config
    what = config.description or f"{config.type} of {config.kwargs.get('column', 'the table')}"
    return f"{what}: {result.result.get('unexpected_count', 'not evaluated')} rows"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(validate(), indent=1))
