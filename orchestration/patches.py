"""What is changed of dbt and of Dagster, each for one reason, one version, until one condition.

dbt works things out at each node and throws them away: a third of a build of small tables. Nothing
that it builds, says or finds depends on the patches. See `extract/patches.py` for how they are
kept; none has an issue upstream.

Beside these, `orchestration/event_log.py` is a storage of our own that dagster.yaml names: Dagster
opens, synchronizes and closes SQLite files for each of some three thousand events of a refresh.
"""

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from extract.patches import Patch

DBT, COMMON, DAGSTER = "1.11.16", "1.39.0", "1.13.27"


def _say_what_is_heard() -> None:
    """Leave out what no log is to hold.

    dbt fills a message for each of its 26 small steps at a node, and holds its text against all
    that is in the environment, before it asks whether anybody wants to know.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    small = (EventLevel.DEBUG, EventLevel.TEST)
    fire = EventManager.fire_event

    def fire_heard(
        manager: EventManager, e: BaseEvent, level: EventLevel | None = None, *rest: Any, **how: Any
    ) -> None:
        is_small = (level or e.level_tag()) in small
        if not is_small or any(logger.level in small for logger in manager.loggers):
            fire(manager, e, level, *rest, **how)

    EventManager.fire_event = fire_heard


def _messages_are_filled_for_nobody() -> bool:
    from dbt_common.events.event_manager import EventManager

    lines = inspect.getsource(EventManager.fire_event)
    return lines.index("msg_from_base_event") < lines.index("for logger in self.loggers")


def _flat(namespace: Any) -> Mapping[str, Any]:
    """Return the macros that a node sees by name; what is searched first is added last."""
    if "flat" not in vars(namespace):
        namespace.flat = {}
        for macros in reversed(list(namespace._search_order())):
            namespace.flat.update(macros)
    return namespace.flat


def _find_macros_at_once() -> None:
    """Look a macro up in one place, not in five: each node asks for all of them."""
    from dbt.context.macros import MacroNamespace

    def names(namespace: MacroNamespace) -> Iterator[str]:
        return iter(_flat(namespace))

    MacroNamespace.__iter__ = names
    MacroNamespace._keys = lambda namespace: set(_flat(namespace))
    MacroNamespace.__getitem__ = lambda namespace, name: _flat(namespace)[name]


def _macros_are_searched() -> bool:
    from dbt.context.macros import MacroNamespace

    return "_search_order" in inspect.getsource(MacroNamespace.__getitem__)


def _know_dates_once() -> None:
    """Make the tables of month names and the like once, not with the result of each statement."""
    import parsedatetime
    from agate.data_types import date, date_time

    of = cache(lambda locale: parsedatetime.Constants(localeID=locale))

    class Known:
        VERSION_CONTEXT_STYLE = parsedatetime.VERSION_CONTEXT_STYLE
        Calendar = parsedatetime.Calendar

        @staticmethod
        def Constants(localeID: str) -> parsedatetime.Constants:  # noqa: N802, N803
            return of(localeID)

    date.parsedatetime = date_time.parsedatetime = Known


def _dates_are_made_again() -> bool:
    from agate.data_types import date, date_time

    return all(
        "parsedatetime.Constants(" in inspect.getsource(kind.__init__)
        for kind in (date.Date, date_time.DateTime)
    )


def _keep_the_assets_of_a_step() -> None:
    """Collect the assets of a step once: with some hundred of them it takes seconds."""
    from dagster._core.execution.context.system import StepExecutionContext

    collect = StepExecutionContext.get_output_asset_keys
    StepExecutionContext.get_output_asset_keys = cache(collect)


def _assets_are_collected_again() -> bool:
    from dagster._core.execution.context.system import StepExecutionContext

    return not hasattr(StepExecutionContext.get_output_asset_keys, "cache_info")


OF_DBT = (
    Patch(
        "dbt-common",
        COMMON,
        "fills the message of an event before it asks whether a logger wants it",
        "EventManager.fire_event looks at the loggers first",
        _messages_are_filled_for_nobody,
        _say_what_is_heard,
    ),
    Patch(
        "dbt-core",
        DBT,
        "searches five namespaces for each macro that a node sees",
        "MacroNamespace keeps one mapping",
        _macros_are_searched,
        _find_macros_at_once,
    ),
    Patch(
        "agate",
        "1.9.1",
        "makes the tables of a calendar for each result of a statement",
        "agate makes parsedatetime.Constants once for a locale",
        _dates_are_made_again,
        _know_dates_once,
    ),
)

OF_DAGSTER = (
    Patch(
        "dagster",
        DAGSTER,
        "collects the assets of a step for each event of one of them",
        "StepExecutionContext.get_output_asset_keys is cached",
        _assets_are_collected_again,
        _keep_the_assets_of_a_step,
    ),
)

PATCHES = (*OF_DBT, *OF_DAGSTER)
