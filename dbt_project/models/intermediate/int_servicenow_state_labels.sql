with

choices as (

    select * from {{ ref('stg_servicenow__choices') }}
    where
        field in ('state', 'incident_state', 'problem_state')
        and coalesce(language, 'en') = 'en'
        and label is not null

),

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}

),

-- A record may have had another class than today.
classes as (

    select
        class_name,
        table_name

    from tasks

    union

    select
        audits.class_name,
        tasks.table_name

    from audits

    inner join tasks
        on audits.work_item_key = tasks.work_item_key

    where audits.class_name is not null

),

-- A class inherits the labels of its table, and those of `task`, where it has none of its own.
ranked as (

    select
        classes.class_name,
        choices.value,
        choices.label,
        row_number() over (
            partition by classes.class_name, choices.value
            order by
                case
                    when choices.table_name = classes.class_name then 0
                    when choices.table_name = classes.table_name then 1
                    else 2
                end,
                case when choices.field = 'state' then 0 else 1 end,
                choices.choice_id
        ) as place

    from classes

    inner join choices
        on
            choices.table_name = classes.class_name
            or choices.table_name = classes.table_name
            or choices.table_name = 'task'

),

final as (

    select
        class_name || ':' || value as state_label_key,
        class_name,
        value,
        label

    from ranked

    where place = 1

)

select * from final
