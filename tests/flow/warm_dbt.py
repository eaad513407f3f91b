"""Runs dbt in processes that have it imported: to import it takes as long as a small build."""

import multiprocessing
import os
from collections.abc import Mapping
from pathlib import Path


def _run(folder: Path, words: list[str], environment: Mapping[str, str], log: Path) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from dbt.cli.main import dbtRunner

    import orchestration.quick_dbt  # noqa: F401

    done = dbtRunner().invoke(["--no-use-colors", *words])
    print(done.exception or "", flush=True)
    os._exit(0 if done.success else 1)


class WarmDbt:
    """Starts dbt as often as wanted; every run has a process, and so DuckDB, of its own."""

    def __init__(self) -> None:
        """Prepare the server that the processes are forked from."""
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["orchestration.quick_dbt", "dbt.adapters.duckdb"])

    def run(self, folder: Path, words: list[str], environment: Mapping[str, str]) -> None:
        """Run dbt in a project.

        Raises:
            AssertionError: It failed.
        """
        log = folder / "dbt.log"
        process = self.context.Process(target=_run, args=(folder, words, environment, log))
        process.start()
        process.join()
        assert process.exitcode == 0, log.read_text()[-4000:]
