with

choices as (

    select * from {{ ref('stg_servicenow__choices') }}
    where field in ('state', 'incident_state') and coalesce(language, 'en') = 'en'

),

-- A table inherits the labels of `task` where it has none of its own.
ranked as (

    select
        records.table_name,
        choices.value,
        choices.label,
        row_number() over (
            partition by records.table_name, choices.value
            order by
                case when choices.table_name = records.table_name then 0 else 1 end,
                case when choices.field = 'state' then 0 else 1 end,
                choices.choice_id
        ) as place

    from (values ('incident'), ('change_request')) as records (table_name)

    inner join choices
        on
            choices.table_name = records.table_name
            or choices.table_name = 'task'

    where choices.label is not null

),

final as (

    select
        table_name || ':' || value as state_label_key,
        table_name,
        value,
        label

    from ranked

    where place = 1

)

select * from final
