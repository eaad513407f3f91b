"""Keeps secrets out of logs and messages, whoever wrote them there."""

import logging
import os
import re

SECRET_SETTING = re.compile(r"(TOKEN|PASSWORD|SECRET|API_KEY|PRIVATE_KEY|PSEUDONYM_KEY)$")
SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|ATATT|ATCTT)[\w=./+-]{8,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=basic )|(?<=bearer ))[\w~+/=.-]{8,}"
    r"|(?i:(?<=private_token=)|(?<=access_token=)|(?<=client_secret=)|(?<=password=))[^\s&\"']+",
    re.DOTALL,
)


def redact(text: str) -> str:
    """Return a text without anything that looks like a secret, or that a setting says is one."""
    for name, value in os.environ.items():
        if len(value) >= 6 and SECRET_SETTING.search(name):
            text = text.replace(value, "***")
    return SHAPES.sub("***", text)


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
