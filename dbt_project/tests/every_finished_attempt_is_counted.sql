-- An attempt in which an item was done is one finish, whether it ended so or was cancelled after.
-- One that goes on again counts when it is done again; of a deleted item nothing counts.
with

items as (

    select
        work_item_key,
        max(case when stage = 'deleted' then 1 else 0 end) as is_deleted,
        max(case when is_open then attempt_no end) as open_attempt_no

    from {{ ref('fct_stage_visits') }}

    group by 1

),

attempts as (

    select count(*) as finished

    from (
        select
            visits.work_item_key,
            visits.attempt_no

        from {{ ref('fct_stage_visits') }} as visits

        inner join items
            on visits.work_item_key = items.work_item_key

        where
            visits.flow_state = 'done'
            and items.is_deleted = 0
            and visits.attempt_no is distinct from items.open_attempt_no

        group by 1, 2
    ) as done_once

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
