-- Invariants hold it against fct_stage_transitions and what is made of that: it shares nothing
-- with them but what statuses and resolutions mean.
with

mapping as (

    select * from {{ ref('int_status_stages') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

dated_statuses as (

    select distinct
        source_system,
        workflow,
        scope,
        status

    from mapping

    where valid_from is not null or valid_to is not null

),

-- Spans of resolutions that say that nothing was done.
endings as (

    select
        spans.work_item_key,
        coalesce(spans.valid_from, timestamp '0001-01-01') as starts_at,
        coalesce(spans.valid_to, timestamp '9999-12-31') as ends_at

    from {{ ref('int_jira_resolutions') }} as spans

    where spans.outcome = 'cancelled'

),

-- Local time is dear: it is asked for where the mapping of a status is dated.
statuses as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.changed_at,
        coalesce(
            lead(transitions.changed_at) over (
                partition by transitions.work_item_key
                order by transitions.transition_seq
            ),
            timestamp '9999-12-31'
        ) as left_at,
        transitions.source_event_id = transitions.work_item_key || ':deleted' as is_deletion,
        current_items.source_system,
        current_items.workflow,
        versions.scope,
        {{ known_as('transitions.to_status') }} as status,
        case
            when dated_statuses.status is not null or dated_of_scope.status is not null
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
            and dated_statuses.scope = '*'
            and {{ known_as('transitions.to_status') }} = dated_statuses.status

    left join dated_statuses as dated_of_scope
        on
            current_items.source_system = dated_of_scope.source_system
            and current_items.workflow = dated_of_scope.workflow
            and versions.scope = dated_of_scope.scope
            and {{ known_as('transitions.to_status') }} = dated_of_scope.status

),

named as (

    select
        statuses.*,
        case
            when statuses.is_deletion then 'deleted'
            when known.flow_state = 'done' and endings.work_item_key is not null
                then coalesce(given_up.stage, known.stage)
            else coalesce(known.stage, 'unmapped')
        end as stage_name

    from statuses

    left join mapping
        on
            statuses.source_system = mapping.source_system
            and statuses.workflow = mapping.workflow
            and mapping.scope = '*'
            and statuses.status = mapping.status
            and statuses.changed_date >= coalesce(mapping.valid_from, date '0001-01-01')
            and statuses.changed_date < coalesce(mapping.valid_to, date '9999-12-31')

    left join mapping as of_scope
        on
            statuses.source_system = of_scope.source_system
            and statuses.workflow = of_scope.workflow
            and statuses.scope = of_scope.scope
            and statuses.status = of_scope.status
            and statuses.changed_date >= coalesce(of_scope.valid_from, date '0001-01-01')
            and statuses.changed_date < coalesce(of_scope.valid_to, date '9999-12-31')

    left join stages as known
        on
            statuses.workflow = known.workflow
            and coalesce(of_scope.stage, mapping.stage) = known.stage

    left join endings
        on
            statuses.work_item_key = endings.work_item_key
            and statuses.left_at > endings.starts_at
            and statuses.left_at <= endings.ends_at

    left join (
        select
            workflow,
            min(stage) as stage
        from stages
        where flow_state = 'cancelled' and stage <> 'deleted'
        group by 1
    ) as given_up
        on statuses.workflow = given_up.workflow

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
