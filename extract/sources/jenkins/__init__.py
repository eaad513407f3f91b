"""See `reader`."""

from extract.sources.jenkins.reader import SOURCE

__all__ = ["SOURCE"]
