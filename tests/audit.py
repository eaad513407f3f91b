"""`make audit`: holds what uv.lock locks against the known holes, and says what could not be asked.

Exit codes: 0 nothing is known against any package, 1 something is, 2 it could not be asked of some.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIP_AUDIT = "pip-audit==2.10.1"
UV = Path(sys.executable).with_name("uv")


def verdict(report: Mapping) -> tuple[int, list[str]]:
    """Return the exit code and what to say of pip-audit's report."""
    packages = report["dependencies"]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}"
        f" (mended in {', '.join(hole.get('fix_versions') or ()) or 'no version yet'})"
        for package in packages
        for hole in package.get("vulns") or ()
    ]
    unasked = [package["name"] for package in packages if package.get("skip_reason")]
    asked = len(packages) - len(unasked)
    lines = holes or ([f"nothing is known against {asked:,} packages"] if asked else [])
    if unasked:
        lines.append(
            f"{len(unasked)} of {len(packages)} packages could not be asked for: the advisories"
            " are not within reach from here, so nothing is proven of them"
        )
    return (1 if holes else 2 if unasked else 0), lines


def main() -> int:
    """Export what is locked, with its hashes, ask, and tell."""
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "locked.txt"
        subprocess.run(
            [UV, "export", "--frozen", "--all-extras", "--no-emit-project", "-q", "-o", locked],
            cwd=ROOT, check=True,
        )  # fmt: skip
        unhashed = [
            line
            for line in locked.read_text().replace("\\\n", " ").splitlines()
            if line[:1].isalnum() and "--hash=" not in line
        ]
        if unhashed:
            print(f"audit: locked without a hash: {', '.join(unhashed)}")
            return 1
        done = subprocess.run(
            [
                UV, "tool", "run", "--quiet", "--from", PIP_AUDIT, "pip-audit", "-r", locked,
                "--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json",
            ],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    try:
        code, lines = verdict(json.loads(done.stdout))
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        code, lines = 2, [f"the advisories could not be asked, so nothing is proven: {said[:300]}"]
    for line in lines:
        print(f"audit: {line}")
    return code


if __name__ == "__main__":
    sys.exit(main())
