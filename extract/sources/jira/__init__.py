"""See `reader`."""

from extract.sources.jira.reader import SOURCE

__all__ = ["SOURCE"]
