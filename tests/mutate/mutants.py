"""Every way in which one statement can be broken in one place.

A mutant is the compiled SQL of a model with one node of its syntax tree replaced. What an engine
would refuse to run is found out later, by running it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import sqlglot
from sqlglot import exp

DIALECT = "duckdb"


@dataclass(frozen=True)
class Mutant:
    """One broken statement.

    Attributes:
        table: The model.
        part: The common table expression, and the column in it, where it is broken.
        operator: What kind of rule was broken.
        before: The text that stood there.
        after: What it became.
        no: Which of several places with the same text it is, from 1.
        sql: The whole statement.
    """

    table: str
    part: str
    operator: str
    before: str
    after: str
    no: int
    sql: str

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return f"{self.table} {self.part} {self.operator}: {self.before} -> {self.after} #{self.no}"


Change = tuple[str, exp.Expression | None]
"""An operator's name, and what a node becomes; None takes it away."""

BOUNDARIES = {exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT}
AGGREGATES = {exp.Min: exp.Max, exp.Max: exp.Min, exp.Sum: exp.Max, exp.Avg: exp.Max}
NEIGHBOURS = {exp.Lag: exp.Lead, exp.Lead: exp.Lag}
ARITHMETIC = {exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Div, exp.Div: exp.Mul}
EXTREMES = {exp.Greatest: exp.Least, exp.Least: exp.Greatest}
FAR_DATES = ("0001-01-01", "9999-12-31", "1970-01-01")
"""Ends that stand for none, and where seconds are counted from: another one says the same."""


def mutants(table: str, sql: str) -> Iterator[Mutant]:
    """Yield every mutant of a model's compiled SQL.

    Args:
        table: The model's name.
        sql: Its compiled SQL.
    """
    tree = _with_zones_of_columns(sqlglot.parse_one(sql, dialect=DIALECT))
    seen: Counter = Counter()
    kin = _kin(tree)
    for place, node in enumerate(list(tree.walk())):
        for operator, replacement in (*_changes(node), *_sibling(node, kin)):
            copy = tree.copy()
            target = next(n for i, n in enumerate(copy.walk()) if i == place)
            shown, after = _shown(node), "" if replacement is None else _shown(replacement)
            if replacement is None:
                _take_away(target)
            elif target.parent is None:
                copy = replacement
            else:
                target.replace(replacement)
            part = _part(node)
            key = (part, operator, shown, after)
            seen[key] += 1
            yield Mutant(table, part, operator, shown, after, seen[key], copy.sql(dialect=DIALECT))


def _with_zones_of_columns(tree: exp.Expression) -> exp.Expression:
    """Take the branches away that a macro writes for known zones: their last one says the same."""

    def is_of_zones(node: exp.Expression) -> bool:
        if not isinstance(node, exp.Case) or not node.this or not node.args.get("default"):
            return False
        branches = [node.args["default"], *(branch.args["true"] for branch in node.args["ifs"])]
        return all(branch.sql(DIALECT).upper().startswith("TIMEZONE(") for branch in branches)

    return tree.transform(lambda node: node.args["default"] if is_of_zones(node) else node)


def _shown(node: exp.Expression) -> str:
    text = " ".join(node.sql(dialect=DIALECT).split())
    return text if len(text) <= 160 else f"{text[:120]} ... {text[-36:]}"


def _part(node: exp.Expression) -> str:
    """Return the common table expression and the column that a node stands in."""
    cte = node.find_ancestor(exp.CTE)
    column = ""
    inner: exp.Expression | None = node
    while inner is not None and inner is not cte:
        if isinstance(inner, exp.Alias) and isinstance(inner.parent, exp.Select):
            column = inner.alias
        inner = inner.parent
    name = cte.alias if cte is not None else "select"
    return f"{name}.{column}" if column else name


def _take_away(node: exp.Expression) -> None:
    parent = node.parent
    if isinstance(parent, exp.And | exp.Or):
        other = parent.expression if parent.this is node else parent.this
        parent.replace(other.copy())
    else:
        node.pop()


def _changes(node: exp.Expression) -> Iterator[Change]:
    for make in (_compared, _constant, _conditions, _joined, _windowed, _counted, _chosen):
        yield from make(node)


KINDS = ("_at", "_s", "_day", "_date")
"""Endings of columns that can be taken for one another: moments, durations, days."""


def _kin(tree: exp.Expression) -> dict[str, list[str]]:
    """Return the columns that a statement names, by their ending."""
    names = sorted({column.name for column in tree.find_all(exp.Column)})
    return {kind: [name for name in names if name.endswith(kind)] for kind in KINDS}


