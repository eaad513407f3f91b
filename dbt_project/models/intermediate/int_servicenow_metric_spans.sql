with

instances as (

    select * from {{ ref('stg_servicenow__metric_instances') }}

),

definitions as (

    select * from {{ ref('stg_servicenow__metric_definitions') }}
    where
        table_name in ('incident', 'change_request')
        and field in ('state', 'incident_state')

),

spans as (

    select
        instances.metric_instance_id,
        'servicenow:' || definitions.table_name || ':' || instances.document_id as work_item_key,
        coalesce(instances.value, instances.field_value, 'unknown') as value,
        instances.started_at,
        row_number() over (
            partition by definitions.table_name, instances.document_id, definitions.definition_id
            order by instances.started_at, instances.metric_instance_id
        ) as span_no,
        lag(coalesce(instances.value, instances.field_value, 'unknown')) over (
            partition by definitions.table_name, instances.document_id, definitions.definition_id
            order by instances.started_at, instances.metric_instance_id
        ) as previous_value,
        dense_rank() over (
            partition by definitions.table_name, instances.document_id
            order by definitions.field desc, definitions.definition_id
        ) as definition_place

    from instances

    inner join definitions
        on instances.definition_id = definitions.definition_id

    where instances.started_at is not null

),

final as (

    select
        metric_instance_id,
        work_item_key,
        value,
        previous_value,
        span_no,
        started_at

    from spans

    where definition_place = 1

)

select * from final
