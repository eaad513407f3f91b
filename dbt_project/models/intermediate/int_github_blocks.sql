with

events as (

    select * from {{ ref('stg_github__issue_events') }}
    where event in (
        'blocked_by_added', 'blocked_by_removed', 'blocking_added', 'blocking_removed'
    )

),

issues as (

    select
        issue_id,
        work_item_key

    from {{ ref('stg_github__issues') }}

),

-- GitHub writes a block into the timelines of both issues, at about the same time, and only one of
-- them may be loaded: both are brought to one direction, from the issue that blocks to the other.
block_entries as (

    select
        case
            when events.event in ('blocking_added', 'blocking_removed') then events.work_item_key
            else issues.work_item_key
        end as from_key,
        case
            when events.event in ('blocking_added', 'blocking_removed') then issues.work_item_key
            else events.work_item_key
        end as to_key,
        events.event in ('blocked_by_added', 'blocking_added') as is_on,
        events.happened_at,
        events.issue_event_id

    from events

    inner join issues
        on events.other_node_id = issues.issue_id

),

with_previous as (

    select
        *,
        lag(is_on) over (
            partition by from_key, to_key
            order by happened_at, is_on, issue_event_id
        ) as was_on

    from block_entries

),

-- The second entry of a pair changes nothing: only entries that switch a block on or off stay.
switches as (

    select
        *,
        lead(happened_at) over (
            partition by from_key, to_key
            order by happened_at, is_on, issue_event_id
        ) as next_at

    from with_previous

    where was_on is null or is_on <> was_on

),

-- Each row that is switched on ends at the next switch. Where the first known entry is a removal,
-- the block began before all entries that are loaded, so it has an end and no beginning.
final as (

    select
        issue_event_id,
        from_key,
        to_key,
        case when is_on then happened_at end as valid_from,
        case when is_on then next_at else happened_at end as valid_to

    from switches

    where is_on or was_on is null

)

select * from final
