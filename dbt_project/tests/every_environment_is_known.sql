{{ config(severity='warn') }}

select
    source_system,
    raw_environment,
    count(*) as deployments

from {{ ref('fct_deployments') }}

where environment_key = 'unmapped'

group by 1, 2
