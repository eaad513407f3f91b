with

stays as (

    select
        *,
        coalesce(exited_at, {{ as_of() }}) as ends_at

    from {{ ref('fct_group_stays') }}

    where flow_state in ('wait', 'active')

),

ordered_blocks as (

    select
        work_item_key,
        reason,
        source,
        blocked_from,
        coalesce(blocked_to, {{ as_of() }}) as blocked_to,
        max(coalesce(blocked_to, {{ as_of() }})) over (
            partition by work_item_key
            order by blocked_from, blocked_interval_key
            rows between unbounded preceding and 1 preceding
        ) as blocked_before_to

    from {{ ref('fct_blocked_intervals') }}

),

-- Two reasons at once block once: the time is that of the one that came first.
own_blocks as (

    select
        work_item_key,
        reason,
        source,
        blocked_to as ends_at,
        greatest(blocked_from, coalesce(blocked_before_to, blocked_from)) as starts_at

    from ordered_blocks

    where blocked_to > coalesce(blocked_before_to, blocked_from)

),

blocked_parts as (

    select
        stays.work_item_key,
        stays.work_item_version_key,
        stays.value_stream_key,
        stays.workflow,
        stays.level,
        stays.time_zone,
        stays.stage_key,
        stays.stage,
        stays.flow_state,
        own_blocks.reason,
        own_blocks.source,
        greatest(stays.entered_at, own_blocks.starts_at) as starts_at,
        least(stays.ends_at, own_blocks.ends_at) as ends_at

    from stays

    inner join own_blocks
        on
            stays.work_item_key = own_blocks.work_item_key
            and stays.entered_at < own_blocks.ends_at
            and stays.ends_at > own_blocks.starts_at

),

-- Waiting is what is left of a stay where blocked time is taken out.
parts as (

    select
        work_item_key,
        work_item_version_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        stage_key,
        stage,
        'waiting' as loss_kind,
        cast(null as varchar) as reason,
        cast(null as varchar) as source,
        1 as sign,
        entered_at as starts_at,
        ends_at

    from stays

    where flow_state = 'wait'

    union all

    select
        work_item_key,
        work_item_version_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        stage_key,
        stage,
        'waiting' as loss_kind,
        cast(null as varchar) as reason,
        cast(null as varchar) as source,
        -1 as sign,
        starts_at,
        ends_at

    from blocked_parts

    where flow_state = 'wait'

    union all

    select
        work_item_key,
        work_item_version_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        stage_key,
        stage,
        'blocked' as loss_kind,
        reason,
        source,
        1 as sign,
        starts_at,
        ends_at

    from blocked_parts

),

dated_parts as (

    select
        *,
        cast(date_trunc('month', {{ local_time('starts_at', 'time_zone') }}) as date)
            as first_month,
        cast(date_trunc('month', {{ local_time('ends_at', 'time_zone') }}) as date) as last_month

    from parts

),

monthly_parts as (

    select
        dated_parts.*,
        part_month as month_start,
        {{ utc_of_local('cast(part_month as timestamp)', 'dated_parts.time_zone') }}
            as month_starts_at,
        {{ utc_of_local(
            "cast(part_month + interval '1' month as timestamp)", 'dated_parts.time_zone'
        ) }} as month_ends_at

    from dated_parts

    {{ each_month('dated_parts.first_month', 'dated_parts.last_month', 'part_month') }}

),

losses_of_items as (

    select
        work_item_key,
        max(work_item_version_key) as work_item_version_key,
        value_stream_key,
        workflow,
        level,
        time_zone,
        loss_kind,
        stage_key,
        stage,
        reason,
        source,
        month_start,
        sum(
            sign * {{ seconds_between(
                'greatest(starts_at, month_starts_at)', 'least(ends_at, month_ends_at)'
            ) }}
        ) as lost_s

    from monthly_parts

    group by 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

),

losses as (

    select
        losses_of_items.value_stream_key,
        losses_of_items.workflow,
        losses_of_items.level,
        losses_of_items.time_zone,
        losses_of_items.loss_kind,
        losses_of_items.stage_key,
        losses_of_items.stage,
        losses_of_items.reason,
        losses_of_items.source,
        losses_of_items.month_start,
        sum(losses_of_items.lost_s) as lost_s,
        count(*) as delayed_items,
        count(distinct work_items.parent_work_item_key) as delayed_parents

    from losses_of_items

    inner join {{ ref('dim_work_items') }} as work_items
        on losses_of_items.work_item_version_key = work_items.work_item_version_key

    where losses_of_items.lost_s > 0

    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

),

ranked as (

    select
        *,
        value_stream_key || '|' || level || '|' || stage_key || '|' || loss_kind || '|'
        || coalesce(source, '-') || '|' || coalesce(reason, '-') || '|'
        || cast(month_start as varchar) as metric_delay_pareto_key,
        sum(lost_s) over (
            partition by value_stream_key, workflow, level, month_start
        ) as all_lost_s

    from losses

),

added as (

    select
        *,
        row_number() over largest_first as loss_rank,
        sum(lost_s) over largest_first as cumulative_lost_s

    from ranked

    window largest_first as (
        partition by value_stream_key, workflow, level, month_start
        order by lost_s desc, metric_delay_pareto_key
        rows between unbounded preceding and current row
    )

),

final as (

    select
        added.metric_delay_pareto_key,
        added.value_stream_key,
        added.workflow,
        added.level,
        added.loss_kind,
        added.stage_key,
        added.stage,
        added.reason,
        added.source,
        cast(added.loss_rank as bigint) as loss_rank,
        added.delayed_items,
        added.delayed_parents,
        cast(added.lost_s as bigint) as lost_s,
        cast(added.lost_s as double) / 86400 as lost_item_days,
        cast(added.all_lost_s as bigint) as all_lost_s,
        cast(added.lost_s as double) / added.all_lost_s as lost_share,
        cast(added.cumulative_lost_s as bigint) as cumulative_lost_s,
        cast(added.cumulative_lost_s as double) / added.all_lost_s as cumulative_lost_share,
        cast(added.lost_s as double) / 86400 * rates.cost_per_item_day as cost_of_delay,
        rates.currency,
        cast(date_trunc('month', {{ local_time(as_of(), 'added.time_zone') }}) as date)
        > added.month_start as is_complete_period,
        added.month_start

    from added

    left join {{ ref('cost_of_delay') }} as rates
        on
            added.value_stream_key = rates.value_stream_key
            and added.workflow = rates.workflow
            and added.level = rates.level
            and {{ valid_at('rates', 'added.month_start') }}

)

select * from final
