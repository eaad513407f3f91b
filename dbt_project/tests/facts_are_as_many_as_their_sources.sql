with

counts as (

    select
        'status transitions' as fact,
        (select count(*) from {{ ref('int_status_transitions') }}) as expected,
        (select count(*) from {{ ref('fct_status_transitions') }}) as found

    union all

    select
        'stage visits' as fact,
        (select count(*) from {{ ref('fct_stage_transitions') }}) as expected,
        (select count(*) from {{ ref('fct_stage_visits') }}) as found

    union all

    select
        'seconds in stages' as fact,
        (select sum(elapsed_s) from {{ ref('fct_stage_visits') }}) as expected,
        (select sum(elapsed_s) from {{ ref('metric_stage_stays') }}) as found

    union all

    select
        'seconds in items and stages' as fact,
        (select sum(elapsed_s) from {{ ref('fct_stage_visits') }}) as expected,
        (select sum(stage_total_s) from {{ ref('fct_work_item_stages') }}) as found

)

select
    fact,
    expected,
    found

from counts

where expected is distinct from found
