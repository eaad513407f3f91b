"""What rests on tables that came out as they were is not made again, and nothing else is left out.

That it comes to the same, row by row, is in tests/flow/test_incremental.py; here is who is spared.
"""

import pytest

from orchestration.cutoff import Cutoff

PARENTS = {
    "seed.calendars": [],
    "model.typed": ["source.issues"],
    "model.cut": ["model.typed"],
    "model.facts": ["model.cut", "seed.calendars"],
    "model.ages": ["model.facts"],
    "model.sums": ["model.facts"],
    "test.facts": ["model.facts"],
    "test.ages": ["model.ages"],
}


def left_out(*reasons: str, same: tuple[str, ...] = (), answered: tuple[str, ...] = ()) -> set:
    """Go through all nodes as a build does, and return the last words of those that it spares."""
    cutoff = Cutoff(PARENTS, reasons, answered or [key for key in PARENTS if "test" in key])
    for key in PARENTS:
        if not cutoff.spares(key) and not key.startswith("test."):
            cutoff.made(key, is_same=key in same)
    assert {*cutoff.same} == {*same} - {*cutoff.spared}
    return {*cutoff.spared}


def test_a_change_goes_on_as_long_as_tables_come_out_as_others() -> None:
    assert left_out("source.issues") == {"seed.calendars"}
    spared = left_out("source.issues", same=("model.cut",))
    assert spared == PARENTS.keys() - {"model.typed", "model.cut"}
    spared = left_out("source.issues", same=("model.facts",))
    assert spared == {"seed.calendars", "model.ages", "model.sums", "test.facts", "test.ages"}


def test_what_asks_for_an_input_by_itself_is_made_whatever_it_rests_on() -> None:
    spared = left_out("model.cut", "model.ages", same=("model.cut",))
    assert spared == PARENTS.keys() - {"model.cut", "model.ages", "test.ages"}
    spared = left_out("model.cut", "model.ages", same=("model.cut", "model.ages"))
    assert "test.ages" in spared


def test_a_table_that_asks_by_itself_and_came_out_the_same_is_no_reason() -> None:
    assert "model.facts" in left_out(
        "model.cut", "seed.calendars", same=("model.cut", "seed.calendars")
    )
    assert "model.facts" not in left_out("model.cut", "seed.calendars", same=("model.cut",))


def test_a_test_without_a_result_is_run_whatever_it_looks_at() -> None:
    spared = left_out("model.cut", same=("model.cut",), answered=("test.ages",))
    assert "test.ages" in spared and "test.facts" not in spared


@pytest.mark.parametrize("key", PARENTS)
def test_without_a_reason_nothing_is_made(key: str) -> None:
    assert key in left_out()
