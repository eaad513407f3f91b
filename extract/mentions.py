"""Issue keys that texts name. Texts are read to see them and are not loaded."""

import re

_KEY = re.compile(r"(?<![A-Za-z0-9])[A-Z][A-Z0-9_]+-[1-9][0-9]*(?![A-Za-z0-9_])")
_TYPED = re.compile(
    r"(?<![A-Za-z0-9_.@-])[A-Za-z][A-Za-z0-9_]{1,9}-[1-9][0-9]{0,6}(?![A-Za-z0-9_/@]|\.\w)"
)
"""As people type a key: no login (`from mia-12/fix`, `@mia-12`, `mia-12@`), version or file."""
_SIGNED = re.compile(r"^[ \t]*[A-Za-z-]+-by:.*$", re.MULTILINE | re.IGNORECASE)
"""Lines in which people sign a commit."""

Keys = dict[str, list[str]]


def keys_in(*texts: str) -> Keys:
    """Return the keys that texts name, each once: as trackers write them, and in other letters."""
    read = [_SIGNED.sub("", text) for text in texts]
    written = dict.fromkeys(key for text in read for key in _KEY.findall(text))
    typed = dict.fromkeys(key.upper() for text in read for key in _TYPED.findall(text))
    return {"issue_keys": list(written), "typed_keys": [key for key in typed if key not in written]}
