"""Who wrote a change is one word, and people who are called like programs are people."""

import pytest

from extract.assistance import ASSISTANTS, Signed, assistance

HUMAN = "Fix it\n\nCo-authored-by: Mia Moe <mia@example.com>\nSigned-off-by: Otto <o@example.com>"
COPILOT = "198982749+Copilot@users.noreply.github.com"


@pytest.mark.parametrize(
    "message",
    [
        "Fix\n\nCo-Authored-By: Claude Opus 4.5 <noreply@anthropic.com>",
        f"Fix\n\nco-authored-by: Copilot <{COPILOT}>\nSigned-off-by: Mia <m@example.com>",
        "Fix\n\nCo-authored-by: devin-ai-integration[bot]"
        " <158243242+devin-ai-integration[bot]@users.noreply.github.com>",
        "Fix\n\nCo-authored-by: Cursor <cursoragent@cursor.com>",
        "Fix\n\nAssisted-by: Claude Code:claude-opus-4-5 coccinelle",
        "Fix\n\nAssisted-by: Gemini 2.5 Pro",
        "Fix\n\nGenerated-by: GitHub Copilot\r\n",
        "Fix\n\nGenerated-by: aider (gpt-5) <aider@aider.chat>",
        "Fix\n\n🤖 Generated with [Claude Code](https://claude.com/claude-code)",
    ],
)
def test_a_trailer_of_a_known_assistant_is_assistance(message: str) -> None:
    found = assistance([Signed(HUMAN, "Mia", "mia@example.com"), Signed(message, "Mia")])
    assert found == {"ai_assistance": "assisted", "ai_method": "trailer"}


@pytest.mark.parametrize(
    "message",
    [
        HUMAN,
        "Fix\n\nCo-authored-by: Claude Monet <claude@example.com>",
        "Fix\n\nAssisted-by: Claude Monet",
        "Fix\n\nAssisted-by: Claude <claude@example.com>",
        "Fix\n\nGenerated-by: protoc 3.2",
        "Fix what Copilot said, generated with care by Cursor users",
        "Fix\n\nCo-authored-by: cline <12+cline@users.noreply.github.com>",
        "Fix the trailer `Co-authored-by: Claude <noreply@anthropic.com>` of a text",
    ],
)
def test_a_name_alone_is_none(message: str) -> None:
    found = assistance([Signed(message, "Claude", "claude@example.com", "claude")])
    assert found == {"ai_assistance": "none", "ai_method": "messages"}


@pytest.mark.parametrize(
    ("commit", "opener"),
    [
        (Signed(HUMAN), "copilot-swe-agent[bot]"),
        (Signed(HUMAN), "Copilot"),
        (Signed("Fix", "copilot-swe-agent[bot]", COPILOT), "mia"),
        (Signed("Fix", "Claude", "noreply@anthropic.com"), "mia"),
        (Signed("Fix", account="google-labs-jules[bot]"), None),
    ],
)
def test_what_an_account_of_an_assistant_wrote_is_an_agents(
    commit: Signed, opener: str | None
) -> None:
    found = assistance([Signed(HUMAN, "Mia", "mia@example.com"), commit], opener)
    assert found == {"ai_assistance": "agent", "ai_method": "account"}


def test_what_nobody_shows_is_not_known() -> None:
    unknown = {"ai_assistance": "unknown", "ai_method": None}
    assert assistance([]) == unknown
    assert assistance([Signed("Fix"), Signed(None, "Mia")]) == unknown
    # One trailer is enough.
    some = [Signed(None), Signed("Fix\n\nCo-authored-by: Amp <amp@ampcode.com>")]
    assert assistance(some)["ai_assistance"] == "assisted"


def test_a_name_with_aider_behind_it_is_assistance() -> None:
    assert assistance([Signed("Fix", "Mia (aider)")])["ai_assistance"] == "assisted"


def test_every_assistant_says_where_it_is_reported_and_is_written_as_it_is_looked_for() -> None:
    for one in ASSISTANTS:
        assert one.source and (one.mails or one.accounts)
        texts = (*one.words, *one.mails, *one.accounts)
        assert [text for text in texts if text != text.lower()] == []
