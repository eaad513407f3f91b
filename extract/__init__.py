"""Reads the history of work out of source systems into raw tables. Knows no Dagster, no dbt."""
