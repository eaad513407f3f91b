"""What leaves the working warehouse: the published file and the report. Knows no Dagster."""
