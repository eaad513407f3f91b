"""`flowhouse mf`: MetricFlow's own command on the published warehouse."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.built import DEMO

README = Path(__file__).parents[2] / "README.md"


def mf(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("flowhouse"), "mf", *words],
        env={**os.environ, **DEMO, "FLOWHOUSE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_line_of_the_readme_answers(demo_home: Path) -> None:
    [line] = re.findall(r"flowhouse mf (query .*)", README.read_text())
    words = line.split()
    metric = words[words.index("--metrics") + 1].split(",")[0]
    done = mf(demo_home, *words, "--decimals", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row.split() for row in done.stdout.splitlines() if row.startswith("20")]
    with duckdb.connect(
        str((demo_home / "published" / "warehouse.duckdb").resolve()), read_only=True
    ) as link:
        expected = link.execute(
            f"""
            select strftime(month_start, '%Y-%m-%dT00:00:00'), value_stream_key, sum({metric})
            from metrics.metric_flow_month_totals group by 1, 2 having sum({metric}) > 0
            """
        ).fetchall()
    assert sorted((month, stream, int(n)) for month, stream, n, *_ in rows) == sorted(expected)


def test_what_read_it_says_works_after_make_demo(demo_home: Path) -> None:
    """But for `make lineage`, which tests/publish/test_lineage.py runs."""
    told = README.read_text().split("## Read it\n")[1].split("### ")[0]
    block = [line.removeprefix("    ") for line in told.splitlines() if line.startswith("    ")]
    home, bin = str(demo_home), str(Path(sys.executable).parent)
    script = "\n".join(line for line in block if "make lineage" not in line)
    assert script.count(".flowhouse/demo") == script.count(".venv/bin/") == 2
    done = subprocess.run(
        ["bash", "-euc", script.replace(".flowhouse/demo", home).replace(".venv/bin", bin)],
        env={**os.environ, **DEMO},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "payments" in done.stdout and "velocity" in done.stdout


def test_the_layer_is_valid_and_fits_the_published_tables(demo_home: Path) -> None:
    done = mf(demo_home, "validate-configs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR: 0" in done.stdout.replace("ERRORS: 0", "ERROR: 0"), done.stdout


def test_without_anything_published_it_says_so(tmp_path: Path) -> None:
    done = mf(tmp_path, "query", "--metrics", "velocity")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "flowhouse: nothing is published yet; run `flowhouse refresh` first"
    ]


@pytest.mark.parametrize("words", [("query", "--metrics", "no_such_metric")])
def test_a_metric_that_is_none_is_an_error(demo_home: Path, words: tuple[str, ...]) -> None:
    assert mf(demo_home, *words).returncode != 0
