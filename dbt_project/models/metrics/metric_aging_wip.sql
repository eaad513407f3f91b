with

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

attempts as (

    select * from {{ ref('fct_flow_attempts') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

-- How old finished items were when they left a stage for the last time.
leavings as (

    select
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        visits.stage_key,
        visits.work_item_key,
        visits.attempt_no,
        max({{ seconds_between('attempts.started_at', 'visits.exited_at') }}) as age_s

    from visits

    inner join attempts
        on
            visits.work_item_key = attempts.work_item_key
            and visits.attempt_no = attempts.attempt_no

    inner join flows
        on visits.work_item_key = flows.work_item_key

    inner join work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    where
        attempts.outcome = 'done'
        and flows.outcome <> 'deleted'
        and visits.exited_at > attempts.started_at

    group by 1, 2, 3, 4, 5, 6

),

paces as (

    select
        value_stream_key,
        level,
        stage_key,
        count(*) as n,
        {{ percentile(0.5, 'age_s') }} as p50_s,
        {{ percentile(0.85, 'age_s') }} as p85_s,
        {{ percentile(0.95, 'age_s') }} as p95_s

    from leavings

    group by 1, 2, 3
),

final as (

    select
        flows.work_item_key,
        flows.work_item_version_key,
        work_items.item_key,
        work_items.value_stream_key,
        work_items.workflow,
        work_items.level,
        work_items.work_type,
        work_items.team_key,
        visits.stage_key,
        visits.stage,
        flows.age_s,
        visits.elapsed_s as stage_age_s,
        visits.blocked_s as stage_blocked_s,
        cast(coalesce(paces.n, 0) as bigint) as pace_n,
        paces.p50_s as pace_p50_s,
        paces.p85_s as pace_p85_s,
        paces.p95_s as pace_p95_s,
        flows.age_s > paces.p85_s as is_late,
        attempts.aging_since_at as started_at

    from flows

    inner join attempts
        on flows.work_item_key = attempts.work_item_key and attempts.is_latest

    inner join work_items
        on flows.work_item_version_key = work_items.work_item_version_key

    inner join visits
        on flows.work_item_key = visits.work_item_key and visits.is_open

    left join paces
        on
            work_items.value_stream_key = paces.value_stream_key
            and work_items.level = paces.level
            and visits.stage_key = paces.stage_key

    where flows.age_s is not null

)

select * from final
