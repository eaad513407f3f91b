"""Bounds of sources that tests make smaller: pages, windows, batches."""

import sys
from typing import Any

import pytest


def set_bound(patch: pytest.MonkeyPatch, source: str, name: str, value: Any) -> None:
    """Give a constant of a source another value in every room of its package that knows it."""
    rooms = [
        room
        for path, room in list(sys.modules.items())
        if path.startswith(f"extract.sources.{source}.") and hasattr(room, name)
    ]
    assert rooms, f"{source} has nothing called {name}"
    for room in rooms:
        patch.setattr(room, name, value)
