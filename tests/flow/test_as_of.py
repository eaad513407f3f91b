"""C2: a refresh holds whatever `--as-of` says: before the data, at their beginning, in the middle.

dbt would need a minute for each instant. What it compiled for the golden company is run again in
its order, with the other instant in the place of the first, and every invariant is asked.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow import faults, golden, proofs, scratch


@pytest.fixture(scope="module")
def company(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[faults.Company]:
    home = tmp_path_factory.mktemp("instants")
    (home / "build.duckdb").write_bytes((golden_warehouse.home / "build.duckdb").read_bytes())
    for folder in ("raw", "project"):
        (home / folder).symlink_to(golden_warehouse.home / folder)
    company = faults.Company(home)
    yield company
    company.link.close()


def rows(company: faults.Company, sql: str) -> list[tuple]:
    return company.link.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("as_of", "is_anything_there"),
    [
        ("2019-06-01 00:00:00", False),
        ("2024-01-02 00:00:00", True),
        ("2024-04-10 12:00:00", True),
    ],
    ids=["before the data", "at their beginning", "in the middle"],
)
def test_every_invariant_holds_at_any_instant(
    company: faults.Company, monkeypatch: pytest.MonkeyPatch, as_of: str, is_anything_there: bool
) -> None:
    def then(sql: str) -> str:
        return sql.replace(golden.AS_OF, as_of)

    compiled = company._compiled
    monkeypatch.setattr(company, "_compiled", lambda node: then(compiled(node)))
    monkeypatch.setattr(company, "tests", {name: then(sql) for name, sql in company.tests.items()})
    there = {key for key in company.nodes if key.startswith("seed.")}
    there |= company.manifest["sources"].keys()
    company.link.execute("begin")
    try:
        for key in in_order(company, there):
            company.make(key)
        broken = {
            test: count
            for test, count in company.found().items()
            if count and not proofs.warns(test)
        }
        [(items,)] = rows(company, "select count(*) from marts.dim_work_items where is_current")
        later = rows(
            company,
            "select work_item_key from marts.fct_status_transitions"
            f" where changed_at > timestamp '{as_of}' limit 3",
        )
    finally:
        company.link.execute("rollback")
    assert broken == {}
    assert (items > 0) == is_anything_there
    assert later == []


def in_order(company: faults.Company, done: set[str]) -> Iterator[str]:
    """Yield every model after all that it is made of."""
    left = [key for key in company.nodes if company.nodes[key]["resource_type"] == "model"]
    done = set(done)
    while left:
        ready = [k for k in left if set(company.nodes[k]["depends_on"]["nodes"]) <= done]
        assert ready, f"{len(left)} models wait for each other"
        yield from ready
        done.update(ready)
        left = [key for key in left if key not in done]


def test_the_instant_is_in_what_was_compiled(golden_warehouse: scratch.ScratchWarehouse) -> None:
    compiled = Path(golden_warehouse.project / "target" / "compiled")
    told = [path for path in compiled.rglob("*.sql") if golden.AS_OF in path.read_text()]
    assert len(told) > 20
