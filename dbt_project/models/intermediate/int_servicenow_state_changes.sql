with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

labels as (

    select * from {{ ref('int_servicenow_state_labels') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where field in ('state', 'incident_state', 'problem_state')

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

    group by 1

),

audited as (

    select
        audits.audit_id as source_event_id,
        audits.work_item_key,
        'audit' as history_source,
        coalesce(old_labels.label, nullif(audits.from_value, ''), 'unknown') as from_status,
        coalesce(new_labels.label, nullif(audits.to_value, ''), 'unknown') as to_status,
        new_labels.label is null
        and {{ safe_cast_text('audits.to_value', 'bigint') }} is not null as is_unlabelled,
        audits.actor_key,
        audits.actor_type,
        coalesce(audits.update_no, 0) as order_no,
        cast(1 as bigint) as precision_s,
        false as is_gap,
        audits.changed_at

    from audits

    inner join audited_fields
        on
            audits.work_item_key = audited_fields.work_item_key
            and audits.field = audited_fields.field

    left join labels as old_labels
        on audits.from_value = old_labels.value and audits.class_name = old_labels.class_name

    left join labels as new_labels
        on audits.to_value = new_labels.value and audits.class_name = new_labels.class_name

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
