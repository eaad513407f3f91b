{{ config(severity='warn') }}

select
    deployment_key,
    started_at,
    finished_at

from {{ ref('fct_deployments') }}

where finished_at < started_at
