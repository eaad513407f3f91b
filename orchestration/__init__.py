"""Turns extract/, dbt_project/ and publish/ into one graph of Dagster assets and keeps it fresh."""
