"""The change histories of issues, each checked against the issue.

Every status change begins where the one before it ended, and the last one ends where the issue is
now. Where it does not, the other endpoints are asked too and the union is kept. `history_checks`
says what came of it: complete; conflict (the endpoints disagree; the union is loaded); gap (a
change is missing everywhere); drift (the last change ends elsewhere than the issue is); truncated
(Jira did not give all).
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from extract.sources.jira.chains import Chain
from extract.sources.jira.client import CONCURRENT_REQUESTS
from extract.sources.jira.rows import Body, History
from extract.sources.jira.tables import HISTORIES, HISTORY_CHECKS
from extract.tables import Batch, encode

if TYPE_CHECKING:
    from extract.sources.jira.reader import Reader


UNTOUCHED = timedelta(minutes=1)
"""An issue without a history was edited when its update is this much later than its creation."""


@dataclass
class Histories:
    """Reads the histories of issues."""

    reader: "Reader"

    def of(self, issues: list[Body], rows: list[dict[str, Any]]) -> Iterator[Batch]:
        """Yield all histories of issues, and what the check of each says."""
        site = self.reader.site
        given, totals = site.histories(issues)
        by_id = {row["id"]: row for row in rows}
        silent = [key for key, row in by_id.items() if not given.get(key) and _was_edited(row)]
        hidden = site.hidden_histories(silent) if silent else set()
        found = {key: self._made(given.get(key, [])) for key in by_id}
        quality = dict.fromkeys(by_id, "complete")
        suspects = [
            key
            for key, (made, chain) in found.items()
            if key in hidden
            or len(made) < totals.get(key, 0)
            or chain.has_gap
            or chain.drifts_from(by_id[key]["status_id"])
        ]
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for key, others in zip(suspects, pool.map(site.other_histories, suspects)):
                made, chain = found[key]
                had = {row[0] for row in made}
                fresh = {str(other.id): other for other in others if str(other.id) not in had}
                more, links = self._made(list(fresh.values()))
                made += more
                chain.entries += links.entries
                if len(made) < totals.get(key, 0):
                    quality[key] = "truncated"
                elif chain.has_gap:
                    quality[key] = "gap"
                elif more and site.has_other_histories:
                    quality[key] = "conflict"
                elif chain.drifts_from(by_id[key]["status_id"]):
                    quality[key] = "drift"
        scopes = {key: row["project_key"] or "" for key, row in by_id.items()}
        flat = [(key, row) for key, (made, _) in found.items() for row in made]
        numbers = {key: chain.numbers() for key, (_, chain) in found.items()}
        yield (
            HISTORIES,
            HISTORIES.arrow(
                {
                    "id": [row[0] for _, row in flat],
                    "issue_id": [key for key, _ in flat],
                    "created_at": [None if row[1] is None else row[1] * 1000 for _, row in flat],
                    "item_count": [row[2] for _, row in flat],
                    "place": [numbers[key].get(row[0]) for key, row in flat],
                },
                [row[3] for _, row in flat],
                [scopes[key] for key, _ in flat],
            ),
        )
        yield (
            HISTORY_CHECKS,
            HISTORY_CHECKS.arrow(
                {
                    "issue_id": list(found),
                    "history_count": [len(made) for made, _ in found.values()],
                    "history_quality": list(quality.values()),
                },
                [encode({"source_count": totals[key]} if key in totals else {}) for key in found],
                list(scopes.values()),
            ),
        )
        self.reader.counts["histories"] += len(flat)
        for value in quality.values():
            self.reader.counts[value] += 1

    def _made(self, histories: list[History]) -> tuple[list[tuple], Chain]:
        """Return the rows of histories, and the status changes in them."""
        chain = Chain()
        rows = [self.reader.site.rows.history(history, chain) for history in histories]
        self.reader.counts["rejected"] += rows.count(None)
        return [row for row in rows if row], chain


def _was_edited(row: Mapping[str, Any]) -> bool:
    """Whether an issue was changed after it was created."""
    created, updated = row["created_at"], row["updated_at"]
    return bool(created and updated and updated - created > UNTOUCHED)
