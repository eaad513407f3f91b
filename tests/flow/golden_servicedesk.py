"""Golden cases of the topic that the file is named after; see golden.py."""

from tests.flow.golden import Case

CASES: list[Case] = []
