"""Settings of the sources, by dlt's own rules, with faults that name the setting and no value.

A source is on when its `base_url` is set: `SOURCES__JIRA__BASE_URL` in the environment, or
`base_url` under `[sources.jira]` in `.dlt/config.toml` or `.dlt/secrets.toml`.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.common.configuration.specs import BaseConfiguration

Spec = TypeVar("Spec", bound="BaseConfiguration")


class SettingFault(Exception):
    """A setting is missing or wrong; the message names it and never shows its value."""


def setting_name(source: str, field: str) -> str:
    """Return the environment variable of a source's setting."""
    return f"SOURCES__{source.upper()}__{field.upper()}"


def is_on(source: str) -> bool:
    """Whether a source is configured.

    dlt takes a second to import: it is asked where the environment says nothing and a file may.
    """
    if os.environ.get(address_setting(source)):
        return True
    if not _is_dlt_told_elsewhere():
        return False
    import dlt

    return bool(dlt.config.get(f"sources.{source}.{address_field(source)}"))


def _is_dlt_told_elsewhere() -> bool:
    """Whether dlt has a file to read settings from, or is told where one could be."""
    folders = (Path(".dlt"), Path.home() / ".dlt", Path("/var/dlt"))
    is_moved = any(name.startswith(("DLT_", "XDG_DATA_HOME")) for name in os.environ)
    return is_moved or any(any(folder.glob("*.toml")) for folder in folders)


def address_field(source: str) -> str:
    """Return the field that says where a source is, and that turns it on."""
    return "path" if source == "inbox" else "base_url"


def address_setting(source: str) -> str:
    """Return the environment variable that says where a source is."""
    return setting_name(source, address_field(source))


def settings_for(source: str, spec: type[Spec]) -> Spec:
    """Read the settings of a source.

    Raises:
        SettingFault: One line per faulty setting.
    """
    from dlt.common.configuration import resolve_configuration
    from dlt.common.configuration.exceptions import (
        ConfigFieldMissingException,
        ConfigurationException,
    )

    try:
        settings = resolve_configuration(spec(), sections=("sources", source))
    except ConfigFieldMissingException as error:
        names = [setting_name(source, field) for field in error.fields]
        raise SettingFault("\n".join(f"{name} is not set" for name in names)) from None
    except ConfigurationException as error:
        field = getattr(error, "field_name", "settings")
        raise SettingFault(
            f"{setting_name(source, field)} cannot be read as {_kind(error)}"
        ) from None
    if "base_url" not in settings:
        return settings
    address = urlsplit(settings.base_url)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise SettingFault(f"{setting_name(source, 'base_url')} is not a http(s) address")
    if address.username or address.password:
        raise SettingFault(f"{setting_name(source, 'base_url')} must not carry credentials")
    return settings


def start_of(source: str, start_date: str | None) -> datetime | None:
    """Return where the first load of a source begins; None reads everything.

    Raises:
        SettingFault: The date cannot be read.
    """
    if not start_date:
        return None
    try:
        moment = datetime.fromisoformat(start_date)
    except ValueError:
        raise SettingFault(
            f"{setting_name(source, 'start_date')} is not an ISO date, for example 2024-01-31"
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _kind(error: "ConfigurationException") -> str:
    hint = getattr(error, "hint", None)
    if "list" in str(hint).lower():
        return "a JSON list"
    return getattr(hint, "__name__", "its type")
