-- Invariants hold it against fct_stage_transitions and what is made of that: it shares nothing
-- with them but the seeds.
with

mapping as (

    select * from {{ ref('status_stages') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

dated_statuses as (

    select distinct
        source_system,
        workflow,
        status

    from mapping

    where valid_from is not null or valid_to is not null

),

-- Local time is dear: it is asked for where the mapping of a status is dated.
statuses as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.changed_at,
        transitions.source_event_id = transitions.work_item_key || ':deleted' as is_deletion,
        current_items.source_system,
        current_items.workflow,
        lower(transitions.to_status) as status,
        case
            when dated_statuses.status is not null
                then cast({{
                    local_time('transitions.changed_at', 'value_streams.time_zone')
                }} as date)
            else cast(transitions.changed_at as date)
        end as changed_date

    from {{ ref('fct_status_transitions') }} as transitions

    inner join {{ ref('dim_work_items') }} as current_items
        on transitions.work_item_key = current_items.work_item_key and current_items.is_current

    inner join {{ ref('dim_work_items') }} as versions
        on transitions.work_item_version_key = versions.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on versions.value_stream_key = value_streams.value_stream_key

    left join dated_statuses
        on
            current_items.source_system = dated_statuses.source_system
            and current_items.workflow = dated_statuses.workflow
            and lower(transitions.to_status) = dated_statuses.status

),

named as (

    select
        statuses.*,
        case
            when statuses.is_deletion then 'deleted'
            else coalesce(known.stage, 'unmapped')
        end as stage_name

    from statuses

    left join mapping
        on
            statuses.source_system = mapping.source_system
            and statuses.workflow = mapping.workflow
            and statuses.status = mapping.status
            and statuses.changed_date >= coalesce(mapping.valid_from, date '0001-01-01')
            and statuses.changed_date < coalesce(mapping.valid_to, date '9999-12-31')

    left join stages as known
        on
            mapping.workflow = known.workflow
            and mapping.stage = known.stage

),

final as (

    select
        named.work_item_key,
        named.transition_seq,
        named.changed_at,
        named.workflow,
        stages.stage_key,
        stages.stage,
        stages.flow_state

    from named

    inner join stages
        on
            named.workflow = stages.workflow
            and named.stage_name = stages.stage

)

select * from final
