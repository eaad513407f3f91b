with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

labels as (

    select * from {{ ref('int_servicenow_state_labels') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where field in ('state', 'incident_state', 'problem_state', 'hold_reason')

),

spans as (

    select * from {{ ref('int_servicenow_metric_spans') }}

),

versions as (

    select * from {{ ref('stg_servicenow__record_versions') }}

),

-- Incidents mirror their state in `incident_state`; one of the fields tells the story.
audited_fields as (

    select
        work_item_key,
        max(field) as field

    from audits

    where field <> 'hold_reason'

    group by 1

),

-- Why somebody is on hold is a field of its own; of one update it is read first.
steps as (

    select
        audits.audit_id,
        audits.work_item_key,
        audits.class_name,
        audits.actor_key,
        audits.actor_type,
        coalesce(audits.update_no, 0) as order_no,
        nullif(audits.from_value, '') as from_value,
        nullif(audits.to_value, '') as to_value,
        audits.field = 'hold_reason' as is_reason,
        case when audits.field = 'hold_reason' then 0 else 1 end as is_state,
        audits.changed_at

    from audits

    inner join audited_fields
        on
            audits.work_item_key = audited_fields.work_item_key
            and (
                audits.field = audited_fields.field
                or audits.field = 'hold_reason'
            )

),

counted as (

    select
        *,
        sum(is_state) over in_order as state_no,
        sum(1 - is_state) over in_order as reason_no,
        sum(is_state) over (partition by work_item_key) as states,
        sum(is_state) over of_update as states_of_update,
        max(case when is_reason then from_value end) over of_update as reason_before_update,
        sum(1 - is_state) over of_update as reasons_of_update

    from steps

    window
        in_order as (
            partition by work_item_key
            order by changed_at, order_no, is_state, audit_id
            rows between unbounded preceding and current row
        ),
        of_update as (
            partition by work_item_key, changed_at, order_no
        )

),

carried as (

    select
        *,
        coalesce(
            max(case when not is_reason then to_value end) over (
                partition by work_item_key, state_no
            ),
            max(case when not is_reason and state_no = 1 then from_value end) over (
                partition by work_item_key
            )
        ) as state_then,
        case
            when reason_no > 0
                then
                    max(case when is_reason then to_value end) over (
                        partition by work_item_key, reason_no
                    )
            else
                max(case when is_reason and reason_no = 1 then from_value end) over (
                    partition by work_item_key
                )
        end as reason_then,
        max(reason_no) over (partition by work_item_key) as reasons

    from counted

),

held as (

    select
        carried.*,
        case when carried.is_reason then carried.state_then else carried.from_value end
            as from_state,
        case
            when carried.is_reason then carried.from_value
            when carried.reasons_of_update > 0 then carried.reason_before_update
            else carried.reason_then
        end as from_reason,
        case when carried.is_reason then carried.state_then else carried.to_value end as to_state,
        case
            when carried.is_reason then carried.to_value
            -- What never changed is what it is.
            when carried.reasons = 0 and carried.state_no = carried.states then tasks.hold_reason
            else carried.reason_then
        end as to_reason

    from carried

    inner join tasks
        on carried.work_item_key = tasks.work_item_key

    where not carried.is_reason or carried.states_of_update = 0

),

state_changes as (

    select
        held.audit_id as source_event_id,
        held.work_item_key,
        'audit' as history_source,
        coalesce(old_holds.label, old_labels.label, held.from_state, 'unknown') as from_status,
        coalesce(new_holds.label, new_labels.label, held.to_state, 'unknown') as to_status,
        new_labels.label is null
        and {{ safe_cast_text('held.to_state', 'bigint') }} is not null as is_unlabelled,
        held.actor_key,
        held.actor_type,
        held.order_no,
        cast(1 as bigint) as precision_s,
        false as is_gap,
        held.is_reason,
        held.changed_at

    from held

    left join labels as old_labels
        on held.from_state = old_labels.value and held.class_name = old_labels.class_name

    left join labels as old_holds
        on
            held.from_state || '/' || held.from_reason = old_holds.value
            and held.class_name = old_holds.class_name

    left join labels as new_labels
        on held.to_state = new_labels.value and held.class_name = new_labels.class_name

    left join labels as new_holds
        on
            held.to_state || '/' || held.to_reason = new_holds.value
            and held.class_name = new_holds.class_name

),

audited as (

    select
        source_event_id,
        work_item_key,
        history_source,
        from_status,
        to_status,
        is_unlabelled,
        actor_key,
        actor_type,
        order_no,
        precision_s,
        is_gap,
        changed_at

    from state_changes

    where not is_reason or from_status <> to_status

),

-- Where the audit says nothing, the spans of a metric on the state stand in.
measured as (

    select
        spans.metric_instance_id as source_event_id,
        spans.work_item_key,
        'metric' as history_source,
        spans.previous_value as from_status,
        spans.value as to_status,
        false as is_unlabelled,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        spans.span_no as order_no,
        cast(1 as bigint) as precision_s,
        spans.is_disjoint as is_gap,
        spans.started_at as changed_at

    from spans

    where
        spans.previous_value is not null
        and not exists (
            select 1 from audited_fields
            where audited_fields.work_item_key = spans.work_item_key
        )

),

-- And where there is no metric either, what loads saw: a change lies between two versions. It is
-- that of the later one, exactly so if the record was updated only once in between.
seen as (

    select
        versions.record_version_id,
        versions.work_item_key,
        versions.state,
        versions.updated_at,
        versions.update_count,
        lag(versions.state) over in_order as previous_state,
        lag(versions.updated_at) over in_order as previous_updated_at,
        versions.update_count - lag(versions.update_count) over in_order as updates

    from versions

    where
        versions.state is not null
        and versions.updated_at is not null
        and not exists (
            select 1 from audited_fields
            where audited_fields.work_item_key = versions.work_item_key
        )
        and not exists (
            select 1 from spans
            where spans.work_item_key = versions.work_item_key
        )

    window in_order as (
        partition by versions.work_item_key
        order by versions.update_count, versions.updated_at
    )

),

snapshots as (

    select
        seen.record_version_id as source_event_id,
        seen.work_item_key,
        'snapshot' as history_source,
        coalesce(old_labels.label, seen.previous_state) as from_status,
        coalesce(new_labels.label, seen.state) as to_status,
        new_labels.label is null
        and {{ safe_cast_text('seen.state', 'bigint') }} is not null as is_unlabelled,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        coalesce(seen.update_count, 0) as order_no,
        cast(
            case
                when seen.updates = 1 then 1
                else {{ seconds_between('seen.previous_updated_at', 'seen.updated_at') }}
            end as bigint
        ) as precision_s,
        coalesce(seen.updates, 2) > 1 as is_gap,
        seen.updated_at as changed_at

    from seen

    inner join tasks
        on seen.work_item_key = tasks.work_item_key

    left join labels as old_labels
        on seen.previous_state = old_labels.value and tasks.class_name = old_labels.class_name

    left join labels as new_labels
        on seen.state = new_labels.value and tasks.class_name = new_labels.class_name

    where seen.previous_state <> seen.state

),

final as (

    select * from audited
    union all
    select * from measured
    union all
    select * from snapshots

)

select * from final
