with

visits as (

    select * from {{ ref('fct_stage_visits') }}
    where flow_state <> 'cancelled'

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

current_items as (

    select
        work_item_key,
        workflow,
        value_stream_key

    from work_items

    where is_current

),

links as (

    select * from {{ ref('bridge_work_item_links') }}
    where link_type = 'parent'

),

-- A child is below from when the link was made, and is still done if it was done before.
spans as (

    select
        visits.stage_visit_key,
        visits.work_item_key,
        visits.work_item_version_key,
        links.to_key as parent_work_item_key,
        visits.flow_state = 'done' as is_done,
        visits.entered_at,
        case
            when links.valid_from > visits.entered_at then links.valid_from
            else visits.entered_at
        end as since_at,
        case
            when visits.exited_at < links.valid_to or links.valid_to is null
                then visits.exited_at
            else links.valid_to
        end as until_at

    from visits

    inner join links
        on
            visits.work_item_key = links.from_key
            and (links.valid_to is null or links.valid_to > visits.entered_at)
            and (visits.exited_at is null or visits.exited_at > links.valid_from)

),

final as (

    select
        spans.stage_visit_key || '|' || spans.parent_work_item_key || '|'
        || cast(spans.since_at as varchar) as child_stay_key,
        spans.work_item_key,
        spans.parent_work_item_key || '|' || children.workflow || '|' || versions.level
            as epic_children_key,
        spans.parent_work_item_key,
        parents.value_stream_key,
        children.workflow,
        versions.level,
        spans.is_done,
        versions.value_stream_key = parents.value_stream_key as is_of_stream,
        cast({{ local_time('flows.started_at', 'streams.time_zone') }} as date) as started_date,
        cast({{ local_time('spans.entered_at', 'streams.time_zone') }} as date) as entered_date,
        cast({{ local_time('spans.since_at', 'streams.time_zone') }} as date) as since_date,
        cast({{ local_time('spans.until_at', 'streams.time_zone') }} as date) as until_date

    from spans

    inner join work_items as versions
        on spans.work_item_version_key = versions.work_item_version_key

    inner join current_items as children
        on spans.work_item_key = children.work_item_key

    inner join current_items as parents
        on spans.parent_work_item_key = parents.work_item_key

    inner join {{ ref('fct_work_item_flows') }} as flows
        on spans.work_item_key = flows.work_item_key

    inner join {{ ref('dim_value_streams') }} as streams
        on versions.value_stream_key = streams.value_stream_key

)

select * from final
