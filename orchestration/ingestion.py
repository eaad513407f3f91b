"""Raw tables: one asset per dlt resource, keyed by its address, fed by the API that it comes from.

Each source is one step and none stops another: a source that cannot be read leaves its tables as
they were, and its check `is_complete` says why.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dlt import DagsterDltTranslator, build_dlt_asset_specs
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import PrivateAttr

from extract.load import Load, load, note_failure, prepare, tables_of
from extract.sources import SOURCES
from extract.tables import instant
from extract.warehouse import pipeline_for
from extract.windows import Window
from orchestration.termination import end_as_others_do

AT_ONCE = 4
"""How many sources are loaded side by side."""

ENDED = (
    "{}: the process that loaded it was ended from outside, mostly for its memory; what it had"
    " committed stays, the next refresh goes on; give the machine more memory if it ends again"
)

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))


class RefreshOptions(dg.ConfigurableResource):
    """What one refresh is asked to do.

    Attributes:
        sources: Sources to load; empty loads every configured one.
        full: Read everything again instead of what changed.
        as_of: ISO time that open work is aged to; empty means FLOWHOUSE_AS_OF, then now.
        span: Two ISO times: read what changed between them again (a backfill).
    """

    sources: list[str] = []
    full: bool = False
    as_of: str = ""
    span: list[str] = []

    _loads: dict[str, "Future[Load]"] = PrivateAttr(default_factory=dict)
    _ended: set[str] = PrivateAttr(default_factory=set)

    def loaded(self, source: str, context: dg.AssetExecutionContext) -> Load:
        """Load what the run asks of a source, and say what was done; or raise what stopped it.

        Loads wait for their servers: who asks first has the loads of all steps of the run done,
        side by side in processes of their own.
        """
        if not self._loads:
            steps = context.run.step_keys_to_execute or [
                node.name for node in context.job_def.nodes
            ]
            span = Window(*map(instant, self.span)) if self.span else None
            self._load_all(
                [name for name in self.sources or SOURCES if f"load_{name}" in steps],
                (context.run_id, self.full, span),
            )
        return self._loads[source].result()

    def _load_all(self, waiting: list[str], how: tuple[str, bool, Window | None]) -> None:
        """Load sources side by side, so many at once.

        Each has a process that no other load shares: one that is killed, for its memory, ends none.
        Then a new process notes that.
        """
        running: dict[Future[Load], tuple[str, ProcessPoolExecutor]] = {}

        def start(name: str, task: Callable[..., Load], *words: Any) -> None:
            pool = ProcessPoolExecutor(1, initializer=end_as_others_do)
            self._loads[name] = pool.submit(task, name, *words)
            running[self._loads[name]] = name, pool

        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                start(waiting.pop(0), _told_load, *how)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, pool = running.pop(future)
                pool.shutdown()
                if isinstance(future.exception(), BrokenProcessPool) and name not in self._ended:
                    self._ended.add(name)
                    start(name, note_failure, how[0], ENDED.format(name))


def _told_load(source: str, refresh_id: str, full: bool, span: Window | None) -> Load:
    """Load a source and return what of it another process can be told."""
    return replace(load(source, refresh_id, full, span), kept={})


class RawTableTranslator(DagsterDltTranslator):
    """Maps resource `issues` of source `jira` to the asset jira/issues, fed by api/jira/issues."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Describe the raw table that a dlt resource is loaded into."""
        source, table = data.resource.source_name, data.resource.name
        endpoints = _endpoints(source)
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=[source, table],
                deps=[["api", source, table]] if table in endpoints else [],
                group_name=source,
                freshness_policy=FRESHNESS,
                description=(
                    f"Raw table, filled from {endpoints.get(table, 'the loads themselves')}."
                ),
            )
        )


def build_ingestion(source: str) -> dg.Definitions:
    """Define the endpoints of a source and the raw tables they are loaded into."""
    specs = build_dlt_asset_specs(
        dlt_source=tables_of(source),
        dlt_pipeline=pipeline_for(source),
        dagster_dlt_translator=RawTableTranslator(),
    )

    @dg.multi_asset(
        name=f"load_{source}",
        specs=specs,
        check_specs=[dg.AssetCheckSpec("is_complete", asset=spec.key) for spec in specs],
    )
    def raw_tables(
        context: dg.AssetExecutionContext, refresh: RefreshOptions
    ) -> Iterator[dg.MaterializeResult]:
        if refresh.sources and source not in refresh.sources:
            prepare(source)
            work = Load(source, context.run_id)
        else:
            work = refresh.loaded(source, context)
        for spec in specs:
            yield _result(spec.key, work)

    endpoints = [
        dg.AssetSpec(["api", source, table], group_name=source, kinds={"api"}, description=endpoint)
        for table, endpoint in _endpoints(source).items()
    ]
    return dg.Definitions(assets=[*endpoints, raw_tables])


def _endpoints(source: str) -> dict[str, str]:
    return {table.name: table.endpoint for table in SOURCES[source].TABLES}


def _result(key: dg.AssetKey, work: Load) -> dg.MaterializeResult:
    """Say how many rows came, and whether the source gave all that it counts."""
    gaps = [
        audit
        for audit in work.audits
        if audit.object in (key.path[-1], "*") and audit.status != "complete"
    ]
    return dg.MaterializeResult(
        asset_key=key,
        metadata={"rows_loaded": work.rows.get(key.path[-1], 0)},
        check_results=[
            dg.AssetCheckResult(
                asset_key=key,
                check_name="is_complete",
                passed=not gaps,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "gaps": [f"{gap.scope or 'all'}: {gap.status}: {gap.message}" for gap in gaps]
                },
            )
        ],
    )


defs = dg.Definitions.merge(
    *(build_ingestion(source) for source in SOURCES),
    dg.Definitions(resources={"refresh": RefreshOptions()}),
)
