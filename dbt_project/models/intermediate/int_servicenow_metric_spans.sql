with

instances as (

    select * from {{ ref('stg_servicenow__metric_instances') }}
    where started_at is not null

),

definitions as (

    select * from {{ ref('stg_servicenow__metric_definitions') }}
    where field in ('state', 'incident_state', 'problem_state')

),

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

-- Where several metrics follow the state of a record, one of them tells the story.
placed as (

    select
        instances.metric_instance_id,
        tasks.work_item_key,
        definitions.definition_id,
        coalesce(instances.value, instances.field_value, 'unknown') as value,
        instances.started_at,
        instances.ended_at,
        dense_rank() over (
            partition by tasks.work_item_key
            order by definitions.field desc, definitions.definition_id
        ) as definition_place

    from instances

    inner join definitions
        on instances.definition_id = definitions.definition_id

    inner join tasks
        on instances.document_id = tasks.sys_id

),

final as (

    select
        metric_instance_id,
        work_item_key,
        value,
        lag(value) over in_order as previous_value,
        row_number() over in_order as span_no,
        started_at,
        -- Spans are calculated one by one, later: after quick changes they overlap or leave gaps.
        coalesce(lag(ended_at) over in_order <> started_at, false) as is_disjoint

    from placed

    where definition_place = 1

    window in_order as (
        partition by work_item_key
        order by started_at, metric_instance_id
    )

)

select * from final
