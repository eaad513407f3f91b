"""What the extraction of 25,000 incidents with 140,000 audit rows costs: requests, time, memory.

    python -m tests.extract.bench_servicenow [INCIDENTS]

The instance is served from this process, every load runs in one of its own. Exit code 1 if a
budget is exceeded.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import timedelta

from tests.extract.made_servicenow import Instance, serving

LOAD = """
import json, resource, time
from extract.load import load
began = time.monotonic()
work = load("servicenow", "bench")
print(json.dumps({
    "seconds": round(time.monotonic() - began, 1),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    "rows": work.rows,
    "statuses": sorted({audit.status for audit in work.audits}),
}))
"""
MOST_REQUESTS, MOST_MIB = 400, 512


def measured(instance: Instance, home: str) -> dict:
    """Load in a process of its own and return what it cost."""
    asked = len(instance.journal)
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        env={**os.environ, **instance.settings, "FLOWHOUSE_HOME": home},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    facts = json.loads(done.stdout.splitlines()[-1])
    return {"requests": len(instance.journal) - asked, **facts}


def main() -> int:
    """Measure a first load, one without changes, and one of a day."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    rng, instance = random.Random(7), Instance()
    for number in range(count):
        instance.live(rng, number)
    instance.rows_of["sys_audit"].sort(key=lambda row: row["sys_created_on"])
    print(f"{count:,} incidents, {len(instance.rows_of['sys_audit']):,} audit rows")
    with serving(instance), tempfile.TemporaryDirectory() as home:
        first = measured(instance, home)
        print("first load      ", json.dumps(first))
        instance.clock.advance(86_400)
        print("no change       ", json.dumps(nothing := measured(instance, home)))
        for row in instance.rows_of["incident"][: count // 100]:
            instance.update(row, instance.now - timedelta(hours=3), state="2")
        print("1 % changed     ", json.dumps(day := measured(instance, home)))
    faults = [
        first["requests"] > MOST_REQUESTS * max(1, count / 25_000),
        max(load["peak_mib"] for load in (first, nothing, day)) >= MOST_MIB,
        first["rows"].get("incidents", 0) < count,
        day["rows"].get("incidents") != count // 100,
        nothing["requests"] > 40 or day["requests"] > nothing["requests"] + 2 + count // 5_000,
    ]
    print("budgets kept" if not any(faults) else f"BUDGET EXCEEDED {faults}")
    return int(any(faults))


if __name__ == "__main__":
    sys.exit(main())
