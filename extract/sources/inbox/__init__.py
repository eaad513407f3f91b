"""See `reader`."""

from extract.sources.inbox.reader import SOURCE

__all__ = ["SOURCE"]
