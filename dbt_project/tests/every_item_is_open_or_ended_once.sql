-- Whether an item is open is said by the last status that its source recorded.
with

last_stages as (

    {{ last_stages() }}

),

visits as (

    select
        work_item_key,
        count(case when is_open then 1 end) as open_visits,
        count(case when is_terminal then 1 end) as terminal_visits,
        max(case when is_open or is_terminal then visit_seq end) as last_seq,
        max(visit_seq) as visits

    from {{ ref('fct_stage_visits') }}

    group by 1

)

select
    coalesce(last_stages.work_item_key, visits.work_item_key) as work_item_key,
    last_stages.outcome,
    visits.open_visits,
    visits.terminal_visits

from last_stages

full join visits
    on last_stages.work_item_key = visits.work_item_key

where
    coalesce(visits.open_visits, 0) <> case when last_stages.outcome = 'open' then 1 else 0 end
    or coalesce(visits.terminal_visits, 0)
    <> case when last_stages.outcome = 'open' then 0 else 1 end
    or visits.last_seq is distinct from visits.visits
