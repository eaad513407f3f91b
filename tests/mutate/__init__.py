"""Breaks the models' SQL in every systematic way and asks whether a test notices: `make mutate`.

`mutants.py` makes the broken statements from compiled SQL with sqlglot, `run.py` runs them against
the recounts, golden cases and data tests on the golden and the demo company.
"""
