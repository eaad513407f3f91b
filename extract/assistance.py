"""Whether a program wrote a change, or helped to: one word, read at the edge and kept alone.

Read are the messages of its commits and who signed them; none of that is loaded, and neither is
which assistant it was. A name alone proves nothing, for people have such names too: what is known
are mail addresses, accounts, and trailers that are for tools. Who leaves no trace is not seen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NONE, ASSISTED, AGENT, UNKNOWN = "none", "assisted", "agent", "unknown"


@dataclass(frozen=True)
class Assistant:
    """A program that writes code.

    Attributes:
        words: What trailers for tools call it, in lower case.
        source: Where that is stated, or was seen.
        mails: Addresses that it signs commits with.
        accounts: Its accounts, in lower case; one of an app ends with `[bot]`.
    """

    words: tuple[str, ...]
    source: str
    mails: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


CHAOSS = "chaoss/ai-detection-action, utils.go"
ASSISTANTS = (
    Assistant(
        ("claude", "anthropic"), f"Claude Code's settings, attribution; {CHAOSS}",
        ("noreply@anthropic.com",),
        ("claude[bot]", "anthropic-claude[bot]", "claude-code-action[bot]"),
    ),
    Assistant(
        ("copilot", "github copilot"), f"docs.github.com, Copilot coding agent; {CHAOSS}",
        accounts=("copilot", "copilot[bot]", "copilot-swe-agent[bot]"),
    ),
    Assistant(
        ("cursor",), f"trailers of Cursor in public repositories; {CHAOSS}",
        ("cursoragent@cursor.com",), ("cursoragent", "cursor[bot]"),
    ),
    Assistant(
        ("codex", "chatgpt", "openai"), CHAOSS, ("noreply@openai.com",),
        ("openai-codex[bot]", "chatgpt-codex-connector[bot]"),
    ),
    Assistant(
        ("gemini", "jules"), f"jules.google/docs; {CHAOSS}",
        accounts=("gemini-code-assist[bot]", "google-labs-jules[bot]"),
    ),
    Assistant(("devin",), CHAOSS, accounts=("devin-ai-integration[bot]",)),
    Assistant(
        ("aider",), "aider.chat/docs/git.html: a trailer, or ` (aider)` behind a name",
        ("aider@aider.chat", "noreply@aider.chat"),
    ),
    Assistant(("amazon q",), CHAOSS, accounts=("amazon-q-developer[bot]",)),
    Assistant(("amp",), "trailers of Amp in public repositories", ("amp@ampcode.com",)),
    Assistant(("opencode",), "trailers of opencode", ("noreply@opencode.ai",)),
    Assistant(
        ("openhands",), "trailers of OpenHands", ("openhands@all-hands.dev",),
        ("openhands-agent",),
    ),
    Assistant(("cline",), CHAOSS, accounts=("cline[bot]",)),
    Assistant(("jetbrains ai", "junie"), CHAOSS, accounts=("jetbrains-ai[bot]",)),
    Assistant(("gitlab duo",), "docs.gitlab.com, GitLab Duo", accounts=("gitlabduo",)),
    Assistant(
        ("replit agent",), "commits of Replit in public repositories", ("agent@replit.com",)
    ),
)  # fmt: skip
"""Programs that are known to write code; a new one is a line here, with a test."""

_MAILS = {mail for assistant in ASSISTANTS for mail in assistant.mails}
_ACCOUNTS = {account for assistant in ASSISTANTS for account in assistant.accounts}
_WORDS = "|".join(
    re.escape(word)
    for word in sorted((w for a in ASSISTANTS for w in a.words), key=len, reverse=True)
)
_OF_GITHUB = re.compile(r"(?:\d+\+)?([^@]+)@users\.noreply\.github\.com")
_CO_AUTHOR = re.compile(
    r"^[ \t]*co-authored-by:.*<([^<>\n]+)>[ \t\r]*$", re.MULTILINE | re.IGNORECASE
)
_TOOL = re.compile(
    r"^[ \t]*(?:assisted-by|generated-by|ai-assisted-by|ai-generated-by):[ \t]*([^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_GENERATED = re.compile(
    rf"^\W*(?:generated|created) (?:with|by) \W*(?:{_WORDS})\b", re.MULTILINE | re.IGNORECASE
)
_NAMED = re.compile(
    rf"(?:{_WORDS})(?:[ \t]*[:/@(\[-].*"
    r"|[ \t]+(?:code|cli|agent|opus|sonnet|haiku|pro|flash|chat|v?\d)\b.*)?",
    re.IGNORECASE,
)
"""How a trailer for tools names one: `Claude Code:opus`, and no `Claude Monet`."""


@dataclass(frozen=True)
class Signed:
    """A commit: its message, and who it says wrote it."""

    message: str | None
    name: str | None = None
    mail: str | None = None
    account: str | None = None


def is_account(login: str | None) -> bool:
    """Whether an account is one of a program that writes code."""
    return (login or "").lower() in _ACCOUNTS


def _is_mail(mail: str | None) -> bool:
    text = (mail or "").strip().lower()
    of_github = _OF_GITHUB.fullmatch(text)
    return text in _MAILS or bool(of_github and is_account(of_github[1]))


def _is_tool(text: str) -> bool:
    """Whether a trailer that is for tools names one, by its address where there is one."""
    mail = re.search(r"<([^<>]+@[^<>]+)>", text)
    return _is_mail(mail[1]) if mail else bool(_NAMED.fullmatch(text.strip()))


def _is_assisted(commit: Signed) -> bool:
    message = commit.message or ""
    return (
        (commit.name or "").endswith("(aider)")
        or any(_is_mail(mail) for mail in _CO_AUTHOR.findall(message))
        or any(_is_tool(text) for text in _TOOL.findall(message))
        or bool(_GENERATED.search(message))
    )


def assistance(commits: Iterable[Signed], opener: str | None = None) -> dict[str, str | None]:
    """Return the word for a change, and what says so.

    Args:
        commits: Its own commits, before anything squashed them.
        opener: Account that opened it.
    """
    some = list(commits)
    if is_account(opener) or any(is_account(c.account) or _is_mail(c.mail) for c in some):
        return {"ai_assistance": AGENT, "ai_method": "account"}
    if any(map(_is_assisted, some)):
        return {"ai_assistance": ASSISTED, "ai_method": "trailer"}
    if not some or any(commit.message is None for commit in some):
        return {"ai_assistance": UNKNOWN, "ai_method": None}
    return {"ai_assistance": NONE, "ai_method": "messages"}
