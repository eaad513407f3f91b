"""Settings of the sources, by dlt's own rules, with faults that name the setting and no value.

A source is on when the setting is there that `extract/sources/__init__.py` names, for most of them
the address of a server: `SOURCES__JIRA__BASE_URL` in the environment, or `base_url` under
`[sources.jira]` in `.dlt/config.toml` or `.dlt/secrets.toml`.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from extract import raw_store
from extract.sources import FOLDERS, SOURCES, SWITCHES

if TYPE_CHECKING:
    from dlt.common.configuration.exceptions import ConfigurationException

    from extract.source import SourceSettings

Settings = TypeVar("Settings", bound="SourceSettings")


class SettingFault(Exception):
    """A setting is missing or wrong; the message names it and never shows its value."""


def setting_name(source: str, field: str) -> str:
    """Return the environment variable of a source's setting."""
    return f"SOURCES__{source.upper()}__{field.upper()}"


def switch_of(source: str) -> str:
    """Return the environment variable that turns a source on: where the source is."""
    return setting_name(source, SWITCHES[source])


def folder_of(source: str) -> Path | None:
    """Return the folder in FLOWHOUSE_HOME that turns a source on by being there; most have none."""
    return raw_store.home() / FOLDERS[source] if source in FOLDERS else None


def fault_of_folder(source: str, field: str, folder: str) -> list[str]:
    """Return a line where a folder cannot be read: to a listing it would look empty."""
    if Path(folder).is_dir() and os.access(folder, os.R_OK | os.X_OK):
        return []
    return [f"{setting_name(source, field)} is not a folder that can be read"]


def is_on(source: str) -> bool:
    """Whether a source is configured.

    dlt takes a second to import: it is asked where the environment says nothing and a file may.
    """
    folder = folder_of(source)
    if os.environ.get(switch_of(source)) or (folder and folder.is_dir()):
        return True
    if not _may_have_files():
        return False
    import dlt

    return bool(dlt.config.get(f"sources.{source}.{SWITCHES[source]}"))


def _may_have_files() -> bool:
    """Whether dlt has a file to read settings from, or knows where one could be."""
    is_moved = any(name.startswith(("DLT_", "XDG_DATA_HOME")) for name in os.environ)
    return is_moved or any(True for _ in files())


def files() -> Iterator[Path]:
    """Yield the files that dlt reads settings from."""
    folders = (Path(".dlt"), Path.home() / ".dlt", Path("/var/dlt"))
    for folder in {folder.resolve(): folder for folder in reversed(folders)}.values():
        yield from sorted(folder.glob("*.toml"))


def file_faults() -> list[str]:
    """Return a line for each file of settings that no one may use as it is."""
    faults = []
    for file in files():
        if file.name == "secrets.toml" and file.stat().st_mode & 0o077:
            faults.append(f"{file} can be read by others: chmod 600 {file}")
        try:
            tomllib.loads(file.read_text())
        except tomllib.TOMLDecodeError as error:
            position = re.search(r"\(at .*\)$", str(error))
            faults.append(f"{file} is not valid TOML {position[0] if position else ''}".rstrip())
        except (OSError, UnicodeDecodeError):
            faults.append(f"{file} cannot be read")
    return faults


def unknown_settings() -> list[str]:
    """Return a line for each setting that looks like one of a source, and is none.

    Whoever writes PROJECT for PROJECTS would have everything loaded that can be seen.
    """
    fields = {name: source.settings.get_resolvable_fields() for name, source in SOURCES.items()}
    known = [setting_name(source, field) for source in fields for field in fields[source]]
    shared = {f"SOURCES__{field.upper()}" for of in fields.values() for field in of}
    ours = re.compile(rf"SOURCES?_+({'|'.join(fields)})_.*|SOURCES__(?!DATA_WRITER__).*", re.I)
    given = [(name, name) for name in sorted(os.environ) if ours.fullmatch(name)]
    for file in files():
        of_sources = tomllib.loads(file.read_text()).get("sources")
        for source, of in (of_sources if isinstance(of_sources, dict) else {}).items():
            for field in of if isinstance(of, dict) and source != "data_writer" else ():
                given.append((setting_name(source, field), f"[sources.{source}] {field} in {file}"))
    return [
        f"{shown} is not a setting of a source{_meant(name, known)}"
        for name, shown in given
        if name not in known and name not in shared
    ]


def _meant(name: str, known: list[str]) -> str:
    found = get_close_matches(name.upper(), known, n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else ": .env.example has all of them"


def read_settings(spec: type[Settings]) -> Settings:
    """Read the settings of a source.

    Raises:
        SettingFault: One line per faulty setting.
    """
    if faults := file_faults():
        raise SettingFault("\n".join(faults))
    from dlt.common.configuration import resolve_configuration
    from dlt.common.configuration.exceptions import (
        ConfigFieldMissingException,
        ConfigurationException,
    )

    source = spec.SOURCE
    _complete_lists(source, spec.get_resolvable_fields())
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
    faults = [
        f"{setting_name(source, field)} {fault}"
        for field, hint in settings.get_resolvable_fields().items()
        if settings[field] and (fault := _fault(spec, field, settings[field], str(hint)))
    ]
    if faults := faults or settings.complete():
        raise SettingFault("\n".join(faults))
    return settings


def _complete_lists(source: str, fields: dict[str, type]) -> None:
    """Give lists the quotes back that a shell takes from them (`. ./.env`)."""
    for field, hint in fields.items():
        name = setting_name(source, field)
        parts = re.fullmatch(r"\[([\w./*@, -]+)\]", os.environ.get(name, ""))
        if parts and "list" in str(hint).lower():
            texts = [part.strip() for part in parts[1].split(",")]
            if not all(text.isdecimal() or text in ("null", "true", "false") for text in texts):
                os.environ[name] = json.dumps(texts)


def _fault(spec: type[Settings], field: str, value: object, hint: str) -> str | None:
    """Return what is wrong with the value of a setting, without the value."""
    if isinstance(value, list):
        is_good = all(isinstance(part, str) and part.strip() for part in value)
        return None if is_good else 'is not a JSON list of texts, for example ["a", "b"]'
    text = str(value)
    if field.endswith("_url"):
        return _fault_of_address(spec, field, text)
    if field == "private_key" or not isinstance(value, str):
        return None
    if not text.isprintable() or text != text.strip():
        return "has a line break or another invisible character, or a space at an end"
    if "Secret" in hint and field != "password":
        if text[0] == text[-1] and text[0] in "\"'" and len(text) > 1:
            return "is in quotes, which are read as a part of it: remove them"
        if not text.isascii() or " " in text:
            return "has a character that no token has"
    return None


def _fault_of_address(spec: type[Settings], field: str, text: str) -> str | None:
    try:
        address = urlsplit(text)
        is_address = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        is_address = False
    if not is_address or not text.isprintable() or " " in text:
        return "is not a http(s) address"
    if address.username or address.password:
        return "must not carry credentials"
    return spec.fault_of_root(address) if field == "base_url" else None


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
