"""See `client`."""

from extract.sources.github.client import SOURCE

__all__ = ["SOURCE"]
