"""`make dev`: Dagster's web server and daemon on this machine, with their store in the home.

It takes the words of `dagster dev`.
"""

import os
import sys

from extract.warehouse import ROOT
from orchestration import environment


def main() -> None:
    """Become `dagster dev`, which nobody but this machine can reach unless `-h` says otherwise."""
    environment.settle_dagster()
    words = ["dev", "-h", "127.0.0.1", "-d", str(ROOT), "-m", "orchestration.definitions"]
    os.execv(sys.executable, [sys.executable, "-m", "dagster", *words, *sys.argv[1:]])


if __name__ == "__main__":
    main()
