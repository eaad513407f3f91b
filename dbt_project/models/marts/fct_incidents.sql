with

incidents as (

    select * from {{ ref('int_incidents_described') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

state_changes as (

    select * from {{ ref('int_servicenow_state_changes') }}
    where history_source = 'audit'

),

-- Which update of the record a change of its stage was part of, and who made it.
moves as (

    select
        stage_transitions.work_item_key,
        stage_transitions.to_stage,
        stages.flow_state,
        status_transitions.is_synthetic,
        status_transitions.actor_type,
        state_changes.order_no as update_no,
        stage_transitions.transition_seq,
        stage_transitions.changed_at

    from {{ ref('fct_stage_transitions') }} as stage_transitions

    inner join incidents
        on stage_transitions.work_item_key = incidents.work_item_key

    inner join stages
        on stage_transitions.workflow || ':' || stage_transitions.to_stage = stages.stage_key

    inner join {{ ref('fct_status_transitions') }} as status_transitions
        on
            stage_transitions.work_item_key = status_transitions.work_item_key
            and stage_transitions.changed_at = status_transitions.changed_at
            and stage_transitions.to_status = status_transitions.to_status

    left join state_changes
        on
            status_transitions.source_event_id
            = 'servicenow:' || state_changes.source_event_id

),

ends as (

    select
        work_item_key,
        changed_at,
        update_no

    from (
        select
            *,
            row_number() over (
                partition by work_item_key
                order by transition_seq
            ) as row_num

        from moves

        where flow_state in ('done', 'cancelled')
    ) as placed

    where row_num = 1

),

work as (

    select
        work_item_key,
        update_no,
        changed_at

    from {{ ref('int_servicenow_work') }}

    union all

    -- A status that nobody has mapped says nothing of work.
    select
        work_item_key,
        update_no,
        changed_at

    from moves

    where
        flow_state in ('active', 'wait')
        and to_stage <> 'unmapped'
        and not is_synthetic
        and actor_type <> 'bot'

),

-- What the resolving update itself brings (a name, a group) shows no more than the resolution.
acknowledgements as (

    select
        work.work_item_key,
        min(greatest(work.changed_at, incidents.opened_at)) as acknowledged_at

    from work

    inner join incidents
        on work.work_item_key = incidents.work_item_key

    left join ends
        on work.work_item_key = ends.work_item_key

    where
        ends.work_item_key is null
        or work.changed_at < ends.changed_at
        or (work.changed_at = ends.changed_at and work.update_no < ends.update_no)

    group by 1

),

final as (

    select
        incidents.work_item_key,
        work_items.work_item_version_key,
        work_items.service_key,
        incidents.severity,
        incidents.priority,
        incidents.reassignment_count,
        incidents.source_reassignment_count,
        cast(
            case
                when incidents.has_state_history then flows.reopen_count
                -- Nobody recorded its states: seen is at most a part.
                when incidents.source_reopen_count is not null
                    then greatest(incidents.source_reopen_count, flows.reopen_count)
                else nullif(flows.reopen_count, 0)
            end as bigint
        ) as reopen_count,
        cast(incidents.source_reopen_count as bigint) as source_reopen_count,
        cast(
            {{ seconds_between('incidents.opened_at', 'acknowledgements.acknowledged_at') }}
            as bigint
        ) as time_to_acknowledge_s,
        cast(
            case
                when incidents.has_known_start
                    then {{ seconds_between('incidents.opened_at', 'flows.last_done_at') }}
            end as bigint
        ) as time_to_resolve_s,
        incidents.made_sla,
        incidents.opened_at,
        acknowledgements.acknowledged_at,
        flows.last_done_at as resolved_at,
        case when incidents.closed_at <= {{ as_of() }} then incidents.closed_at end as closed_at,
        case when not incidents.made_sla then incidents.judged_at end as sla_missed_at

    from incidents

    inner join work_items
        on incidents.work_item_key = work_items.work_item_key

    inner join flows
        on incidents.work_item_key = flows.work_item_key

    left join acknowledgements
        on incidents.work_item_key = acknowledgements.work_item_key

)

select * from final
