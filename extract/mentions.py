"""Issue keys that texts name. Texts are read to see them and are not loaded."""

import re

_KEY = re.compile(r"(?<![A-Za-z0-9])[A-Z][A-Z0-9_]+-[1-9][0-9]*(?![A-Za-z0-9_])")
_TYPED = re.compile(
    r"(?<![A-Za-z0-9_.@-])[A-Za-z][A-Za-z0-9_]{1,9}-[1-9][0-9]{0,6}(?![A-Za-z0-9_/@]|\.\w)"
)
"""As people type a key: no login (`from mia-12/fix`, `@mia-12`, `mia-12@`), version or file."""
_SIGNED = re.compile(r"^[ \t]*[A-Za-z-]+-by:.*$", re.MULTILINE | re.IGNORECASE)
"""Lines in which people sign a commit."""
_CHANGE = re.compile(r"(?<![A-Za-z0-9_.@-])CHG[0-9]{5,10}(?![A-Za-z0-9_/@]|\.\w)", re.IGNORECASE)
"""The number of a change request of ServiceNow."""

Keys = dict[str, list[str]]


def keys_in(*texts: str) -> Keys:
    """Return the keys that texts name, each once: as trackers write them, and in other letters.

    Numbers of change requests are keys that are written in any letters.
    """
    read = [_SIGNED.sub("", text) for text in texts]
    written = dict.fromkeys(key for text in read for key in _KEY.findall(text))
    written |= dict.fromkeys(changes_in(*read))
    typed = dict.fromkeys(key.upper() for text in read for key in _TYPED.findall(text))
    return {"issue_keys": list(written), "typed_keys": [key for key in typed if key not in written]}


def changes_in(*texts: str) -> list[str]:
    """Return the numbers of the change requests that texts name, each once."""
    return list(dict.fromkeys(key.upper() for text in texts for key in _CHANGE.findall(text)))
