"""The histories of one issue in the order in which they happened."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise, permutations
from typing import NamedTuple

Move = tuple[str, str | None, str | None]
"""What one item of a history changed: (field, from, to)."""

ONE_VALUED = {"status", "resolution", "issuetype", "priority", "project", "issuekey", "assignee"}
"""Fields that hold one value, so that each change of one begins where the one before it ended."""

ONE_VALUED_ROLES = ONE_VALUED | {"story_points", "team", "flagged", "epic_key", "parent_key"}

MOST_ARRANGED = 6
"""Of so many entries of one moment every order is tried; more are put one after the other."""


class Entry(NamedTuple):
    """One history in its chain: when, its id as a number and as it is, and what it moved."""

    created: int
    order: int
    id: str
    moves: tuple[Move, ...]


@dataclass
class Chain:
    """The histories of one issue in the order in which they happened.

    What was imported, or done by a rule, often has one time, and ids that run backwards: of equal
    times the order is that in which every change begins where the one before it ended.
    """

    entries: list[Entry] = field(default_factory=list)

    def in_order(self) -> list[Entry]:
        """Return the entries, oldest first."""
        found: list[Entry] = []
        state: dict[str, str | None] = {}
        ordered = sorted(self.entries, key=lambda entry: entry[:3])
        for _, some in groupby(ordered, key=lambda entry: entry.created):
            for entry in _arranged(list(some), state):
                found.append(entry)
                state.update({name: to for name, _, to in entry.moves})
        return found

    def numbers(self) -> dict[str, int]:
        """Return the number of every history in order of time: id → 1 for the oldest."""
        return {entry.id: number for number, entry in enumerate(self.in_order(), 1)}

    def statuses(self) -> list[Move]:
        """Return the changes of the status, oldest first."""
        return [move for entry in self.in_order() for move in entry.moves if move[0] == "status"]

    @property
    def has_gap(self) -> bool:
        """Whether a change does not begin where the one before it ended."""
        return any(a[2] != b[1] for a, b in pairwise(self.statuses()))

    def drifts_from(self, current: str | None) -> bool:
        """Whether the last change ends elsewhere than the issue is now."""
        moves = self.statuses()
        return bool(moves) and current is not None and moves[-1][2] != current


def _breaks(entries: Iterable[Entry], state: Mapping[str, str | None]) -> int:
    """Return how many changes do not begin where the one before them ended."""
    now, count = dict(state), 0
    for entry in entries:
        for name, old, new in entry.moves:
            count += name in now and now[name] != old
            now[name] = new
    return count


def _arranged(entries: list[Entry], state: dict[str, str | None]) -> list[Entry]:
    """Return entries of one moment in the order that breaks the fewest chains."""
    if len(entries) == 1:
        return entries
    # Where a chain begins here, it begins with what no change of this moment leads to.
    moves = [move for entry in entries for move in entry.moves]
    begins: dict[str, str | None] = {}
    for name in {move[0] for move in moves} - state.keys():
        olds = Counter(old for one, old, _ in moves if one == name)
        olds.subtract(new for one, _, new in moves if one == name)
        starts = [value for value, count in olds.items() if count > 0]
        if len(starts) == 1:
            begins[name] = starts[0]
    known = {**state, **begins}
    if not _breaks(entries, known):
        return entries
    if len(entries) <= MOST_ARRANGED:
        return list(min(permutations(entries), key=lambda some: _breaks(some, known)))
    left, found = list(entries), []
    while left:
        entry = min(left, key=lambda one: _breaks([one], known))
        left.remove(entry)
        found.append(entry)
        known.update({name: new for name, _, new in entry.moves})
    return found
