"""What may leave a source: allow-listed fields, and people only as keyed hashes.

Everything here runs before dlt sees a row. A field that no shape names is not loaded; its name is
reported, its value is not.
"""

import base64
import hashlib
import hmac
import os
from typing import Any

DEMO_KEY = "flowhouse-demo-key"

KEEP = object()
"""Shape of a scalar that is kept as it is."""

DROP = object()
"""Shape of a field that we know and do not load."""

Shape = Any
"""KEEP, DROP, a dict of shapes, a list with its elements' shape, or a function of the value."""


def pseudonym_key() -> bytes:
    """Return the key of the person hashes (FLOWHOUSE_PSEUDONYM_KEY)."""
    return (os.environ.get("FLOWHOUSE_PSEUDONYM_KEY") or DEMO_KEY).encode()


def person_key(source: str, account_id: str) -> str:
    """Return the keyed hash that stands for a person: 20 characters of base32 (HMAC-SHA256)."""
    digest = hmac.new(pseudonym_key(), f"{source}:{account_id}".encode(), hashlib.sha256)
    return base64.b32encode(digest.digest()).decode()[:20].lower()


def person(source: str, account_id: object, is_bot: bool = False) -> dict[str, str] | None:
    """Return what is known of a person in the warehouse, or None where the source names nobody."""
    if account_id in (None, ""):
        return None
    return {
        "person_key": person_key(source, str(account_id)),
        "actor_type": "bot" if is_bot else "human",
    }


def pick(value: Any, shape: Shape, unknown: set[str] | None = None, path: str = "") -> Any:
    """Return the part of a JSON value that a shape allows.

    A scalar where a list or an object should be becomes an empty list or None; nested values where
    a scalar should be become None. Names of fields that the shape does not know are added to
    `unknown`, never their values.
    """
    if callable(shape):
        return shape(value)
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return None
        if unknown is not None:
            unknown.update(f"{path}{name}" for name in value if name not in shape)
        return {
            name: pick(value[name], part, unknown, f"{path}{name}.")
            for name, part in shape.items()
            if part is not DROP and name in value
        }
    if isinstance(shape, list):
        elements = value if isinstance(value, list) else []
        return [pick(element, shape[0], unknown, path) for element in elements]
    return None if isinstance(value, (dict, list)) else value
