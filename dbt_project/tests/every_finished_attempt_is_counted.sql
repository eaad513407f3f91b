with

attempts as (

    select count(*) as finished

    from {{ ref('fct_flow_attempts') }} as attempts

    inner join {{ ref('fct_work_item_flows') }} as flows
        on attempts.work_item_key = flows.work_item_key

    where attempts.outcome = 'done' and flows.outcome <> 'deleted'

),

counted as (

    select coalesce(sum(velocity + earlier_finishes), 0) as finished

    from {{ ref('metric_flow_days') }}

)

select
    attempts.finished,
    counted.finished as counted

from attempts

cross join counted

where attempts.finished <> counted.finished
