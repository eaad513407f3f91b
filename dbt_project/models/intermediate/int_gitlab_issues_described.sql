with

issues as (

    select * from {{ ref('stg_gitlab__issues') }}

),

labels as (

    select
        work_item_key,
        max(
            case
                when label_scope in ('workflow', 'status', 'stage', 'state', 'phase') then label
            end
        ) as stage_label,
        max(case when label_scope = 'type' then label_value end) as type_label,
        max(case when label_scope in ('priority', 'severity') then label_value end)
            as priority_label

    from {{ ref('stg_gitlab__issue_labels') }}

    group by 1

),

stage_events as (

    select
        work_item_key,
        action,
        label,
        row_number() over (
            partition by work_item_key
            order by happened_at, action desc, label_event_id
        ) as event_no

    from {{ ref('stg_gitlab__issue_label_events') }}

    where label_scope in ('workflow', 'status', 'stage', 'state', 'phase')

),

final as (

    select
        issues.work_item_key,
        issues.issue_id,
        issues.repository,
        issues.issue_no,
        coalesce(labels.type_label, issues.issue_type, 'issue') as raw_type,
        labels.priority_label as priority,
        issues.weight,
        -- A label that was removed first was there from the start; so was one that never moved.
        case
            when first_events.action = 'remove' then first_events.label
            when first_events.action = 'add' then 'opened'
            else coalesce(labels.stage_label, 'opened')
        end as initial_status,
        case
            when issues.state = 'closed' then 'closed'
            else coalesce(labels.stage_label, 'opened')
        end as source_status,
        issues.created_at,
        issues.updated_at,
        issues.closed_at,
        issues.deleted_detected_at

    from issues

    left join labels
        on issues.work_item_key = labels.work_item_key

    left join stage_events as first_events
        on issues.work_item_key = first_events.work_item_key and first_events.event_no = 1

)

select * from final
