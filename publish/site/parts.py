"""What a page of the site is made of."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        name: Its place in the page (`#name`), and its picture where it has one.
        tables: Names of the SQL files; the first one decides whether there is anything to show.
        title: What one sees.
        caption: How it is counted, and its table in the published file.
        empty: What is said where there is no row.
        chart: Whether there is a picture; the tables are then folded under it.
        at: The column of the day by which rows belong to a range, by table.
        links: Where a number leads, by column: a query of the page of items, with `{column}` for
            values of the row.
        labels: How columns are called where their names do not say it.
        hidden: Columns that the picture needs and no reader does.
        only: A column that must be true of the rows that are shown, by table.
    """

    name: str
    tables: tuple[str, ...]
    title: str
    caption: str
    empty: str
    chart: bool = False
    at: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    only: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """One file of the site."""

    name: str
    menu: str
    title: str
    theme: str
    sections: tuple[Section, ...] = ()
    intro: str = ""
    has_works: bool = True
    has_ranges: bool = True
    is_filtered: bool = True

    @property
    def file(self) -> str:
        """Return its name in the folder of the site."""
        return f"{self.name}.html"
