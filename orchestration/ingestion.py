"""Raw tables: one asset per dlt resource, keyed by its address, fed by the API that it comes from.

Each source is one step and none stops another: a source that cannot be read leaves its tables as
they were, and its check `is_complete` says why. Only what was loaded is materialised, so that a
table grows stale when its source is down; the rest is built on its last good rows.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import dagster as dg
import duckdb
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster_dlt import DagsterDltTranslator, build_dlt_asset_specs
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import PrivateAttr

from extract.load import AUDITS, Lost, Unwritable, load, note_failure, prepare, tables_of
from extract.raw_store import pipeline_for, raw_file
from extract.run import Audit, LoadRun
from extract.sources import SOURCES
from extract.tables import instant
from extract.windows import Window
from orchestration import duty, gate, life, outcome, retention
from orchestration.failures import STILL_PUBLISHED
from orchestration.termination import end_as_others_do

AT_ONCE = 4
"""How many sources are loaded side by side."""

ENDED = (
    "{}: the process that loaded it was ended from outside, mostly for its memory; what it had"
    " committed stays, the next refresh goes on; give the machine more memory if it ends again"
)

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
"""A daily load that did not come is noticed before the next one would."""

_OWNER = os.environ.get("FLOWHOUSE_OWNER") if gate.is_well_formed("FLOWHOUSE_OWNER") else ""
OWNERS = [_OWNER or "team:flowhouse"]
"""Who is asked about an asset."""

POOL = "duckdb"
"""The pool of all steps: DuckDB has one writer, and so has flowhouse."""

IS_COMPLETE = "The last load brought all that the source counts; else the gaps are named."

AGAIN = dg.RetryPolicy(max_retries=2, delay=20, backoff=dg.Backoff.EXPONENTIAL)
"""For a load that met another one of its source; requests are tried again by themselves."""

NO_SPAN = "the job backfill reads a window: set `span`, for example [2024-01-01, 2024-02-01]"

LEFT_AS_IT_WAS = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
"""Marks an output that is not to count as a materialisation: Dagster skips what rests on an output
that did not come, and has no other word for "go on with what is there"."""


@dataclass(frozen=True)
class Loaded:
    """What was done with a source in a run.

    Attributes:
        run: The load; without audits where the source was not asked for anything.
        seconds: How long it took.
    """

    run: LoadRun
    seconds: float = 0.0


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

    _loads: dict[str, "Future[Loaded]"] = PrivateAttr(default_factory=dict)
    _gaps: list[str] | None = PrivateAttr(default=None)
    _not_served: list[str] = PrivateAttr(default_factory=list)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["RefreshOptions"]:
        """Pass the gate before the first step, and note after the last one what came of the run."""
        run, instance = context.run, context.instance
        life.give_sign(instance, run.run_id)
        life.end_dead_runs(instance)
        began = outcome.Outcome(run.run_id, outcome.starter(run.tags), outcome.now())
        as_of = self.as_of or os.environ.get("FLOWHOUSE_AS_OF", "")
        try:
            if run.job_name == "backfill" and not self.span:
                raise gate.Stopped(gate.BAD_CONFIGURATION, [NO_SPAN])
            with gate.pass_gate(gate.RefreshRequest(self.sources, as_of, self.span)):
                outcome.note(began)
                try:
                    yield self
                except BaseException:
                    _note(instance, began, outcome.FAILED, ["it was stopped (SIGTERM)"])
                    raise
                _note(instance, began, *self._came_to(instance, run.run_id))
                try:
                    retention.prune(instance)
                except Exception as error:  # what is published is published
                    context.log.warning("older runs were not deleted: %s", type(error).__name__)
        except gate.Stopped as stopped:
            for line in stopped.lines:
                context.log.error(line)
            if not stopped.is_busy:
                outcome.note_refusal(began, stopped.lines)
                instance.add_run_tags(run.run_id, {outcome.TAG: outcome.FAILED})
            raise dg.Failure(str(stopped), allow_retries=False) from None

    def _came_to(self, instance: dg.DagsterInstance, run_id: str) -> tuple[str, list[str]]:
        """Return in a word and in lines what became of a run whose steps have ended."""
        if failed := duty.reasons(instance, run_id, with_rows=True):
            if STILL_PUBLISHED not in failed:
                return outcome.FAILED, failed
            return outcome.PARTIAL, [*failed, *(self._gaps or []), *self._not_served]
        if self._gaps is None:
            return outcome.BUILT, []
        gaps = [*self._gaps, *self._not_served]
        return (outcome.PARTIAL if gaps else outcome.PUBLISHED), gaps

    def published_with(self, gaps: list[str]) -> None:
        """Note what is missing from what was published."""
        self._gaps = gaps

    def not_served(self, line: str) -> None:
        """Note what did not get what was published; it is a gap like those of the sources."""
        self._not_served.append(line)

    def loaded(self, source: str, context: dg.AssetExecutionContext) -> Loaded:
        """Load what the run asks of a source, and say what was done; or raise what stopped it.

        Loads wait for their servers: who asks first has the loads of all steps of the run done,
        side by side in processes of their own. A load that is tried again is tried alone.
        """
        if context.retry_number:
            self._load([source], context.run_id)
        elif not self._loads:
            steps = context.run.step_keys_to_execute or [
                node.name for node in context.job_def.nodes
            ]
            wanted = [name for name in self.sources or SOURCES if f"load_{name}" in steps]
            self._load(wanted, context.run_id)
        return self._loads[source].result()

    def _load(self, names: list[str], run_id: str) -> None:
        span = Window(*map(instant, self.span)) if self.span else None
        ended = self._side_by_side(AT_ONCE, names, _load_in_process, run_id, self.full, span)
        # Alone it may have the memory that it needs.
        ended = self._side_by_side(1, ended, _load_in_process, run_id, self.full, span)
        self._side_by_side(1, ended, _note_killed, run_id)

    def _side_by_side(
        self, at_once: int, names: list[str], task: Callable[..., "Loaded"], *words: Any
    ) -> list[str]:
        """Do something with sources, and return those whose process was ended from outside.

        Each has a process that no other one shares: who is killed, for its memory, ends no other.
        """
        waiting, ended = [*names], []
        running: dict[Future[Loaded], tuple[str, ProcessPoolExecutor]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    name = waiting.pop(0)
                    pool = ProcessPoolExecutor(1, initializer=end_as_others_do)
                    self._loads[name] = pool.submit(task, name, *words)
                    running[self._loads[name]] = name, pool
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name, pool = running.pop(future)
                    pool.shutdown()
                    if isinstance(future.exception(), BrokenProcessPool):
                        ended.append(name)
        except BaseException:  # the run is ended: its loads would go on, and hold the raw files
            for child in multiprocessing.active_children():
                child.kill()
            raise
        return ended


def _load_in_process(source: str, refresh_id: str, full: bool, span: Window | None) -> Loaded:
    """Load a source and return the part of its run that can be sent to another process."""
    began = time.monotonic()
    run = replace(load(source, refresh_id, full, span), kept={})
    return Loaded(run, round(time.monotonic() - began, 3))


def _note_killed(source: str, refresh_id: str) -> Loaded:
    """Note that the process of a load was ended from outside, and return that."""
    return Loaded(replace(note_failure(source, refresh_id, ENDED.format(source)), kept={}))


def _note(
    instance: dg.DagsterInstance, began: outcome.Outcome, word: str, lines: list[str]
) -> None:
    outcome.note(replace(began, ended_at=outcome.now(), outcome=word, lines=lines))
    instance.add_run_tags(began.refresh_id, {outcome.TAG: word})


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
                owners=OWNERS,
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
        check_specs=[
            dg.AssetCheckSpec("is_complete", asset=spec.key, description=IS_COMPLETE)
            for spec in specs
        ],
        retry_policy=AGAIN,
        pool=POOL,
    )
    def raw_tables(
        context: dg.AssetExecutionContext, refresh: RefreshOptions
    ) -> Iterator[dg.MaterializeResult | dg.Output | dg.AssetObservation | dg.AssetCheckResult]:
        try:
            if refresh.sources and source not in refresh.sources:
                prepare(source)
                done = Loaded(LoadRun(source, context.run_id))
            else:
                done = refresh.loaded(source, context)
        except (Lost, Unwritable) as fault:
            raise dg.Failure(str(fault), allow_retries=False) from None
        there = _rows_there(source)
        for spec in specs:
            yield from _table_results(spec.key, done, there)

    endpoints = [
        dg.AssetSpec(
            ["api", source, table],
            group_name=source,
            kinds={"api"},
            owners=OWNERS,
            description=endpoint,
        )
        for table, endpoint in _endpoints(source).items()
    ]
    return dg.Definitions(assets=[*endpoints, raw_tables])


def _endpoints(source: str) -> dict[str, str]:
    return {table.name: table.endpoint for table in SOURCES[source].tables}


def _rows_there(source: str) -> dict[str, int]:
    """Return about how many rows each raw table of a source has."""
    with duckdb.connect(str(raw_file(source)), read_only=True) as raw:
        return dict(
            raw.execute(
                "select table_name, estimated_size from duckdb_tables() where schema_name = $1",
                [source],
            ).fetchall()
        )


def _table_results(
    key: dg.AssetKey, done: Loaded, there: dict[str, int]
) -> Iterator[dg.MaterializeResult | dg.Output | dg.AssetObservation | dg.AssetCheckResult]:
    """Say how many rows came, and whether the source gave all that it counts.

    A table that no load read is unchanged: one of a source that is off or was not asked, any of a
    source that could not be read to its end, and one of which no scope could be read.
    """
    run, table = done.run, key.path[-1]
    audits = [audit for audit in run.audits if audit.object in (table, "*")]
    gaps = [audit for audit in audits if audit.status != "complete"]
    shown = [f"{gap.scope or 'all'}: {gap.status}: {gap.message}" for gap in gaps]
    failed = [audit.object for audit in audits if audit.status == "failed"]
    is_loaded = bool(run.audits) and (
        table == AUDITS or ("*" not in failed and (not failed or len(failed) < len(audits)))
    )
    metadata: dict[str, Any] = {
        "rows_loaded": run.rows.get(table, 0),
        "dagster/row_count": there.get(table, 0),
        "source_bytes": raw_file(run.source).stat().st_size,
        "source_seconds": done.seconds,
        "gaps": shown,
        **_window(audits),
    }
    if is_loaded:
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
    else:
        yield dg.AssetObservation(key, description="nothing was loaded", metadata=metadata)
        yield dg.Output(None, key.to_python_identifier(), metadata=LEFT_AS_IT_WAS)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name="is_complete",
        passed=not gaps,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"gaps": shown},
    )


def _window(audits: list[Audit]) -> dict[str, dg.MetadataValue]:
    """Return between which times of the server a table was read."""
    found = {}
    for name, choose in (("window_from", min), ("window_to", max)):
        times = [at for audit in audits if (at := getattr(audit, name)) is not None]
        if times:
            found[name] = dg.MetadataValue.timestamp(choose(times))
    return found


def build_all_ingestion() -> dg.Definitions:
    """Define the endpoints and raw tables of all sources."""
    return dg.Definitions.merge(
        *(build_ingestion(source) for source in SOURCES),
        dg.Definitions(resources={"refresh": RefreshOptions()}),
    )
