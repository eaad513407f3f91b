"""What `dashboards.yml` says: which published tables a dashboard draws."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from publish.semantic import SemanticLayer

FOLDER = Path(__file__).parent


def read() -> dict[str, Any]:
    """Return the dashboards and the tables that they read beside the semantic layer."""
    return yaml.safe_load((FOLDER / "dashboards.yml").read_text())


def charts(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the charts of a dashboard."""
    for row in dashboard["rows"]:
        yield from row["charts"]


def joined(layer: SemanticLayer, model: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what a semantic model is joined with.

    Returns:
        For each dimension table its semantic model, the column that leads there (after the model
        that has it), and the entity it is the key of: value streams of services come after them.
    """
    homes = {
        entity["name"]: (name, entity)
        for name, other in layer.models.items()
        for entity in other["entities"]
        if entity["type"] == "primary" and not other["measures"]
    }
    found, seen, waiting = [], set(), [model]
    while waiting:
        at = waiting.pop(0)
        for entity in layer.models[at]["entities"]:
            home, primary = homes.get(entity["name"], (None, None))
            if entity["type"] != "foreign" or home is None or home in seen:
                continue
            seen.add(home)
            waiting.append(home)
            start = "facts" if at == model else at
            found.append((home, f"{start}.{entity['expr'] or entity['name']}", primary))
    return found


def tables(layer: SemanticLayer, spec: Mapping[str, Any], name: str) -> list[str]:
    """Return the published tables of a dataset, as schema and name."""
    if name in spec["tables"]:
        return [spec["tables"][name]["table"]]
    return [layer.table(name), *(layer.table(home) for home, _, _ in joined(layer, name))]
