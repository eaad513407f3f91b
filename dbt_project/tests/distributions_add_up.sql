{{ config(group="metrics") }}
select
    value_stream_key,
    team_key,
    workflow,
    level,
    period,
    period_start,
    sum(distribution_share) as total

from {{ ref('measure_flow_periods') }}

where work_type <> 'all'

group by 1, 2, 3, 4, 5, 6

having abs(sum(distribution_share) - 1) > 0.000001
