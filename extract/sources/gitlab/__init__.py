"""See `reader`."""

from extract.sources.gitlab.reader import SOURCE

__all__ = ["SOURCE"]
