"""The pages of the static site: what is on each, their SQL, charts, template and script."""
