"""`make demo`: the full pipeline on the demo company, over HTTP, in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Start the demo company's servers, refresh the warehouse from them, stop them.

    Returns:
        The exit code of the refresh: 0 only if everything was built, tested and published.
    """
    began = time.monotonic()
    home = Path(os.environ.get("FLOWHOUSE_HOME") or ROOT / ".flowhouse").resolve() / "demo"
    home.mkdir(parents=True, exist_ok=True)
    print("demo company: generating two years of work of three value streams", flush=True)
    servers = subprocess.Popen(
        [sys.executable, "-m", "demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        settings = _settings(servers)
        environment = {
            **{name: value for name, value in os.environ.items() if "SOURCES__" not in name},
            **settings,
            "FLOWHOUSE_HOME": str(home),
            "FLOWHOUSE_PSEUDONYM_KEY": "flowhouse-demo-key",
            "FLOWHOUSE_COMPANY": "demo",
        }
        print(f"demo company: serving after {time.monotonic() - began:.0f} s", flush=True)
        flowhouse = str(Path(sys.executable).with_name("flowhouse"))
        # Not in ROOT: settings of the real tools lie there, in `.env` and `.dlt`.
        code = subprocess.run([flowhouse, "refresh"], cwd=home, env=environment).returncode
    finally:
        servers.send_signal(signal.SIGTERM)
        servers.wait(10)
    if code == 0:
        print(f"dagster    FLOWHOUSE_HOME={home} FLOWHOUSE_COMPANY=demo make dev")
        print(f"done in {time.monotonic() - began:.0f} s")
    return code


def _settings(servers: subprocess.Popen) -> dict[str, str]:
    """Read the settings that the servers print before they say `ready`."""
    settings = {}
    for line in servers.stdout:
        if line.strip() == "ready":
            return settings
        name, _, value = line.strip().partition("=")
        settings[name] = value
    raise SystemExit("flowhouse: the demo company's servers did not start")


if __name__ == "__main__":
    sys.exit(main())
