"""Every hard case of metrics.md 1.10 on hand-written items, in one build with all its tests."""

from pathlib import Path

import pytest

from tests.flow import golden, house


@pytest.fixture(scope="session")
def golden_house(tmp_path_factory: pytest.TempPathFactory) -> house.House:
    home: Path = tmp_path_factory.mktemp("golden")
    return house.built(home, house.merged(golden.ITEMS), golden.AS_OF)


@pytest.mark.parametrize("case", golden.CASES, ids=lambda case: case.rule)
def test_golden(golden_house: house.House, case: golden.Case) -> None:
    assert golden.faults(golden_house, case) == []
