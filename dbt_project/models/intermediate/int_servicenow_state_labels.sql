with

choices as (

    select * from {{ ref('stg_servicenow__choices') }}
    where
        field in ('state', 'incident_state', 'problem_state', 'hold_reason')
        and label is not null

),

-- English is what the defaults map; where it is missing, the language that labels the most.
languages as (

    select
        coalesce(language, 'en') as language,
        row_number() over (
            order by
                case when coalesce(language, 'en') = 'en' then 0 else 1 end,
                count(*) desc,
                coalesce(language, 'en')
        ) as language_no

    from choices

    group by 1

),

stages as (

    select * from {{ own_first('status_stages') }} as status_stages
    where source_system = 'servicenow' and workflow = 'incident'

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
        case when choices.field = 'hold_reason' then 'hold_reason' else 'state' end as kind,
        choices.value,
        choices.label,
        row_number() over (
            partition by
                classes.class_name,
                choices.value,
                case when choices.field = 'hold_reason' then 1 else 0 end
            order by
                case
                    when choices.table_name = classes.class_name then 0
                    when choices.table_name = classes.table_name then 1
                    else 2
                end,
                languages.language_no,
                case when choices.field = 'state' then 0 else 1 end,
                choices.choice_id
        ) as row_num

    from classes

    inner join choices
        on
            choices.table_name = classes.class_name
            or choices.table_name = classes.table_name
            or choices.table_name = 'task'

    inner join languages
        on coalesce(choices.language, 'en') = languages.language

),

labels as (

    select * from ranked
    where row_num = 1

),

-- Who is on hold for a reason that has a stage of its own is there.
holds as (

    select
        states.class_name,
        states.value || '/' || reasons.value as value,
        reasons.label

    from labels as states

    inner join labels as reasons
        on states.class_name = reasons.class_name and reasons.kind = 'hold_reason'

    where
        states.kind = 'state'
        and (states.value = '3' or lower(states.label) = 'on hold')
        and exists (
            select 1 from stages
            where stages.status = lower(trim(reasons.label))
        )

),

unioned as (

    select
        class_name,
        value,
        label
    from labels
    where kind = 'state'
    union all
    select
        class_name,
        value,
        label
    from holds

),

final as (

    select
        class_name || ':' || value as state_label_key,
        class_name,
        value,
        label

    from unioned

)

select * from final
