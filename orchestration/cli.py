"""The command `flowhouse`: reads the arguments, starts Dagster jobs, prints how they ended.

Imports that take long (DuckDB, dlt, Dagster) are inside of the commands: `--help` needs none.

Exit codes: 0 published, 1 failed (the last published warehouse is untouched), 2 bad
configuration, 3 partial (some scopes failed or a value stream has too many statuses without a
stage; all else was published).
"""

import json
import logging
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from extract.redaction import Redacting, redact
from orchestration import access, gate, running
from orchestration.gate import BAD_CONFIGURATION, FAILED
from orchestration.running import PARTIAL

log = logging.getLogger("flowhouse")


def start_logging() -> None:
    """Log progress: in columns on a terminal, as plain lines elsewhere."""
    if log.handlers:
        return
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(
            console=Console(stderr=True), show_path=False, show_level=False, markup=False
        )
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(Redacting())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def stop(code: int, *lines: str) -> None:
    """Print one line per problem and exit."""
    for line in lines:
        click.echo(f"flowhouse: {redact(line)}", err=True)
    raise SystemExit(code)


class OneLineErrors(click.Group):
    """Shows an unexpected error as one line, and writes its traceback to a file."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except gate.Stopped as stopped:
            stop(stopped.code, *stopped.lines)
        except Exception as error:
            stop(FAILED, line_of_error(error))


def line_of_error(error: Exception) -> str:
    """Return an unexpected error in one line, and keep its traceback in the home.

    What an error quotes is left out: it may be a value of a row.
    """
    from orchestration.failures import with_advice

    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return with_advice(f"{name}{error.strerror}")
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: " + re.sub(r"\"[^\"]*\"?|'[^']*'?", "…", lines[0])[:200]
    text = with_advice(text)
    frames = "".join(traceback.format_tb(error.__traceback__))
    try:
        from extract.raw_store import home

        kept = home() / "failure.txt"
        kept.write_text(redact(f"{frames}{text}\n"))
    except OSError:
        return text
    return f"{text} (where: {kept})"


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flowhouse")
def main() -> None:
    """The open value-stream warehouse."""
    access.read_env_file()
    access.keep_private()
    start_logging()


@main.command()
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Load only this source.")
@click.option("--as-of", metavar="ISO", help="The instant that open work is aged to.")
@click.option("--full", is_flag=True, help="Read everything again, not only what changed.")
def refresh(sources: tuple[str, ...], as_of: str | None, full: bool) -> None:
    """Extract what changed, transform, test, publish, report."""
    as_of = as_of or os.environ.get("FLOWHOUSE_AS_OF", "")
    run_refresh(running.refresh_job, gate.RefreshRequest(sources, as_of), full)


@main.command()
@click.option("--source", required=True, metavar="NAME", help="The source to read.")
@click.option("--from", "first", required=True, metavar="DATE", help="Its first moment (ISO).")
@click.option("--to", "last", required=True, metavar="DATE", help="Its end (ISO).")
def backfill(source: str, first: str, last: str) -> None:
    """Read again what changed in a window, and publish; one that was stopped goes on."""
    as_of = os.environ.get("FLOWHOUSE_AS_OF", "")
    run_refresh(running.backfill_job, gate.RefreshRequest((source,), as_of, (first, last)))


@main.command()
def doctor() -> None:
    """Check seeds, settings, credentials, permissions, clocks and counts; read-only."""
    from extract import probes, settings
    from extract.sources import FOLDERS, SOURCES
    from orchestration import seeds, serving

    if faults := settings.file_faults():
        for fault in faults:
            click.echo(f"FAIL  {'settings':<11} {fault}")
        raise SystemExit(FAILED)

    on = [name for name, source in SOURCES.items() if source.is_on]
    answers = [("flowhouse", probe) for probe in probes.of_flowhouse()] if on else []
    if not set(on) - set(FOLDERS):
        answers += [("flowhouse", probes.Probe(False, "no source is configured"))]
    answers += [("settings", probes.Probe(False, line)) for line in gate.faults_of_settings()]
    found = seeds.checked()
    answers += [("seeds", probes.Probe(False, fault)) for fault in found.lines_shown()]
    if on and not found.faults:
        line = f"{found.files} files with {found.lines:,} lines are good"
        answers += [("seeds", probes.Probe(True, line))]
    answers += [("postgres", probe) for probe in serving.probes()]
    for name in on:
        answers += [(name, probe) for probe in probes.of_source(SOURCES[name])]
    for name, probe in answers:
        click.echo(f"{'ok  ' if probe.is_well else 'FAIL'}  {name:<11} {redact(probe.line)}")
    if not all(probe.is_well for _, probe in answers):
        raise SystemExit(FAILED)


@main.command()
@click.argument("person_keys", nargs=-1, required=True, metavar="PERSON_KEY...")
def forget(person_keys: tuple[str, ...]) -> None:
    """Erase people everywhere, and keep them erased on later loads."""
    from extract.erasure import PERSON_KEY, erase, erase_raw, remember

    if not all(PERSON_KEY.fullmatch(key) for key in person_keys):
        stop(BAD_CONFIGURATION, "a person key is 20 characters of a-z and 2-7, as in dim_people")
    with gate.hold_lock("a refresh is running; wait until it has ended"):
        remember(person_keys)
        rows = erase_raw(list(person_keys))
        from orchestration.environment import build_file, published_folder, report_file

        if build_file().exists():
            rows += erase(build_file(), list(person_keys))
        if (published_folder() / "warehouse.duckdb").exists():
            republish(build_file(), published_folder(), report_file(), list(person_keys))
            copy_to_postgres_if_on("they are erased here, but not there")
    click.echo(f"erased from {rows:,} rows; later loads keep it so")


def republish(build: Path, folder: Path, report: Path, person_keys: list[str]) -> None:
    """Publish without people, and remove all older versions: these still have their keys.

    The tests of a refresh may have failed on the working warehouse. Readers then get what was
    published last, without the people.
    """
    from extract.erasure import erase
    from publish.quality import lack_of_proof
    from publish.report import write_report
    from publish.snapshot import publish

    base, scratch = build, folder / ".erasing"
    if lack_of_proof(build):
        shutil.rmtree(scratch, ignore_errors=True)  # left by a command that was killed
        scratch.mkdir()
        base = Path(shutil.copyfile(folder / "warehouse.duckdb", scratch / "base.duckdb"))
        erase(base, person_keys)
    with access.for_readers():
        publish(base, folder, kept=1)
        if report.exists():
            write_report(folder / "warehouse.duckdb", report)
    shutil.rmtree(scratch, ignore_errors=True)


def copy_to_postgres_if_on(if_not: str) -> None:
    """Copy what is published to PostgreSQL, where that is on.

    Args:
        if_not: What it means for readers where the copy fails; the message ends with it.
    """
    from orchestration import serving

    if not serving.is_postgres_on():
        return
    from publish.postgres import NotCopied

    try:
        if fault := serving.fault_of_postgres():
            raise NotCopied(fault)
        click.echo(serving.copy_line(serving.copy_to_postgres()))
    except NotCopied as why:
        stop(PARTIAL, f"{why}: {if_not}; run `flowhouse publish postgres`")


def run_refresh(job: Callable[[], Any], request: gate.RefreshRequest, full: bool = False) -> None:
    """Refresh, and exit with the code and the lines that say how it ended."""
    code, lines = running.refresh(job, request, full)
    if code:
        stop(code, *lines)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--seeds", "as_seeds", is_flag=True, help="Lines that map what no seed has.")
def status(as_json: bool, as_seeds: bool) -> None:
    """Show the last refresh per source, freshness, open gaps, warnings and sizes."""
    from orchestration import unmapped
    from orchestration.status import status as read_status

    facts = read_status()
    if as_seeds:
        for line in unmapped.text(facts["unmapped"]):
            click.echo(line)
        return
    if as_json:
        click.echo(json.dumps(facts, indent=2, default=str))
        return
    console = Console()
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    table = Table("source", "last load", "age", "rows", "hidden", "gaps", box=None)
    for source in facts["sources"]:
        table.add_row(
            source["source"],
            str(source["last_load_at"] or "never"),
            source["age"],
            f"{source['extracted']:,}",
            f"{source['hidden']:,}",
            str(len(source["gaps"])),
        )
    console.print(table)
    for source in facts["sources"]:
        for gap in source["gaps"]:
            say(f"gap  {gap}")
        for note in source["notes"]:
            say(f"note {source['source']} {note}")
        if gaps := source["history_gaps"]:
            first = [f"{g['scope']} until {g['gap_to'][:10]} ({g['reason']})" for g in gaps[:3]]
            more = f" and {len(gaps) - 3:,} more, in status --json" if len(gaps) > 3 else ""
            say(f"history {source['source']} is not known of {', '.join(first)}{more}")
    for line in facts["marked"]:
        say(f"partial {line}")
    for line in facts["default_streams"]:
        say(f"note {line}")
    for warning in facts["warnings"]:
        say(f"warning {warning}")
    already = {gap for source in facts["sources"] for gap in source["gaps"]} | {*facts["marked"]}
    for line in facts["refreshes"]["lines"]:
        if line.strip() not in already:
            say(line)
    say(f"published  {facts['published'] or 'nothing yet'}")
    if facts["of_when"]:
        say(f"           {facts['of_when']}")
    if facts["restated"]:
        say(f"restated   {facts['restated']}")
    if facts["rolled_back"]:
        say(f"attention  {facts['rolled_back']}")
    say(f"size       {facts['bytes'] / 1e6:.1f} MB")


@main.command()
@click.argument("version", required=False, metavar="[NUMBER]")
@click.option("--list", "is_list", is_flag=True, help="Show which versions there are.")
def rollback(version: str | None, is_list: bool) -> None:
    """Let readers have an older published version again: the one before, or the one of a NUMBER."""
    from orchestration.environment import published_folder, report_file
    from orchestration.versions import Unknown, chosen, shown
    from publish.snapshot import roll_back

    folder = published_folder()
    if is_list:
        for line in shown(folder):
            click.echo(line)
        return
    try:
        with gate.hold_lock("a refresh is running; wait until it has ended, then roll back"):
            wanted = chosen(folder, version)
            with access.for_readers():
                roll_back(folder, wanted)
            for line in shown(folder):
                click.echo(line)
            copy_to_postgres_if_on("readers of the file have the older version")
            write_report_of(wanted, report_file())
    except Unknown as fault:
        stop(FAILED, str(fault))


def write_report_of(version: Path, report: Path) -> None:
    """Write the report of a version that readers were given back; say so where it cannot be."""
    import duckdb

    from publish.report import write_report

    try:
        with access.for_readers():
            click.echo(f"report     {write_report(version, report)}")
    except duckdb.Error:
        stop(
            PARTIAL,
            "the report was not written again: this version lacks tables that it is drawn from;"
            " the next refresh writes it",
        )


@main.group("publish")
def publish_elsewhere() -> None:
    """Copy what is published to where other tools read it."""


@publish_elsewhere.command("postgres")
def publish_postgres() -> None:
    """Replace the copy in PostgreSQL (FLOWHOUSE_POSTGRES_URL) in one transaction."""
    from orchestration import serving
    from publish.postgres import NotCopied

    if fault := serving.fault_of_postgres(is_asked=True):
        stop(BAD_CONFIGURATION, fault)
    try:
        click.echo(serving.copy_line(serving.copy_to_postgres()))
    except (NotCopied, serving.NothingPublished) as why:
        stop(FAILED, str(why))


@main.command("mcp")
def serve_agents() -> None:
    """Serve what is published to agents, read-only (Model Context Protocol over stdio)."""
    from orchestration.environment import published_folder
    from publish.agents import server
    from publish.snapshot import LINK

    link = published_folder() / LINK
    if not link.exists():
        stop(FAILED, "nothing is published yet; run `flowhouse refresh` first")
    server(link).run("stdio")


@main.command()
@click.option("--output", type=click.Path(path_type=Path), help="Where to write it.")
def report(output: Path | None) -> None:
    """Write the static report from the published warehouse."""
    from orchestration.environment import published_folder, report_file
    from publish.report import write_report

    warehouse = published_folder() / "warehouse.duckdb"
    if not warehouse.exists():
        stop(FAILED, "nothing is published yet; run `flowhouse refresh` first")
    with access.for_readers():
        click.echo(write_report(warehouse, output or report_file()))


@main.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="query --metrics NAME ...")
def mf(words: tuple[str, ...]) -> None:
    """Ask for metrics of the published warehouse by any grouping, with MetricFlow's `mf`."""
    from orchestration.mf import Unavailable, run

    try:
        run(words or ("--help",))
    except Unavailable as reason:
        stop(FAILED, str(reason))
