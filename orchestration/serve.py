"""Starts Dagster's servers with their store in the home; nobody but this machine can reach them.

`python -m orchestration.serve dev` is `make dev`: web server, daemon and code in one. `web`,
`daemon` and `code` are the three of them alone, for a machine that runs them for good (deploy/).
Words after it go to Dagster: `-h 0.0.0.0` lets other machines in.
"""

import os
import sys

from extract.raw_store import ROOT
from orchestration import environment

HERE = ["-h", "127.0.0.1"]
CODE = ["-d", str(ROOT), "-m", "orchestration.definitions"]
SERVERS = {
    "dev": ["-m", "dagster", "dev", *HERE, *CODE],
    "web": ["-m", "dagster_webserver", *HERE, "-p", "3000"],
    "daemon": ["-m", "dagster._daemon", "run"],
    "code": ["-m", "dagster", "api", "grpc", *HERE, "-p", "4000", *CODE],
}


def words(server: str, more: list[str]) -> list[str]:
    """Return the command line of a server; without a workspace it loads the code itself."""
    own = [*SERVERS[server], *more]
    needs_code = server in ("web", "daemon") and "-w" not in more
    return [sys.executable, *own, *(CODE if needs_code else [])]


def main() -> None:
    """Become the server."""
    if len(sys.argv) < 2 or sys.argv[1] not in SERVERS:
        raise SystemExit(f"flowhouse: choose one of {', '.join(SERVERS)}")
    environment.settle_dagster()
    command = words(sys.argv[1], sys.argv[2:])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
