"""Every published table, counted a second time in plain Python from the tables it is made of.

A recount shares no code with the models: it reads the rows of the tables before the published one
(staging, intermediate, seeds, other marts), never the published table itself, and works out every
row and column by the definition. `test_recount.py` holds each against what dbt built, all rows, on
the golden company and on the demo company; `tests/mutate` breaks the models' SQL and asks the same
recounts whether they notice.
"""
