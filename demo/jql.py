"""The part of JQL that an extractor of history needs, as a predicate and an order over issues."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from demo.company import PROJECT_NAMES
from demo.model import Issue

Test = Callable[[Issue, int], bool]
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\'[^\']*\'|>=|<=|!=|=|<|>|\(|\)|,|[^\s"\'=<>!(),]+)')
_FIELDS = {"project", "created", "updated", "key", "issuekey", "id", "issue"}
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")


class JqlFault(ValueError):
    """The query is not understood; the message is Jira's."""


class Query:
    """A parsed query.

    Args:
        text: The JQL.

    Raises:
        JqlFault: The text is not a bounded query in the known part of the language.
    """

    def __init__(self, text: str) -> None:
        self.tokens = [token for token in _TOKEN.findall(text) if token]
        self.place = 0
        self.order: list[tuple[str, bool]] = []
        self.test: Test | None = None
        if self.peek() not in ("", "order"):
            self.test = self.either()
        if self.peek() == "order":
            self.ordering()
        if self.place < len(self.tokens):
            raise JqlFault(f"Error in the JQL Query: unexpected '{self.tokens[self.place]}'.")
        if self.test is None:
            raise JqlFault(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to "
                "your query."
            )

    def peek(self) -> str:
        """Return the next token in lower case, "" at the end."""
        return self.tokens[self.place].lower() if self.place < len(self.tokens) else ""

    def take(self) -> str:
        """Return the next token without quotes."""
        if self.place >= len(self.tokens):
            raise JqlFault("Error in the JQL Query: unexpected end of the query.")
        self.place += 1
        token = self.tokens[self.place - 1]
        return token[1:-1] if token[0] in "\"'" else token

    def either(self) -> Test:
        """Terms joined by OR."""
        tests = [self.both()]
        while self.peek() == "or":
            self.take()
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda i, now: any(test(i, now) for test in tests)

    def both(self) -> Test:
        """Terms joined by AND."""
        tests = [self.term()]
        while self.peek() == "and":
            self.take()
            tests.append(self.term())
        return tests[0] if len(tests) == 1 else lambda i, now: all(test(i, now) for test in tests)

    def term(self) -> Test:
        """A restriction, or a query in parentheses."""
        if self.peek() == "(":
            self.take()
            inner = self.either()
            if self.take() != ")":
                raise JqlFault("Error in the JQL Query: ')' is missing.")
            return inner
        name = self.take().lower()
        if name not in _FIELDS:
            raise JqlFault(
                f"Field '{name}' does not exist or you do not have permission to view it."
            )
        operator = self.take().lower()
        if operator == "not":
            operator += f" {self.take().lower()}"
        values = [self.take()]
        if operator in ("in", "not in"):
            values = []
            while self.peek() != ")":
                token = self.take()
                if token != ",":
                    values.append(token)
            self.take()
        return self.restriction(name, operator, values)

    def restriction(self, name: str, operator: str, values: list[str]) -> Test:
        """One restriction as a predicate."""
        if name in ("created", "updated"):
            return dated(name, operator, moment(values[0]))
        negative = operator in ("!=", "not in")
        if operator not in ("=", "!=", "in", "not in"):
            raise JqlFault(f"The operator '{operator}' is not supported by the '{name}' field.")
        wanted = {value.upper() for value in values}
        if name == "project":
            known = set(PROJECT_NAMES) | {name.upper() for name in PROJECT_NAMES.values()}
            for value in values:
                if value.upper() not in known and not value.isdigit():
                    raise JqlFault(f"The value '{value}' does not exist for the field 'project'.")
            keys = {key for key, title in PROJECT_NAMES.items() if wanted & {key, title.upper()}}
            return lambda issue, now: (issue.state(now)["project"] in keys) != negative
        return lambda issue, now: (bool(wanted & {str(issue.id), issue.key(now)})) != negative

    def ordering(self) -> None:
        """ORDER BY created, updated or key."""
        self.take()
        self.take()
        while True:
            name = self.take().lower()
            down = self.peek() in ("asc", "desc") and self.take().lower() == "desc"
            self.order.append((name, down))
            if self.peek() != ",":
                return
            self.take()

    def sort(self, found: list[Issue], now: int) -> list[Issue]:
        """Return the issues in the asked order (newest first without one)."""
        keys: dict[str, Callable[[Issue], object]] = {
            "created": lambda issue: issue.created,
            "updated": lambda issue: issue.updated(now),
            "id": lambda issue: issue.id,
        }
        found = sorted(found, key=lambda issue: issue.id)
        for name, down in reversed(self.order or [("created", True)]):
            by_key = lambda issue: (issue.state(now)["project"], issue.state(now)["number"])  # noqa: E731
            found.sort(key=keys.get(name, by_key), reverse=down)  # type: ignore[arg-type]
        return found


def moment(text: str) -> int:
    """Return the epoch milliseconds of a date; the searching user's zone is UTC."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    for form in _FORMATS:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    raise JqlFault(f"Date value '{text}' is invalid.")


def dated(name: str, operator: str, bound: int) -> Test:
    """A comparison of `created` or `updated` with epoch milliseconds."""
    compare = {">=": int.__ge__, "<=": int.__le__, ">": int.__gt__, "<": int.__lt__}.get(operator)
    if compare is None:
        raise JqlFault(f"The operator '{operator}' is not supported by the '{name}' field.")
    if name == "created":
        return lambda issue, now: compare(issue.created * 1000, bound)
    return lambda issue, now: compare(issue.updated(now) * 1000, bound)
