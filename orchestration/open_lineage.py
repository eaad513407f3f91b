"""What a refresh built, as OpenLineage events in a file of this machine, where one is asked for.

Marquez, DataHub and others read such events. They are made by OpenLineage's own reader of what dbt
leaves; whoever wants them elsewhere takes the file there, for nothing is sent.
"""

import json
import logging
import os
from importlib.util import find_spec
from pathlib import Path

SETTING = "FLOWHOUSE_OPENLINEAGE"
NAMESPACE = "flowhouse"
PRODUCER = "https://openlineage.io/docs/integrations/dbt"

log = logging.getLogger(NAMESPACE)


def fault() -> str | None:
    """Return one line if events are asked for and cannot be made."""
    if not os.environ.get(SETTING) or find_spec("openlineage"):
        return None
    return f"{SETTING} needs the extra `openlineage`: pip install 'flowhouse[openlineage]'"


def append(results: Path, manifest: Path, refresh_id: str) -> int:
    """Append the events of a build to the file, and return how many there are.

    No refresh fails for want of them: what goes wrong is a warning.

    Args:
        results: dbt's run_results.json; the manifest with its statements is written beside it.
        manifest: dbt's manifest.json.
        refresh_id: The run that all of them are a part of.
    """
    target = os.environ.get(SETTING)
    if not target or not results.exists():
        return 0
    try:
        return _append(results, manifest, refresh_id, Path(target))
    except Exception as error:  # of a library that flowhouse can do without
        log.warning("no OpenLineage events in %s: %s: %s", target, type(error).__name__, error)
        return 0


def _append(results: Path, manifest: Path, refresh_id: str, target: Path) -> int:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.common.provider.dbt.facets import ParentRunMetadata
    from openlineage.common.provider.dbt.local import DbtLocalArtifactProcessor

    from orchestration.environment import DBT_PROJECT

    nodes = json.loads(manifest.read_text())
    for result in json.loads(results.read_text())["results"]:  # columns are read from statements
        if node := nodes["nodes"].get(result["unique_id"]):  # and no exposure
            node["compiled_code"] = result.get("compiled_code")
    results.with_name(manifest.name).write_text(json.dumps(nodes))
    reader_log = log.getChild("openlineage")
    reader_log.setLevel(logging.ERROR)  # not every statement can be followed column by column
    reader = DbtLocalArtifactProcessor(
        project_dir=str(DBT_PROJECT), target_path=str(results.parent),
        producer=PRODUCER, job_namespace=NAMESPACE, logger=reader_log,
    )  # fmt: skip
    reader.dbt_run_metadata = ParentRunMetadata(refresh_id, "refresh", NAMESPACE)
    target.parent.mkdir(parents=True, exist_ok=True)
    file = FileConfig(log_file_path=str(target), append=True)
    client = OpenLineageClient(transport=FileTransport(file))
    events = reader.parse().events()
    for event in events:
        client.emit(event)
    return len(events)
