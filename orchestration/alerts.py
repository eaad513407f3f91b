"""Sends alerts: by a webhook, by mail, or by both.

Plain text, without a secret and without a value of any row: it leaves the machine. What does not
reach everybody is kept in the home, and sent again by the ways that did not work.
"""

import json
import logging
import os
import smtplib
import ssl
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity

from extract.redaction import redact

WEBHOOK, MAIL, SENDER = "FLOWHOUSE_ALERT_WEBHOOK", "FLOWHOUSE_ALERT_MAIL", "FLOWHOUSE_ALERT_SENDER"
SMTP, USER = "FLOWHOUSE_ALERT_SMTP", "FLOWHOUSE_ALERT_SMTP_USER"
PASSWORD = "FLOWHOUSE_ALERT_SMTP_PASSWORD"

log = logging.getLogger("flowhouse")

TIMEOUT_S = 15

TRIES, WAIT_S = 3, 0.5

KEPT_S = 2 * 86_400
"""How long an alert is sent again: what is older is no news, and `flowhouse status` knows it."""


class NotSent(Exception):
    """An alert has not reached everybody; the message says why, and no address."""


def is_on() -> bool:
    """Whether a webhook or a mail address is set."""
    return bool(os.environ.get(WEBHOOK) or os.environ.get(MAIL))


def from_command(tell: Callable[[], None]) -> None:
    """Have something told, unless the command runs at a terminal, where a person reads its lines.

    Args:
        tell: Sends the alert; where it does not reach everybody, a line says so.
    """
    if not is_on() or sys.stderr.isatty():
        return
    try:
        tell()
    except NotSent as why:
        log.warning("an alert did not reach everybody: %s", why)


def faults() -> list[str]:
    """Return one line per faulty setting: without alerts, people assume that all is well."""
    found = []
    if hook := os.environ.get(WEBHOOK):
        address = urlsplit(hook)
        if address.scheme not in ("http", "https") or not address.netloc:
            found.append(f"{WEBHOOK} is not a http(s) address")
    if not all("@" in to for to in _receivers()):
        found.append(f"{MAIL} is not a list of mail addresses, with commas between them")
    if os.environ.get(MAIL) and not os.environ.get(SMTP):
        found.append(f"{SMTP} is not set: the mail server, for example mail.example.com:587")
    _, _, port = os.environ.get(SMTP, "").partition(":")
    if port and not port.isdigit():
        found.append(f"{SMTP} is not host:port, for example mail.example.com:587")
    if os.environ.get(USER) and not os.environ.get(PASSWORD):
        found.append(f"{PASSWORD} is not set")
    return found


def send(subject: str, lines: list[str]) -> None:
    """Send an alert by every way that is set; each is tried, whatever happens to the other.

    Raises:
        NotSent: One of the ways did not work; `send_again` tries it again.
    """
    subject = redact(subject)
    text = redact("\n".join([subject, *(f"- {line}" for line in lines)]))
    ways = [way for way in WAYS if os.environ.get(way)]
    message = {"subject": subject, "text": text, "ways": ways, "at": time.time()}
    _deliver(message, _outbox() / f"{uuid.uuid4().hex}.json")


def send_again() -> int:
    """Send what has not reached everybody yet, by the ways that did not work; return how many.

    Raises:
        NotSent: Some of it has not this time either.
    """
    waiting, failed = sorted(_outbox().glob("*.json")), []
    for file in waiting:
        try:
            message = json.loads(file.read_text())
            is_news = abs(time.time() - message["at"]) < KEPT_S  # also after a clock was set back
        except (ValueError, LookupError, TypeError):  # cut off by a full disk
            is_news = False
        if not is_news:
            file.unlink()
            continue
        try:
            _deliver(message, file)
        except NotSent as why:
            failed.append(str(why))
    if failed:
        raise NotSent("; ".join(dict.fromkeys(failed)))
    return len(waiting)


def _deliver(message: dict[str, Any], kept: Path) -> None:
    """Send a message by its ways, and keep it in a file for those that do not work."""
    failed = {}
    for way in filter(os.environ.get, message["ways"]):
        try:
            tenacity.Retrying(
                stop=tenacity.stop_after_attempt(TRIES),
                wait=tenacity.wait_exponential(multiplier=WAIT_S),
                reraise=True,
            )(WAYS[way], message["subject"], message["text"])
        except NotSent as why:
            failed[way] = str(why)
    if not failed:
        kept.unlink(missing_ok=True)
        return
    with suppress(OSError):  # the alert may be that the disk is full; and no home is made for it
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({**message, "ways": [*failed]}))
    raise NotSent("; ".join(failed.values()))


def _outbox() -> Path:
    from extract.raw_store import home  # imports DuckDB, which `flowhouse --help` need not wait for

    return home() / "alerts"


def _post(subject: str, text: str) -> None:
    """Post to the webhook; `text` is what chat servers show."""
    try:
        with requests.post(
            os.environ[WEBHOOK], json={"text": text}, timeout=TIMEOUT_S, allow_redirects=False,
            stream=True,  # what it answers is not read, however much that is
        ) as reply:  # fmt: skip
            pass
    except requests.RequestException as error:  # its text has the address, which is a secret
        raise NotSent(f"{WEBHOOK}: {type(error).__name__}") from None
    if not reply.ok or reply.is_redirect:
        raise NotSent(f"{WEBHOOK}: it answered {reply.status_code}")


def _mail(subject: str, text: str) -> None:
    if wrong := [fault for fault in faults() if not fault.startswith(WEBHOOK)]:
        raise NotSent(wrong[0])
    host, _, port = os.environ[SMTP].partition(":")
    message = EmailMessage()
    message["Subject"] = subject.splitlines()[0]
    message["From"] = os.environ.get(SENDER) or f"flowhouse@{host}"
    message["To"] = ", ".join(_receivers())
    message.set_content(text)
    try:
        with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S) as server:
            server.ehlo()
            is_private = server.has_extn("starttls")
            if is_private:
                server.starttls(context=ssl.create_default_context())
            if user := os.environ.get(USER):
                if not is_private:
                    raise NotSent(f"{SMTP}: no STARTTLS, and the password is not sent in the clear")
                server.login(user, os.environ[PASSWORD])
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"{SMTP}: {type(error).__name__}") from None


def _receivers() -> list[str]:
    return [to.strip() for to in os.environ.get(MAIL, "").split(",") if to.strip()]


WAYS: dict[str, Callable[[str, str], None]] = {WEBHOOK: _post, MAIL: _mail}
"""The ways of an alert, by the setting that turns one on."""
