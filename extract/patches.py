"""What is changed of packages of others, each for one reason, one version, and until one condition.

A load that finds little spends its time in dlt, not in reading or writing: on a site of sixty
issues it costs 0.47 CPU seconds with dlt as it is, and 0.27 so. Nothing that is loaded depends on
it. A patch is applied to the version that it was written for and to no other one;
`tests/extract/test_patches.py` fails when a version is another, or when dlt does by itself what a
patch does: then the patch goes. dlt's own comment in `validation.py` asks for the first one
("get_type_hints is very slow and we possibly should cache the result"); none has an issue of its
own upstream.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dlt


@dataclass(frozen=True)
class Patch:
    """One change of a package of others.

    Attributes:
        package: The package.
        written_for: The version that it was written for.
        reason: What the package does.
        goes_when: The condition of its removal.
        is_needed: Whether the package, as it is, still does what is said; asked before `apply`.
        apply: Makes the change.
    """

    package: str
    written_for: str
    reason: str
    goes_when: str
    is_needed: Callable[[], bool]
    apply: Callable[[], None]


@cache
def apply(patches: tuple[Patch, ...]) -> None:
    """Apply patches, once in a process, to the versions that they were written for."""
    for patch in patches:
        if version(patch.package) == patch.written_for:
            patch.apply()


def _keep_what_types_are() -> None:
    """Answer once per type what its annotations are, whether it is a secret, a union and so on."""
    from dlt.common import validation
    from dlt.common.configuration import resolve
    from dlt.common.configuration.providers import environ

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


def _types_are_read_again() -> bool:
    from dlt.common import validation
    from dlt.common.schema.typing import TTableSchema

    read = validation.get_type_hints
    return read(TTableSchema) is not read(TTableSchema)


def _count_settings_once() -> None:
    """Count the fields of a configuration by its class; any `if config` counts them."""
    from dlt.common.configuration.specs import base_configuration

    is_field = base_configuration.is_valid_configspec_field

    @cache
    def fields(of: type) -> int:
        return sum(map(is_field, of.__dataclass_fields__.values()))

    base_configuration.BaseConfiguration.__len__ = lambda config: fields(type(config))


def _settings_are_counted_again() -> bool:
    from dlt.common.configuration.specs import BaseConfiguration

    return "__iter__" in inspect.getsource(BaseConfiguration.__len__)


def _hash_a_schema_once() -> None:
    """Keep the hashes of the last schemas by what is hashed, in the order in which it stands."""
    from dlt.common.json import json
    from dlt.common.schema import utils

    compute, left_out = utils.generate_version_hash, {
        "version", "version_hash", "imported_version_hash", "previous_hashes"
    }  # fmt: skip
    kept: dict[bytes, str] = {}

    def of(schema: Any) -> str:
        content = json.dumpb({key: part for key, part in schema.items() if key not in left_out})
        found = kept.get(content)
        if found is None:
            found = compute(schema)
            if len(kept) >= 16:  # each is as large as its schema
                kept.clear()
            kept[content] = found
        return found

    utils.generate_version_hash = of


def _schemas_are_hashed_again() -> bool:
    from dlt.common.schema import utils

    return "sha3_256(" in inspect.getsource(utils.generate_version_hash)


def _copied(value: Any) -> Any:
    """Return a copy of what a schema is made of; `copy.deepcopy` looks for cycles besides."""
    if type(value) is dict:
        return {name: _copied(part) for name, part in value.items()}
    if type(value) is list:
        return [_copied(part) for part in value]
    return value if type(value) in (str, int, bool, type(None)) else copy.deepcopy(value)


def _copy_schemas_plainly() -> None:
    from dlt.common.schema import schema, utils

    utils.deepcopy = schema.deepcopy = _copied


def _schemas_are_deep_copied() -> bool:
    from dlt.common.schema import schema, utils

    return schema.deepcopy is copy.deepcopy and utils.deepcopy is copy.deepcopy


def _look_for_no_roots() -> None:
    """Raw tables have no tables below them (`max_table_nesting=0`), which would need such a key."""
    from dlt.common.normalizers.json import relational

    relational.requires_root_key = lambda *_: False


def _roots_are_looked_for() -> bool:
    from dlt.common.normalizers.json import relational

    return "requires_root_key(" in inspect.getsource(relational.DataItemNormalizer)


def _write_no_yaml() -> None:
    """It goes into a report that nobody here reads."""
    from dlt.extract import extract

    extract.yaml = SimpleNamespace(dump=lambda columns, **_: columns)


def _yaml_is_written() -> bool:
    from dlt.extract import extract

    return "yaml.dump(" in inspect.getsource(extract)


def ask_once_what_a_destination_can(pipeline: "dlt.Pipeline") -> None:
    """Let a pipeline answer from memory what its destination can do.

    dlt asks about forty times in each load, and reads all settings and the schema to answer: for
    the schema's naming, which changes nothing where names have no case. It is a change of one
    pipeline and no patch of dlt; it goes when `Pipeline._get_destination_capabilities` is cached.
    """
    destination = pipeline.destination
    of, able = destination.capabilities, destination.capabilities()
    destination.capabilities = lambda config=None, naming=None: (
        of(config, naming) if config else able.copy()
    )
    pipeline._get_destination_capabilities = able.copy
    read = destination.configuration
    kept: dict[tuple[str | None, str | None], Any] = {}

    def configuration(initial: Any, accept_partial: bool = False) -> Any:
        """Read the settings once for each dataset; every client has connections of its own."""
        if accept_partial or not initial or initial.credentials or initial.staging_config:
            return read(initial, accept_partial)
        of = (initial.dataset_name, initial.default_schema_name)
        if of not in kept:
            kept[of] = read(initial)
        made = kept[of].copy()
        made.credentials.on_resolved()
        return made

    destination.configuration = configuration


PATCHES = (
    Patch(
        "dlt",
        "1.31.0",
        "reads the annotations of a type for every part of a schema that it validates",
        "validation.get_type_hints gives the same object for the same type",
        _types_are_read_again,
        _keep_what_types_are,
    ),
    Patch(
        "dlt",
        "1.31.0",
        "counts the fields of a configuration whenever its truth is asked",
        "BaseConfiguration has a __bool__, or a __len__ that does not iterate",
        _settings_are_counted_again,
        _count_settings_once,
    ),
    Patch(
        "dlt",
        "1.31.0",
        "sorts and hashes the whole schema a hundred times in a load, to see whether it is changed",
        "generate_version_hash is asked of changed schemas only, or keeps what it has computed",
        _schemas_are_hashed_again,
        _hash_a_schema_once,
    ),
    Patch(
        "dlt",
        "1.31.0",
        "copies schemas, which are plain dicts and lists, by copy.deepcopy",
        "dlt.common.schema copies them by other means",
        _schemas_are_deep_copied,
        _copy_schemas_plainly,
    ),
    Patch(
        "dlt",
        "1.31.0",
        "looks for nested tables that need a root key, at every table of every batch",
        "tables without nesting are passed over",
        _roots_are_looked_for,
        _look_for_no_roots,
    ),
    Patch(
        "dlt",
        "1.31.0",
        "writes the columns of each resource as YAML into a report",
        "extract.py writes no YAML, or only where somebody asks for the report",
        _yaml_is_written,
        _write_no_yaml,
    ),
)
