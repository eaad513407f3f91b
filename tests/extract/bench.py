"""The benchmark of the extraction: `make bench-extract`. Prints what was measured, tests nothing.

A generated Jira of 100,000 issues with 12 histories each, served by a process of its own on the
loopback; loaded in full, again without a change, a day later with the daily census and listings,
and again with 1 % changed.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE, HISTORIES = int(os.environ.get("BENCH_ISSUES", "100000")), 12


def main() -> None:
    """Run the loads and print one line for each."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("scripted_jira.py"), str(SIZE), str(HISTORIES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url = server.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "FLOWHOUSE_HOME": home,
            "FLOWHOUSE_PSEUDONYM_KEY": "bench",
            "SOURCES__JIRA__BASE_URL": url,
            "SOURCES__JIRA__API_TOKEN": "scripted-token",
        }
        from extract import raw_store
        from extract.load import load

        print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
              f"Python {platform.python_version()}")  # fmt: skip
        print(f"{SIZE:,} issues with {HISTORIES} histories each")
        for name, before in (
            ("first load", ""),
            ("nothing changed", "later"),
            ("nothing changed, a day later", "day"),
            ("1 % changed", f"change {SIZE // 100}"),
        ):
            if before:
                server.stdin.write(before + "\n")
                server.stdin.flush()
            began, cpu = time.monotonic(), time.process_time()
            work = load("jira", name)
            took, cpu = time.monotonic() - began, time.process_time() - cpu
            server.stdin.write("journal\n")
            server.stdin.flush()
            asked = json.loads(server.stdout.readline())
            bodies = sum(n for path, n in asked.items() if path.endswith("issue/bulkfetch"))
            logs = sum(n for path, n in asked.items() if path.endswith("changelog/bulkfetch"))
            searches = sum(n for path, n in asked.items() if "/search/" in path and "jql" in path)
            total = sum(asked.values())
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows = work.rows.get("issues", 0)
            print(
                f"{name}: {rows:,} issues, {work.rows.get('histories', 0):,} histories in "
                f"{took:.1f} s wall, {cpu:.1f} s CPU ({rows / cpu:,.0f} issues per CPU second), "
                f"peak {peak:,.0f} MiB; {total:,} requests: {bodies:,} issue, {logs:,} history, "
                f"{searches:,} search, {total - bodies - logs - searches:,} other; "
                f"{work.windows} windows; {sorted({a.status for a in work.audits})}"
            )
        count = raw_store.rows("jira", "select count(*) from jira.issues")[0][0]
        histories = raw_store.rows("jira", "select count(*) from jira.histories")[0][0]
        print(f"in the raw file: {count:,} issues, {histories:,} histories")
    server.kill()


if __name__ == "__main__":
    main()
