"""Keeps secrets out of logs and messages, whoever wrote them there."""

import logging
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

SECRET_SETTING = re.compile(
    r"(TOKEN|PASSWORD|SECRET|SECRET_KEY|API_KEY|PRIVATE_KEY|PSEUDONYM_KEY|WEBHOOK)$"
)
SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|ATATT|ATCTT)[\w=./+-]{8,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=basic )|(?<=bearer ))[\w~+/=.-]{8,}"
    r"|(?i:(?<=private_token=)|(?<=access_token=)|(?<=client_secret=)|(?<=password=))[^\s&\"']+",
    re.DOTALL,
)


def is_secret(name: str, value: str) -> bool:
    """Whether a setting holds a secret: its name says so, or its value looks like one."""
    return bool((value and SECRET_SETTING.search(name.upper())) or SHAPES.search(value))


def redact(text: str) -> str:
    """Return a text without anything that looks like a secret, or that a setting says is one."""
    for name, value in (*os.environ.items(), *_in_files()):
        if len(value) >= 6 and SECRET_SETTING.search(name):
            text = text.replace(value, "***")
    return SHAPES.sub("***", text)


def _in_files() -> Iterator[tuple[str, str]]:
    """Yield the settings of dlt's files; anew each time, as a server lives longer than a secret."""
    from extract.settings import files  # imports DuckDB, which `--help` need not wait for

    for file in files():
        with suppress(OSError, ValueError):  # that is a fault of its own, and says so
            yield from _texts(tomllib.loads(file.read_text()))


def _texts(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _texts(value)
        elif isinstance(value, str):
            yield name.upper(), value


class Redacting(logging.Filter):
    """Redacts every record, its exception included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, redacted."""
        message = record.getMessage()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        record.msg, record.args = redact(message), ()
        return True
