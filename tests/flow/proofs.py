"""Writes the table of proofs into README.md from what really ran: the last step of `make mutate`.

    python -m tests.flow.proofs FOLDER

FOLDER holds what the runs left: `faults.json` (tests/flow/faults.py), and where they ran
`mutations.json` (tests/flow/mutate.py), `mutants.json` (tests/mutate), and of `make test` and
`make test-long` `tests.xml` and `tests-long.xml`.
Which invariant a test proves stands in its .yml; what the test suite proves beside them, here.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from tests.flow import scratch
from tests.flow.faults import FAULTS

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- proofs -->", "<!-- /proofs -->"
NUMBERS = range(1, 27)

BY_PYTEST = {
    "test_order_of_the_input_the_machines_time_zone_and_a_second_run_change_nothing": (20, 21),
    "test_the_time_zone_of_the_machine_changes_nothing": (21,),
    "test_models_keep_to_the_sql_that_engines_share": (21,),
    "test_numbers_are_those_of_the_seed_the_group_and_the_origin": (23,),
    "test_a_backtest_is_the_forecast_of_its_day": (23,),
    "test_forecasts_of_the_past_came_true_as_often_as_they_said": (23,),
    "test_no_person_of_the_company_is_named_anywhere": (24,),
    "test_seven_days_later_everything_lasts_as_long": (26,),
    "test_an_item_less_and_a_status_more_change_nothing_else": (26,),
    "test_a_load_that_comes_twice_changes_nothing": (26,),
}
"""Tests of the suite that prove an invariant where no query of one warehouse can."""


def by_dbt() -> dict[str, tuple[int, ...]]:
    """Return every invariant that runs in a refresh, with its numbers in README.md."""
    found = {}
    for path in sorted((scratch.PROJECT / "tests").glob("*.yml")):
        (test,) = yaml.safe_load(path.read_text())["data_tests"]
        found[test["name"]] = tuple(test["config"]["meta"]["invariants"])
    return found


def warns(test: str) -> bool:
    """Whether a test only warns."""
    return "severity='warn'" in (scratch.PROJECT / "tests" / f"{test}.sql").read_text()


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _suite(path: Path) -> dict[str, str]:
    """Return how each test of the last suite ended; the cases of one together."""
    found: dict[str, str] = {}
    if path.exists():
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name = case.get("name", "").split("[")[0]
            failed = case.find("failure") is not None or case.find("error") is not None
            skipped = case.find("skipped") is not None
            state = "fails" if failed else "skipped" if skipped else "holds"
            if found.get(name) != "fails":
                found[name] = state
    return found


def table(folder: Path) -> str:
    """Return the table of proofs, of what the runs left in a folder."""
    faults = _read(folder / "faults.json")
    others = _read(folder / "mutations.json")
    mutants = _read(folder / "mutants.json")
    suite = _suite(folder / "tests.xml") | _suite(folder / "tests-long.xml")
    noticed = defaultdict(list)
    for outcome in faults["faults"]:
        noticed[outcome["invariant"]].append(outcome)
    more = Counter(
        outcome["noticed_by"].removeprefix("test ")
        for outcome in others.get("mutations", [])
        if outcome["noticed_by"].startswith("test ")
    )
    lines = [
        f"Written by `python -m tests.flow.proofs` from what ran at {faults['ran_at']}"
        f" ({len(faults['faults'])} faults in {faults['seconds']} s).",
        "",
        "| No. | Proof | Fault that it alone notices | Mutations it was the first to notice"
        " | Last result |",
        "|---|---|---|---|---|",
    ]
    rows = []
    for test, numbers in by_dbt().items():
        rules = []
        for outcome in noticed[test]:
            also = [name for name in outcome["noticed_by"] if name != test]
            beside = f" (also {', '.join(also)})" if also and not outcome["wrong"] else ""
            rules.append(
                f"{outcome['rule']}{beside}" + (": " * bool(outcome["wrong"])) + outcome["wrong"]
            )
        found = faults["invariants"].get(test)
        result = "not run" if found is None else "holds" if not found else f"{found} rows"
        rows.append(
            (numbers, test, "; ".join(rules), str(more[test] or ""),
             result + (" (warns)" if warns(test) else ""))
        )  # fmt: skip
    for test, numbers in BY_PYTEST.items():
        rows.append((numbers, test, "", "", suite.get(test, "not run here; `make test` runs it")))
    for numbers, *cells in sorted(rows, key=lambda row: (row[0] or (99,), row[1])):
        shown = ", ".join(map(str, numbers)) or "-"
        lines.append(f"| {shown} | `{cells[0]}` | {' | '.join(cells[1:])} |")
    if others:
        told = [outcome["noticed_by"] for outcome in others["mutations"]]
        cases = sum(noticed_by.startswith("golden case") for noticed_by in told)
        lines.append("")
        lines.append(
            f"Of {len(told)} rules that `mutate.py` broke by hand, invariants noticed"
            f" {sum(more.values())} first, golden cases {cases}, nothing {told.count('')}."
        )
    if mutants:
        total = sum(row["mutants"] for row in mutants["tables"])
        odd = sum(row["unexplained"] for row in mutants["tables"])
        lines += ["", f"Of {total} mutants of {len(mutants['tables'])} published tables"
                  f" (`tests/mutate`), {odd} survived without a reason."]  # fmt: skip
    return "\n".join(lines)


def written(readme: str, proofs: str) -> str:
    """Return the README with another table of proofs."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{proofs}\n{END}{rest.split(END)[1]}"


def is_told(readme: str) -> list[str]:
    """Return which tests and faults that exist the table does not name."""
    part = readme.split(BEGIN)[1].split(END)[0]
    names = [f"`{test}`" for test in (*by_dbt(), *BY_PYTEST)] + [fault.rule for fault in FAULTS]
    return [name for name in names if name not in part]


def main() -> int:
    """Write the table."""
    README.write_text(written(README.read_text(), table(Path(sys.argv[1]))))
    print(f"written into {README}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
