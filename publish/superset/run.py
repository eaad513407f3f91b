"""Superset on the published warehouse: `make superset`.

python -m publish.superset.run [--only-prepare] [--port 8088]

Superset has an environment of its own, and a folder of its own in FLOWHOUSE_HOME. Everything that
it shows is made of `dashboards.yml` and of the semantic layer, again at each start.
"""

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from publish.semantic import SemanticLayer
from publish.superset import assets

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
BIN = ROOT / ".venv-superset" / "bin"
PASSWORD = "FLOWHOUSE_SUPERSET_ADMIN_PASSWORD"


class Unready(Exception):
    """Superset cannot be started, for a reason that one line says."""


def secret_key(folder: Path) -> str:
    """Return the key that sessions are signed with: the setting, else one that is made once."""
    if setting := os.environ.get("FLOWHOUSE_SUPERSET_SECRET_KEY"):
        return setting
    file = folder / "secret_key"
    if not file.exists():
        draft = folder / ".secret_key"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        draft.replace(file)
    return file.read_text()


def environment(folder: Path) -> dict[str, str]:
    """Return the environment variables of Superset.

    Its bytecode is written when a module is first imported: to compile all 690 MB of it at the
    installation takes half a minute, and most of it is never imported.
    """
    passed = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SOURCES__") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return passed | {
        "FLOWHOUSE_SUPERSET_HOME": str(folder),
        "FLOWHOUSE_SUPERSET_SECRET_KEY": secret_key(folder),
        "SUPERSET_CONFIG_PATH": str(FOLDER / "config.py"),
        "SUPERSET_HOME": str(folder),
        "FLASK_APP": "superset",
        "PYTHONWARNINGS": "ignore",
        "SUPERSET_LOG_LEVEL": "WARNING",
    }


def prepare(home: Path) -> dict[str, str]:
    """Bring Superset's database to what the dashboards say.

    Returns:
        The environment variables that it is served with.

    Raises:
        Unready: Where a setting, the published file or the installation is missing.
    """
    if not os.environ.get(PASSWORD):
        raise Unready(f"{PASSWORD} is not set; there is no default password")
    published = home / "published" / "warehouse.duckdb"
    if not published.exists():
        raise Unready(f"nothing is published in {home}; run `flowhouse refresh` first")
    if not (BIN / "gunicorn").exists():
        raise Unready("Superset is not installed; run `make superset`")
    folder = home / "superset"
    folder.mkdir(mode=0o700, exist_ok=True)
    archive = folder / "assets.zip"
    layer = SemanticLayer.read(home / "dbt" / "target")
    archive.write_bytes(assets.archive(layer, published.absolute()))
    variables = environment(folder)
    done = subprocess.run(
        [BIN / "python", FOLDER / "bootstrap.py", archive],
        env=variables,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = folder / "bootstrap.log"
        log.write_text(done.stdout + done.stderr)
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Unready(f"Superset could not be prepared: {last[:300]}; more in {log}")
    print(done.stdout.strip().splitlines()[-1], flush=True)
    return variables


def command(port: int) -> list[str | Path]:
    """Return the command that serves Superset, to this machine alone."""
    return [
        *(BIN / "gunicorn", "--workers", "1", "--worker-class", "gthread", "--threads", "8"),
        *("--timeout", "120", "--log-level", "warning", "--bind", f"127.0.0.1:{port}"),
        "superset.app:create_app()",
    ]


def serve(home: Path, port: int, variables: Mapping[str, str]) -> None:
    """Become Superset's server."""
    print(f"Superset on http://127.0.0.1:{port} (admin)", flush=True)
    os.chdir(home / "superset")
    words = [str(word) for word in command(port)]
    os.execve(words[0], words, dict(variables))


def main() -> None:
    """Prepare, then serve until somebody stops it."""
    parser = argparse.ArgumentParser(prog="make superset")
    parser.add_argument("--only-prepare", action="store_true")
    parser.add_argument("--port", type=int, default=8088)
    arguments = parser.parse_args()
    home = Path(os.environ.get("FLOWHOUSE_HOME") or ROOT / ".flowhouse").absolute()
    try:
        variables = prepare(home)
    except Unready as reason:
        print(f"superset: {reason}", file=sys.stderr)
        raise SystemExit(2) from None
    if not arguments.only_prepare:
        serve(home, arguments.port, variables)


if __name__ == "__main__":
    main()
