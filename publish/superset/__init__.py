"""Superset as the BI tool: its dashboards are text, its numbers those of the semantic layer."""
