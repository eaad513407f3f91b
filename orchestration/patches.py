"""What is changed of dbt and of Dagster, each for one reason, one version, until one condition.

dbt works things out at each node and throws them away: a third of a build of small tables. Nothing
that it builds, says or finds depends on the patches. See `extract/patches.py` for how they are
kept; none has an issue upstream.

Beside these, `orchestration/event_log.py` is a storage of our own that dagster.yaml names: Dagster
opens, synchronizes and closes SQLite files for each of some three thousand events of a refresh.
"""

import inspect
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from extract.patches import Patch

DBT, COMMON, ADAPTERS, DAGSTER = "1.11.16", "1.39.0", "1.24.5", "1.13.27"


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


def _make_messages_when_read() -> None:
    """Make the message of a small event when somebody reads it; `_say_what_is_heard` does not."""
    from dbt_common.events.base_types import BaseEvent, EventLevel

    small, make = (EventLevel.DEBUG, EventLevel.TEST), BaseEvent.__init__

    def note(event: BaseEvent, *args: Any, **facts: Any) -> None:
        if args or event.level_tag() not in small:
            make(event, *args, **facts)
        else:
            vars(event)["_facts"] = facts

    def read(event: BaseEvent, name: str) -> Any:
        if name != "pb_msg":
            return getattr(event.pb_msg, name)
        if "_facts" not in vars(event):
            raise AttributeError(name)
        make(event, **vars(event).pop("_facts"))
        return vars(event)["pb_msg"]

    def write(event: BaseEvent, name: str, value: Any) -> None:
        if name == "pb_msg":
            vars(event)[name] = value
        else:
            setattr(event.pb_msg, name, value)

    BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__ = note, read, write


def _messages_are_made_for_nobody() -> bool:
    from dbt_common.events.base_types import BaseEvent

    return "ParseDict(" in inspect.getsource(BaseEvent.__init__)


AT_EACH_NODE = ("drop_relation", "rename_relation", "get_columns_in_relation")
"""Macros that an adapter calls by itself, several times at a node."""


def _keep_what_a_macro_sees() -> None:
    """Work out once what the macros see that an adapter calls at each node.

    It is six hundred other macros, and the settings of the run: nothing of the node. What is kept
    is of one run, and of one thread.
    """
    from dbt import selected_resources
    from dbt.adapters.base.impl import BaseAdapter

    take = BaseAdapter.set_macro_context_generator

    def take_kept(adapter: BaseAdapter, generate: Any) -> None:
        kept: dict[tuple, tuple] = {}

        def context(macro: Any, config: Any, manifest: Any, package: str | None) -> dict[str, Any]:
            if macro.name not in AT_EACH_NODE:
                return generate(macro, config, manifest, package)
            of = (macro.unique_id, package, threading.get_ident())
            graph, selected = manifest.flat_graph, selected_resources.SELECTED_RESOURCES
            run = (macro, config, manifest, graph, selected)
            known, seen = kept.get(of, ((), {}))
            if len(known) != len(run) or any(one is not other for one, other in zip(known, run)):
                seen = generate(macro, config, manifest, package)
                kept[of] = (run, seen)
            seen["_sql_results"].clear()  # of the call before
            return seen

        take(adapter, context)

    BaseAdapter.set_macro_context_generator = take_kept


def _macros_are_shown_all_again() -> bool:
    from dbt.adapters.base.impl import BaseAdapter

    return "self._macro_context_generator(macro, self.config, resolver, project)" in (
        inspect.getsource(BaseAdapter.execute_macro)
    )


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


def _sort_macros_once() -> None:
    """Sort the macros into those of a package, of the project and of dbt once, not for each node.

    Each node still gets callables of its own, which know it.
    """
    from dbt.clients.jinja import MacroGenerator
    from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder

    build, new = MacroNamespaceBuilder.build_namespace, MacroGenerator.__new__
    kept: dict[tuple, tuple] = {}

    def sorted_once(builder: MacroNamespaceBuilder, macros: dict, ctx: dict) -> MacroNamespace:
        of = (builder.root_package, builder.search_package, *builder.internal_package_names_order)
        # A manifest puts what it reads into the same dicts. Those that are kept have their own ids.
        each = [id(macro) for package in macros.values() for macro in package.values()]
        known = kept.get(of)
        if known is None or known[0] != each:
            made = build(builder, macros, ctx)
            parts = (
                made.global_namespace, made.local_namespace, made.global_project_namespace,
                *made.packages.values(),
            )  # fmt: skip
            names = [{name: one.macro for name, one in part.items()} for part in parts]
            kept[of] = (each, names, [*made.packages])
            return made
        own: dict[int, MacroGenerator] = {}
        node, stack = builder.node, builder.thread_ctx

        def callables(part: dict[str, Any]) -> dict[str, MacroGenerator]:
            found = {}
            for name, macro in part.items():
                one = own.get(id(macro))
                if one is None:
                    one = own[id(macro)] = new(MacroGenerator)
                    one.macro, one.context, one.node, one.stack = macro, ctx, node, stack
                found[name] = one
            return found

        of_root, of_node, of_dbt, *of_packages = map(callables, known[1])
        return MacroNamespace(of_root, of_node, of_dbt, dict(zip(known[2], of_packages)))

    MacroNamespaceBuilder.build_namespace = sorted_once


def _macros_are_sorted_again() -> bool:
    from dbt.context.macros import MacroNamespaceBuilder

    return "self.add_macros(" in inspect.getsource(MacroNamespaceBuilder.build_namespace)


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
        "dbt-common",
        COMMON,
        "makes a message of each event when it happens",
        "BaseEvent makes its message when it is read",
        _messages_are_made_for_nobody,
        _make_messages_when_read,
    ),
    Patch(
        "dbt-adapters",
        ADAPTERS,
        "works out all that a macro sees for each call of one by an adapter",
        "execute_macro keeps the context of a macro",
        _macros_are_shown_all_again,
        _keep_what_a_macro_sees,
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
        "dbt-core",
        DBT,
        "sorts all macros into namespaces for each node",
        "MacroNamespaceBuilder keeps what it has sorted",
        _macros_are_sorted_again,
        _sort_macros_once,
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
