"""Which pull requests a program wrote or helped with; draws of its own, so nothing else moves."""

import random

from demo.company import Person
from demo.model import PullRequest

AGENT = Person(
    "copilot-swe-agent[bot]", "198982749+Copilot@users.noreply.github.com",
    "copilot-swe-agent", "", "", 198982749, "", is_bot=True,
)  # fmt: skip
TRAILERS = (
    "Co-Authored-By: Claude <noreply@anthropic.com>",
    "Co-authored-by: Cursor <cursoragent@cursor.com>",
    "Assisted-by: Gemini 2.5 Pro",
)


def assist(pulls: list[PullRequest], seed: int) -> None:
    """Let programs help with a fifth of the pull requests of people, and write a twentieth."""
    rng = random.Random(f"{seed}/assistance")
    for pull in pulls:
        roll, trailer = rng.random(), rng.choice(TRAILERS)
        if pull.author.is_bot or roll > 0.25:
            continue
        pull.assistance = "agent" if roll < 0.05 else "assisted"
        for commit in pull.commits:
            if pull.assistance == "agent":
                commit.author = AGENT
            else:
                commit.message += f"\n{trailer}"
