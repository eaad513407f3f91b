with

periods as (

    select
        *,
        value_stream_key || '|' || workflow || '|' || level || '|' || work_type || '|'
        || team_key || '|' || period || '|' || cast(period_start as varchar) as period_key

    from {{ ref('measure_flow_periods') }}

),

shares as (

    select
        'flow ' || work_item_key as row_key,
        flow_efficiency_share as share_of,
        cast(active_s as double) as numerator,
        cast(active_s + wait_s as double) as denominator

    from {{ ref('fct_work_item_flows') }}

    union all

    select
        'efficiency ' || period_key,
        flow_efficiency_share,
        active_s,
        -- Without a stage that waits there is nothing to compute.
        case when has_modelled_waits then active_s + wait_s else 0 end
    from periods

    union all

    select
        'started ' || period_key,
        started_share,
        n,
        velocity
    from periods

    union all

    select
        'rework ' || period_key,
        rework_share,
        rework_s,
        in_flow_s
    from periods

    union all

    select
        'first pass ' || period_key,
        first_pass_yield_share,
        first_pass_items,
        velocity
    from periods

    union all

    select
        'distribution ' || period_key,
        distribution_share,
        null,
        null
    from periods

    union all

    select
        'quality ' || metric_data_quality_key,
        affected_share,
        affected,
        total
    from {{ ref('metric_data_quality') }}

)

select
    row_key,
    share_of,
    numerator,
    denominator

from shares

where
    share_of < 0
    or share_of > 1
    or abs(share_of * denominator - numerator) > 0.5
    or (share_of is null and denominator > 0 and row_key not like 'flow %')
    or (share_of is not null and denominator = 0)
