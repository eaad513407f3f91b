"""Sends alerts: by a webhook, by mail, or by both.

Plain text, without a secret and without a value of any row: it leaves the machine.
"""

import logging
import os
import smtplib
import ssl
import sys
from collections.abc import Callable
from email.message import EmailMessage
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


class NotSent(Exception):
    """An alert reached nobody; the message says why, and no address."""


def is_on() -> bool:
    """Whether a webhook or a mail address is set."""
    return bool(os.environ.get(WEBHOOK) or os.environ.get(MAIL))


def from_command(tell: Callable[[], None]) -> None:
    """Have something told, unless the command runs at a terminal, where a person reads its lines.

    Args:
        tell: Sends the alert; where it reaches nobody, a line says so.
    """
    if not is_on() or sys.stderr.isatty():
        return
    try:
        tell()
    except NotSent as why:
        log.warning("nobody was told: %s", why)


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
        NotSent: One of the ways did not work.
    """
    subject = redact(subject)
    text = redact("\n".join([subject, *(f"- {line}" for line in lines)]))
    ways: list[Callable[[], None]] = []
    if os.environ.get(WEBHOOK):
        ways.append(lambda: _post(text))
    if os.environ.get(MAIL):
        ways.append(lambda: _mail(subject, text))
    failed = []
    for way in ways:
        try:
            tenacity.Retrying(
                stop=tenacity.stop_after_attempt(TRIES),
                wait=tenacity.wait_exponential(multiplier=WAIT_S),
                reraise=True,
            )(way)
        except NotSent as why:
            failed.append(str(why))
    if failed:
        raise NotSent("; ".join(failed))


def _post(text: str) -> None:
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
