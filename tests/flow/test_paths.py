"""Walks back from the end of an item that no golden case is long enough for."""

import importlib.util
from datetime import datetime, timedelta
from types import ModuleType

import pytest

from tests.flow.scratch import PROJECT

BEGIN = datetime(2024, 1, 1)


@pytest.fixture(scope="module")
def walk() -> ModuleType:
    path = PROJECT / "models" / "measures" / "measure_critical_steps.py"
    spec = importlib.util.spec_from_file_location("measure_critical_steps", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def day(no: int) -> datetime:
    return BEGIN + timedelta(days=no)


def test_a_path_is_no_longer_than_a_hundred_steps(walk: ModuleType) -> None:
    """Each of 150 waits for the one before until that is done."""
    items = {str(no): walk.Item(BEGIN, BEGIN, day(no + 1), False) for no in range(150)}
    blocks = {str(no): [walk.Block(BEGIN, day(no), str(no - 1))] for no in range(1, 150)}
    path = walk.path_back("149", items, blocks)
    assert [step.item for step in path] == [str(no) for no in range(50, 150)]


def test_who_waits_for_each_other_in_turn_comes_to_an_end(walk: ModuleType) -> None:
    """Three wait for the next one, round and round, all released at once; and one for itself."""
    items = {name: walk.Item(BEGIN, BEGIN, day(9), False) for name in "abcd"}
    blocks = {a: [walk.Block(day(1), day(5), b)] for a, b in ("ab", "bc", "ca", "dd")}
    assert [step.item for step in walk.path_back("a", items, blocks)] == ["a", "c", "b", "a"]
    assert [step.item for step in walk.path_back("d", items, blocks)] == ["d", "d"]


def test_what_was_waited_for_last_decides_and_of_two_what_was_waited_for_longer(
    walk: ModuleType,
) -> None:
    items = {name: walk.Item(BEGIN, BEGIN, day(9), False) for name in "abcd"}
    held = [walk.Block(day(0), day(4), "b"), walk.Block(day(2), day(6), "c")]
    assert walk.path_back("a", items, {"a": held})[0].item == "c"
    both = [*held, walk.Block(day(1), day(6), "d")]
    assert walk.path_back("a", items, {"a": both})[0].item == "d"
