"""Dashboards as exposures of dbt, so that lineage goes on to what people look at.

.venv/bin/python -m publish.superset.exposures TARGET    # dbt's; writes models/dashboards.yml
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from publish.semantic import SemanticLayer
from publish.superset import spec

FILE = Path(__file__).parents[2] / "dbt_project" / "models" / "dashboards.yml"
HEAD = """# Made of publish/superset/dashboards.yml by `python -m publish.superset.exposures`.
# tests/superset/test_dashboards.py holds that both say the same.
"""


def exposures(layer: SemanticLayer, specification: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dashboards in dbt's words."""
    found = []
    for dashboard in specification["dashboards"]:
        read = {
            table.split(".")[1]
            for chart in spec.charts(dashboard)
            for table in spec.tables(layer, specification, chart["of"])
        }
        found.append(
            {
                "name": f"dashboard_{dashboard['slug'].replace('-', '_')}",
                "label": f"Dashboard {dashboard['title']}",
                "type": "dashboard",
                "description": dashboard["about"],
                "url": f"http://127.0.0.1:8088/superset/dashboard/{dashboard['slug']}/",
                "owner": {"name": "flowhouse"},
                "depends_on": [f"ref('{table}')" for table in sorted(read)],
            }
        )
    return {"exposures": found}


def text(layer: SemanticLayer) -> str:
    """Return the file."""
    body = yaml.safe_dump(exposures(layer, spec.read()), sort_keys=False, width=100)
    return HEAD + body


if __name__ == "__main__":
    FILE.write_text(text(SemanticLayer.read(Path(sys.argv[1]))))
