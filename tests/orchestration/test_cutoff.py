"""What rests on tables that came out as they were is not made again, and nothing else is left out.

That it comes to the same, row by row, is in tests/flow/test_incremental.py; here is who is spared.
"""

import pickle
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.artifacts.schemas.results import RunStatus
from dbt.task.runnable import GraphRunnableTask

from orchestration import cutoff as module
from orchestration.cutoff import Cutoff, watch

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


def test_a_build_in_a_run_that_dagster_started_is_handed_it() -> None:
    """Its workers spawn processes, and do not fork them: what a build is handed is pickled."""
    results = {"test.facts": "pass"}
    handed = pickle.loads(pickle.dumps(Cutoff(PARENTS, {"seed.calendars"}, results.keys())))
    assert handed.answered == {"test.facts"} and handed.parents == PARENTS


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


class Dbt:
    """What dbt and its tables say, and what is done with them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, named: int = 0) -> None:
        self.made: list[str] = []
        self.asked: list[str] = []
        self.named = named

        def make(_: Any, runner: Any) -> SimpleNamespace:
            self.made.append(runner.node.unique_id)
            return SimpleNamespace(status=RunStatus.Success)

        def ask(_: Any, node: Any, query: str, **words: Any) -> list:
            self.asked.append(node.unique_id)
            return [(self.named,)] if words.get("differs_where") else [(7,)]

        monkeypatch.setattr(GraphRunnableTask, "call_runner", make)
        monkeypatch.setattr(module, "_asked", ask)

    def build(self, cutoff: Cutoff, **nodes: str) -> None:
        """Go through nodes in their order, given how each is built."""
        watch(cutoff)
        for name, materialized in nodes.items():
            meta = {"differs_where": "is_new"} if name == "touched" else {}
            meta |= {"stands": True} if name == "answer" else {}
            config = SimpleNamespace(materialized=materialized, meta=meta)
            node = SimpleNamespace(unique_id=name, config=config, resource_type="model")
            runner = SimpleNamespace(node=node, skip=False, adapter=None)
            GraphRunnableTask.call_runner(None, runner)


@pytest.mark.parametrize("named", [0, 3])
def test_a_table_that_names_what_is_new_says_itself_whether_it_differs(
    monkeypatch: pytest.MonkeyPatch, named: int
) -> None:
    parents = {"touched": ["source.x"], "goes_on": ["touched"], "above": ["goes_on"]}
    dbt, cutoff = Dbt(monkeypatch, named), Cutoff(parents, {"touched"}, ())
    dbt.build(cutoff, touched="table", goes_on="incremental", above="table")
    assert dbt.made == (["touched", "goes_on", "above"] if named else ["touched"])
    # What goes on from rows that are new differs: nobody reads all of it to know that.
    assert "goes_on" not in dbt.asked


def test_a_table_that_came_out_as_it_was_is_known_by_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents = {"cut": ["source.x"], "above": ["cut"]}
    dbt, cutoff = Dbt(monkeypatch), Cutoff(parents, {"cut"}, ())
    dbt.build(cutoff, cut="table", above="table")
    assert (dbt.made, cutoff.same) == (["cut"], ["cut"])
    assert dbt.asked == ["cut", "cut"]  # before and after


@pytest.mark.parametrize(
    ("reasons", "is_there", "made"),
    [
        ({"cut"}, True, ["cut", "other"]),
        ({"cut"}, False, ["cut", "answer", "other"]),
        ({"cut", "answer"}, True, ["cut", "answer", "other"]),
    ],
)
def test_a_view_that_is_its_text_stands_where_its_tables_are_made_anew(
    monkeypatch: pytest.MonkeyPatch, reasons: set[str], is_there: bool, made: list[str]
) -> None:
    parents = {"cut": ["source.x"], "answer": ["cut"], "other": ["cut"], "test.n": ["answer"]}
    dbt, cutoff = Dbt(monkeypatch), Cutoff(parents, reasons, {"test.n"})
    monkeypatch.setattr(module, "_asked", lambda *_, **__: None)  # whose rows are others
    monkeypatch.setattr(module, "_stands", lambda *_: is_there)
    monkeypatch.setattr(module.RunResult, "from_node", lambda *_: None)
    dbt.build(cutoff, cut="table", answer="view", other="view")
    assert dbt.made == made
    # What it shows is something else: its tests are run again.
    assert not cutoff.spares("test.n")


def test_a_view_that_cannot_be_found_does_not_stand() -> None:
    class Adapter:
        """Knows one view and one table."""

        def connection_named(self, name: str) -> Any:
            if "broken" in name:
                raise RuntimeError(name)
            return nullcontext()

        def get_relation(self, _: str, __: str, alias: str) -> Any:
            known = {"view": True, "table": False}
            return SimpleNamespace(is_view=known[alias]) if alias in known else None

    def stands(alias: str) -> bool:
        node = SimpleNamespace(unique_id=alias, database="build", schema="bi", alias=alias)
        return module._stands(Adapter(), node)

    assert [stands(alias) for alias in ("view", "table", "gone", "broken")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_table_that_cannot_be_asked_differs() -> None:
    class Broken:
        """Says nothing."""

        def connection_named(self, name: str) -> None:
            raise RuntimeError(name)

    node = SimpleNamespace(unique_id="cut")
    assert module._asked(Broken(), node, module.ROWS) is None


def test_what_only_reads_is_let_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exposure has no table, and no settings of one."""
    dbt, cutoff = Dbt(monkeypatch), Cutoff({"page": ["cut"]}, {"cut"}, ())
    watch(cutoff)
    page = SimpleNamespace(unique_id="page", resource_type="exposure")
    GraphRunnableTask.call_runner(None, SimpleNamespace(node=page, skip=False))
    assert (dbt.made, dbt.asked) == (["page"], [])
