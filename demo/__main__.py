"""`python -m demo`: serve the demo company until SIGTERM or Ctrl-C.

Prints the settings of a refresh, one KEY=VALUE a line, then `ready`.
"""

import signal
import sys
import threading
from datetime import UTC, datetime

from demo.company import NOW
from demo.serve import start


def main() -> int:
    """Serve until a signal comes."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, frame: stop.set())
    with start() as servers:
        moment = datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for key, value in {**servers.env, "FLOWHOUSE_AS_OF": moment}.items():
            print(f"{key}={value}")
        print("ready", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
