"""What may leave a source: allow-listed fields, and people only as keyed hashes.

Everything here runs before dlt sees a row. A field that no shape names is not loaded; its name is
reported, its value is not.
"""

import base64
import hashlib
import hmac
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from extract.raw_store import home

DEMO_KEY = "flowhouse-demo-key"
ERASED = "erased"
"""What stands for everybody who is forgotten."""

KEEP = object()
"""Shape of a scalar that is kept as it is."""

DROP = object()
"""Shape of a field that we know and do not load."""

_MAIL = re.compile(r"[\w.+-]+@[\w.-]+\.[A-Za-z]{2,}")
_OF_BRANCH = re.compile(r"(review|preview|[^/]+(?=/))[-_/](.+)", re.IGNORECASE)
_USUAL_WORD = re.compile(
    r"(?:main|master|trunk|dev|develop|development|next|stable|sandbox|demo|canary|blue|green"
    r"|pre|non|preprod|nonprod|stag|stg|stage|staging|prod|prd|production|live"
    r"|tests?|testing|qa|uat|review|preview|pr|mr|rc|release|hotfix|support|head|merge"
    r"|eu|us|uk|ap|asia|emea|apac|global|north|south|east|west|central|[a-z]?\d+[a-z]?x?)"
)
"""Words of environments and regions, which name nobody."""

Shape = Any
"""KEEP, DROP, a dict of shapes, a list with its elements' shape, or a function of the value."""


def pseudonym_key() -> bytes:
    """Return the key of the person hashes (FLOWHOUSE_PSEUDONYM_KEY)."""
    return (os.environ.get("FLOWHOUSE_PSEUDONYM_KEY") or DEMO_KEY).encode()


def person_key(source: str, account_id: str) -> str:
    """Return the keyed hash that stands for a person: 20 characters of base32 (HMAC-SHA256).

    Everybody who is forgotten has the same key.
    """
    key = _hash(pseudonym_key(), f"{source}:{account_id}")
    return ERASED if key in forgotten() else key


def forgotten_file() -> Path:
    """Return the list of the keys of forgotten people, one a line."""
    return home() / "forgotten.txt"


@lru_cache(maxsize=1)
def forgotten() -> frozenset[str]:
    """Return the keys of forgotten people; read once per process, and again after an erasure."""
    file = forgotten_file()
    return frozenset(file.read_text().split()) if file.exists() else frozenset()


def without_mail(source: str, text: str) -> str:
    """Return a text with the keyed hash of each mail address in its place."""
    return _MAIL.sub(lambda mail: person_key(source, mail[0]), text) if "@" in text else text


def shown_environment(source: str, name: object, is_transient: bool = False) -> str | None:
    """Return the name of an environment; what a branch gave it is hashed (`review/ada-fix`).

    Args:
        source: Where it is.
        name: Its name there.
        is_transient: Whether it is made for one branch or deployment, so that all of it may be one.
    """
    text = str(name or "")
    found = _OF_BRANCH.fullmatch(text)
    folder, rest = (f"{found[1]}/", found[2]) if found else ("transient/", text)
    if not text or not (found or is_transient) or _is_usual(rest):
        return text or None
    return f"{folder}branch-{person_key(source, rest)}"


def _is_usual(name: str) -> bool:
    words = re.split(r"[-_/.:]+", name.lower())
    return all(_USUAL_WORD.fullmatch(word) for word in words)


@lru_cache(maxsize=100_000)
def _hash(key: bytes, text: str) -> str:
    digest = hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256)
    return base64.b32encode(digest.digest()).decode()[:20].lower()


def person(source: str, account_id: object, is_bot: bool = False) -> dict[str, str] | None:
    """Return what is known of a person in the warehouse, or None where the source names nobody."""
    if account_id in (None, ""):
        return None
    return {
        "person_key": person_key(source, str(account_id)),
        "actor_type": "bot" if is_bot else "human",
    }


def pick(
    value: Any,
    shape: Shape,
    unknown: set[str] | None = None,
    path: str = "",
    type_mismatches: list[str] | None = None,
) -> Any:
    """Return the part of a JSON value that a shape allows.

    A scalar where a list or an object should be becomes an empty list or None; nested values where
    a scalar should be become None. Names of fields that the shape does not know are added to
    `unknown`, and `name:type` of values that do not fit to `type_mismatches`; never their values.
    """
    if callable(shape):
        return shape(value)
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            _note_mismatch(type_mismatches, path, value)
            return None
        if unknown is not None:
            unknown.update(f"{path}{name}" for name in value if name not in shape)
        return {
            name: pick(value[name], part, unknown, f"{path}{name}.", type_mismatches)
            for name, part in shape.items()
            if part is not DROP and name in value
        }
    if isinstance(shape, list):
        if not isinstance(value, list):
            _note_mismatch(type_mismatches, path, value)
            return []
        return [pick(element, shape[0], unknown, path, type_mismatches) for element in value]
    if isinstance(value, (dict, list)):
        _note_mismatch(type_mismatches, path, value)
        return None
    return value


def _note_mismatch(type_mismatches: list[str] | None, path: str, value: Any) -> None:
    if type_mismatches is not None and value is not None:
        type_mismatches.append(f"{path.rstrip('.')}:{type(value).__name__}")
