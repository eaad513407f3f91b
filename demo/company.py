"""What the made-up company is: value streams, teams, repositories, statuses, people, words.

Everything here is invented. Names and addresses of people exist only so that tests can prove that
they never reach the warehouse.
"""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SEED = 20260101
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
NOW = int(datetime(2026, 1, 1, 6, tzinfo=UTC).timestamp())
HORIZON = int(datetime(2026, 1, 16, tzinfo=UTC).timestamp())
DAY = 86400
HOUR = 3600
OWNER = "northbank"
SITE = "https://northbank.example"


@dataclass(frozen=True, slots=True)
class Stream:
    """A value stream: its tools' scopes and the stage that truly limits it."""

    key: str
    name: str
    zone: str
    calendar: str
    project: str
    project_id: int
    teams: tuple[str, str]
    repositories: tuple[str, str]
    constraint: str
    operations: str
    change_board: str

    def day(self, at: int) -> date:
        """Return the day of a moment where the people of the stream are."""
        return datetime.fromtimestamp(at, ZoneInfo(self.zone)).date()


STREAMS = (
    Stream(
        "payments", "Payments", "Europe/Berlin", "berlin", "PAY", 10000,
        ("payments-core", "payments-checkout"), ("payments-api", "payments-web"),
        "waiting_test", "Payments Operations", "Payments Change Board",
    ),
    Stream(
        "storefront", "Storefront", "America/New_York", "new_york", "SHOP", 10001,
        ("storefront-web", "storefront-search"), ("shop-web", "shop-search"),
        "waiting_review", "Storefront Operations", "Storefront Change Board",
    ),
    Stream(
        "platform", "Platform", "UTC", "utc", "PLAT", 10002,
        ("platform-runtime", "platform-delivery"), ("platform-core", "platform-ci"),
        "waiting_release", "Platform Operations", "Platform Change Board",
    ),
)  # fmt: skip
INSIGHTS = Stream(
    "insights", "Insights", "UTC", "utc", "", 0, ("insights", "insights"),
    ("insights-api", "insights-jobs"), "", "", "",
)  # fmt: skip
"""A small stream that has no Jira and no desk: GitLab has its services, GitHub its library."""
LIBRARY = "client-sdk"
"""The one repository of Insights that is on GitHub, with issues there: a library for customers."""
STREAM_OF = {stream.key: stream for stream in STREAMS}
STREAM_OF_PROJECT = {stream.project: stream for stream in STREAMS}
STREAM_OF_REPOSITORY = {
    name: stream for stream in (*STREAMS, INSIGHTS) for name in stream.repositories
} | {LIBRARY: INSIGHTS}
REPOSITORIES = tuple(name for stream in STREAMS for name in stream.repositories)
ON_GITHUB = (*REPOSITORIES, LIBRARY)
TEAM_NAMES = {
    "payments-core": "Payments Core",
    "payments-checkout": "Payments Checkout",
    "storefront-web": "Storefront Web",
    "storefront-search": "Storefront Search",
    "platform-runtime": "Platform Runtime",
    "platform-delivery": "Platform Delivery",
}
TEAM_OF_REPOSITORY = {
    repository: team
    for stream in STREAMS
    for repository, team in zip(stream.repositories, stream.teams, strict=True)
}

# status name -> (Jira id, category key, stage, flow state)
STATUSES = {
    "Backlog": ("10100", "new", "backlog", "new"),
    "Selected for Development": ("10101", "new", "selected", "wait"),
    "In Progress": ("3", "indeterminate", "in_progress", "active"),
    "Ready for Review": ("10102", "indeterminate", "waiting_review", "wait"),
    "In Review": ("10103", "indeterminate", "review", "active"),
    "Ready for Test": ("10104", "indeterminate", "waiting_test", "wait"),
    "In Test": ("10105", "indeterminate", "test", "active"),
    "Ready for Release": ("10106", "indeterminate", "waiting_release", "wait"),
    "Done": ("10107", "done", "done", "done"),
    "Cancelled": ("10108", "done", "cancelled", "cancelled"),
    "To Do": ("10109", "new", "to_do", "new"),
}
TERMINAL = ("Done", "Cancelled")
PRIORITIES = {"Highest": "1", "High": "2", "Medium": "3", "Low": "4", "Lowest": "5"}
# issue type -> (id, hierarchy level)
ISSUE_TYPES = {
    "Epic": ("10000", 1),
    "Story": ("10001", 0),
    "Task": ("10002", 0),
    "Bug": ("10003", 0),
    "Spike": ("10004", 0),
    "Tech Debt": ("10005", 0),
}

