"""See `reader`."""

from extract.sources.servicenow.reader import SOURCE

__all__ = ["SOURCE"]