def _sibling(node: exp.Expression, kin: dict[str, list[str]]) -> Iterator[Change]:
    """Take the next column of the same ending instead: the end for the start, wait for work."""
    if not isinstance(node, exp.Column) or node.find_ancestor(exp.Group):
        return
    if isinstance(node.parent, exp.EQ) and _is_join_key(node.parent):
        return
    for kind in KINDS:
        if node.name.endswith(kind) and len(kin[kind]) > 1:
            names = kin[kind]
            other = node.copy()
            following = names[(names.index(node.name) + 1) % len(names)]
            other.set("this", exp.to_identifier(following))
            yield "column", other
            return


def _compared(node: exp.Expression) -> Iterator[Change]:
    swapped = BOUNDARIES.get(type(node))
    if swapped:
        yield "boundary", swapped(this=node.this.copy(), expression=node.expression.copy())
    if isinstance(node, exp.EQ | exp.NEQ) and not _is_join_key(node):
        kind = exp.NEQ if isinstance(node, exp.EQ) else exp.EQ
        yield "comparison", kind(this=node.this.copy(), expression=node.expression.copy())
    if isinstance(node, exp.Between):
        low = exp.GT(this=node.this.copy(), expression=node.args["low"].copy())
        high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
        yield "boundary", exp.paren(exp.and_(low, high))
        low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
        high = exp.LT(this=node.this.copy(), expression=node.args["high"].copy())
        yield "boundary", exp.paren(exp.and_(low, high))
    if isinstance(node, exp.In) and len(node.expressions) > 1:
        for no in range(len(node.expressions)):
            fewer = node.copy()
            fewer.set("expressions", [e for i, e in enumerate(fewer.expressions) if i != no])
            yield "list", fewer
    if isinstance(node, exp.Not):
        yield "negation", exp.paren(node.this.copy())
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        yield "negation", exp.paren(exp.Not(this=node.copy()))


def _is_join_key(node: exp.Expression) -> bool:
    """Whether a node is an equality that a join is made by."""
    join = node.find_ancestor(exp.Join, exp.Select)
    if not isinstance(join, exp.Join):
        return False
    return isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column)


def _constant(node: exp.Expression) -> Iterator[Change]:
    if not isinstance(node, exp.Literal):
        if isinstance(node, exp.Boolean):
            yield "constant", exp.Boolean(this=not node.this)
        return
    parent = node.parent
    if isinstance(parent, exp.PercentileDisc | exp.PercentileCont):
        value = Decimal(node.this)
        for other in (value - Decimal("0.05"), value + Decimal("0.05")):
            yield "percentile", exp.Literal.number(str(other))
        return
    if isinstance(parent, exp.If) and node.find_ancestor(exp.Count, exp.Select, exp.Sum, exp.Min):
        counted = node.find_ancestor(exp.Count, exp.Select, exp.Sum, exp.Min)
        if isinstance(counted, exp.Count) and parent.args["true"] is node:
            return  # any value counts as one
    if isinstance(parent, exp.Group | exp.WindowSpec | exp.DataTypeParam) or node.find_ancestor(
        exp.Order, exp.Group
    ):
        return
    if isinstance(parent, exp.Interval):
        if node.this.isdigit():
            yield "constant", exp.Literal.string(str(int(node.this) + 1))
    elif node.is_int:
        yield "constant", exp.Literal.number(int(node.this) + 1)
    elif node.is_number:
        yield "constant", exp.Literal.number(str(Decimal(node.this) * Decimal("1.1")))
    elif isinstance(parent, exp.EQ | exp.NEQ | exp.If | exp.Case | exp.In | exp.Coalesce):
        yield "constant", exp.Literal.string(f"{node.this}_x")


def _conditions(node: exp.Expression) -> Iterator[Change]:
    if isinstance(node.parent, exp.And | exp.Or) and not isinstance(node, type(node.parent)):
        yield "predicate", None
    elif isinstance(node.parent, exp.Paren) and isinstance(node, exp.And | exp.Or):
        return
    if isinstance(node, exp.Where | exp.Having):
        yield "predicate", None
    if isinstance(node, exp.Or) and not isinstance(node.parent, exp.Or):
        yield "predicate", exp.paren(exp.and_(node.this.copy(), node.expression.copy()))


