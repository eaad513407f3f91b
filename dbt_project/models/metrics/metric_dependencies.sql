with

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

-- A link that two tools tell, or that was made twice, is one dependency.
pairs as (

    select
        from_key as blocking_key,
        to_key as blocked_key,
        max(case when valid_from is null then 0 else 1 end) as is_dated,
        max(case when {{ valid_at('links', as_of()) }} then 1 else 0 end) as holds_now

    from {{ ref('bridge_work_item_links') }} as links

    where link_type = 'blocks'

    group by 1, 2

),

described as (

    select
        pairs.blocking_key,
        pairs.blocked_key,
        pairs.is_dated,
        blocking.value_stream_key as blocking_value_stream_key,
        blocked.value_stream_key,
        blocked.level,
        case
            when
                pairs.holds_now = 1
                and blocking_flows.outcome = 'open'
                and blocked_flows.outcome = 'open'
                then 1
            else 0
        end as is_open

    from pairs

    inner join work_items as blocking
        on pairs.blocking_key = blocking.work_item_key

    inner join work_items as blocked
        on pairs.blocked_key = blocked.work_item_key

    inner join flows as blocking_flows
        on pairs.blocking_key = blocking_flows.work_item_key

    inner join flows as blocked_flows
        on pairs.blocked_key = blocked_flows.work_item_key

),

counted as (

    select
        blocking_value_stream_key,
        value_stream_key,
        level,
        count(*) as dependency_count,
        sum(is_open) as open_dependency_count,
        sum(is_dated) as dated_dependency_count,
        count(distinct blocked_key) as dependent_items

    from described

    group by 1, 2, 3

),

waits as (

    select
        blocking.value_stream_key as blocking_value_stream_key,
        blocked.value_stream_key,
        blocked.level,
        intervals.work_item_key,
        blocking.value_stream_key || '|' || intervals.work_item_key as wait_key,
        intervals.blocked_from as starts_at,
        coalesce(intervals.blocked_to, {{ as_of() }}) as ends_at

    from {{ ref('fct_blocked_intervals') }} as intervals

    inner join work_items as blocking
        on intervals.blocking_work_item_key = blocking.work_item_key

    inner join work_items as blocked
        on intervals.work_item_key = blocked.work_item_key

    where intervals.source = 'link'

),

-- An item that two others of one stream block at once waits once.
united as (

    {{ union_of_intervals('waits', 'wait_key') }}

),

waited as (

    select
        streams.blocking_value_stream_key,
        streams.value_stream_key,
        streams.level,
        count(distinct united.wait_key) as held_up_items,
        sum({{ seconds_between('united.starts_at', 'united.ends_at') }}) as dependency_wait_s

    from united

    inner join (
        select
            wait_key,
            blocking_value_stream_key,
            value_stream_key,
            level
        from waits
        group by 1, 2, 3, 4
    ) as streams
        on united.wait_key = streams.wait_key

    group by 1, 2, 3

),

final as (

    select
        counted.blocking_value_stream_key || '|' || counted.value_stream_key || '|'
        || counted.level as metric_dependency_key,
        counted.blocking_value_stream_key,
        counted.value_stream_key,
        counted.level,
        counted.blocking_value_stream_key <> counted.value_stream_key as is_between_streams,
        counted.dependency_count,
        cast(counted.open_dependency_count as bigint) as open_dependency_count,
        cast(counted.dated_dependency_count as bigint) as dated_dependency_count,
        counted.dependent_items,
        coalesce(waited.held_up_items, 0) as held_up_items,
        -- Of links that nobody dates no wait is known; of dated ones that blocked nothing it is 0.
        case
            when counted.dated_dependency_count > 0
                then cast(coalesce(waited.dependency_wait_s, 0) as bigint)
        end as dependency_wait_s

    from counted

    left join waited
        on
            counted.blocking_value_stream_key = waited.blocking_value_stream_key
            and counted.value_stream_key = waited.value_stream_key
            and counted.level = waited.level

)

select * from final
