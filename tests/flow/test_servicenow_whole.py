"""ServiceNow's records alone, through every model and every test of the project."""

from pathlib import Path

from tests.flow import scratch
from tests.flow.test_servicenow_models import build


def test_every_proof_holds_for_a_company_that_has_servicenow_alone(
    golden_warehouse: scratch.ScratchWarehouse, tmp_path: Path
) -> None:
    built = build(tmp_path, golden_warehouse)
    [(tested,)] = built.rows("select count(*) from metrics.metric_data_quality")
    assert tested > 0
