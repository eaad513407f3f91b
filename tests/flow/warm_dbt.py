"""Runs dbt in processes that have it imported: to import it takes as long as a small build."""

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from orchestration.cutoff import Cutoff, watch


def _run(
    folder: Path,
    words: list[str],
    environment: Mapping[str, str],
    log: Path,
    cutoff: Cutoff | None,
    left_out: Connection,
) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from dbt.cli.main import dbtRunner

    import orchestration.quick_dbt  # noqa: F401

    if cutoff:
        watch(cutoff)
    done = dbtRunner().invoke(["--no-use-colors", *words])
    if cutoff:
        left_out.send(cutoff.spared)
    print(done.exception or "", flush=True)
    os._exit(0 if done.success else 1)


class WarmDbt:
    """Starts dbt as often as wanted; every run has a process, and so DuckDB, of its own."""

    def __init__(self) -> None:
        """Prepare the server that the processes are forked from."""
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(
            ["orchestration.quick_dbt", "orchestration.cutoff", "dbt.adapters.duckdb"]
        )

    def run(
        self,
        folder: Path,
        words: list[str],
        environment: Mapping[str, str],
        cutoff: Cutoff | None = None,
    ) -> list[str]:
        """Run dbt in a project, and return the nodes that a cutoff has left out.

        Raises:
            AssertionError: It failed.
        """
        log = folder / "dbt.log"
        reader, writer = self.context.Pipe(duplex=False)
        process = self.context.Process(
            target=_run, args=(folder, words, environment, log, cutoff, writer)
        )
        process.start()
        writer.close()
        try:
            spared = reader.recv()
        except EOFError:
            spared = []
        process.join()
        assert process.exitcode == 0, log.read_text()[-4000:]
        return spared
