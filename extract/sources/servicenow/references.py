"""What records refer to: the labels of choices, groups, services and definitions of SLAs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extract.sources.servicenow.client import Listing
from extract.sources.servicenow.rows import CHOICE_FIELDS, LABELLED, known, text_of
from extract.sources.servicenow.tables import CHOICES
from extract.tables import Batch, RawTable

if TYPE_CHECKING:
    from extract.sources.servicenow.reader import Reader


@dataclass
class References:
    """Reads what records refer to."""

    reader: "Reader"

    def choices(self) -> Iterator[Batch]:
        """Read the labels of states, priorities and so on, of all classes."""
        listing = Listing(
            self.reader.api,
            "sys_choice",
            f"elementIN{','.join(LABELLED)}",
            CHOICE_FIELDS,
            lambda row: row.get("element") in LABELLED,
        )
        for rows in listing.pages():
            yield (
                CHOICES,
                CHOICES.batch(
                    {
                        "sys_id": row["sys_id"],
                        "table_name": text_of(row.get("name")),
                        **{name: text_of(row.get(name)) for name in ("element", "value", "label")},
                        "payload": known(row, CHOICE_FIELDS),
                    }
                    for row in rows
                ),
            )
        self.reader.note(CHOICES.name, "", listing)

    def named(self, raw: RawTable, table: str, fields: Sequence[str]) -> Iterator[Batch]:
        """Read a small table of names."""
        listing = Listing(self.reader.api, table, "", fields)
        for rows in listing.pages():
            yield (
                raw,
                raw.batch(
                    {
                        "sys_id": row["sys_id"],
                        "name": text_of(row.get("name")),
                        "payload": known(row, fields),
                    }
                    for row in rows
                ),
            )
        self.reader.note(raw.name, "", listing)
