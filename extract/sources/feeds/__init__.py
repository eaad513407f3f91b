"""What no tool of the pipeline knows, as CSV files: experiments, value, money, risks, capacity.

Setting: SOURCES__FEEDS__FOLDER, the folder; without it `feeds` in FLOWHOUSE_HOME, where that is
there. Each file is named after its feed (`docs/feeds.md` has the columns of all) and is all that is
true of it: a line that is taken out of a file is no longer published, nor are those of a file that
is gone. They stay in the raw table.

A line that breaks the contract of its feed is left out and named, with its number, its column and
what should stand there, never with its content. A file whose first line lacks a column, or that
cannot be read, changes nothing: what was loaded before stays.
"""

from extract.source import Source
from extract.sources.feeds.client import check
from extract.sources.feeds.probes import doctor_probes
from extract.sources.feeds.reader import build
from extract.sources.feeds.settings import FeedsSettings
from extract.sources.feeds.tables import NAME, TABLES

SOURCE = Source(NAME, "Feeds", TABLES, FeedsSettings, check, build, doctor_probes)
"""The folder of CSV files."""
