"""dbt with the patches of `orchestration/patches.py`.

python -m orchestration.quick_dbt build ...    # takes the words of dbt
"""

from dbt.cli.main import cli

from extract.patches import apply
from orchestration.patches import OF_DBT

apply(OF_DBT)

if __name__ == "__main__":
    cli()
