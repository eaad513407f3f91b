{{ config(severity='warn') }}

select
    source_system,
    repository,
    sum(changes) as changes,
    sum(deployments) as deployments

from (
    select
        split_part(change_key, ':', 1) as source_system,
        repository,
        count(*) as changes,
        0 as deployments

    from {{ ref('fct_changes') }}

    where service_key like 'unassigned:%'

    group by 1, 2

    union all

    select
        source_system,
        repository,
        0 as changes,
        count(*) as deployments

    from {{ ref('fct_deployments') }}

    where service_key like 'unassigned:%'

    group by 1, 2
) as unassigned

group by 1, 2
