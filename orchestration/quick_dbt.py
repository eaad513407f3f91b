"""dbt, without what it works out at each node and throws away: a third of a build of small tables.

    python -m orchestration.quick_dbt build ...    # takes the words of dbt

Nothing that dbt builds, says or finds depends on it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import parsedatetime
from agate.data_types import date, date_time
from dbt.cli.main import cli
from dbt.context.macros import MacroNamespace
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager

SMALL = (EventLevel.DEBUG, EventLevel.TEST)


def _say_what_is_heard() -> None:
    """Leave out what no log is to hold.

    dbt fills a message for each of its 26 small steps at a node, and holds its text against all
    that is in the environment, before it asks whether anybody wants to know.
    """
    fire = EventManager.fire_event

    def fire_heard(
        manager: EventManager, e: BaseEvent, level: EventLevel | None = None, *rest: Any, **how: Any
    ) -> None:
        is_small = (level or e.level_tag()) in SMALL
        if not is_small or any(logger.level in SMALL for logger in manager.loggers):
            fire(manager, e, level, *rest, **how)

    EventManager.fire_event = fire_heard


def _flat(namespace: MacroNamespace) -> Mapping[str, Any]:
    """Return the macros that a node sees by name; what is searched first is added last."""
    if "flat" not in vars(namespace):
        namespace.flat = {}
        for macros in reversed(list(namespace._search_order())):
            namespace.flat.update(macros)
    return namespace.flat


def _find_macros_at_once() -> None:
    """Look a macro up in one place, not in five: each node asks for all of them."""

    def names(namespace: MacroNamespace) -> Iterator[str]:
        return iter(_flat(namespace))

    MacroNamespace.__iter__ = names
    MacroNamespace._keys = lambda namespace: set(_flat(namespace))
    MacroNamespace.__getitem__ = lambda namespace, name: _flat(namespace)[name]


def _know_dates_once() -> None:
    """Make the tables of month names and the like once, not with the result of each statement."""
    of = cache(lambda locale: parsedatetime.Constants(localeID=locale))

    class Known:
        VERSION_CONTEXT_STYLE = parsedatetime.VERSION_CONTEXT_STYLE
        Calendar = parsedatetime.Calendar

        @staticmethod
        def Constants(localeID: str) -> parsedatetime.Constants:  # noqa: N802, N803
            return of(localeID)

    date.parsedatetime = date_time.parsedatetime = Known


_say_what_is_heard()
_find_macros_at_once()
_know_dates_once()

if __name__ == "__main__":
    cli()
