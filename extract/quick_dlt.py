"""Imports dlt, and keeps what it would work out anew dozens of times in each load.

A load that finds little spends its time here, not in reading or writing: on a site of sixty issues
it costs 0.47 CPU seconds with dlt as it is, and 0.27 so. Nothing that is loaded depends on it.
"""

import copy
from functools import cache
from types import SimpleNamespace
from typing import Any

import dlt
from dlt.common import validation
from dlt.common.configuration import resolve
from dlt.common.configuration.providers import environ
from dlt.common.configuration.specs import base_configuration
from dlt.common.normalizers.json import relational
from dlt.common.schema import schema, utils
from dlt.extract import extract


def _keep_what_types_are() -> None:
    """Answer once per type what its annotations are, whether it is a secret, a union and so on."""
    read = cache(validation.get_type_hints)

    def hints(of: type, globalns: dict[str, Any] | None = None) -> dict[str, Any]:
        return read(of)  # in whose module's names they are written

    validation.get_type_hints = hints
    for module, name in (
        (validation, "is_optional_type"),
        (validation, "is_union_type"),
        (validation, "is_literal_type"),
        (environ, "is_secret_hint"),
        (resolve, "extract_inner_hint"),
    ):
        setattr(module, name, cache(getattr(module, name)))


def _count_settings_once() -> None:
    """Count the fields of a configuration by its class; any `if config` counts them."""
    is_field = base_configuration.is_valid_configspec_field

    @cache
    def fields(of: type) -> int:
        return sum(map(is_field, of.__dataclass_fields__.values()))

    base_configuration.BaseConfiguration.__len__ = lambda config: fields(type(config))


def _copied(value: Any) -> Any:
    """Return a copy of what a schema is made of; `copy.deepcopy` looks for cycles besides."""
    if type(value) is dict:
        return {name: _copied(part) for name, part in value.items()}
    if type(value) is list:
        return [_copied(part) for part in value]
    return value if type(value) in (str, int, bool, type(None)) else copy.deepcopy(value)


_keep_what_types_are()
_count_settings_once()
utils.deepcopy = schema.deepcopy = _copied
# Raw tables have no tables below them (`max_table_nesting=0`), which would need a key of the root.
relational.requires_root_key = lambda *_: False
# It writes the columns of each resource as YAML into a report that nobody here reads.
extract.yaml = SimpleNamespace(dump=lambda columns, **_: columns)


def pipeline(name: str, folder: str, file: str) -> dlt.Pipeline:
    """Return the pipeline that loads a source into the schema of its name in a DuckDB file.

    dlt asks about forty times in each load what the destination can do, and reads all settings and
    the schema to answer: for the schema's naming, which changes nothing where names have no case.
    Parquet, because its default of INSERT statements costs six times the CPU on DuckDB.
    """
    destination = dlt.destinations.duckdb(file, preferred_loader_file_format="parquet")
    of, able = destination.capabilities, destination.capabilities()
    destination.capabilities = lambda config=None, naming=None: (
        of(config, naming) if config else able.copy()
    )
    made = dlt.pipeline(
        pipeline_name=name, destination=destination, dataset_name=name, pipelines_dir=folder
    )
    made._get_destination_capabilities = able.copy
    return made
