with

events as (

    select * from {{ ref('stg_github__issue_events') }}
    where
        event in (
            'added_to_project_v2', 'project_v2_item_status_changed', 'removed_from_project_v2'
        )
        and project_id is not null

),

items as (

    select * from {{ ref('stg_github__project_items') }}
    where work_item_key is not null

),

versions as (

    select
        project_item_id,
        min(seen_at) as seen_at

    from {{ ref('stg_github__project_item_versions') }}

    group by 1

),

-- An issue may stand on several projects: the first one counts, so that later ones change nothing.
candidates as (

    select
        work_item_key,
        project_id,
        0 as sort_order,
        happened_at,
        issue_event_id as order_id

    from events

    union all

    select
        items.work_item_key,
        items.project_id,
        1 as sort_order,
        versions.seen_at as happened_at,
        items.project_item_id as order_id

    from items

    left join versions
        on items.project_item_id = versions.project_item_id

),

numbered as (

    select
        *,
        row_number() over (
            partition by work_item_key
            order by sort_order, happened_at, order_id
        ) as candidate_no

    from candidates

),

numbered_events as (

    select
        *,
        row_number() over (
            partition by work_item_key, project_id
            order by happened_at desc, issue_event_id desc
        ) as event_no_from_last,
        row_number() over (
            partition by work_item_key, project_id, event
            order by happened_at, issue_event_id
        ) as event_no_of_kind

    from events

),

event_facts as (

    select
        work_item_key,
        project_id,
        max(
            case
                when event = 'project_v2_item_status_changed' and event_no_of_kind = 1
                    then from_status
            end
        ) as first_status,
        max(case when event = 'project_v2_item_status_changed' then 1 else 0 end) = 1
            as has_status_history,
        max(
            case when event = 'removed_from_project_v2' and event_no_from_last = 1 then 1 else 0 end
        ) = 1 as is_removed

    from numbered_events

    group by 1, 2

),

final as (

    select
        numbered.work_item_key,
        numbered.project_id,
        items.project_item_id,
        items.priority,
        items.estimate,
        event_facts.first_status,
        coalesce(event_facts.has_status_history, false) as has_status_history,
        coalesce(event_facts.is_removed, false) as is_removed,
        case when not coalesce(event_facts.is_removed, false) then items.status end as status

    from numbered

    left join items
        on
            numbered.work_item_key = items.work_item_key
            and numbered.project_id = items.project_id

    left join event_facts
        on
            numbered.work_item_key = event_facts.work_item_key
            and numbered.project_id = event_facts.project_id

    where numbered.candidate_no = 1

)

select * from final