def _joined(node: exp.Expression) -> Iterator[Change]:
    if isinstance(node, exp.Join) and node.args.get("on") is not None:
        side = (node.side or "").upper()
        for other in {"LEFT": ("",), "": ("LEFT",), "FULL": ("LEFT", "")}.get(side, ()):
            join = node.copy()
            join.set("side", other or None)
            join.set("kind", "INNER" if not other else None)
            yield "join", join
    if isinstance(node, exp.Union):
        yield "union", node.this.copy()
        yield "union", node.expression.copy()
        if node.args.get("distinct"):
            union = node.copy()
            union.set("distinct", False)
            yield "union", union


def _windowed(node: exp.Expression) -> Iterator[Change]:
    if isinstance(node, exp.Window):
        columns = node.args.get("partition_by") or []
        for no in range(len(columns)):
            window = node.copy()
            window.set(
                "partition_by", [c for i, c in enumerate(window.args["partition_by"]) if i != no]
            )
            yield "partition", window
        order = node.args.get("order")
        for no in range(len(order.expressions) if order else 0):
            if len(order.expressions) > 1:
                window = node.copy()
                left = [e for i, e in enumerate(window.args["order"].expressions) if i != no]
                window.args["order"].set("expressions", left)
                yield "order", window
            window = node.copy()
            term = window.args["order"].expressions[no]
            term.set("desc", not term.args.get("desc"))
            term.set("nulls_first", None)
            yield "order", window
        spec = node.args.get("spec")
        if spec is not None and spec.args.get("end") == "CURRENT ROW":
            window = node.copy()
            window.args["spec"].set("end", exp.Literal.number(1))
            window.args["spec"].set("end_side", "PRECEDING")
            yield "frame", window
        elif spec is not None and spec.args.get("end_side") == "PRECEDING":
            window = node.copy()
            window.args["spec"].set("end", "CURRENT ROW")
            window.args["spec"].set("end_side", None)
            yield "frame", window


def _counted(node: exp.Expression) -> Iterator[Change]:
    for kinds in (AGGREGATES, NEIGHBOURS):
        if type(node) in kinds:
            swapped = node.copy()
            yield "aggregate", kinds[type(node)](**swapped.args)
    if isinstance(node, exp.Count) and not isinstance(node.this, exp.Star):
        if isinstance(node.this, exp.Distinct):
            yield "aggregate", exp.Count(this=node.this.expressions[0].copy())
        else:
            yield "aggregate", exp.Count(this=exp.Star())
    if isinstance(node, exp.PercentileDisc):
        yield "aggregate", exp.PercentileCont(this=node.this.copy())
    if type(node) in ARITHMETIC:
        kind = ARITHMETIC[type(node)]
        yield "arithmetic", kind(this=node.this.copy(), expression=node.expression.copy())
    if isinstance(node, exp.Neg) and not isinstance(node.this, exp.Literal):
        yield "arithmetic", node.this.copy()
    if isinstance(node, exp.Anonymous) and node.name.upper() == "TIMEZONE":
        zone = node.expressions[0]
        if not isinstance(zone, exp.Literal):
            utc = node.copy()
            utc.expressions[0].replace(exp.Literal.string("UTC"))
            yield "time zone", utc


def _chosen(node: exp.Expression) -> Iterator[Change]:
    if isinstance(node, exp.Coalesce) and not any(
        isinstance(e, exp.Literal | exp.Cast) and any(far in e.sql() for far in FAR_DATES)
        for e in node.expressions
    ):
        choices = [node.this, *node.expressions]
        first, second, *rest = choices
        yield (
            "coalesce",
            exp.Coalesce(this=second.copy(), expressions=[first.copy(), *(c.copy() for c in rest)]),
        )
        for no in range(len(choices)):
            left = [c.copy() for i, c in enumerate(choices) if i != no]
            if len(left) == 1:
                yield "coalesce", exp.paren(left[0])
            else:
                yield "coalesce", exp.Coalesce(this=left[0], expressions=left[1:])
    if type(node) in EXTREMES:
        yield "extreme", EXTREMES[type(node)](**node.copy().args)
    if isinstance(node, exp.Nullif):
        yield "null", exp.paren(node.this.copy())
    if isinstance(node, exp.Case):
        branches = node.args.get("ifs") or []
        for no in range(len(branches)):
            if len(branches) > 1:
                case = node.copy()
                case.set("ifs", [b for i, b in enumerate(case.args["ifs"]) if i != no])
                yield "branch", case
        if node.args.get("default") is not None:
            case = node.copy()
            case.set("default", None)
            yield "branch", case
