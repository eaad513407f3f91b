"""Points dbt, Dagster and Great Expectations at FLOWHOUSE_HOME, before any of them is imported."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from extract.raw_store import ROOT, home, raw_folder
from orchestration import access

DBT_PROJECT = ROOT / "dbt_project"

CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def build_file() -> Path:
    """Return the working warehouse that dbt writes."""
    return home() / "build.duckdb"


def published_folder() -> Path:
    """Return the folder of the published warehouse's versions and of the link to the newest."""
    return home() / "published"


def report_file() -> Path:
    """Return the static report."""
    return home() / "report" / "index.html"


def expectation_results_file(refresh_id: str) -> Path:
    """Return where the checks of the raw tables leave their results for one refresh."""
    return home() / "expectations" / f"{refresh_id}.json"


def expectation_docs_folder() -> Path:
    """Return the folder of the pages on the raw tables, beside the report that leads to them."""
    return report_file().parent / "expectations"


MEMORY_LIMIT_MB = 3_000


def memory_limit() -> str:
    """Return how much memory DuckDB may use: 3 GB, or half of what there is where that is less.

    A container may be given less than the machine has.
    """
    there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            there_is = min(there_is, int(path.read_text()))
    return f"{min(there_is // 2_000_000, MEMORY_LIMIT_MB)}MB"


OURS = (
    "3a6e486c9c67cfe69e05cecbbc55b79f9ac2d1ad80853aba4b2c3c04724d8df9",
    "60485b96b65f1c24a86c9e3b2c0b31a54d18b6b6cebcedc9076c775f58b3d50c",
    "55ad55c2933968eb18e9326dba9de307343059c5a2c835c716ca9f5700dcff31",
    "26e9bfdd985d4bc6e41db9cdcade9953f71f7103ea38f8e6b66dd4e249ddbfac",
)
"""Every dagster.yaml that we have shipped (SHA-256) before the one that says so itself."""

SIGN = b"# flowhouse writes this file"


def dagster_folder() -> Path:
    """Return the folder of Dagster's runs, events and schedules."""
    return home() / "dagster"


def settle_dagster() -> Path:
    """Make Dagster's folder, with our dagster.yaml unless somebody wrote one of his own.

    Returns:
        The folder.
    """
    folder, shipped = dagster_folder(), ROOT / "dagster.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    there = file.read_bytes() if file.exists() else SIGN
    is_ours = there.startswith(SIGN) or hashlib.sha256(there).hexdigest() in OURS
    if is_ours and there != shipped.read_bytes():
        shutil.copyfile(shipped, file)
    return folder


def prepare() -> None:
    """Set what the tools read from the environment; nothing is written.

    All of it follows from FLOWHOUSE_HOME, so what another home left in the environment must go.
    """
    for name, value in {
        "FLOWHOUSE_BUILD": build_file(),
        # Empty is not set: dbt would take the seeds of every company.
        "FLOWHOUSE_COMPANY": os.environ.get("FLOWHOUSE_COMPANY") or "company",
        "FLOWHOUSE_RAW": raw_folder(),
        "DBT_PROJECT_DIR": DBT_PROJECT,
        "DBT_PROFILES_DIR": DBT_PROJECT,
        "DBT_TARGET_PATH": home() / "dbt" / "target",
        "DBT_LOG_PATH": home() / "dbt" / "logs",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "DAGSTER_HOME": dagster_folder(),
        # What a run plans is noted at once, and not in an event after the other.
        "DAGSTER_EVENT_BATCH_SIZE": 1_000,
    }.items():
        os.environ[name] = str(value)
    if not os.environ.get("FLOWHOUSE_MEMORY_LIMIT"):
        os.environ["FLOWHOUSE_MEMORY_LIMIT"] = memory_limit()
    access.keep_private()


access.read_env_file()
prepare()
