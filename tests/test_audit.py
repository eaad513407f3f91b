"""What `make audit` makes of pip-audit's report, and that all that is locked has a hash."""

import tomllib

from tests.audit import ROOT, verdict

GOOD = {"name": "click", "version": "8.1", "vulns": []}
BAD = {
    "name": "old", "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "description": "x"}],
}  # fmt: skip
UNKNOWN = {"name": "far", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def test_a_hole_is_named_with_its_mend() -> None:
    code, lines = verdict({"dependencies": [GOOD, BAD, UNKNOWN]})
    assert (code, lines[0]) == (1, "old 1.0: PYSEC-1 (mended in 1.1)")


def test_what_could_not_be_asked_is_not_proven() -> None:
    code, lines = verdict({"dependencies": [GOOD, UNKNOWN]})
    assert code == 2
    assert lines[0] == "nothing is known against 1 packages"
    assert lines[1].startswith("1 of 2 packages could not be asked for")


def test_nothing_known_is_well() -> None:
    assert verdict({"dependencies": [GOOD]}) == (0, ["nothing is known against 1 packages"])


def test_everything_that_is_locked_has_a_hash() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    files = [
        file
        for package in packages
        for file in [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    ]
    assert len(files) > 500
    assert all(file["hash"].startswith("sha256:") for file in files)