_FIRST = [
    "Zaryn", "Quillow", "Brindle", "Tamsor", "Oriven", "Vexley", "Maruka", "Jolenna", "Fenwick",
    "Isaldo", "Perrin", "Caldra", "Noviel", "Tindra", "Rosmar", "Ulvina", "Hestor", "Dallow",
    "Wenlis", "Korvin", "Sabrel", "Lunder", "Odelyn", "Marvek", "Pellis", "Thessa",
]  # fmt: skip
_LAST = [
    "Oakvale", "Thornquist", "Marrowby", "Fenlight", "Duskwell", "Harrowmere", "Quillfeather",
    "Stonebrook", "Vandermoor", "Ashgrove", "Brackenridge", "Larkspurre", "Wolfenden",
    "Nettlecombe", "Farrowdale", "Pinehurstel", "Ravensmoor", "Silverlocke", "Umberfield",
    "Yarrowgate", "Zellwinger", "Coppersmythe",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person or bot with its identity in each tool."""

    name: str
    email: str
    login: str
    account_id: str
    sys_id: str
    github_id: int
    team: str
    is_bot: bool = False


def hexes(rng: random.Random, digits: int) -> str:
    """Return a random hexadecimal text of so many digits."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def make_people(seed: int) -> list[Person]:
    """Return the company's staff: seven per team, an operator group, and the bots."""
    rng = random.Random(f"{seed}/people")
    names = [(first, last) for first in _FIRST for last in _LAST]
    rng.shuffle(names)
    people = []
    groups = [team for team in TEAM_NAMES for _ in range(7)]
    groups += [f"ops-{stream.key}" for stream in STREAMS for _ in range(5)]
    for index, team in enumerate(groups):
        first, last = names[index]
        plain = f"{first}.{last}".lower()
        people.append(
            Person(
                f"{first} {last}",
                f"{plain}@northbank.example",
                plain.replace(".", "-"),
                f"5f{hexes(rng, 22)}",
                hexes(rng, 32),
                7_000_000 + 137 * index,
                team,
            )
        )
    for index, (name, login) in enumerate(
        [
            ("Automation for Jira", "automation-for-jira"),
            ("dependabot", "dependabot"),
            ("github-actions", "github-actions"),
        ]
    ):
        people.append(
            Person(
                name,
                f"{login}@northbank.example",
                login,
                f"557058:{hexes(rng, 22)}",
                hexes(rng, 32),
                49_699_300 + index,
                "bots",
                is_bot=True,
            )
        )
    return people


_VERBS = [
    "Add", "Fix", "Rework", "Speed", "Simplify", "Migrate", "Retry", "Validate", "Cache",
    "Split", "Log", "Expose",
]  # fmt: skip
_THINGS = {
    "payments": "refund rounding|card tokens|settlement file|ledger export|SEPA mandate|fee table|"
    "dispute flow|payout schedule|3-D Secure step|currency table|chargeback mail|payment link",
    "storefront": "product page|search ranking|basket price|gift cards|filter chips|image sizes|"
    "wish list|checkout banner|promo codes|category tree|stock badge|recommendations",
    "platform": "build cache|secret rotation|node pool|service mesh|log pipeline|base image|"
    "deploy gate|metric labels|queue limits|backup job|access policy|cluster upgrade",
}


def sentence(rng: random.Random, stream: str) -> str:
    """Return a made-up title of a piece of work."""
    return f"{rng.choice(_VERBS)} {rng.choice(_THINGS[stream].split('|'))}"


PROJECT_NAMES = {stream.project: stream.name for stream in STREAMS}
