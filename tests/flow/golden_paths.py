"""Golden cases of critical paths: which items in a row decided when an epic ended.

All is of the value stream `path`, which keeps the time of UTC; as_of is 1 July at midnight.
"""

from typing import Any

from tests.flow.golden import Case, at
from tests.flow.golden_field_jira import Shown, status
from tests.flow.golden_traces import BLOCKED, link, linked
from tests.flow.scratch import Issue


class Entries:
    """Numbers of the entries of histories, each once."""

    last = 70_000


def worked(
    number: int,
    started: str | None,
    done: str | None,
    *told: tuple[str, dict[str, Any]],
    epic: int | None = None,
    blocks: tuple[int, ...] = (),
) -> Shown:
    """Return an issue of 6 May with its work, what held it up, and whom it blocks."""
    moves = [*told]
    if started:
        moves.append((started, status("f1", "Open", "t3", "In Progress")))
    if done:
        moves.append((done, status("t3", "In Progress", "t4", "Done")))
    history = []
    for when, item in sorted(moves, key=lambda move: move[0]):
        Entries.last += 1
        history.append((f"2024-{when}", Entries.last, item))
    fields: dict[str, Any] = {
        "issuelinks": [linked(number * 100 + no, "tr1", f"PAT-{no}") for no in blocks]
    }
    if epic:
        fields["parent"] = {"id": f"PAT-{epic}", "key": f"PAT-{epic}"}
    now = ("t4", "Done") if done else ("t3", "In Progress") if started else ("f1", "Open")
    return Shown(f"PAT-{number}", now, tuple(history), fields)


def waits(when: str, number: int, *, is_gone: bool = False) -> tuple[str, dict[str, Any]]:
    return when, link(BLOCKED, f"PAT-{number}", is_gone=is_gone)


def epic(number: int) -> Issue:
    return Issue(f"PAT-{number}", "2024-05-02 09:00 created in In Progress", kind="Epic")


def ended(number: int, started: str, done: str, parent: int) -> Issue:
    """Return an item that nothing held up."""
    moves = f"2024-{started} created in In Progress\n2024-{done} Done"
    return Issue(f"PAT-{number}", moves, parent=f"PAT-{parent}")


CASES: list[Case] = [
    Case(
        "the critical path of an epic goes back by what was waited for last",
        [
            # A diamond: 11 waits for 12 and 13, both of these for 14, which is of no epic. 13 is
            # done three days after 12. The island 15 ends before 11, and 16 was given up.
            epic(1),
            worked(
                11, "05-06 10:00", "05-15 09:00", waits("05-07 09:00", 12),
                waits("05-07 09:00", 13), epic=1,
            ),
            worked(
                12, "05-06 10:00", "05-10 09:00", waits("05-08 09:00", 14), epic=1, blocks=(11,)
            ),
            worked(
                13, "05-06 12:00", "05-13 09:00", waits("05-08 09:00", 14), epic=1, blocks=(11,)
            ),
            worked(14, "05-06 14:00", "05-09 09:00", blocks=(12, 13)),
            ended(15, "05-03 09:00", "05-14 09:00", 1),
            Issue(
                "PAT-16",
                """
                2024-05-03 09:00 created in In Progress
                2024-06-20 09:00 Cancelled
                """,
                parent="PAT-1",
            ),
            # The link is taken away; 22 is not begun before that, so 21 is on the path twice.
            epic(2),
            worked(
                21, "05-06 10:00", "05-10 10:00", waits("05-07 10:00", 22),
                waits("05-08 10:00", 22, is_gone=True), epic=2,
            ),
            worked(22, "05-09 10:00", None),
            # A circle: each waits for the other, and nobody gets on. 31 began first.
            epic(3),
            worked(
                31, "05-06 10:00", None, waits("05-07 09:00", 32), epic=3, blocks=(32,)
            ),
            worked(
                32, "05-06 12:00", None, waits("05-08 09:00", 31), epic=3, blocks=(31,)
            ),
            # Of three that end at once the longest, of two as long the first by its key.
            epic(4),
            ended(41, "05-07 10:00", "05-10 09:00", 4),
            ended(43, "05-06 10:00", "05-10 09:00", 4),
            ended(42, "05-06 10:00", "05-10 09:00", 4),
            # What is not begun is no path while something else is; alone it is one.
            epic(5),
            worked(51, None, None, epic=5),
            worked(52, "05-08 10:00", None, epic=5),
            ended(53, "05-03 09:00", "05-07 09:00", 5),
            epic(6),
            worked(61, None, None, epic=6),
            # All that lies beneath was given up: no path.
            epic(7),
            Issue(
                "PAT-71",
                """
                2024-05-03 09:00 created in In Progress
                2024-05-04 09:00 Cancelled
                """,
                parent="PAT-7",
            ),
            # 81 waited for 82 from its first day on, and 82 was not begun: nothing was before.
            epic(8),
            worked(
                81, "05-08 10:00", "05-10 10:00", waits("05-07 10:00", 82), epic=8,
            ),
            worked(82, "05-09 10:00", "05-10 08:00", epic=8, blocks=(81,)),
        ],
        rows={
            """select replace(work_item_key, 'jira:PAT-', ''), step_no,
                   replace(step_work_item_key, 'jira:PAT-', ''), step_s / 3600, held_up_s / 3600,
                   is_child, begins_at
               from metrics.metric_critical_paths where work_item_key like 'jira:PAT-%'
               order by 1, 2""": [
                # 14 until both are free; 13 until 11 is, which waits for all of that.
                ("1", 1, "14", 67, 24, False, at("05-06 14:00")),
                ("1", 2, "13", 96, 96, True, at("05-09 09:00")),
                ("1", 3, "11", 48, 0, True, at("05-13 09:00")),
                ("2", 1, "21", 24, 0, True, at("05-06 10:00")),
                ("2", 2, "22", 24, 24, False, at("05-07 10:00")),
                ("2", 3, "21", 48, 0, True, at("05-08 10:00")),
                # 55 days and 14 hours, of which 32 waits for 53 days and 15 hours.
                ("3", 1, "31", 1334, 1287, True, at("05-06 10:00")),
                ("3", 2, "32", 0, 0, True, at("07-01 00:00")),
                ("4", 1, "42", 95, 0, True, at("05-06 10:00")),
                ("5", 1, "52", 1286, 0, True, at("05-08 10:00")),
                ("6", 1, "61", 1335, 0, True, at("05-06 09:00")),
                ("8", 1, "82", 46, 46, True, at("05-08 10:00")),
                ("8", 2, "81", 2, 0, True, at("05-10 08:00")),
            ],
            """select replace(work_item_key, 'jira:PAT-', ''), min(step_count), min(path_s) / 3600,
                   min(path_held_up_s) / 3600, sum(case when is_last_step then 1 else 0 end),
                   max(ends_at), min(value_stream_key), min(epic_level), min(outcome)
               from metrics.metric_critical_paths
               where work_item_key in ('jira:PAT-1', 'jira:PAT-3') group by 1 order by 1""": [
                ("1", 3, 211, 120, 1, at("05-15 09:00"), "path", "epic", "open"),
                ("3", 2, 1334, 1287, 1, at("07-01 00:00"), "path", "epic", "open"),
            ],
        },
    ),
]  # fmt: skip
