"""Issue keys in texts: in any letters, and nothing that is somebody's name."""

import pytest

from extract.mentions import keys_in


@pytest.mark.parametrize(
    ("text", "written", "typed"),
    [
        ("PAY-12: mend; see PAY-13, OPS_2-1 and PAY-12", ["PAY-12", "PAY-13", "OPS_2-1"], []),
        ("[Pay-1] fixes pay-2, (pay-3)\npay-4: more", [], ["PAY-1", "PAY-2", "PAY-3", "PAY-4"]),
        ("feature/pay-12-new-button", [], ["PAY-12"]),
        ("PAY-12 or pay-12", ["PAY-12"], []),
        # Logins, addresses, versions, files, numbers with zeros in front.
        ("Merge pull request #3 from mia-12/fix", [], []),
        ("thanks @mia-12 and mia-12@example.com, planted-mia-12", [], []),
        ("Signed-off-by: mia-12 <m@example.com>\n  Co-authored-by: Mia-13", [], []),
        ("release-1.2 and parser-3.js, PAY-012, pay-012", [], []),
        # Change requests, in any letters; no login, no file, nothing too short.
        ("Change: CHG0030001, chg0030002", ["CHG0030001", "CHG0030002"], []),
        ("@chg0030001 chg0030001@example.com CHG12 CHG0030001.md XCHG0030001", [], []),
        ("", [], []),
    ],
)  # fmt: skip
def test_keys_are_read_and_names_are_not(text: str, written: list[str], typed: list[str]) -> None:
    assert keys_in(text) == {"issue_keys": written, "typed_keys": typed}


def test_keys_of_several_texts_are_reported_once() -> None:
    assert keys_in("pay-1", "PAY-1 pay-2", "pay-2") == {
        "issue_keys": ["PAY-1"],
        "typed_keys": ["PAY-2"],
    }
